//! Exercises among the incidents: the last one that counts, and all of them by their first revision. When the next is
//! due is decided above.

use super::error::Error;
use super::incident::{IncidentRow, RevisionRow};
use super::schema::types::Bool;
use super::schema::{incident, revision};
use super::tx::{Tx, on_either};
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;

/// The partial index answers only where its condition stands here as it stands there.
const IS_EXERCISE: &str = "revision.kind = 'exercise'";

/// Exercises with their first revision, the newest first.
pub fn all(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(IncidentRow, RevisionRow)>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .inner_join(incident::table.on(incident::id.eq(revision::incident_id)))
        .filter(sql::<Bool>(IS_EXERCISE))
        .filter(revision::number.eq(1))
        .order((revision::accepted_at.desc(), revision::id.desc()))
        .limit(limit)
        .select((IncidentRow::as_select(), RevisionRow::as_select()))
        .load(conn)?))
}

/// The last one that was not withdrawn, with its first revision.
pub fn last(tx: &mut Tx<'_>) -> Result<Option<(IncidentRow, RevisionRow)>, Error> {
    let other = diesel::alias!(revision as other);
    Ok(on_either!(tx, conn => revision::table
        .inner_join(incident::table.on(incident::id.eq(revision::incident_id)))
        .filter(sql::<Bool>(IS_EXERCISE))
        .filter(revision::number.eq(1))
        .filter(not(exists(other
            .filter(other.field(revision::incident_id).eq(revision::incident_id))
            .filter(other.field(revision::phase).eq("withdrawal")))))
        .order((revision::accepted_at.desc(), revision::id.desc()))
        .select((IncidentRow::as_select(), RevisionRow::as_select()))
        .first(conn)
        .optional()?))
}
