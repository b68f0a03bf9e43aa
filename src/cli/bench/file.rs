//! Scene `file`: how long the officer waits for the 201, one filing at a time and many at once, beside one durable
//! commit of as many bytes; how soon a started hub answers, and what an idle one holds.

use super::bare::ISSUE_BYTES;
use super::figures::{Named, Outcome, Series};
use super::filer::Filer;
use super::ground::Cast;
use super::shot::{Shot, shoot};
use super::stage::Stage;
use super::{Common, Place, Scene};
use crate::cli::CliError;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// So long is a hub left alone before it counts as idle.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Banks that are told
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: u16,
    /// Filings of each repetition, one at a time
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    alone: u32,
    /// Filings of each repetition, many at once
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    together: u32,
    /// Who files at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    filers: u16,
    /// Repetitions; the hub is restarted before each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    common: Common,
}

#[derive(Default)]
struct Figures {
    alone_p50: Series,
    alone_p99: Series,
    bare: Series,
    ratio: Series,
    together_p50: Series,
    together_p99: Series,
    ready: Series,
    idle: Series,
}

impl Figures {
    fn named(self) -> Vec<Named> {
        vec![
            ("alone_p50_ms", self.alone_p50),
            ("alone_p99_ms", self.alone_p99),
            ("bare_commit_p50_ms", self.bare),
            ("ratio_to_bare", self.ratio),
            ("together_p50_ms", self.together_p50),
            ("together_p99_ms", self.together_p99),
            ("start_to_ready_ms", self.ready),
            ("idle_mib", self.idle),
        ]
    }
}

fn millis(shot: &Shot) -> Series {
    let mut series = Series::default();
    for accept in &shot.accepts {
        series.add(accept.as_secs_f64() * 1e3);
    }
    series
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

    fn parameters(&self, _: &Stage) -> Value {
        json!({
            "banks": self.banks,
            "alone": self.alone,
            "together": self.together,
            "filers": self.filers,
            "repeat": self.repeat,
            "answer_ms": self.common.answer_ms,
            "bare_bytes": usize::from(self.banks) * ISSUE_BYTES,
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let mut figures = Figures::default();
        for _ in 0..self.repeat {
            stage.hub.restart().await?;
            figures.ready.add(stage.hub.ready_ms);
            tokio::time::sleep(REST).await;
            let (idle_kib, _) = stage.hub.memory_kib();
            figures.idle.add(idle_kib as f64 / 1_024.0);
            let filer = Filer::new(stage)?;
            filer.connect().await?;
            let warm_up = shoot(stage, &filer, 2, 1).await?;
            let before = self.bare(stage)?;
            let alone = shoot(stage, &filer, self.alone as usize, 1).await?;
            let bare = (before + self.bare(stage)?) / 2.0;
            let filers = usize::from(self.filers);
            let together = shoot(stage, &filer, self.together as usize, filers).await?;
            let p50 = millis(&alone).quantile(0.5);
            figures.alone_p50.add(p50);
            figures.alone_p99.add(millis(&alone).quantile(0.99));
            figures.bare.add(bare);
            figures.ratio.add(p50 / bare);
            figures.together_p50.add(millis(&together).quantile(0.5));
            figures.together_p99.add(millis(&together).quantile(0.99));
            for shot in [warm_up, alone, together] {
                outcome.used(&shot.used);
                outcome.failures.extend(shot.failures);
            }
            bar.inc(1);
        }
        outcome.figures.push(("file".into(), figures.named()));
        Ok(())
    }
}

impl Args {
    /// The median of as many commits as filings alone.
    fn bare(&self, stage: &mut Stage) -> Result<f64, CliError> {
        let bytes = vec![b'x'; usize::from(self.banks) * ISSUE_BYTES];
        let mut series = Series::default();
        block_in_place(|| {
            for _ in 0..self.alone {
                let started = Instant::now();
                stage.bare.commit(&bytes)?;
                series.add(started.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, CliError>(())
        })?;
        Ok(series.quantile(0.5))
    }
}
