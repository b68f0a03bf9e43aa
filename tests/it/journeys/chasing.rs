//! The clocks: a bank that keeps silent is chased for good, an acknowledgement ends one chase and no other, and the
//! operator's own deadlines are told and explained. Nothing sleeps: the hub's clock is set by hand.

use super::pages::seated;
use super::steps::{filing_with, further, hours, seconds, text, unexplained};
use crate::support::ground::contact;
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::Answer;
use kairan::actions::add_contact::add_contact;
use kairan::actions::chase::chase;
use kairan::storage::{Lane, Tx};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn minutes(count: u64) -> Duration {
    seconds(count * 60)
}

/// The May 2019 case: B001 is affected and has half the time, an hour; B002 is neither exposed nor affected.
async fn filed(hub: &TestHub, officer: &Person) -> String {
    let filed = hub
        .file_this(
            officer,
            &filing_with(&json!({ "auth_exploited": ["ib_login_otp"] })),
        )
        .await;
    text(&filed, "reference").to_owned()
}

/// One that concerns no bank in particular: each has its two hours.
async fn quiet(hub: &TestHub, officer: &Person) -> String {
    let changes = json!({ "auth_exploited": ["ib_login_otp"], "affected_banks": "unknown" });
    let filed = hub.file_this(officer, &filing_with(&changes)).await;
    text(&filed, "reference").to_owned()
}

/// The steps of all chases, as taken: bank, number, kind, in the order of their entries.
fn steps(hub: &TestHub) -> Vec<(String, i64, String)> {
    let lines = hub.texts(
        "SELECT b.code || ' ' || s.n || ' ' || s.kind AS text FROM log_entry e
         JOIN notice n ON n.id = e.subject_id JOIN bank b ON b.id = n.bank_id JOIN chase_step s ON s.notice_id = n.id
         WHERE e.kind = 'notice.chased' AND s.n = (SELECT count(*) FROM log_entry o WHERE o.kind = e.kind
            AND o.subject_id = e.subject_id AND o.seq <= e.seq) ORDER BY e.seq",
    );
    let split = |line: &String| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words").to_owned();
        (word(), word().parse().expect("a number"), word())
    };
    lines.iter().map(split).collect()
}

fn of<'s>(steps: &'s [(String, i64, String)], bank: &str) -> Vec<(i64, &'s str)> {
    let own = steps.iter().filter(|(code, _, _)| code == bank);
    own.map(|(_, n, kind)| (*n, kind.as_str())).collect()
}

/// When the steps were due, in the order in which they were taken.
fn due_in_order(hub: &TestHub) -> Vec<String> {
    let at = if hub.postgres.is_some() {
        "to_char(s.due_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')"
    } else {
        "printf('%020d', s.due_at)"
    };
    hub.texts(&format!(
        "SELECT {at} AS text FROM log_entry e JOIN chase_step s ON s.notice_id = e.subject_id
         WHERE e.kind = 'notice.chased' AND s.n = (SELECT count(*) FROM log_entry o WHERE o.kind = e.kind
            AND o.subject_id = e.subject_id AND o.seq <= e.seq) ORDER BY e.seq"
    ))
}

/// How many messages of a kind there are; to the operator's people an alert is one each.
fn messages(hub: &TestHub, kind: &str) -> usize {
    hub.texts(&format!(
        "SELECT kind AS text FROM message WHERE kind = '{kind}'"
    ))
    .len()
}

/// What came to a bank's endpoint, by its type.
fn told(bank: &Bank) -> Vec<String> {
    let hits = bank.receiver.hits();
    hits.iter()
        .map(|hit| text(&hit.json(), "type").to_owned())
        .collect()
}

async fn chase_of(hub: &TestHub, reader: &Person, reference: &str, bank: &str) -> Value {
    let path = format!("/api/v1/incidents/{reference}/chases");
    let list = hub.get(&path, &reader.key).await.expect(200).json();
    let mut all = list["chases"].as_array().expect("chases").iter();
    all.find(|one| one["bank"] == bank)
        .expect("a chase")
        .clone()
}

async fn calls(hub: &TestHub, reader: &Person) -> Vec<Value> {
    let mut tasks = hub.tasks(reader).await;
    tasks.retain(|task| task["kind"] == "phone");
    tasks
}

