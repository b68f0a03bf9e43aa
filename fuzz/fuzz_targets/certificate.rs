//! What passes for a certificate is printed as it was, and opens again once its key has signed it, if it keeps
//! the rules.
#![no_main]

use kairan::domain::proof::certificate::Certificate;
use kairan::sample::{HOST, signer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(certificate) = Certificate::parse(text) else {
        return;
    };
    assert_eq!(certificate.to_text(), text);
    let signer = signer(&format!("{HOST}/certificate"), 3);
    // A control character passes here, and is in no note.
    let Ok(note) = signer.sign(text) else {
        return;
    };
    if let Ok(opened) = Certificate::open(&note, signer.verifier()) {
        assert_eq!(opened, certificate);
        let numbers = opened.notices.iter().map(|notice| notice.number);
        assert!(numbers.eq(1..=opened.last_number()));
    }
});
