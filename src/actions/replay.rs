//! Putting entries back that the journal holds and the database has lost: the same entries at the same places, or
//! nothing. It restores the log, not the rows that its entries speak of; the self-check names those.

use super::Error;
use crate::domain::id::Uid;
use crate::merkle::growing::Growing;
use crate::merkle::{Hash, leaf_hash};
use crate::storage::log::{self, BatchRow, Head, RunRow};
use crate::storage::{Tx, tree};

/// A batch as the journal holds it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub size: i64,
    pub root: Hash,
    /// With what each is about.
    pub entries: Vec<(Uid, Vec<u8>)>,
}

/// Puts one batch back behind `head`; returns head and tree after it. `None` = it does not lead to its own root:
/// nothing may be kept.
pub fn replay(
    tx: &mut Tx<'_>,
    head: &Head,
    growing: &Growing,
    batch: &Batch,
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
            None => log::restore(tx, kind_of(body), *subject, body)?,
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
