//! `kairan demo`: the whole hub on this machine, in a new folder. 35 invented banks are real HTTP receivers
//! in a process of their own and the mails go to a real SMTP server; an incident is filed through the public
//! API, and a table shows who was told and whose stamp came back. Tells the story in order; the parts are
//! in the files beside.

mod api;
mod banks;
mod cast;
mod ground;
mod letters;
mod register;
mod story;
mod street;
mod table;
mod told;
mod watch;

use super::smtp_sink::SmtpSink;
use super::{CliError, Done, say};
use crate::actions::Rules;
use crate::clock::Clock;
use crate::domain;
use crate::server::{Parts, Running};
use crate::storage::{Store, audit};
use api::Api;
use banks::{Opening, Report};
use cast::{Bank, Expected, Pace};
use ground::Ground;
use letters::Letters;
use register::People;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use street::{Street, Waiting};
use table::Table;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use watch::{Picture, Watch};

/// With `--once`, how long the expected state may take to come.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A new or empty folder for it; one in the temporary folder if not given. It is kept
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The hub's port on 127.0.0.1; a free one if not given
    #[arg(long)]
    port: Option<u16>,
    /// Hurry, and end as soon as everything expected has happened, or after 40 seconds
    #[arg(long)]
    once: bool,
    /// Answer with one JSON object at the end, and nothing before
    #[arg(long, requires = "once")]
    json: bool,
    /// Play the whole case instead, in six acts from May 2019 to September 2020
    #[arg(long)]
    story: bool,
}

/// `kairan demo-banks`, which `demo` starts for itself.
#[derive(Debug, clap::Args)]
pub struct BanksArgs {}

pub async fn run_banks(_args: BanksArgs) -> Result<Done, CliError> {
    banks::run().await
}

