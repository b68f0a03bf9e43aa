//! The tree of RFC 6962 and the formats around it (C2SP): hashing, proofs, tiles, signed notes,
//! checkpoints, salted commitments. Pure and panic-free; shared by the hub, which stages evidence with it,
//! and by whoever verifies it offline. Knows no entry's meaning, no storage and no clock.

pub mod checkpoint;
pub mod growing;
pub mod note;
pub mod proof;
pub mod side;
pub mod tile;
pub mod tlog_proof;
pub mod tree;

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 || entry)`: the hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// The same of an entry that lies in two parts.
pub fn leaf_hash_of(parts: [&[u8]; 2]) -> Hash {
    let hash = Sha256::new().chain_update([0]);
    let [head, tail] = parts;
    hash.chain_update(head).chain_update(tail).finalize().into()
}

/// `SHA-256(0x01 || left || right)`: the hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of the tree without leaves: the hash of nothing (RFC 6962 §2.1).
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over leaf hashes in order; of none, the hash of nothing.
pub fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = tree::Frontier::default();
    for leaf in leaves {
        frontier.push(leaf);
    }
    frontier.root()
}

/// `SHA-256(label || 0x00 || salt || payload)`: hides `payload` until the salt is shown.
pub fn commit(label: &str, salt: &Hash, payload: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(label.as_bytes())
        .chain_update([0])
        .chain_update(salt)
        .chain_update(payload)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests;
