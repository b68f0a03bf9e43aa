//! Banks that came onto the roster and are still being told of the incidents from before.

use super::ROWS_AT_ONCE;
use super::error::Error;
use super::schema::late_joiner;
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, select};
use diesel::prelude::*;

/// Before the first incident.
const NONE_YET: Uid = Uid::from_bytes([0; 16]);

/// One bank, and how far it has come.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = late_joiner, treat_none_as_default_value = false)]
pub struct JoinerRow {
    pub bank_id: Uid,
    /// Of this incident it was told last; zeros = of none yet.
    pub after_incident: Uid,
    pub joined_at: Instant,
    /// Not looked at before.
    pub look_at: Instant,
}

/// These banks are owed everything from before, from the beginning.
pub fn begin(tx: &mut Tx<'_>, banks: &[Uid], now: Instant) -> Result<(), Error> {
    end(tx, banks)?;
    let row = |bank_id: &Uid| JoinerRow {
        bank_id: *bank_id,
        after_incident: NONE_YET,
        joined_at: now,
        look_at: now,
    };
    let rows: Vec<JoinerRow> = banks.iter().map(row).collect();
    for part in rows.chunks(ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::insert_into(late_joiner::table).values(part).execute(conn)?);
    }
    Ok(())
}

/// Whether anybody is to be looked at.
pub fn any_due(tx: &mut Tx<'_>, now: Instant) -> Result<bool, Error> {
    Ok(
        on_either!(tx, conn => select(exists(late_joiner::table.filter(late_joiner::look_at.le(now))))
        .get_result(conn)?),
    )
}

/// Those to be looked at who have come least far, all as far as the first of them; at most so many.
pub fn next(tx: &mut Tx<'_>, now: Instant, limit: i64) -> Result<Vec<JoinerRow>, Error> {
    let mut rows: Vec<JoinerRow> = on_either!(tx, conn => late_joiner::table
        .filter(late_joiner::look_at.le(now))
        .order((late_joiner::after_incident, late_joiner::bank_id))
        .limit(limit)
        .select(JoinerRow::as_select())
        .load(conn)?);
    if let Some(first) = rows.first().copied() {
        rows.retain(|row| row.after_incident == first.after_incident);
    }
    Ok(rows)
}

/// These banks were told of everything up to and with this incident.
pub fn advance(tx: &mut Tx<'_>, banks: &[Uid], incident_id: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(late_joiner::table.filter(late_joiner::bank_id.eq_any(banks)))
        .set(late_joiner::after_incident.eq(incident_id))
        .execute(conn)?);
    Ok(())
}

/// These banks are looked at again then.
pub fn put_off(tx: &mut Tx<'_>, banks: &[Uid], look_at: Instant) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(late_joiner::table.filter(late_joiner::bank_id.eq_any(banks)))
        .set(late_joiner::look_at.eq(look_at))
        .execute(conn)?);
    Ok(())
}

/// These banks are owed nothing from before.
pub fn end(tx: &mut Tx<'_>, banks: &[Uid]) -> Result<(), Error> {
    for part in banks.chunks(ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::delete(late_joiner::table.filter(late_joiner::bank_id.eq_any(part)))
            .execute(conn)?);
    }
    Ok(())
}
