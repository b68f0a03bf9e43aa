//! The keys of a log, as the log itself names them, and the handovers by which whoever pinned one of them goes on
//! to the others. The rule is in `domain/proof/log_keys.rs`.

use super::{Error, read_log};
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::proof::entries::{self, KeyChanged};
use crate::domain::proof::log_keys::{CARRIED, Handover, LogKeys};
use crate::merkle::note::VerifierKey;
use crate::merkle::tlog_proof::TlogProof;
use crate::storage::{Tx, log, tree};

/// What `log.key` entries of a log are about: the log. No other kind of entry has such a subject.
pub fn subject(log: i64) -> Uid {
    let mut bytes = *b"log.key\0\0\0\0\0\0\0\0\0";
    bytes[8..].copy_from_slice(&log.to_be_bytes());
    Uid::from_bytes(bytes)
}

/// A change of a log's key, in its place.
#[derive(Debug, Clone)]
pub struct Change {
    pub index: i64,
    pub body: Vec<u8>,
    pub entry: KeyChanged,
}

/// The changes in a log's order.
pub fn changes(tx: &mut Tx<'_>, log: i64) -> Result<Vec<Change>, Error> {
    let rows = log::about(tx, "log.key", &[subject(log)])?;
    let places = log::indexes_of(tx, rows.iter().map(|row| row.seq))?;
    let mut changes = Vec::with_capacity(rows.len());
    for (row, place) in rows.into_iter().zip(places) {
        let Some((_, index)) = place.filter(|(of, _)| *of == log) else {
            continue;
        };
        let Ok(entries::Entry::KeyChanged(entry)) = entries::Entry::parse(&row.body) else {
            return Err(super::issue::damaged("a log.key entry"));
        };
        changes.push(Change {
            index,
            body: row.body,
            entry: *entry,
        });
    }
    changes.sort_unstable_by_key(|change| change.index);
    Ok(changes)
}

/// The entry that changes the key.
pub fn announce<'a>(
    tx: &mut Tx<'_>,
    origin: &'a str,
    previous: &'a str,
    vkey: &'a str,
) -> Result<Entry<'a>, Error> {
    Ok(Entry::KeyChanged(entry::KeyChanged {
        at: tx.now()?,
        origin,
        previous,
        t: "log.key",
        v: 1,
        vkey,
    }))
}

/// The handovers that a published head of this size covers, the oldest first. Each is made at the first head that
/// covers it, which both keys have signed; so it is the same whenever it is made.
pub fn handovers(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Vec<String>, Error> {
    let mut made = Vec::new();
    for change in changes(tx, log)? {
        if change.index >= size {
            break;
        }
        let head = log::first_checkpoint_over(tx, log, change.index)?
            .ok_or_else(|| super::issue::damaged("a log.key entry's checkpoint"))?;
        let path = tree::Reader::new(tx, log, head.size).inclusion(change.index)?;
        let proof = TlogProof {
            extra: None,
            index: change.index.unsigned_abs(),
            path,
            checkpoint: head.note,
        };
        made.push(Handover::write(&change.body, proof));
    }
    Ok(made)
}

/// Those that travel with a proof: the newest.
pub fn carried(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Vec<String>, Error> {
    let mut all = handovers(tx, log, size)?;
    Ok(all.split_off(all.len().saturating_sub(CARRIED)))
}

/// By what the heads of a log are verified, as the log itself says: every key at its sizes.
pub fn keys_of(tx: &mut Tx<'_>, log: i64) -> Result<LogKeys, Error> {
    let first = first(tx, log)?;
    let size = log::latest_checkpoint(tx, log)?.map_or(0, |row| row.size);
    let handovers = handovers(tx, log, size)?;
    LogKeys::from(first)
        .with(&handovers)
        .map_err(|finding| crate::storage::Error::Corrupt(finding.detail).into())
}

/// The key that a log began with.
pub fn first(tx: &mut Tx<'_>, log: i64) -> Result<VerifierKey, Error> {
    key(&read_log::opening_of(tx, log)?.vkey)
}

/// The key that signs a log's newest published head.
pub fn current(tx: &mut Tx<'_>, log: i64) -> Result<VerifierKey, Error> {
    let size = log::latest_checkpoint(tx, log)?.map_or(0, |row| row.size);
    let covered = |change: &Change| change.index < size;
    match changes(tx, log)?.into_iter().rfind(covered) {
        Some(change) => key(&change.entry.vkey),
        None => first(tx, log),
    }
}

fn key(vkey: &str) -> Result<VerifierKey, Error> {
    vkey.parse()
        .map_err(|_| super::issue::damaged("a key of the log"))
}
