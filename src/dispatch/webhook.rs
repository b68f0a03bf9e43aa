//! The webhook client: one POST of given bytes, one `Outcome`. Owns the HTTP client, its limits and
//! the reading of its failures.
//! Does not sign, retry, record or decide who is told; the address rules are `domain::address`.

use super::address_guard::{GuardedResolver, Names, ResolveFault};
use crate::domain::address::{AddressPolicy, AddressRefusal, Reach, Target};
use crate::domain::instant::Instant;
use crate::domain::outcome::{ErrorClass, Outcome};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Of the answer to a challenge so much is judged, whatever is kept.
const ANSWER_JUDGED: usize = 4 * 1024;
/// The longest wish of a peer that is honoured.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(3600);
/// Below the minute after which common servers close an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const TARGETS_KEPT: usize = 8192;

/// Bounds of one send.
#[derive(Debug, Clone, Copy)]
pub struct WebhookLimits {
    pub connect_timeout: Duration,
    /// From connecting to the last byte read.
    pub total_timeout: Duration,
    /// Bytes of the answer read before the connection is dropped; the last piece counts whole.
    pub answer_read: usize,
    /// Bytes of the answer kept.
    pub answer_kept: usize,
    pub idle_per_host: usize,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(15),
            answer_read: 16 * 1024,
            answer_kept: 4 * 1024,
            idle_per_host: 4,
        }
    }
}

/// One signed attempt.
#[derive(Debug)]
pub struct WebhookRequest<'a> {
    pub url: &'a str,
    /// `webhook-id`: the same on every attempt of a message to an endpoint.
    pub id: &'a str,
    /// `webhook-timestamp`: of this attempt; what the signatures cover.
    pub timestamp_seconds: i64,
    pub signature_header: String,
    pub body: Bytes,
}

