//! Inclusion and consistency: which hashes prove them (RFC 6962 §2.1.1, §2.1.2), and the checks
//! (RFC 9162 §2.1.3.2, §2.1.4.2). Reads hashes through a closure; knows not where they are kept.

use super::tree::{Node, edge_of, join};
use super::{Hash, empty_root, node_hash};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error(
        "there is no such leaf or older tree in a tree of this size: the question is wrong, or the proof belongs to another one"
    )]
    OutOfRange,
    #[error(
        "the proof has too few or too many hashes for these sizes: it was cut, or belongs to others"
    )]
    Length,
    #[error("the proof leads to another root: leaf, position, tree or proof was changed")]
    Root,
    #[error(
        "the proof does not lead back to the older root: the two trees do not share their beginning"
    )]
    OldRoot,
}

/// Why a proof cannot be made; `E` is what reading a node can fail with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unprovable<E> {
    #[error("there is no such leaf or older tree in a tree of this size")]
    OutOfRange,
    #[error("a hash of the tree cannot be read")]
    Read(#[source] E),
}

/// Where RFC 6962 §2.1 splits `length` leaves, of which there are at least two: the largest power of two
/// below it.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The hash over the leaves of `[start, end)`, a subtree that some proof or tree consists of.
fn hash_over<E>(
    (start, end): (u64, u64),
    read: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let nodes = edge_of(start, end - start);
    let hashes: Vec<Hash> = nodes.into_iter().map(read).collect::<Result<_, E>>()?;
    Ok(join(&hashes))
}

fn hashes_over<E>(
    ranges: &[(u64, u64)],
    mut read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, Unprovable<E>> {
    let bottom_up = ranges.iter().rev();
    bottom_up
        .map(|range| hash_over(*range, &mut read).map_err(Unprovable::Read))
        .collect()
}

/// Proves that leaf `index` is in the tree of `size` leaves: at most 64 hashes, the leaf's sibling first
/// (RFC 6962 §2.1.1). Reads at most two nodes for each level, none twice.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, Unprovable<E>> {
    if index >= size {
        return Err(Unprovable::OutOfRange);
    }
    let (mut start, mut end, mut siblings) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    hashes_over(&siblings, read)
}

/// Proves that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962 §2.1.2);
/// no hash at all where `old` is zero or equals `new`.
pub fn consistency<E>(
    old: u64,
    new: u64,
    read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, Unprovable<E>> {
    if old > new {
        return Err(Unprovable::OutOfRange);
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end, mut ranges) = (0, new, Vec::new());
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    // From zero on it is the older tree itself, whose root the verifier has.
    if start > 0 {
        ranges.push((start, end));
    }
    hashes_over(&ranges, read)
}

/// The root of the tree's first `size` leaves.
pub fn root_at<E>(size: u64, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    hash_over((0, size), &mut read)
}

/// A position on its way up to the root: which side the next hash stands on.
struct Climb {
    at: u64,
    last: u64,
}

impl Climb {
    /// Whether the next hash belongs to the left, and one level up (RFC 9162 §2.1.3.2 step 4).
    fn step(&mut self) -> Result<bool, Broken> {
        if self.last == 0 {
            return Err(Broken::Length);
        }
        let from_left = self.at & 1 == 1 || self.at == self.last;
        if from_left && self.at & 1 == 0 {
            // Where the tree has no right sibling, the node rises until it is one.
            self.rise(self.at.trailing_zeros());
        }
        self.rise(1);
        Ok(from_left)
    }

    fn rise(&mut self, levels: u32) {
        self.at = self.at.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    fn has_arrived(&self) -> Result<(), Broken> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(Broken::Length)
        }
    }
}

/// Checks that the leaf with this hash stands at `index` in the tree of `size` leaves and this root
/// (RFC 9162 §2.1.3.2).
pub fn check_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), Broken> {
    if index >= size {
        return Err(Broken::OutOfRange);
    }
    let mut climb = Climb {
        at: index,
        last: size - 1,
    };
    let mut hash = *leaf;
    for sibling in path {
        hash = if climb.step()? {
            node_hash(sibling, &hash)
        } else {
            node_hash(&hash, sibling)
        };
    }
    climb.has_arrived()?;
    if hash == *root {
        Ok(())
    } else {
        Err(Broken::Root)
    }
}

/// Checks that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162 §2.1.4.2).
/// The tree without leaves is the beginning of every tree, if the old root is really its root.
pub fn check_consistency(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), Broken> {
    if old > new {
        return Err(Broken::OutOfRange);
    }
    if old == 0 || old == new {
        return check_trivial(old, new, path, old_root, new_root);
    }
    // Of a perfect older tree the proof begins at its root, which it does not repeat.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, path)
    } else {
        path.split_first().ok_or(Broken::Length)?
    };
    let mut climb = Climb {
        at: old - 1,
        last: new - 1,
    };
    climb.rise(climb.at.trailing_ones());
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if climb.step()? {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
    }
    climb.has_arrived()?;
    if old_hash != *old_root {
        Err(Broken::OldRoot)
    } else if new_hash != *new_root {
        Err(Broken::Root)
    } else {
        Ok(())
    }
}

/// Where the older tree is empty or the same: there is nothing to prove, so a proof is a fault.
fn check_trivial(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), Broken> {
    if !path.is_empty() {
        Err(Broken::Length)
    } else if old == 0 && *old_root != empty_root() {
        Err(Broken::OldRoot)
    } else if old == new && old_root != new_root {
        Err(Broken::Root)
    } else {
        Ok(())
    }
}
