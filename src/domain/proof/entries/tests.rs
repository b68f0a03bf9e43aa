use super::*;
use crate::domain::json::canonical;
use crate::domain::proof::sample::{Story, Twist, uid};
use serde_json::{Value, json};

#[test]
fn every_entry_of_a_log_is_read_as_what_it_is() {
    let story = Story::told(Twist::Honest);
    let kinds =
        story
            .log
            .entries
            .iter()
            .map(|bytes| match Entry::parse(bytes).expect("an entry") {
                Entry::Opening(_) => 'o',
                Entry::KeyChanged(_) => 'k',
                Entry::Roster(_) => 'r',
                Entry::Registered(_) => 'i',
                Entry::Fanout(_) => 'f',
                Entry::Acknowledged(_) => 'a',
                Entry::Passed => '.',
                Entry::Unknown => '?',
            });
    assert_eq!(kinds.collect::<String>(), "or.ifariffaaar.");
}

fn fanout() -> Value {
    let story = Story::told(Twist::Honest);
    serde_json::from_slice(&story.log.entries[4]).expect("JSON")
}

#[test]
fn an_entry_of_a_known_kind_has_its_fields_and_no_others() {
    let good = fanout();
    assert!(matches!(
        Entry::parse(&canonical(&good)),
        Ok(Entry::Fanout(_))
    ));
    let bad = [
        ("n", json!("5")),
        ("n", json!(null)),
        ("fanout", json!("8")),
        ("notices_root", json!("AA==")),
        ("notices_root", json!(5)),
        ("kind", json!(1)),
        ("kind", json!("a\"b")),
        ("more", json!(1)),
        ("registered", Value::Null),
    ];
    for (field, value) in bad {
        let mut entry = good.clone();
        entry[field] = value.clone();
        let parsed = Entry::parse(&canonical(&entry));
        assert!(
            matches!(parsed, Err(NotAnEntry::Field(_))),
            "{field} = {value}: {parsed:?}"
        );
    }
    for field in good.as_object().expect("an object").keys() {
        let mut entry = good.clone();
        entry.as_object_mut().expect("an object").remove(field);
        assert!(Entry::parse(&canonical(&entry)).is_err(), "without {field}");
    }
}

