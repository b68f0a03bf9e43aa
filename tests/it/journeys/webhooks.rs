//! What a bank can check of a webhook with nothing but what it was sent and what the hub publishes.

use super::steps::{filing_with, seconds, text};
use crate::support::hub::{Bank, On, TestHub};
use crate::support::receiver::Hit;
use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, VerifyingKey};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use standardwebhooks::Webhook;

/// The published library, as a bank would use it.
fn verifies(hit: &Hit, secret: &str) -> bool {
    let named = |(name, value): &(String, String)| {
        Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?))
    };
    let headers: HeaderMap = hit.headers.iter().filter_map(named).collect();
    Webhook::new(secret)
        .expect("a secret")
        .verify(&hit.body, &headers)
        .is_ok()
}

/// The bytes of the body between two marks.
fn between<'b>(body: &'b [u8], start: &str, end: &str) -> &'b str {
    let body = std::str::from_utf8(body).expect("UTF-8");
    let after = body.split_once(start).expect("the start").1;
    after.split_once(end).expect("the end").0
}

fn digest(bytes: &[u8]) -> String {
    format!("sha-256:{}", hex::encode(Sha256::digest(bytes)))
}

/// How many signatures of each kind a webhook bears.
fn signatures(hit: &Hit) -> (usize, usize) {
    let header = hit.header("webhook-signature").expect("signatures");
    let count = |kind: &str| {
        header
            .split(' ')
            .filter(|part| part.starts_with(kind))
            .count()
    };
    (count("v1,"), count("v1a,"))
}

async fn rotated(hub: &TestHub, bank: &Bank) -> String {
    let head = hub.head_of(bank).await;
    let path = format!(
        "/api/v1/own/endpoints/{}/secret",
        hub.endpoint_of(&head).await
    );
    let answer = hub
        .post(&path, &head.key, &json!({}))
        .await
        .expect(201)
        .json();
    text(&answer, "secret").to_owned()
}

/// Whatever differs from run to run, replaced by what it is.
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                // The proof's own shape is the verifier's to judge.
                ("entry" | "opening" | "facts", Value::String(_)) => {
                    (name.clone(), "[base64]".into())
                }
                ("proof", Value::String(text)) => (name.clone(), text.lines().next().into()),
                _ => (name.clone(), redacted(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => {
            Value::String(text.split('/').map(mask).collect::<Vec<_>>().join("/"))
        }
        other => other.clone(),
    }
}

fn mask(part: &str) -> String {
    let id = part.len() == 36 && part.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let year = part.strip_prefix("INC-").and_then(|rest| rest.get(4..));
    match part {
        _ if id => "[id]".into(),
        _ if part.starts_with("sha-256:") => "[digest]".into(),
        _ if part.starts_with("127.0.0.1:") => "[hub]".into(),
        _ if part.starts_with("20") && part.ends_with('Z') => "[time]".into(),
        _ => year.map_or_else(|| part.to_owned(), |rest| format!("INC-[year]{rest}")),
    }
}

fn assert_snapshot(name: &str, value: &Value) {
    let pretty = serde_json::to_string_pretty(&redacted(value)).expect("JSON");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, pretty);
    });
}

