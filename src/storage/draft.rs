//! Filings in preparation: edited under a version, never deleted.

use super::error::Error;
use super::schema::{draft, warning_given};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = draft, treat_none_as_default_value = false)]
pub struct DraftRow {
    pub id: Uid,
    pub author: Uid,
    pub payload_id: Uid,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub discarded_at: Option<Instant>,
    pub discard_reason: Option<String>,
    pub revision_id: Option<Uid>,
    /// The bank's report from which it was begun.
    pub report_id: Option<Uid>,
    pub discarded_by: Option<Uid>,
}

impl DraftRow {
    pub fn is_open(&self) -> bool {
        self.discarded_at.is_none() && self.revision_id.is_none()
    }
}

pub fn insert(tx: &mut Tx<'_>, row: &DraftRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(draft::table).values(row).execute(conn)?);
    Ok(())
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<DraftRow>, Error> {
    Ok(
        on_either!(tx, conn => draft::table.find(id).select(DraftRow::as_select()).first(conn).optional()?),
    )
}

/// The draft that a revision ended, if one did.
pub fn of_revision(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Option<DraftRow>, Error> {
    Ok(on_either!(tx, conn => draft::table
        .filter(draft::revision_id.eq(revision_id))
        .select(DraftRow::as_select())
        .first(conn)
        .optional()?))
}

/// Those in preparation of which nobody was warned yet, oldest first.
pub fn unwarned(tx: &mut Tx<'_>, kind: &str, limit: i64) -> Result<Vec<DraftRow>, Error> {
    let warned = warning_given::table
        .filter(warning_given::subject_id.eq(draft::id))
        .filter(warning_given::kind.eq(kind));
    Ok(on_either!(tx, conn => draft::table
        .filter(draft::discarded_at.is_null().and(draft::revision_id.is_null()))
        .filter(not(exists(warned)))
        .order(draft::id)
        .limit(limit)
        .select(DraftRow::as_select())
        .load(conn)?))
}

/// Drafts, oldest first: age is what matters about them.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<DraftRow>, Error> {
    Ok(
        on_either!(tx, conn => draft::table.order(draft::id).select(DraftRow::as_select()).load(conn)?),
    )
}

/// Replaces the payload if the version still is `version` and the draft is open.
pub fn replace(
    tx: &mut Tx<'_>,
    id: Uid,
    version: i64,
    payload_id: Uid,
    at: Instant,
) -> Result<bool, Error> {
    let open = draft::table
        .find(id)
        .filter(draft::version.eq(version))
        .filter(
            draft::discarded_at
                .is_null()
                .and(draft::revision_id.is_null()),
        );
    let changed = on_either!(tx, conn => diesel::update(open)
        .set((draft::payload_id.eq(payload_id), draft::version.eq(version + 1), draft::updated_at.eq(at)))
        .execute(conn)?);
    Ok(changed == 1)
}

/// Ends an open draft with a reason.
pub fn discard(
    tx: &mut Tx<'_>,
    id: Uid,
    by: Uid,
    reason: &str,
    at: Instant,
) -> Result<bool, Error> {
    let open = draft::table.find(id).filter(
        draft::discarded_at
            .is_null()
            .and(draft::revision_id.is_null()),
    );
    let changed = on_either!(tx, conn => diesel::update(open)
        .set((
            draft::discarded_at.eq(at),
            draft::discard_reason.eq(reason),
            draft::discarded_by.eq(by),
        ))
        .execute(conn)?);
    Ok(changed == 1)
}

/// Ends an open draft as issued.
pub fn mark_issued(tx: &mut Tx<'_>, id: Uid, revision_id: Uid) -> Result<bool, Error> {
    let open = draft::table.find(id).filter(
        draft::discarded_at
            .is_null()
            .and(draft::revision_id.is_null()),
    );
    let changed = on_either!(tx, conn => diesel::update(open).set(draft::revision_id.eq(revision_id)).execute(conn)?);
    Ok(changed == 1)
}
