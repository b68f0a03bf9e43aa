//! The sequencer: whoever leads takes what waits into the log, reads it again and hashes it again, writes it to
//! the journal, signs the head, and publishes it. In that order, each step after the one before is on the disk;
//! a process that is killed anywhere between goes on from there.

use super::follow::{Following, NotKeptUp};
use super::journal::{Journal, JournalFault, Record};
use super::keys::{LogKey, Signing, signing};
use super::reconcile::{Agreed, Refusal, disputed, reconcile};
use crate::actions::publish::{Signed, publish};
use crate::actions::sequence::{Sequenced, sequence};
use crate::actions::{Error, log_keys, log_refuses};
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::growing::Growing;
use crate::merkle::{empty_root, leaf_hash};
use crate::storage::log::{self, Head};
use crate::storage::{Lane, Store, Tx, tree};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a leader that says nothing more is still the leader.
const LEASE: Duration = Duration::from_secs(10);
/// How often it is looked for what no wake-up told of.
const LOOK: Duration = Duration::from_millis(200);
/// How long a log that refused waits before it looks whether it was mended.
const MENDED: Duration = Duration::from_secs(5);
/// How often it is said again that a node cannot lead.
const REMIND: Duration = Duration::from_secs(300);
/// Batches that are settled in one go: some megabytes each at most.
const BATCHES: i64 = 8;

/// How the log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another node leads, or nobody yet.
    Following,
    /// This one leads, and has published a head of this size.
    Leading(i64),
    Refusing(Refusal),
}

/// What ends a step early.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("another node leads the log")]
    LeadLost,
    #[error(transparent)]
    Action(#[from] Error),
}

/// Where a step may be cut off, as by a kill. For tests; a hub goes through all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// A batch is in the database.
    Sequenced,
    /// It was read again and hashed again.
    Verified,
    /// It is in the journal.
    Journaled,
    /// Its head is signed.
    Signed,
    /// Its checkpoint is published.
    Published,
}

struct Leading {
    head: Head,
    growing: Growing,
    /// `None` only while a thread writes it.
    journal: Option<Journal>,
    settled: Growing,
    signing: Signing,
    published: i64,
    renew_at: tokio::time::Instant,
}

pub struct Sequencer {
    store: Store,
    key: LogKey,
    journal: PathBuf,
    node: Uid,
    leading: Option<Leading>,
    /// Its journal, while another leads.
    following: Option<Following>,
    /// The process that owns the database takes the lead once, whoever had it.
    has_led: bool,
    look_again_at: tokio::time::Instant,
    told_without_journal: Option<tokio::time::Instant>,
    standing: watch::Sender<Standing>,
    stopping: watch::Receiver<bool>,
}

