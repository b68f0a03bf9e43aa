//! `completeness/v1`: the bundle that shows, offline, that one revision was addressed to every bank of the
//! roster in force, and who has confirmed. The hub fills it; whoever has the log's key checks it.

mod acknowledged;
mod check;

pub use acknowledged::{Stamp, StampProof};
pub use check::{BankCovered, Covered};

use super::leaves::{NoticeLeaf, RosterLeaf};
use super::{Unreadable, encoding};
use crate::domain::id::Uid;
use crate::domain::json;
use crate::merkle::Hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands at `format`.
pub const FORMAT: &str = "kairan-completeness/v1";

/// One revision's bundle. Everything is proven at the size of `checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completeness {
    pub acknowledgements: Vec<ProvenAcknowledgement>,
    /// The signed note.
    pub checkpoint: String,
    /// The `notice.fanout` of kind `roster`.
    pub fanout: Proven,
    pub format: String,
    /// The notices to former banks, where there are any.
    pub former: Option<Former>,
    /// How the log's key was handed on before the checkpoint was signed, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<String>,
    /// The incident's reference; for reading, it proves nothing.
    pub incident: String,
    /// Bank id to bank code; for reading, it proves nothing.
    pub labels: BTreeMap<Uid, String>,
    /// The `roster.version` that followed; null = the roster is still in force.
    pub next_roster: Option<Proven>,
    /// In the order of the roster.
    pub notice_leaves: Vec<NoticeLeaf>,
    /// The `incident.registered`.
    pub registered: Proven,
    /// The revision's number.
    pub revision: i64,
    /// The `roster.version` in force.
    pub roster: Proven,
    pub roster_leaves: Vec<RosterLeaf>,
}

/// An entry with its inclusion proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    #[serde(with = "encoding::bytes")]
    pub entry: Vec<u8>,
    pub index: u64,
    #[serde(with = "encoding::hashes")]
    pub path: Vec<Hash>,
}

/// The fan-out to banks that got an earlier revision and have left since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    pub fanout: Proven,
    pub notice_leaves: Vec<NoticeLeaf>,
}

/// A `notice.acknowledged` with its inclusion proof, and the note behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenAcknowledgement {
    #[serde(with = "encoding::bytes")]
    pub entry: Vec<u8>,
    pub index: u64,
    /// The signed note; null where there is none, or it was erased.
    pub note: Option<String>,
    pub notice: Uid,
    /// The salt of the entry's commitment to the note.
    #[serde(with = "encoding::optional_hash")]
    pub opening: Option<Hash>,
    #[serde(with = "encoding::hashes")]
    pub path: Vec<Hash>,
}

impl Completeness {
    /// Reads a bundle; one of another format is unreadable.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bundle: Self = json::parse(bytes)?;
        if bundle.format == FORMAT {
            Ok(bundle)
        } else {
            let format = &bundle.format;
            Err(Unreadable(format!(
                "the format is {format:?}, and {FORMAT:?} is read here"
            )))
        }
    }

    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::canonical(self)
    }
}

#[cfg(test)]
mod tests;
