//! Filing: a new incident, or a further revision of one. Answers only what is already written; the 201 is
//! the commit's.

use super::fan_out::{self, Concern, Issue, Written};
use super::{
    Error, Rules, answer_report, close_incident, cut_roster, defer, reopen_revision, watch_clocks,
};
use crate::domain::digest::Digest;
use crate::domain::fault::{Fault, Faults};
use crate::domain::id::Uid;
use crate::domain::incident::{
    Affected, BankServices, CheckedIncident, Earlier, Filing, FilingContext, IncidentRef, Source,
    Stamp, Supersedes, incident_digest,
};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{IncidentStatus, Kind, Phase};
use crate::storage::incident::{self, IncidentRow, RevisionRow};
use crate::storage::roster::{self, Gate, RosterVersionRow};
use crate::storage::{Tx, bank, draft, payload, reading};
use serde::Deserialize;
use std::collections::HashSet;

/// What a filing became.
#[derive(Debug, Clone)]
pub struct Issued {
    pub incident: Uid,
    pub reference: String,
    pub revision: i64,
    pub revision_id: Uid,
    /// Notices written, former banks included.
    pub notices: i64,
    pub roster_version: i64,
    pub accepted_at: Instant,
    pub digest: Digest,
    /// What looks like it should not be in a notice; nothing was refused for it.
    pub warnings: Vec<Fault>,
}

/// From whom a revision comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// `None` = the hub itself.
    pub by: Option<Uid>,
    /// Of a first revision; later ones keep what that said.
    pub source: Source,
    pub unverified: bool,
}

impl Origin {
    /// A person of the operator.
    pub fn of(by: Uid) -> Self {
        Self {
            by: Some(by),
            ..Self::operator()
        }
    }

    /// Of the operator, whoever it will be.
    pub fn operator() -> Self {
        Self {
            by: None,
            source: Source::Operator,
            unverified: false,
        }
    }
}

/// Registers a new incident and tells every partner bank. `draft` is ended as issued, and the report that it was
/// begun from is answered.
pub fn issue_incident(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    filing: &Filing,
    draft: Option<Uid>,
) -> Result<Issued, Error> {
    // Judged before the gate too: a bad filing keeps nobody waiting there.
    let now = tx.now()?;
    filing.check(first_context(rules, filing, now))?;
    let (gate, version) = enter(tx)?;
    let now = tx.now()?;
    let checked = filing.check(first_context(rules, filing, now))?;
    defer::draft_is_free(tx, draft)?;
    let report = answer_report::of_draft(tx, draft)?;
    answers_as_actual(report.is_some(), checked.body.kind)?;
    let origin = Origin {
        source: report.as_ref().map_or(Source::Operator, |_| Source::Bank),
        ..Origin::of(by)
    };
    let place = (&gate, &version);
    let issued = register(tx, rules, place, now, origin, checked, filing.warnings())?;
    if let Some(draft) = draft {
        if !draft::mark_issued(tx, draft, issued.revision_id)? {
            return Err(Refusal::DraftEnded.into());
        }
        watch_clocks::end_draft(tx, draft)?;
    }
    if let Some(report) = report {
        answer_report::issued(tx, report.id, issued.revision_id, Some(by))?;
    }
    Ok(issued)
}

/// Registers what was held back. Its draft ends with it, and the report that it answers is answered; where one has
/// ended already, it goes out all the same.
pub(super) fn issue_deferred(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    filing: &Filing,
    (draft, report): (Option<Uid>, Option<Uid>),
) -> Result<Issued, Error> {
    let (gate, version) = enter(tx)?;
    let now = tx.now()?;
    let checked = filing.check(FilingContext::first(now).by(&rules.profiles))?;
    let origin = Origin {
        source: report.map_or(Source::Operator, |_| Source::Bank),
        ..Origin::of(by)
    };
    let place = (&gate, &version);
    let issued = register(tx, rules, place, now, origin, checked, filing.warnings())?;
    if let Some(draft) = draft {
        draft::mark_issued(tx, draft, issued.revision_id)?;
        watch_clocks::end_draft(tx, draft)?;
    }
    if let Some(report) = report
        && answer_report::is_waiting(tx, report)?
    {
        answer_report::issued(tx, report, issued.revision_id, Some(by))?;
    }
    Ok(issued)
}

