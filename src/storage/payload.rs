//! The erasable store: personal payloads, salts, secrets and answers, sealed under the data key of their
//! subject (a bank, an incident, a person). Destroying the data key erases them all.

use super::error::Error;
use super::insert_all;
use super::prepared::fixed_insert;
use super::schema::{data_key, hub_key, sealed_payload};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, log};
use crate::domain::entry::{self, PayloadErased};
use crate::domain::id::Uid;
use crate::vault::{self, HubKeys, SecretKey, Vault, VaultFault};
use diesel::prelude::*;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use zeroize::Zeroizing;

impl From<VaultFault> for Error {
    fn from(fault: VaultFault) -> Self {
        match fault {
            VaultFault::Sealed => Error::Corrupt(fault.to_string()),
            other => Error::Unavailable(other.to_string()),
        }
    }
}

/// With its version.
type DataKey = (i64, Arc<SecretKey>);

fn key_place(subject: Uid, version: i64) -> String {
    format!("data_key|{subject}|wrapped|{version}")
}

fn payload_place(id: Uid, version: i64) -> String {
    format!("sealed_payload|{id}|ciphertext|{version}")
}

/// The newest data key of a subject.
fn data_key_of(tx: &mut Tx<'_>, subject: Uid) -> Result<Option<DataKey>, Error> {
    let found: Option<(i64, Vec<u8>)> = on_either!(tx, conn => data_key::table
        .filter(data_key::subject.eq(subject))
        .order(data_key::version.desc())
        .select((data_key::version, data_key::wrapped))
        .first(conn)
        .optional()?);
    match found {
        Some((version, wrapped)) => Ok(Some((
            version,
            tx.vault().unwrap(&key_place(subject, version), &wrapped)?,
        ))),
        None => Ok(None),
    }
}

/// The same of many subjects.
fn data_keys_of(
    tx: &mut Tx<'_>,
    subjects: &[Uid],
) -> Result<HashMap<Uid, Result<DataKey, VaultFault>>, Error> {
    let mut newest: HashMap<Uid, (i64, Vec<u8>)> = HashMap::with_capacity(subjects.len());
    for part in subjects.chunks(ROWS_AT_ONCE) {
        let found: Vec<(Uid, i64, Vec<u8>)> = on_either!(tx, conn => data_key::table
            .filter(data_key::subject.eq_any(part))
            .order(data_key::version)
            .select((data_key::subject, data_key::version, data_key::wrapped))
            .load(conn)?);
        let found = found.into_iter();
        newest.extend(found.map(|(subject, version, wrapped)| (subject, (version, wrapped))));
    }
    let vault = tx.vault();
    let unwrapped = |(subject, (version, wrapped)): (Uid, (i64, Vec<u8>))| {
        let key = vault.unwrap(&key_place(subject, version), &wrapped);
        (subject, key.map(|key| (version, key)))
    };
    Ok(newest.into_iter().map(unwrapped).collect())
}

/// Looked for once in a transaction that seals several things for one subject.
fn data_key_or_new(tx: &mut Tx<'_>, subject: Uid) -> Result<DataKey, Error> {
    if let Some(known) = tx.data_key(subject) {
        return Ok(known);
    }
    let (version, key) = match data_key_of(tx, subject)? {
        Some(found) => found,
        None => new_data_key(tx, subject)?,
    };
    tx.keep_data_key(subject, version, &key);
    Ok((version, key))
}

fn new_data_key(tx: &mut Tx<'_>, subject: Uid) -> Result<DataKey, Error> {
    let fresh = Zeroizing::new(vault::random::<32>()?);
    let wrapped = tx.vault().wrap(&key_place(subject, 1), &fresh)?;
    on_either!(tx, conn => diesel::insert_into(data_key::table)
        .values((data_key::subject.eq(subject), data_key::version.eq(1), data_key::wrapped.eq(&wrapped)))
        .execute(conn)?);
    Ok((1, Arc::new(fresh)))
}

struct SealedRow {
    id: Uid,
    subject: Uid,
    key_version: i64,
    ciphertext: Vec<u8>,
}

fixed_insert!("INSERT INTO" sealed_payload SealedRow: id, subject, key_version, ciphertext);

impl SealedRow {
    fn of(
        id: Uid,
        subject: Uid,
        (key_version, key): &DataKey,
        plain: &[u8],
    ) -> Result<Self, Error> {
        Ok(Self {
            id,
            subject,
            key_version: *key_version,
            ciphertext: vault::seal(key, &payload_place(id, *key_version), plain)?,
        })
    }
}

/// Seals `plain` for `subject`; returns the payload's id.
pub fn seal(tx: &mut Tx<'_>, subject: Uid, plain: &[u8]) -> Result<Uid, Error> {
    let id = tx.new_id()?;
    seal_as(tx, id, subject, plain)?;
    Ok(id)
}

/// Seals `plain` for `subject` under an id that is known already: that of the row which it belongs to.
pub fn seal_as(tx: &mut Tx<'_>, id: Uid, subject: Uid, plain: &[u8]) -> Result<(), Error> {
    let key = data_key_or_new(tx, subject)?;
    insert_all(tx, &[SealedRow::of(id, subject, &key, plain)?])
}

