//! The completeness bundle of one revision: entries, lists and confirmations, each proven at one published head.
//! Filled here and judged in `domain/proof/`, by the rules by which anybody outside judges it.

use super::acknowledge_by_note::KeptNote;
use super::{Error, log_keys, prove, read_register};
use crate::domain::id::Uid;
use crate::domain::proof::completeness::{
    Completeness, FORMAT, Former, Proven, ProvenAcknowledgement,
};
use crate::domain::refusal::Refusal;
use crate::merkle::Hash;
use crate::storage::incident::{self, RevisionRow};
use crate::storage::notice::FanoutRow;
use crate::storage::{Tx, bank, evidence, log, notice, roster, tree};
use std::collections::{BTreeMap, HashMap};

/// Notices whose confirmations are looked up at once.
pub const NOTICES_AT_ONCE: usize = 500;

/// A published head: what is proven at it stays proven, whatever the log holds later.
#[derive(Debug, Clone)]
pub struct Head {
    pub log: i64,
    pub size: i64,
    /// The signed note.
    pub checkpoint: String,
}

/// The newest published head of a log; `None` = it has none yet.
pub fn head_of(tx: &mut Tx<'_>, log: i64) -> Result<Option<Head>, Error> {
    Ok(log::latest_checkpoint(tx, log)?.map(|row| Head {
        log,
        size: row.size,
        checkpoint: row.note,
    }))
}

/// The newest published head of all; refuses while there is none.
pub fn newest_head(tx: &mut Tx<'_>) -> Result<Head, Error> {
    let log = log::head(tx)?.log;
    Ok(head_of(tx, log)?.ok_or(Refusal::NotSealed)?)
}

/// The whole bundle and the head at which it is proven, the newest; refuses while that does not cover the revision.
pub fn completeness(
    tx: &mut Tx<'_>,
    revision: &RevisionRow,
) -> Result<(Head, Completeness), Error> {
    let newest = newest_head(tx)?;
    let (head, mut bundle) = begin(tx, revision, &newest)?;
    for part in notices_of(&bundle).chunks(NOTICES_AT_ONCE) {
        let given = acknowledgements(tx, &head, part)?;
        bundle.acknowledgements.extend(given);
    }
    Ok((head, bundle))
}

/// Every notice that a bundle speaks of.
pub fn notices_of(bundle: &Completeness) -> Vec<Uid> {
    let former = bundle.former.iter().flat_map(|left| &left.notice_leaves);
    let leaves = bundle.notice_leaves.iter().chain(former);
    leaves.map(|leaf| leaf.notice).collect()
}

/// Whether a bundle can be filled at this head, or at the newest of the older log in which the revision stands;
/// refuses if not.
pub fn covers(tx: &mut Tx<'_>, revision: &RevisionRow, newest: &Head) -> Result<(), Error> {
    Found::read(tx, revision, newest).map(drop)
}

/// The bundle without its confirmations, and the head at which it is proven: the one given, or the newest of the
/// older log in which the revision stands.
pub fn begin(
    tx: &mut Tx<'_>,
    revision: &RevisionRow,
    newest: &Head,
) -> Result<(Head, Completeness), Error> {
    let (head, found) = Found::read(tx, revision, newest)?;
    let roster_leaves = roster::leaves(tx, found.fanout.0.roster_version)?;
    let notice_leaves = prove::leaves_of(tx, &found.fanout.0)?;
    let former_leaves = match &found.former {
        Some((left, _)) => prove::leaves_of(tx, left)?,
        None => Vec::new(),
    };
    let codes = codes(tx)?;
    let all = notice_leaves.iter().chain(&former_leaves);
    let label = |bank: &Uid| Some((*bank, codes.get(bank)?.clone()));
    let labels = all.filter_map(|leaf| label(&leaf.bank)).collect();
    let incident = incident::by_id(tx, revision.incident_id)?.ok_or(Error::NotFound)?;
    let handovers = log_keys::carried(tx, head.log, head.size)?;
    let mut reader = tree::Reader::new(tx, head.log, head.size);
    let former = match found.former {
        Some((_, place)) => Some(Former {
            fanout: place.proven(&mut reader)?,
            notice_leaves: former_leaves,
        }),
        None => None,
    };
    let next = found.next.map(|place| place.proven(&mut reader));
    let bundle = Completeness {
        acknowledgements: Vec::new(),
        checkpoint: head.checkpoint.clone(),
        fanout: found.fanout.1.proven(&mut reader)?,
        format: FORMAT.to_owned(),
        former,
        handovers,
        incident: incident.reference,
        labels,
        next_roster: next.transpose()?,
        notice_leaves,
        registered: found.registered.proven(&mut reader)?,
        revision: revision.number,
        roster: found.roster.proven(&mut reader)?,
        roster_leaves: roster_leaves.into_iter().map(prove::roster_leaf).collect(),
    };
    Ok((head, bundle))
}

