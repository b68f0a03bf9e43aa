//! The rules of a filing: all are tried, all faults are told together. Reads no clock and no register;
//! whether a named bank exists is for the action to ask.

use super::body::{IncidentBody, ServiceCounts};
use super::checker::Checker;
use super::filing::Filing;
use super::parts::{BankServices, OperatorContact};
use super::rules::tally;
use crate::domain::deadline::Profiles;
use crate::domain::fault::Faults;
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{IncidentStatus, Kind, Phase};
use jiff::tz::TimeZone;
use std::sync::LazyLock;

const MAX_TITLE: usize = 120;
const MAX_DESCRIPTION: usize = 4_000;
const MAX_ADVICE: usize = 4_000;
pub(super) const MAX_SUMMARY: usize = 2_000;
pub(super) const MAX_REASON: usize = 500;

/// What a filing is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilingContext {
    /// The number that this revision would get, from 1.
    pub revision: u32,
    pub now: Instant,
    /// The revision before this one, if any.
    pub earlier: Option<Earlier>,
    /// Stands in for an absent `next_update_at`; without it the field is required.
    pub next_update_default: Option<Entered>,
    /// A clock of the operator was missed: a reason is required.
    pub late: bool,
}

/// What the next revision must know of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    pub phase: Phase,
    pub kind: Kind,
}

impl FilingContext {
    /// For a new incident, with the default of the next update that the shipped profiles give.
    pub fn first(now: Instant) -> Self {
        Self {
            revision: 1,
            now,
            earlier: None,
            next_update_default: Some(next_update(&SHIPPED, now)),
            late: false,
        }
    }

    /// The same under the profiles in force.
    pub fn by(self, profiles: &Profiles) -> Self {
        Self {
            next_update_default: Some(next_update(profiles, self.now)),
            ..self
        }
    }

    /// The same where a deadline was missed and somebody is there to say why.
    pub fn asking_why(self, late: bool) -> Self {
        Self { late, ..self }
    }

    /// For a further revision.
    pub fn next(revision: u32, now: Instant, earlier: Earlier) -> Self {
        Self {
            revision,
            earlier: Some(earlier),
            ..Self::first(now)
        }
    }
}

/// For whoever judges a filing without a hub, from the shell.
static SHIPPED: LazyLock<Profiles> = LazyLock::new(Profiles::embedded);

/// The operator's profile promises the next word so long after this one.
fn next_update(profiles: &Profiles, now: Instant) -> Entered {
    Entered {
        at: profiles.next_update(now),
        offset_minutes: 0,
    }
}

/// The banks that were hit. Never part of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    Banks(Vec<String>),
    Unknown,
}

/// A filing that keeps every rule, taken apart into what is shared and what is not.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedIncident {
    pub body: IncidentBody,
    /// Personal: for the envelope and the erasable store only.
    pub contacts: Vec<OperatorContact>,
    pub affected: Affected,
    pub services: Vec<BankServices>,
}

/// Fields that a revision of this phase must carry; `"unknown"` is an answer where the field takes it.
pub fn needed(phase: Phase) -> &'static [&'static str] {
    match phase {
        Phase::Initial | Phase::Withdrawal => &[],
        Phase::Intermediate => &[
            "auth_exploited",
            "auth_weakness",
            "discovery_method",
            "victims",
            "transactions",
            "amount_lost",
            "countermeasures",
            "bodies_notified",
        ],
        Phase::Final => &[
            "auth_exploited",
            "auth_weakness",
            "discovery_method",
            "victims",
            "transactions",
            "amount_lost",
            "countermeasures",
            "bodies_notified",
            "occurred_from",
            "cause_types",
            "lessons",
        ],
    }
}

impl Filing {
    /// Whether it comes after the operator's own deadline for a first word: then it has to say why. An exercise owes
    /// nobody anything.
    pub fn comes_late(&self, profiles: &Profiles, now: Instant, zone: &TimeZone) -> bool {
        let suspected = self.detected_at.at;
        let aware = self.aware_at.map_or(suspected, |aware| aware.at);
        let due = profiles.initial(suspected, aware, zone).at();
        self.kind == Kind::Actual && profiles.operator().explain_late && due < now
    }

    /// Tries every rule; `Ok` only if none is broken.
    pub fn check(&self, context: FilingContext) -> Result<CheckedIncident, Faults> {
        self.check_all(context, Self::check_contacts)
    }

    /// The same where nobody of the operator filed it: it names no persons of the operator.
    pub(super) fn check_without_contacts(
        &self,
        context: FilingContext,
    ) -> Result<CheckedIncident, Faults> {
        self.check_all(context, |_, _| Vec::new())
    }

