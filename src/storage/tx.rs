//! `Tx`: one transaction on one of the two databases, with what every query needs beside it: the
//! stored clock, the vault, and the group under which evidence is staged.

use super::error::Error;
use super::log::{self, StagedRow};
use super::postgres::{BY_KEYS, BY_WHOLE_TABLES};
use super::prepared::prepared;
use super::roster::Member;
use super::schema::types::InstantSql;
use crate::clock::{Clock, Steady};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::vault::{SecretKey, Vault};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What outlives any transaction.
pub struct Surroundings {
    pub clock: Clock,
    /// The database's own time, as far as it does not go back.
    pub steady: Steady,
    pub vault: Arc<Vault>,
    /// The roster last issued by, under the hash of its version's entry.
    roster: Mutex<Option<KeptRoster>>,
}

struct KeptRoster {
    entry_hash: Vec<u8>,
    members: Arc<[Member]>,
}

impl Surroundings {
    pub fn new(clock: Clock, vault: Arc<Vault>) -> Self {
        Self {
            clock,
            steady: Steady::default(),
            vault,
            roster: Mutex::default(),
        }
    }
}

/// Who has something to do after a commit.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::storage) struct Wakes {
    pub engine: bool,
    pub sequencer: bool,
}

impl std::ops::BitOrAssign for Wakes {
    fn bitor_assign(&mut self, other: Self) {
        self.engine |= other.engine;
        self.sequencer |= other.sequencer;
    }
}

/// Told after a commit: those who would otherwise find out at their next look.
#[derive(Clone)]
pub(in crate::storage) struct Bells {
    pub engine: watch::Sender<()>,
    pub sequencer: watch::Sender<()>,
    /// What failed for good.
    pub failure: watch::Sender<Option<String>>,
}

impl Bells {
    /// The first failure is the one to tell.
    pub fn fail(&self, what: &str) {
        self.failure.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(what.to_owned());
            }
            is_first
        });
    }

    pub fn ring(&self, wakes: Wakes) {
        if wakes.engine {
            self.engine.send_replace(());
        }
        if wakes.sequencer {
            self.sequencer.send_replace(());
        }
    }
}

pub(in crate::storage) enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

prepared!(ReadClock returns InstantSql: "SELECT clock_timestamp()");

/// A transaction. Made only by the store; ends when the store's closure returns.
pub struct Tx<'c> {
    pub(in crate::storage) conn: Conn<'c>,
    around: &'c Surroundings,
    now: Option<Instant>,
    group: Option<Uid>,
    /// Evidence that waits for the end of the transaction.
    pub(in crate::storage) staged: Vec<StagedRow>,
    /// The data key last sealed under, with its subject and version.
    data_key: Option<(Uid, i64, Arc<SecretKey>)>,
    /// Whether PostgreSQL was told to plan by keys.
    by_keys: bool,
    /// Set when something became due, so that the engine is woken after the commit.
    wakes: bool,
    /// Set when evidence was staged, so that the sequencer is woken after the commit.
    stages: bool,
}

/// One body, compiled for both databases. A statement that only one of them has is a two-armed match
/// on `tx.conn`, and stays in `storage/`.
macro_rules! on_either {
    ($tx:expr, $conn:ident => $body:expr) => {
        match &mut $tx.conn {
            $crate::storage::tx::Conn::Sqlite(sqlite) => {
                let $conn: &mut diesel::SqliteConnection = sqlite;
                $body
            }
            $crate::storage::tx::Conn::Postgres(postgres) => {
                let $conn: &mut diesel::PgConnection = postgres;
                $body
            }
        }
    };
}
pub(in crate::storage) use on_either;

impl<'c> Tx<'c> {
    pub(in crate::storage) fn new(conn: Conn<'c>, around: &'c Surroundings) -> Self {
        Self {
            conn,
            around,
            now: None,
            group: None,
            staged: Vec::new(),
            data_key: None,
            by_keys: false,
            wakes: false,
            stages: false,
        }
    }

