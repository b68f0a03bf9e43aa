//! Resending by hand: an open delivery becomes due now; one that was accepted goes out once more.

use super::Error;
use super::fan_out::{Sealed, delivery_row};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::storage::delivery::{self, DeliveryRow};
use crate::storage::{Tx, bank, incident, notice};
use std::collections::BTreeMap;

/// Makes a delivery due now. What was accepted, superseded or closed is sent again as a new delivery of the
/// same message to the same address, which the receiver recognises by its unchanged id. An endpoint or contact
/// that has ended gets nothing more.
pub fn resend(tx: &mut Tx<'_>, id: Uid) -> Result<(), Error> {
    let row = delivery::by_id(tx, id)?.ok_or(Error::NotFound)?;
    // A replaced address may be somebody else's by now.
    if let Some(bank_id) = row.bank_id
        && !is_live(tx, bank_id, row.target_id)?
    {
        return Err(Refusal::AlreadyReplaced.into());
    }
    let now = tx.now()?;
    // Open already, itself or sent again before: one is enough.
    let same = match row.notice_id {
        Some(notice) => delivery::of_notice(tx, notice)?,
        None => delivery::of_message(tx, row.message_id)?,
    };
    let is_open = |one: &&DeliveryRow| {
        one.message_id == row.message_id
            && one.target_id == row.target_id
            && matches!(one.state.as_str(), "due" | "waiting" | "leased")
    };
    if let Some(open) = same.iter().find(is_open) {
        delivery::hasten(tx, open.id, now)?;
    } else {
        let again = delivery_row(
            row.message_id,
            Sealed::again(&row),
            row.bank_id,
            &row.channel,
            row.target_id,
            now,
        );
        delivery::insert_deliveries(tx, &[again])?;
    }
    tx.wake_engine();
    Ok(())
}

/// Sends a bank once more what it was told last of an incident, over every live address that this went to before, as
/// `resend` does; returns over how many.
pub fn resend_to_bank(tx: &mut Tx<'_>, reference: &str, code: &str) -> Result<usize, Error> {
    let incident = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    let bank = bank::by_code(tx, code)?
        .ok_or_else(|| Error::invalid("/bank", "bank_unknown", "it is not in the register"))?;
    let told = notice::of_incident(tx, incident.id, bank.id)?;
    let newest = told.last().ok_or_else(|| {
        let sentence = "it was told nothing of this incident";
        Error::invalid("/bank", "bank_unknown", sentence)
    })?;
    let message = delivery::message_of_notice(tx, newest.id)?;
    // The newest delivery to each address: an earlier one may have ended.
    let mut newest_to: BTreeMap<Uid, Uid> = BTreeMap::new();
    for row in delivery::of_notice(tx, newest.id)? {
        if Some(row.message_id) == message && is_live(tx, bank.id, row.target_id)? {
            newest_to.insert(row.target_id, row.id);
        }
    }
    if newest_to.is_empty() {
        let sentence = "no address that it went to is live: enter one, and it goes out by itself";
        return Err(Error::invalid("/bank", "no_live_address", sentence));
    }
    for id in newest_to.values() {
        resend(tx, *id)?;
    }
    Ok(newest_to.len())
}

fn is_live(tx: &mut Tx<'_>, bank_id: Uid, target: Uid) -> Result<bool, Error> {
    Ok(bank::endpoints_of(tx, bank_id)?
        .iter()
        .any(|row| row.id == target)
        || bank::contacts_of(tx, bank_id)?
            .iter()
            .any(|row| row.id == target))
}
