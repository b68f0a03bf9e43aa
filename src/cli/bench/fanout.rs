//! Scene `fanout`: one incident, from the request sent to the last webhook arrived, over kept connections and
//! over new ones, beside the bare sum of its commits and posts.

use super::bare::{self, Poster};
use super::figures::{Named, Outcome, Processes, Series};
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
    /// Banks that are told
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: u16,
    /// Repetitions, of each kind
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    /// Only over new connections: the hub is restarted before each repetition
    #[arg(long)]
    cold: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Default)]
struct Figures {
    arrived: Series,
    bare: Series,
    ratio: Series,
    notice: Series,
    accept: Series,
    recorded: Series,
    ready: Series,
}

impl Figures {
    fn add(&mut self, shot: &Shot, bare_ms: f64, banks: usize) {
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        self.arrived.add(ms(shot.arrived));
        self.bare.add(bare_ms);
        self.ratio.add(ms(shot.arrived) / bare_ms);
        self.notice.add(ms(shot.arrived) * 1e3 / banks as f64);
        self.recorded.add(ms(shot.recorded));
        for accept in &shot.accepts {
            self.accept.add(ms(*accept));
        }
    }

    fn named(self, is_cold: bool) -> Vec<Named> {
        let mut named = vec![
            ("last_arrival_ms", self.arrived),
            ("bare_sum_ms", self.bare),
            ("ratio_to_bare", self.ratio),
            ("us_per_notice", self.notice),
            ("accept_ms", self.accept),
            ("recorded_ms", self.recorded),
        ];
        if is_cold {
            named.push(("start_to_ready_ms", self.ready));
        }
        named
    }
}

/// What both kinds of repetition share.
struct Play<'a> {
    stage: &'a mut Stage,
    bar: &'a ProgressBar,
    body_bytes: usize,
    processes: Processes,
    failures: Vec<String>,
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.common.place
    }

    fn cast(&self) -> Cast {
        self.common.cast(self.banks)
    }

    fn steps(&self) -> u64 {
        u64::from(self.repeat) * if self.cold { 1 } else { 2 }
    }

    fn parameters(&self, stage: &Stage) -> Value {
        json!({
            "banks": self.banks,
            "repeat": self.repeat,
            "answer_ms": self.common.answer_ms,
            "bare_commits": bare::commits(usize::from(self.banks), &stage.ground.settings.engine),
            "at_once": bare::at_once(usize::from(self.banks), &stage.ground.settings.engine),
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let mut play = Play {
            stage,
            bar,
            body_bytes: 0,
            processes: Processes::default(),
            failures: Vec::new(),
        };
        play.warm_up().await?;
        if !self.cold {
            let warm = play.warm(self.repeat).await?;
            outcome.figures.push(("warm".into(), warm.named(false)));
        }
        let cold = play.cold(self.repeat).await?;
        outcome.figures.push(("cold".into(), cold.named(true)));
        outcome.processes = Some(play.processes);
        outcome.failures = play.failures;
        Ok(())
    }
}

impl Play<'_> {
    /// Opens the connections and learns the length of a webhook.
    async fn warm_up(&mut self) -> Result<(), CliError> {
        let filer = Filer::new(self.stage)?;
        for _ in 0..2 {
            let shot = shoot(self.stage, &filer, 1, 1).await?;
            self.body_bytes = shot.body_bytes;
            self.failures.extend(shot.failures);
        }
        Ok(())
    }

    async fn warm(&mut self, repeat: u16) -> Result<Figures, CliError> {
        let mut figures = Figures::default();
        let filer = Filer::new(self.stage)?;
        filer.connect().await?;
        let poster = Poster::new(self.stage, self.body_bytes)?;
        bare::one_incident(self.stage, &poster).await?;
        for _ in 0..repeat {
            let before = bare::one_incident(self.stage, &poster).await?;
            let shot = shoot(self.stage, &filer, 1, 1).await?;
            let after = bare::one_incident(self.stage, &poster).await?;
            self.take(&mut figures, shot, (before + after) / 2);
        }
        Ok(figures)
    }

    async fn cold(&mut self, repeat: u16) -> Result<Figures, CliError> {
        let mut figures = Figures::default();
        for _ in 0..repeat {
            self.stage.hub.restart().await?;
            figures.ready.add(self.stage.hub.ready_ms);
            let before = self.bare_cold().await?;
            let filer = Filer::new(self.stage)?;
            filer.connect().await?;
            let shot = shoot(self.stage, &filer, 1, 1).await?;
            self.stage.hub.restart().await?;
            let after = self.bare_cold().await?;
            self.take(&mut figures, shot, (before + after) / 2);
        }
        Ok(figures)
    }

    /// Beside a hub without connections: those of ten thousand banks are as many open files as many machines allow.
    async fn bare_cold(&mut self) -> Result<std::time::Duration, CliError> {
        let poster = Poster::new(self.stage, self.body_bytes)?;
        bare::one_incident(self.stage, &poster).await
    }

    fn take(&mut self, figures: &mut Figures, shot: Shot, bare: std::time::Duration) {
        let banks = self.stage.ground.banks;
        figures.add(&shot, bare.as_secs_f64() * 1e3, banks);
        self.processes.add(&shot.used);
        self.failures.extend(shot.failures);
        self.bar.inc(1);
    }
}
