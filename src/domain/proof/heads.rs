//! Signed heads of one log, held against each other: two that do not connect are evidence of two histories,
//! and the two notes alone prove it to anyone. Knows not where the heads were collected.

use super::Finding;
use crate::merkle::Hash;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::VerifierKey;
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
    pub fn open(source: impl Into<String>, note: &str, key: &VerifierKey) -> Result<Self, Finding> {
        let source = source.into();
        let checkpoint = Checkpoint::open(note, key)
            .map_err(|why| Finding::new("checkpoint", format!("{source}: {why}")))?;
        let note = note.to_owned();
        Ok(Self {
            source,
            checkpoint,
            note,
        })
    }
}

/// Compares heads of one log, each with the next larger. `consistency` gives the proof from one size to
/// another where it can; the proof is checked, whoever made it, so that only a failure of an honest one
/// tells of a fork: `None` leaves the pair unconnected.
pub fn compare(
    mut heads: Vec<SignedHead>,
    mut consistency: impl FnMut(u64, u64) -> Option<Vec<Hash>>,
) -> Compared {
    heads.sort_by_key(|head| head.checkpoint.size);
    let mut compared = Compared::default();
    for pair in heads.windows(2) {
        let [one, other] = pair else { continue };
        let (old, new) = (&one.checkpoint, &other.checkpoint);
        if old.size == new.size {
            if old.root != new.root {
                let why = format!("two roots were signed for one size, {}", old.size);
                compared.forks.push(Fork {
                    one: one.clone(),
                    other: other.clone(),
                    why,
                });
            }
            continue;
        }
        let proof = if old.size == 0 {
            Some(Vec::new())
        } else {
            consistency(old.size, new.size)
        };
        let connected = proof.is_some_and(|path| {
            check_consistency(old.size, new.size, &path, &old.root, &new.root).is_ok()
        });
        if !connected {
            compared.unconnected.push((old.size, new.size));
        }
    }
    compared
}
