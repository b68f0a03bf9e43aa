//! The file of banks: its columns, and each row read into checked values. Knows nothing of the register.

use super::ROWS_LIMIT;
use crate::actions::add_contact::{Contact, ContactInput};
use crate::actions::fields::Fields;
use crate::actions::register_bank::{Profile, ProfileInput, check_code, open};
use crate::domain::fault::Faults;
use crate::domain::instant::Instant;
use std::collections::{BTreeMap, HashMap};

const REQUIRED: [&str; 4] = ["code", "name_ja", "name_en", "language"];
const OPTIONAL: [&str; 7] = [
    "linking",
    "new_links",
    "top_ups",
    "pay_outs",
    "valid_from",
    "endpoint_url",
    "endpoint_ed25519",
];
const CONTACT: [&str; 6] = ["name", "role", "email", "phone", "level", "language"];
const CONTACTS: usize = 3;
/// After so many the person has seen enough.
const FAULTS_LIMIT: usize = 100;

/// One bank of the file, checked.
#[derive(Debug)]
pub struct Row {
    pub line: u64,
    pub code: String,
    pub profile: Profile,
    /// When the partnership begins; `None` = now.
    pub valid_from: Option<Instant>,
    pub contacts: Vec<Contact>,
    /// The URL in its normal form, and whether `v1a` is asked for.
    pub endpoint: Option<(String, bool)>,
}

/// Notes a fault of one cell; the pointer is `/{line}/{column}`, the first line being the header.
pub fn refuse(faults: &mut Faults, line: u64, column: &str, code: &'static str, sentence: &str) {
    faults.add(
        format!("/{line}/{column}"),
        code,
        format!("line {line}, column {column}: {sentence}"),
    );
}

