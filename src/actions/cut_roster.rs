//! Cutting a roster version: the banks active now, how each is reached and by which keys it acknowledges, as one
//! hash. A version is cut
//! when a change takes effect, under the issue gate, and only if something changed.

use super::{Error, end_partnership, late_joiner};
use crate::domain::digest::Digest;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::{self, Hash};
use crate::storage::facts::Fact;
use crate::storage::roster::{self, Gate, RosterLeafRow, RosterVersionRow};
use crate::storage::{Tx, bank, bank_key, log};
use std::collections::{BTreeMap, HashMap};

/// Enters the gate for a change of the register. What was due by then takes effect first, so that a bank
/// whose partnership ran out unnoticed is not carried over.
pub fn enter(tx: &mut Tx<'_>) -> Result<Gate, Error> {
    let mut gate = roster::enter_gate(tx)?;
    let now = tx.now()?;
    if gate.next_change_at().is_some_and(|at| at <= now) {
        cut_if_changed(tx, &mut gate)?;
    }
    Ok(gate)
}

/// The roster to issue by: the newest version, cut now if a planned change has come due.
pub fn roster_in_force(
    tx: &mut Tx<'_>,
    gate: &mut Gate,
) -> Result<Option<RosterVersionRow>, Error> {
    let now = tx.now()?;
    if gate.next_change_at().is_some_and(|at| at <= now) {
        return cut_if_changed(tx, gate).map(Some);
    }
    Ok(roster::latest(tx)?)
}

/// For the engine's tick: cuts a version if a planned change has come due; false = nothing was due.
pub fn cut_due(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let now = tx.now()?;
    if roster::next_change(tx)?.is_none_or(|at| at > now) {
        return Ok(false);
    }
    enter(tx)?;
    Ok(true)
}

/// Cuts the next version if the banks active now, or how they are reached, differ from the newest
/// version's; returns the version in force. Plans when the register next changes by itself.
pub fn cut_if_changed(tx: &mut Tx<'_>, gate: &mut Gate) -> Result<RosterVersionRow, Error> {
    let now = tx.now()?;
    let latest = roster::latest(tx)?;
    let before = match &latest {
        Some(version) => roster::leaves(tx, version.version)?,
        None => Vec::new(),
    };
    let version = latest.as_ref().map_or(0, |row| row.version) + 1;
    let members = before.iter().map(|leaf| leaf.bank_id).collect();
    end_partnership::put_off_untold(tx, &members, now)?;
    let leaves = leaves_now(tx, now, version, &before)?;
    plan(tx, gate, now)?;
    match latest {
        Some(newest) if same(&before, &leaves) => Ok(newest),
        latest => cut(tx, gate, now, latest.as_ref(), &leaves),
    }
}

fn same(before: &[RosterLeafRow], after: &[RosterLeafRow]) -> bool {
    before.len() == after.len()
        && before
            .iter()
            .zip(after)
            .all(|(one, other)| one.bank_id == other.bank_id && one.leaf_hash == other.leaf_hash)
}

fn plan(tx: &mut Tx<'_>, gate: &mut Gate, now: Instant) -> Result<(), Error> {
    let rows = bank::partnerships(tx)?;
    let next = rows
        .iter()
        .flat_map(|row| [Some(row.valid_from), row.valid_to])
        .flatten()
        .filter(|at| *at > now)
        .min();
    Ok(roster::plan_change(tx, gate, next)?)
}

