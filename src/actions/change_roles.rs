//! Giving and taking roles: asked for by one administrator, approved by another.

use super::ask::ask;
use super::decide::Requested;
use super::fields::Fields;
use super::invite::check_roles;
use super::{Error, Rules};
use crate::domain::access::{Role, Roles};
use crate::domain::id::Uid;
use crate::storage::approval::RequestRow;
use crate::storage::people::{self, RoleGrantRow};
use crate::storage::{self, Tx};
use serde::{Deserialize, Serialize};

/// The act's name in approvals.
pub const ACT: &str = "roles.change";

/// The frozen act: all roles the person shall have.
#[derive(Debug, Serialize, Deserialize)]
struct Details {
    roles: Vec<String>,
}

/// Asks for `person` to have exactly `roles`; none takes all away.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    person: Uid,
    roles: &[String],
    reason: &str,
) -> Result<Requested, Error> {
    judge(tx, person, roles)?;
    let details = Details {
        roles: roles.to_vec(),
    };
    let bytes = serde_json::to_vec(&details).expect("texts always serialize");
    ask(tx, rules, by, (ACT, person), bytes, reason)
}

fn judge(tx: &mut Tx<'_>, person: Uid, codes: &[String]) -> Result<Roles, Error> {
    let row = people::person(tx, person)?.ok_or(Error::NotFound)?;
    let mut fields = Fields::default();
    let roles = check_roles(&mut fields, codes, row.bank_id.is_some())?;
    let administrators = people::holders(tx, Role::Administrator.code())?;
    if administrators == [person] && !roles.contains(Role::Administrator) {
        fields.refuse(
            "roles",
            "last_administrator",
            "nobody else is administrator: make another one first",
        );
    }
    fields.done()?;
    Ok(roles)
}

/// The roles that were asked for.
pub(super) fn wanted(details: &[u8]) -> Result<Vec<String>, Error> {
    let details: Details = serde_json::from_slice(details)
        .map_err(|fault| storage::Error::Corrupt(format!("the details of a request: {fault}")))?;
    Ok(details.roles)
}

/// Does what was asked for, once another person approved it.
pub fn approved(tx: &mut Tx<'_>, _rules: &Rules, request: &RequestRow) -> Result<(), Error> {
    let person_id = request.subject_id;
    let roles = wanted(&request.details)?;
    let wanted = judge(tx, person_id, &roles)?;
    let held = people::roles_of(tx, person_id)?;
    let recorded_at = tx.now()?;
    for role in Role::ALL {
        let code = role.code();
        let given = wanted.contains(role);
        if given == held.iter().any(|one| one == code) {
            continue;
        }
        let revision = people::next_grant_revision(tx, person_id, code)?;
        let row = RoleGrantRow {
            person_id,
            role: code.to_owned(),
            revision,
            given,
            granted_by: Some(request.requester),
            approval_id: Some(request.id),
            recorded_at,
        };
        people::insert_grant(tx, &row)?;
    }
    Ok(())
}
