//! Enrolling a bank's own key for acknowledgements: it shows itself in a signed note that names this bank and this
//! hub, a moment ago. Two live keys at most, so that one takes over from the other. Who may enrol is decided by
//! the caller.

use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::proof::signing_key::{BadProof, KeyProof, key_name};
use crate::domain::refusal::Refusal;
use crate::merkle::note::{KeyKind, NotAKey, VerifierKey};
use crate::storage::bank_key::{self, BankKeyRow};
use crate::storage::{self, Tx, bank};
use serde::Deserialize;
use std::time::Duration;

/// Enough to take up a new key before the old one is ended.
const LIVE_LIMIT: usize = 2;
/// How far from now a key may have shown itself.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// A key to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyInput {
    /// The public key as a vkey (C2SP signed-note), named `<bank code>.<public host>/ack`.
    pub key: String,
    /// A note signed with it; lines: `kairan-key/v1`, the bank's code, the hub's public host, the time.
    pub proof: String,
}

/// A stored key under the name that it has in notes.
pub(super) fn verifier(rules: &Rules, code: &str, key: &[u8]) -> Result<VerifierKey, Error> {
    let damaged = |_| Error::from(storage::Error::Corrupt("a bank's public key".into()));
    let name = key_name(code, &rules.public_host).map_err(damaged)?;
    let key = key.try_into().map_err(|_| damaged(NotAKey::Key))?;
    VerifierKey::new(name, KeyKind::Ed25519, key).map_err(damaged)
}

/// Enrols a key of a bank; one that is live already is answered as it was then.
pub fn enrol_signing_key(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    input: &SigningKeyInput,
) -> Result<BankKeyRow, Error> {
    let code = bank::by_id(tx, bank_id)?.ok_or(Error::NotFound)?.code;
    let key = named(rules, &code, &input.key)?;
    let mut gate = cut_roster::enter(tx)?;
    let now = tx.now()?;
    check_proof(rules, &code, &key, &input.proof, now)?;
    let known = bank_key::of_bank(tx, bank_id)?;
    match known
        .iter()
        .find(|(row, _)| row.public_key == key.as_bytes())
    {
        Some((row, None)) => return Ok(row.clone()),
        Some((_, Some(_))) => return Err(Refusal::KeyEnded.into()),
        None => {}
    }
    if known.iter().filter(|(_, end)| end.is_none()).count() >= LIVE_LIMIT {
        return Err(Refusal::TooManyKeys.into());
    }
    let row = BankKeyRow {
        id: tx.new_id()?,
        bank_id,
        public_key: key.as_bytes().to_vec(),
        proof: input.proof.clone(),
        recorded_at: now,
    };
    bank_key::insert(tx, &row)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(row)
}

fn named(rules: &Rules, code: &str, text: &str) -> Result<VerifierKey, Error> {
    let refuse = |fault: NotAKey| Error::invalid("/key", "signing_key_form", fault.to_string());
    let key: VerifierKey = text.parse().map_err(refuse)?;
    if key.kind() != KeyKind::Ed25519 {
        let said = "acknowledgements are signed with a plain Ed25519 key, type 0x01";
        return Err(Error::invalid("/key", "signing_key_form", said));
    }
    let name = key_name(code, &rules.public_host).map_err(refuse)?;
    if *key.name() != name {
        let said = format!("the key's name has to be {name}");
        return Err(Error::invalid("/key", "signing_key_name", said));
    }
    Ok(key)
}

fn check_proof(
    rules: &Rules,
    code: &str,
    key: &VerifierKey,
    note: &str,
    now: Instant,
) -> Result<(), Error> {
    let shown = KeyProof::open(note, key).map_err(|fault| {
        let code = match fault {
            BadProof::Form => "note_form",
            BadProof::Signature => "note_signature",
            BadProof::Text => "proof_text",
        };
        Error::invalid("/proof", code, fault.to_string())
    })?;
    if shown.code != code || shown.host != rules.public_host {
        let said = format!("the proof has to name {code} and {}", rules.public_host);
        return Err(Error::invalid("/proof", "proof_text", said));
    }
    if shown.at.since(now) > WINDOW || now.since(shown.at) > WINDOW {
        let said = "the proof is not of these ten minutes: sign a new one, and check the clock";
        return Err(Error::invalid("/proof", "note_time", said));
    }
    Ok(())
}
