//! The answer to a bank's report: an officer's draft of an incident, an officer's reason why it is none, or, after
//! hours of silence, its issue to everyone by the hub itself. There is one answer, whoever comes first.

use super::draft::{self, Draft};
use super::fields::Fields;
use super::issue::{self, Issued, Origin};
use super::tell_bank::tell_bank;
use super::{Error, Rules, report};
use crate::domain::id::Uid;
use crate::domain::incident::{OperatorContact, Source};
use crate::domain::instant::Entered;
use crate::domain::refusal::Refusal;
use crate::storage::reading::{self, IncidentFilter};
use crate::storage::report::{self as reports, ReportEndRow, ReportRow};
use crate::storage::{Tx, bank, deferral, payload};
use serde::{Deserialize, Serialize};

const REASON_LIMIT: usize = 2_000;

/// The message that goes back to the reporter.
pub const ANSWERED: &str = "report.answered";

/// Its frozen inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerNote {
    pub report: Uid,
    pub reported_at: Entered,
    /// `no_incident`
    pub outcome: String,
    pub reason: String,
}

/// A report that still waits for its answer.
fn waiting(tx: &mut Tx<'_>, id: Uid) -> Result<ReportRow, Error> {
    let (row, end) = reports::by_id(tx, id)?.ok_or(Error::NotFound)?;
    match end {
        None => Ok(row),
        Some(_) => Err(Refusal::ReportAnswered.into()),
    }
}

/// True = nobody has answered it.
pub(super) fn is_waiting(tx: &mut Tx<'_>, id: Uid) -> Result<bool, Error> {
    Ok(reports::by_id(tx, id)?.is_some_and(|(_, end)| end.is_none()))
}

/// Says that a report is no incident; the reason goes back to the reporter.
pub fn reject(tx: &mut Tx<'_>, by: Uid, id: Uid, reason: &str) -> Result<(), Error> {
    let mut fields = Fields::default();
    let reason = fields.paragraphs("reason", reason, REASON_LIMIT);
    fields.done()?;
    // Whoever issues it, by hand or by silence, passes here too.
    crate::storage::roster::enter_gate(tx)?;
    let row = waiting(tx, id)?;
    let payload_id = payload::seal(tx, row.bank_id, reason.as_bytes())?;
    let recorded_at = tx.now()?;
    reports::end(
        tx,
        &ReportEndRow {
            report_id: row.id,
            outcome: "no_incident".into(),
            revision_id: None,
            person_id: Some(by),
            payload_id: Some(payload_id),
            recorded_at,
        },
    )?;
    let note = AnswerNote {
        report: row.id,
        reported_at: Entered {
            at: row.reported_at,
            offset_minutes: 0,
        },
        outcome: "no_incident".into(),
        reason,
    };
    tell_bank(tx, row.bank_id, ANSWERED, &note)?;
    Ok(())
}

/// Begins a draft with what a report says; issuing it answers the report.
pub fn begin_draft(tx: &mut Tx<'_>, rules: &Rules, by: Uid, id: Uid) -> Result<Draft, Error> {
    let row = waiting(tx, id)?;
    let code = bank::by_id(tx, row.bank_id)?.ok_or(Error::NotFound)?.code;
    let said = report::open(tx, &row)?.ok_or(Error::NotFound)?;
    let contacts = usual_contacts(tx)?;
    let filing = said.to_filing(&code, contacts);
    let body = filing.to_json().map_err(|_| issue::damaged("report"))?;
    draft::begin(tx, rules, by, body.to_string().as_bytes(), Some(row.id))
}

/// The report that a draft answers, if it was begun from one: still waiting, or refused.
pub(super) fn of_draft(tx: &mut Tx<'_>, draft: Option<Uid>) -> Result<Option<ReportRow>, Error> {
    let Some(id) = draft else { return Ok(None) };
    let found = crate::storage::draft::by_id(tx, id)?;
    match found.and_then(|row| row.report_id) {
        Some(report) => waiting(tx, report).map(Some),
        None => Ok(None),
    }
}

/// Notes that a report became this revision; `by` is nobody where it was silence.
pub(super) fn issued(
    tx: &mut Tx<'_>,
    report: Uid,
    revision: Uid,
    by: Option<Uid>,
) -> Result<(), Error> {
    let recorded_at = tx.now()?;
    let outcome = if by.is_some() { "incident" } else { "silence" };
    let row = ReportEndRow {
        report_id: report,
        outcome: outcome.into(),
        revision_id: Some(revision),
        person_id: by,
        payload_id: None,
        recorded_at,
    };
    Ok(reports::end(tx, &row)?)
}

/// Issues a report that nobody answered in time, in the reporter's words; `None` = it was answered meanwhile, or
/// its time has not come.
pub fn issue_by_silence(tx: &mut Tx<'_>, rules: &Rules, id: Uid) -> Result<Option<Issued>, Error> {
    let (gate, version) = issue::enter(tx)?;
    let now = tx.now()?;
    let (row, end) = reports::by_id(tx, id)?.ok_or(Error::NotFound)?;
    // The answer that two people hold back comes when they no longer do.
    let held = deferral::of_report(tx, row.id)?.is_some();
    if end.is_some() || now < row.issue_by || held {
        return Ok(None);
    }
    let Some(said) = report::open(tx, &row)? else {
        // What was erased cannot be told; nobody erases a report that is younger than hours.
        return Ok(None);
    };
    let code = bank::by_id(tx, row.bank_id)?.ok_or(Error::NotFound)?.code;
    let mut checked = said.check(&code, now)?;
    checked.contacts = usual_contacts(tx)?;
    let origin = Origin {
        by: None,
        source: Source::Bank,
        unverified: true,
    };
    let issued = issue::register(
        tx,
        rules,
        (&gate, &version),
        now,
        origin,
        checked,
        said.warnings(),
    )?;
    self::issued(tx, row.id, issued.revision_id, None)?;
    Ok(Some(issued))
}

/// The operator's people as the newest incident named them.
pub fn usual_contacts(tx: &mut Tx<'_>) -> Result<Vec<OperatorContact>, Error> {
    let newest = reading::incidents(tx, &IncidentFilter::default(), 1)?;
    let sealed = newest
        .first()
        .and_then(|(_, revision)| revision.contacts_id);
    Ok(match sealed {
        Some(sealed) => payload::open(tx, sealed)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default(),
        None => Vec::new(),
    })
}
