//! Values that a field cannot have: impossible times, unknown codes, characters that nobody sees, amounts out
//! of range. Every one is named; a golden file holds which code each gets.

use crate::access::cast::Cast;
use crate::support::ground::filing;
use crate::support::hub::{On, Reply};
use crate::support::rows::changed;
use crate::support::signer::{enrolment, signer};
use serde_json::{Map, Value, json};

/// The document with one value replaced, or added at the end of the pointer.
fn spoilt(mut document: Value, pointer: &str, value: &Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no parent of {pointer}"));
    match parent {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value.clone(),
        other => other[name] = value.clone(),
    }
    document
}

fn times() -> Vec<Value> {
    let texts = [
        "2019-02-30T00:00:00Z",
        "2019-05-17T25:00:00Z",
        "2019-05-17T11:00:00",
        "2019-05-17",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2019-05-17T23:59:60Z",
        "Fri, 17 May 2019 11:00:00 +0900",
        "2019-05-17T11:00:00+25:00",
        "now",
        "",
        "2999-01-01T00:00:00Z",
        "1901-01-01T00:00:00Z",
    ];
    texts
        .iter()
        .map(|text| json!(text))
        .chain([json!(1_558_058_400), json!(null)])
        .collect()
}

fn lines() -> Vec<Value> {
    let texts = [
        "",
        "   ",
        "a\r\nBcc: x@y.example",
        "a\nb",
        "a\rb",
        "a\u{0}b",
        "a\u{1b}[31mb",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{200b}b",
        "a\u{2028}b",
        "a\u{85}b",
        "a\u{fffe}b",
        "a\u{e0041}b",
    ];
    texts
        .iter()
        .map(|text| json!(text))
        .chain([json!("長".repeat(5_000))])
        .collect()
}

fn amounts() -> Vec<Value> {
    [
        "-1",
        "-0",
        "1.5",
        "1e3",
        "01",
        "",
        " 1",
        "1,000",
        "9223372036854775808",
        "１２",
        "+1",
    ]
    .iter()
    .map(|minor| json!({ "minor": minor, "currency": "JPY" }))
    .chain([
        json!({ "minor": 1, "currency": "JPY" }),
        json!({ "minor": "1", "currency": "yen" }),
        json!({ "minor": "1" }),
    ])
    .collect()
}

/// Where in a filing, and what cannot stand there.
fn of_filing() -> Vec<(&'static str, Vec<Value>)> {
    let codes = || {
        vec![
            json!(["no_such_code"]),
            json!([""]),
            json!(["IMPERSONATED_WALLET"]),
            json!([1]),
            json!("x"),
        ]
    };
    let code = || vec![json!("no_such_code"), json!(""), json!(7)];
    let counts = vec![
        json!({ "count": -1 }),
        json!({ "count": 1.5 }),
        json!({ "count": "1" }),
        json!({ "count": 1e300 }),
    ];
    vec![
        ("/detected_at", times()),
        ("/title/ja", lines()),
        ("/title/en", lines()),
        ("/operator_contacts/0/name", lines()),
        (
            "/operator_contacts/0/email",
            vec![
                json!("a b@c.example"),
                json!("a@b.example\r\nBcc: c@d.example"),
                json!("a"),
            ],
        ),
        (
            "/operator_contacts/0/phone",
            vec![json!("call me"), json!("+81 3\r\n1234567"), json!("1")],
        ),
        ("/operator_contacts", vec![json!([]), json!(null)]),
        ("/typology", codes()),
        ("/auth_exploited", codes()),
        ("/severity", code()),
        ("/urgency", code()),
        ("/tlp", code()),
        ("/kind", code()),
        ("/phase", vec![json!("withdrawal"), json!("no_such_code")]),
        ("/incident_status", code()),
        ("/determination", code()),
        (
            "/affected_banks",
            vec![
                json!(["ZZZZ"]),
                json!(["B001", "B001"]),
                json!([]),
                json!("all"),
                json!(["b001"]),
                json!(["B001\n"]),
            ],
        ),
        ("/amount_lost", amounts()),
        ("/victims", counts),
        (
            "/related_incidents",
            vec![
                json!(["INC-1999-9999"]),
                json!(["x"]),
                json!(["INC-2019-1\n"]),
            ],
        ),
        (
            "/occurred_from",
            vec![json!("2999-01-01T00:00:00Z"), json!("yesterday")],
        ),
        ("/resolved_at", vec![json!("2001-01-01T00:00:00Z")]),
    ]
}

