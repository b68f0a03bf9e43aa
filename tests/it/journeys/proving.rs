//! Whose an endpoint is: it shows its secret when it is asked, and until then it counts as not proven, though nothing
//! goes quiet; a new address takes the place of another only once it is proven.

use super::pages::seated;
use super::steps::{hours, seconds, text};
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::{Answer, Receiver};
use kairan::domain::challenge::{Challenge, KIND};
use kairan::domain::id::Uid;
use kairan::storage::{Tx, endpoint_proof};
use reqwest::Method;
use serde_json::{Value, json};

/// How the address of an endpoint does, as its own bank reads it.
async fn channel(hub: &TestHub, bank: &Bank, endpoint: &str) -> Value {
    let path = "/api/v1/own/channels";
    let known = hub.get(path, &bank.key).await.expect(200).json();
    let rows = known["channels"].as_array().expect("channels");
    let found = rows.iter().find(|row| row["id"] == endpoint);
    found.expect("the endpoint").clone()
}

/// Another endpoint of the bank, at a receiver that its hub has given nothing: its id, and the secret.
async fn another(hub: &TestHub, head: &Person, receiver: &Receiver) -> (String, String) {
    let input = json!({ "url": receiver.url("/other") });
    let path = "/api/v1/own/endpoints";
    let made = hub.post(path, &head.key, &input).await.expect(201).json();
    (
        text(&made, "id").to_owned(),
        text(&made, "secret").to_owned(),
    )
}

/// Puts another in the place of the bank's endpoint: its id, and the secret.
async fn replaced(
    hub: &TestHub,
    head: &Person,
    old: &str,
    receiver: &Receiver,
) -> (String, String) {
    let path = format!("/api/v1/own/endpoints/{old}/replacement");
    let input = json!({ "url": receiver.url("/new") });
    let made = hub.post(&path, &head.key, &input).await.expect(201).json();
    (
        text(&made, "id").to_owned(),
        text(&made, "secret").to_owned(),
    )
}

/// A bank whose endpoint has another beside it that is proven: an officer, the bank, its administrator, the new receiver.
async fn proven_beside(hub: &TestHub) -> (Person, Bank, Person, Receiver) {
    let (officer, bank, new) = (
        hub.officer().await,
        hub.bank("B001").await,
        Receiver::start(),
    );
    let head = hub.head_of(&bank).await;
    let old = hub.endpoint_of(&head).await;
    let (_, secret) = replaced(hub, &head, &old, &new).await;
    new.knows(&secret);
    hub.challenge_due().await;
    (officer, bank, head, new)
}

fn challenged(receiver: &Receiver) -> Vec<Value> {
    receiver.challenges().iter().map(|hit| hit.json()).collect()
}

fn entries(hub: &TestHub, kind: &str) -> Vec<Value> {
    let body = if hub.postgres.is_some() {
        "convert_from(body, 'UTF8')"
    } else {
        "CAST(body AS TEXT)"
    };
    let query = format!("SELECT {body} AS text FROM log_entry WHERE kind = '{kind}' ORDER BY seq");
    let bodies = hub.texts(&query);
    bodies
        .iter()
        .map(|body| serde_json::from_str(body).expect("JSON"))
        .collect()
}

fn alerts(hub: &TestHub) -> usize {
    hub.texts("SELECT kind AS text FROM message WHERE kind = 'operator.alert'")
        .len()
}

async fn again(hub: &TestHub, who: &Person, path: &str) -> Value {
    let sent = hub.call(Method::POST, path, &who.key, None).await;
    sent.expect(202).json()
}

