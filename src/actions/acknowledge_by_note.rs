//! Acknowledging by a note under the bank's own key, the strongest class. The first acknowledgement of a notice
//! counts: a note that comes after a weaker one is verified, and answered with what is on record. The head of the
//! log that the bank had seen is compared with ours; where they differ the stamp stands and the dispute is a fact.

use super::acknowledge::{Acknowledged, Confirmation, SealedNote, on_record, own, put_on_record};
use super::{Error, Rules, read_register};
use crate::domain::access::BankScope;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::AckClass;
use crate::domain::proof::acknowledgement::{AckNote, BadAcknowledgement};
use crate::domain::refusal::Refusal;
use crate::merkle;
use crate::merkle::note::VerifierKey;
use crate::storage::evidence::{self, HeadDisputeRow};
use crate::storage::notice::NoticeRow;
use crate::storage::{self, Tx, log, payload};
use crate::vault;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How far a bank's clock may be from the hub's.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// What the commitment in the log begins with.
const COMMITMENT: &str = "kairan-ack/v1";

/// Who handed the note in; who confirms is written in it.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// An account, where there is one.
    pub person: Option<Uid>,
    pub api_key: Uid,
}

/// The note as it came; lies in the erasable store, because it names a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptNote {
    pub note: String,
    /// 64 hex digits; what the entry's commitment is salted with.
    pub salt: String,
}

/// Confirms that a bank received a notice, as a signed note says.
pub fn acknowledge_by_note(
    tx: &mut Tx<'_>,
    rules: &Rules,
    scope: BankScope,
    notice: Uid,
    note: &str,
    by: Sender,
) -> Result<Acknowledged, Error> {
    let found = own(tx, scope, notice)?;
    let known = on_record(tx, &found)?;
    if let Some(known) = &known
        && is_kept(tx, &found, note)?
    {
        // Sent again, perhaps after its key was ended.
        return Ok(known.clone());
    }
    let keys = live_keys(tx, rules, scope.bank())?;
    let said = AckNote::open(note, &keys).map_err(|fault| refused(&fault))?;
    check(&said, &found, tx.now()?)?;
    if let Some(known) = known {
        return Ok(known);
    }
    let sealed = seal(tx, scope.bank(), note)?;
    let confirmation = Confirmation {
        class: AckClass::Signed,
        person: by.person,
        api_key: Some(by.api_key),
        delivery: None,
        name: said.person.clone(),
        role: said.role.clone(),
    };
    let done = put_on_record(tx, &found, &confirmation, Some(&sealed))?;
    compare_heads(tx, &said, scope.bank(), &done)?;
    Ok(done)
}

fn is_kept(tx: &mut Tx<'_>, found: &NoticeRow, note: &str) -> Result<bool, Error> {
    let Some(row) = evidence::acknowledgement_of(tx, found.id)? else {
        return Ok(false);
    };
    let kept = read_register::confirmed(tx, &row)?.note;
    Ok(kept.is_some_and(|kept| kept.note == note))
}

fn live_keys(tx: &mut Tx<'_>, rules: &Rules, bank: Uid) -> Result<Vec<VerifierKey>, Error> {
    let keys = read_register::signing_keys(tx, rules, bank)?;
    let live = keys.into_iter().filter(|key| key.end.is_none());
    Ok(live.map(|key| key.verifier).collect())
}

fn refused(fault: &BadAcknowledgement) -> Error {
    let code = match fault {
        BadAcknowledgement::Form => "note_form",
        BadAcknowledgement::Signature => "note_signature",
        BadAcknowledgement::Text(_) => "note_text",
    };
    Error::invalid("/note", code, fault.to_string())
}

fn check(said: &AckNote, found: &NoticeRow, now: Instant) -> Result<(), Error> {
    let names_it = said.notice == found.id
        && said.number == found.number
        && said.digest.0.as_slice() == found.digest;
    if !names_it {
        return Err(Refusal::AcknowledgementMismatch.into());
    }
    let told = "the note's time is in the future, or before the notice: check the clock";
    if said.at.since(now) > CLOCK_SKEW || found.issued_at.since(said.at) > CLOCK_SKEW {
        return Err(Error::invalid("/note", "note_time", told));
    }
    Ok(())
}

fn seal(tx: &mut Tx<'_>, bank: Uid, note: &str) -> Result<SealedNote, Error> {
    let salt = vault::random::<32>().map_err(storage::Error::from)?;
    let kept = KeptNote {
        note: note.to_owned(),
        salt: hex::encode(salt),
    };
    let bytes = serde_json::to_vec(&kept).map_err(|_| super::issue::damaged("note"))?;
    Ok(SealedNote {
        id: payload::seal(tx, bank, &bytes)?,
        commitment: merkle::commit(COMMITMENT, &salt, note.as_bytes()),
    })
}

/// A head is ours if any log of this hub had it: a notice may have gone out before a successor began.
fn compare_heads(
    tx: &mut Tx<'_>,
    said: &AckNote,
    bank_id: Uid,
    done: &Acknowledged,
) -> Result<(), Error> {
    if said.is_unsealed() {
        return Ok(());
    }
    // `AckNote` takes no size beyond.
    let size = i64::try_from(said.size).unwrap_or(i64::MAX);
    let logs = log::head(tx)?.log;
    for number in (1..=logs).rev() {
        if log::batch(tx, number, size)?.is_some_and(|batch| batch.root == said.root) {
            return Ok(());
        }
    }
    tracing::error!(acknowledgement = %done.id, size, "a bank has seen a head that no log of this hub has");
    let row = HeadDisputeRow {
        id: tx.new_id()?,
        bank_id,
        acknowledgement_id: done.id,
        size,
        root: said.root.to_vec(),
        recorded_at: done.at,
    };
    Ok(evidence::insert_head_dispute(tx, &row)?)
}
