//! What the operator and the hub itself owe, by the profiles in force: to every bank, to a bank that reported or asked,
//! and as the schedule of exercises. Reads no clock.

use super::{Clock, Due, Profile, ProfileFault, Profiles, file};
use crate::domain::instant::Instant;
use jiff::tz::TimeZone;
use std::time::Duration;

pub(super) const OPERATOR: &str = "PARTNER-DEFAULT";
pub(super) const REPORT: &str = "BANK-REPORT";
pub(super) const TRIAGE: &str = "triage";
pub(super) const AUTOMATIC_ISSUE: &str = "automatic_issue";
pub(super) const INCLUSION: &str = "inclusion";
pub(super) const QUESTION: &str = "BANK-QUESTION";
pub(super) const ANSWER: &str = "answer";
pub(super) const PEERS: &str = "PEERS";
pub(super) const SHARING: &str = "sharing";
pub(super) const DEFERRAL: &str = "DEFERRAL";
pub(super) const LONGEST: &str = "longest";
const EXERCISE: &str = "EXERCISE";

/// The phase of the schedule of exercises.
const SCHEDULED: &str = "exercise";

/// Whatever a file of profiles says, no deferral holds longer.
pub const LONGEST_DEFERRAL: Duration = Duration::from_secs(72 * 3_600);

/// When the next exercise is due, and when the operator's people are told that it comes near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    pub warn_at: Instant,
    pub due_at: Instant,
}

impl Profiles {
    /// What the operator owes every partner bank.
    pub fn operator(&self) -> &Profile {
        self.get(OPERATOR)
            .expect("Profiles::check has seen the operator's profile")
    }

    /// When the next update is due where a filing names no time: every hour counts, as in the body it does.
    pub fn next_update(&self, now: Instant) -> Instant {
        let clock = self.owed(OPERATOR, "intermediate");
        self.due(clock, now, None, &TimeZone::UTC).at()
    }

    /// By when the banks are told of a suspicion: from when it was one, with the ceiling from awareness.
    pub fn initial(&self, suspected_at: Instant, aware_at: Instant, zone: &TimeZone) -> Due {
        let clock = self.owed(OPERATOR, "initial");
        self.due(clock, suspected_at, Some(aware_at), zone)
    }

    /// By when a suspicion has to be issued at the latest, from awareness.
    pub fn ceiling(&self, aware_at: Instant, zone: &TimeZone) -> Instant {
        let due = self.initial(aware_at, aware_at, zone);
        due.ceiling_at.unwrap_or(due.clock_at)
    }

    /// By when an officer says whether a bank's report is an incident, and when silence issues it.
    pub fn report(&self, reported_at: Instant, zone: &TimeZone) -> (Instant, Instant) {
        let by = |phase| {
            let clock = self.owed(REPORT, phase);
            self.due(clock, reported_at, None, zone).at()
        };
        (by(TRIAGE), by(AUTOMATIC_ISSUE))
    }

    /// By when the entry of a report is under a published head of the log.
    pub fn included_by(&self, reported_at: Instant, zone: &TimeZone) -> Instant {
        let clock = self.owed(REPORT, INCLUSION);
        self.due(clock, reported_at, None, zone).at()
    }

    /// By when a bank's question, or its objection to a notice, is answered.
    pub fn answer_by(&self, asked_at: Instant, zone: &TimeZone) -> Instant {
        let clock = self.owed(QUESTION, ANSWER);
        self.due(clock, asked_at, None, zone).at()
    }

    /// How long after the first of them responses are told to peers together.
    pub fn sharing(&self) -> Duration {
        self.owed(PEERS, SHARING).offset.plain()
    }

    /// How long one agreement of two people may hold a revision back; never more than `LONGEST_DEFERRAL`.
    pub fn longest_deferral(&self) -> Duration {
        let longest = self.owed(DEFERRAL, LONGEST).offset.plain();
        longest.min(LONGEST_DEFERRAL)
    }

    /// The next exercise, from the last one or from the first roster; `None` = no schedule is on.
    pub fn exercise(&self, since: Instant, zone: &TimeZone) -> Option<Scheduled> {
        let profile = self.get(EXERCISE).filter(|profile| profile.on)?;
        let due_at = self.due(profile.clock(SCHEDULED)?, since, None, zone).at();
        Some(Scheduled {
            warn_at: since + due_at.since(since) * profile.warn_percent / 100,
            due_at,
        })
    }

    fn owed(&self, profile: &str, phase: &str) -> &Clock {
        self.get(profile)
            .and_then(|profile| profile.clock(phase))
            .expect("Profiles::check has seen every clock that the hub runs by")
    }

    /// What holds of the operator's own profiles besides; `text` is the file they were read from.
    pub(super) fn check_own(&self, text: &str, faults: &mut Vec<ProfileFault>) {
        let mut note = |id: &str, phase: &str, reason: String| {
            faults.push(ProfileFault {
                place: format!("profile {id}, clock for {phase}"),
                reason,
            });
        };
        for (id, phase) in [(PEERS, SHARING), (DEFERRAL, LONGEST)] {
            let clock = self.get(id).and_then(|profile| profile.clock(phase));
            let moved = |clock: &Clock| clock.calendar.is_some() || clock.if_closed.is_some();
            if clock.is_some_and(moved) {
                let reason = "counts every hour: it takes neither calendar nor if_closed";
                note(id, phase, reason.into());
            }
        }
        let longest = self.get(DEFERRAL).and_then(|one| one.clock(LONGEST));
        if longest.is_some_and(|clock| clock.offset.plain() > LONGEST_DEFERRAL) {
            let line = file::line_of_offset(text, DEFERRAL, LONGEST);
            let reason = format!("line {line}: offset: takes at most 72 hours");
            note(DEFERRAL, LONGEST, reason);
        }
        let drills = self.get(EXERCISE).filter(|profile| profile.on);
        if drills.is_some_and(|profile| profile.clock(SCHEDULED).is_none()) {
            let reason = "is missing; a hub without a schedule switches the profile off";
            note(EXERCISE, SCHEDULED, reason.into());
        }
    }
}
