//! Ending a partnership: asked for by one person, approved by another, announced to the bank, and in
//! force only after a delay that is never below a day, and not before one of the bank's ways took the announcement.

use super::alert::{OperatorAlert, alert};
use super::ask::ask;
use super::decide::Requested;
use super::fan_out::delivery_row;
use super::register_bank::bank_by_code;
use super::tell_bank::tell_bank;
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::bank::{self, PartnershipRow};
use crate::storage::delivery::DeliveryRow;
use crate::storage::{Tx, delivery, lapse, mail_report};
use std::collections::HashSet;
use std::time::Duration;

/// The act's name in approvals.
pub const ACT: &str = "partnership.end";

/// The kind of its announcement.
pub const ENDING: &str = "partnership.ending";

/// An ending of which the bank could not be told yet is tried again so much later.
const PUT_OFF: Duration = Duration::from_secs(60 * 60);

/// No setting goes below: the bank must have a day to object.
const LEAST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Asks for the end of a partnership.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    code: &str,
    reason: &str,
) -> Result<Requested, Error> {
    let bank = bank_by_code(tx, code)?;
    ending_of(tx, bank.id)?;
    let details = serde_json::json!({ "bank": bank.id })
        .to_string()
        .into_bytes();
    ask(tx, rules, by, (ACT, bank.id), details, reason)
}

/// The partnership that can be ended: one that has begun and has no end yet.
fn ending_of(tx: &mut Tx<'_>, bank_id: Uid) -> Result<PartnershipRow, Error> {
    let now = tx.now()?;
    bank::partnership(tx, bank_id)?
        .filter(|row| row.holds_at(now) && row.valid_to.is_none())
        .ok_or_else(|| Refusal::NotPartner.into())
}

/// Does what was asked for, once another person approved it.
pub fn approved(tx: &mut Tx<'_>, rules: &Rules, request: &RequestRow) -> Result<(), Error> {
    let mut gate = cut_roster::enter(tx)?;
    let bank_id = request.subject_id;
    let before = ending_of(tx, bank_id)?;
    let now = tx.now()?;
    let ends_at = now + rules.ending_delay.max(LEAST_DELAY);
    let ending = PartnershipRow {
        revision: before.revision + 1,
        valid_to: Some(ends_at),
        recorded_at: now,
        approval_id: Some(request.id),
        ..before
    };
    bank::insert_partnership(tx, &ending)?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    announce(tx, bank_id, now, ends_at)
}

fn announce(tx: &mut Tx<'_>, bank_id: Uid, now: Instant, ends_at: Instant) -> Result<(), Error> {
    let inputs = serde_json::json!({ "recorded_at": now, "ends_at": ends_at });
    tell_bank(tx, bank_id, ENDING, &inputs)?;
    Ok(())
}

/// Puts off endings whose time has come while their announcement is still on its way: a bank does not leave the
/// roster before it was told, and then has its day. `members` are on the roster so far. The gate is entered by the
/// caller.
pub(super) fn put_off_untold(
    tx: &mut Tx<'_>,
    members: &HashSet<Uid>,
    now: Instant,
) -> Result<(), Error> {
    let is_over = |row: &PartnershipRow| row.valid_to.is_some_and(|end| end <= now);
    let rows = bank::partnerships(tx)?;
    for row in rows
        .into_iter()
        .filter(|row| members.contains(&row.bank_id) && is_over(row))
    {
        let (bank_id, request) = (row.bank_id, row.approval_id);
        let was_put_off = row
            .valid_to
            .is_some_and(|end| end.since(row.recorded_at) < LEAST_DELAY);
        let wait = match (is_told(tx, &row)?, was_put_off) {
            (true, false) => continue,
            (true, true) => LEAST_DELAY,
            (false, _) => PUT_OFF,
        };
        let later = PartnershipRow {
            revision: row.revision + 1,
            valid_to: Some(now + wait),
            recorded_at: now,
            ..row
        };
        bank::insert_partnership(tx, &later)?;
        if wait == LEAST_DELAY {
            // What it was told before named a time that has passed.
            announce(tx, bank_id, now, now + wait)?;
        } else if let Some(request) = request
            && lapse::warn_once(tx, request, "ending-untold", now)?
        {
            let inputs = OperatorAlert {
                alert: "ending-untold".into(),
                bank_code: bank::by_id(tx, bank_id)?.map(|row| row.code),
                ..OperatorAlert::default()
            };
            alert(tx, &["administrator", "officer"], &inputs)?;
        }
    }
    Ok(())
}

/// Whether the bank knows of the ending: one of its ways took the announcement. A mail that came back told nobody.
fn is_told(tx: &mut Tx<'_>, row: &PartnershipRow) -> Result<bool, Error> {
    for delivery in announcement(tx, row)?.1 {
        let accepted = delivery.state == "accepted";
        if accepted && !(delivery.channel == "email" && mail_report::came_back(tx, delivery.id)?) {
            return Ok(true);
        }
    }
    // Where there is no way at all, nobody can be told.
    let has_ways = !bank::endpoints_of(tx, row.bank_id)?.is_empty()
        || bank::contacts_of(tx, row.bank_id)?
            .iter()
            .any(|contact| contact.level == 1);
    Ok(!has_ways)
}

/// The first announcement of an ending, and its deliveries.
fn announcement(
    tx: &mut Tx<'_>,
    row: &PartnershipRow,
) -> Result<(Option<Uid>, Vec<DeliveryRow>), Error> {
    let history = bank::partnership_history(tx, row.bank_id)?;
    let first = history
        .iter()
        .find(|one| one.valid_to.is_some() && one.approval_id == row.approval_id);
    let message = match first {
        Some(first) => delivery::message_to_bank(tx, ENDING, row.bank_id, first.recorded_at)?,
        None => None,
    };
    let deliveries = match message {
        Some(message) => delivery::of_message(tx, message)?,
        None => Vec::new(),
    };
    Ok((message, deliveries))
}

/// A way to the bank was entered: an announcement that nobody took yet goes over it too.
pub(super) fn announce_over(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    channel: &str,
    target: Uid,
) -> Result<(), Error> {
    let now = tx.now()?;
    let ending = bank::partnership(tx, bank_id)?.filter(|row| row.valid_to.is_some());
    let Some(row) = ending.filter(|row| row.valid_from <= now) else {
        return Ok(());
    };
    let (message, deliveries) = announcement(tx, &row)?;
    let is_there = deliveries.iter().any(|one| one.target_id == target);
    if let Some(message) = message
        && !is_there
        && !is_told(tx, &row)?
    {
        let fresh = delivery_row(message, None, Some(bank_id), channel, target, now);
        delivery::insert_deliveries(tx, &[fresh])?;
        tx.wake_engine();
    }
    Ok(())
}
