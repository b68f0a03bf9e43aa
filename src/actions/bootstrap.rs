//! The first administrator, by the host's command line alone: a link that works for half an hour at most.

use super::fields::Fields;
use super::invite::{self, Invited, Invitee};
use super::{Error, Rules};
use crate::domain::access::{Role, Roles};
use crate::domain::refusal::Refusal;
use crate::storage::{Tx, people};
use std::time::Duration;

/// Whoever holds a link of the host becomes whom it names, so it lives shortly.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Invites the first administrator; refused once there is one.
pub fn bootstrap(
    tx: &mut Tx<'_>,
    rules: &Rules,
    name: &str,
    email: &str,
    language: &str,
) -> Result<Invited, Error> {
    refuse_if_there_is_one(tx)?;
    let invitee = Invitee::check(Fields::default(), name, email, language)?;
    let window = rules.invitation_window.min(LONGEST);
    invite::write(
        tx,
        rules,
        invitee,
        None,
        Roles::of(&[Role::Administrator]),
        None,
        window,
    )
}

/// Two links may have been made on the host; only one of them makes an administrator.
pub(super) fn refuse_if_there_is_one(tx: &mut Tx<'_>) -> Result<(), Error> {
    if people::holders(tx, Role::Administrator.code())?.is_empty() {
        return Ok(());
    }
    Err(Refusal::Bootstrapped.into())
}
