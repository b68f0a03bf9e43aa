//! The engine of one channel: wake, claim, send outside any transaction, record. One write is under way at
//! a time; it records what has ended when its turn comes, and claims again in the same commit. It claims several
//! times what may be sent at once, so that sending goes on while a commit is under way; and reads what it
//! claimed while the next commit is. Wake-ups are only speed: a scan finds what no wake-up told of.

use super::places::{self, Places};
use super::sources::{Found, Sources};
use super::transport::{Parts, Transport};
use crate::actions::claim::{self, Claimed, Lease, Room};
use crate::actions::record::{self, Finished};
use crate::actions::{Error, cut_roster};
use crate::domain::id::Uid;
use crate::domain::instant::Instant as Time;
use crate::domain::outcome::{ErrorClass, Outcome};
use crate::storage::delivery::{self, DeliveryRow, Leases};
use crate::storage::{Lane, Store, Tx};
use futures_util::FutureExt;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A clock that gains more than this between two scans was set forward.
const LEAP: Duration = Duration::from_secs(1);
/// After a commit that failed; longer after each that follows.
const PAUSE: Duration = Duration::from_millis(100);
/// Leases that are taken back in one commit.
const AT_ONCE: i64 = 200;
/// Clocks that differ by more are told of, and again after a while.
const CLOCKS_APART: Duration = Duration::from_secs(2);
const REMIND: Duration = Duration::from_secs(300);
/// After so long without a look the database was away, and other nodes may come back to it later than this one.
const AWAY: Duration = Duration::from_secs(5);
/// How much later.
const GRACE: Duration = Duration::from_secs(10);

/// The engine's bounds.
#[derive(Debug, Clone, Copy)]
pub struct EngineBounds {
    /// Sends at once.
    pub in_flight: usize,
    pub per_bank: usize,
    /// Claims held for each send that may be under way: the one itself, and those that follow it while a commit is.
    pub claims_per_send: usize,
    /// Outcomes that a commit waits for.
    pub batch: usize,
    /// How long a commit waits for more outcomes.
    pub batch_wait: Duration,
    /// Longer than a send and those that follow it may take.
    pub lease: Duration,
    /// How long a notice waits for its proof.
    pub seal_patience: Duration,
    pub scan: Duration,
    /// How long a stop waits for sends under way.
    pub stop: Duration,
}

impl EngineBounds {
    /// How long a claim may wait for its place: one send longer and its lease may end under it.
    fn patience(&self) -> Duration {
        let one_send = self.lease / u32::try_from(self.claims_per_send).unwrap_or(1);
        self.lease - one_send
    }
}

/// What was claimed, with all that sending it takes.
type Ready = (Claimed, Parts);
/// Each with when it was claimed.
type Read = Vec<(Ready, Instant)>;
type Reading = JoinHandle<Result<Read, Error>>;

/// What has ended. A commit takes what lies here when its turn has come, not when it was asked for: in between lies
/// as much as a group of filings takes.
#[derive(Default)]
struct Basket(Mutex<Outcomes>);

#[derive(Default)]
struct Outcomes {
    /// Nobody has begun to record these.
    waiting: Vec<Finished>,
    /// With a commit; back among those that wait if it fails.
    taken: Vec<Finished>,
}

impl Basket {
    fn hold(&self) -> MutexGuard<'_, Outcomes> {
        hold(&self.0)
    }

    fn put(&self, one: Finished) {
        self.hold().waiting.push(one);
    }

    /// How many wait.
    fn len(&self) -> usize {
        self.hold().waiting.len()
    }

    /// All that a commit records: what a run of it before took, and what came meanwhile.
    fn take(&self) -> Vec<Finished> {
        let mut outcomes = self.hold();
        let Outcomes { waiting, taken } = &mut *outcomes;
        taken.append(waiting);
        taken.clone()
    }

    fn recorded(&self) {
        self.hold().taken.clear();
    }

    fn not_recorded(&self) {
        let mut outcomes = self.hold();
        let Outcomes { waiting, taken } = &mut *outcomes;
        taken.append(waiting);
        std::mem::swap(waiting, taken);
    }
}

