//! What passes for an entry is canonical JSON as another implementation writes it, within its bound; and it is the
//! same entry, or refused for the same reason, whether it is read at once or by the rules alone.
#![no_main]

use kairan::domain::entry::MAX_BYTES;
use kairan::domain::json;
use kairan::domain::proof::canonical::scan;
use kairan::domain::proof::entries::Entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut fields = Vec::new();
    let scanned = scan(bytes, &mut fields).is_ok();
    if scanned {
        let value: serde_json::Value = json::parse(bytes).expect("canonical JSON is JSON");
        assert_eq!(json::canonical(&value), bytes);
        let keys = value.as_object().expect("an entry is an object");
        assert_eq!(keys.len(), fields.len());
    }
    let entry = Entry::parse(bytes);
    assert_eq!(entry, Entry::parse_in_full(bytes, &mut fields));
    if let Some(notice) = Entry::confirms(bytes) {
        assert!(matches!(&entry, Ok(Entry::Acknowledged(one)) if one.notice == notice));
    }
    if entry.is_ok() {
        assert!(scanned && bytes.len() <= MAX_BYTES);
    }
});
