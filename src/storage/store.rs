//! `Store::read` and `Store::write`: the only doors to the database. Each takes a plain closure over
//! `&mut Tx` and runs it off the async threads. A closure cannot await, so no transaction can be held
//! across a network call. Closures may be run more than once and must have no effect outside `Tx`.

use super::error::Error;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::tx::{Bells, Surroundings, Tx};
use crate::clock::Clock;
use crate::vault::Vault;
use std::fs::File;
use std::sync::Arc;
use tokio::sync::watch;

/// Where the data lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

impl Location {
    /// `sqlite:PATH` or `postgres://…`.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.trim_start_matches("//");
            if path.is_empty() || path == ":memory:" {
                return Err("a SQLite database needs a file: write sqlite:PATH".into());
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return match is_escaped(url) {
                true => Ok(Self::Postgres(url.to_owned())),
                false => Err("in user and password of the database URL, write % as %25, @ as %40, / as %2F and a space as %20".into()),
            };
        }
        Err("not a database URL: write sqlite:PATH or postgres://USER@HOST/NAME".into())
    }

    /// Whether there is a hub's database already, of whatever age.
    pub fn is_founded(&self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(path) => match path.metadata() {
                Ok(file) => Ok(file.len() > 0),
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(fault) => Err(Error::Unavailable(format!(
                    "cannot look at {}: {fault}",
                    path.display()
                ))),
            },
            Self::Postgres(url) => super::postgres::is_founded(url),
        }
    }

    /// Keeps every other hub from an embedded database, until what is returned is dropped: two would take each other's leases
    /// for those of a run that ended. `None` on PostgreSQL, which nodes share, and where there is no folder yet.
    pub fn hold_alone(&self) -> Result<Option<File>, Error> {
        match self {
            Self::Sqlite(path) => super::sqlite::hold_alone(path),
            Self::Postgres(_) => Ok(None),
        }
    }
}

/// Whether user and password end where they seem to. libpq would take the rest of a password for something else, and say it
/// where everybody reads.
fn is_escaped(url: &str) -> bool {
    let after = url.split_once("://").map_or("", |(_, after)| after);
    let (place, rest) = after.split_once('/').unwrap_or((after, ""));
    let path = rest.split('?').next().unwrap_or_default();
    let percents = place.split('%').skip(1);
    let are_whole = percents
        .map(|part| part.as_bytes())
        .all(|part| part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit));
    are_whole
        && place.matches('@').count() <= 1
        && !path.contains('@')
        && !url.chars().any(char::is_whitespace)
}

/// How much the store may hold at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub readers: u32,
    /// Connections that write (PostgreSQL only; SQLite has one writer).
    pub writers: u32,
    /// Closures per commit (SQLite only).
    pub group: usize,
    /// Closures of one lane waiting to be written before new ones are turned away.
    pub queue: usize,
}

/// Who goes first when the writer is busy. Each lane has a queue of its own: what fills one keeps no other waiting
/// and turns nobody else away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A person or a bank is waiting for the answer.
    Front,
    /// A filing, which is told to every bank: it waits for those who confirm one.
    Filing,
    /// The engine's outcomes and claims.
    Back,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A handle; clones share everything.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
    around: Arc<Surroundings>,
    bells: Bells,
}

impl Store {
    /// Opens the database and brings its schema up to this program's; refuses a newer one.
    pub fn open(
        location: &Location,
        bounds: Bounds,
        clock: Clock,
        vault: Arc<Vault>,
    ) -> Result<Self, Error> {
        let around = Arc::new(Surroundings::new(clock, vault));
        let bells = Bells {
            engine: watch::Sender::new(()),
            sequencer: watch::Sender::new(()),
            failure: watch::Sender::new(None),
        };
        let backend = match location {
            Location::Sqlite(path) => Backend::Sqlite(Sqlite::open(path, bounds, &around, &bells)?),
            Location::Postgres(url) => Backend::Postgres(Postgres::open(url, bounds)?),
        };
        Ok(Self {
            backend: Arc::new(backend),
            around,
            bells,
        })
    }

