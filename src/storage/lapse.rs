//! Of what the operator's people were warned, once each.

use super::error::Error;
use super::schema::warning_given;
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

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
