//! Chasing the banks that have not acknowledged: every step that is due is taken once, in the order of deadlines,
//! however long the hub was down. A step is a fact, a reminder over the usual channels, and at the deadline a call
//! that somebody has to make. Only an acknowledgement ends a chase, in its own transaction.

use super::alert::{OperatorAlert, alert};
use super::fan_out::{Sealed, delivery_row, message_row};
use super::{Error, Rules, overtake};
use crate::domain::chase::{Chase, Step, StepKind, chased_as, due_steps};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::phone_task::Event;
use crate::domain::vocabulary::Urgency;
use crate::storage::chase::{self, OpenChase, StepRow};
use crate::storage::delivery::{self, DeliveryRow};
use crate::storage::notice::NoticeRow;
use crate::storage::phone_task::{self, PhoneEventRow};
use crate::storage::{Tx, bank, incident, payload};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Chases that one transaction looks at, and steps that it takes at most.
const LOOK_AT: i64 = 200;
const STEPS: usize = 100;

/// The kind of a reminder's message.
pub const REMINDER: &str = "notice.reminder";

/// What one transaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chased {
    pub steps: usize,
    /// There may be more.
    pub more: bool,
}

/// Takes the steps that are due, the longest overdue first, as many as one transaction should.
pub fn chase(tx: &mut Tx<'_>, rules: &Rules) -> Result<Chased, Error> {
    let now = tx.now()?;
    let open = chase::due(tx, now, LOOK_AT)?;
    let cut = i64::try_from(open.len()).is_ok_and(|found| found == LOOK_AT);
    // Of those beyond the cut nothing is known but that they come later.
    let horizon = open.last().filter(|_| cut).map(|last| last.next_at);
    let chases: Vec<Chase> = open.iter().map(|one| planned(rules, one)).collect();
    let late = put_off(tx, &open, &chases, now)?;
    let steps = due_steps(&chases, horizon.unwrap_or(now).min(now), STEPS);
    let known: HashMap<Uid, (&OpenChase, &Chase)> = open
        .iter()
        .zip(&chases)
        .map(|(open, chase)| (open.notice, (open, chase)))
        .collect();
    let mut taken = Vec::with_capacity(steps.len());
    let mut gone = HashSet::new();
    for (id, step) in steps {
        let (open, chase) = known[&id];
        let next_at = chase.plan.step(step.n + 1).due_at;
        // Whoever acknowledged meanwhile, or another node, has ended or moved it.
        if gone.contains(&id) || !chase::advance(tx, id, step.n, step.n + 1, next_at)? {
            gone.insert(id);
            continue;
        }
        take(tx, open, &step)?;
        taken.push((open, step));
    }
    tell(tx, &taken)?;
    if !taken.is_empty() {
        tx.wake_engine();
    }
    Ok(Chased {
        steps: taken.len(),
        more: cut || taken.len() == STEPS || late > 0,
    })
}

fn planned(rules: &Rules, open: &OpenChase) -> Chase {
    let near = open.exposed || open.concerns_you;
    let urgency = chased_as(&open.urgency, &open.status, &open.reason);
    let (issued, by) = (open.issued_at, open.acknowledge_by);
    Chase {
        notice: open.notice,
        next: open.next_step,
        plan: rules.profiles.plan(issued, by, urgency, near, &rules.zone),
    }
}

/// Chases that are looked at too early, because their clocks were changed or rebuilt, wait for their step.
fn put_off(
    tx: &mut Tx<'_>,
    open: &[OpenChase],
    chases: &[Chase],
    now: Instant,
) -> Result<usize, Error> {
    let mut moved = 0;
    for (open, chase) in open.iter().zip(chases) {
        let due_at = chase.plan.step(chase.next).due_at;
        if due_at != open.next_at
            && chase::advance(tx, open.notice, chase.next, chase.next, due_at)?
        {
            moved += usize::from(due_at <= now);
        }
    }
    Ok(moved)
}

/// One step: its reminder over every way that its level has, in the place of an earlier one that still waits.
fn take(tx: &mut Tx<'_>, open: &OpenChase, step: &Step) -> Result<(), Error> {
    let now = tx.now()?;
    chase::supersede_reminders(tx, open.notice)?;
    let message = Uid::at(now);
    let (notice, bank_id) = (Some(open.notice), open.bank);
    let of = Some(Sealed {
        notice: open.notice,
        fanout: open.fanout,
    });
    let inputs = inputs_of(tx, open)?;
    let sent = message_row(message, REMINDER, notice, bank_id, inputs, now);
    delivery::insert_messages(tx, &[sent])?;
    let row =
        |channel: &str, target| delivery_row(message, of, Some(bank_id), channel, target, now);
    let mut rows: Vec<DeliveryRow> = Vec::new();
    for endpoint in bank::endpoints_of(tx, bank_id)? {
        rows.push(row("webhook", endpoint.id));
    }
    for contact in bank::contacts_of(tx, bank_id)? {
        if contact.level <= step.contacts {
            rows.push(row("email", contact.id));
        }
    }
    delivery::insert_deliveries(tx, &rows)?;
    let fact = StepRow {
        notice_id: open.notice,
        n: step.n,
        kind: step.kind.code().into(),
        contacts: step.contacts,
        due_at: step.due_at,
        message_id: message,
        recorded_at: now,
    };
    chase::insert_step(tx, bank_id, &fact)?;
    if step.phone_task {
        open_call(tx, open)?;
    }
    Ok(())
}