fn leaves_now(
    tx: &mut Tx<'_>,
    now: Instant,
    version: i64,
    before: &[RosterLeafRow],
) -> Result<Vec<RosterLeafRow>, Error> {
    let channels = channels_of_all(tx)?;
    let mut keys = keys_of_all(tx)?;
    let linking: HashMap<Uid, String> = bank::profiles(tx)?
        .into_iter()
        .map(|profile| (profile.bank_id, profile.linking))
        .collect();
    let since: HashMap<Uid, i64> = before
        .iter()
        .map(|leaf| (leaf.bank_id, leaf.member_since))
        .collect();
    let mut active: Vec<Uid> = bank::partnerships(tx)?
        .iter()
        .filter(|row| row.holds_at(now))
        .map(|row| row.bank_id)
        .collect();
    active.sort_unstable();
    let leaf = |(position, bank_id): (usize, Uid)| {
        let channels = channels
            .get(&bank_id)
            .copied()
            .unwrap_or_else(|| channels_hash(&mut []));
        let linking = linking.get(&bank_id).cloned().unwrap_or_default();
        let member_since = since.get(&bank_id).copied().unwrap_or(version);
        let keys = keys.remove(&bank_id).unwrap_or_default();
        let leaf_hash = entry::roster_leaf(bank_id, &channels, &linking, member_since, &keys);
        RosterLeafRow {
            version,
            bank_id,
            position: i64::try_from(position).unwrap_or(i64::MAX),
            linking,
            channels: channels.to_vec(),
            member_since,
            keys,
            leaf_hash: leaf_hash.to_vec(),
        }
    };
    Ok(active.into_iter().enumerate().map(leaf).collect())
}

/// The live acknowledgement keys of each bank, ascending, one after the other.
fn keys_of_all(tx: &mut Tx<'_>) -> Result<HashMap<Uid, Vec<u8>>, Error> {
    let mut keys: HashMap<Uid, Vec<u8>> = HashMap::new();
    for (bank_id, key) in bank_key::live(tx)? {
        keys.entry(bank_id).or_default().extend(key);
    }
    Ok(keys)
}

fn channels_of_all(tx: &mut Tx<'_>) -> Result<HashMap<Uid, Hash>, Error> {
    let mut commitments: BTreeMap<Uid, Vec<Vec<u8>>> = BTreeMap::new();
    for contact in bank::contacts(tx)? {
        commitments
            .entry(contact.bank_id)
            .or_default()
            .push(contact.commitment);
    }
    for endpoint in bank::endpoints(tx)? {
        commitments
            .entry(endpoint.bank_id)
            .or_default()
            .push(endpoint.commitment);
    }
    Ok(commitments
        .into_iter()
        .map(|(bank, mut all)| (bank, channels_hash(&mut all)))
        .collect())
}

/// One commitment to all ways of reaching a bank, whatever their order.
fn channels_hash(commitments: &mut [Vec<u8>]) -> Hash {
    commitments.sort_unstable();
    let mut bytes = b"kairan-channels/v1\0".to_vec();
    bytes.extend(commitments.iter().flatten());
    Digest::of(&bytes).0
}

fn cut(
    tx: &mut Tx<'_>,
    gate: &Gate,
    now: Instant,
    before: Option<&RosterVersionRow>,
    leaves: &[RosterLeafRow],
) -> Result<RosterVersionRow, Error> {
    let version = before.map_or(0, |row| row.version) + 1;
    let bank_count = i64::try_from(leaves.len()).unwrap_or(i64::MAX);
    let root = merkle::root(leaves.iter().filter_map(|leaf| hash(&leaf.leaf_hash)));
    let previous = before
        .and_then(|row| hash(&row.entry_hash))
        .unwrap_or([0; 32]);
    let mut row = RosterVersionRow {
        version,
        effective_at: now,
        bank_count,
        root: root.to_vec(),
        entry_hash: Vec::new(),
    };
    let staged = Entry::RosterVersion(entry::RosterVersion {
        effective_at: now,
        facts: roster::bind(tx, &row, leaves),
        n: bank_count,
        previous,
        root,
        t: "roster.version",
        v: 1,
        version,
    });
    row.entry_hash = log::stage(tx, &[(row.subject(), staged)])?.concat();
    roster::insert(tx, gate, &row, leaves)?;
    let joined: Vec<Uid> = leaves
        .iter()
        .filter(|leaf| leaf.member_since == version)
        .map(|leaf| leaf.bank_id)
        .collect();
    late_joiner::begin(tx, &joined, now)?;
    Ok(row)
}

fn hash(bytes: &[u8]) -> Option<Hash> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_channels_were_entered_does_not_change_the_roster() {
        let one = channels_hash(&mut [vec![1; 32], vec![2; 32]]);
        assert_eq!(one, channels_hash(&mut [vec![2; 32], vec![1; 32]]));
        assert_ne!(one, channels_hash(&mut [vec![1; 32]]));
        assert_ne!(one, channels_hash(&mut []));
    }
}
