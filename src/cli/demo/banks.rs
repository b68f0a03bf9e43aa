//! `kairan demo-banks`: the demo's banks as HTTP receivers in a process of their own. Each listens on a
//! port of its own and is what `kairan receive` is: it believes only what is signed, whole and proven, and
//! confirms under its own key. Speaks with its parent in lines of JSON: the parts in, the ports out, secrets
//! and keys in, counts out; ends when its input ends.

use super::api::Api;
use super::register::Handover;
use crate::cli::receive::bank::{Bank, Person};
use crate::cli::receive::events::Event;
use crate::cli::receive::hub::Hub;
use crate::cli::receive::judge::Trust;
use crate::cli::receive::memory::Memory;
use crate::cli::receive::{BODY_LIMIT, header};
use crate::cli::{CliError, Done, say};
use crate::clock::Clock;
use crate::domain::instant::Instant;
use crate::domain::proof::signing_key::key_name;
use crate::domain::signature::Received;
use crate::merkle::note::{KeyKind, Signer, VerifierKey};
use crate::vault::log_key;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use url::Url;

/// How often a bank asks again for what the hub did not have yet.
const ASK_EVERY: Duration = Duration::from_millis(500);
const ASK_TIMES: usize = 60;

/// What one bank does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Play {
    pub code: String,
    /// Where it listens; 0 = at a free port.
    pub port: u16,
    /// Nothing listens at its port.
    pub down: bool,
    /// How long it takes to confirm; `None` = its machine never does.
    pub confirm_ms: Option<u64>,
    /// What it says afterwards: a code, its sharing, and after how long.
    pub response: Option<(String, String, u64)>,
    pub name: String,
    pub role: String,
}

/// Where the hub is, and what each bank was handed over.
#[derive(Serialize, Deserialize)]
pub struct Opening {
    pub hub: String,
    /// The hub's time, in microseconds since 1970, where that is not this machine's.
    pub now: Option<i64>,
    /// The vkey of its log.
    pub log_key: String,
    /// Where each bank keeps what it receives, in a folder of its own.
    pub folder: PathBuf,
    pub banks: BTreeMap<String, Handover>,
}

/// What the receivers have seen so far, all banks together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Webhooks whose signature, time and digests held.
    pub verified: usize,
    /// Notices whose proof came, with them or later, and held.
    pub sealed: usize,
    /// Heads of the log that do not belong to one history.
    pub forks: usize,
    /// Webhooks whose id had come before.
    pub duplicates: usize,
    /// Webhooks that were not believed.
    pub rejected: usize,
    pub confirmed: usize,
    pub responded: usize,
    /// The latest thing that went wrong.
    pub fault: Option<String>,
}

pub async fn run() -> Result<Done, CliError> {
    let mut lines = input();
    let plays: Vec<Play> = next(&mut lines).await?;
    let (listeners, _closed, ports) = open_ports(&plays)?;
    say::line(json!(ports));
    let opening: Opening = next(&mut lines).await?;
    let (report, mut reports) = watch::channel(Report::default());
    let street = Data::new(Street::build(plays, &ports, &opening, report)?);
    street.enrol().await?;
    say::line(json!(*reports.borrow_and_update()));
    stamp_what_is_owed(&street);
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(street.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .route("/kairan", web::post().to(receive))
    })
    .disable_signals()
    .workers(2)
    .shutdown_timeout(2);
    for listener in listeners {
        server = server
            .listen(listener)
            .map_err(|fault| failed("listen", &fault))?;
    }
    let server = server.run();
    let handle = server.handle();
    let served = tokio::spawn(server);
    loop {
        tokio::select! {
            line = lines.recv() => if line.is_none() { break },
            Ok(()) = reports.changed() => {
                let now = reports.borrow_and_update().clone();
                say::line(json!(now));
            }
        }
    }
    handle.stop(true).await;
    // How the receivers end is no part of the demo.
    let _ = served.await;
    say::line(json!(*reports.borrow()));
    Ok(Done::Well)
}

fn failed(what: &str, fault: &dyn std::fmt::Display) -> CliError {
    CliError::Failed(format!("the demo's banks cannot {what}: {fault}"))
}

