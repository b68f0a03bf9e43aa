//! Asking for a second person: stores what is to be done, frozen, until another person decides. Knows
//! nothing of the acts themselves.

use super::decide::Requested;
use super::fields::Fields;
use super::{Error, Rules};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::storage::approval::{self, RequestRow};
use crate::storage::{Tx, roster};

const REASON_LIMIT: usize = 1_000;

/// Stores the request of `by` to do `act` to `subject`; one open request of an act for a subject.
pub fn ask(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (act, subject): (&str, Uid),
    details: Vec<u8>,
    reason: &str,
) -> Result<Requested, Error> {
    let mut fields = Fields::default();
    let reason = fields.paragraphs("reason", reason, REASON_LIMIT);
    fields.done()?;
    // Of two who ask at once on PostgreSQL, the second waits here and then sees the first.
    roster::enter_gate(tx)?;
    let now = tx.now()?;
    if !approval::pending(tx, act, subject, now)?.is_empty() {
        return Err(Refusal::ApprovalPending.into());
    }
    let id = tx.new_id()?;
    let expires_at = now + rules.approval_window;
    approval::insert_request(
        tx,
        &RequestRow {
            id,
            act: act.to_owned(),
            subject_id: subject,
            details,
            requester: by,
            reason,
            recorded_at: now,
            expires_at,
        },
    )?;
    Ok(Requested { id, expires_at })
}
