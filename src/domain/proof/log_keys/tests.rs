use super::*;
use crate::domain::proof::sample::{Log, ORIGIN, handed_over_twice, signer};

fn vkey(seed: u8) -> VerifierKey {
    signer(ORIGIN, seed).verifier().clone()
}

#[test]
fn who_holds_any_key_of_a_log_believes_the_heads_of_all_its_times() {
    let (_, heads, handovers) = handed_over_twice();
    let turned: Vec<String> = handovers.iter().rev().cloned().collect();
    for seed in [7, 8, 9] {
        for given in [&handovers, &turned] {
            let keys = LogKeys::from(vkey(seed)).with(given).expect("they lead on");
            for (size, head) in &heads {
                assert_eq!(
                    keys.open(head).map(|head| head.size),
                    Ok(*size),
                    "under {seed}"
                );
            }
            assert_eq!(keys.with(given).as_ref(), Ok(&keys), "again is no harm");
        }
    }
}

#[test]
fn without_the_handover_a_new_key_is_nobodys() {
    let (_, heads, _) = handed_over_twice();
    let keys = LogKeys::from(vkey(7));
    assert!(keys.open(&heads[0].1).is_ok());
    assert!(matches!(keys.open(&heads[1].1), Err(NotOpened::BadNote(_))));
}

#[test]
fn a_key_signs_nothing_before_its_time_and_nothing_after_it() {
    let (_, _, handovers) = handed_over_twice();
    let keys = LogKeys::from(vkey(7))
        .with(&handovers)
        .expect("they lead on");
    let signed = |seed: u8, size: usize| {
        let mut log = Log::new("log.genesis");
        for _ in 1..size {
            log.attempt();
        }
        log.key = signer(ORIGIN, seed);
        keys.open(&log.checkpoint())
    };
    // The entries stand at 2 and 4.
    for (seed, first, last) in [(7, 1, 2), (8, 3, 4), (9, 5, 8)] {
        for size in 1..=8 {
            let opened = signed(seed, size);
            if (first..=last).contains(&size) {
                assert!(opened.is_ok(), "{seed} at {size}: {opened:?}");
            } else {
                assert_eq!(
                    opened,
                    Err(NotOpened::OutOfTime(size as u64)),
                    "{seed} at {size}"
                );
            }
        }
    }
}

#[test]
fn a_key_that_an_attacker_made_up_is_refused_however_it_is_shown() {
    let honest = || {
        let mut log = Log::new("log.genesis");
        log.attempt();
        log
    };
    let keys = LogKeys::from(vkey(7));
    let refused = |handover: String, why: &str| {
        let finding = keys.with(&[handover]).expect_err(why);
        assert_eq!(finding.code, "handover", "{why}");
    };
    // A log of the attacker's own, whose key 7 never signed.
    let mut made_up = honest();
    made_up.key = signer(ORIGIN, 66);
    refused(made_up.hand_over(67), "neither key was handed over");
    let line = |log: &Log, seed: u8| {
        let text = log
            .checkpoint()
            .split_once("\n\n")
            .expect("a note")
            .0
            .to_owned()
            + "\n";
        signer(ORIGIN, seed).sign(&text).expect("signs")
    };
    let mut forged = honest();
    forged.hand_over(66);
    let index = forged.entries.len() as u64 - 1;
    refused(
        forged.handover(index, line(&forged, 66)),
        "the new key alone has signed",
    );
    refused(
        forged.handover(index, line(&forged, 7)),
        "the old key alone has signed",
    );
    // The entry in a head that key 7 did sign, of a log that does not hold it.
    let other = honest();
    let both = line(&other, 7) + line(&other, 66).lines().last().expect("a line") + "\n";
    refused(
        forged.handover(index, both),
        "the head does not hold the entry",
    );
    // A true handover for another key's name, and one onto itself.
    let mut same = honest();
    refused(same.hand_over(7), "it changes nothing");
    let mut two = honest();
    let one = two.hand_over(8);
    let mut fork = honest();
    let other = fork.hand_over(66);
    let learned = keys.with(&[one]).expect("the first");
    let finding = learned.with(&[other]).expect_err("a second successor");
    assert!(finding.detail.contains("two histories"), "{finding}");
}

#[test]
fn no_bit_of_a_handover_counts_for_nothing() {
    let (_, _, handovers) = handed_over_twice();
    let keys = LogKeys::from(vkey(7));
    for at in 0..handovers[0].len() {
        for bit in 0..8 {
            let mut bytes = handovers[0].clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(keys.with(&[text]).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_handover_is_printed_as_it_was_read_and_carries_nothing_else() {
    let (_, _, handovers) = handed_over_twice();
    let read = Handover::parse(&handovers[1]).expect("a handover");
    assert_eq!((read.before, read.after), (vkey(8), vkey(9)));
    for bad in [
        handovers[1].replacen("extra ", "extra AA", 1),
        handovers[1]
            .lines()
            .filter(|line| !line.starts_with("extra"))
            .collect::<Vec<_>>()
            .join("\n"),
        String::new(),
    ] {
        assert!(Handover::parse(&bad).is_err());
    }
    let keys = LogKeys::from(vkey(7));
    assert!(keys.with_list(b"{}").is_err() && keys.with_list(b"[]").is_ok());
    let many = vec![handovers[0].clone(); MAX_HANDOVERS + 1];
    assert!(keys.with(&many).is_err());
}
