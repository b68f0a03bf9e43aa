mod others;
mod refusals;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::fault::Faults;
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{Kind, Phase, Tlp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Instant {
    Entered::parse("2019-05-17T12:00:00+09:00")
        .expect("a good time")
        .at
}

/// The May case as an officer files it in three minutes.
fn may() -> Value {
    json!({
        "title": { "ja": "口座連携による不正チャージの疑い", "en": "Suspected theft by account linking" },
        "description": { "ja": "二行の口座から、なりすましで開設されたウォレットへの不正なチャージを確認した。" },
        "typology": ["impersonated_wallet", "pin_spraying"],
        "auth_exploited": ["account_no_cash_card_pin"],
        "detected_at": "2019-05-17T11:00:00+09:00",
        "affected_banks": ["0010", "0017"],
        "services": [
            { "bank": "0010", "new_links": "suspended", "top_ups": "open" },
            { "bank": "0017", "new_links": "suspended" }
        ],
        "victims": { "count": 2 },
        "amount_lost": { "minor": "900000", "currency": "JPY", "estimate": true },
        "advice": { "ja": "暗証番号のみの口座連携を今夜確認してください。" },
        "operator_contacts": [
            { "name": "佐藤 花子", "role": "不正対策室", "email": "sato@operator.example", "phone": "+81 3-0000-0001" },
            { "name": "鈴木 一郎", "role": "当直", "email": "suzuki@operator.example", "phone": "+81 3-0000-0002" }
        ]
    })
}

fn with(mut filing: Value, changes: Value) -> Value {
    let object = filing.as_object_mut().expect("a filing is an object");
    for (key, value) in changes.as_object().expect("changes are an object") {
        object.insert(key.clone(), value.clone());
    }
    filing
}

fn file(filing: &Value) -> Filing {
    Filing::from_json(filing.to_string().as_bytes()).expect("the shape is good")
}

fn checked(filing: &Value) -> CheckedIncident {
    file(filing)
        .check(FilingContext::first(now()))
        .expect("a good filing")
}

fn stamp() -> Stamp {
    Stamp {
        incident: IncidentRef::new(2019, 3).expect("a good reference"),
        revision: 1,
        supersedes: None,
        accepted_at: now(),
        source: Source::Operator,
        unverified: false,
    }
}

fn told<T: std::fmt::Debug>(result: Result<T, Faults>) -> Vec<String> {
    let Faults(list) = result.expect_err("it was refused");
    list.into_iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.code))
        .collect()
}

#[test]
fn the_three_minute_filing_is_taken_and_its_defaults_are_the_cautious_ones() {
    let checked = checked(&may());
    let body = &checked.body;
    assert_eq!((body.kind, body.tlp), (Kind::Actual, Tlp::Amber));
    assert_eq!(body.phase, Phase::Initial);
    assert_eq!(body.severity.code(), "medium");
    assert_eq!(body.urgency.code(), "immediate");
    assert_eq!(body.determination.code(), "suspected");
    assert_eq!(body.aware_at, body.detected_at);
    let next = body.next_update_at.expect("the profile promises one");
    assert_eq!(next.at.since(now()).as_secs(), 72 * 3_600);
    assert_eq!(
        checked.affected,
        Affected::Banks(vec!["0010".into(), "0017".into()])
    );
    assert_eq!(checked.contacts.len(), 2);
}

#[test]
fn peers_read_a_count_of_banks_and_no_name_of_bank_or_person() {
    let bytes = checked(&may()).body.canonical_bytes(&stamp());
    let text = String::from_utf8(bytes).expect("canonical JSON is UTF-8");
    for private in [
        "0010",
        "0017",
        "佐藤",
        "鈴木",
        "operator.example",
        "+81",
        "当直",
    ] {
        assert!(!text.contains(private), "{private} is in {text}");
    }
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(body["affected_banks"], json!({ "count": 2 }));
    assert_eq!(
        body["services"],
        json!({ "new_links": { "suspended": 2 }, "top_ups": { "open": 1 } })
    );
}

