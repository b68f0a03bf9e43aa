//! Sizes up to 2^64 - 1, levels and widths that no tree has, texts of all kinds. Nothing may panic; what
//! is answered has to be true.

use super::*;
use crate::merkle::checkpoint::{Checkpoint, NotACheckpoint};
use crate::merkle::proof::{
    Broken, Unprovable, check_consistency, check_inclusion, consistency, inclusion, root_at,
};
use crate::merkle::tile::{
    Bundle, NotABundle, Tile, WIDTH, bundle_of, bundles, decode_bundle, encode_bundle, hash_in,
    tile_of, tiles,
};
use crate::merkle::tlog_proof::{NotAProof, TlogProof};
use crate::merkle::tree::edge_nodes;
use proptest::prelude::*;
use std::convert::Infallible;

/// A tree whose leaves are all the same has one hash for each height: enough to hold 2^64 - 1 of them.
fn same_leaves() -> [Hash; 64] {
    let mut hashes = [leaf(0); 64];
    for height in 1..64 {
        hashes[height] = node_hash(&hashes[height - 1], &hashes[height - 1]);
    }
    hashes
}

fn same(hashes: &[Hash; 64]) -> impl Fn(Node) -> Result<Hash, Infallible> {
    |node| Ok(hashes[usize::from(node.height)])
}

