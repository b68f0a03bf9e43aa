//! Signed heads of one log, held against each other: two that do not connect are evidence of two histories,
//! and the two notes alone prove it to anyone. Knows not where the heads were collected.

use super::Finding;
use super::log_keys::LogKeys;
use crate::merkle::Hash;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::proof::check_consistency;

/// A signed checkpoint, believed under the log's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Where it came from, for the person.
    pub source: String,
    pub checkpoint: Checkpoint,
    /// The whole note.
    pub note: String,
}

/// Two heads of one log that do not belong to one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    pub one: SignedHead,
    pub other: SignedHead,
    pub why: String,
    /// For two sizes: the root that the newer head has at the older's size, proven by these hashes.
    pub proof: Option<Earlier>,
}

/// The root of a tree when it was smaller, and the consistency proof from there (RFC 9162 §2.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    pub root: Hash,
    pub path: Vec<Hash>,
}

/// What came of comparing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    pub forks: Vec<Fork>,
    /// Pairs of sizes of which nothing shows that one tree grew into the other.
    pub unconnected: Vec<(u64, u64)>,
}

impl SignedHead {
    /// Reads a signed checkpoint. Code: `checkpoint`.
    pub fn open(
        source: impl Into<String>,
        note: &str,
        keys: impl Into<LogKeys>,
    ) -> Result<Self, Finding> {
        let source = source.into();
        let checkpoint = keys
            .into()
            .open(note)
            .map_err(|why| Finding::new("checkpoint", format!("{source}: {why}")))?;
        let note = note.to_owned();
        Ok(Self {
            source,
            checkpoint,
            note,
        })
    }
}

/// Compares heads of one log, each with the next larger. `earlier` makes, where it can, the proof from one
/// size to another. It need not be trusted: what it makes is checked under the signed roots, so that it
/// connects only what is connected, and a fork is told only where the newer head itself proves another root
/// at the older's size.
pub fn compare(
    mut heads: Vec<SignedHead>,
    mut earlier: impl FnMut(u64, u64) -> Option<Earlier>,
) -> Compared {
    heads.sort_by_key(|head| head.checkpoint.size);
    let mut compared = Compared::default();
    for pair in heads.windows(2) {
        let [one, other] = pair else { continue };
        let (old, new) = (&one.checkpoint, &other.checkpoint);
        let mut fork = |why, proof| {
            let (one, other) = (one.clone(), other.clone());
            compared.forks.push(Fork {
                one,
                other,
                why,
                proof,
            });
        };
        if old.size == new.size {
            if old.root != new.root {
                fork(format!("two roots were signed for size {}", old.size), None);
            }
        } else if old.size > 0 {
            match earlier(old.size, new.size).filter(|proof| proof.holds(old.size, new)) {
                Some(proof) if proof.root == old.root => {}
                Some(proof) => {
                    let size = old.size;
                    let why = format!(
                        "the newer head proves another root at size {size} than was signed for it"
                    );
                    fork(why, Some(proof));
                }
                None => compared.unconnected.push((old.size, new.size)),
            }
        }
    }
    compared
}

impl Earlier {
    fn holds(&self, size: u64, newer: &Checkpoint) -> bool {
        check_consistency(size, newer.size, &self.path, &self.root, &newer.root).is_ok()
    }
}

#[cfg(test)]
mod tests;
