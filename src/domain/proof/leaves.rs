//! The leaves of the two side trees that entries commit to: a bank on a roster, a notice of a fan-out; and
//! the lists of them that travel beside the log.

use super::entries::{Fanout, Roster};
use super::spelled::Spelled;
use super::{Finding, Unreadable, encoding, hold};
use crate::domain::entry::{notice_leaf, roster_leaf};
use crate::domain::id::Uid;
use crate::merkle::{self, Hash};
use serde::{Deserialize, Serialize};

/// About as many bytes as a notice has in a list.
const LEAF_BYTES: usize = 256;

/// One bank on a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterLeaf {
    pub bank: Uid,
    /// Commitment to every way of reaching it.
    #[serde(with = "encoding::hash")]
    pub channels: Hash,
    /// Ed25519 public keys that sign its acknowledgements, ascending.
    #[serde(with = "encoding::hashes")]
    pub keys: Vec<[u8; 32]>,
    /// Codes of its linking authentication.
    pub linking: String,
    /// The roster version since which it has been a member.
    pub member_since: i64,
}

/// One notice of a fan-out. `T` is a text, its own or one of the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeLeaf<T = String> {
    pub bank: Uid,
    /// One name for each address that was told at once, as `webhook email`.
    pub channels: T,
    /// Salted commitment to the notice object.
    #[serde(with = "encoding::hash")]
    pub commitment: Hash,
    /// The hub's commitment to its own rows; opaque.
    #[serde(with = "encoding::hash")]
    pub facts: Hash,
    pub notice: Uid,
    /// The bank's gap-free number.
    pub number: i64,
}

impl RosterLeaf {
    /// `linking` ends at the first byte 0, after which keys follow; a text that holds one is no roster's.
    pub fn is_plain(&self) -> bool {
        self.linking
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte))
            && self.keys.is_sorted_by(|one, next| one < next)
    }

    /// The leaf in the roster's tree.
    pub fn hash(&self) -> Hash {
        let keys = self.keys.as_flattened();
        roster_leaf(
            self.bank,
            &self.channels,
            &self.linking,
            self.member_since,
            keys,
        )
    }
}

impl<T: AsRef<str>> NoticeLeaf<T> {
    /// The leaf in the fan-out's tree.
    pub fn hash(&self) -> Hash {
        let (bank, notice, number) = (self.bank, self.notice, self.number);
        notice_leaf(
            bank,
            notice,
            number,
            &self.commitment,
            &self.facts,
            self.channels.as_ref(),
        )
    }
}

/// `kairan/fanouts/<id>.json` of an export: all notices of one fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FanoutList<T = String> {
    pub fanout: Uid,
    pub kind: T,
    pub leaves: Vec<NoticeLeaf<T>>,
}

/// `kairan/rosters/<version>.json` of an export: all banks of one roster version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterList {
    pub leaves: Vec<RosterLeaf>,
    pub version: i64,
}

impl FanoutList {
    /// Reads a list. Straight into its shape, which refuses a key that is unknown or stands there twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|why| Unreadable(why.to_string()))
    }
}

impl<'a> FanoutList<&'a str> {
    /// Reads a list in the spelling in which the hub writes it, and makes no text its own: a log has very many of
    /// them. `None` says nothing; what is read is what [`FanoutList::parse`] reads.
    pub fn parse_as_written(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Spelled(bytes);
        rest.pass("{\"fanout\":")?;
        let fanout = rest.uid()?;
        rest.pass(",\"kind\":")?;
        let kind = rest.text()?;
        rest.pass(",\"leaves\":[")?;
        let mut leaves = Vec::with_capacity(bytes.len() / LEAF_BYTES);
        // Most banks are told over the same channels as the one before.
        let mut usual = "";
        loop {
            let leaf = NoticeLeaf::as_written(&mut rest, usual)?;
            usual = leaf.channels;
            leaves.push(leaf);
            if rest.pass(",").is_none() {
                break;
            }
        }
        rest.end("]}")?;
        Some(Self {
            fanout,
            kind,
            leaves,
        })
    }
}

