//! The embedded database: one writer thread with group commit, a pool of readers.
//!
//! The writer never waits for company: it commits whatever is queued, at most `group` closures, the
//! front lane first, and answers after the commit. If the commit fails, or the engine
//! rolled everything back under one closure's feet, each closure is run again alone.
//!
//! A disk that fails at a commit, or when the WAL is carried over, ends the writer: what a sync that failed left
//! unwritten, a second one reports as written.

use super::durability::{
    assert_sqlite, connect_sqlite, free_bytes, prove_sqlite, sync_folder, uncarried, was_cut_off,
};
use super::error::Error;
use super::migrations;
use super::store::{Bounds, Lane};
use super::tx::{Bells, Conn, Surroundings, Tx, Wakes};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use rustix::fs::{FlockOperation, flock};
use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// 3.51.3: the first release without the WAL-reset race.
const LEAST_VERSION: (u32, u32, u32) = (3, 51, 3);

const PRAGMAS: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
    PRAGMA synchronous = FULL; PRAGMA mmap_size = 0;";

/// Without statistics SQLite takes the wrong index of two, and is slower by thousands of times. At every start, and
/// whenever a hub has committed twice as often as at the last look, each table that was never counted or has grown
/// tenfold since is counted anew, by a sample. Readers learn of it with their next connection.
const FIRST_LOOK: u64 = 256;
const COUNT: &str = "PRAGMA analysis_limit = 400; PRAGMA optimize = 0x10002;";

/// For the writer alone: 16 MiB of pages, which is what it comes back to (at many commits SQLite walks the whole
/// table of cached pages, so that more would cost more than it saves). SQLite's own checkpoints would keep their
/// failures to themselves.
const WRITER_PRAGMAS: &str = "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 0;";

/// The WAL is carried over every 32 MiB, so that pages written again and again are carried over once. It is looked at
/// after so many groups, since a look costs as much as a small statement, and after one that took so long that it may
/// have written much.
const CARRIED_AT: i64 = 4096;
const LOOK_EVERY: u64 = 8;
const LONG: Duration = Duration::from_millis(10);
const CARRY_OVER: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Below so many free bytes an I/O error is want of space: the file of shared memory beside the WAL, which grows by
/// 32 KiB, has no other error for it.
const SCANT: u64 = 256 * 1024;

pub(in crate::storage) struct Sqlite {
    path: PathBuf,
    was_cut_off: bool,
    readers: Pool<ConnectionManager<SqliteConnection>>,
    queue: Arc<Queue>,
    bound: usize,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What waits for the writer thread.
struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
}

#[derive(Default)]
struct Lanes {
    front: VecDeque<Box<dyn Job>>,
    filing: VecDeque<Box<dyn Job>>,
    back: VecDeque<Box<dyn Job>>,
    closing: bool,
}

impl Lanes {
    /// In the order in which they are served.
    fn all(&mut self) -> [&mut VecDeque<Box<dyn Job>>; 3] {
        [&mut self.front, &mut self.filing, &mut self.back]
    }

    fn is_empty(&self) -> bool {
        self.front.is_empty() && self.filing.is_empty() && self.back.is_empty()
    }

    /// At most `most`; a place is kept for each lane that would otherwise have none, so that a flood of one cannot
    /// stop the others.
    fn take(&mut self, most: usize) -> Vec<Box<dyn Job>> {
        let waiting = self.all().map(|lane| lane.len());
        let mut group = Vec::new();
        for (place, lane) in self.all().into_iter().enumerate() {
            let left = most - group.len();
            let behind = waiting[place + 1..].iter().filter(|n| **n > 0).count();
            let places = left.saturating_sub(behind).max(left.min(1));
            group.extend(lane.drain(..lane.len().min(places)));
        }
        group
    }
}

/// A closure on its way to the writer, its type forgotten.
trait Job: Send {
    /// Runs once. True = keep what it wrote.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller. `failure` replaces the result where the commit did not happen.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Work<T, E, F> {
    closure: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
    span: tracing::Span,
}

