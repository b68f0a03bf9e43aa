//! What passes for a completeness bundle says the same when it is written again, and under a known key proves
//! nothing but what its log holds.
#![no_main]

use kairan::domain::proof::completeness::{Completeness, Covered};
use kairan::domain::proof::log_keys::LogKeys;
use kairan::sample::{Story, Twist};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static HONEST: LazyLock<(LogKeys, Covered)> = LazyLock::new(|| {
    let story = Story::told(Twist::Honest);
    let keys = LogKeys::from(story.log.key.verifier());
    (keys.clone(), story.bundle().check(&keys).expect("sound"))
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = Completeness::parse(bytes) else {
        return;
    };
    let written = bundle.to_bytes();
    let again = Completeness::parse(&written).expect("what was written");
    assert_eq!(again.to_bytes(), written);
    assert!(again == bundle);
    let (keys, honest) = &*HONEST;
    let Ok(covered) = bundle.check(keys) else {
        return;
    };
    // A bundle may leave confirmations, former banks and the next roster out, and the verifier says so.
    assert_eq!(covered.checkpoint, honest.checkpoint);
    assert_eq!(covered.roster_version, honest.roster_version);
    let banks = |covered: &Covered| -> Vec<_> {
        let banks = covered.banks.iter();
        banks
            .map(|one| (one.bank, one.notice, one.number))
            .collect()
    };
    assert_eq!(banks(&covered), banks(honest));
});
