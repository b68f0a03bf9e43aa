//! Chases: every notice that nobody has acknowledged with its next step, and the steps that were taken. When a step
//! is due and whom it reaches is decided above.

use super::delivery::UNLEASED;
use super::error::Error;
use super::facts::{self, fact};
use super::insert_all;
use super::prepared::{fixed_insert, prepared};
use super::schema::types::{Array, BigInt, Bool, InstantSql, UidSql};
use super::schema::{chase, chase_step, delivery, message, notice, revision};
use super::tx::{Conn, Tx, on_either};
use super::{ROWS_AT_ONCE, log};
use crate::domain::entry::{Chased, Entry};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = chase)]
pub struct ChaseRow {
    pub notice_id: Uid,
    pub next_step: i64,
    /// When it is looked at next; the plan decides whether the step is due.
    pub next_at: Instant,
}

fixed_insert!("INSERT INTO" chase ChaseRow: notice_id, next_step, next_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = chase_step)]
pub struct StepRow {
    pub notice_id: Uid,
    pub n: i64,
    pub kind: String,
    pub contacts: i64,
    pub due_at: Instant,
    pub message_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" chase_step StepRow, notice_id, n:
    notice_id, n, kind, contacts, due_at, message_id, recorded_at
);

/// A chase with what its plan is made of.
#[derive(Debug, Clone, Queryable)]
pub struct OpenChase {
    pub notice: Uid,
    pub next_step: i64,
    pub next_at: Instant,
    pub incident: Uid,
    pub fanout: Uid,
    pub bank: Uid,
    pub issued_at: Instant,
    pub acknowledge_by: Instant,
    pub exposed: bool,
    pub concerns_you: bool,
    /// Why the bank is told.
    pub reason: String,
    /// Of the revision.
    pub urgency: String,
    pub status: String,
}

pub fn begin(tx: &mut Tx<'_>, rows: &[ChaseRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

prepared!(EndOne: "DELETE FROM chase WHERE notice_id = " notice: UidSql = Uid);

prepared!(EndMany: "DELETE FROM chase WHERE notice_id = ANY(" notices: Array<UidSql> = Vec<Uid>, ")");

/// Ends the chases of these notices. Whoever takes a step of one of them has committed it before, or takes none.
pub fn end(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<(), Error> {
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            for notice in notices.iter().copied() {
                EndOne { notice }.execute(*conn)?;
            }
        }
        Conn::Postgres(conn) => {
            let notices = notices.to_vec();
            EndMany { notices }.execute(*conn)?;
        }
    }
    Ok(())
}

/// Is there a chase to be looked at?
pub fn any_due(tx: &mut Tx<'_>, now: Instant) -> Result<bool, Error> {
    // The first in order, not whether there is one: that PostgreSQL would look for row by row.
    let first: Option<Uid> = on_either!(tx, conn => chase::table
        .filter(chase::next_at.le(now))
        .order((chase::next_at, chase::notice_id))
        .select(chase::notice_id)
        .first(conn)
        .optional()?);
    Ok(first.is_some())
}

/// Chases to be looked at, those that waited longest first.
pub fn due(tx: &mut Tx<'_>, now: Instant, limit: i64) -> Result<Vec<OpenChase>, Error> {
    Ok(on_either!(tx, conn => chase::table
        .inner_join(notice::table.on(notice::id.eq(chase::notice_id)))
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        .filter(chase::next_at.le(now))
        .order((chase::next_at, chase::notice_id))
        .limit(limit)
        .select((
            chase::notice_id,
            chase::next_step,
            chase::next_at,
            notice::incident_id,
            notice::fanout_id,
            notice::bank_id,
            notice::issued_at,
            notice::acknowledge_by,
            notice::exposed,
            notice::concerns_you,
            notice::reason,
            revision::urgency,
            revision::status,
        ))
        .load(conn)?))
}

prepared!(Advance:
    "UPDATE chase SET next_step = " next: BigInt = i64,
    ", next_at = " next_at: InstantSql = Instant,
    " WHERE notice_id = " notice: UidSql = Uid,
    " AND next_step = " from: BigInt = i64,
);

