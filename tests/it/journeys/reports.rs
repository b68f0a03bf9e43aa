//! A bank reports a suspicion: its receipt, the operator's clock, the three answers, and the one that nobody gives.

use super::mail::relay;
use super::pages::seated;
use super::steps::{filing_with, hours, seconds, text};
use crate::support::browser::{Browser, hidden};
use crate::support::ground::{contact, filing, report, rules};
use crate::support::hub::{Bank, Reply, TestHub};
use crate::support::maildir::{Mailbox, mailbox};
use kairan::actions::add_contact::ContactInput;
use kairan::actions::invite::email_tag;
use kairan::actions::lapse::{Lapsed, lapsed, run_out};
use kairan::domain::email::EmailAddress;
use kairan::domain::id::Uid;
use kairan::domain::proof::receipt::Receipt;
use kairan::merkle::note::VerifierKey;
use kairan::merkle::tlog_proof::TlogProof;
use kairan::storage::people::{PersonRow, RoleGrantRow};
use kairan::storage::{Lane, payload, people};
use serde_json::{Value, json};

impl TestHub {
    /// A bank's machine reports the usual suspicion.
    pub async fn report(&self, bank: &Bank) -> Value {
        self.report_this(bank, &report()).await.expect(201).json()
    }

    pub async fn report_this(&self, bank: &Bank, report: &Value) -> Reply {
        self.post("/api/v1/reports", &bank.key, report).await
    }

    /// How a bank sees its report.
    pub async fn own_report(&self, bank: &Bank, id: &str) -> Value {
        let path = format!("/api/v1/own/reports/{id}");
        self.get(&path, &bank.key).await.expect(200).json()
    }
}

async fn receipt_key(hub: &TestHub) -> VerifierKey {
    let published = hub.get("/.well-known/kairan", "").await.expect(200).json();
    text(&published["receipt"], "vkey").parse().expect("a key")
}

/// The body that the newest notice of a bank carries.
async fn told(hub: &TestHub, bank: &Bank) -> Value {
    let path = format!(
        "/api/v1/notices/{}",
        text(&hub.newest(bank).await, "notice")
    );
    let notice = hub.get(&path, &bank.key).await.expect(200).json();
    notice["body"].clone()
}

/// An officer whose mails arrive somewhere.
pub(super) async fn officer_at(hub: &TestHub, mailbox: &Mailbox) {
    person_at(hub, mailbox, "officer", None).await;
}

/// Somebody whose mails arrive somewhere.
pub(super) async fn person_at(
    hub: &TestHub,
    mailbox: &Mailbox,
    role: &'static str,
    bank_id: Option<Uid>,
) {
    let address = mailbox.address().to_owned();
    hub.act(move |tx| {
        let (id, recorded_at) = (tx.new_id()?, tx.now()?);
        let known = json!({ "name": role, "email": address }).to_string();
        let payload_id = payload::seal(tx, id, known.as_bytes())?;
        let email_tag = email_tag(tx, &EmailAddress::parse(&address).expect("an address"));
        let person = PersonRow {
            id,
            bank_id,
            payload_id,
            email_tag,
            language: "en".into(),
            recorded_at,
        };
        people::insert_person(tx, &person)?;
        let grant = RoleGrantRow {
            person_id: id,
            role: role.into(),
            revision: 1,
            given: true,
            granted_by: None,
            approval_id: None,
            recorded_at,
        };
        Ok(people::insert_grant(tx, &grant)?)
    })
    .await;
}

/// What is done by hands that all come at once.
async fn at_once(hub: &TestHub, what: Lapsed) -> usize {
    let mut hands = Vec::new();
    for _ in 0..8 {
        let store = hub.store.clone();
        hands.push(tokio::spawn(async move {
            let done = store
                .write(Lane::Front, move |tx| run_out(tx, &rules(), what))
                .await;
            usize::from(done.unwrap_or(false))
        }));
    }
    let mut done = 0;
    for hand in hands {
        done += hand.await.expect("no panic");
    }
    done
}

