//! Evidence entries: the exact bytes that will stand in the log. Canonical JSON (RFC 8785) by field order:
//! ASCII keys, no floats, times as UTC strings with milliseconds. No person, address, free text, nor an
//! unsalted hash of any (law 8). Entries name each other by leaf hash, never by index.

use super::id::Uid;
use super::instant::Instant;
use crate::merkle::{self, Hash};
use serde::{Serialize, Serializer};

/// The format's own bound.
pub const MAX_BYTES: usize = 4_096;

fn as_base64<S: Serializer>(hash: &Hash, s: S) -> Result<S::Ok, S::Error> {
    use base64::prelude::*;
    s.serialize_str(&BASE64_STANDARD.encode(hash))
}

fn as_optional_base64<S: Serializer>(hash: &Option<Hash>, s: S) -> Result<S::Ok, S::Error> {
    match hash {
        Some(hash) => as_base64(hash, s),
        None => s.serialize_none(),
    }
}

/// One entry. Each variant lists its fields in canonical order; `t` names the type and `v` the version.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Entry<'a> {
    RosterVersion(RosterVersion),
    IncidentRegistered(IncidentRegistered<'a>),
    Fanout(Fanout<'a>),
    Attempt(Attempt<'a>),
    Acknowledged(Acknowledged<'a>),
    Response(Response),
    Report(Report),
    MailReport(MailReport<'a>),
    EndpointProven(EndpointProven),
    Deferral(Deferral<'a>),
    NoticeClosed(NoticeClosed),
    IncidentClosed(IncidentClosed),
    Approval(Approval<'a>),
    Accessed(Accessed),
    Chased(Chased<'a>),
    FactRecorded(FactRecorded<'a>),
    PayloadErased(PayloadErased),
    Genesis(Genesis<'a>),
    Successor(Successor<'a>),
    KeyChanged(KeyChanged<'a>),
}

/// A roster came into force.
#[derive(Debug, Clone, Serialize)]
pub struct RosterVersion {
    pub effective_at: Instant,
    /// The hub's own commitment to the rows of the version and its leaves.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub n: i64,
    /// Leaf hash of the entry of the version before; all zero for the first.
    #[serde(serialize_with = "as_base64")]
    pub previous: Hash,
    #[serde(serialize_with = "as_base64")]
    pub root: Hash,
    pub t: &'static str,
    pub v: u8,
    pub version: i64,
}

/// A revision was accepted. Always followed by its fan-out.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentRegistered<'a> {
    pub accepted_at: Instant,
    #[serde(serialize_with = "as_base64")]
    pub commitment: Hash,
    /// The hub's own commitment to the revision's row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub incident: Uid,
    pub kind: &'a str,
    pub phase: &'a str,
    pub revision: Uid,
    pub revision_number: i64,
    /// Leaf hash of the entry of the roster version in force.
    #[serde(serialize_with = "as_base64")]
    pub roster: Hash,
    pub roster_version: i64,
    pub t: &'static str,
    pub v: u8,
}

/// All notices of one revision, or one group of them.
#[derive(Debug, Clone, Serialize)]
pub struct Fanout<'a> {
    /// The hub's own commitment to the fan-out's row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub fanout: Uid,
    pub kind: &'a str,
    pub n: i64,
    #[serde(serialize_with = "as_base64")]
    pub notices_root: Hash,
    /// Leaf hash of `incident.registered`.
    #[serde(serialize_with = "as_base64")]
    pub registered: Hash,
    pub roster_version: i64,
    pub t: &'static str,
    pub v: u8,
}

/// An attempt to deliver, finished or lost.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt<'a> {
    pub at: Instant,
    pub attempt: Uid,
    pub bank: Option<Uid>,
    pub channel: &'a str,
    /// The hub's own commitment to the attempt's row and this outcome's.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub n: i64,
    pub notice: Option<Uid>,
    pub outcome: &'a str,
    pub seq: i64,
    pub status: Option<i64>,
    pub t: &'static str,
    pub v: u8,
}

/// A bank confirmed a notice's digest.
#[derive(Debug, Clone, Serialize)]
pub struct Acknowledged<'a> {
    pub acknowledgement: Uid,
    pub at: Instant,
    pub bank: Uid,
    pub class: &'a str,
    pub covered_by: Option<Uid>,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    /// Salted commitment to the signed note, where there is one.
    #[serde(serialize_with = "as_optional_base64")]
    pub note: Option<Hash>,
    pub notice: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A bank said what it did; what it said stays outside.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    pub at: Instant,
    pub bank: Uid,
    #[serde(serialize_with = "as_base64")]
    pub commitment: Hash,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub notice: Uid,
    pub response: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A bank reported a suspicion; what it said stays outside.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub at: Instant,
    pub bank: Uid,
    #[serde(serialize_with = "as_base64")]
    pub commitment: Hash,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    /// Unanswered, it is issued to everyone then.
    pub issue_by: Instant,
    pub report: Uid,
    pub t: &'static str,
    pub triage_by: Instant,
    pub v: u8,
}

/// A mail server reported what came of a mail; its words stay outside.
#[derive(Debug, Clone, Serialize)]
pub struct MailReport<'a> {
    /// What it did (RFC 3464).
    pub action: &'a str,
    pub at: Instant,
    pub attempt: Uid,
    /// Absent where the mail went to the operator's own people.
    pub bank: Option<Uid>,
    /// What that means here.
    pub class: &'a str,
    #[serde(serialize_with = "as_base64")]
    pub commitment: Hash,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub notice: Option<Uid>,
    pub report: Uid,
    /// RFC 3463.
    pub status: Option<&'a str>,
    pub t: &'static str,
    pub v: u8,
}

/// Whoever answers at an endpoint's address showed the endpoint's secret.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointProven {
    pub at: Instant,
    pub attempt: Uid,
    pub bank: Uid,
    /// The message with the challenge.
    pub challenge: Uid,
    pub endpoint: Uid,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub proof: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// Two people hold a whole revision back; what it says stays outside.
#[derive(Debug, Clone, Serialize)]
pub struct Deferral<'a> {
    pub at: Instant,
    /// Code of the vocabulary `deferral_basis`.
    pub basis: &'a str,
    #[serde(serialize_with = "as_base64")]
    pub commitment: Hash,
    pub deferral: Uid,
    /// It is issued by itself then.
    pub expires_at: Instant,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    /// `None` = it would be a first revision.
    pub incident: Option<Uid>,
    pub renews: Option<Uid>,
    pub request: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// Two people ended the chase of a notice that its bank had not acknowledged.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeClosed {
    pub at: Instant,
    pub bank: Uid,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub notice: Uid,
    pub request: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A final report closed an incident.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentClosed {
    /// Banks that had stamped what they were told last.
    pub acknowledged: i64,
    pub at: Instant,
    /// Banks whose notice two people had closed.
    pub closed: i64,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub incident: Uid,
    pub revision: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// Two people decided together.
#[derive(Debug, Clone, Serialize)]
pub struct Approval<'a> {
    pub act: &'a str,
    pub at: Instant,
    pub decision: &'a str,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub request: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A person of the bank had a notice on screen for the first time.
#[derive(Debug, Clone, Serialize)]
pub struct Accessed {
    pub at: Instant,
    pub bank: Uid,
    /// The hub's own commitment to the row of the level.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    pub notice: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A step of the chase of a notice that nobody has acknowledged.
#[derive(Debug, Clone, Serialize)]
pub struct Chased<'a> {
    pub at: Instant,
    pub bank: Uid,
    /// The highest ladder level that was reminded.
    pub contacts: i64,
    pub due_at: Instant,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    /// From 1, without a gap.
    pub n: i64,
    pub notice: Uid,
    pub step: &'a str,
    pub t: &'static str,
    pub v: u8,
}

/// A row of a fact table that no other entry speaks of.
#[derive(Debug, Clone, Serialize)]
pub struct FactRecorded<'a> {
    pub at: Instant,
    /// The table; of a role, the table and the role with a dot between.
    pub fact: &'a str,
    /// The hub's own commitment to the row.
    #[serde(serialize_with = "as_base64")]
    pub facts: Hash,
    /// The row's number among those of its subject; 0 = it is the only one.
    pub n: i64,
    pub subject: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// A sealed payload was destroyed for good.
#[derive(Debug, Clone, Serialize)]
pub struct PayloadErased {
    pub at: Instant,
    pub payload: Uid,
    pub t: &'static str,
    pub v: u8,
}

/// The first leaf of the first log.
#[derive(Debug, Clone, Serialize)]
pub struct Genesis<'a> {
    pub at: Instant,
    /// `kairan-log/v1`.
    pub format: &'a str,
    /// The log's name, which is its key's.
    pub origin: &'a str,
    pub t: &'static str,
    pub v: u8,
    /// The key that signs its heads (C2SP signed-note).
    pub vkey: &'a str,
}

/// The first leaf of a log that follows one that could not be continued.
#[derive(Debug, Clone, Serialize)]
pub struct Successor<'a> {
    pub at: Instant,
    pub format: &'a str,
    /// Every head that is known of the logs before.
    pub heads: Vec<KnownHead>,
    pub origin: &'a str,
    pub t: &'static str,
    pub v: u8,
    pub vkey: &'a str,
}

/// From here on the log's heads are signed by another key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyChanged<'a> {
    pub at: Instant,
    pub origin: &'a str,
    /// The key that signs heads which do not cover this entry.
    pub previous: &'a str,
    pub t: &'static str,
    pub v: u8,
    /// The key that signs heads which cover it.
    pub vkey: &'a str,
}

/// A head of another log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownHead {
    pub origin: String,
    #[serde(serialize_with = "as_base64")]
    pub root: Hash,
    pub size: u64,
}

impl Entry<'_> {
    /// The name that stands in `t`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RosterVersion(entry) => entry.t,
            Self::IncidentRegistered(entry) => entry.t,
            Self::Fanout(entry) => entry.t,
            Self::Attempt(entry) => entry.t,
            Self::Acknowledged(entry) => entry.t,
            Self::Response(entry) => entry.t,
            Self::Report(entry) => entry.t,
            Self::MailReport(entry) => entry.t,
            Self::EndpointProven(entry) => entry.t,
            Self::Deferral(entry) => entry.t,
            Self::NoticeClosed(entry) => entry.t,
            Self::IncidentClosed(entry) => entry.t,
            Self::Approval(entry) => entry.t,
            Self::Accessed(entry) => entry.t,
            Self::Chased(entry) => entry.t,
            Self::FactRecorded(entry) => entry.t,
            Self::PayloadErased(entry) => entry.t,
            Self::Genesis(entry) => entry.t,
            Self::Successor(entry) => entry.t,
            Self::KeyChanged(entry) => entry.t,
        }
    }

    /// The final bytes and their leaf hash.
    pub fn to_bytes(&self) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::with_capacity(384);
        serde_json::to_writer(&mut bytes, self).expect("ids, numbers and codes always serialize");
        debug_assert!(bytes.len() <= MAX_BYTES);
        let hash = merkle::leaf_hash(&bytes);
        (bytes, hash)
    }
}