    fn check_all(
        &self,
        context: FilingContext,
        check_contacts: impl Fn(&Self, &mut Checker) -> Vec<OperatorContact>,
    ) -> Result<CheckedIncident, Faults> {
        let mut checker = Checker::default();
        self.check_phase(&mut checker, context);
        self.check_codes(&mut checker);
        let aware_at = self.check_times(&mut checker, context.now);
        let next_update_at = self.check_next_update(&mut checker, context);
        let affected = self.check_banks(&mut checker);
        let contacts = check_contacts(self, &mut checker);
        let countermeasures = self.check_measures(&mut checker, context.now);
        let bodies_notified = self.check_notified(&mut checker, context.now);
        let remedial_actions = self.check_remedies(&mut checker);
        let advice = self.advice.as_ref();
        let c = &mut checker;
        let body = IncidentBody {
            kind: self.kind,
            tlp: self.tlp,
            phase: self.phase,
            incident_status: self.incident_status,
            determination: self.determination,
            severity: self.severity,
            urgency: self.urgency,
            title: c.line_words("/title", &self.title, MAX_TITLE),
            description: c.long_words("/description", &self.description, MAX_DESCRIPTION),
            typology: self.typology.clone(),
            typology_other: self.check_other(c),
            attack_stage: self.attack_stage.clone(),
            auth_exploited: self.auth_exploited.clone(),
            auth_weakness: self.auth_weakness.clone(),
            discovery_method: self.discovery_method,
            occurred_from: self.occurred_from,
            occurred_to: self.occurred_to,
            detected_at: self.detected_at,
            aware_at,
            aware_reason: self
                .aware_reason
                .as_ref()
                .map(|text| c.line("/aware_reason", text, MAX_REASON)),
            resolved_at: self.resolved_at,
            closed_at: self.closed_at,
            next_update_at,
            affected_banks: affected.counted(),
            services: ServiceCounts::of(&self.services),
            victims: tally(c, "/victims", self.victims),
            transactions: tally(c, "/transactions", self.transactions),
            amount_lost: c.money("/amount_lost", self.amount_lost.as_ref()),
            amount_recovered: c.money("/amount_recovered", self.amount_recovered.as_ref()),
            amount_compensated: c.money("/amount_compensated", self.amount_compensated.as_ref()),
            countermeasures,
            advice: advice.map(|words| c.long_words("/advice", words, MAX_ADVICE)),
            cause_types: self.cause_types.clone(),
            lessons: self
                .lessons
                .as_ref()
                .map(|text| c.paragraphs("/lessons", text, MAX_DESCRIPTION)),
            remedial_actions,
            bodies_notified,
            change_summary: self.check_summary(c, context.revision),
            related_incidents: self.related_incidents.clone(),
            late_reason: self.check_late(c, context.late),
        };
        checker.faults.into_result(CheckedIncident {
            body,
            contacts,
            affected,
            services: self.services.clone(),
        })
    }

    fn check_phase(&self, c: &mut Checker, context: FilingContext) {
        if self.phase == Phase::Withdrawal {
            c.refuse(
                "/phase",
                "phase_withdrawal",
                "a withdrawal is filed as such, with its reason",
            );
        }
        let contradicts = matches!(
            (self.phase, self.incident_status),
            (Phase::Intermediate, IncidentStatus::Closed) | (Phase::Final, IncidentStatus::Open)
        );
        if contradicts {
            c.refuse(
                "/incident_status",
                "phase_status",
                "an intermediate report is not closed, and a final report is not open",
            );
        }
        if (self.phase, self.incident_status) == (Phase::Initial, IncidentStatus::Closed) {
            c.refuse(
                "/incident_status",
                "closed_final",
                "an incident is closed by its final report",
            );
        }
        if let Some(earlier) = context.earlier {
            if earlier.phase == Phase::Withdrawal {
                c.refuse(
                    "",
                    "incident_withdrawn",
                    "this incident was withdrawn: file a new one",
                );
            } else if self.phase < earlier.phase {
                c.refuse(
                    "/phase",
                    "phase_backwards",
                    "a later revision cannot go back to an earlier phase",
                );
            }
            if self.kind != earlier.kind {
                c.refuse(
                    "/kind",
                    "kind_changed",
                    "an incident stays actual, exercise or test",
                );
            }
        }
        for field in needed(self.phase) {
            if !self.says(field) {
                let message = format!(
                    "a report of phase {} needs this; \"unknown\" and \"none_yet\" are answers where the field takes them",
                    self.phase
                );
                c.faults.add(format!("/{field}"), "phase_needs", message);
            }
        }
    }

    fn says(&self, field: &str) -> bool {
        match field {
            "auth_exploited" => !self.auth_exploited.is_empty(),
            "auth_weakness" => !self.auth_weakness.is_empty(),
            "discovery_method" => self.discovery_method.is_some(),
            "victims" => self.victims.is_some(),
            "transactions" => self.transactions.is_some(),
            "amount_lost" => self.amount_lost.is_some(),
            "countermeasures" => !self.countermeasures.is_empty(),
            "bodies_notified" => self.bodies_notified.is_some(),
            "occurred_from" => self.occurred_from.is_some(),
            "cause_types" => !self.cause_types.is_empty(),
            "lessons" => self.lessons.is_some(),
            _ => false,
        }
    }
}
