//! API keys: `kairan_`, 32 hex digits of the id, `_`, 43 characters of base64url. Only the SHA-256 of the
//! secret is stored; the spelling is shown once.

use super::fields::Fields;
use super::{Error, Rules};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::people::{self, ApiKeyRow};
use crate::storage::{self, Tx, roster};
use crate::vault;
use base64::prelude::*;
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

const PREFIX: &str = "kairan_";
/// Enough to take up a new key before the old one is revoked.
const LIVE_LIMIT: usize = 2;

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    /// What the key is for.
    pub label: String,
    /// Days until it expires; absent = as long as the hub allows.
    pub days: Option<u32>,
}

/// A new key; its spelling is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyMade {
    pub id: Uid,
    pub key: String,
    pub expires_at: Instant,
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Person(Uid),
    /// The machines of this bank.
    Bank(Uid),
}

impl Owner {
    fn bank(self) -> Option<Uid> {
        match self {
            Self::Bank(id) => Some(id),
            Self::Person(_) => None,
        }
    }

    fn person(self) -> Option<Uid> {
        match self {
            Self::Person(id) => Some(id),
            Self::Bank(_) => None,
        }
    }
}

/// The one spelling of a key.
fn spell(id: Uid, secret: &[u8; 32]) -> String {
    format!(
        "{PREFIX}{}_{}",
        hex::encode(id.as_bytes()),
        BASE64_URL_SAFE_NO_PAD.encode(secret)
    )
}

/// The id and the secret of a key in its one spelling.
pub(super) fn parse(text: &str) -> Option<(Uid, Zeroizing<[u8; 32]>)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    if id.len() != 32 || id.bytes().any(|byte| byte.is_ascii_uppercase()) || secret.len() != 43 {
        return None;
    }
    let mut bytes = [0; 16];
    hex::decode_to_slice(id, &mut bytes).ok()?;
    let opened = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?);
    Some((
        Uid::from_bytes(bytes),
        Zeroizing::new(opened.as_slice().try_into().ok()?),
    ))
}

/// Keys of an owner that neither expired nor were revoked.
pub fn live_keys(tx: &mut Tx<'_>, owner: Owner) -> Result<Vec<ApiKeyRow>, Error> {
    let now = tx.now()?;
    let mut keys = people::keys_of(tx, owner.bank(), owner.person())?;
    keys.retain(|key| key.revoked_at.is_none() && key.expires_at > now);
    Ok(keys)
}

/// Makes a key for a person or for a bank's machines: two live ones at most.
pub fn issue_key(
    tx: &mut Tx<'_>,
    rules: &Rules,
    owner: Owner,
    input: &KeyInput,
) -> Result<KeyMade, Error> {
    let mut fields = Fields::default();
    let label = fields.line("label", &input.label, 100);
    let asked = input
        .days
        .map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    if asked.is_some_and(|lifetime| lifetime.is_zero() || lifetime > rules.key_lifetime) {
        let longest = rules.key_lifetime.as_secs() / (24 * 60 * 60);
        fields.refuse(
            "days",
            "days_range",
            format!("a key lives 1 to {longest} days"),
        );
    }
    fields.done()?;
    // Of keys made at once on PostgreSQL, the second waits here and then sees the first.
    roster::enter_gate(tx)?;
    if live_keys(tx, owner)?.len() >= LIVE_LIMIT {
        return Err(Refusal::TooManyKeys.into());
    }
    let expires_at = tx.now()? + asked.unwrap_or(rules.key_lifetime);
    make(tx, owner, &label, expires_at)
}

/// The operator's administrator makes a bank's first machine key; later ones the bank makes itself.
pub fn issue_first_key(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    input: &KeyInput,
) -> Result<KeyMade, Error> {
    // As above.
    roster::enter_gate(tx)?;
    if !live_keys(tx, Owner::Bank(bank_id))?.is_empty() {
        return Err(Error::Forbidden(
            "the bank has a live key; its own people make further ones",
        ));
    }
    issue_key(tx, rules, Owner::Bank(bank_id), input)
}

/// Stores a key that was decided on.
pub(super) fn make(
    tx: &mut Tx<'_>,
    owner: Owner,
    label: &str,
    expires_at: Instant,
) -> Result<KeyMade, Error> {
    let secret = Zeroizing::new(vault::random::<32>().map_err(storage::Error::from)?);
    let id = tx.new_id()?;
    let created_at = tx.now()?;
    people::insert_key(
        tx,
        &ApiKeyRow {
            id,
            person_id: owner.person(),
            bank_id: owner.bank(),
            secret_hash: Digest::of(secret.as_slice()).0.to_vec(),
            label: label.to_owned(),
            created_at,
            expires_at,
            revoked_at: None,
        },
    )?;
    Ok(KeyMade {
        id,
        key: spell(id, &secret),
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let id = Uid::from_bytes([0xab; 16]);
        let key = spell(id, &[0xfe; 32]);
        assert_eq!(key.len(), 7 + 32 + 1 + 43);
        let (found, secret) = parse(&key).expect("its own spelling");
        assert_eq!((found, *secret), (id, [0xfe; 32]));
        let last_bits = format!("{}9", &key[..key.len() - 1]);
        for bad in [
            "",
            "kairan_",
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}A"),
            &key.replace("ab", "AB"),
            &key.replace('_', "-"),
            &format!(" {key}"),
            &last_bits,
        ] {
            assert!(parse(bad).is_none(), "{bad} was taken");
        }
    }
}
