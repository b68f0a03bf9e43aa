//! `kairan file`: an officer files from a shell, over the same API as everybody.

use super::steps::{further, text, unexplained, withdrawal};
use crate::support::ground::filing;
use crate::support::hub::{Person, TestHub};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// A folder's file, readable by its owner alone.
fn written(hub: &TestHub, name: &str, words: &str) -> String {
    let path = hub.folder.path().join(name);
    std::fs::write(&path, words).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    path.to_str().expect("UTF-8").to_owned()
}

async fn file(hub: &TestHub, by: &Person, filing: &Value, more: &[&str]) -> (i32, String) {
    let filing = written(hub, "filing.json", &filing.to_string());
    let key = written(hub, "officer.key", &by.key);
    let mut line = vec![
        "file",
        &filing,
        "--hub",
        &hub.url,
        "--key-file",
        &key,
        "--json",
    ];
    line.extend(more);
    hub.command(&line).await
}

fn said(answer: (i32, String)) -> Value {
    let (code, said) = answer;
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).expect("one JSON document")
}

journeys! {
    async fn an_officer_files_revises_and_asks_for_withdrawal_from_the_shell(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = said(file(&hub, &officer, &filing(), &[]).await);
        let reference = text(&filed, "reference").to_owned();
        let revised = said(file(&hub, &officer, &further(), &["--revision-of", &reference]).await);
        assert_eq!(revised["revision"], 2);
        let asked = said(file(&hub, &officer, &withdrawal(), &["--withdraw", &reference]).await);
        assert!(asked["request"].is_string(), "{asked}");
        assert_eq!(hub.inbox(&bank).await.len(), 2, "a withdrawal waits for a second person");
    }

    async fn a_filing_repeated_under_its_key_is_one_filing(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let first = said(file(&hub, &officer, &filing(), &["--idempotency-key", "case-7"]).await);
        let again = said(file(&hub, &officer, &filing(), &["--idempotency-key", "case-7"]).await);
        assert_eq!(first, again);
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn what_the_hub_refuses_is_told_field_by_field_and_files_nothing(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let mut wrong = filing();
        wrong["severity"] = json!("terrible");
        let (code, said) = file(&hub, &officer, &wrong, &[]).await;
        assert!(code == 1 && said.contains("severity: "), "{code} {said}");
        let (code, said) = file(&hub, &officer, &wrong, &["--dry-run"]).await;
        assert!(code == 1 && said.contains("nothing was sent"), "{code} {said}");
        let late = unexplained(filing());
        let (code, said) = file(&hub, &officer, &late, &[]).await;
        assert!(code == 1 && said.contains("late_reason: the operator's deadline has passed"), "{code} {said}");
        let (code, said) = file(&hub, &officer, &late, &["--dry-run"]).await;
        assert!(code == 1 && said.contains("/late_reason") && said.contains("nothing was sent"), "{code} {said}");
        assert_eq!(said_of_a_good_one(&hub, &officer).await, json!([]));
        assert!(hub.inbox(&bank).await.is_empty());
    }

    async fn a_key_that_others_can_read_and_one_that_is_unknown_are_refused(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let stranger = Person { id: officer.id, key: format!("kairan_{}", "0".repeat(40)) };
        let (code, said) = file(&hub, &stranger, &filing(), &[]).await;
        assert!(code == 1 && said.contains("the hub answered 401"), "{code} {said}");
        let filing = written(&hub, "filing.json", &filing().to_string());
        let open = written(&hub, "open.key", &officer.key);
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("set");
        let (code, said) = hub.command(&["file", &filing, "--hub", &hub.url, "--key-file", &open]).await;
        assert!(code == 1 && said.contains("chmod 600"), "{code} {said}");
    }
}

async fn said_of_a_good_one(hub: &TestHub, officer: &Person) -> Value {
    said(file(hub, officer, &filing(), &["--dry-run"]).await)["faults"].clone()
}
