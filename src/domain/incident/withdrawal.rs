//! Taking a notice back: everyone who was told is told so, in a revision of its own.

use super::body::WithdrawalBody;
use super::checker::Checker;
use super::parts::Words;
use super::reference::IncidentRef;
use super::warning;
use crate::domain::fault::{Fault, Faults};
use crate::domain::json;
use crate::domain::vocabulary::{Kind, Phase, Tlp, WithdrawalReason};
use serde::{Deserialize, Serialize};

const MAX_TEXT: usize = 2_000;

/// A withdrawal as a client posts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    pub reason: WithdrawalReason,
    pub text: Words,
    /// The incident to read instead; required for a duplicate.
    pub replaces: Option<IncidentRef>,
}

/// A withdrawal that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWithdrawal {
    pub reason: WithdrawalReason,
    pub text: Words,
    pub replaces: Option<IncidentRef>,
}

impl Withdrawal {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }

    /// `incident` is the one to be withdrawn.
    pub fn check(&self, incident: IncidentRef) -> Result<CheckedWithdrawal, Faults> {
        let mut c = Checker::default();
        let text = c.long_words("/text", &self.text, MAX_TEXT);
        if self.reason == WithdrawalReason::Duplicate && self.replaces.is_none() {
            c.refuse(
                "/replaces",
                "field_missing",
                "name the incident that says the same",
            );
        }
        if self.replaces == Some(incident) {
            c.refuse(
                "/replaces",
                "replaces_itself",
                "an incident cannot stand in for itself",
            );
        }
        c.faults.into_result(CheckedWithdrawal {
            reason: self.reason,
            text,
            replaces: self.replaces,
        })
    }

    /// What a person should look at again before issuing.
    pub fn warnings(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        warning::words(&mut found, "/text", Some(&self.text));
        found
    }
}

impl CheckedWithdrawal {
    /// The shared body, with the kind and marking of the incident that is withdrawn.
    pub fn into_body(self, kind: Kind, tlp: Tlp) -> WithdrawalBody {
        WithdrawalBody {
            kind,
            tlp,
            phase: Phase::Withdrawal,
            reason: self.reason,
            text: self.text,
            replaces: self.replaces,
        }
    }
}
