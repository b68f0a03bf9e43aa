//! Accepting an invitation: it makes the person, gives the roles and a first API key, once. Others are told of it.

use super::alert::{self, Joined};
use super::invite::PersonPayload;
use super::issue_key::{self, KeyMade, Owner};
use super::{Error, Rules, bootstrap, read_register};
use crate::domain::access::Role;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::storage::people::{self, InvitationRow, PersonRow, RoleGrantRow};
use crate::storage::session::{self, CredentialRow};
use crate::storage::{self, Tx, payload, roster};
use crate::vault::totp;

/// The new person, and the key that is shown this once.
#[derive(Clone)]
pub struct Accepted {
    pub person: Uid,
    pub roles: Vec<String>,
    pub key: KeyMade,
}

/// Uses an invitation up. Unknown, used and expired ones are told alike.
pub fn accept_invitation(tx: &mut Tx<'_>, rules: &Rules, token: &str) -> Result<Accepted, Error> {
    let (person, roles) = enter(tx, token)?;
    let until = tx.now()? + rules.key_lifetime;
    let key = issue_key::make(tx, Owner::Person(person), "first key", until)?;
    Ok(Accepted { person, roles, key })
}

/// What a person chose on the page of an invitation, or of a recovery.
pub struct Chosen {
    /// argon2id, as a PHC string.
    pub password_hash: String,
    pub totp_secret: [u8; totp::SECRET],
    /// The time step of the code that showed the authenticator to be set up.
    pub totp_step: i64,
}

/// Uses an invitation up in a browser: a password and a second factor instead of a key.
pub fn accept_in_browser(tx: &mut Tx<'_>, token: &str, chosen: &Chosen) -> Result<Uid, Error> {
    let (person_id, _) = enter(tx, token)?;
    chosen.store(tx, person_id)?;
    Ok(person_id)
}

impl Chosen {
    /// From now on the person signs in with these alone.
    pub(super) fn store(&self, tx: &mut Tx<'_>, person_id: Uid) -> Result<(), Error> {
        let totp_id = payload::seal(tx, person_id, &self.totp_secret)?;
        let row = CredentialRow {
            person_id,
            password_hash: self.password_hash.clone(),
            totp_id,
            totp_step: self.totp_step,
            changed_at: tx.now()?,
        };
        Ok(session::set_credential(tx, &row)?)
    }
}

/// Whom a live invitation is for.
pub struct Invitee {
    pub name: String,
    pub email: String,
    pub roles: Vec<String>,
    pub bank_id: Option<Uid>,
    pub language: String,
    pub expires_at: Instant,
}

pub fn invitee(tx: &mut Tx<'_>, token: &str) -> Result<Invitee, Error> {
    let row = live(tx, token)?;
    let PersonPayload { name, email } = particulars(tx, &row)?;
    Ok(Invitee {
        name,
        email,
        roles: row.roles.split(' ').map(str::to_owned).collect(),
        bank_id: row.bank_id,
        language: row.language,
        expires_at: row.expires_at,
    })
}

fn live(tx: &mut Tx<'_>, token: &str) -> Result<InvitationRow, Error> {
    let now = tx.now()?;
    people::invitation_by_hash(tx, &Digest::of(token.as_bytes()).0)?
        .filter(|row| row.used_at.is_none() && row.expires_at > now)
        .ok_or_else(|| Refusal::InvitationEnded.into())
}

fn enter(tx: &mut Tx<'_>, token: &str) -> Result<(Uid, Vec<String>), Error> {
    let now = tx.now()?;
    let invitation = live(tx, token)?;
    if invitation.invited_by.is_none() {
        // Of two accepted at once on PostgreSQL, the second waits here and then sees the first.
        roster::enter_gate(tx)?;
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
    tell(tx, &invitation, person, &roles)?;
    Ok((person, roles))
}

fn tell(
    tx: &mut Tx<'_>,
    invitation: &InvitationRow,
    person: Uid,
    roles: &[String],
) -> Result<(), Error> {
    let invited_by = match invitation.invited_by {
        Some(id) => read_register::names(tx, &[id])?.remove(&id.to_string()),
        None => None,
    };
    let joined = Joined {
        name: particulars(tx, invitation)?.name,
        roles: roles.to_vec(),
        invited_by,
    };
    alert::tell_joined(tx, person, invitation.bank_id, joined)
}

fn particulars(tx: &mut Tx<'_>, invitation: &InvitationRow) -> Result<PersonPayload, Error> {
    let opened = payload::open(tx, invitation.payload_id)?.ok_or(Refusal::InvitationEnded)?;
    let known = serde_json::from_slice(&opened)
        .map_err(|_| storage::Error::Corrupt("the particulars of an invitation".into()))?;
    Ok(known)
}

fn enter_person(tx: &mut Tx<'_>, invitation: &InvitationRow) -> Result<Uid, Error> {
    let known = particulars(tx, invitation)?;
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
