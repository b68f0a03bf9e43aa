//! The operator's own clocks: what is owed next of every open draft and incident. Warns the operator's people before
//! one runs out and tells them once it has; it issues nothing by itself.

use super::alert::{self, OperatorAlert, alert};
use super::{Error, Rules};
use crate::domain::deadline::Due;
use crate::domain::id::Uid;
use crate::domain::incident::IncidentBody;
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{Kind, Phase};
use crate::storage::incident::{self, RevisionRow};
use crate::storage::operator_clock::{self, ClockRow, ClockStepRow};
use crate::storage::{Tx, deferral, draft};
use serde_json::Value;

const AT_ONCE: i64 = 100;

/// The steps of a clock: it was warned of, it is missed.
const WARNED: i64 = 1;
const MISSED: i64 = 2;

/// Starts, or starts anew, the clock of a draft: from suspicion, with the ceiling from awareness. What the draft
/// does not say yet counts from its beginning.
pub(super) fn of_draft(
    tx: &mut Tx<'_>,
    rules: &Rules,
    id: Uid,
    created_at: Instant,
    body: &str,
) -> Result<(), Error> {
    let typed: Value = serde_json::from_str(body).unwrap_or_default();
    if typed["kind"]
        .as_str()
        .is_some_and(|kind| kind != Kind::Actual.code())
    {
        return Ok(operator_clock::end(tx, id)?);
    }
    let time = |field: &str| {
        let text = typed[field].as_str()?;
        Entered::parse(text).ok().map(|entered| entered.at)
    };
    let suspected = time("detected_at").unwrap_or(created_at);
    let aware = time("aware_at").unwrap_or(suspected);
    let Some(due) = first_due(rules, suspected, aware) else {
        return Ok(());
    };
    let said = operator_clock::of(tx, id)?.map_or(WARNED, |row| row.next_step);
    let row = row_of(rules, (id, id), Phase::Initial, suspected, due, said);
    Ok(operator_clock::set(tx, row)?)
}

/// The draft was issued or discarded.
pub(super) fn end_draft(tx: &mut Tx<'_>, id: Uid) -> Result<(), Error> {
    Ok(operator_clock::end(tx, id)?)
}

/// Starts the clock that a revision leaves behind, in the place of the one before.
pub(super) fn after_revision(
    tx: &mut Tx<'_>,
    rules: &Rules,
    latest: &RevisionRow,
    promised: Option<Instant>,
) -> Result<(), Error> {
    match owed(tx, rules, latest, promised)? {
        Some(row) => Ok(operator_clock::set(tx, row)?),
        None => Ok(operator_clock::end(tx, latest.incident_id)?),
    }
}

/// By when a suspicion has to be issued; `aware` starts its ceiling.
pub(super) fn first_due(rules: &Rules, suspected: Instant, aware: Instant) -> Option<Due> {
    let clock = rules.profiles.operator().clock(Phase::Initial.code())?;
    let profiles = &rules.profiles;
    Some(profiles.due(clock, suspected, Some(aware), &rules.zone))
}

/// What is owed after this revision; `None` = nothing: the incident was closed, withdrawn, or is an exercise.
fn owed(
    tx: &mut Tx<'_>,
    rules: &Rules,
    latest: &RevisionRow,
    promised: Option<Instant>,
) -> Result<Option<ClockRow>, Error> {
    let first_at = match Phase::parse(&latest.phase) {
        Some(Phase::Initial) if latest.number > 1 => incident::revisions(tx, latest.incident_id)?
            .first()
            .map_or(latest.accepted_at, |first| first.accepted_at),
        _ => latest.accepted_at,
    };
    let left = Left {
        phase: &latest.phase,
        status: &latest.status,
        kind: &latest.kind,
        accepted_at: latest.accepted_at,
        promised,
    };
    let ids = (latest.incident_id, latest.id);
    Ok(left
        .owed(rules, first_at)
        .map(|(next, due)| row_of(rules, ids, next, latest.accepted_at, due, WARNED)))
}

/// A revision, as far as it tells what comes next.
pub(super) struct Left<'r> {
    pub phase: &'r str,
    pub status: &'r str,
    pub kind: &'r str,
    pub accepted_at: Instant,
    /// When it promised the next word.
    pub promised: Option<Instant>,
}

impl Left<'_> {
    /// What is owed after it, and by when; `first_at` is when the incident's first revision was accepted.
    pub(super) fn owed(&self, rules: &Rules, first_at: Instant) -> Option<(Phase, Due)> {
        let next = match Phase::parse(self.phase)? {
            Phase::Initial => Phase::Intermediate,
            Phase::Intermediate => Phase::Final,
            Phase::Final | Phase::Withdrawal => return None,
        };
        if self.status == "closed" || self.kind != Kind::Actual.code() {
            return None;
        }
        let clock = rules.profiles.operator().clock(next.code())?;
        // The profile counts from the first word of the incident, or from the last that it has of this phase.
        let started = match next {
            Phase::Intermediate => first_at,
            _ => self.accepted_at,
        };
        let by_profile = rules.profiles.due(clock, started, None, &rules.zone).at();
        // What was promised is the clock; what the profile says limits it.
        let due = match self.promised {
            Some(promised) => Due {
                clock_at: promised,
                ceiling_at: Some(by_profile),
            },
            None => Due {
                clock_at: by_profile,
                ceiling_at: None,
            },
        };
        Some((next, due))
    }
}

