//! Scene `ack`: the machines of many banks confirm what they were told, each under its bank's key, many at once.
//! Acknowledgements per second, each answered when it is on disk, beside one commit of as many rows of like size.

use super::figures::{Named, Outcome, Series, Sound};
use super::filer::Filer;
use super::ground::Cast;
use super::shot::{processes, shoot};
use super::stage::Stage;
use super::{Common, Place, Scene};
use crate::cli::CliError;
use indicatif::ProgressBar;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// What an acknowledgement stores: its row, its level, its entry, the sealed name.
const BYTES: usize = 1_024;
/// Lines of an inbox that are read at once.
const PAGE: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Incidents of each repetition, all of whose notices are confirmed
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    incidents: u32,
    /// Banks that are told of each
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: u16,
    /// Machines that confirm at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    clients: u16,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    common: Common,
}

#[derive(Default)]
struct Figures {
    rate: Series,
    p50: Series,
    p99: Series,
    bare: Series,
    share: Series,
    cpu: Series,
}

impl Figures {
    fn named(self) -> Vec<Named> {
        vec![
            ("acks_per_second", self.rate),
            ("ack_p50_ms", self.p50),
            ("ack_p99_ms", self.p99),
            ("bare_rows_per_second", self.bare),
            ("share_of_bare", self.share),
            ("cpu_us_per_ack", self.cpu),
        ]
    }
}

#[derive(Deserialize)]
struct Inbox {
    notices: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    number: i64,
    notice: String,
    digest: String,
}

/// One notice that its bank has to confirm.
struct Open {
    bank: usize,
    notice: String,
    digest: String,
}

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("a notice could not be acknowledged: {what}"))
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.common.place
    }

    fn cast(&self) -> Cast {
        self.common.cast(self.banks)
    }

    fn sound(&self) -> Sound {
        Sound::Acknowledgement
    }

    fn steps(&self) -> u64 {
        u64::from(self.repeat)
    }

    fn parameters(&self, _: &Stage) -> Value {
        json!({
            "incidents": self.incidents,
            "banks": self.banks,
            "clients": self.clients,
            "repeat": self.repeat,
            "bare_bytes": BYTES,
        })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        stage.hub.stop().await?;
        let keys = stage.ground.bank_keys().await?;
        stage.hub.resume().await?;
        let machines = Machines::new(stage, keys)?;
        let filer = Filer::new(stage)?;
        let mut figures = Figures::default();
        let mut after = 0;
        // The first round opens the connections.
        for round in 0..=self.repeat {
            let incidents = if round == 0 { 4 } else { self.incidents };
            let filled = shoot(stage, &filer, incidents as usize, 16).await?;
            outcome.failures.extend(filled.failures);
            let open = machines.open(after).await?;
            after += i64::from(incidents);
            let rows = open.len();
            if rows != incidents as usize * stage.ground.banks {
                outcome
                    .failures
                    .push(format!("the inboxes hold {rows} new notices"));
            }
            let bare = commit(stage, rows)?;
            let before = processes(stage);
            let (took, waits) = machines.confirm(open, usize::from(self.clients)).await?;
            let used = processes(stage).since(&before);
            let bare = (bare + commit(stage, rows)?) / 2.0;
            if round == 0 {
                continue;
            }
            let rate = rows as f64 / took.as_secs_f64();
            figures.rate.add(rate);
            figures.p50.add(waits.quantile(0.5));
            figures.p99.add(waits.quantile(0.99));
            figures.bare.add(bare);
            figures.share.add(rate / bare);
            figures.cpu.add(used.ours() * 1e6 / rows as f64);
            outcome.used(&used);
            bar.inc(1);
        }
        let recorded = block_in_place(|| stage.beside.acknowledgements())?;
        let told = after * i64::from(self.banks);
        if recorded != told {
            outcome.failures.push(format!(
                "{told} notices were acknowledged, {recorded} are on record"
            ));
        }
        outcome.figures.push(("ack".into(), figures.named()));
        Ok(())
    }
}

/// Rows per second of one commit.
fn commit(stage: &mut Stage, rows: usize) -> Result<f64, CliError> {
    let started = Instant::now();
    block_in_place(|| stage.bare.commit_rows(rows, &[b'x'; BYTES]))?;
    Ok(rows as f64 / started.elapsed().as_secs_f64())
}

/// The banks' own programs.
#[derive(Clone)]
struct Machines {
    client: Client,
    base: Arc<str>,
    /// By bank.
    bearers: Arc<[String]>,
}

impl Machines {
    fn new(stage: &Stage, keys: Vec<String>) -> Result<Self, CliError> {
        let client = Client::builder().no_proxy().http1_only().tcp_nodelay(true);
        Ok(Self {
            client: client.build().map_err(failed)?,
            base: format!("http://{}/api/v1", stage.hub.address).into(),
            bearers: keys
                .into_iter()
                .map(|key| format!("Bearer {key}"))
                .collect(),
        })
    }

    /// What came to every bank after a number, bank by bank in turn.
    async fn open(&self, after: i64) -> Result<Vec<Open>, CliError> {
        let mut open = Vec::new();
        for bank in 0..self.bearers.len() {
            let mut last = after;
            loop {
                let url = format!("{}/inbox?after={last}&limit={PAGE}", self.base);
                let answer = self
                    .client
                    .get(url)
                    .header("authorization", &self.bearers[bank])
                    .send()
                    .await
                    .and_then(reqwest::Response::error_for_status)
                    .map_err(failed)?;
                let page = answer.bytes().await.map_err(failed)?;
                let page: Inbox = serde_json::from_slice(&page).map_err(failed)?;
                let Some(newest) = page.notices.last() else {
                    break;
                };
                last = newest.number;
                open.extend(page.notices.into_iter().map(|line| {
                    let place = line.number;
                    let Line { notice, digest, .. } = line;
                    let open = Open {
                        bank,
                        notice,
                        digest,
                    };
                    (place, open)
                }));
            }
        }
        // Banks confirm side by side, not one after the other.
        open.sort_by_key(|(number, open)| (*number, open.bank));
        Ok(open.into_iter().map(|(_, open)| open).collect())
    }

    /// Confirms all, `at_once` of them at a time: how long it took, and how long each waited, in milliseconds.
    async fn confirm(
        &self,
        open: Vec<Open>,
        at_once: usize,
    ) -> Result<(Duration, Series), CliError> {
        let (open, next) = (Arc::new(open), Arc::new(AtomicUsize::new(0)));
        let started = Instant::now();
        let clients: Vec<_> = (0..at_once)
            .map(|_| {
                let (machines, open, next) = (self.clone(), Arc::clone(&open), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut waits = Vec::new();
                    while let Some(one) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                        waits.push(machines.confirm_one(one).await?);
                    }
                    Ok::<_, CliError>(waits)
                })
            })
            .collect();
        let mut series = Series::default();
        for client in clients {
            for wait in client.await.map_err(failed)?? {
                series.add(wait.as_secs_f64() * 1e3);
            }
        }
        Ok((started.elapsed(), series))
    }

    async fn confirm_one(&self, open: &Open) -> Result<Duration, CliError> {
        let body = json!({ "digest": open.digest, "name": "高橋 次郎", "role": "不正対策" });
        let started = Instant::now();
        let answer = self
            .client
            .post(format!(
                "{}/notices/{}/acknowledgement",
                self.base, open.notice
            ))
            .header("authorization", &self.bearers[open.bank])
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let said = answer.text().await.map_err(failed)?;
        if status.as_u16() != 200 {
            return Err(failed(format_args!("{status}: {said}")));
        }
        Ok(started.elapsed())
    }
}
