//! Published vectors: the note of C2SP signed-note, the test log of Tessera, the leaves of the
//! Certificate Transparency reference, a cosignature that unrelated code accepts, the tiles of C2SP.

use super::*;
use crate::merkle::checkpoint::{Checkpoint, NotOpened};
use crate::merkle::note::{BadNote, Note, VerifierKey};
use crate::merkle::proof::{check_consistency, check_inclusion, consistency, inclusion};
use crate::merkle::tile::{Bundle, Tile, bundles, tiles};
use crate::merkle::tlog_proof::TlogProof;

const NOTE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n— example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

const LOG_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const LOG_TEXT: &str =
    "example.com/log/testdata\n5\ngy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=\n";
const LOG_LINE: &str = "— example.com/log/testdata \
    M9e0lmn5eDHyHP10zJObZdFAX2y1V8fdDKBi4IiHbDYf1TCUBwxZOhqwv2QZCqrdda2zTRTrmnwjwscN5RBTEmZUYAs=\n";
/// The siblings of leaf 2 among five, and what stands before them in the proof from 3 to 5.
const SIBLINGS: [&str; 3] = [
    "9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o=",
    "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
    "zMKa4OAqd7D0V4wawXST15z0JiEEkprIBPkfxOesWvA=",
];
const BEFORE: &str = "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=";

const COSIGNER_KEY: &str =
    "bank07.example/witness+361dde70+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const COSIGNATURE: &str = "— bank07.example/witness \
    Nh3ecAAAAABlU/EAEiSeASHGDxfs5JlAVaSZ/SB+hnWZpJ2f6bfD+Aa4Z9WKOwYC6gNld4nOoD4M+KBATbeLqkBBDHMndb2R/aDBAw==\n";

fn key(vkey: &str) -> VerifierKey {
    let key: VerifierKey = vkey.parse().expect("a vkey");
    assert_eq!(key.to_string(), vkey);
    key
}

fn log() -> SideTree {
    let entries = ["one", "two", "three", "four", "five"];
    SideTree::new(entries.map(|entry| leaf_hash(entry.as_bytes())).into())
}

#[test]
fn the_note_of_the_specification_verifies_and_prints_as_it_was() {
    let note = Note::parse(NOTE.as_bytes()).expect("a note");
    let verified = note.verify(&[key(NOTE_KEY)]).expect("signed");
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].name.as_str(), "example.com/foo");
    assert_eq!((verified[0].id, verified[0].time), (0x530d_903a, None));
    assert_eq!(note.to_string(), NOTE);
    assert_eq!(note.verify(&[key(LOG_KEY)]), Err(BadNote::Unknown));
}

#[test]
fn the_test_log_has_its_published_roots() {
    let root = |size| proof::root_at(size, reading(&log())).expect("held whole");
    assert_eq!(
        root(0),
        base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    );
    assert_eq!(
        root(1),
        base64("0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=")
    );
    assert_eq!(
        root(5),
        base64("gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=")
    );
    assert_eq!(root(0), empty_root());
}

#[test]
fn the_test_logs_checkpoint_opens_under_its_key_alone() {
    let note = format!("{LOG_TEXT}\n{LOG_LINE}");
    let checkpoint = Checkpoint::open(&note, &key(LOG_KEY)).expect("signed");
    assert_eq!(checkpoint.origin, "example.com/log/testdata");
    assert_eq!((checkpoint.size, checkpoint.root), (5, log().root()));
    assert_eq!(checkpoint.to_text(), LOG_TEXT);
    assert_eq!(
        Checkpoint::open(&note, &key(NOTE_KEY)),
        Err(NotOpened::BadNote(BadNote::Unknown))
    );
}

#[test]
fn the_test_logs_inclusion_proof_is_the_published_one() {
    let expected: Vec<Hash> = SIBLINGS.map(base64).into();
    assert_eq!(inclusion(2, 5, reading(&log())), Ok(expected.clone()));
    assert_eq!(log().path(2), Some(expected.clone()));
    let leaf = leaf_hash(b"three");
    assert_eq!(
        check_inclusion(&leaf, 2, 5, &expected, &log().root()),
        Ok(())
    );
}

