//! What happens to what is still to be sent when a way of reaching a bank begins or ends: open deliveries
//! move, and nothing goes quiet (law 3). An endpoint that takes the place of another receives beside it until it is
//! proven, so that neither a slip nor an insider makes a bank deaf. The gate is entered by the caller.

use super::fan_out::{Sealed, delivery_row};
use super::{Error, break_channel, cut_roster, end_partnership, set_endpoint};
use crate::domain::challenge;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::delivery::{self, DeliveryRow};
use crate::storage::endpoint_proof;
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::{Tx, bank, chase};
use std::collections::BTreeMap;
use std::time::Duration;

/// An endpoint whose place another takes goes on for so long at least.
const BESIDE: Duration = Duration::from_secs(24 * 60 * 60);

/// One way of reaching a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub channel: &'static str,
    /// The endpoint or contact.
    pub target: Uid,
}

impl Way {
    pub fn webhook(target: Uid) -> Self {
        Self {
            channel: "webhook",
            target,
        }
    }

    pub fn email(target: Uid) -> Self {
        Self {
            channel: "email",
            target,
        }
    }
}

/// The ways that a notice takes at once: every live endpoint and every level-1 contact.
fn ways(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<Way>, Error> {
    let endpoints = bank::endpoints_of(tx, bank_id)?
        .into_iter()
        .map(|endpoint| Way::webhook(endpoint.id));
    let contacts = bank::contacts_of(tx, bank_id)?;
    let first = contacts
        .into_iter()
        .filter(|contact| contact.level == 1)
        .map(|contact| Way::email(contact.id));
    Ok(endpoints.chain(first).collect())
}

/// After `ended` was marked as ended: its open deliveries go to `replacement`, or where there is none, the
/// open notices go over the ways that are left. A partner's last way cannot be ended.
pub fn end_way(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    ended: Uid,
    replacement: Option<Way>,
) -> Result<(), Error> {
    let now = tx.now()?;
    let left = ways(tx, bank_id)?;
    let is_partner = bank::partnership(tx, bank_id)?.is_some_and(|row| row.holds_at(now));
    if left.is_empty() && is_partner {
        let sentence =
            "this is the last way to reach the bank: enter an endpoint or a level-1 contact first";
        return Err(Error::invalid("", "last_channel", sentence));
    }
    let superseded = delivery::supersede_of_target(tx, ended)?;
    for row in &superseded {
        if is_challenge(tx, row)? {
            continue;
        }
        match replacement {
            Some(way) => resend_over(tx, row, &[way])?,
            None if row.notice_id.is_some() => resend_over(tx, row, &left)?,
            None => {}
        }
    }
    for way in &left {
        end_partnership::announce_over(tx, bank_id, way.channel, way.target)?;
    }
    break_channel::mended(tx, ended)?;
    if !superseded.is_empty() {
        tx.wake_engine();
    }
    Ok(())
}

/// A question to one address is put to no other.
fn is_challenge(tx: &mut Tx<'_>, row: &DeliveryRow) -> Result<bool, Error> {
    if row.notice_id.is_some() {
        return Ok(false);
    }
    let message = delivery::message(tx, row.message_id)?;
    Ok(message.is_some_and(|message| message.kind == challenge::KIND))
}

/// After `new` was entered to take the place of `old`: what is still to be sent goes to both.
pub(super) fn begin_beside(tx: &mut Tx<'_>, bank_id: Uid, old: Uid, new: Way) -> Result<(), Error> {
    for row in delivery::open_of_target(tx, old)? {
        if !is_challenge(tx, &row)? {
            resend_over(tx, &row, &[new])?;
        }
    }
    end_partnership::announce_over(tx, bank_id, new.channel, new.target)?;
    tx.wake_engine();
    Ok(())
}

/// The live endpoint that was entered to take the place of this one.
pub(super) fn successor(tx: &mut Tx<'_>, endpoint: Uid) -> Result<Option<Uid>, Error> {
    for row in endpoint_proof::replacements(tx, endpoint)? {
        if bank::is_live(tx, row.endpoint_id)? {
            return Ok(Some(row.endpoint_id));
        }
    }
    Ok(None)
}

/// The live and proven endpoint that takes the place of this one, itself or through others: each has been beside the
/// one before it for long enough.
fn proven_successor(tx: &mut Tx<'_>, endpoint: Uid, now: Instant) -> Result<Option<Uid>, Error> {
    // Whatever replaces was entered after what it replaces: this ends.
    let mut open = vec![endpoint];
    while let Some(one) = open.pop() {
        for row in endpoint_proof::replacements(tx, one)? {
            if now.since(row.recorded_at) < BESIDE {
                continue;
            }
            let new = row.endpoint_id;
            let is_proven =
                bank::is_live(tx, new)? && !endpoint_proof::proven_since(tx, &[new])?.is_empty();
            // One that is broken by now takes no place either.
            if is_proven && evidence::open_tasks_of_target(tx, new)?.is_empty() {
                return Ok(Some(new));
            }
            open.push(new);
        }
    }
    Ok(None)
}

/// Live endpoints that end now, because what takes their place is proven.
pub(super) fn settled(tx: &mut Tx<'_>, now: Instant, limit: i64) -> Result<Vec<Uid>, Error> {
    let (mut found, mut after) = (Vec::new(), Uid::from_bytes([0; 16]));
    loop {
        let some = endpoint_proof::places_taken(tx, now - BESIDE, after, limit)?;
        for old in &some {
            // One whose successor is broken by now stays.
            if proven_successor(tx, *old, now)?.is_some() {
                found.push(*old);
            }
        }
        match some.last() {
            Some(last) if found.is_empty() => after = *last,
            _ => return Ok(found),
        }
    }
}

/// Ends an endpoint whose place is taken; false = it has ended, or its place is not taken yet.
pub(super) fn settle(tx: &mut Tx<'_>, old: Uid) -> Result<bool, Error> {
    let mut gate = cut_roster::enter(tx)?;
    let now = tx.now()?;
    let new = proven_successor(tx, old, now)?;
    let (Some(row), Some(new), true) = (bank::endpoint(tx, old)?, new, bank::is_live(tx, old)?)
    else {
        return Ok(false);
    };
    set_endpoint::end(tx, row.bank_id, old, Some(new))?;
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(true)
}

/// Of a notice that is settled nothing is sent any more.
fn resend_over(tx: &mut Tx<'_>, row: &DeliveryRow, ways: &[Way]) -> Result<(), Error> {
    if let Some(notice) = row.notice_id
        && !chase::is_open(tx, notice)?
    {
        return Ok(());
    }
    for way in ways {
        let sent_already = match row.notice_id {
            Some(notice) => delivery::exists_for(tx, notice, way.target)?,
            None => delivery::of_message(tx, row.message_id)?
                .iter()
                .any(|one| one.target_id == way.target),
        };
        if !sent_already {
            let (of, now) = (Sealed::again(row), tx.now()?);
            let fresh = DeliveryRow {
                unsealed: row.unsealed,
                ..delivery_row(
                    row.message_id,
                    of,
                    row.bank_id,
                    way.channel,
                    way.target,
                    now,
                )
            };
            delivery::insert_deliveries(tx, &[fresh])?;
        }
    }
    Ok(())
}

/// After `way` was entered: notices that waited because there was no way to the bank are sent over it,
/// and their tasks end.
pub fn begin_way(tx: &mut Tx<'_>, bank_id: Uid, way: Way) -> Result<(), Error> {
    end_partnership::announce_over(tx, bank_id, way.channel, way.target)?;
    for task in open_tasks_without_channel(tx, bank_id)? {
        let Some(notice) = task.notice_id else {
            continue;
        };
        if let Some(message) = delivery::message_of_notice(tx, notice)? {
            // What was settled meanwhile, by the portal or by telephone, needs no sending.
            if !delivery::exists_for(tx, notice, way.target)? && chase::is_open(tx, notice)? {
                let (of, now) = (Sealed::of(tx, notice)?, tx.now()?);
                let (bank, channel) = (Some(bank_id), way.channel);
                let fresh = delivery_row(message, Some(of), bank, channel, way.target, now);
                delivery::insert_deliveries(tx, &[fresh])?;
                tx.wake_engine();
            }
            break_channel::close_task(tx, task)?;
        }
    }
    Ok(())
}

fn open_tasks_without_channel(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<TaskEventRow>, Error> {
    let mut last: BTreeMap<Uid, TaskEventRow> = BTreeMap::new();
    for event in evidence::task_events(tx)? {
        if event.bank_id == bank_id && event.kind == "no_channel" {
            last.insert(event.task_id, event);
        }
    }
    Ok(last
        .into_values()
        .filter(|event| event.event == "opened")
        .collect())
}