    /// Runs `work` on a consistent snapshot; it cannot write.
    pub async fn read<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let backend = Arc::clone(&self.backend);
        let around = Arc::clone(&self.around);
        let span = tracing::Span::current();
        off_thread(move || {
            let _entered = span.enter();
            match &*backend {
                Backend::Sqlite(sqlite) => sqlite.read(&around, &mut work),
                Backend::Postgres(postgres) => postgres.read(&around, &mut work),
            }
        })
        .await
    }

    /// Runs `work` in a transaction and returns once it is committed to disk. `Err` rolls it back.
    pub async fn write<T, E, F>(&self, lane: Lane, mut work: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(lane, work).await,
            Backend::Postgres(postgres) => {
                let admitted = postgres.admit(lane).await?;
                let backend = Arc::clone(&self.backend);
                let around = Arc::clone(&self.around);
                let bells = self.bells.clone();
                let span = tracing::Span::current();
                off_thread(move || {
                    let _entered = span.enter();
                    let _admitted = admitted;
                    match &*backend {
                        Backend::Postgres(postgres) => {
                            postgres.write(lane, &around, &bells, &mut work)
                        }
                        Backend::Sqlite(_) => {
                            Err(Error::Unavailable("the backend changed".into()).into())
                        }
                    }
                })
                .await
            }
        }
    }

    /// Changes after a commit that made something due.
    pub fn wake_signal(&self) -> watch::Receiver<()> {
        self.bells.engine.subscribe()
    }

    /// Changes after a commit that staged evidence.
    pub fn staged_signal(&self) -> watch::Receiver<()> {
        self.bells.sequencer.subscribe()
    }

    /// Proves what an earlier process left behind, before anything is accepted: an embedded database that was cut
    /// off is looked at page by page (a server sees to its own), and time goes on from where the log has come.
    pub async fn prove(&self) -> Result<(), Error> {
        let backend = Arc::clone(&self.backend);
        off_thread(move || match &*backend {
            Backend::Sqlite(sqlite) => sqlite.prove(),
            Backend::Postgres(_) => Ok(()),
        })
        .await?;
        if let Some(known) = self.read(super::log::last_batch_at).await? {
            let known = self.around.clock.unshift(known);
            self.around.steady.go_on_from(known);
        }
        Ok(())
    }

    /// Says that a disk has failed under what was promised to be on it: the process must end.
    pub fn fail(&self, what: &str) {
        self.bells.fail(what);
    }

    /// What failed, once something has. Whoever runs the process ends it then, at once and without closing.
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.bells.failure.subscribe()
    }

    /// True where one process owns the database.
    pub fn is_embedded(&self) -> bool {
        matches!(&*self.backend, Backend::Sqlite(_))
    }

    pub fn clock(&self) -> &Clock {
        &self.around.clock
    }

    /// Waits until everything queued is committed, then closes the database cleanly.
    pub fn close(&self) {
        if let Backend::Sqlite(sqlite) = &*self.backend {
            sqlite.close();
        }
    }
}

async fn off_thread<T, E, F>(work: F) -> Result<T, E>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(fault) => Err(Error::Query(format!("a query ended unexpectedly: {fault}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn a_password_that_would_not_end_where_it_seems_to_is_told_and_not_repeated() {
        for good in [
            "postgres://hub:a%40b%25@db.example/kairan",
            "postgres://hub:is?connect_timeout=9@db.example/kairan",
            "postgres://hub@/kairan?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/kairan?user=hub",
        ] {
            assert!(Location::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "postgres://hub:50%off@db.example/kairan",
            "postgres://hub:SECRET PW@db.example/kairan",
            "postgres://hub:SE@CRET@db.example/kairan",
            "postgres://hub:SE/CRET@db.example/kairan",
        ] {
            let told = Location::parse(bad).expect_err("not escaped");
            assert!(!told.contains("CRET") && !told.contains("off"), "{told}");
        }
    }
}
