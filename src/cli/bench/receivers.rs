//! `kairan bench-receivers`: the banks of a bench, in a process of their own so that their work is not the
//! hub's. As lean as can be: one port, a path per bank, the same short answer. Knows nothing of scenes.

use super::control::{Arrivals, Command, Report};
use super::machine;
use crate::cli::{CliError, Done, say};
use bytes::{Buf, BytesMut};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const REQUEST_LIMIT: usize = 1 << 20;
const QUEUE: u32 = 4_096;
/// What the hub sends beside notices is counted apart.
const NOTICE: &[u8] = br#"{"type":"notice.issued""#;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long a bank thinks before it answers
    #[arg(long, default_value_t = 0)]
    answer_ms: u64,
    /// Banks from this number on take a notice and never answer
    #[arg(long, default_value_t = u32::MAX)]
    silent_from: u32,
}

/// One notice that came in.
struct Hit {
    bank: u32,
    id: u128,
    at_nanos: u64,
}

#[derive(Default)]
struct Tally {
    hits: Vec<Hit>,
    strangers: u64,
    silenced: u64,
    body_bytes: usize,
    marked_nanos: Option<u64>,
    /// Whoever waits is told at so many hits.
    goal: usize,
}

#[derive(Default)]
struct Banks {
    tally: Mutex<Tally>,
    reached: Notify,
    answer_after: Duration,
    silent_from: u32,
}

impl Banks {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, head: &Head, body: &[u8]) {
        let at_nanos = machine::monotonic_nanos();
        let mut tally = self.tally();
        if !body.starts_with(NOTICE) {
            tally.strangers += 1;
            return;
        }
        if head.bank >= self.silent_from {
            tally.silenced += 1;
            return;
        }
        tally.body_bytes = body.len();
        tally.hits.push(Hit {
            bank: head.bank,
            id: head.id,
            at_nanos,
        });
        if tally.hits.len() == tally.goal {
            self.reached.notify_one();
        }
    }

    /// Waits for so many hits, or until time is up.
    async fn wait(&self, hits: usize, limit: Duration) {
        let until = tokio::time::Instant::now() + limit;
        loop {
            {
                let mut tally = self.tally();
                tally.goal = hits;
                if tally.hits.len() >= hits {
                    return;
                }
            }
            if tokio::time::timeout_at(until, self.reached.notified())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

/// Runs until told to stop, or until whoever started it is gone.
pub async fn run(args: Args) -> Result<Done, CliError> {
    let failed =
        |fault: std::io::Error| CliError::Failed(format!("the bench's receivers: {fault}"));
    let listener = listen().map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let hole = Hole::dig().await.map_err(failed)?;
    let banks = Arc::new(Banks {
        answer_after: Duration::from_millis(args.answer_ms),
        silent_from: args.silent_from,
        ..Banks::default()
    });
    tokio::spawn(accept(listener, Arc::clone(&banks)));
    say::line(serde_json::json!({ "port": port, "hole": hole.port }));
    let mut commands = commands();
    while let Some(line) = commands.recv().await {
        let command = serde_json::from_str(&line).map_err(|fault| {
            CliError::Usage(format!(
                "{fault}; this command is for `kairan bench` to start"
            ))
        })?;
        match command {
            Command::Stop => break,
            Command::Reset => *banks.tally() = Tally::default(),
            Command::Report => {}
            Command::Mark => banks.tally().marked_nanos = Some(machine::monotonic_nanos()),
            Command::Arrivals => {
                let nanos = banks.tally().hits.iter().map(|hit| hit.at_nanos).collect();
                say::line(serde_json::json!(Arrivals { nanos }));
                continue;
            }
            Command::Wait { hits, limit_ms } => {
                banks.wait(hits, Duration::from_millis(limit_ms)).await
            }
        }
        let report = report(&banks.tally());
        say::line(serde_json::json!(report));
    }
    Ok(Done::Well)
}

/// The lines of standard input. A thread that nobody waits for: a read cannot be called off.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (line, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin()
            .lines()
            .map_while(Result::ok)
            .try_for_each(|one| line.send(one))
    });
    lines
}

/// All of 127.0.0.0/8 on one port: each bank has an address, and so a place in the client's pool, of its own.
fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Where this is not allowed, `accept` still turns away what came from elsewhere.
    let _ = socket.bind_device(Some(b"lo"));
    socket.bind(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    socket.listen(QUEUE)
}

/// A port that is open and full: the kernel drops whoever knocks, as a network does that swallows packets.
struct Hole {
    port: u16,
    _listening: TcpListener,
    _inside: Vec<TcpStream>,
}

impl Hole {
    async fn dig() -> std::io::Result<Self> {
        /// Longer than loopback ever takes.
        const FULL: Duration = Duration::from_millis(100);
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([0, 0, 0, 0], 0)))?;
        let listening = socket.listen(1)?;
        let port = listening.local_addr()?.port();
        let mut inside = Vec::new();
        let knock = || TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)));
        while let Ok(connected) = tokio::time::timeout(FULL, knock()).await {
            inside.push(connected?);
        }
        Ok(Self {
            port,
            _listening: listening,
            _inside: inside,
        })
    }
}

