use super::values::{CONTACT, MEASURE, contact_field, measure_field};
use super::*;
use crate::domain::fault::Faults;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    Fields(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

/// What a browser sends of a form that shows this.
fn sent(shown: &Value) -> Fields {
    let mut sent = Vec::new();
    let mut send = |name: &str, value: &Value| {
        let text = value.as_str().unwrap_or("true").replace('\n', "\r\n");
        sent.push((name.to_owned(), text));
    };
    for (name, value) in shown.as_object().expect("values") {
        match value {
            Value::Bool(false) => {}
            Value::Array(rows) if name == "measures" => {
                for (place, row) in rows.iter().enumerate() {
                    for part in ["code", "kept"].into_iter().chain(MEASURE) {
                        send(&measure_field(place, part), &row[part]);
                    }
                }
            }
            Value::Array(rows) if name == "contacts" => {
                for (place, row) in rows.iter().enumerate() {
                    for part in CONTACT {
                        send(&contact_field(place, part), &row[part]);
                    }
                }
            }
            Value::Array(codes) => codes.iter().for_each(|code| send(name, code)),
            value => send(name, value),
        }
    }
    Fields(sent)
}

/// The same form with one of its fields typed anew.
fn typed(mut form: Fields, name: &str, value: &str) -> Fields {
    form.0.retain(|(known, _)| known != name);
    form.0.push((name.to_owned(), value.to_owned()));
    form
}

/// A filing with every field set, much of it in a way that the form does not show.
fn rich() -> Value {
    let rich = include_str!("../../../../tests/filings/rich.json");
    serde_json::from_str(rich).expect("a filing")
}

fn read(form: &Fields, zone: &str, begun: Option<&Begun>) -> Result<Value, Faults> {
    filing_of(form, zone, begun)
}

/// The pointer and code of the one fault.
fn refused(form: &Fields, zone: &str, begun: Option<&Begun>) -> (String, &'static str) {
    let faults = read(form, zone, begun).expect_err("it is refused").0;
    assert_eq!(faults.len(), 1, "{faults:?}");
    (faults[0].pointer.clone(), faults[0].code)
}

#[test]
fn a_form_says_what_a_filing_says() {
    let typed = fields(&[
        ("title_ja", "不正チャージ"),
        ("typology", "pin_spraying"),
        ("typology", "unknown"),
        ("detected_at", "2019-05-16T17:25"),
        ("affected", "banks"),
        ("affected_banks", "B001、 B002"),
        ("services", "B001 | suspended | | open"),
        ("victims", "1,204"),
        ("victims_estimate", "true"),
        ("amount_lost_unknown", "true"),
        ("occurred_to_unknown", "true"),
        ("countermeasures", "suspend_new_links"),
        ("countermeasures_scope", "affected_banks"),
        ("operator_contacts_0_name", "佐藤 花子"),
    ]);
    let filing = read(&typed, "Asia/Tokyo", None).expect("a filing");
    assert_eq!(filing["title"], json!({ "ja": "不正チャージ" }));
    assert_eq!(filing["typology"], json!(["pin_spraying", "unknown"]));
    assert_eq!(filing["detected_at"], "2019-05-16T17:25:00+09:00");
    assert_eq!(filing["affected_banks"], json!(["B001", "B002"]));
    assert_eq!(
        filing["services"],
        json!([{ "bank": "B001", "new_links": "suspended", "pay_outs": "open" }])
    );
    assert_eq!(
        filing["victims"],
        json!({ "count": 1204, "estimate": true })
    );
    assert_eq!(filing["amount_lost"], "unknown");
    assert_eq!(filing["occurred_to"], "unknown");
    assert_eq!(
        filing["countermeasures"][0],
        json!({ "code": "suspend_new_links", "scope": "affected_banks" })
    );
    assert_eq!(
        filing["operator_contacts"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn what_is_no_number_goes_to_the_judge_as_it_was_typed() {
    let filing = read(&fields(&[("victims", "many")]), "UTC", None).expect("a filing");
    assert_eq!(filing["victims"]["count"], "many");
    assert!(read(&fields(&[("detected_at", "soon")]), "UTC", None).is_err());
}

#[test]
fn a_form_that_nobody_touched_says_what_it_was_begun_with_in_any_zone() {
    for zone in ["Asia/Tokyo", "Europe/London", "America/St_Johns"] {
        let begun = Begun::with(rich(), zone);
        assert_eq!(read(&sent(&begun.shown), zone, Some(&begun)), Ok(rich()));
        let form = typed(sent(&begun.shown), "title_en", "Theft by letter");
        let mut expected = rich();
        expected["title"]["en"] = json!("Theft by letter");
        assert_eq!(read(&form, zone, Some(&begun)), Ok(expected));
    }
}

#[test]
fn the_second_of_two_equal_hours_stays_the_second() {
    let filing = json!({ "detected_at": "2025-10-26T01:30:00Z", "title": {}, "description": {}, "typology": [], "operator_contacts": [] });
    let begun = Begun::with(filing.clone(), "Europe/London");
    assert_eq!(begun.shown["detected_at"], "2025-10-26T01:30");
    let form = sent(&begun.shown);
    assert_eq!(read(&form, "Europe/London", Some(&begun)), Ok(filing));
}

#[test]
fn what_one_field_says_anew_leaves_the_items_beside_it() {
    let begun = Begun::with(rich(), "Asia/Tokyo");
    let now = |name: &str, value: &str| {
        let form = typed(sent(&begun.shown), name, value);
        read(&form, "Asia/Tokyo", Some(&begun)).expect("a filing")
    };
    let lines = begun.shown["remedial_actions"].as_str().expect("lines");
    let more = now(
        "remedial_actions",
        &format!("{lines}\r\nAsk for two | Product"),
    );
    let old = &rich()["remedial_actions"][0];
    let fresh = json!({ "action": "Ask for two", "owner": "Product" });
    assert_eq!(more["remedial_actions"][0], *old);
    assert_eq!(more["remedial_actions"][2], fresh);
    let measures = &now("countermeasures_1_scope", "this_bank")["countermeasures"];
    assert_eq!(measures[1]["scope"], "this_bank");
    assert_eq!(
        measures[1]["planned_for"],
        rich()["countermeasures"][1]["planned_for"]
    );
    assert_eq!(measures[0], rich()["countermeasures"][0]);
    let further = &now("countermeasures", "freeze_wallets")["countermeasures"];
    assert_eq!(further[3]["code"], "freeze_wallets");
    let fewer = &now("countermeasures_0_kept", "")["countermeasures"];
    assert_eq!(fewer.as_array().map(Vec::len), Some(2));
    let sum = &now("amount_lost", "12,500.5")["amount_lost"];
    assert_eq!(
        *sum,
        json!({ "minor": "1250050", "currency": "USD", "estimate": true })
    );
    let people = now("operator_contacts_2_name", "田中 翼");
    assert_eq!(
        people["operator_contacts"][2]["email"],
        "tanaka@operator.example"
    );
    let codes = now("typology", "pin_spraying");
    assert_eq!(codes["typology"], json!(["pin_spraying"]));
}

#[test]
fn what_cannot_be_meant_together_is_refused_and_not_chosen_from() {
    let begun = Begun::with(rich(), "Asia/Tokyo");
    for (name, value, pointer) in [
        ("occurred_to", "2019-05-17T00:00", "/occurred_to"),
        ("transactions", "12", "/transactions"),
        ("victims_unknown", "true", "/victims"),
        ("bodies_notified_none", "true", "/bodies_notified"),
        ("affected", "unknown", "/affected_banks"),
    ] {
        let form = typed(sent(&begun.shown), name, value);
        let fault = refused(&form, "Asia/Tokyo", Some(&begun));
        assert_eq!(fault, (pointer.to_owned(), "said_twice"), "{name}");
    }
}

#[test]
fn a_time_that_cannot_be_is_refused_at_its_field() {
    for (name, value, pointer, code) in [
        (
            "detected_at",
            "2026-03-29T01:30",
            "/detected_at",
            "time_passed_over",
        ),
        ("occurred_from", "soon", "/occurred_from", "time_invalid"),
        (
            "bodies_notified",
            "Police | 2026-03-29T01:30",
            "/bodies_notified",
            "time_passed_over",
        ),
        (
            "remedial_actions",
            "a | b | Product",
            "/remedial_actions",
            "time_invalid",
        ),
        (
            "remedial_actions",
            "a | b | 2026-12-31T00:00 | c",
            "/remedial_actions",
            "line_parts",
        ),
    ] {
        let fault = refused(&fields(&[(name, value)]), "Europe/London", None);
        assert_eq!(fault, (pointer.to_owned(), code), "{value}");
    }
}

#[test]
fn banks_that_are_only_counted_are_asked_for_again() {
    let mut begun = Begun::with(json!({ "affected_banks": [] }), "UTC");
    begun.unnamed = vec!["affected_banks", "services"];
    let form = sent(&begun.shown);
    let faults = read(&form, "UTC", Some(&begun)).expect_err("refused").0;
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (&*fault.pointer, fault.code))
        .collect();
    assert_eq!(
        told,
        [
            ("/affected_banks", "banks_unnamed"),
            ("/services", "banks_unnamed")
        ]
    );
    let named = typed(typed(form, "affected", "banks"), "affected_banks", "B001");
    let named = typed(named, "services", "B001 | open");
    let filing = read(&named, "UTC", Some(&begun)).expect("a filing");
    assert_eq!(filing["affected_banks"], json!(["B001"]));
}

#[test]
fn a_draft_that_says_little_says_no_more_for_having_been_looked_at() {
    for said in [
        json!({ "title": { "ja": "調査中" } }),
        json!({ "operator_contacts": [{ "name": "佐藤" }], "countermeasures": [{ "code": "add_factor" }] }),
        json!({ "amount_lost": { "minor": "1.5", "currency": "usd" }, "detected_at": "soon", "typology": ["odd"] }),
    ] {
        let begun = Begun::with(said.clone(), "Asia/Tokyo");
        let filing = read(&sent(&begun.shown), "Asia/Tokyo", Some(&begun)).expect("a filing");
        for (field, value) in said.as_object().expect("fields") {
            assert_eq!(filing[field], *value, "{field}");
        }
        for unsaid in ["affected_banks", "severity", "bodies_notified", "victims"] {
            assert_eq!(filing.get(unsaid), None, "{unsaid}");
        }
    }
}