/// The confirmations of these notices that the head covers, in the order of the log.
pub fn acknowledgements(
    tx: &mut Tx<'_>,
    head: &Head,
    notices: &[Uid],
) -> Result<Vec<ProvenAcknowledgement>, Error> {
    let given = evidence::acknowledgements_of(tx, notices)?;
    let given: HashMap<Uid, _> = given.into_iter().map(|row| (row.id, row)).collect();
    let ids: Vec<Uid> = given.keys().copied().collect();
    let entries = log::about(tx, "notice.acknowledged", &ids)?;
    let indexes = log::indexes_of(tx, entries.iter().map(|entry| entry.seq))?;
    let mut held = Vec::with_capacity(entries.len());
    for (entry, index) in entries.into_iter().zip(indexes) {
        let (Some(index), Some(row)) = (head.holds(index), given.get(&entry.subject_id)) else {
            continue;
        };
        let kept = read_register::kept_note(tx, row)?;
        held.push((entry.body, index, row.notice_id, kept));
    }
    let mut reader = tree::Reader::new(tx, head.log, head.size);
    let mut proven = Vec::with_capacity(held.len());
    for (entry, index, notice, kept) in held {
        proven.push(ProvenAcknowledgement {
            entry,
            index: index.unsigned_abs(),
            notice,
            opening: kept.as_ref().and_then(KeptNote::opening),
            note: kept.map(|kept| kept.note),
            path: reader.inclusion(index)?,
        });
    }
    proven.sort_unstable_by_key(|one| one.index);
    Ok(proven)
}

/// The entries of a bundle, found.
struct Found {
    roster: Place,
    registered: Place,
    fanout: (FanoutRow, Place),
    former: Option<(FanoutRow, Place)>,
    next: Option<Place>,
}

impl Found {
    fn read(tx: &mut Tx<'_>, revision: &RevisionRow, newest: &Head) -> Result<(Head, Self), Error> {
        let fanouts = notice::fanouts(tx, revision.id)?;
        let of_kind = |kind: &str| fanouts.iter().find(|fanout| fanout.kind == kind).cloned();
        let fanout = of_kind("roster").ok_or_else(damaged)?;
        let head = head_for(tx, &fanout, newest)?;
        let version = fanout.roster_version;
        let found = Self {
            roster: find(tx, &head, "roster.version", roster::subject(version))?,
            registered: find(tx, &head, "incident.registered", revision.id)?,
            former: match of_kind("former") {
                Some(left) => {
                    let place = find(tx, &head, "notice.fanout", left.id)?;
                    Some((left, place))
                }
                None => None,
            },
            next: next_roster(tx, &head, version + 1)?,
            fanout: {
                let place = find(tx, &head, "notice.fanout", fanout.id)?;
                (fanout, place)
            },
        };
        Ok((head, found))
    }
}

/// An entry, and where it stands.
struct Place {
    entry: Vec<u8>,
    index: i64,
}

impl Place {
    fn proven(self, reader: &mut tree::Reader<'_, '_>) -> Result<Proven, Error> {
        let path: Vec<Hash> = reader.inclusion(self.index)?;
        Ok(Proven {
            entry: self.entry,
            index: self.index.unsigned_abs(),
            path,
        })
    }
}

impl Head {
    /// The index of an entry, if this head covers it.
    fn holds(&self, place: Option<(i64, i64)>) -> Option<i64> {
        let (log, index) = place?;
        (log == self.log && index < self.size).then_some(index)
    }
}

fn damaged() -> Error {
    super::issue::damaged("the log")
}

fn head_for(tx: &mut Tx<'_>, fanout: &FanoutRow, newest: &Head) -> Result<Head, Error> {
    let entries = log::about(tx, "notice.fanout", &[fanout.id])?;
    let entry = entries.first().ok_or_else(damaged)?;
    let (log, _) = log::index_of(tx, entry.seq)?.ok_or(Refusal::NotSealed)?;
    if log == newest.log {
        return Ok(newest.clone());
    }
    Ok(head_of(tx, log)?.ok_or(Refusal::NotSealed)?)
}

fn find(tx: &mut Tx<'_>, head: &Head, kind: &str, subject: Uid) -> Result<Place, Error> {
    let entry = log::about(tx, kind, &[subject])?
        .pop()
        .ok_or_else(damaged)?;
    let place = log::index_of(tx, entry.seq)?;
    match (place, head.holds(place)) {
        (_, Some(index)) => Ok(Place {
            entry: entry.body,
            index,
        }),
        (Some((log, _)), None) if log != head.log => Err(Refusal::AcrossLogs.into()),
        _ => Err(Refusal::NotSealed.into()),
    }
}

/// The version that followed; `None` = none did as far as this head goes.
fn next_roster(tx: &mut Tx<'_>, head: &Head, version: i64) -> Result<Option<Place>, Error> {
    if roster::version(tx, version)?.is_none() {
        return Ok(None);
    }
    match find(tx, head, "roster.version", roster::subject(version)) {
        Ok(place) => Ok(Some(place)),
        Err(Error::Refused(Refusal::NotSealed | Refusal::AcrossLogs)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn codes(tx: &mut Tx<'_>) -> Result<BTreeMap<Uid, String>, Error> {
    let rows = bank::all(tx)?;
    Ok(rows.into_iter().map(|row| (row.id, row.code)).collect())
}
