//! Filing: once, to everyone, revised and withdrawn.

use super::deferring::deferral;
use super::steps::{filing_with, final_report, further, hours, seconds, text, unexplained};
use crate::support::ground::filing;
use crate::support::hub::{Bank, TestHub};
use reqwest::Method;
use serde_json::{Value, json};

/// The numbers and reasons of a board's cells are read as `B001 partner`.
fn reasons(board: &Value) -> Vec<String> {
    let cells = board["cells"].as_array().expect("cells");
    cells
        .iter()
        .map(|cell| format!("{} {}", text(cell, "bank"), text(cell, "reason")))
        .collect()
}

/// How long a bank has for its newest notice.
async fn patience(hub: &TestHub, bank: &Bank) -> i64 {
    let notice = hub.newest(bank).await;
    let at = |field| {
        text(&notice, field)
            .parse::<jiff::Timestamp>()
            .expect("a time")
    };
    at("acknowledge_by").as_second() - at("issued_at").as_second()
}

journeys! {
    async fn an_officer_who_repeats_a_filing_gets_the_answer_of_then_even_after_a_restart(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let first = hub.file_as(&officer, "case-1", &filing()).await.expect(201);
        hub.restart().await;
        let again = hub.file_as(&officer, "case-1", &filing()).await.expect(201);
        assert_eq!((first.body, first.headers["location"].clone()), (again.body, again.headers["location"].clone()));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn a_key_that_was_used_for_another_filing_is_refused_and_so_is_none(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file_as(&officer, "case-1", &filing()).await.expect(201);
        let other = hub.file_as(&officer, "case-1", &further()).await.expect(409);
        assert_eq!(other.code(), "idempotency_conflict");
        let bare = hub.request(Method::POST, "/api/v1/incidents").bearer_auth(&officer.key);
        let none = hub.send(bare.header("content-type", "application/json").body(filing().to_string())).await;
        assert_eq!(none.expect(400).code(), "idempotency_key_missing");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn an_incident_that_is_told_too_late_says_why(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let ago = |by| json!((hub.clock.now() - by).to_millis_string());
        let late = unexplained(filing_with(&json!({ "detected_at": ago(hours(4) + seconds(60)) })));
        let refused = hub.post("/api/v1/incidents", &officer.key, &late).await.expect(422).json();
        let fault = &refused["faults"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/late_reason"), &json!("field_missing")));
        assert!(text(fault, "message").contains("why the banks are told only now"), "{fault}");
        assert!(hub.inbox(&bank).await.is_empty());
        let in_time = unexplained(filing_with(&json!({ "detected_at": ago(hours(3)) })));
        hub.post("/api/v1/incidents", &officer.key, &in_time).await.expect(201);
        let mut explained = late.clone();
        explained["late_reason"] = json!("照会した銀行からの回答を待っていた。");
        hub.post("/api/v1/incidents", &officer.key, &explained).await.expect(201);
        let exercise = unexplained(filing_with(&json!({ "kind": "exercise" })));
        hub.post("/api/v1/incidents", &officer.key, &exercise).await.expect(201);
        assert_eq!(hub.inbox(&bank).await.len(), 3);
    }

    async fn what_goes_out_by_itself_is_never_held_up_by_a_missing_reason(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let mut asked = deferral(&hub);
        asked["filing"] = unexplained(filing());
        hub.hold_this_back(&officer, &asked).await;
        hub.advance(hours(25));
        assert_eq!(hub.run_out().await, 1, "the deferral is over");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn two_officers_may_use_the_same_key_for_cases_of_their_own(hub) {
        hub.bank("B001").await;
        for officer in [hub.officer().await, hub.officer().await] {
            let answer = hub.file_as(&officer, "case-1", &filing()).await.expect(201);
            assert!(!answer.headers.contains_key("idempotent-replayed"));
        }
    }

    async fn the_answer_to_a_filing_says_what_was_issued_and_where_it_is(hub) {
        let officer = hub.officer().await;
        for code in ["B001", "B002", "B003"] { hub.bank(code).await; }
        let reply = hub.file_as(&officer, "case-1", &filing()).await.expect(201);
        let filed = reply.json();
        assert_eq!((&filed["notices"], &filed["revision"]), (&json!(3), &json!(1)));
        let roster = hub.get("/api/v1/roster", &officer.key).await.expect(200).json();
        assert_eq!(filed["roster_version"], roster["version"]);
        let place = reply.headers["location"].to_str().expect("text");
        let path = format!("/{}", place.splitn(4, '/').last().expect("a path"));
        let read = hub.get(&path, &officer.key).await.expect(200).json();
        assert_eq!(read["incident_digest"], filed["incident_digest"]);
    }

    async fn every_bank_gets_further_revisions_and_numbers_have_no_gap(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        for number in 2..=4 {
            let revised = hub.revise(&officer, text(&filed, "reference")).await;
            assert_eq!((&revised["revision"], &revised["notices"]), (&json!(number), &json!(1)));
        }
        hub.file(&officer).await;
        let inbox = hub.inbox(&bank).await;
        let numbers: Vec<_> = inbox.iter().map(|line| (line["number"].clone(), text(line, "revision"))).collect();
        assert_eq!(numbers, [(json!(1), "1"), (json!(2), "2"), (json!(3), "3"), (json!(4), "4"), (json!(5), "1")]);
    }

    async fn a_withdrawal_goes_out_only_after_a_second_officer_approved_it(hub) {
        let (officer, other) = (hub.officer().await, hub.officer().await);
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        let filed = hub.file(&officer).await;
        let request = hub.ask_withdrawal(&officer, text(&filed, "reference")).await;
        assert_eq!(hub.decide(&officer, &request, true).await.expect(409).code(), "same_person");
        hub.deliver_due().await;
        let decided = hub.decide(&other, &request, true).await.expect(200).json();
        assert_eq!((&decided["issued"]["revision"], &decided["issued"]["notices"]), (&json!(2), &json!(2)));
        hub.deliver_due().await;
        for bank in &banks {
            let types: Vec<_> = bank.receiver.hits().iter().map(|hit| hit.json()["type"].clone()).collect();
            assert_eq!(types, ["notice.issued", "notice.withdrawn"]);
        }
    }

    async fn a_refused_or_expired_withdrawal_never_goes_out(hub) {
        let (officer, other) = (hub.officer().await, hub.officer().await);
        let bank = hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        let refused = hub.ask_withdrawal(&officer, text(&filed, "reference")).await;
        hub.decide(&other, &refused, false).await.expect(200);
        assert_eq!(hub.decide(&other, &refused, true).await.expect(409).code(), "approval_ended");
        let late = hub.ask_withdrawal(&officer, text(&filed, "reference")).await;
        hub.advance(hours(72) + seconds(1));
        assert_eq!(hub.decide(&other, &late, true).await.expect(409).code(), "approval_ended");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn an_administrator_neither_sees_nor_decides_a_withdrawal(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        let request = hub.ask_withdrawal(&officer, text(&filed, "reference")).await;
        assert_eq!(hub.decide(&admin, &request, true).await.expect(403).code(), "forbidden");
        let seen = hub.get("/api/v1/approvals", &admin.key).await.expect(200).json();
        assert_eq!(seen["approvals"], json!([]));
    }

    async fn a_withdrawn_or_closed_incident_takes_no_further_revision(hub) {
        let officer = hub.officer().await;
        let bank = hub.bank("B001").await;
        let withdrawn = hub.file(&officer).await;
        hub.withdraw(&officer, text(&withdrawn, "reference")).await;
        let closed = hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        let path = |filed: &Value| format!("/api/v1/incidents/{}/revisions", text(filed, "reference"));
        hub.post(&path(&closed), &officer.key, &final_report("closed")).await.expect(201);
        for filed in [&withdrawn, &closed] {
            assert_eq!(hub.post(&path(filed), &officer.key, &further()).await.expect(409).code(), "incident_closed");
        }
    }

    async fn a_bank_that_has_left_still_hears_how_the_incident_went_on(hub) {
        let officer = hub.officer().await;
        let (_stays, leaves) = (hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        hub.leave("B002").await;
        hub.bank("B003").await;
        let revised = hub.revise(&officer, text(&filed, "reference")).await;
        assert_eq!(revised["notices"], 3);
        let board = hub.board(&officer, text(&filed, "reference")).await;
        assert_eq!(reasons(&board), ["B001 affected", "B002 former", "B003 partner"]);
        assert_eq!(hub.file(&officer).await["notices"], 2, "a new incident is no longer its business");
        assert_eq!(hub.inbox(&leaves).await.len(), 2);
    }

    async fn a_filing_that_would_reach_nobody_is_refused(hub) {
        let officer = hub.officer().await;
        let refused = hub.post("/api/v1/incidents", &officer.key, &filing()).await;
        assert_eq!(refused.expect(409).code(), "roster_empty");
    }

    async fn exposed_and_affected_banks_have_half_the_time(hub) {
        let officer = hub.officer().await;
        let (hit, alike) = (hub.bank("B001").await, hub.bank("B002").await);
        let (strong, unknown) = (hub.bank("B003").await, hub.bank("B004").await);
        hub.linking("B001", &["ekyc"]).await;
        hub.linking("B003", &["ekyc"]).await;
        hub.linking("B004", &[]).await;
        let filed = hub.file(&officer).await;
        let board = hub.board(&officer, text(&filed, "reference")).await;
        let flags = |n: usize| (board["cells"][n]["exposed"] == true, board["cells"][n]["concerns_you"] == true);
        assert_eq!([0, 1, 2, 3].map(flags), [(false, true), (true, false), (false, false), (true, false)]);
        let full = patience(&hub, &strong).await;
        for near in [&hit, &alike, &unknown] { assert_eq!(patience(&hub, near).await * 2, full); }
    }

    async fn a_draft_is_edited_under_its_version_and_ended_by_what_was_issued_from_it(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let draft = hub.post("/api/v1/drafts", &officer.key, &json!({ "tlp": "RED" })).await.expect(201).json();
        let path = format!("/api/v1/drafts/{}", text(&draft, "id"));
        hub.put(&path, &officer.key, 1, &filing()).await.expect(200);
        let stale = hub.put(&path, &officer.key, 1, &json!({})).await;
        assert_eq!(stale.expect(409).code(), "version_conflict");
        let issue = format!("/api/v1/incidents?draft={}", text(&draft, "id"));
        hub.post(&issue, &officer.key, &filing()).await.expect(201);
        assert_eq!(hub.get(&path, &officer.key).await.expect(200).json()["state"], "issued");
        assert_eq!(hub.put(&path, &officer.key, 2, &filing()).await.expect(409).code(), "draft_ended");
        assert_eq!(hub.post(&issue, &officer.key, &filing()).await.expect(409).code(), "draft_ended");
    }

    async fn a_discarded_draft_stays_in_the_auditors_sight_with_its_reason(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let draft = hub.post("/api/v1/drafts", &officer.key, &filing()).await.expect(201).json();
        let path = format!("/api/v1/drafts/{}/discard", text(&draft, "id"));
        let wordless = hub.post(&path, &officer.key, &json!({ "reason": " " })).await.expect(422).json();
        assert_eq!(wordless["faults"][0]["pointer"], "/reason");
        hub.post(&path, &officer.key, &json!({ "reason": "銀行の誤報" })).await.expect(204);
        let seen = hub.get("/api/v1/drafts", &auditor.key).await.expect(200).json();
        assert_eq!((&seen["drafts"][0]["state"], &seen["drafts"][0]["discard_reason"]), (&json!("discarded"), &json!("銀行の誤報")));
    }

    async fn nobody_can_choose_who_is_told(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        for field in ["recipients", "banks", "notices", "exclude_banks", "to"] {
            let mut choosing = filing();
            choosing[field] = json!(["B001"]);
            let refused = hub.post("/api/v1/incidents", &officer.key, &choosing).await.expect(400);
            assert_eq!((refused.code(), &refused.json()["faults"][0]["pointer"]), ("field_unknown".into(), &json!(format!("/{field}"))));
        }
        assert!(hub.inbox(&bank).await.is_empty());
    }
}
