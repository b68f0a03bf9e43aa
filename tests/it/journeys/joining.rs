//! Banks that become partners after incidents were registered, and banks that leave: what each is owed.

use super::evidence::{counts, covered};
use super::pages::seated;
use super::steps::{filing_with, hours, seconds, text};
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::{Answer, Receiver};
use kairan::actions::late_joiner::tell_late_joiners;
use kairan::domain::proof::notice::Webhook;
use serde_json::{Value, json};

/// Number, incident and revision of each notice of a bank.
async fn told(hub: &TestHub, bank: &Bank) -> Vec<(i64, String, i64)> {
    let inbox = hub.inbox(bank).await;
    let line = |line: &Value| {
        (
            line["number"].as_i64().expect("a number"),
            text(line, "incident").to_owned(),
            text(line, "revision").parse().expect("a revision"),
        )
    };
    inbox.iter().map(line).collect()
}

async fn members(hub: &TestHub, admin: &Person) -> i64 {
    let roster = hub.get("/api/v1/roster", &admin.key).await.expect(200);
    roster.json()["banks"].as_i64().expect("a count")
}

async fn file(hub: &TestHub, officer: &Person) -> String {
    text(&hub.file(officer).await, "reference").to_owned()
}

journeys! {
    async fn a_new_partner_gets_what_is_open_and_what_is_over_numbered_sealed_and_chased(hub) {
        let (officer, auditor, first) = (hub.officer().await, hub.auditor().await, hub.bank("B001").await);
        let over = file(&hub, &officer).await;
        hub.stamp(&first).await.expect(200);
        hub.close_incident(&officer, &over).await.expect(201);
        let open = file(&hub, &officer).await;
        hub.deliver_due().await;
        hub.advance(hours(24 * 20));
        let joined = hub.bank("B002").await;
        assert!(hub.inbox(&joined).await.is_empty());
        hub.chase_due().await;
        assert_eq!(told(&hub, &joined).await, [(1, over.clone(), 2), (2, open.clone(), 1)], "each as it was told last");
        assert_eq!(told(&hub, &first).await.len(), 3, "nobody else is told again");

        hub.deliver_due().await;
        let hits = joined.receiver.hits();
        assert_eq!(hits.len(), 2);
        for hit in hits {
            let body = hit.json();
            let webhook = Webhook::parse(&hit.body).expect("it reads");
            let proven = webhook.check(hub.log_key()).expect("it holds").proven.expect("sealed");
            assert_eq!((proven.fanout_kind.as_str(), proven.n), ("late_joiner", 1));
            assert_eq!(body["type"], "notice.issued");
            assert!(text(&body["data"]["log"], "proof").starts_with("c2sp.org/tlog-proof@v1"), "{body}");
            let issued = hub.clock.now();
            assert!(text(&body["data"]["notice"], "acknowledge_by") > issued.to_string().as_str(), "its clock starts when it joins");
        }
        for reference in [&over, &open] {
            let cell = hub.cell(&officer, reference, "B002").await;
            assert_eq!((&cell["reason"], &cell["level"]), (&json!("late_joiner"), &json!("delivered")), "{cell}");
        }
        // Chased like anybody, and stamped like anybody.
        hub.advance(hours(24 * 4));
        assert!(hub.chase_due().await > 0);
        hub.stamp(&joined).await.expect(200);
        let line = hub.inbox(&joined).await[0].clone();
        hub.stamp_as(&joined.key, text(&line, "notice"), &line["digest"]).await.expect(200);
        hub.seal().await;
        assert_eq!(counts(&covered(&hub, &open, 1).await), [0, 1, 0, 0], "the roster of the time is what it was");
        let certificate = hub.get(&format!("/api/v1/certificates?bank=B002&as_of={}", hub.clock.now()), &auditor.key).await.expect(200);
        let certificate = String::from_utf8(certificate.body).expect("UTF-8");
        assert!(certificate.contains(&over) && certificate.contains(&open), "{certificate}");
    }

    async fn a_false_alarm_and_an_exercise_are_not_the_past_of_a_new_partner(hub) {
        let (officer, _first) = (hub.officer().await, hub.bank("B001").await);
        let withdrawn = file(&hub, &officer).await;
        hub.withdraw(&officer, &withdrawn).await;
        hub.file_this(&officer, &filing_with(&json!({ "kind": "exercise" }))).await;
        let joined = hub.bank("B002").await;
        hub.chase_due().await;
        assert!(told(&hub, &joined).await.is_empty());
        let next = file(&hub, &officer).await;
        assert_eq!(told(&hub, &joined).await, [(1, next, 1)]);
    }

    async fn an_observer_is_told_of_everything_numbered_stamped_and_shown_to_all(hub) {
        let (officer, admin, bank) = (hub.officer().await, hub.administrator().await, hub.bank("B001").await);
        let receiver = Receiver::start();
        let entered = json!({ "code": "FSA", "observer": true, "profile": {
            "name_ja": "金融監督庁", "name_en": "Supervisory Agency", "language": "ja" } });
        let entered = hub.post("/api/v1/banks", &admin.key, &entered).await.expect(201).json();
        assert_eq!(entered["is_observer"], true);
        let endpoint = json!({ "endpoint": { "url": receiver.url("/hook"), "ed25519": false }, "reason": "first endpoint" });
        hub.post("/api/v1/banks/FSA/endpoints", &admin.key, &endpoint).await.expect(201);
        let key = hub.post("/api/v1/banks/FSA/keys", &admin.key, &json!({ "label": "machine" })).await.expect(201).json();
        let named = hub.post("/api/v1/incidents", &officer.key, &filing_with(&json!({ "affected_banks": ["FSA"] }))).await;
        assert_eq!(named.expect(422).json()["faults"][0]["code"], "bank_observes");

        let reference = file(&hub, &officer).await;
        hub.deliver_due().await;
        let told = receiver.hits()[0].json();
        let notice = &told["data"]["notice"];
        assert_eq!((&notice["number"], &notice["exposed"], &notice["concerns_you"]), (&json!("1"), &json!(false), &json!(false)));
        assert_eq!(bank.receiver.hits()[0].json()["data"]["recipients"]["observers"], json!(["FSA"]));
        let stamp = json!({ "digest": told["data"]["digest"], "name": "監督 太郎", "role": "当直" });
        let path = format!("/api/v1/notices/{}/acknowledgement", text(notice, "id"));
        hub.post(&path, text(&key, "key"), &stamp).await.expect(200);
        let cell = hub.cell(&officer, &reference, "FSA").await;
        assert_eq!((&cell["reason"], &cell["level"]), (&json!("observer"), &json!("acknowledged")), "{cell}");
        // What banks switch off, an observer has not.
        let map = hub.get(&format!("/api/v1/incidents/{reference}/response-map"), &officer.key).await.expect(200).json();
        let mapped: Vec<&str> = map["banks"].as_array().expect("banks").iter().map(|one| text(one, "bank")).collect();
        assert_eq!(mapped, ["B001"]);
        let reader = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        let page = reader.page(&hub, &format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"))).await;
        assert!(page.contains("Supervisory Agency"), "shown to all");
        // Without its stamp nothing is closed either.
        hub.stamp(&bank).await.expect(200);
        hub.close_incident(&officer, &reference).await.expect(201);
        hub.seal().await;
        assert_eq!(counts(&covered(&hub, &reference, 2).await), [0, 2, 0, 0]);
    }

    async fn a_long_past_is_told_in_parts_once_each_whoever_dies_between(hub) {
        let (officer, _first) = (hub.officer().await, hub.bank("B001").await);
        for _ in 0..23 { hub.file(&officer).await; }
        let joined = hub.bank("B002").await;
        let part = hub.act(|tx| tell_late_joiners(tx, &crate::support::ground::rules())).await;
        assert_eq!(part, (20, true));
        hub.restart().await;
        // What is filed meanwhile comes when it comes; the past goes on behind it.
        let between = file(&hub, &officer).await;
        let also = hub.bank("B003").await;
        hub.chase_due().await;
        let inbox = told(&hub, &joined).await;
        let numbers: Vec<i64> = inbox.iter().map(|line| line.0).collect();
        assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
        let mut incidents: Vec<&String> = inbox.iter().map(|line| &line.1).collect();
        assert_eq!(incidents[20], &between);
        incidents.sort_unstable();
        incidents.dedup();
        assert_eq!(incidents.len(), 24);
        assert_eq!(told(&hub, &also).await.len(), 24);
        hub.chase_due().await;
        assert_eq!(told(&hub, &joined).await.len(), 24, "only once");
    }

    async fn a_bank_entered_without_a_channel_is_owed_its_past_and_gets_it_over_the_first_one(hub) {
        let (officer, admin, _first) = (hub.officer().await, hub.administrator().await, hub.bank("B001").await);
        let reference = file(&hub, &officer).await;
        let bank = json!({ "code": "B002", "profile": { "name_ja": "新銀行", "name_en": "New Bank", "language": "ja" } });
        hub.post("/api/v1/banks", &admin.key, &bank).await.expect(201);
        hub.chase_due().await;
        assert!(hub.tasks(&officer).await.is_empty(), "it is given an hour to enter one");
        hub.advance(hours(1));
        hub.chase_due().await;
        let mut tasks = hub.tasks(&officer).await;
        tasks.retain(|task| task["bank"] == "B002");
        assert_eq!((tasks.len(), &tasks[0]["kind"]), (1, &json!("no_channel")));
        let receiver = Receiver::start();
        let endpoint = json!({ "endpoint": { "url": receiver.url("/hook"), "ed25519": false }, "reason": "first endpoint" });
        hub.post("/api/v1/banks/B002/endpoints", &admin.key, &endpoint).await.expect(201);
        hub.deliver_due().await;
        assert_eq!(receiver.hits()[0].json()["data"]["notice"]["incident"], json!(reference));
    }

    async fn a_bank_that_comes_back_gets_what_it_missed_and_nothing_twice(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        let (_stays, leaver) = (hub.bank("B001").await, hub.bank("B002").await);
        let had = file(&hub, &officer).await;
        hub.leave("B002").await;
        let missed = file(&hub, &officer).await;
        assert_eq!(told(&hub, &leaver).await, [(1, had.clone(), 1)]);
        hub.post("/api/v1/partnerships", &admin.key, &json!({ "bank": "B002" })).await.expect(200);
        hub.chase_due().await;
        assert_eq!(told(&hub, &leaver).await, [(1, had, 1), (2, missed, 1)]);
    }

    async fn a_leaver_keeps_its_history_and_gets_the_final_of_what_it_was_told(hub) {
        let (officer, stays, leaver) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        let reference = file(&hub, &officer).await;
        hub.deliver_due().await;
        hub.leave("B002").await;
        let after = file(&hub, &officer).await;
        hub.stamp(&leaver).await.expect(200);
        let line = hub.inbox(&stays).await[0].clone();
        hub.stamp_as(&stays.key, text(&line, "notice"), &line["digest"]).await.expect(200);
        hub.close_incident(&officer, &reference).await.expect(201);
        assert_eq!(told(&hub, &leaver).await, [(1, reference.clone(), 1), (2, reference.clone(), 2)], "not of {after}");
        hub.deliver_due().await;
        let closing = leaver.receiver.hits().pop().expect("the final report").json();
        assert_eq!((&closing["data"]["notice"]["phase"], &closing["data"]["notice"]["number"]), (&json!("final"), &json!("2")));
        hub.stamp(&leaver).await.expect(200);
        hub.seal().await;
        assert_eq!(counts(&covered(&hub, &reference, 2).await), [0, 1, 1, 1]);
    }

    async fn a_partnership_does_not_end_before_the_bank_was_told_and_then_has_its_day(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        let (_stays, leaver) = (hub.bank("B001").await, hub.bank("B002").await);
        leaver.receiver.answer(Answer::Status(500));
        hub.leave("B002").await;
        let first = leaver.receiver.hits()[0].json();
        assert_eq!(first["type"], "partnership.ending");
        hub.act(kairan::actions::cut_roster::cut_due).await;
        assert_eq!(members(&hub, &admin).await, 2, "put off");
        assert_eq!(hub.file(&officer).await["notices"], 2, "and told like everybody until then");
        let warned = hub.texts("SELECT kind AS text FROM warning_given WHERE kind = 'ending-untold'");
        assert_eq!(warned.len(), 1, "the operator's people know of it");
        // Another endpoint in the place of the dead one brings the announcement.
        let receiver = Receiver::start();
        let head = hub.head_of(&leaver).await;
        let dead = hub.endpoint_of(&head).await;
        let path = format!("/api/v1/own/endpoints/{dead}/replacement");
        hub.post(&path, &head.key, &json!({ "url": receiver.url("/hook"), "ed25519": false })).await.expect(201);
        hub.send_due().await;
        let kinds: Vec<Value> = receiver.hits().iter().map(|hit| hit.json()["type"].clone()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "partnership.ending").count(), 1, "once: {kinds:?}");
        hub.advance(hours(1) + seconds(1));
        hub.act(kairan::actions::cut_roster::cut_due).await;
        assert_eq!(members(&hub, &admin).await, 2, "it has a day from when it was told");
        hub.send_due().await;
        let mut told: Vec<Value> = receiver.hits().iter().map(|hit| hit.json()).collect();
        told.retain(|body| body["type"] == "partnership.ending");
        let again = told.pop().expect("told anew");
        assert!(text(&again["data"], "ends_at") > hub.clock.now().to_string().as_str(), "{again}");
        hub.advance(hours(24) + seconds(1));
        hub.act(kairan::actions::cut_roster::cut_due).await;
        assert_eq!(members(&hub, &admin).await, 1);
    }

    async fn a_way_that_is_entered_beside_a_dead_one_brings_the_announcement_too(hub) {
        let admin = hub.administrator().await;
        let (_stays, leaver) = (hub.bank("B001").await, hub.bank("B002").await);
        leaver.receiver.answer(Answer::Status(500));
        hub.leave("B002").await;
        hub.act(kairan::actions::cut_roster::cut_due).await;
        let receiver = Receiver::start();
        let head = hub.head_of(&leaver).await;
        let dead = hub.endpoint_of(&head).await;
        let made = json!({ "url": receiver.url("/hook"), "ed25519": false });
        hub.post("/api/v1/own/endpoints", &head.key, &made).await.expect(201);
        let gone = hub.call(reqwest::Method::DELETE, &format!("/api/v1/own/endpoints/{dead}"), &head.key, None).await;
        assert_eq!(gone.status, 204);
        hub.send_due().await;
        let types: Vec<Value> = receiver.hits().iter().map(|hit| hit.json()["type"].clone()).collect();
        assert_eq!(types, ["partnership.ending"], "once");
        assert_eq!(members(&hub, &admin).await, 2);
    }

    async fn a_joiner_that_cannot_be_told_stops_no_chase_and_people_hear_of_it_once(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.bank("B002").await;
        // Somebody beside the hub took the entry away that a late fan-out names.
        let entry = "kind = 'incident.registered'";
        let drop = if hub.postgres.is_some() { "ALTER TABLE log_entry DISABLE TRIGGER ALL;" } else { "DROP TRIGGER log_entry_no_update;" };
        hub.tamper(&format!("{drop} UPDATE log_entry SET kind = 'spoilt' WHERE {entry};"));
        hub.advance(hours(3));
        assert!(hub.chase_due().await > 0, "{} is chased all the same", bank.code);
        hub.chase_due().await;
        let warned = hub.texts("SELECT kind AS text FROM warning_given WHERE kind = 'joiner-untold'");
        assert_eq!(warned.len(), 1);
    }

    async fn what_is_over_is_chased_by_the_clock_of_the_past(hub) {
        let (officer, first) = (hub.officer().await, hub.bank("B001").await);
        let over = file(&hub, &officer).await;
        hub.stamp(&first).await.expect(200);
        hub.close_incident(&officer, &over).await.expect(201);
        let joined = hub.bank("B002").await;
        hub.chase_due().await;
        let notice = hub.newest(&joined).await;
        // Its own clock would have run out; that of the past is not a quarter over at any hour of the day.
        hub.advance(seconds(65 * 60));
        hub.chase_due().await;
        let steps = hub.texts(&format!("SELECT s.kind AS text FROM chase_step s JOIN notice n ON n.id = s.notice_id
            JOIN bank b ON b.id = n.bank_id WHERE b.code = 'B002' AND n.number = {}", notice["number"]));
        assert_eq!(steps, Vec::<String>::new(), "not by that of what it once was");
    }

    async fn an_observer_reports_no_accounts_of_its_own(hub) {
        hub.bank("B001").await;
        let admin = hub.administrator().await;
        let entered = json!({ "code": "FSA", "observer": true, "profile": {
            "name_ja": "金融監督庁", "name_en": "Supervisory Agency", "language": "ja" } });
        hub.post("/api/v1/banks", &admin.key, &entered).await.expect(201);
        let key = hub.post("/api/v1/banks/FSA/keys", &admin.key, &json!({ "label": "machine" })).await.expect(201).json();
        let mut report = crate::support::ground::report();
        let refused = hub.post("/api/v1/reports", text(&key, "key"), &report).await.expect(422).json();
        assert_eq!(refused["faults"][0]["code"], "bank_observes");
        report["own_accounts"] = json!(false);
        hub.post("/api/v1/reports", text(&key, "key"), &report).await.expect(201);
    }
}
