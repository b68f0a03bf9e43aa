//! Putting staged evidence in order: whole groups get the next places in the log, the tree grows by them, and
//! the new head is on record. Nothing is signed here: a transaction that rolls back after its head was signed
//! would be a fork.

use super::Error;
use crate::domain::entry::Entry;
use crate::domain::id::Uid;
use crate::merkle::Hash;
use crate::merkle::growing::Growing;
use crate::storage::log::{self, BatchRow, Head, PendingRow, RunRow};
use crate::storage::{Tx, tree};
use std::collections::HashMap;
use std::time::Duration;

/// Groups that one batch looks at, and entries it takes unless a single group has more.
const GROUPS: i64 = 4_096;
const ENTRIES: i64 = 4_096;

/// What came of looking for entries that wait.
#[derive(Debug, Clone)]
pub enum Sequenced {
    Nothing,
    /// The tree as it stands now.
    Batch(Box<Growing>),
    /// Another leads: this one's term has passed, and nothing was changed.
    LeadLost,
}

/// Takes what waits into the log, at most one batch. `head` and `growing` are how this leader last saw the log;
/// `own` is what the log itself has to say, which comes first.
pub fn sequence(
    tx: &mut Tx<'_>,
    head: &Head,
    growing: &Growing,
    own: Option<&(Uid, Entry<'_>)>,
    lease: Duration,
) -> Result<Sequenced, Error> {
    let now = tx.now()?;
    if !log::keep_lead(tx, head.term, now + lease)? {
        return Ok(Sequenced::LeadLost);
    }
    let mut groups = log::pending(tx, GROUPS)?;
    if let Some(own) = own {
        log::stage(tx, std::slice::from_ref(own))?;
        // The youngest of all, and yet the first.
        let opening = log::own_pending(tx)?;
        groups.retain(|group| Some(group.group_id) != opening.as_ref().map(|row| row.group_id));
        groups.splice(0..0, opening);
    }
    let groups = fitting(groups);
    if groups.is_empty() {
        return Ok(Sequenced::Nothing);
    }
    let leaves = leaves_of(tx, &groups)?;
    let mut grown = growing.clone();
    let mut full = Vec::new();
    for (_, hash) in &leaves {
        grown.push(*hash, &mut full);
    }
    log::insert_runs(tx, &runs(head, &leaves))?;
    tree::insert_tiles(tx, head.log, &full)?;
    let size = i64::try_from(grown.size()).unwrap_or(i64::MAX);
    let batch = BatchRow {
        log: head.log,
        size,
        root: grown.root().to_vec(),
        recorded_at: now,
    };
    log::insert_batch(tx, &batch)?;
    let ids: Vec<_> = groups.iter().map(|group| group.group_id).collect();
    log::take_pending(tx, &ids)?;
    if !log::move_head(tx, head, size, now + lease)? {
        return Err(super::issue::damaged("the head of the log"));
    }
    Ok(Sequenced::Batch(Box::new(grown)))
}

/// The oldest groups, whole, as many as fit one batch; one at least.
fn fitting(groups: Vec<PendingRow>) -> Vec<PendingRow> {
    let mut room = ENTRIES;
    let mut taken = Vec::new();
    for group in groups {
        let most = group.last_seq - group.first_seq + 1;
        if most > room && !taken.is_empty() {
            break;
        }
        room -= most;
        taken.push(group);
    }
    taken
}

/// Numbers and leaf hashes of these groups' entries: the groups in order, and within each the entries.
fn leaves_of(tx: &mut Tx<'_>, groups: &[PendingRow]) -> Result<Vec<(i64, Hash)>, Error> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut sorted: Vec<_> = groups
        .iter()
        .map(|row| (row.first_seq, row.last_seq))
        .collect();
    sorted.sort_unstable();
    for (first, last) in sorted {
        match spans.last_mut() {
            Some(span) if first <= span.1 + 1 => span.1 = span.1.max(last),
            _ => spans.push((first, last)),
        }
    }
    let mut of_group: HashMap<_, Vec<(i64, Hash)>> = groups
        .iter()
        .map(|row| (row.group_id, Vec::new()))
        .collect();
    for (first, last) in spans {
        for (seq, group, hash) in log::leaves_between(tx, first, last)? {
            if let Some(leaves) = of_group.get_mut(&group) {
                leaves.push((seq, super::fan_out::hash_of(&hash)));
            }
        }
    }
    let in_order = groups
        .iter()
        .flat_map(|row| of_group.remove(&row.group_id).unwrap_or_default());
    Ok(in_order.collect())
}

fn runs(head: &Head, leaves: &[(i64, Hash)]) -> Vec<RunRow> {
    let mut runs: Vec<RunRow> = Vec::new();
    for (index, (seq, _)) in (head.size..).zip(leaves) {
        match runs.last_mut() {
            Some(run) if run.first_seq + run.n == *seq => run.n += 1,
            _ => runs.push(RunRow {
                log: head.log,
                first_index: index,
                first_seq: *seq,
                n: 1,
            }),
        }
    }
    runs
}