#[test]
fn the_test_logs_consistency_proofs_are_the_published_ones() {
    let root = |size| proof::root_at(size, reading(&log())).expect("held whole");
    let from_three: Vec<Hash> = [BEFORE].into_iter().chain(SIBLINGS).map(base64).collect();
    let from_four = vec![base64(SIBLINGS[2])];
    for (old, expected) in [(3, from_three), (4, from_four), (5, vec![]), (0, vec![])] {
        assert_eq!(consistency(old, 5, reading(&log())), Ok(expected.clone()));
        let checked = check_consistency(old, 5, &expected, &root(old), &root(5));
        assert_eq!(checked, Ok(()), "from {old}");
    }
}

#[test]
fn the_test_logs_proof_is_carried_in_one_text() {
    let text = format!(
        "c2sp.org/tlog-proof@v1\nextra AAECAw==\nindex 2\n{}\n\n{LOG_TEXT}\n{LOG_LINE}",
        SIBLINGS.join("\n")
    );
    let proof = TlogProof::parse(&text).expect("a proof");
    assert_eq!(proof.extra.as_deref(), Some([0, 1, 2, 3].as_slice()));
    assert_eq!(proof.to_string(), text);
    let checkpoint = proof.check(&leaf_hash(b"three"), &key(LOG_KEY));
    assert_eq!(checkpoint.expect("proved").size, 5);
    assert!(proof.check(&leaf_hash(b"four"), &key(LOG_KEY)).is_err());
}

#[test]
fn the_reference_leaves_of_certificate_transparency_have_their_roots() {
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let leaves = entries.map(|entry| leaf_hash(&hex::decode(entry).expect("hex")));
    let tree_of = |size: usize| hex::encode(root(leaves[..size].iter().copied()));
    assert!(tree_of(1).starts_with("6e340b9c") && tree_of(1).ends_with("afa01d"));
    assert!(tree_of(3).starts_with("aeb6bcfe") && tree_of(3).ends_with("e06e77"));
    assert_eq!(
        tree_of(8),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
}

#[test]
fn a_cosignature_is_made_and_verified_as_unrelated_code_does() {
    let cosigner = signer("bank07.example/witness", KeyKind::Cosignature);
    assert_eq!(cosigner.verifier(), &key(COSIGNER_KEY));
    assert_eq!(
        cosigner.cosign(LOG_TEXT, 1_700_000_000).as_deref(),
        Ok(COSIGNATURE)
    );
    let note = format!("{LOG_TEXT}\n{LOG_LINE}{COSIGNATURE}");
    let note = Note::parse(note.as_bytes()).expect("a note");
    let verified = note
        .verify(&[key(COSIGNER_KEY), key(LOG_KEY)])
        .expect("signed");
    let times: Vec<Option<u64>> = verified.iter().map(|one| one.time).collect();
    assert_eq!(times, [None, Some(1_700_000_000)]);
    // The same key for plain signatures goes by another id.
    let plain = signer("bank07.example/witness", KeyKind::Ed25519);
    assert_eq!(plain.verifier().id(), 0x7e57_b9fd);
}

#[test]
fn the_tiles_of_the_specifications_trees_are_all_there_are() {
    let of = |size, level| -> Vec<Tile> { tiles(size).filter(|t| t.level == level).collect() };
    let full = |size, level| of(size, level).into_iter().filter(Tile::is_full).count();
    let last = |size, level| of(size, level).last().map(|t| (t.number, t.width));
    assert_eq!((full(70_000, 0), last(70_000, 0)), (273, Some((273, 112))));
    assert_eq!((full(70_000, 1), last(70_000, 1)), (1, Some((1, 17))));
    assert_eq!((full(70_000, 2), last(70_000, 2)), (0, Some((0, 1))));
    assert_eq!((of(70_000, 3), tiles(70_000).count()), (vec![], 277));
    let paths: Vec<String> = tiles(256).map(|tile| tile.path()).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(tiles(0).count() + bundles(0).count(), 0);
    let tile = Tile {
        level: 0,
        number: 1_234_067,
        width: 5,
    };
    assert_eq!(tile.path(), "tile/0/x001/x234/067.p/5");
    let bundle = Bundle {
        number: 1_234_067,
        width: 256,
    };
    assert_eq!(bundle.path(), "tile/entries/x001/x234/067");
}
