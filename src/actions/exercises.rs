//! Exercises: when the next one is due, telling the operator's people so, and what each of them showed. Files none: an
//! officer does, like any incident, and it goes the whole way.

use super::alert::{self, OperatorAlert, alert};
use super::{Error, Rules};
use crate::domain::deadline::Scheduled;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use crate::domain::service_level::nearest_rank;
use crate::storage::incident::{self, IncidentRow, RevisionRow};
use crate::storage::operator_clock::{self, ClockStepRow};
use crate::storage::{Tx, exercise, reading, roster};

/// What is said of the schedule, once each: it comes near, it is over.
const NEAR: i64 = 1;
const OVER: i64 = 2;
const PHASE: &str = "exercise";

/// The schedule as it stands.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The last exercise that was not withdrawn, with its first revision; `None` = there was none, and it counts from the
    /// first roster.
    pub last: Option<(IncidentRow, RevisionRow)>,
    pub since: Instant,
    pub next: Scheduled,
    /// What started it: the last exercise's first revision, or the first version of the roster.
    origin: Uid,
    subject: Uid,
}

impl Schedule {
    /// Whether the operator's people have been, or are about to be, told that it comes near.
    pub fn is_near(&self, now: Instant) -> bool {
        self.next.warn_at <= now
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.next.due_at <= now
    }
}

/// When the next exercise is due; `None` = no schedule is on, or nobody is on the roster yet.
pub fn schedule(tx: &mut Tx<'_>, rules: &Rules) -> Result<Option<Schedule>, Error> {
    let (last, since, origin, subject) = match exercise::last(tx)? {
        Some((known, first)) => {
            let (since, origin, subject) = (first.accepted_at, first.id, known.id);
            (Some((known, first)), since, origin, subject)
        }
        None => {
            let Some(first) = roster::version(tx, 1)? else {
                return Ok(None);
            };
            let subject = roster::subject(first.version);
            (None, first.effective_at, subject, subject)
        }
    };
    let next = rules.profiles.exercise(since, &rules.zone);
    Ok(next.map(|next| Schedule {
        last,
        since,
        next,
        origin,
        subject,
    }))
}

/// What is to be said of the schedule now, and since when; `None` = it was said, or it is not time yet.
pub(super) fn unsaid(tx: &mut Tx<'_>, rules: &Rules) -> Result<Option<Instant>, Error> {
    let now = tx.now()?;
    let Some(schedule) = schedule(tx, rules)? else {
        return Ok(None);
    };
    let step = step_of(tx, &schedule, now)?;
    Ok(step.map(|step| match step {
        OVER => schedule.next.due_at,
        _ => schedule.next.warn_at,
    }))
}

/// Whoever was down for the warning is told that it is over, and no more.
fn step_of(tx: &mut Tx<'_>, schedule: &Schedule, now: Instant) -> Result<Option<i64>, Error> {
    let step = if schedule.is_over(now) {
        OVER
    } else if schedule.is_near(now) {
        NEAR
    } else {
        return Ok(None);
    };
    let said = operator_clock::steps_of(tx, schedule.origin)?;
    Ok(Some(step).filter(|step| said.iter().all(|known| known.n < *step)))
}

/// Tells the operator's people that the next exercise is near or overdue; false = it was said already.
pub(super) fn tell(tx: &mut Tx<'_>, rules: &Rules) -> Result<bool, Error> {
    let now = tx.now()?;
    let Some(schedule) = schedule(tx, rules)? else {
        return Ok(false);
    };
    let Some(step) = step_of(tx, &schedule, now)? else {
        return Ok(false);
    };
    let fact = ClockStepRow {
        origin_id: schedule.origin,
        n: step,
        subject_id: schedule.subject,
        phase: PHASE.into(),
        due_at: schedule.next.due_at,
        recorded_at: now,
    };
    operator_clock::insert_step(tx, &fact)?;
    let code = if step == OVER {
        "exercise-overdue"
    } else {
        "exercise-near"
    };
    // The last exercise is named beside it: the alert itself is no exercise.
    let inputs = OperatorAlert {
        alert: code.into(),
        due_at: Some(alert::time(schedule.next.due_at)),
        last_exercise: schedule.last.map(|(row, _)| row.reference),
        ..OperatorAlert::default()
    };
    alert(tx, &["auditor", "officer"], &inputs)?;
    Ok(true)
}

/// What one exercise showed: of the notices of its first revision.
#[derive(Debug, Clone)]
pub struct Shown {
    pub incident: IncidentRow,
    pub first: RevisionRow,
    pub latest: RevisionRow,
    pub notices: usize,
    pub delivered: usize,
    pub acknowledged: usize,
    /// Acknowledged by the time that the notice named.
    pub in_time: usize,
    /// From issue to acknowledgement, of those that acknowledged.
    pub median_s: Option<i64>,
    /// The banks that have not acknowledged, by code.
    pub open: Vec<String>,
}

/// The newest exercises with their results.
pub fn results(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Shown>, Error> {
    let rows = exercise::all(tx, limit)?;
    rows.into_iter()
        .map(|(incident, first)| shown(tx, incident, first))
        .collect()
}

/// What this exercise showed.
pub fn shown(tx: &mut Tx<'_>, incident: IncidentRow, first: RevisionRow) -> Result<Shown, Error> {
    let now = tx.now()?;
    let latest = incident::latest_revision(tx, incident.id)?.ok_or(Error::NotFound)?;
    let cells = reading::board(tx, first.id)?;
    let ids: Vec<Uid> = cells.iter().map(|cell| cell.notice).collect();
    let levels = reading::levels_at(tx, &ids, now)?;
    let delivered = levels
        .values()
        .filter(|(level, _)| *level >= Level::Delivered)
        .count();
    let mut took = Vec::new();
    let (mut in_time, mut open) = (0, Vec::new());
    for cell in &cells {
        match cell.acknowledged_at {
            Some(at) => {
                took.push(i64::try_from(at.since(cell.issued_at).as_secs()).unwrap_or(i64::MAX));
                in_time += usize::from(at <= cell.acknowledge_by);
            }
            None => open.push(cell.bank.clone()),
        }
    }
    took.sort_unstable();
    Ok(Shown {
        notices: cells.len(),
        delivered,
        acknowledged: took.len(),
        in_time,
        median_s: nearest_rank(&took, 50),
        open,
        incident,
        first,
        latest,
    })
}
