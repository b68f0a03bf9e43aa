//! Revoking an API key: a person's own, one of the same bank, or a person's by an administrator. A
//! machine's key of a bank is revoked by the operator's side only with a second person (`on_behalf`).

use super::Error;
use crate::domain::access::{Caller, Role};
use crate::domain::id::Uid;
use crate::storage::Tx;
use crate::storage::people::{self, ApiKeyRow};

/// Revokes a live key; one that this caller may not revoke does not exist for them.
pub fn revoke_key(tx: &mut Tx<'_>, by: &Caller, id: Uid) -> Result<(), Error> {
    let key = people::key(tx, id)?.ok_or(Error::NotFound)?;
    if !may_revoke(tx, by, &key)? {
        return Err(Error::NotFound);
    }
    let now = tx.now()?;
    people::revoke_key(tx, id, now)?;
    Ok(())
}

fn may_revoke(tx: &mut Tx<'_>, by: &Caller, key: &ApiKeyRow) -> Result<bool, Error> {
    if key.person_id.is_some() && key.person_id == by.person() {
        return Ok(true);
    }
    let owner = match key.person_id {
        Some(person) => people::person(tx, person)?.and_then(|row| row.bank_id),
        None => key.bank_id,
    };
    Ok(match by.bank() {
        Some(bank) => owner == Some(bank) && by.roles().contains(Role::BankAdministrator),
        None => key.person_id.is_some() && by.roles().contains(Role::Administrator),
    })
}