/// What an officer writes down of a call to a bank.
pub async fn told_by_phone(hub: &TestHub, officer: &Person, bank: &str, number: &str) -> Value {
    let path = format!("/api/v1/banks/{bank}/contacts");
    let known = hub.get(&path, &officer.key).await.expect(200).json();
    json!({ "channel": "phone", "contact": known["contacts"][0]["id"], "person": "田中 実", "role": "当直",
        "told_at": hub.clock.now().to_string(), "read_back": number, "note": "折り返し確認" })
}

async fn complete(
    hub: &TestHub,
    officer: &Person,
    task: &Value,
    filing: &Value,
) -> crate::support::hub::Reply {
    let path = format!("/api/v1/tasks/{}/completion", text(task, "id"));
    hub.post(&path, &officer.key, filing).await
}

async fn act_on(hub: &TestHub, officer: &Person, task: &Value, act: &str) -> StatusCode {
    let path = format!("/api/v1/tasks/{}/{act}", text(task, "id"));
    hub.call(reqwest::Method::POST, &path, &officer.key, None)
        .await
        .status
}

/// A node that chases although another may have the duty.
async fn chase_without_asking(hub: &TestHub) {
    let rules = Arc::new(crate::support::ground::rules());
    loop {
        let rules = Arc::clone(&rules);
        let work = move |tx: &mut Tx<'_>| chase(tx, &rules);
        let done = hub.store.write(Lane::Back, work).await.expect("chased");
        if done.steps == 0 && !done.more {
            return;
        }
    }
}