impl Sequencer {
    /// `node` names this process among those that share the database; `journal` is its own folder.
    pub fn new(
        store: Store,
        key: LogKey,
        journal: PathBuf,
        node: Uid,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            key,
            journal,
            node,
            leading: None,
            following: None,
            has_led: false,
            look_again_at: tokio::time::Instant::now(),
            told_without_journal: None,
            standing: watch::Sender::new(Standing::Following),
            stopping,
        }
    }

    /// How the log stands, as this process sees it.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Lets go of the lead and of the journal's folder, as a process does that ends; the next step begins anew.
    pub fn forget(&mut self) {
        self.leading = None;
        self.following = None;
    }

    /// Runs until told to stop, then lets another node lead at once.
    pub async fn run(mut self) {
        let mut staged = self.store.staged_signal();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                _ = staged.changed() => {}
                _ = look.tick() => {}
            }
            // Whatever is amiss with the log, everybody is told all the same: it never ends the hub.
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::error!(%fault, "the log could not be carried on; will try again");
                }
                Err(_) => {
                    let refused = self.refuse(Refusal::Journal("a defect left it off".into()));
                    if let Err(fault) = refused.await {
                        tracing::error!(%fault, "the log was left off by a defect; will try again");
                    }
                }
            }
        }
        if let Err(fault) = self.hand_over().await {
            tracing::error!(%fault, "the lead could not be handed over; it ends by itself");
        }
    }

    /// Ends the lease of the lead. Nobody else looks at that of a database that one process owns.
    async fn hand_over(&mut self) -> Result<(), Error> {
        let leading = self.leading.take().filter(|_| !self.store.is_embedded());
        let Some(term) = leading.map(|leading| leading.head.term) else {
            return Ok(());
        };
        let end = move |tx: &mut Tx<'_>| {
            let now = tx.now()?;
            Ok(log::keep_lead(tx, term, now)?)
        };
        self.store.write(Lane::Front, end).await.map(drop)
    }

    /// Takes everything that waits into the log, or what does until it is told to stop, and publishes its head.
    pub async fn step(&mut self) -> Result<(), Error> {
        self.step_until(Until::Published).await
    }

    /// The same, cut off after `until`.
    pub async fn step_until(&mut self, until: Until) -> Result<(), Error> {
        match self.carry_on(until).await {
            Ok(()) => Ok(()),
            Err(Halt::LeadLost) => {
                tracing::warn!("another node leads the log");
                self.leading = None;
                self.standing.send_replace(Standing::Following);
                Ok(())
            }
            Err(Halt::Refused(refusal)) => self.refuse(refusal).await,
            Err(Halt::Action(fault)) => {
                // Whether the database took it is not known: everything is compared again.
                self.leading = None;
                Err(fault)
            }
        }
    }

    async fn carry_on(&mut self, until: Until) -> Result<(), Halt> {
        let fresh = self.leading.is_none();
        if !self.lead().await? {
            return Ok(());
        }
        self.settle(until).await?;
        if fresh {
            self.go_on().await?;
        }
        loop {
            self.settle(until).await?;
            // Others may stage for ever.
            if *self.stopping.borrow()
                || until == Until::Published && !self.anything_waits().await?
            {
                return Ok(());
            }
            if !self.take_batch().await? || until == Until::Sequenced {
                return Ok(());
            }
        }
    }

    /// Says that the log goes on, if it had refused; and nothing of the log of another that leads by now.
    async fn go_on(&mut self) -> Result<(), Halt> {
        let Some(leading) = &self.leading else {
            return Ok(());
        };
        let term = leading.head.term;
        let write = move |tx: &mut Tx<'_>| {
            let until = tx.now()? + LEASE;
            let leads = log::keep_lead(tx, term, until)?;
            if leads {
                log_refuses::goes_on(tx)?;
            }
            Ok::<_, Error>(leads)
        };
        match self.store.write(Lane::Front, write).await? {
            true => Ok(()),
            false => Err(Halt::LeadLost),
        }
    }

    /// Sees to the lead; false = another has it, or the log refuses.
    async fn lead(&mut self) -> Result<bool, Halt> {
        if self.leading.is_some() {
            return Ok(true);
        }
        let now = tokio::time::Instant::now();
        if now < self.look_again_at {
            return Ok(false);
        }
        let (head, free) = self
            .store
            .read(|tx| {
                let head = log::head(tx)?;
                Ok::<_, Error>((head, head.leads_until <= tx.now()?))
            })
            .await?;
        let owns = self.store.is_embedded() && !self.has_led;
        let may_lead = owns || free || head.leader.is_none() || head.leader == Some(self.node);
        if !may_lead && !self.misses_a_head(&head).await? {
            return Ok(false);
        }
        let journal = match self.following.take().and_then(Following::into_journal) {
            Some(journal) => Some(journal),
            None => {
                let folder = self.journal.clone();
                let opened = tokio::task::spawn_blocking(move || Journal::open(&folder)).await;
                opened
                    .map_err(|fault| Refusal::Journal(fault.to_string()))?
                    .map_err(|fault| self.unusable(&fault))?
            }
        };
        let origin = self.key.origin(head.log);
        let empty = Checkpoint {
            origin: origin.clone(),
            size: 0,
            root: empty_root(),
        };
        let known = journal.as_ref().map(|journal| journal.head().clone());
        let (node, term, key) = (self.node, head.term, self.key.clone());
        let taken = self
            .store
            .write(Lane::Front, move |tx| {
                let until = tx.now()? + LEASE;
                if !log::take_lead(tx, node, term, until)? {
                    return Ok(None);
                }
                let agreed = match reconcile(tx, &origin, known.as_ref())? {
                    Ok(agreed) => signing(tx, &key, &agreed.head)?.map(|with| (agreed, with)),
                    Err(refusal) => Err(refusal),
                };
                if agreed
                    .as_ref()
                    .is_err_and(|refusal| !refusal.is_lost_head())
                {
                    // Another node may be able to. Without a lost head none may.
                    let now = tx.now()?;
                    log::keep_lead(tx, term + 1, now)?;
                }
                Ok::<_, Error>(Some(agreed))
            })
            .await?;
        let Some(agreed) = taken else {
            return Ok(false);
        };
        let (agreed, signing) = agreed?;
        let Agreed {
            head,
            growing,
            settled,
            published,
        } = agreed;
        // Before anything stands in the log: a hub that is killed then finds its journal.
        let journal = match journal {
            Some(journal) => journal,
            None => {
                Journal::create(&self.journal, &empty).map_err(|fault| self.unusable(&fault))?
            }
        };
        self.has_led = true;
        self.leading = Some(Leading {
            head,
            growing,
            journal: Some(journal),
            settled,
            signing,
            published,
            renew_at: now + LEASE / 2,
        });
        tracing::info!(
            log = head.log,
            entries = head.size,
            term = head.term,
            "leading the log"
        );
        self.standing.send_replace(Standing::Leading(published));
        Ok(true)
    }

    /// Keeps this node's journal abreast of the leader's; true = it holds a head that the database has lost.
    async fn misses_a_head(&mut self, head: &Head) -> Result<bool, Halt> {
        let kept_up = self.keep_up(head).await;
        if kept_up.is_ok() && self.following.is_none() && head.size > 0 {
            self.tell_without_journal();
        }
        if kept_up.is_err() || self.following.is_none() {
            self.look_again_at = tokio::time::Instant::now() + MENDED;
        }
        match kept_up {
            Err(NotKeptUp::Journal(fault @ JournalFault::Unsynced(..))) => {
                Err(self.unusable(&fault).into())
            }
            // The log refuses nothing: another leads it. This node will when it has to lead.
            Err(fault @ (NotKeptUp::Journal(_) | NotKeptUp::Stopped(_))) => {
                tracing::warn!(%fault, "this node's journal does not follow the log");
                self.following = None;
                Ok(false)
            }
            Err(NotKeptUp::Action(fault)) => Err(fault.into()),
            Ok(is_lost) => Ok(is_lost),
        }
    }

    /// Once in a while: a node that cannot lead is no help when the one that does is gone.
    fn tell_without_journal(&mut self) {
        let now = tokio::time::Instant::now();
        if self
            .told_without_journal
            .is_none_or(|at| now - at >= REMIND)
        {
            self.told_without_journal = Some(now);
            tracing::warn!(
                journal = %self.journal.display(),
                "this node has no journal and cannot lead the log: export a checkpoint (`kairan export log DIR`), stop this node, `kairan log adopt DIR/checkpoint`, and start it again"
            );
        }
    }

    async fn keep_up(&mut self, head: &Head) -> Result<bool, NotKeptUp> {
        if self.following.is_none() {
            self.following = Following::begin(&self.journal).await?;
        }
        let origin = self.key.origin(head.log);
        match &mut self.following {
            Some(following) => following.keep_up(&self.store, &origin, head).await,
            None => Ok(false),
        }
    }

    async fn anything_waits(&mut self) -> Result<bool, Halt> {
        let Some(leading) = &mut self.leading else {
            return Ok(false);
        };
        let own = leading.head.size == 0 || leading.signing.announces().is_some();
        let known = leading.head;
        let (waits, disputed) = self
            .store
            .read(move |tx| {
                let waits = !log::pending(tx, 1)?.is_empty();
                let disputed = if waits { disputed(tx, &known)? } else { None };
                Ok::<_, Error>((waits, disputed))
            })
            .await?;
        if let Some(size) = disputed {
            return Err(Refusal::Disputed(size).into());
        }
        let now = tokio::time::Instant::now();
        // Nobody else looks at the lease of a database that one process owns.
        if !waits && !own && !self.store.is_embedded() && now >= leading.renew_at {
            leading.renew_at = now + LEASE / 2;
            let term = leading.head.term;
            let kept = self
                .store
                .write(Lane::Front, move |tx| {
                    let until = tx.now()? + LEASE;
                    Ok::<_, Error>(log::keep_lead(tx, term, until)?)
                })
                .await?;
            if !kept {
                return Err(Halt::LeadLost);
            }
        }
        Ok(waits || own)
    }

    /// One batch into the database; false = nothing waits.
    async fn take_batch(&mut self) -> Result<bool, Halt> {
        let Some(leading) = &mut self.leading else {
            return Ok(false);
        };
        let (head, growing) = (leading.head, leading.growing.clone());
        let origin = self.key.origin(head.log);
        let vkey = self.key.signer(head.log).verifier().to_string();
        let changes = leading.signing.announces().filter(|_| head.size > 0);
        let is_announced = changes.is_some();
        let sequenced = self
            .store
            .write(Lane::Front, move |tx| {
                let first = Entry::Genesis(entry::Genesis {
                    at: tx.now()?,
                    format: "kairan-log/v1",
                    origin: &origin,
                    t: "log.genesis",
                    v: 1,
                    vkey: &vkey,
                });
                let own = match &changes {
                    _ if head.size == 0 => Some((tx.new_id()?, first)),
                    Some((before, after)) => {
                        let entry = log_keys::announce(tx, &origin, before, after)?;
                        Some((log_keys::subject(head.log), entry))
                    }
                    None => None,
                };
                sequence(tx, &head, &growing, own.as_ref(), LEASE)
            })
            .await?;
        match sequenced {
            Sequenced::Nothing => Ok(false),
            Sequenced::LeadLost => Err(Halt::LeadLost),
            Sequenced::Batch(grown) => {
                leading.head.size = i64::try_from(grown.size()).unwrap_or(i64::MAX);
                leading.growing = *grown;
                if is_announced {
                    leading.signing.announced();
                }
                Ok(true)
            }
        }
    }

    /// Brings what the database holds beyond the journal into it, batch by batch, each read and hashed again;
    /// then signs the newest head, and publishes it.
    async fn settle(&mut self, until: Until) -> Result<(), Halt> {
        while let Some(batches) = self.unsettled().await? {
            for (record, grown) in batches {
                if until < Until::Journaled {
                    continue;
                }
                self.write_journal(record).await?;
                if let Some(leading) = &mut self.leading {
                    leading.settled = grown;
                }
            }
            if until < Until::Journaled {
                return Ok(());
            }
        }
        self.publish(until).await
    }

    /// The batches that the journal does not hold yet, verified; `None` = it holds all.
    async fn unsettled(&mut self) -> Result<Option<Vec<(Record, Growing)>>, Halt> {
        let Some(leading) = &self.leading else {
            return Ok(None);
        };
        let (log, size) = (leading.head.log, leading.head.size);
        let settled = leading.settled.clone();
        if settled.size() == size.unsigned_abs() {
            return Ok(None);
        }
        let origin = self.key.origin(log);
        let read = self
            .store
            .read(move |tx| verified(tx, &origin, log, settled.clone()))
            .await?;
        let mut batches = read?;
        // Whoever leads by now may have added more: that is not this leader's to sign.
        batches.retain(|(record, _)| record.head.size <= size.unsigned_abs());
        if batches.is_empty() {
            return Err(Halt::LeadLost);
        }
        Ok(Some(batches))
    }

    async fn write_journal(&mut self, record: Record) -> Result<(), Halt> {
        let Some(leading) = &mut self.leading else {
            return Ok(());
        };
        let Some(mut journal) = leading.journal.take() else {
            return Err(Refusal::Journal("it was let go of".into()).into());
        };
        let written =
            tokio::task::spawn_blocking(move || journal.append(&record).map(|()| journal));
        match written.await {
            Ok(Ok(journal)) => {
                leading.journal = Some(journal);
                Ok(())
            }
            Ok(Err(fault)) => Err(self.unusable(&fault).into()),
            Err(fault) => Err(Refusal::Journal(fault.to_string()).into()),
        }
    }

    /// A disk that failed under the journal ends the process: the store says so to whoever runs it.
    fn unusable(&self, fault: &JournalFault) -> Refusal {
        if matches!(fault, JournalFault::Unsynced(..)) {
            self.store.fail(&fault.to_string());
        }
        Refusal::Journal(fault.to_string())
    }

    /// Signs the head that the journal holds, outside any transaction, and publishes it.
    async fn publish(&mut self, until: Until) -> Result<(), Halt> {
        let Some(leading) = &mut self.leading else {
            return Ok(());
        };
        let size = leading.head.size;
        if leading.published >= size || until < Until::Signed {
            return Ok(());
        }
        let log = leading.head.log;
        let head = Checkpoint {
            origin: self.key.origin(log),
            size: size.unsigned_abs(),
            root: leading.settled.root(),
        };
        let note = leading
            .signing
            .sign(&head.to_text())
            .map_err(|fault| Refusal::Tampered(fault.to_string()))?;
        if until < Until::Published {
            return Ok(());
        }
        let signed = Arc::new(Signed { log, size, note });
        let term = leading.head.term;
        let published = self
            .store
            .write(Lane::Front, move |tx| publish(tx, term, &signed, LEASE))
            .await?;
        if !published {
            return Err(Halt::LeadLost);
        }
        leading.published = size;
        self.standing.send_replace(Standing::Leading(size));
        Ok(())
    }

    /// Signs nothing more until it is mended, lets go of the lead, and tells the operator's people, once for each
    /// reason.
    async fn refuse(&mut self, refusal: Refusal) -> Result<(), Error> {
        let term = self.leading.take().map(|leading| leading.head.term);
        self.look_again_at = tokio::time::Instant::now() + MENDED;
        let standing = Standing::Refusing(refusal.clone());
        let told = *self.standing.borrow() == standing;
        if told && term.is_none() {
            return Ok(());
        }
        let (code, said) = (refusal.code(), refusal.to_string());
        let led = self
            .store
            .write(Lane::Front, move |tx| {
                let now = tx.now()?;
                // Of the log of another that leads by now it has nothing to say.
                if let Some(term) = term
                    && !log::keep_lead(tx, term, now)?
                {
                    return Ok(false);
                }
                log_refuses::refuses(tx, refusal.code())?;
                Ok::<_, Error>(true)
            })
            .await?;
        if led && !told {
            tracing::error!(
                code,
                refusal = said,
                "the log refuses; notices go out unsealed"
            );
        }
        let standing = if led { standing } else { Standing::Following };
        self.standing.send_replace(standing);
        Ok(())
    }
}

