//! Deadlines as data: the profiles of `config/clocks.toml`, and the arithmetic of hours that count.
//! Reads no clock and no file; the operator's zone comes from the caller.

use super::chase::Plan;
use super::instant::Instant;
use super::vocabulary::Urgency;
use calendar::{Hours, Span};
use holidays::Holidays;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod calendar;
mod file;
pub mod holidays;
mod own;

pub use own::{LONGEST_DEFERRAL, Scheduled};

/// The profiles that ship with the hub.
pub const EMBEDDED: &str = include_str!("../../config/clocks.toml");

/// The national holidays of Japan, as they ship with the hub.
pub const HOLIDAYS: &str = include_str!("../../config/holidays-jp.csv");

/// One mistake in a file of profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFault {
    /// Like `profile ACK-PAST, clock 1`; empty where the whole file is meant.
    pub place: String,
    /// What would be taken.
    pub reason: String,
}

impl std::fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.reason),
            place => write!(f, "{place}: {}", self.reason),
        }
    }
}

/// All deadline profiles, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    calendars: BTreeMap<String, Hours>,
    profiles: Vec<Profile>,
    holidays: Arc<Holidays>,
}

/// One profile: who owes what to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub id: String,
    /// Profiles that are off are shown and drive nothing.
    pub on: bool,
    /// Owed by contract; otherwise by law.
    pub contractual: bool,
    pub obligor: String,
    pub beneficiary: String,
    pub source: String,
    pub notes: String,
    /// Whoever missed it has to say why.
    pub explain_late: bool,
    /// What of the offset an exposed or affected bank is given.
    pub near_percent: u32,
    /// How far a clock has run when the obligor's people are warned.
    pub warn_percent: u32,
    /// How whoever owes it is chased.
    pub ladder: Option<Ladder>,
    pub clocks: Vec<Clock>,
}

/// The steps by which a bank is reminded.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    pub rungs: Vec<Rung>,
    /// After the last of them, for as long as nothing is acknowledged; every hour counts.
    pub then_every: Span,
}

/// One step of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// How much of the offset is over.
    pub at_percent: u32,
    /// The highest level of contacts that is reminded.
    pub contacts: i64,
    /// Somebody has to telephone.
    pub phone_task: bool,
}

super::vocabulary::vocabulary! {
    /// The event from which a clock runs.
    Start, "clock_start":
    Suspected = "suspected",
    Awareness = "awareness",
    Reported = "reported",
    Issued = "issued",
    Initial = "initial",
    LastIntermediate = "last_intermediate",
    ClassifiedMajor = "classified_major",
    InitialSubmitted = "initial_submitted",
    ThresholdMet = "threshold_met",
    Determined = "determined",
    BackToNormal = "back_to_normal",
    Recognised = "recognised",
    Discovery = "discovery",
    Detection = "detection",
    Responded = "responded",
    Approved = "approved",
    LastExercise = "last_exercise",
}

/// One deadline of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    pub phase: String,
    pub start: Start,
    pub offset: Span,
    /// Whose hours count; `None` = every hour.
    pub calendar: Option<String>,
    pub ceiling: Option<Ceiling>,
    pub if_closed: Option<IfClosed>,
    pub notes: String,
}

/// The second clock; counts every hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceiling {
    pub start: Start,
    pub offset: Span,
}

/// A deadline on a day of this calendar that does not count moves to the next one that does.
#[derive(Debug, Clone, PartialEq)]
pub struct IfClosed {
    pub calendar: String,
    pub at: Time,
}

/// A clock that runs: what it would be, the other that limits it, and the earlier of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub clock_at: Instant,
    pub ceiling_at: Option<Instant>,
}

impl Due {
    /// The deadline.
    pub fn at(&self) -> Instant {
        self.ceiling_at
            .map_or(self.clock_at, |ceiling| ceiling.min(self.clock_at))
    }
}

/// The profiles without which the hub cannot run, and the clock that each must have.
const REQUIRED: [(&str, &str); 12] = [
    (own::OPERATOR, "initial"),
    (own::OPERATOR, "intermediate"),
    (own::OPERATOR, "final"),
    (own::REPORT, own::TRIAGE),
    (own::REPORT, own::AUTOMATIC_ISSUE),
    (own::REPORT, own::INCLUSION),
    (own::QUESTION, own::ANSWER),
    (own::PEERS, own::SHARING),
    (own::DEFERRAL, own::LONGEST),
    ("ACK-IMMEDIATE", ACKNOWLEDGEMENT),
    ("ACK-EXPECTED", ACKNOWLEDGEMENT),
    ("ACK-PAST", ACKNOWLEDGEMENT),
];

const ACKNOWLEDGEMENT: &str = "acknowledgement";

impl Profiles {
    /// Reads a file like `config/clocks.toml`; all its mistakes are told together.
    pub fn parse(text: &str, holidays: Holidays) -> Result<Self, Vec<ProfileFault>> {
        let holidays = Arc::new(holidays);
        let read = file::read(text, &holidays);
        let mut faults = read.faults;
        let profiles = Self {
            calendars: read.calendars,
            profiles: read.profiles,
            holidays,
        };
        profiles.check(&mut faults);
        profiles.check_own(text, &mut faults);
        if faults.is_empty() {
            Ok(profiles)
        } else {
            Err(faults)
        }
    }

    /// The profiles that ship with the hub.
    pub fn embedded() -> Self {
        let holidays = Holidays::parse(HOLIDAYS).expect("the embedded list is read by a test");
        Self::parse(EMBEDDED, holidays).expect("the embedded profiles are read by a test")
    }

