//! Deadlines as data: the profiles of `config/clocks.toml`, and the arithmetic of hours that count.
//! Reads no clock and no file; the zone of business hours comes from the caller.

use super::instant::Instant;
use super::vocabulary::Urgency;
use calendar::{Hours, Span};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;

mod calendar;

/// The profiles that ship with the hub.
const EMBEDDED: &str = include_str!("../../config/clocks.toml");

/// Why a file of profiles was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileFault {
    #[error("not a file of deadline profiles: {0}")]
    Form(String),
    #[error("profile {profile}: {reason}")]
    Profile { profile: String, reason: String },
}

/// All deadline profiles, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    calendars: BTreeMap<String, Hours>,
    profiles: Vec<Profile>,
}

/// One profile: who owes what to whom.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub id: String,
    /// Profiles that are off are shown and drive nothing.
    pub on: bool,
    pub obligor: String,
    pub beneficiary: String,
    pub source: String,
    pub notes: String,
    /// Shares of the offset, in percent, at which the obligor is reminded.
    #[serde(default)]
    pub reminders_percent: Vec<u32>,
    /// The share at which the next contact level is brought in.
    pub next_level_percent: Option<u32>,
    /// The share at which a person has to telephone.
    pub phone_task_percent: Option<u32>,
    #[serde(default, rename = "clock")]
    pub clocks: Vec<Clock>,
}

/// One deadline of a profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub phase: String,
    pub start: String,
    pub offset: Span,
    #[serde(default = "always")]
    pub calendar: String,
    pub ceiling: Option<Ceiling>,
    pub notes: Option<String>,
}

/// The second clock; counts every hour.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    pub start: String,
    pub offset: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    calendar: BTreeMap<String, Hours>,
    profile: Vec<Profile>,
}

const ALWAYS: &str = "always";

fn always() -> String {
    ALWAYS.to_owned()
}

/// The profiles without which the hub cannot run, and the clock that each must have.
const REQUIRED: [(&str, &str); 7] = [
    ("PARTNER-DEFAULT", "initial"),
    ("PARTNER-DEFAULT", "intermediate"),
    ("BANK-REPORT", "triage"),
    ("BANK-REPORT", "automatic_issue"),
    ("ACK-IMMEDIATE", "acknowledgement"),
    ("ACK-EXPECTED", "acknowledgement"),
    ("ACK-PAST", "acknowledgement"),
];

impl Profiles {
    /// Reads a file like `config/clocks.toml`.
    pub fn parse(text: &str) -> Result<Self, ProfileFault> {
        let file: File =
            toml::from_str(text).map_err(|fault| ProfileFault::Form(fault.to_string()))?;
        let profiles = Self {
            calendars: file.calendar,
            profiles: file.profile,
        };
        profiles.check()?;
        Ok(profiles)
    }

    /// The profiles that ship with the hub.
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED).expect("the embedded profiles are read by a test")
    }

    /// Every profile, in the order of the file.
    pub fn all(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile of that name, on or off.
    pub fn get(&self, id: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
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

    /// When a bank must have acknowledged. `near` = the bank is exposed or affected: half the time.
    pub fn acknowledge_by(
        &self,
        issued_at: Instant,
        urgency: Urgency,
        near: bool,
        zone: &TimeZone,
    ) -> Instant {
        let clock = self
            .acknowledgement(urgency)
            .clock("acknowledgement")
            .expect("Profiles::check has seen the clock");
        let span = if near {
            clock.offset.halved()
        } else {
            clock.offset
        };
        self.after(issued_at, span, &clock.calendar, zone)
    }

    /// The deadline of a clock that started at `start`; with a ceiling, the earlier of both.
    /// `ceiling_start` is when the ceiling's own event happened, if it has.
    pub fn due(
        &self,
        clock: &Clock,
        start: Instant,
        ceiling_start: Option<Instant>,
        zone: &TimeZone,
    ) -> Instant {
        let by = self.after(start, clock.offset, &clock.calendar, zone);
        match (&clock.ceiling, ceiling_start) {
            (Some(ceiling), Some(at)) => by.min(self.after(at, ceiling.offset, ALWAYS, zone)),
            _ => by,
        }
    }

    fn after(&self, start: Instant, span: Span, calendar: &str, zone: &TimeZone) -> Instant {
        match self.calendars.get(calendar) {
            Some(hours) => hours.after(start, span, zone),
            None => span.after(start, zone),
        }
    }

    fn check(&self) -> Result<(), ProfileFault> {
        let mut seen = std::collections::BTreeSet::new();
        for profile in &self.profiles {
            let refuse = |reason: String| ProfileFault::Profile {
                profile: profile.id.clone(),
                reason,
            };
            if !seen.insert(profile.id.as_str()) {
                return Err(refuse("stands here twice".into()));
            }
            for clock in &profile.clocks {
                let known =
                    clock.calendar == ALWAYS || self.calendars.contains_key(&clock.calendar);
                if !known {
                    return Err(refuse(format!("no calendar named {}", clock.calendar)));
                }
                if clock.calendar != ALWAYS && !clock.offset.fits_a_calendar() {
                    return Err(refuse("months cannot be counted in opening hours".into()));
                }
            }
        }
        for (id, phase) in REQUIRED {
            let found = self
                .get(id)
                .filter(|profile| profile.on)
                .and_then(|p| p.clock(phase));
            if found.is_none() {
                return Err(ProfileFault::Profile {
                    profile: id.into(),
                    reason: format!("must be on and have a clock for {phase}"),
                });
            }
        }
        Ok(())
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
