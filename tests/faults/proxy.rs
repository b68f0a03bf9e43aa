//! A wire between hub and database that can be cut at the worst moment: when COMMIT was passed on and done, and
//! nobody has heard of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a transaction that writes begins; one that reads says so.
const BEGIN: &[u8] = b"Q\x00\x00\x00\x0aBEGIN\x00";
/// A filing sends more than this in its transaction; what the hub does by itself sends less.
const MUCH: usize = 4_096;
/// The simple query `COMMIT`, as it travels.
const COMMIT: &[u8] = b"Q\x00\x00\x00\x0bCOMMIT\x00";
/// What says that it was done.
const DONE: &[u8] = b"COMMIT\x00";

pub struct Proxy {
    pub port: u16,
    armed: Arc<AtomicUsize>,
    cut: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// To a server on this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (armed, cut) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
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

    /// Cuts at the next COMMIT of much.
    pub fn arm(&self) {
        self.armed.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes back what has not been cut; how often it was cut so far.
    pub fn disarm(&self) -> usize {
        self.armed.store(0, Ordering::SeqCst);
        self.cut.load(Ordering::SeqCst)
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
    armed: &AtomicUsize,
    cut: &AtomicUsize,
) -> std::io::Result<()> {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut written = None;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let sent = &up[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                server.write_all(sent).await?;
                written = match written {
                    _ if has(sent, BEGIN) => Some(0),
                    _ if has(sent, b"BEGIN ISOLATION") => None,
                    written => written.map(|bytes: usize| bytes + sent.len()),
                };
                let takes = |n: usize| n.checked_sub(1);
                if has(sent, COMMIT) && written.is_some_and(|bytes| bytes > MUCH) && armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, takes).is_ok() {
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

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