impl<T, E, F> Job for Work<T, E, F>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let _entered = self.span.enter();
        let closure = &mut self.closure;
        let result =
            catch_unwind(AssertUnwindSafe(|| tx.carry_out(closure))).unwrap_or_else(|_| {
                Err(Error::Query("a closure panicked; nothing was stored".into()).into())
            });
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(error), _) => Err(error.into()),
            (None, Some(result)) => result,
            (None, None) => Err(Error::Unavailable("the writer stopped".into()).into()),
        };
        // The caller may have gone away; the commit stands all the same.
        let _ = self.reply.send(result);
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct ReaderSetup;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReaderSetup {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        conn.batch_execute(PRAGMAS)
            .and_then(|()| conn.batch_execute("PRAGMA query_only = ON;"))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

impl Sqlite {
    pub(in crate::storage) fn open(
        path: &Path,
        bounds: Bounds,
        around: &Arc<Surroundings>,
        bells: &Bells,
    ) -> Result<Self, Error> {
        let url = path
            .to_str()
            .ok_or_else(|| Error::Unavailable("the database path is not UTF-8".into()))?;
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(|fault| {
                Error::Unavailable(format!(
                    "cannot make the folder {}: {fault}",
                    folder.display()
                ))
            })?;
        }
        let was_cut_off = was_cut_off(path);
        let mut conn = connect_sqlite(url, PRAGMAS)?;
        conn.batch_execute(WRITER_PRAGMAS)?;
        check_version(&mut conn)?;
        refuse_foreign(&mut conn, path)?;
        // Of a new file: most trees grow at one end, and half as many pages are half as many writes.
        conn.batch_execute("PRAGMA page_size = 8192;")?;
        // A file that may not be written is found here, before anything is promised.
        conn.batch_execute("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT;")?;
        assert_sqlite(&mut conn)?;
        // SQLite does not say when this fails for the name of the WAL.
        sync_folder(path)?;
        migrations::run_sqlite(&mut conn)?;
        conn.batch_execute(COUNT)?;
        // What the migrations wrote.
        conn.batch_execute(CARRY_OVER)?;
        // Savepoints keep the pages they would restore; in memory rather than in a temporary file. Set after the
        // migrations, whose index builds must not fill the memory.
        conn.batch_execute("PRAGMA temp_store = MEMORY;")?;

        let readers = Pool::builder()
            .max_size(bounds.readers)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_secs(5))
            .connection_customizer(Box::new(ReaderSetup))
            .build(ConnectionManager::new(url))
            .map_err(|fault| Error::Unavailable(fault.to_string()))?;
        let queue = Arc::new(Queue {
            lanes: Mutex::default(),
            filled: Condvar::new(),
        });
        let writer = Writer {
            conn,
            queue: Arc::clone(&queue),
            around: Arc::clone(around),
            bells: bells.clone(),
            group: bounds.group.max(1),
            groups: 0,
            next_look: FIRST_LOOK,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let thread = std::thread::Builder::new()
            .name("kairan-writer".into())
            .spawn(move || writer.run())
            .map_err(|fault| {
                Error::Unavailable(format!("cannot start the writer thread: {fault}"))
            })?;
        Ok(Self {
            path: path.to_owned(),
            was_cut_off,
            readers,
            queue,
            bound: bounds.queue,
            writer: Mutex::new(Some(thread)),
        })
    }

    pub(in crate::storage) fn prove(&self) -> Result<(), Error> {
        if !self.was_cut_off {
            return Ok(());
        }
        let began = std::time::Instant::now();
        prove_sqlite(&mut connect_sqlite(&self.path.to_string_lossy(), PRAGMAS)?)?;
        tracing::info!(took = ?began.elapsed(), "the database was not closed; it is whole");
        Ok(())
    }

    pub(in crate::storage) fn read<T, E: From<Error>>(
        &self,
        around: &Surroundings,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = self
            .readers
            .get()
            .map_err(|fault| Error::Busy(fault.to_string()))?;
        conn.batch_execute("BEGIN").map_err(Error::from)?;
        let result = catch_unwind(AssertUnwindSafe(|| {
            Tx::new(Conn::Sqlite(&mut conn), around).carry_out(work)
        }))
        .unwrap_or_else(|_| Err(Error::Query("a read panicked".into()).into()));
        conn.batch_execute("ROLLBACK").map_err(Error::from)?;
        result
    }

    pub(in crate::storage) async fn write<T, E, F>(&self, lane: Lane, closure: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            closure,
            result: None,
            reply,
            span: tracing::Span::current(),
        });
        self.enqueue(lane, job)?;
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(Error::Unavailable("the writer stopped".into()).into()),
        }
    }

    fn enqueue(&self, lane: Lane, job: Box<dyn Job>) -> Result<(), Error> {
        let mut lanes = hold(&self.queue.lanes);
        if lanes.closing {
            return Err(Error::Unavailable("the hub is stopping".into()));
        }
        let waiting = match lane {
            Lane::Front => &mut lanes.front,
            Lane::Filing => &mut lanes.filing,
            Lane::Back => &mut lanes.back,
        };
        if waiting.len() >= self.bound {
            return Err(Error::Busy("too many writes are waiting".into()));
        }
        waiting.push_back(job);
        drop(lanes);
        self.queue.filled.notify_one();
        Ok(())
    }

    pub(in crate::storage) fn close(&self) {
        hold(&self.queue.lanes).closing = true;
        self.queue.filled.notify_one();
        if let Some(thread) = hold(&self.writer).take() {
            // A writer that panicked has already said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

/// See `Location::hold_alone`. A file of its own beside the database: of that, a process loses all of SQLite's locks when it
/// closes a second handle.
pub(in crate::storage) fn hold_alone(path: &Path) -> Result<Option<File>, Error> {
    // By whatever name it is called.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |fault: std::io::Error| {
        Error::Unavailable(format!("cannot open {}: {fault}", name.display()))
    };
    let options = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .clone();
    let file = match options.open(&name) {
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy(format!(
            "another hub works on {}; stop that one first, or name another database in database.url",
            path.display()
        ))),
        Err(fault) => Err(failed(fault.into())),
    }
}

