//! The notice object: what one bank is told about its own copy of a revision, in the exact bytes whose
//! SHA-256 (the *digest*) that bank acknowledges.

use super::digest::Digest;
use super::id::Uid;
use super::instant::Instant;
use serde::Serialize;

/// Field order is the order of RFC 8785 (§3.2.3): serializing gives the canonical bytes.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeObject<'a> {
    pub acknowledge_by: Instant,
    /// Commitment to this bank's annex, where there is one.
    pub annex: Option<Digest>,
    /// The bank's code.
    pub bank: &'a str,
    pub concerns_you: bool,
    pub exposed: bool,
    pub id: Uid,
    /// The incident's reference.
    pub incident: &'a str,
    pub incident_digest: Digest,
    pub kind: &'a str,
    /// This bank's gap-free number, a decimal string.
    pub number: String,
    pub phase: &'a str,
    /// A decimal string.
    pub revision: String,
    pub tlp: &'a str,
    pub v: u8,
}

impl NoticeObject<'_> {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of strings, numbers and flags always serializes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_canonical() {
        let object = NoticeObject {
            acknowledge_by: Instant::from_micros(1_558_059_069_120_000),
            annex: None,
            bank: "0117",
            concerns_you: true,
            exposed: false,
            id: Uid::from_bytes([1; 16]),
            incident: "INC-2019-0003",
            incident_digest: Digest::of(b"body"),
            kind: "actual",
            number: "42".into(),
            phase: "initial",
            revision: "1".into(),
            tlp: "AMBER",
            v: 1,
        };
        let bytes = object.to_bytes();
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(
            bytes,
            serde_json_canonicalizer::to_vec(&value).expect("canonical")
        );
    }
}
