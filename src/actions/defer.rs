//! Deferral: the only way to hold a notice back. Asked for by one officer, in force by the approval of another, always
//! of a whole revision; it goes out by itself when the time is over, or when an officer lifts it.

use super::alert::{self, OperatorAlert, alert};
use super::ask::ask;
use super::decide::Requested;
use super::issue::{self, Issued};
use super::{Error, Rules, answer_report};
use crate::domain::deferral::{DeferralFiling, Hold, RenewalFiling, check_until};
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::incident::{Filing, FilingContext, Words};
use crate::domain::instant::{Entered, Instant};
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{DeferralBasis, IncidentStatus, Kind};
use crate::merkle;
use crate::storage::Error::Corrupt;
use crate::storage::approval::RequestRow;
use crate::storage::deferral::{self, DeferralEndRow, DeferralRow};
use crate::storage::{Tx, draft, facts, incident, log, payload};
use crate::vault;
use serde::{Deserialize, Serialize};

/// The act's name in approvals.
pub(super) const ACT: &str = "incident.deferral";

/// The frozen act. The filing lies sealed: it names the operator's people.
#[derive(Debug, Serialize, Deserialize)]
struct Details {
    basis: DeferralBasis,
    until: Entered,
    incident: Option<Uid>,
    draft: Option<Uid>,
    renews: Option<Uid>,
    payload: Uid,
    /// The newest revision when it was asked for: what was written after it is not to be overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<i64>,
}

impl Details {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|_| issue::damaged("deferral"))
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids, codes and times always serialize")
    }
}

/// What lies in the erasable store.
#[derive(Serialize, Deserialize)]
struct Sealed {
    filing: Filing,
    salt: String,
}

/// What a request would hold back, for the second person.
#[derive(Debug, Clone)]
pub struct Asked {
    pub basis: DeferralBasis,
    pub until: Instant,
    /// Of the revision, where the incident has a title of its own.
    pub title: Option<Words>,
    pub kind: Kind,
    pub description: Words,
    pub advice: Option<Words>,
}

/// Asks to hold a revision back; nothing is held before another officer approves.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    asked: &DeferralFiling,
) -> Result<Requested, Error> {
    let now = tx.now()?;
    check_until(asked.until.at, now, rules.profiles.longest_deferral())?;
    if asked.filing.incident_status == IncidentStatus::Closed {
        let said = "a report that closes the incident is not held back";
        return Err(Error::invalid(
            "/filing/incident_status",
            "deferral_closing",
            said,
        ));
    }
    let mut base = None;
    let incident = match asked.incident {
        None => {
            let context = FilingContext::first(now).by(&rules.profiles);
            checked(tx, &asked.filing, context)?;
            None
        }
        Some(reference) => {
            let row = incident::by_reference(tx, &reference.to_string())?;
            let row = row.ok_or_else(|| {
                Error::invalid("/incident", "incident_unknown", "there is no such incident")
            })?;
            let before = issue::open_revision(tx, &row)?;
            base = Some(before.number);
            nothing_deferred(tx, row.id)?;
            let context = issue::context_after(rules, &before, now)?;
            checked(tx, &asked.filing, context)?;
            Some(row.id)
        }
    };
    if let Some(id) = asked.draft {
        let known = draft::by_id(tx, id)?.filter(draft::DraftRow::is_open);
        let known = known.ok_or(Refusal::DraftEnded)?;
        issue::answers_as_actual(known.report_id.is_some(), asked.filing.kind)
            .map_err(in_filing)?;
    }
    // What nobody approves ages in everybody's sight, as any other suspicion does.
    let draft = match (incident, asked.draft) {
        (None, None) => {
            let body = asked.filing.to_json();
            let body = body.and_then(|body| serde_json::to_vec(&body));
            let body = body.map_err(|_| issue::damaged("draft"))?;
            Some(super::draft::create(tx, rules, by, &body)?.row.id)
        }
        (_, given) => given,
    };
    let subject = match incident.or(draft) {
        Some(id) => id,
        None => tx.new_id()?,
    };
    let salt = vault::random().map_err(crate::storage::Error::from)?;
    let sealed = Sealed {
        filing: asked.filing.clone(),
        salt: hex::encode::<[u8; 32]>(salt),
    };
    let sealed = serde_json::to_vec(&sealed).map_err(|_| issue::damaged("deferral"))?;
    let details = Details {
        basis: asked.basis,
        until: asked.until,
        incident,
        draft,
        renews: None,
        payload: payload::seal(tx, subject, &sealed)?,
        base,
    };
    ask(
        tx,
        rules,
        by,
        (ACT, subject),
        details.to_bytes(),
        &asked.reason,
    )
}

