//! Scene `kill`: the hub is ended at once (SIGKILL) amid a burst and started again. Whoever files asks again until
//! the 201, as an officer would. What was lost, what came twice, how soon the first webhook came after the start;
//! and how fast the rest was delivered, beside a bare loop of signed posts.

use super::bare::{self, Poster};
use super::control::Report;
use super::figures::{Named, Outcome, Series, Sound};
use super::filer::Filer;
use super::ground::Cast;
use super::machine;
use super::shot::{processes, shoot, wait_for_records};
use super::stage::Stage;
use super::{Common, Place, Scene};
use crate::cli::CliError;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::block_in_place;

const SETTLED: Duration = Duration::from_millis(50);

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
    lost: Series,
    doubled: Series,
    under_way: Series,
    ready: Series,
    first: Series,
    again: Series,
    all: Series,
    rest: Series,
    bare: Series,
}

impl Figures {
    fn named(self) -> Vec<Named> {
        vec![
            ("lost", self.lost),
            ("duplicated", self.doubled),
            ("under_way_at_kill", self.under_way),
            ("start_to_ready_ms", self.ready),
            // From the start of the new process.
            ("first_delivery_ms", self.first),
            ("first_redelivery_ms", self.again),
            ("all_delivered_ms", self.all),
            ("rest_per_second", self.rest),
            ("bare_posts_per_second", self.bare),
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

    fn sound(&self) -> Sound {
        Sound::Kill
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
            "at_once": bare::at_once(stage.ground.banks, &stage.ground.settings.engine),
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let filers = usize::from(self.filers);
        let filer = Filer::new(stage)?;
        let warm_up = shoot(stage, &filer, filers.min(self.incidents as usize), filers).await?;
        outcome.failures.extend(warm_up.failures);
        let poster = Poster::new(stage, warm_up.body_bytes)?;
        poster
            .post_all(stage.ground.settings.engine.per_bank)
            .await?;
        let mut figures = Figures::default();
        for _ in 0..self.repeat {
            let rounds = self.incidents as usize;
            let before = bare::posts_per_second(stage, &poster, rounds).await?;
            let used = processes(stage);
            self.interrupted(stage, &filer, &mut figures, &mut outcome.failures)
                .await?;
            outcome.used(&processes(stage).since(&used));
            let after = bare::posts_per_second(stage, &poster, rounds).await?;
            figures.bare.add((before + after) / 2.0);
            bar.inc(1);
        }
        outcome.figures.push(("kill".into(), figures.named()));
        Ok(())
    }
}

impl Args {
    async fn interrupted(
        &self,
        stage: &mut Stage,
        filer: &Filer,
        figures: &mut Figures,
        failures: &mut Vec<String>,
    ) -> Result<(), CliError> {
        let incidents = self.incidents as usize;
        let expected = incidents * stage.ground.banks;
        stage.receivers.reset().await?;
        let filing = {
            let (filer, filers) = (filer.persistent(), usize::from(self.filers));
            tokio::spawn(async move { filer.file_many(incidents, filers).await })
        };
        stage.receivers.wait(expected / 2).await?;
        stage.hub.kill().await?;
        // A database server ends what it was told before.
        tokio::time::sleep(SETTLED).await;
        let under_way = block_in_place(|| stage.beside.leased_deliveries())?;
        let at_kill = stage.receivers.report().await?;
        stage.receivers.mark().await?;
        let started = machine::monotonic_nanos();
        stage.hub.resume().await?;
        let filed = filing.await;
        filed.map_err(|fault| CliError::Failed(format!("filing ended: {fault}")))??;
        let report = wait_for_all(stage, expected).await?;
        let left = wait_for_records(stage).await?;
        let lost = expected.saturating_sub(report.hits - report.doubled);
        figures.lost.add(lost as f64);
        figures.doubled.add(report.doubled as f64);
        figures.under_way.add(under_way as f64);
        figures.ready.add(stage.hub.ready_ms);
        let millis = |at: u64| at.saturating_sub(started) as f64 / 1e6;
        if let Some(at) = report.first_marked_nanos {
            figures.first.add(millis(at));
        }
        if let Some(at) = report.first_again_nanos {
            figures.again.add(millis(at));
        }
        let all = bare::since(started, &report).as_secs_f64();
        figures.all.add(all * 1e3);
        figures.rest.add((report.hits - at_kill.hits) as f64 / all);
        failures.extend(judge(&report, expected, under_way));
        if left > 0 {
            failures.push(format!("{left} deliveries have no recorded end"));
        }
        Ok(())
    }
}

/// Waits until every message came, however many came twice, or until nothing comes any more.
async fn wait_for_all(stage: &mut Stage, expected: usize) -> Result<Report, CliError> {
    let mut report = stage.receivers.wait(expected).await?;
    loop {
        let missing = expected.saturating_sub(report.hits - report.doubled);
        let goal = report.hits + missing;
        if missing == 0 {
            return Ok(report);
        }
        let hits = report.hits;
        report = stage.receivers.wait(goal).await?;
        if report.hits == hits {
            return Ok(report);
        }
    }
}

/// Nothing is lost, and nothing comes twice but what was under way.
fn judge(report: &Report, expected: usize, under_way: i64) -> Vec<String> {
    let mut failures = Vec::new();
    let distinct = report.hits - report.doubled;
    if distinct < expected {
        failures.push(format!("{} notices were lost", expected - distinct));
    }
    if distinct > expected {
        failures.push(format!("{} notices that nobody filed", distinct - expected));
    }
    if report.fewest != report.most {
        failures.push(format!(
            "one bank saw {} incidents, another {}",
            report.fewest, report.most
        ));
    }
    if i64::try_from(report.doubled).unwrap_or(i64::MAX) > under_way {
        failures.push(format!(
            "{} notices came twice, of which {under_way} were under way",
            report.doubled
        ));
    }
    if report.strangers > 0 {
        failures.push(format!("{} requests were no notice", report.strangers));
    }
    failures
}
