//! The tree's definition, and what the tests of this folder share: trees, the log of the published
//! vectors, keys.

use super::note::{KeyKind, KeyName, Signer};
use super::side::SideTree;
use super::tree::{Frontier, Node};
use super::*;
use base64::prelude::*;

mod extremes;
mod oracles;
mod spellings;
mod tampering;
mod vectors;

/// The hash that tests give leaf `n`.
fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

fn tree(size: u64) -> SideTree {
    SideTree::new((0..size).map(leaf).collect())
}

/// Reads the nodes of a tree held whole.
fn reading(tree: &SideTree) -> impl Fn(Node) -> Result<Hash, Node> {
    |node| tree.hash(node).ok_or(node)
}

fn base64(text: &str) -> Hash {
    let decoded = BASE64_STANDARD.decode(text).expect("base64");
    decoded.try_into().expect("32 bytes")
}

/// A key whose seed is the bytes from 0 to 31.
fn signer(name: &str, kind: KeyKind) -> Signer {
    let seed: [u8; 32] = std::array::from_fn(|n| n as u8);
    Signer::new(KeyName::parse(name).expect("a name"), kind, &seed)
}

#[test]
fn every_small_tree_equals_the_recursive_definition() {
    fn recursive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                node_hash(&recursive(&many[..split]), &recursive(&many[split..]))
            }
        }
    }
    let leaves: Vec<Hash> = (0..300).map(leaf).collect();
    for n in 0..=leaves.len() {
        let expected = recursive(&leaves[..n]);
        assert_eq!(root(leaves[..n].iter().copied()), expected, "at {n}");
    }
}

#[test]
fn the_root_of_every_earlier_size_is_read_from_the_nodes_of_the_whole() {
    let whole = tree(300);
    let mut frontier = Frontier::default();
    for size in 0..=300 {
        assert_eq!(proof::root_at(size, reading(&whole)), Ok(frontier.root()));
        frontier.push(leaf(size));
    }
}

#[test]
fn a_commitment_differs_by_label_salt_and_payload() {
    let one = commit("notice", &[1; 32], b"x");
    assert_ne!(one, commit("notic", &[1; 32], b"x"));
    assert_ne!(one, commit("notice", &[2; 32], b"x"));
    assert_ne!(one, commit("notice", &[1; 32], b"y"));
}