#[test]
fn the_shared_body_has_one_sequence_of_bytes() {
    let bytes = checked(&may()).body.canonical_bytes(&stamp());
    let text = String::from_utf8(bytes.clone()).expect("canonical JSON is UTF-8");
    assert_eq!(
        text,
        concat!(
            r#"{"accepted_at":"2019-05-17T03:00:00.000Z","#,
            r#""advice":{"ja":"暗証番号のみの口座連携を今夜確認してください。"},"#,
            r#""affected_banks":{"count":2},"#,
            r#""amount_lost":{"currency":"JPY","estimate":true,"minor":"900000"},"#,
            r#""auth_exploited":["account_no_cash_card_pin"],"#,
            r#""aware_at":"2019-05-17T11:00:00.000+09:00","#,
            r#""description":{"ja":"二行の口座から、なりすましで開設されたウォレットへの不正なチャージを確認した。"},"#,
            r#""detected_at":"2019-05-17T11:00:00.000+09:00","#,
            r#""determination":"suspected","#,
            r#""incident":"INC-2019-0003","incident_status":"open","kind":"actual","#,
            r#""next_update_at":"2019-05-20T03:00:00.000Z","phase":"initial","revision":"1","#,
            r#""services":{"new_links":{"suspended":2},"top_ups":{"open":1}},"#,
            r#""severity":"medium","source":"operator","#,
            r#""title":{"en":"Suspected theft by account linking","ja":"口座連携による不正チャージの疑い"},"#,
            r#""tlp":"AMBER","type":"incident","#,
            r#""typology":["impersonated_wallet","pin_spraying"],"urgency":"immediate","v":1,"#,
            r#""victims":{"count":2,"estimate":false}}"#
        )
    );
    assert_eq!(incident_digest(&bytes), Digest::of(text.as_bytes()));
    let read = IncidentBody::read(&bytes).expect("our own bytes");
    assert_eq!(read, checked(&may()).body);
}

#[test]
fn a_further_revision_names_the_one_before_by_its_digest() {
    let earlier = Earlier {
        phase: Phase::Initial,
        kind: Kind::Actual,
    };
    let filing = file(&with(
        may(),
        json!({ "change_summary": { "en": "one more bank" } }),
    ));
    let body = filing
        .check(FilingContext::next(2, now(), earlier))
        .expect("a good revision")
        .body;
    let stamp = Stamp {
        revision: 2,
        supersedes: Some(Supersedes {
            revision: 1,
            incident_digest: Digest::of(b"one"),
        }),
        ..stamp()
    };
    let value: Value = serde_json::from_slice(&body.canonical_bytes(&stamp)).expect("JSON");
    assert_eq!(value["supersedes"]["revision"], "1");
    assert_eq!(
        value["supersedes"]["incident_digest"],
        Digest::of(b"one").to_string()
    );
}

#[test]
fn unknown_yet_is_an_answer_and_is_not_the_same_as_silence() {
    let changes = json!({
        "affected_banks": "unknown", "services": [], "victims": "unknown",
        "transactions": { "count": "unknown" }, "amount_lost": "unknown",
        "occurred_from": "unknown", "auth_exploited": ["unknown"],
    });
    let checked = checked(&with(may(), changes));
    assert_eq!(checked.affected, Affected::Unknown);
    let value: Value =
        serde_json::from_slice(&checked.body.canonical_bytes(&stamp())).expect("JSON");
    for field in [
        "affected_banks",
        "victims",
        "transactions",
        "amount_lost",
        "occurred_from",
    ] {
        assert_eq!(value[field], "unknown", "{field}");
    }
    for field in ["occurred_to", "amount_recovered", "services", "lessons"] {
        assert_eq!(value.get(field), None, "{field}");
    }
}