/// What a reminder says beside its notice: which newer one has taken its place. It is frozen as the reminder is written,
/// so that every try is the same, whatever is issued meanwhile. `None` = nothing.
fn inputs_of(tx: &mut Tx<'_>, open: &OpenChase) -> Result<Option<Uid>, Error> {
    let Some(by) = overtake::overtaken(tx, open.notice)? else {
        return Ok(None);
    };
    let inputs = serde_json::to_vec(&by).map_err(|_| super::issue::damaged("reminder"))?;
    // A bank whose data key is damaged is reminded without it, and the others are reminded.
    let sealed = payload::seal_all(tx, &[(open.bank, &inputs)])?;
    Ok(sealed.into_iter().flatten().next())
}

/// One call for each notice, whatever the ladder says.
fn open_call(tx: &mut Tx<'_>, open: &OpenChase) -> Result<(), Error> {
    if !phone_task::of_notices(tx, &[open.notice])?.is_empty() {
        return Ok(());
    }
    let row = PhoneEventRow {
        task_id: tx.new_id()?,
        seq: 1,
        event: Event::Opened.code().into(),
        bank_id: open.bank,
        notice_id: open.notice,
        person_id: None,
        contact_id: None,
        recorded_at: tx.now()?,
    };
    Ok(phone_task::insert(tx, &[row])?)
}

/// Tells the operator's people of banks that are late and of calls to be made: once for each incident, however many
/// banks there are.
fn tell(tx: &mut Tx<'_>, taken: &[(&OpenChase, Step)]) -> Result<(), Error> {
    let mut late: BTreeMap<Uid, Vec<Uid>> = BTreeMap::new();
    let mut calls: BTreeMap<Uid, Vec<Uid>> = BTreeMap::new();
    for (open, step) in taken {
        if step.kind == StepKind::Deadline {
            late.entry(open.incident).or_default().push(open.bank);
        }
        if step.phone_task {
            calls.entry(open.incident).or_default().push(open.bank);
        }
    }
    for (kind, of_incident) in [("bank-late", late), ("phone-task", calls)] {
        for (id, banks) in of_incident {
            let reference = incident::by_id(tx, id)?.map(|row| row.reference);
            let mut codes = Vec::with_capacity(banks.len());
            for bank_id in banks {
                codes.extend(bank::by_id(tx, bank_id)?.map(|row| row.code));
            }
            codes.sort_unstable();
            codes.dedup();
            let is_one = codes.len() == 1;
            let inputs = OperatorAlert {
                alert: kind.into(),
                bank_code: codes.first().filter(|_| is_one).cloned(),
                banks: if is_one { Vec::new() } else { codes },
                incident: reference,
                ..OperatorAlert::default()
            };
            alert(tx, &["officer"], &inputs)?;
        }
    }
    Ok(())
}

/// Ends the chases of notices that were just acknowledged or closed, and the calls that nobody needs to make any more. First
/// of all that either does: whoever is taking a step of one of them has committed it then.
pub(super) fn end(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<(), Error> {
    chase::end(tx, notices)?;
    let events = phone_task::of_notices(tx, notices)?;
    let mut last: BTreeMap<Uid, PhoneEventRow> = BTreeMap::new();
    for event in events {
        last.insert(event.task_id, event);
    }
    let now = tx.now()?;
    let closed: Vec<PhoneEventRow> = last
        .into_values()
        .filter(|row| super::call::state_of(row).waits())
        .map(|row| PhoneEventRow {
            seq: row.seq + 1,
            event: Event::Closed.code().into(),
            person_id: None,
            contact_id: None,
            recorded_at: now,
            ..row
        })
        .collect();
    Ok(phone_task::insert(tx, &closed)?)
}

/// Begins the chase of a notice that was just written.
pub(super) fn first_look(
    rules: &Rules,
    issued_at: Instant,
    by: Instant,
    urgency: Urgency,
    near: bool,
) -> Instant {
    let plan = rules
        .profiles
        .plan(issued_at, by, urgency, near, &rules.zone);
    plan.step(1).due_at
}

/// The step of this number of the chase of a notice; of its revision, urgency and status.
pub fn step_of(rules: &Rules, row: &NoticeRow, (urgency, status): (&str, &str), n: i64) -> Step {
    let open = OpenChase {
        notice: row.id,
        next_step: n,
        next_at: row.issued_at,
        incident: row.incident_id,
        fanout: row.fanout_id,
        bank: row.bank_id,
        issued_at: row.issued_at,
        acknowledge_by: row.acknowledge_by,
        exposed: row.exposed,
        concerns_you: row.concerns_you,
        reason: row.reason.clone(),
        urgency: urgency.into(),
        status: status.into(),
    };
    planned(rules, &open).plan.step(n)
}
