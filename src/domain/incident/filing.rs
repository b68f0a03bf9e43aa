//! What a client posts for one revision of an incident. Shape only: the rules are in `check`.

use super::money::Amount;
use super::parts::{
    BankServices, BodyNotified, Known, Measure, OperatorContact, RemedialAction, Tally, Words,
};
use super::reference::IncidentRef;
use crate::domain::fault::Faults;
use crate::domain::instant::Entered;
use crate::domain::json;
use crate::domain::vocabulary::{
    AttackStage, Authentication, Determination, DiscoveryMethod, IncidentStatus, Kind, Phase,
    Severity, Tlp, Typology, Urgency, Weakness,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One revision as filed. Absent, `"unknown"` and a value are three different statements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    pub title: Words,
    pub description: Words,
    #[serde(default = "suspected")]
    pub determination: Determination,
    pub typology: Vec<Typology>,
    /// Required with the typology `other`, and only then.
    pub typology_other: Option<String>,
    #[serde(default)]
    pub attack_stage: Vec<AttackStage>,
    #[serde(default)]
    pub auth_exploited: Vec<Authentication>,
    #[serde(default)]
    pub auth_weakness: Vec<Weakness>,
    pub discovery_method: Option<DiscoveryMethod>,
    pub occurred_from: Option<Known<Entered>>,
    pub occurred_to: Option<Known<Entered>>,
    pub detected_at: Entered,
    /// Starts the clocks; `detected_at` unless said otherwise.
    pub aware_at: Option<Entered>,
    /// Required when `aware_at` differs from `detected_at`.
    pub aware_reason: Option<String>,
    pub resolved_at: Option<Entered>,
    pub closed_at: Option<Entered>,
    pub next_update_at: Option<Entered>,
    /// Codes of banks, or `"unknown"`. Says who was hit, never who is told.
    pub affected_banks: Known<Vec<String>>,
    #[serde(default)]
    pub services: Vec<BankServices>,
    pub victims: Option<Known<Tally>>,
    pub transactions: Option<Known<Tally>>,
    pub amount_lost: Option<Known<Amount>>,
    pub amount_recovered: Option<Known<Amount>>,
    pub amount_compensated: Option<Known<Amount>>,
    #[serde(default = "medium")]
    pub severity: Severity,
    #[serde(default = "immediate")]
    pub urgency: Urgency,
    #[serde(default)]
    pub countermeasures: Vec<Measure>,
    pub advice: Option<Words>,
    #[serde(default)]
    pub cause_types: Vec<String>,
    pub lessons: Option<String>,
    /// Required where the report closes the incident.
    #[serde(default)]
    pub remedial_actions: Vec<RemedialAction>,
    /// An empty list says that nobody was notified; absent says nothing.
    pub bodies_notified: Option<Vec<BodyNotified>>,
    #[serde(default = "amber")]
    pub tlp: Tlp,
    #[serde(default = "actual")]
    pub kind: Kind,
    #[serde(default = "initial")]
    pub phase: Phase,
    #[serde(default = "open")]
    pub incident_status: IncidentStatus,
    /// Required from revision 2 on.
    pub change_summary: Option<Words>,
    #[serde(default)]
    pub related_incidents: Vec<IncidentRef>,
    /// At least two persons, each with e-mail and phone.
    pub operator_contacts: Vec<OperatorContact>,
    /// Required when a clock was missed.
    pub late_reason: Option<String>,
}

impl Filing {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }

    /// As a client would write it: what it does not say is left out, and never null.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        let mut written = serde_json::to_value(self)?;
        leave_out_nulls(&mut written);
        Ok(written)
    }
}

fn leave_out_nulls(written: &mut Value) {
    match written {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

pub(super) fn suspected() -> Determination {
    Determination::Suspected
}

pub(super) fn medium() -> Severity {
    Severity::Medium
}

pub(super) fn immediate() -> Urgency {
    Urgency::Immediate
}

pub(super) fn amber() -> Tlp {
    Tlp::Amber
}

pub(super) fn actual() -> Kind {
    Kind::Actual
}

pub(super) fn initial() -> Phase {
    Phase::Initial
}

pub(super) fn open() -> IncidentStatus {
    IncidentStatus::Open
}
