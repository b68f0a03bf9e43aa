//! Banks' reports of suspicions, and the one answer to each.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::insert_all;
use super::schema::{bank_report, bank_report_end, warning_given};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = bank_report)]
pub struct ReportRow {
    pub id: Uid,
    pub bank_id: Uid,
    pub person_id: Option<Uid>,
    pub api_key_id: Option<Uid>,
    /// What it says and the salt of its commitment, sealed.
    pub payload_id: Uid,
    pub triage_by: Instant,
    /// Unanswered, it is issued to everyone then.
    pub issue_by: Instant,
    pub reported_at: Instant,
}

fact!("INSERT INTO" bank_report ReportRow, id:
    id, bank_id, person_id, api_key_id, payload_id, triage_by, issue_by, reported_at
);

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = bank_report_end)]
pub struct ReportEndRow {
    pub report_id: Uid,
    /// `incident`, `no_incident` or `silence`.
    pub outcome: String,
    pub revision_id: Option<Uid>,
    pub person_id: Option<Uid>,
    /// The reason that goes back to the reporter, sealed.
    pub payload_id: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" bank_report_end ReportEndRow, report_id:
    report_id, outcome, revision_id, person_id, payload_id, recorded_at
);

/// A report, and how it was answered, if it was.
pub type Report = (ReportRow, Option<ReportEndRow>);

/// The entry is the caller's to stage.
pub fn insert(tx: &mut Tx<'_>, row: &ReportRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Answers a report; the database refuses a second answer.
pub fn end(tx: &mut Tx<'_>, row: &ReportEndRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<Report>, Error> {
    Ok(on_either!(tx, conn => bank_report::table
        .left_join(bank_report_end::table.on(bank_report_end::report_id.eq(bank_report::id)))
        .filter(bank_report::id.eq(id))
        .select((ReportRow::as_select(), Option::<ReportEndRow>::as_select()))
        .first(conn)
        .optional()?))
}

/// Those of one bank, or of all, the newest first, before one.
pub fn newest(
    tx: &mut Tx<'_>,
    bank: Option<Uid>,
    before: Option<Uid>,
    limit: i64,
) -> Result<Vec<Report>, Error> {
    Ok(on_either!(tx, conn => {
        let mut query = bank_report::table
            .left_join(bank_report_end::table.on(bank_report_end::report_id.eq(bank_report::id)))
            .order(bank_report::id.desc())
            .limit(limit)
            .select((ReportRow::as_select(), Option::<ReportEndRow>::as_select()))
            .into_boxed();
        if let Some(bank) = bank {
            query = query.filter(bank_report::bank_id.eq(bank));
        }
        if let Some(before) = before {
            query = query.filter(bank_report::id.lt(before));
        }
        query.load(conn)?
    }))
}

/// Those that wait for an answer, the most urgent first.
pub fn open(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<ReportRow>, Error> {
    Ok(on_either!(tx, conn => bank_report::table
        .left_join(bank_report_end::table.on(bank_report_end::report_id.eq(bank_report::id)))
        .filter(bank_report_end::report_id.nullable().is_null())
        .order((bank_report::issue_by, bank_report::id))
        .limit(limit)
        .select(ReportRow::as_select())
        .load(conn)?))
}

/// Those that wait for an answer and were due by then, and of which nobody was warned yet.
pub fn unwarned(
    tx: &mut Tx<'_>,
    kind: &str,
    by: Instant,
    limit: i64,
) -> Result<Vec<ReportRow>, Error> {
    let warned = warning_given::table
        .filter(warning_given::subject_id.eq(bank_report::id))
        .filter(warning_given::kind.eq(kind));
    Ok(on_either!(tx, conn => bank_report::table
        .left_join(bank_report_end::table.on(bank_report_end::report_id.eq(bank_report::id)))
        .filter(bank_report_end::report_id.nullable().is_null())
        .filter(bank_report::triage_by.le(by))
        .filter(not(exists(warned)))
        .order(bank_report::id)
        .limit(limit)
        .select(ReportRow::as_select())
        .load(conn)?))
}

/// The report that a revision answered, if it did.
pub fn of_revision(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Option<ReportEndRow>, Error> {
    Ok(on_either!(tx, conn => bank_report_end::table
        .filter(bank_report_end::revision_id.eq(revision_id))
        .select(ReportEndRow::as_select())
        .first(conn)
        .optional()?))
}