/// The leaf of one bank in a roster's own tree: id, how it is reached, since when, what it links with, and its
/// live keys for acknowledgements: 32 bytes each, ascending, one after the other. Without a key the leaf ends
/// with what it links with.
pub fn roster_leaf(
    bank: Uid,
    channels: &Hash,
    linking: &str,
    member_since: i64,
    keys: &[u8],
) -> Hash {
    let mut bytes = Vec::with_capacity(192);
    bytes.extend_from_slice(b"kairan-roster-leaf/v1\0");
    bytes.extend_from_slice(bank.as_bytes());
    bytes.extend_from_slice(channels);
    bytes.extend_from_slice(&member_since.to_be_bytes());
    bytes.extend_from_slice(linking.as_bytes());
    if !keys.is_empty() {
        bytes.push(0);
        bytes.extend_from_slice(keys);
    }
    merkle::leaf_hash(&bytes)
}

/// The leaf of one notice in its fan-out's own tree: bank, notice, number, salted commitment to the
/// notice object, the hub's own commitment to its rows of the notice, and over which channels it goes.
pub fn notice_leaf(
    bank: Uid,
    notice: Uid,
    number: i64,
    commitment: &Hash,
    facts: &Hash,
    channels: &str,
) -> Hash {
    let mut head = [0; 126];
    let mut rest = &mut head[..];
    for part in [
        b"kairan-notice-leaf/v1\0",
        &bank.as_bytes()[..],
        notice.as_bytes(),
        &number.to_be_bytes(),
        commitment,
        facts,
    ] {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    merkle::leaf_hash_of([&head, channels.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proof;
    use crate::domain::proof::leaves::RosterLeaf;

    #[test]
    fn the_leaf_of_a_bank_on_the_roster_is_of_exactly_these_bytes() {
        let mut leaf = RosterLeaf {
            bank: Uid::from_bytes([9; 16]),
            channels: [5; 32],
            keys: Vec::new(),
            linking: "ekyc sms_otp".into(),
            member_since: 3,
        };
        for keys in [vec![], vec![[1; 32]], vec![[1; 32], [2; 32]]] {
            let mut told = b"kairan-roster-leaf/v1\0".to_vec();
            told.extend([9; 16]);
            told.extend([5; 32]);
            told.extend(3_i64.to_be_bytes());
            told.extend(b"ekyc sms_otp");
            if !keys.is_empty() {
                told.push(0);
                told.extend(keys.concat());
            }
            leaf.keys = keys;
            assert_eq!(leaf.hash(), merkle::leaf_hash(&told));
        }
    }

    #[test]
    fn every_entry_is_canonical_and_small() {
        let id = Uid::from_bytes([9; 16]);
        let at = Instant::from_micros(1_558_059_069_120_999);
        let hash = [5; 32];
        let entries = [
            Entry::RosterVersion(RosterVersion {
                effective_at: at,
                facts: hash,
                n: 35,
                previous: hash,
                root: hash,
                t: "roster.version",
                v: 1,
                version: 12,
            }),
            Entry::IncidentRegistered(IncidentRegistered {
                accepted_at: at,
                commitment: hash,
                facts: hash,
                incident: id,
                kind: "actual",
                phase: "initial",
                revision: id,
                revision_number: 1,
                roster: hash,
                roster_version: 12,
                t: "incident.registered",
                v: 1,
            }),
            Entry::Fanout(Fanout {
                facts: hash,
                fanout: id,
                kind: "roster",
                n: 35,
                notices_root: hash,
                registered: hash,
                roster_version: 12,
                t: "notice.fanout",
                v: 1,
            }),
            Entry::Attempt(Attempt {
                at,
                attempt: id,
                bank: Some(id),
                channel: "webhook",
                facts: hash,
                n: 3,
                notice: None,
                outcome: "accepted",
                seq: 1,
                status: Some(204),
                t: "notice.attempt",
                v: 1,
            }),
            Entry::Acknowledged(Acknowledged {
                acknowledgement: id,
                at,
                bank: id,
                class: "link",
                covered_by: None,
                facts: hash,
                note: None,
                notice: id,
                t: "notice.acknowledged",
                v: 1,
            }),
            Entry::Acknowledged(Acknowledged {
                acknowledgement: id,
                at,
                bank: id,
                class: "signed",
                covered_by: None,
                facts: hash,
                note: Some(hash),
                notice: id,
                t: "notice.acknowledged",
                v: 1,
            }),
            Entry::Response(Response {
                at,
                bank: id,
                commitment: hash,
                facts: hash,
                notice: id,
                response: id,
                t: "bank.response",
                v: 1,
            }),
            Entry::Report(Report {
                at,
                bank: id,
                commitment: hash,
                facts: hash,
                issue_by: at,
                report: id,
                t: "bank.report",
                triage_by: at,
                v: 1,
            }),
            Entry::MailReport(MailReport {
                action: "failed",
                at,
                attempt: id,
                bank: Some(id),
                class: "bounced",
                commitment: hash,
                facts: hash,
                notice: None,
                report: id,
                status: Some("5.1.1"),
                t: "mail.report",
                v: 1,
            }),
            Entry::EndpointProven(EndpointProven {
                at,
                attempt: id,
                bank: id,
                challenge: id,
                endpoint: id,
                facts: hash,
                proof: id,
                t: "endpoint.proven",
                v: 1,
            }),
            Entry::Deferral(Deferral {
                at,
                basis: "court_order",
                commitment: hash,
                deferral: id,
                expires_at: at,
                facts: hash,
                incident: None,
                renews: Some(id),
                request: id,
                t: "deferral",
                v: 1,
            }),
            Entry::NoticeClosed(NoticeClosed {
                at,
                bank: id,
                facts: hash,
                notice: id,
                request: id,
                t: "notice.closed",
                v: 1,
            }),
            Entry::IncidentClosed(IncidentClosed {
                acknowledged: 34,
                at,
                closed: 1,
                facts: hash,
                incident: id,
                revision: id,
                t: "incident.closed",
                v: 1,
            }),
            Entry::Approval(Approval {
                act: "withdrawal",
                at,
                decision: "approved",
                facts: hash,
                request: id,
                t: "approval",
                v: 1,
            }),
            Entry::Accessed(Accessed {
                at,
                bank: id,
                facts: hash,
                notice: id,
                t: "notice.accessed",
                v: 1,
            }),
            Entry::Chased(Chased {
                at,
                bank: id,
                contacts: 3,
                due_at: at,
                facts: hash,
                n: 3,
                notice: id,
                step: "deadline",
                t: "notice.chased",
                v: 1,
            }),
            Entry::FactRecorded(FactRecorded {
                at,
                fact: "role_grant.officer",
                facts: hash,
                n: 1,
                subject: id,
                t: "fact.recorded",
                v: 1,
            }),
            Entry::PayloadErased(PayloadErased {
                at,
                payload: id,
                t: "payload.erased",
                v: 1,
            }),
            Entry::Genesis(Genesis {
                at,
                format: "kairan-log/v1",
                origin: "hub.example/log/1",
                t: "log.genesis",
                v: 1,
                vkey: "hub.example/log/1+00000000+AA==",
            }),
            Entry::Successor(Successor {
                at,
                format: "kairan-log/v1",
                heads: vec![KnownHead {
                    origin: "hub.example/log/1".into(),
                    root: hash,
                    size: 1_234,
                }],
                origin: "hub.example/log/2",
                t: "log.successor",
                v: 1,
                vkey: "hub.example/log/2+00000000+AA==",
            }),
            Entry::KeyChanged(KeyChanged {
                at,
                origin: "hub.example/log/1",
                previous: "hub.example/log/1+00000000+AA==",
                t: "log.key",
                v: 1,
                vkey: "hub.example/log/1+00000001+AA==",
            }),
        ];
        for entry in entries {
            let (bytes, _) = entry.to_bytes();
            let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(
                bytes,
                serde_json_canonicalizer::to_vec(&value).expect("canonical"),
                "{}",
                entry.kind()
            );
            assert_eq!(value["t"], entry.kind());
            let read = proof::entries::Entry::parse(&bytes);
            let is_known = read.is_ok_and(|read| read != proof::entries::Entry::Unknown);
            assert!(is_known, "{} is not read as it is written", entry.kind());
            assert!(bytes.len() <= MAX_BYTES && bytes.is_ascii());
        }
    }
}
