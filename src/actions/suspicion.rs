//! How old a suspicion is: from when it was first on record, in a draft or a bank's report, until it was issued. Knows
//! no clock but that of the record.

use super::{Error, Rules};
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::Kind;
use crate::storage::draft::{self, DraftRow};
use crate::storage::incident::RevisionRow;
use crate::storage::{Tx, payload, report};
use serde_json::Value;
use std::sync::Once;

/// Since when a draft's suspicion is on record, and by when the banks have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub first_recorded_at: Instant,
    /// From awareness, as the draft says it; from its beginning, where it says nothing. `None` = it is an exercise, of
    /// which nobody has to be told by any time.
    pub ceiling_at: Option<Instant>,
}

/// The age of a draft; `body` is what it says.
pub fn of_draft(
    tx: &mut Tx<'_>,
    rules: &Rules,
    row: &DraftRow,
    body: &Value,
) -> Result<Age, Error> {
    let first_recorded_at = match row.report_id {
        Some(id) => report::by_id(tx, id)?.map_or(row.created_at, |(report, _)| report.reported_at),
        None => row.created_at,
    };
    let said = |field: &str| Some(Entered::parse(body[field].as_str()?).ok()?.at);
    let is_actual = body["kind"]
        .as_str()
        .is_none_or(|kind| kind == Kind::Actual.code());
    let aware = said("aware_at").or_else(|| said("detected_at"));
    Ok(Age {
        first_recorded_at,
        ceiling_at: is_actual.then(|| {
            let aware = aware.unwrap_or(first_recorded_at);
            rules.profiles.ceiling(aware, &rules.zone)
        }),
    })
}

/// Once in a process.
static TOLD: Once = Once::new();

/// The same with the draft opened; `None` once erased. Of one that cannot be opened nothing is known but its date.
pub fn of_sealed(tx: &mut Tx<'_>, rules: &Rules, row: &DraftRow) -> Result<Option<Age>, Error> {
    let body = match payload::open(tx, row.payload_id) {
        Ok(Some(body)) => serde_json::from_slice(&body).unwrap_or(Value::Null),
        Ok(None) => return Ok(None),
        Err(fault @ crate::storage::Error::Corrupt(_)) => {
            // Looked at every few seconds.
            TOLD.call_once(|| tracing::error!(draft = %row.id, %fault, "a draft cannot be opened"));
            Value::Null
        }
        Err(fault) => return Err(fault.into()),
    };
    of_draft(tx, rules, row, &body).map(Some)
}

/// When the suspicion that a first revision tells was first on record: in the report or the draft that it ended, or
/// by itself.
pub fn first_recorded(tx: &mut Tx<'_>, revision: &RevisionRow) -> Result<Instant, Error> {
    let mut first = revision.accepted_at;
    if let Some(row) = draft::of_revision(tx, revision.id)? {
        first = first.min(row.created_at);
    }
    if let Some(end) = report::of_revision(tx, revision.id)? {
        first = first.min(reported_at(tx, end.report_id)?.unwrap_or(first));
    }
    Ok(first)
}

fn reported_at(tx: &mut Tx<'_>, report: Uid) -> Result<Option<Instant>, Error> {
    Ok(report::by_id(tx, report)?.map(|(row, _)| row.reported_at))
}
