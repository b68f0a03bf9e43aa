//! The register: who is a partner, since when, and how each is reached.

use super::steps::{hours, seconds, text};
use crate::support::ground::contact;
use crate::support::hub::{Person, TestHub};
use serde_json::{Value, json};

const GOOD: &str = "code,name_ja,name_en,language,linking,contact1_name,contact1_role,contact1_email,contact1_phone,contact1_level,contact1_language,endpoint_url\n\
    B101,あおば銀行,Aoba Bank,ja,ekyc,田中,不正対策,a@b101.example,+81 3-0000-0001,1,ja,\n\
    B102,みなと銀行,Minato Bank,en,,鈴木,不正対策,a@b102.example,+81 3-0000-0002,1,en,http://127.0.0.1:9/hook\n";

const BAD: &str = "code,name_ja,name_en,language,linking\n\
    B101,あおば銀行,Aoba Bank,ja,ekyc\n\
    b102,みなと銀行,Minato Bank,fr,ekyc\n\
    B101,あおば銀行,Aoba Bank,ja,no_such\n";

async fn codes(hub: &TestHub, admin: &Person) -> Vec<String> {
    let list = hub
        .get("/api/v1/banks", &admin.key)
        .await
        .expect(200)
        .json();
    list["banks"]
        .as_array()
        .expect("banks")
        .iter()
        .map(|bank| text(bank, "code").to_owned())
        .collect()
}

async fn roster(hub: &TestHub, admin: &Person) -> (i64, i64) {
    let roster = hub
        .get("/api/v1/roster", &admin.key)
        .await
        .expect(200)
        .json();
    (
        roster["version"].as_i64().expect("a version"),
        roster["banks"].as_i64().expect("a count"),
    )
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| text(fault, "pointer"))
        .collect()
}

fn new_bank(code: &str) -> Value {
    json!({ "code": code, "profile": { "name_ja": "新銀行", "name_en": "New Bank", "language": "ja", "linking": ["ekyc"] } })
}

