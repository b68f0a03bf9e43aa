//! Asked too often, given too much, or out of room: who is served all the same.

use crate::support::ground::filing;
use crate::support::hub::{On, TestHub};
use reqwest::Method;
use serde_json::json;

async fn narrow() -> TestHub {
    let mut hub = TestHub::start(On::Sqlite).await;
    hub.settings = hub.settings.replace(
        "requests_per_second = 10000\nburst = 10000",
        "requests_per_second = 1\nburst = 3",
    );
    hub.restart().await;
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_asks_too_often_waits_while_another_is_served() {
    let hub = narrow().await;
    let (busy, calm) = (hub.officer().await, hub.officer().await);
    for _ in 0..3 {
        hub.get("/api/v1/incidents", &busy.key).await.expect(200);
    }
    let refused = hub.get("/api/v1/incidents", &busy.key).await.expect(429);
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    hub.get("/api/v1/incidents", &calm.key).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bank_that_used_up_its_requests_can_still_acknowledge() {
    let hub = narrow().await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    hub.file(&officer).await;
    let inbox = hub.get("/api/v1/inbox", &bank.key).await.expect(200).json();
    let notice = inbox["notices"][0].clone();
    for _ in 0..5 {
        hub.get("/api/v1/inbox", &bank.key).await;
    }
    hub.get("/api/v1/inbox", &bank.key).await.expect(429);
    let path = format!(
        "/api/v1/notices/{}/acknowledgement",
        notice["notice"].as_str().expect("an id")
    );
    let stamp = json!({ "digest": notice["digest"], "name": "高橋 健", "role": "当直" });
    hub.post(&path, &bank.key, &stamp).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_guesses_keys_is_slowed_down_and_nobody_else_is() {
    let hub = TestHub::start(On::Sqlite).await;
    let officer = hub.officer().await;
    let mut statuses = Vec::new();
    for n in 0..40 {
        let guess = format!("kairan_{n:032x}_{}", "A".repeat(43));
        statuses.push(hub.get("/api/v1/incidents", &guess).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[39]), (401, 429), "{statuses:?}");
    hub.get("/api/v1/incidents", &officer.key).await.expect(200);
    hub.get("/health/live", "").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_that_is_too_large_is_refused_before_anybody_looks_into_it() {
    let hub = TestHub::start(On::Sqlite).await;
    let officer = hub.officer().await;
    for (length, expected) in [(262_144, 400), (262_145, 413)] {
        let request = hub
            .request(Method::POST, "/api/v1/incidents")
            .bearer_auth(&officer.key);
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", "k");
        let reply = hub
            .send(request.body("[".repeat(length)))
            .await
            .expect(expected);
        assert_eq!(
            reply.code(),
            if expected == 413 {
                "body_too_large"
            } else {
                "json_depth"
            }
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_full_disk_nothing_is_filed_and_banks_still_acknowledge() {
    let mut hub = TestHub::start(On::Sqlite).await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    let reference = hub.file(&officer).await["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();
    // A pebibyte, the most that the setting takes.
    hub.settings = hub.settings.replace(
        "burst = 10000",
        "burst = 10000\nfree_floor_mib = 1073741824",
    );
    hub.restart().await;
    let before = hub.rows();
    for path in [
        "/api/v1/incidents".to_owned(),
        format!("/api/v1/incidents/{reference}/revisions"),
        "/api/v1/drafts".into(),
    ] {
        let refused = hub.post(&path, &officer.key, &filing()).await.expect(507);
        assert_eq!(refused.code(), "storage_full", "{path}");
    }
    assert_eq!(
        crate::support::rows::changed(&before, &hub.rows()),
        Vec::<&str>::new()
    );
    let inbox = hub.get("/api/v1/inbox", &bank.key).await.expect(200).json();
    let notice = &inbox["notices"][0];
    let path = format!(
        "/api/v1/notices/{}/acknowledgement",
        notice["notice"].as_str().expect("an id")
    );
    let stamp = json!({ "digest": notice["digest"], "name": "高橋 健", "role": "当直" });
    hub.post(&path, &bank.key, &stamp).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn colleagues_behind_one_address_all_get_the_style_sheet_and_it_is_kept() {
    let hub = TestHub::start(On::Sqlite).await;
    for _ in 0..60 {
        hub.get("/static/kairan.css", "").await.expect(200);
    }
    let sheet = hub.get("/static/kairan.css", "").await.expect(200);
    let (tag, kept) = (&sheet.headers["etag"], &sheet.headers["cache-control"]);
    assert_eq!(kept, "public, max-age=3600");
    let again = hub
        .request(Method::GET, "/static/kairan.css")
        .header("if-none-match", tag);
    assert!(hub.send(again).await.expect(304).body.is_empty());
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(hub.get("/sign-in", "").await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[39]), (200, 429), "{statuses:?}");
    hub.get("/static/kairan.css", "").await.expect(200);
}
