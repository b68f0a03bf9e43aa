//! Reading the register and the people as their keepers see them, with what is sealed opened. No secret is
//! ever among it.

use super::acknowledge::Stamp;
use super::acknowledge_by_note::KeptNote;
use super::add_contact::ContactPayload;
use super::invite::PersonPayload;
use super::issue_key::Owner;
use super::set_endpoint::EndpointPayload;
use super::{Error, Rules, enrol_signing_key, redirect};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::note::VerifierKey;
use crate::storage::bank::{self, BankRow, ContactRow, EndpointRow, PartnershipRow, ProfileRow};
use crate::storage::bank_key::{self, BankKeyEndRow, BankKeyRow};
use crate::storage::evidence::{self, AcknowledgementRow, HeadDisputeRow};
use crate::storage::people::{self, ApiKeyRow, PersonRow};
use crate::storage::roster::{self, RosterVersionRow};
use crate::storage::{self, Tx, delivery, endpoint_proof, payload};
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// A bank with what is known of it.
pub struct KnownBank {
    pub bank: BankRow,
    pub profile: ProfileRow,
    pub partnership: Option<PartnershipRow>,
    pub is_partner: bool,
    pub is_observer: bool,
}

/// A person with the roles in force; `None` for what was erased.
pub struct KnownPerson {
    pub person: PersonRow,
    pub known: Option<PersonPayload>,
    pub bank_code: Option<String>,
    pub roles: Vec<String>,
}

/// Every bank ever entered, by code.
pub fn banks(tx: &mut Tx<'_>) -> Result<Vec<KnownBank>, Error> {
    let now = tx.now()?;
    let mut profiles: HashMap<Uid, ProfileRow> = bank::profiles(tx)?
        .into_iter()
        .map(|row| (row.bank_id, row))
        .collect();
    let mut partnerships: HashMap<Uid, PartnershipRow> = bank::partnerships(tx)?
        .into_iter()
        .map(|row| (row.bank_id, row))
        .collect();
    let observers = bank::observers(tx)?;
    let mut known = Vec::new();
    for bank in bank::all(tx)? {
        let partnership = partnerships.remove(&bank.id);
        let is_partner = partnership.as_ref().is_some_and(|row| row.holds_at(now));
        let profile = profiles.remove(&bank.id);
        let profile =
            profile.ok_or_else(|| storage::Error::Corrupt("a bank without a profile".into()))?;
        known.push(KnownBank {
            is_observer: observers.contains(&bank.id),
            bank,
            profile,
            partnership,
            is_partner,
        });
    }
    Ok(known)
}

/// One bank by its code.
pub fn bank(tx: &mut Tx<'_>, code: &str) -> Result<KnownBank, Error> {
    let now = tx.now()?;
    let bank = bank::by_code(tx, code)?.ok_or(Error::NotFound)?;
    let profile = bank::profile(tx, bank.id)?.ok_or(Error::NotFound)?;
    let partnership = bank::partnership(tx, bank.id)?;
    let is_partner = partnership.as_ref().is_some_and(|row| row.holds_at(now));
    Ok(KnownBank {
        is_observer: bank::observers(tx)?.contains(&bank.id),
        bank,
        profile,
        partnership,
        is_partner,
    })
}

/// The newest roster version.
pub fn roster(tx: &mut Tx<'_>) -> Result<Option<RosterVersionRow>, Error> {
    Ok(roster::latest(tx)?)
}

/// Live contacts of a bank.
pub fn contacts(
    tx: &mut Tx<'_>,
    bank_id: Uid,
) -> Result<Vec<(ContactRow, Option<ContactPayload>)>, Error> {
    let rows = bank::contacts_of(tx, bank_id)?;
    rows.into_iter()
        .map(|row| Ok((row.clone(), open(tx, row.payload_id)?)))
        .collect()
}

/// An endpoint; `None` for what was erased.
pub struct KnownEndpoint {
    pub endpoint: EndpointRow,
    pub known: Option<EndpointPayload>,
    /// Until then the secret before the newest signs beside it; `None` = one secret signs.
    pub previous_until: Option<Instant>,
    /// Since when it is proven to be the bank's; `None` = it is not.
    pub proven_since: Option<Instant>,
    /// The live endpoint that takes its place, once that is proven.
    pub replaced_by: Option<Uid>,
}

