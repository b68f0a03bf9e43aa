//! Ending a partnership: asked for by one person, approved by another, announced to the bank, and in
//! force only after a delay that is never below a day.

use super::ask::ask;
use super::decide::Requested;
use super::register_bank::bank_by_code;
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::bank::{self, PartnershipRow};
use crate::storage::delivery::{self, DeliveryRow, MessageRow};
use crate::storage::{Tx, payload};
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
    let message_id = tx.new_id()?;
    let message = MessageRow {
        id: message_id,
        kind: "partnership.ending".into(),
        notice_id: None,
        bank_id: Some(bank_id),
        person_id: None,
        payload_id: Some(payload_id),
        created_at: now,
    };
    delivery::insert_messages(tx, &[message])?;
    let mut deliveries = Vec::new();
    for contact in bank::contacts_of(tx, bank_id)?
        .into_iter()
        .filter(|contact| contact.level == 1)
    {
        deliveries.push(DeliveryRow {
            id: tx.new_id()?,
            message_id,
            notice_id: None,
            bank_id: Some(bank_id),
            channel: "email".into(),
            target_id: contact.id,
            state: "due".into(),
            attempts: 0,
            failures: 0,
            due_at: now,
            lease_owner: None,
            lease_token: None,
            unsealed: true,
            created_at: now,
        });
    }
    delivery::insert_deliveries(tx, &deliveries)?;
    tx.wake_engine();
    Ok(())
}
