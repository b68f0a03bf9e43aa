//! A test notice: proves that a bank's channels work, without an incident. It has no number and owes no stamp.

use super::Error;
use super::fan_out::{delivery_row, message_row};
use crate::domain::id::Uid;
use crate::storage::{Tx, bank, delivery};

/// Sends `notice.test` to every live endpoint and every contact of a bank; returns the message's id.
pub fn send_test(tx: &mut Tx<'_>, bank_code: &str) -> Result<Uid, Error> {
    let row = bank::by_code(tx, bank_code)?.ok_or(Error::NotFound)?;
    let now = tx.now()?;
    let message = tx.new_id()?;
    delivery::insert_messages(
        tx,
        &[message_row(message, "notice.test", None, row.id, None, now)],
    )?;
    let mut rows = Vec::new();
    for endpoint in bank::endpoints_of(tx, row.id)? {
        rows.push(delivery_row(
            message,
            None,
            Some(row.id),
            "webhook",
            endpoint.id,
            now,
        ));
    }
    for contact in bank::contacts_of(tx, row.id)? {
        rows.push(delivery_row(
            message,
            None,
            Some(row.id),
            "email",
            contact.id,
            now,
        ));
    }
    delivery::insert_deliveries(tx, &rows)?;
    tx.wake_engine();
    Ok(message)
}