#[test]
fn later_phases_ask_for_more_and_take_unknown_for_an_answer() {
    let earlier = Earlier {
        phase: Phase::Initial,
        kind: Kind::Actual,
    };
    let context = FilingContext::next(2, now(), earlier);
    let bare = with(
        may(),
        json!({ "phase": "intermediate", "change_summary": { "en": "x" } }),
    );
    assert_eq!(
        told(file(&bare).check(context)),
        [
            "/auth_weakness phase_needs",
            "/discovery_method phase_needs",
            "/transactions phase_needs",
            "/countermeasures phase_needs",
            "/bodies_notified phase_needs",
        ]
    );
    let full = with(
        bare,
        json!({
            "auth_weakness": ["unknown"], "discovery_method": "unknown", "transactions": "unknown",
            "countermeasures": [{ "code": "none_yet", "scope": "all_banks" }], "bodies_notified": [],
        }),
    );
    assert!(file(&full).check(context).is_ok());
    let last = with(
        full.clone(),
        json!({
            "phase": "final", "incident_status": "closed", "occurred_from": "unknown",
            "cause_types": ["weak_authentication"], "lessons": "Ask for two factors.",
        }),
    );
    assert_eq!(
        told(file(&last).check(context)),
        ["/remedial_actions field_missing"]
    );
    let remedy = json!([{ "action": "Two factors for every link", "owner": "Product", "due": "2019-12-31T00:00:00+09:00" }]);
    let last = with(last, json!({ "remedial_actions": remedy }));
    let checked = file(&last).check(context).expect("a good final report");
    assert_eq!(checked.body.next_update_at, None);
    let promised = with(
        last,
        json!({ "next_update_at": "2019-06-17T12:00:00+09:00" }),
    );
    assert_eq!(
        told(file(&promised).check(context)),
        ["/next_update_at next_update_final"]
    );
    let closed = with(full, json!({ "incident_status": "closed" }));
    assert_eq!(
        told(file(&closed).check(context)),
        [
            "/incident_status phase_status",
            "/remedial_actions field_missing"
        ]
    );
    let at_once = with(may(), json!({ "incident_status": "closed" }));
    assert_eq!(
        told(file(&at_once).check(FilingContext::first(now()))),
        [
            "/incident_status closed_final",
            "/remedial_actions field_missing"
        ]
    );
}

#[test]
fn a_revision_cannot_go_back_change_its_kind_or_follow_a_withdrawal() {
    let filing = file(&may());
    let after = |phase, kind| {
        let context = FilingContext::next(2, now(), Earlier { phase, kind });
        told(filing.check(context))
    };
    assert_eq!(
        after(Phase::Initial, Kind::Actual),
        ["/change_summary field_missing"]
    );
    assert_eq!(
        after(Phase::Intermediate, Kind::Exercise),
        [
            "/phase phase_backwards",
            "/kind kind_changed",
            "/change_summary field_missing"
        ]
    );
    assert_eq!(
        after(Phase::Withdrawal, Kind::Actual),
        [" incident_withdrawn", "/change_summary field_missing"]
    );
    let late = FilingContext {
        late: true,
        ..FilingContext::first(now())
    };
    assert_eq!(told(filing.check(late)), ["/late_reason field_missing"]);
}

#[test]
fn warnings_point_at_the_text_and_refuse_nothing() {
    let filing = file(&with(
        may(),
        json!({ "description": { "ja": "口座1234567", "en": "An STR was filed" } }),
    ));
    let found: Vec<(String, &str)> = filing
        .warnings()
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect();
    assert_eq!(
        found,
        [
            ("/description/ja".to_owned(), "warn_account_number"),
            (
                "/description/en".to_owned(),
                "warn_suspicious_transaction_report"
            ),
        ]
    );
    assert!(filing.check(FilingContext::first(now())).is_ok());
    assert!(file(&may()).warnings().is_empty());
}

#[test]
fn debug_output_of_a_filing_shows_no_person() {
    let shown = format!("{:?}", file(&may()));
    assert!(!shown.contains("佐藤") && !shown.contains("operator.example"));
}

proptest! {
    #[test]
    fn no_filing_makes_the_rules_fall_and_every_good_one_reads_back_the_same(
        title in "\\PC{0,130}", bank in "[A-Z0-9a-]{0,18}", minor in "-?[0-9]{0,20}", micros in any::<i64>()
    ) {
        let filing = with(may(), json!({
            "title": { "ja": title }, "affected_banks": [bank],
            "amount_lost": { "minor": minor, "currency": "JPY" },
        }));
        let context = FilingContext::first(Instant::from_micros(micros));
        if let Ok(checked) = file(&filing).check(context) {
            let bytes = checked.body.canonical_bytes(&stamp());
            let read = IncidentBody::read(&bytes).expect("our own bytes");
            prop_assert_eq!(read.canonical_bytes(&stamp()), bytes);
        }
    }
}
