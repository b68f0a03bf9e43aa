//! Rows that an entry binds many at once: a roster version with its leaves, and the notices of a fan-out, each with
//! its message, through the fan-out's own tree.

use super::check::{Bound, CHANGED, MISSING, PAGE, Tally, UNRECORDED};
use super::entries::entries_of;
use super::tables::rows;
use crate::domain::entry::notice_leaf;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::{Hash, tree::Frontier};
use crate::storage::delivery::MessageRow;
use crate::storage::error::Error;
use crate::storage::notice::{FanoutRow, NoticeRow, commitment};
use crate::storage::roster::{self, RosterVersionRow};
use crate::storage::schema::*;
use crate::storage::tx::{Tx, on_either};
use diesel::prelude::*;
use std::collections::HashMap;

fn version_of(subject: Uid) -> i64 {
    i64::try_from(i128::from_be_bytes(*subject.as_bytes())).unwrap_or(0)
}

/// From the leaves as well, so that those of no version are found.
pub(super) fn next_versions(
    tx: &mut Tx<'_>,
    after: Option<Uid>,
    _limit: i64,
) -> Result<Vec<Uid>, Error> {
    let after = after.map_or(i64::MIN, version_of);
    let (version, leaf): (Option<i64>, Option<i64>) = on_either!(tx, conn => (
        roster_version::table
            .filter(roster_version::version.gt(after))
            .select(diesel::dsl::min(roster_version::version))
            .first(conn)?,
        roster_leaf::table
            .filter(roster_leaf::version.gt(after))
            .select(diesel::dsl::min(roster_leaf::version))
            .first(conn)?,
    ));
    let next = version.into_iter().chain(leaf).min();
    Ok(next.iter().map(super::Subject::subject).collect())
}

pub(super) fn versions(tx: &mut Tx<'_>, subjects: &[Uid]) -> Result<Vec<Bound>, Error> {
    let mut bound = Vec::with_capacity(subjects.len());
    for version in subjects.iter().copied().map(version_of) {
        let leaves = roster::leaves(tx, version)?;
        let row = rows!(tx, RosterVersionRow, roster_version.version in [version]).pop();
        if row.is_none() && leaves.is_empty() {
            continue;
        }
        let row = row.unwrap_or(RosterVersionRow {
            version,
            effective_at: Instant::from_micros(0),
            bank_count: 0,
            root: Vec::new(),
            entry_hash: Vec::new(),
        });
        let facts = roster::bind(tx, &row, &leaves);
        bound.push(Bound::new(&row, facts));
    }
    Ok(bound)
}

pub(super) fn hashes_of_versions(
    tx: &mut Tx<'_>,
    subjects: &[Uid],
    tally: &mut Tally,
) -> Result<(), Error> {
    let entries = entries_of(tx, subjects)?;
    for subject in subjects {
        let rows = rows!(tx, RosterVersionRow, roster_version.version in [version_of(*subject)]);
        let is_its = |hash: &[u8]| {
            let mut own = entries.iter().filter(|entry| entry.subject_id == *subject);
            own.any(|entry| entry.leaf_hash == hash)
        };
        for row in &rows {
            tally.rows += usize::try_from(row.bank_count).unwrap_or(0);
            if !is_its(&row.entry_hash) {
                tally.add(CHANGED, "roster_version", 1);
            }
        }
    }
    Ok(())
}

/// The notices of fan-outs: their leaves make the root of the fan-out.
pub(super) fn notices(tx: &mut Tx<'_>, fanouts: &[Uid], tally: &mut Tally) -> Result<(), Error> {
    for row in rows!(tx, FanoutRow, fanout.id in fanouts) {
        let (mut tree, mut n, mut after) = (Frontier::default(), 0, None);
        loop {
            let page = notices_after(tx, &row, after)?;
            let Some(last) = page.last() else { break };
            (after, n) = (Some(last.bank_id), n + page.len());
            page.iter().for_each(|notice| tree.push(leaf(notice)));
        }
        tally.rows += n;
        let differ = row.notice_count - i64::try_from(n).unwrap_or(i64::MAX);
        match differ {
            0 if row.notices_root != tree.root() => tally.add(CHANGED, "notice", 1),
            0 => {}
            1.. => tally.add(MISSING, "notice", differ),
            _ => tally.add(UNRECORDED, "notice", -differ),
        }
    }
    Ok(())
}

fn notices_after(
    tx: &mut Tx<'_>,
    row: &FanoutRow,
    after: Option<Uid>,
) -> Result<Vec<NoticeRow>, Error> {
    Ok(on_either!(tx, conn => {
        let all = notice::table
            .filter(notice::revision_id.eq(row.revision_id).and(notice::fanout_id.eq(row.id)))
            .order(notice::bank_id)
            .limit(PAGE)
            .select(NoticeRow::as_select());
        match after {
            Some(after) => all.filter(notice::bank_id.gt(after)).load(conn)?,
            None => all.load(conn)?,
        }
    }))
}

fn leaf(row: &NoticeRow) -> Hash {
    // The schema's CHECK holds them to 32 bytes; what has lost that makes another leaf.
    let hash = |bytes: &[u8]| bytes.try_into().unwrap_or_default();
    let (commitment, facts) = (hash(&row.commitment), hash(&row.facts));
    notice_leaf(
        row.bank_id,
        row.id,
        row.number,
        &commitment,
        &facts,
        &row.channels,
    )
}

/// Messages that are bound together with their notice, and so tell whether that is as it was.
pub(super) fn messages_of_notices(
    tx: &mut Tx<'_>,
    ids: &[Uid],
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut messages = rows!(tx, MessageRow, message.id in ids);
    messages.retain(MessageRow::is_of_notice);
    let ids: Vec<Uid> = messages.iter().filter_map(|row| row.notice_id).collect();
    let notices = rows!(tx, NoticeRow, notice.id in ids);
    let mut notices: HashMap<Uid, NoticeRow> =
        notices.into_iter().map(|row| (row.id, row)).collect();
    let vault = tx.vault();
    for message in &messages {
        match message.notice_id.and_then(|id| notices.get_mut(&id)) {
            None => tally.add(UNRECORDED, "message", 1),
            Some(notice) => {
                let bound = commitment(&vault.keys().facts, notice, message);
                if notice.facts != bound {
                    tally.add(CHANGED, "notice", 1);
                }
            }
        }
    }
    Ok(())
}