/// Numbers of all magnitudes, and those around powers of two.
fn number() -> impl Strategy<Value = u64> {
    let around = (0_u32..64, 0_u64..3)
        .prop_map(|(bit, add)| (1_u64 << bit).wrapping_add(add).wrapping_sub(1));
    prop_oneof![
        any::<u64>(),
        around,
        0_u64..2_000,
        Just(u64::MAX),
        (0_u32..64, any::<u64>()).prop_map(|(shift, n)| n >> shift)
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let height = prop_oneof![0_u8..64, any::<u8>()];
    (height, number()).prop_map(|(height, index)| Node { height, index })
}

fn tile() -> impl Strategy<Value = Tile> {
    let level = prop_oneof![0_u8..9, any::<u8>()];
    let width = prop_oneof![0_u16..258, any::<u16>()];
    (level, number(), width).prop_map(|(level, number, width)| Tile {
        level,
        number,
        width,
    })
}

/// How many hashes prove leaf `index` of `size`: its own levels, and the left neighbours on the edge.
fn path_length(index: u64, size: u64) -> u32 {
    let inner = 64 - (index ^ (size - 1)).leading_zeros();
    inner + index.checked_shr(inner).unwrap_or(0).count_ones()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_inclusion_proof_of_any_tree_has_its_length_and_holds_at_its_place_alone(
        index in number(), size in number(), other in number(),
    ) {
        let hashes = same_leaves();
        let made = inclusion(index, size, same(&hashes));
        if index >= size {
            prop_assert_eq!(made, Err(Unprovable::OutOfRange));
            prop_assert_eq!(check_inclusion(&leaf(0), index, size, &[], &leaf(0)), Err(Broken::OutOfRange));
            return Ok(());
        }
        let path = made.expect("in range");
        prop_assert_eq!(path.len(), path_length(index, size) as usize);
        let root = root_at(size, same(&hashes)).expect("infallible");
        prop_assert_eq!(check_inclusion(&leaf(0), index, size, &path, &root), Ok(()));
        prop_assert_eq!(check_inclusion(&leaf(1), index, size, &path, &root), Err(Broken::Root));
        let longer = [path.as_slice(), &[root]].concat();
        prop_assert_eq!(check_inclusion(&leaf(0), index, size, &longer, &root), Err(Broken::Length));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_eq!(check_inclusion(&leaf(0), index, size, shorter, &root), Err(Broken::Length));
        }
        // Elsewhere the same path can only hold where the tree looks the same: with equal leaves that
        // is a place with as many hashes.
        if check_inclusion(&leaf(0), other, size, &path, &root).is_ok() {
            prop_assert_eq!(path_length(other, size) as usize, path.len());
        }
    }

    #[test]
    fn a_consistency_proof_of_any_two_trees_holds_and_is_short(old in number(), new in number()) {
        let hashes = same_leaves();
        let made = consistency(old, new, same(&hashes));
        let root = |size| root_at(size, same(&hashes)).expect("infallible");
        if old > new {
            prop_assert_eq!(made, Err(Unprovable::OutOfRange));
            prop_assert_eq!(check_consistency(old, new, &[], &leaf(0), &leaf(0)), Err(Broken::OutOfRange));
            return Ok(());
        }
        let path = made.expect("in range");
        prop_assert!(path.len() <= 65);
        prop_assert_eq!(path.is_empty(), old == 0 || old == new);
        let (from, to) = (root(old), root(new));
        prop_assert_eq!(check_consistency(old, new, &path, &from, &to), Ok(()));
        prop_assert!(check_consistency(old, new, &path, &leaf(9), &to).is_err());
        prop_assert_eq!(check_consistency(old, new, &path, &from, &leaf(9)).is_ok(), old == 0 && new > 0);
        let longer = [path.as_slice(), &[to]].concat();
        prop_assert_eq!(check_consistency(old, new, &longer, &from, &to), Err(Broken::Length));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_eq!(check_consistency(old, new, shorter, &from, &to), Err(Broken::Length));
        }
    }

    #[test]
    fn hashes_that_prove_nothing_are_refused_whatever_is_claimed(
        (first, second) in (number(), number()),
        path in prop::collection::vec(any::<Hash>(), 0..70),
        claimed: Hash,
        root: Hash,
    ) {
        prop_assert!(check_inclusion(&claimed, first, second, &path, &root).is_err());
        prop_assert!(check_consistency(first, second, &path, &claimed, &root).is_err());
    }

    #[test]
    fn a_failure_to_read_is_handed_on(index in number(), size in number()) {
        let failing = |node: Node| if node.index.is_multiple_of(2) { Ok(leaf(0)) } else { Err(node) };
        for made in [inclusion(index, size, failing), consistency(index, size, failing)] {
            if let Err(Unprovable::Read(node)) = made {
                prop_assert!(node.is_in(size) && node.index % 2 == 1);
            }
        }
    }

    #[test]
    fn a_node_is_found_in_one_tile_of_every_tree_that_holds_it(node in node(), size in number()) {
        let hashes = same_leaves();
        let Some(tile) = tile_of(node, size) else {
            prop_assert!(!node.is_in(size));
            return Ok(());
        };
        prop_assert!(node.is_in(size) && tile.is_in(size));
        let content = vec![hashes[usize::from(tile.level) * 8]; tile.width.into()];
        prop_assert_eq!(hash_in(node, &tile, &content), Some(hashes[usize::from(node.height)]));
        prop_assert_eq!(hash_in(node, &tile, &content[1..]), None);
        prop_assert_eq!(hash_in(node, &tile, &[&content[..], &[leaf(0)]].concat()), None);
        let next = Tile { number: tile.number + 1, ..tile };
        prop_assert_eq!(hash_in(node, &next, &content), None);
        let above = Tile { level: tile.level + 1, ..tile };
        prop_assert_eq!(hash_in(node, &above, &content), None);
        prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
    }

    #[test]
    fn a_hash_is_looked_for_in_any_tile_without_harm(node in node(), tile in tile(), count in 0_usize..300) {
        let found = hash_in(node, &tile, &vec![leaf(0); count]);
        prop_assert!(found.is_none() || (tile.level == node.height / 8 && count == usize::from(tile.width)));
    }

    #[test]
    fn a_tiles_path_is_read_back_if_there_is_such_a_tile(tile in tile(), size in number()) {
        let has_width = (1..=256).contains(&tile.width);
        let is_tile = has_width && tile.level <= 63;
        prop_assert_eq!(Tile::parse(&tile.path()), is_tile.then_some(tile));
        let bundle = Bundle { number: tile.number, width: tile.width };
        prop_assert_eq!(Bundle::parse(&bundle.path()), has_width.then_some(bundle));
        prop_assert_eq!(Tile::parse(&bundle.path()), None);
        prop_assert_eq!(Bundle::parse(&tile.path()), None);
        let end = u128::from(tile.number) * 256 + u128::from(tile.width);
        let count = |level: u8| u128::from(size).checked_shr(8 * u32::from(level)).unwrap_or(0);
        let has = |level| has_width && end <= count(level);
        prop_assert_eq!(tile.is_in(size), has(tile.level));
        prop_assert_eq!(bundle.is_in(size), has(0));
    }

    #[test]
    fn a_path_that_is_read_is_printed_as_it_was(
        path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,7}[0-9]{3}(\\.p/[0-9]{1,3})?",
    ) {
        let tile = Tile::parse(&path).map(|tile| tile.path());
        let bundle = Bundle::parse(&path).map(|bundle| bundle.path());
        prop_assert!(tile.is_none() || bundle.is_none());
        if let Some(printed) = tile.or(bundle) {
            prop_assert_eq!(printed, path);
        }
    }

    #[test]
    fn an_entry_is_in_the_bundle_that_is_named_for_it(index in number(), size in number()) {
        let Some(bundle) = bundle_of(index, size) else {
            prop_assert!(index >= size);
            return Ok(());
        };
        prop_assert!(bundle.is_in(size));
        let first = bundle.number * WIDTH;
        prop_assert!((first..=first + (u64::from(bundle.width) - 1)).contains(&index));
        let grown = Bundle { width: bundle.width + 1, ..bundle };
        prop_assert!(bundle.is_full() || !grown.is_in(size));
    }

    #[test]
    fn entries_are_read_as_they_were_bundled(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256),
    ) {
        let content = encode_bundle(&entries).expect("short");
        prop_assert_eq!(decode_bundle(&content).expect("a bundle"), entries);
        prop_assert_eq!(decode_bundle(&content[..content.len() - 1]), Err(NotABundle::Cut));
    }

    #[test]
    fn an_edge_covers_the_tree_from_left_to_right(size in number()) {
        let edge = edge_nodes(size);
        let mut covered = 0_u128;
        for node in &edge {
            prop_assert_eq!(u128::from(node.index) << node.height, covered);
            prop_assert!(node.is_in(size));
            covered += 1_u128 << node.height;
        }
        prop_assert_eq!((covered, edge.len()), (u128::from(size), size.count_ones() as usize));
    }

    #[test]
    fn a_proofs_text_is_read_as_it_was_printed(
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        index in number(),
        path in prop::collection::vec(any::<Hash>(), 0..66),
        checkpoint in "[a\n— ]{0,30}",
    ) {
        let proof = TlogProof { extra, index, path, checkpoint };
        let expected = match &proof {
            TlogProof { path, .. } if path.len() > 64 => Err(NotAProof::Path),
            TlogProof { checkpoint, .. } if checkpoint.is_empty() => Err(NotAProof::Checkpoint),
            _ => Ok(proof.clone()),
        };
        prop_assert_eq!(TlogProof::parse(&proof.to_string()), expected);
    }

    #[test]
    fn a_checkpoints_text_is_read_as_it_was_printed(
        origin in "[ -~é]{0,30}", size in number(), root: Hash,
    ) {
        let checkpoint = Checkpoint { origin, size, root };
        let expected = if checkpoint.origin.is_empty() {
            Err(NotACheckpoint::Origin)
        } else if size == 0 {
            Err(NotACheckpoint::EmptyRoot)
        } else {
            Ok(checkpoint.clone())
        };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_text()), expected);
    }
}

