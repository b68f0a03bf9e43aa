//! The link of a mail: opening it shows the notice and writes nothing; confirming takes the code printed in
//! the mail and a name. Wrong codes are counted and the link locks. Every confirmation by link is told to
//! all contacts of the bank.

use super::acknowledge::{self, Acknowledged, Confirmation};
use super::add_contact::ContactPayload;
use super::fan_out::{delivery_row, message_row};
use super::{Error, Rules, read_register};
use crate::domain::access::BankScope;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::level::AckClass;
use crate::domain::mail_id;
use crate::domain::refusal::Refusal;
use crate::storage::bank;
use crate::storage::delivery::{self, DeliveryRow};
use crate::storage::notice::{self, NoticeRow};
use crate::storage::{Tx, evidence, incident, payload};
use serde::{Deserialize, Serialize};

/// What the page of a link shows.
#[derive(Debug, Clone)]
pub struct LinkView {
    pub notice: NoticeRow,
    pub bank_code: String,
    pub bank_name_ja: String,
    pub bank_name_en: String,
    pub incident_ref: String,
    /// The shared body, canonical.
    pub body: Vec<u8>,
    /// The language of the contact to whom the mail went.
    pub language: String,
    pub acknowledged: Option<Acknowledged>,
}

/// What came of a confirmation. A wrong code is an outcome, because it is counted.
#[derive(Debug, Clone)]
pub enum LinkOutcome {
    Acknowledged(Acknowledged),
    WrongCode,
    Locked,
}

/// The frozen inputs of the mail that tells of a confirmation by link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkNote {
    pub number: i64,
    pub incident_ref: String,
    /// Code: actual, exercise, test.
    #[serde(default)]
    pub kind: Option<String>,
    pub revision: i64,
    pub digest: String,
    /// To whose mail the link belonged; `None` = that was erased, or nobody wrote it down yet.
    #[serde(default)]
    pub contact: Option<String>,
    pub name: String,
    pub role: String,
}

/// The delivery behind a token; unknown, foreign and non-mail tokens are all the same: not found. Whoever is no
/// contact of the bank any more neither reads nor confirms for it, though the mail still lies in the box.
fn open(tx: &mut Tx<'_>, rules: &Rules, token: &str) -> Result<(DeliveryRow, NoticeRow), Error> {
    let vault = tx.vault();
    let id =
        mail_id::open_link_token(vault.keys().mail.as_slice(), token).ok_or(Error::NotFound)?;
    let row = delivery::by_id(tx, id)?
        .filter(|row| row.channel == "email")
        .ok_or(Error::NotFound)?;
    let notice = row.notice_id.ok_or(Error::NotFound)?;
    let notice = notice::by_id(tx, notice)?.ok_or(Error::NotFound)?;
    if tx.now()? > row.created_at + rules.link_window {
        return Err(Refusal::LinkExpired.into());
    }
    if !is_still_reached(tx, row.target_id)? {
        return Err(Refusal::LinkEnded.into());
    }
    Ok((row, notice))
}

/// Whether this contact is one still, itself or corrected: whoever took its place has the same mailbox.
fn is_still_reached(tx: &mut Tx<'_>, contact: Uid) -> Result<bool, Error> {
    let mut now = contact;
    // Whoever replaces was entered after whom it replaces: this ends.
    while bank::has_ended(tx, now)? {
        match bank::replacement_of(tx, now)? {
            Some(next) => now = next,
            None => return Ok(false),
        }
    }
    Ok(now == contact || mailbox_of(tx, now)? == mailbox_of(tx, contact)?)
}

fn mailbox_of(tx: &mut Tx<'_>, contact: Uid) -> Result<Option<String>, Error> {
    let row = bank::contact(tx, contact)?.ok_or(Error::NotFound)?;
    let sealed = payload::open(tx, row.payload_id)?;
    let known = sealed.map(|sealed| serde_json::from_slice::<ContactPayload>(&sealed));
    let known = known
        .transpose()
        .map_err(|_| super::issue::damaged("contact"))?;
    Ok(known.map(|known| known.email.to_lowercase()))
}

