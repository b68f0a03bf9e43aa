//! One measured repetition: incidents filed over HTTP, until the last webhook arrived and the last outcome is
//! on record; and whether every bank saw each of them exactly once.

use super::bare;
use super::control::Report;
use super::figures::Processes;
use super::filer::Filer;
use super::ground::bank_code;
use super::machine;
use super::stage::Stage;
use crate::cli::CliError;
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// Waiting for the last outcomes ends when none was recorded for so long.
const STALL: Duration = Duration::from_secs(15);

pub struct Shot {
    /// From the first request sent to the last webhook arrived.
    pub arrived: Duration,
    /// To the last outcome on record.
    pub recorded: Duration,
    /// What each filing took until its 201.
    pub accepts: Vec<Duration>,
    pub used: Processes,
    pub body_bytes: usize,
    /// What was lost or doubled.
    pub failures: Vec<String>,
}

/// Files `incidents`, `at_once` of them at a time.
pub async fn shoot(
    stage: &mut Stage,
    filer: &Filer,
    incidents: usize,
    at_once: usize,
) -> Result<Shot, CliError> {
    let expected = stage.ground.healthy * incidents;
    stage.receivers.reset().await?;
    let before = processes(stage);
    let (started, accepts) = filer.file_many(incidents, at_once).await?;
    let report = stage.receivers.wait(expected).await?;
    let arrived = bare::since(started, &report);
    let left = wait_for_records(stage).await?;
    let recorded = Duration::from_nanos(machine::monotonic_nanos().saturating_sub(started));
    let used = processes(stage).since(&before);
    // Once more: what came twice came last.
    let report = stage.receivers.report().await?;
    let mut failures = judge(&report, stage.ground.healthy, incidents);
    if left > 0 {
        failures.push(format!("{left} deliveries have no recorded end"));
    }
    Ok(Shot {
        arrived,
        recorded,
        accepts,
        used,
        body_bytes: report.body_bytes,
        failures,
    })
}

/// How many deliveries to banks that answer are open when all are recorded, or when nothing moves.
pub async fn wait_for_records(stage: &mut Stage) -> Result<i64, CliError> {
    let (mut fewest, mut moved) = (i64::MAX, Instant::now());
    let last = bank_code(stage.ground.healthy);
    loop {
        let asked = Instant::now();
        let open = block_in_place(|| stage.beside.open_deliveries(&last))?;
        if open < fewest {
            (fewest, moved) = (open, Instant::now());
        }
        if open == 0 || moved.elapsed() > STALL {
            return Ok(open);
        }
        // The question itself must not become the load.
        tokio::time::sleep(Duration::from_millis(1) + asked.elapsed() * 4).await;
    }
}

pub fn processes(stage: &Stage) -> Processes {
    Processes {
        hub: stage.hub.used(),
        postgres: stage.server_used(),
        receivers: machine::used(stage.receivers.pid),
        load: machine::used(std::process::id()),
    }
}

/// Each bank, each incident, exactly once.
fn judge(report: &Report, banks: usize, incidents: usize) -> Vec<String> {
    let mut failures = Vec::new();
    let distinct = report.hits - report.doubled;
    if distinct < banks * incidents {
        failures.push(format!(
            "{} notices were lost",
            banks * incidents - distinct
        ));
    }
    if report.doubled > 0 {
        failures.push(format!("{} notices came twice", report.doubled));
    }
    let told = (report.banks, report.fewest, report.most);
    if told != (banks, incidents, incidents) {
        let (seen, fewest, most) = told;
        failures.push(format!(
            "{seen} of {banks} banks saw {fewest} to {most} of {incidents} incidents"
        ));
    }
    if report.strangers > 0 {
        failures.push(format!("{} requests were no notice", report.strangers));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(hits: usize, doubled: usize, fewest: usize, most: usize) -> Report {
        Report {
            hits,
            doubled,
            banks: 5,
            fewest,
            most,
            strangers: 0,
            silenced: 0,
            body_bytes: 1_500,
            first_nanos: None,
            last_nanos: None,
            first_marked_nanos: None,
            first_again_nanos: None,
        }
    }

    #[test]
    fn a_scene_that_loses_or_doubles_a_notice_fails() {
        assert!(judge(&report(15, 0, 3, 3), 5, 3).is_empty());
        for bad in [
            report(14, 0, 2, 3),
            report(16, 1, 3, 3),
            report(15, 1, 2, 3),
            report(15, 0, 2, 4),
        ] {
            assert!(!judge(&bad, 5, 3).is_empty(), "{bad:?}");
        }
    }
}
