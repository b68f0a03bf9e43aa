//! Claiming: due deliveries get a lease, and their attempt is on record before a byte leaves (law 6).

use super::Error;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::Error::Corrupt;
pub use crate::storage::delivery::Lease;
use crate::storage::delivery::{self, AttemptRow, DeliveryRow, DueRow};
use crate::storage::due::{self, Candidate, Look, Turn};
use crate::storage::{Tx, bank, payload};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use zeroize::Zeroizing;

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
    /// So many of `total` are kept for first attempts of banks that have none in flight.
    pub kept: usize,
    /// Banks behind this one, by id, come first: each has its turn where places are few.
    pub after: Option<Uid>,
}

impl Room {
    /// The same, when these have left their places.
    pub fn without(&self, left: impl Iterator<Item = Option<Uid>>) -> Self {
        let mut room = self.clone();
        for bank in left {
            if let Some(count) = room.in_flight.get_mut(&bank) {
                *count = count.saturating_sub(1);
            }
            room.total += 1;
        }
        room
    }
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
    /// Its address has ended since it was written: it may be somebody else's by now.
    pub has_ended: bool,
}

/// Leases what is due and fits, first attempts before retries, each bank's oldest first; where all places but the kept
/// ones are taken, only first attempts of banks that have none. What sending takes is read after the commit (`open`): it
/// keeps no writer waiting.
pub fn claim(tx: &mut Tx<'_>, room: &Room) -> Result<Vec<Lease>, Error> {
    let (mut room, mut leases) = (room.clone(), Vec::new());
    let open = |room: &Room| room.total.saturating_sub(room.kept);
    let (most, per_bank) = (open(&room), room.per_bank);
    if claim_some(tx, &mut room, Turn::First, (per_bank, most), &mut leases)? == most {
        let most = room.total;
        claim_some(tx, &mut room, Turn::First, (1, most), &mut leases)?;
    }
    let most = open(&room);
    claim_some(tx, &mut room, Turn::Retry, (per_bank, most), &mut leases)?;
    Ok(leases)
}

/// Leases at most `total`, so that no bank has more than `per_bank`; how many it found.
fn claim_some(
    tx: &mut Tx<'_>,
    room: &mut Room,
    turn: Turn,
    (per_bank, total): (usize, usize),
    leases: &mut Vec<Lease>,
) -> Result<usize, Error> {
    let now = tx.now()?;
    let look = Look {
        channel: room.channel,
        now,
        patience_ends: now - room.seal_patience,
        held: &room.in_flight,
        per_bank,
        total,
        after: room.after,
    };
    let found = due::due(tx, turn, &look)?;
    // Another node may have been quicker: the next commit looks again.
    let taken = take(tx, room, now, &found)?;
    for lease in &taken {
        *room.in_flight.entry(lease.bank).or_insert(0) += 1;
    }
    room.total -= taken.len();
    leases.extend(taken);
    Ok(found.len())
}

/// Leases anew what an earlier run of this node had under way: an attempt that nobody knows the outcome of is no failure,
/// and its delivery keeps its place before whatever came after it. What had failed waits among the retries.
pub fn go_on(tx: &mut Tx<'_>, room: &Room, lost: &[DeliveryRow]) -> Result<Vec<Lease>, Error> {
    let mut held = room.in_flight.clone();
    let mut has_place = |whose| {
        let taken: &mut usize = held.entry(whose).or_default();
        *taken += 1;
        *taken <= room.per_bank
    };
    let chosen: Vec<Candidate> = lost
        .iter()
        .filter(|row| row.failures == 0 && has_place(row.bank_id))
        .map(|row| (row.id, row.bank_id, row.unsealed))
        .take(room.total)
        .collect();
    let now = tx.now()?;
    take(tx, room, now, &chosen)
}

fn take(
    tx: &mut Tx<'_>,
    room: &Room,
    now: Instant,
    chosen: &[Candidate],
) -> Result<Vec<Lease>, Error> {
    let mut leases: Vec<Lease> = chosen
        .iter()
        .map(|(delivery, bank, unsealed)| Lease {
            delivery: *delivery,
            bank: *bank,
            attempt: Uid::at(now),
            unsealed: *unsealed,
        })
        .collect();
    if leases.is_empty() {
        return Ok(leases);
    }
    let taken = delivery::lease(tx, &leases, room.node, (now, now + room.lease))?;
    leases.retain(|lease| taken.contains(&lease.delivery));
    Ok(leases)
}

/// What sending these takes, in their order. A lease that was lost meanwhile is left out.
pub fn open(tx: &mut Tx<'_>, leases: &[Lease]) -> Result<Vec<Claimed>, Error> {
    let mut parts: HashMap<Uid, (DueRow, AttemptRow)> = delivery::parts_of(tx, leases)?
        .into_iter()
        .map(|(due, attempt)| (attempt.id, (due, attempt)))
        .collect();
    let wanted: Vec<Uid> = parts
        .values()
        .filter_map(|(due, _)| due.payload_id)
        .collect();
    let opened = payload::open_all(tx, &wanted)?;
    let targets: HashSet<Uid> = parts.values().map(|(due, _)| due.target_id).collect();
    let ended = bank::ended(tx, &targets.into_iter().collect::<Vec<_>>())?;
    let mut claimed = Vec::with_capacity(leases.len());
    for lease in leases {
        let Some((due, attempt)) = parts.remove(&lease.attempt) else {
            continue;
        };
        let inputs = match due.payload_id.map(|id| opened.get(id)) {
            // Its own send fails for want of it, and those of the others do not.
            Some(Err(Corrupt(fault))) => {
                tracing::error!(delivery = %due.id, %fault, "the inputs of a message cannot be opened");
                None
            }
            Some(opened) => opened?.cloned(),
            None => None,
        };
        claimed.push(Claimed {
            attempt: attempt.id,
            node: attempt.node_id,
            number: attempt.number,
            started_at: attempt.started_at,
            has_ended: ended.contains(&due.target_id),
            due,
            inputs,
        });
    }
    Ok(claimed)
}
