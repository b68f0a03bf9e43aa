//! What a person may do where the log refuses: bring a restored database up again from the journal, where that is
//! provably right; otherwise begin a successor that names every known head; or adopt a head that somebody else holds,
//! where the journal is lost.

use super::journal::{self, Journal, JournalFault, Record};
use super::keys::{LogKey, believed};
use super::reconcile::{Agreed, Refusal, reconcile};
use super::sequencer::verified;
use crate::actions::Error;
use crate::actions::replay::{Batch, Lost, replay};
use crate::actions::sequence::{Sequenced, sequence};
use crate::domain::entry::{Entry, KnownHead, Successor};
use crate::domain::id::Uid;
use crate::merkle::checkpoint::{Checkpoint, NotOpened};
use crate::merkle::growing::Growing;
use crate::storage::log::{self, Head};
use crate::storage::{Lane, Store, Tx, evidence, tree};
use std::path::Path;
use std::time::Duration;

/// Why it cannot be recovered. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotRecovered {
    #[error(transparent)]
    Journal(#[from] JournalFault),
    #[error(transparent)]
    Action(#[from] Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("another hub leads the log; stop it, and try again")]
    LeadLost,
    #[error(
        "there is a journal already; `kairan log adopt` is for a hub without one: use `kairan log recover`"
    )]
    HasJournal,
    #[error(
        "that is not a head of this log: {0}; give the signed checkpoint as it came from a bank or an auditor"
    )]
    NotAHead(#[from] NotOpened),
    #[error(
        "the database holds {database} entries and that head {head}: put back a newer backup, or the journal's folder"
    )]
    DatabaseBehind { database: i64, head: u64 },
    #[error(
        "at {0} entries the database holds another log than that head: keep both as evidence, put the journal's folder back, or run `kairan log recover` once there is one"
    )]
    OtherTree(u64),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// Database and journal agree.
    NothingToDo,
    /// So many entries were put back.
    Replayed(i64),
    /// The log with this number has begun.
    Successor(i64),
}

const LEASE: Duration = Duration::from_secs(1);
/// Earlier logs and disputed heads that a successor's first entry names; each takes some 150 of its 4 096 bytes.
const LOGS: usize = 8;
const DISPUTES: usize = 12;

