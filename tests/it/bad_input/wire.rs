//! Bytes that are not the HTTP that anybody should speak, on a socket of their own: refused or cut off, never
//! taken for a second request, and the hub goes on.

use crate::support::ground::filing;
use crate::support::hub::{On, TestHub};
use crate::support::rows::changed;
use crate::support::served::Served;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take to begin, and the connection to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends bytes; all that came back until the end, or until nothing came for a while.
async fn said(address: &str, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("connects");
    // The hub may close before it has read everything.
    drop(socket.write_all(bytes).await);
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    let until = Instant::now() + PATIENCE;
    while let Ok(Ok(read)) = tokio::time::timeout_at(until.into(), socket.read(&mut part)).await {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of each answer in what came back.
fn statuses(answer: &str) -> Vec<u16> {
    let heads = answer
        .match_indices("HTTP/1.1 ")
        .chain(answer.match_indices("HTTP/1.0 "));
    heads
        .filter_map(|(at, _)| answer.get(at + 9..at + 12)?.parse().ok())
        .collect()
}

/// A draft that an officer would begin, as a whole request: what is smuggled.
fn smuggled(key: &str) -> String {
    let body = filing().to_string();
    format!(
        "POST /api/v1/drafts HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn hub() -> (TestHub, Served, String) {
    let hub = TestHub::start(On::Sqlite).await;
    let key = hub.officer().await.key;
    let served = Served::beside(&hub).await;
    (hub, served, key)
}

fn assert_calm(served: &Served) {
    let log = served.log();
    assert!(
        !log.contains("panicked") && !log.contains("status=5"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_clean_http_is_refused_or_cut_off() {
    let (hub, served, key) = hub().await;
    let before = hub.rows();
    let get = "GET /api/v1/incidents HTTP/1.1\r\n";
    let auth = format!("Authorization: Bearer {key}\r\nConnection: close\r\n");
    let post = format!(
        "POST /api/v1/drafts HTTP/1.1\r\nHost: hub.example\r\n{auth}Content-Type: application/json\r\n"
    );
    let many: String = (0..10_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = "x".repeat(1 << 20);
    for (about, request) in [
        (
            "two lengths",
            format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x"),
        ),
        (
            "two equal lengths",
            format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{x"),
        ),
        (
            "a list of lengths",
            format!("{post}Content-Length: 2, 3\r\n\r\n{{}}x"),
        ),
        (
            "a signed length",
            format!("{post}Content-Length: +2\r\n\r\n{{}}"),
        ),
        (
            "a length below zero",
            format!("{post}Content-Length: -2\r\n\r\n{{}}"),
        ),
        (
            "length and chunks",
            format!(
                "{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{x\r\n0\r\n\r\n"
            ),
        ),
        (
            "unknown coding",
            format!("{post}Transfer-Encoding: xchunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
        ),
        (
            "coding twice",
            format!("{post}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
        ),
        (
            "a bad chunk size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n-2\r\n{{}}\r\n0\r\n\r\n"),
        ),
        (
            "a huge chunk size",
            format!(
                "{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{{}}\r\n0\r\n\r\n"
            ),
        ),
        (
            "a folded header",
            format!("{get}Host: hub.example\r\nX-A: 1\r\n 2\r\n{auth}\r\n"),
        ),
        (
            "a blank before the colon",
            format!("{get}Host : hub.example\r\n{auth}\r\n"),
        ),
        (
            "NUL in a header",
            format!("{get}Host: hub.example\r\nX-A: a\u{0}b\r\n{auth}\r\n"),
        ),
        (
            "TRACE",
            format!("TRACE /api/v1/incidents HTTP/1.1\r\nHost: hub.example\r\n{auth}\r\n"),
        ),
        (
            "CONNECT",
            format!("CONNECT hub.example:443 HTTP/1.1\r\nHost: hub.example\r\n{auth}\r\n"),
        ),
        (
            "another method by header",
            format!("{post}X-HTTP-Method-Override: GET\r\nContent-Length: 1\r\n\r\nx"),
        ),
        (
            "10 000 headers",
            format!("{get}Host: hub.example\r\n{many}{auth}\r\n"),
        ),
        (
            "a header of a megabyte",
            format!("{get}Host: hub.example\r\nX-A: {long}\r\n{auth}\r\n"),
        ),
        (
            "a path of a megabyte",
            format!("GET /{long} HTTP/1.1\r\nHost: hub.example\r\n{auth}\r\n"),
        ),
        ("HTTP/0.9", "GET /api/v1/incidents\r\n\r\n".into()),
        (
            "HTTP/2 without agreement",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        ),
        (
            "no HTTP at all",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}".into(),
        ),
    ] {
        let answer = said(&served.address, request.as_bytes()).await;
        let statuses = statuses(&answer);
        assert!(
            statuses.iter().all(|status| (400..500).contains(status)),
            "{about}: {statuses:?}\n{answer}"
        );
    }
    assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
    assert_calm(&served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_hub_never_believes_the_host_header() {
    let (_hub, served, _) = hub().await;
    for host in [
        "evil.example",
        "evil.example:99999",
        "a b",
        "",
        "[::1",
        "x\u{e9}",
    ] {
        let request = format!(
            "GET /.well-known/kairan HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
        );
        let answer = said(&served.address, request.as_bytes()).await;
        assert!(
            statuses(&answer).iter().all(|status| *status < 500),
            "{host}: {answer}"
        );
        assert!(!answer.contains("evil"), "{host}: {answer}");
    }
    assert_calm(&served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_inside_the_body_of_another_is_never_done() {
    let (hub, served, key) = hub().await;
    let before = hub.rows();
    let inner = smuggled(&key);
    let length = inner.len();
    let post = "POST /api/v1/invitations/x HTTP/1.1\r\nHost: hub.example\r\nContent-Type: application/json\r\n";
    for (about, request) in [
        (
            "in a GET's body",
            format!(
                "GET /health/live HTTP/1.1\r\nHost: hub.example\r\nContent-Length: {length}\r\n\r\n{inner}"
            ),
        ),
        (
            "in a refused body",
            format!(
                "POST /api/v1/drafts HTTP/1.1\r\nHost: hub.example\r\nContent-Length: {length}\r\n\r\n{inner}"
            ),
        ),
        (
            "where nobody reads",
            format!("{post}Content-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "behind length and chunks",
            format!(
                "{post}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
                length + 5
            ),
        ),
        (
            "behind chunks and length",
            format!(
                "{post}Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n0\r\n\r\n{inner}",
                length + 5
            ),
        ),
        (
            "behind a coding that nobody knows",
            format!("{post}Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n\r\n{inner}"),
        ),
        (
            "behind two lengths",
            format!("{post}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "behind a body too large",
            format!(
                "POST /api/v1/drafts HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {key}\r\n\
            Content-Type: application/json\r\nContent-Length: 300000\r\n\r\n{inner}{}",
                " ".repeat(300_000 - length)
            ),
        ),
    ] {
        let answer = said(&served.address, request.as_bytes()).await;
        let statuses = statuses(&answer);
        assert!(
            statuses.len() <= 1 && !statuses.contains(&201),
            "{about}: {statuses:?}\n{answer}"
        );
        assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new(), "{about}");
    }
    // The same bytes as a request of their own are done: the proof that there was something to smuggle.
    assert_eq!(
        statuses(&said(&served.address, inner.as_bytes()).await),
        [201]
    );
    assert_calm(&served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn paths_lead_nowhere_but_to_routes() {
    let (hub, served, key) = hub().await;
    let before = hub.rows();
    let long = "9".repeat(400);
    for path in [
        "/static/../Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/..%5c..%5cetc",
        "/static/kairan.css%00.png",
        "/api/docs/../../etc/passwd",
        "/api/docs/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/incidents/../banks%00",
        "/api/v1/incidents/%00",
        "/api/v1/incidents/%FF",
        "/api/v1/incidents/INC-2019-0001%0d%0aX-A:1",
        "/api/v1/drafts/0",
        "/api/v1/drafts/-1",
        "/api/v1/drafts/%2e%2e",
        "/api/v1/drafts/00000000-0000-0000-0000-000000000000",
        "/api/v1/drafts/{00000000-0000-7000-8000-000000000000}",
        "/api/v1/drafts/0000000000007000800000000000000A",
        "/API/V1/incidents",
        "/api//v1/incidents",
        "/api/v1/incidents/",
        &format!("/api/v1/drafts/{long}"),
        &format!("/api/v1/incidents/INC-2019-0001/revisions/{long}"),
        "/api/v1/incidents/INC-2019-0001/revisions/-1",
        "/n/..",
        "/n/%00",
        "/n/%2e%2e%2f",
        "*",
        "\\",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        );
        let answer = said(&served.address, request.as_bytes()).await;
        assert!(
            matches!(statuses(&answer).as_slice(), [] | [400 | 404]),
            "{path}: {answer}"
        );
    }
    assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
    assert_calm(&served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_endless_body_is_cut_and_a_slow_head_is_not_waited_for() {
    let (hub, served, key) = hub().await;
    let before = hub.rows();
    let mut socket = TcpStream::connect(&served.address).await.expect("connects");
    let head = format!(
        "POST /api/v1/drafts HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("taken");
    let chunk = format!("10000\r\n{}\r\n", "[".repeat(0x10000));
    // The answer stands at once; the connection is kept a few seconds longer, for the client to read it.
    let cut = tokio::time::timeout(Duration::from_secs(15), async {
        while socket.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    assert!(cut.await.is_ok(), "a body without end is read for ever");
    // A body that stops halfway: the hub waits its thirty seconds.
    let mut halfway = TcpStream::connect(&served.address).await.expect("connects");
    let part = format!("{head}10\r\n[");
    halfway.write_all(part.as_bytes()).await.expect("taken");
    let waits = tokio::spawn(async move {
        let mut answer = vec![0; 4_096];
        let read = halfway.read(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    // A head that comes a byte a second: the hub ends it after its ten seconds.
    let mut slow = TcpStream::connect(&served.address).await.expect("connects");
    let (begun, mut ended) = (Instant::now(), false);
    for byte in b"GET /health/live HTTP/1.1\r\nHost: x" {
        let mut part = [0; 512];
        drop(slow.write_all(&[*byte]).await);
        if tokio::time::timeout(Duration::from_secs(1), slow.read(&mut part))
            .await
            .is_ok()
        {
            ended = true;
            break;
        }
    }
    assert!(
        ended && begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let answer = tokio::time::timeout(Duration::from_secs(60), waits).await;
    let answer = answer.expect("in time").expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_too_slow"), "{answer}");
    assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
    assert_calm(&served);
}