/// Asks to hold longer what is held back already; it takes two people again.
pub fn request_renewal(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    id: Uid,
    asked: &RenewalFiling,
) -> Result<Requested, Error> {
    let now = tx.now()?;
    check_until(asked.until.at, now, rules.profiles.longest_deferral())?;
    let row = holding(tx, id)?;
    let details = Details {
        basis: asked.basis,
        until: asked.until,
        incident: row.incident_id,
        draft: row.draft_id,
        renews: Some(row.id),
        payload: row.payload_id,
        base: None,
    };
    ask(
        tx,
        rules,
        by,
        (ACT, row.id),
        details.to_bytes(),
        &asked.reason,
    )
}

/// The faults of the filing stand under its own place in the request.
fn checked(tx: &mut Tx<'_>, filing: &Filing, context: FilingContext) -> Result<(), Error> {
    let checked = filing.check(context);
    let checked = checked.map_err(|faults| in_filing(Error::Invalid(faults)))?;
    let known = issue::known_banks(tx, &checked.affected, &checked.services);
    known.map(drop).map_err(in_filing)
}

fn in_filing(error: Error) -> Error {
    match error {
        Error::Invalid(mut faults) => {
            for fault in &mut faults.0 {
                fault.pointer = format!("/filing{}", fault.pointer);
            }
            Error::Invalid(faults)
        }
        other => other,
    }
}

/// A deferral that has not ended.
fn holding(tx: &mut Tx<'_>, id: Uid) -> Result<DeferralRow, Error> {
    match deferral::by_id(tx, id)?.ok_or(Error::NotFound)? {
        (row, None) => Ok(row),
        (_, Some(_)) => Err(Refusal::DeferralEnded.into()),
    }
}

/// While a revision of an incident is held back, no other of it goes out: it would be overtaken.
pub(super) fn nothing_deferred(tx: &mut Tx<'_>, incident_id: Uid) -> Result<(), Error> {
    match deferral::of_incident(tx, incident_id)? {
        None => Ok(()),
        Some(_) => Err(Refusal::DeferralInForce.into()),
    }
}

/// What is held back goes out by being lifted, not a second time.
pub(super) fn draft_is_free(tx: &mut Tx<'_>, draft: Option<Uid>) -> Result<(), Error> {
    match draft {
        Some(id) if deferral::of_draft(tx, id)?.is_some() => Err(Refusal::DraftDeferred.into()),
        _ => Ok(()),
    }
}

/// What was issued or discarded since it was asked for is not held back, nor what another deferral holds already: it would
/// go out a second time.
fn still_to_be_issued(
    tx: &mut Tx<'_>,
    draft: Option<Uid>,
    report: Option<Uid>,
) -> Result<(), Error> {
    if let Some(id) = draft
        && !draft::by_id(tx, id)?.is_some_and(|row| row.is_open())
    {
        return Err(Refusal::DraftEnded.into());
    }
    match report {
        Some(id) if deferral::of_report(tx, id)?.is_some() => Err(Refusal::DeferralInForce.into()),
        _ => Ok(()),
    }
}

/// Holds back what was asked for. The approval row is written already, in this transaction.
pub(super) fn approved(
    tx: &mut Tx<'_>,
    rules: &Rules,
    row: &RequestRow,
    approver: Uid,
) -> Result<(), Error> {
    let longest = rules.profiles.longest_deferral();
    let details = Details::read(&row.details)?;
    let now = tx.now()?;
    let by = (row.requester, approver);
    let hold = match details.renews {
        Some(id) => {
            let before = holding(tx, id)?;
            let hold = Hold::stored(before.expires_at).renew(by, details.until.at, now, longest)?;
            end(tx, id, "renewed", None, None)?;
            hold
        }
        None => Hold::grant(by, details.until.at, now, longest)?,
    };
    if let Some(incident_id) = details.incident {
        let known = incident::by_id(tx, incident_id)?.ok_or(Error::NotFound)?;
        let newest = issue::open_revision(tx, &known)?;
        if details.base.is_some_and(|base| base != newest.number) {
            return Err(Refusal::VersionConflict.into());
        }
        nothing_deferred(tx, incident_id)?;
    }
    draft_is_free(tx, details.draft)?;
    let report = answer_report::of_draft(tx, details.draft)?;
    if details.renews.is_none() {
        still_to_be_issued(tx, details.draft, report.as_ref().map(|report| report.id))?;
    }
    let sealed = open(tx, details.payload)?;
    let row = DeferralRow {
        id: tx.new_id()?,
        request_id: row.id,
        basis: details.basis.code().into(),
        incident_id: details.incident,
        draft_id: details.draft,
        report_id: report.map(|report| report.id),
        renews: details.renews,
        payload_id: details.payload,
        expires_at: hold.expires_at(),
        recorded_at: now,
    };
    deferral::insert(tx, &row)?;
    stage(tx, &row, &sealed)?;
    let inputs = alert_of(tx, "deferral", &row)?;
    alert(tx, &["auditor", "officer"], &inputs)
}

