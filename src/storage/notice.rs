//! Fan-outs and notices, and the numbers that have no gap.

use super::delivery::MessageRow;
use super::error::Error;
use super::facts::{self, fact};
use super::prepared::prepared;
use super::roster::Gate;
use super::schema::types::{BigInt, UidSql};
use super::schema::{bank_counter, fanout, notice, revision};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::Hash;
use diesel::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = notice)]
pub struct NoticeRow {
    pub id: Uid,
    pub revision_id: Uid,
    pub fanout_id: Uid,
    pub incident_id: Uid,
    pub bank_id: Uid,
    pub number: i64,
    pub reason: String,
    pub exposed: bool,
    pub concerns_you: bool,
    pub acknowledge_by: Instant,
    pub object: Vec<u8>,
    pub digest: Vec<u8>,
    /// Salted, to the notice object.
    pub commitment: Vec<u8>,
    /// Salted, to this row and that of its message.
    pub facts: Vec<u8>,
    /// Over which it went at once, with a space between.
    pub channels: String,
    pub issued_at: Instant,
}

fact!("INSERT INTO" notice NoticeRow, id:
    id, revision_id, fanout_id, incident_id, bank_id, number, reason, exposed, concerns_you,
    acknowledge_by, object, digest, commitment, facts, channels, issued_at
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = fanout)]
pub struct FanoutRow {
    pub id: Uid,
    pub revision_id: Uid,
    pub kind: String,
    pub n: i64,
    pub roster_version: i64,
    pub notice_count: i64,
    pub notices_root: Vec<u8>,
    pub salt_id: Uid,
    pub issued_at: Instant,
}

fact!("INSERT INTO" fanout FanoutRow, id:
    id, revision_id, kind, n, roster_version, notice_count, notices_root, salt_id, issued_at
);

/// What the leaf of a notice binds: its row, without what it binds, and that of its message.
pub fn commitment(key: &[u8; 32], notice: &mut NoticeRow, message: &MessageRow) -> Hash {
    let facts = std::mem::take(&mut notice.facts);
    let bound = facts::commitment(key, &[notice, message]);
    notice.facts = facts;
    bound
}

prepared!(TakeRosterNumbers returns (UidSql, BigInt):
    "UPDATE bank_counter SET last_number = last_number + 1
     WHERE bank_id IN (SELECT bank_id FROM roster_leaf WHERE version = " version: BigInt = i64,
    ") RETURNING bank_id, last_number",
);

/// Takes the next number of every bank on a roster.
pub fn take_roster_numbers(
    tx: &mut Tx<'_>,
    _gate: &Gate,
    version: i64,
) -> Result<HashMap<Uid, i64>, Error> {
    let rows: Vec<(Uid, i64)> = on_either!(tx, conn => TakeRosterNumbers { version }.load(conn)?);
    Ok(rows.into_iter().collect())
}

/// Takes the next number of each of these banks.
pub fn take_numbers(
    tx: &mut Tx<'_>,
    _gate: &Gate,
    banks: &[Uid],
) -> Result<HashMap<Uid, i64>, Error> {
    let mut numbers = HashMap::with_capacity(banks.len());
    for part in banks.chunks(ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::update(bank_counter::table.filter(bank_counter::bank_id.eq_any(part)))
            .set(bank_counter::last_number.eq(bank_counter::last_number + 1))
            .execute(conn)?);
        let rows: Vec<(Uid, i64)> = on_either!(tx, conn => bank_counter::table
            .filter(bank_counter::bank_id.eq_any(part))
            .select((bank_counter::bank_id, bank_counter::last_number))
            .load(conn)?);
        numbers.extend(rows);
    }
    Ok(numbers)
}

/// Leaves out the next numbers of every bank: they were given to notices that this database has lost.
pub fn pass_over_numbers(tx: &mut Tx<'_>, _gate: &Gate, numbers: i64) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(bank_counter::table)
        .set(bank_counter::last_number.eq(bank_counter::last_number + numbers))
        .execute(conn)?);
    Ok(())
}

/// Their fan-out's entry binds them, through its tree.
pub fn insert(tx: &mut Tx<'_>, _gate: &Gate, rows: &[NoticeRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// Closes a fan-out: the database counts its notices and refuses a wrong number. The entry is the caller's to
/// stage.
pub fn close_fanout(tx: &mut Tx<'_>, _gate: &Gate, row: &FanoutRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<NoticeRow>, Error> {
    Ok(
        on_either!(tx, conn => notice::table.find(id).select(NoticeRow::as_select()).first(conn).optional()?),
    )
}

/// The revisions of an incident: few, and each finds its notices by the unique index (revision, bank).
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::storage) fn revisions_of(incident_id: Uid) -> _ {
    let of_incident: diesel::dsl::Eq<revision::incident_id, Uid> =
        revision::incident_id.eq(incident_id);
    revision::table.filter(of_incident).select(revision::id)
}

