//! Publishing a head that was signed: from then on proofs are made at it, and the notices whose fan-outs it
//! covers are due.

use super::Error;
use crate::storage::Tx;
use crate::storage::log::{self, CheckpointRow, SealRow};
use std::time::Duration;

/// A head, signed.
#[derive(Debug, Clone)]
pub struct Signed {
    pub log: i64,
    pub size: i64,
    /// The signed note.
    pub note: String,
}

/// Publishes it; false = another leads, and nothing was changed.
pub fn publish(
    tx: &mut Tx<'_>,
    term: i64,
    signed: &Signed,
    lease: Duration,
) -> Result<bool, Error> {
    let now = tx.now()?;
    if !log::keep_lead(tx, term, now + lease)? {
        return Ok(false);
    }
    let published = log::latest_checkpoint(tx, signed.log)?.map_or(0, |row| row.size);
    if published >= signed.size {
        return Ok(true);
    }
    let row = CheckpointRow {
        log: signed.log,
        size: signed.size,
        note: signed.note.clone(),
        recorded_at: now,
    };
    log::insert_checkpoint(tx, &row)?;
    let covered = log::fanouts_between(tx, signed.log, published, signed.size)?;
    let seals: Vec<SealRow> = covered
        .into_iter()
        .map(|(fanout_id, entry_index)| SealRow {
            fanout_id,
            log: signed.log,
            entry_index,
            size: signed.size,
        })
        .collect();
    log::insert_seals(tx, &seals)?;
    if !seals.is_empty() {
        tx.wake_engine();
    }
    Ok(true)
}
