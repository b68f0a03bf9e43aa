//! Resending by hand: an open delivery becomes due now; one that was accepted goes out once more.

use super::Error;
use super::fan_out::{Sealed, delivery_row};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::storage::{Tx, bank, delivery};

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
    if matches!(row.state.as_str(), "due" | "waiting" | "leased") {
        delivery::hasten(tx, id, now)?;
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

fn is_live(tx: &mut Tx<'_>, bank_id: Uid, target: Uid) -> Result<bool, Error> {
    Ok(bank::endpoints_of(tx, bank_id)?
        .iter()
        .any(|row| row.id == target)
        || bank::contacts_of(tx, bank_id)?
            .iter()
            .any(|row| row.id == target))
}