/// The HTTP client could not be set up on this machine, for instance for want of root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the webhook client could not be set up")]
pub struct ClientNotBuilt(#[source] reqwest::Error);

/// Sends webhooks. One for the whole process: it holds the idle connections.
pub struct WebhookClient {
    public: Client,
    /// For URLs that only the opened networks may answer.
    opened: Client,
    policy: Arc<AddressPolicy>,
    limits: WebhookLimits,
    /// URLs already judged. The policy never changes under a client, so a verdict stays true.
    targets: RwLock<HashMap<Box<str>, Arc<Target>>>,
}

impl WebhookClient {
    /// `user_agent` is sent as it is.
    pub fn new(
        policy: Arc<AddressPolicy>,
        limits: WebhookLimits,
        user_agent: &str,
    ) -> Result<Self, ClientNotBuilt> {
        let names = Names::system(&policy);
        let client = |reach| {
            let resolver = GuardedResolver::new(names.clone(), policy.clone(), reach);
            build(resolver, reach, &limits, user_agent)
        };
        let public = client(Reach::Public)?;
        // Without opened networks nothing is ever judged `OpenedOnly`.
        let opened = if policy.allowed.is_empty() {
            public.clone()
        } else {
            client(Reach::OpenedOnly)?
        };
        Ok(Self {
            public,
            opened,
            policy,
            limits,
            targets: RwLock::default(),
        })
    }

    /// Sends once and reads the answer. `now` is only for a `Retry-After` that names a date.
    pub async fn send(&self, request: WebhookRequest<'_>, now: Instant) -> Outcome {
        let started = std::time::Instant::now();
        let failed = |class| Outcome::failed(class, started.elapsed());
        let target = match self.target(request.url) {
            Ok(target) => target,
            Err(refusal) => {
                tracing::debug!(
                    webhook.id = request.id,
                    code = refusal.code(),
                    "address refused"
                );
                return failed(ErrorClass::AddressRefused);
            }
        };
        let Some(prepared) = prepare(&target, request) else {
            return failed(ErrorClass::Internal);
        };
        let client = match target.reach {
            Reach::Public => &self.public,
            Reach::OpenedOnly => &self.opened,
        };
        match client.execute(prepared).await {
            Ok(response) => {
                self.report_stray(&response, target.reach);
                self.read(response, started, now).await
            }
            Err(error) => failed(classify(&error)),
        }
    }

    /// The URL parsed and judged, once per URL. reqwest asks no resolver for an IP literal, so this
    /// judgement is the only one that a literal gets.
    fn target(&self, text: &str) -> Result<Arc<Target>, AddressRefusal> {
        let known = self
            .targets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(text)
            .cloned();
        if let Some(target) = known {
            return Ok(target);
        }
        let target = Arc::new(self.policy.judge(text)?);
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= TARGETS_KEPT {
            targets.clear();
        }
        targets.insert(text.into(), target.clone());
        Ok(target)
    }

    /// Detection only: the bytes have left. The resolver gives judged addresses, so this line in a
    /// log means a fault of ours.
    fn report_stray(&self, response: &Response, reach: Reach) {
        if let Some(peer) = response.remote_addr()
            && self.policy.check_answer(peer.ip(), reach).is_err()
        {
            tracing::error!(%peer, "a webhook went to an address that the guard denies");
        }
    }

    async fn read(
        &self,
        mut response: Response,
        started: std::time::Instant,
        now: Instant,
    ) -> Outcome {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .filter(|_| !status.is_success());
        let retry_after =
            retry_after.and_then(|value| parse_retry_after(value.to_str().ok()?, now));
        let info = response.extensions().get::<reqwest::tls::TlsInfo>();
        let tls_fingerprint = info
            .and_then(|info| info.peer_certificate())
            .map(|leaf| Sha256::digest(leaf).into());
        let (answer_head, broken) = self.read_answer(&mut response).await;
        // A refusal is known from its status, however its text ends; an acceptance must be whole.
        let error = if status.is_success() {
            broken
        } else {
            Some(ErrorClass::Status)
        };
        Outcome {
            error,
            status: Some(status.as_u16()),
            duration: started.elapsed(),
            retry_after,
            tls_fingerprint,
            answer_head,
        }
    }

    /// Bytes of an answer that are kept as evidence.
    pub fn answer_kept(&self) -> usize {
        self.limits.answer_kept
    }

    /// Reads to the end, so that the connection can be used again, or to the limit, after which it is dropped.
    async fn read_answer(&self, response: &mut Response) -> (Vec<u8>, Option<ErrorClass>) {
        let (mut head, mut read) = (Vec::new(), 0);
        while read < self.limits.answer_read {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    read += piece.len();
                    let room = ANSWER_JUDGED.max(self.limits.answer_kept) - head.len();
                    head.extend_from_slice(&piece[..piece.len().min(room)]);
                }
                Ok(None) => break,
                Err(error) => return (head, Some(classify(&error))),
            }
        }
        (head, None)
    }
}

fn build(
    resolver: GuardedResolver,
    reach: Reach,
    limits: &WebhookLimits,
    user_agent: &str,
) -> Result<Client, ClientNotBuilt> {
    Client::builder()
        .dns_resolver(resolver)
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would look the name up again, past the guard.
        .no_proxy()
        .referer(false)
        // One attempt row is one send.
        .retry(reqwest::retry::never())
        .http1_only()
        .https_only(reach == Reach::Public)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .tls_info(true)
        .connect_timeout(limits.connect_timeout)
        // `read_timeout` would start again with every byte of a drip.
        .timeout(limits.total_timeout)
        .pool_max_idle_per_host(limits.idle_per_host)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(user_agent)
        .build()
        .map_err(ClientNotBuilt)
}

