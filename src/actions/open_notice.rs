//! Opening a notice in a person's session: shown as *accessed*, and never more than that (law 4).

use super::Error;
use crate::domain::access::BankScope;
use crate::domain::id::Uid;
use crate::domain::level::Level;
use crate::storage::evidence::{self, Reached};
use crate::storage::{Tx, notice};

/// Notes that a person of the bank has the notice on screen. What was reached already stays as it was.
pub fn open_notice(
    tx: &mut Tx<'_>,
    scope: BankScope,
    notice_id: Uid,
    session: Uid,
) -> Result<(), Error> {
    let found = notice::by_id(tx, notice_id)?.filter(|row| row.bank_id == scope.bank());
    let found = found.ok_or(Error::NotFound)?;
    let at = tx.now()?;
    let reached = Reached {
        notice: found.id,
        level: Level::Accessed,
        at,
        evidence: session,
    };
    Ok(evidence::access(tx, found.bank_id, &reached)?)
}