impl<'a> NoticeLeaf<&'a str> {
    fn as_written(rest: &mut Spelled<'a>, usual: &'a str) -> Option<Self> {
        rest.pass("{\"bank\":")?;
        let bank = rest.uid()?;
        rest.pass(",\"channels\":")?;
        let channels = rest.text_or(usual)?;
        rest.pass(",\"commitment\":")?;
        let commitment = rest.hash()?;
        rest.pass(",\"facts\":")?;
        let facts = rest.hash()?;
        rest.pass(",\"notice\":")?;
        let notice = rest.uid()?;
        rest.pass(",\"number\":")?;
        let number = rest.integer()?;
        rest.pass("}")?;
        Some(Self {
            bank,
            channels,
            commitment,
            facts,
            notice,
            number,
        })
    }
}

impl<T: AsRef<str>> FanoutList<T> {
    /// Whether this is the list that the entry commits to. Codes: `list_other`, and those of the leaves.
    pub fn check(&self, entry: &Fanout) -> Result<(), Finding> {
        hold(
            self.fanout == entry.fanout && self.kind.as_ref() == entry.kind,
            "list_other",
            || {
                format!(
                    "the list of notices is not that of fan-out {}",
                    entry.fanout
                )
            },
        )?;
        check_notices(&self.leaves, entry)
    }
}

impl RosterList {
    /// Reads a list.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|why| Unreadable(why.to_string()))
    }

    /// Whether this is the list that the entry commits to. Codes: `list_other`, and those of the leaves.
    pub fn check(&self, entry: &Roster) -> Result<(), Finding> {
        hold(self.version == entry.version, "list_other", || {
            format!(
                "the list of banks is not that of roster version {}",
                entry.version
            )
        })?;
        check_roster(&self.leaves, entry)
    }
}

/// Number, order and root of a fan-out's notices. Codes: `fanout_count`, `fanout_order`, `fanout_root`.
pub(super) fn check_notices<T: AsRef<str>>(
    leaves: &[NoticeLeaf<T>],
    entry: &Fanout,
) -> Result<(), Finding> {
    let fanout = entry.fanout;
    let count = i64::try_from(leaves.len()).ok();
    hold(count == Some(entry.n), "fanout_count", || {
        format!(
            "fan-out {fanout}: {} notices are listed, and the log says {}",
            leaves.len(),
            entry.n
        )
    })?;
    hold(
        ascending(leaves.iter().map(|leaf| leaf.bank)),
        "fanout_order",
        || format!("fan-out {fanout}: its banks are not in order, or one stands there twice"),
    )?;
    let root = merkle::root(leaves.iter().map(NoticeLeaf::hash));
    hold(root == entry.notices_root, "fanout_root", || {
        format!("fan-out {fanout}: its notices are not those that the log committed to")
    })
}

/// Number, order and root of a roster's banks. Codes: `roster_count`, `roster_order`, `roster_leaf`,
/// `roster_root`.
pub(super) fn check_roster(leaves: &[RosterLeaf], entry: &Roster) -> Result<(), Finding> {
    let Roster {
        version, n, root, ..
    } = entry;
    let name = format!("roster version {version}");
    hold(
        i64::try_from(leaves.len()) == Ok(*n),
        "roster_count",
        || {
            format!(
                "{name}: {} banks are listed, and the log says {n}",
                leaves.len()
            )
        },
    )?;
    hold(
        ascending(leaves.iter().map(|leaf| leaf.bank)),
        "roster_order",
        || format!("{name}: its banks are not in order, or one stands there twice"),
    )?;
    hold(
        leaves.iter().all(RosterLeaf::is_plain),
        "roster_leaf",
        || format!("{name}: a bank's keys or linking codes are not written as they must be"),
    )?;
    hold(
        merkle::root(leaves.iter().map(RosterLeaf::hash)) == *root,
        "roster_root",
        || format!("{name}: its banks are not those that the log committed to"),
    )
}

