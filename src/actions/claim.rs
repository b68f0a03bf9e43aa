//! Claiming: due deliveries get a lease, and their attempt is on record before a byte leaves (law 6).

use super::Error;
use crate::domain::backoff;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::Error::Corrupt;
pub use crate::storage::delivery::Lease;
use crate::storage::delivery::{self, AttemptRow, DueRow};
use crate::storage::{Tx, payload};
use std::collections::HashMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// Due deliveries that one claim looks at.
const LOOK_AT: i64 = 512;

/// What the claiming node can take.
#[derive(Debug, Clone)]
pub struct Room {
    pub node: Uid,
    /// `webhook` or `email`: each has an engine of its own, so that one cannot slow the other.
    pub channel: &'static str,
    /// How long a lease holds; longer than any send may take.
    pub lease: Duration,
    /// How long a notice waits for its proof.
    pub seal_patience: Duration,
    /// In flight now, by bank; what belongs to no bank counts as one.
    pub in_flight: HashMap<Option<Uid>, usize>,
    pub per_bank: usize,
    pub total: usize,
}

/// A delivery leased to this node, with all that sending it takes.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The attempt: also the fencing token of the lease.
    pub attempt: Uid,
    pub node: Uid,
    pub number: i64,
    pub started_at: Instant,
    pub due: DueRow,
    /// The message's frozen inputs, where it has any.
    pub inputs: Option<Zeroizing<Vec<u8>>>,
}

/// Leases what is due and fits, first attempts before retries, fairly between banks; in the order in which it
/// is to be sent. What sending takes is read after the commit (`open`): it keeps no writer waiting.
pub fn claim(tx: &mut Tx<'_>, room: &Room) -> Result<Vec<Lease>, Error> {
    if room.total == 0 {
        return Ok(Vec::new());
    }
    let now = tx.now()?;
    let full: Vec<Uid> = room
        .in_flight
        .iter()
        .filter(|(_, count)| **count >= room.per_bank)
        .filter_map(|(bank, _)| *bank)
        .collect();
    // More than fits is looked at, so that a bank with many due rows does not hide the others; not too many,
    // because banks without a place are left out already.
    let look_at =
        i64::try_from(room.total.saturating_mul(2)).map_or(LOOK_AT, |twice| twice.min(LOOK_AT));
    let candidates = delivery::due(
        tx,
        room.channel,
        now,
        now - room.seal_patience,
        &full,
        look_at,
    )?;
    let chosen = backoff::choose(
        candidates,
        |(_, bank, _)| *bank,
        &room.in_flight,
        room.per_bank,
        room.total,
    );
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let mut leases: Vec<Lease> = chosen
        .iter()
        .map(|(delivery, bank, unsealed)| Lease {
            delivery: *delivery,
            bank: *bank,
            attempt: Uid::at(now),
            unsealed: *unsealed,
        })
        .collect();
    let taken = delivery::lease(tx, &leases, room.node, now + room.lease)?;
    leases.retain(|lease| taken.contains(&lease.delivery));
    delivery::insert_attempts(tx, &leases, now)?;
    Ok(leases)
}

/// What sending these takes, in their order. A lease that was lost meanwhile is left out.
pub fn open(tx: &mut Tx<'_>, leases: &[Lease]) -> Result<Vec<Claimed>, Error> {
    let mut parts: HashMap<Uid, (DueRow, AttemptRow)> = delivery::parts_of(tx, leases)?
        .into_iter()
        .map(|(due, attempt)| (attempt.id, (due, attempt)))
        .collect();
    let mut claimed = Vec::with_capacity(leases.len());
    for lease in leases {
        let Some((due, attempt)) = parts.remove(&lease.attempt) else {
            continue;
        };
        let inputs = match due.payload_id.map(|id| payload::open(tx, id)) {
            // Its own send fails for want of it, and those of the others do not.
            Some(Err(Corrupt(fault))) => {
                tracing::error!(delivery = %due.id, %fault, "the inputs of a message cannot be opened");
                None
            }
            Some(opened) => opened?,
            None => None,
        };
        claimed.push(Claimed {
            attempt: attempt.id,
            node: attempt.node_id,
            number: attempt.number,
            started_at: attempt.started_at,
            due,
            inputs,
        });
    }
    Ok(claimed)
}
