//! What a bank did about a notice, and who may read it.

use super::checker::Checker;
use super::money::{Amount, Money};
use super::parts::Known;
use super::warning;
use crate::domain::fault::{Fault, Faults};
use crate::domain::instant::Entered;
use crate::domain::json;
use crate::domain::vocabulary::{ResponseCode, Sharing};
use serde::{Deserialize, Serialize};

const MAX_NOTE: usize = 2_000;
const MAX_ACCOUNTS: u64 = 1_000_000_000;

/// A response as a bank posts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseFiling {
    pub codes: Vec<ResponseCode>,
    pub found: Option<Found>,
    /// When what the codes say takes effect.
    pub effective_from: Option<Entered>,
    pub share: Sharing,
    pub note: Option<String>,
}

/// What the bank found in its own books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    pub accounts: Option<u64>,
    pub amount: Option<Amount>,
}

/// A response that keeps every rule; its JSON form is fit for `json::canonical`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedResponse {
    pub codes: Vec<ResponseCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_accounts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Entered>,
    pub share: Sharing,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ResponseFiling {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }

    pub fn check(&self) -> Result<CheckedResponse, Faults> {
        let mut c = Checker::default();
        self.check_codes(&mut c);
        let found = self.found.as_ref();
        let found_accounts = found.and_then(|found| found.accounts);
        let amount = found.and_then(|found| found.amount.clone());
        let found_amount = c.money("/found/amount", amount.map(Known::Value).as_ref());
        if found_accounts.is_some_and(|count| count > MAX_ACCOUNTS) {
            c.refuse(
                "/found/accounts",
                "count_too_large",
                "at most 1 000 000 000",
            );
        }
        let note = self.note.as_ref();
        let note = note.map(|text| c.paragraphs("/note", text, MAX_NOTE));
        c.faults.into_result(CheckedResponse {
            codes: self.codes.clone(),
            found_accounts,
            found_amount: found_amount.and_then(|amount| amount.value().copied()),
            effective_from: self.effective_from,
            share: self.share,
            note,
        })
    }

    fn check_codes(&self, c: &mut Checker) {
        if self.codes.is_empty() {
            c.refuse(
                "/codes",
                "list_empty",
                "say at least one thing; noted is one",
            );
        }
        c.codes("/codes", &self.codes, &[]);
        if self.share.reaches_peers() && self.codes.iter().any(|code| code.always_private()) {
            c.refuse(
                "/share",
                "share_private",
                "reviewing_partnership is never shown to peers: share it with the operator, and the rest apart",
            );
        }
        if self.share == Sharing::Private && self.codes.iter().any(|code| code.needs_operator()) {
            c.refuse(
                "/share",
                "share_operator",
                "the operator must be able to read this: share it with the operator at least",
            );
        }
        let none = self.codes.contains(&ResponseCode::NoMatchingCases);
        let some = self.codes.contains(&ResponseCode::MatchingCasesFound);
        let accounts = self.found.as_ref().and_then(|found| found.accounts);
        if none && (some || accounts.is_some_and(|count| count > 0)) {
            c.refuse(
                "/codes",
                "response_contradiction",
                "no_matching_cases cannot stand beside cases that were found",
            );
        }
    }

    /// What a person should look at again before sending.
    pub fn warnings(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        let note = self.note.as_deref().unwrap_or_default();
        warning::warn(&mut found, "/note", note);
        found
    }
}
