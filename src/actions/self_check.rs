//! The standing self-check: whose turn it is to try the rules, what came of it, and since when the record
//! stands as it does. The rules themselves are `storage::audit`'s; who waits for the turn is not known here.

use super::Error;
use crate::domain::instant::Instant;
use crate::storage::audit::{self, Finding, TurnRow, VerdictRow};
use crate::storage::{self, Tx};
use std::time::Duration;

/// The rules are tried so often.
pub const EVERY: Duration = Duration::from_secs(60);
/// The hub rests at least so many times as long as a try took, so that a large database is not read all the time.
const REST: u32 = 20;
/// A try that is late by so much is missed.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// What the last try says of the record.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Codes of the broken rules; none = sound.
    pub broken: Vec<String>,
    pub since: Instant,
    pub tried_at: Instant,
    /// The next try should long have been: what the last one said may be so no more.
    pub is_overdue: bool,
}

fn pause(took: Duration) -> Duration {
    took.saturating_mul(REST).max(EVERY)
}

/// True = nobody has tried the rules for long enough.
pub fn is_due(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(audit::turn(tx)?.next_at <= tx.now()?)
}

/// True = it is this caller's turn to try the rules. Another's comes if this one never ends.
pub fn take_turn(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let now = tx.now()?;
    let took = took(&audit::turn(tx)?);
    Ok(audit::take_turn(tx, now, now + pause(took))?)
}

fn took(last: &TurnRow) -> Duration {
    Duration::from_millis(u64::try_from(last.took_ms).unwrap_or(0))
}

/// Notes what a try found and how long it took; a fact only where it differs from before. True = it does. A rule
/// that could not be tried stands as it stood, and without all of them nothing becomes sound.
pub fn record_verdict(
    tx: &mut Tx<'_>,
    findings: &[Finding],
    untried: &[&'static str],
    took: Duration,
) -> Result<bool, Error> {
    let now = tx.now()?;
    let before = audit::verdicts(tx, 1)?.pop();
    let stood = before.as_ref().map(|row| codes(&row.broken));
    let stood = stood.unwrap_or_default();
    let is_broken = |code: &&str| {
        let is_found = findings.iter().any(|finding| finding.code == *code);
        is_found || untried.contains(code) && stood.iter().any(|known| known == code)
    };
    let broken: Vec<&str> = audit::codes().filter(is_broken).collect();
    let broken = broken.join(" ");
    if broken.is_empty() && !untried.is_empty() {
        let tried_at = audit::turn(tx)?.tried_at;
        end_turn(tx, took, tried_at)?;
        return Ok(false);
    }
    let differs = before.is_none_or(|row| row.broken != broken);
    if differs {
        let row = VerdictRow {
            id: tx.new_id()?,
            broken,
            recorded_at: now,
        };
        audit::insert_verdict(tx, &row)?;
    }
    end_turn(tx, took, Some(now))?;
    Ok(differs)
}

fn end_turn(tx: &mut Tx<'_>, took: Duration, tried_at: Option<Instant>) -> Result<(), Error> {
    let now = tx.now()?;
    let turn = TurnRow {
        next_at: now + EVERY.saturating_sub(took).max(took.saturating_mul(REST)),
        took_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        tried_at,
    };
    Ok(audit::end_turn(tx, &turn)?)
}

/// How the record stands by the last try; `None` before the first.
pub fn standing(tx: &mut Tx<'_>) -> Result<Option<Standing>, storage::Error> {
    let now = tx.now()?;
    let turn = audit::turn(tx)?;
    let newest = audit::verdicts(tx, 1)?.pop();
    Ok(newest.zip(turn.tried_at).map(|(row, tried_at)| Standing {
        broken: codes(&row.broken),
        since: row.recorded_at,
        tried_at,
        is_overdue: now.since(tried_at) >= pause(took(&turn)) + took(&turn) + GRACE,
    }))
}

/// The codes of a verdict.
pub fn codes(broken: &str) -> Vec<String> {
    broken.split_whitespace().map(str::to_owned).collect()
}