/// The engine of one channel.
pub struct Engine {
    store: Store,
    transport: Arc<Transport>,
    bounds: EngineBounds,
    node: Uid,
    sources: Arc<Sources>,
    /// Claimed and read: under way, or waiting for a place.
    places: Places<(Ready, Instant)>,
    /// Claimed, not read yet.
    unread: Vec<Lease>,
    /// Whose turn it was last.
    after: Option<Uid>,
    /// Being read, and the reading.
    reading: Option<(Arc<[Lease]>, Reading)>,
    /// Ended, not recorded yet.
    finished: Arc<Basket>,
    /// When leases were last looked at, by the clock and by this machine's pace.
    looked: Option<(Time, Instant)>,
    /// Until then none has run out.
    held_until: Instant,
    /// Commits that failed in a row, of the last ten.
    refused: u32,
    /// When a clock that goes wrong was last told of.
    warned_of_clock: Option<Instant>,
    ended: mpsc::UnboundedReceiver<Finished>,
    end: mpsc::UnboundedSender<Finished>,
    stopping: watch::Receiver<bool>,
}

impl Engine {
    /// `node` names this process among those that share the database.
    pub fn new(
        store: Store,
        transport: Transport,
        bounds: EngineBounds,
        node: Uid,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (end, ended) = mpsc::unbounded_channel();
        Self {
            store,
            transport: Arc::new(transport),
            bounds,
            node,
            sources: Arc::default(),
            places: Places::new(
                bounds.in_flight,
                bounds.per_bank,
                places::kept(bounds.in_flight),
            ),
            unread: Vec::new(),
            after: None,
            reading: None,
            finished: Arc::default(),
            looked: None,
            held_until: Instant::now(),
            refused: 0,
            warned_of_clock: None,
            ended,
            end,
            stopping,
        }
    }

