//! `kairan bench`: figures of the whole hub on this machine, each beside its bare limit. The hub, its banks
//! and the load are processes of their own; nothing leaves loopback. A scene that loses or doubles a notice fails.

mod ack;
mod audit;
mod bare;
mod burst;
mod control;
mod fanout;
mod figures;
mod file;
mod filer;
mod ground;
mod hub;
mod kill;
mod log;
mod machine;
mod pages;
pub mod receivers;
mod shot;
mod slow;
mod stage;

use super::{CliError, Done};
use figures::{Outcome, Sound};
use ground::Cast;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use stage::Stage;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    scene: Which,
}

#[derive(Debug, clap::Subcommand)]
enum Which {
    /// One incident to many banks: milliseconds until the last webhook arrived
    Fanout(fanout::Args),
    /// Many incidents at once: deliveries per second
    Burst(burst::Args),
    /// A third of the banks dead, the others slow: deliveries per second, and how long a first attempt waits
    Slow(slow::Args),
    /// The hub killed amid a burst: what is lost, what comes twice, how soon it goes on
    Kill(kill::Args),
    /// Filing: milliseconds until the 201, alone and many at once; the hub's start, and what it holds when idle
    File(file::Args),
    /// Acknowledgements of many banks at once: how many a second
    Ack(ack::Args),
    /// What auditors ask of a large record, which is made up: milliseconds until the last byte, and the export
    Audit(audit::Args),
    /// The pages of every desk: milliseconds until the last byte
    Pages(pages::Args),
    /// The log: appending, proofs, and the judgement of a whole one; no hub runs
    Log(log::Args),
}

/// Where a scene is played, and how it is told.
#[derive(Debug, clap::Args)]
struct Place {
    /// A PostgreSQL server: a database is made there and dropped again; SQLite if not given
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Where the bench makes its folder, and so which disk is measured; the temporary folder if not given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(std::env::temp_dir)
    }

    fn kind(&self) -> &'static str {
        if self.database.is_some() {
            "postgres"
        } else {
            "sqlite"
        }
    }
}

/// What every scene with banks takes.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    place: Place,
    /// How long a bank thinks before it answers
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    answer_ms: u64,
}

impl Common {
    fn cast(&self, banks: u16) -> Cast {
        Cast {
            banks: usize::from(banks),
            answer_ms: self.answer_ms,
            ..Cast::default()
        }
    }
}

trait Scene {
    fn place(&self) -> &Place;
    fn cast(&self) -> Cast;
    /// What it shows when nothing failed.
    fn sound(&self) -> Sound {
        Sound::Delivery
    }
    /// For the progress bar.
    fn steps(&self) -> u64;
    fn parameters(&self, stage: &Stage) -> Value;
    /// Fills in figures, processes and failures.
    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError>;
}

pub async fn run(args: Args) -> Result<Done, CliError> {
    let perform = async {
        match args.scene {
            Which::Fanout(scene) => perform("fanout", scene).await,
            Which::Burst(scene) => perform("burst", scene).await,
            Which::Slow(scene) => perform("slow", scene).await,
            Which::Kill(scene) => perform("kill", scene).await,
            Which::File(scene) => perform("file", scene).await,
            Which::Ack(scene) => perform("ack", scene).await,
            Which::Audit(scene) => perform("audit", scene).await,
            Which::Pages(scene) => perform("pages", scene).await,
            Which::Log(args) => log::run(&args).await,
        }
    };
    // A scene that is let go of takes its processes, its folder and its database with it.
    tokio::select! {
        done = perform => done,
        stopped = told_to_stop() => Err(stopped),
    }
}

/// Waits for SIGTERM or SIGINT.
async fn told_to_stop() -> CliError {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    match signals {
        Ok((mut terminate, mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            CliError::Failed("stopped before the scene ended; there are no figures".to_owned())
        }
        Err(fault) => CliError::Failed(format!("cannot listen for signals: {fault}")),
    }
}

async fn perform(name: &'static str, scene: impl Scene) -> Result<Done, CliError> {
    let place = scene.place();
    let machine = machine::facts(&place.folder());
    let bar = progress(name, scene.steps());
    let mut stage = Stage::build(place, &scene.cast()).await?;
    let mut outcome = Outcome {
        scene: name,
        parameters: scene.parameters(&stage),
        machine,
        database: place.kind(),
        figures: Vec::new(),
        processes: None,
        failures: Vec::new(),
        sound: scene.sound(),
    };
    if let Err(error) = scene.play(&mut stage, &bar, &mut outcome).await {
        bar.finish_and_clear();
        return Err(stage.hub.failed(&error.to_string()));
    }
    let judged = outcome.sound.is_self_checked();
    let findings = stage.close(judged).await?;
    bar.finish_and_clear();
    for finding in findings {
        outcome
            .failures
            .push(format!("the self-check: not so that {finding}"));
    }
    outcome.close(place.json)
}

/// Drawn on a terminal only.
fn progress(name: &str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_message(name.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