/// A file that holds tables, and none of a hub's, is somebody else's.
fn refuse_foreign(conn: &mut SqliteConnection, path: &Path) -> Result<(), Error> {
    // One that was cut off at its founding has the first of these tables alone.
    let is_foreign = "SELECT count(*) > 0 AND NOT (sum(name = '__diesel_schema_migrations') > 0
        AND (count(*) = 1 OR sum(name = 'roster_version') > 0)) AS is_so
        FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let found: IsSo = diesel::sql_query(is_foreign).get_result(conn)?;
    if found.is_so.unwrap_or(false) {
        return Err(Error::Unavailable(format!(
            "{} holds another program's tables; name a file of the hub's own in database.url",
            path.display()
        )));
    }
    Ok(())
}

#[derive(QueryableByName)]
struct IsSo {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Bool>)]
    is_so: Option<bool>,
}

fn check_version(conn: &mut SqliteConnection) -> Result<(), Error> {
    let text: String = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(
        "sqlite_version()",
    ))
    .get_result(conn)?;
    let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found < LEAST_VERSION {
        return Err(Error::Unavailable(format!(
            "SQLite {text} is too old: 3.51.3 or newer is needed"
        )));
    }
    Ok(())
}

struct Writer {
    conn: SqliteConnection,
    queue: Arc<Queue>,
    around: Arc<Surroundings>,
    bells: Bells,
    group: usize,
    /// Groups so far, and at how many the statistics are looked after.
    groups: u64,
    next_look: u64,
    folder: PathBuf,
}

