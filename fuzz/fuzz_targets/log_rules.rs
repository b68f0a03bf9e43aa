//! The rules of a whole log take any entries in any order, with their lists or without, and keep to their bounds.
//! The input is a bundle of entries; one that is a list is held beside the entry that follows it.
#![no_main]

use kairan::domain::json;
use kairan::domain::proof::entries::Entry;
use kairan::domain::proof::leaves::{FanoutList, RosterList};
use kairan::domain::proof::log_rules::{Item, List, ListedNotice, LogRules};
use kairan::merkle::leaf_hash;
use kairan::merkle::tile::decode_bundle;
use kairan::sample::ORIGIN;
use libfuzzer_sys::fuzz_target;

fn list(bytes: &[u8]) -> List {
    let written = FanoutList::parse_as_written(bytes);
    let read = FanoutList::parse(bytes);
    if let Some(written) = written {
        let read = read.as_ref().expect("what is spelled as we spell it is JSON");
        assert_eq!(json::canonical(&written), json::canonical(read));
    }
    if let Ok(list) = read {
        let again = FanoutList::parse(&json::canonical(&list));
        assert_eq!(again.as_ref(), Ok(&list));
        return List::Notices(list.leaves.iter().map(ListedNotice::from).collect());
    }
    if let Ok(list) = RosterList::parse(bytes) {
        let again = RosterList::parse(&json::canonical(&list));
        assert_eq!(again.as_ref(), Ok(&list));
        return List::Banks(list.leaves.iter().map(|leaf| leaf.bank).collect());
    }
    List::None
}

fuzz_target!(|content: &[u8]| {
    let Ok(parts) = decode_bundle(content) else {
        return;
    };
    let mut rules = LogRules::new(ORIGIN, None);
    let (mut index, mut beside) = (0, List::None);
    for bytes in parts {
        let Ok(entry) = Entry::parse(bytes) else {
            beside = list(bytes);
            continue;
        };
        if LogRules::needs(index, &entry) {
            rules.take(Item {
                index,
                hash: leaf_hash(bytes),
                entry,
                list: std::mem::replace(&mut beside, List::None),
            });
        }
        index += 1;
    }
    let told = rules.finish();
    assert!(told.findings.len() as u64 <= told.found && told.findings.len() <= 64);
});
