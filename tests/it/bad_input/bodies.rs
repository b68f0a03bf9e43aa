//! Bodies that are not what they should be, at every route that takes one: the good request of the access
//! table, spoilt in every way.

use crate::access::cast::{Cast, EVERYBODY, Identity};
use crate::access::matrix::good;
use crate::access::table::{Body, Row, Target, rows};
use crate::support::hub::{On, Reply};
use crate::support::rows::changed;
use reqwest::Method;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// A request, spoilt.
struct Bad {
    about: String,
    kind: Option<&'static str>,
    encoding: Option<&'static str>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    /// The field that is named; `None` = the request as a whole is refused.
    pointer: Option<String>,
}

impl Bad {
    fn of(
        about: &str,
        body: impl Into<Vec<u8>>,
        status: u16,
        code: &'static str,
        pointer: &str,
    ) -> Self {
        let pointer = Some(pointer.to_owned());
        Self {
            about: about.into(),
            kind: Some(JSON),
            encoding: None,
            body: body.into(),
            status,
            code,
            pointer,
        }
    }

    fn whole(
        about: &str,
        kind: Option<&'static str>,
        encoding: Option<&'static str>,
        body: Vec<u8>,
        code: &'static str,
    ) -> Self {
        let status = if code == "body_too_large" { 413 } else { 415 };
        Self {
            about: about.into(),
            kind,
            encoding,
            body,
            status,
            code,
            pointer: None,
        }
    }
}

