//! The questions: what a bank had been told by an instant (a page of 100), an incident's board at an instant, a page
//! of the delivery log from an instant on, the same of one bank and the same of what the record has none of; each at
//! random, beside a look-up of one row by its key. An answer that does not hold all that was asked for is a failure.

use super::drawn;
use crate::cli::CliError;
use crate::cli::bench::figures::{Named, Series};
use crate::cli::bench::ground::bank_code;
use crate::cli::bench::stage::Stage;
use crate::storage::bare::made::{self, TRIES};
use indicatif::ProgressBar;
use reqwest::Client;
use serde_json::Value;
use std::time::Instant;
use tokio::task::block_in_place;

const PAGE: i64 = 100;

/// The auditor's program.
pub struct Asker {
    client: Client,
    base: String,
    bearer: String,
    /// Made incidents, the last of them not fully over.
    incidents: i64,
    banks: i64,
}

/// The slowest hundredth of each question, in milliseconds, by repetition.
#[derive(Default)]
pub struct Answers {
    as_of: Series,
    board: Series,
    log: Series,
    log_of_bank: Series,
    log_of_rare: Series,
    bare: Series,
    /// The slowest of all, which says whether one plan went astray.
    slowest: Series,
}

impl Answers {
    pub fn named(self) -> Vec<Named> {
        vec![
            ("as_of_p99_ms", self.as_of),
            ("board_at_p99_ms", self.board),
            ("delivery_log_p99_ms", self.log),
            ("log_of_bank_p99_ms", self.log_of_bank),
            ("log_of_rare_p99_ms", self.log_of_rare),
            ("bare_lookup_p99_ms", self.bare),
            ("slowest_ms", self.slowest),
        ]
    }
}

/// What each question costs of the large record, in what it costs of the small one.
pub fn growth(asked: &[(String, Answers)]) -> Vec<Named> {
    let [(_, small), (_, large)] = asked else {
        return Vec::new();
    };
    let ratio = |small: &Series, large: &Series| {
        let mut series = Series::default();
        series.add(large.quantile(0.5) / small.quantile(0.5));
        series
    };
    vec![
        ("as_of_ratio", ratio(&small.as_of, &large.as_of)),
        ("board_at_ratio", ratio(&small.board, &large.board)),
        ("delivery_log_ratio", ratio(&small.log, &large.log)),
        (
            "log_of_bank_ratio",
            ratio(&small.log_of_bank, &large.log_of_bank),
        ),
        (
            "log_of_rare_ratio",
            ratio(&small.log_of_rare, &large.log_of_rare),
        ),
        ("bare_lookup_ratio", ratio(&small.bare, &large.bare)),
    ]
}

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("an auditor got no answer: {what}"))
}

/// One question, and how many lines of what its answer must have.
struct Question {
    path: String,
    list: &'static str,
    lines: i64,
}

impl Asker {
    pub fn new(stage: &Stage, incidents: i64, banks: i64) -> Result<Self, CliError> {
        let client = Client::builder().no_proxy().http1_only().tcp_nodelay(true);
        Ok(Self {
            client: client.build().map_err(failed)?,
            base: format!("http://{}/api/v1", stage.hub.address),
            bearer: format!("Bearer {}", stage.ground.key("auditor")?),
            incidents,
            banks,
        })
    }

    pub async fn ask(
        &self,
        stage: &mut Stage,
        requests: u16,
        repeat: u16,
        bar: &ProgressBar,
        failures: &mut Vec<String>,
    ) -> Result<Answers, CliError> {
        let mut answers = Answers::default();
        for _ in 0..repeat {
            let mut series: [Series; 6] = Default::default();
            for _ in 0..requests {
                let questions = [
                    self.as_of()?,
                    self.board()?,
                    self.log()?,
                    self.log_of_bank()?,
                    self.log_of_rare()?,
                ];
                for (question, series) in questions.into_iter().zip(&mut series) {
                    series.add(self.put(&question, failures).await?);
                }
                series[5].add(self.look_up(stage)?);
            }
            let mut slowest = 0.0_f64;
            for asked in &series[..5] {
                slowest = slowest.max(asked.quantile(1.0));
            }
            answers.slowest.add(slowest);
            let [as_of, board, log, log_of_bank, log_of_rare, bare] =
                series.map(|one| one.quantile(0.99));
            answers.as_of.add(as_of);
            answers.board.add(board);
            answers.log.add(log);
            answers.log_of_bank.add(log_of_bank);
            answers.log_of_rare.add(log_of_rare);
            answers.bare.add(bare);
            bar.inc(1);
        }
        Ok(answers)
    }