journeys! {
    async fn an_endpoint_that_shows_its_secret_is_proven_and_the_log_says_so(hub) {
        let bank = hub.bank("B001").await;
        let endpoint = hub.endpoint_of(&hub.head_of(&bank).await).await;
        let hit = bank.receiver.challenges().remove(0);
        let (asked, body) = (hit.json(), String::from_utf8(hit.body.clone()).expect("UTF-8"));
        let said: Challenge = serde_json::from_value(asked["data"].clone()).expect("a challenge");
        let expected = format!(
            r#"{{"type":"{KIND}","timestamp":{},"data":{{"challenge":"{}","endpoint":"{endpoint}"}}}}"#,
            asked["timestamp"], said.challenge,
        );
        assert_eq!((body, said.challenge.len()), (expected, 43));
        let proven = channel(&hub, &bank, &endpoint).await;
        let entry = entries(&hub, "endpoint.proven").remove(0);
        assert_eq!((&entry["endpoint"], &entry["bank"]), (&json!(endpoint), &json!(bank.id.to_string())));
        assert_eq!(text(&proven, "proven_since")[..23], text(&entry, "at")[..23]);
        let page = seated(&hub, &hub.head_of(&bank).await).await.page(&hub, "/own").await;
        assert!(page.contains("Proven") && !page.contains("Not proven"), "{page}");
    }

    async fn an_answer_that_shows_no_secret_proves_nothing_and_breaks_nothing(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, Receiver::start());
        let (id, secret) = another(&hub, &hub.head_of(&bank).await, &other).await;
        hub.challenge_due().await;
        let asked = challenged(&other).remove(0)["data"]["challenge"].clone();
        for body in [String::from("ok"), json!({ "challenge_response": asked }).to_string(), "x".repeat(100_000)] {
            other.answer_challenges(Answer::Body(200, body.into_bytes()));
            hub.advance(hours(2));
            hub.challenge_due().await;
        }
        for _ in 0..10 { hub.advance(hours(2)); hub.challenge_due().await; }
        assert_eq!(hub.challenge_outcomes(&officer).await, [vec!["accepted"], vec!["wrong_answer"; 14]].concat());
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!(other.hits().len(), 1, "it is told of incidents like any other");
        let unproven = channel(&hub, &bank, &id).await;
        assert_eq!((&unproven["proven_since"], &unproven["state"]), (&Value::Null, &json!("working")));
        assert!(hub.tasks(&officer).await.is_empty(), "its channel is not broken");
        other.answer_challenges_rightly();
        other.knows(&secret);
        hub.advance(hours(2));
        hub.challenge_due().await;
        assert!(!channel(&hub, &bank, &id).await["proven_since"].is_null());
        assert_eq!(challenged(&other).iter().map(|asked| asked["data"]["challenge"].clone()).collect::<std::collections::HashSet<_>>().len(), 1, "the same question, again and again");
    }

    async fn an_endpoint_is_proven_though_nothing_is_kept_of_what_banks_answer(hub, "[webhook]\nallow_networks = [\"127.0.0.0/8\"]\nanswer_kept_bytes = 0\n") {
        let bank = hub.bank("B001").await;
        let endpoint = hub.endpoint_of(&hub.head_of(&bank).await).await;
        assert!(!channel(&hub, &bank, &endpoint).await["proven_since"].is_null());
    }

    async fn silence_for_a_day_is_told_once_and_the_address_is_told_all_the_same(hub) {
        let (officer, bank, mute) = (hub.officer().await, hub.bank("B001").await, Receiver::start());
        mute.answer_challenges(Answer::Reset);
        let (id, _) = another(&hub, &hub.head_of(&bank).await, &mute).await;
        hub.challenge_due().await;
        hub.advance(hours(23));
        assert_eq!((hub.run_out().await, alerts(&hub)), (0, 0));
        hub.advance(hours(1) + seconds(1));
        assert_eq!((hub.run_out().await, alerts(&hub)), (1, 1));
        for _ in 0..3 { hub.advance(hours(24)); assert_eq!(hub.run_out().await, 0, "told once"); }
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!(mute.hits().len(), 1);
        again(&hub, &officer, &format!("/api/v1/banks/B001/endpoints/{id}/challenge")).await;
        hub.advance(hours(24) + seconds(1));
        assert_eq!((hub.run_out().await, alerts(&hub)), (1, 2), "of a new question it is told anew");
    }

    async fn a_slip_or_an_insider_makes_no_bank_deaf(hub) {
        let (officer, bank, stranger) = (hub.officer().await, hub.bank("B001").await, Receiver::start());
        let head = hub.head_of(&bank).await;
        let old = hub.endpoint_of(&head).await;
        let (wrong, _) = replaced(&hub, &head, &old, &stranger).await;
        hub.challenge_due().await;
        hub.advance(hours(72));
        hub.run_out().await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), stranger.hits().len()), (1, 1), "both are told");
        let listed = hub.get("/api/v1/own/endpoints", &head.key).await.expect(200).json();
        assert_eq!((&listed["endpoints"][0]["replaced_by"], &listed["endpoints"][1]["proven_since"]), (&json!(wrong), &Value::Null));
        let twice = format!("/api/v1/own/endpoints/{old}/replacement");
        let refused = hub.post(&twice, &head.key, &json!({ "url": stranger.url("/third") })).await;
        assert_eq!(refused.expect(409).code(), "already_replaced");
        // The slip is mended by what is right: then both end, the former and the wrong one.
        let right = Receiver::start();
        let (new, secret) = replaced(&hub, &head, &wrong, &right).await;
        hub.settle_replacement(&right, &secret).await;
        let listed = hub.get("/api/v1/own/endpoints", &head.key).await.expect(200).json();
        let rows = listed["endpoints"].as_array().expect("endpoints");
        assert_eq!((rows.len(), &rows[0]["id"]), (1, &json!(new)));
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), stranger.hits().len(), right.hits().len()), (1, 1, 1));
    }

    async fn the_former_endpoint_goes_on_for_a_day_though_the_new_one_is_proven_at_once(hub) {
        let (officer, bank, _, new) = proven_beside(&hub).await;
        hub.advance(hours(23));
        assert_eq!(hub.run_out().await, 0);
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), new.hits().len()), (1, 1));
        hub.advance(hours(1) + seconds(1));
        assert_eq!((hub.run_out().await, hub.run_out().await), (1, 0));
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), new.hits().len()), (1, 2));
    }

    async fn one_that_is_broken_takes_no_others_place_though_it_was_proven(hub) {
        let (officer, _, head, new) = proven_beside(&hub).await;
        new.answer(Answer::Status(410));
        hub.file(&officer).await;
        hub.deliver_due().await;
        for (answers, live) in [(410, 2), (204, 1)] {
            new.answer(Answer::Status(answers));
            hub.advance(hours(25));
            hub.deliver_due().await;
            hub.run_out().await;
            let listed = hub.get("/api/v1/own/endpoints", &head.key).await.expect(200).json();
            assert_eq!(listed["endpoints"].as_array().map(Vec::len), Some(live), "answering {answers}");
        }
    }

    async fn successors_that_are_not_proven_hide_no_place_that_is_taken(hub) {
        let (waits, taken) = (hub.bank("B001").await, hub.bank("B002").await);
        let (dumb, proven) = (Receiver::start(), Receiver::start());
        let head = hub.head_of(&waits).await;
        replaced(&hub, &head, &hub.endpoint_of(&head).await, &dumb).await;
        let head = hub.head_of(&taken).await;
        let old = hub.endpoint_of(&head).await;
        let (between, _) = replaced(&hub, &head, &old, &dumb).await;
        let (_, secret) = replaced(&hub, &head, &between, &proven).await;
        proven.knows(&secret);
        hub.challenge_due().await;
        for (later, expected) in [(hours(23), None), (hours(2), Some(old.clone()))] {
            hub.advance(later);
            let look = |tx: &mut Tx<'_>| {
                let by = tx.now()? - hours(24);
                endpoint_proof::places_taken(tx, by, Uid::from_bytes([0; 16]), 1)
            };
            let first = hub.store.read(look).await.expect("read");
            assert_eq!(first.first().map(ToString::to_string), expected);
        }
        hub.run_out().await;
        let listed = hub.get("/api/v1/own/endpoints", &head.key).await.expect(200).json();
        assert_eq!(listed["endpoints"].as_array().map(Vec::len), Some(1), "only what is proven is left");
    }

    async fn what_was_not_proven_is_challenged_by_hand_and_the_newest_question_counts(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, Receiver::start());
        let head = hub.head_of(&bank).await;
        let (id, secret) = another(&hub, &head, &other).await;
        hub.challenge_due().await;
        let sent = again(&hub, &officer, &format!("/api/v1/banks/B001/endpoints/{id}/challenge")).await;
        again(&hub, &head, &format!("/api/v1/own/endpoints/{id}/challenge")).await;
        assert_ne!(sent["message"], Value::Null);
        hub.advance(hours(2));
        assert_eq!(hub.challenge_due().await, 1, "the former ones are not asked again");
        other.knows(&secret);
        seated(&hub, &head).await.post(&hub, &format!("/own/endpoints/{id}/challenge"), &[]).await.expect(303);
        assert_eq!(hub.challenge_due().await, 1);
        assert_eq!(hub.challenge_outcomes(&officer).await, ["accepted", "wrong_answer", "wrong_answer", "accepted"]);
        assert!(!channel(&hub, &bank, &id).await["proven_since"].is_null());
        let admin = hub.administrator().await;
        let desk = seated(&hub, &admin).await;
        desk.post(&hub, &format!("/register/B001/endpoints/{id}/challenge"), &[]).await.expect(303);
        assert_eq!((hub.challenge_due().await, entries(&hub, "endpoint.proven").len()), (1, 3));
        hub.call(Method::DELETE, &format!("/api/v1/own/endpoints/{id}"), &head.key, None).await.expect(204);
        let ended = hub.call(Method::POST, &format!("/api/v1/own/endpoints/{id}/challenge"), &head.key, None).await;
        assert_eq!(ended.expect(409).code(), "already_replaced");
    }

    async fn imported_endpoints_are_asked_too_and_a_new_secret_keeps_what_was_proven(hub) {
        let (admin, one) = (hub.administrator().await, Receiver::start());
        let csv = format!("code,name_ja,name_en,language,linking,endpoint_url\nB001,第一銀行,First Bank,ja,,{}\n", one.url("/hook"));
        let told = hub.import(&admin, &csv, "").await.expect(200).json();
        one.knows(text(&told["banks"][0], "secret"));
        hub.challenge_due().await;
        assert_eq!(challenged(&one).len(), 1);
        let endpoint = hub.endpoint_at(&admin, "B001", &one.url("/hook")).await;
        let known = hub.get("/api/v1/channels", &admin.key).await.expect(200).json();
        let since = known["banks"][0]["channels"][0]["proven_since"].clone();
        assert!(since.is_string(), "{known}");
        let bank = hub.act(|tx| Ok(kairan::storage::bank::by_code(tx, "B001")?.expect("a bank").id)).await;
        let head = hub.person("bank_administrator", Some(bank)).await;
        let rotated = hub.call(Method::POST, &format!("/api/v1/own/endpoints/{endpoint}/secret"), &head.key, None).await;
        one.knows(text(&rotated.expect(201).json(), "secret"));
        let known = hub.get("/api/v1/channels", &admin.key).await.expect(200).json();
        assert_eq!(known["banks"][0]["channels"][0]["proven_since"], since);
        assert_eq!(hub.challenge_due().await, 0, "nothing is asked of it");
    }

    async fn whoever_has_the_question_answered_elsewhere_proves_nothing(hub) {
        let (officer, bank, insider) = (hub.officer().await, hub.bank("B001").await, Receiver::start());
        let (_, secret) = another(&hub, &hub.head_of(&bank).await, &insider).await;
        // The bank's own receiver answers, which knows the secret; the insider passes its answer on.
        insider.knows(&secret);
        insider.answer_challenges_for(&bank.receiver.url("/hook"));
        hub.challenge_due().await;
        assert_eq!(insider.challenges().len(), 1);
        assert_eq!(hub.challenge_outcomes(&officer).await, ["accepted", "wrong_answer"]);
    }

    async fn what_an_unproven_endpoint_takes_does_not_prove_that_the_bank_is_reached(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let head = hub.head_of(&bank).await;
        let (other, old) = (Receiver::start(), hub.endpoint_of(&head).await);
        let (id, secret) = another(&hub, &head, &other).await;
        hub.call(Method::DELETE, &format!("/api/v1/own/endpoints/{old}"), &head.key, None).await.expect(204);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let standing = |known: Value| (known["webhook"]["standing"].clone(), known["webhook"]["proven_at"].is_null());
        let path = "/api/v1/own/reachability";
        assert_eq!(other.hits().len(), 1);
        assert_eq!(standing(hub.get(path, &bank.key).await.expect(200).json()), (json!("new"), true));
        other.knows(&secret);
        again(&hub, &head, &format!("/api/v1/own/endpoints/{id}/challenge")).await;
        hub.challenge_due().await;
        assert_eq!(standing(hub.get(path, &bank.key).await.expect(200).json()), (json!("proven"), false));
    }
}
