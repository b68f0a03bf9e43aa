//! A scripted bank: a small HTTP/1.1 server on loopback that records every hit and answers as told.
//! Verifies nothing; a test decides what a hit proves. Challenges to its endpoint stand apart from the hits, and are
//! answered under the secrets that it knows. Runs on its own thread, so it serves tests
//! with and without a runtime, and goes on while they block.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use kairan::domain::challenge::{Challenge, KIND};
use kairan::domain::instant::Instant as HubInstant;
use kairan::domain::signature::{Received, SymmetricSecret, verify};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const DEADLINE: Duration = Duration::from_secs(15);

/// How the bank answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, no body.
    Status(u16),
    /// This status with a body.
    Body(u16, Vec<u8>),
    /// This status (429, 503) with a `Retry-After` value: seconds or a date.
    RetryAfter(u16, String),
    /// 302 to this place, which nobody should follow.
    Redirect(String),
    /// 204 after a while.
    Slow(Duration),
    /// 200 and then one byte every 50 ms, for as long as the caller stays.
    Drip,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// These bytes instead of HTTP, then the end of the connection.
    Raw(Vec<u8>),
    /// The head, and then the piece again and again, for as long as the caller stays.
    Forever {
        head: Vec<u8>,
        piece: Vec<u8>,
        pause: Duration,
    },
    /// Ends its own side without an answer, and goes on listening.
    HalfClosed,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Hit {
    pub method: String,
    pub path: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When its last byte had arrived: for the verifier's tolerance, and for measuring.
    pub at: SystemTime,
    pub instant: Instant,
    /// Which connection it came on, counted from 1: equal numbers mean keep-alive was used.
    pub connection: u64,
}

#[derive(Debug, Default)]
struct Script {
    always: Option<Answer>,
    next: VecDeque<Answer>,
    at_path: HashMap<String, Answer>,
    hits: Vec<Hit>,
    /// What its hub has given it; wiped on drop.
    secrets: Vec<SymmetricSecret>,
    challenges: Vec<Hit>,
    to_challenges: Option<Answer>,
    /// Where it believes it is, if not where it is.
    stands_at: Option<String>,
    connections: u64,
}

