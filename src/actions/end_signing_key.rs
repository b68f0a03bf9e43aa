//! Ending a bank's own key for acknowledgements. What it signed before stands; it never comes back.

use super::{Error, cut_roster};
use crate::domain::id::Uid;
use crate::storage::Tx;
use crate::storage::bank_key::{self, BankKeyEndRow};

/// Ends a key of this bank; one that has ended already stays as it is. The live key that came after it takes its
/// place, where there is one.
pub fn end_signing_key(tx: &mut Tx<'_>, bank_id: Uid, key: Uid) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    let known = bank_key::of_bank(tx, bank_id)?;
    let at = known.iter().position(|(row, _)| row.id == key);
    let (_, later) = known[at.ok_or(Error::NotFound)?..]
        .split_first()
        .ok_or(Error::NotFound)?;
    let successor = later.iter().find(|(_, end)| end.is_none());
    let recorded_at = tx.now()?;
    bank_key::end(
        tx,
        &BankKeyEndRow {
            key_id: key,
            replaced_by: successor.map(|(row, _)| row.id),
            recorded_at,
        },
    )?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(())
}
