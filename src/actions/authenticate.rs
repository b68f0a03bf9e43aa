//! Who is asking: from a presented API key to a caller with the roles in force.

use super::{Error, issue_key};
use crate::domain::access::{Caller, Role, Roles};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::storage::Tx;
use crate::storage::people::{self, ApiKeyRow};
use subtle::ConstantTimeEq;

/// The caller behind a key; `None` = malformed, unknown, wrong, expired or revoked, all alike.
pub fn authenticate(tx: &mut Tx<'_>, presented: &str) -> Result<Option<Caller>, Error> {
    let Some((id, secret)) = issue_key::parse(presented) else {
        return Ok(None);
    };
    let row = people::key(tx, id)?;
    // The same work for a key that does not exist, so that time tells nothing of ids.
    let stored = row
        .as_ref()
        .map_or([0; 32].as_slice(), |row| row.secret_hash.as_slice());
    let matches = bool::from(Digest::of(secret.as_slice()).0.as_slice().ct_eq(stored));
    let now = tx.now()?;
    match row.filter(|row| matches && row.revoked_at.is_none() && row.expires_at > now) {
        Some(key) => caller(tx, &key),
        None => Ok(None),
    }
}

fn caller(tx: &mut Tx<'_>, key: &ApiKeyRow) -> Result<Option<Caller>, Error> {
    if let Some(bank) = key.bank_id {
        return Ok(Some(Caller::Machine { key: key.id, bank }));
    }
    let Some(id) = key.person_id else {
        return Ok(None);
    };
    person_with(tx, id, key.id)
}

/// A person with the roles in force, known by a key or a session.
pub(super) fn person_with(
    tx: &mut Tx<'_>,
    id: Uid,
    credential: Uid,
) -> Result<Option<Caller>, Error> {
    let Some(person) = people::person(tx, id)? else {
        return Ok(None);
    };
    let mut roles = Roles::NONE;
    for code in people::roles_of(tx, id)? {
        // A role of the other side never counts, whatever was stored.
        if let Some(role) = Role::parse_grantable(&code)
            .filter(|role| role.is_of_bank() == person.bank_id.is_some())
        {
            roles = roles.with(role);
        }
    }
    Ok(Some(Caller::Person {
        id,
        key: credential,
        bank: person.bank_id,
        roles,
    }))
}
