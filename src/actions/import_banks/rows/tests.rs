use super::*;

const HEADER: &str = "code,name_ja,name_en,language,linking,contact1_name,contact1_email,contact1_level,endpoint_url,endpoint_ed25519";

fn any_url(url: &str) -> UrlJudgement {
    if url.starts_with("https://") {
        Ok(url.to_owned())
    } else {
        Err(("address_scheme", "not https".into()))
    }
}

fn pointers(csv: &str) -> Vec<(String, &'static str)> {
    match read(csv.as_bytes(), any_url) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .0
            .into_iter()
            .map(|fault| (fault.pointer, fault.code))
            .collect(),
    }
}

#[test]
fn a_file_from_a_spreadsheet_with_a_byte_order_mark_is_read() {
    let csv = format!(
        "\u{FEFF}{HEADER}\r\n0117,東銀行,East Bank,ja,sms_otp;ekyc,佐藤 花子,risk@east.example,,https://hooks.east.example/k,true\r\n\
         0118,\"西, 銀行\",West Bank,en,,,,,,\r\n"
    );
    let rows = read(csv.as_bytes(), any_url).expect("a good file");
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].line, rows[1].line), (2, 3));
    assert_eq!(
        rows[0].endpoint,
        Some(("https://hooks.east.example/k".into(), true))
    );
    assert_eq!(rows[0].contacts.len(), 1);
    assert_eq!(
        (
            rows[0].contacts[0].level,
            rows[0].contacts[0].language.as_str()
        ),
        (1, "ja")
    );
    assert!(rows[1].contacts.is_empty() && rows[1].endpoint.is_none());
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_line_and_column() {
    let csv = format!(
        "{HEADER}\n0117,東銀行,East Bank,fr,guess,Sato,risk@east,9,http://east.example,yes\n\
         0118,西銀行,West Bank,en,,,,,,\n0118,西銀行,West Bank,en,,,,,,\n"
    );
    let found = pointers(&csv);
    let expected = [
        ("/2/language", "code_unknown"),
        ("/2/linking", "code_unknown"),
        ("/2/endpoint_ed25519", "not_a_boolean"),
        ("/2/endpoint_url", "address_scheme"),
        ("/2/contact1_level", "level_range"),
        ("/2/contact1_email", "email_domain"),
        ("/2/contact1_language", "code_unknown"),
        ("/4/code", "bank_doubled"),
    ];
    assert_eq!(
        found,
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
}

#[test]
fn a_column_misspelled_or_missing_stops_the_import() {
    let found = pointers("code,name_ja,name_en,lang\n0117,東銀行,East Bank,ja\n");
    assert!(found.contains(&("/1/lang".into(), "column_unknown")));
    assert!(found.contains(&("/1/language".into(), "column_missing")));
    assert_eq!(
        pointers(&format!("{HEADER}\n")),
        [("/1/".to_owned(), "csv_empty")]
    );
    assert_eq!(
        pointers(&format!("{HEADER}\n0117,東銀行\n"))[0].1,
        "csv_form"
    );
}

#[test]
fn a_message_names_the_cell_as_a_person_would() {
    let mut faults = Faults::default();
    refuse(
        &mut faults,
        3,
        "contact1_email",
        "email_form",
        "not an e-mail address",
    );
    assert_eq!(
        faults.0[0].message,
        "line 3, column contact1_email: not an e-mail address"
    );
}