journeys! {
    async fn a_bank_verifies_its_webhook_with_the_published_library(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let mut hit = bank.receiver.hits().remove(0);
        assert!(verifies(&hit, &bank.secret));
        assert!(!verifies(&hit, &hub.bank("B002").await.secret), "another bank's secret");
        let last = hit.body.len() - 3;
        hit.body[last] ^= 1;
        assert!(!verifies(&hit, &bank.secret), "one bit changed");
    }

    async fn a_bank_verifies_the_public_signature_with_the_key_that_the_hub_publishes(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let hit = bank.receiver.hits().remove(0);
        let published = hub.get("/.well-known/kairan", "").await.expect(200).json();
        let key = text(&published["webhook"], "ed25519").strip_prefix("whpk_").expect("a public key");
        let key: [u8; 32] = BASE64_STANDARD.decode(key).expect("base64").try_into().expect("32 bytes");
        let signed = hit.header("webhook-signature").expect("signed").split_once("v1a,").expect("asked for").1;
        let signature = Signature::from_slice(&BASE64_STANDARD.decode(signed).expect("base64")).expect("64 bytes");
        let (id, at) = (hit.header("webhook-id").expect("an id"), hit.header("webhook-timestamp").expect("a time"));
        let content = [format!("{id}.{at}.").as_bytes(), &hit.body].concat();
        VerifyingKey::from_bytes(&key).expect("a key").verify_strict(&content, &signature).expect("verifies");
    }

    async fn what_a_bank_hashes_is_what_it_acknowledges_and_what_the_hub_serves(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let hit = bank.receiver.hits().remove(0);
        let object = between(&hit.body, "\"notice\":", ",\"digest\":");
        let shared = between(&hit.body, "\"incident\":{", ",\"acknowledge\":");
        let shared = format!("{{{shared}");
        let told = hit.json();
        assert_eq!(told["data"]["digest"], digest(object.as_bytes()));
        assert_eq!(told["data"]["notice"]["incident_digest"], digest(shared.as_bytes()));
        let path = format!("/api/v1/notices/{}", text(&told["data"]["notice"], "id"));
        assert_eq!(hub.get(&format!("{path}/object"), &bank.key).await.expect(200).body, object.as_bytes());
        assert_eq!(hub.get(&format!("{path}/body"), &bank.key).await.expect(200).body, shared.as_bytes());
    }

    async fn both_secrets_sign_for_a_week_after_a_rotation_and_then_the_new_one_alone(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        bank.receiver.forget();
        let new = rotated(&hub, &bank).await;
        // At once, though the endpoint was just sent to.
        hub.file(&officer).await;
        hub.deliver_due().await;
        let hit = bank.receiver.hits().remove(0);
        assert!(verifies(&hit, &bank.secret) && verifies(&hit, &new));
        hub.advance(seconds(7 * 86_400 + 60));
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((signatures(&hit), signatures(&bank.receiver.hits()[1])), ((2, 1), (1, 1)));
    }

    async fn a_second_rotation_ends_no_secret_before_its_time(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let second = rotated(&hub, &bank).await;
        let third = rotated(&hub, &bank).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let hit = bank.receiver.hits().remove(0);
        assert!([&bank.secret, &second, &third].into_iter().all(|secret| verifies(&hit, secret)));
        hub.advance(seconds(86_400));
        rotated(&hub, &bank).await;
        // Over for the first two, and not for the third.
        hub.advance(seconds(6 * 86_400 + 60));
        hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!((signatures(&hit), signatures(&bank.receiver.hits()[1])), ((3, 1), (2, 1)));
    }

    async fn every_kind_of_webhook_looks_as_banks_know_it(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.revise(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        hub.withdraw(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        hub.post("/api/v1/banks/B001/test-notice", &officer.key, &json!({})).await.expect(202);
        hub.deliver_due().await;
        let names = ["webhook_issued", "webhook_revised", "webhook_withdrawn", "webhook_test"];
        for (name, hit) in names.iter().zip(bank.receiver.hits()) { assert_snapshot(name, &hit.json()); }
        assert_eq!(bank.receiver.hits().len(), 4);
    }

    async fn a_long_notice_in_japanese_stays_below_twenty_kilobytes(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let long = json!({ "description": { "ja": "不正".repeat(1_500), "en": "theft ".repeat(600) } });
        hub.file_this(&officer, &filing_with(&long)).await;
        hub.deliver_due().await;
        let hit = bank.receiver.hits().remove(0);
        assert!(hit.body.len() < 20_000, "{} bytes", hit.body.len());
        assert!(verifies(&hit, &bank.secret));
    }
}

/// Really delivered webhooks for the libraries in other languages, which `scripts/test` runs afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhooks_for_other_verifiers() {
    let hub = TestHub::start(On::Sqlite).await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    hub.file(&officer).await;
    hub.deliver_due().await;
    let new = rotated(&hub, &bank).await;
    let filed = hub
        .file_this(
            &officer,
            &filing_with(
                &json!({ "title": { "ja": "回覧🔔「至急」", "en": "\"Urgent\" \\ <&>" } }),
            ),
        )
        .await;
    hub.deliver_due().await;
    hub.withdraw(&officer, text(&filed, "reference")).await;
    hub.deliver_due().await;
    let hits = bank.receiver.hits();
    let secrets = [&bank.secret, &bank.secret, &new, &new];
    let captured: Vec<Value> = [0, 1, 1, 2]
        .iter()
        .zip(secrets)
        .map(|(hit, secret)| capture(&hits[*hit], secret))
        .collect();
    assert_eq!((hits.len(), signatures(&hits[1])), (3, (2, 1)));
    if let Ok(path) = std::env::var("KAIRAN_INTEROP_CAPTURE") {
        std::fs::write(path, Value::Array(captured).to_string()).expect("written");
    }
}

fn capture(hit: &Hit, secret: &str) -> Value {
    assert!(verifies(hit, secret), "by the library in Rust first");
    let headers: serde_json::Map<String, Value> = hit
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({ "secret": secret, "headers": headers, "body": String::from_utf8_lossy(&hit.body) })
}
