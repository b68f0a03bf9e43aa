//! Parameters and cursors that nobody handed out.

use crate::access::cast::Cast;
use crate::support::hub::On;
use crate::support::rows::changed;
use serde_json::Value;

const DEEP: &str = "%25%5F%27%22%3B%20DROP%20TABLE%20bank%3B--";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_parameter_that_is_not_asked_for_is_refused_everywhere() {
    let cast = Cast::gathered(On::Sqlite).await;
    let (officer, bank) = (cast.officer.key.as_str(), cast.a.bank.key.as_str());
    let before = cast.hub.rows();
    let board = format!("/api/v1/incidents/{}/notices?", cast.reference);
    for (list, key) in [
        ("/api/v1/incidents?", officer),
        ("/api/v1/deliveries?", officer),
        ("/api/v1/inbox?", bank),
        ("/api/v1/as-of?bank=B001&at=2020-01-01T00:00:00Z&", officer),
        ("/api/v1/tasks?", officer),
        ("/api/v1/service-levels?", officer),
        (&board, officer),
    ] {
        let pages = !list.contains("/notices?") && !list.contains("service-levels");
        for (query, code) in [
            ("limit=0", "limit_invalid"),
            ("limit=201", "limit_invalid"),
            ("limit=2147483648", "limit_invalid"),
            ("limit=9223372036854775807", "limit_invalid"),
            ("limit=-1", "query_invalid"),
            ("limit=9223372036854775808", "query_invalid"),
            ("limit=1&limit=2", "query_duplicate"),
            ("limit=", "query_invalid"),
            ("limit=%31%00", "query_text"),
            ("colour=red", "query_invalid"),
            ("recipients=B001", "query_invalid"),
            ("%FF=1", "query_invalid"),
        ] {
            let reply = cast
                .hub
                .get(&format!("{list}{query}"), key)
                .await
                .expect(400);
            assert!(
                !pages && query.starts_with("limit") || reply.code() == code,
                "{list}{query}: {}",
                reply.code()
            );
        }
    }
    assert_eq!(changed(&before, &cast.hub.rows()), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cursor_opens_for_whom_and_what_it_was_made_for() {
    let cast = Cast::gathered(On::Sqlite).await;
    let officer = cast.officer.key.as_str();
    let other = cast.hub.officer().await;
    cast.hub.file(&cast.officer).await;
    let page = cast
        .hub
        .get("/api/v1/incidents?limit=1", officer)
        .await
        .expect(200)
        .json();
    let cursor = page["next_cursor"]
        .as_str()
        .expect("a further page")
        .to_owned();
    cast.hub
        .get(
            &format!("/api/v1/incidents?limit=1&cursor={cursor}"),
            officer,
        )
        .await
        .expect(200);
    let last = if cursor.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &cursor[..cursor.len() - 1]);
    for (path, key) in [
        (format!("/api/v1/incidents?cursor={changed}"), officer),
        (
            format!("/api/v1/incidents?cursor={cursor}"),
            other.key.as_str(),
        ),
        (format!("/api/v1/incidents?q=x&cursor={cursor}"), officer),
        (format!("/api/v1/deliveries?cursor={cursor}"), officer),
        ("/api/v1/incidents?cursor=".into(), officer),
        ("/api/v1/incidents?cursor=AAAA".into(), officer),
        (
            format!("/api/v1/incidents?cursor={}", "A".repeat(5_000)),
            officer,
        ),
    ] {
        assert_eq!(
            cast.hub.get(&path, key).await.expect(400).code(),
            "cursor_invalid",
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_search_is_text_and_nothing_more() {
    let cast = Cast::gathered(On::Sqlite).await;
    let officer = cast.officer.key.as_str();
    for (q, found) in [
        ("%25", 0),
        ("_", 0),
        ("%5C", 0),
        (DEEP, 0),
        ("INC-", 1),
        ("%E5%8F%A3%E5%BA%A7", 1),
    ] {
        let page = cast
            .hub
            .get(&format!("/api/v1/incidents?q={q}"), officer)
            .await
            .expect(200)
            .json();
        assert_eq!(
            page["incidents"].as_array().map(Vec::len),
            Some(found),
            "{q}: {page}"
        );
    }
    cast.hub
        .get(&format!("/api/v1/incidents?q={}", "x".repeat(201)), officer)
        .await
        .expect(400);
    for query in ["status=none", "phase=", "kind=Actual"] {
        cast.hub
            .get(&format!("/api/v1/incidents?{query}"), officer)
            .await
            .expect(400);
    }
    for query in [
        "channel=fax",
        "outcome=fine",
        "from=2019-02-30T00:00:00Z",
        "to=yesterday",
        "format=xml",
        "format=csv&limit=5",
    ] {
        cast.hub
            .get(&format!("/api/v1/deliveries?{query}"), officer)
            .await
            .expect(400);
    }
    for query in ["bank=ZZZZ", "incident=INC-1999-9999"] {
        cast.hub
            .get(&format!("/api/v1/deliveries?{query}"), officer)
            .await
            .expect(404);
    }
    for query in [
        "",
        "?bank=B001",
        "?at=2019-05-17T00:00:00Z",
        "?bank=B001&at=2019-05-17",
        "?bank=B001&at=10000-01-01T00:00:00Z",
    ] {
        let document: Value = cast
            .hub
            .get(&format!("/api/v1/as-of{query}"), officer)
            .await
            .expect(400)
            .json();
        assert_eq!(document["code"], "query_invalid", "{query}");
    }
    for (query, status) in [
        ("?from=2026-01&to=2026-02&bank=B001", 200),
        ("?from=2026-01&from=2026-01", 400),
        ("?from=2026-01-01", 400),
        ("?from=2023-01&to=2026-01", 400),
        ("?to=9999-12", 400),
        ("?from=%00", 400),
        ("?format=xlsx", 400),
        ("?limit=5", 400),
        ("?bank=..%2FB001", 404),
        ("?bank=", 404),
    ] {
        let path = format!("/api/v1/service-levels{query}");
        cast.hub.get(&path, officer).await.expect(status);
    }
    let auditor = cast.hub.person("auditor", None).await.key;
    for (query, status) in [
        ("", 400),
        ("?bank=B001", 400),
        ("?as_of=2019-05-17T00:00:00Z", 400),
        ("?bank=B001&as_of=2019-05-17", 400),
        ("?bank=B001&as_of=2019-05-17T00:00:00Z&limit=5", 400),
        ("?bank=B001&bank=B002&as_of=2019-05-17T00:00:00Z", 400),
        ("?bank=B001&as_of=2999-01-01T00:00:00Z", 422),
        ("?bank=..%2FB001&as_of=2019-05-17T00:00:00Z", 404),
    ] {
        let path = format!("/api/v1/certificates{query}");
        cast.hub.get(&path, &auditor).await.expect(status);
    }
}