journeys! {
    async fn a_bank_holds_a_receipt_that_the_log_then_keeps(hub) {
        let bank = hub.bank("B001").await;
        let made = hub.report(&bank).await;
        let kept = Receipt::open(text(&made, "receipt"), &receipt_key(&hub).await).expect("signed by the hub");
        assert_eq!((kept.bank.as_str(), kept.report.to_string().as_str()), ("B001", text(&made, "id")));
        assert_eq!(kept.included_by, kept.reported_at + hours(24));
        let path = format!("/api/v1/own/reports/{}/proof", text(&made, "id"));
        assert_eq!(hub.get(&path, &bank.key).await.expect(409).code(), "not_sealed");
        hub.seal().await;
        let proof = String::from_utf8(hub.get(&path, &bank.key).await.expect(200).body).expect("text");
        let head = TlogProof::parse(&proof).expect("a proof").check(&kept.leaf, &hub.log_key()).expect("it is in the log");
        assert!(head.size > 0);
        let read = hub.own_report(&bank, text(&made, "id")).await;
        assert_eq!(read["receipt"], made["receipt"], "the same bytes again");
        assert!(read["entry"].is_i64());
    }

    async fn a_report_is_held_to_the_rules_of_a_filing_and_filed_once(hub) {
        let bank = hub.bank("B001").await;
        let mut bad = report();
        bad["title"] = json!({});
        bad["detected_at"] = json!("2999-01-01T00:00:00Z");
        let refused = hub.report_this(&bank, &bad).await.expect(422).json();
        let places: Vec<&str> = refused["faults"].as_array().expect("faults").iter().map(|fault| text(fault, "pointer")).collect();
        assert_eq!(places, ["/detected_at", "/title"]);
        let mut named = report();
        named["affected_banks"] = json!(["B002"]);
        assert_eq!(hub.report_this(&bank, &named).await.expect(400).code(), "field_unknown");
        let mut personal = report();
        personal["description"]["en"] = json!("from account 12345678");
        let warned = hub.report_this(&bank, &personal).await.expect(201).json();
        assert_eq!(warned["warnings"][0]["code"], "warn_account_number");
        let send = || hub.request(reqwest::Method::POST, "/api/v1/reports").bearer_auth(&bank.key)
            .header("content-type", "application/json").header("idempotency-key", "once").body(report().to_string());
        let (first, again) = (hub.send(send()).await.expect(201), hub.send(send()).await.expect(201));
        assert_eq!(first.body, again.body);
    }

    async fn a_report_repeated_under_the_banks_second_api_key_is_filed_once(hub) {
        let (bank, other) = (hub.bank("B001").await, hub.bank("B002").await);
        let head = hub.head_of(&bank).await;
        let second = hub.post("/api/v1/own/keys", &head.key, &json!({ "label": "second" })).await.expect(201).json();
        let send = |key: &str| hub.request(reqwest::Method::POST, "/api/v1/reports").bearer_auth(key)
            .header("content-type", "application/json").header("idempotency-key", "once").body(report().to_string());
        let first = hub.send(send(&bank.key)).await.expect(201).json();
        let again = hub.send(send(text(&second, "key"))).await.expect(201).json();
        assert_eq!(first, again);
        let listed = hub.get("/api/v1/own/reports", &bank.key).await.expect(200).json();
        assert_eq!(listed["reports"].as_array().map(Vec::len), Some(1));
        // Another bank, and a person of the same one, have keys of their own.
        for key in [&other.key, &head.key] {
            assert_ne!(hub.send(send(key)).await.expect(201).json()["id"], first["id"]);
        }
    }

    async fn the_officer_makes_a_report_an_incident_and_no_peer_learns_who_reported(hub) {
        let (reporter, peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let officer = hub.officer().await;
        let made = hub.report(&reporter).await;
        let begun = hub.post(&format!("/api/v1/reports/{}/draft", text(&made, "id")), &officer.key, &json!({})).await.expect(201).json();
        assert_eq!((&begun["body"]["affected_banks"], &begun["body"]["discovery_method"]), (&json!(["B001"]), &json!("bank_report")));
        let mut filing = begun["body"].clone();
        filing["operator_contacts"] = filing_with(&json!({}))["operator_contacts"].clone();
        filing["late_reason"] = json!("銀行からの報告で初めて知った。");
        let issue = format!("/api/v1/incidents?draft={}", text(&begun, "id"));
        let issued = hub.post(&issue, &officer.key, &filing).await.expect(201).json();
        let body = told(&hub, &peer).await;
        assert_eq!((&body["source"], body.get("unverified")), (&json!("bank"), None));
        assert!(!body.to_string().contains("B001"), "{body}");
        let own = hub.own_report(&reporter, text(&made, "id")).await;
        assert_eq!((&own["state"], &own["incident"]), (&json!("incident"), &issued["reference"]));
        hub.revise(&officer, text(&issued, "reference")).await;
        assert_eq!(told(&hub, &peer).await["source"], "bank", "later revisions say so too");
        hub.advance(hours(9));
        assert_eq!(hub.run_out().await, 0, "an answered report issues nothing");
        assert_eq!(hub.inbox(&peer).await.len(), 2);
    }

    async fn a_reason_goes_back_to_the_reporter_and_to_nobody_else(hub, relay()) {
        let mailbox = mailbox("desk");
        let reached = ContactInput { email: mailbox.address().into(), language: "en".into(), ..contact("B001", 1) };
        let (reporter, peer, officer) = (hub.bank_with("B001", reached).await, hub.bank("B002").await, hub.officer().await);
        let id = text(&hub.report(&reporter).await, "id").to_owned();
        let path = format!("/api/v1/reports/{id}/rejection");
        assert_eq!(hub.post(&path, &officer.key, &json!({ "reason": " " })).await.expect(422).json()["faults"][0]["pointer"], "/reason");
        hub.post(&path, &officer.key, &json!({ "reason": "The transactions were genuine." })).await.expect(204);
        assert_eq!(hub.post(&path, &officer.key, &json!({ "reason": "again" })).await.expect(409).code(), "report_answered");
        hub.deliver_due().await;
        let message = reporter.receiver.hits()[0].json();
        assert_eq!((&message["type"], &message["data"]["report"]), (&json!("report.answered"), &json!(id)));
        assert_eq!(message["data"]["reason"], "The transactions were genuine.");
        assert!(mailbox.wait_for(1)[0].text().contains("The transactions were genuine."));
        assert!(peer.receiver.hits().is_empty());
        let own = hub.own_report(&reporter, &id).await;
        assert_eq!((&own["state"], &own["reason"]), (&json!("no_incident"), &json!("The transactions were genuine.")));
        hub.advance(hours(9));
        assert_eq!(hub.run_out().await, 0);
    }

    async fn silence_issues_the_banks_own_words_to_everyone_once_even_after_downtime(hub) {
        let (reporter, peer, officer) = (hub.bank("B001").await, hub.bank("B002").await, hub.officer().await);
        let made = hub.report(&reporter).await;
        let begun = hub.post(&format!("/api/v1/reports/{}/draft", text(&made, "id")), &officer.key, &json!({})).await.expect(201).json();
        hub.advance(hours(8) - seconds(60));
        hub.run_out().await;
        assert!(hub.inbox(&peer).await.is_empty(), "too early");
        // Nobody was there when the clock ran out.
        hub.advance(hours(30));
        hub.restart().await;
        let id: Uid = text(&made, "id").parse().expect("an id");
        assert_eq!(hub.store.read(|tx| lapsed(tx, &crate::support::ground::rules())).await.expect("read"), [Lapsed::Silence(id)]);
        assert_eq!(at_once(&hub, Lapsed::Silence(id)).await, 1, "by one of many hands");
        hub.advance(seconds(10));
        assert_eq!(hub.run_out().await, 0, "and never again");
        for bank in [&reporter, &peer] {
            assert_eq!(hub.inbox(bank).await.len(), 1);
            let body = told(&hub, bank).await;
            assert_eq!((&body["source"], &body["unverified"]), (&json!("bank"), &json!(true)));
            assert_eq!((&body["title"], &body["description"]), (&report()["title"], &report()["description"]));
            assert!(!body.to_string().contains("B001"));
        }
        hub.deliver_due().await;
        assert_eq!(peer.receiver.hits()[0].json()["type"], "notice.issued");
        let own = hub.own_report(&reporter, text(&made, "id")).await;
        assert_eq!(own["state"], "silence");
        // What comes too late is told so.
        let path = format!("/api/v1/reports/{id}/rejection");
        assert_eq!(hub.post(&path, &officer.key, &json!({ "reason": "no" })).await.expect(409).code(), "report_answered");
        let issue = format!("/api/v1/incidents?draft={}", text(&begun, "id"));
        assert_eq!(hub.post(&issue, &officer.key, &filing()).await.expect(409).code(), "report_answered");
        let revised = hub.revise(&officer, text(&own, "incident")).await;
        assert_eq!(revised["revision"], 2);
        assert_eq!(told(&hub, &peer).await.get("unverified"), None, "the operator has looked into it");
    }

    async fn officers_are_told_at_once_and_again_when_their_time_is_over(hub, relay()) {
        let bank = hub.bank("B001").await;
        let mailbox = mailbox("officer");
        officer_at(&hub, &mailbox).await;
        hub.report(&bank).await;
        hub.deliver_due().await;
        hub.advance(hours(4) + seconds(1));
        assert_eq!(hub.run_out().await, 1);
        hub.advance(hours(1));
        assert_eq!(hub.run_out().await, 0, "told once");
        hub.deliver_due().await;
        let mails = mailbox.wait_for(2);
        assert!(mails[0].subject().contains("A bank has reported a suspected theft"), "{}", mails[0].subject());
        assert!(mails[1].subject().contains("One of our own deadlines"), "{}", mails[1].subject());
    }

    async fn both_sides_see_the_same_clock_on_their_desks(hub) {
        let (bank, officer, auditor) = (hub.bank("B001").await, hub.officer().await, hub.auditor().await);
        let member = hub.person("bank_member", Some(bank.id)).await;
        let (desk, home) = (seated(&hub, &member).await, seated(&hub, &officer).await);
        let page = desk.page(&hub, "/reports").await;
        let key = hidden(&page, "idempotency_key");
        let mut form = vec![("idempotency_key", key.as_str()), ("title_en", "Odd top-ups"), ("typology", "pin_spraying"),
            ("detected_at", "2019-05-16T17:25"), ("own_accounts", "yes"), ("severity", "high"), ("victims", "two")];
        let refused = desk.post(&hub, "/reports", &form).await.expect(422);
        let refused = String::from_utf8(refused.body).expect("a page");
        assert!(refused.contains("Odd top-ups") && refused.contains("e-victims"), "what was typed is kept");
        form.retain(|(name, _)| *name != "victims");
        form.push(("description_en", "Top-ups that nobody made, from 12345678."));
        let warned = desk.post(&hub, "/reports", &form).await.expect(200);
        assert!(String::from_utf8(warned.body).expect("a page").contains("A long run of digits"), "warned before it goes");
        form.pop();
        form.push(("description_en", "Top-ups that nobody made."));
        let filed = desk.post(&hub, "/reports", &form).await.expect(303);
        let place = filed.headers["location"].to_str().expect("text").to_owned();
        let own = desk.page(&hub, &place).await;
        for shown in ["Waits for the operator", "to answer:", "kairan-receipt/v1", "Odd top-ups"] { assert!(own.contains(shown), "{shown} in {own}"); }
        let listed = home.page(&hub, "/home").await;
        assert!(listed.contains("Banks report") && listed.contains("to answer:"), "{listed}");
        hub.advance(hours(4) + seconds(1));
        // A session of fifteen idle minutes is over.
        let (desk, home) = (Browser::sign_in(&hub, &member.email()).await, Browser::sign_in(&hub, &officer.email()).await);
        let reader = seated(&hub, &auditor).await;
        let own = place.split('?').next().expect("a path");
        let report = own.rsplit('/').next().expect("an id");
        assert!(desk.page(&hub, own).await.contains("answer late by"));
        let seen = reader.page(&hub, &format!("/bank-reports/{report}")).await;
        assert!(seen.contains("answer late by") && !seen.contains("Make it an incident"), "an auditor reads");
        let begun = home.post(&hub, &format!("/bank-reports/{report}/draft"), &[]).await.expect(303);
        let form = begun.headers["location"].to_str().expect("text").to_owned();
        let form = home.page(&hub, &form).await;
        assert!(form.contains("Top-ups that nobody made.") && form.contains("value=\"B001\""), "{form}");
        let said = [("reason", "They were genuine.")];
        home.post(&hub, &format!("/bank-reports/{report}/rejection"), &said).await.expect(303);
        assert!(desk.page(&hub, own).await.contains("They were genuine."));
    }
}
