//! What one bank holds in its hand: a notice object with the proof that this very object is in the log, in
//! its place among all notices of its fan-out. Two forms: the object at `data.log` of a webhook, and a
//! C2SP tlog-proof whose `extra` line carries the rest. Knows not who signed a webhook's envelope.

mod webhook;

pub use webhook::{Webhook, WebhookChecked};

use super::entries::Entry;
use super::leaves::NoticeLeaf;
use super::log_keys::LogKeys;
use super::{Finding, Unreadable, encoding, hold};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::json;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::proof::check_inclusion;
use crate::merkle::tlog_proof::TlogProof;
use crate::merkle::{self, Hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The label under which a notice object is committed to.
pub const COMMITMENT: &str = "kairan-notice/v1";

/// What the file form is called where one is handed out (C2SP tlog-proof names the ending).
pub const FILE_NAME: &str = "kairan-notice.tlog-proof";

/// The proof of one notice, as it stands at `data.log` of its webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeProof {
    /// The bytes of the `notice.fanout` entry.
    #[serde(with = "encoding::bytes")]
    pub entry: Vec<u8>,
    /// How the log's key was handed on before the checkpoint was signed, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<String>,
    /// The salt that opens the commitment to the notice object.
    #[serde(with = "encoding::hash")]
    pub opening: Hash,
    pub place: Place,
    /// The C2SP tlog-proof of the entry, with the signed checkpoint.
    pub proof: String,
}

/// A notice's place in the tree of its fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub bank: Uid,
    pub channels: String,
    #[serde(with = "encoding::hash")]
    pub facts: Hash,
    /// Notices of the fan-out.
    pub n: u64,
    #[serde(with = "encoding::hashes")]
    pub path: Vec<Hash>,
    /// From 0, in the order of bank ids.
    pub position: u64,
}

/// The `extra` of the tlog-proof form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    #[serde(with = "encoding::bytes")]
    entry: Vec<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handovers: Vec<String>,
    #[serde(with = "encoding::bytes")]
    object: Vec<u8>,
    #[serde(with = "encoding::hash")]
    opening: Hash,
    place: Place,
}

/// What a notice proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeChecked {
    pub notice: Uid,
    /// The bank's code, as the object says.
    pub bank: String,
    pub number: i64,
    pub incident: String,
    /// Code: actual, exercise, test; as the object says.
    pub notice_kind: String,
    pub revision: String,
    /// SHA-256 of the object: what is acknowledged.
    pub digest: Digest,
    /// SHA-256 of the incident's body, as the object says.
    pub incident_digest: Digest,
    pub bank_id: Uid,
    pub position: u64,
    pub fanout: Uid,
    pub fanout_kind: String,
    pub n: i64,
    pub roster_version: i64,
    /// Of the fan-out's entry in the log.
    pub index: u64,
    pub checkpoint: Checkpoint,
}

/// The fields of a notice object that are compared with others; it may have more.
#[derive(Debug, Clone, Deserialize)]
struct Object {
    bank: String,
    id: Uid,
    incident: String,
    incident_digest: Digest,
    kind: String,
    number: String,
    revision: String,
    v: u8,
}

impl Object {
    fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let object: Self = json::parse(bytes)?;
        if object.v == 1 {
            Ok(object)
        } else {
            let v = object.v;
            Err(Unreadable(format!(
                "a notice object of version {v} is not known here; use a newer kairan"
            )))
        }
    }

    /// A decimal number in its one spelling.
    fn number(&self) -> Option<i64> {
        let number: i64 = self.number.parse().ok()?;
        (number > 0 && number.to_string() == self.number).then_some(number)
    }
}

