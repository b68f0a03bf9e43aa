//! Ending a partnership: asked for by one person, approved by another, announced to the bank, and in
//! force only after a delay that is never below a day.

use super::ask::ask;
use super::decide::Requested;
use super::fan_out::{delivery_row, message_row};
use super::register_bank::bank_by_code;
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::bank::{self, PartnershipRow};
use crate::storage::{Tx, delivery, payload};
use std::time::Duration;

/// The act's name in approvals.
pub const ACT: &str = "partnership.end";

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
    let inputs = serde_json::json!({ "recorded_at": now, "ends_at": ends_at }).to_string();
    let payload_id = payload::seal(tx, bank_id, inputs.as_bytes())?;
    let message = tx.new_id()?;
    let row = message_row(
        message,
        "partnership.ending",
        None,
        bank_id,
        Some(payload_id),
        now,
    );
    delivery::insert_messages(tx, &[row])?;
    let first_level = bank::contacts_of(tx, bank_id)?
        .into_iter()
        .filter(|contact| contact.level == 1);
    let deliveries: Vec<_> = first_level
        .map(|contact| delivery_row(message, None, Some(bank_id), "email", contact.id, now))
        .collect();
    delivery::insert_deliveries(tx, &deliveries)?;
    tx.wake_engine();
    Ok(())
}
