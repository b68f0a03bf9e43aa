//! The keys of a log, as far as one can tell who was handed one of them. A log's key changes by a `log.key` entry
//! that names the key before and the key after. The rule: a head that does not cover that entry is signed by the
//! key before, a head that covers it by the key after; and the first head that covers it is signed by both. That
//! head with the entry's inclusion proof is a [`Handover`], and who believes one of its two keys believes the
//! other, each for its sizes. So nobody who was handed a key needs a new one, and a key that is stolen after its
//! time signs nothing that whoever knows the handover believes. A key that nobody has shown a handover of is
//! believed at every size. Knows not who handed a key over.

use super::entries::{Entry, KeyChanged};
use super::{Finding, Unreadable, hold};
use crate::domain::json;
use crate::merkle;
use crate::merkle::checkpoint::{Checkpoint, NotOpened};
use crate::merkle::note::{KeyKind, Note, VerifierKey};
use crate::merkle::proof::check_inclusion;
use crate::merkle::tlog_proof::TlogProof;

/// How many handovers, the newest, travel with a proof. Who pinned an older key is handed a newer one again.
pub const CARRIED: usize = 8;
/// Where an export has them, as a list in JSON.
pub const HANDOVERS_FILE: &str = "kairan/handovers.json";
/// More are not looked into: a log has one for each change of its key.
const MAX_HANDOVERS: usize = 256;

/// A `log.key` entry with its inclusion proof, as a C2SP tlog-proof whose `extra` line holds the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    pub before: VerifierKey,
    pub after: VerifierKey,
    /// Signed by both keys; not verified.
    proof: TlogProof,
    entry: Vec<u8>,
}

/// A key, and of which sizes its heads are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    key: VerifierKey,
    first: u64,
    last: u64,
}

/// The keys that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogKeys(Vec<Known>);

impl From<VerifierKey> for LogKeys {
    fn from(key: VerifierKey) -> Self {
        Self::from_iter([key])
    }
}

impl From<&VerifierKey> for LogKeys {
    fn from(key: &VerifierKey) -> Self {
        key.clone().into()
    }
}

impl From<&Self> for LogKeys {
    fn from(keys: &Self) -> Self {
        keys.clone()
    }
}

/// Keys that were handed over, of one log or of several.
impl FromIterator<VerifierKey> for LogKeys {
    fn from_iter<T: IntoIterator<Item = VerifierKey>>(keys: T) -> Self {
        let known = |key| Known {
            key,
            first: 0,
            last: u64::MAX,
        };
        Self(keys.into_iter().map(known).collect())
    }
}

impl Handover {
    /// The text, made by whoever has the log: its entry at `proof.index`, and a head that both keys have signed.
    pub fn write(entry: &[u8], proof: TlogProof) -> String {
        let extra = Some(entry.to_vec());
        TlogProof { extra, ..proof }.to_string()
    }

    /// Takes exactly what [`Self::write`] gives.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut proof = TlogProof::parse(text).map_err(|why| Unreadable(why.to_string()))?;
        let none = "the proof carries no log.key entry in its extra line";
        let other = || Unreadable(none.to_owned());
        let entry = proof.extra.take().ok_or_else(other)?;
        let Ok(Entry::KeyChanged(told)) = Entry::parse(&entry) else {
            return Err(other());
        };
        let key = |text: &str, role: &str| {
            let key: Result<VerifierKey, _> = text.parse();
            let named = |key: &VerifierKey| {
                key.kind() == KeyKind::Ed25519 && key.name().as_str() == told.origin
            };
            key.ok().filter(named).ok_or_else(|| {
                let origin = &told.origin;
                Unreadable(format!("the key {role} is none of the log {origin}"))
            })
        };
        let KeyChanged { previous, vkey, .. } = &*told;
        Ok(Self {
            before: key(previous, "before")?,
            after: key(vkey, "after")?,
            proof,
            entry,
        })
    }

    /// Where its entry stands: the largest size at which the key before signs.
    pub fn index(&self) -> u64 {
        self.proof.index
    }

    /// The signed checkpoint in it.
    pub fn note(&self) -> &str {
        &self.proof.checkpoint
    }

    /// Both keys have signed one head that covers the entry. Code: `handover`.
    fn check(&self) -> Result<(), Finding> {
        let refuse = |why: &dyn std::fmt::Display| {
            let (before, after) = (self.before.id(), self.after.id());
            let told = format!("the handover from key {before:08x} to {after:08x}: {why}");
            Finding::new("handover", told)
        };
        let leaf = merkle::leaf_hash(&self.entry);
        for key in [&self.before, &self.after] {
            self.proof.check(&leaf, key).map_err(|why| refuse(&why))?;
        }
        let is_new = self.before != self.after;
        hold(is_new, "handover", || refuse(&"it changes nothing").detail)
    }
}

