//! What passes for a verifier key is printed as it was and belongs to its name; what passes for a name can
//! be the name of a key that signs.
#![no_main]

use kairan::merkle::note::{KeyKind, KeyName, Note, Signer, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
        let again = VerifierKey::new(key.name().clone(), key.kind(), key.as_bytes());
        assert_eq!(again.as_ref(), Ok(&key));
    }
    if let Ok(name) = KeyName::parse(text) {
        let signer = Signer::new(name, KeyKind::Ed25519, &[7; 32]);
        let printed = signer.verifier().to_string();
        assert_eq!(printed.parse().as_ref(), Ok(signer.verifier()));
        let note = signer.sign("text\n").expect("a text");
        let note = Note::parse(note.as_bytes()).expect("what was signed is a note");
        assert!(note.verify(&[signer.verifier().clone()]).is_ok());
    }
});
