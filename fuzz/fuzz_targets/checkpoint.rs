//! What passes for a checkpoint is printed as it was, and opens again once its log has signed it.
#![no_main]

use kairan::merkle::checkpoint::{Checkpoint, NotOpened};
use kairan::merkle::empty_root;
use kairan::merkle::note::{KeyKind, KeyName, Signer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(checkpoint) = Checkpoint::parse(text) else {
        return;
    };
    assert_eq!(checkpoint.to_text(), text);
    assert!(checkpoint.size > 0 || checkpoint.root == empty_root());
    let own_name = KeyName::parse(&checkpoint.origin);
    let opens = own_name.is_ok();
    let name = own_name.unwrap_or_else(|_| KeyName::parse("another").expect("a name"));
    let signer = Signer::new(name, KeyKind::Ed25519, &[7; 32]);
    let note = signer.sign(text).expect("what parses can be signed");
    match Checkpoint::open(&note, signer.verifier()) {
        Ok(opened) => assert!(opens && opened == checkpoint),
        Err(fault) => assert_eq!(fault, NotOpened::Origin(checkpoint.origin)),
    }
});
