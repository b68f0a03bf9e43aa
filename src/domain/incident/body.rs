//! The shared document: what every bank reads about an incident, byte for byte the same.
//! It holds no person and no bank's name: banks that were hit appear as a count.

use super::Source;
use super::check::Affected;
use super::filing::Filing;
use super::money::{Amount, Money};
use super::parts::{
    BankServices, BodyNotified, Known, Measure, OperatorContact, RemedialAction, Tally, Words,
};
use super::reference::IncidentRef;
use crate::domain::digest::Digest;
use crate::domain::instant::{Entered, Instant};
use crate::domain::json;
use crate::domain::vocabulary::{
    AttackStage, Authentication, Determination, DiscoveryMethod, IncidentStatus, Kind, Phase,
    ServiceState, Severity, Tlp, Typology, Urgency, Weakness, WithdrawalReason,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the hub adds to a body when it accepts a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub incident: IncidentRef,
    pub revision: u32,
    pub supersedes: Option<Supersedes>,
    pub accepted_at: Instant,
    pub source: Source,
    /// Issued by the hub itself as a bank reported it: nobody of the operator has looked into it.
    pub unverified: bool,
}

/// The revision that this one replaces, bound by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supersedes {
    pub revision: u32,
    pub incident_digest: Digest,
}

/// How many banks were hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankCount {
    pub count: u32,
}

type States = BTreeMap<ServiceState, u32>;

/// At how many banks each service is in each state; states with no bank are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCounts {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new_links: States,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub top_ups: States,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pay_outs: States,
}

impl ServiceCounts {
    pub(super) fn of(services: &[BankServices]) -> Self {
        let count = |pick: fn(&BankServices) -> Option<ServiceState>| {
            let mut states = States::new();
            for state in services.iter().filter_map(pick) {
                *states.entry(state).or_default() += 1;
            }
            states
        };
        Self {
            new_links: count(|bank| bank.new_links),
            top_ups: count(|bank| bank.top_ups),
            pay_outs: count(|bank| bank.pay_outs),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.new_links.is_empty() && self.top_ups.is_empty() && self.pay_outs.is_empty()
    }
}

impl Affected {
    pub(super) fn counted(&self) -> Known<BankCount> {
        match self {
            Affected::Unknown => Known::Unknown,
            Affected::Banks(banks) => Known::Value(BankCount {
                count: u32::try_from(banks.len()).unwrap_or(u32::MAX),
            }),
        }
    }
}

/// The impersonal content of one revision; made only by `Filing::check`, or read back from stored bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentBody {
    pub kind: Kind,
    pub tlp: Tlp,
    pub phase: Phase,
    pub incident_status: IncidentStatus,
    pub determination: Determination,
    pub severity: Severity,
    pub urgency: Urgency,
    pub title: Words,
    pub description: Words,
    pub typology: Vec<Typology>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typology_other: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack_stage: Vec<AttackStage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_exploited: Vec<Authentication>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_weakness: Vec<Weakness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery_method: Option<DiscoveryMethod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_from: Option<Known<Entered>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_to: Option<Known<Entered>>,
    pub detected_at: Entered,
    pub aware_at: Entered,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aware_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Entered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Entered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_update_at: Option<Entered>,
    pub affected_banks: Known<BankCount>,
    #[serde(default, skip_serializing_if = "ServiceCounts::is_empty")]
    pub services: ServiceCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub victims: Option<Known<Tally>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Known<Tally>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_lost: Option<Known<Money>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_recovered: Option<Known<Money>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_compensated: Option<Known<Money>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countermeasures: Vec<Measure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Words>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lessons: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedial_actions: Vec<RemedialAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bodies_notified: Option<Vec<BodyNotified>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_summary: Option<Words>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related_incidents: Vec<IncidentRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_reason: Option<String>,
}

