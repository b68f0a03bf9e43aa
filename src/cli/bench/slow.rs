//! Scene `slow`: banks that think before they answer, and a third of them dead: half of those take a notice and
//! never answer, half are never reached. How fast the healthy ones are served beside a bare loop to them alone;
//! and, in calm, how long a healthy bank waits for its first attempt.

use super::bare::{self, Poster};
use super::figures::{Named, Outcome, Series};
use super::filer::Filer;
use super::ground::Cast;
use super::machine;
use super::shot::{shoot, wait_for_records};
use super::stage::Stage;
use super::{Place, Scene};
use crate::cli::CliError;
use indicatif::ProgressBar;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Incidents of each repetition
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    incidents: u32,
    /// Banks that are told of each
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(2..=20_000))]
    banks: u16,
    /// How many of them are dead
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    dead: u16,
    /// How long a healthy bank thinks before it answers
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    answer_ms: u64,
    /// Who files at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    filers: u16,
    /// Incidents of each repetition that are filed one after the other, in calm
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calm: u32,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    place: Place,
}

#[derive(Default)]
struct Figures {
    arrived: Series,
    bare: Series,
    share: Series,
    median: Series,
    nearly_all: Series,
    all: Series,
}

impl Figures {
    fn named(self) -> Vec<Named> {
        vec![
            ("healthy_per_second", self.arrived),
            ("bare_posts_per_second", self.bare),
            ("share_of_bare", self.share),
            // From the filing sent to the webhook arrived, of the healthy banks.
            ("first_attempt_p50_ms", self.median),
            ("first_attempt_p99_ms", self.nearly_all),
            ("first_attempt_max_ms", self.all),
        ]
    }
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.place
    }

    fn cast(&self) -> Cast {
        let dead = usize::from(self.dead.min(self.banks - 1));
        Cast {
            banks: usize::from(self.banks),
            answer_ms: self.answer_ms,
            silent: dead / 2,
            unreached: dead - dead / 2,
        }
    }

    fn steps(&self) -> u64 {
        u64::from(self.repeat)
    }

    fn parameters(&self, stage: &Stage) -> Value {
        let Cast {
            silent, unreached, ..
        } = self.cast();
        json!({
            "incidents": self.incidents,
            "banks": self.banks,
            "silent": silent,
            "unreached": unreached,
            "answer_ms": self.answer_ms,
            "filers": self.filers,
            "calm": self.calm,
            "repeat": self.repeat,
            "at_once": bare::at_once(stage.ground.healthy, &stage.ground.settings.engine),
            "first_attempt": "from the filing sent to the webhook arrived, acceptance and seal included",
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let (incidents, filers) = (self.incidents as usize, usize::from(self.filers));
        let deliveries = (incidents * stage.ground.healthy) as f64;
        let filer = Filer::new(stage)?;
        let warm_up = shoot(stage, &filer, filers.min(incidents), filers).await?;
        outcome.failures.extend(warm_up.failures);
        let poster = Poster::new(stage, warm_up.body_bytes)?;
        poster
            .post_all(stage.ground.settings.engine.per_bank)
            .await?;
        let mut figures = Figures::default();
        for _ in 0..self.repeat {
            let before = bare::posts_per_second(stage, &poster, incidents).await?;
            let shot = shoot(stage, &filer, incidents, filers).await?;
            let after = bare::posts_per_second(stage, &poster, incidents).await?;
            let bare = (before + after) / 2.0;
            let arrived = deliveries / shot.arrived.as_secs_f64();
            figures.arrived.add(arrived);
            figures.bare.add(bare);
            figures.share.add(arrived / bare);
            outcome.used(&shot.used);
            outcome.failures.extend(shot.failures);
            let waits = self.calm(stage, &filer, &mut outcome.failures).await?;
            figures.median.add(waits.quantile(0.5));
            figures.nearly_all.add(waits.quantile(0.99));
            figures.all.add(waits.quantile(1.0));
            bar.inc(1);
        }
        outcome.figures.push(("slow".into(), figures.named()));
        Ok(())
    }
}

impl Args {
    /// One incident after the other, each filed when the last was delivered, while the dead ones are tried and
    /// their earlier notices wait: how long each healthy bank waited for each, in milliseconds.
    async fn calm(
        &self,
        stage: &mut Stage,
        filer: &Filer,
        failures: &mut Vec<String>,
    ) -> Result<Series, CliError> {
        let healthy = stage.ground.healthy;
        let mut waits = Series::default();
        for _ in 0..self.calm {
            stage.receivers.reset().await?;
            let started = machine::monotonic_nanos();
            filer.file().await?;
            let report = stage.receivers.wait(healthy).await?;
            if (report.hits, report.doubled) != (healthy, 0) {
                let came = report.hits;
                failures.push(format!("in calm, {came} notices came to {healthy} banks"));
            }
            for at in stage.receivers.arrivals().await? {
                waits.add(at.saturating_sub(started) as f64 / 1e6);
            }
        }
        let left = wait_for_records(stage).await?;
        if left > 0 {
            failures.push(format!("{left} deliveries have no recorded end"));
        }
        Ok(waits)
    }
}