/// Batches that the journal does not hold yet, read again and hashed again.
pub(super) type Verified = Vec<(Record, Growing)>;

pub(super) fn verified(
    tx: &mut Tx<'_>,
    origin: &str,
    log: i64,
    mut grown: Growing,
) -> Result<Result<Verified, Refusal>, Error> {
    let mut found = Vec::new();
    let from = i64::try_from(grown.size()).unwrap_or(i64::MAX);
    for batch in log::batches_after(tx, log, from, BATCHES)? {
        let start = i64::try_from(grown.size()).unwrap_or(i64::MAX);
        let rows = match log::logged(tx, log, start, batch.size) {
            Ok(rows) => rows,
            Err(crate::storage::Error::Corrupt(what)) => return Ok(Err(Refusal::Tampered(what))),
            Err(other) => return Err(other.into()),
        };
        let mut full = Vec::new();
        for row in &rows {
            let hash = leaf_hash(&row.body);
            if row.leaf_hash != hash {
                return Ok(Err(Refusal::Tampered(format!(
                    "the {} with number {}",
                    row.kind, row.seq
                ))));
            }
            grown.push(hash, &mut full);
        }
        for tile in full {
            let place = crate::merkle::tile::Tile {
                level: tile.level,
                number: tile.number,
                width: 256,
            };
            if tree::tile(tx, log, place)? != tile.hashes {
                return Ok(Err(Refusal::Tampered(place.path())));
            }
        }
        let root = grown.root();
        if batch.root != root {
            return Ok(Err(Refusal::Tampered(format!(
                "the head of {} entries",
                batch.size
            ))));
        }
        let head = Checkpoint {
            origin: origin.to_owned(),
            size: grown.size(),
            root,
        };
        let entries = rows
            .into_iter()
            .map(|row| (row.subject_id, row.body))
            .collect();
        found.push((Record { head, entries }, grown.clone()));
    }
    if found.is_empty() {
        return Ok(Err(Refusal::Tampered(format!(
            "the heads after {from} entries"
        ))));
    }
    Ok(Ok(found))
}
