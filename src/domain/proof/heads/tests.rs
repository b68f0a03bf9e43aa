use super::*;
use crate::domain::proof::sample::{Log, Story, Twist, signer};
use crate::merkle::proof::consistency;
use crate::merkle::root;
use crate::merkle::tree::Node;

fn head(log: &Log) -> SignedHead {
    SignedHead::open("a bank", &log.checkpoint(), log.key.verifier()).expect("signed")
}

/// As an exported log would make it.
fn earlier(log: &Log, old: u64, new: u64) -> Option<Earlier> {
    let over = |first: u64, count: u64| root((first..first + count).map(|index| log.hash(index)));
    let read = |node: Node| Ok::<_, ()>(over(node.index << node.height, 1 << node.height));
    let path = consistency(old, new, read).ok()?;
    Some(Earlier {
        root: over(0, old),
        path,
    })
}

#[test]
fn heads_of_one_history_connect_whatever_their_order() {
    let log = Story::told(Twist::Honest).log;
    let heads = [9, 3, 15, 9, 1].map(|size| head(&log.earlier(size)));
    let compared = compare(heads.to_vec(), |old, new| earlier(&log, old, new));
    assert_eq!(compared, Compared::default());
}

#[test]
fn two_roots_for_one_size_are_a_fork_without_any_proof() {
    let honest = Story::told(Twist::Honest).log;
    let other = Story::told(Twist::BankExchanged).log;
    let heads = vec![head(&honest), head(&other)];
    let compared = compare(heads, |_, _| None);
    assert_eq!(compared.forks.len(), 1);
    assert!(compared.forks[0].why.contains("two roots"));
}

#[test]
fn an_older_head_of_another_history_is_betrayed_by_the_newer_head_itself() {
    let honest = Story::told(Twist::Honest).log;
    let other = Story::told(Twist::BankExchanged).log;
    let size = 12;
    let heads = vec![head(&other.earlier(size)), head(&honest)];
    let compared = compare(heads.clone(), |old, new| earlier(&honest, old, new));
    let proof = compared.forks[0].proof.clone().expect("portable");
    assert!(
        proof.holds(size as u64, &heads[1].checkpoint) && proof.root != heads[0].checkpoint.root
    );
    // Without a log, or with one that does not lead to the newer head, nothing is shown.
    for made in [None, Some(&other)] {
        let compared = compare(heads.clone(), |old, new| earlier(made?, old, new));
        assert_eq!(
            (compared.forks.len(), compared.unconnected),
            (0, vec![(12, 15)])
        );
    }
}

#[test]
fn a_head_under_another_key_is_not_believed() {
    let log = Story::told(Twist::Honest).log;
    let other = signer(log.key.verifier().name().as_str(), 8);
    let finding =
        SignedHead::open("a bank", &log.checkpoint(), other.verifier()).expect_err("refused");
    assert_eq!(finding.code, "checkpoint");
}
