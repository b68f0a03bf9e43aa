//! Accepting an invitation: it makes the person, gives the roles and a first API key, once.

use super::invite::PersonPayload;
use super::issue_key::{self, KeyMade, Owner};
use super::{Error, Rules, bootstrap};
use crate::domain::access::Role;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::storage::people::{self, InvitationRow, PersonRow, RoleGrantRow};
use crate::storage::{self, Tx, payload};

/// The new person, and the key that is shown this once.
#[derive(Clone)]
pub struct Accepted {
    pub person: Uid,
    pub roles: Vec<String>,
    pub key: KeyMade,
}

/// Uses an invitation up. Unknown, used and expired ones are told alike.
pub fn accept_invitation(tx: &mut Tx<'_>, rules: &Rules, token: &str) -> Result<Accepted, Error> {
    let now = tx.now()?;
    let invitation = people::invitation_by_hash(tx, &Digest::of(token.as_bytes()).0)?
        .filter(|row| row.used_at.is_none() && row.expires_at > now)
        .ok_or(Refusal::InvitationEnded)?;
    if invitation.invited_by.is_none() {
        bootstrap::refuse_if_there_is_one(tx)?;
    }
    if people::by_email_tag(tx, &invitation.email_tag)?.is_some() {
        return Err(Refusal::PersonExists.into());
    }
    let person = enter_person(tx, &invitation)?;
    if !people::use_invitation(tx, invitation.id, person, now)? {
        return Err(Refusal::InvitationEnded.into());
    }
    let roles = give_roles(tx, &invitation, person)?;
    let key = issue_key::make(
        tx,
        Owner::Person(person),
        "first key",
        now + rules.key_lifetime,
    )?;
    Ok(Accepted { person, roles, key })
}

fn enter_person(tx: &mut Tx<'_>, invitation: &InvitationRow) -> Result<Uid, Error> {
    let opened = payload::open(tx, invitation.payload_id)?.ok_or(Refusal::InvitationEnded)?;
    let known: PersonPayload = serde_json::from_slice(&opened)
        .map_err(|_| storage::Error::Corrupt("the particulars of an invitation".into()))?;
    let id = tx.new_id()?;
    // Sealed anew under the person's own key, so that erasing the person erases it.
    let payload_id = payload::seal(tx, id, &json::canonical(&known))?;
    let recorded_at = tx.now()?;
    people::insert_person(
        tx,
        &PersonRow {
            id,
            bank_id: invitation.bank_id,
            payload_id,
            email_tag: invitation.email_tag.clone(),
            language: invitation.language.clone(),
            recorded_at,
        },
    )?;
    Ok(id)
}

fn give_roles(
    tx: &mut Tx<'_>,
    invitation: &InvitationRow,
    person_id: Uid,
) -> Result<Vec<String>, Error> {
    let recorded_at = tx.now()?;
    let mut given = Vec::new();
    for role in invitation
        .roles
        .split(' ')
        .filter_map(Role::parse_grantable)
    {
        people::insert_grant(
            tx,
            &RoleGrantRow {
                person_id,
                role: role.code().to_owned(),
                revision: 1,
                given: true,
                granted_by: invitation.invited_by,
                approval_id: None,
                recorded_at,
            },
        )?;
        given.push(role.code().to_owned());
    }
    Ok(given)
}
