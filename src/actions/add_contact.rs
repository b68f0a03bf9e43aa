//! A bank's contacts: people whom notices go to, by ladder level. An address is never edited: it ends, and
//! another takes its place. Names and addresses live in the erasable store; the row holds a commitment.

use super::fields::Fields;
use super::redirect::{self, Way};
use super::{Error, cut_roster};
use crate::domain::id::Uid;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::merkle;
use crate::storage::bank::{self, ContactRow};
use crate::storage::{self, Tx, payload};
use crate::vault;
use serde::{Deserialize, Serialize};

/// Live contacts of one bank.
const CONTACTS_LIMIT: usize = 20;

/// A contact, as entered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactInput {
    pub name: String,
    #[serde(default)]
    pub role: String,
    pub email: String,
    #[serde(default)]
    pub phone: String,
    /// When the phone is answered, in the bank's words.
    #[serde(default)]
    pub hours: String,
    /// 1 is told first; 2 and 3 when nobody confirms.
    pub level: i64,
    /// `ja` or `en`.
    pub language: String,
}

/// What is sealed of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPayload {
    pub name: String,
    pub role: String,
    pub email: String,
    pub phone: String,
    pub hours: String,
    /// 64 hex digits; what the row's commitment is salted with.
    pub salt: String,
}

/// A contact that holds, not yet salted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    pub role: String,
    pub email: String,
    pub phone: String,
    pub hours: String,
    pub level: i64,
    pub language: String,
}

impl Contact {
    /// Checks an entered contact; what does not hold is noted in `fields`.
    pub fn check(fields: &mut Fields, input: &ContactInput) -> Self {
        if !(1..=3).contains(&input.level) {
            fields.refuse("level", "level_range", "a ladder has the levels 1, 2 and 3");
        }
        Self {
            name: fields.line("name", &input.name, 100),
            role: fields.optional_line("role", &input.role, 100),
            email: fields
                .email("email", &input.email)
                .map(|email| email.to_string())
                .unwrap_or_default(),
            phone: fields.optional_line("phone", &input.phone, 40),
            hours: fields.optional_line("hours", &input.hours, 200),
            level: input.level,
            language: fields.language("language", &input.language),
        }
    }

    /// Is it what was stored?
    pub(super) fn equals(&self, row: &ContactRow, stored: &ContactPayload) -> bool {
        (self.level, &self.language) == (row.level, &row.language)
            && (&self.name, &self.role, &self.email) == (&stored.name, &stored.role, &stored.email)
            && (&self.phone, &self.hours) == (&stored.phone, &stored.hours)
    }
}

/// Hashes what is committed to: the payload as canonical JSON, without its salt.
fn commitment(contact: &Contact, salt: &[u8; 32]) -> merkle::Hash {
    let committed = serde_json::json!({
        "email": contact.email, "hours": contact.hours, "name": contact.name,
        "phone": contact.phone, "role": contact.role,
    });
    merkle::commit("contact", salt, &json::canonical(&committed))
}

/// The rows of a new contact. The gate is entered, and a version is cut, by the caller.
pub(super) fn enter_contact(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    contact: &Contact,
) -> Result<Uid, Error> {
    let salt = vault::random::<32>().map_err(storage::Error::from)?;
    let sealed = ContactPayload {
        name: contact.name.clone(),
        role: contact.role.clone(),
        email: contact.email.clone(),
        phone: contact.phone.clone(),
        hours: contact.hours.clone(),
        salt: hex::encode(salt),
    };
    let payload_id = payload::seal(tx, bank_id, &json::canonical(&sealed))?;
    let row = ContactRow {
        id: tx.new_id()?,
        bank_id,
        level: contact.level,
        language: contact.language.clone(),
        payload_id,
        commitment: commitment(contact, &salt).to_vec(),
        recorded_at: tx.now()?,
    };
    bank::insert_contact(tx, &row)?;
    if row.level == 1 {
        redirect::begin_way(tx, bank_id, Way::email(row.id))?;
    }
    Ok(row.id)
}

fn checked(input: &ContactInput) -> Result<Contact, Error> {
    let mut fields = Fields::default();
    let contact = Contact::check(&mut fields, input);
    fields.done()?;
    Ok(contact)
}

/// Enters a contact of a bank.
pub fn add_contact(tx: &mut Tx<'_>, bank_id: Uid, input: &ContactInput) -> Result<Uid, Error> {
    let contact = checked(input)?;
    let mut gate = cut_roster::enter(tx)?;
    if bank::contacts_of(tx, bank_id)?.len() >= CONTACTS_LIMIT {
        return Err(Error::invalid(
            "",
            "too_many_contacts",
            "a bank has 20 contacts at most: end one first",
        ));
    }
    let id = enter_contact(tx, bank_id, &contact)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(id)
}

/// Puts another contact in the place of a live one of this bank; what is still to be sent goes to the new.
pub fn replace_contact(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    old: Uid,
    input: &ContactInput,
) -> Result<Uid, Error> {
    let contact = checked(input)?;
    let mut gate = cut_roster::enter(tx)?;
    own(tx, bank_id, old)?;
    let id = enter_contact(tx, bank_id, &contact)?;
    end(tx, bank_id, old, Some(id))?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(id)
}

/// Ends a live contact of this bank.
pub fn end_contact(tx: &mut Tx<'_>, bank_id: Uid, contact: Uid) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    own(tx, bank_id, contact)?;
    end(tx, bank_id, contact, None)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(())
}

fn own(tx: &mut Tx<'_>, bank_id: Uid, contact: Uid) -> Result<(), Error> {
    let found = bank::contact(tx, contact)?.filter(|row| row.bank_id == bank_id);
    found.map(|_| ()).ok_or(Error::NotFound)
}

/// The rows of an ending. The gate is entered, and a version is cut, by the caller.
pub(super) fn end(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    contact: Uid,
    replaced_by: Option<Uid>,
) -> Result<(), Error> {
    let now = tx.now()?;
    if !bank::end_contact(tx, contact, replaced_by, now)? {
        return Err(Refusal::AlreadyReplaced.into());
    }
    redirect::end_way(tx, bank_id, contact, replaced_by.map(Way::email))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_with_an_address_that_no_mail_reaches_is_refused_with_its_level() {
        let input = ContactInput {
            name: "Sato Hanako".into(),
            role: String::new(),
            email: "sato@bank".into(),
            phone: String::new(),
            hours: String::new(),
            level: 4,
            language: "ja".into(),
        };
        let mut fields = Fields::default();
        Contact::check(&mut fields, &input);
        let codes: Vec<_> = fields.faults.0.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["level_range", "email_domain"]);
    }
}