fn ascending(banks: impl Iterator<Item = Uid>) -> bool {
    banks.is_sorted_by(|one, next| one < next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_leaf_are_the_published_ones() {
        let uid = |byte| Uid::from_bytes([byte; 16]);
        let mut leaf = RosterLeaf {
            bank: uid(1),
            channels: [2; 32],
            keys: vec![],
            linking: "sms_otp".into(),
            member_since: 3,
        };
        let mut bytes = b"kairan-roster-leaf/v1\0".to_vec();
        bytes.extend([1; 16]);
        bytes.extend([2; 32]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 3]);
        bytes.extend(b"sms_otp");
        assert_eq!(leaf.hash(), merkle::leaf_hash(&bytes));
        leaf.keys = vec![[4; 32], [5; 32]];
        bytes.push(0);
        bytes.extend([4; 32]);
        bytes.extend([5; 32]);
        assert_eq!(leaf.hash(), merkle::leaf_hash(&bytes));

        let leaf: NoticeLeaf = NoticeLeaf {
            bank: uid(1),
            channels: "webhook email".into(),
            commitment: [2; 32],
            facts: [3; 32],
            notice: uid(4),
            number: 42,
        };
        let mut bytes = b"kairan-notice-leaf/v1\0".to_vec();
        bytes.extend([1; 16]);
        bytes.extend([4; 16]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 42]);
        bytes.extend([2; 32]);
        bytes.extend([3; 32]);
        bytes.extend(b"webhook email");
        assert_eq!(leaf.hash(), merkle::leaf_hash(&bytes));
    }

    #[test]
    fn keys_cannot_hide_in_the_linking_codes() {
        let key = [b'k'; 32];
        let mut honest = RosterLeaf {
            bank: Uid::from_bytes([1; 16]),
            channels: [2; 32],
            keys: vec![key],
            linking: "x".into(),
            member_since: 1,
        };
        let hidden = RosterLeaf {
            keys: vec![],
            linking: format!("x\0{}", "k".repeat(32)),
            ..honest.clone()
        };
        assert_eq!(honest.hash(), hidden.hash());
        assert!(honest.is_plain() && !hidden.is_plain());
        honest.keys = vec![key, key];
        assert!(!honest.is_plain());
    }
    /// A list of two, as the hub writes one.
    fn list() -> FanoutList {
        let uid = |byte| Uid::from_bytes([byte; 16]);
        let leaf = |byte, number, channels: &str| NoticeLeaf {
            bank: uid(byte),
            channels: channels.into(),
            commitment: [byte; 32],
            facts: [3; 32],
            notice: uid(4),
            number,
        };
        FanoutList {
            fanout: uid(7),
            kind: "roster".into(),
            leaves: vec![leaf(1, 1, "webhook email"), leaf(2, 42, "")],
        }
    }

    fn owned(list: FanoutList<&str>) -> FanoutList {
        let leaf = |leaf: NoticeLeaf<&str>| NoticeLeaf {
            bank: leaf.bank,
            channels: leaf.channels.to_owned(),
            commitment: leaf.commitment,
            facts: leaf.facts,
            notice: leaf.notice,
            number: leaf.number,
        };
        FanoutList {
            fanout: list.fanout,
            kind: list.kind.to_owned(),
            leaves: list.leaves.into_iter().map(leaf).collect(),
        }
    }

    #[test]
    fn a_list_is_read_as_it_is_written_and_never_as_another() {
        let list = list();
        let bytes = serde_json::to_vec(&list).expect("JSON");
        assert_eq!(FanoutList::parse_as_written(&bytes).map(owned), Some(list));
        let agree = |bytes: &[u8]| {
            if let Some(read) = FanoutList::parse_as_written(bytes) {
                let told = String::from_utf8_lossy(bytes);
                assert_eq!(FanoutList::parse(bytes), Ok(owned(read)), "{told}");
            }
        };
        for place in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            for byte in 0..=u8::MAX {
                spoilt[place] = byte;
                agree(&spoilt);
            }
            spoilt[place] = bytes[place];
            spoilt.insert(place, bytes[place]);
            agree(&spoilt);
            spoilt.drain(place..place + 2);
            agree(&spoilt);
        }
    }
}