/// Other doors: path, a good body, where in it, and what cannot stand there.
fn elsewhere(cast: &Cast) -> Vec<(String, &str, Value, &'static str, Vec<Value>)> {
    let (admin, bank) = (cast.administrator.key.as_str(), cast.a.bank.key.as_str());
    let profile = json!({ "name_ja": "銀行", "name_en": "Bank", "language": "ja", "linking": [] });
    let new = json!({ "code": "NEW1", "profile": profile });
    let contact =
        json!({ "name": "田中", "email": "t@bank.example", "level": 1, "language": "ja" });
    let urls = [
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "https://user:pass@bank.example/",
        "x",
        "",
        "https://[::1]/",
    ];
    let emails = [
        "a",
        "a@b",
        "a@b.example,c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "<a@b.example>",
        "a@b.example\u{0}",
        "",
    ];
    let stamp = json!({ "digest": cast.a.digest, "name": "高橋", "role": "当直" });
    let response = json!({ "codes": ["noted"], "share": "operator" });
    let invitee = crate::access::table::invitee();
    let signing = enrolment("B001", &signer("B001", 2), cast.hub.clock.now());
    let texts = |all: &[&str]| all.iter().map(|one| json!(one)).collect::<Vec<_>>();
    let own = |door: &str| format!("/api/v1/notices/{}/{door}", cast.a.notice);
    let contacts = "/api/v1/banks/B001/contacts".to_owned();
    vec![
        (
            "/api/v1/banks".into(),
            admin,
            new.clone(),
            "/code",
            texts(&[
                "",
                "b001",
                "ABCDEFGHIJKLMNOPQ",
                "A/B",
                "A\n",
                "０１１７",
                "../x",
            ]),
        ),
        (
            "/api/v1/banks".into(),
            admin,
            new.clone(),
            "/profile/name_ja",
            lines(),
        ),
        (
            "/api/v1/banks".into(),
            admin,
            new.clone(),
            "/profile/language",
            texts(&["fr", "JA", ""]),
        ),
        (
            "/api/v1/banks".into(),
            admin,
            new.clone(),
            "/profile/linking",
            vec![json!(["x"]), json!([""])],
        ),
        (
            "/api/v1/banks".into(),
            admin,
            new,
            "/valid_from",
            texts(&["2019-02-30T00:00:00Z", "2019-05-17T11:00:00", "soon"]),
        ),
        (contacts.clone(), admin, contact.clone(), "/name", lines()),
        (
            contacts.clone(),
            admin,
            contact.clone(),
            "/email",
            texts(&emails),
        ),
        (
            contacts,
            admin,
            contact,
            "/level",
            vec![
                json!(0),
                json!(4),
                json!(-1),
                json!(1.5),
                json!("1"),
                json!(9_223_372_036_854_775_807_u64),
                json!(1e30),
            ],
        ),
        (
            "/api/v1/banks/B001/endpoints".into(),
            admin,
            json!({ "endpoint": { "url": "x" }, "reason": "x" }),
            "/endpoint/url",
            texts(&urls),
        ),
        (
            "/api/v1/banks/NOKEY1/keys".into(),
            admin,
            json!({ "label": "x" }),
            "/days",
            vec![
                json!(0),
                json!(401),
                json!(-1),
                json!(4_294_967_296_u64),
                json!(1.5),
            ],
        ),
        (
            "/api/v1/banks/NOKEY1/keys".into(),
            admin,
            json!({ "label": "x" }),
            "/label",
            lines(),
        ),
        (
            "/api/v1/invitations".into(),
            admin,
            invitee.clone(),
            "/email",
            texts(&emails),
        ),
        (
            "/api/v1/invitations".into(),
            admin,
            invitee.clone(),
            "/roles",
            vec![
                json!([]),
                json!(["root"]),
                json!(["bank_machine"]),
                json!(["administrator", "officer"]),
            ],
        ),
        (
            "/api/v1/invitations".into(),
            admin,
            invitee,
            "/bank",
            texts(&["ZZZZ", ""]),
        ),
        (
            "/api/v1/partnerships/B001/ending".into(),
            admin,
            json!({ "reason": "x" }),
            "/reason",
            texts(&["", "a\u{0}b", "a\u{202e}b", &"x".repeat(1_001)]),
        ),
        (
            own("acknowledgement"),
            bank,
            stamp.clone(),
            "/name",
            lines(),
        ),
        (
            own("acknowledgement"),
            bank,
            stamp,
            "/digest",
            texts(&[
                "",
                "sha-256:",
                "sha-256:00",
                &format!("sha-512:{}", "0".repeat(64)),
                &format!("SHA-256:{}", "0".repeat(64)),
            ]),
        ),
        (
            own("acknowledgement"),
            bank,
            json!({}),
            "/note",
            texts(&["", "x", "x\n\n\u{2014} x AAAA\n", &"x".repeat(5_000)]),
        ),
        (
            "/api/v1/own/signing-keys".into(),
            bank,
            signing.clone(),
            "/key",
            texts(&[
                "",
                "x",
                "B001.127.0.0.1/ack+00000000+AQ==",
                "B001.127.0.0.1/ack+00000000+",
            ]),
        ),
        (
            "/api/v1/own/signing-keys".into(),
            bank,
            signing,
            "/proof",
            texts(&[
                "",
                "x",
                "kairan-key/v1\n\n\u{2014} x AAAA\n",
                &"x".repeat(5_000),
            ]),
        ),
        (
            own("responses"),
            bank,
            response.clone(),
            "/codes",
            vec![
                json!([]),
                json!(["x"]),
                json!(["noted", "noted"]),
                json!(["no_matching_cases", "matching_cases_found"]),
            ],
        ),
        (
            own("responses"),
            bank,
            response.clone(),
            "/share",
            texts(&["everybody", ""]),
        ),
        (
            own("responses"),
            bank,
            response.clone(),
            "/note",
            texts(&["a\u{0}b", "a\u{202e}b", &"x".repeat(2_001)]),
        ),
        (
            own("responses"),
            bank,
            response,
            "/found",
            vec![
                json!({ "accounts": -1 }),
                json!({ "accounts": 1_000_000_001_u64 }),
                json!({ "amount": { "minor": "-1", "currency": "JPY" } }),
            ],
        ),
    ]
}