    /// Runs until told to stop, then finishes or releases what is under way.
    pub async fn run(mut self) {
        self.take_back_leases().await;
        let mut wake = self.store.wake_signal();
        let mut next_scan = Instant::now();
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            if self.finished.len() == 0 {
                tokio::select! {
                    biased;
                    _ = stopping.changed() => break,
                    Some(one) = self.ended.recv() => self.note(one),
                    read = read_of(&mut self.reading) => {
                        self.take(read);
                        continue;
                    }
                    _ = wake.changed() => {}
                    () = tokio::time::sleep_until(next_scan) => {}
                }
            }
            // However much there is to do; and what has ended is on record before any lease is held to have run out.
            let is_time = next_scan <= Instant::now();
            if is_time {
                self.give_back();
            }
            self.gather().await;
            if self.write_and_send().await.is_some() && is_time {
                self.scan().await;
                next_scan = Instant::now() + self.bounds.scan;
            }
        }
        self.finish().await;
    }

    /// Claims and sends whatever is due, until nothing is and nothing is under way. For tests, which step
    /// the engine instead of waiting for it. Returns how many attempts ended.
    pub async fn deliver_due(&mut self) -> usize {
        let mut attempts = 0;
        loop {
            attempts += self.write_and_send().await.unwrap_or(0);
            self.finish_reading().await;
            if self.finished.len() > 0 {
                continue;
            }
            if self.places.under_way() == 0 {
                return attempts;
            }
            if let Some(one) = self.ended.recv().await {
                self.note(one);
            }
            while let Ok(one) = self.ended.try_recv() {
                self.note(one);
            }
        }
    }

    fn note(&mut self, one: Finished) {
        self.places.end(one.claimed.due.bank_id);
        self.finished.put(one);
        self.launch();
    }

    /// Waits for `work`, and sees to the sends and the reading meanwhile.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(one) = self.ended.recv() => self.note(one),
                read = read_of(&mut self.reading) => self.take(read),
            }
        }
    }

    /// Takes what has ended meanwhile, and waits a moment for more while much is under way.
    async fn gather(&mut self) {
        let until = Instant::now() + self.bounds.batch_wait;
        while self.finished.len() < self.bounds.batch {
            match self.ended.try_recv() {
                Ok(one) => self.note(one),
                // Few under way: nothing worth waiting for.
                Err(_)
                    if self.finished.len() == 0 || self.places.under_way() < self.bounds.batch =>
                {
                    return;
                }
                Err(_) => {
                    tokio::select! {
                        biased;
                        Some(one) = self.ended.recv() => self.note(one),
                        read = read_of(&mut self.reading) => self.take(read),
                        () = tokio::time::sleep_until(until) => return,
                    }
                }
            }
        }
    }

    /// Leases of this node from before it started: whoever held them is gone, and this run goes on where it was. The first
    /// thing that a run does.
    pub async fn take_back_leases(&mut self) {
        let which = if self.store.is_embedded() {
            Leases::Everyones
        } else {
            Leases::OfNode(self.node)
        };
        let mut lost = Vec::new();
        while let Ok(taken) = expire(&self.store, self.transport.channel(), which).await
            && !taken.is_empty()
        {
            lost.extend(taken);
        }
        if lost.is_empty() {
            return;
        }
        tracing::warn!(
            channel = self.transport.channel(),
            taken = lost.len(),
            "attempts of an earlier run have an unknown outcome"
        );
        let room = self.room();
        let write = self
            .store
            .write(Lane::Back, move |tx| claim::go_on(tx, &room, &lost));
        match write.await {
            Ok(leases) => {
                self.unread.extend(leases);
                self.begin_reading();
            }
            Err(fault) => {
                tracing::error!(channel = self.transport.channel(), %fault, "going on; they wait for their turn");
            }
        }
    }

    /// What is done now and then: leases that ran out, rosters whose change takes effect.
    async fn scan(&mut self) {
        let (store, channel) = (self.store.clone(), self.transport.channel());
        let asked = store.clock().now();
        let now = store.read(|tx| Ok::<_, Error>(tx.now()?));
        let now = self.meanwhile(now).await;
        if let Ok(now) = now {
            self.compare_clocks(asked, now);
        }
        let expired = match now {
            Ok(now) if self.are_held(now) => Ok(Vec::new()),
            Ok(now) => {
                let expire = expire(&store, channel, Leases::RanOut(now));
                self.meanwhile(expire).await
            }
            Err(fault) => Err(fault),
        };
        match expired {
            Ok(taken) if taken.is_empty() => {}
            Ok(taken) => tracing::warn!(
                channel,
                taken = taken.len(),
                "leases ran out; outcomes unknown"
            ),
            Err(fault) => tracing::error!(%fault, "looking for lost attempts"),
        }
        if let Err(fault) = self.meanwhile(cut_due_rosters(&store)).await {
            tracing::error!(%fault, "cutting a roster version");
        }
    }

    /// What is signed bears this machine's time; banks refuse one that is too far from theirs. `now` is the database's, and was
    /// told at some time since it was asked for.
    fn compare_clocks(&mut self, asked: Time, now: Time) {
        let apart = asked.since(now).max(now.since(self.store.clock().now()));
        if !self.store.is_embedded()
            && apart > CLOCKS_APART
            && self.warned_of_clock.is_none_or(|at| at.elapsed() >= REMIND)
        {
            self.warned_of_clock = Some(Instant::now());
            tracing::warn!(
                ?apart,
                "this machine's clock and the database's differ; set both by NTP: banks refuse what is signed at a wrong time"
            );
        }
    }

    /// A clock that leaps ahead shortens no lease: whatever is held then may be held as long again. Nor does a database that
    /// was away: whoever holds something may be about to record what came of it.
    fn are_held(&mut self, now: Time) -> bool {
        let here = Instant::now();
        let leaps = |(at, then): (Time, Instant)| now.since(at) > here - then + LEAP;
        // Once: one that is slow at every look would shield them for ever.
        let was_away = |(_, then): (Time, Instant)| {
            self.held_until <= then && here - then > self.bounds.scan + AWAY
        };
        if self.looked.is_some_and(leaps) {
            self.held_until = here + self.bounds.lease;
        } else if self.looked.is_some_and(was_away) {
            self.held_until = here + GRACE;
        }
        self.looked = Some((now, here));
        here < self.held_until
    }

    /// One commit: records what ended, claims what fits; then sends what was claimed. Returns how many it recorded;
    /// `None` where it failed.
    async fn write_and_send(&mut self) -> Option<usize> {
        let (basket, room) = (Arc::clone(&self.finished), self.room());
        let claimed: Arc<Mutex<Vec<Lease>>> = Arc::default();
        let (known, noted) = (basket.len(), Arc::clone(&claimed));
        let store = self.store.clone();
        let write = store.write(Lane::Back, move |tx: &mut Tx<'_>| {
            let batch = basket.take();
            record::record(tx, &batch)?;
            // What ended since the room was measured has left its place.
            let room = room.without(batch.iter().skip(known).map(|one| one.claimed.due.bank_id));
            *hold(&noted) = claim::claim(tx, &room)?;
            Ok::<_, Error>(batch.len())
        });
        let written = self.meanwhile(write).await;
        // Of a commit that failed nobody may know whether it was done: what was claimed then is read like any other,
        // and what was not is not found.
        let leases = std::mem::take(&mut *hold(&claimed));
        let last = leases.iter().rev().find_map(|lease| lease.bank);
        self.after = last.or(self.after);
        self.unread.extend(leases);
        match written {
            Ok(recorded) => {
                self.finished.recorded();
                self.refused = 0;
                self.begin_reading();
                Some(recorded)
            }
            Err(fault) => {
                tracing::error!(channel = self.transport.channel(), %fault, "recording and claiming; will try again");
                self.finished.not_recorded();
                if !passes(&fault) {
                    self.record_apart().await;
                }
                // Rather often at first: it may be over in a moment.
                self.refused = (self.refused + 1).min(10);
                tokio::time::sleep(PAUSE * self.refused).await;
                self.begin_reading();
                None
            }
        }
    }

    /// Each outcome in a commit of its own: one that cannot be recorded keeps neither the others nor any claim waiting. Its
    /// attempt ends with its lease, as one of unknown outcome.
    async fn record_apart(&mut self) {
        for one in self.finished.take() {
            let (store, alone) = (self.store.clone(), one.clone());
            let write = store.write(Lane::Back, move |tx: &mut Tx<'_>| {
                record::record(tx, std::slice::from_ref(&alone))
            });
            match self.meanwhile(write).await {
                Ok(()) => {}
                Err(fault) if passes(&fault) => self.finished.put(one),
                Err(fault) => {
                    tracing::error!(attempt = %one.claimed.attempt, %fault, "an outcome cannot be recorded");
                }
            }
        }
        self.finished.recorded();
    }

    /// What may be claimed beside what is held already.
    fn room(&self) -> Room {
        let mut held = self.places.held_by_bank();
        let read = self.reading.as_ref().map_or(&[][..], |(leases, _)| leases);
        for lease in self.unread.iter().chain(read) {
            *held.entry(lease.bank).or_insert(0) += 1;
        }
        let most = self.bounds.in_flight * self.bounds.claims_per_send;
        Room {
            node: self.node,
            channel: self.transport.channel(),
            lease: self.bounds.lease,
            seal_patience: self.bounds.seal_patience,
            in_flight: held,
            per_bank: self.bounds.per_bank * self.bounds.claims_per_send,
            total: most.saturating_sub(self.places.held() + self.unread.len() + read.len()),
            kept: places::kept(most),
            after: self.after,
        }
    }

    /// Begins to read what was claimed, unless an earlier reading is under way: its end begins the next.
    fn begin_reading(&mut self) {
        if self.unread.is_empty() || self.reading.is_some() {
            return;
        }
        let leases: Arc<[Lease]> = std::mem::take(&mut self.unread).into();
        let (store, transport) = (self.store.clone(), Arc::clone(&self.transport));
        let (sources, wanted) = (Arc::clone(&self.sources), Arc::clone(&leases));
        let reading = async move { read(&store, &transport, &sources, wanted).await };
        self.reading = Some((leases, tokio::spawn(reading)));
    }

    /// Takes what was read, and sends what has a place.
    fn take(&mut self, read: Result<Read, Error>) {
        let leases = self.reading.take().map(|(leases, _)| leases);
        match read {
            Ok(ready) => {
                for one in ready {
                    let claimed = &one.0.0;
                    if claimed.has_ended {
                        self.finished.put(released(one.0.0));
                        continue;
                    }
                    let (whose, is_retry) = (claimed.due.bank_id, claimed.due.failures > 0);
                    self.places.wait(whose, is_retry, one);
                }
                self.launch();
                self.begin_reading();
            }
            Err(fault) => {
                tracing::error!(channel = self.transport.channel(), %fault, "reading what was claimed; will try again");
                // With the next commit: a scan comes at the latest.
                self.unread
                    .extend(leases.iter().flat_map(|leases| leases.iter()));
            }
        }
    }

    async fn finish_reading(&mut self) {
        while self.reading.is_some() {
            let read = read_of(&mut self.reading).await;
            self.take(read);
        }
    }

    /// Sends what is ready and has a place, unless it has waited too long for that.
    fn launch(&mut self) {
        while let Some(((one, parts), since)) = self.places.begin() {
            let until = since + self.bounds.patience();
            if Instant::now() < until {
                self.send(one, parts, until);
            } else {
                self.places.end(one.due.bank_id);
                self.finished.put(released(one));
            }
        }
    }

    /// What has waited too long for a place goes back unsent: its lease ends, and it would count as an attempt whose
    /// outcome is unknown.
    fn give_back(&mut self) {
        let patience = self.bounds.patience();
        let overdue = self.places.leave(|(_, since)| since.elapsed() >= patience);
        for ((one, _), _) in overdue {
            self.finished.put(released(one));
        }
    }

    fn send(&self, one: Claimed, parts: Parts, until: Instant) {
        let transport = Arc::clone(&self.transport);
        let end = self.end.clone();
        let stopping = self.stopping.clone();
        // Boxed: what is spawned is moved several times, and this is some kilobytes.
        tokio::spawn(Box::pin(async move {
            let (outcome, body_hash) = if *stopping.borrow() {
                (Outcome::failed(ErrorClass::Released, Duration::ZERO), None)
            } else {
                // A defect keeps no place, and nobody knows how far it came.
                let sent = AssertUnwindSafe(transport.send(&one, parts, until)).catch_unwind();
                sent.await.unwrap_or_else(|_| {
                    (Outcome::failed(ErrorClass::Unknown, Duration::ZERO), None)
                })
            };
            // The engine outlives its sends, except at a stop that ran out of patience.
            let _ = end.send(Finished {
                claimed: one,
                outcome,
                body_hash,
            });
        }));
    }

    /// Releases what waits, waits for what is under way, records both, and leaves the rest to its leases.
    async fn finish(mut self) {
        let until = Instant::now() + self.bounds.stop;
        self.begin_reading();
        self.finish_reading().await;
        for ((claimed, _), _) in self.places.drain() {
            self.finished.put(released(claimed));
        }
        while self.places.under_way() > 0 {
            match tokio::time::timeout_at(until, self.ended.recv()).await {
                Ok(Some(one)) => self.note(one),
                _ => {
                    tracing::warn!(
                        left = self.places.under_way(),
                        "stopping with sends under way; their outcome will be unknown"
                    );
                    break;
                }
            }
        }
        let finished = self.finished.take();
        if !finished.is_empty()
            && let Err(fault) = self
                .store
                .write(Lane::Back, move |tx| record::record(tx, &finished))
                .await
        {
            tracing::error!(%fault, "recording the last outcomes");
        }
    }
}