/// The lines of standard input; ends with it.
fn input() -> mpsc::UnboundedReceiver<String> {
    let (send, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn next<T: serde::de::DeserializeOwned>(
    lines: &mut mpsc::UnboundedReceiver<String>,
) -> Result<T, CliError> {
    let line = lines.recv().await.ok_or_else(|| {
        CliError::Usage(
            "demo-banks is started by `kairan demo`, which tells it what to play".to_owned(),
        )
    })?;
    serde_json::from_str(&line).map_err(|fault| failed("read what they are to play", &fault))
}

type Ports = (Vec<TcpListener>, Vec<TcpSocket>, BTreeMap<String, u16>);

/// A port for each bank. That of a bank that is down is held but does not listen: whoever calls is refused,
/// and nobody else can be given it.
fn open_ports(plays: &[Play]) -> Result<Ports, CliError> {
    let fault = |fault: std::io::Error| failed("take a port", &fault);
    let (mut listeners, mut closed, mut ports) = (Vec::new(), Vec::new(), BTreeMap::new());
    for play in plays {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, play.port));
        let port = if play.down {
            let socket = TcpSocket::new_v4().map_err(fault)?;
            socket.bind(any).map_err(fault)?;
            let port = socket.local_addr().map_err(fault)?.port();
            closed.push(socket);
            port
        } else {
            let listener = TcpListener::bind(any).map_err(fault)?;
            listener.set_nonblocking(true).map_err(fault)?;
            let port = listener.local_addr().map_err(fault)?.port();
            listeners.push(listener);
            port
        };
        ports.insert(play.code.clone(), port);
    }
    Ok((listeners, closed, ports))
}

/// One bank.
struct Receiver {
    play: Play,
    bank: Arc<Bank>,
    key: String,
}

/// All of them, by the port they listen on.
struct Street {
    receivers: HashMap<u16, Receiver>,
    api: Api,
    report: watch::Sender<Report>,
    /// Outlives the web workers' own.
    runtime: tokio::runtime::Handle,
}

