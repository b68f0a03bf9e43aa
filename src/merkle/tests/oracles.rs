//! Every proof against two implementations that nobody here wrote: `ct-merkle` and `tlog_tiles`. They
//! number nodes in their own ways and choose themselves which ones a proof consists of.

use super::*;
use crate::merkle::proof::{check_consistency, check_inclusion, consistency, inclusion, root_at};
use crate::merkle::tile::{hash_in, tile_of};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::digest::Output;
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, split_stored_hash_index};

const SIZES: u64 = 300;

/// Serves `tlog_tiles` out of a tree held whole; refuses what lies beyond `size`.
struct Stored<'a> {
    tree: &'a SideTree,
    size: u64,
}

impl tlog_tiles::HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (height, index) = split_stored_hash_index(*index);
            let node = Node { height, index };
            assert!(node.is_in(self.size), "{node:?} at {}", self.size);
            tlog_tiles::Hash(self.tree.hash(node).expect("held whole"))
        };
        Ok(indexes.iter().map(read).collect())
    }
}

fn theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().copied().map(tlog_tiles::Hash).collect()
}

fn ours(hashes: Vec<tlog_tiles::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

fn root_of(tree: &SideTree, size: u64) -> Hash {
    root_at(size, reading(tree)).expect("held whole")
}

#[test]
fn every_inclusion_proof_of_every_small_tree_is_the_one_that_others_make() {
    let whole = tree(SIZES);
    let mut grown = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for size in 1..=SIZES {
        grown.push((size - 1).to_be_bytes());
        let tree = &whole;
        let root = root_of(tree, size);
        assert_eq!(grown.root().as_bytes().as_slice(), root);
        for index in 0..size {
            let path = inclusion(index, size, reading(tree)).expect("in range");
            assert_eq!(
                check_inclusion(&leaf(index), index, size, &path, &root),
                Ok(())
            );
            let other = grown.prove_inclusion(index as usize);
            assert_eq!(path.concat(), other.as_bytes(), "{index} in {size}");
            let other = prove_record(size, index, &Stored { tree, size }).expect("in range");
            assert_eq!(path, ours(other), "{index} in {size}");
        }
    }
}

#[test]
fn every_consistency_proof_of_every_small_tree_is_the_one_that_others_make() {
    let whole = tree(SIZES);
    let roots: Vec<Hash> = (0..=SIZES).map(|size| root_of(&whole, size)).collect();
    let mut grown = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for new in 1..=SIZES {
        grown.push((new - 1).to_be_bytes());
        for old in 1..=new {
            let path = consistency(old, new, reading(&whole)).expect("in range");
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            assert_eq!(
                check_consistency(old, new, &path, old_root, new_root),
                Ok(())
            );
            let other = grown.prove_consistency((new - old) as usize);
            assert_eq!(path.concat(), other.as_bytes(), "{old} to {new}");
            let stored = Stored {
                tree: &whole,
                size: new,
            };
            let other = prove_tree(new, old, &stored).expect("in range");
            assert_eq!(path, ours(other), "{old} to {new}");
        }
    }
}

fn output(hash: &Hash) -> Output<Sha256> {
    Output::<Sha256>::from(*hash)
}

#[test]
fn a_proof_for_one_place_is_judged_at_every_other_as_others_judge_it() {
    let whole = tree(16);
    let (mut accepted, mut judged) = (0, 0);
    for (size, index) in (1..=16).flat_map(|size| (0..size).map(move |index| (size, index))) {
        let path = inclusion(index, size, reading(&whole)).expect("in range");
        let root = root_of(&whole, size);
        let flat = InclusionProof::try_from_bytes(path.concat()).expect("whole hashes");
        let claims = (0..=17).flat_map(|size| (0..=17).map(move |index| (size, index)));
        for (claimed_size, claimed) in claims {
            let checked = check_inclusion(&leaf(index), claimed, claimed_size, &path, &root);
            let head = RootHash::<Sha256>::new(output(&root), claimed_size);
            let other = head.verify_inclusion(&index.to_be_bytes(), claimed, &flat);
            assert_eq!(checked.is_ok(), other.is_ok());
            let (hash, root) = (tlog_tiles::Hash(leaf(index)), tlog_tiles::Hash(root));
            let other = check_record(&theirs(&path), claimed_size, root, claimed, hash);
            assert_eq!(checked.is_ok(), other.is_ok());
            // A tree's size is vouched for by its checkpoint: within one size no other place is accepted.
            assert_eq!(
                checked.is_ok() && claimed_size == size,
                (claimed_size, claimed) == (size, index)
            );
            accepted += u32::from(checked.is_ok());
            judged += 1;
        }
    }
    assert!(
        judged == 136 * 18 * 18 && accepted > 136,
        "{accepted} of {judged}"
    );
}

#[test]
fn a_consistency_proof_is_judged_for_every_other_pair_as_others_judge_it() {
    let whole = tree(12);
    let roots: Vec<Hash> = (0..=12).map(|size| root_of(&whole, size)).collect();
    let pairs =
        |from: u64| (from..=12).flat_map(move |new| (from..=new).map(move |old| (old, new)));
    for (old, new) in pairs(1) {
        let path = consistency(old, new, reading(&whole)).expect("in range");
        let flat = ConsistencyProof::try_from_bytes(path.concat()).expect("whole hashes");
        for (claimed_old, claimed_new) in pairs(1) {
            let (from, to) = (roots[claimed_old as usize], roots[claimed_new as usize]);
            let checked = check_consistency(claimed_old, claimed_new, &path, &from, &to);
            let head = RootHash::<Sha256>::new(output(&to), claimed_new);
            let base = RootHash::<Sha256>::new(output(&from), claimed_old);
            assert_eq!(
                checked.is_ok(),
                head.verify_consistency(&base, &flat).is_ok()
            );
            let (from, to) = (tlog_tiles::Hash(from), tlog_tiles::Hash(to));
            let other = check_tree(&theirs(&path), claimed_new, to, claimed_old, from);
            assert_eq!(checked.is_ok(), other.is_ok());
            let trivial = claimed_old == claimed_new && old == new;
            assert_eq!(
                checked.is_ok(),
                trivial || (claimed_old, claimed_new) == (old, new)
            );
        }
    }
}

/// Reads as an outsider does: from the tiles that a log of `size` entries serves.
fn from_tiles(tree: &SideTree, size: u64) -> impl Fn(Node) -> Result<Hash, Node> {
    move |node| {
        let tile = tile_of(node, size).ok_or(node)?;
        assert!(tile.is_in(size), "{tile:?} at {size}");
        let first = tile.number * tile::WIDTH;
        let hashes: Option<Vec<Hash>> = (first..first + u64::from(tile.width))
            .map(|index| {
                let height = tile.level * 8;
                tree.hash(Node { height, index })
            })
            .collect();
        hash_in(node, &tile, &hashes.ok_or(node)?).ok_or(node)
    }
}

#[test]
fn proofs_from_the_tiles_of_a_log_of_a_million_entries_are_those_that_others_make() {
    const MILLION: u64 = 1_000_000;
    let whole = tree(MILLION);
    let mut runner = TestRunner::new(Config::with_cases(100));
    let cases = (1..=MILLION, any::<prop::sample::Index>());
    let tried = runner.run(&cases, |(size, smaller)| {
        let index = smaller.index(size as usize) as u64;
        let stored = Stored { tree: &whole, size };
        let root = tlog_tiles::tree_hash(size, &stored).expect("held whole");
        prop_assert_eq!(root_at(size, from_tiles(&whole, size)), Ok(root.0));

        let path = inclusion(index, size, from_tiles(&whole, size)).expect("in range");
        let other = prove_record(size, index, &stored).expect("in range");
        prop_assert_eq!(&theirs(&path), &other);
        let head = RootHash::<Sha256>::new(output(&root.0), size);
        let flat = InclusionProof::try_from_bytes(path.concat()).expect("whole hashes");
        prop_assert!(
            head.verify_inclusion(&index.to_be_bytes(), index, &flat)
                .is_ok()
        );
        prop_assert_eq!(
            check_inclusion(&leaf(index), index, size, &path, &root.0),
            Ok(())
        );

        let old = index + 1;
        let path = consistency(old, size, from_tiles(&whole, size)).expect("in range");
        let other = prove_tree(size, old, &stored).expect("in range");
        prop_assert_eq!(&theirs(&path), &other);
        let old_root = root_of(&whole, old);
        let base = RootHash::<Sha256>::new(output(&old_root), old);
        let flat = ConsistencyProof::try_from_bytes(path.concat()).expect("whole hashes");
        prop_assert!(head.verify_consistency(&base, &flat).is_ok());
        prop_assert_eq!(
            check_consistency(old, size, &path, &old_root, &root.0),
            Ok(())
        );
        Ok(())
    });
    tried.expect("all agree");
}
