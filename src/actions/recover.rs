//! Taking up an account whose password or authenticator was lost. One administrator asks, another approves and
//! gets the link; the host's command line needs nobody else. Whoever takes the account up ends all sessions,
//! and the person is told by mail: nobody takes over an account in silence.

use super::accept_invitation::Chosen;
use super::ask::ask;
use super::bootstrap::LONGEST;
use super::decide::Requested;
use super::fan_out::delivery_row;
use super::invite::{PersonPayload, email_tag, fresh_token};
use super::{Error, Rules};
use crate::domain::digest::Digest;
use crate::domain::email::EmailAddress;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::delivery::{self, MessageRow};
use crate::storage::people::{self, PersonRow};
use crate::storage::session::{self, Ending, RecoveryRow};
use crate::storage::{self, Tx, payload};
use std::time::Duration;

/// The act's name in approvals.
pub const ACT: &str = "access.recovery";

/// The kind of the mail that tells the person.
pub const TOLD: &str = "sign_in.recovered";

/// A link to take an account up again; it is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct Recovery {
    pub link: String,
    pub expires_at: Instant,
}

// The link is a secret, and requests are traced.
impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recovery(until {})", self.expires_at)
    }
}

/// Asks for a recovery link for `person`.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    person: Uid,
    reason: &str,
) -> Result<Requested, Error> {
    known(tx, person)?;
    ask(tx, rules, by, (ACT, person), b"{}".to_vec(), reason)
}

/// Makes the link, once another person approved it.
pub fn approved(tx: &mut Tx<'_>, rules: &Rules, request: &RequestRow) -> Result<Recovery, Error> {
    known(tx, request.subject_id)?;
    let window = rules.invitation_window;
    make(tx, rules, request.subject_id, Some(request.id), window)
}

/// Makes the link on the host, where nobody else can be asked.
pub fn on_host(tx: &mut Tx<'_>, rules: &Rules, email: &str) -> Result<Recovery, Error> {
    let address = EmailAddress::parse(email)
        .map_err(|fault| Error::invalid("/email", fault.code(), fault.to_string()))?;
    let tag = email_tag(tx, &address);
    let person = people::by_email_tag(tx, &tag)?.ok_or(Error::NotFound)?;
    make(
        tx,
        rules,
        person.id,
        None,
        rules.invitation_window.min(LONGEST),
    )
}

fn make(
    tx: &mut Tx<'_>,
    rules: &Rules,
    person_id: Uid,
    approval_id: Option<Uid>,
    window: Duration,
) -> Result<Recovery, Error> {
    let token = fresh_token()?;
    let created_at = tx.now()?;
    let row = RecoveryRow {
        id: tx.new_id()?,
        token_hash: Digest::of(token.as_bytes()).0.to_vec(),
        person_id,
        approval_id,
        created_at,
        expires_at: created_at + window,
        used_at: None,
    };
    session::insert_recovery(tx, &row)?;
    Ok(Recovery {
        link: format!("{}/recoveries/{token}", rules.public_url),
        expires_at: row.expires_at,
    })
}

/// A person who is still there: what was erased is nobody's account any more.
fn known(tx: &mut Tx<'_>, id: Uid) -> Result<(PersonRow, PersonPayload), Error> {
    let row = people::person(tx, id)?.ok_or(Error::NotFound)?;
    let sealed = payload::open(tx, row.payload_id)?.ok_or(Error::NotFound)?;
    let known = serde_json::from_slice(&sealed)
        .map_err(|_| storage::Error::Corrupt("the particulars of a person".into()))?;
    Ok((row, known))
}

fn live(tx: &mut Tx<'_>, token: &str) -> Result<RecoveryRow, Error> {
    let now = tx.now()?;
    session::recovery_by_hash(tx, &Digest::of(token.as_bytes()).0)?
        .filter(|row| row.used_at.is_none() && row.expires_at > now)
        .ok_or_else(|| Refusal::RecoveryEnded.into())
}

/// Whose account a live link takes up.
pub struct Owner {
    pub name: String,
    pub email: String,
    pub expires_at: Instant,
}

/// Unknown, used and expired links are told alike.
pub fn owner(tx: &mut Tx<'_>, token: &str) -> Result<Owner, Error> {
    let row = live(tx, token)?;
    let (_, PersonPayload { name, email }) = known(tx, row.person_id)?;
    Ok(Owner {
        name,
        email,
        expires_at: row.expires_at,
    })
}

/// Uses the link up: a new password and second factor, no session, no failures counted. API keys stay.
pub fn recover(tx: &mut Tx<'_>, token: &str, chosen: &Chosen) -> Result<Uid, Error> {
    let link = live(tx, token)?;
    let now = tx.now()?;
    let (person, _) = known(tx, link.person_id)?;
    // An older link of the same person would undo what is chosen now.
    if !session::use_recoveries(tx, person.id, now)? {
        return Err(Refusal::RecoveryEnded.into());
    }
    chosen.store(tx, person.id)?;
    session::end(tx, person.id, Ending::All, now)?;
    session::forget_failures(tx, &person.email_tag)?;
    tell(tx, person.id, now)?;
    Ok(person.id)
}

fn tell(tx: &mut Tx<'_>, person: Uid, now: Instant) -> Result<(), Error> {
    let message = tx.new_id()?;
    let row = MessageRow {
        id: message,
        kind: TOLD.into(),
        notice_id: None,
        bank_id: None,
        person_id: Some(person),
        payload_id: None,
        created_at: now,
    };
    delivery::insert_messages(tx, &[row])?;
    let mail = delivery_row(message, None, None, "email", person, now);
    delivery::insert_deliveries(tx, &[mail])?;
    tx.wake_engine();
    Ok(())
}