/// What the operator's people are told about what is held back: of which incident it is, and whether it is an exercise.
pub(super) fn alert_of(
    tx: &mut Tx<'_>,
    code: &str,
    row: &DeferralRow,
) -> Result<OperatorAlert, Error> {
    let known = match row.incident_id {
        Some(id) => incident::by_id(tx, id)?,
        None => None,
    };
    let kind = match filing(tx, row) {
        Ok(filing) => Some(filing.kind.code().to_owned()),
        // They have to hear of it all the more.
        Err(Error::NotFound | Error::Storage(Corrupt(_))) => None,
        Err(other) => return Err(other),
    };
    Ok(OperatorAlert {
        alert: code.to_owned(),
        incident: known.map(|known| known.reference),
        kind,
        draft: row.draft_id,
        report: row.report_id,
        due_at: Some(alert::time(row.expires_at)),
        ..OperatorAlert::default()
    })
}

fn stage(tx: &mut Tx<'_>, row: &DeferralRow, sealed: &Sealed) -> Result<(), Error> {
    let mut salt = [0; 32];
    hex::decode_to_slice(&sealed.salt, &mut salt).map_err(|_| issue::damaged("deferral"))?;
    let said = serde_json::to_vec(&sealed.filing).map_err(|_| issue::damaged("deferral"))?;
    let entry = entry::Deferral {
        at: row.recorded_at,
        basis: &row.basis,
        commitment: merkle::commit("kairan-deferral/v1", &salt, &said),
        deferral: row.id,
        expires_at: row.expires_at,
        facts: facts::bind(tx, &[row]),
        incident: row.incident_id,
        renews: row.renews,
        request: row.request_id,
        t: "deferral",
        v: 1,
    };
    log::stage(tx, &[(row.id, Entry::Deferral(entry))])?;
    Ok(())
}

fn open(tx: &mut Tx<'_>, payload: Uid) -> Result<Sealed, Error> {
    let sealed = payload::open(tx, payload)?.ok_or(Error::NotFound)?;
    serde_json::from_slice(&sealed).map_err(|_| issue::damaged("deferral"))
}

/// What is held back.
pub fn filing(tx: &mut Tx<'_>, row: &DeferralRow) -> Result<Filing, Error> {
    Ok(open(tx, row.payload_id)?.filing)
}

/// What a request would hold back.
pub(super) fn asked(tx: &mut Tx<'_>, details: &[u8]) -> Result<Asked, Error> {
    let details = Details::read(details)?;
    let sealed = open(tx, details.payload)?;
    Ok(Asked {
        basis: details.basis,
        until: details.until.at,
        kind: sealed.filing.kind,
        title: Some(sealed.filing.title),
        description: sealed.filing.description,
        advice: sealed.filing.advice,
    })
}

/// The incident of which a request would hold back a revision, if it has one already.
pub(super) fn incident_of(details: &[u8]) -> Result<Option<Uid>, Error> {
    Ok(Details::read(details)?.incident)
}

/// Lifts a deferral: the revision goes out now.
pub fn lift(tx: &mut Tx<'_>, rules: &Rules, by: Uid, id: Uid) -> Result<Issued, Error> {
    crate::storage::roster::enter_gate(tx)?;
    let row = holding(tx, id)?;
    send(tx, rules, &row, "lifted", Some(by))
}

/// Issues what was held back, once its time is over; `None` = it has ended meanwhile, or holds still.
pub fn issue_by_expiry(tx: &mut Tx<'_>, rules: &Rules, id: Uid) -> Result<Option<Issued>, Error> {
    crate::storage::roster::enter_gate(tx)?;
    let (row, ended) = deferral::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let now = tx.now()?;
    if ended.is_some() || !Hold::stored(row.expires_at).is_over(now) {
        return Ok(None);
    }
    send(tx, rules, &row, "expired", None).map(Some)
}

fn send(
    tx: &mut Tx<'_>,
    rules: &Rules,
    row: &DeferralRow,
    how: &str,
    by: Option<Uid>,
) -> Result<Issued, Error> {
    let now = tx.now()?;
    let mut filing = filing(tx, row)?;
    // What was promised for a time that has passed meanwhile is promised anew.
    filing.next_update_at = filing.next_update_at.filter(|at| at.at > now);
    let requester = crate::storage::approval::find(tx, row.request_id)?;
    let (request, _) = requester.ok_or(Error::NotFound)?;
    let issued = match row.incident_id {
        Some(id) => {
            let known = incident::by_id(tx, id)?.ok_or(Error::NotFound)?;
            issue::revise(tx, rules, request.requester, &known, (&filing, false))?
        }
        None => issue::issue_deferred(
            tx,
            rules,
            request.requester,
            &filing,
            (row.draft_id, row.report_id),
        )?,
    };
    end(tx, row.id, how, Some(issued.revision_id), by)?;
    Ok(issued)
}

fn end(
    tx: &mut Tx<'_>,
    deferral_id: Uid,
    how: &str,
    revision_id: Option<Uid>,
    person_id: Option<Uid>,
) -> Result<(), Error> {
    let recorded_at = tx.now()?;
    let row = DeferralEndRow {
        deferral_id,
        how: how.into(),
        revision_id,
        person_id,
        recorded_at,
    };
    Ok(deferral::end(tx, &row)?)
}
