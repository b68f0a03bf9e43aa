//! Filings in preparation. A draft may be incomplete, but not malformed; it is never deleted, only issued
//! or discarded with a reason, so that its age stays in the auditor's sight.

use super::fields::Fields;
use super::{Error, Rules, watch_clocks};
use crate::domain::fault::Faults;
use crate::domain::id::Uid;
use crate::domain::incident::Filing;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::storage::draft::{self, DraftRow};
use crate::storage::{Tx, payload};
use serde_json::{Map, Value};

const REASON_LIMIT: usize = 1_000;

/// The text of a draft body: an object without doubled keys, each of its fields one that a filing has.
fn check_body(bytes: &[u8]) -> Result<String, Error> {
    // A map would read null as an empty one.
    let Value::Object(object) = json::parse(bytes)? else {
        return Err(Error::invalid(
            "",
            "field_type",
            "expected an object: the filing, as far as it is known",
        ));
    };
    let mut faults = Faults::default();
    for key in object.keys().filter(|key| !is_field(key)) {
        let token = key.replace('~', "~0").replace('/', "~1");
        faults.add(
            format!("/{token}"),
            "field_unknown",
            "a filing has no such field",
        );
    }
    faults.into_result(())?;
    // `parse` has seen that it is UTF-8.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Asks the filing itself, so that there is no second list of its fields.
fn is_field(key: &str) -> bool {
    let alone = Value::Object(Map::from_iter([(key.to_owned(), Value::Null)]));
    match json::read::<Filing>(&alone) {
        Ok(_) => true,
        Err(faults) => faults.0.iter().all(|fault| fault.code != "field_unknown"),
    }
}

/// A draft with its body. It may name people, so the body lies in the erasable store.
#[derive(Debug, Clone)]
pub struct Draft {
    pub row: DraftRow,
    pub body: String,
}

/// Begins a draft.
pub fn create(tx: &mut Tx<'_>, rules: &Rules, author: Uid, body: &[u8]) -> Result<Draft, Error> {
    begin(tx, rules, author, body, None)
}

/// The same, to answer a bank's report.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    rules: &Rules,
    author: Uid,
    body: &[u8],
    report_id: Option<Uid>,
) -> Result<Draft, Error> {
    let body = check_body(body)?;
    let now = tx.now()?;
    let id = tx.new_id()?;
    let row = DraftRow {
        id,
        author,
        payload_id: payload::seal(tx, id, body.as_bytes())?,
        version: 1,
        created_at: now,
        updated_at: now,
        discarded_at: None,
        discard_reason: None,
        revision_id: None,
        report_id,
        discarded_by: None,
    };
    draft::insert(tx, &row)?;
    watch_clocks::of_draft(tx, rules, id, now, &body)?;
    Ok(Draft { row, body })
}

/// Replaces the body of an open draft if its version still is `version`.
pub fn replace(
    tx: &mut Tx<'_>,
    rules: &Rules,
    id: Uid,
    version: i64,
    body: &[u8],
) -> Result<Draft, Error> {
    let body = check_body(body)?;
    let now = tx.now()?;
    let before = draft::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let payload_id = payload::seal(tx, id, body.as_bytes())?;
    if draft::replace(tx, id, version, payload_id, now)? {
        payload::erase(tx, before.payload_id)?;
        watch_clocks::of_draft(tx, rules, id, before.created_at, &body)?;
        return get(tx, id);
    }
    let refusal = if before.is_open() {
        Refusal::VersionConflict
    } else {
        Refusal::DraftEnded
    };
    Err(refusal.into())
}

/// Ends an open draft with a reason.
pub fn discard(tx: &mut Tx<'_>, by: Uid, id: Uid, reason: &str) -> Result<(), Error> {
    let mut fields = Fields::default();
    let reason = fields.paragraphs("reason", reason, REASON_LIMIT);
    fields.done()?;
    let now = tx.now()?;
    if draft::discard(tx, id, by, &reason, now)? {
        return watch_clocks::end_draft(tx, id);
    }
    get(tx, id)?;
    Err(Refusal::DraftEnded.into())
}

pub fn get(tx: &mut Tx<'_>, id: Uid) -> Result<Draft, Error> {
    let row = draft::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let body = payload::open(tx, row.payload_id)?.ok_or(Error::NotFound)?;
    Ok(Draft {
        row,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Every draft, oldest first, ended ones too.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<DraftRow>, Error> {
    Ok(draft::all(tx)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(body: &str) -> Vec<&'static str> {
        match check_body(body.as_bytes()) {
            Err(Error::Invalid(faults)) => faults.0.iter().map(|fault| fault.code).collect(),
            Err(_) => vec!["other"],
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn an_officer_may_stop_in_the_middle_of_a_filing() {
        assert!(codes("{}").is_empty());
        assert!(
            codes(r#"{"title": {"ja": "不正な口座連携"}, "victims": "unknown", "tlp": 7}"#)
                .is_empty()
        );
    }

    #[test]
    fn a_draft_that_could_never_become_a_filing_is_refused() {
        assert_eq!(codes(r#"{"recipients": ["0117"]}"#), ["field_unknown"]);
        assert_eq!(codes(r#"{"title": 1, "title": 2}"#), ["json_duplicate_key"]);
        assert_eq!(codes("[]"), ["field_type"]);
        assert_eq!(codes("null"), ["field_type"]);
        assert_eq!(codes("{"), ["json_syntax"]);
    }
}