journeys! {
    async fn a_file_of_banks_is_imported_whole_and_again_without_effect(hub) {
        let admin = hub.administrator().await;
        let first = hub.import(&admin, GOOD, "").await.expect(200).json();
        assert_eq!([&first["banks"][0]["effect"], &first["banks"][1]["effect"]], ["added", "added"]);
        assert!(text(&first["banks"][1], "secret").starts_with("whsec_"), "{first}");
        assert!(first["banks"][0]["secret"].is_null());
        let again = hub.import(&admin, GOOD, "").await.expect(200).json();
        assert_eq!([&again["banks"][0]["effect"], &again["banks"][1]["effect"]], ["unchanged", "unchanged"]);
        assert_eq!((&again["roster_version"], codes(&hub, &admin).await.len()), (&first["roster_version"], 2));
    }

    async fn every_fault_of_a_file_is_named_by_line_and_column_and_nothing_is_stored(hub) {
        let admin = hub.administrator().await;
        let refused = hub.import(&admin, BAD, "").await.expect(422).json();
        let found = pointers(&refused);
        for place in ["/3/code", "/3/language", "/4/code"] { assert!(found.contains(&place), "{place}: {found:?}"); }
        assert!(found.iter().any(|place| place.starts_with("/4/linking")), "{found:?}");
        assert!(codes(&hub, &admin).await.is_empty());
    }

    async fn a_dry_run_tells_what_would_happen_and_stores_nothing(hub) {
        let admin = hub.administrator().await;
        let told = hub.import(&admin, GOOD, "?dry_run=true").await.expect(200).json();
        assert_eq!((&told["dry_run"], &told["banks"][1]["effect"]), (&json!(true), &json!("added")));
        assert!(told["banks"][1]["secret"].is_null() && told["roster_version"].is_null());
        assert!(codes(&hub, &admin).await.is_empty());
    }

    async fn the_command_line_imports_by_the_same_rules(hub) {
        let admin = hub.administrator().await;
        let [good, bad] = [("good.csv", GOOD), ("bad.csv", BAD)].map(|(name, csv)| {
            let path = hub.folder.path().join(name);
            std::fs::write(&path, csv).expect("written");
            path.display().to_string()
        });
        let (code, said) = hub.command(&["import", "banks", &bad]).await;
        assert!(code == 1 && said.contains("line 3, column language"), "{code} {said}");
        assert_eq!(hub.command(&["import", "banks", &good, "--dry-run"]).await.0, 0);
        assert_eq!(hub.command(&["import", "banks", &good]).await.0, 2, "secrets have no place to go");
        assert!(codes(&hub, &admin).await.is_empty());
        let (code, said) = hub.command(&["import", "banks", &good, "--json"]).await;
        assert!(code == 0 && said.contains("whsec_"), "{code} {said}");
        assert_eq!(codes(&hub, &admin).await, ["B101", "B102"]);
    }

    async fn a_new_bank_is_told_from_the_moment_it_is_entered(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        hub.bank("B001").await;
        let before = roster(&hub, &admin).await;
        hub.post("/api/v1/banks", &admin.key, &new_bank("B002")).await.expect(201);
        assert_eq!(roster(&hub, &admin).await, (before.0 + 1, 2));
        assert_eq!(hub.file(&officer).await["notices"], 2);
        let again = hub.post("/api/v1/banks", &admin.key, &new_bank("B002")).await;
        assert_eq!(again.expect(409).code(), "bank_exists");
    }

    async fn a_bank_entered_for_next_week_is_told_from_next_week_on(hub) {
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        hub.bank("B001").await;
        let mut later = new_bank("B002");
        later["valid_from"] = json!((hub.clock.now() + hours(7 * 24)).to_string());
        hub.post("/api/v1/banks", &admin.key, &later).await.expect(201);
        assert_eq!(hub.file(&officer).await["notices"], 1);
        hub.advance(hours(7 * 24) + seconds(1));
        assert_eq!(hub.file(&officer).await["notices"], 2);
        assert_eq!(roster(&hub, &admin).await.1, 2);
    }

    async fn a_partnership_ends_a_day_after_two_people_said_so_and_not_before(hub) {
        let (officer, one, other) = (hub.officer().await, hub.administrator().await, hub.administrator().await);
        let (_stays, _leaves) = (hub.bank("B001").await, hub.bank("B002").await);
        let path = "/api/v1/partnerships/B002/ending";
        let asked = hub.post(path, &one.key, &json!({ "reason": "contract ended" })).await.expect(202).json();
        assert_eq!(hub.post(path, &other.key, &json!({ "reason": "again" })).await.expect(409).code(), "approval_pending");
        assert_eq!(hub.decide(&one, text(&asked, "request"), true).await.expect(409).code(), "same_person");
        hub.decide(&other, text(&asked, "request"), true).await.expect(200);
        hub.send_due().await;
        hub.advance(hours(23));
        assert_eq!(hub.file(&officer).await["notices"], 2);
        hub.advance(hours(1));
        assert_eq!(hub.file(&officer).await["notices"], 1);
        assert_eq!(hub.post(path, &one.key, &json!({ "reason": "gone" })).await.expect(409).code(), "not_partner");
    }

    async fn a_running_hub_cuts_the_roster_when_the_ending_takes_effect(hub) {
        let admin = hub.administrator().await;
        let (_stays, _leaves) = (hub.bank("B001").await, hub.bank("B002").await);
        hub.leave("B002").await;
        let before = roster(&hub, &admin).await;
        hub.act(kairan::actions::cut_roster::cut_due).await;
        assert_eq!((before.1, roster(&hub, &admin).await), (2, (before.0 + 1, 1)));
        hub.post("/api/v1/partnerships", &admin.key, &json!({ "bank": "B002" })).await.expect(200);
        assert_eq!(roster(&hub, &admin).await, (before.0 + 2, 2));
        let twice = hub.post("/api/v1/partnerships", &admin.key, &json!({ "bank": "B002" })).await;
        assert_eq!(twice.expect(409).code(), "already_partner");
    }

    async fn two_administrators_cannot_overwrite_each_other(hub) {
        let admin = hub.administrator().await;
        hub.bank("B001").await;
        let profile = &new_bank("B001")["profile"];
        hub.put("/api/v1/banks/B001/profile", &admin.key, 1, profile).await.expect(200);
        let stale = hub.put("/api/v1/banks/B001/profile", &admin.key, 1, profile).await;
        assert_eq!(stale.expect(409).code(), "version_conflict");
    }

    async fn the_last_way_to_reach_a_partner_cannot_be_ended(hub) {
        let bank = hub.bank("B001").await;
        let head = hub.head_of(&bank).await;
        let endpoint = format!("/api/v1/own/endpoints/{}", hub.endpoint_of(&head).await);
        let contacts = hub.get("/api/v1/own/contacts", &head.key).await.expect(200).json();
        let contact = format!("/api/v1/own/contacts/{}", text(&contacts["contacts"][0], "id"));
        hub.call(reqwest::Method::DELETE, &contact, &head.key, None).await.expect(204);
        let last = hub.call(reqwest::Method::DELETE, &endpoint, &head.key, None).await.expect(422).json();
        assert_eq!(last["faults"][0]["code"], "last_channel");
    }

    async fn another_administrator_must_agree_before_a_banks_endpoint_is_led_elsewhere(hub) {
        let (one, other) = (hub.administrator().await, hub.administrator().await);
        let (officer, bank) = (hub.officer().await, hub.bank_with("B001", contact("B001", 1)).await);
        let new = crate::support::receiver::Receiver::start();
        let path = format!("/api/v1/banks/B001/endpoints/{}/replacement", hub.endpoint_of(&hub.head_of(&bank).await).await);
        let body = json!({ "endpoint": { "url": new.url("/new") }, "reason": "the bank wrote to us" });
        let asked = hub.post(&path, &one.key, &body).await.expect(202).json();
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.decide(&other, text(&asked, "request"), true).await.expect(200);
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), new.hits().len()), (2, 1), "the former one goes on beside it");
        // The bank's own secret, which nobody at the operator has seen.
        hub.settle_replacement(&new, &bank.secret).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((bank.receiver.hits().len(), new.hits().len()), (2, 2));
    }
}
