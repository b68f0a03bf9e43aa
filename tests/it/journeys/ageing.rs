//! Suspicions age in the auditor's sight: from the first record of one until it is issued or discarded.

use super::pages::seated;
use super::steps::{filing_with, hours, seconds, text};
use crate::support::browser::Browser;
use serde_json::{Value, json};

/// A filing of what was detected a moment ago.
fn fresh(hub: &crate::support::hub::TestHub) -> Value {
    filing_with(&json!({ "detected_at": hub.clock.now().to_millis_string() }))
}

journeys! {
    async fn a_draft_that_cannot_be_opened_keeps_nothing_else_from_going_out_by_itself(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.post("/api/v1/drafts", &officer.key, &fresh(&hub)).await.expect(201);
        hub.hold_back(&officer).await;
        hub.tamper("UPDATE sealed_payload SET ciphertext = substr(ciphertext, 2) WHERE id IN (SELECT payload_id FROM draft)");
        hub.advance(hours(30));
        assert_eq!(hub.run_out().await, 2, "what was held back goes out, and the draft is told of by its date");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
        hub.is_sound = false;
    }

    async fn a_draft_that_is_older_than_a_day_from_awareness_is_told_once_and_marked(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let first = hub.post("/api/v1/drafts", &officer.key, &fresh(&hub)).await.expect(201).json();
        hub.advance(hours(20));
        let second = hub.post("/api/v1/drafts", &officer.key, &fresh(&hub)).await.expect(201).json();
        assert_eq!(hub.run_out().await, 0);
        hub.advance(hours(5));
        assert_eq!(hub.run_out().await, 1, "the older one");
        hub.advance(seconds(10));
        assert_eq!(hub.run_out().await, 0, "once");
        let listed = hub.get("/api/v1/drafts", &auditor.key).await.expect(200).json();
        let past: Vec<_> = listed["drafts"].as_array().expect("drafts").iter().map(|one| (one["id"].clone(), one["past_ceiling"].clone())).collect();
        assert_eq!(past, [(first["id"].clone(), json!(true)), (second["id"].clone(), json!(false))]);
        let reader = seated(&hub, &auditor).await;
        let page = reader.page(&hub, "/drafts").await;
        assert_eq!(page.matches("past its ceiling, counted from awareness").count(), 1, "{page}");
        // What is discarded in time is nobody's worry, and stays with its reason and who gave it.
        let discard = format!("/api/v1/drafts/{}/discard", text(&second, "id"));
        hub.post(&discard, &officer.key, &json!({ "reason": "a test of ours" })).await.expect(204);
        hub.advance(hours(30));
        assert_eq!(hub.run_out().await, 0);
        let listed = hub.get("/api/v1/drafts", &auditor.key).await.expect(200).json();
        assert_eq!(listed["drafts"][1]["discarded_by"], json!(officer.id.to_string()));
    }

    async fn the_time_from_the_first_record_of_a_suspicion_to_its_issue_is_measured_and_shown(hub) {
        let (bank, officer, auditor) = (hub.bank("B001").await, hub.officer().await, hub.auditor().await);
        let draft = hub.post("/api/v1/drafts", &officer.key, &fresh(&hub)).await.expect(201).json();
        hub.advance(hours(3));
        let issue = format!("/api/v1/incidents?draft={}", text(&draft, "id"));
        let issued = hub.post(&issue, &officer.key, &fresh(&hub)).await.expect(201).json();
        let first = hub.get(&format!("/api/v1/incidents/{}/revisions/1", text(&issued, "reference")), &auditor.key).await.expect(200).json();
        assert_eq!(first["first_recorded_at"], draft["created_at"]);
        let report = hub.report(&bank).await;
        hub.advance(hours(2));
        let begun = hub.post(&format!("/api/v1/reports/{}/draft", text(&report, "id")), &officer.key, &json!({})).await.expect(201).json();
        hub.advance(hours(1));
        let mut filing = begun["body"].clone();
        filing["operator_contacts"] = fresh(&hub)["operator_contacts"].clone();
        filing["late_reason"] = json!("銀行からの報告で初めて知った。");
        let issue = format!("/api/v1/incidents?draft={}", text(&begun, "id"));
        let reported = hub.post(&issue, &officer.key, &filing).await.expect(201).json();
        let first = hub.get(&format!("/api/v1/incidents/{}/revisions/1", text(&reported, "reference")), &auditor.key).await.expect(200).json();
        assert_eq!(first["first_recorded_at"], report["reported_at"], "the bank knew before the draft");
        let reader = seated(&hub, &auditor).await;
        let page = reader.page(&hub, &format!("/incidents/{}", text(&reported, "reference"))).await;
        assert!(page.contains("from first record to issue: 3 h"), "{page}");
        let reader = Browser::sign_in(&hub, &auditor.email()).await;
        let page = reader.page(&hub, "/drafts").await;
        assert_eq!(page.matches("from first record to issue: 3 h").count(), 2, "{page}");
    }
}
