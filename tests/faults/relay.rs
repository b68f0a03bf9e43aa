//! A scripted mail relay on loopback: behaves as told at every step of SMTP (RFC 5321, STARTTLS of RFC 3207),
//! records what it is told, and whether that came in plain text. Knows nothing of what a hub meant to send.

use crate::authority::{Authority, Certificate};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::AbortHandle;

/// Where in a conversation something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Hello,
    StartTls,
    From,
    To,
    Data,
    /// The mail is there, up to its last dot: whatever goes wrong here, it may have been kept.
    Content,
}

/// How the relay behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Good,
    /// This answer instead of the good one.
    Says(Step, &'static str),
    /// No answer, for as long as the caller stays. A whole mail is kept.
    Stalls(Step),
    /// The end of the connection instead of an answer. A whole mail is kept.
    Drops(Step),
    /// What it says of itself has no STARTTLS in it, as somebody on the way would have it.
    OffersNoTls,
    Shows(Certificate),
}

/// A mail that the relay kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub to: String,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
struct State {
    manner: Option<Manner>,
    kept: Vec<Kept>,
    /// What was said in plain text beyond the commands that lead to TLS.
    in_plain: Vec<String>,
    connections: Vec<AbortHandle>,
    greeted: usize,
    stalled: usize,
}

/// A relay that does not listen: connections to its port are refused, and nobody else gets it.
pub struct Dead {
    socket: TcpSocket,
    pub port: u16,
}

/// The running relay; lives as long as the runtime.
pub struct Relay {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Dead {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let loopback = "127.0.0.1:0".parse().expect("an address");
        socket.bind(loopback).expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        Self { socket, port }
    }

    pub fn revive(self, authority: &Arc<Authority>) -> Relay {
        let listener = self.socket.listen(64).expect("it listens");
        let state = Arc::<Mutex<State>>::default();
        tokio::spawn(serve(listener, Arc::clone(&state), Arc::clone(authority)));
        Relay {
            port: self.port,
            state,
        }
    }
}

impl Relay {
    pub fn start(authority: &Arc<Authority>) -> Self {
        Dead::new().revive(authority)
    }

    /// From now on it behaves so; whoever is connected is cut off.
    pub fn behaves(&self, manner: Manner) {
        let mut state = locked(&self.state);
        state.manner = Some(manner);
        for connection in state.connections.drain(..) {
            connection.abort();
        }
    }

    /// Every mail it kept, in order.
    pub fn kept(&self) -> Vec<Kept> {
        locked(&self.state).kept.clone()
    }

    /// What it was told without TLS that only TLS should carry.
    pub fn told_in_plain(&self) -> Vec<String> {
        locked(&self.state).in_plain.clone()
    }

    /// How many conversations it has left without an answer.
    pub fn stalled(&self) -> usize {
        locked(&self.state).stalled
    }

    /// How often somebody connected.
    pub fn greeted(&self) -> usize {
        locked(&self.state).greeted
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .expect("nothing panics while it holds the lock")
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>, authority: Arc<Authority>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (own, authority) = (Arc::clone(&state), Arc::clone(&authority));
        let mut state = locked(&state);
        state.greeted += 1;
        let task = tokio::spawn(async move {
            // The caller going away is one of the things tests do.
            drop(connection(stream, &own, &authority).await);
        });
        state.connections.push(task.abort_handle());
    }
}

async fn connection(
    stream: TcpStream,
    state: &Mutex<State>,
    authority: &Authority,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut plain = Talk {
        stream: BufReader::new(stream),
        state,
        encrypted: false,
    };
    if !plain.answer(Step::Greeting, "220 relay.test ESMTP").await? || !plain.converse().await? {
        return Ok(());
    }
    let shown = match locked(state).manner {
        Some(Manner::Shows(certificate)) => certificate,
        _ => Certificate::Good,
    };
    let acceptor = authority.acceptor(shown);
    let encrypted = acceptor.accept(plain.stream.into_inner()).await?;
    let mut talk = Talk {
        stream: BufReader::new(encrypted),
        state,
        encrypted: true,
    };
    talk.converse().await.map(drop)
}

struct Talk<'s, S> {
    stream: BufReader<S>,
    state: &'s Mutex<State>,
    encrypted: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Talks until the end; true = until TLS begins.
    async fn converse(&mut self) -> io::Result<bool> {
        let mut to = String::new();
        while let Some(line) = self.line().await? {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = text
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            if !matches!(verb.as_str(), "EHLO" | "STARTTLS" | "QUIT" | "NOOP") {
                self.note(&text);
            }
            let goes_on = match verb.as_str() {
                "EHLO" => {
                    let good = self.capabilities();
                    self.answer(Step::Hello, good).await?
                }
                "STARTTLS" if !self.encrypted => {
                    let said = self.answer(Step::StartTls, "220 2.0.0 Go on").await?;
                    if said && !matches!(self.manner(), Manner::Says(Step::StartTls, _)) {
                        return Ok(true);
                    }
                    said
                }
                "MAIL" => self.answer(Step::From, "250 2.1.0 Ok").await?,
                "RCPT" => {
                    to = text.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    self.answer(Step::To, "250 2.1.5 Ok").await?
                }
                "DATA" => self.content(&to).await?,
                "QUIT" => return Ok(false),
                _ => self.say("250 2.0.0 Ok").await.map(|()| true)?,
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn manner(&self) -> Manner {
        locked(self.state).manner.unwrap_or(Manner::Good)
    }

    fn capabilities(&self) -> &'static str {
        match self.encrypted || self.manner() == Manner::OffersNoTls {
            true => "250-relay.test\r\n250 8BITMIME",
            false => "250-relay.test\r\n250-STARTTLS\r\n250 8BITMIME",
        }
    }

    /// The good answer, or what the manner has in its place; whether the conversation goes on.
    async fn answer(&mut self, step: Step, good: &str) -> io::Result<bool> {
        match self.manner() {
            Manner::Says(at, other) if at == step => self.say(other).await.map(|()| true),
            Manner::Drops(at) if at == step => Ok(false),
            Manner::Stalls(at) if at == step => {
                locked(self.state).stalled += 1;
                while self.line().await?.is_some() {}
                Ok(false)
            }
            _ => self.say(good).await.map(|()| true),
        }
    }

    async fn content(&mut self, to: &str) -> io::Result<bool> {
        let manner = self.manner();
        if !self.answer(Step::Data, "354 Go on").await?
            || matches!(manner, Manner::Says(Step::Data, _))
        {
            return Ok(matches!(manner, Manner::Says(..)));
        }
        let mut bytes = Vec::new();
        while let Some(line) = self.line().await? {
            if line == b".\r\n" {
                if !self.encrypted {
                    self.note("a whole mail");
                }
                if !matches!(self.manner(), Manner::Says(Step::Content, _)) {
                    let to = to.to_owned();
                    locked(self.state).kept.push(Kept { to, bytes });
                }
                return self.answer(Step::Content, "250 2.0.0 Ok: queued").await;
            }
            // RFC 5321 §4.5.2.
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        Ok(false)
    }

    fn note(&self, told: &str) {
        if !self.encrypted {
            locked(self.state).in_plain.push(told.to_owned());
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream
            .write_all(format!("{text}\r\n").as_bytes())
            .await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await?;
        Ok((read > 0).then_some(line))
    }
}