impl LogKeys {
    /// These keys and those that a list of handovers in JSON leads to. Code: `handover`.
    pub fn with_list(&self, list: &[u8]) -> Result<Self, Finding> {
        let handovers: Vec<String> =
            json::parse(list).map_err(|why| Finding::new("handover", Unreadable::from(why).0))?;
        self.with(&handovers)
    }

    /// These keys and those that handovers lead to, in any order; none may be left that leads nowhere. Code:
    /// `handover`.
    pub fn with(&self, handovers: &[String]) -> Result<Self, Finding> {
        hold(handovers.len() <= MAX_HANDOVERS, "handover", || {
            format!("more than {MAX_HANDOVERS} handovers are not looked into")
        })?;
        let mut keys = self.clone();
        let parsed = handovers.iter().map(|text| Handover::parse(text));
        let parsed: Result<Vec<_>, _> = parsed.collect();
        let mut left = parsed.map_err(|why| Finding::new("handover", why.0))?;
        while !left.is_empty() {
            let mut strangers = Vec::with_capacity(left.len());
            let before = left.len();
            for handover in left {
                if !keys.learn(&handover)? {
                    strangers.push(handover);
                }
            }
            hold(strangers.len() < before, "handover", || {
                "neither of a handover's keys is one that was handed over to you, nor follows from one".into()
            })?;
            left = strangers;
        }
        Ok(keys)
    }

    /// Learns from one handover; `false` if neither of its keys is known. Code: `handover`.
    pub fn learn(&mut self, handover: &Handover) -> Result<bool, Finding> {
        let place = |key: &VerifierKey| self.0.iter().position(|known| known.key == *key);
        let (before, after) = (place(&handover.before), place(&handover.after));
        if before.is_none() && after.is_none() {
            return Ok(false);
        }
        handover.check()?;
        let index = handover.index();
        let mut ended = self.at(before, &handover.before);
        let mut begun = self.at(after, &handover.after);
        // Neither has met a handover of this side before, or both have met this one.
        let is_fresh = (ended.last, begun.first) == (u64::MAX, 0);
        let is_again = (ended.last, begun.first) == (index, index + 1);
        let agrees = (is_fresh || is_again) && ended.first <= index && begun.last > index;
        hold(agrees, "handover", || {
            let id = handover.before.id();
            format!("key {id:08x} is handed over twice: two histories were signed")
        })?;
        (ended.last, begun.first) = (index, index + 1);
        for (place, known) in [(before, ended), (after, begun)] {
            match place {
                Some(place) => self.0[place] = known,
                None => self.0.push(known),
            }
        }
        Ok(true)
    }

    fn at(&self, place: Option<usize>, key: &VerifierKey) -> Known {
        match place {
            Some(place) => self.0[place].clone(),
            None => Known {
                key: key.clone(),
                first: 0,
                last: u64::MAX,
            },
        }
    }

    /// Whether one of them is this key.
    pub fn holds(&self, key: &VerifierKey) -> bool {
        self.0.iter().any(|known| known.key == *key)
    }

    /// Reads a signed checkpoint, and believes it if a key of its log that signs at its size has signed it.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NotOpened> {
        let note = Note::parse(note.as_bytes())?;
        let keys: Vec<VerifierKey> = self.0.iter().map(|known| known.key.clone()).collect();
        let signed = note.verify(&keys)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        let has_signed = |known: &&Known| {
            let key = &known.key;
            signed
                .iter()
                .any(|one| one.id == key.id() && one.name == *key.name())
        };
        let mut ours = self
            .0
            .iter()
            .filter(has_signed)
            .filter(|known| known.key.name().as_str() == checkpoint.origin)
            .peekable();
        if ours.peek().is_none() {
            return Err(NotOpened::Origin(checkpoint.origin));
        }
        if ours.any(|known| (known.first..=known.last).contains(&checkpoint.size)) {
            Ok(checkpoint)
        } else {
            Err(NotOpened::OutOfTime(checkpoint.size))
        }
    }

    /// The same for the head of a proof, which holds the leaf with this hash at its index.
    pub fn prove(&self, proof: &TlogProof, leaf: &merkle::Hash) -> Result<Checkpoint, String> {
        let checkpoint = self
            .open(&proof.checkpoint)
            .map_err(|why| why.to_string())?;
        let (size, root) = (checkpoint.size, &checkpoint.root);
        check_inclusion(leaf, proof.index, size, &proof.path, root)
            .map_err(|why| why.to_string())?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests;