/// The running receiver; stops, and cuts its connections, when dropped.
pub struct Receiver {
    address: std::net::SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1 and answers 204.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0");
        Self::on(listener.expect("loopback has a free port"))
    }

    /// Listens where the test has bound, on another network for example.
    pub fn on(listener: std::net::TcpListener) -> Self {
        listener
            .set_nonblocking(true)
            .expect("a fresh socket takes the option");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let script = Arc::<Mutex<Script>>::default();
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&script);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .expect("a runtime starts")
                .block_on(serve(listener, for_thread, stopped));
        });
        Self {
            address,
            script,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `http://address:port/path`; one receiver can play several banks by path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, every hit is answered so.
    pub fn answer(&self, answer: Answer) {
        self.script().always = Some(answer);
    }

    /// The next hits are answered so, one each; afterwards as before.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().next.extend(answers);
    }

    /// Hits on this path are answered so, whatever holds for the others.
    pub fn answer_at(&self, path: &str, answer: Answer) {
        self.script()
            .at_path
            .insert(format!("/{}", path.trim_start_matches('/')), answer);
    }

    /// It was given this secret, `whsec_…`.
    pub fn knows(&self, secret: &str) {
        let secret = secret.parse().expect("a secret");
        self.script().secrets.push(secret);
    }

    /// From now on, every challenge is answered so, instead of rightly.
    pub fn answer_challenges(&self, answer: Answer) {
        self.script().to_challenges = Some(answer);
    }

    /// From now on, every challenge is answered as it should be.
    pub fn answer_challenges_rightly(&self) {
        self.script().to_challenges = None;
    }

    /// From now on, it answers challenges as if it stood at another address: whoever was asked passes on what it got there.
    pub fn answer_challenges_for(&self, address: &str) {
        self.script().stands_at = Some(address.into());
    }

    /// Every challenge so far, in order of arrival.
    pub fn challenges(&self) -> Vec<Hit> {
        self.script().challenges.clone()
    }

    /// Every hit so far but the challenges, in order of arrival.
    pub fn hits(&self) -> Vec<Hit> {
        self.script().hits.clone()
    }

    /// The hits on one path.
    pub fn hits_at(&self, path: &str) -> Vec<Hit> {
        let path = path.trim_start_matches('/');
        self.hits()
            .into_iter()
            .filter(|hit| hit.path[1..] == *path)
            .collect()
    }

    /// Forgets the hits so far, and says what they were.
    pub fn forget(&self) -> Vec<Hit> {
        std::mem::take(&mut self.script().hits)
    }

    /// Waits until `count` hits are there. Blocks the calling thread, not the receiver.
    pub fn wait_for(&self, count: usize) -> Vec<Hit> {
        let started = Instant::now();
        loop {
            let hits = self.hits();
            if hits.len() >= count {
                return hits;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "{} of {count} hits after {DEADLINE:?}",
                hits.len()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until `count` hits are there, and lets the caller's runtime go on meanwhile.
    pub async fn arrived(&self, count: usize) -> Vec<Hit> {
        let started = Instant::now();
        loop {
            let hits = self.hits();
            if hits.len() >= count {
                return hits;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "{} of {count} hits after {DEADLINE:?}",
                hits.len()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        locked(&self.script)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the receiver shows as missing hits; panicking again here would abort the run.
            drop(thread.join());
        }
    }
}

impl Script {
    /// Under the secret that signed it, for the address it came to; 204 where the secret is not known.
    fn answer_to(&self, own: std::net::SocketAddr, hit: &Hit) -> Answer {
        if let Some(answer) = &self.to_challenges {
            return answer.clone();
        }
        let header = |name| hit.header(name).unwrap_or_default();
        let seconds: i64 = header("webhook-timestamp").parse().unwrap_or(0);
        let received = Received {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: &hit.body,
        };
        // Clocks of tests leap: the signature is what tells.
        let now = HubInstant::from_micros(seconds * 1_000_000);
        let fits = |secret: &&SymmetricSecret| {
            verify(
                &received,
                std::slice::from_ref(*secret),
                now,
                Duration::ZERO,
            )
            .is_ok()
        };
        let asked: Challenge =
            serde_json::from_value(hit.json()["data"].clone()).expect("a challenge");
        match self.secrets.iter().find(fits) {
            Some(secret) => {
                let own = format!("http://{own}{}", hit.path);
                let meant = self.stands_at.as_ref().unwrap_or(&own);
                Answer::Body(200, asked.answer(meant, secret).into_bytes())
            }
            None => Answer::Status(204),
        }
    }
}

impl Hit {
    fn is_challenge(&self) -> bool {
        self.body
            .starts_with(format!(r#"{{"type":"{KIND}""#).as_bytes())
    }

    /// The first header of this name, written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the hub sends JSON")
    }
}

fn locked(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script
        .lock()
        .expect("nothing panics while it holds the lock")
}

async fn serve(
    listener: std::net::TcpListener,
    script: Arc<Mutex<Script>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = TcpListener::from_std(listener).expect("the socket was made non-blocking");
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let connection = {
            let mut script = locked(&script);
            script.connections += 1;
            script.connections
        };
        let script = Arc::clone(&script);
        tokio::spawn(async move {
            // The caller going away is one of the things tests do.
            drop(converse(stream, connection, &script).await);
        });
    }
}

/// Serves one connection until either side ends it.
async fn converse(
    mut stream: TcpStream,
    connection: u64,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let own = stream.local_addr()?;
    let mut buffer = Vec::new();
    while let Some(mut hit) = read_request(&mut stream, &mut buffer).await? {
        hit.connection = connection;
        let answer = {
            let mut script = locked(script);
            if hit.is_challenge() {
                let answer = script.answer_to(own, &hit);
                script.challenges.push(hit);
                answer
            } else {
                let by_path = script.at_path.get(&hit.path).cloned();
                let answer = by_path
                    .or_else(|| script.next.pop_front())
                    .or_else(|| script.always.clone());
                script.hits.push(hit);
                answer.unwrap_or(Answer::Status(204))
            }
        };
        if !give(&mut stream, answer).await? {
            break;
        }
    }
    Ok(())
}

/// Answers, and says whether the connection can be used again.
async fn give(stream: &mut TcpStream, answer: Answer) -> std::io::Result<bool> {
    match answer {
        Answer::Status(status) => send(stream, status, "", b"").await,
        Answer::Body(status, body) => send(stream, status, "", &body).await,
        Answer::RetryAfter(status, when) => {
            send(stream, status, &format!("retry-after: {when}\r\n"), b"").await
        }
        Answer::Redirect(to) => send(stream, 302, &format!("location: {to}\r\n"), b"").await,
        Answer::Slow(pause) => {
            tokio::time::sleep(pause).await;
            send(stream, 204, "", b"").await
        }
        Answer::Drip => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
            go_on(stream, head, b".", Duration::from_millis(50)).await
        }
        Answer::Forever { head, piece, pause } => go_on(stream, &head, &piece, pause).await,
        Answer::Hang => until_gone(stream).await,
        Answer::HalfClosed => {
            stream.shutdown().await?;
            until_gone(stream).await
        }
        Answer::Reset => {
            stream.set_zero_linger()?;
            Ok(false)
        }
        Answer::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            Ok(false)
        }
    }
}

async fn go_on(
    stream: &mut TcpStream,
    head: &[u8],
    piece: &[u8],
    pause: Duration,
) -> std::io::Result<bool> {
    stream.write_all(head).await?;
    loop {
        stream.write_all(piece).await?;
        tokio::time::sleep(pause).await;
    }
}

/// Ends when the caller gives up.
async fn until_gone(stream: &mut TcpStream) -> std::io::Result<bool> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(false)
}

