//! A full check of the log as the database holds it: every entry hashed anew, every head on record, every
//! checkpoint opened under the hub's key, every seal. The tree's hashing is merkle's, which has oracles of its own.

use kairan::actions::{Error, log_keys};
use kairan::domain::proof::log_keys::LogKeys;
use kairan::merkle::note::VerifierKey;
use kairan::merkle::{self, leaf_hash};
use kairan::storage::{Tx, log};

/// What is wrong with the log; empty = it is sound. `key` gives the verifier of each log.
pub fn log_faults(tx: &mut Tx<'_>, key: &dyn Fn(i64) -> VerifierKey) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    let head = log::head(tx)?;
    let rows = log::logged(tx, head.log, 0, head.size)?;
    let leaves: Vec<_> = rows.iter().map(|row| leaf_hash(&row.body)).collect();
    for (row, leaf) in rows.iter().zip(&leaves) {
        if row.leaf_hash != leaf {
            faults.push(format!("entry {} is not what its hash says", row.seq));
        }
    }
    let first = rows.first().map(|row| row.kind.as_str());
    if !matches!(first, None | Some("log.genesis" | "log.successor")) {
        faults.push(format!("the log begins with {first:?}"));
    }
    let batches = log::batches_after(tx, head.log, 0, i64::MAX)?;
    if batches.last().map_or(0, |row| row.size) != head.size {
        faults.push("the newest head on record is another".into());
    }
    let published = log::latest_checkpoint(tx, head.log)?.map_or(0, |row| row.size);
    let handovers = log_keys::handovers(tx, head.log, published)?;
    let keys = LogKeys::from(key(head.log)).with(&handovers);
    let keys = keys.unwrap_or_else(|finding| {
        faults.push(finding.to_string());
        LogKeys::default()
    });
    for batch in &batches {
        let size = usize::try_from(batch.size).expect("a size");
        let Some(below) = leaves.get(..size) else {
            faults.push(format!("a head of {size} entries, of {}", leaves.len()));
            continue;
        };
        if batch.root != merkle::root(below.iter().copied()) {
            faults.push(format!("the head of {size} entries has another root"));
        }
        let Some(row) = log::checkpoint(tx, head.log, batch.size)? else {
            continue;
        };
        match keys.open(&row.note) {
            Ok(signed) if signed.root[..] == batch.root[..] => {}
            other => faults.push(format!("the checkpoint of {size} entries: {other:?}")),
        }
    }
    for (fanout, index) in log::fanouts_between(tx, head.log, 0, published)? {
        let seal = log::seal(tx, fanout)?;
        if seal.is_none_or(|seal| seal.entry_index != index || seal.size > published) {
            faults.push(format!("the fan-out at {index} has seal {seal:?}"));
        }
    }
    Ok(faults)
}
