//! Evidence to carry away, and the rules by which anyone judges it: notice proofs, completeness bundles,
//! certificates, signed heads, signed acknowledgements, a whole log. Pure: the hub fills these shapes, the verifier checks them with
//! nothing but a key of the log. Knows no file, no database and no clock.

pub mod acknowledgement;
pub mod canonical;
pub mod certificate;
pub mod completeness;
mod encoding;
pub mod entries;
pub mod heads;
pub mod leaves;
pub mod log_keys;
pub mod log_rules;
pub mod notice;
pub mod receipt;
pub mod signing_key;
mod spelled;

#[cfg(test)]
mod house {
    pub use crate::{domain, merkle};
}
#[cfg(test)]
#[allow(dead_code, reason = "whoever includes it uses a part of it")]
pub(crate) mod sample;

use super::fault::Faults;

/// Why evidence does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({code})")]
pub struct Finding {
    /// Stable, snake_case; scripts may switch on it.
    pub code: &'static str,
    /// One sentence for the person who has to judge it.
    pub detail: String,
}

impl Finding {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }
}

/// `Ok` if the rule holds, else the finding.
fn hold(holds: bool, code: &'static str, detail: impl FnOnce() -> String) -> Result<(), Finding> {
    if holds {
        Ok(())
    } else {
        Err(Finding::new(code, detail()))
    }
}

/// The input is not of the form that was asked for; nothing can be said about what it claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl From<Faults> for Unreadable {
    fn from(faults: Faults) -> Self {
        let told = faults.0.iter().map(|fault| match fault.pointer.as_str() {
            "" => fault.message.clone(),
            pointer => format!("{pointer}: {}", fault.message),
        });
        Self(told.collect::<Vec<_>>().join("; "))
    }
}
