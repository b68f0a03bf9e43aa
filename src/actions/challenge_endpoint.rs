//! Asking whoever answers at an endpoint's address to show the endpoint's secret: whenever an endpoint is entered, and
//! again by hand. One question is open at a time; a new one takes the place of the one before. Knows nothing of what
//! an answer brings.

use super::Error;
use super::alert::{OperatorAlert, alert};
use super::fan_out::{delivery_row, message_row};
use super::register_bank::bank_by_code;
use super::set_endpoint;
use crate::domain::challenge::{Challenge, KIND};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::endpoint_proof::{self, ChallengeRow};
use crate::storage::{self, Tx, bank, delivery, lapse, payload};
use crate::vault;
use std::time::Duration;

/// A challenge that nobody has answered for so long is told to the operator's people, once.
const UNANSWERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The warning, and the alert.
const UNPROVEN: &str = "endpoint-unproven";

/// Sends a challenge to an endpoint; returns the message's id.
pub(super) fn challenge(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<Uid, Error> {
    withdraw(tx, endpoint)?;
    let random = vault::random::<32>().map_err(storage::Error::from)?;
    let inputs = Challenge::new(&random, endpoint);
    let inputs = serde_json::to_vec(&inputs).map_err(|_| super::issue::damaged("challenge"))?;
    let payload_id = payload::seal(tx, bank_id, &inputs)?;
    let (now, message) = (tx.now()?, tx.new_id()?);
    let row = message_row(message, KIND, None, bank_id, Some(payload_id), now);
    delivery::insert_messages(tx, &[row])?;
    let sent = delivery_row(message, None, Some(bank_id), "webhook", endpoint, now);
    let row = ChallengeRow {
        message_id: message,
        delivery_id: sent.id,
        endpoint_id: endpoint,
        recorded_at: now,
    };
    endpoint_proof::insert_challenge(tx, &row)?;
    delivery::insert_deliveries(tx, &[sent])?;
    tx.wake_engine();
    Ok(message)
}

/// Sends a new challenge to a live endpoint of this bank, proven or not.
pub fn challenge_again(tx: &mut Tx<'_>, bank_id: Uid, endpoint: Uid) -> Result<Uid, Error> {
    set_endpoint::own(tx, bank_id, endpoint)?;
    set_endpoint::live(tx, bank_id, endpoint)?;
    challenge(tx, bank_id, endpoint)
}

/// The same, of the bank with this code.
pub fn challenge_on_behalf(tx: &mut Tx<'_>, code: &str, endpoint: Uid) -> Result<Uid, Error> {
    let bank_id = bank_by_code(tx, code)?.id;
    challenge_again(tx, bank_id, endpoint)
}

/// Calls back what is still to be asked of an endpoint.
pub fn withdraw(tx: &mut Tx<'_>, endpoint: Uid) -> Result<(), Error> {
    let sent = endpoint_proof::deliveries(tx, endpoint)?;
    Ok(endpoint_proof::supersede(tx, &sent)?)
}

/// Challenges that have been open for too long and that nobody was told of, each with when that was.
pub(super) fn unanswered(
    tx: &mut Tx<'_>,
    now: Instant,
    limit: i64,
) -> Result<Vec<(Uid, Instant)>, Error> {
    let rows = endpoint_proof::unanswered(tx, now - UNANSWERED, UNPROVEN, limit)?;
    let due = rows
        .into_iter()
        .map(|row| (row.endpoint_id, row.recorded_at + UNANSWERED));
    Ok(due.collect())
}

/// Tells the operator's people, once for each challenge, that nobody has answered it; false = there is nothing to tell.
pub(super) fn warn(tx: &mut Tx<'_>, endpoint: Uid) -> Result<bool, Error> {
    let (now, newest) = (tx.now()?, endpoint_proof::newest_challenge(tx, endpoint)?);
    let Some((row, newest)) = bank::endpoint(tx, endpoint)?.zip(newest) else {
        return Ok(false);
    };
    if !lapse::warn_once(tx, newest.message_id, UNPROVEN, now)? {
        return Ok(false);
    }
    let inputs = OperatorAlert {
        alert: UNPROVEN.into(),
        bank_code: bank::by_id(tx, row.bank_id)?.map(|row| row.code),
        ..OperatorAlert::default()
    };
    alert(tx, &["administrator", "officer"], &inputs)?;
    Ok(true)
}
