//! What passes for an acknowledgement, or for a bank's proof of its key, is printed as it was, and opens again
//! once its key has signed it.
#![no_main]

use kairan::domain::proof::acknowledgement::AckNote;
use kairan::domain::proof::signing_key::KeyProof;
use kairan::sample::bank_key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let own = bank_key(1, 1);
    if let Ok(said) = AckNote::parse(text) {
        assert_eq!(said.to_text(), text);
        let note = said.sign(&own).expect("what parses can be signed");
        assert_eq!(AckNote::open(&note, &[own.verifier().clone()]), Ok(said));
    }
    if let Some(proof) = KeyProof::parse(text) {
        assert_eq!(proof.to_text(), text);
        // A control character passes here, and is in no note.
        if let Ok(note) = proof.sign(&own) {
            assert_eq!(KeyProof::open(&note, own.verifier()), Ok(proof));
        }
    }
    let _ = AckNote::open(text, &[own.verifier().clone()]);
});