/// What the proofs of one fan-out's notices have in common, encoded once for all of them.
pub struct SharedProof {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl SharedProof {
    /// The fields of [`NoticeProof`] of the same names.
    pub fn new(entry: &[u8], handovers: &[String], proof: &str) -> Self {
        let text = "texts always serialize";
        let mut head = format!(r#"{{"entry":"{}""#, STANDARD.encode(entry)).into_bytes();
        if !handovers.is_empty() {
            head.extend_from_slice(br#","handovers":"#);
            serde_json::to_writer(&mut head, handovers).expect(text);
        }
        head.extend_from_slice(br#","opening":""#);
        let mut tail = br#","proof":"#.to_vec();
        serde_json::to_writer(&mut tail, proof).expect(text);
        tail.push(b'}');
        Self { head, tail }
    }

    /// The canonical JSON of one notice's proof.
    pub fn to_json(&self, opening: &Hash, place: &Place) -> Vec<u8> {
        let Self { head, tail } = self;
        let mut json = Vec::with_capacity(head.len() + tail.len() + 1_024);
        json.extend_from_slice(head);
        json.extend_from_slice(STANDARD.encode(opening).as_bytes());
        json.extend_from_slice(br#"","place":"#);
        serde_json::to_writer(&mut json, place)
            .expect("a struct of texts and numbers always serializes");
        json.extend_from_slice(tail);
        json
    }
}

impl NoticeProof {
    /// Canonical JSON, to be spliced in at `data.log`: the fields stand in the order of RFC 8785.
    pub fn to_json(&self) -> Vec<u8> {
        SharedProof::new(&self.entry, &self.handovers, &self.proof)
            .to_json(&self.opening, &self.place)
    }

    /// The file form, with the notice object inside. Fails if `proof` is no tlog-proof.
    pub fn to_tlog_proof(&self, object: &[u8]) -> Result<String, Unreadable> {
        let mut proof = parse_proof(&self.proof)?;
        proof.extra = Some(json::canonical(&Extra {
            entry: self.entry.clone(),
            handovers: self.handovers.clone(),
            object: object.to_vec(),
            opening: self.opening,
            place: self.place.clone(),
        }));
        Ok(proof.to_string())
    }

    /// Reads the file form: the proof, and the notice object.
    pub fn parse_tlog_proof(text: &str) -> Result<(Self, Vec<u8>), Unreadable> {
        let mut proof = parse_proof(text)?;
        let Some(extra) = proof.extra.take() else {
            let told = "the proof carries no notice in its extra line: it is one of another thing";
            return Err(Unreadable(told.to_owned()));
        };
        let extra: Extra = json::parse(&extra)?;
        let proof = Self {
            entry: extra.entry,
            handovers: extra.handovers,
            opening: extra.opening,
            place: extra.place,
            proof: proof.to_string(),
        };
        Ok((proof, extra.object))
    }

    /// Checks that the log of these keys holds the notice object of exactly these bytes. Codes: `object_form`,
    /// `object_number`, `entry_form`, `entry_kind`, `place_count`, `place_path`, `handover`, `proof_form`, `proof`.
    pub fn check(&self, object: &[u8], keys: impl Into<LogKeys>) -> Result<NoticeChecked, Finding> {
        let read = Object::parse(object).map_err(|why| Finding::new("object_form", why.0))?;
        let Some(number) = read.number() else {
            let told = "the notice's number is no positive decimal number";
            return Err(Finding::new("object_number", told));
        };
        let fanout = match Entry::parse(&self.entry) {
            Ok(Entry::Fanout(fanout)) => *fanout,
            Ok(_) => {
                return Err(Finding::new(
                    "entry_kind",
                    "the entry is not a notice.fanout",
                ));
            }
            Err(why) => return Err(Finding::new("entry_form", format!("the entry {why}"))),
        };
        let place = &self.place;
        hold(
            i64::try_from(place.n) == Ok(fanout.n),
            "place_count",
            || {
                format!(
                    "the proof speaks of {} notices, and the log of {}",
                    place.n, fanout.n
                )
            },
        )?;
        let leaf = self.leaf(object, &read, number);
        let (position, n, path) = (place.position, place.n, &place.path);
        check_inclusion(&leaf, position, n, path, &fanout.notices_root).map_err(|why| {
            let told = format!("this notice is not one of those that the log committed to: {why}");
            Finding::new("place_path", told)
        })?;
        let proof = parse_proof(&self.proof).map_err(|why| Finding::new("proof_form", why.0))?;
        let checkpoint = keys
            .into()
            .with(&self.handovers)?
            .prove(&proof, &merkle::leaf_hash(&self.entry))
            .map_err(|why| Finding::new("proof", why))?;
        Ok(NoticeChecked {
            notice: read.id,
            bank: read.bank,
            number,
            incident: read.incident,
            notice_kind: read.kind,
            revision: read.revision,
            digest: Digest::of(object),
            incident_digest: read.incident_digest,
            bank_id: place.bank,
            position,
            fanout: fanout.fanout,
            fanout_kind: fanout.kind,
            n: fanout.n,
            roster_version: fanout.roster_version,
            index: proof.index,
            checkpoint,
        })
    }

    fn leaf(&self, object: &[u8], read: &Object, number: i64) -> Hash {
        let place = &self.place;
        let leaf = NoticeLeaf {
            bank: place.bank,
            channels: place.channels.clone(),
            commitment: merkle::commit(COMMITMENT, &self.opening, object),
            facts: place.facts,
            notice: read.id,
            number,
        };
        leaf.hash()
    }
}

fn parse_proof(text: &str) -> Result<TlogProof, Unreadable> {
    TlogProof::parse(text).map_err(|why| Unreadable(why.to_string()))
}

#[cfg(test)]
mod tests;
