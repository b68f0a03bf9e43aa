//! Banks that came onto the roster and are still being told of the incidents from before.

use super::error::Error;
use super::schema::late_joiner;
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use diesel::prelude::*;

/// Before the first incident.
const NONE_YET: Uid = Uid::from_bytes([0; 16]);

/// These banks are owed everything from before, from the beginning.
pub fn begin(tx: &mut Tx<'_>, banks: &[Uid]) -> Result<(), Error> {
    end(tx, banks)?;
    for bank_id in banks {
        on_either!(tx, conn => diesel::insert_into(late_joiner::table)
            .values((late_joiner::bank_id.eq(bank_id), late_joiner::after_incident.eq(NONE_YET)))
            .execute(conn)?);
    }
    Ok(())
}

/// Whether anybody waits.
pub fn any(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(
        on_either!(tx, conn => diesel::select(diesel::dsl::exists(late_joiner::table.select(late_joiner::bank_id))).get_result(conn)?),
    )
}

/// Those who have come least far, in order, and how far that is.
pub fn next(tx: &mut Tx<'_>) -> Result<Option<(Uid, Vec<Uid>)>, Error> {
    let first: Option<Uid> = on_either!(tx, conn => late_joiner::table
        .order(late_joiner::after_incident)
        .select(late_joiner::after_incident)
        .first(conn)
        .optional()?);
    let Some(after) = first else { return Ok(None) };
    let banks: Vec<Uid> = on_either!(tx, conn => late_joiner::table
        .filter(late_joiner::after_incident.eq(after))
        .order(late_joiner::bank_id)
        .select(late_joiner::bank_id)
        .load(conn)?);
    Ok(Some((after, banks)))
}

/// These banks were told of everything up to and with this incident.
pub fn advance(tx: &mut Tx<'_>, banks: &[Uid], incident_id: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(late_joiner::table.filter(late_joiner::bank_id.eq_any(banks)))
        .set(late_joiner::after_incident.eq(incident_id))
        .execute(conn)?);
    Ok(())
}

/// These banks are owed nothing from before.
pub fn end(tx: &mut Tx<'_>, banks: &[Uid]) -> Result<(), Error> {
    on_either!(tx, conn => diesel::delete(late_joiner::table.filter(late_joiner::bank_id.eq_any(banks)))
        .execute(conn)?);
    Ok(())
}
