//! What a node does for the log while another leads: it keeps its own journal abreast of what is published, each
//! batch read and hashed again. So an older backup is behind the journal of any node that was running, and a node
//! that misses a head it has on record takes the lead and signs nothing, lest another go on without that head.
//! Knows not who leads, nor why.

use super::journal::{Journal, JournalFault, Record};
use super::reconcile::reconcile;
use super::sequencer::verified;
use crate::actions::Error;
use crate::merkle::growing::Growing;
use crate::storage::log::Head;
use crate::storage::{Store, Tx};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A node's journal between its times as leader.
pub(super) struct Following {
    journal: Arc<Mutex<Journal>>,
    /// Term and size of the log when it was last looked at.
    seen: Option<(i64, i64)>,
}

/// Why a journal is not abreast.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKeptUp {
    #[error(transparent)]
    Journal(#[from] JournalFault),
    #[error("{0}")]
    Stopped(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Action(#[from] Error),
}

/// What the database has beyond the journal.
enum Beyond {
    /// Published batches, verified.
    Batches(Vec<Record>),
    /// The journal holds a head that the database does not.
    Lost,
}

impl Following {
    /// `None` where the node has no journal: it joins by `kairan log adopt`.
    pub async fn begin(folder: &Path) -> Result<Option<Self>, NotKeptUp> {
        let folder = folder.to_owned();
        let journal = on_a_thread(move || Journal::open(&folder)).await?;
        Ok(journal.map(|journal| Self {
            journal: Arc::new(Mutex::new(journal)),
            seen: None,
        }))
    }

    /// The journal, for whoever leads from here on.
    pub fn into_journal(self) -> Option<Journal> {
        let journal = Arc::try_unwrap(self.journal).ok()?;
        Some(journal.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends what was published since, to `head` at least; true = a head that is on record here is not in the
    /// database.
    pub async fn keep_up(
        &mut self,
        store: &Store,
        origin: &str,
        head: &Head,
    ) -> Result<bool, NotKeptUp> {
        let now = (head.term, head.size);
        if self.seen == Some(now) {
            return Ok(false);
        }
        let size = |journal: &Journal| i64::try_from(journal.head().size).unwrap_or(i64::MAX);
        loop {
            let known = self.journal().head().clone();
            let (name, log) = (origin.to_owned(), head.log);
            let beyond = store
                .read(move |tx| match reconcile(tx, &name, Some(&known))? {
                    Ok(agreed) => beyond(tx, &name, log, agreed.settled, agreed.published),
                    Err(refusal) if refusal.is_lost_head() => Ok(Beyond::Lost),
                    // For whoever leads to say.
                    Err(_) => Ok(Beyond::Batches(Vec::new())),
                })
                .await?;
            match beyond {
                Beyond::Lost => return Ok(true),
                Beyond::Batches(records) if records.is_empty() => break,
                Beyond::Batches(records) => self.append(records).await?,
            }
            // What is published meanwhile is for the next time: that may go on for ever.
            if size(&self.journal()) >= head.size {
                break;
            }
        }
        // What is not published yet is looked for again.
        self.seen = Some(now).filter(|_| size(&self.journal()) >= head.size);
        Ok(false)
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn append(&self, records: Vec<Record>) -> Result<(), NotKeptUp> {
        let journal = Arc::clone(&self.journal);
        on_a_thread(move || {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            let mut records = records.iter();
            records.try_for_each(|record| journal.append(record))
        })
        .await
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalFault> + Send + 'static,
) -> Result<T, NotKeptUp> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

fn beyond(
    tx: &mut Tx<'_>,
    origin: &str,
    log: i64,
    settled: Growing,
    published: i64,
) -> Result<Beyond, Error> {
    let published = published.unsigned_abs();
    if settled.size() >= published {
        return Ok(Beyond::Batches(Vec::new()));
    }
    // What does not hash is for whoever leads to say.
    let batches = verified(tx, origin, log, settled)?.unwrap_or_default();
    let records = batches.into_iter().map(|(record, _)| record);
    let is_published = |record: &Record| record.head.size <= published;
    Ok(Beyond::Batches(records.take_while(is_published).collect()))
}
