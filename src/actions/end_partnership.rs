//! Ending a partnership: asked for by one person, approved by another, announced to the bank, and in
//! force only after a delay that is never below a day, and not before one of the bank's ways took the announcement.

use super::alert::{OperatorAlert, alert};
use super::ask::ask;
use super::decide::Requested;
use super::register_bank::bank_by_code;
use super::tell_bank::tell_bank;
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::bank::{self, PartnershipRow};
use crate::storage::{Tx, delivery, lapse};
use std::time::Duration;

/// The act's name in approvals.
pub const ACT: &str = "partnership.end";

/// The kind of its announcement.
pub const ENDING: &str = "partnership.ending";

/// An ending of which the bank could not be told yet is tried again so much later.
const PUT_OFF: Duration = Duration::from_secs(60 * 60);

/// No setting goes below: the bank must have a day to object.
const LEAST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Asks for the end of a partnership.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    code: &str,
    reason: &str,
) -> Result<Requested, Error> {
    let bank = bank_by_code(tx, code)?;
    ending_of(tx, bank.id)?;
    let details = serde_json::json!({ "bank": bank.id })
        .to_string()
        .into_bytes();
    ask(tx, rules, by, (ACT, bank.id), details, reason)
}

/// The partnership that can be ended: one that has begun and has no end yet.
fn ending_of(tx: &mut Tx<'_>, bank_id: Uid) -> Result<PartnershipRow, Error> {
    let now = tx.now()?;
    bank::partnership(tx, bank_id)?
        .filter(|row| row.holds_at(now) && row.valid_to.is_none())
        .ok_or_else(|| Refusal::NotPartner.into())
}

/// Does what was asked for, once another person approved it.
pub fn approved(tx: &mut Tx<'_>, rules: &Rules, request: &RequestRow) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    let bank_id = request.subject_id;
    let before = ending_of(tx, bank_id)?;
    let now = tx.now()?;
    let ends_at = now + rules.ending_delay.max(LEAST_DELAY);
    let ending = PartnershipRow {
        revision: before.revision + 1,
        valid_to: Some(ends_at),
        recorded_at: now,
        approval_id: Some(request.id),
        ..before
    };
    bank::insert_partnership(tx, &ending)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    announce(tx, bank_id, now, ends_at)
}

fn announce(tx: &mut Tx<'_>, bank_id: Uid, now: Instant, ends_at: Instant) -> Result<(), Error> {
    let inputs = serde_json::json!({ "recorded_at": now, "ends_at": ends_at });
    tell_bank(tx, bank_id, ENDING, &inputs)?;
    Ok(())
}

/// Puts off endings whose time has come while their announcement is still on its way: a bank does not leave the
/// roster before it was told. `members` are on the roster so far. The gate is entered by the caller.
pub(super) fn put_off_untold(
    tx: &mut Tx<'_>,
    members: impl Iterator<Item = Uid>,
    now: Instant,
) -> Result<(), Error> {
    for bank_id in members {
        let Some(row) = bank::partnership(tx, bank_id)? else {
            continue;
        };
        let is_ending = row.valid_to.is_some_and(|end| end <= now);
        if !is_ending || is_told(tx, &row)? {
            continue;
        }
        let later = PartnershipRow {
            revision: row.revision + 1,
            valid_to: Some(now + PUT_OFF),
            recorded_at: now,
            ..row
        };
        bank::insert_partnership(tx, &later)?;
        if let Some(request) = later.approval_id
            && lapse::warn_once(tx, request, "ending-untold", now)?
        {
            let inputs = OperatorAlert {
                alert: "ending-untold".into(),
                bank_code: bank::by_id(tx, bank_id)?.map(|row| row.code),
                incident: None,
                detail: None,
            };
            alert(tx, &["administrator", "officer"], &inputs)?;
        }
    }
    Ok(())
}

/// Whether the bank knows of the ending: one of its ways took the announcement, or none is left that could.
fn is_told(tx: &mut Tx<'_>, row: &PartnershipRow) -> Result<bool, Error> {
    let history = bank::partnership_history(tx, row.bank_id)?;
    let announced = history
        .iter()
        .find(|one| one.valid_to.is_some() && one.approval_id == row.approval_id);
    let Some(announced) = announced else {
        return Ok(true);
    };
    let states = delivery::states_of_message(tx, ENDING, row.bank_id, announced.recorded_at)?;
    let is_open = |state: &String| ["due", "leased", "waiting"].contains(&state.as_str());
    Ok(states.iter().any(|state| state == "accepted") || !states.iter().any(is_open))
}