/// Live endpoints of a bank.
pub fn endpoints(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<KnownEndpoint>, Error> {
    let now = tx.now()?;
    let mut found = Vec::new();
    for endpoint in bank::endpoints_of(tx, bank_id)? {
        let newest = bank::secrets(tx, endpoint.id)?.into_iter().next();
        let overlap = newest.and_then(|secret| secret.previous_until);
        let proven = endpoint_proof::proven_since(tx, &[endpoint.id])?;
        found.push(KnownEndpoint {
            proven_since: proven.get(&endpoint.id).copied(),
            replaced_by: redirect::successor(tx, endpoint.id)?,
            known: open(tx, endpoint.payload_id)?,
            previous_until: overlap.filter(|end| *end > now),
            endpoint,
        });
    }
    Ok(found)
}

/// The address that an attempt used: an endpoint's URL, or the e-mail address of a contact or person. `None` once
/// it was erased.
pub fn address(tx: &mut Tx<'_>, channel: &str, target: Uid) -> Result<Option<String>, Error> {
    if channel == "webhook" {
        let row = bank::endpoint(tx, target)?.ok_or(Error::NotFound)?;
        let known: Option<EndpointPayload> = open(tx, row.payload_id)?;
        return Ok(known.map(|known| known.url));
    }
    if let Some(row) = bank::contact(tx, target)? {
        let known: Option<ContactPayload> = open(tx, row.payload_id)?;
        return Ok(known.map(|known| known.email));
    }
    let row = people::person(tx, target)?.ok_or(Error::NotFound)?;
    let known: Option<PersonPayload> = open(tx, row.payload_id)?;
    Ok(known.map(|known| known.email))
}

/// What people are called, by their ids as texts; who was erased is left out.
pub fn names(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<HashMap<String, String>, Error> {
    let mut names = HashMap::new();
    for id in ids {
        if let Some(person) = people::person(tx, *id)?
            && let Some(PersonPayload { name, .. }) = open(tx, person.payload_id)?
        {
            names.insert(id.to_string(), name);
        }
    }
    Ok(names)
}

/// Who confirmed a notice and by what means; `None` within for what was erased.
#[derive(Debug, Default)]
pub struct Confirmed {
    pub stamp: Option<Stamp>,
    /// The account of who was signed in.
    pub account: Option<(Uid, Option<String>)>,
    /// The API key.
    pub key: Option<ApiKeyRow>,
    /// The mail whose link was used, and the address it went to.
    pub mail: Option<(Uid, Option<String>)>,
    /// The signed note.
    pub note: Option<KeptNote>,
    /// Where the note names a head of the log that the hub does not know.
    pub disputed: Option<HeadDisputeRow>,
}

/// The signed note behind an acknowledgement; `None` where there is none, or it was erased.
pub fn kept_note(tx: &mut Tx<'_>, row: &AcknowledgementRow) -> Result<Option<KeptNote>, Error> {
    match row.note_id {
        Some(note) => open(tx, note),
        None => Ok(None),
    }
}

pub fn confirmed(tx: &mut Tx<'_>, row: &AcknowledgementRow) -> Result<Confirmed, Error> {
    let mut found = Confirmed::default();
    if let Some(payload) = row.payload_id {
        found.stamp = open(tx, payload)?;
    }
    if let Some(id) = row.person_id {
        found.account = Some((id, names(tx, &[id])?.remove(&id.to_string())));
    }
    if let Some(id) = row.api_key_id {
        found.key = people::key(tx, id)?;
    }
    if let Some(id) = row.delivery_id
        && let Some(delivery) = delivery::by_id(tx, id)?
    {
        let used = address(tx, &delivery.channel, delivery.target_id)?;
        found.mail = Some((id, used));
    }
    if row.note_id.is_some() {
        found.note = kept_note(tx, row)?;
        found.disputed = evidence::head_dispute_of(tx, row.id)?;
    }
    Ok(found)
}

/// A bank's keys for acknowledgements, ended ones too, in the order in which they came.
pub fn signing_keys(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
) -> Result<Vec<SigningKey>, Error> {
    let bank = bank::by_id(tx, bank_id)?.ok_or(Error::NotFound)?;
    let rows = bank_key::of_bank(tx, bank_id)?;
    rows.into_iter()
        .map(|(key, end)| {
            Ok(SigningKey {
                verifier: enrol_signing_key::verifier(rules, &bank.code, &key.public_key)?,
                key,
                end,
            })
        })
        .collect()
}

/// A key of a bank's own, with its name as it stands in notes.
pub struct SigningKey {
    pub key: BankKeyRow,
    pub verifier: VerifierKey,
    pub end: Option<BankKeyEndRow>,
}

/// Everybody, the operator's side first.
pub fn everybody(tx: &mut Tx<'_>) -> Result<Vec<KnownPerson>, Error> {
    let codes: HashMap<Uid, String> = bank::all(tx)?
        .into_iter()
        .map(|row| (row.id, row.code))
        .collect();
    let mut found = Vec::new();
    for person in people::everybody(tx)? {
        let known = open(tx, person.payload_id)?;
        let roles = people::roles_of(tx, person.id)?;
        let bank_code = person.bank_id.and_then(|id| codes.get(&id).cloned());
        found.push(KnownPerson {
            person,
            known,
            bank_code,
            roles,
        });
    }
    Ok(found)
}

/// All keys of an owner, ended ones too.
pub fn keys(tx: &mut Tx<'_>, owner: Owner) -> Result<Vec<ApiKeyRow>, Error> {
    Ok(match owner {
        Owner::Bank(bank) => people::keys_of(tx, Some(bank), None)?,
        Owner::Person(person) => people::keys_of(tx, None, Some(person))?,
    })
}

pub(super) fn open<T: DeserializeOwned>(tx: &mut Tx<'_>, id: Uid) -> Result<Option<T>, Error> {
    let Some(opened) = payload::open(tx, id)? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&opened);
    Ok(Some(read.map_err(|_| {
        storage::Error::Corrupt("a sealed payload of the register".into())
    })?))
}
