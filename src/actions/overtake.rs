//! Which newer notice has taken the place of one, for the same bank: that of a later revision, or of the withdrawal.

use super::Error;
use crate::domain::id::Uid;
use crate::domain::notice::Overtaken;
use crate::domain::vocabulary::Phase;
use crate::storage::{Tx, incident, notice};

/// What has taken the place of a bank's notice by now; `None` = it is the newest of its incident.
pub fn overtaken(
    tx: &mut Tx<'_>,
    incident_id: Uid,
    bank_id: Uid,
    notice_id: Uid,
) -> Result<Option<Overtaken>, Error> {
    let told = notice::of_incident(tx, incident_id, bank_id)?;
    let Some(newest) = told.last().filter(|newest| newest.id != notice_id) else {
        return Ok(None);
    };
    let revision = incident::revision(tx, newest.revision_id)?.ok_or(Error::NotFound)?;
    Ok(Some(Overtaken {
        number: newest.number,
        is_withdrawn: revision.phase == Phase::Withdrawal.code(),
    }))
}
