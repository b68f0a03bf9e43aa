//! The notice object: what one bank is told about its own copy of a revision, in the exact bytes whose
//! SHA-256 (the *digest*) that bank acknowledges; and the webhook in which it travels.

use super::digest::Digest;
use super::id::Uid;
use super::instant::Instant;
use serde::{Deserialize, Serialize};

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

/// The newer notice that has taken the place of one, for the same bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overtaken {
    /// Its number.
    pub number: i64,
    /// It takes the incident back; otherwise it tells the incident anew.
    pub is_withdrawn: bool,
}

/// What the webhook of a notice is put together from.
pub struct WebhookParts<'a> {
    /// `notice.issued`, `notice.withdrawn`, or `notice.reminder` of either.
    pub kind: &'a str,
    pub sent_at: Instant,
    /// The notice object as stored.
    pub object: &'a [u8],
    pub digest: Digest,
    /// The shared body as stored.
    pub body: &'a [u8],
    /// Where it is acknowledged by the API.
    pub acknowledge: &'a str,
    /// Where people read it.
    pub page: &'a str,
    pub recipients: i64,
    pub roster_version: i64,
    /// Codes of the observers among them.
    pub observers: &'a [String],
    /// The notice's proof as JSON; `None` = it goes out unsealed.
    pub log: Option<&'a [u8]>,
}

impl WebhookParts<'_> {
    /// The webhook's body. Notice object and incident body are spliced in as their stored bytes, so that
    /// nobody needs a canonicaliser to check the digests.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = format!(
            r#"{{"type":"{}","timestamp":"{}","data":{{"notice":"#,
            self.kind, self.sent_at
        );
        let middle = format!(r#","digest":"{}","incident":"#, self.digest);
        let tail = format!(
            concat!(
                r#","acknowledge":{{"api":"{}","page":"{}"}}"#,
                r#","recipients":{{"count":{},"roster_version":{},"observers":[{}]}},"log":"#
            ),
            self.acknowledge,
            self.page,
            self.recipients,
            self.roster_version,
            // Codes are letters, digits and hyphens: nothing to escape.
            self.observers
                .iter()
                .map(|code| format!("\"{code}\""))
                .collect::<Vec<_>>()
                .join(","),
        );
        [
            head.as_bytes(),
            self.object,
            middle.as_bytes(),
            self.body,
            tail.as_bytes(),
            self.log.unwrap_or(b"null"),
            b"}}",
        ]
        .concat()
    }
}

/// Where a bank's people read a notice.
pub fn page_url(public_url: &str, notice: &str) -> String {
    format!("{public_url}/inbox/{notice}")
}

/// Where a notice is acknowledged by the API.
pub fn acknowledge_url(public_url: &str, notice: &str) -> String {
    format!("{public_url}/api/v1/notices/{notice}/acknowledgement")
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