/// Gives a new incident its reference and issues its first revision.
pub(super) fn register(
    tx: &mut Tx<'_>,
    rules: &Rules,
    (gate, version): (&Gate, &RosterVersionRow),
    now: Instant,
    origin: Origin,
    checked: CheckedIncident,
    warnings: Vec<Fault>,
) -> Result<Issued, Error> {
    let year = i64::from(year_of(now, &rules.zone));
    let reference = incident::next_reference(tx, gate, year)?;
    let incident = IncidentRow {
        id: tx.new_id()?,
        reference,
        opened_at: now,
    };
    incident::insert(tx, &incident)?;
    let accepted = Accepted {
        incident: &incident,
        number: 1,
        before: None,
        checked,
        origin,
        now,
        warnings,
    };
    write(tx, gate, rules, version, accepted)
}

/// Issues the next revision of an incident to every partner bank, and to every former one that was told. `follows` is the
/// one that its author has read: another, issued meanwhile, is not overwritten unread.
pub fn issue_revision(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    reference: &str,
    (filing, follows): (&Filing, Option<i64>),
) -> Result<Issued, Error> {
    // The gate comes first: nobody may begin to hold one back between the question and the act.
    roster::enter_gate(tx)?;
    let incident = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    defer::nothing_deferred(tx, incident.id)?;
    if let Some(read) = follows
        && open_revision(tx, &incident)?.number != read
    {
        return Err(Refusal::VersionConflict.into());
    }
    let asks_why = true;
    revise(tx, rules, by, &incident, (filing, asks_why))
}

/// Issues the next revision of this incident. Where it `asks_why`, one that comes too late must say so.
pub(super) fn revise(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    incident: &IncidentRow,
    (filing, asks_why): (&Filing, bool),
) -> Result<Issued, Error> {
    let (gate, version) = enter(tx)?;
    let now = tx.now()?;
    let before = open_revision(tx, incident)?;
    let number = before.number + 1;
    let late = asks_why && watch_clocks::is_late(tx, rules, incident.id, now)?;
    let checked = filing.check(context_after(rules, &before, now)?.asking_why(late))?;
    write(
        tx,
        &gate,
        rules,
        &version,
        Accepted {
            incident,
            number,
            before: Some(&before),
            checked,
            origin: Origin::of(by),
            now,
            warnings: filing.warnings(),
        },
    )
}

/// What a first revision is judged against where a person files it: one that comes too late must say so.
pub(super) fn first_context(rules: &Rules, filing: &Filing, now: Instant) -> FilingContext {
    FilingContext::first(now)
        .by(&rules.profiles)
        .asking_why(filing.comes_late(&rules.profiles, now, &rules.zone))
}

/// What the revision after this one is judged against.
pub(super) fn context_after(
    rules: &Rules,
    before: &RevisionRow,
    now: Instant,
) -> Result<FilingContext, Error> {
    let earlier = Earlier {
        phase: Phase::parse(&before.phase).ok_or_else(|| damaged("phase"))?,
        kind: Kind::parse(&before.kind).ok_or_else(|| damaged("kind"))?,
    };
    let number = u32::try_from(before.number + 1).unwrap_or(u32::MAX);
    Ok(FilingContext::next(number, now, earlier).by(&rules.profiles))
}

pub(super) fn damaged(what: &str) -> Error {
    Error::Storage(crate::storage::Error::Corrupt(format!(
        "an unknown {what} is stored"
    )))
}

/// Takes the gate and the roster in force; an empty one refuses to issue.
pub(super) fn enter(tx: &mut Tx<'_>) -> Result<(Gate, RosterVersionRow), Error> {
    let mut gate = roster::enter_gate(tx)?;
    let version = cut_roster::roster_in_force(tx, &mut gate)?;
    match version.filter(|version| version.bank_count > 0) {
        Some(version) => Ok((gate, version)),
        None => Err(Refusal::RosterEmpty.into()),
    }
}

/// The newest revision of an incident that can still be revised.
pub(super) fn open_revision(tx: &mut Tx<'_>, incident: &IncidentRow) -> Result<RevisionRow, Error> {
    let latest = incident::latest_revision(tx, incident.id)?.ok_or(Error::NotFound)?;
    if latest.status == "closed" || latest.phase == "withdrawal" {
        return Err(Refusal::IncidentClosed.into());
    }
    Ok(latest)
}

