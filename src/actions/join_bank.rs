//! A bank becomes a partner again, or now instead of later. Joining acts at once.

use super::register_bank::bank_by_code;
use super::{Error, cut_roster};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::storage::Tx;
use crate::storage::bank::{self, PartnershipRow};

/// Makes the bank a partner from now on. An announced ending is called off by it; a planned beginning is
/// brought forward.
pub fn join_bank(tx: &mut Tx<'_>, code: &str) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    let bank = bank_by_code(tx, code)?;
    join(tx, bank.id)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(())
}

/// The row alone; the gate is entered, and a version is cut, by the caller.
pub(super) fn join(tx: &mut Tx<'_>, bank_id: Uid) -> Result<(), Error> {
    let now = tx.now()?;
    let before = bank::partnership(tx, bank_id)?;
    let valid_from = match &before {
        Some(row) if row.holds_at(now) && row.valid_to.is_none() => {
            return Err(Refusal::AlreadyPartner.into());
        }
        Some(row) if row.holds_at(now) => row.valid_from,
        _ => now,
    };
    let next = PartnershipRow {
        bank_id,
        revision: before.map_or(0, |row| row.revision) + 1,
        valid_from,
        valid_to: None,
        recorded_at: now,
        approval_id: None,
    };
    Ok(bank::insert_partnership(tx, &next)?)
}