/// `None` when the id or the signature cannot stand in a header: a fault of the hub's own.
fn prepare(target: &Target, webhook: WebhookRequest<'_>) -> Option<Request> {
    let mut request = Request::new(Method::POST, target.url.clone());
    let headers = request.headers_mut();
    headers.reserve(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(WEBHOOK_ID, HeaderValue::from_str(webhook.id).ok()?);
    headers.insert(
        WEBHOOK_TIMESTAMP,
        HeaderValue::from(webhook.timestamp_seconds),
    );
    headers.insert(
        WEBHOOK_SIGNATURE,
        HeaderValue::try_from(webhook.signature_header).ok()?,
    );
    *request.body_mut() = Some(webhook.body.into());
    Some(request)
}

fn classify(error: &reqwest::Error) -> ErrorClass {
    let mut in_handshake = None;
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(fault) = cause.downcast_ref::<ResolveFault>() {
            return match fault {
                ResolveFault::Refused(_) => ErrorClass::AddressRefused,
                ResolveFault::NotFound | ResolveFault::TimedOut => ErrorClass::Dns,
            };
        }
        in_handshake = in_handshake.or_else(|| handshake_fault(cause.downcast_ref()?));
        source = cause.source();
    }
    if error.is_connect() {
        // The TLS connector hands its failures over as an I/O error within an I/O error; one of TCP is bare.
        return in_handshake.unwrap_or(ErrorClass::Connect);
    }
    if error.is_timeout() {
        ErrorClass::Timeout
    } else if error.is_builder() {
        ErrorClass::Internal
    } else {
        ErrorClass::Broken
    }
}

fn handshake_fault(outer: &io::Error) -> Option<ErrorClass> {
    let inner = outer.get_ref()?.downcast_ref::<io::Error>()?;
    Some(match inner.kind() {
        // A certificate, an alert, or something that is no TLS; or a peer that hangs up on our hello.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorClass::Tls,
        _ => ErrorClass::Broken,
    })
}

/// RFC 9110 §10.2.3: seconds or a date, held to an hour; a date gone by means at once.
fn parse_retry_after(text: &str, now: Instant) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are more than an hour.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_LIMIT));
    }
    let at = parse_http_date(text)?;
    Some(at.since(now).min(RETRY_AFTER_LIMIT))
}

