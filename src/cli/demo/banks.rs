//! `kairan demo-banks`: the demo's banks as HTTP receivers in a process of their own. Each listens on a
//! port of its own, believes only what is signed and whole, and confirms through the public API with its
//! machine's key. Speaks with its parent in lines of JSON: the parts in, the ports out, secrets and keys
//! in, counts out; ends when its input ends.

use super::api::Api;
use super::register::Handover;
use super::splice::spliced;
use crate::cli::{CliError, Done, say};
use crate::clock::Clock;
use crate::domain::digest::Digest;
use crate::domain::signature::{self, Received, SymmetricSecret, TOLERANCE};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};

/// More than any notice has.
const BODY_LIMIT: usize = 64 * 1_024;

/// What one bank does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Play {
    pub code: String,
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
    pub banks: BTreeMap<String, Handover>,
}

/// What the receivers have seen so far, all banks together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Webhooks whose signature, time and digests held.
    pub verified: usize,
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
    let street = Data::new(Street::build(plays, &ports, opening, report)?);
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
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let fault = |fault: std::io::Error| failed("take a port", &fault);
    let (mut listeners, mut closed, mut ports) = (Vec::new(), Vec::new(), BTreeMap::new());
    for play in plays {
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
    secret: SymmetricSecret,
    key: String,
    seen: Mutex<HashSet<String>>,
}

/// All of them, by the port they listen on.
struct Street {
    receivers: HashMap<u16, Receiver>,
    api: Api,
    clock: Clock,
    report: watch::Sender<Report>,
    /// Outlives the web workers' own.
    runtime: tokio::runtime::Handle,
}

impl Street {
    fn build(
        plays: Vec<Play>,
        ports: &BTreeMap<String, u16>,
        opening: Opening,
        report: watch::Sender<Report>,
    ) -> Result<Self, CliError> {
        let mut receivers = HashMap::new();
        for play in plays {
            let missing = || failed("play", &format!("nothing was handed over to {}", play.code));
            let port = *ports.get(&play.code).ok_or_else(missing)?;
            let handover = opening.banks.get(&play.code).ok_or_else(missing)?;
            let secret = handover
                .secret
                .parse()
                .map_err(|fault| failed("read a secret", &fault))?;
            let receiver = Receiver {
                play,
                secret,
                key: handover.key.clone(),
                seen: Mutex::default(),
            };
            receivers.insert(port, receiver);
        }
        Ok(Self {
            receivers,
            api: Api::new(&opening.hub)?,
            clock: Clock::new(),
            report,
            runtime: tokio::runtime::Handle::current(),
        })
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        self.report.send_modify(change);
    }
}

/// What a bank reads in a notice that it believes.
#[derive(Deserialize)]
struct Notice {
    id: String,
    bank: String,
    incident_digest: String,
}

#[derive(Deserialize)]
struct Webhook {
    #[serde(rename = "type")]
    kind: String,
    data: WebhookData,
}

#[derive(Deserialize)]
struct WebhookData {
    notice: Option<Notice>,
    digest: Option<String>,
}

/// A notice to be confirmed.
struct Believed {
    notice: String,
    digest: String,
}

async fn receive(street: Data<Street>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let port = request.app_config().local_addr().port();
    let Some(receiver) = street.receivers.get(&port) else {
        return HttpResponse::NotFound().finish();
    };
    let id = header(&request, "webhook-id").to_owned();
    let believed = match receiver.judge(&request, &body, &street.clock) {
        Ok(believed) => believed,
        Err(why) => {
            street.count(|report| {
                report.rejected += 1;
                report.fault = Some(format!(
                    "{} did not believe a webhook: {why}",
                    receiver.play.code
                ));
            });
            return HttpResponse::BadRequest().finish();
        }
    };
    let first = lock(&receiver.seen).insert(id);
    street.count(|report| {
        report.verified += 1;
        report.duplicates += usize::from(!first);
    });
    if let (true, Some(believed)) = (first, believed) {
        let street = street.clone().into_inner();
        let runtime = street.runtime.clone();
        runtime.spawn(async move {
            if let Some(receiver) = street.receivers.get(&port)
                && let Err(fault) = receiver.act(&street, &believed).await
            {
                street.count(|report| {
                    report.fault = Some(format!("{}: {fault}", receiver.play.code))
                });
            }
        });
    }
    HttpResponse::NoContent().finish()
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A panic elsewhere does not spoil a list of ids.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Signature and time first; then that the digests are those of the very bytes that came.
    fn judge(
        &self,
        request: &HttpRequest,
        body: &[u8],
        clock: &Clock,
    ) -> Result<Option<Believed>, String> {
        let received = Received {
            id: header(request, "webhook-id"),
            timestamp: header(request, "webhook-timestamp"),
            signature: header(request, "webhook-signature"),
            body,
        };
        let secrets = std::slice::from_ref(&self.secret);
        signature::verify(&received, secrets, clock.now(), TOLERANCE)
            .map_err(|fault| fault.to_string())?;
        let webhook: Webhook = serde_json::from_slice(body).map_err(|fault| fault.to_string())?;
        let (Some(notice), Some(digest)) = (webhook.data.notice, webhook.data.digest) else {
            return Ok(None);
        };
        if notice.bank != self.play.code {
            return Err(format!("it is for {}", notice.bank));
        }
        let holds = |field: &str, expected: &str| {
            spliced(body, field).is_some_and(|bytes| Digest::of(bytes).to_string() == expected)
        };
        if !holds("notice", &digest) || !holds("incident", &notice.incident_digest) {
            return Err("a digest does not fit its bytes".to_owned());
        }
        Ok(webhook.kind.starts_with("notice.").then_some(Believed {
            notice: notice.id,
            digest,
        }))
    }

    /// Confirms, and says what was done, as far as this bank does.
    async fn act(&self, street: &Street, believed: &Believed) -> Result<(), CliError> {
        let Some(confirm_ms) = self.play.confirm_ms else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_millis(confirm_ms)).await;
        let path = format!("/api/v1/notices/{}", believed.notice);
        let body =
            json!({ "digest": believed.digest, "name": self.play.name, "role": self.play.role });
        let confirmed = street
            .api
            .post(&self.key, &format!("{path}/acknowledgement"), None, &body)
            .await?;
        confirmed.good("a confirmation")?;
        street.count(|report| report.confirmed += 1);
        let Some((code, share, after_ms)) = &self.play.response else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_millis(*after_ms)).await;
        let body = json!({ "codes": [code], "share": share });
        let once = format!("{}-{code}", believed.notice);
        let responded = street
            .api
            .post(&self.key, &format!("{path}/responses"), Some(&once), &body)
            .await?;
        responded.good("a response")?;
        street.count(|report| report.responded += 1);
        Ok(())
    }
}
