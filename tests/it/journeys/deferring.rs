//! Holding a notice back: two people, a legal basis, 72 hours, every bank alike, and it goes out by itself.

use super::pages::{seated, typed_filing};
use super::steps::{further, hours, seconds, text, withdrawal};
use crate::support::browser::hidden;
use crate::support::ground::{filing, rules};
use crate::support::hub::{Person, Reply, TestHub};
use kairan::actions::lapse::{Lapsed, run_out};
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant;
use kairan::storage::Lane;
use serde_json::{Value, json};

fn in_hours(hub: &TestHub, count: u64) -> String {
    let at: Instant = hub.clock.now() + hours(count);
    at.to_millis_string()
}

/// A new incident, to be held back for a day.
pub fn deferral(hub: &TestHub) -> Value {
    json!({ "filing": filing(), "basis": "investigation_request", "reason": "文書による要請", "until": in_hours(hub, 24) })
}

impl TestHub {
    pub async fn ask_deferral(&self, officer: &Person, asked: &Value) -> String {
        let asked = self.post("/api/v1/deferrals", &officer.key, asked).await;
        text(&asked.expect(202).json(), "request").to_owned()
    }

    /// Two officers hold a new incident back; the deferral's id.
    pub async fn hold_back(&self, officer: &Person) -> String {
        let asked = deferral(self);
        self.hold_this_back(officer, &asked).await
    }

    pub async fn hold_this_back(&self, officer: &Person, asked: &Value) -> String {
        let request = self.ask_deferral(officer, asked).await;
        let second = self.officer().await;
        self.decide(&second, &request, true).await.expect(200);
        text(&self.deferrals(officer).await[0], "id").to_owned()
    }

    /// The newest first.
    pub async fn deferrals(&self, reader: &Person) -> Vec<Value> {
        let list = self
            .get("/api/v1/deferrals", &reader.key)
            .await
            .expect(200)
            .json();
        list["deferrals"].as_array().expect("deferrals").clone()
    }

    pub async fn renew(&self, officer: &Person, id: &str, until: String) -> Reply {
        let terms = json!({ "basis": "court_order", "reason": "更新", "until": until });
        self.post(
            &format!("/api/v1/deferrals/{id}/renewal"),
            &officer.key,
            &terms,
        )
        .await
    }
}

