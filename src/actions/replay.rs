//! Putting entries back that the journal holds and the database has lost: the same entries at the same places, or
//! nothing. It restores the log, not the rows that its entries speak of; the self-check names those. What these rows had
//! taken, numbers and references, is not given out again.

use super::Error;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::merkle::growing::Growing;
use crate::merkle::{Hash, leaf_hash};
use crate::storage::log::{self, BatchRow, Head, RunRow};
use crate::storage::{Tx, incident, notice, roster, tree};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was lost with the rows of entries, and is known from these alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    /// Each gave a number to every bank that it went to.
    fanouts: i64,
    /// New incidents, by each year that may be in their reference.
    incidents: BTreeMap<i64, i64>,
}

/// A wall is nowhere further from UTC.
const FURTHEST_ZONE: Duration = Duration::from_secs(15 * 3_600);

impl Lost {
    fn note(&mut self, body: &[u8]) {
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        match (told.t.as_str(), told.revision_number) {
            ("notice.fanout", _) => self.fanouts += 1,
            ("incident.registered", Some(1)) => {
                let year = |at: Instant| i64::from(super::issue::year_of(at, &TimeZone::UTC));
                let at = told.accepted_at.map(|entered| entered.at);
                let years = at.map(|at| [year(at - FURTHEST_ZONE), year(at + FURTHEST_ZONE)]);
                for year in years.into_iter().flatten().collect::<BTreeSet<i64>>() {
                    *self.incidents.entry(year).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// Passes over what was given out, so that no number and no reference names two things. Of a fan-out nobody knows to
    /// which banks it went: a gap is asked about, and a number that names two notices is not believed.
    pub fn pass_over(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let gate = roster::enter_gate(tx)?;
        notice::pass_over_numbers(tx, &gate, self.fanouts)?;
        for (year, incidents) in &self.incidents {
            incident::pass_over_references(tx, &gate, *year, *incidents)?;
        }
        Ok(())
    }
}

/// What an entry says of itself.
#[derive(Default, Deserialize)]
struct Told {
    t: String,
    revision_number: Option<i64>,
    accepted_at: Option<Entered>,
}

/// A batch as the journal holds it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub size: i64,
    pub root: Hash,
    /// With what each is about.
    pub entries: Vec<(Uid, Vec<u8>)>,
}

/// Puts one batch back behind `head`; returns head and tree after it, and notes what is lost. `None` = it does not lead to
/// its own root: nothing may be kept.
pub fn replay(
    tx: &mut Tx<'_>,
    head: &Head,
    growing: &Growing,
    batch: &Batch,
    lost: &mut Lost,
) -> Result<Option<(Head, Growing)>, Error> {
    let now = tx.now()?;
    let mut grown = growing.clone();
    let (mut full, mut runs): (Vec<_>, Vec<RunRow>) = (Vec::new(), Vec::new());
    let mut index = head.size;
    for (subject, body) in &batch.entries {
        let hash = leaf_hash(body);
        grown.push(hash, &mut full);
        // A backup may hold the entry as staged.
        let seq = match log::waiting_entry(tx, *subject, &hash)? {
            Some(seq) => seq,
            None => {
                lost.note(body);
                log::restore(tx, kind_of(body), *subject, body)?
            }
        };
        match runs.last_mut() {
            Some(run) if run.first_seq + run.n == seq => run.n += 1,
            _ => runs.push(RunRow {
                log: head.log,
                first_index: index,
                first_seq: seq,
                n: 1,
            }),
        }
        index += 1;
    }
    if grown.root() != batch.root || index != batch.size {
        return Ok(None);
    }
    log::insert_runs(tx, &runs)?;
    tree::insert_tiles(tx, head.log, &full)?;
    let row = BatchRow {
        log: head.log,
        size: batch.size,
        root: batch.root.to_vec(),
        recorded_at: now,
    };
    log::insert_batch(tx, &row)?;
    if !log::move_head(tx, head, batch.size, now)? {
        return Err(super::issue::damaged("the head of the log"));
    }
    let head = Head {
        size: batch.size,
        ..*head
    };
    Ok(Some((head, grown)))
}

/// The type that an entry names itself.
fn kind_of(body: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    value
        .and_then(|value| Some(value.get("t")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "unknown".into())
}
