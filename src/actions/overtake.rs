//! Which newer notice has taken the place of one, for the same bank: that of a later revision, or of the withdrawal.

use super::Error;
use crate::domain::id::Uid;
use crate::domain::notice::Overtaken;
use crate::domain::vocabulary::Phase;
use crate::storage::{Tx, notice};

/// What has taken the place of a bank's notice by now; `None` = it is the newest of its incident.
pub fn overtaken(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Option<Overtaken>, Error> {
    let row = notice::by_id(tx, notice_id)?.ok_or(Error::NotFound)?;
    let newer = notice::followed_by(tx, &row)?;
    Ok(newer.map(|(newest, phase)| Overtaken {
        number: newest.number,
        is_withdrawn: phase == Phase::Withdrawal.code(),
    }))
}
