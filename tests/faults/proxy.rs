//! A wire between hub and database that can be cut at the worst moment: when COMMIT was passed on and done, and
//! nobody has heard of it; for that one connection, or for all of them until it is mended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a transaction that writes begins; one that reads says so.
const BEGIN: &[u8] = b"Q\x00\x00\x00\x0aBEGIN\x00";
/// A filing sends more than this in its transaction; what the hub does by itself sends less.
const MUCH: usize = 4_096;
/// What a connection that claims for the first time asks the server to prepare.
const CLAIM: &[u8] = b"SET state = 'leased', attempts = attempts + 1";
/// The simple query `COMMIT`, as it travels.
const COMMIT: &[u8] = b"Q\x00\x00\x00\x0bCOMMIT\x00";
/// What says that it was done.
const DONE: &[u8] = b"COMMIT\x00";

/// At which COMMIT it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Filing,
    /// The first claim of a connection.
    Claim,
}

/// What is shared with the connections.
struct Wire {
    /// Where it is to be cut, and whether for all of them.
    armed: Mutex<Option<(At, bool)>>,
    cuts: AtomicUsize,
    is_down: watch::Sender<bool>,
}

pub struct Proxy {
    pub port: u16,
    wire: Arc<Wire>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// To a server on this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let wire = Arc::new(Wire {
            armed: Mutex::default(),
            cuts: AtomicUsize::default(),
            is_down: watch::Sender::new(false),
        });
        let shared = Arc::clone(&wire);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let wire = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut is_down = wire.is_down.subscribe();
                    if *is_down.borrow() {
                        return;
                    }
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        // Either side may end it.
                        tokio::select! {
                            carried = carry(client, server, &wire) => drop(carried),
                            down = is_down.wait_for(|is_down| *is_down) => drop(down),
                        }
                    }
                });
            }
        });
        Self { port, wire, task }
    }

    /// Cuts at the next such COMMIT.
    pub fn arm(&self, at: At) {
        *hold(&self.wire.armed) = Some((at, false));
    }

    /// The same, and every other connection with it, until it is mended.
    pub fn arm_for_all(&self, at: At) {
        *hold(&self.wire.armed) = Some((at, true));
    }

    pub fn mend(&self) {
        self.wire.is_down.send_replace(false);
    }

    /// How often it was cut so far.
    pub fn cuts(&self) -> usize {
        self.wire.cuts.load(Ordering::SeqCst)
    }

    /// Takes back what has not been cut; how often it was cut so far.
    pub fn disarm(&self) -> usize {
        *hold(&self.wire.armed) = None;
        self.cuts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, wire: &Wire) -> std::io::Result<()> {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let (mut written, mut claims) = (None, false);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let sent = &up[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                server.write_all(sent).await?;
                claims = (claims && !has(sent, BEGIN)) || has(sent, CLAIM);
                written = match written {
                    _ if has(sent, BEGIN) => Some(0),
                    _ if has(sent, b"BEGIN ISOLATION") => None,
                    written => written.map(|bytes: usize| bytes + sent.len()),
                };
                let is_meant = |(at, _): &mut (At, bool)| match at {
                    At::Filing => written.is_some_and(|bytes| bytes > MUCH),
                    At::Claim => claims,
                };
                let meant = has(sent, COMMIT).then(|| hold(&wire.armed).take_if(is_meant));
                if let Some((_, for_all)) = meant.flatten() {
                    hear_and_keep(&mut server).await?;
                    if for_all {
                        wire.is_down.send_replace(true);
                    }
                    wire.cuts.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
            }
            read = server.read(&mut down) => {
                let said = &down[..read?];
                if said.is_empty() {
                    return Ok(());
                }
                client.write_all(said).await?;
            }
        }
    }
}

/// Waits until the server says that it is done, and tells nobody.
async fn hear_and_keep(server: &mut TcpStream) -> std::io::Result<()> {
    let mut heard = Vec::new();
    while !has(&heard, DONE) {
        let read = tokio::time::timeout(Duration::from_secs(10), server.read_buf(&mut heard));
        if read.await?? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
