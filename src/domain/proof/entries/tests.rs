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
