use super::*;
use crate::domain::proof::Finding;
use crate::domain::proof::sample::{ORIGIN, Story, Twist, note, signer, uid};
use crate::merkle::note::VerifierKey;

fn key() -> VerifierKey {
    signer(ORIGIN, 7).verifier().clone()
}

fn refused(bundle: &Completeness) -> Finding {
    bundle.check(key()).expect_err("refused")
}

#[test]
fn a_bundle_tells_who_was_addressed_and_who_confirmed_how() {
    let covered = Story::told(Twist::Honest)
        .bundle()
        .check(key())
        .expect("sound");
    assert_eq!((covered.banks.len(), covered.former.len()), (4, 1));
    assert_eq!((covered.revision_number, covered.roster_version), (2, 2));
    assert!(covered.superseded);
    let proofs: Vec<_> = covered
        .banks
        .iter()
        .map(|bank| bank.stamp.as_ref().map(|stamp| &stamp.proof))
        .collect();
    assert!(
        matches!(proofs[0], Some(StampProof::Signed { key, .. }) if key == "0111.hub.operator.example/ack")
    );
    assert_eq!(proofs[1], Some(&StampProof::Recorded));
    assert!(matches!(proofs[2], Some(StampProof::Signed { .. })));
    assert_eq!(proofs[3], None);
}

#[test]
fn a_bundle_survives_its_file() {
    let bundle = Story::told(Twist::Honest).bundle();
    assert_eq!(Completeness::parse(&bundle.to_bytes()), Ok(bundle));
}

#[test]
fn a_roster_that_is_still_in_force_is_told_as_not_proven() {
    let mut bundle = Story::told(Twist::Honest).bundle();
    bundle.next_roster = None;
    assert!(!bundle.check(key()).expect("sound").superseded);
}

#[test]
fn an_insiders_bundle_does_not_hold() {
    for (twist, code) in [
        (Twist::BankDropped, "count"),
        (Twist::BankTwice, "fanout_order"),
        (Twist::BankExchanged, "pairing"),
        (Twist::FanoutMoved, "adjacent"),
        (Twist::OldRoster, "roster_other"),
    ] {
        let finding = refused(&Story::told(twist).bundle());
        assert_eq!(finding.code, code, "{twist:?}: {finding}");
    }
}

/// The insider shows the roster under which he registered: the one that was in force is its successor.
#[test]
fn an_older_roster_is_betrayed_by_the_one_that_replaced_it() {
    let story = Story::told(Twist::OldRoster);
    let mut bundle = story.bundle();
    bundle.roster = story.log.proven(story.roster_at[0]);
    bundle.roster_leaves = story.rosters[0].leaves.clone();
    bundle.next_roster = Some(story.log.proven(story.roster_at[1]));
    bundle.former = None;
    assert_eq!(refused(&bundle).code, "order");
    bundle.next_roster = Some(story.log.proven(story.roster_at[2]));
    assert_eq!(refused(&bundle).code, "next_other");
    // Hiding it leaves the question open, and the answer says so.
    bundle.next_roster = None;
    assert!(!bundle.check(key()).expect("so far").superseded);
}

#[test]
fn a_list_that_was_cut_to_fit_does_not_lead_to_the_root() {
    let mut bundle = Story::told(Twist::Honest).bundle();
    bundle.notice_leaves.remove(2);
    assert_eq!(refused(&bundle).code, "fanout_count");
    let mut bundle = Story::told(Twist::Honest).bundle();
    bundle.roster_leaves.remove(2);
    assert_eq!(refused(&bundle).code, "roster_count");
}

#[test]
fn a_forged_note_is_refused_and_one_of_a_later_key_is_told_as_such() {
    let mut bundle = Story::told(Twist::NoteForged).bundle();
    let covered = bundle.check(key()).expect("the rest holds");
    let proof = covered.banks[2].stamp.as_ref().map(|stamp| &stamp.proof);
    assert!(
        matches!(proof, Some(StampProof::KeyUnknown { .. })),
        "a roster came later: so may a key"
    );
    bundle.next_roster = None;
    assert_eq!(refused(&bundle).code, "stamp_signature");
}

#[test]
fn a_note_that_is_not_the_one_in_the_log_is_refused() {
    let mut bundle = Story::told(Twist::Honest).bundle();
    let leaf = bundle.notice_leaves[0].clone();
    bundle.acknowledgements[0].note = Some(note(&leaf, 1, 99));
    assert_eq!(refused(&bundle).code, "stamp_note");
    let mut bundle = Story::told(Twist::Honest).bundle();
    bundle.acknowledgements[0].opening = None;
    assert_eq!(refused(&bundle).code, "stamp_note");
    bundle.acknowledgements[0].note = None;
    let covered = bundle.check(key()).expect("erased, not forged");
    let proof = covered.banks[0].stamp.as_ref().map(|stamp| &stamp.proof);
    assert_eq!(proof, Some(&StampProof::NoteMissing));
}

