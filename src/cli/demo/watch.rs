//! What the auditor sees of the demo: the stamp board and the delivery log, read through the public API
//! with the auditor's key. Knows nothing of how it is shown.

use super::api::Api;
use super::cast::{Bank, Expected};
use crate::cli::CliError;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// The board of one incident.
#[derive(Debug, Deserialize)]
struct Board {
    notices: usize,
    delivered: usize,
    acknowledged: usize,
    cells: Vec<Cell>,
}

/// One bank's notice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cell {
    pub bank: String,
    pub level: String,
    pub exposed: bool,
    pub concerns_you: bool,
    pub acknowledged_at: Option<String>,
    pub class: Option<String>,
}

/// One line of the delivery log.
#[derive(Debug, Deserialize)]
struct Line {
    attempt: String,
    notice: Option<String>,
    bank: Option<String>,
    channel: String,
    outcome: String,
}

/// How one channel to one bank has gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    pub attempts: usize,
    pub accepted: usize,
}

/// One look.
#[derive(Debug, Default)]
pub struct Picture {
    pub notices: usize,
    pub delivered: usize,
    pub acknowledged: usize,
    cells: BTreeMap<String, Cell>,
    tries: BTreeMap<(String, String), Tries>,
}

/// Looks at one incident.
pub struct Watch {
    api: Api,
    auditor: String,
    reference: String,
}

impl Watch {
    pub fn new(api: Api, auditor: String, reference: String) -> Self {
        Self {
            api,
            auditor,
            reference,
        }
    }

    pub async fn look(&self) -> Result<Picture, CliError> {
        let unreadable = |fault: serde_json::Error| {
            CliError::Failed(format!("the hub's answer cannot be read: {fault}"))
        };
        let path = format!("/api/v1/incidents/{}/notices", self.reference);
        let board: Board = serde_json::from_slice(&self.api.get(&self.auditor, &path).await?)
            .map_err(unreadable)?;
        let log = self
            .api
            .get(&self.auditor, "/api/v1/deliveries?format=jsonl")
            .await?;
        let lines: Result<Vec<Line>, _> = serde_json::Deserializer::from_slice(&log)
            .into_iter()
            .collect();
        Ok(Picture::of(board, lines.map_err(unreadable)?))
    }
}

impl Picture {
    fn of(board: Board, lines: Vec<Line>) -> Self {
        let mut tries: BTreeMap<(String, String), Tries> = BTreeMap::new();
        let mut seen = HashSet::new();
        for line in lines {
            let Some(bank) = line.bank else { continue };
            // The challenges to endpoints tell nobody of anything.
            if line.channel == "webhook" && line.notice.is_none() {
                continue;
            }
            let entry = tries.entry((bank, line.channel)).or_default();
            entry.accepted += usize::from(line.outcome == "accepted");
            // A result that came after `unknown` is a second line of the same attempt.
            entry.attempts += usize::from(seen.insert(line.attempt));
        }
        let cells = board
            .cells
            .into_iter()
            .map(|cell| (cell.bank.clone(), cell));
        Self {
            notices: board.notices,
            delivered: board.delivered,
            acknowledged: board.acknowledged,
            cells: cells.collect(),
            tries,
        }
    }

    pub fn cell(&self, bank: &str) -> Option<&Cell> {
        self.cells.get(bank)
    }

    /// `channel` is `webhook` or `email`.
    pub fn tries(&self, bank: &str, channel: &str) -> Tries {
        self.tries
            .get(&(bank.to_owned(), channel.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    fn all(&self, channel: &str) -> impl Iterator<Item = &Tries> {
        self.tries
            .iter()
            .filter(move |((_, of), _)| of == channel)
            .map(|(_, tries)| tries)
    }

    pub fn webhook_attempts(&self) -> usize {
        self.all("webhook").map(|tries| tries.attempts).sum()
    }

    /// Mails that the relay took.
    pub fn emails_sent(&self) -> usize {
        self.all("email").map(|tries| tries.accepted).sum()
    }

    /// Banks without a row on the board.
    pub fn missing(&self, banks: &[Bank]) -> usize {
        banks
            .iter()
            .filter(|bank| self.cell(bank.code).is_none())
            .count()
    }

    /// Banks whose endpoint has not taken one webhook.
    pub fn unreachable(&self, banks: &[Bank]) -> usize {
        banks
            .iter()
            .filter(|bank| self.tries(bank.code, "webhook").accepted == 0)
            .count()
    }

    pub fn responded(&self) -> usize {
        self.cells
            .values()
            .filter(|cell| cell.level == "responded")
            .count()
    }

    /// Acknowledgements of one class.
    pub fn of_class(&self, class: &str) -> usize {
        self.cells
            .values()
            .filter(|cell| cell.class.as_deref() == Some(class))
            .count()
    }

    /// Whether everything that the scenario promises has come true, and no more.
    pub fn shows(&self, expected: &Expected, banks: &[Bank]) -> bool {
        let seen = Expected {
            banks: self.notices,
            delivered: self.delivered,
            acknowledged: self.acknowledged,
            by_link: self.of_class("link"),
            signed: self.of_class("signed"),
            responded: self.responded(),
            unreachable: self.unreachable(banks),
        };
        self.missing(banks) == 0 && seen == *expected
    }
}