/// Banks that got any revision of an incident.
pub fn banks_told(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Vec<Uid>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq_any(revisions_of(incident_id)))
        .select(notice::bank_id)
        .distinct()
        .order(notice::bank_id)
        .load(conn)?))
}

/// Banks that have a notice of this revision.
pub fn banks_with(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Vec<Uid>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq(revision_id))
        .select(notice::bank_id)
        .load(conn)?))
}

/// All notices of an incident, whole.
pub fn all_of_incident(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Vec<NoticeRow>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq_any(revisions_of(incident_id)))
        .select(NoticeRow::as_select())
        .load(conn)?))
}

/// All notices of an incident.
pub fn ids_of_incident(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Vec<Uid>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq_any(revisions_of(incident_id)))
        .select(notice::id)
        .order(notice::id)
        .load(conn)?))
}

/// A bank's notices of an incident, by number.
pub fn of_incident(
    tx: &mut Tx<'_>,
    incident_id: Uid,
    bank_id: Uid,
) -> Result<Vec<NoticeRow>, Error> {
    // Sorted here: an order by number would make SQLite walk the bank's whole inbox instead.
    let mut rows: Vec<NoticeRow> = on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq_any(revisions_of(incident_id)))
        .filter(notice::bank_id.eq(bank_id))
        .select(NoticeRow::as_select())
        .load(conn)?);
    rows.sort_unstable_by_key(|row| row.number);
    Ok(rows)
}

/// The bank's newest notice of the same incident with the phase that it told of; `None` = this is the newest.
pub fn followed_by(tx: &mut Tx<'_>, row: &NoticeRow) -> Result<Option<(NoticeRow, String)>, Error> {
    let newest = of_incident(tx, row.incident_id, row.bank_id)?.pop();
    let Some(newest) = newest.filter(|newest| newest.number > row.number) else {
        return Ok(None);
    };
    let phase: String = on_either!(tx, conn => revision::table
        .find(newest.revision_id)
        .select(revision::phase)
        .first(conn)?);
    Ok(Some((newest, phase)))
}

/// A bank's notices after `after`, by number.
pub fn inbox(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    after: i64,
    limit: i64,
) -> Result<Vec<NoticeRow>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::bank_id.eq(bank_id).and(notice::number.gt(after)))
        .order(notice::number)
        .limit(limit)
        .select(NoticeRow::as_select())
        .load(conn)?))
}

/// The highest number given to a bank; 0 = none yet.
pub fn last_number(tx: &mut Tx<'_>, bank_id: Uid) -> Result<i64, Error> {
    let found: Option<i64> = on_either!(tx, conn => bank_counter::table
        .find(bank_id)
        .select(bank_counter::last_number)
        .first(conn)
        .optional()?);
    Ok(found.unwrap_or(0))
}

/// What a notice's leaf in its fan-out's tree is made of.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = notice)]
pub struct LeafRow {
    pub id: Uid,
    pub bank_id: Uid,
    pub number: i64,
    pub commitment: Vec<u8>,
    pub facts: Vec<u8>,
    pub channels: String,
}

/// The notices of a fan-out, in the order of its tree.
pub fn leaves(tx: &mut Tx<'_>, revision_id: Uid, fanout_id: Uid) -> Result<Vec<LeafRow>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq(revision_id).and(notice::fanout_id.eq(fanout_id)))
        .order(notice::bank_id)
        .select(LeafRow::as_select())
        .load(conn)?))
}

/// The notices of a fan-out to banks after `after`, in the order of its tree.
pub fn of_fanout(
    tx: &mut Tx<'_>,
    revision_id: Uid,
    fanout_id: Uid,
    after: Option<Uid>,
    limit: i64,
) -> Result<Vec<NoticeRow>, Error> {
    let after = after.unwrap_or(Uid::from_bytes([0; 16]));
    Ok(on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq(revision_id).and(notice::bank_id.gt(after)))
        .filter(notice::fanout_id.eq(fanout_id))
        .order(notice::bank_id)
        .limit(limit)
        .select(NoticeRow::as_select())
        .load(conn)?))
}

pub fn fanout(tx: &mut Tx<'_>, id: Uid) -> Result<Option<FanoutRow>, Error> {
    Ok(
        on_either!(tx, conn => fanout::table.find(id).select(FanoutRow::as_select()).first(conn).optional()?),
    )
}

/// The fan-outs of a revision.
pub fn fanouts(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Vec<FanoutRow>, Error> {
    Ok(on_either!(tx, conn => fanout::table
        .filter(fanout::revision_id.eq(revision_id))
        .order((fanout::kind, fanout::n))
        .select(FanoutRow::as_select())
        .load(conn)?))
}

/// How many of a bank's notices were of exercises and tests.
pub fn drilled(tx: &mut Tx<'_>, bank_id: Uid) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => notice::table
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        .filter(notice::bank_id.eq(bank_id).and(revision::kind.ne("actual")))
        .count()
        .get_result(conn)?))
}
