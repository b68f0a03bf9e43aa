//! Delivery: nothing goes quiet, and one bad bank delays nobody.

use super::steps::{hours, seconds, text};
use crate::support::ground::contact;
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::{Answer, Hit, Receiver};
use kairan::actions::add_contact::add_contact;
use kairan::storage::delivery;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const SLOW: Duration = Duration::from_millis(300);

/// The most requests that were open at the same time, each being answered `SLOW` after it came.
fn most_at_once(hits: &[Hit]) -> usize {
    let is_open = |one: &Hit, at| one.instant <= at && one.instant + SLOW > at;
    let at_once = hits
        .iter()
        .map(|hit| hits.iter().filter(|one| is_open(one, hit.instant)).count());
    at_once.max().unwrap_or_default()
}

/// To whom a notice of this bank is owed by mail, by ladder level.
async fn mailed_levels(hub: &TestHub, bank: &Bank) -> Vec<i64> {
    let notice = text(&hub.newest(bank).await, "notice")
        .parse()
        .expect("an id");
    hub.act(move |tx| {
        let rows = delivery::of_notice(tx, notice)?;
        let mails = rows.iter().filter(|row| row.channel == "email");
        let levels = mails.map(|row| {
            Ok(kairan::storage::bank::contact(tx, row.target_id)?.map_or(0, |row| row.level))
        });
        levels.collect()
    })
    .await
}

async fn kinds(hub: &TestHub, reader: &Person) -> Vec<String> {
    hub.tasks(reader)
        .await
        .iter()
        .map(|task| text(task, "kind").to_owned())
        .collect()
}

/// A database that does not take this outcome of a bank: as a defect, or a damaged page, of one of many.
fn refusing(outcome: &str, bank: &Bank, is_postgres: bool) -> String {
    if is_postgres {
        return format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
             CREATE TRIGGER refuses BEFORE INSERT ON attempt_outcome FOR EACH ROW
             WHEN (NEW.outcome = '{outcome}' AND NEW.bank_id = '{}') EXECUTE FUNCTION refuse()",
            bank.id
        );
    }
    let id = bank.id.to_string().replace('-', "");
    format!(
        "CREATE TRIGGER refuses BEFORE INSERT ON attempt_outcome WHEN NEW.outcome = '{outcome}' AND NEW.bank_id = x'{id}'
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
}