/// Whether it is the database that fails, and not what is written.
fn passes(fault: &Error) -> bool {
    use crate::storage::Error::{Busy, Disk, Full, Unavailable};
    matches!(
        fault,
        Error::Storage(Busy(_) | Unavailable(_) | Full | Disk(_))
    )
}

/// Whatever leases hold no longer, some at a time.
async fn expire(
    store: &Store,
    channel: &'static str,
    which: Leases,
) -> Result<Vec<DeliveryRow>, Error> {
    let look =
        move |tx: &mut Tx<'_>| Ok::<_, Error>(delivery::expired(tx, channel, which, 1)?.is_empty());
    if store.read(look).await? {
        return Ok(Vec::new());
    }
    let take = move |tx: &mut Tx<'_>| record::expire(tx, channel, which, AT_ONCE);
    match store.write(Lane::Back, take).await {
        Err(fault) if !passes(&fault) => expire_apart(store, channel, which).await,
        done => done,
    }
}

/// Each in a commit of its own: one that cannot be taken back keeps no other leased.
async fn expire_apart(
    store: &Store,
    channel: &'static str,
    which: Leases,
) -> Result<Vec<DeliveryRow>, Error> {
    let look =
        move |tx: &mut Tx<'_>| Ok::<_, Error>(delivery::expired(tx, channel, which, AT_ONCE)?);
    let mut taken = Vec::new();
    for row in store.read(look).await? {
        let id = row.id;
        let take = move |tx: &mut Tx<'_>| record::expire_these(tx, vec![row.clone()]);
        match store.write(Lane::Back, take).await {
            Ok(rows) => taken.extend(rows),
            Err(fault) if passes(&fault) => return Err(fault),
            Err(fault) => {
                tracing::error!(delivery = %id, %fault, "a lease that ran out cannot be taken back");
            }
        }
    }
    Ok(taken)
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes back as if it had not been claimed.
fn released(claimed: Claimed) -> Finished {
    Finished {
        claimed,
        outcome: Outcome::failed(ErrorClass::Released, Duration::ZERO),
        body_hash: None,
    }
}

/// Waits for the reading that is under way; for ever if there is none.
async fn read_of(reading: &mut Option<(Arc<[Lease]>, Reading)>) -> Result<Read, Error> {
    match reading {
        Some((_, reading)) => {
            let read = reading.await;
            read.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
        }
        None => std::future::pending().await,
    }
}

async fn read(
    store: &Store,
    transport: &Arc<Transport>,
    sources: &Arc<Sources>,
    leases: Arc<[Lease]>,
) -> Result<Read, Error> {
    // A lease runs from when it was claimed, by the database's clock: the database may have been away since, and may be
    // again before all is read.
    let (known, endpoints_of) = (Arc::clone(sources), Arc::clone(transport));
    let open = move |tx: &mut Tx<'_>| {
        let claimed = claim::open(tx, &leases)?;
        let here = Instant::now();
        let at = tx.now()?;
        let endpoints = endpoints_of.endpoints(&claimed);
        // Whatever is amiss with one revision, the others go out.
        let wanted = || known.read(tx, revisions_of(&claimed), endpoints);
        let found = match catch_unwind(AssertUnwindSafe(wanted)) {
            Ok(Ok(found)) => found,
            Ok(Err(fault)) if passes(&fault) => return Err(fault),
            Ok(Err(fault)) => {
                tracing::error!(%fault, "reading what is to be sent");
                Found::default()
            }
            Err(_) => Found::default(),
        };
        Ok::<_, Error>((claimed, found, here, at))
    };
    let (claimed, found, here, at) = store.read(open).await?;
    sources.keep(found);
    let ready = |one: Claimed| {
        let parts = transport.parts(sources, &one);
        let since = here.checked_sub(at.since(one.started_at));
        ((one, parts), since.unwrap_or(here))
    };
    Ok(claimed.into_iter().map(ready).collect())
}

/// Revisions, and of each the fan-outs of which a proof is wanted.
fn revisions_of(claimed: &[Claimed]) -> HashMap<Uid, HashSet<Uid>> {
    let mut revisions: HashMap<Uid, HashSet<Uid>> = HashMap::new();
    for one in claimed {
        if let Some(notice) = &one.due.notice {
            let sealed = (!one.due.unsealed).then_some(notice.fanout_id);
            revisions
                .entry(notice.revision_id)
                .or_default()
                .extend(sealed);
        }
    }
    revisions
}

async fn cut_due_rosters(store: &Store) -> Result<(), Error> {
    let due = store
        .read(|tx| {
            let now = tx.now()?;
            Ok::<_, Error>(crate::storage::roster::next_change(tx)?.is_some_and(|at| at <= now))
        })
        .await?;
    if due {
        store.write(Lane::Back, cut_roster::cut_due).await?;
    }
    Ok(())
}
