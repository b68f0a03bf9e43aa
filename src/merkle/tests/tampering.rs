//! One bit changed, anywhere: what was proved or signed must not hold any more. Where a change may pass,
//! the test says which one and why it means the same.

use super::*;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::{Note, VerifierKey};
use crate::merkle::proof::{check_consistency, check_inclusion, consistency, root_at};
use crate::merkle::tile::{decode_bundle, decode_hashes, encode_bundle, encode_hashes};
use crate::merkle::tlog_proof::TlogProof;
use std::ops::Range;

const SIZES: [u64; 11] = [1, 2, 3, 4, 5, 7, 8, 9, 21, 32, 33];
const ORIGIN: &str = "hub.example/log/1";

/// The bytes once for each of their bits, with that bit changed, and where it is.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, changed)
    })
}

fn hash_flips(hash: &Hash) -> impl Iterator<Item = Hash> {
    flips(hash).map(|(_, changed)| changed.try_into().expect("32 bytes"))
}

fn path_flips(path: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
    let whole = path.concat();
    let changed: Vec<Vec<u8>> = flips(&whole).map(|(_, changed)| changed).collect();
    let hashes = |bytes: Vec<u8>| bytes.as_chunks::<32>().0.to_vec();
    changed.into_iter().map(hashes)
}

/// The checkpoint of a log of `size` leaves, the note of it, and the key that opens it.
fn signed(size: u64) -> (Checkpoint, String, VerifierKey) {
    let (origin, root) = (ORIGIN.to_owned(), tree(size).root());
    let checkpoint = Checkpoint { origin, size, root };
    let signer = signer(ORIGIN, KeyKind::Ed25519);
    let note = signer.sign(&checkpoint.to_text()).expect("a text");
    (checkpoint, note, signer.verifier().clone())
}

#[test]
fn an_inclusion_proof_bears_no_changed_bit_and_no_hash_too_few_or_too_many() {
    for size in SIZES {
        let (tree, root) = (tree(size), tree(size).root());
        for index in 0..size {
            let path = tree.path(index as usize).expect("in range");
            let check = |leaf: &Hash, path: &[Hash], root: &Hash| {
                check_inclusion(leaf, index, size, path, root).is_ok()
            };
            let leaf = leaf(index);
            assert!(check(&leaf, &path, &root));
            assert!(!path_flips(&path).any(|path| check(&leaf, &path, &root)));
            assert!(!hash_flips(&leaf).any(|leaf| check(&leaf, &path, &root)));
            assert!(!hash_flips(&root).any(|root| check(&leaf, &path, &root)));
            let longer = [path.as_slice(), &[root]].concat();
            assert!(!check(&leaf, &longer, &root));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!check(&leaf, shorter, &root) && !check(&leaf, &path[1..], &root));
            }
        }
    }
}

#[test]
fn a_consistency_proof_bears_no_changed_bit_and_no_hash_too_few_or_too_many() {
    for new in SIZES {
        let whole = tree(new);
        let new_root = whole.root();
        for old in 0..=new {
            let old_root = root_at(old, reading(&whole)).expect("held whole");
            let path = consistency(old, new, reading(&whole)).expect("in range");
            let check = |path: &[Hash], old_root: &Hash, new_root: &Hash| {
                check_consistency(old, new, path, old_root, new_root).is_ok()
            };
            assert!(check(&path, &old_root, &new_root));
            assert!(!path_flips(&path).any(|path| check(&path, &old_root, &new_root)));
            assert!(!hash_flips(&old_root).any(|root| check(&path, &root, &new_root)));
            // Every tree begins with the empty one: from there nothing is claimed of the new root.
            let claims_nothing = old == 0;
            let mut changed = hash_flips(&new_root);
            assert_eq!(
                changed.all(|root| check(&path, &old_root, &root)),
                claims_nothing
            );
            assert!(
                claims_nothing || !hash_flips(&new_root).any(|root| check(&path, &old_root, &root))
            );
            let longer = [path.as_slice(), &[new_root]].concat();
            assert!(!check(&longer, &old_root, &new_root));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!check(shorter, &old_root, &new_root));
            }
        }
    }
}

#[test]
fn a_signed_checkpoint_bears_no_changed_bit() {
    for size in [0, 1, 5, 64] {
        let (checkpoint, note, key) = signed(size);
        assert_eq!(Checkpoint::open(&note, &key), Ok(checkpoint));
        for (at, changed) in flips(note.as_bytes()) {
            let Ok(parsed) = Note::parse(&changed) else {
                continue;
            };
            assert!(
                parsed.verify(std::slice::from_ref(&key)).is_err(),
                "byte {at}"
            );
            // Nothing that parses has a second spelling, so nothing changed is taken for the same.
            assert_eq!(parsed.to_string().as_bytes(), changed);
        }
    }
}