/// Judges a URL: its normal form, or a code and a sentence.
pub type UrlJudgement = Result<String, (&'static str, String)>;

/// Reads a whole file. UTF-8, with or without a byte order mark; a header names the columns.
pub fn read(csv: &[u8], check_url: impl Fn(&str) -> UrlJudgement) -> Result<Vec<Row>, Faults> {
    let bytes = csv.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut faults = Faults::default();
    let header = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect::<Vec<_>>(),
        Err(fault) => {
            refuse(&mut faults, 1, "", "csv_form", &fault.to_string());
            return Err(faults);
        }
    };
    check_header(&header, &mut faults);
    let mut rows = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for record in reader.records() {
        if faults.0.len() >= FAULTS_LIMIT || rows.len() > ROWS_LIMIT {
            break;
        }
        let record = match record {
            Ok(record) => record,
            Err(fault) => {
                let line = fault.position().map_or(0, |at| line_of(bytes, at));
                refuse(&mut faults, line, "", "csv_form", &fault.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, |at| line_of(bytes, at));
        let cells: HashMap<&str, &str> = header
            .iter()
            .map(String::as_str)
            .zip(record.iter())
            .collect();
        let row = read_row(line, &Cells(cells), &check_url, &mut faults);
        if let Some(first) = lines.insert(row.code.clone(), line) {
            refuse(
                &mut faults,
                line,
                "code",
                "bank_doubled",
                &format!("this bank stands on line {first} already"),
            );
        }
        rows.push(row);
    }
    if rows.len() > ROWS_LIMIT {
        refuse(
            &mut faults,
            0,
            "",
            "too_many_rows",
            "2000 banks at most in one file",
        );
    }
    if rows.is_empty() && faults.0.is_empty() {
        refuse(
            &mut faults,
            1,
            "",
            "csv_empty",
            "there is no bank in this file",
        );
    }
    faults.into_result(rows)
}

/// The line on which a record begins. The reader stands before the line ends that it has yet to pass: the
/// second half of a CRLF, and empty lines.
fn line_of(bytes: &[u8], at: &csv::Position) -> u64 {
    let start = usize::try_from(at.byte()).unwrap_or(bytes.len());
    let ahead = bytes.get(start..).unwrap_or_default().iter();
    let ends = ahead.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let passed = ends.filter(|byte| **byte == b'\n').count();
    at.line() + u64::try_from(passed).unwrap_or(0)
}

fn check_header(header: &[String], faults: &mut Faults) {
    let contact_columns: Vec<String> = (1..=CONTACTS)
        .flat_map(|n| {
            CONTACT
                .iter()
                .map(move |field| format!("contact{n}_{field}"))
        })
        .collect();
    for (index, column) in header.iter().enumerate() {
        let known = REQUIRED.contains(&column.as_str())
            || OPTIONAL.contains(&column.as_str())
            || contact_columns.contains(column);
        if !known {
            refuse(
                faults,
                1,
                column,
                "column_unknown",
                "there is no such column",
            );
        }
        if header[..index].contains(column) {
            refuse(
                faults,
                1,
                column,
                "column_doubled",
                "this column stands here twice",
            );
        }
    }
    for column in REQUIRED {
        if !header.iter().any(|found| found == column) {
            refuse(faults, 1, column, "column_missing", "this column is needed");
        }
    }
}

/// The cells of a line by column; an absent column is an empty cell.
struct Cells<'a>(HashMap<&'a str, &'a str>);

impl Cells<'_> {
    fn get(&self, column: &str) -> &str {
        self.0.get(column).copied().unwrap_or_default()
    }

    fn service(&self, column: &str) -> String {
        match self.get(column) {
            "" => open(),
            state => state.to_owned(),
        }
    }
}

fn read_row(
    line: u64,
    cells: &Cells<'_>,
    check_url: impl Fn(&str) -> UrlJudgement,
    faults: &mut Faults,
) -> Row {
    let mut fields = Fields::default();
    let code = cells.get("code").to_owned();
    check_code(&mut fields, &code);
    let input = ProfileInput {
        name_ja: cells.get("name_ja").to_owned(),
        name_en: cells.get("name_en").to_owned(),
        language: cells.get("language").to_owned(),
        linking: split_codes(cells.get("linking")),
        new_links: cells.service("new_links"),
        top_ups: cells.service("top_ups"),
        pay_outs: cells.service("pay_outs"),
    };
    let profile = Profile::check(&mut fields, &input);
    let valid_from = fields.time("valid_from", Some(cells.get("valid_from")));
    let endpoint = read_endpoint(&mut fields, cells, check_url);
    let contacts = (1..=CONTACTS)
        .filter_map(|n| read_contact(&mut fields, cells, n))
        .collect();
    for fault in fields.faults.0 {
        // `/linking/0` is a place in the cell `linking`.
        let column = fault.pointer.split('/').nth(1).unwrap_or_default();
        refuse(faults, line, column, fault.code, &fault.message);
    }
    Row {
        line,
        code,
        profile,
        valid_from,
        contacts,
        endpoint,
    }
}

/// Codes in one cell stand apart by blanks, `;` or `|`.
fn split_codes(cell: &str) -> Vec<String> {
    let parts = cell.split([' ', ';', '|']);
    parts
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

fn read_endpoint(
    fields: &mut Fields,
    cells: &Cells<'_>,
    check_url: impl Fn(&str) -> UrlJudgement,
) -> Option<(String, bool)> {
    let ed25519 = match cells.get("endpoint_ed25519") {
        "true" => true,
        "false" | "" => false,
        _ => {
            fields.refuse("endpoint_ed25519", "not_a_boolean", "write true or false");
            false
        }
    };
    let url = Some(cells.get("endpoint_url")).filter(|url| !url.is_empty())?;
    match check_url(url) {
        Ok(normal) => Some((normal, ed25519)),
        Err((code, sentence)) => {
            fields.refuse("endpoint_url", code, sentence);
            None
        }
    }
}

fn read_contact(fields: &mut Fields, cells: &Cells<'_>, n: usize) -> Option<Contact> {
    let cell = |field: &str| cells.get(&format!("contact{n}_{field}")).to_owned();
    if CONTACT.iter().all(|field| cell(field).is_empty()) {
        return None;
    }
    let level = match cell("level").as_str() {
        "" => 1,
        text => text.parse().unwrap_or(0),
    };
    let language = Some(cell("language")).filter(|code| !code.is_empty());
    let input = ContactInput {
        name: cell("name"),
        role: cell("role"),
        email: cell("email"),
        phone: cell("phone"),
        hours: String::new(),
        level,
        language: language.unwrap_or_else(|| cells.get("language").to_owned()),
    };
    let mut inner = Fields::default();
    let contact = Contact::check(&mut inner, &input);
    for fault in inner.faults.0 {
        let field = fault.pointer.trim_start_matches('/');
        fields.refuse(&format!("contact{n}_{field}"), fault.code, fault.message);
    }
    Some(contact)
}

#[cfg(test)]
mod tests;