journeys! {
    async fn nothing_is_held_back_by_one_person_and_what_two_hold_back_goes_out_by_itself(hub) {
        let (officer, second, auditor) = (hub.officer().await, hub.officer().await, hub.auditor().await);
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        let request = hub.ask_deferral(&officer, &deferral(&hub)).await;
        assert_eq!(hub.decide(&officer, &request, true).await.expect(409).code(), "same_person");
        assert!(hub.deferrals(&auditor).await.is_empty(), "nothing is held yet");
        hub.decide(&second, &request, true).await.expect(200);
        let held = hub.deferrals(&auditor).await.remove(0);
        assert_eq!((&held["state"], &held["basis"]), (&json!("in_force"), &json!("investigation_request")));
        assert_ne!(held["requester"], held["approver"]);
        hub.advance(hours(23));
        assert_eq!(hub.run_out().await, 0);
        assert!(hub.inbox(&banks[0]).await.is_empty());
        // The hub is down when the time is over.
        hub.advance(hours(20));
        hub.restart().await;
        let id: Uid = text(&held, "id").parse().expect("an id");
        let mut done = 0;
        for hand in (0..6).map(|_| hub.store.clone()).map(|store| tokio::spawn(async move {
            store.write(Lane::Front, move |tx| run_out(tx, &rules(), Lapsed::Deferral(id))).await.unwrap_or(false)
        })).collect::<Vec<_>>() { done += usize::from(hand.await.expect("no panic")); }
        assert_eq!(done, 1, "once, by one of many hands");
        hub.advance(seconds(10));
        assert_eq!(hub.run_out().await, 0);
        for bank in &banks { assert_eq!(hub.inbox(bank).await.len(), 1, "every bank alike"); }
        let ended = hub.deferrals(&auditor).await.remove(0);
        assert_eq!((&ended["state"], ended["issued"].is_string()), (&json!("expired"), true));
    }

    async fn a_suspicion_that_nobody_lets_be_held_back_is_left_as_a_draft(hub) {
        let (officer, second) = (hub.officer().await, hub.officer().await);
        let _bank = hub.bank("B001").await;
        let drafts = async |hub: &TestHub| hub.get("/api/v1/drafts", &officer.key).await.expect(200).json()["drafts"].as_array().expect("a list").len();
        let request = hub.ask_deferral(&officer, &deferral(&hub)).await;
        assert_eq!(drafts(&hub).await, 1);
        hub.decide(&second, &request, false).await.expect(200);
        assert_eq!(drafts(&hub).await, 1, "it ages in everybody's sight");
    }

    async fn a_hold_is_not_approved_over_a_revision_that_its_author_has_not_read(hub) {
        let (officer, second) = (hub.officer().await, hub.officer().await);
        let _bank = hub.bank("B001").await;
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        let mut asked = deferral(&hub);
        asked["incident"] = json!(reference);
        asked["filing"] = further();
        let request = hub.ask_deferral(&officer, &asked).await;
        hub.revise(&second, &reference).await;
        assert_eq!(hub.decide(&second, &request, true).await.expect(409).code(), "version_conflict");
    }

    async fn what_cannot_go_out_by_itself_is_told_to_people_once(hub) {
        let officer = hub.officer().await;
        let bank = hub.bank("B001").await;
        hub.hold_back(&officer).await;
        let told = |hub: &TestHub| hub.texts("SELECT kind AS text FROM message WHERE kind = 'operator.alert'").len();
        let before = told(&hub);
        // What it says was erased meanwhile.
        hub.tamper("DELETE FROM sealed_payload WHERE id IN (SELECT payload_id FROM deferral)");
        hub.advance(hours(25));
        assert_eq!(hub.run_out().await, 0);
        let after = told(&hub);
        assert!(after > before, "{before} {after}");
        hub.advance(seconds(10));
        assert_eq!(hub.run_out().await, 0);
        assert_eq!(told(&hub), after, "once");
        assert!(hub.inbox(&bank).await.is_empty());
    }

    async fn no_request_names_a_bank_or_holds_for_more_than_72_hours(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let mut asked = deferral(&hub);
        asked["bank"] = json!("B001");
        assert_eq!(hub.post("/api/v1/deferrals", &officer.key, &asked).await.expect(400).code(), "field_unknown");
        for (until, code) in [(in_hours(&hub, 73), "deferral_long"), ("2019-05-17T00:00:00Z".into(), "time_past")] {
            let mut asked = deferral(&hub);
            asked["until"] = json!(until);
            let refused = hub.post("/api/v1/deferrals", &officer.key, &asked).await.expect(422).json();
            assert_eq!((&refused["faults"][0]["pointer"], &refused["faults"][0]["code"]), (&json!("/until"), &json!(code)));
        }
        let mut unheld = deferral(&hub);
        unheld["filing"]["title"] = json!({});
        let refused = hub.post("/api/v1/deferrals", &officer.key, &unheld).await.expect(422).json();
        assert_eq!(refused["faults"][0]["pointer"], "/filing/title");
    }

    async fn holding_longer_takes_two_people_again(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let held = hub.hold_back(&officer).await;
        hub.advance(hours(20));
        let until = in_hours(&hub, 70);
        let asked = hub.renew(&officer, &held, until.clone()).await.expect(202).json();
        let request = text(&asked, "request").to_owned();
        assert_eq!(hub.decide(&officer, &request, true).await.expect(409).code(), "same_person");
        let second = hub.officer().await;
        hub.decide(&second, &request, true).await.expect(200);
        hub.advance(hours(5));
        assert_eq!(hub.run_out().await, 0, "the first one no longer counts");
        let listed = hub.deferrals(&officer).await;
        assert_eq!((&listed[0]["renews"], &listed[1]["state"]), (&json!(held), &json!("renewed")));
        assert_eq!(hub.renew(&officer, &held, in_hours(&hub, 1)).await.expect(409).code(), "deferral_ended");
        // A renewal that is approved too late holds nothing.
        let newest = text(&listed[0], "id").to_owned();
        let late = text(&hub.renew(&officer, &newest, in_hours(&hub, 71)).await.expect(202).json(), "request").to_owned();
        hub.advance(hours(66));
        assert_eq!(hub.decide(&second, &late, true).await.expect(409).code(), "deferral_ended");
        assert_eq!(hub.run_out().await, 1);
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn an_officer_lifts_a_deferral_and_it_goes_out_at_once(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let draft = hub.post("/api/v1/drafts", &officer.key, &filing()).await.expect(201).json();
        let mut asked = deferral(&hub);
        asked["draft"] = draft["id"].clone();
        let held = hub.hold_this_back(&officer, &asked).await;
        let issue = format!("/api/v1/incidents?draft={}", text(&draft, "id"));
        assert_eq!(hub.post(&issue, &officer.key, &filing()).await.expect(409).code(), "draft_deferred");
        let path = format!("/api/v1/deferrals/{held}/lifting");
        let issued = hub.post(&path, &officer.key, &json!({})).await.expect(200).json();
        assert_eq!((&issued["revision"], hub.inbox(&bank).await.len()), (&json!(1), 1));
        assert_eq!(hub.post(&path, &officer.key, &json!({})).await.expect(409).code(), "deferral_ended");
        let read = hub.get(&format!("/api/v1/drafts/{}", text(&draft, "id")), &officer.key).await.expect(200).json();
        assert_eq!(read["state"], "issued");
        hub.advance(hours(25));
        assert_eq!(hub.run_out().await, 0);
    }

    async fn while_a_revision_is_held_back_no_other_overtakes_it(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        let mut asked = deferral(&hub);
        (asked["incident"], asked["filing"]) = (json!(reference), further());
        let held = hub.hold_this_back(&officer, &asked).await;
        let path = format!("/api/v1/incidents/{reference}/revisions");
        assert_eq!(hub.post(&path, &officer.key, &further()).await.expect(409).code(), "deferral_in_force");
        let door = format!("/api/v1/incidents/{reference}/withdrawal");
        assert_eq!(hub.post(&door, &officer.key, &withdrawal()).await.expect(409).code(), "deferral_in_force");
        hub.file(&officer).await;
        let lifted = hub.post(&format!("/api/v1/deferrals/{held}/lifting"), &officer.key, &json!({})).await.expect(200).json();
        assert_eq!((&lifted["reference"], &lifted["revision"]), (&json!(reference), &json!(2)));
        hub.post(&path, &officer.key, &further()).await.expect(201);
        let numbers: Vec<Value> = hub.inbox(&bank).await.iter().map(|line| line["number"].clone()).collect();
        assert_eq!(numbers, [json!(1), json!(2), json!(3), json!(4)], "numbered when it went out");
    }

    async fn a_banks_report_is_not_issued_by_silence_while_its_answer_is_held_back(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let report = hub.report(&bank).await;
        let path = format!("/api/v1/reports/{}/draft", text(&report, "id"));
        let begun = hub.post(&path, &officer.key, &json!({})).await.expect(201).json();
        let mut asked = deferral(&hub);
        asked["draft"] = begun["id"].clone();
        hub.hold_this_back(&officer, &asked).await;
        hub.advance(hours(9));
        hub.run_out().await;
        assert!(hub.inbox(&bank).await.is_empty());
        hub.advance(hours(16));
        assert_eq!(hub.run_out().await, 1);
        assert_eq!(hub.own_report(&bank, text(&report, "id")).await["state"], "incident");
        hub.advance(seconds(10));
        hub.run_out().await;
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn officers_and_auditors_see_what_is_held_back_and_how_long_still(hub) {
        let (officer, second, auditor) = (hub.officer().await, hub.officer().await, hub.auditor().await);
        hub.bank("B001").await;
        let desk = seated(&hub, &officer).await;
        let page = desk.page(&hub, "/incidents/new").await;
        let key = hidden(&page, "idempotency_key");
        let mut form = typed_filing(&key, "defer");
        let refused = desk.post(&hub, "/incidents/new", &form).await.expect(422);
        assert!(String::from_utf8(refused.body).expect("a page").contains("e-deferral_basis"));
        let until = jiff::Timestamp::from_microsecond(hub.clock.now().micros()).expect("a time").in_tz("Asia/Tokyo").expect("a zone");
        let until = (until + jiff::SignedDuration::from_hours(10)).strftime("%Y-%m-%dT%H:%M").to_string();
        form.extend([("deferral_basis", "court_order"), ("deferral_until", until.as_str()), ("deferral_reason", "by order of the court")]);
        desk.post(&hub, "/incidents/new", &form).await.expect(303);
        let decider = seated(&hub, &second).await;
        let waiting = decider.page(&hub, "/approvals").await;
        for shown in ["Hold a notice back", "Order of a court", "連携口座からの不正チャージ"] { assert!(waiting.contains(shown), "{shown} in {waiting}"); }
        let list = hub.get("/api/v1/approvals", &second.key).await.expect(200).json();
        hub.decide(&second, text(&list["approvals"][0], "id"), true).await.expect(200);
        let reader = seated(&hub, &auditor).await;
        let seen = reader.page(&hub, "/deferrals").await;
        for shown in ["goes out by itself in", "by order of the court", "連携口座からの不正チャージ"] { assert!(seen.contains(shown), "{shown} in {seen}"); }
        assert!(!seen.contains("Send it to every bank now"), "an auditor changes nothing");
        let held = text(&hub.deferrals(&auditor).await[0], "id").to_owned();
        assert!(desk.page(&hub, "/home").await.contains("Held back"));
        let lifted = desk.post(&hub, &format!("/deferrals/{held}/lifting"), &[]).await.expect(303);
        assert!(lifted.headers["location"].to_str().expect("text").contains("done=issued"));
    }
}