impl Writer {
    fn run(mut self) {
        while let Some(mut group) = self.next_group() {
            self.groups += 1;
            let began = std::time::Instant::now();
            match self.commit_group(&mut group) {
                Ok(wakes) => {
                    for job in group {
                        job.answer(None);
                    }
                    self.bells.ring(wakes);
                }
                Err(Error::Disk(what)) => return self.give_up(group, &what),
                // Another process holds the database: each alone would wait for it as long again.
                Err(Error::Busy(what)) => {
                    tracing::warn!(what, closures = group.len(), "the database is held");
                    for job in group {
                        job.answer(Some(Error::Busy(what.clone())));
                    }
                }
                Err(fault) => {
                    if matches!(fault, Error::Full)
                        && let Err(Error::Disk(what)) = self.make_room()
                    {
                        return self.give_up(group, &what);
                    }
                    if group.len() > 1 {
                        tracing::warn!(%fault, closures = group.len(), "group commit failed; running each alone");
                    }
                    if let Err((rest, what)) = self.run_alone(group) {
                        return self.give_up(rest, &what);
                    }
                }
            }
            let looked = self
                .carry_over(began.elapsed())
                .and_then(|()| self.look_after_statistics());
            if let Err(Error::Disk(what)) = looked {
                return self.give_up(Vec::new(), &what);
            }
        }
        let closed = self
            .conn
            .batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
        match closed.map_err(|fault| self.judged(fault)) {
            Err(Error::Disk(what)) => self.give_up(Vec::new(), &what),
            Err(fault) => tracing::warn!(%fault, "closing the database"),
            Ok(()) => {}
        }
    }

    /// After the answers, so that nobody's own commit takes longer by it. A reader that keeps the WAL from being
    /// emptied is no fault: it goes on at the next look.
    fn carry_over(&mut self, took: Duration) -> Result<(), Error> {
        if !self.groups.is_multiple_of(LOOK_EVERY) && took < LONG {
            return Ok(());
        }
        let waiting = uncarried(&mut self.conn).map_err(|fault| self.judged(fault));
        let carried = match waiting {
            Ok(waiting) if waiting < CARRIED_AT => return Ok(()),
            Ok(_) => self.execute(CARRY_OVER),
            Err(fault) => Err(fault),
        };
        carried.inspect_err(|fault| tracing::warn!(%fault, "carrying the WAL over"))
    }

    /// In a moment in which nobody waits.
    fn look_after_statistics(&mut self) -> Result<(), Error> {
        if self.groups < self.next_look || !hold(&self.queue.lanes).is_empty() {
            return Ok(());
        }
        self.next_look = self.groups * 2;
        self.execute(COUNT)
            .inspect_err(|fault| tracing::warn!(%fault, "counting the tables"))
    }

    /// Nothing more is asked of this connection, not even to close: that would copy the WAL as it seems to be.
    fn give_up(self, group: Vec<Box<dyn Job>>, what: &str) {
        self.bells.fail(&format!(
            "the disk that holds the database failed ({what}); see to the disk"
        ));
        let mut lanes = hold(&self.queue.lanes);
        lanes.closing = true;
        let waiting = lanes.take(usize::MAX);
        drop(lanes);
        for job in group.into_iter().chain(waiting) {
            job.answer(Some(Error::Disk(what.to_owned())));
        }
        std::mem::forget(self.conn);
    }

    /// What the WAL holds goes into the database, so that its room can be used again: a stamp may fit then.
    fn make_room(&mut self) -> Result<(), Error> {
        self.execute(CARRY_OVER).inspect_err(
            |fault| tracing::warn!(%fault, "the disk is full, and the WAL cannot be emptied"),
        )
    }

    /// What a fault of the transaction itself means.
    fn judged(&self, fault: diesel::result::Error) -> Error {
        match fault.into() {
            Error::Disk(_) if free_bytes(&self.folder).is_some_and(|free| free < SCANT) => {
                Error::Full
            }
            other => other,
        }
    }

    fn execute(&mut self, statement: &str) -> Result<(), Error> {
        let done = self.conn.batch_execute(statement);
        done.map_err(|fault| self.judged(fault))
    }

