//! The chase of one bank for its acknowledgement: which step is when, whom it reaches, and in which order overdue
//! ones are taken. A plan has no end; only an acknowledgement ends a chase. Reads no clock and stores nothing.

use super::deadline::Rung;
use super::id::Uid;
use super::instant::Instant;
use super::vocabulary::Urgency;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

super::vocabulary::vocabulary! {
    /// What a step is.
    StepKind, "chase_step":
    Reminder = "reminder",
    Escalation = "escalation",
    Deadline = "deadline",
    Again = "again",
}

/// The reason of a notice to a bank that became a partner after its revision was issued; the kind of its fan-out too.
pub const LATE: &str = "late_joiner";

/// By which urgency a notice is chased: that of its revision, but what was over when a bank joined is past to it,
/// whatever it was once. A code that is not known here is chased by the strictest clock rather than not at all.
pub fn chased_as(urgency: &str, status: &str, reason: &str) -> Urgency {
    if reason == LATE && status == "closed" {
        return Urgency::Past;
    }
    Urgency::parse(urgency).unwrap_or(Urgency::Immediate)
}

/// One step of a chase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// From 1, without a gap.
    pub n: i64,
    pub kind: StepKind,
    pub due_at: Instant,
    /// The highest level of contacts that is reminded.
    pub contacts: i64,
    /// Somebody has to telephone.
    pub phone_task: bool,
}

/// When the steps of one chase are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    rungs: Vec<(Instant, Rung)>,
    then_every: Duration,
}

impl Plan {
    /// At least one rung, in order; the last of them is the deadline.
    pub(super) fn new(rungs: Vec<(Instant, Rung)>, then_every: Duration) -> Self {
        Self { rungs, then_every }
    }

    /// The step of this number, from 1; there is always one.
    pub fn step(&self, n: i64) -> Step {
        let place = usize::try_from(n.max(1) - 1).unwrap_or(usize::MAX);
        let (deadline, top) = *self.rungs.last().expect("a ladder has its last step");
        if let Some((due_at, rung)) = self.rungs.get(place) {
            let before = place.checked_sub(1).and_then(|place| self.rungs.get(place));
            let more = before.is_some_and(|(_, before)| before.contacts < rung.contacts);
            let kind = match (place + 1 == self.rungs.len(), more) {
                (true, _) => StepKind::Deadline,
                (false, true) => StepKind::Escalation,
                (false, false) => StepKind::Reminder,
            };
            return Step {
                n,
                kind,
                due_at: *due_at,
                contacts: rung.contacts,
                phone_task: rung.phone_task,
            };
        }
        let again = u32::try_from(place + 1 - self.rungs.len()).unwrap_or(u32::MAX);
        Step {
            n,
            kind: StepKind::Again,
            due_at: deadline + self.then_every.saturating_mul(again),
            contacts: top.contacts,
            phone_task: false,
        }
    }
}

/// A bank that has not acknowledged, and the next step of its chase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chase {
    pub notice: Uid,
    pub next: i64,
    pub plan: Plan,
}

/// The steps of these chases that are due by `until`, each once, in the order of their deadlines; at most `most`.
/// Whatever is left over is found again, because a chase goes on from its next step.
pub fn due_steps(chases: &[Chase], until: Instant, most: usize) -> Vec<(Uid, Step)> {
    let place_of = |n: usize, next: i64| {
        let due_at = chases[n].plan.step(next).due_at;
        Reverse((due_at, chases[n].notice, next, n))
    };
    let mut waiting: BinaryHeap<_> = chases
        .iter()
        .enumerate()
        .map(|(n, chase)| place_of(n, chase.next))
        .collect();
    let mut steps = Vec::new();
    while let Some(Reverse((due_at, notice, next, n))) = waiting.pop() {
        if due_at > until || steps.len() >= most {
            break;
        }
        steps.push((notice, chases[n].plan.step(next)));
        waiting.push(place_of(n, next + 1));
    }
    steps
}

#[cfg(test)]
mod tests;
