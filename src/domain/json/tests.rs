use super::*;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Outer {
    name: String,
    #[serde(default)]
    items: Vec<Inner>,
    tlp: Option<crate::domain::vocabulary::Tlp>,
    at: Option<crate::domain::instant::Entered>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    count: u32,
}

fn faults(text: &str) -> Vec<(String, &'static str)> {
    match parse::<Outer>(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(Faults(list)) => list.into_iter().map(|f| (f.pointer, f.code)).collect(),
    }
}

#[test]
fn a_refused_body_points_at_the_field_and_names_the_fault() {
    for (body, pointer, code) in [
        (r#"{}"#, "/name", "field_missing"),
        (r#"{"name":1}"#, "/name", "field_type"),
        (r#"{"name":null}"#, "/name", "field_type"),
        (r#"{"name":"a","to":[]}"#, "/to", "field_unknown"),
        (
            r#"{"name":"a","items":[{"count":1},{"count":"2"}]}"#,
            "/items/1/count",
            "field_type",
        ),
        (
            r#"{"name":"a","items":[{"count":-1}]}"#,
            "/items/0/count",
            "field_type",
        ),
        (
            r#"{"name":"a","items":[{"count":1.5}]}"#,
            "/items/0/count",
            "field_type",
        ),
        (
            r#"{"name":"a","items":[{"count":1,"x/y~":2}]}"#,
            "/items/0/x~1y~0",
            "field_unknown",
        ),
        (
            r#"{"name":"a","items":[{}]}"#,
            "/items/0/count",
            "field_missing",
        ),
        (r#"{"name":"a","items":{}}"#, "/items", "field_type"),
        (r#"{"name":"a","tlp":"amber"}"#, "/tlp", "code_unknown"),
        (
            r#"{"name":"a","at":"2019-05-17T11:11:09"}"#,
            "/at",
            "field_type",
        ),
        (r#"[]"#, "", "field_type"),
        (r#"["a",[],null,null]"#, "", "field_type"),
        (r#"{"name":"a"} x"#, "", "json_syntax"),
        (r#"{"name":"a",}"#, "", "json_syntax"),
        (r#"{"name":"\ud800"}"#, "", "json_syntax"),
        (r#"{"name":"a" /* note */}"#, "", "json_syntax"),
        (r#"{"name":"a","items":[{"count":NaN}]}"#, "", "json_syntax"),
        (r#""#, "", "json_syntax"),
    ] {
        assert_eq!(faults(body), [(pointer.to_owned(), code)], "{body}");
    }
}

#[test]
fn a_key_written_twice_is_refused_at_any_depth_even_when_spelled_by_escape() {
    let body = r#"{"name":"a","na\u006de":"b","items":[{"count":1,"count":1}]}"#;
    assert_eq!(
        faults(body),
        [
            ("/name".to_owned(), "json_duplicate_key"),
            ("/items/0/count".to_owned(), "json_duplicate_key")
        ]
    );
}

#[test]
fn a_body_nested_deeper_than_the_bound_is_refused_and_at_the_bound_is_read() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse::<serde_json::Value>(nest(MAX_DEPTH).as_bytes()).is_ok());
    for depth in [MAX_DEPTH + 1, 100_000] {
        let Faults(list) =
            parse::<serde_json::Value>(nest(depth).as_bytes()).expect_err("too deep");
        assert_eq!(list[0].code, "json_depth");
    }
}

#[test]
fn bytes_that_are_not_plain_utf_8_are_refused() {
    for bytes in [
        b"\xEF\xBB\xBF{}".as_slice(),
        b"{\"name\":\"\xFF\"}",
        b"\xFE\xFF",
    ] {
        let Faults(list) = parse::<Outer>(bytes).expect_err("not UTF-8");
        assert_eq!(list[0].code, "json_syntax");
    }
}

#[test]
fn an_unknown_code_is_answered_with_the_codes_that_exist() {
    let Faults(list) = parse::<Outer>(br#"{"name":"a","tlp":"WHITE"}"#).expect_err("TLP 1 is over");
    assert!(
        list[0].message.contains("AMBER+STRICT"),
        "{}",
        list[0].message
    );
}

#[test]
fn a_refusal_never_repeats_what_was_written() {
    let body = br#"{"name":"a","items":"Yamada Taro 1234567"}"#;
    let Faults(list) = parse::<Outer>(body).expect_err("a text is no list");
    assert!(!list[0].message.contains("Yamada"), "{}", list[0].message);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[^\\p{C}]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-z~/]{0,4}", inner, 0..4)
                .prop_map(|map| { serde_json::Value::Object(map.into_iter().collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn a_good_text_is_read_as_the_ordinary_parser_reads_it(value in any_json()) {
        let read: serde_json::Value = parse(value.to_string().as_bytes()).expect("plain JSON");
        prop_assert_eq!(read, value);
    }

    #[test]
    fn no_bytes_make_the_door_fall(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse::<Outer>(&bytes);
    }
}