async fn accept(listener: TcpListener, banks: Arc<Banks>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors: some will come back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if peer.ip().is_loopback() {
            tokio::spawn(serve(stream, Arc::clone(&banks)));
        }
    }
}

async fn serve(mut stream: TcpStream, banks: Arc<Banks>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::with_capacity(8_192);
    loop {
        while let Some(head) = Head::read(&buffer) {
            let end = head.head_bytes + head.body_bytes;
            if end > REQUEST_LIMIT {
                return;
            }
            if buffer.len() < end {
                buffer.reserve(end - buffer.len());
                break;
            }
            banks.note(&head, &buffer[head.head_bytes..end]);
            buffer.advance(end);
            if head.bank >= banks.silent_from {
                continue;
            }
            if !banks.answer_after.is_zero() {
                tokio::time::sleep(banks.answer_after).await;
            }
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(1..) if buffer.len() <= REQUEST_LIMIT => {}
            _ => return,
        }
    }
}

/// What is read of a request's head.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    bank: u32,
    id: u128,
    head_bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` until the head is whole. Bodies come with a length: the hub knows theirs.
    fn read(bytes: &[u8]) -> Option<Self> {
        let head_bytes = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let mut head = Self {
            head_bytes,
            ..Self::default()
        };
        let text = std::str::from_utf8(&bytes[..head_bytes]).unwrap_or_default();
        let mut lines = text.split("\r\n");
        let target = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_default();
        head.bank = target.trim_start_matches("/B").parse().unwrap_or_default();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body_bytes = value.parse().unwrap_or(REQUEST_LIMIT);
            } else if name.eq_ignore_ascii_case("webhook-id") {
                head.id =
                    u128::from_str_radix(value.trim_start_matches("msg_"), 16).unwrap_or_default();
            }
        }
        Some(head)
    }
}

fn report(tally: &Tally) -> Report {
    let mut seen: HashMap<u32, HashMap<u128, u32>> = HashMap::new();
    for hit in &tally.hits {
        *seen.entry(hit.bank).or_default().entry(hit.id).or_insert(0) += 1;
    }
    let of_each = || seen.values().map(HashMap::len);
    let distinct: usize = of_each().sum();
    let (first_marked_nanos, first_again_nanos) = after_mark(tally);
    Report {
        hits: tally.hits.len(),
        doubled: tally.hits.len() - distinct,
        banks: seen.len(),
        fewest: of_each().min().unwrap_or(0),
        most: of_each().max().unwrap_or(0),
        strangers: tally.strangers,
        silenced: tally.silenced,
        body_bytes: tally.body_bytes,
        first_nanos: tally.hits.iter().map(|hit| hit.at_nanos).min(),
        last_nanos: tally.hits.iter().map(|hit| hit.at_nanos).max(),
        first_marked_nanos,
        first_again_nanos,
    }
}

/// The first hit after the mark, and the first of those that had come before.
fn after_mark(tally: &Tally) -> (Option<u64>, Option<u64>) {
    let Some(mark) = tally.marked_nanos else {
        return (None, None);
    };
    let mut known = std::collections::HashSet::new();
    let (mut first, mut again) = (None, None);
    // Hits stand in the order in which they came.
    for hit in &tally.hits {
        let is_new = known.insert((hit.bank, hit.id));
        if hit.at_nanos < mark {
            continue;
        }
        first = first.or(Some(hit.at_nanos));
        if !is_new {
            again = again.or(Some(hit.at_nanos));
        }
    }
    (first, again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_bank_its_message_and_its_length() {
        let head = b"POST /B00035 HTTP/1.1\r\nhost: 127.1.0.35:4000\r\nWebhook-Id: msg_000102030405060708090a0b0c0d0e0f\r\ncontent-length: 7\r\n\r\n";
        let mut bytes = head.to_vec();
        assert_eq!(Head::read(&bytes[..head.len() - 1]), None, "not whole yet");
        bytes.extend_from_slice(b"{\"a\":1}");
        let read = Head::read(&bytes).expect("a whole head");
        let id = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f;
        let expected = Head {
            bank: 35,
            id,
            head_bytes: head.len(),
            body_bytes: 7,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_notice_that_comes_twice_is_seen() {
        let hit = |bank, id, at_nanos| Hit { bank, id, at_nanos };
        let tally = Tally {
            hits: vec![hit(1, 7, 5), hit(1, 7, 9), hit(2, 8, 4)],
            ..Tally::default()
        };
        let report = report(&tally);
        assert_eq!((report.hits, report.doubled, report.banks), (3, 1, 2));
        assert_eq!((report.first_nanos, report.last_nanos), (Some(4), Some(9)));
        let marked = Tally {
            marked_nanos: Some(6),
            ..tally
        };
        assert_eq!(after_mark(&marked), (Some(9), Some(9)));
    }

    #[tokio::test]
    async fn nobody_gets_into_a_hole() {
        let hole = Hole::dig().await.expect("a free port");
        let address = SocketAddr::from(([127, 0, 0, 7], hole.port));
        let knocked = tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(address));
        assert!(knocked.await.is_err(), "somebody was let in");
    }
}
