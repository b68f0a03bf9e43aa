//! What a bank did about a notice: an object of its own, shared as far as the bank says.

use super::Error;
use crate::domain::access::{BankScope, Caller};
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::incident::CheckedResponse;
use crate::domain::instant::Instant;
use crate::domain::json;
use crate::domain::level::Level;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::ResponseCode;
use crate::merkle;
use crate::storage::evidence::{self, Flag, Reached, ResponseRow};
use crate::storage::{Tx, facts, log, notice, payload};
use crate::vault;
use serde::Serialize;

/// A response on record.
#[derive(Debug, Clone)]
pub struct Responded {
    pub id: Uid,
    pub at: Instant,
}

#[derive(Serialize)]
struct Sealed<'a> {
    by: Uid,
    response: &'a CheckedResponse,
    salt: String,
}

/// Records a response to a notice that the bank has acknowledged.
pub fn respond(
    tx: &mut Tx<'_>,
    scope: BankScope,
    notice: Uid,
    by: &Caller,
    response: &CheckedResponse,
) -> Result<Responded, Error> {
    let found = notice::by_id(tx, notice)?
        .filter(|row| row.bank_id == scope.bank())
        .ok_or(Error::NotFound)?;
    if evidence::acknowledgement_of(tx, found.id)?.is_none() {
        return Err(Refusal::AcknowledgeFirst.into());
    }
    let now = tx.now()?;
    let salt = vault::random().map_err(crate::storage::Error::from)?;
    let sealed = json::canonical(&Sealed {
        by: by.id(),
        response,
        salt: hex::encode(salt),
    });
    let payload_id = payload::seal(tx, scope.bank(), &sealed)?;
    let codes: Vec<&str> = response.codes.iter().map(|code| code.code()).collect();
    let row = ResponseRow {
        id: tx.new_id()?,
        notice_id: found.id,
        incident_id: found.incident_id,
        bank_id: found.bank_id,
        codes: codes.join(" "),
        share: response.share.code().into(),
        payload_id,
        effective_from: response.effective_from.map(|entered| entered.at),
        recorded_at: now,
    };
    evidence::insert_response(tx, &row)?;
    evidence::raise(
        tx,
        &[Reached {
            notice: found.id,
            level: Level::Responded,
            at: now,
            evidence: row.id,
        }],
    )?;
    if response.codes.contains(&ResponseCode::DisputesNotice) {
        evidence::flag(tx, found.id, Flag::Disputed)?;
    }
    let entry = entry::Response {
        at: now,
        bank: found.bank_id,
        commitment: merkle::commit("kairan-response/v1", &salt, &json::canonical(response)),
        facts: facts::bind(tx, &[&row]),
        notice: found.id,
        response: row.id,
        t: "bank.response",
        v: 1,
    };
    log::stage(tx, &[(row.id, Entry::Response(entry))])?;
    Ok(Responded {
        id: row.id,
        at: now,
    })
}
