//! What passes for a portable proof is printed as it was; what it proves of a known log is where its entry
//! really stands.
#![no_main]

use kairan::merkle::leaf_hash;
use kairan::merkle::note::VerifierKey;
use kairan::merkle::tlog_proof::TlogProof;
use kairan::signed::{ENTRY, LOG_KEY, LOG_TEXT};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<VerifierKey> = LazyLock::new(|| LOG_KEY.parse().expect("a vkey"));

fuzz_target!(|text: &str| {
    let Ok(proof) = TlogProof::parse(text) else {
        return;
    };
    assert_eq!(proof.to_string(), text);
    if let Ok(checkpoint) = proof.check(&leaf_hash(ENTRY), &KEY) {
        assert_eq!(checkpoint.to_text(), LOG_TEXT);
        assert_eq!((proof.index, proof.path.len()), (2, 3));
    }
    assert!(
        proof
            .check(&leaf_hash(b"no entry of that log"), &KEY)
            .is_err()
    );
});
