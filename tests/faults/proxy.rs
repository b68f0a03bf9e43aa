//! A wire between hub and database that can be cut at the worst moment: when COMMIT was passed on and done, and
//! nobody has heard of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

pub struct Proxy {
    pub port: u16,
    armed: Arc<Mutex<Option<At>>>,
    cut: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// To a server on this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (armed, cut) = (Arc::default(), Arc::<AtomicUsize>::default());
        let (arms, cuts) = (Arc::clone(&armed), Arc::clone(&cut));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (arms, cuts) = (Arc::clone(&arms), Arc::clone(&cuts));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        // Either side may end it.
                        drop(carry(client, server, &arms, &cuts).await);
                    }
                });
            }
        });
        Self {
            port,
            armed,
            cut,
            task,
        }
    }

    /// Cuts at the next such COMMIT.
    pub fn arm(&self, at: At) {
        *hold(&self.armed) = Some(at);
    }

    /// How often it was cut so far.
    pub fn cuts(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }

    /// Takes back what has not been cut; how often it was cut so far.
    pub fn disarm(&self) -> usize {
        *hold(&self.armed) = None;
        self.cuts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    armed: &Mutex<Option<At>>,
    cut: &AtomicUsize,
) -> std::io::Result<()> {
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
                let is_meant = |at: &mut At| match at {
                    At::Filing => written.is_some_and(|bytes| bytes > MUCH),
                    At::Claim => claims,
                };
                if has(sent, COMMIT) && hold(armed).take_if(is_meant).is_some() {
                    return hear_and_keep(&mut server, cut).await;
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
async fn hear_and_keep(server: &mut TcpStream, cut: &AtomicUsize) -> std::io::Result<()> {
    let mut heard = Vec::new();
    while !has(&heard, DONE) {
        let read = tokio::time::timeout(Duration::from_secs(10), server.read_buf(&mut heard));
        if read.await?? == 0 {
            return Ok(());
        }
    }
    cut.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

fn hold(armed: &Mutex<Option<At>>) -> MutexGuard<'_, Option<At>> {
    armed.lock().expect("nobody panics while holding it")
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
