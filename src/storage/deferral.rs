//! Deferrals: which revisions two people hold back, and how each ended.

use super::ROWS_AT_ONCE;
use super::error::Error;
use super::facts::{fact, insert_facts};
use super::insert_all;
use super::schema::{deferral, deferral_end};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deferral)]
pub struct DeferralRow {
    pub id: Uid,
    /// Asked for by one, approved by another.
    pub request_id: Uid,
    pub basis: String,
    /// `None` = it would be a first revision.
    pub incident_id: Option<Uid>,
    pub draft_id: Option<Uid>,
    /// The bank's report that it answers when it goes out.
    pub report_id: Option<Uid>,
    pub renews: Option<Uid>,
    /// The filing and the salt of its commitment, sealed.
    pub payload_id: Uid,
    pub expires_at: Instant,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" deferral DeferralRow, id:
    id, request_id, basis, incident_id, draft_id, report_id, renews, payload_id, expires_at, recorded_at
);

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deferral_end)]
pub struct DeferralEndRow {
    pub deferral_id: Uid,
    /// `expired`, `lifted` or `renewed`.
    pub how: String,
    pub revision_id: Option<Uid>,
    pub person_id: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" deferral_end DeferralEndRow, deferral_id:
    deferral_id, how, revision_id, person_id, recorded_at
);

/// A deferral, and how it ended, if it has.
pub type Deferral = (DeferralRow, Option<DeferralEndRow>);

/// The entry is the caller's to stage.
pub fn insert(tx: &mut Tx<'_>, row: &DeferralRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Ends a deferral; the database refuses a second end.
pub fn end(tx: &mut Tx<'_>, row: &DeferralEndRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<Deferral>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .filter(deferral::id.eq(id))
        .select((DeferralRow::as_select(), Option::<DeferralEndRow>::as_select()))
        .first(conn)
        .optional()?))
}

/// All of them, the newest first.
pub fn newest(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Deferral>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .order(deferral::id.desc())
        .limit(limit)
        .select((DeferralRow::as_select(), Option::<DeferralEndRow>::as_select()))
        .load(conn)?))
}

/// Those in force, the first to run out first.
pub fn in_force(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<DeferralRow>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .filter(deferral_end::deferral_id.nullable().is_null())
        .order((deferral::expires_at, deferral::id))
        .limit(limit)
        .select(DeferralRow::as_select())
        .load(conn)?))
}

/// The one in force that holds back a revision of this incident, if any.
pub fn of_incident(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Option<DeferralRow>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .filter(deferral_end::deferral_id.nullable().is_null())
        .filter(deferral::incident_id.eq(incident_id))
        .select(DeferralRow::as_select())
        .first(conn)
        .optional()?))
}

/// The one in force that holds back the answer to this report, if any.
pub fn of_report(tx: &mut Tx<'_>, report_id: Uid) -> Result<Option<DeferralRow>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .filter(deferral_end::deferral_id.nullable().is_null())
        .filter(deferral::report_id.eq(report_id))
        .select(DeferralRow::as_select())
        .first(conn)
        .optional()?))
}

/// The one in force that was begun from this draft, if any.
pub fn of_draft(tx: &mut Tx<'_>, draft_id: Uid) -> Result<Option<DeferralRow>, Error> {
    Ok(on_either!(tx, conn => deferral::table
        .left_join(deferral_end::table.on(deferral_end::deferral_id.eq(deferral::id)))
        .filter(deferral_end::deferral_id.nullable().is_null())
        .filter(deferral::draft_id.eq(draft_id))
        .select(DeferralRow::as_select())
        .first(conn)
        .optional()?))
}

/// On what basis these revisions had been held back until they went out; those that had not are absent.
pub fn bases(tx: &mut Tx<'_>, revisions: &[Uid]) -> Result<HashMap<Uid, String>, Error> {
    let mut found = HashMap::new();
    for part in revisions.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(Option<Uid>, String)> = on_either!(tx, conn => deferral_end::table
            .inner_join(deferral::table.on(deferral::id.eq(deferral_end::deferral_id)))
            .filter(deferral_end::revision_id.eq_any(part))
            .select((deferral_end::revision_id, deferral::basis))
            .load(conn)?);
        found.extend(
            rows.into_iter()
                .filter_map(|(id, basis)| Some((id?, basis))),
        );
    }
    Ok(found)
}
