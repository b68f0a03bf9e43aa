//! What passes for a note is printed as it was, and known keys vouch for no text but those they signed.
#![no_main]

use kairan::merkle::note::{Note, VerifierKey};
use kairan::signed::{COSIGNER_KEY, LOG_KEY, LOG_TEXT, NOTE_KEY, NOTE_TEXT};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KNOWN: LazyLock<Vec<VerifierKey>> = LazyLock::new(|| {
    let keys = [NOTE_KEY, LOG_KEY, COSIGNER_KEY];
    keys.iter()
        .map(|key| key.parse().expect("a vkey"))
        .collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(note) = Note::parse(bytes) else {
        return;
    };
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert!(note.text.ends_with('\n') && (1..=100).contains(&note.signatures.len()));
    if let Ok(verified) = note.verify(&KNOWN) {
        assert!([NOTE_TEXT, LOG_TEXT].contains(&note.text.as_str()));
        assert!(!verified.is_empty() && verified.len() <= KNOWN.len());
    }
});
