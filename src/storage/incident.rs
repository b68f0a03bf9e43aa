//! Incidents and their revisions.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::prepared::prepared;
use super::roster::Gate;
use super::schema::types::BigInt;
use super::schema::{incident, incident_counter, revision};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = incident)]
pub struct IncidentRow {
    pub id: Uid,
    pub reference: String,
    pub opened_at: Instant,
}

fact!("INSERT INTO" incident IncidentRow, id: id, reference, opened_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = revision)]
pub struct RevisionRow {
    pub id: Uid,
    pub incident_id: Uid,
    pub number: i64,
    pub phase: String,
    pub determination: String,
    pub severity: String,
    pub urgency: String,
    pub status: String,
    pub tlp: String,
    pub kind: String,
    pub title_ja: String,
    pub title_en: String,
    pub search_text: String,
    pub body: Vec<u8>,
    pub digest: Vec<u8>,
    pub contacts_id: Option<Uid>,
    pub accepted_at: Instant,
    /// `None` = the hub itself issued it.
    pub accepted_by: Option<Uid>,
    pub approval_id: Option<Uid>,
    pub fanout_id: Uid,
}

fact!("INSERT INTO" revision RevisionRow, id:
    id, incident_id, number, phase, determination, severity, urgency, status, tlp, kind, title_ja, title_en,
    search_text, body, digest, contacts_id, accepted_at, accepted_by, approval_id, fanout_id
);

pub fn insert(tx: &mut Tx<'_>, row: &IncidentRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn by_reference(tx: &mut Tx<'_>, reference: &str) -> Result<Option<IncidentRow>, Error> {
    Ok(on_either!(tx, conn => incident::table
        .filter(incident::reference.eq(reference))
        .select(IncidentRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<IncidentRow>, Error> {
    Ok(
        on_either!(tx, conn => incident::table.find(id).select(IncidentRow::as_select()).first(conn).optional()?),
    )
}

/// When the first incident was opened.
pub fn first_opened(tx: &mut Tx<'_>) -> Result<Option<Instant>, Error> {
    Ok(on_either!(tx, conn => incident::table
        .order(incident::id)
        .select(incident::opened_at)
        .first(conn)
        .optional()?))
}

/// When incidents were opened, the newest first.
pub fn opened(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Instant>, Error> {
    Ok(on_either!(tx, conn => incident::table
        .order(incident::id.desc())
        .limit(limit)
        .select(incident::opened_at)
        .load(conn)?))
}

/// Incidents in the order in which they were registered, after this one.
pub fn after(tx: &mut Tx<'_>, after: Option<Uid>, limit: i64) -> Result<Vec<IncidentRow>, Error> {
    let after = after.unwrap_or(Uid::from_bytes([0; 16]));
    Ok(on_either!(tx, conn => incident::table
        .filter(incident::id.gt(after))
        .order(incident::id)
        .limit(limit)
        .select(IncidentRow::as_select())
        .load(conn)?))
}

prepared!(NextOfYear returns BigInt:
    "INSERT INTO incident_counter (year, last_number) VALUES (" year: BigInt = i64,
    ", 1) ON CONFLICT (year) DO UPDATE SET last_number = incident_counter.last_number + 1 RETURNING last_number",
);

/// The next `INC-YYYY-NNNN` of a year; dense, because it is taken behind the gate.
pub fn next_reference(tx: &mut Tx<'_>, _gate: &Gate, year: i64) -> Result<String, Error> {
    let number: i64 = on_either!(tx, conn => NextOfYear { year }.get_result(conn)?);
    Ok(format!("INC-{year:04}-{number:04}"))
}

/// Leaves out the next references of a year: they were given to incidents that this database has lost.
pub fn pass_over_references(
    tx: &mut Tx<'_>,
    _gate: &Gate,
    year: i64,
    references: i64,
) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(incident_counter::table)
        .values((incident_counter::year.eq(year), incident_counter::last_number.eq(references)))
        .on_conflict(incident_counter::year)
        .do_update()
        .set(incident_counter::last_number.eq(incident_counter::last_number + references))
        .execute(conn)?);
    Ok(())
}

/// The number that the newest incident of a year has; 0 = none yet.
pub fn last_number(tx: &mut Tx<'_>, year: i64) -> Result<i64, Error> {
    let found: Option<i64> = on_either!(tx, conn => incident_counter::table
        .find(year)
        .select(incident_counter::last_number)
        .first(conn)
        .optional()?);
    Ok(found.unwrap_or(0))
}

/// The entry is the caller's to stage.
pub fn insert_revision(tx: &mut Tx<'_>, _gate: &Gate, row: &RevisionRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

pub fn latest_revision(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Option<RevisionRow>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .filter(revision::incident_id.eq(incident_id))
        .order(revision::number.desc())
        .select(RevisionRow::as_select())
        .first(conn)
        .optional()?))
}

/// The newest revision of every incident.
pub fn latest_revisions(tx: &mut Tx<'_>) -> Result<Vec<RevisionRow>, Error> {
    let later = diesel::alias!(revision as later);
    Ok(on_either!(tx, conn => revision::table
        .filter(diesel::dsl::not(diesel::dsl::exists(later
            .filter(later.field(revision::incident_id).eq(revision::incident_id))
            .filter(later.field(revision::number).gt(revision::number)))))
        .order(revision::id)
        .select(RevisionRow::as_select())
        .load(conn)?))
}

/// All revisions, oldest first.
pub fn revisions(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Vec<RevisionRow>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .filter(revision::incident_id.eq(incident_id))
        .order(revision::number)
        .select(RevisionRow::as_select())
        .load(conn)?))
}

pub fn revision(tx: &mut Tx<'_>, id: Uid) -> Result<Option<RevisionRow>, Error> {
    Ok(
        on_either!(tx, conn => revision::table.find(id).select(RevisionRow::as_select()).first(conn).optional()?),
    )
}

/// The same, with its incident.
pub fn revision_and_incident(
    tx: &mut Tx<'_>,
    id: Uid,
) -> Result<Option<(RevisionRow, IncidentRow)>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .inner_join(incident::table.on(incident::id.eq(revision::incident_id)))
        .filter(revision::id.eq(id))
        .select((RevisionRow::as_select(), IncidentRow::as_select()))
        .first(conn)
        .optional()?))
}

/// Reference and kind of each of these incidents.
pub fn names(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<(Uid, String, String)>, Error> {
    let mut names = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS_AT_ONCE) {
        names.extend(on_either!(tx, conn => incident::table
            .inner_join(revision::table.on(revision::incident_id.eq(incident::id)))
            .filter(incident::id.eq_any(part))
            .filter(revision::number.eq(1))
            .select((incident::id, incident::reference, revision::kind))
            .load::<(Uid, String, String)>(conn)?));
    }
    Ok(names)
}

/// The kind of an incident, which its first revision said for good.
pub fn kind_of(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Option<String>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .filter(revision::incident_id.eq(incident_id).and(revision::number.eq(1)))
        .select(revision::kind)
        .first(conn)
        .optional()?))
}