/// Brings the log up again. Nobody else may write it meanwhile: the journal's folder is held.
pub async fn recover(
    store: &Store,
    key: &LogKey,
    folder: &Path,
    node: Uid,
) -> Result<Recovered, NotRecovered> {
    let mut journal = match Journal::open(folder)? {
        Some(journal) => journal,
        None => {
            let size = store.read(|tx| Ok::<_, Error>(log::head(tx)?.size)).await?;
            return Err(Refusal::JournalMissing(size).into());
        }
    };
    let head = lead(store, node).await?;
    let origin = key.origin(head.log);
    let name = origin.clone();
    let known = journal.head().clone();
    let agreed = store
        .read(move |tx| reconcile(tx, &name, Some(&known)))
        .await?;
    let refusal = match agreed {
        Ok(agreed) => match unsound(store, origin, agreed).await? {
            // As where a recovery was cut off before its successor began.
            None if has_lost_a_roster(store, head.log).await? => {
                return begin_successor(store, key, folder, &mut journal, head).await;
            }
            None => return Ok(Recovered::NothingToDo),
            Some(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    if let Refusal::DatabaseBehind { .. } = refusal
        && let Some(restored) = bring_up(store, key, folder, &head).await?
    {
        if !has_lost_a_roster(store, head.log).await? {
            return Ok(Recovered::Replayed(restored));
        }
        let head = lead(store, node).await?;
        return begin_successor(store, key, folder, &mut journal, head).await;
    }
    begin_successor(store, key, folder, &mut journal, head).await
}

async fn lead(store: &Store, node: Uid) -> Result<Head, NotRecovered> {
    let head = store
        .write(Lane::Front, move |tx| {
            let head = log::head(tx)?;
            let until = tx.now()? + LEASE;
            let taken = log::take_lead(tx, node, head.term, until)?;
            Ok::<_, Error>(if taken { Some(log::head(tx)?) } else { None })
        })
        .await?;
    head.ok_or(NotRecovered::LeadLost)
}

/// Whether the log has passed a version of the roster whose rows are lost: the next one would contradict it, for good.
async fn has_lost_a_roster(store: &Store, log: i64) -> Result<bool, NotRecovered> {
    let lost = store
        .read(move |tx| Ok::<_, Error>(log::lost_rosters(tx, log)?))
        .await?;
    Ok(lost > 0)
}

/// What is wrong with the batches that the journal does not hold yet, if anything is.
async fn unsound(
    store: &Store,
    origin: String,
    agreed: Agreed,
) -> Result<Option<Refusal>, NotRecovered> {
    let (log, mut grown) = (agreed.head.log, agreed.settled);
    while grown != agreed.growing {
        let (name, from) = (origin.clone(), grown);
        let read = store
            .read(move |tx| verified(tx, &name, log, from.clone()))
            .await?;
        grown = match read {
            Ok(batches) => batches
                .last()
                .map_or_else(Growing::default, |(_, tree)| tree.clone()),
            Err(refusal) => return Ok(Some(refusal)),
        };
    }
    Ok(None)
}

/// Replays what the database lacks; `None` = the journal does not go on from where the database stands.
async fn bring_up(
    store: &Store,
    key: &LogKey,
    folder: &Path,
    head: &Head,
) -> Result<Option<i64>, NotRecovered> {
    let (log, size, origin) = (head.log, head.size, key.origin(head.log));
    let grown = store
        .read(move |tx| Ok::<_, Error>(tree::growing(tx, log, size)?))
        .await?;
    let mut fits = size == 0;
    let mut lacking: Vec<Record> = Vec::new();
    journal::read(folder, |record| {
        if record.head.origin != origin {
            return Ok(());
        }
        if record.head.size == size.unsigned_abs() {
            fits |= record.head.root == grown.root();
        } else if record.head.size > size.unsigned_abs() && !record.entries.is_empty() {
            lacking.push(record);
        }
        Ok::<_, JournalFault>(())
    })?;
    if !fits {
        return Ok(None);
    }
    let from = *head;
    let batches: Vec<Batch> = lacking.into_iter().map(batch).collect();
    store
        .write(Lane::Front, move |tx| {
            put_back(tx, from, grown.clone(), &batches)
        })
        .await
        .map_err(NotRecovered::from)
}

fn batch(record: Record) -> Batch {
    Batch {
        size: i64::try_from(record.head.size).unwrap_or(i64::MAX),
        root: record.head.root,
        entries: record.entries,
    }
}

/// All of them in one transaction; nothing if one does not fit.
fn put_back(
    tx: &mut Tx<'_>,
    from: Head,
    growing: Growing,
    batches: &[Batch],
) -> Result<Option<i64>, Error> {
    let (mut head, mut grown, mut lost) = (from, growing, Lost::default());
    for batch in batches {
        match replay(tx, &head, &grown, batch, &mut lost)? {
            Some(after) => (head, grown) = after,
            None => {
                return Err(crate::storage::Error::Corrupt(format!(
                    "the journal's batch up to {} entries does not lead to its own head",
                    batch.size
                ))
                .into());
            }
        }
    }
    log::drop_settled(tx)?;
    lost.pass_over(tx)?;
    Ok(Some(head.size - from.size))
}

/// Begins the log of the next number: its first leaf names every head that is known.
async fn begin_successor(
    store: &Store,
    key: &LogKey,
    folder: &Path,
    journal: &mut Journal,
    head: Head,
) -> Result<Recovered, NotRecovered> {
    let number = head.log;
    let origin = key.origin(number);
    let published = store
        .read(move |tx| Ok::<_, Error>(log::latest_checkpoint(tx, number)?))
        .await?;
    let name = key.clone();
    // What was tampered with may say nothing of keys any more.
    let keys = store.read(move |tx| believed(tx, &name, number)).await;
    let keys = keys.ok().flatten();
    let keys = keys.unwrap_or_else(|| key.signer(number).verifier().into());
    let published = published.and_then(|row| keys.open(&row.note).ok());
    let mut heads: Vec<KnownHead> = Vec::new();
    let mut is_journaled = false;
    journal::read(folder, |record| {
        is_journaled |= published.as_ref() == Some(&record.head);
        note(&mut heads, &record.head);
        Ok::<_, JournalFault>(())
    })?;
    if let Some(signed) = &published {
        let journaled = heads.iter().find(|known| known.origin == signed.origin);
        let is_one_log = match journaled {
            Some(known) if known.size < signed.size => stands_at(store, number, known).await?,
            _ => is_journaled,
        };
        match is_one_log {
            true => note(&mut heads, signed),
            // Two that no proof joins: neither stands for the other.
            false => heads.push(known(signed)),
        }
    }
    heads.retain(|known| known.size > 0);
    // The newest logs: each successor names its own predecessors.
    heads.drain(..heads.len().saturating_sub(LOGS));
    let disputes = store
        .read(move |tx| {
            let begun = log::begun_at(tx, number)?;
            match begun {
                Some(begun) => Ok::<_, Error>(evidence::head_disputes_since(tx, begun)?),
                None => Ok(Vec::new()),
            }
        })
        .await?;
    for dispute in disputes.iter().rev().take(DISPUTES) {
        heads.push(KnownHead {
            origin: origin.clone(),
            root: dispute.root.as_slice().try_into().unwrap_or([0; 32]),
            size: dispute.size.unsigned_abs(),
        });
    }
    let next = number + 1;
    let (name, vkey) = (key.origin(next), key.signer(next).verifier().to_string());
    tracing::warn!(%origin, successor = %name, "the log is continued by a successor");
    // First: what the database took and no journal names could never be signed.
    let empty = Checkpoint {
        origin: key.origin(next),
        size: 0,
        root: crate::merkle::empty_root(),
    };
    journal.follow(&empty)?;
    let begun = store
        .write(Lane::Front, move |tx| {
            if !log::begin_successor(tx, &head)? {
                return Ok::<_, Error>(false);
            }
            let first = Entry::Successor(Successor {
                at: tx.now()?,
                format: "kairan-log/v1",
                heads: heads.clone(),
                origin: &name,
                t: "log.successor",
                v: 1,
                vkey: &vkey,
            });
            let fresh = log::head(tx)?;
            let own = (tx.new_id()?, first);
            let done = sequence(tx, &fresh, &Growing::default(), Some(&own), LEASE)?;
            Ok(matches!(done, Sequenced::Batch(_)))
        })
        .await?;
    if !begun {
        return Err(NotRecovered::LeadLost);
    }
    Ok(Recovered::Successor(next))
}

/// Whether the database's tree had this head, too.
async fn stands_at(store: &Store, log: i64, head: &KnownHead) -> Result<bool, NotRecovered> {
    let size = i64::try_from(head.size).unwrap_or(i64::MAX);
    let root = store
        .read(move |tx| match tree::Reader::new(tx, log, size).root() {
            Ok(root) => Ok(Some(root)),
            Err(crate::storage::Error::Corrupt(_)) => Ok(None),
            Err(other) => Err(Error::from(other)),
        })
        .await?;
    Ok(root == Some(head.root))
}

fn known(seen: &Checkpoint) -> KnownHead {
    KnownHead {
        origin: seen.origin.clone(),
        root: seen.root,
        size: seen.size,
    }
}

/// The newest head of each log.
fn note(heads: &mut Vec<KnownHead>, seen: &Checkpoint) {
    let fresh = known(seen);
    match heads.iter_mut().find(|known| known.origin == seen.origin) {
        Some(known) if known.size < fresh.size => *known = fresh,
        Some(known) if known.size == fresh.size && known.root != fresh.root => heads.push(fresh),
        Some(_) => {}
        None => heads.push(fresh),
    }
}

/// Begins a journal at a signed head that somebody else holds, where the database leads through it.
pub async fn adopt(
    store: &Store,
    key: &LogKey,
    folder: &Path,
    signed: &str,
) -> Result<Checkpoint, NotRecovered> {
    if journal::last_head(folder)?.is_some() {
        return Err(NotRecovered::HasJournal);
    }
    let head = store.read(|tx| Ok::<_, Error>(log::head(tx)?)).await?;
    let (name, number) = (key.clone(), head.log);
    let keys = store.read(move |tx| believed(tx, &name, number)).await?;
    let keys = keys.unwrap_or_else(|| key.signer(number).verifier().into());
    let known = keys.open(signed)?;
    if known.size > head.size.unsigned_abs() {
        return Err(NotRecovered::DatabaseBehind {
            database: head.size,
            head: known.size,
        });
    }
    let size = i64::try_from(known.size).unwrap_or(i64::MAX);
    let root = store
        .read(move |tx| Ok::<_, Error>(tree::Reader::new(tx, number, size).root()?))
        .await?;
    if root != known.root {
        return Err(NotRecovered::OtherTree(known.size));
    }
    Journal::create(folder, &known)?;
    Ok(known)
}
