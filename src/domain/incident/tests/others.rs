use super::*;

#[test]
fn a_withdrawal_needs_its_words_and_a_duplicate_names_the_other() {
    let own = stamp().incident;
    let read = |value: Value| Withdrawal::from_json(value.to_string().as_bytes());
    for (filing, fault) in [
        (
            json!({"reason": "false_alarm", "text": {}}),
            "/text language_missing",
        ),
        (
            json!({"reason": "duplicate", "text": {"en": "x"}}),
            "/replaces field_missing",
        ),
        (
            json!({"reason": "duplicate", "text": {"en": "x"}, "replaces": "INC-2019-0003"}),
            "/replaces replaces_itself",
        ),
    ] {
        let withdrawal = read(filing.clone()).expect("the shape is good");
        assert_eq!(told(withdrawal.check(own)), [fault], "{filing}");
    }
    assert_eq!(
        told(read(json!({"reason": "boredom", "text": {}}))),
        ["/reason code_unknown"]
    );
    let good = read(json!({"reason": "reclassified", "text": {"ja": "対象外と判明"}}))
        .and_then(|withdrawal| withdrawal.check(own))
        .expect("a good withdrawal");
    let body = good.into_body(Kind::Actual, Tlp::Amber);
    let bytes = body.canonical_bytes(&stamp());
    assert_eq!(WithdrawalBody::read(&bytes).expect("our own bytes"), body);
    let value: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(
        (&value["type"], &value["phase"]),
        (&json!("withdrawal"), &json!("withdrawal"))
    );
}

#[test]
fn a_bank_says_what_it_did_and_a_review_of_the_partnership_stays_private() {
    let read = |value: Value| ResponseFiling::from_json(value.to_string().as_bytes());
    for (filing, faults) in [
        (
            json!({"codes": [], "share": "private"}),
            vec!["/codes list_empty"],
        ),
        (json!({"codes": ["noted"]}), vec!["/share field_missing"]),
        (
            json!({"codes": ["panic"], "share": "private"}),
            vec!["/codes/0 code_unknown"],
        ),
        (
            json!({"codes": ["noted", "reviewing_partnership"], "share": "peers_anonymous"}),
            vec!["/share share_private"],
        ),
        (
            json!({"codes": ["no_matching_cases"], "found": {"accounts": 1}, "share": "private"}),
            vec!["/codes response_contradiction"],
        ),
        (
            json!({"codes": ["matching_cases_found"], "share": "private",
                "found": {"amount": {"minor": "1.5", "currency": "JPY"}}}),
            vec!["/found/amount/minor amount_form"],
        ),
    ] {
        let result = read(filing.clone()).and_then(|response| response.check());
        assert_eq!(told(result), faults, "{filing}");
    }
    let good = json!({
        "codes": ["suspended_new_links", "matching_cases_found"], "share": "peers_named",
        "found": { "accounts": 3, "amount": { "minor": "300000", "currency": "JPY" } },
        "effective_from": "2019-05-17T18:00:00+09:00", "note": "今夜から停止",
    });
    let response = read(good)
        .and_then(|response| response.check())
        .expect("a good response");
    assert_eq!(response.found_accounts, Some(3));
    let private = json!({"codes": ["reviewing_partnership"], "share": "operator"});
    assert!(read(private).and_then(|response| response.check()).is_ok());
}