/// RFC 9110 §5.6.7: a recipient takes the current form and both obsolete ones, always in UTC.
fn parse_http_date(text: &str) -> Option<Instant> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    let read = |form| {
        let parsed = jiff::fmt::strtime::parse(form, text).ok()?;
        let written = parsed.to_datetime().ok()?;
        let at = written.to_zoned(jiff::tz::TimeZone::UTC);
        // The last days of the last year are a date, if none that the library takes for a time.
        let micros = at.map_or(i64::MAX, |at| at.timestamp().as_microsecond());
        Some(Instant::from_micros(micros))
    };
    FORMS.into_iter().find_map(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A bank's endpoint: a listener and what it does with each connection.
    struct Endpoint {
        address: SocketAddr,
        connections: Arc<AtomicUsize>,
    }

    impl Endpoint {
        async fn start<F, Fut>(answer: F) -> Self
        where
            F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = ()> + Send + 'static,
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let connections = Arc::new(AtomicUsize::new(0));
            let counter = connections.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    counter.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(answer(stream));
                }
            });
            Self {
                address,
                connections,
            }
        }

        /// Answers every request on a connection with the same bytes.
        async fn answering(answer: &'static str) -> Self {
            Self::start(move |mut stream| async move {
                while read_request(&mut stream).await.is_some() {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            })
            .await
        }

        fn url(&self) -> String {
            format!("http://{}/hook", self.address)
        }

        fn connections(&self) -> usize {
            self.connections.load(Ordering::SeqCst)
        }
    }

    /// One request with its body, as text; `None` at the end of the connection.
    async fn read_request(stream: &mut TcpStream) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.ok()?;
            if count == 0 {
                return None;
            }
            text.extend_from_slice(&piece[..count]);
            if text.ends_with(BODY) {
                return String::from_utf8(text).ok();
            }
        }
    }

    const BODY: &[u8] = br#"{"type":"test"}"#;

    fn opening(network: &str) -> AddressPolicy {
        let allowed = vec![network.parse().expect("a network")];
        AddressPolicy {
            allowed,
            ..AddressPolicy::default()
        }
    }

    fn client_of(policy: AddressPolicy) -> WebhookClient {
        WebhookClient::new(Arc::new(policy), WebhookLimits::default(), "Kairan/test")
            .expect("a client")
    }

    fn client() -> WebhookClient {
        client_of(opening("127.0.0.0/8"))
    }

    fn impatient_client() -> WebhookClient {
        let limits = WebhookLimits {
            connect_timeout: Duration::from_millis(300),
            total_timeout: Duration::from_millis(700),
            ..WebhookLimits::default()
        };
        let policy = Arc::new(opening("127.0.0.0/8"));
        WebhookClient::new(policy, limits, "Kairan/test").expect("a client")
    }

    async fn send(client: &WebhookClient, url: &str) -> Outcome {
        let request = WebhookRequest {
            url,
            id: "0190c1a2-0000-7000-8000-000000000001",
            timestamp_seconds: 1_558_059_069,
            signature_header: "v1,AAAA v1a,BBBB".to_owned(),
            body: Bytes::from_static(BODY),
        };
        client
            .send(request, Instant::from_micros(784_111_777_000_000))
            .await
    }

    #[tokio::test]
    async fn a_bank_that_answers_2xx_has_accepted_and_keeps_its_connection() {
        let bank = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        let client = client();
        for _ in 0..3 {
            let outcome = send(&client, &bank.url()).await;
            assert!(outcome.accepted(), "{outcome:?}");
            assert_eq!((outcome.status, outcome.tls_fingerprint), (Some(204), None));
        }
        assert_eq!(bank.connections(), 1);
    }

    #[tokio::test]
    async fn a_bank_gets_the_signed_bytes_and_the_three_headers_and_nothing_that_asks_for_compression()
     {
        let (sender, mut seen) = tokio::sync::mpsc::channel(1);
        let bank = Endpoint::start(move |mut stream| {
            let sender = sender.clone();
            async move {
                let request = read_request(&mut stream).await.expect("a request");
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await;
                let _ = sender.send(request).await;
            }
        })
        .await;
        let outcome = send(&client(), &bank.url()).await;
        assert_eq!(outcome.answer_head, b"ok");
        let request = seen.recv().await.expect("seen").to_lowercase();
        assert!(request.starts_with("post /hook http/1.1\r\n"), "{request}");
        for header in [
            "webhook-id: 0190c1a2-0000-7000-8000-000000000001",
            "webhook-timestamp: 1558059069",
            "webhook-signature: v1,aaaa v1a,bbbb",
            "content-type: application/json",
            "content-length: 15",
            "user-agent: kairan/test",
        ] {
            assert!(
                request.contains(&format!("\r\n{header}\r\n")),
                "{header} in {request}"
            );
        }
        for header in ["accept-encoding", "cookie", "referer", "transfer-encoding"] {
            assert!(!request.contains(header), "{header} in {request}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_a_failure_and_is_not_followed() {
        let elsewhere = Endpoint::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let location = elsewhere.url();
        let bank = Endpoint::start(move |mut stream| {
            let answer =
                format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        })
        .await;
        let outcome = send(&client(), &bank.url()).await;
        assert_eq!(
            (outcome.error, outcome.status),
            (Some(ErrorClass::Status), Some(302))
        );
        assert_eq!(elsewhere.connections(), 0);
    }

    #[tokio::test]
    async fn a_bank_that_drips_its_answer_is_left_at_the_total_limit() {
        for head in [
            "HTTP/1.1 200 OK\r\nX-Slow: ",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        ] {
            let bank = Endpoint::start(move |mut stream| async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
            let outcome = send(&impatient_client(), &bank.url()).await;
            assert_eq!(outcome.error, Some(ErrorClass::Timeout), "{outcome:?}");
            assert!(outcome.duration < Duration::from_secs(5), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn an_endless_answer_is_read_to_the_limit_and_its_head_is_kept() {
        let bank = Endpoint::start(|mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
        })
        .await;
        let outcome = send(&client(), &bank.url()).await;
        assert!(outcome.accepted(), "{outcome:?}");
        assert_eq!(outcome.answer_head.len(), 4096);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_before_the_answer_is_whole_is_no_acceptance() {
        for answer in [
            "",
            "HTTP/1.1 2",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            "SSH-2.0-x\r\n\r\n",
        ] {
            let bank = Endpoint::start(move |mut stream| async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            })
            .await;
            let outcome = send(&client(), &bank.url()).await;
            assert_eq!(
                outcome.error,
                Some(ErrorClass::Broken),
                "{answer:?}: {outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_a_failed_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let outcome = send(&client(), &format!("http://{address}/")).await;
        assert_eq!(outcome.error, Some(ErrorClass::Connect));
    }

    #[tokio::test]
    async fn an_endpoint_that_speaks_no_tls_or_hangs_up_on_it_fails_as_tls() {
        for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
            let bank = Endpoint::start(move |mut stream| async move {
                let mut hello = [0; 4096];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            })
            .await;
            let outcome = send(&client(), &format!("https://{}/", bank.address)).await;
            assert_eq!(outcome.error, Some(ErrorClass::Tls), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_tls_handshake_that_never_ends_is_a_failed_connection() {
        let bank = Endpoint::start(|stream| async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(stream);
        })
        .await;
        let outcome = send(&impatient_client(), &format!("https://{}/", bank.address)).await;
        assert_eq!(outcome.error, Some(ErrorClass::Connect));
    }

    #[tokio::test]
    async fn a_refused_address_gets_no_packet_by_number_or_by_name() {
        let inside = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        let port = inside.address.port();
        let (none, other) = (
            client_of(AddressPolicy::default()),
            client_of(opening("10.9.9.0/24")),
        );
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "[::ffff:127.0.0.1]",
            "localhost",
            "１２７.1",
        ] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:{port}/");
                for client in [&none, &other] {
                    let outcome = send(client, &url).await;
                    assert_eq!(outcome.error, Some(ErrorClass::AddressRefused), "{url}");
                }
            }
        }
        assert_eq!(inside.connections(), 0);
        assert!(
            send(&client_of(opening("127.0.0.1/32")), &inside.url())
                .await
                .accepted()
        );
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_fails_as_dns() {
        let outcome = send(&client(), "http://no-such-bank.invalid/").await;
        assert_eq!(outcome.error, Some(ErrorClass::Dns));
    }

    #[tokio::test]
    async fn a_bank_that_asks_for_time_is_given_it_up_to_an_hour() {
        let bank = Endpoint::answering(
            "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        let outcome = send(&client(), &bank.url()).await;
        assert_eq!(outcome.retry_after, Some(Duration::from_secs(120)));
        // 784111777 = Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
        let now = Instant::from_micros(784_111_767_000_000);
        for (text, expected) in [
            ("0", Some(0)),
            (" 59 ", Some(59)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(10)),
            ("Sun Nov  6 08:49:37 1994", Some(10)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Mon, 06 Nov 2034 08:49:37 GMT", Some(3600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 36 Nov 1994 08:49:37 GMT", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse_retry_after(text, now), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn an_id_that_cannot_stand_in_a_header_is_the_hubs_own_fault() {
        let request = WebhookRequest {
            url: "https://hooks.bank.example/",
            id: "a\r\nb",
            timestamp_seconds: 0,
            signature_header: String::new(),
            body: Bytes::new(),
        };
        let outcome = client().send(request, Instant::from_micros(0)).await;
        assert_eq!(outcome.error, Some(ErrorClass::Internal));
    }
}
