//! A bank's webhook endpoints: entered, replaced, ended, never edited. The URL lives in the erasable
//! store; the signing secret is made here and shown once. Who may do it is decided by the caller.

pub use super::on_behalf::{ACT, approved};
use super::redirect::{self, Way};
use super::{Error, Rules, challenge_endpoint, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::merkle;
use crate::storage::bank::{self, EndpointRow, EndpointSecretRow};
use crate::storage::endpoint_proof::{self, ReplacementRow};
use crate::storage::{self, Tx, payload};
use crate::vault::{self, SecretKey};
use base64::prelude::*;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Live endpoints of one bank.
const ENDPOINTS_LIMIT: usize = 5;

/// An endpoint, as entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointInput {
    /// `https://…`, on a public address.
    pub url: String,
    /// Sign with the hub's Ed25519 key (`v1a`) beside the shared secret.
    #[serde(default)]
    pub ed25519: bool,
}

/// What is sealed of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPayload {
    pub url: String,
    /// 64 hex digits; what the row's commitment is salted with.
    pub salt: String,
}

/// A new endpoint and its secret, `whsec_…`, shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointMade {
    pub id: Uid,
    pub secret: String,
}

/// How a new endpoint comes by its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Fresh,
    /// The secret of this endpoint, which the bank knows and nobody needs to see again.
    As(Uid),
}

/// The normal form of a URL that webhooks may go to.
pub(super) fn check_url(rules: &Rules, pointer: &str, url: &str) -> Result<String, Error> {
    let judged = rules.addresses.check_url(url);
    judged
        .map(String::from)
        .map_err(|refusal| Error::invalid(pointer, refusal.code(), refusal.to_string()))
}

/// Enters an endpoint of a bank.
pub fn add_endpoint(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    input: &EndpointInput,
) -> Result<EndpointMade, Error> {
    let url = check_url(rules, "/url", &input.url)?;
    let mut gate = cut_roster::enter(tx)?;
    check_room(tx, bank_id)?;
    let made = enter_endpoint(tx, bank_id, &url, input.ed25519, Signing::Fresh)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(made)
}

/// Enters an endpoint that takes the place of a live one: what is still to be sent goes to both, until the new one is
/// proven and a day has passed.
pub fn replace_endpoint(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    old: Uid,
    input: &EndpointInput,
) -> Result<EndpointMade, Error> {
    let url = check_url(rules, "/url", &input.url)?;
    let mut gate = cut_roster::enter(tx)?;
    own(tx, bank_id, old)?;
    replaceable(tx, bank_id, old)?;
    let made = enter_endpoint(tx, bank_id, &url, input.ed25519, Signing::Fresh)?;
    put_beside(tx, bank_id, old, made.id)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(made)
}

/// Ends a live endpoint of this bank.
pub fn end_endpoint(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    own(tx, bank_id, endpoint)?;
    end(tx, bank_id, endpoint, None)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(())
}

/// Refuses one endpoint more than a bank may have; one whose place another takes is not counted.
pub(super) fn check_room(tx: &mut Tx<'_>, bank_id: Uid) -> Result<(), Error> {
    let mut staying = 0;
    for endpoint in bank::endpoints_of(tx, bank_id)? {
        staying += usize::from(redirect::successor(tx, endpoint.id)?.is_none());
    }
    if staying >= ENDPOINTS_LIMIT {
        return Err(Error::invalid(
            "",
            "too_many_endpoints",
            "a bank has 5 endpoints at most: end one first",
        ));
    }
    Ok(())
}

