//! What comes of a challenge's attempts: a right answer makes the endpoint proven, for good; any other is tried again
//! until a newer challenge has taken its place. The outcomes are on record already.

use super::Error;
use super::record::Finished;
use crate::domain::challenge::KIND;
use crate::domain::entry::{EndpointProven, Entry};
use crate::storage::endpoint_proof::{self, ProofRow};
use crate::storage::{Tx, facts, log};

/// Notes what came of those among these attempts that were challenges.
pub(super) fn prove(tx: &mut Tx<'_>, finished: &[&Finished]) -> Result<(), Error> {
    for one in finished {
        let due = &one.claimed.due;
        if due.kind != KIND {
            continue;
        }
        if one.outcome.accepted() {
            proven(tx, one)?;
        } else if let Some(newest) = endpoint_proof::newest_challenge(tx, due.target_id)?
            && newest.message_id != due.message_id
        {
            endpoint_proof::supersede(tx, &[due.id])?;
        }
    }
    Ok(())
}

fn proven(tx: &mut Tx<'_>, one: &Finished) -> Result<(), Error> {
    let due = &one.claimed.due;
    let Some(bank) = due.bank_id else {
        return Ok(());
    };
    let row = ProofRow {
        id: tx.new_id()?,
        endpoint_id: due.target_id,
        message_id: due.message_id,
        attempt_id: one.claimed.attempt,
        recorded_at: tx.now()?,
    };
    endpoint_proof::insert_proof(tx, &row)?;
    let entry = EndpointProven {
        at: row.recorded_at,
        attempt: row.attempt_id,
        bank,
        challenge: row.message_id,
        endpoint: row.endpoint_id,
        facts: facts::bind(tx, &[&row]),
        proof: row.id,
        t: "endpoint.proven",
        v: 1,
    };
    log::stage(tx, &[(row.id, Entry::EndpointProven(entry))])?;
    Ok(())
}
