//! The erasable store: personal payloads, salts, secrets and answers, sealed under the data key of their
//! subject (a bank, an incident, a person). Destroying the data key erases them all.

use super::error::Error;
use super::log;
use super::schema::{data_key, hub_key, sealed_payload};
use super::tx::{Tx, on_either};
use crate::domain::entry::{Entry, PayloadErased};
use crate::domain::id::Uid;
use crate::vault::{self, HubKeys, SecretKey, VaultFault};
use diesel::prelude::*;
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

fn key_place(subject: Uid, version: i64) -> String {
    format!("data_key|{subject}|wrapped|{version}")
}

fn payload_place(id: Uid, version: i64) -> String {
    format!("sealed_payload|{id}|ciphertext|{version}")
}

/// The newest data key of a subject.
fn data_key_of(tx: &mut Tx<'_>, subject: Uid) -> Result<Option<(i64, Arc<SecretKey>)>, Error> {
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

fn data_key_or_new(tx: &mut Tx<'_>, subject: Uid) -> Result<(i64, Arc<SecretKey>), Error> {
    if let Some(found) = data_key_of(tx, subject)? {
        return Ok(found);
    }
    let fresh = Zeroizing::new(vault::random::<32>()?);
    let wrapped = tx.vault().wrap(&key_place(subject, 1), &fresh)?;
    on_either!(tx, conn => diesel::insert_into(data_key::table)
        .values((data_key::subject.eq(subject), data_key::version.eq(1), data_key::wrapped.eq(&wrapped)))
        .execute(conn)?);
    Ok((1, Arc::new(fresh)))
}

/// Seals `plain` for `subject`; returns the payload's id.
pub fn seal(tx: &mut Tx<'_>, subject: Uid, plain: &[u8]) -> Result<Uid, Error> {
    let id = tx.new_id()?;
    let (version, key) = data_key_or_new(tx, subject)?;
    let ciphertext = vault::seal(&key, &payload_place(id, version), plain)?;
    on_either!(tx, conn => diesel::insert_into(sealed_payload::table)
        .values((
            sealed_payload::id.eq(id),
            sealed_payload::subject.eq(subject),
            sealed_payload::key_version.eq(version),
            sealed_payload::ciphertext.eq(&ciphertext),
        ))
        .execute(conn)?);
    Ok(id)
}

/// Opens a payload; `None` = erased.
pub fn open(tx: &mut Tx<'_>, id: Uid) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let found: Option<(Uid, i64, Vec<u8>)> = on_either!(tx, conn => sealed_payload::table
        .filter(sealed_payload::id.eq(id))
        .select((sealed_payload::subject, sealed_payload::key_version, sealed_payload::ciphertext))
        .first(conn)
        .optional()?);
    let Some((subject, version, ciphertext)) = found else {
        return Ok(None);
    };
    let wrapped: Option<Vec<u8>> = on_either!(tx, conn => data_key::table
        .filter(data_key::subject.eq(subject).and(data_key::version.eq(version)))
        .select(data_key::wrapped)
        .first(conn)
        .optional()?);
    let Some(wrapped) = wrapped else {
        return Ok(None);
    };
    let key = tx.vault().unwrap(&key_place(subject, version), &wrapped)?;
    Ok(Some(Zeroizing::new(vault::open(
        &key,
        &payload_place(id, version),
        &ciphertext,
    )?)))
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
        log::stage(tx, &[(id, Entry::PayloadErased(entry))])?;
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
