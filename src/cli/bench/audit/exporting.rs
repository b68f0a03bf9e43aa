//! The export: the delivery log of a span as CSV, read to its end over HTTP from a hub that was just started, beside
//! one streamed select of the same rows whose lines are written to memory.

use super::end_of;
use crate::cli::CliError;
use crate::cli::bench::figures::{Named, Series};
use crate::cli::bench::stage::Stage;
use crate::storage::bare::made::{self, OutcomeLine, TRIES};
use indicatif::ProgressBar;
use reqwest::Client;
use std::fmt::Write as _;
use std::time::Instant;
use tokio::task::block_in_place;

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("the export broke off: {what}"))
}

#[derive(Default)]
struct Figures {
    csv: Series,
    bare: Series,
    ratio: Series,
    rows: Series,
    idle: Series,
    peak: Series,
    ready: Series,
}

/// Exports the attempts of the first so many incidents.
pub async fn measure(
    stage: &mut Stage,
    incidents: i64,
    banks: i64,
    repeat: u16,
    bar: &ProgressBar,
    failures: &mut Vec<String>,
) -> Result<Vec<Named>, CliError> {
    let expected = incidents * banks * TRIES;
    let span = (made::attempt(0, banks), made::attempt(expected - 1, banks));
    let mut figures = Figures::default();
    for _ in 0..repeat {
        let before = select(stage, span, expected)?;
        stage.hub.restart().await?;
        figures.ready.add(stage.hub.ready_ms);
        let (idle_kib, _) = stage.hub.memory_kib();
        let started = Instant::now();
        let lines = read(stage, incidents).await?;
        let took = started.elapsed().as_secs_f64();
        let (_, peak_kib) = stage.hub.memory_kib();
        let bare = (before + select(stage, span, expected)?) / 2.0;
        // One line names the columns.
        if lines != expected + 1 {
            failures.push(format!(
                "{lines} lines were exported of {expected} attempts"
            ));
        }
        figures.csv.add(took);
        figures.bare.add(bare);
        figures.ratio.add(took / bare);
        figures.rows.add(expected as f64 / took);
        figures.idle.add(idle_kib as f64 / 1_024.0);
        figures.peak.add(peak_kib as f64 / 1_024.0);
        bar.inc(1);
    }
    Ok(vec![
        ("csv_s", figures.csv),
        ("bare_select_s", figures.bare),
        ("ratio_to_bare", figures.ratio),
        ("rows_per_second", figures.rows),
        ("hub_started_mib", figures.idle),
        ("hub_peak_mib", figures.peak),
        ("start_to_ready_ms", figures.ready),
    ])
}

/// Lines of the answer.
async fn read(stage: &Stage, incidents: i64) -> Result<i64, CliError> {
    let client = Client::builder().no_proxy().http1_only().build();
    let url = format!(
        "http://{}/api/v1/deliveries?format=csv&from={}&to={}",
        stage.hub.address,
        made::accepted_at(0),
        end_of(incidents)
    );
    let bearer = format!("Bearer {}", stage.ground.key("auditor")?);
    let mut answer = client
        .map_err(failed)?
        .get(url)
        .header("authorization", bearer)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(failed)?;
    let mut lines = 0;
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
    }
    Ok(i64::try_from(lines).unwrap_or(i64::MAX))
}

/// Seconds of the bare select.
fn select(
    stage: &mut Stage,
    span: (crate::domain::id::Uid, crate::domain::id::Uid),
    expected: i64,
) -> Result<f64, CliError> {
    let started = Instant::now();
    let (mut rows, mut line) = (0, String::new());
    block_in_place(|| {
        stage.beside.stream_outcomes(span, |row| {
            rows += 1;
            line.clear();
            write(&mut line, row);
            std::hint::black_box(line.len());
        })
    })?;
    if rows != expected {
        return Err(failed(format_args!(
            "{rows} of {expected} attempts were selected"
        )));
    }
    Ok(started.elapsed().as_secs_f64())
}

fn write(line: &mut String, row: &OutcomeLine) {
    // A String never refuses a write.
    let _ = write!(
        line,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},",
        row.attempt_id,
        row.seq,
        row.delivery_id,
        row.notice_id.map(|id| id.to_string()).unwrap_or_default(),
        row.reference.as_deref().unwrap_or_default(),
        row.code.as_deref().unwrap_or_default(),
        row.channel,
        row.number,
        row.outcome,
        row.status.unwrap_or_default(),
        row.duration_ms,
        row.started_at,
        row.recorded_at,
    );
    line.push_str(&hex::encode(row.body_hash.as_deref().unwrap_or_default()));
    line.push_str("\r\n");
}
