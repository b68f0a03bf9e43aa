//! A channel that breaks: what breaks it, who is called, how it shows, and what mends it.

use super::pages::seated;
use super::steps::{hours, seconds, text};
use crate::support::ground::{contact, rules};
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::Answer;
use kairan::actions::add_contact::add_contact;
use kairan::actions::set_endpoint::{EndpointInput, add_endpoint};
use kairan::domain::id::Uid;
use kairan::storage::{bank, delivery};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

async fn second_level(hub: &TestHub, bank: &Bank) {
    let (id, input) = (bank.id, contact(&bank.code, 2));
    hub.act(move |tx| add_contact(tx, id, &input)).await;
}

/// To whom a notice is owed by mail, by ladder level.
async fn mailed_levels(hub: &TestHub, notice: &str) -> Vec<i64> {
    let notice = notice.parse().expect("an id");
    hub.act(move |tx| {
        let mut levels = Vec::new();
        for row in delivery::of_notice(tx, notice)? {
            levels.extend(bank::contact(tx, row.target_id)?.map(|contact| contact.level));
        }
        Ok(levels)
    })
    .await
}

async fn kinds(hub: &TestHub, reader: &Person) -> Vec<String> {
    let tasks = hub.tasks(reader).await;
    tasks
        .iter()
        .map(|task| text(task, "kind").to_owned())
        .collect()
}

/// The webhook of a bank with one endpoint, as its own machine reads it.
async fn webhook(hub: &TestHub, bank: &Bank) -> Value {
    let known = hub
        .get("/api/v1/own/channels", &bank.key)
        .await
        .expect(200)
        .json();
    assert_eq!(known["channels"][0]["channel"], "webhook");
    known["channels"][0].clone()
}

fn standing(channel: &Value) -> (&str, u64) {
    (
        text(channel, "state"),
        channel["failures"].as_u64().expect("a count"),
    )
}

/// What this bank's endpoint answers breaks the channel at once, and its mend ends that.
async fn breaks_at_once(hub: &TestHub, answer: Answer, outcome: &str) {
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    second_level(hub, &bank).await;
    bank.receiver.answer(answer);
    hub.file(&officer).await;
    hub.deliver_due().await;
    assert_eq!(hub.outcomes(&officer).await, [outcome]);
    assert_eq!(kinds(hub, &officer).await, ["channel_broken"]);
    let newest = hub.newest(&bank).await;
    assert_eq!(mailed_levels(hub, text(&newest, "notice")).await, [1, 2]);
    let alerts = hub.texts("SELECT kind AS text FROM message WHERE kind = 'operator.alert'");
    assert_eq!(alerts.len(), 1, "the officer is told once");
    assert_eq!(standing(&webhook(hub, &bank).await), ("broken", 1));
    hub.advance(seconds(10));
    bank.receiver.answer(Answer::Status(204));
    assert_eq!(hub.deliver_due().await, 1, "tried again");
    assert!(
        kinds(hub, &officer).await.is_empty(),
        "a success closes the task"
    );
    assert_eq!(standing(&webhook(hub, &bank).await), ("working", 0));
}

/// An https address where something answers that knows no TLS.
fn without_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut hello = [0; 4_096];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    format!("https://{address}/hook")
}

/// Repeats the waiting webhook of a bank so many times, all due before it.
fn backlog(is_postgres: bool, bank: Uid, times: i64) -> String {
    let bytes = bank.to_string().replace('-', "");
    let (id, bank, due) = if is_postgres {
        (
            "gen_random_uuid()",
            format!("'{bank}'"),
            "due_at - interval '1 second'",
        )
    } else {
        ("randomblob(16)", format!("x'{bytes}'"), "due_at - 1000000")
    };
    format!(
        "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {times})
         INSERT INTO delivery (id, message_id, notice_id, bank_id, channel, target_id, state, attempts, failures, due_at,
            unsealed, created_at, fanout_id)
         SELECT {id}, message_id, notice_id, bank_id, channel, target_id, state, attempts, failures, {due}, unsealed,
            created_at, fanout_id FROM s CROSS JOIN delivery WHERE state = 'waiting' AND bank_id = {bank}"
    )
}

