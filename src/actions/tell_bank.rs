//! A message to a bank that is no notice: it has no number and owes no stamp. What it says is frozen in the
//! erasable store; an address that is lost meanwhile gets nothing more of it.

use super::Error;
use super::fan_out::{delivery_row, message_row};
use crate::domain::id::Uid;
use crate::storage::{Tx, bank, delivery, payload};
use serde::Serialize;

/// Contacts of this level are told.
const FIRST_LEVEL: i64 = 1;

/// Sends it to every live endpoint of a bank, and by mail to its first contacts; returns the message's id.
pub(super) fn tell_bank(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    kind: &str,
    inputs: &impl Serialize,
) -> Result<Uid, Error> {
    let message = tell_by_webhook(tx, bank_id, kind, inputs)?;
    let now = tx.now()?;
    let contacts = bank::contacts_of(tx, bank_id)?;
    let first = contacts.iter().filter(|row| row.level == FIRST_LEVEL);
    let mails: Vec<_> = first
        .map(|row| delivery_row(message, None, Some(bank_id), "email", row.id, now))
        .collect();
    delivery::insert_deliveries(tx, &mails)?;
    Ok(message)
}

/// Sends it to every live endpoint of a bank, never by mail.
pub(super) fn tell_by_webhook(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    kind: &str,
    inputs: &impl Serialize,
) -> Result<Uid, Error> {
    let now = tx.now()?;
    let message = tx.new_id()?;
    let inputs = serde_json::to_vec(inputs).map_err(|_| super::issue::damaged("message"))?;
    let payload_id = payload::seal(tx, bank_id, &inputs)?;
    let row = message_row(message, kind, None, bank_id, Some(payload_id), now);
    delivery::insert_messages(tx, &[row])?;
    let endpoints = bank::endpoints_of(tx, bank_id)?;
    let webhooks: Vec<_> = endpoints
        .iter()
        .map(|row| delivery_row(message, None, Some(bank_id), "webhook", row.id, now))
        .collect();
    delivery::insert_deliveries(tx, &webhooks)?;
    tx.wake_engine();
    Ok(message)
}
