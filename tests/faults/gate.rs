//! A small TCP proxy of the test's own: before several servers in turn, like a load balancer, or on one node's way
//! to the database. Each way can be open, silent like a broken network, or cut. Knows no protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// What is sent waits, either way, and nobody is told; it comes when the way is open again.
    Silent,
    /// Connections end, and new ones go another way.
    Cut,
}

/// The running proxy; lives as long as the runtime.
pub struct Gate {
    pub address: SocketAddr,
    ways: Arc<watch::Sender<Vec<Way>>>,
}

impl Gate {
    pub async fn to(targets: Vec<SocketAddr>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::on(listener, targets)
    }

    /// The same on a listener, which may be in another network than the targets.
    pub fn on(listener: std::net::TcpListener, targets: Vec<SocketAddr>) -> Self {
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let address = listener.local_addr().expect("bound");
        let ways = Arc::new(watch::Sender::new(vec![Way::Open; targets.len()]));
        let (own, turn) = (Arc::clone(&ways), Arc::new(AtomicUsize::new(0)));
        let targets: Arc<[SocketAddr]> = targets.into();
        tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let (ways, turn, targets) =
                    (own.subscribe(), Arc::clone(&turn), Arc::clone(&targets));
                tokio::spawn(async move {
                    let begin = turn.fetch_add(1, Ordering::Relaxed);
                    if let Some((target, inside)) = reach(&targets, &ways, begin).await {
                        join(outside, inside, &ways, target).await;
                    }
                });
            }
        });
        Self { address, ways }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The way to one of the targets, from now on.
    pub fn set(&self, target: usize, way: Way) {
        self.ways.send_modify(|ways| ways[target] = way);
    }
}

/// The first target that takes a connection, beginning with the one whose turn it is.
async fn reach(
    targets: &[SocketAddr],
    ways: &watch::Receiver<Vec<Way>>,
    begin: usize,
) -> Option<(usize, TcpStream)> {
    for target in (0..targets.len()).map(|n| (begin + n) % targets.len()) {
        if ways.borrow()[target] == Way::Cut {
            continue;
        }
        let connected = tokio::time::timeout(
            Duration::from_millis(500),
            TcpStream::connect(targets[target]),
        );
        if let Ok(Ok(inside)) = connected.await {
            return Some((target, inside));
        }
    }
    None
}

async fn join(
    outside: TcpStream,
    inside: TcpStream,
    ways: &watch::Receiver<Vec<Way>>,
    target: usize,
) {
    let nodelay = outside.set_nodelay(true).and(inside.set_nodelay(true));
    nodelay.expect("fresh sockets take the option");
    let ((from_outside, to_outside), (from_inside, to_inside)) =
        (outside.into_split(), inside.into_split());
    tokio::join!(
        pump(from_outside, to_inside, ways.clone(), target),
        pump(from_inside, to_outside, ways.clone(), target),
    );
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut ways: watch::Receiver<Vec<Way>>,
    target: usize,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut held = 0;
    loop {
        let way = ways.borrow_and_update()[target];
        match way {
            Way::Cut => return,
            Way::Silent => {}
            Way::Open if held == 0 => {}
            Way::Open => {
                if to.write_all(&buffer[..held]).await.is_err() {
                    return;
                }
                held = 0;
            }
        }
        tokio::select! {
            biased;
            changed = ways.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer), if held == 0 && way == Way::Open => match read {
                Ok(read @ 1..) => held = read,
                _ => return drop(to.shutdown().await),
            },
        }
    }
}