    /// Every profile, in the order of the file.
    pub fn all(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile of that name, on or off.
    pub fn get(&self, id: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
    }

    /// The last year whose holidays are known.
    pub fn holidays_until(&self) -> i16 {
        self.holidays.last_year()
    }

    /// The profile that governs the acknowledgement of a notice of this urgency.
    pub fn acknowledgement(&self, urgency: Urgency) -> &Profile {
        let id = match urgency {
            Urgency::Immediate => "ACK-IMMEDIATE",
            Urgency::Expected | Urgency::Future | Urgency::Unknown => "ACK-EXPECTED",
            Urgency::Past => "ACK-PAST",
        };
        self.get(id)
            .expect("Profiles::check has seen every acknowledgement profile")
    }

    /// When a bank must have acknowledged. `near` = the bank is exposed or affected: half the time, as shipped.
    pub fn acknowledge_by(
        &self,
        issued_at: Instant,
        urgency: Urgency,
        near: bool,
        zone: &TimeZone,
    ) -> Instant {
        let (profile, clock) = self.stamp_clock(urgency);
        let share = if near { profile.near_percent } else { 100 };
        let by = self.after(issued_at, clock.offset.share(share), clock, zone);
        self.moved(by, clock, zone)
    }

    /// How a bank is chased until it acknowledges: `by` is the deadline that its notice names.
    pub fn plan(
        &self,
        issued_at: Instant,
        by: Instant,
        urgency: Urgency,
        near: bool,
        zone: &TimeZone,
    ) -> Plan {
        let (profile, clock) = self.stamp_clock(urgency);
        let ladder = profile
            .ladder
            .as_ref()
            .expect("Profiles::check has seen the ladder");
        let share = if near { profile.near_percent } else { 100 };
        let offset = clock.offset.share(share);
        let rungs = ladder.rungs.iter().map(|rung| {
            let at = match rung.at_percent {
                100 => by,
                percent => self
                    .after(issued_at, offset.share(percent), clock, zone)
                    .min(by),
            };
            (at, *rung)
        });
        Plan::new(rungs.collect(), ladder.then_every.plain())
    }

    fn stamp_clock(&self, urgency: Urgency) -> (&Profile, &Clock) {
        let profile = self.acknowledgement(urgency);
        let clock = profile
            .clock(ACKNOWLEDGEMENT)
            .expect("Profiles::check has seen the clock");
        (profile, clock)
    }

    /// The deadline of a clock that started at `start`, and its ceiling, where the event that starts that has
    /// happened at `ceiling_start`.
    pub fn due(
        &self,
        clock: &Clock,
        start: Instant,
        ceiling_start: Option<Instant>,
        zone: &TimeZone,
    ) -> Due {
        let by = self.after(start, clock.offset, clock, zone);
        let ceiling = clock.ceiling.as_ref().zip(ceiling_start);
        Due {
            clock_at: self.moved(by, clock, zone),
            ceiling_at: ceiling.map(|(ceiling, at)| ceiling.offset.after(at, zone)),
        }
    }

    fn after(&self, start: Instant, span: Span, clock: &Clock, zone: &TimeZone) -> Instant {
        let hours = clock
            .calendar
            .as_ref()
            .and_then(|name| self.calendars.get(name));
        match hours {
            Some(hours) => hours.after(start, span, zone),
            None => span.after(start, zone),
        }
    }

    fn moved(&self, by: Instant, clock: &Clock, zone: &TimeZone) -> Instant {
        let rule = clock.if_closed.as_ref();
        let hours = rule.and_then(|rule| Some((self.calendars.get(&rule.calendar)?, rule.at)));
        hours.map_or(by, |(hours, at)| hours.or_next(by, at, zone))
    }

    fn check(&self, faults: &mut Vec<ProfileFault>) {
        let mut note = |place: String, reason: String| faults.push(ProfileFault { place, reason });
        let mut seen = BTreeSet::new();
        for profile in &self.profiles {
            let place = format!("profile {}", profile.id);
            if !seen.insert(profile.id.as_str()) {
                note(place.clone(), "stands here twice".into());
            }
            for (n, clock) in profile.clocks.iter().enumerate() {
                let place = format!("{place}, clock {}", n + 1);
                let closing = clock.if_closed.as_ref().map(|rule| &rule.calendar);
                for name in clock.calendar.iter().chain(closing) {
                    if !self.calendars.contains_key(name) {
                        note(place.clone(), format!("there is no calendar {name:?}"));
                    }
                }
                if clock.calendar.is_some() && !clock.offset.fits_a_calendar() {
                    note(place, "months cannot be counted in opening hours".into());
                }
            }
        }
        for (id, phase) in REQUIRED {
            let found = self.get(id).filter(|profile| profile.on);
            if found.is_none_or(|profile| profile.clock(phase).is_none()) {
                note(
                    format!("profile {id}"),
                    format!("must be on and have a clock for {phase}"),
                );
            }
            if phase == ACKNOWLEDGEMENT && found.is_some_and(|profile| profile.ladder.is_none()) {
                note(
                    format!("profile {id}"),
                    "needs a ladder: nothing goes quiet".into(),
                );
            }
        }
    }
}

impl Profile {
    /// The clock for this phase.
    pub fn clock(&self, phase: &str) -> Option<&Clock> {
        self.clocks.iter().find(|clock| clock.phase == phase)
    }
}

#[cfg(test)]
mod tests;