    /// Blocks until there is work; `None` once closed and empty.
    fn next_group(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut lanes = hold(&self.queue.lanes);
        while lanes.is_empty() {
            if lanes.closing {
                return None;
            }
            lanes = self
                .queue
                .filled
                .wait(lanes)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(lanes.take(self.group))
    }

    /// Runs all in one transaction: first without savepoints, which copy every page that is touched; if a
    /// closure refuses, again with one for each. `Err` = nothing of the group is stored.
    fn commit_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<Wakes, Error> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut wakes = Wakes::default();
        for job in group.iter_mut() {
            let mut tx = Tx::new(Conn::Sqlite(&mut self.conn), &self.around);
            if !job.run(&mut tx) {
                self.abandon();
                return if group.len() == 1 {
                    Ok(Wakes::default())
                } else {
                    self.commit_group_guarded(group)
                };
            }
            wakes |= tx.wakes();
        }
        self.commit()?;
        Ok(wakes)
    }

    /// Runs all in one transaction, a savepoint each, so that one refusal takes nothing from the others.
    fn commit_group_guarded(&mut self, group: &mut [Box<dyn Job>]) -> Result<Wakes, Error> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut wakes = Wakes::default();
        for job in group.iter_mut() {
            if let Err(fault) = self.execute("SAVEPOINT job") {
                self.abandon();
                return Err(fault);
            }
            let mut tx = Tx::new(Conn::Sqlite(&mut self.conn), &self.around);
            let keep = job.run(&mut tx);
            if keep {
                wakes |= tx.wakes();
            }
            let end = if keep {
                "RELEASE job"
            } else {
                "ROLLBACK TO job; RELEASE job"
            };
            if let Err(fault) = self.execute(end) {
                // The engine ended the whole transaction (disk full, I/O error): the savepoint is gone.
                self.abandon();
                return Err(fault);
            }
        }
        self.commit()?;
        Ok(wakes)
    }

    fn commit(&mut self) -> Result<(), Error> {
        let committed = self.execute("COMMIT");
        if committed.is_err() {
            self.abandon();
        }
        committed
    }

    fn abandon(&mut self) {
        // Fails when the engine has rolled back by itself, which is what is wanted.
        let _ = self.conn.batch_execute("ROLLBACK");
    }

    /// `Err` = the disk failed: who has no answer yet, and what happened.
    fn run_alone(&mut self, group: Vec<Box<dyn Job>>) -> Result<(), (Vec<Box<dyn Job>>, String)> {
        let mut rest = group.into_iter();
        while let Some(job) = rest.next() {
            let mut single = [job];
            let failure = match self.commit_group(&mut single) {
                Ok(wakes) => {
                    self.bells.ring(wakes);
                    None
                }
                Err(Error::Disk(what)) => {
                    return Err((single.into_iter().chain(rest).collect(), what));
                }
                Err(fault) => {
                    tracing::error!(%fault, "commit failed");
                    Some(fault)
                }
            };
            let [job] = single;
            job.answer(failure);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Job for Named {
        fn run(&mut self, _: &mut Tx<'_>) -> bool {
            unreachable!("only lanes are tried: {}", self.0)
        }
        fn answer(self: Box<Self>, _: Option<Error>) {}
    }

    fn taken(front: usize, filing: usize, back: usize, most: usize) -> (usize, Lanes) {
        let many = |name, n| {
            (0..n)
                .map(|_| Box::new(Named(name)) as Box<dyn Job>)
                .collect()
        };
        let mut lanes = Lanes {
            front: many("front", front),
            filing: many("filing", filing),
            back: many("back", back),
            closing: false,
        };
        (lanes.take(most).len(), lanes)
    }

    #[test]
    fn who_confirms_goes_before_who_files_and_no_lane_is_left_standing() {
        for ((front, filing, back, most), left) in [
            ((3, 100, 5, 32), [0, 72, 4]),
            ((100, 100, 100, 32), [70, 99, 99]),
            ((100, 0, 100, 32), [69, 0, 99]),
            ((0, 0, 100, 32), [0, 0, 68]),
            ((1, 1, 1, 32), [0, 0, 0]),
            ((2, 2, 2, 1), [1, 2, 2]),
            ((2, 2, 2, 2), [1, 1, 2]),
        ] {
            let (taken, mut lanes) = taken(front, filing, back, most);
            assert_eq!(lanes.all().map(|lane| lane.len()), left);
            assert_eq!(taken, front + filing + back - left.iter().sum::<usize>());
        }
    }
}
