//! The operator's own clocks: what is owed next of every open draft and incident, and what was said of it. When they
//! run out is decided above.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::prepared::prepared;
use super::schema::types::{BigInt, Bool, InstantSql, Nullable, Text, UidSql};
use super::schema::{clock_step, incident, operator_clock};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::sql;
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = operator_clock)]
pub struct ClockRow {
    /// The draft, or the incident.
    pub subject_id: Uid,
    /// The draft, or the revision, that started it.
    pub origin_id: Uid,
    pub phase: String,
    pub started_at: Instant,
    pub clock_at: Instant,
    pub ceiling_at: Option<Instant>,
    /// 1 = nothing was said, 2 = it was warned, 3 = all was said.
    pub next_step: i64,
    pub next_at: Instant,
}

impl ClockRow {
    /// The earlier of clock and ceiling.
    pub fn due_at(&self) -> Instant {
        self.ceiling_at
            .map_or(self.clock_at, |ceiling| ceiling.min(self.clock_at))
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = clock_step)]
pub struct ClockStepRow {
    pub origin_id: Uid,
    pub n: i64,
    pub subject_id: Uid,
    pub phase: String,
    pub due_at: Instant,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" clock_step ClockStepRow, origin_id, n:
    origin_id, n, subject_id, phase, due_at, recorded_at
);

prepared!(SetClock:
    "INSERT INTO operator_clock (subject_id, origin_id, phase, started_at, clock_at, ceiling_at, next_step, next_at)
     VALUES (" subject_id: UidSql = Uid,
    ", " origin_id: UidSql = Uid,
    ", " phase: Text = String,
    ", " started_at: InstantSql = Instant,
    ", " clock_at: InstantSql = Instant,
    ", " ceiling_at: Nullable<InstantSql> = Option<Instant>,
    ", " next_step: BigInt = i64,
    ", " next_at: InstantSql = Instant,
    ") ON CONFLICT (subject_id) DO UPDATE SET origin_id = excluded.origin_id, phase = excluded.phase,
        started_at = excluded.started_at, clock_at = excluded.clock_at, ceiling_at = excluded.ceiling_at,
        next_step = excluded.next_step, next_at = excluded.next_at",
);

/// Starts the clock of a draft or an incident, in the place of the one before.
pub fn set(tx: &mut Tx<'_>, row: ClockRow) -> Result<(), Error> {
    let statement = SetClock {
        subject_id: row.subject_id,
        origin_id: row.origin_id,
        phase: row.phase,
        started_at: row.started_at,
        clock_at: row.clock_at,
        ceiling_at: row.ceiling_at,
        next_step: row.next_step,
        next_at: row.next_at,
    };
    on_either!(tx, conn => statement.execute(conn)?);
    Ok(())
}

pub fn end(tx: &mut Tx<'_>, subject: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::delete(operator_clock::table.find(subject)).execute(conn)?);
    Ok(())
}

pub fn of(tx: &mut Tx<'_>, subject: Uid) -> Result<Option<ClockRow>, Error> {
    Ok(on_either!(tx, conn => operator_clock::table
        .find(subject)
        .select(ClockRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn any_due(tx: &mut Tx<'_>, now: Instant) -> Result<bool, Error> {
    // The first in order, not whether there is one: that PostgreSQL would look for row by row.
    let first: Option<Uid> = on_either!(tx, conn => operator_clock::table
        .filter(sql::<Bool>("next_step < 3"))
        .filter(operator_clock::next_at.le(now))
        .order(operator_clock::next_at)
        .select(operator_clock::subject_id)
        .first(conn)
        .optional()?);
    Ok(first.is_some())
}

/// Clocks of which something is to be said, those that waited longest first.
pub fn due(tx: &mut Tx<'_>, now: Instant, limit: i64) -> Result<Vec<ClockRow>, Error> {
    Ok(on_either!(tx, conn => operator_clock::table
        .filter(sql::<Bool>("next_step < 3"))
        .filter(operator_clock::next_at.le(now))
        .order((operator_clock::next_at, operator_clock::subject_id))
        .limit(limit)
        .select(ClockRow::as_select())
        .load(conn)?))
}

/// Moves a clock on; false = it was started anew, or another has said it.
pub fn advance(
    tx: &mut Tx<'_>,
    row: &ClockRow,
    next: i64,
    next_at: Instant,
) -> Result<bool, Error> {
    let same = operator_clock::table
        .find(row.subject_id)
        .filter(operator_clock::origin_id.eq(row.origin_id))
        .filter(operator_clock::next_step.eq(row.next_step));
    let moved = on_either!(tx, conn => diesel::update(same)
        .set((operator_clock::next_step.eq(next), operator_clock::next_at.eq(next_at)))
        .execute(conn)?);
    Ok(moved == 1)
}

/// What was said of the clock that a draft or revision started.
pub fn steps_of(tx: &mut Tx<'_>, origin: Uid) -> Result<Vec<ClockStepRow>, Error> {
    Ok(on_either!(tx, conn => clock_step::table
        .filter(clock_step::origin_id.eq(origin))
        .order(clock_step::n)
        .select(ClockStepRow::as_select())
        .load(conn)?))
}

pub fn insert_step(tx: &mut Tx<'_>, row: &ClockStepRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// All that run, the nearest deadline first, with the incident's reference; without one it is a draft's.
pub fn running(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(ClockRow, Option<String>)>, Error> {
    let mut rows: Vec<(ClockRow, Option<String>)> = on_either!(tx, conn => operator_clock::table
        .left_join(incident::table.on(incident::id.eq(operator_clock::subject_id)))
        .order((operator_clock::clock_at, operator_clock::subject_id))
        .limit(limit)
        .select((ClockRow::as_select(), incident::reference.nullable()))
        .load(conn)?);
    rows.sort_by_key(|(row, _)| (row.due_at(), row.subject_id));
    Ok(rows)
}
