//! The first thing that anybody runs: the whole demo as a command, with its own process of banks.

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Runs the demo in this folder until it ends by itself; it must end well. What it told.
fn told(folder: &Path, more: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_kairan"))
        .args(["demo", "--once", "--json", "--dir"])
        .arg(folder)
        .args(more)
        .env_remove("KAIRAN_CONFIG")
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let log = std::fs::read_to_string(folder.join("kairan.log")).unwrap_or_default();
    assert!(output.status.success(), "{stderr}\n{log}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn the_demo_tells_34_of_35_banks_and_gets_32_stamps_back() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("demo");
    let told = told(&folder, &[]);
    for (field, expected) in [
        ("banks", 35),
        ("notices", 35),
        ("missing", 0),
        ("delivered", 34),
        ("acknowledged", 32),
        ("acknowledged_by_link", 2),
        ("signed", 30),
        ("sealed", 34),
        ("unreachable", 1),
        ("rejected_webhooks", 0),
        ("self_check", 0),
    ] {
        assert_eq!(told[field], expected, "{field} in {told}");
    }
    let number = |field: &str| told[field].as_f64().expect("a number");
    assert!(
        number("webhook_attempts") >= 35.0 && number("verified_signatures") >= 34.0,
        "{told}"
    );
    assert!(
        number("emails_sent") > 0.0 && number("seconds") < 45.0,
        "{told}"
    );
    let mails = std::fs::read_dir(folder.join("mail"))
        .expect("the mails are kept")
        .count();
    assert!(mails > 0, "no mail was written to its file");
}

#[test]
fn the_story_of_2019_and_2020_goes_as_it_should_have_gone() {
    let parent = tempfile::tempdir().expect("a folder");
    let told = told(&parent.path().join("story"), &["--story"]);
    for (field, expected) in [
        ("told_in_may", json!(35)),
        ("called", json!("K107")),
        ("acknowledged_in_may", json!(35)),
        ("late_joiner_told", json!(true)),
        ("told_in_september", json!(36)),
        ("incident", json!("INC-2019-0001")),
        ("wave", json!("INC-2020-0001")),
        ("verified_offline", json!(["certificate", "log"])),
    ] {
        assert_eq!(told[field], expected, "{field} in {told}");
    }
}
