use super::*;

fn refused(changes: Value) -> Vec<String> {
    let filing = with(may(), changes);
    match Filing::from_json(filing.to_string().as_bytes()) {
        Ok(filing) => told(filing.check(FilingContext::first(now()))),
        Err(faults) => told::<()>(Err(faults)),
    }
}

#[test]
fn no_filing_can_name_recipients() {
    for field in [
        "recipients",
        "to",
        "banks",
        "exclude",
        "bcc",
        "roster",
        "audience",
    ] {
        assert_eq!(
            refused(json!({ field: ["0117"] })),
            [format!("/{field} field_unknown")]
        );
    }
}

#[test]
fn each_broken_rule_is_told_at_its_field() {
    let long = "あ".repeat(121);
    let many: Vec<String> = (0..65).map(|n| format!("INC-2019-{:04}", n + 1)).collect();
    let person = may()["operator_contacts"][0].clone();
    for (changes, fault) in [
        (json!({"title": {}}), "/title language_missing"),
        (json!({"title": {"ja": long}}), "/title/ja text_too_long"),
        (
            json!({"title": {"en": "a\u{202E}b"}}),
            "/title/en text_bidi",
        ),
        (
            json!({"title": {"en": "two\nlines"}}),
            "/title/en text_control",
        ),
        (
            json!({"description": {"en": "  "}}),
            "/description/en text_empty",
        ),
        (json!({"title": {"fr": "vol"}}), "/title/fr field_unknown"),
        (json!({"title": null}), "/title field_type"),
        (json!({"typology": []}), "/typology list_empty"),
        (
            json!({"typology": ["phishing"]}),
            "/typology/0 code_unknown",
        ),
        (
            json!({"typology": ["insider", "insider"]}),
            "/typology/1 list_duplicate",
        ),
        (
            json!({"typology": ["insider", "unknown"]}),
            "/typology code_alone",
        ),
        (
            json!({"typology": ["other"]}),
            "/typology_other field_missing",
        ),
        (
            json!({"typology_other": "x"}),
            "/typology_other typology_other_unasked",
        ),
        (
            json!({"auth_exploited": ["unknown", "ekyc"]}),
            "/auth_exploited code_alone",
        ),
        (
            json!({"detected_at": "2019-05-17T12:05:01+09:00"}),
            "/detected_at time_future",
        ),
        (
            json!({"detected_at": "yesterday"}),
            "/detected_at field_type",
        ),
        (json!({"detected_at": "unknown"}), "/detected_at field_type"),
        (
            json!({"occurred_from": "2019-05-17T11:00:01+09:00"}),
            "/occurred_from time_order",
        ),
        (
            json!({"occurred_from": "noon"}),
            "/occurred_from field_type",
        ),
        (
            json!({"occurred_from": "2019-05-01T00:00:00Z", "occurred_to": "2019-04-30T00:00:00Z"}),
            "/occurred_to time_order",
        ),
        (
            json!({"aware_at": "2019-05-17T10:59:59+09:00", "aware_reason": "x"}),
            "/aware_at time_order",
        ),
        (
            json!({"aware_at": "2019-05-17T11:30:00+09:00"}),
            "/aware_reason field_missing",
        ),
        (
            json!({"next_update_at": "2019-05-17T12:00:00+09:00"}),
            "/next_update_at time_past",
        ),
        (json!({"affected_banks": []}), "/affected_banks list_empty"),
        (
            json!({"affected_banks": ["0010", "bank"]}),
            "/affected_banks/1 bank_code",
        ),
        (
            json!({"affected_banks": ["0010", "0010"]}),
            "/affected_banks/1 list_duplicate",
        ),
        (
            json!({"affected_banks": "all"}),
            "/affected_banks field_type",
        ),
        (
            json!({"services": [{"bank": "0010"}]}),
            "/services/0 service_unsaid",
        ),
        (
            json!({"services": [{"bank": "0010", "top_ups": "closed"}]}),
            "/services/0/top_ups code_unknown",
        ),
        (json!({"victims": 2}), "/victims field_type"),
        (
            json!({"victims": {"count": -1}}),
            "/victims/count field_type",
        ),
        (
            json!({"victims": {"count": 1_000_000_001}}),
            "/victims/count count_too_large",
        ),
        (
            json!({"amount_lost": {"minor": 5, "currency": "JPY"}}),
            "/amount_lost/minor field_type",
        ),
        (
            json!({"amount_lost": {"minor": "-5", "currency": "JPY"}}),
            "/amount_lost/minor amount_form",
        ),
        (
            json!({"amount_lost": {"minor": "5", "currency": "yen"}}),
            "/amount_lost/currency currency_form",
        ),
        (
            json!({"countermeasures": [{"code": "none_yet", "scope": "all_banks"},
                {"code": "add_ekyc", "scope": "all_banks"}]}),
            "/countermeasures code_alone",
        ),
        (
            json!({"countermeasures": [{"code": "add_ekyc", "scope": "all_banks",
                "taken_at": "2019-05-17T11:00:00+09:00", "planned_for": "2019-06-01T00:00:00Z"}]}),
            "/countermeasures/0 measure_times",
        ),
        (
            json!({"bodies_notified": [{"body": "警察", "at": "2019-06-01T00:00:00Z"}]}),
            "/bodies_notified/0/at time_future",
        ),
        (json!({"tlp": "WHITE"}), "/tlp code_unknown"),
        (json!({"phase": "withdrawal"}), "/phase phase_withdrawal"),
        (
            json!({"related_incidents": ["7"]}),
            "/related_incidents/0 field_type",
        ),
        (
            json!({"related_incidents": many}),
            "/related_incidents list_too_long",
        ),
        (
            json!({"cause_types": ["Human Error"]}),
            "/cause_types/0 code_form",
        ),
        (
            json!({"operator_contacts": [person]}),
            "/operator_contacts contacts_few",
        ),
        (
            json!({"operator_contacts": [person, person]}),
            "/operator_contacts/1 list_duplicate",
        ),
    ] {
        assert_eq!(refused(changes.clone()), [fault], "{changes}");
    }
}

#[test]
fn all_faults_of_a_filing_are_told_at_once() {
    let told = refused(json!({
        "title": {"en": ""}, "affected_banks": ["x"], "operator_contacts": [],
        "detected_at": "2019-06-01T00:00:00Z",
    }));
    assert_eq!(
        told,
        [
            "/detected_at time_future",
            "/affected_banks/0 bank_code",
            "/operator_contacts contacts_few",
            "/title/en text_empty",
        ]
    );
}

#[test]
fn a_clock_that_runs_five_minutes_ahead_is_forgiven() {
    let filing = with(may(), json!({ "detected_at": "2019-05-17T12:05:00+09:00" }));
    assert!(file(&filing).check(FilingContext::first(now())).is_ok());
}