/// Texts that are not one JSON text.
fn malformed(good: &str) -> Vec<Bad> {
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cut = &good.as_bytes()[..good.len() - 1];
    vec![
        Bad::of("truncated", cut, 400, "json_syntax", ""),
        Bad::of("empty", "", 400, "json_syntax", ""),
        Bad::of("two texts", format!("{good}{good}"), 400, "json_syntax", ""),
        Bad::of(
            "a byte order mark",
            format!("\u{feff}{good}"),
            400,
            "json_syntax",
            "",
        ),
        Bad::of("UTF-16", utf16, 400, "json_syntax", ""),
        Bad::of(
            "not UTF-8",
            &b"{\"a\":\"\xff\"}"[..],
            400,
            "json_syntax",
            "",
        ),
        Bad::of(
            "half a surrogate pair",
            r#"{"a":"\ud800"}"#,
            400,
            "json_syntax",
            "",
        ),
        Bad::of("NaN", r#"{"a":NaN}"#, 400, "json_syntax", ""),
        Bad::of(
            "a number beyond all numbers",
            r#"{"a":1e400}"#,
            400,
            "json_syntax",
            "",
        ),
        Bad::of(
            "a control character",
            "{\"a\":\"\u{1}\"}",
            400,
            "json_syntax",
            "",
        ),
        Bad::of(
            "10 000 lists",
            "[".repeat(10_000),
            400,
            "json_depth",
            &"/0".repeat(32),
        ),
        Bad::of(
            "10 000 objects",
            "{\"a\":".repeat(10_000),
            400,
            "json_depth",
            &"/a".repeat(32),
        ),
    ]
}

/// Bodies that are never looked into.
fn unread(good: &str) -> Vec<Bad> {
    let bytes = || good.as_bytes().to_vec();
    let large = format!("{good}{}", " ".repeat(262_145 - good.len()));
    vec![
        Bad::whole("no type", None, None, bytes(), "media_type"),
        Bad::whole(
            "plain text",
            Some("text/plain"),
            None,
            bytes(),
            "media_type",
        ),
        Bad::whole(
            "a form",
            Some("application/x-www-form-urlencoded"),
            None,
            bytes(),
            "media_type",
        ),
        Bad::whole(
            "another charset",
            Some("application/json; charset=utf-16"),
            None,
            bytes(),
            "media_type",
        ),
        Bad::whole("gzip", Some(JSON), Some("gzip"), bytes(), "media_type"),
        Bad::whole(
            "one byte too many",
            Some(JSON),
            None,
            large.into_bytes(),
            "body_too_large",
        ),
    ]
}

/// Keys and types that the shape does not have.
fn misshapen(row: &Row, good: &Value) -> Vec<Bad> {
    let fields = good.as_object().expect("an object");
    let text = good.to_string();
    let mut all = vec![
        Bad::of(
            "an unknown key",
            text.replacen('{', r#"{"recipients":["B001"],"#, 1),
            400,
            "field_unknown",
            "/recipients",
        ),
        Bad::of("a list instead", "[]", 422, "invalid", ""),
        Bad::of("a text instead", "\"x\"", 422, "invalid", ""),
        Bad::of("null instead", "null", 422, "invalid", ""),
    ];
    for (name, value) in fields {
        let twice = text.replacen('{', &format!("{{\"{name}\":{value},"), 1);
        let about = format!("{name} twice");
        all.push(Bad::of(
            &about,
            twice,
            400,
            "json_duplicate_key",
            &format!("/{name}"),
        ));
        // A draft may be incomplete; its fields are judged when it is issued.
        if row.path.starts_with("/api/v1/drafts") && !row.path.ends_with("/discard") {
            continue;
        }
        let mut wrong = good.clone();
        wrong[name] = json!([[[17.5]]]);
        all.push(Bad::of(
            &format!("{name} of a wrong type"),
            wrong.to_string(),
            422,
            "invalid",
            &format!("/{name}"),
        ));
        let mut absent = good.clone();
        absent[name] = Value::Null;
        let about = format!("{name} null");
        // Where null is allowed it is the same as absent, which is not this test's matter.
        if is_required(row, name) {
            all.push(Bad::of(
                &about,
                absent.to_string(),
                422,
                "invalid",
                &format!("/{name}"),
            ));
        }
    }
    all
}

fn is_required(row: &Row, name: &str) -> bool {
    let optional = [
        "valid_from",
        "bank",
        "days",
        "change_summary",
        "note",
        "late_reason",
    ];
    let with_default = row.path.ends_with("/partnerships") || !optional.contains(&name);
    with_default && !matches!(name, "services")
}

async fn send(cast: &Cast, row: &Row, who: &Identity, path: &str, bad: &Bad) -> Reply {
    let method: Method = row.method.parse().expect("a method");
    let mut request = cast
        .knock(method, path, cast.key(who))
        .header("if-match", "\"1\"");
    request = request.header("idempotency-key", format!("k{}", bad.about.len()));
    if let Some(kind) = bad.kind {
        request = request.header("content-type", kind);
    }
    if let Some(encoding) = bad.encoding {
        request = request.header("content-encoding", encoding);
    }
    cast.hub.send(request.body(bad.body.clone())).await
}

/// What is wrong with an answer.
fn fault(bad: &Bad, reply: &Reply) -> Option<String> {
    let document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let kind = reply
        .headers
        .get("content-type")
        .map(|value| value.as_bytes().to_vec());
    if kind.as_deref() != Some(b"application/problem+json")
        || document["status"] != reply.status.as_u16()
    {
        return Some(format!("no problem document: {} {document}", reply.status));
    }
    if (reply.status.as_u16(), document["code"].as_str()) != (bad.status, Some(bad.code)) {
        return Some(format!(
            "{} {document}, not {} {}",
            reply.status, bad.status, bad.code
        ));
    }
    let pointers: Vec<&str> = document["faults"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["pointer"].as_str())
        .collect();
    match &bad.pointer {
        Some(pointer)
            if !pointers
                .iter()
                .any(|one| *one == pointer || one.starts_with(&format!("{pointer}/"))) =>
        {
            Some(format!(
                "{pointers:?} does not name {pointer:?}: {document}"
            ))
        }
        _ => None,
    }
}

/// Somebody who may call the route.
fn caller(row: &Row) -> &'static Identity {
    EVERYBODY
        .iter()
        .find(|who| who.right.is_some_and(|right| row.may.contains(right)))
        .expect("somebody may")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_door_takes_a_spoilt_body_and_none_stores_anything_of_it() {
    let cast = Cast::gathered(On::Sqlite).await;
    let (before, mut complaints, mut tried) = (cast.hub.rows(), Vec::new(), 0);
    for row in rows() {
        let target = row.targets()[0];
        let Body::Json(value) = (row.ask)(&cast, target).1 else {
            continue;
        };
        let who = caller(&row);
        let path = good(&cast, &row, who, target);
        let text = value.to_string();
        for bad in malformed(&text)
            .into_iter()
            .chain(unread(&text))
            .chain(misshapen(&row, &value))
        {
            let reply = send(&cast, &row, who, &path, &bad).await;
            complaints.extend(
                fault(&bad, &reply).map(|fault| format!("{} {}: {fault}", row.name(), bad.about)),
            );
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
    assert!(
        complaints.is_empty(),
        "{} of {tried}:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    assert_eq!(
        changed(&before, &cast.hub.rows()),
        Vec::<&str>::new(),
        "something was stored"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_import_and_the_form_of_a_mail_link_take_nothing_else() {
    let cast = Cast::gathered(On::Sqlite).await;
    let before = cast.hub.rows();
    let csv = "code,name_ja,name_en,language\n";
    let admin = &cast.administrator.key;
    for (kind, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        ("text/csv", "a,b\n1,2\n".into(), 422),
        (
            "text/csv",
            format!("{csv}C1,銀行,Bank,ja\nC1,銀行,Bank,ja\n"),
            422,
        ),
        ("text/csv", format!("{csv}C1,銀行,Bank,ja,more\n"), 422),
        ("text/csv", format!("{csv}C1,銀\u{202e}行,Bank,ja\n"), 422),
        ("text/csv", format!("{csv}C1,\"銀\r\n行\",Bank,ja\n"), 422),
        ("text/csv", format!("{csv}C1,\"銀行,Bank,ja\n"), 422),
        ("text/csv", format!("{csv}C1,銀行\u{0},Bank,ja\n"), 422),
        ("text/csv", csv.into(), 422),
        ("text/csv", String::new(), 422),
        ("text/csv", " ".repeat(262_145), 413),
    ] {
        let request = cast
            .knock(Method::POST, "/api/v1/import", admin)
            .header("content-type", kind);
        let reply = cast.hub.send(request.body(body.clone())).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{shown:?}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let link = format!("/n/{}", cast.a.link);
    let code = &cast.a.code;
    for (kind, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&code={code}&name=a&role=b"),
            400,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&name=a&role=b&digest=c"),
            400,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&name=&role=b"),
            422,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&name=a%0d%0ab&role=b"),
            422,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&name=a%E2%80%AEb&role=b"),
            422,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("code={code}&name=a%00&role=b"),
            422,
        ),
        (
            "application/x-www-form-urlencoded",
            "x".repeat(262_145),
            413,
        ),
    ] {
        let request = cast
            .knock(Method::POST, &link, "")
            .header("content-type", kind);
        let reply = cast.hub.send(request.body(body.clone())).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(reply.status.as_u16(), status, "{shown:?}");
    }
    assert_eq!(changed(&before, &cast.hub.rows()), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_edit_needs_the_version_that_was_read() {
    let cast = Cast::gathered(On::Sqlite).await;
    let before = cast.hub.rows();
    for row in rows().iter().filter(|row| row.method == "PUT") {
        let (who, target) = (caller(row), Target::A);
        let Body::Json(value) = (row.ask)(&cast, target).1 else {
            continue;
        };
        for (tag, status, code) in [
            (None, 428, "if_match_missing"),
            (Some("*"), 400, "if_match_invalid"),
            (Some("1"), 400, "if_match_invalid"),
            (Some("W/\"1\""), 400, "if_match_invalid"),
            (Some("\"99999999999999999999\""), 400, "if_match_invalid"),
            (Some("\"9\""), 409, "version_conflict"),
        ] {
            let mut request =
                cast.knock(Method::PUT, &good(&cast, row, who, target), cast.key(who));
            request = request.header("content-type", JSON).body(value.to_string());
            if let Some(tag) = tag {
                request = request.header("if-match", tag);
            }
            let reply = cast.hub.send(request).await.expect(status);
            assert_eq!(reply.code(), code, "{} {tag:?}", row.path);
        }
    }
    assert_eq!(changed(&before, &cast.hub.rows()), Vec::<&str>::new());
}
