//! Signed heads and handovers, one after another with an empty byte between: what is believed under a log's first
//! key is what that log has signed, and one history never looks like two.
#![no_main]

use kairan::domain::proof::heads::{Earlier, SignedHead, compare};
use kairan::domain::proof::log_keys::LogKeys;
use kairan::merkle::note::VerifierKey;
use kairan::merkle::proof::consistency;
use kairan::merkle::root;
use kairan::merkle::tree::Node;
use kairan::sample::{Log, ORIGIN, handed_over_twice, signer};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static HONEST: LazyLock<(Log, VerifierKey)> = LazyLock::new(|| {
    let first = signer(ORIGIN, 7).verifier().clone();
    (handed_over_twice().0, first)
});

/// What a fuzzer may have learned to sign with, if it were one.
static STRANGERS: LazyLock<Vec<VerifierKey>> = LazyLock::new(|| {
    let key = |seed| signer(ORIGIN, seed).verifier().clone();
    [0, 1, 6, 10, 66].map(key).to_vec()
});

fn earlier(log: &Log, old: u64, new: u64) -> Option<Earlier> {
    let over = |first: u64, count: u64| root((first..first + count).map(|index| log.hash(index)));
    let read = |node: Node| Ok::<_, ()>(over(node.index << node.height, 1 << node.height));
    let path = consistency(old, new, read).ok()?;
    let root = over(0, old);
    Some(Earlier { root, path })
}

fuzz_target!(|text: &str| {
    let (log, first) = &*HONEST;
    let mut keys = LogKeys::from(first);
    let (mut heads, mut handovers) = (Vec::new(), Vec::new());
    for part in text.split('\0') {
        handovers.push(part.to_owned());
        match keys.with(&handovers) {
            Ok(learned) => keys = learned,
            Err(_) => drop(handovers.pop()),
        }
        heads.extend(SignedHead::open("a bank", part, &keys));
    }
    assert!(STRANGERS.iter().all(|key| !keys.holds(key)));
    for head in &heads {
        let known = log.earlier(head.checkpoint.size as usize).head();
        assert_eq!(head.checkpoint, known);
    }
    let compared = compare(heads, |old, new| earlier(log, old, new));
    assert!(compared.forks.is_empty() && compared.unconnected.is_empty());
});