/// What a refusal says of the field, for the golden file; a complaint if it is none or does not name it.
fn told(reply: &Reply, pointer: &str) -> Result<String, String> {
    let document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let status = reply.status.as_u16();
    if !(400..500).contains(&status) || document["code"].as_str().is_none_or(str::is_empty) {
        return Err(format!("{status} {document}"));
    }
    let faults = document["faults"].as_array().cloned().unwrap_or_default();
    let here = faults.iter().find(|fault| {
        let named = fault["pointer"].as_str().unwrap_or_default();
        named == pointer
            || named.starts_with(&format!("{pointer}/"))
            || pointer.starts_with(&format!("{named}/")) && !named.is_empty()
    });
    match here {
        Some(fault) => Ok(format!(
            "{status} {} {}",
            fault["pointer"].as_str().unwrap_or_default(),
            fault["code"].as_str().unwrap_or_default()
        )),
        None => Err(format!("does not name {pointer}: {document}")),
    }
}

/// The value in ASCII, cut short.
fn shown(value: &Value) -> String {
    let escaped = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    let text: String = value.to_string().chars().map(escaped).collect();
    text.chars().take(80).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_that_a_field_cannot_have_is_refused_by_name_and_nothing_is_stored() {
    let cast = Cast::gathered(On::Sqlite).await;
    let (before, mut complaints, mut golden) = (cast.hub.rows(), Vec::new(), Map::new());
    let filings = of_filing().into_iter().map(|(pointer, values)| {
        (
            "/api/v1/incidents".to_owned(),
            cast.officer.key.as_str(),
            filing(),
            pointer,
            values,
        )
    });
    for (path, key, good, pointer, values) in filings.chain(elsewhere(&cast)) {
        let door = path.replace(&cast.a.notice, "{id}");
        for value in values {
            let reply = cast
                .hub
                .post(&path, key, &spoilt(good.clone(), pointer, &value))
                .await;
            let case = format!("{door} {pointer} {}", shown(&value));
            match told(&reply, pointer) {
                Ok(told) => drop(golden.insert(case, json!(told))),
                Err(complaint) => complaints.push(format!("{case}: {complaint}")),
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(
        changed(&before, &cast.hub.rows()),
        Vec::<&str>::new(),
        "something was stored"
    );
    let pretty = serde_json::to_string_pretty(&Value::Object(golden)).expect("JSON");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("fields", pretty);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_incident_and_a_used_key_take_nothing_more() {
    let cast = Cast::gathered(On::Sqlite).await;
    let second = cast.hub.officer().await;
    let decision = format!("/api/v1/approvals/{}/decision", cast.request);
    cast.hub
        .post(&decision, &second.key, &json!({ "approve": true }))
        .await
        .expect(200);
    let send = |key: &'static str, body: Value| {
        let request = cast.knock(
            reqwest::Method::POST,
            "/api/v1/incidents",
            &cast.officer.key,
        );
        cast.hub.send(
            request
                .header("content-type", "application/json")
                .header("idempotency-key", key)
                .body(body.to_string()),
        )
    };
    let first = send("k", filing()).await.expect(201);
    let before = cast.hub.rows();
    let closed = format!("/api/v1/incidents/{}", cast.reference);
    let mut further = filing();
    further["change_summary"] = json!({ "ja": "更新", "en": "Update" });
    for (door, body) in [
        ("revisions", further),
        ("withdrawal", crate::access::table::withdrawal()),
    ] {
        let refused = cast
            .hub
            .post(&format!("{closed}/{door}"), &cast.officer.key, &body)
            .await
            .expect(409);
        assert_eq!(refused.code(), "incident_closed");
    }
    let mut other = filing();
    other["severity"] = json!("high");
    assert_eq!(
        send("k", other).await.expect(409).code(),
        "idempotency_conflict"
    );
    let again = send("k", filing()).await.expect(201);
    assert_eq!(
        (again.body, again.headers["idempotent-replayed"].as_bytes()),
        (first.body, &b"true"[..])
    );
    for bad in ["", "a b", "k\u{7f}"] {
        let request = cast.knock(
            reqwest::Method::POST,
            "/api/v1/incidents",
            &cast.officer.key,
        );
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", bad.as_bytes());
        if let Ok(request) = request.body(filing().to_string()).build() {
            let reply = cast
                .hub
                .send(reqwest::RequestBuilder::from_parts(
                    reqwest::Client::new(),
                    request,
                ))
                .await;
            assert_eq!(
                reply.expect(400).code(),
                "idempotency_key_invalid",
                "{bad:?}"
            );
        }
    }
    assert_eq!(changed(&before, &cast.hub.rows()), Vec::<&str>::new());
}