/// Seals many, each for its subject; returns the payloads' ids in the same order. `None` = the subject's data key is
/// damaged, which spoils none of the others.
pub fn seal_all(tx: &mut Tx<'_>, plain: &[(Uid, &[u8])]) -> Result<Vec<Option<Uid>>, Error> {
    let subjects: HashSet<Uid> = plain.iter().map(|(subject, _)| *subject).collect();
    let mut keys = data_keys_of(tx, &subjects.into_iter().collect::<Vec<_>>())?;
    let mut rows = Vec::with_capacity(plain.len());
    let mut ids = Vec::with_capacity(plain.len());
    for (subject, plain) in plain {
        let key = match keys.entry(*subject) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Ok(new_data_key(tx, *subject)?)),
        };
        ids.push(match key {
            Ok(key) => {
                let id = tx.new_id()?;
                rows.push(SealedRow::of(id, *subject, key, plain)?);
                Some(id)
            }
            Err(fault) => {
                tracing::error!(%subject, %fault, "nothing can be sealed under this data key");
                None
            }
        });
    }
    insert_all(tx, &rows)?;
    Ok(ids)
}

/// What was sealed, and the data key that it was sealed under.
#[derive(Queryable)]
struct Sealed {
    id: Uid,
    subject: Uid,
    version: i64,
    ciphertext: Vec<u8>,
    wrapped: Vec<u8>,
}

impl Sealed {
    fn open(&self, vault: &Vault) -> Result<Zeroizing<Vec<u8>>, VaultFault> {
        let key = vault.unwrap(&key_place(self.subject, self.version), &self.wrapped)?;
        let place = payload_place(self.id, self.version);
        Ok(Zeroizing::new(vault::open(&key, &place, &self.ciphertext)?))
    }
}

/// What is sealed and not erased, with its key; the caller says which.
macro_rules! sealed {
    () => {
        sealed_payload::table
            .inner_join(
                data_key::table.on(data_key::subject
                    .eq(sealed_payload::subject)
                    .and(data_key::version.eq(sealed_payload::key_version))),
            )
            .select((
                sealed_payload::id,
                sealed_payload::subject,
                sealed_payload::key_version,
                sealed_payload::ciphertext,
                data_key::wrapped,
            ))
    };
}

/// Opens a payload; `None` = erased.
pub fn open(tx: &mut Tx<'_>, id: Uid) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let found: Option<Sealed> = on_either!(tx, conn => sealed!()
        .filter(sealed_payload::id.eq(id))
        .first(conn)
        .optional()?);
    let vault = tx.vault();
    Ok(found.map(|row| row.open(&vault)).transpose()?)
}

/// Opens many payloads; those that are erased are not there, and one that is damaged spoils none of the others.
pub fn open_all(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Opened, Error> {
    let vault = tx.vault();
    let mut opened = HashMap::with_capacity(ids.len());
    tx.read_by_keys()?;
    for part in ids.chunks(ROWS_AT_ONCE) {
        let found: Vec<Sealed> = on_either!(tx, conn => sealed!()
            .filter(sealed_payload::id.eq_any(part))
            .load(conn)?);
        opened.extend(found.iter().map(|row| (row.id, row.open(&vault))));
    }
    Ok(Opened(opened))
}

/// Payloads, opened.
pub struct Opened(HashMap<Uid, Result<Zeroizing<Vec<u8>>, VaultFault>>);

impl Opened {
    /// `None` = erased.
    pub fn get(&self, id: Uid) -> Result<Option<&Zeroizing<Vec<u8>>>, Error> {
        match self.0.get(&id) {
            Some(Ok(plain)) => Ok(Some(plain)),
            Some(Err(fault)) => Err(Error::Corrupt(fault.to_string())),
            None => Ok(None),
        }
    }
}

/// Destroys one payload for good, and lets the log say so.
pub fn erase(tx: &mut Tx<'_>, id: Uid) -> Result<(), Error> {
    let erased =
        on_either!(tx, conn => diesel::delete(sealed_payload::table.find(id)).execute(conn)?);
    if erased == 1 {
        let entry = PayloadErased {
            at: tx.now()?,
            payload: id,
            t: "payload.erased",
            v: 1,
        };
        log::stage(tx, &[(id, entry::Entry::PayloadErased(entry))])?;
    }
    Ok(())
}

/// The hub's own keys: read, or made on first start.
pub fn hub_keys(tx: &mut Tx<'_>) -> Result<HubKeys, Error> {
    let mut keys = Vec::with_capacity(HubKeys::PURPOSES.len());
    for purpose in HubKeys::PURPOSES {
        keys.push(hub_key_for(tx, purpose)?);
    }
    let keys: [SecretKey; 7] = keys
        .try_into()
        .map_err(|_| Error::Corrupt("hub keys".into()))?;
    Ok(HubKeys::from_keys(keys))
}

fn hub_key_for(tx: &mut Tx<'_>, purpose: &str) -> Result<SecretKey, Error> {
    let place = format!("hub_key|{purpose}|wrapped|1");
    let stored: Option<Vec<u8>> = on_either!(tx, conn => hub_key::table
        .filter(hub_key::purpose.eq(purpose))
        .select(hub_key::wrapped)
        .first(conn)
        .optional()?);
    if let Some(wrapped) = stored {
        let key = tx.vault().unwrap(&place, &wrapped).map_err(|_| {
            Error::Unavailable(
                "the key file does not belong to this database; put the right one in its place"
                    .into(),
            )
        })?;
        return Ok(Zeroizing::new(**key));
    }
    let fresh = Zeroizing::new(vault::random::<32>()?);
    let wrapped = tx.vault().wrap(&place, &fresh)?;
    on_either!(tx, conn => diesel::insert_into(hub_key::table)
        .values((hub_key::purpose.eq(purpose), hub_key::wrapped.eq(&wrapped)))
        .execute(conn)?);
    Ok(fresh)
}
