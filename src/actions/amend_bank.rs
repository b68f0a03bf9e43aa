//! Amending what is known of a bank: a new revision of its profile, never an edit.

use super::fields::Fields;
use super::register_bank::{Profile, ProfileInput, bank_by_code};
use super::{Error, cut_roster};
use crate::domain::refusal::Refusal;
use crate::storage::{Tx, bank};

/// Stores the next revision of a bank's profile if the newest still is `expected`; returns its number.
/// Saying the same again makes no revision.
pub fn amend_bank(
    tx: &mut Tx<'_>,
    code: &str,
    expected: i64,
    input: &ProfileInput,
) -> Result<i64, Error> {
    let mut fields = Fields::default();
    let profile = Profile::check(&mut fields, input);
    fields.done()?;
    let mut gate = cut_roster::enter(tx)?;
    let bank = bank_by_code(tx, code)?;
    let newest = bank::profile(tx, bank.id)?.ok_or(Error::NotFound)?;
    if newest.revision != expected {
        return Err(Refusal::VersionConflict.into());
    }
    if profile.equals(&newest) {
        return Ok(newest.revision);
    }
    let revision = profile.store(tx, bank.id)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(revision)
}
