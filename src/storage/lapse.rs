//! Whose turn it is to look whether a clock has run out, and of what the operator's people were warned.

use super::error::Error;
use super::schema::{lapse_turn, warning_given};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

pub fn next_turn(tx: &mut Tx<'_>) -> Result<Instant, Error> {
    Ok(on_either!(tx, conn => lapse_turn::table.select(lapse_turn::next_at).first(conn)?))
}

/// Puts the next turn off, if it has come; false = it has not, or another took it.
pub fn take_turn(tx: &mut Tx<'_>, now: Instant, next_at: Instant) -> Result<bool, Error> {
    let taken = on_either!(tx, conn => diesel::update(lapse_turn::table.filter(lapse_turn::next_at.le(now)))
        .set(lapse_turn::next_at.eq(next_at))
        .execute(conn)?);
    Ok(taken == 1)
}

/// Notes that a warning about a subject is given; false = it was before.
pub fn warn_once(
    tx: &mut Tx<'_>,
    subject_id: Uid,
    kind: &str,
    given_at: Instant,
) -> Result<bool, Error> {
    let new = on_either!(tx, conn => diesel::insert_into(warning_given::table)
        .values((
            warning_given::subject_id.eq(subject_id),
            warning_given::kind.eq(kind),
            warning_given::given_at.eq(given_at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?);
    Ok(new == 1)
}
