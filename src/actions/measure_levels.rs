//! Measures service levels over some months: every notice's time to be delivered and acknowledged, and the
//! operator's own clocks. Exercises and tests are left out, and counted. Changes nothing.

use super::watch_clocks::{self, Left};
use super::{Error, Rules};
use crate::domain::id::Uid;
use crate::domain::incident::IncidentBody;
use crate::domain::instant::Instant;
use crate::domain::service_level::{End, Levels, Months, Run, ServiceClock, Standing};
use crate::domain::vocabulary::Phase;
use crate::storage::service_level::{self, NoticeSpan, RevisionSpan};
use crate::storage::{Tx, bank, deferral};
use std::collections::HashSet;

/// The most notices, and the most revisions, of one answer.
pub const MOST: i64 = 200_000;

/// What is asked: these months, of one bank or of all.
#[derive(Debug, Clone)]
pub struct Question {
    pub months: Months,
    /// A bank's code. Of the operator's own clocks it takes those of what this bank was told.
    pub bank: Option<String>,
}

/// A clock of the operator's that was missed.
#[derive(Debug, Clone)]
pub struct Missed {
    pub clock: ServiceClock,
    /// The incident, or else it is a draft's.
    pub incident: Option<String>,
    pub draft: Option<Uid>,
    /// The revision that came too late, whether it was what was owed or only ended the clock; `None` = none has come.
    pub revision: Option<i64>,
    pub due_at: Instant,
    /// `None` = what was owed has not come.
    pub issued_at: Option<Instant>,
    /// When that revision came.
    pub ended_at: Option<Instant>,
    /// Why, as the late revision says it.
    pub reason: Option<String>,
    /// On what basis two people had held that revision back: a code.
    pub deferral_basis: Option<String>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Measured {
    pub at: Instant,
    pub levels: Levels,
    /// The deadline that was missed last comes first.
    pub missed: Vec<Missed>,
    /// Revisions of exercises and tests, by kind.
    pub left_out: Vec<(String, i64)>,
}

/// Answers the question; `None` = it asks for more than [`MOST`].
pub fn measure(
    tx: &mut Tx<'_>,
    rules: &Rules,
    question: &Question,
) -> Result<Option<Measured>, Error> {
    let now = tx.now()?;
    let within = question.months.bounds(&rules.zone);
    let bank = match &question.bank {
        None => None,
        Some(code) => Some(bank::by_code(tx, code)?.ok_or(Error::NotFound)?.id),
    };
    let notices = service_level::notices(tx, within, bank, MOST + 1)?;
    let revisions = service_level::revisions(tx, within, MOST + 1)?;
    if too_many(notices.len()) || too_many(revisions.len()) {
        return Ok(None);
    }
    let mut own = of_revisions(rules, &revisions)?;
    if bank.is_some() {
        let told = told(&notices);
        own.retain(|clock| told.contains(&clock.origin));
    } else {
        own.extend(of_drafts(tx, within)?);
    }
    own.retain(|clock| (within.0..within.1).contains(&clock.run.issued_at));
    let mut runs: Vec<Run> = own.iter().map(|clock| clock.run).collect();
    runs.extend(notices.iter().flat_map(of_notice));
    own.retain(|clock| clock.run.standing(now) == Standing::Late);
    Ok(Some(Measured {
        at: now,
        levels: Levels::of(&runs, &question.months, &rules.zone, now),
        missed: missed(tx, own)?,
        left_out: service_level::left_out(tx, within)?,
    }))
}

/// What is told of these clocks, each with the basis of a deferral that held its revision back.
fn missed(tx: &mut Tx<'_>, late: Vec<OwnClock>) -> Result<Vec<Missed>, Error> {
    let came: Vec<Uid> = late.iter().filter_map(|clock| clock.came).collect();
    let bases = deferral::bases(tx, &came)?;
    let told = late.into_iter().map(|clock| Missed {
        deferral_basis: clock.came.and_then(|id| bases.get(&id).cloned()),
        ..clock.missed
    });
    let mut missed: Vec<Missed> = told.collect();
    missed.sort_by_key(|one| std::cmp::Reverse(one.due_at));
    Ok(missed)
}

fn too_many(found: usize) -> bool {
    i64::try_from(found).is_ok_and(|found| found > MOST)
}

/// The two clocks of a notice. Where two people closed it, only a stamp that came all the same is in time.
fn of_notice(span: &NoticeSpan) -> [Run; 2] {
    let run = |clock, due_at, end| Run {
        clock,
        bank: Some(span.bank),
        issued_at: span.issued_at,
        started_at: span.issued_at,
        due_at,
        end,
    };
    let stamped = match (span.acknowledged_at, span.closed_at) {
        (Some(at), _) => End::At(at),
        (None, Some(_)) => End::GivenUp,
        (None, None) => End::Open,
    };
    let delivered = span.delivered_at.map_or(End::Open, End::At);
    [
        run(ServiceClock::Deliver, None, delivered),
        run(
            ServiceClock::Acknowledge,
            Some(span.acknowledge_by),
            stamped,
        ),
    ]
}

/// What was issued to the bank of these notices when it was issued to all.
fn told(notices: &[NoticeSpan]) -> HashSet<Uid> {
    let from_the_start = notices.iter().filter(|span| span.reason != "late_joiner");
    from_the_start.map(|span| span.revision).collect()
}

/// A clock of the operator's, with what is told if it is missed.
struct OwnClock {
    /// The revision or draft from which it runs.
    origin: Uid,
    /// The revision that ended it.
    came: Option<Uid>,
    run: Run,
    missed: Missed,
}

impl OwnClock {
    fn new(
        (origin, incident, draft): (Uid, Option<String>, Option<Uid>),
        run: Run,
        due_at: Instant,
        came: Option<(&RevisionSpan, Option<&IncidentBody>)>,
    ) -> Self {
        let issued_at = match run.end {
            End::At(at) => Some(at),
            End::Open | End::GivenUp => None,
        };
        Self {
            origin,
            came: came.map(|(row, _)| row.id),
            run,
            missed: Missed {
                clock: run.clock,
                incident,
                draft,
                revision: came.map(|(row, _)| row.number),
                due_at,
                issued_at,
                ended_at: came.map(|(row, _)| row.accepted_at),
                reason: came.and_then(|(_, body)| body?.late_reason.clone()),
                deferral_basis: None,
            },
        }
    }
}

fn of_revisions(rules: &Rules, rows: &[RevisionSpan]) -> Result<Vec<OwnClock>, Error> {
    let mut clocks = Vec::new();
    for incident in rows.chunk_by(|one, other| one.incident == other.incident) {
        clocks.extend(of_incident(rules, incident)?);
    }
    Ok(clocks)
}

/// The clocks of one incident, whose revisions come in order: until the first word, and from each word to the next.
fn of_incident(rules: &Rules, rows: &[RevisionSpan]) -> Result<Vec<OwnClock>, Error> {
    let mut clocks = Vec::new();
    let mut bodies = Vec::with_capacity(rows.len());
    for row in rows {
        bodies.push(body_of(row)?);
    }
    let first_at = rows
        .first()
        .map_or(Instant::from_micros(0), |row| row.accepted_at);
    for (at, (row, body)) in rows.iter().zip(&bodies).enumerate() {
        // A withdrawal leaves nothing owed.
        let Some(body) = body else { continue };
        let next = rows.get(at + 1).zip(bodies.get(at + 1));
        clocks.extend(first_word(rules, row, body));
        clocks.extend(next_word(rules, first_at, (row, body), next));
    }
    Ok(clocks)
}

/// `None` = a withdrawal.
fn body_of(row: &RevisionSpan) -> Result<Option<IncidentBody>, Error> {
    if row.phase == Phase::Withdrawal.code() {
        return Ok(None);
    }
    let body = IncidentBody::read(&row.body).map_err(|_| super::issue::damaged("body"))?;
    Ok(Some(body))
}

fn first_word(rules: &Rules, row: &RevisionSpan, body: &IncidentBody) -> Option<OwnClock> {
    if row.number != 1 {
        return None;
    }
    let due = watch_clocks::first_due(rules, body.detected_at.at, body.aware_at.at)?.at();
    let run = Run {
        clock: ServiceClock::Notify,
        bank: None,
        issued_at: row.accepted_at,
        started_at: body.detected_at.at,
        due_at: Some(due),
        end: End::At(row.accepted_at),
    };
    let ids = (row.id, Some(row.reference.clone()), None);
    Some(OwnClock::new(ids, run, due, Some((row, Some(body)))))
}

/// What a revision left owed. A further one of the same phase that comes before the deadline only starts the clock
/// anew, and is not counted; one that comes after it ends the clock too, but is not what was owed.
fn next_word(
    rules: &Rules,
    first_at: Instant,
    (row, body): (&RevisionSpan, &IncidentBody),
    next: Option<(&RevisionSpan, &Option<IncidentBody>)>,
) -> Option<OwnClock> {
    let left = Left {
        phase: &row.phase,
        status: &row.status,
        kind: &row.kind,
        accepted_at: row.accepted_at,
        promised: body.next_update_at.map(|entered| entered.at),
    };
    let (phase, due) = left.owed(rules, first_at)?;
    let due = due.at();
    let clock = match phase {
        Phase::Intermediate => ServiceClock::Intermediate,
        _ => ServiceClock::Final,
    };
    let answers = |next: &RevisionSpan| Phase::parse(&next.phase).is_some_and(|said| said >= phase);
    let end = match next {
        None => End::Open,
        Some((next, _)) if answers(next) => End::At(next.accepted_at),
        Some((next, _)) if next.accepted_at <= due => return None,
        Some(_) => End::GivenUp,
    };
    let run = Run {
        clock,
        bank: None,
        issued_at: row.accepted_at,
        started_at: row.accepted_at,
        due_at: Some(due),
        end,
    };
    let ids = (row.id, Some(row.reference.clone()), None);
    let came = next.map(|(next, body)| (next, body.as_ref()));
    Some(OwnClock::new(ids, run, due, came))
}

/// What nobody has issued or discarded, in the month in which it was begun.
fn of_drafts(tx: &mut Tx<'_>, within: service_level::Within) -> Result<Vec<OwnClock>, Error> {
    let rows = service_level::drafts(tx, within, MOST)?;
    let clocks = rows.into_iter().map(|(row, begun_at)| {
        let due = row.due_at();
        let run = Run {
            clock: ServiceClock::Notify,
            bank: None,
            issued_at: begun_at,
            started_at: row.started_at,
            due_at: Some(due),
            end: End::Open,
        };
        let ids = (row.subject_id, None, Some(row.subject_id));
        OwnClock::new(ids, run, due, None)
    });
    Ok(clocks.collect())
}