#[test]
fn the_tiles_of_a_tree_are_those_of_the_definition() {
    let around = |middle: u64| middle - 300..middle + 300;
    for size in (0..3_000).chain(around(65_536)).chain(around(131_072)) {
        let mut expected = Vec::new();
        let mut count = size;
        for level in 0..8 {
            // The partial width at level l is floor(size / 256^l) mod 256.
            let full = (0..count / 256).map(|number| Tile {
                level,
                number,
                width: 256,
            });
            expected.extend(full);
            let (number, width) = (count / 256, (count % 256) as u16);
            expected.extend((width > 0).then_some(Tile {
                level,
                number,
                width,
            }));
            count /= 256;
        }
        assert_eq!(tiles(size).collect::<Vec<_>>(), expected, "at {size}");
        let leaves = expected.iter().filter(|tile| tile.level == 0);
        let entries: Vec<Bundle> = leaves
            .map(|tile| Bundle {
                number: tile.number,
                width: tile.width,
            })
            .collect();
        assert_eq!(bundles(size).collect::<Vec<_>>(), entries, "at {size}");
        assert!(expected.iter().all(|tile| tile.is_in(size)));
    }
}

#[test]
fn the_largest_tree_has_tiles_on_eight_levels_and_a_partial_one_on_each() {
    let full = tiles(u64::MAX).find(|tile| tile.number == 1_000_000);
    assert_eq!(
        full.map(|tile| tile.path()).as_deref(),
        Some("tile/0/x001/x000/000")
    );
    let top = Node {
        height: 63,
        index: 0,
    };
    let tile = Tile {
        level: 7,
        number: 0,
        width: 255,
    };
    assert_eq!(tile_of(top, u64::MAX), Some(tile));
    let last = Node::leaf(u64::MAX - 1);
    let tile = Tile {
        level: 0,
        number: u64::MAX / 256,
        width: 255,
    };
    assert_eq!(tile_of(last, u64::MAX), Some(tile));
    assert_eq!(tile.path(), "tile/0/x072/x057/x594/x037/x927/935.p/255");
    assert_eq!(tile_of(Node::leaf(u64::MAX), u64::MAX), None);
    assert_eq!(
        tile_of(
            Node {
                height: 64,
                index: 0
            },
            u64::MAX
        ),
        None
    );
}