pub(super) fn year_of(now: Instant, zone: &jiff::tz::TimeZone) -> i16 {
    jiff::Timestamp::from_microsecond(now.micros())
        .map_or(1970, |at| at.to_zoned(zone.clone()).year())
}

/// A filing that was accepted, with its place in the incident.
struct Accepted<'a> {
    incident: &'a IncidentRow,
    number: i64,
    before: Option<&'a RevisionRow>,
    checked: CheckedIncident,
    origin: Origin,
    now: Instant,
    warnings: Vec<Fault>,
}

fn write(
    tx: &mut Tx<'_>,
    gate: &Gate,
    rules: &Rules,
    version: &RosterVersionRow,
    accepted: Accepted<'_>,
) -> Result<Issued, Error> {
    let affected = known_banks(tx, &accepted.checked.affected, &accepted.checked.services)?;
    know_incidents(
        tx,
        &accepted.incident.reference,
        &accepted.checked.body.related_incidents,
        accepted.checked.body.kind,
    )?;
    let closing = match accepted.checked.body.incident_status {
        IncidentStatus::Closed => Some(close_incident::settled_before(tx, accepted.before)?),
        IncidentStatus::Open | IncidentStatus::Resolved => None,
    };
    let Accepted {
        incident,
        number,
        before,
        checked,
        origin,
        now,
        warnings,
    } = accepted;
    let body = checked
        .body
        .canonical_bytes(&stamp(incident, number, before, now, &origin)?);
    let digest = incident_digest(&body);
    let contacts = serde_json::to_vec(&checked.contacts).map_err(|_| damaged("contact"))?;
    let contacts_id = payload::seal(tx, incident.id, &contacts)?;
    let title = &checked.body.title;
    let revision = RevisionRow {
        id: tx.new_id()?,
        incident_id: incident.id,
        number,
        phase: checked.body.phase.code().into(),
        determination: checked.body.determination.code().into(),
        severity: checked.body.severity.code().into(),
        urgency: checked.body.urgency.code().into(),
        status: checked.body.incident_status.code().into(),
        tlp: checked.body.tlp.code().into(),
        kind: checked.body.kind.code().into(),
        title_ja: title.ja.clone().unwrap_or_default(),
        title_en: title.en.clone().unwrap_or_default(),
        search_text: search_text(&incident.reference, &checked),
        body,
        digest: digest.0.to_vec(),
        contacts_id: Some(contacts_id),
        accepted_at: now,
        accepted_by: origin.by,
        approval_id: None,
        fanout_id: tx.new_id()?,
    };
    let revision_id = revision.id;
    reopen_revision::keep_names(tx, &revision, &checked.affected, &checked.services)?;
    let promised = checked.body.next_update_at.map(|entered| entered.at);
    watch_clocks::after_revision(tx, rules, &revision, promised)?;
    let concern = Concern::Judged {
        exploited: checked.body.auth_exploited.clone(),
        affected,
    };
    let issue = Issue {
        reference: &incident.reference,
        revision,
        urgency: checked.body.urgency,
        concern,
    };
    let Written {
        notices,
        roster_version,
    } = fan_out::issue(tx, gate, rules, version, &issue)?;
    if let Some(settled) = closing {
        close_incident::close(tx, incident.id, revision_id, settled)?;
    }
    Ok(Issued {
        incident: incident.id,
        reference: incident.reference.clone(),
        revision: number,
        revision_id,
        notices,
        roster_version,
        accepted_at: now,
        digest,
        warnings,
    })
}

/// What the hub itself writes into the body.
pub(super) fn stamp(
    incident: &IncidentRow,
    number: i64,
    before: Option<&RevisionRow>,
    accepted_at: Instant,
    origin: &Origin,
) -> Result<Stamp, Error> {
    let reference: IncidentRef = incident
        .reference
        .parse()
        .map_err(|_| damaged("reference"))?;
    Ok(Stamp {
        incident: reference,
        revision: u32::try_from(number).unwrap_or(u32::MAX),
        supersedes: before.map(|row| Supersedes {
            revision: u32::try_from(row.number).unwrap_or(u32::MAX),
            incident_digest: Digest(fan_out::hash_of(&row.digest)),
        }),
        accepted_at,
        source: match before {
            Some(row) => source_of(row)?,
            None => origin.source,
        },
        unverified: origin.unverified,
    })
}