/// The endpoint, if it is this bank's.
pub(super) fn own(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<EndpointRow, Error> {
    bank::endpoint(tx, endpoint)?
        .filter(|row| row.bank_id == bank_id)
        .ok_or(Error::NotFound)
}

/// Refuses what has ended.
pub(super) fn live(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<(), Error> {
    let found = bank::endpoints_of(tx, bank_id)?
        .iter()
        .any(|row| row.id == endpoint);
    found
        .then_some(())
        .ok_or_else(|| Refusal::AlreadyReplaced.into())
}

/// Refuses what has ended, or has another beside it that will take its place.
pub(super) fn replaceable(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<(), Error> {
    live(tx, bank_id, endpoint)?;
    if redirect::successor(tx, endpoint)?.is_some() {
        return Err(Refusal::AlreadyReplaced.into());
    }
    // Whatever is replaced goes on until it is settled: a chain of those must end somewhere.
    if bank::endpoints_of(tx, bank_id)?.len() >= 2 * ENDPOINTS_LIMIT {
        return Err(Error::invalid(
            "",
            "too_many_endpoints",
            "too many endpoints wait for their successors to be proven: end one first",
        ));
    }
    Ok(())
}

/// Notes that `new` was entered to take the place of `old`. The gate is entered, and a version is cut, by the caller.
pub(super) fn put_beside(tx: &mut Tx<'_>, bank_id: Uid, old: Uid, new: Uid) -> Result<(), Error> {
    let row = ReplacementRow {
        endpoint_id: new,
        replaces: old,
        recorded_at: tx.now()?,
    };
    endpoint_proof::insert_replacement(tx, &row)?;
    redirect::begin_beside(tx, bank_id, old, Way::webhook(new))
}

/// The rows of a new endpoint, and its challenge. The gate is entered, and a version is cut, by the caller.
pub(super) fn enter_endpoint(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    url: &str,
    ed25519: bool,
    signing: Signing,
) -> Result<EndpointMade, Error> {
    let salt = vault::random::<32>().map_err(storage::Error::from)?;
    let commitment = merkle::commit("endpoint", &salt, url.as_bytes());
    let sealed = EndpointPayload {
        url: url.to_owned(),
        salt: hex::encode(salt),
    };
    let payload_id = payload::seal(tx, bank_id, &json::canonical(&sealed))?;
    let id = tx.new_id()?;
    let recorded_at = tx.now()?;
    bank::insert_endpoint(
        tx,
        &EndpointRow {
            id,
            bank_id,
            payload_id,
            commitment: commitment.to_vec(),
            ed25519,
            recorded_at,
        },
    )?;
    let secret = match signing {
        Signing::Fresh => fresh_secret()?,
        Signing::As(other) => secret_of(tx, other)?,
    };
    store_secret(tx, bank_id, id, 1, None, &secret)?;
    challenge_endpoint::challenge(tx, bank_id, id)?;
    redirect::begin_way(tx, bank_id, Way::webhook(id))?;
    Ok(EndpointMade {
        id,
        secret: spell_secret(&secret),
    })
}

/// The rows of an ending. The gate is entered, and a version is cut, by the caller.
pub(super) fn end(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    endpoint: Uid,
    replaced_by: Option<Uid>,
) -> Result<(), Error> {
    let now = tx.now()?;
    if !bank::end_endpoint(tx, endpoint, replaced_by, now)? {
        return Err(Refusal::AlreadyReplaced.into());
    }
    redirect::end_way(tx, bank_id, endpoint, replaced_by.map(Way::webhook))
}

pub(super) fn fresh_secret() -> Result<SecretKey, Error> {
    Ok(Zeroizing::new(
        vault::random::<32>().map_err(storage::Error::from)?,
    ))
}

fn secret_of(tx: &mut Tx<'_>, endpoint: Uid) -> Result<SecretKey, Error> {
    let newest = bank::secrets(tx, endpoint)?
        .into_iter()
        .next()
        .ok_or(Error::NotFound)?;
    let opened = payload::open(tx, newest.payload_id)?.ok_or(Error::NotFound)?;
    let bytes = opened
        .as_slice()
        .try_into()
        .map_err(|_| storage::Error::Corrupt("an endpoint's secret".into()))?;
    Ok(Zeroizing::new(bytes))
}

/// Stores a secret as an endpoint's revision; the one before it signs on until `previous_until` of the row.
pub(super) fn store_secret(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    endpoint_id: Uid,
    revision: i64,
    previous_until: Option<Instant>,
    secret: &SecretKey,
) -> Result<(), Error> {
    let payload_id = payload::seal(tx, bank_id, secret.as_slice())?;
    let recorded_at = tx.now()?;
    let row = EndpointSecretRow {
        endpoint_id,
        revision,
        payload_id,
        previous_until,
        recorded_at,
    };
    Ok(bank::insert_secret(tx, &row)?)
}

/// The spelling of Standard Webhooks.
pub(super) fn spell_secret(secret: &SecretKey) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(secret.as_slice()))
}