journeys! {
    async fn an_endpoint_that_was_not_found_breaks_the_channel(hub) {
        breaks_at_once(&hub, Answer::Status(404), "status").await;
    }

    async fn an_endpoint_that_is_gone_breaks_the_channel(hub) {
        breaks_at_once(&hub, Answer::Status(410), "status").await;
    }

    async fn an_endpoint_without_tls_breaks_the_channel(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let (url, id) = (without_tls(), bank.id);
        let rules = Arc::new(rules());
        hub.act(move |tx| add_endpoint(tx, &rules, id, &EndpointInput { url: url.clone(), ed25519: false })).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let outcomes = hub.outcomes(&officer).await;
        assert!(outcomes.contains(&"tls".into()) && outcomes.contains(&"accepted".into()), "{outcomes:?}");
        assert_eq!(kinds(&hub, &officer).await, ["channel_broken"], "the other endpoint's success mends nothing here");
    }

    async fn ten_notices_that_fail_in_a_row_break_the_channel_and_the_next_goes_to_the_ladder_at_once(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        second_level(&hub, &bank).await;
        bank.receiver.answer(Answer::Status(500));
        for _ in 0..9 { hub.file(&officer).await; }
        assert_eq!(hub.deliver_due().await, 9);
        assert!(hub.tasks(&officer).await.is_empty());
        assert_eq!(standing(&webhook(&hub, &bank).await), ("failing", 9));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        assert_eq!(kinds(&hub, &officer).await, ["channel_broken"]);
        let newest = hub.newest(&bank).await;
        assert_eq!(mailed_levels(&hub, text(&newest, "notice")).await, [1, 2]);
        assert_eq!(hub.cell(&officer, text(&newest, "incident"), "B001").await["endpoint_down"], false, "it failed once");
        // A first try that succeeds mends the channel, though the ten still wait for theirs.
        bank.receiver.answer(Answer::Status(204));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        assert!(hub.tasks(&officer).await.is_empty());
        hub.advance(seconds(10));
        assert_eq!(hub.deliver_due().await, 10, "and they go on");
    }

    async fn nine_failures_with_a_success_between_break_nothing(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let failing = || std::iter::repeat_n(Answer::Status(500), 9);
        for _ in 0..2 {
            bank.receiver.answer_next(failing());
            for _ in 0..9 { hub.file(&officer).await; }
            assert_eq!(hub.deliver_due().await, 9);
            hub.file(&officer).await;
            assert_eq!(hub.deliver_due().await, 1);
            assert!(hub.tasks(&officer).await.is_empty());
        }
    }

    async fn how_an_address_does_shows_to_the_operator_and_to_its_own_bank(hub) {
        let (officer, admin, bank) = (hub.officer().await, hub.administrator().await, hub.bank("B001").await);
        let other = hub.bank("B002").await;
        let entered = webhook(&hub, &bank).await;
        assert_eq!(standing(&entered), ("working", 0), "it has answered its challenge");
        assert!(text(&entered, "proven_since") >= text(&entered, "last_success_at"));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let working = webhook(&hub, &bank).await;
        assert_eq!((standing(&working), &working["next_try_at"]), (("working", 0), &Value::Null));
        bank.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(10));
        hub.deliver_due().await;
        let failing = webhook(&hub, &bank).await;
        assert_eq!((standing(&failing), &failing["last_success_at"]), (("failing", 2), &working["last_success_at"]));
        assert!(text(&failing, "next_try_at") > text(&failing, "failing_since"));
        let all = hub.get("/api/v1/channels", &admin.key).await.expect(200).json();
        assert_eq!((&all["banks"][0]["bank"], &all["banks"][0]["channels"][0]), (&json!("B001"), &failing));
        assert_eq!(all["banks"][1]["channels"][0]["state"], "working");
        assert_eq!(standing(&webhook(&hub, &other).await), ("working", 0), "it sees itself alone");
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        assert!(home.contains("Addresses that fail") && home.contains("2 failures in a row"));
        for (person, path) in [(&admin, "/register/B001"), (&hub.head_of(&bank).await, "/own")] {
            let page = seated(&hub, person).await.page(&hub, path).await;
            assert!(page.contains("Failures in a row") && page.contains(&bank.receiver.url("/hook")), "{path}");
            assert!(page.contains("channel-state-failing") || page.contains("Failing"), "{path}");
        }
    }

    async fn a_task_that_was_opened_while_its_endpoint_ended_is_nobodys(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Status(410));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let tasks = async |hub: &TestHub| hub.get("/api/v1/tasks", &officer.key).await.expect(200).json()["tasks"].as_array().expect("a list").len();
        assert_eq!(tasks(&hub).await, 1);
        hub.tamper("INSERT INTO endpoint_end (endpoint_id, replaced_by, recorded_at) SELECT id, NULL, recorded_at FROM endpoint");
        assert_eq!(tasks(&hub).await, 0);
    }

    async fn a_backlog_of_one_bank_hides_no_failing_address_of_another(hub) {
        let (officer, many, one) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        for bank in [&many, &one] { bank.receiver.answer(Answer::Status(500)); }
        hub.file(&officer).await;
        hub.deliver_due().await;
        let before = webhook(&hub, &one).await;
        hub.tamper(&backlog(hub.postgres.is_some(), many.id, 6_000));
        let all = hub.get("/api/v1/channels", &officer.key).await.expect(200).json();
        assert_eq!(all["banks"][1]["channels"][0], before);
        assert_ne!(all["banks"][0]["channels"][0]["next_try_at"], Value::Null);
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        let failing = home.split("Addresses that fail").nth(1).expect("the list");
        assert!(failing.contains("B001") && failing.contains("B002"), "{failing}");
    }

    async fn an_officer_sends_one_bank_its_notice_once_more_unchanged(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        let page = format!("/incidents/{}", text(&filed, "reference"));
        let browser = seated(&hub, &officer).await;
        assert!(browser.page(&hub, &page).await.contains("Send a bank its notice once more"));
        browser.post(&hub, &format!("{page}/resends"), &[("bank", "B001")]).await.expect(303);
        assert_eq!(hub.deliver_due().await, 1);
        let hits = bank.receiver.hits();
        let revised = hits.iter().find(|hit| hit.json()["data"]["notice"]["revision"] == "2").expect("told of it");
        let again = hits.last().expect("a third");
        assert_eq!((hits.len(), other.receiver.hits().len()), (3, 2));
        assert_eq!((again.header("webhook-id"), &again.body), (revised.header("webhook-id"), &revised.body));
        let path = format!("/api/v1{page}/resends");
        let sent = hub.post(&path, &officer.key, &json!({ "bank": "B001" })).await.expect(202).json();
        assert_eq!(sent["deliveries"], 2, "the endpoint, and the contact whose mail waits");
        let unknown = hub.post(&path, &officer.key, &json!({ "bank": "B999" })).await.expect(422).json();
        assert_eq!(unknown["faults"][0]["code"], "bank_unknown");
    }

    async fn banks_that_hang_drip_reset_and_err_delay_nobodys_first_attempt(hub, "[engine]\nin_flight = 20\n") {
        let officer = hub.officer().await;
        let mut bad = Vec::new();
        for (code, answer) in [("B001", Answer::Hang), ("B002", Answer::Drip), ("B003", Answer::Reset), ("B004", Answer::Status(500))] {
            let bank = hub.bank(code).await;
            bank.receiver.answer(answer);
            bad.push(bank);
        }
        let well = hub.bank("B005").await;
        for _ in 0..5 { hub.file(&officer).await; }
        // On a busy machine the first retry may be due before the last bank has hung its time.
        assert!(hub.deliver_due().await >= 25);
        well.receiver.forget();
        for one in &bad { one.receiver.forget(); }
        // Twenty retries are due, and four banks have a first attempt again as well.
        hub.advance(hours(1));
        hub.file(&officer).await;
        let (ended, told) = tokio::join!(hub.deliver_due(), well.receiver.arrived(1));
        assert!(ended >= 25, "{ended}");
        let begun = bad.iter().flat_map(|one| one.receiver.hits()).map(|hit| hit.instant).min().expect("tried again");
        assert!(told[0].instant < begun + Duration::from_millis(1_500), "told behind another bank's time limit");
        for one in &bad {
            let hits = one.receiver.hits();
            let numbers: Vec<Value> = hits.iter().take(4).map(|hit| hit.json()["data"]["notice"]["number"].clone()).collect();
            assert!(numbers.contains(&json!("6")), "the first attempt goes with the first of the retries: {numbers:?}");
        }
    }
}
