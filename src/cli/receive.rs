//! `kairan receive`: the reference bank. A small HTTP server that takes the hub's webhooks in, believes only
//! what is signed, whole and proven, remembers the log's heads, and confirms under the bank's own key. For a
//! bank's engineer to run, or to copy from. Behind a proxy that ends TLS.

pub mod bank;
pub mod events;
pub mod heads;
pub mod hub;
pub mod judge;
pub mod memory;
pub mod settings;

use super::{CliError, Done, say};
use crate::clock::Clock;
use crate::domain::signature::Received;
use crate::vault::log_key;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use bank::{Answer, Bank, Taken};
use events::Event;
use hub::Hub;
use memory::Memory;
use serde_json::json;
use settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// More than any notice has, in bytes: as much as a hub can be set to take of a filing.
pub const BODY_LIMIT: usize = 16 << 20;
/// How often it is looked for what is due again.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
#[command(after_help = settings::EXAMPLE)]
pub struct Args {
    /// The receiver's own settings; see below
    file: PathBuf,
    /// Make the acknowledgement key if there is none, hand its public half to the hub, and end
    #[arg(long)]
    enrol: bool,
    /// End once so many notices are confirmed
    #[arg(long, value_name = "NOTICES", conflicts_with = "enrol")]
    once: Option<usize>,
    /// Tell in JSON, one object a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Done, CliError> {
    let settings = Settings::load(&args.file)?;
    if args.enrol && !settings.key_file.exists() {
        log_key::create(&settings.key_file)?;
    }
    let (listen, code) = (settings.listen, settings.trust.bank.clone());
    let bank = Arc::new(open(settings)?);
    let teller = Teller { in_json: args.json };
    if args.enrol {
        teller.tell(&bank.enrol().await?);
        return Ok(Done::Well);
    }
    serve(bank, listen, code, args.once, teller).await
}

fn open(settings: Settings) -> Result<Bank, CliError> {
    let signer = settings.signer()?;
    let memory = Memory::open(&settings.state, &settings.trust.log_keys)?;
    let hub = Hub::new(settings.hub, &settings.api_key)?;
    let (trust, person) = (settings.trust, settings.person);
    Ok(Bank::new(trust, signer, person, hub, memory, Clock::new()))
}

#[derive(Clone, Copy)]
struct Teller {
    in_json: bool,
}

impl Teller {
    fn tell(self, event: &Event) {
        if self.in_json {
            say::line(json!(event));
        } else {
            say::line(event);
        }
    }
}

/// What the web side shares.
struct Desk {
    bank: Arc<Bank>,
    events: mpsc::UnboundedSender<Vec<Event>>,
}

async fn serve(
    bank: Arc<Bank>,
    listen: SocketAddr,
    code: String,
    once: Option<usize>,
    teller: Teller,
) -> Result<Done, CliError> {
    let (sender, mut events) = mpsc::unbounded_channel();
    let desk = Data::new(Desk {
        bank: Arc::clone(&bank),
        events: sender,
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(desk.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .default_service(web::post().to(take))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(2)
    .bind(listen)
    .map_err(|fault| {
        CliError::Failed(format!(
            "cannot listen at {listen}: {fault}; choose another address"
        ))
    })?;
    let addresses: Vec<String> = server.addrs().iter().map(SocketAddr::to_string).collect();
    let server = server.run();
    let handle = server.handle();
    let served = tokio::spawn(server);
    teller.tell(&Event::Listening {
        address: addresses.join(" "),
        bank: code,
        key: bank.key(),
    });
    let ended = watch(&bank, &mut events, once, teller).await;
    handle.stop(true).await;
    // How the web side ends is no part of the answer.
    let _ = served.await;
    ended
}

/// Works and tells until it is enough, or until somebody ends it.
async fn watch(
    bank: &Bank,
    events: &mut mpsc::UnboundedReceiver<Vec<Event>>,
    once: Option<usize>,
    teller: Teller,
) -> Result<Done, CliError> {
    let fault = |fault: std::io::Error| {
        CliError::Failed(format!(
            "cannot keep what was received: {fault}; free some space, or check the folder"
        ))
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut look = tokio::time::interval(LOOK);
    let (mut confirmed, mut is_alarmed) = (0, false);
    while once.is_none_or(|enough| confirmed < enough) {
        let mut news = Vec::new();
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            Some(told) = events.recv() => news.extend(told),
            _ = look.tick() => {}
        }
        while let Ok(told) = events.try_recv() {
            news.extend(told);
        }
        // Told before anything slow is asked of the hub.
        news.iter().for_each(|event| teller.tell(event));
        is_alarmed |= news.iter().any(Event::is_alarming);
        for event in bank.work().await.map_err(fault)? {
            teller.tell(&event);
            is_alarmed |= event.is_alarming();
            confirmed += usize::from(matches!(event, Event::Acknowledged { .. }));
        }
    }
    Ok(if is_alarmed { Done::Found } else { Done::Well })
}

async fn take(desk: Data<Desk>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(&request, name));
    let bank = Arc::clone(&desk.bank);
    let taken = web::block(move || {
        let [id, timestamp, signature] = &headers;
        bank.take(&Received {
            id,
            timestamp,
            signature,
            body: &body,
        })
    })
    .await;
    let Ok(Ok(taken)) = taken else {
        // It could not be kept: the hub tries again.
        return HttpResponse::ServiceUnavailable().finish();
    };
    let response = taken.respond();
    // Nobody listens any more when the receiver ends.
    let _ = desk.events.send(taken.events);
    response
}

impl Taken {
    /// What the hub is told.
    pub fn respond(&self) -> HttpResponse {
        match &self.answer {
            Answer::Kept => HttpResponse::NoContent().finish(),
            Answer::Shown(body) => HttpResponse::Ok()
                .content_type("application/json")
                .body(body.clone()),
            Answer::Refused => HttpResponse::BadRequest().finish(),
        }
    }
}

/// A header as text; empty where there is none.
pub fn header(request: &HttpRequest, name: &str) -> String {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
