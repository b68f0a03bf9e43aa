//! A new signing secret for an endpoint; the former one signs beside it until the bank has had time to
//! take the new one up. A proof stays: it is of the address, and whoever rotates is let in by another way than it.

use super::set_endpoint::{fresh_secret, live, own, spell_secret, store_secret};
use super::{Error, Rules};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::{Tx, bank};

/// A new secret, shown this once, and until when the former one signs too.
#[derive(Clone, PartialEq, Eq)]
pub struct Rotated {
    pub secret: String,
    pub previous_until: Instant,
}

/// Gives a live endpoint of this bank a new secret.
pub fn rotate_secret(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    endpoint: Uid,
) -> Result<Rotated, Error> {
    own(tx, bank_id, endpoint)?;
    live(tx, bank_id, endpoint)?;
    let newest = bank::secrets(tx, endpoint)?
        .into_iter()
        .next()
        .map_or(0, |row| row.revision);
    let secret = fresh_secret()?;
    let previous_until = tx.now()? + rules.secret_overlap;
    store_secret(
        tx,
        bank_id,
        endpoint,
        newest + 1,
        Some(previous_until),
        &secret,
    )?;
    Ok(Rotated {
        secret: spell_secret(&secret),
        previous_until,
    })
}
