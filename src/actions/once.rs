//! Doing a thing once: the answer to an `Idempotency-Key` is stored in the transaction that made it true,
//! so that a repeated request gets the same answer, even after a crash. The key is taken before the act: who comes with
//! it meanwhile waits for what becomes of the first, and is not judged by what that changed.

use super::Error;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::storage::Error::Busy;
use crate::storage::Tx;
use crate::storage::idempotency::{self, AnswerRow};

/// What the client is told: an HTTP status and the exact bytes of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// True if it was given before.
    pub replayed: bool,
}

/// Runs `act` unless this caller used `key` before: the same request gets the answer of then, another one
/// is refused. `caller` is `Caller::once_owner`, and `request` is what must be the same: route and body.
pub fn once(
    tx: &mut Tx<'_>,
    caller: Uid,
    key: &str,
    request: &[u8],
    act: impl FnOnce(&mut Tx<'_>) -> Result<(u16, Vec<u8>), Error>,
) -> Result<Answer, Error> {
    let request_hash = Digest::of(request).0.to_vec();
    let created_at = tx.now()?;
    let taken = AnswerRow {
        caller_id: caller,
        idem_key: key.to_owned(),
        request_hash: request_hash.clone(),
        status: 0,
        answer: Vec::new(),
        created_at,
    };
    if !idempotency::take(tx, &taken)? {
        let found = idempotency::find(tx, caller, key)?;
        // The first was undone just now: the client asks again.
        let found = found.ok_or_else(|| Busy("the same request ended just now".into()))?;
        if found.request_hash != request_hash {
            return Err(Refusal::IdempotencyConflict.into());
        }
        return Ok(Answer {
            status: u16::try_from(found.status).unwrap_or(500),
            body: found.answer,
            replayed: true,
        });
    }
    let (status, body) = act(tx)?;
    idempotency::answer(tx, caller, key, (i64::from(status), &body))?;
    Ok(Answer {
        status,
        body,
        replayed: false,
    })
}
