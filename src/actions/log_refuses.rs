//! The log refuses, or goes on again: a fact that the desks show, and an alert to the operator's people. The
//! sending does not wait for either.

use super::Error;
use super::alert::{OperatorAlert, alert};
use crate::storage::Tx;
use crate::storage::log::{self, LogEventRow};

/// Notes that the log refuses, and why; once for each reason.
pub fn refuses(tx: &mut Tx<'_>, code: &str) -> Result<(), Error> {
    let last = log::latest_event(tx)?;
    if last.is_some_and(|last| last.event == "refused" && last.code == code) {
        return Ok(());
    }
    keep(tx, "refused", code)?;
    let inputs = OperatorAlert {
        alert: "log-refusing".into(),
        refusal: Some(code.to_owned()),
        ..OperatorAlert::default()
    };
    alert(tx, &["officer", "administrator", "auditor"], &inputs)
}

/// Since when and why it refuses; `None` = it does not.
pub fn refusing(tx: &mut Tx<'_>) -> Result<Option<LogEventRow>, Error> {
    Ok(log::latest_event(tx)?.filter(|last| last.event == "refused"))
}

/// Notes that it goes on, if it had refused.
pub fn goes_on(tx: &mut Tx<'_>) -> Result<(), Error> {
    match log::latest_event(tx)? {
        Some(last) if last.event == "refused" => keep(tx, "resumed", &last.code),
        _ => Ok(()),
    }
}

fn keep(tx: &mut Tx<'_>, event: &str, code: &str) -> Result<(), Error> {
    let row = LogEventRow {
        id: tx.new_id()?,
        event: event.into(),
        code: code.into(),
        recorded_at: tx.now()?,
    };
    Ok(log::insert_event(tx, &row)?)
}
