//! Scene `burst`: many incidents at once. Deliveries per second until the last webhook arrived and until the
//! last outcome is on record, beside a bare loop of as many signed posts.

use super::bare::{self, Poster};
use super::figures::{Named, Outcome, Series};
use super::filer::Filer;
use super::ground::Cast;
use super::shot::{Shot, shoot};
use super::stage::Stage;
use super::{Common, Place, Scene};
use crate::cli::CliError;
use indicatif::ProgressBar;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Incidents of each repetition
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    incidents: u32,
    /// Banks that are told of each
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: u16,
    /// Who files at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    filers: u16,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    common: Common,
}

#[derive(Default)]
struct Figures {
    arrived: Series,
    recorded: Series,
    bare: Series,
    share: Series,
    cpu: Series,
    bare_cpu: Series,
    accept_p50: Series,
    accept_p99: Series,
}

impl Figures {
    fn add(&mut self, shot: &Shot, deliveries: f64, bare: f64) {
        let arrived = deliveries / shot.arrived.as_secs_f64();
        self.arrived.add(arrived);
        self.recorded.add(deliveries / shot.recorded.as_secs_f64());
        self.bare.add(bare);
        self.share.add(arrived / bare);
        self.cpu.add(shot.used.ours() * 1e6 / deliveries);
        let mut accepts = Series::default();
        for accept in &shot.accepts {
            accepts.add(accept.as_secs_f64() * 1e3);
        }
        self.accept_p50.add(accepts.quantile(0.5));
        self.accept_p99.add(accepts.quantile(0.99));
    }

    fn named(self) -> Vec<Named> {
        vec![
            ("deliveries_per_second", self.arrived),
            ("recorded_per_second", self.recorded),
            ("bare_posts_per_second", self.bare),
            ("share_of_bare", self.share),
            ("cpu_us_per_delivery", self.cpu),
            ("bare_cpu_us_per_post", self.bare_cpu),
            ("accept_p50_ms", self.accept_p50),
            ("accept_p99_ms", self.accept_p99),
        ]
    }
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.common.place
    }

    fn cast(&self) -> Cast {
        self.common.cast(self.banks)
    }

    fn steps(&self) -> u64 {
        u64::from(self.repeat)
    }

    fn parameters(&self, stage: &Stage) -> Value {
        json!({
            "incidents": self.incidents,
            "banks": self.banks,
            "filers": self.filers,
            "repeat": self.repeat,
            "answer_ms": self.common.answer_ms,
            "at_once": bare::at_once(usize::from(self.banks), &stage.ground.settings.engine),
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let (incidents, filers) = (self.incidents as usize, usize::from(self.filers));
        let deliveries = (incidents * stage.ground.banks) as f64;
        let filer = Filer::new(stage)?;
        let warm_up = shoot(stage, &filer, filers.min(incidents), filers).await?;
        outcome.failures.extend(warm_up.failures);
        let poster = Poster::new(stage, warm_up.body_bytes)?;
        poster
            .post_all(stage.ground.settings.engine.per_bank)
            .await?;
        let mut figures = Figures::default();
        for _ in 0..self.repeat {
            let cpu = own_cpu();
            let before = bare::posts_per_second(stage, &poster, incidents).await?;
            figures.bare_cpu.add((own_cpu() - cpu) * 1e6 / deliveries);
            let shot = shoot(stage, &filer, incidents, filers).await?;
            let after = bare::posts_per_second(stage, &poster, incidents).await?;
            figures.add(&shot, deliveries, (before + after) / 2.0);
            outcome.used(&shot.used);
            outcome.failures.extend(shot.failures);
            bar.inc(1);
        }
        outcome.figures.push(("burst".into(), figures.named()));
        Ok(())
    }
}

fn own_cpu() -> f64 {
    super::machine::used(std::process::id()).cpu_s
}
