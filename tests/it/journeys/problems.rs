//! Every refusal that a client can bring about, as the document it gets. One snapshot for both databases.

use super::steps::{further, text};
use super::webhooks::redacted;
use crate::support::ground::filing;
use crate::support::hub::{Reply, TestHub};
use crate::support::signer::signer;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// The refusals so far, by code.
#[derive(Default)]
struct Refused(Map<String, Value>);

impl Refused {
    #[track_caller]
    fn note(&mut self, reply: &Reply) {
        let document = reply.json();
        let kind = reply.headers["content-type"].to_str().expect("text");
        assert_eq!(kind, "application/problem+json", "{document}");
        assert_eq!(document["status"], reply.status.as_u16());
        self.0.entry(reply.code()).or_insert(redacted(&document));
    }

    async fn post(&mut self, hub: &TestHub, path: &str, key: &str, body: Value) {
        self.note(&hub.post(path, key, &body).await);
    }

    async fn raw(
        &mut self,
        hub: &TestHub,
        key: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) {
        let mut request = hub
            .request(Method::POST, "/api/v1/incidents")
            .bearer_auth(key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.note(&hub.send(request.body(body)).await);
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "k");

async fn of_requests(hub: &TestHub, refused: &mut Refused) {
    let officer = hub.officer().await;
    let file = "/api/v1/incidents";
    refused.note(&hub.get(file, "").await);
    refused
        .post(hub, "/api/v1/banks", &officer.key, json!({}))
        .await;
    refused.note(&hub.get("/api/v1/nothing", &officer.key).await);
    refused.note(&hub.call(Method::DELETE, file, &officer.key, None).await);
    refused.raw(hub, &officer.key, &[JSON, KEY], "{").await;
    refused
        .raw(hub, &officer.key, &[JSON, KEY], r#"{"a":1,"a":2}"#)
        .await;
    refused
        .raw(
            hub,
            &officer.key,
            &[JSON, KEY],
            r#"{"recipients":["0117"]}"#,
        )
        .await;
    refused.raw(hub, &officer.key, &[JSON], "{}").await;
    refused
        .raw(hub, &officer.key, &[JSON, ("idempotency-key", "a b")], "{}")
        .await;
    refused
        .raw(
            hub,
            &officer.key,
            &[KEY, ("content-type", "text/plain")],
            "{}",
        )
        .await;
    refused
        .raw(
            hub,
            &officer.key,
            &[JSON, KEY, ("content-encoding", "gzip")],
            "{}",
        )
        .await;
    let huge = json!({ "title": { "ja": "長".repeat(100_000) } });
    refused.post(hub, file, &officer.key, huge).await;
    let mut wrong = filing();
    wrong["title"] = json!({ "ja": "" , "en": "x\u{202e}y" });
    refused.post(hub, file, &officer.key, wrong).await;
    refused.post(hub, file, &officer.key, filing()).await;
    for query in ["limit=0", "colour=red", "cursor=x"] {
        refused.note(
            &hub.get(&format!("/api/v1/deliveries?{query}"), &officer.key)
                .await,
        );
    }
}

async fn of_filing(hub: &TestHub, refused: &mut Refused) {
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    let filed = hub
        .file_as(&officer, "k", &filing())
        .await
        .expect(201)
        .json();
    refused.note(&hub.file_as(&officer, "k", &further()).await);
    let notice = hub.newest(&bank).await;
    let proof = format!("/api/v1/notices/{}/proof", text(&notice, "notice"));
    refused.note(&hub.get(&proof, &bank.key).await);
    refused.note(
        &hub.stamp_as(
            &bank.key,
            text(&notice, "notice"),
            &json!(format!("sha-256:{}", "0".repeat(64))),
        )
        .await,
    );
    refused.note(&hub.respond(&bank, &["noted"], "operator").await);
    let request = hub
        .ask_withdrawal(&officer, text(&filed, "reference"))
        .await;
    refused.note(&hub.decide(&officer, &request, true).await);
    let path = format!("/api/v1/incidents/{}/withdrawal", text(&filed, "reference"));
    refused
        .post(hub, &path, &officer.key, super::steps::withdrawal())
        .await;
    hub.decide(&hub.officer().await, &request, true)
        .await
        .expect(200);
    refused.note(&hub.decide(&hub.officer().await, &request, true).await);
    refused
        .post(hub, &path, &officer.key, super::steps::withdrawal())
        .await;
    let draft = hub
        .post("/api/v1/drafts", &officer.key, &json!({}))
        .await
        .expect(201)
        .json();
    let draft = format!("/api/v1/drafts/{}", text(&draft, "id"));
    refused.note(
        &hub.call(Method::PUT, &draft, &officer.key, Some(&json!({})))
            .await,
    );
    let weak = hub
        .request(Method::PUT, &draft)
        .bearer_auth(&officer.key)
        .header("if-match", "*");
    refused.note(
        &hub.send(weak.header("content-type", "application/json").body("{}"))
            .await,
    );
    refused.note(&hub.put(&draft, &officer.key, 7, &json!({})).await);
    hub.post(
        &format!("{draft}/discard"),
        &officer.key,
        &json!({ "reason": "x" }),
    )
    .await
    .expect(204);
    refused.note(&hub.put(&draft, &officer.key, 1, &json!({})).await);
}

async fn of_the_register(hub: &TestHub, refused: &mut Refused) {
    let (admin, bank) = (hub.administrator().await, hub.bank("B002").await);
    let head = hub.head_of(&bank).await;
    let profile = json!({ "name_ja": "銀行", "name_en": "Bank", "language": "ja", "linking": [] });
    refused
        .post(
            hub,
            "/api/v1/banks",
            &admin.key,
            json!({ "code": "B002", "profile": profile }),
        )
        .await;
    refused
        .post(
            hub,
            "/api/v1/partnerships",
            &admin.key,
            json!({ "bank": "B002" }),
        )
        .await;
    let later = json!({ "code": "B003", "profile": profile, "valid_from": "2999-01-01T00:00:00Z" });
    hub.post("/api/v1/banks", &admin.key, &later)
        .await
        .expect(201);
    refused
        .post(
            hub,
            "/api/v1/partnerships/B003/ending",
            &admin.key,
            json!({ "reason": "x" }),
        )
        .await;
    let endpoint = format!("/api/v1/own/endpoints/{}", hub.endpoint_of(&head).await);
    let elsewhere = json!({ "url": bank.receiver.url("/new") });
    hub.post(&format!("{endpoint}/replacement"), &head.key, &elsewhere)
        .await
        .expect(201);
    hub.call(Method::DELETE, &endpoint, &head.key, None)
        .await
        .expect(204);
    refused
        .post(hub, &format!("{endpoint}/secret"), &head.key, json!({}))
        .await;
    hub.post("/api/v1/own/keys", &head.key, &json!({ "label": "second" }))
        .await
        .expect(201);
    refused
        .post(
            hub,
            "/api/v1/own/keys",
            &head.key,
            json!({ "label": "third" }),
        )
        .await;
    let own = signer("B002", 1);
    let enrolled = hub.enrol(&bank.key, "B002", &own).await.expect(201).json();
    let ended = format!("/api/v1/own/signing-keys/{}", text(&enrolled, "id"));
    hub.call(Method::DELETE, &ended, &head.key, None)
        .await
        .expect(204);
    refused.note(&hub.enrol(&bank.key, "B002", &own).await);
    let mut invitee = json!({ "name": "小林", "email": "k@people.example", "roles": ["officer"], "bank": "B002", "language": "ja" });
    refused
        .post(hub, "/api/v1/invitations", &admin.key, invitee.clone())
        .await;
    invitee["bank"] = Value::Null;
    let invited = hub
        .post("/api/v1/invitations", &admin.key, &invitee)
        .await
        .expect(201)
        .json();
    let token = text(&invited, "link")
        .rsplit('/')
        .next()
        .expect("a token")
        .to_owned();
    let accept = format!("/api/v1/invitations/{token}");
    hub.call(Method::POST, &accept, "", None).await.expect(201);
    refused.note(&hub.call(Method::POST, &accept, "", None).await);
    refused
        .post(hub, "/api/v1/invitations", &admin.key, invitee)
        .await;
}

journeys! {
    async fn every_refusal_has_its_stable_document(hub) {
        let mut refused = Refused::default();
        of_requests(&hub, &mut refused).await;
        of_filing(&hub, &mut refused).await;
        of_the_register(&hub, &mut refused).await;
        let pretty = serde_json::to_string_pretty(&Value::Object(refused.0)).expect("JSON");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!("problems", pretty);
        });
    }

    async fn whoever_asks_too_often_is_told_when_to_go_on(hub) {
        hub.settings = hub.settings.replace("requests_per_second = 10000\nburst = 10000", "requests_per_second = 1\nburst = 2");
        hub.restart().await;
        let officer = hub.officer().await;
        let mut last = hub.get("/api/v1/incidents", &officer.key).await;
        for _ in 0..5 { last = hub.get("/api/v1/incidents", &officer.key).await; }
        let last = last.expect(429);
        assert_eq!((last.code(), last.headers.contains_key("retry-after")), ("rate_limited".into(), true));
    }
}