fn row_of(
    rules: &Rules,
    (subject_id, origin_id): (Uid, Uid),
    phase: Phase,
    started_at: Instant,
    due: Due,
    next_step: i64,
) -> ClockRow {
    let mut row = ClockRow {
        subject_id,
        origin_id,
        phase: phase.code().into(),
        started_at,
        clock_at: due.clock_at,
        ceiling_at: due.ceiling_at,
        next_step,
        next_at: due.at(),
    };
    row.next_at = look_at(rules, &row, next_step);
    row
}

/// When something is to be said: as far along as the profile warns, and at the deadline.
fn look_at(rules: &Rules, row: &ClockRow, step: i64) -> Instant {
    let due = row.due_at();
    if step != WARNED {
        return due;
    }
    let whole = due.since(row.started_at);
    row.started_at + whole * rules.profiles.operator().warn_percent / 100
}

/// Whether a revision that is accepted now comes after its deadline.
pub(super) fn is_late(
    tx: &mut Tx<'_>,
    rules: &Rules,
    incident_id: Uid,
    now: Instant,
) -> Result<bool, Error> {
    let row = operator_clock::of(tx, incident_id)?;
    Ok(rules.profiles.operator().explain_late && row.is_some_and(|row| row.due_at() < now))
}

/// Says what is to be said of clocks, the nearest deadline first; returns how often it did, and whether there may
/// be more.
pub fn watch_clocks(tx: &mut Tx<'_>, rules: &Rules) -> Result<(usize, bool), Error> {
    let now = tx.now()?;
    let rows = operator_clock::due(tx, now, AT_ONCE)?;
    let mut said = 0;
    for row in &rows {
        // Whoever was down for the warning is told that it is missed, and no more.
        let step = if row.due_at() <= now { MISSED } else { WARNED };
        let step = step.max(row.next_step);
        if !operator_clock::advance(tx, row, step + 1, look_at(rules, row, step + 1))? {
            continue;
        }
        // A draft that was edited may have its deadline anew; what was said of it stays said once.
        if operator_clock::steps_of(tx, row.origin_id)?
            .iter()
            .any(|known| known.n == step)
        {
            continue;
        }
        let fact = ClockStepRow {
            origin_id: row.origin_id,
            n: step,
            subject_id: row.subject_id,
            phase: row.phase.clone(),
            due_at: row.due_at(),
            recorded_at: now,
        };
        operator_clock::insert_step(tx, &fact)?;
        tell(tx, row, step)?;
        said += 1;
    }
    let more = i64::try_from(rows.len()).is_ok_and(|found| found == AT_ONCE);
    Ok((said, more))
}

fn tell(tx: &mut Tx<'_>, row: &ClockRow, step: i64) -> Result<(), Error> {
    // What two people hold back is not to be issued now, and the hub issues it by itself.
    if deferral::of_incident(tx, row.subject_id)?.is_some()
        || deferral::of_draft(tx, row.subject_id)?.is_some()
    {
        return Ok(());
    }
    let code = if step == MISSED {
        "clock-missed"
    } else {
        "clock-running-out"
    };
    let incident = incident::by_id(tx, row.subject_id)?.map(|known| known.reference);
    let inputs = OperatorAlert {
        alert: code.into(),
        draft: incident.is_none().then_some(row.subject_id),
        incident,
        owed: Some(row.phase.clone()),
        due_at: Some(alert::time(row.due_at())),
        ..OperatorAlert::default()
    };
    alert(tx, &["officer"], &inputs)
}

/// Starts the clocks of all open drafts and incidents that have none, and ends those of others; returns how many
/// differed. For a database that was put back, or is older than the clocks.
pub fn rebuild(tx: &mut Tx<'_>, rules: &Rules) -> Result<i64, Error> {
    let mut differed = 0;
    for row in draft::all(tx)? {
        let known = operator_clock::of(tx, row.id)?.is_some();
        if row.is_open() && !known {
            let body = super::draft::get(tx, row.id)?.body;
            of_draft(tx, rules, row.id, row.created_at, &body)?;
            differed += i64::from(operator_clock::of(tx, row.id)?.is_some());
        } else if !row.is_open() && known {
            operator_clock::end(tx, row.id)?;
            differed += 1;
        }
    }
    for latest in incident::latest_revisions(tx)? {
        let known = operator_clock::of(tx, latest.incident_id)?;
        let promised = promised(&latest);
        let wanted = owed(tx, rules, &latest, promised)?;
        if known.as_ref().map(|row| row.origin_id) != wanted.as_ref().map(|row| row.origin_id) {
            after_revision(tx, rules, &latest, promised)?;
            differed += 1;
        }
    }
    Ok(differed)
}

/// When a stored revision promised the next word.
fn promised(row: &RevisionRow) -> Option<Instant> {
    let body = IncidentBody::read(&row.body).ok()?;
    body.next_update_at.map(|entered| entered.at)
}