#[derive(Deserialize)]
struct Sourced {
    source: Source,
}

/// Who reported the incident, as its stored body says.
fn source_of(row: &RevisionRow) -> Result<Source, Error> {
    let read: Result<Sourced, _> = serde_json::from_slice(&row.body);
    Ok(read.map_err(|_| damaged("body"))?.source)
}

fn search_text(reference: &str, checked: &CheckedIncident) -> String {
    let body = &checked.body;
    let words = [&body.title, &body.description]
        .into_iter()
        .flat_map(|words| [words.ja.as_deref(), words.en.as_deref()]);
    let mut text = reference.to_lowercase();
    for part in words.flatten() {
        text.push('\n');
        text.push_str(&part.to_lowercase());
    }
    for other in &body.related_incidents {
        text.push_str(&reading::named(&other.to_string()));
    }
    text
}

/// The affected banks by id; a code that is not in the register is a fault of the filing.
pub(super) fn known_banks(
    tx: &mut Tx<'_>,
    affected: &Affected,
    services: &[BankServices],
) -> Result<HashSet<Uid>, Error> {
    let mut faults = Faults::default();
    let mut known = HashSet::new();
    let unknown = |faults: &mut Faults, pointer: String, code: &str| {
        faults.add(
            pointer,
            "bank_unknown",
            format!("no bank with the code {code} is in the register"),
        );
    };
    let observers = bank::observers(tx)?;
    if let Affected::Banks(codes) = affected {
        for (place, code) in codes.iter().enumerate() {
            match bank::by_code(tx, code)? {
                Some(row) if observers.contains(&row.id) => faults.add(
                    format!("/affected_banks/{place}"),
                    "bank_observes",
                    format!("{code} is an observer, and has no customers to lose"),
                ),
                Some(row) => {
                    known.insert(row.id);
                }
                None => unknown(&mut faults, format!("/affected_banks/{place}"), code),
            }
        }
    }
    for (place, service) in services.iter().enumerate() {
        if bank::by_code(tx, &service.bank)?.is_none() {
            unknown(
                &mut faults,
                format!("/services/{place}/bank"),
                &service.bank,
            );
        }
    }
    Ok(faults.into_result(known)?)
}

/// A related incident that was never filed is a fault of the filing, and so is one of another kind: an exercise stands
/// among exercises alone.
pub(super) fn know_incidents(
    tx: &mut Tx<'_>,
    own: &str,
    related: &[IncidentRef],
    kind: Kind,
) -> Result<(), Error> {
    let mut faults = Faults::default();
    for (place, reference) in related.iter().enumerate() {
        if reference.to_string() == own {
            faults.add(
                format!("/related_incidents/{place}"),
                "related_itself",
                "an incident is not related to itself",
            );
            continue;
        }
        let fault = match kind_of(tx, *reference)? {
            None => Some(("incident_unknown", "there is no such incident")),
            Some(other) if other != kind.code() => Some(OTHER_KIND),
            Some(_) => None,
        };
        if let Some((code, said)) = fault {
            faults.add(format!("/related_incidents/{place}"), code, said);
        }
    }
    Ok(faults.into_result(())?)
}

/// The code and words of a fault.
pub(super) const OTHER_KIND: (&str, &str) = (
    "kind_differs",
    "that incident is of another kind: exercises and actual incidents are kept apart",
);

/// The kind of an incident, as its first revision said it for good.
pub(super) fn kind_of(tx: &mut Tx<'_>, reference: IncidentRef) -> Result<Option<String>, Error> {
    let Some(known) = incident::by_reference(tx, &reference.to_string())? else {
        return Ok(None);
    };
    Ok(incident::kind_of(tx, known.id)?)
}

/// What answers a bank's report is what the bank reported: never an exercise.
pub(super) fn answers_as_actual(is_answer: bool, kind: Kind) -> Result<(), Error> {
    if is_answer && kind != Kind::Actual {
        let said = "a bank's report is of an actual suspicion: it is never issued as an exercise";
        return Err(Error::invalid("/kind", "report_actual", said));
    }
    Ok(())
}