async fn send(
    stream: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
) -> std::io::Result<bool> {
    let length = match status {
        204 | 304 => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let mut bytes = format!("HTTP/1.1 {status} Told\r\n{headers}{length}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).await?;
    Ok(true)
}

/// The next request, or nothing when the caller has closed. Keeps what follows it in `buffer`.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<Hit>> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut request = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(String::from);
    let split = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_string()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(split).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = buffer[head_end..head_end + length].to_vec();
    buffer.drain(..head_end + length);
    Ok(Some(Hit {
        method: request.next().unwrap_or_default(),
        path: request.next().unwrap_or_default(),
        headers,
        body,
        at: SystemTime::now(),
        instant: Instant::now(),
        connection: 0,
    }))
}

#[tokio::test]
async fn a_scripted_bank_records_every_hit_and_answers_as_told() {
    let bank = Receiver::start();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(400))
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client without a proxy builds");
    let post = |path: &str| {
        client
            .post(bank.url(path))
            .header("Webhook-Id", "m1")
            .body("{\"n\":1}")
            .send()
    };

    assert_eq!(
        post("/hook")
            .await
            .expect("the default answer comes")
            .status(),
        204
    );
    bank.answer_next([
        Answer::RetryAfter(429, "7".into()),
        Answer::Body(500, b"sorry".to_vec()),
    ]);
    let told_to_wait = post("/hook").await.expect("an answer comes");
    assert_eq!(
        (
            told_to_wait.status().as_u16(),
            &told_to_wait.headers()["retry-after"]
        ),
        (429, &"7".parse().expect("a header value"))
    );
    assert_eq!(
        post("/hook")
            .await
            .expect("an answer comes")
            .text()
            .await
            .expect("with a body"),
        "sorry"
    );
    for broken in [
        Answer::Hang,
        Answer::Reset,
        Answer::Raw(b"220 mail\r\n".to_vec()),
    ] {
        bank.answer(broken);
        post("/hook").await.expect_err("no answer that counts");
    }
    bank.answer(Answer::Drip);
    post("/hook")
        .await
        .expect("its head comes")
        .bytes()
        .await
        .expect_err("its body never ends");
    bank.answer(Answer::Redirect("http://127.0.0.1:1/".into()));
    bank.answer_at("/other", Answer::Slow(Duration::from_millis(1)));
    assert_eq!(post("/hook").await.expect("an answer comes").status(), 302);
    assert_eq!(post("other").await.expect("an answer comes").status(), 204);

    let hits = bank.wait_for(9);
    assert_eq!((hits.len(), bank.hits_at("/other").len()), (9, 1));
    assert_eq!(
        (hits[0].method.as_str(), hits[0].header("webhook-id")),
        ("POST", Some("m1"))
    );
    assert_eq!(hits[0].json()["n"], 1);
    assert_eq!(
        hits[0].connection, hits[1].connection,
        "the connection is kept alive"
    );
}
