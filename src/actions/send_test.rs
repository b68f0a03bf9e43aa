//! A test notice: proves that a bank's channels work, without an incident. It has no number and owes no stamp.

use super::Error;
use super::fan_out::{delivery_row, message_row};
use crate::domain::id::Uid;
use crate::storage::{Tx, bank, delivery};

const KIND: &str = "notice.test";

/// Sends `notice.test` to every live endpoint and every contact of a bank, in the place of earlier ones that were refused;
/// returns the message's id.
pub fn send_test(tx: &mut Tx<'_>, bank_code: &str) -> Result<Uid, Error> {
    let row = bank::by_code(tx, bank_code)?.ok_or(Error::NotFound)?;
    let now = tx.now()?;
    let message = tx.new_id()?;
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
    if rows.is_empty() {
        let sentence = "it has no address yet: enter an endpoint or a contact first";
        return Err(Error::invalid("", "no_live_address", sentence));
    }
    let targets: Vec<Uid> = rows.iter().map(|row| row.target_id).collect();
    delivery::supersede_refused(tx, KIND, &targets, 1)?;
    let sent = message_row(message, KIND, None, row.id, None, now);
    delivery::insert_messages(tx, &[sent])?;
    delivery::insert_deliveries(tx, &rows)?;
    tx.wake_engine();
    Ok(message)
}