#[test]
fn a_confirmation_counts_for_its_own_notice_and_once() {
    let mut bundle = Story::told(Twist::Honest).bundle();
    let again = bundle.acknowledgements[0].clone();
    bundle.acknowledgements.push(again);
    assert_eq!(refused(&bundle).code, "stamp_twice");
    let mut bundle = Story::told(Twist::Honest).bundle();
    bundle.acknowledgements[0].notice = bundle.notice_leaves[3].notice;
    assert_eq!(refused(&bundle).code, "stamp_other");
    bundle.acknowledgements[0].notice = uid(9, 9);
    assert_eq!(refused(&bundle).code, "stamp_notice");
}

#[test]
fn another_key_opens_nothing() {
    let bundle = Story::told(Twist::Honest).bundle();
    let other = signer(key().name().as_str(), 8);
    assert_eq!(
        bundle.check(other.verifier()).expect_err("refused").code,
        "checkpoint"
    );
}

#[test]
fn every_spoilt_field_of_a_bundle_is_refused() {
    type Spoil = fn(&mut Completeness);
    let spoils: &[(&str, Spoil)] = &[
        ("checkpoint", |b| {
            b.checkpoint = b.checkpoint.replacen("log/1", "log/2", 1)
        }),
        ("inclusion", |b| b.roster.index += 1),
        ("inclusion", |b| b.roster.path[0][0] ^= 1),
        ("inclusion", |b| b.registered.entry.push(b' ')),
        ("inclusion", |b| {
            b.fanout.path.pop();
        }),
        ("entry_kind", |b| b.roster = b.registered.clone()),
        ("entry_kind", |b| b.registered = b.fanout.clone()),
        ("entry_kind", |b| b.fanout = b.roster.clone()),
        ("adjacent", |b| {
            b.fanout = b.former.as_ref().expect("there").fanout.clone()
        }),
        ("next_other", |b| b.next_roster = Some(b.roster.clone())),
        ("order", |b| {
            b.roster = b.next_roster.clone().expect("there")
        }),
        ("revision", |b| b.revision = 1),
        ("roster_root", |b| b.roster_leaves[0].channels[0] ^= 1),
        ("roster_root", |b| {
            b.roster_leaves[0].keys.pop();
        }),
        ("roster_root", |b| b.roster_leaves[1].keys.push([1; 32])),
        ("roster_root", |b| b.roster_leaves[1].linking.push('x')),
        ("roster_root", |b| b.roster_leaves[1].member_since += 1),
        ("roster_leaf", |b| b.roster_leaves[1].linking.push('\0')),
        ("roster_order", |b| b.roster_leaves.swap(0, 1)),
        ("fanout_order", |b| b.notice_leaves.swap(0, 1)),
        ("fanout_root", |b| b.notice_leaves[0].bank = uid(1, 0)),
        ("fanout_root", |b| b.notice_leaves[0].channels.clear()),
        ("fanout_root", |b| b.notice_leaves[0].commitment[0] ^= 1),
        ("fanout_root", |b| b.notice_leaves[0].facts[0] ^= 1),
        ("fanout_root", |b| b.notice_leaves[0].notice = uid(9, 9)),
        ("fanout_root", |b| b.notice_leaves[0].number += 1),
        ("former", |b| {
            b.former.as_mut().expect("there").fanout = b.fanout.clone()
        }),
        ("fanout_root", |b| {
            b.former.as_mut().expect("there").notice_leaves[0].number += 1
        }),
        ("inclusion", |b| b.acknowledgements[0].index += 1),
        ("inclusion", |b| b.acknowledgements[0].path[0][0] ^= 1),
        ("inclusion", |b| b.acknowledgements[0].entry.push(b' ')),
        ("stamp_note", |b| {
            b.acknowledgements[0].opening = Some([0; 32])
        }),
        ("stamp_note", |b| {
            b.acknowledgements[1].note = Some(String::new())
        }),
    ];
    let good = Story::told(Twist::Honest).bundle();
    for (number, (code, spoil)) in spoils.iter().enumerate() {
        let mut bundle = good.clone();
        spoil(&mut bundle);
        assert_ne!(bundle, good, "{number} spoils nothing");
        let finding = refused(&bundle);
        assert_eq!(finding.code, *code, "{number}: {finding}");
    }
}

/// The incident's reference and the banks' codes are for reading: the entries hold neither. All else is
/// refused, or is another spelling of the same. One bit of each byte, another from byte to byte.
#[test]
fn no_byte_of_a_bundle_changes_what_is_proven() {
    let key = key();
    let bundle = Story::told(Twist::Honest).bundle();
    let (bytes, good) = (bundle.to_bytes(), bundle.check(&key).expect("sound"));
    let unlabelled = |bundle: Completeness| Completeness {
        labels: BTreeMap::new(),
        incident: String::new(),
        ..bundle
    };
    let as_written = unlabelled(bundle);
    let mut labels = 0;
    for at in 0..bytes.len() {
        let bit = (at * 5 + at / 8) % 8;
        let mut changed = bytes.clone();
        changed[at] ^= 1 << bit;
        let Ok(bundle) = Completeness::parse(&changed) else {
            continue;
        };
        let outcome = bundle.check(&key);
        if outcome.is_ok() {
            assert_eq!(outcome.as_ref(), Ok(&good), "bit {bit} of byte {at}");
            assert_eq!(unlabelled(bundle), as_written, "bit {bit} of byte {at}");
            labels += 1;
        }
    }
    assert!(labels > 0, "labels prove nothing, and the test has to know");
}
