//! The incident: what a client files (`filing`), the rules it must keep (`check`), and the shared,
//! impersonal document that every bank gets (`body`). Also a withdrawal and a bank's response.
//!
//! No type here has a field for recipients: the register decides who is told, never the filer.
//! Persons (`OperatorContact`) and bank names (`Affected`, `BankServices`) are kept apart from the body.

pub use body::{
    BankCount, IncidentBody, ServiceCounts, Stamp, Supersedes, WithdrawalBody, incident_digest,
};
pub use check::{Affected, CheckedIncident, Earlier, FilingContext, needed};
pub use filing::Filing;
pub use money::{Amount, AmountFault, Currency, Money};
pub use parts::{
    BankServices, BodyNotified, Known, Measure, OperatorContact, RemedialAction, Tally, Words,
};
pub use reference::{IncidentRef, NotAReference};
pub use report::ReportFiling;
pub use response::{CheckedResponse, Found, ResponseFiling};
pub use shape::is_bank_code;
pub use withdrawal::{CheckedWithdrawal, Withdrawal};

mod body;
mod check;
mod checker;
mod filing;
mod money;
mod parties;
mod parts;
mod reference;
mod report;
mod response;
mod rules;
mod shape;
mod warning;
mod withdrawal;

super::vocabulary::vocabulary! {
    /// Who reported it, as peers may know it: never which bank.
    Source, "source":
    Operator = "operator",
    Bank = "bank",
    Regulator = "regulator",
    Other = "other",
}

#[cfg(test)]
mod tests;
