//! Calls that somebody has to make, as their events; the last one tells the state. Which may follow which is
//! `domain::phone_task`'s.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::notice::revisions_of;
use super::schema::{notice, phone_task_event};
use super::tx::{Conn, Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = phone_task_event)]
pub struct PhoneEventRow {
    pub task_id: Uid,
    pub seq: i64,
    pub event: String,
    pub bank_id: Uid,
    pub notice_id: Uid,
    /// Who did it; the hub itself opens and closes.
    pub person_id: Option<Uid>,
    /// The contact that completed it.
    pub contact_id: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" phone_task_event PhoneEventRow, task_id, seq:
    task_id, seq, event, bank_id, notice_id, person_id, contact_id, recorded_at
);

pub fn insert(tx: &mut Tx<'_>, rows: &[PhoneEventRow]) -> Result<(), Error> {
    insert_facts(tx, rows)
}

/// The events of one task, in order.
pub fn of_task(tx: &mut Tx<'_>, task: Uid) -> Result<Vec<PhoneEventRow>, Error> {
    Ok(on_either!(tx, conn => phone_task_event::table
        .filter(phone_task_event::task_id.eq(task))
        .order(phone_task_event::seq)
        .select(PhoneEventRow::as_select())
        .load(conn)?))
}

/// The events of these notices' tasks, in order of task and number.
pub fn of_notices(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<PhoneEventRow>, Error> {
    match &mut tx.conn {
        // A list has another text for each length, and would be prepared anew.
        Conn::Sqlite(conn) => {
            let mut found: Vec<PhoneEventRow> = Vec::new();
            for notice in notices {
                let rows: Vec<PhoneEventRow> = phone_task_event::table
                    .filter(phone_task_event::notice_id.eq(notice))
                    .select(PhoneEventRow::as_select())
                    .load(*conn)?;
                found.extend(rows);
            }
            found.sort_unstable_by_key(|row| (row.task_id, row.seq));
            Ok(found)
        }
        Conn::Postgres(conn) => Ok(phone_task_event::table
            .filter(phone_task_event::notice_id.eq_any(notices))
            .order((phone_task_event::task_id, phone_task_event::seq))
            .select(PhoneEventRow::as_select())
            .load(*conn)?),
    }
}

/// Which of the calls that wait are looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenCalls {
    /// Of this incident alone.
    pub incident: Option<Uid>,
    /// After this task.
    pub after: Option<Uid>,
}

/// The last events of the tasks that are not done. A query with an alias has no type that a function could name.
macro_rules! waiting {
    ($which:expr) => {{
        let later = diesel::alias!(phone_task_event as later);
        let mut query = phone_task_event::table
            .filter(phone_task_event::event.ne_all(["completed", "closed"]))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                later
                    .filter(
                        later
                            .field(phone_task_event::task_id)
                            .eq(phone_task_event::task_id),
                    )
                    .filter(later.field(phone_task_event::seq).gt(phone_task_event::seq)),
            )))
            .into_boxed();
        if let Some(incident) = $which.incident {
            let told = notice::table
                .filter(notice::revision_id.eq_any(revisions_of(incident)))
                .select(notice::id);
            query = query.filter(phone_task_event::notice_id.eq_any(told));
        }
        if let Some(after) = $which.after {
            query = query.filter(phone_task_event::task_id.gt(after));
        }
        query
    }};
}

/// The last event of every task that is not done, the oldest task first.
pub fn open(tx: &mut Tx<'_>, which: OpenCalls, limit: i64) -> Result<Vec<PhoneEventRow>, Error> {
    Ok(on_either!(tx, conn => waiting!(which)
        .order(phone_task_event::task_id)
        .limit(limit)
        .select(PhoneEventRow::as_select())
        .load(conn)?))
}

/// How many tasks are not done.
pub fn open_count(tx: &mut Tx<'_>, which: OpenCalls) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => waiting!(which)
        .select(diesel::dsl::count_star())
        .first(conn)?))
}