/// What a demo runs on.
struct Stage {
    banks: Vec<Bank>,
    expected: Expected,
    ground: Ground,
    hub: Running,
    store: Store,
    rules: Arc<Rules>,
    api: Api,
    url: String,
    people: People,
    /// Invitations to the desks: whose, and the link.
    seats: Vec<(&'static str, String)>,
    /// The key of one bank's machine, to look through its eyes.
    bank_key: String,
    /// Where the banks listen, by code.
    ports: BTreeMap<String, u16>,
    /// What the banks were told at the start.
    opening: Opening,
    street: Option<Street>,
    letters: JoinHandle<()>,
    log: File,
}

/// What was answered to the filing.
#[derive(Debug, Deserialize)]
struct Issued {
    reference: String,
    notices: usize,
    roster_version: i64,
}

/// How it ended.
struct Ending {
    picture: Picture,
    report: Report,
    findings: usize,
    seconds: f64,
}

pub async fn run(args: Args) -> Result<Done, CliError> {
    let mut signals = Signals::listen()?;
    let began = Instant::now();
    let pace = if args.once { cast::BRISK } else { cast::LIVE };
    if args.story {
        return story::tell(&args, pace, &mut signals).await;
    }
    let stage = set_stage(&args, pace).await?;
    if !args.json {
        told::introduce(&stage);
    }
    let issued = file_incident(&stage).await?;
    if !args.json {
        told::show_where_to_look(&stage, &issued, args.once);
    }
    let watch = Watch::new(
        stage.api.clone(),
        stage.people.auditor.clone(),
        issued.reference.clone(),
    );
    let mut table = Table::start(&stage.banks, args.json);
    let deadline = args.once.then(|| began + PATIENCE);
    let watched = watch_until(&stage, &watch, &mut table, deadline, &mut signals).await;
    table.end();
    let (expected, banks) = (stage.expected, cast::banks());
    let folder = stage.ground.folder.clone();
    let ending = close(stage, watched, began).await?;
    if args.json {
        say::json(&told::summary(&ending, &expected, &banks, &issued));
    } else {
        told::say_goodbye(&ending, &expected, &folder);
    }
    if args.once {
        told::judge(&ending, &expected, &banks)
    } else {
        Ok(Done::Well)
    }
}

/// Ctrl-C, or a wish to end from outside.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let failed =
            |fault: std::io::Error| CliError::Failed(format!("cannot listen for signals: {fault}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(Self {
            interrupt,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The receivers listen first, then the banks are registered with their addresses, then each receiver is
/// handed its secret and API key, and enrols a key of its own.
async fn set_stage(args: &Args, pace: Pace) -> Result<Stage, CliError> {
    // Before anything is made: whoever chooses another port may keep the folder.
    let port = ground::free_port(args.port)?;
    let ground = Ground::make(args.dir.as_deref())?;
    let log = ground.start_log()?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sink = SmtpSink::start(any).await.map_err(|fault| {
        CliError::Failed(format!("the demo's mail server does not start: {fault}"))
    })?;
    let settings = ground.settle(Some(port), sink.addr)?;
    let url = settings.hub.public_url.clone();
    let log_key = ground::log_key(&settings)?;
    let banks = if args.story {
        story::banks()
    } else {
        cast::banks()
    };
    let plays = street::plays(&banks, pace, &BTreeMap::new());
    let waiting = Waiting::start(&plays, &log).await?;
    let ports = waiting.ports.clone();

    let parts = Parts::open(settings).await?;
    let (store, rules) = (parts.store.clone(), parts.rules.clone());
    let now = args.story.then_some(story::BEGINS);
    if let Some(now) = now {
        store
            .clock()
            .set(domain::instant::Instant::from_micros(now));
    }
    let people = register::people(&store, &rules).await?;
    let handovers = register::banks(&store, &rules, &banks, &waiting.ports).await?;
    let first = banks.first().map(|bank| bank.code).unwrap_or_default();
    let joiner = cast::joiner();
    let seats = register::seats(&store, &rules, first).await?;
    let bank_key = handovers
        .values()
        .next()
        .map(|handover| handover.key.clone())
        .unwrap_or_default();
    let hub = parts.start()?;

    let opening = Opening {
        hub: url.clone(),
        now,
        log_key,
        folder: ground.banks(),
        banks: handovers,
    };
    let street = Some(waiting.open(&opening).await?);
    let api = Api::new(&url)?;
    let readers: Vec<&Bank> = banks.iter().chain([&joiner]).collect();
    let letters = Letters::new(sink, ground.mails(), api.clone(), &readers, pace);
    let letters = tokio::spawn(letters.run());
    let expected = cast::expected(&banks);
    Ok(Stage {
        banks,
        expected,
        ground,
        hub,
        store,
        rules,
        api,
        url,
        people,
        seats,
        bank_key,
        ports,
        opening,
        street,
        letters,
        log,
    })
}

/// As the officer's own program would.
async fn file_incident(stage: &Stage) -> Result<Issued, CliError> {
    let body = cast::filing(Clock::new().now());
    let once = "demo-incident-1";
    let answer = stage
        .api
        .post(
            &stage.people.officer,
            "/api/v1/incidents",
            Some(once),
            &body,
        )
        .await?;
    let answer = answer.good("the filing")?;
    serde_json::from_slice(&answer)
        .map_err(|fault| CliError::Failed(format!("the hub's answer cannot be read: {fault}")))
}

async fn watch_until(
    stage: &Stage,
    watch: &Watch,
    table: &mut Table,
    deadline: Option<Instant>,
    signals: &mut Signals,
) -> Result<Picture, CliError> {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut picture = watch.look().await?;
    loop {
        table.show(&stage.banks, &stage.expected, &picture);
        let over = deadline.is_some_and(|at| at <= Instant::now());
        let report = stage.street.as_ref().map(Street::report);
        let proven = report.unwrap_or_default().sealed >= stage.expected.delivered;
        let reached = proven && picture.shows(&stage.expected, &stage.banks);
        if deadline.is_some() && (reached || over) {
            return Ok(picture);
        }
        tokio::select! {
            () = signals.any() => return Ok(picture),
            _ = tick.tick() => picture = watch.look().await?,
        }
    }
}

/// Ends everything; whatever was seen before.
async fn close(
    stage: Stage,
    watched: Result<Picture, CliError>,
    began: Instant,
) -> Result<Ending, CliError> {
    let (report, findings) = stage.close().await?;
    let seconds = (began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    Ok(Ending {
        picture: watched?,
        report,
        findings,
        seconds,
    })
}

impl Stage {
    /// Ends the banks, then the hub, then the mail: the banks' last word, and how many faults the self-check finds.
    async fn close(self) -> Result<(Report, usize), CliError> {
        let report = match self.street {
            Some(street) => street.close().await,
            None => Report::default(),
        };
        let findings = self.store.read(audit::findings).await;
        self.hub.stop().await;
        self.letters.abort();
        if let Some(fault) = &report.fault {
            tracing::warn!(%fault, "one of the demo's banks complained");
        }
        Ok((report, findings?.len()))
    }
}
