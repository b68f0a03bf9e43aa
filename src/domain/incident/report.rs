//! What a bank reports: a suspicion in impersonal words, with the fields of a filing that a bank can know.
//! It becomes a filing by the same rules, whoever issues it.

use super::check::{CheckedIncident, FilingContext};
use super::filing::{Filing, actual, amber, immediate, initial, medium, open, suspected};
use super::money::Amount;
use super::parts::{Known, OperatorContact, Tally, Words};
use crate::domain::fault::{Fault, Faults};
use crate::domain::instant::{Entered, Instant};
use crate::domain::json;
use crate::domain::vocabulary::{
    AttackStage, Authentication, DiscoveryMethod, Kind, Severity, Tlp, Typology, Urgency, Weakness,
};
use serde::{Deserialize, Serialize};

/// A report as a bank posts it. No field names a person or another bank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFiling {
    pub title: Words,
    pub description: Words,
    pub typology: Vec<Typology>,
    /// Required with the typology `other`, and only then.
    pub typology_other: Option<String>,
    #[serde(default)]
    pub attack_stage: Vec<AttackStage>,
    #[serde(default)]
    pub auth_exploited: Vec<Authentication>,
    #[serde(default)]
    pub auth_weakness: Vec<Weakness>,
    pub occurred_from: Option<Known<Entered>>,
    pub occurred_to: Option<Known<Entered>>,
    pub detected_at: Entered,
    /// Whether accounts at the reporting bank were hit.
    #[serde(default)]
    pub own_accounts: bool,
    pub victims: Option<Known<Tally>>,
    pub transactions: Option<Known<Tally>>,
    pub amount_lost: Option<Known<Amount>>,
    #[serde(default = "medium")]
    pub severity: Severity,
    #[serde(default = "immediate")]
    pub urgency: Urgency,
    pub advice: Option<Words>,
    #[serde(default = "amber")]
    pub tlp: Tlp,
    #[serde(default = "actual")]
    pub kind: Kind,
}

impl ReportFiling {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }

    /// The filing that it would be, from the bank of this code.
    pub fn to_filing(&self, bank: &str, contacts: Vec<OperatorContact>) -> Filing {
        let report = self.clone();
        Filing {
            title: report.title,
            description: report.description,
            determination: suspected(),
            typology: report.typology,
            typology_other: report.typology_other,
            attack_stage: report.attack_stage,
            auth_exploited: report.auth_exploited,
            auth_weakness: report.auth_weakness,
            discovery_method: Some(DiscoveryMethod::BankReport),
            occurred_from: report.occurred_from,
            occurred_to: report.occurred_to,
            detected_at: report.detected_at,
            aware_at: None,
            aware_reason: None,
            resolved_at: None,
            closed_at: None,
            next_update_at: None,
            affected_banks: if report.own_accounts {
                Known::Value(vec![bank.to_owned()])
            } else {
                Known::Unknown
            },
            services: Vec::new(),
            victims: report.victims,
            transactions: report.transactions,
            amount_lost: report.amount_lost,
            amount_recovered: None,
            amount_compensated: None,
            severity: report.severity,
            urgency: report.urgency,
            countermeasures: Vec::new(),
            advice: report.advice,
            cause_types: Vec::new(),
            lessons: None,
            remedial_actions: Vec::new(),
            bodies_notified: None,
            tlp: report.tlp,
            kind: report.kind,
            phase: initial(),
            incident_status: open(),
            change_summary: None,
            related_incidents: Vec::new(),
            operator_contacts: contacts,
            late_reason: None,
        }
    }

    /// Tries every rule of a filing but those of the operator's own persons.
    pub fn check(&self, bank: &str, now: Instant) -> Result<CheckedIncident, Faults> {
        let checked = self
            .to_filing(bank, Vec::new())
            .check_without_contacts(FilingContext::first(now));
        if self.kind == Kind::Actual {
            return checked;
        }
        let mut faults = checked.err().unwrap_or_default();
        faults.add(
            "/kind",
            "report_actual",
            "a report is of an actual suspicion; the operator files exercises",
        );
        Err(faults)
    }

    /// What a person should look at again before sending.
    pub fn warnings(&self) -> Vec<Fault> {
        self.to_filing("", Vec::new()).warnings()
    }
}
