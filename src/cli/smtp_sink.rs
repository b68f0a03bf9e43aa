//! A small SMTP server on loopback that keeps what it is given: the relay of `kairan demo`, and of
//! tests. No TLS, no relaying, everything bounded. Knows nothing of what the mails mean.

use crate::domain::instant::Instant;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

const MESSAGE_LIMIT: usize = 1 << 20;
/// RFC 5321 allows 1000 octets; some room, so that a longer line is answered and not cut.
const LINE_LIMIT: u64 = 4096;
const KEPT: usize = 10_000;
const RECIPIENTS: usize = 100;
const SESSIONS: usize = 64;
const SILENCE: Duration = Duration::from_secs(60);

/// One message as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The envelope's sender, without brackets.
    pub from: String,
    pub to: Vec<String>,
    /// The message with CRLF line ends, dots unstuffed.
    pub data: Vec<u8>,
    pub at: Instant,
}

/// The steps whose answer a test can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Greeting,
    Mail,
    Rcpt,
    /// The answer to the whole message.
    Content,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answers: Mutex<HashMap<Step, String>>,
    arrived: Notify,
}

/// A running sink; it ends when dropped.
pub struct SmtpSink {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl SmtpSink {
    /// Listens on a loopback address (port 0 takes any free one).
    pub async fn start(addr: SocketAddr) -> io::Result<Self> {
        if !addr.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the mail sink listens on this machine only: use 127.0.0.1 or ::1",
            ));
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { addr, shared, task })
    }

    /// Everything taken so far, oldest first (the last ten thousand).
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Waits until at least `count` messages were taken; what there is when the time is over.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                if lock(&self.shared.received).len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        // Too late is told by the shorter list.
        let _ = tokio::time::timeout(limit, enough).await;
        self.received()
    }

    /// From now on `step` is answered with this line (like `451 4.3.0 later`); `None` = as usual.
    pub fn answer_at(&self, step: Step, line: Option<&str>) {
        let mut answers = lock(&self.shared.answers);
        match line {
            Some(line) => answers.insert(step, line.to_owned()),
            None => answers.remove(&step),
        };
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A panic elsewhere does not spoil a list of mails.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(SESSIONS));
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        while sessions.try_join_next().is_some() {}
        sessions.spawn(async move {
            // A client that goes away in the middle is no news.
            let _ = Session::new(stream, shared).run().await;
            drop(place);
        });
    }
}

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    from: Option<String>,
    to: Vec<String>,
}

enum Next {
    Go,
    Stop,
}

impl Session {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        Self {
            stream: BufReader::new(stream),
            shared,
            from: None,
            to: Vec::new(),
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let greeting = self.answer(Step::Greeting, "220 sink.kairan ESMTP");
        self.say(&greeting).await?;
        while let Some(line) = read_line(&mut self.stream).await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Next::Stop = self.command(&line).await? {
                break;
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or("")
            .to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => {
                self.reset();
                format!("250-sink.kairan\r\n250-8BITMIME\r\n250 SIZE {MESSAGE_LIMIT}")
            }
            "HELO" => {
                self.reset();
                "250 sink.kairan".to_owned()
            }
            "MAIL" => self.mail(line),
            "RCPT" => self.rcpt(line),
            "DATA" if self.from.is_some() && !self.to.is_empty() => return self.data().await,
            "DATA" => "503 5.5.1 MAIL and RCPT first".to_owned(),
            "RSET" => {
                self.reset();
                "250 2.0.0 OK".to_owned()
            }
            "NOOP" => "250 2.0.0 OK".to_owned(),
            "QUIT" => {
                self.say("221 2.0.0 bye").await?;
                return Ok(Next::Stop);
            }
            _ => "502 5.5.1 not here".to_owned(),
        };
        self.say(&reply).await?;
        Ok(Next::Go)
    }

    fn mail(&mut self, line: &str) -> String {
        let reply = self.answer(Step::Mail, "250 2.1.0 OK");
        match path(line, "FROM:") {
            None => "501 5.5.4 MAIL FROM:<address>".to_owned(),
            Some(from) => {
                if reply.starts_with('2') {
                    self.reset();
                    self.from = Some(from);
                }
                reply
            }
        }
    }

    fn rcpt(&mut self, line: &str) -> String {
        if self.from.is_none() {
            return "503 5.5.1 MAIL first".to_owned();
        }
        let reply = self.answer(Step::Rcpt, "250 2.1.5 OK");
        match path(line, "TO:").filter(|to| !to.is_empty()) {
            None => "501 5.5.4 RCPT TO:<address>".to_owned(),
            Some(_) if self.to.len() >= RECIPIENTS => "452 4.5.3 too many recipients".to_owned(),
            Some(to) => {
                if reply.starts_with('2') {
                    self.to.push(to);
                }
                reply
            }
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        self.say("354 end with <CRLF>.<CRLF>").await?;
        let mut data = Vec::new();
        let mut too_big = false;
        loop {
            let Some(line) = read_line(&mut self.stream).await? else {
                return Ok(Next::Stop);
            };
            if line == b".\r\n" {
                break;
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            too_big |= data.len() + line.len() > MESSAGE_LIMIT;
            if !too_big {
                data.extend_from_slice(line);
            }
        }
        let reply = if too_big {
            "552 5.3.4 too big".to_owned()
        } else {
            self.answer(Step::Content, "250 2.0.0 taken")
        };
        if reply.starts_with('2') {
            self.keep(data);
        }
        self.reset();
        self.say(&reply).await?;
        Ok(Next::Go)
    }

    fn keep(&mut self, data: Vec<u8>) {
        let micros = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            });
        let mut received = lock(&self.shared.received);
        if received.len() >= KEPT {
            received.remove(0);
        }
        received.push(Received {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data,
            at: Instant::from_micros(micros),
        });
        drop(received);
        self.shared.arrived.notify_waiters();
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn answer(&self, step: Step, usual: &str) -> String {
        lock(&self.shared.answers)
            .get(&step)
            .map_or_else(|| usual.to_owned(), String::clone)
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream
            .write_all(format!("{line}\r\n").as_bytes())
            .await?;
        self.stream.flush().await
    }
}

/// The address between the brackets of `MAIL FROM:<…>` and `RCPT TO:<…>`.
fn path(line: &str, keyword: &str) -> Option<String> {
    let rest = line.get(5..)?.trim_start();
    let (said, rest) = rest.split_at_checked(keyword.len())?;
    let inner = rest.trim_start().strip_prefix('<')?;
    let (address, _parameters) = inner.split_once('>')?;
    said.eq_ignore_ascii_case(keyword)
        .then(|| address.to_owned())
}

/// One line with its end; `None` when the client has gone. A line without end, or a minute of
/// silence, is an error and ends the session.
async fn read_line<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut limited = reader.take(LINE_LIMIT);
    let read = limited.read_until(b'\n', &mut line);
    tokio::time::timeout(SILENCE, read)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if line.is_empty() {
        Ok(None)
    } else if line.ends_with(b"\n") {
        Ok(Some(line))
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }
}

#[cfg(test)]
mod tests;