journeys! {
    async fn thirty_days_of_silence_and_the_bank_is_still_chased_and_nothing_is_lost(hub) {
        let (officer, _, silent) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        silent.receiver.answer(Answer::Status(500));
        let reference = filed(&hub, &officer).await;
        for _ in 0..30 {
            hub.advance(hours(24));
            hub.chase_due().await;
            hub.deliver_due().await;
        }
        // Her key has run out meanwhile.
        let officer = hub.officer().await;
        let taken = steps(&hub);
        // Half an hour, an hour and the deadline after two; then every hour up to the 720th.
        let quiet = of(&taken, "B002");
        assert_eq!(quiet[..3], [(1, "reminder"), (2, "escalation"), (3, "deadline")]);
        assert!(quiet[3..].iter().all(|(_, kind)| *kind == "again"));
        assert_eq!((quiet.len(), quiet.last().map(|last| last.0)), (2 + 1 + 718, Some(721)));
        // With half the time, one hour more of it.
        assert_eq!(of(&taken, "B001").len(), 2 + 1 + 719);
        let chase = chase_of(&hub, &officer, &reference, "B002").await;
        assert_eq!((&chase["state"], &chase["taken"], &chase["next"]["n"], &chase["call"]), (&json!("overdue"), &json!(721), &json!(722), &json!("open")));
        assert_eq!(hub.cell(&officer, &reference, "B002").await["level"], "listed", "nothing closes by itself");
        silent.receiver.answer(Answer::Status(204));
        hub.advance(hours(2));
        hub.chase_due().await;
        hub.deliver_due().await;
        assert_eq!(hub.cell(&officer, &reference, "B002").await["level"], "delivered");
        assert!(told(&silent).contains(&"notice.reminder".to_owned()));
        assert_eq!(calls(&hub, &officer).await.len(), 2, "one call for each notice, however often it is chased");
    }

    async fn after_seventy_two_hours_of_downtime_every_overdue_step_is_taken_once_and_in_order(hub) {
        let officer = hub.officer().await;
        let (near, far) = (hub.bank("B001").await, hub.bank("B002").await);
        filed(&hub, &officer).await;
        hub.deliver_due().await;
        hub.advance(minutes(31));
        assert_eq!(hub.chase_due().await, 3, "a quarter and a half of an hour, and a quarter of two");
        hub.advance(hours(72));
        hub.restart().await;
        assert_eq!(hub.chase_due().await, 72 + 72 + 1, "and the operator's own clock is missed by then");
        assert_eq!(hub.chase_due().await, 0, "each once");
        let taken = steps(&hub);
        for (bank, last) in [("B001", 74), ("B002", 73)] {
            let numbers: Vec<i64> = of(&taken, bank).iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers, (1..=last).collect::<Vec<i64>>(), "{bank}");
        }
        let due = due_in_order(&hub);
        assert!(due.windows(2).all(|pair| pair[0] <= pair[1]), "out of order: {due:?}");
        hub.deliver_due().await;
        for bank in [&near, &far] {
            let reminders = told(bank).iter().filter(|kind| *kind == "notice.reminder").count();
            assert_eq!(reminders, 1, "{}: the newest takes the place of those that had not gone out", bank.code);
        }
    }

    async fn an_acknowledgement_ends_the_chase_of_its_bank_and_of_no_other(hub) {
        let officer = hub.officer().await;
        let (one, other) = (hub.bank("B001").await, hub.bank("B002").await);
        let reference = filed(&hub, &officer).await;
        hub.revise(&officer, &reference).await;
        hub.deliver_due().await;
        hub.advance(minutes(20));
        hub.chase_due().await;
        let (before, of_other) = (of(&steps(&hub), "B001").len(), of(&steps(&hub), "B002").len());
        assert!(before > 0 && of_other > 0);
        hub.stamp(&one).await.expect(200);
        hub.deliver_due().await;
        let came = one.receiver.hits().len();
        hub.advance(hours(5));
        hub.chase_due().await;
        hub.deliver_due().await;
        assert_eq!(of(&steps(&hub), "B001").len(), before, "the stamp ends it, and the earlier revision's too");
        assert!(of(&steps(&hub), "B002").len() > of_other + 4, "and nobody else's");
        assert_eq!(one.receiver.hits().len(), came, "nothing comes after the stamp");
        assert!(told(&other).contains(&"notice.reminder".to_owned()));
        let calls = calls(&hub, &officer).await;
        assert!(calls.iter().all(|call| call["bank"] == "B002") && !calls.is_empty());
        let chase = chase_of(&hub, &officer, &reference, "B001").await;
        assert_eq!((&chase["state"], chase.get("next")), (&json!("ended"), None));
    }

    async fn a_restart_at_any_time_loses_no_clock_and_two_nodes_take_each_step_once(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B002").await);
        quiet(&hub, &officer).await;
        for (wait, all) in [(31, 1), (30, 2), (60, 3), (60, 4), (61, 5)] {
            hub.advance(minutes(wait));
            hub.restart().await;
            hub.chase_due().await;
            assert_eq!(of(&steps(&hub), "B002").len(), all);
            hub.restart().await;
            hub.chase_due().await;
            assert_eq!(of(&steps(&hub), "B002").len(), all, "not again");
        }
        if hub.postgres.is_some() {
            let other = hub.second_node().await;
            hub.advance(hours(10));
            // Whoever has the duty: in the end all is done, and once.
            other.stop().await;
            hub.advance(seconds(11));
            hub.chase_due().await;
            let numbers: Vec<i64> = of(&steps(&hub), "B002").iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers, (1..=15).collect::<Vec<i64>>());
        }
    }

    async fn two_nodes_that_chase_at_the_same_moment_take_each_step_once(hub) {
        let officer = hub.officer().await;
        for code in ["B002", "B003", "B004"] { hub.bank(code).await; }
        quiet(&hub, &officer).await;
        hub.advance(hours(40));
        tokio::join!(chase_without_asking(&hub), chase_without_asking(&hub), chase_without_asking(&hub));
        for bank in ["B002", "B003", "B004"] {
            let numbers: Vec<i64> = of(&steps(&hub), bank).iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers, (1..=41).collect::<Vec<i64>>(), "{bank}");
        }
        assert_eq!(calls(&hub, &officer).await.len(), 3);
    }

    async fn each_step_reaches_the_contacts_of_its_level_and_the_webhook_too(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B002").await);
        let id = bank.id;
        hub.act(move |tx| add_contact(tx, id, &contact("B002", 2)).and_then(|_| add_contact(tx, id, &contact("B002", 3)))).await;
        quiet(&hub, &officer).await;
        let reached = |hub: &TestHub, n: i64| {
            let mut lines = hub.texts(&format!("SELECT d.channel || coalesce(' ' || c.level, '') AS text FROM chase_step s
                JOIN delivery d ON d.message_id = s.message_id LEFT JOIN contact c ON c.id = d.target_id WHERE s.n = {n}"));
            lines.sort();
            lines
        };
        hub.advance(hours(4));
        hub.chase_due().await;
        assert_eq!(reached(&hub, 1), ["email 1", "webhook"]);
        assert_eq!(reached(&hub, 2), ["email 1", "email 2", "webhook"]);
        for late in [3, 4, 5] {
            assert_eq!(reached(&hub, late), ["email 1", "email 2", "email 3", "webhook"]);
        }
        assert_eq!(calls(&hub, &officer).await.len(), 1);
    }

    async fn a_reminder_is_the_same_notice_again_and_may_be_confirmed(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let reference = filed(&hub, &officer).await;
        hub.deliver_due().await;
        hub.advance(minutes(16));
        hub.chase_due().await;
        hub.deliver_due().await;
        let hits = bank.receiver.hits();
        let (notice, reminder) = (hits[0].json(), hits[1].json());
        assert_eq!(reminder["type"], "notice.reminder");
        assert_eq!((&reminder["data"]["notice"], &reminder["data"]["digest"]), (&notice["data"]["notice"], &notice["data"]["digest"]));
        assert!(text(&reminder, "timestamp") > text(&notice, "timestamp"), "its own time");
        assert_ne!(hits[0].header("webhook-id"), hits[1].header("webhook-id"), "a message of its own");
        assert!(!reminder["data"]["log"].is_null(), "with the proof");
        let id = text(&reminder["data"]["notice"], "id");
        hub.stamp_as(&bank.key, id, &reminder["data"]["digest"]).await.expect(200);
        assert_eq!(hub.cell(&officer, &reference, "B001").await["level"], "acknowledged");
    }

    async fn a_bank_is_told_by_telephone_and_the_notice_stays_due(hub) {
        let (officer, second, bank) = (hub.officer().await, hub.officer().await, hub.bank("B002").await);
        bank.receiver.answer(Answer::Status(500));
        let reference = quiet(&hub, &officer).await;
        hub.advance(hours(2));
        hub.chase_due().await;
        assert_eq!((messages(&hub, "operator.alert") % 2, messages(&hub, "operator.alert") > 0), (0, true), "two officers, each of what there is");
        let call = calls(&hub, &officer).await.remove(0);
        assert_eq!((&call["bank"], &call["number"], &call["state"]), (&json!("B002"), &json!(1), &json!("open")));
        assert_eq!(act_on(&hub, &officer, &call, "claim").await, 204);
        assert_eq!(act_on(&hub, &officer, &call, "claim").await, 204, "she has it already");
        assert_eq!(act_on(&hub, &second, &call, "claim").await, 409);
        assert_eq!(act_on(&hub, &second, &call, "release").await, 409);
        assert_eq!(act_on(&hub, &officer, &call, "release").await, 204);
        assert_eq!(act_on(&hub, &second, &call, "claim").await, 204);
        let wrong = told_by_phone(&hub, &officer, "B002", "2").await;
        let refused = complete(&hub, &officer, &call, &wrong).await.expect(422).json();
        assert_eq!((&refused["faults"][0]["pointer"], &refused["faults"][0]["code"]), (&json!("/read_back"), &json!("read_back_wrong")));
        let mut elsewhere = told_by_phone(&hub, &officer, "B002", "1").await;
        elsewhere["contact"] = json!(bank.id.to_string());
        assert_eq!(complete(&hub, &officer, &call, &elsewhere).await.expect(422).json()["faults"][0]["code"], "contact_unknown");
        let filing = told_by_phone(&hub, &officer, "B002", "1").await;
        let asked = complete(&hub, &officer, &call, &filing).await.expect(202).json();
        assert!(calls(&hub, &officer).await.is_empty(), "the call is made");
        let cell = hub.cell(&officer, &reference, "B002").await;
        assert_eq!((&cell["level"], &cell["told_out_of_band"]), (&json!("listed"), &json!(false)), "not before a second person");
        let request = text(&asked, "request");
        assert_eq!(hub.decide(&officer, request, true).await.expect(409).code(), "same_person");
        hub.decide(&second, request, true).await.expect(200);
        let board = hub.board(&officer, &reference).await;
        assert_eq!((&board["delivered"], &board["acknowledged"], &board["told_out_of_band"]), (&json!(1), &json!(0), &json!(1)));
        let cell = hub.cell(&officer, &reference, "B002").await;
        assert_eq!((&cell["level"], &cell["told_out_of_band"]), (&json!("delivered"), &json!(true)), "two at most");
        hub.advance(hours(3));
        assert_eq!(hub.chase_due().await, 3, "the chase goes on");
        bank.receiver.answer(Answer::Status(204));
        hub.stamp(&bank).await.expect(200);
        assert_eq!(hub.cell(&officer, &reference, "B002").await["level"], "acknowledged");
        let auditor = hub.auditor().await;
        let list = hub.get(&format!("/api/v1/incidents/{reference}/out-of-band-contacts"), &auditor.key).await.expect(200).json();
        let contact = &list["contacts"][0];
        assert_eq!((&contact["state"], &contact["told"]["dialled"], &contact["told"]["person"]), (&json!("approved"), &json!("+81 3-0000-1000"), &json!("田中 実")));
        assert_eq!((&contact["caller"], &contact["approver"]), (&json!(officer.id.to_string()), &json!(second.id.to_string())));
    }

    async fn the_words_for_a_call_say_that_its_notice_was_taken_back_meanwhile(hub) {
        let officer = hub.officer().await;
        hub.bank("B002").await;
        let reference = quiet(&hub, &officer).await;
        hub.advance(hours(2));
        hub.chase_due().await;
        let call = calls(&hub, &officer).await.remove(0);
        let (desk, path) = (seated(&hub, &officer).await, format!("/incidents/{reference}/calls/{}", text(&call, "id")));
        assert!(!desk.page(&hub, &path).await.contains("has been withdrawn since"));
        hub.withdraw(&officer, &reference).await;
        let page = desk.page(&hub, &path).await;
        assert!(page.contains("Notice No. 1 has been withdrawn since, by notice No. 2."), "{page}");
    }

    async fn one_officer_calls_a_bank_and_nobody_calls_it_about_what_came_before(hub) {
        let (officer, second) = (hub.officer().await, hub.officer().await);
        for code in ["B002", "B003"] { hub.bank(code).await; }
        let reference = quiet(&hub, &officer).await;
        let path = format!("/api/v1/incidents/{reference}/revisions");
        let mut word = further();
        word["affected_banks"] = json!("unknown");
        for _ in 0..2 { hub.post(&path, &officer.key, &word).await.expect(201); }
        quiet(&hub, &officer).await;
        hub.advance(hours(2));
        hub.chase_due().await;
        let mut own = calls(&hub, &officer).await;
        own.retain(|call| call["bank"] == "B002" && call["incident"] == reference.as_str());
        own.sort_by_key(|call| call["number"].as_i64());
        assert_eq!(own.iter().map(|call| &call["number"]).collect::<Vec<_>>(), [1, 2, 3]);
        // The second has taken that of No. 2: this one is shown to the first, and no other that could be taken too.
        assert_eq!(act_on(&hub, &second, &own[1], "claim").await, 204);
        let desk = seated(&hub, &officer).await;
        for path in ["/home".to_owned(), format!("/incidents/{reference}")] {
            let page = desk.page(&hub, &path).await;
            let linked = own.iter().map(|call| page.contains(&format!("/calls/{}", text(call, "id")))).collect::<Vec<_>>();
            assert_eq!(linked, [false, true, false], "{path}");
        }
        // Whoever was told of No. 2 is still to be told of No. 3, and not of No. 1.
        for (at, left) in [(1, vec![json!(3)]), (2, vec![])] {
            let filing = told_by_phone(&hub, &second, "B002", &own[at]["number"].to_string()).await;
            complete(&hub, &second, &own[at], &filing).await.expect(202);
            let open = calls(&hub, &officer).await;
            let about = |bank: &str, same: bool| open.iter()
                .filter(|call| call["bank"] == bank && (call["incident"] == reference.as_str()) == same)
                .map(|call| call["number"].clone()).collect::<Vec<_>>();
            assert_eq!(about("B002", true), left);
            assert_eq!((about("B002", false), about("B003", true).len()), (vec![json!(4)], 3), "of another incident, and of another bank");
        }
        let list = hub.get(&format!("/api/v1/incidents/{reference}/chases"), &officer.key).await.expect(200).json();
        let chases = list["chases"].as_array().expect("chases").iter().filter(|one| one["bank"] == "B002");
        let stand: Vec<Value> = chases.map(|one| json!([one["number"], one["state"], one["call"]])).collect();
        assert_eq!(stand, [json!([1, "overdue", "closed"]), json!([2, "overdue", "completed"]), json!([3, "overdue", "completed"])]);
    }

    async fn a_working_level_contact_counts_as_a_delivery_at_most_and_the_notice_is_still_sent(hub) {
        let (officer, second, bank) = (hub.officer().await, hub.officer().await, hub.bank("B002").await);
        bank.receiver.answer(Answer::Status(500));
        let reference = quiet(&hub, &officer).await;
        hub.deliver_due().await;
        let mut filing = told_by_phone(&hub, &officer, "B002", "1").await;
        filing["channel"] = json!("meeting");
        let path = format!("/api/v1/incidents/{reference}/out-of-band-contacts");
        let asked = hub.post(&path, &officer.key, &json!({ "bank": "B002", "told": filing })).await.expect(202).json();
        hub.decide(&second, text(&asked, "request"), true).await.expect(200);
        let cell = hub.cell(&officer, &reference, "B002").await;
        assert_eq!((&cell["level"], cell.get("acknowledged_at")), (&json!("delivered"), None));
        bank.receiver.answer(Answer::Status(204));
        hub.advance(hours(1));
        hub.chase_due().await;
        hub.deliver_due().await;
        let came = told(&bank);
        assert!(came.iter().filter(|kind| *kind == "notice.issued").count() >= 2, "tried again until it came: {came:?}");
        assert!(came.contains(&"notice.reminder".to_owned()), "and chased: {came:?}");
        let unknown = json!({ "bank": "B009", "told": told_by_phone(&hub, &officer, "B002", "1").await });
        assert_eq!(hub.post(&path, &officer.key, &unknown).await.expect(422).json()["faults"][0]["code"], "bank_unknown");
    }

    async fn a_refused_sign_off_leaves_the_bank_untold(hub) {
        let (officer, second, bank) = (hub.officer().await, hub.officer().await, hub.bank("B002").await);
        bank.receiver.answer(Answer::Status(500));
        let reference = quiet(&hub, &officer).await;
        let filing = told_by_phone(&hub, &officer, "B002", "1").await;
        let path = format!("/api/v1/incidents/{reference}/out-of-band-contacts");
        let asked = hub.post(&path, &officer.key, &json!({ "bank": "B002", "told": filing })).await.expect(202).json();
        hub.decide(&second, text(&asked, "request"), false).await.expect(200);
        assert_eq!(hub.cell(&officer, &reference, "B002").await["level"], "listed");
        hub.stamp(&bank).await.expect(200);
        let late = hub.post(&path, &officer.key, &json!({ "bank": "B002", "told": told_by_phone(&hub, &officer, "B002", "1").await })).await;
        assert_eq!(late.expect(409).code(), "already_acknowledged");
    }

    async fn the_operators_own_clock_is_warned_of_missed_and_then_explained(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let reference = filed(&hub, &officer).await;
        hub.stamp(&bank).await.expect(200);
        let clock = |list: Value| list["clocks"][0].clone();
        let clocks = hub.get("/api/v1/clocks", &officer.key).await.expect(200).json();
        let running = clock(clocks);
        assert_eq!((&running["incident"], &running["phase"], &running["late"]), (&json!(reference), &json!("intermediate"), &json!(false)));
        assert_eq!(running["due_at"], running["ceiling_at"], "three days, by promise and by profile");
        hub.advance(hours(53));
        assert_eq!(hub.chase_due().await, 0);
        hub.advance(hours(2));
        assert_eq!((hub.chase_due().await, messages(&hub, "operator.alert")), (1, 1), "three quarters are over");
        hub.advance(hours(18));
        assert_eq!((hub.chase_due().await, messages(&hub, "operator.alert")), (1, 2), "missed");
        hub.advance(hours(48));
        assert_eq!((hub.chase_due().await, messages(&hub, "operator.alert")), (0, 2), "each is said once");
        let path = format!("/api/v1/incidents/{reference}/revisions");
        let silent = hub.post(&path, &officer.key, &unexplained(further())).await.expect(422).json();
        assert_eq!(silent["faults"][0]["pointer"], "/late_reason");
        let mut explained = further();
        for (field, value) in [("phase", json!("intermediate")), ("late_reason", json!("照会への回答を待っていた。")),
            ("auth_weakness", json!(["unknown"])), ("discovery_method", json!("unknown")), ("victims", json!("unknown")),
            ("transactions", json!("unknown")), ("amount_lost", json!("unknown")), ("bodies_notified", json!([])),
            ("countermeasures", json!([{ "code": "none_yet", "scope": "all_banks" }]))] { explained[field] = value; }
        let answer = hub.post(&path, &officer.key, &explained).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", String::from_utf8_lossy(&answer.body));
        let next = clock(hub.get("/api/v1/clocks", &officer.key).await.expect(200).json());
        assert_eq!((&next["phase"], &next["late"]), (&json!("final"), &json!(false)));
        let shown = hub.get(&format!("{path}/2"), &officer.key).await.expect(200).json();
        assert_eq!(shown["body"]["late_reason"], "照会への回答を待っていた。");
        hub.withdraw(&officer, &reference).await;
        assert_eq!(hub.get("/api/v1/clocks", &officer.key).await.expect(200).json()["clocks"], json!([]), "nothing is owed any more");
    }

    async fn a_draft_has_its_clock_until_it_is_issued_or_discarded(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let detected = hub.clock.now().to_string();
        let draft = hub.post("/api/v1/drafts", &officer.key, &json!({ "detected_at": detected })).await.expect(201).json();
        let clocks = || async { hub.get("/api/v1/clocks", &officer.key).await.expect(200).json()["clocks"].clone() };
        let running = clocks().await;
        assert_eq!((&running[0]["draft"], &running[0]["phase"]), (&draft["id"], &json!("initial")));
        assert!(running[0]["left_s"].as_i64().is_some_and(|left| (14_300..=14_400).contains(&left)), "four hours: {running}");
        hub.advance(hours(5));
        assert_eq!((hub.chase_due().await, messages(&hub, "operator.alert")), (1, 1), "whoever was away for the warning is told that it is missed");
        let path = format!("/api/v1/drafts/{}/discard", text(&draft, "id"));
        hub.post(&path, &officer.key, &json!({ "reason": "別件と判明" })).await.expect(204);
        assert_eq!(clocks().await, json!([]));
    }

    async fn a_clock_that_was_lost_beside_the_hub_is_named_and_comes_back(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        filed(&hub, &officer).await;
        hub.advance(minutes(16));
        hub.chase_due().await;
        hub.tamper("DELETE FROM chase; DELETE FROM operator_clock;");
        let (code, said) = hub.command(&["check"]).await;
        assert!(code == 3 && said.contains("every notice that neither its bank acknowledged nor two people closed is chased (1)"), "{code} {said}");
        let (code, said) = hub.command(&["check", "--rebuild"]).await;
        assert_eq!(code, 0, "{said}");
        hub.advance(hours(1));
        hub.chase_due().await;
        let numbers: Vec<i64> = of(&steps(&hub), "B001").iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, [1, 2, 3], "no step twice");
        assert_eq!(hub.get("/api/v1/clocks", &officer.key).await.expect(200).json()["clocks"].as_array().map(Vec::len), Some(1));
    }

    async fn banks_that_are_late_together_are_told_of_in_one_mail(hub) {
        let officer = hub.officer().await;
        for code in ["B001", "B002", "B003"] { hub.bank(code).await; }
        hub.file(&officer).await;
        hub.advance(hours(1));
        hub.chase_due().await;
        assert_eq!(messages(&hub, "operator.alert"), 2, "one of banks that are late, one of calls to be made");
        assert_eq!(calls(&hub, &officer).await.len(), 3);
    }
}