impl Street {
    fn build(
        plays: Vec<Play>,
        ports: &BTreeMap<String, u16>,
        opening: &Opening,
        report: watch::Sender<Report>,
    ) -> Result<Self, CliError> {
        let clock = Clock::new();
        if let Some(now) = opening.now {
            clock.set(Instant::from_micros(now));
        }
        let mut receivers = HashMap::new();
        for play in plays {
            let missing = || failed("play", &format!("nothing was handed over to {}", play.code));
            let port = *ports.get(&play.code).ok_or_else(missing)?;
            let handover = opening.banks.get(&play.code).ok_or_else(missing)?;
            let receiver = Receiver {
                bank: Arc::new(bank(&play, handover, port, opening, &clock)?),
                play,
                key: handover.key.clone(),
            };
            receivers.insert(port, receiver);
        }
        Ok(Self {
            receivers,
            api: Api::new(&opening.hub)?,
            report,
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Every bank whose machine confirms hands its key to the hub.
    async fn enrol(&self) -> Result<(), CliError> {
        for receiver in self.receivers.values() {
            if receiver.play.confirm_ms.is_some() {
                receiver.bank.enrol().await?;
            }
        }
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        self.report.send_modify(change);
    }

    fn count_events(&self, code: &str, events: &[Event]) {
        self.count(|report| events.iter().for_each(|event| report.count(code, event)));
    }
}

impl Report {
    fn count(&mut self, code: &str, event: &Event) {
        match event {
            Event::Received { sealed, .. } => {
                self.verified += 1;
                self.sealed += usize::from(*sealed);
            }
            Event::Other { .. } | Event::Challenged => self.verified += 1,
            Event::Again { .. } => {
                self.verified += 1;
                self.duplicates += 1;
            }
            Event::Refused { .. } => self.rejected += 1,
            Event::Fork { .. } => self.forks += 1,
            Event::Proven { .. } => self.sealed += 1,
            Event::Acknowledged { .. } => self.confirmed += 1,
            _ => {}
        }
        if event.is_alarming() || matches!(event, Event::NotAcknowledged { .. }) {
            self.fault = Some(format!("{code}: {event}"));
        }
    }
}

/// Where a bank takes its webhooks.
pub fn address_at(port: u16) -> String {
    format!("http://127.0.0.1:{port}/kairan")
}

/// With a key of its own, drawn when it first plays.
fn bank(
    play: &Play,
    handover: &Handover,
    port: u16,
    opening: &Opening,
    clock: &Clock,
) -> Result<Bank, CliError> {
    let unusable = |fault: &dyn std::fmt::Display| failed("use what was handed over", fault);
    let hub = Url::parse(&opening.hub).map_err(|fault| unusable(&fault))?;
    let log_key: VerifierKey = opening.log_key.parse().map_err(|fault| unusable(&fault))?;
    let trust = Trust {
        bank: play.code.clone(),
        secrets: vec![handover.secret.parse().map_err(|fault| unusable(&fault))?],
        webhook_key: None,
        endpoint: address_at(port),
        log_keys: log_key.into(),
    };
    let person = Person {
        name: play.name.clone(),
        role: play.role.clone(),
    };
    let folder = opening.folder.join(&play.code);
    let memory = Memory::open(&folder, &trust.log_keys)?;
    let signer = draw(&folder, &play.code, hub.host_str().unwrap_or_default())?;
    let hub = Hub::new(hub, &handover.key)?;
    Ok(Bank::new(trust, signer, person, hub, memory, clock.clone()))
}

fn draw(folder: &Path, code: &str, host: &str) -> Result<Signer, CliError> {
    let file = folder.join("ack.pem");
    if !file.exists() {
        log_key::create(&file)?;
    }
    let name = key_name(code, host).map_err(|fault| failed("name a key", &fault))?;
    let seed = log_key::open(&file)?;
    Ok(Signer::new(name, KeyKind::Ed25519, &seed))
}

async fn receive(street: Data<Street>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let port = request.app_config().local_addr().port();
    let Some(receiver) = street.receivers.get(&port) else {
        return HttpResponse::NotFound().finish();
    };
    let headers =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(&request, name));
    let bank = Arc::clone(&receiver.bank);
    let taken = web::block(move || {
        let [id, timestamp, signature] = &headers;
        bank.take(&Received {
            id,
            timestamp,
            signature,
            body: &body,
        })
    });
    let Ok(Ok(taken)) = taken.await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    street.count_events(&receiver.play.code, &taken.events);
    let response = taken.respond();
    for event in taken.events {
        if let Event::Received { notice, .. } = event {
            let street = street.clone().into_inner();
            let runtime = street.runtime.clone();
            runtime.spawn(async move {
                if let Some(receiver) = street.receivers.get(&port)
                    && let Err(fault) = receiver.act(&street, &notice).await
                {
                    street.count(|report| {
                        report.fault = Some(format!("{}: {fault}", receiver.play.code))
                    });
                }
            });
        }
    }
    response
}

/// A bank that was away confirms what it was told before.
fn stamp_what_is_owed(street: &Data<Street>) {
    for &port in street.receivers.keys() {
        let street = street.clone().into_inner();
        let runtime = street.runtime.clone();
        runtime.spawn(async move {
            if let Some(receiver) = street.receivers.get(&port)
                && receiver.play.confirm_ms.is_some()
                && receiver.bank.owes_a_stamp()
                && let Err(fault) = receiver.confirm(&street).await
            {
                street.count(|report| {
                    report.fault = Some(format!("{}: {fault}", receiver.play.code))
                });
            }
        });
    }
}

impl Receiver {
    /// Looks after heads and proofs, confirms, and says what was done, as far as this bank does.
    async fn act(&self, street: &Street, notice: &str) -> Result<(), CliError> {
        let Some(confirm_ms) = self.play.confirm_ms else {
            return self.settle(street).await;
        };
        tokio::time::sleep(Duration::from_millis(confirm_ms)).await;
        self.confirm(street).await?;
        self.settle(street).await?;
        self.respond(street, notice).await
    }

    async fn confirm(&self, street: &Street) -> Result<(), CliError> {
        for _ in 0..ASK_TIMES {
            let events = self
                .bank
                .acknowledge()
                .await
                .map_err(|fault| failed("keep a stamp", &fault))?;
            street.count_events(&self.play.code, &events);
            if !self.bank.owes_a_stamp() {
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Until every head is connected and every notice proven.
    async fn settle(&self, street: &Street) -> Result<(), CliError> {
        let kept = |fault: std::io::Error| failed("keep what was proven", &fault);
        for _ in 0..ASK_TIMES {
            let mut events = self.bank.check_heads().await.map_err(kept)?;
            events.extend(self.bank.ask_for_proofs().await.map_err(kept)?);
            street.count_events(&self.play.code, &events);
            if !self.bank.misses_proof() {
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    async fn respond(&self, street: &Street, notice: &str) -> Result<(), CliError> {
        let Some((code, share, after_ms)) = &self.play.response else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_millis(*after_ms)).await;
        let body = json!({ "codes": [code], "share": share });
        let path = format!("/api/v1/notices/{notice}/responses");
        let once = format!("{notice}-{code}");
        let responded = street
            .api
            .post(&self.key, &path, Some(&once), &body)
            .await?;
        responded.good("a response")?;
        street.count(|report| report.responded += 1);
        Ok(())
    }
}