/// Reads what the link's page shows.
pub fn view(tx: &mut Tx<'_>, rules: &Rules, token: &str) -> Result<LinkView, Error> {
    let (row, found) = open(tx, rules, token)?;
    let bank_row = bank::by_id(tx, found.bank_id)?.ok_or(Error::NotFound)?;
    let profile = bank::profile(tx, found.bank_id)?.ok_or(Error::NotFound)?;
    let incident = incident::by_id(tx, found.incident_id)?.ok_or(Error::NotFound)?;
    let revision = incident::revision(tx, found.revision_id)?.ok_or(Error::NotFound)?;
    let language =
        bank::contact(tx, row.target_id)?.map_or(profile.language, |contact| contact.language);
    let acknowledged = acknowledge::on_record(tx, &found)?;
    Ok(LinkView {
        notice: found,
        bank_code: bank_row.code,
        bank_name_ja: profile.name_ja,
        bank_name_en: profile.name_en,
        incident_ref: incident.reference,
        body: revision.body,
        language,
        acknowledged,
    })
}

/// Confirms receipt by link.
pub fn confirm(
    tx: &mut Tx<'_>,
    rules: &Rules,
    token: &str,
    code: &str,
    name: &str,
    role: &str,
) -> Result<LinkOutcome, Error> {
    let (row, found) = open(tx, rules, token)?;
    if evidence::guesses(tx, row.id)? >= rules.code_guesses {
        return Ok(LinkOutcome::Locked);
    }
    if !mail_id::code_matches(tx.vault().keys().mail.as_slice(), &row.id, code) {
        evidence::count_guess(tx, row.id)?;
        return Ok(LinkOutcome::WrongCode);
    }
    let by = Confirmation {
        class: AckClass::Link,
        person: None,
        api_key: None,
        delivery: Some(row.id),
        name: name.to_owned(),
        role: role.to_owned(),
    };
    // The token and the code are the proof of belonging to this bank, for this one notice and act.
    let scope = BankScope::of_authenticated(found.bank_id);
    let digest = Digest::from_slice(&found.digest).ok_or(Error::NotFound)?;
    let acknowledged = acknowledge::acknowledge(tx, scope, found.id, digest, &by)?;
    if acknowledged.first {
        tell_contacts(tx, &found, row.target_id, name, role)?;
    }
    Ok(LinkOutcome::Acknowledged(acknowledged))
}

fn tell_contacts(
    tx: &mut Tx<'_>,
    found: &NoticeRow,
    mailed: Uid,
    name: &str,
    role: &str,
) -> Result<(), Error> {
    let contacts = bank::contacts_of(tx, found.bank_id)?;
    let now = tx.now()?;
    let incident = incident::by_id(tx, found.incident_id)?.ok_or(Error::NotFound)?;
    let revision = incident::revision(tx, found.revision_id)?.ok_or(Error::NotFound)?;
    let note = LinkNote {
        number: found.number,
        incident_ref: incident.reference,
        kind: Some(revision.kind),
        revision: revision.number,
        digest: Digest::from_slice(&found.digest)
            .ok_or(Error::NotFound)?
            .to_string(),
        contact: name_of(tx, mailed)?,
        name: name.trim().to_owned(),
        role: role.trim().to_owned(),
    };
    let inputs = serde_json::to_vec(&note).map_err(|_| super::issue::damaged("note"))?;
    let payload_id = payload::seal(tx, found.bank_id, &inputs)?;
    let message = tx.new_id()?;
    let row = message_row(
        message,
        "link.acknowledged",
        Some(found.id),
        found.bank_id,
        Some(payload_id),
        now,
    );
    delivery::insert_messages(tx, &[row])?;
    let rows: Vec<_> = contacts
        .iter()
        .map(|contact| delivery_row(message, None, Some(found.bank_id), "email", contact.id, now))
        .collect::<Vec<DeliveryRow>>();
    delivery::insert_deliveries(tx, &rows)?;
    tx.wake_engine();
    Ok(())
}

/// What a contact is called, unless that was erased.
fn name_of(tx: &mut Tx<'_>, contact: Uid) -> Result<Option<String>, Error> {
    let Some(row) = bank::contact(tx, contact)? else {
        return Ok(None);
    };
    let known: Option<ContactPayload> = read_register::open(tx, row.payload_id)?;
    Ok(known.map(|known| known.name))
}
