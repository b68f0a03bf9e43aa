//! What passes for a bundle or a tile is written as it was read.
#![no_main]

use kairan::merkle::tile::{decode_bundle, decode_hashes, encode_bundle, encode_hashes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    if let Ok(entries) = decode_bundle(content) {
        assert!((1..=256).contains(&entries.len()));
        assert_eq!(encode_bundle(entries).as_deref(), Ok(content));
    }
    if let Some(hashes) = decode_hashes(content) {
        assert!((1..=256).contains(&hashes.len()));
        assert_eq!(encode_hashes(&hashes), content);
    }
});