#[test]
fn a_kind_that_is_not_known_is_no_fault_and_bytes_that_are_not_canonical_are() {
    let parse = |text: &str| Entry::parse(text.as_bytes());
    assert_eq!(parse(r#"{"t":"weather","v":1}"#), Ok(Entry::Unknown));
    assert_eq!(parse(r#"{"t":"notice.fanout","v":2}"#), Ok(Entry::Unknown));
    assert_eq!(parse(r#"{"t":"approval","v":1}"#), Ok(Entry::Passed));
    assert_eq!(parse(r#"{"v":1}"#), Err(NotAnEntry::Untold));
    assert_eq!(parse(r#"{"t":"x"}"#), Err(NotAnEntry::Untold));
    assert_eq!(parse(r#"{"t":"x","v":"1"}"#), Err(NotAnEntry::Untold));
    assert!(matches!(
        parse(r#"{"v":1,"t":"x"}"#),
        Err(NotAnEntry::Form(_))
    ));
    let long = json!({ "t": "x", "u": "y".repeat(MAX_BYTES), "v": 1 });
    assert_eq!(Entry::parse(&canonical(&long)), Err(NotAnEntry::Long));
}

#[test]
fn the_fields_of_a_confirmation_have_one_spelling() {
    let good = "2019-05-17T02:11:09.120Z";
    let digits = format!("{}=", "A".repeat(43));
    let mut entry = json!({ "acknowledgement": uid(1, 1), "at": good, "bank": uid(1, 1), "class": "link", "covered_by": null, "facts": digits, "note": null, "notice": uid(1, 1), "t": "notice.acknowledged", "v": 1 });
    assert!(Entry::parse(&canonical(&entry)).is_ok());
    entry["class"] = json!("hearsay");
    assert_eq!(
        Entry::parse(&canonical(&entry)),
        Err(NotAnEntry::Field("class"))
    );
    entry["class"] = json!("link");
    entry["at"] = json!("2019-05-17T02:11:09Z");
    assert_eq!(
        Entry::parse(&canonical(&entry)),
        Err(NotAnEntry::Field("at"))
    );
}

/// Every entry of the story, and of each kind that is frequent one that the hub writes, in all its shapes.
fn written() -> Vec<Vec<u8>> {
    let (id, id_2, at) = (uid(1, 1), uid(2, 2), "2019-05-17T02:11:09.120Z");
    let hash = format!("{}=", "A".repeat(43));
    let mut all = Story::told(Twist::Honest).log.entries;
    for (status, bank, note) in [
        (json!(200), json!(id), json!(hash)),
        (Value::Null, Value::Null, Value::Null),
    ] {
        all.extend([
            json!({ "at": at, "attempt": id, "bank": bank, "channel": "webhook", "facts": hash, "n": 1, "notice": bank, "outcome": "accepted", "seq": 10, "status": status, "t": "notice.attempt", "v": 1 }),
            json!({ "acknowledgement": id, "at": at, "bank": id_2, "class": "api_key", "covered_by": bank, "facts": hash, "note": note, "notice": id, "t": "notice.acknowledged", "v": 1 }),
            json!({ "action": "failed", "at": at, "attempt": id, "bank": bank, "class": "bounced", "commitment": hash, "facts": hash, "notice": bank, "report": id, "status": if bank.is_null() { Value::Null } else { json!("5.1.1") }, "t": "mail.report", "v": 1 }),
        ].iter().map(canonical));
    }
    all.extend([
        json!({ "at": at, "bank": id, "facts": hash, "notice": id, "t": "notice.accessed", "v": 1 }),
        json!({ "at": at, "bank": id, "contacts": 3, "due_at": at, "facts": hash, "n": 0, "notice": id, "step": "deadline", "t": "notice.chased", "v": 1 }),
        json!({ "at": at, "bank": id, "commitment": hash, "facts": hash, "notice": id, "response": id, "t": "bank.response", "v": 1 }),
        json!({ "at": at, "fact": "role_grant.officer", "facts": hash, "n": 9_007_199_254_740_991_i64, "subject": id, "t": "fact.recorded", "v": 1 }),
    ].iter().map(canonical));
    all
}

#[test]
fn a_frequent_entry_is_read_at_once_as_it_is_written() {
    let (entries, all) = (Story::told(Twist::Honest).log.entries, written());
    // With the story's first incident and its fan-out.
    for bytes in entries[3..5].iter().chain(&all[entries.len()..]) {
        assert!(
            frequent::read(bytes).is_some(),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
}

/// Whatever one byte becomes, wherever it stands, and whichever is missing or there twice.
#[test]
fn what_is_read_at_once_is_what_is_read_in_full() {
    let agree = |bytes: &[u8]| {
        let (quick, full) = (
            Entry::parse(bytes),
            Entry::parse_in_full(bytes, &mut Vec::new()),
        );
        assert_eq!(quick, full, "{}", String::from_utf8_lossy(bytes));
        if let Some(notice) = Entry::confirms(bytes) {
            assert!(matches!(full, Ok(Entry::Acknowledged(one)) if one.notice == notice));
        }
    };
    for bytes in written() {
        agree(&bytes);
        for place in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            for bit in 0..8 {
                spoilt[place] = bytes[place] ^ (1 << bit);
                agree(&spoilt);
            }
            for byte in *br#"0a=/\",:{} "# {
                spoilt[place] = byte;
                agree(&spoilt);
            }
            spoilt[place] = bytes[place];
            spoilt.insert(place, bytes[place]);
            agree(&spoilt);
            spoilt.drain(place..place + 2);
            agree(&spoilt);
        }
    }
}

#[test]
fn a_frequent_entry_whose_keys_change_places_is_refused() {
    for bytes in &written()[Story::told(Twist::Honest).log.entries.len()..] {
        let text = std::str::from_utf8(bytes).expect("ASCII");
        let mut fields: Vec<&str> = text[1..text.len() - 1].split(',').collect();
        for place in 1..fields.len() {
            fields.swap(place - 1, place);
            let swapped = format!("{{{}}}", fields.join(","));
            assert!(
                matches!(Entry::parse(swapped.as_bytes()), Err(NotAnEntry::Form(_))),
                "{swapped}"
            );
            fields.swap(place - 1, place);
        }
    }
}
