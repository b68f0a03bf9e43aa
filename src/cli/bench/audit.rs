//! Scene `audit`: what an auditor asks of a large record over the API, and the export of a million attempts. The
//! record is made up: one incident that the hub told its banks of, repeated in the database with attempts, levels
//! and acknowledgements but without log entries, deliveries and chases, which none of these questions reads. Asked
//! of a small record first, so that growth is a ratio inside one run.

mod asking;
mod exporting;

use super::figures::{Outcome, Series, Sound};
use super::filer::Filer;
use super::ground::Cast;
use super::shot::{processes, shoot};
use super::stage::Stage;
use super::{Place, Scene};
use crate::cli::CliError;
use crate::storage::bare::made::{self, TRIES};
use asking::Asker;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::task::block_in_place;

/// Attempts of the small record.
const SMALL: u64 = 10_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Attempts on record
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=30_000_000))]
    attempts: u64,
    /// Banks on the register
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    banks: u16,
    /// How often each question is asked in each repetition
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    requests: u16,
    /// Attempts that are exported
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=30_000_000))]
    rows: u64,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Made incidents that bring so many attempts.
    fn incidents(&self, attempts: u64) -> i64 {
        let each = u64::from(self.banks) * TRIES.unsigned_abs();
        i64::try_from(attempts.div_ceil(each)).unwrap_or(i64::MAX)
    }
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.place
    }

    fn cast(&self) -> Cast {
        Cast {
            banks: usize::from(self.banks),
            ..Cast::default()
        }
    }

    fn sound(&self) -> Sound {
        Sound::Audit
    }

    fn steps(&self) -> u64 {
        // The small record, the large one, and their questions.
        2 + 3 * u64::from(self.repeat)
    }

    fn parameters(&self, _: &Stage) -> Value {
        json!({
            "attempts": self.attempts,
            "incidents": self.incidents(self.attempts),
            "banks": self.banks,
            "requests": self.requests,
            "rows": self.rows,
            "repeat": self.repeat,
            "record": "made up: one real incident repeated, without log entries, deliveries and chases",
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let told = shoot(stage, &Filer::new(stage)?, 1, 1).await?;
        outcome.failures.extend(told.failures);
        let (small, large) = (
            self.incidents(SMALL.min(self.attempts)),
            self.incidents(self.attempts),
        );
        let mut asked = Vec::new();
        let mut making = Series::default();
        for (first, last) in [(0, small), (small, large)] {
            let started = Instant::now();
            self.grow(stage, first..last).await?;
            making.add(started.elapsed().as_secs_f64());
            bar.inc(1);
            let before = processes(stage);
            let asker = Asker::new(stage, last, i64::from(self.banks))?;
            let answers = asker
                .ask(
                    stage,
                    self.requests,
                    self.repeat,
                    bar,
                    &mut outcome.failures,
                )
                .await?;
            outcome.used(&processes(stage).since(&before));
            let attempts = last * i64::from(self.banks) * TRIES;
            asked.push((format!("{attempts} attempts"), answers));
        }
        let growth = asking::growth(&asked);
        for (group, answers) in asked {
            outcome.figures.push((group, answers.named()));
        }
        outcome
            .figures
            .push(("growth, large to small".into(), growth));
        let before = processes(stage);
        let rows = self.incidents(self.rows.min(self.attempts)).min(large);
        let exported = exporting::measure(
            stage,
            rows,
            i64::from(self.banks),
            self.repeat,
            bar,
            &mut outcome.failures,
        );
        let mut exported = exported.await?;
        outcome.used(&processes(stage).since(&before));
        exported.push(("making_s", making));
        outcome.figures.push(("csv".into(), exported));
        Ok(())
    }
}

impl Args {
    /// Makes these incidents while no hub runs.
    async fn grow(
        &self,
        stage: &mut Stage,
        incidents: std::ops::Range<i64>,
    ) -> Result<(), CliError> {
        stage.hub.stop().await?;
        block_in_place(|| {
            if incidents.start == 0 {
                stage.beside.begin_record()?;
            }
            stage.beside.grow_record(incidents, i64::from(self.banks))?;
            stage.beside.end_record()
        })?;
        stage.hub.resume().await
    }
}

/// A number below `bound`, drawn at random.
fn drawn(bound: i64) -> Result<i64, CliError> {
    let drawn = u64::from_be_bytes(crate::vault::random::<8>()?) % bound.unsigned_abs().max(1);
    Ok(i64::try_from(drawn).unwrap_or(0))
}

/// The first made incident after these.
fn end_of(incidents: i64) -> crate::domain::instant::Instant {
    made::accepted_at(incidents)
}