/// Moves a chase on; false = it has ended, or its step was taken by another.
pub fn advance(
    tx: &mut Tx<'_>,
    notice: Uid,
    from: i64,
    next: i64,
    next_at: Instant,
) -> Result<bool, Error> {
    let statement = Advance {
        next,
        next_at,
        notice,
        from,
    };
    Ok(on_either!(tx, conn => statement.execute(conn)?) == 1)
}

prepared!(Hold:
    "UPDATE chase SET next_step = next_step WHERE notice_id = " notice: UidSql = Uid,
);

/// Whether a chase has not ended, by what is committed: it may end beside this.
pub fn is_open(tx: &mut Tx<'_>, notice: Uid) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => select(exists(chase::table.find(notice))).get_result(conn)?))
}

/// Keeps a chase from ending before this transaction; false = it has ended.
pub fn hold(tx: &mut Tx<'_>, notice: Uid) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => Hold { notice }.execute(conn)?) == 1)
}

/// Records a step of a bank's chase, with its entry.
pub fn insert_step(tx: &mut Tx<'_>, bank: Uid, row: &StepRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))?;
    let entry = Chased {
        at: row.recorded_at,
        bank,
        contacts: row.contacts,
        due_at: row.due_at,
        facts: facts::bind(tx, &[row]),
        n: row.n,
        notice: row.notice_id,
        step: &row.kind,
        t: "notice.chased",
        v: 1,
    };
    log::stage(tx, &[(row.notice_id, Entry::Chased(entry))])?;
    Ok(())
}

/// The steps taken for a notice, in order.
pub fn steps_of(tx: &mut Tx<'_>, notice: Uid) -> Result<Vec<StepRow>, Error> {
    Ok(on_either!(tx, conn => chase_step::table
        .filter(chase_step::notice_id.eq(notice))
        .order(chase_step::n)
        .select(StepRow::as_select())
        .load(conn)?))
}

/// How many steps were taken for each of these notices; those without any are left out.
pub fn counts(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<(Uid, i64)>, Error> {
    let mut found = Vec::new();
    for part in notices.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(Uid, i64)> = on_either!(tx, conn => chase_step::table
            .filter(chase_step::notice_id.eq_any(part))
            .group_by(chase_step::notice_id)
            .select((chase_step::notice_id, diesel::dsl::count_star()))
            .load(conn)?);
        found.extend(rows);
    }
    Ok(found)
}

/// The newest steps taken for a notice, in order.
pub fn newest_of(tx: &mut Tx<'_>, notice: Uid, limit: i64) -> Result<Vec<StepRow>, Error> {
    let mut rows: Vec<StepRow> = on_either!(tx, conn => chase_step::table
        .filter(chase_step::notice_id.eq(notice))
        .order(chase_step::n.desc())
        .limit(limit)
        .select(StepRow::as_select())
        .load(conn)?);
    rows.reverse();
    Ok(rows)
}

/// A chase that goes on, and its next step.
#[derive(Debug, Clone, Queryable)]
pub struct Standing {
    pub notice: Uid,
    pub next_step: i64,
    pub next_at: Instant,
}

/// The chases of these notices that go on.
pub fn standing(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<Standing>, Error> {
    let mut found = Vec::new();
    for part in notices.chunks(ROWS_AT_ONCE) {
        let rows: Vec<Standing> = on_either!(tx, conn => chase::table
            .filter(chase::notice_id.eq_any(part))
            .select((chase::notice_id, chase::next_step, chase::next_at))
            .load(conn)?);
        found.extend(rows);
    }
    Ok(found)
}

/// A newer reminder takes the place of those before it that have not gone out; one under way keeps its lease until
/// its outcome is recorded (`delivery::end_moot`).
pub fn supersede_reminders(tx: &mut Tx<'_>, notice: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(
            delivery::table
                .filter(delivery::notice_id.eq(notice))
                .filter(sql::<Bool>(UNLEASED))
                .filter(delivery::message_id.eq_any(
                    message::table
                        .filter(message::notice_id.eq(notice).and(message::kind.eq("notice.reminder")))
                        .select(message::id),
                )),
        )
        .set(delivery::state.eq("superseded"))
        .execute(conn)?);
    Ok(())
}