journeys! {
    async fn what_was_under_way_when_a_hub_ended_is_sent_before_what_was_filed_since(hub, "[engine]\nin_flight = 1\n") {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        for _ in 0..2 { hub.file(&officer).await; }
        hub.seal().await;
        assert_eq!(hub.claim_as(hub.node(), "webhook").await.len(), 2);
        hub.file(&officer).await;
        hub.restart().await;
        hub.take_back_leases().await;
        hub.deliver_due().await;
        let numbers: Vec<_> = bank.receiver.hits().iter().map(|hit| hit.json()["data"]["notice"]["number"].clone()).collect();
        assert_eq!(numbers, ["1", "2", "3"]);
    }

    async fn a_message_whose_inputs_cannot_be_opened_keeps_no_other_waiting(hub) {
        let officer = hub.officer().await;
        for code in ["B001", "B002"] { hub.bank(code).await; }
        hub.leave("B002").await;
        hub.file(&officer).await;
        let of_ending = "(SELECT payload_id FROM message WHERE kind = 'partnership.ending')";
        let other = "(SELECT ciphertext FROM sealed_payload WHERE id <> spoilt.id LIMIT 1)";
        hub.tamper(&format!("UPDATE sealed_payload AS spoilt SET ciphertext = {other} WHERE id IN {of_ending};"));
        let claimed = hub.claim("email").await;
        let with_inputs: Vec<_> = claimed.iter().map(|one| (one.due.kind.as_str(), one.inputs.is_some())).collect();
        assert!(with_inputs.contains(&("partnership.ending", false)), "{with_inputs:?}");
        assert!(with_inputs.iter().any(|(kind, _)| *kind == "notice.issued"), "the notice waits for it: {with_inputs:?}");
    }

    async fn an_endpoint_whose_address_cannot_be_opened_keeps_no_other_waiting(hub) {
        let officer = hub.officer().await;
        let (spoilt, well) = (hub.bank("B001").await, hub.bank("B002").await);
        let of_spoilt = "(SELECT payload_id FROM endpoint JOIN bank ON bank.id = endpoint.bank_id WHERE code = 'B001')";
        let other = "(SELECT ciphertext FROM sealed_payload WHERE id <> spoilt.id LIMIT 1)";
        hub.tamper(&format!("UPDATE sealed_payload AS spoilt SET ciphertext = {other} WHERE id IN {of_spoilt};"));
        // So long an endpoint that was just sent to is kept in memory.
        hub.advance(seconds(30));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 2);
        assert_eq!((spoilt.receiver.hits().len(), well.receiver.hits().len()), (0, 1));
        let mut outcomes = hub.outcomes(&officer).await;
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["accepted", "internal"]);
    }

    async fn a_failing_endpoint_is_tried_again_at_the_ladders_times_and_not_before(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        for (too_early, late_enough) in [(3, 4), (20, 17), (90, 55), (450, 280)] {
            hub.advance(seconds(too_early));
            assert_eq!(hub.deliver_due().await, 0, "before its time");
            hub.advance(seconds(late_enough));
            assert_eq!(hub.deliver_due().await, 1);
        }
        assert_eq!(hub.outcomes(&officer).await, ["status"; 5]);
    }

    async fn a_bank_that_asks_for_time_is_given_it(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer_next([Answer::RetryAfter(503, "120".into())]);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(100));
        assert_eq!(hub.deliver_due().await, 0);
        hub.advance(seconds(25));
        assert_eq!(hub.deliver_due().await, 1);
        assert_eq!(hub.outcomes(&officer).await, ["status", "accepted"]);
    }

    async fn an_endpoint_that_is_gone_opens_a_task_climbs_the_ladder_and_is_still_tried(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let id = bank.id;
        hub.act(move |tx| add_contact(tx, id, &contact("B001", 2))).await;
        bank.receiver.answer(Answer::Status(410));
        let filed = hub.file(&officer).await;
        assert_eq!(mailed_levels(&hub, &bank).await, [1]);
        hub.deliver_due().await;
        assert_eq!((mailed_levels(&hub, &bank).await, kinds(&hub, &officer).await), (vec![1, 2], vec!["channel_broken".into()]));
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["endpoint_down"], true);
        hub.advance(seconds(10));
        bank.receiver.answer(Answer::Status(204));
        assert_eq!(hub.deliver_due().await, 1, "tried again");
        assert!(kinds(&hub, &officer).await.is_empty(), "a mended channel needs nobody");
    }

    async fn ten_failures_in_a_row_call_a_person_and_the_eleventh_try_follows(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        for tries in 1..=11 {
            assert_eq!(hub.deliver_due().await, 1, "try {tries}");
            assert_eq!(hub.tasks(&officer).await.len(), usize::from(tries >= 10));
            hub.advance(hours(2));
        }
    }

    async fn a_bank_is_never_sent_more_than_four_at_once(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Slow(SLOW));
        for _ in 0..10 { hub.file(&officer).await; }
        assert_eq!(hub.deliver_due().await, 10);
        let most = most_at_once(&bank.receiver.hits());
        assert!((2..=4).contains(&most), "{most} at once");
    }

    async fn a_first_try_never_waits_behind_a_retry(hub, "[engine]\nin_flight = 1\n") {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer_next([Answer::Status(500)]);
        let older = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(10));
        let newer = hub.file(&officer).await;
        hub.deliver_due().await;
        let told: Vec<_> = bank.receiver.hits().iter().map(|hit| hit.json()["data"]["notice"]["incident"].clone()).collect();
        assert_eq!(told, [&older, &newer, &older].map(|filed| filed["reference"].clone()));
    }

    async fn a_bank_that_hangs_delays_nobody(hub) {
        let officer = hub.officer().await;
        let (stuck, well) = (hub.bank("B001").await, hub.bank("B002").await);
        stuck.receiver.answer(Answer::Hang);
        for _ in 0..6 { hub.file(&officer).await; }
        let (ended, told) = tokio::join!(hub.deliver_due(), well.receiver.arrived(6));
        assert_eq!(ended, 12);
        let first_given_up = stuck.receiver.hits()[0].instant + Duration::from_secs(2);
        assert!(told.iter().all(|hit| hit.instant < first_given_up), "told behind the other's timeout");
    }

    async fn a_lost_outcome_is_shown_as_unknown_and_the_same_bytes_go_out_again(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer_next([Answer::Status(500)]);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(10));
        assert_eq!(hub.claim("webhook").await.len(), 1);
        hub.let_leases_run_out().await;
        assert_eq!(hub.deliver_due().await, 1);
        assert_eq!(hub.outcomes(&officer).await, ["status", "unknown", "accepted"]);
        let hits = bank.receiver.hits();
        assert_eq!((hits[0].header("webhook-id"), &hits[0].body), (hits[1].header("webhook-id"), &hits[1].body));
        assert_ne!(hits[0].header("webhook-signature"), hits[1].header("webhook-signature"), "signed afresh");
    }

    async fn an_acceptance_that_comes_after_unknown_is_a_second_outcome_and_ends_the_retries(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        let claimed = hub.claim("webhook").await;
        hub.let_leases_run_out().await;
        hub.accepted_after_all(claimed).await;
        let log = hub.log(&officer, "").await;
        let rows: Vec<_> = log.iter().map(|line| (line["seq"].clone(), text(line, "outcome"))).collect();
        assert_eq!(rows, [(json!(1), "unknown"), (json!(2), "accepted")]);
        assert_eq!(log[0]["attempt"], log[1]["attempt"]);
        assert_eq!(hub.deliver_due().await, 0);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["level"], "delivered");
    }

    async fn a_stale_node_cannot_undo_what_another_one_delivered(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        let stale = hub.claim("webhook").await;
        hub.let_leases_run_out().await;
        hub.deliver_due().await;
        hub.accepted_after_all(stale).await;
        hub.advance(hours(2));
        assert_eq!(hub.deliver_due().await, 0);
        assert_eq!(bank.receiver.hits().len(), 1);
    }

    async fn a_redirect_is_a_failure_and_nobody_goes_there(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let elsewhere = Receiver::start();
        bank.receiver.answer(Answer::Redirect(elsewhere.url("/hook")));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let log = hub.log(&officer, "").await;
        assert_eq!((text(&log[0], "outcome"), &log[0]["status"]), ("status", &json!(302)));
        assert!(elsewhere.hits().is_empty());
    }

    async fn an_inner_address_is_refused_when_it_is_entered(hub) {
        let bank = hub.bank("B001").await;
        hub.settings = hub.settings.replace("[\"127.0.0.0/8\"]", "[]");
        hub.restart().await;
        let head = hub.head_of(&bank).await;
        for url in ["http://10.0.0.1/hook", "https://169.254.169.254/latest", "https://[::1]/hook", "https://bank.local/hook", "https://localhost/hook", "http://127.0.0.1:9/hook", "https://bank.example:22/hook", "ftp://bank.example/"] {
            let refused = hub.post("/api/v1/own/endpoints", &head.key, &json!({ "url": url })).await;
            assert_eq!((refused.status.as_u16(), &refused.json()["faults"][0]["pointer"]), (422, &json!("/url")), "{url}");
        }
    }

    async fn an_address_that_has_become_an_inner_one_is_refused_when_it_is_sent_to(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.settings = hub.settings.replace("127.0.0.0/8", "192.0.2.0/24");
        hub.restart().await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!(hub.outcomes(&officer).await, ["address_refused"]);
        assert!(bank.receiver.hits().is_empty());
        assert_eq!(kinds(&hub, &officer).await, ["channel_broken"]);
    }

    async fn a_test_notice_goes_over_every_channel_and_owes_no_stamp(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let sent = hub.call(Method::POST, "/api/v1/banks/B001/test-notice", &officer.key, None).await.expect(202).json();
        hub.deliver_due().await;
        let told = bank.receiver.hits()[0].json();
        assert_eq!((&told["type"], &told["data"]["message"]), (&json!("notice.test"), &sent["message"]));
        assert!(hub.inbox(&bank).await.is_empty());
    }

    async fn what_is_sent_again_by_hand_bears_the_same_id(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let line = hub.log(&officer, "").await.remove(0);
        let path = format!("/api/v1/deliveries/{}/resend", text(&line, "delivery"));
        hub.call(Method::POST, &path, &officer.key, None).await.expect(202);
        assert_eq!(hub.deliver_due().await, 1);
        let hits = bank.receiver.hits();
        assert_eq!((hits[0].header("webhook-id"), &hits[0].body), (hits[1].header("webhook-id"), &hits[1].body));
    }

    async fn what_is_sent_again_ten_times_is_open_once_and_a_test_takes_the_place_of_one_that_was_refused(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let line = hub.log(&officer, "").await.remove(0);
        bank.receiver.answer(Answer::Status(503));
        let path = format!("/api/v1/deliveries/{}/resend", text(&line, "delivery"));
        for _ in 0..10 { hub.call(Method::POST, &path, &officer.key, None).await.expect(202); }
        assert_eq!(hub.deliver_due().await, 1);
        for _ in 0..9 {
            hub.call(Method::POST, "/api/v1/banks/B001/test-notice", &officer.key, None).await.expect(202);
            assert_eq!(hub.deliver_due().await, 1);
        }
        let waiting = "SELECT state AS text FROM delivery WHERE channel = 'webhook' AND state = 'waiting'";
        assert_eq!(hub.texts(waiting).len(), 2, "the notice and the newest test");
        let nobody = json!({ "code": "B009", "profile": { "name_ja": "新銀行", "name_en": "New Bank", "language": "ja", "linking": [] } });
        hub.post("/api/v1/banks", &hub.administrator().await.key, &nobody).await.expect(201);
        let refused = hub.call(Method::POST, "/api/v1/banks/B009/test-notice", &officer.key, None).await;
        assert_eq!(refused.expect(422).json()["faults"][0]["code"], "no_live_address");
    }

    async fn nothing_is_sent_by_hand_to_an_address_that_a_bank_has_given_up(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let (head, new) = (hub.head_of(&bank).await, Receiver::start());
        hub.file(&officer).await;
        hub.deliver_due().await;
        let line = hub.log(&officer, "").await.remove(0);
        let path = format!("/api/v1/own/endpoints/{}/replacement", hub.endpoint_of(&head).await);
        let made = hub.post(&path, &head.key, &json!({ "url": new.url("/new") })).await.expect(201).json();
        hub.settle_replacement(&new, text(&made, "secret")).await;
        let again = format!("/api/v1/deliveries/{}/resend", text(&line, "delivery"));
        let refused = hub.call(Method::POST, &again, &officer.key, None).await;
        assert_eq!(refused.expect(409).code(), "already_replaced");
        hub.deliver_due().await;
        assert_eq!(bank.receiver.hits().len(), 1);
    }

    async fn what_is_still_owed_follows_the_bank_to_its_new_endpoint(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let (head, new) = (hub.head_of(&bank).await, Receiver::start());
        bank.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let path = format!("/api/v1/own/endpoints/{}/replacement", hub.endpoint_of(&head).await);
        let made = hub.post(&path, &head.key, &json!({ "url": new.url("/new") })).await.expect(201).json();
        hub.deliver_due().await;
        assert_eq!(bank.receiver.hits()[0].body, new.hits()[0].body);
        hub.settle_replacement(&new, text(&made, "secret")).await;
        bank.receiver.forget();
        hub.advance(hours(2));
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), new.hits().len()), (0, 1), "the former one has ended");
    }

    async fn a_hub_that_is_told_to_stop_finishes_what_is_under_way(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Slow(Duration::from_millis(700)));
        let node = hub.second_node().await;
        let filed = hub.file(&officer).await;
        bank.receiver.arrived(1).await;
        node.stop().await;
        assert_eq!(hub.outcomes(&officer).await, ["accepted"]);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["level"], "delivered");
    }

    async fn a_bank_that_stamped_before_it_had_a_channel_is_sent_nothing_over_its_first(hub) {
        let (officer, admin, bank) = (hub.officer().await, hub.administrator().await, hub.bank("B001").await);
        let new = json!({ "code": "B009", "profile": { "name_ja": "新銀行", "name_en": "New Bank", "language": "ja", "linking": [] } });
        hub.post("/api/v1/banks", &admin.key, &new).await.expect(201);
        let key = hub.post("/api/v1/banks/B009/keys", &admin.key, &json!({ "label": "machine" })).await.expect(201).json();
        hub.file(&officer).await;
        assert_eq!(kinds(&hub, &officer).await, ["no_channel"]);
        let told = hub.get("/api/v1/inbox", text(&key, "key")).await.expect(200).json();
        let line = &told["notices"][0];
        hub.stamp_as(text(&key, "key"), text(line, "notice"), &line["digest"]).await.expect(200);
        let receiver = Receiver::start();
        let endpoint = json!({ "endpoint": { "url": receiver.url("/hook") } });
        hub.post("/api/v1/banks/B009/endpoints", &admin.key, &endpoint).await.expect(201);
        hub.deliver_due().await;
        assert_eq!((receiver.hits().len(), bank.receiver.hits().len()), (0, 1));
        assert!(kinds(&hub, &officer).await.is_empty(), "nobody has anything to do any more");
    }

    async fn an_outcome_that_cannot_be_recorded_keeps_no_other_and_no_claim_waiting(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        hub.tamper(&refusing("accepted", &bank, hub.postgres.is_some()));
        let filed = hub.file(&officer).await;
        let all = async {
            hub.deliver_due().await;
            hub.file(&officer).await;
            hub.deliver_due().await;
        };
        tokio::time::timeout(seconds(60), all).await.expect("it goes on");
        assert_eq!((bank.receiver.hits().len(), other.receiver.hits().len()), (2, 2), "both go out");
        let reference = text(&filed, "reference");
        assert_eq!(hub.cell(&officer, reference, "B002").await["level"], "delivered");
        assert_ne!(hub.cell(&officer, reference, "B001").await["level"], "delivered", "its attempt ends as unknown");
    }

    async fn a_lease_that_cannot_be_taken_back_keeps_no_other_leased(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        hub.file(&officer).await;
        hub.seal().await;
        let dead = kairan::domain::id::Uid::at(hub.clock.now());
        assert_eq!(hub.claim_as(dead, "webhook").await.len(), 2);
        hub.tamper(&refusing("unknown", &bank, hub.postgres.is_some()));
        // The other node reads a clock of its own.
        let ago = if hub.postgres.is_some() { "interval '200 seconds'" } else { "200000000" };
        hub.tamper(&format!("UPDATE delivery SET due_at = due_at - {ago} WHERE state = 'leased'"));
        let node = hub.second_node().await;
        other.receiver.arrived(1).await;
        node.stop().await;
        assert_eq!(bank.receiver.hits().len(), 0, "its attempt has no outcome yet");
    }

    async fn a_bank_without_any_channel_has_its_notice_and_a_task_until_it_has_one(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        let new = json!({ "code": "B009", "profile": { "name_ja": "新銀行", "name_en": "New Bank", "language": "ja", "linking": [] } });
        hub.bank("B001").await;
        hub.post("/api/v1/banks", &admin.key, &new).await.expect(201);
        assert_eq!(hub.file(&officer).await["notices"], 2);
        assert_eq!(kinds(&hub, &officer).await, ["no_channel"]);
        let receiver = Receiver::start();
        let endpoint = json!({ "endpoint": { "url": receiver.url("/hook") } });
        hub.post("/api/v1/banks/B009/endpoints", &admin.key, &endpoint).await.expect(201);
        hub.deliver_due().await;
        assert_eq!((receiver.hits().len(), kinds(&hub, &officer).await.len()), (1, 0));
    }
}