    /// At an instant drawn from the whole record.
    fn as_of(&self) -> Result<Question, CliError> {
        let (bank, last) = (drawn(self.banks)? + 1, drawn(self.incidents)?);
        Ok(Question {
            path: format!(
                "as-of?bank={}&at={}&limit={PAGE}",
                code(bank),
                made::accepted_at(last)
            ),
            list: "told",
            lines: PAGE.min(last + 1),
        })
    }

    /// When it had just been confirmed by some.
    fn board(&self) -> Result<Question, CliError> {
        let incident = drawn(self.incidents - 3)?;
        Ok(Question {
            path: format!(
                "incidents/{}/notices?at={}",
                made::reference(incident),
                made::accepted_at(incident + 2)
            ),
            list: "cells",
            lines: self.banks,
        })
    }

    fn log(&self) -> Result<Question, CliError> {
        let first = drawn(self.incidents)?;
        Ok(Question {
            path: format!("deliveries?from={}&limit={PAGE}", made::accepted_at(first)),
            list: "deliveries",
            lines: PAGE.min((self.incidents - first) * self.banks * TRIES),
        })
    }

    fn log_of_bank(&self) -> Result<Question, CliError> {
        let (bank, first) = (drawn(self.banks)? + 1, drawn(self.incidents)?);
        Ok(Question {
            path: format!(
                "deliveries?bank={}&from={}&limit={PAGE}",
                code(bank),
                made::accepted_at(first)
            ),
            list: "deliveries",
            lines: PAGE.min((self.incidents - first) * TRIES),
        })
    }

    /// A failure or a channel that no attempt of the record had, of all banks or of one.
    fn log_of_rare(&self) -> Result<Question, CliError> {
        let (bank, first) = (drawn(self.banks)? + 1, drawn(self.incidents)?);
        let of = match drawn(4)? {
            0 => "outcome=tls".to_owned(),
            1 => format!("outcome=tls&bank={}", code(bank)),
            2 => "channel=email".to_owned(),
            _ => format!("channel=email&bank={}", code(bank)),
        };
        Ok(Question {
            path: format!(
                "deliveries?{of}&from={}&limit={PAGE}",
                made::accepted_at(first)
            ),
            list: "deliveries",
            lines: 0,
        })
    }

    /// Milliseconds until the last byte.
    async fn put(&self, question: &Question, failures: &mut Vec<String>) -> Result<f64, CliError> {
        let Question { path, list, lines } = question;
        let request = self.client.get(format!("{}/{path}", self.base));
        let started = Instant::now();
        let answer = request
            .header("authorization", &self.bearer)
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?;
        let took = started.elapsed().as_secs_f64() * 1e3;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body);
            return Err(failed(format_args!("{path}: {status}: {said}")));
        }
        let found: Value = serde_json::from_slice(&body).map_err(failed)?;
        let found = found[list].as_array().map_or(0, Vec::len);
        // The one real incident is of now, and behind all that was made.
        if i64::try_from(found).unwrap_or(0) < *lines {
            failures.push(format!("{path} answered {found} of {lines} lines"));
        }
        Ok(took)
    }

    fn look_up(&self, stage: &mut Stage) -> Result<f64, CliError> {
        let attempt = made::attempt(drawn(self.incidents * self.banks * TRIES)?, self.banks);
        let started = Instant::now();
        let nth = block_in_place(|| stage.beside.try_of(attempt))?;
        std::hint::black_box(nth);
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }
}

fn code(bank: i64) -> String {
    bank_code(usize::try_from(bank).unwrap_or(0))
}