impl IncidentBody {
    /// The exact bytes that are stored, sent and hashed (RFC 8785).
    pub fn canonical_bytes(&self, stamp: &Stamp) -> Vec<u8> {
        document("incident", stamp, self)
    }

    /// Reads stored canonical bytes; what the hub stamped on is passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The filing that says this, with what is not in a body: which banks are meant, and whom to call. Every field is
    /// named here, so that none that is added later can be left behind.
    pub fn into_filing(
        self,
        affected_banks: Known<Vec<String>>,
        services: Vec<BankServices>,
        operator_contacts: Vec<OperatorContact>,
    ) -> Filing {
        let Self {
            kind,
            tlp,
            phase,
            incident_status,
            determination,
            severity,
            urgency,
            title,
            description,
            typology,
            typology_other,
            attack_stage,
            auth_exploited,
            auth_weakness,
            discovery_method,
            occurred_from,
            occurred_to,
            detected_at,
            aware_at,
            aware_reason,
            resolved_at,
            closed_at,
            next_update_at,
            affected_banks: _,
            services: _,
            victims,
            transactions,
            amount_lost,
            amount_recovered,
            amount_compensated,
            countermeasures,
            advice,
            cause_types,
            lessons,
            remedial_actions,
            bodies_notified,
            change_summary,
            related_incidents,
            late_reason,
        } = self;
        let amount = |said: Option<Known<Money>>| said.map(|known| known.map(Amount::from));
        Filing {
            title,
            description,
            determination,
            typology,
            typology_other,
            attack_stage,
            auth_exploited,
            auth_weakness,
            discovery_method,
            occurred_from,
            occurred_to,
            detected_at,
            aware_at: Some(aware_at),
            aware_reason,
            resolved_at,
            closed_at,
            next_update_at,
            affected_banks,
            services,
            victims,
            transactions,
            amount_lost: amount(amount_lost),
            amount_recovered: amount(amount_recovered),
            amount_compensated: amount(amount_compensated),
            severity,
            urgency,
            countermeasures,
            advice,
            cause_types,
            lessons,
            remedial_actions,
            bodies_notified,
            tlp,
            kind,
            phase,
            incident_status,
            change_summary,
            related_incidents,
            operator_contacts,
            late_reason,
        }
    }
}

/// The content of a withdrawal. The incident's own kind and TLP go with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalBody {
    pub kind: Kind,
    pub tlp: Tlp,
    pub phase: Phase,
    pub reason: WithdrawalReason,
    pub text: Words,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<IncidentRef>,
}

impl WithdrawalBody {
    /// The exact bytes that are stored, sent and hashed (RFC 8785).
    pub fn canonical_bytes(&self, stamp: &Stamp) -> Vec<u8> {
        document("withdrawal", stamp, self)
    }

    /// Reads stored canonical bytes; what the hub stamped on is passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// The digest of the shared body, which every notice object repeats.
pub fn incident_digest(canonical: &[u8]) -> Digest {
    Digest::of(canonical)
}

/// Numbers of revisions are texts here, as they are in the notice object.
#[derive(Serialize)]
struct Document<'b, B> {
    v: u8,
    #[serde(rename = "type")]
    what: &'static str,
    incident: IncidentRef,
    revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<Earlier>,
    accepted_at: Instant,
    source: Source,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unverified: bool,
    #[serde(flatten)]
    body: &'b B,
}

#[derive(Serialize)]
struct Earlier {
    revision: String,
    incident_digest: Digest,
}

fn document<B: Serialize>(what: &'static str, stamp: &Stamp, body: &B) -> Vec<u8> {
    json::canonical(&Document {
        v: 1,
        what,
        incident: stamp.incident,
        revision: stamp.revision.to_string(),
        supersedes: stamp.supersedes.map(|earlier| Earlier {
            revision: earlier.revision.to_string(),
            incident_digest: earlier.incident_digest,
        }),
        accepted_at: stamp.accepted_at,
        source: stamp.source,
        unverified: stamp.unverified,
        body,
    })
}
