//! Inviting a person: a single-use link that its inviter hands over. The link's token is stored as a hash
//! only; the name and address lie sealed until the invitation is accepted.

use super::fields::Fields;
use super::register_bank::bank_by_code;
use super::{Error, Rules};
use crate::domain::access::{Role, Roles};
use crate::domain::digest::Digest;
use crate::domain::email::EmailAddress;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::storage::people::{self, InvitationRow};
use crate::storage::{self, Tx, payload};
use crate::vault;
use base64::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who is invited, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationInput {
    pub name: String,
    pub email: String,
    /// `officer`, `auditor`, `administrator`, or with a bank `bank_member`, `bank_administrator`.
    pub roles: Vec<String>,
    /// The bank's code; absent = the operator's side.
    pub bank: Option<String>,
    /// `ja` or `en`.
    pub language: String,
}

/// What is sealed of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonPayload {
    pub name: String,
    pub email: String,
}

/// An invitation; the link is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct Invited {
    pub id: Uid,
    pub link: String,
    pub expires_at: Instant,
}

/// The keyed hash under which a person is found by address.
pub fn email_tag(tx: &Tx<'_>, email: &EmailAddress) -> Vec<u8> {
    vault::mac(&tx.vault().keys().email_tag, email.key().as_bytes()).to_vec()
}

/// Reads roles of one side; what does not hold is noted under `roles`.
pub(super) fn check_roles(
    fields: &mut Fields,
    codes: &[String],
    of_bank: bool,
) -> Result<Roles, Refusal> {
    let mut roles = Roles::NONE;
    for (index, code) in codes.iter().enumerate() {
        match Role::parse_grantable(code) {
            Some(role) if role.is_of_bank() != of_bank => return Err(Refusal::RoleOfOtherSide),
            Some(role) => roles = roles.with(role),
            None => fields.refuse(
                &format!("roles/{index}"),
                "code_unknown",
                "there is no such role",
            ),
        }
    }
    // Whoever keeps the register and the keys must not see what is filed, nor file it.
    if roles.contains(Role::Administrator)
        && roles.shares(Roles::of(&[Role::Officer, Role::Auditor]))
    {
        fields.refuse(
            "roles",
            "roles_incompatible",
            "an administrator is neither officer nor auditor",
        );
    }
    Ok(roles)
}

/// Roles as they are stored: codes, space-separated.
pub(super) fn spell_roles(roles: Roles) -> String {
    roles.iter().map(Role::code).collect::<Vec<_>>().join(" ")
}

/// Invites a person on behalf of `by`.
pub fn invite(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    input: &InvitationInput,
) -> Result<Invited, Error> {
    let bank_id = match &input.bank {
        Some(code) => match bank_by_code(tx, code) {
            Err(Error::NotFound) => {
                return Err(Error::invalid(
                    "/bank",
                    "bank_unknown",
                    "there is no bank with this code",
                ));
            }
            found => Some(found?.id),
        },
        None => None,
    };
    let mut fields = Fields::default();
    let roles = check_roles(&mut fields, &input.roles, bank_id.is_some())?;
    if input.roles.is_empty() {
        fields.refuse("roles", "roles_empty", "name at least one role");
    }
    let invitee = Invitee::check(fields, &input.name, &input.email, &input.language)?;
    write(
        tx,
        rules,
        invitee,
        bank_id,
        roles,
        Some(by),
        rules.invitation_window,
    )
}

/// The checked particulars of whom is invited.
pub(super) struct Invitee {
    name: String,
    email: EmailAddress,
    language: String,
}

impl Invitee {
    pub(super) fn check(
        mut fields: Fields,
        name: &str,
        email: &str,
        language: &str,
    ) -> Result<Self, Error> {
        let name = fields.line("name", name, 100);
        let address = fields.email("email", email);
        let language = fields.language("language", language);
        fields.done()?;
        match address {
            Some(email) => Ok(Self {
                name,
                email,
                language,
            }),
            None => Err(Error::NotFound),
        }
    }
}

/// The secret part of a link that works once.
pub(super) fn fresh_token() -> Result<String, Error> {
    let bytes = vault::random::<32>().map_err(storage::Error::from)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Stores an invitation.
pub(super) fn write(
    tx: &mut Tx<'_>,
    rules: &Rules,
    invitee: Invitee,
    bank_id: Option<Uid>,
    roles: Roles,
    invited_by: Option<Uid>,
    window: Duration,
) -> Result<Invited, Error> {
    let email_tag = email_tag(tx, &invitee.email);
    if people::by_email_tag(tx, &email_tag)?.is_some() {
        return Err(Refusal::PersonExists.into());
    }
    let token = fresh_token()?;
    let id = tx.new_id()?;
    let sealed = PersonPayload {
        name: invitee.name,
        email: invitee.email.to_string(),
    };
    let payload_id = payload::seal(tx, id, &json::canonical(&sealed))?;
    let created_at = tx.now()?;
    let expires_at = created_at + window;
    people::insert_invitation(
        tx,
        &InvitationRow {
            id,
            token_hash: Digest::of(token.as_bytes()).0.to_vec(),
            bank_id,
            roles: spell_roles(roles),
            payload_id,
            email_tag,
            language: invitee.language,
            invited_by,
            created_at,
            expires_at,
            used_at: None,
            person_id: None,
        },
    )?;
    Ok(Invited {
        id,
        link: format!("{}/invitations/{token}", rules.public_url),
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(codes: &[&str], of_bank: bool) -> (Result<Roles, Refusal>, usize) {
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        let mut fields = Fields::default();
        let roles = check_roles(&mut fields, &codes, of_bank);
        (roles, fields.faults.0.len())
    }

    #[test]
    fn nobody_is_given_a_role_of_the_other_side_or_that_of_a_machine() {
        assert_eq!(judge(&["officer"], true).0, Err(Refusal::RoleOfOtherSide));
        assert_eq!(
            judge(&["bank_member"], false).0,
            Err(Refusal::RoleOfOtherSide)
        );
        assert_eq!(judge(&["bank_machine"], true).1, 1);
        let both = judge(&["bank_member", "bank_administrator"], true);
        assert_eq!(
            both,
            (
                Ok(Roles::of(&[Role::BankMember, Role::BankAdministrator])),
                0
            )
        );
    }

    #[test]
    fn whoever_keeps_the_register_does_not_file_and_does_not_read() {
        assert_eq!(judge(&["administrator", "officer"], false).1, 1);
        assert_eq!(judge(&["administrator", "auditor"], false).1, 1);
        assert_eq!(judge(&["officer", "auditor"], false).1, 0);
    }
}