#[test]
fn a_cosigned_checkpoint_with_a_changed_bit_never_keeps_both_signatures() {
    let (checkpoint, note, key) = signed(9);
    let cosigner = signer("bank07.example/witness", KeyKind::Cosignature);
    let line = cosigner.cosign(&checkpoint.to_text(), 1_700_000_000);
    let note = note + &line.expect("a time");
    let known = [key, cosigner.verifier().clone()];
    let verify = |note: &[u8]| Note::parse(note).map(|note| note.verify(&known));
    assert_eq!(
        verify(note.as_bytes()).map(|found| found.map(|found| found.len())),
        Ok(Ok(2))
    );
    let second = note.rfind('—').expect("a line");
    let first = note.find('—').expect("a line");
    for (at, changed) in flips(note.as_bytes()) {
        // A changed name or id is that of a stranger, whose line is passed over: the other one still
        // stands for itself, over the unchanged text.
        if let Ok(Ok(left)) = verify(&changed) {
            assert_eq!(left.len(), 1, "byte {at}");
            assert_eq!(left[0].time.is_some(), at < second, "byte {at}");
            assert!(at >= first);
        }
    }
}

#[test]
fn a_checkpoints_text_with_a_changed_bit_is_none_or_another() {
    let (checkpoint, _, _) = signed(21);
    for (at, changed) in flips(checkpoint.to_text().as_bytes()) {
        let parsed = String::from_utf8(changed).map(|text| Checkpoint::parse(&text));
        assert_ne!(parsed, Ok(Ok(checkpoint.clone())), "byte {at}");
    }
}

#[test]
fn a_verifier_key_bears_no_changed_bit() {
    for kind in [KeyKind::Ed25519, KeyKind::Cosignature] {
        let key = signer(ORIGIN, kind).verifier().to_string();
        for (at, changed) in flips(key.as_bytes()) {
            let parsed = String::from_utf8(changed).map(|text| text.parse::<VerifierKey>());
            assert!(!matches!(parsed, Ok(Ok(_))), "byte {at}");
        }
    }
}

/// Where the text of the proof holds what nobody vouches for: the base64 of `extra`.
fn unvouched(text: &str) -> Range<usize> {
    let first = text.find("extra ").expect("an extra line") + "extra ".len();
    let length = text[first..].find('\n').expect("a line's end");
    first..first + length
}

#[test]
fn a_portable_proof_bears_no_changed_bit_but_in_what_nobody_vouches_for() {
    for size in [1, 2, 7, 33] {
        let (checkpoint, note, key) = signed(size);
        for index in [0, size / 2, size - 1] {
            let proof = TlogProof {
                extra: Some(b"context".to_vec()),
                index,
                path: tree(size).path(index as usize).expect("in range"),
                checkpoint: note.clone(),
            };
            let text = proof.to_string();
            let check = |text: &str| {
                let parsed = TlogProof::parse(text).ok()?;
                parsed.check(&leaf(index), &key).ok()
            };
            assert_eq!(check(&text), Some(checkpoint.clone()));
            let unvouched = unvouched(&text);
            for (at, changed) in flips(text.as_bytes()) {
                let Ok(changed) = String::from_utf8(changed) else {
                    continue;
                };
                let passes = check(&changed);
                assert!(
                    passes.is_none() || unvouched.contains(&at),
                    "byte {at} of {text}"
                );
                assert!(passes.is_none_or(|same| same == checkpoint));
            }
        }
    }
}

#[test]
fn a_bundle_with_a_changed_bit_is_none_or_does_not_hash_to_its_tile() {
    for count in [1, 2, 17] {
        let entries = (0..count).map(|n| vec![b'e'; n * 3]);
        let tile: Vec<Hash> = entries.clone().map(|entry| leaf_hash(&entry)).collect();
        let content = encode_bundle(entries).expect("short");
        let hashes = |content: &[u8]| -> Option<Vec<Hash>> {
            let entries = decode_bundle(content).ok()?;
            Some(entries.into_iter().map(leaf_hash).collect())
        };
        assert_eq!(hashes(&content), Some(tile.clone()));
        assert!(!flips(&content).any(|(_, changed)| hashes(&changed) == Some(tile.clone())));
    }
}

#[test]
fn a_tile_with_a_changed_bit_has_another_root() {
    for width in [1, 2, 17] {
        let tile: Vec<Hash> = (0..width).map(leaf).collect();
        let content = encode_hashes(&tile);
        let root_of = |content: &[u8]| decode_hashes(content).map(root);
        let expected = root_of(&content);
        assert_eq!(expected, Some(root(tile)));
        assert!(!flips(&content).any(|(_, changed)| root_of(&changed) == expected));
    }
}