    /// Does the work, and what it has left to its end.
    pub(in crate::storage) fn carry_out<T, E: From<Error>>(
        &mut self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let value = work(self)?;
        log::write_staged(self)?;
        Ok(value)
    }

    /// The database's time, which never goes back, plus the test offset, in whole microseconds; the same all
    /// through one transaction, except that entering the issue gate reads it anew.
    pub fn now(&mut self) -> Result<Instant, Error> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let read: Instant = match &mut self.conn {
            // SQLite has no clock but this machine's.
            Conn::Sqlite(_) => Clock::machine(),
            Conn::Postgres(conn) => ReadClock {}.get_result(*conn)?,
        };
        Ok(self.clock_reads(read))
    }

    /// What the database's clock says is this transaction's time from here on.
    pub(in crate::storage) fn clock_reads(&mut self, read: Instant) -> Instant {
        let now = self.around.clock.shift(self.around.steady.reading(read));
        self.now = Some(now);
        now
    }

    /// Plans what is read from here on row by row, by keys: planned when tables are still empty, PostgreSQL would read
    /// whole ones until it has looked at them again.
    pub(in crate::storage) fn read_by_keys(&mut self) -> Result<(), Error> {
        if let Conn::Postgres(conn) = &mut self.conn
            && !self.by_keys
        {
            conn.batch_execute(BY_KEYS)?;
            self.by_keys = true;
        }
        Ok(())
    }

    /// Plans what is done from here on for whole tables.
    pub(in crate::storage) fn go_through_all(&mut self) -> Result<(), Error> {
        if let Conn::Postgres(conn) = &mut self.conn {
            conn.batch_execute(BY_WHOLE_TABLES)?;
        }
        Ok(())
    }

    /// A new id at this transaction's time.
    pub fn new_id(&mut self) -> Result<Uid, Error> {
        Ok(Uid::at(self.now()?))
    }

    /// The group of this transaction's evidence entries.
    pub(in crate::storage) fn evidence_group(&mut self) -> Result<Uid, Error> {
        if let Some(group) = self.group {
            return Ok(group);
        }
        let group = self.new_id()?;
        self.group = Some(group);
        Ok(group)
    }

    pub(in crate::storage) fn roster(&self, entry_hash: &[u8]) -> Option<Arc<[Member]>> {
        let kept = self.around.roster.lock();
        let kept = kept.unwrap_or_else(PoisonError::into_inner);
        let known = kept
            .as_ref()
            .filter(|known| known.entry_hash == entry_hash)?;
        Some(Arc::clone(&known.members))
    }

    pub(in crate::storage) fn keep_roster(&self, entry_hash: Vec<u8>, members: Arc<[Member]>) {
        let kept = self.around.roster.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = Some(KeptRoster {
            entry_hash,
            members,
        });
    }

    /// The version and the key, if it is this subject's that was sealed under last.
    pub(in crate::storage) fn data_key(&self, subject: Uid) -> Option<(i64, Arc<SecretKey>)> {
        let known = self.data_key.as_ref();
        let (_, version, key) = known.filter(|(whose, ..)| *whose == subject)?;
        Some((*version, Arc::clone(key)))
    }

    pub(in crate::storage) fn keep_data_key(
        &mut self,
        subject: Uid,
        version: i64,
        key: &Arc<SecretKey>,
    ) {
        self.data_key = Some((subject, version, Arc::clone(key)));
    }

    pub fn vault(&self) -> Arc<Vault> {
        Arc::clone(&self.around.vault)
    }

    /// Wakes the engine once this transaction is committed. Speed only: the engine also scans.
    pub fn wake_engine(&mut self) {
        self.wakes = true;
    }

    pub(in crate::storage) fn wake_sequencer(&mut self) {
        self.stages = true;
    }

    /// Whom to wake once this transaction is committed.
    pub(in crate::storage) fn wakes(&self) -> Wakes {
        Wakes {
            engine: self.wakes,
            sequencer: self.stages,
        }
    }
}
