//! PostgreSQL: a pool of connections on blocking threads, no grouping of our own. A closure that lost a
//! deadlock or a serialization race is run again. Who waits for a connection waits in a queue with a bound, and
//! filings through the API take two at most, as they pass one after the other.

use super::durability::assert_postgres;
use super::error::Error;
use super::migrations;
use super::store::{Bounds, Lane};
use super::tx::{Bells, Conn, Surroundings, Tx, Wakes};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type PgPool = Pool<ConnectionManager<PgConnection>>;

/// How often a closure is run before the race is reported as busy. Once again in any case: whoever waited for another
/// with the same key finds what that one stored. After `PATIENCE` no more: locks and statements time out alike.
const RUNS: usize = 5;
/// Connections of the engine.
const ENGINES: u32 = 2;
/// Filings of this node in a transaction at once: one passes the issue gate, one is on its way there. Whoever waited there
/// with them would keep every row version that has been replaced meanwhile, and claims walk over those.
const FILINGS: u32 = 2;
/// When a server that has vanished without a word is given up, unless the URL says it: left to itself, TCP asks for a
/// quarter of an hour, and whoever waits for an answer with it. Parameters of libpq, in seconds; the timeout of TCP in ms.
const GIVEN_UP: [(&str, &str); 5] = [
    // Shorter than whoever waits for the connection: the first of several hosts may be the one that is gone.
    ("connect_timeout", "3"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
];
/// How long somebody waits for a connection that others use.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a filing waits for those of its node before it; at the gate it may wait as long again (`lock_timeout`).
const PATIENCE_TO_FILE: Duration = Duration::from_secs(20);

pub(in crate::storage) struct Postgres {
    front: PgPool,
    /// The engine has connections of its own, so that neither side can starve the other.
    back: PgPool,
    readers: PgPool,
    gates: [Gate; 3],
}

/// Before a lane: how many may wait, and how many write at once.
struct Gate {
    queue: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

impl Gate {
    fn new(queue: usize, writing: u32) -> Self {
        Self {
            queue: Arc::new(Semaphore::new(queue)),
            writing: Arc::new(Semaphore::new(writing as usize)),
        }
    }
}

/// A place in a lane; given back when dropped.
pub(in crate::storage) struct Admitted {
    _queue: OwnedSemaphorePermit,
    _writing: OwnedSemaphorePermit,
}

/// Nothing is compiled: by its estimates PostgreSQL would compile for 30 ms what it then does in one.
const SETTINGS: &str =
    "SET TIME ZONE 'UTC'; SET synchronous_commit = on; SET statement_timeout = '60s';
    SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '10s'; SET jit = off";
/// What is written goes by keys: a statement is planned once, whatever is bound to it, and row by row by an index even
/// where a table is still empty.
const PLANNED_ONCE: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off";
/// The same for what one transaction reads.
pub(in crate::storage) const BY_KEYS: &str =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
    SET LOCAL enable_mergejoin = off";
/// The opposite, for one transaction that goes through all there is, however long that takes.
pub(in crate::storage) const BY_WHOLE_TABLES: &str =
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
    SET LOCAL statement_timeout = 0";

/// What every connection of a pool is told at first.
#[derive(Debug)]
struct Setup(&'static [&'static str]);

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Setup {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        for settings in self.0 {
            conn.batch_execute(settings)
                .map_err(diesel::r2d2::Error::QueryError)?;
        }
        Ok(())
    }
}

const READS: Setup = Setup(&[SETTINGS]);
const WRITES: Setup = Setup(&[SETTINGS, PLANNED_ONCE]);

/// Without TLS in the client, libpq would fall back to plain text silently; refuse instead.
#[cfg(not(feature = "pg-tls"))]
fn refuse_plain_text(url: &str) -> Result<(), Error> {
    // Where it names a user and no host, libpq takes a socket of this machine.
    let on_socket = url.replacen("@/", "@localhost/", 1);
    let parsed = url::Url::parse(&on_socket)
        .map_err(|fault| Error::Unavailable(format!("bad database URL: {fault}")))?;
    let query_host = parsed
        .query_pairs()
        .find(|(key, _)| key == "host")
        .map(|(_, value)| value.into_owned());
    let host = query_host
        .or_else(|| parsed.host_str().map(str::to_owned))
        .unwrap_or_default();
    let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]" | "::1")
        || host.starts_with('/')
        || host.starts_with("%2F");
    if local {
        return Ok(());
    }
    Err(Error::Unavailable(format!(
        "PostgreSQL at '{host}' is neither a socket nor loopback, and this build has no TLS to it; build with --features pg-tls"
    )))
}

#[cfg(feature = "pg-tls")]
fn refuse_plain_text(_url: &str) -> Result<(), Error> {
    Ok(())
}

/// The URL with what it does not say itself of a server that has vanished.
fn attentive(url: &str) -> String {
    // As libpq reads it: a password may hold a question mark, and ends at the first `@` before any slash.
    let from = url.find("://").map_or(0, |at| at + 3);
    let user = url[from..]
        .find(['@', '/'])
        .filter(|at| url[from + at..].starts_with('@'));
    let hosts = from + user.unwrap_or(0);
    let (before, said) = match url[hosts..].find('?') {
        Some(at) => (&url[..hosts + at], &url[hosts + at + 1..]),
        None => (url, ""),
    };
    let said = said.split('&').filter(|one| !one.is_empty());
    let mut parameters: Vec<String> = said.map(str::to_owned).collect();
    for (key, value) in GIVEN_UP {
        let names = |one: &String| one.split('=').next() == Some(key);
        if !parameters.iter().any(names) {
            parameters.push(format!("{key}={value}"));
        }
    }
    format!("{before}?{}", parameters.join("&"))
}

fn connect(url: &str) -> Result<PgConnection, Error> {
    PgConnection::establish(url)
        .map_err(|fault| Error::Unavailable(format!("cannot connect to PostgreSQL: {fault}")))
}

/// Whether a hub's schema is there, of whatever version.
pub(in crate::storage) fn is_founded(url: &str) -> Result<bool, Error> {
    refuse_plain_text(url)?;
    let there = "to_regclass('roster_version') IS NOT NULL";
    let asked = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(there));
    Ok(asked.get_result(&mut connect(&attentive(url))?)?)
}

fn pool(url: &str, size: u32, setup: Setup) -> Result<PgPool, Error> {
    Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(0))
        .connection_timeout(PATIENCE)
        // `begin` finds out.
        .test_on_check_out(false)
        .connection_customizer(Box::new(setup))
        .build(ConnectionManager::new(url))
        .map_err(|fault| Error::Unavailable(fault.to_string()))
}

impl Postgres {
    pub(in crate::storage) fn open(url: &str, bounds: Bounds) -> Result<Self, Error> {
        refuse_plain_text(url)?;
        let url = &attentive(url);
        let mut conn = connect(url)?;
        assert_postgres(&mut conn)?;
        migrations::run_postgres(&mut conn)?;
        let gate = |writing: u32| Gate::new(bounds.queue, writing.max(1));
        Ok(Self {
            front: pool(url, bounds.writers, WRITES)?,
            back: pool(url, ENGINES, WRITES)?,
            readers: pool(url, bounds.readers, READS)?,
            gates: [
                gate(bounds.writers),
                gate(bounds.writers.saturating_sub(1).min(FILINGS)),
                gate(ENGINES),
            ],
        })
    }

    /// Waits for a place in this lane; busy if too many wait already, or nobody leaves.
    pub(in crate::storage) async fn admit(&self, lane: Lane) -> Result<Admitted, Error> {
        let [front, filing, back] = &self.gates;
        let (gate, patience) = match lane {
            Lane::Front => (front, PATIENCE),
            Lane::Filing => (filing, PATIENCE_TO_FILE),
            Lane::Back => (back, PATIENCE),
        };
        let queue = Arc::clone(&gate.queue).try_acquire_owned();
        let queue = queue.map_err(|_| Error::Busy("too many writes are waiting".into()))?;
        let writing = Arc::clone(&gate.writing).acquire_owned();
        match tokio::time::timeout(patience, writing).await {
            Ok(Ok(writing)) => Ok(Admitted {
                _queue: queue,
                _writing: writing,
            }),
            _ => Err(Error::Busy(
                "the writes before this one take too long".into(),
            )),
        }
    }

    pub(in crate::storage) fn read<T, E: From<Error>>(
        &self,
        around: &Surroundings,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = begin(
            &self.readers,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )?;
        run(&mut conn, around, &mut |tx: &mut Tx<'_>| tx.carry_out(work)).map(|(value, _)| value)
    }

    pub(in crate::storage) fn write<T, E: From<Error>>(
        &self,
        lane: Lane,
        around: &Surroundings,
        bells: &Bells,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let pool = match lane {
            Lane::Front | Lane::Filing => &self.front,
            Lane::Back => &self.back,
        };
        let mut conn = begin(pool, "BEGIN")?;
        let (began, mut runs) = (Instant::now(), 0);
        loop {
            runs += 1;
            let mut lost_race = false;
            let result = run(&mut conn, around, &mut |tx: &mut Tx<'_>| {
                let result = tx.carry_out(work);
                lost_race = result.is_err() && tx_lost_race(tx);
                result
            });
            match result {
                Ok((value, wakes)) => {
                    bells.ring(wakes);
                    return Ok(value);
                }
                Err(_) if lost_race && runs < RUNS && (runs == 1 || began.elapsed() < PATIENCE) => {
                    conn.batch_execute("BEGIN").map_err(Error::from)?;
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// After an error: is this transaction aborted by the database? Then a statement is refused, and running
/// the closure again is the only way to know its true result.
fn tx_lost_race(tx: &mut Tx<'_>) -> bool {
    match &mut tx.conn {
        Conn::Postgres(conn) => conn.batch_execute("SELECT 1").is_err(),
        Conn::Sqlite(_) => false,
    }
}

/// A connection with a transaction begun. One that the server has ended meanwhile is found out by that, at no round trip
/// of its own, and nothing is lost with it: the pool drops it, and the next one may live.
fn begin(
    pool: &PgPool,
    how: &str,
) -> Result<PooledConnection<ConnectionManager<PgConnection>>, Error> {
    let mut dead = 0;
    loop {
        let conn = pool.get();
        let mut conn = conn.map_err(|fault| Error::Unavailable(fault.to_string()))?;
        match conn.batch_execute(how) {
            Ok(()) => return Ok(conn),
            Err(_) if dead < pool.max_size() => dead += 1,
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Does the work of a transaction that is begun, and ends it.
fn run<T, E: From<Error>>(
    conn: &mut PgConnection,
    around: &Surroundings,
    work: &mut dyn FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Result<(T, Wakes), E> {
    let mut tx = Tx::new(Conn::Postgres(conn), around);
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut tx))).unwrap_or_else(|_| {
        Err(Error::Query("a closure panicked; nothing was stored".into()).into())
    });
    let wakes = tx.wakes();
    match result {
        Ok(value) => {
            conn.batch_execute("COMMIT").map_err(Error::from)?;
            Ok((value, wakes))
        }
        Err(fault) => {
            // A broken connection cannot roll back; the server does it then.
            let _ = conn.batch_execute("ROLLBACK");
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{attentive, refuse_plain_text};

    #[test]
    #[cfg(not(feature = "pg-tls"))]
    fn without_tls_a_socket_and_this_machine_are_reached_and_nobody_else() {
        for here in [
            "postgres:///kairan?host=/run/postgresql",
            "postgres://hub@/kairan?host=/run/postgresql",
            "postgres://hub@/kairan",
            "postgres://hub@localhost/kairan",
            "postgres://hub@[::1]:5433/kairan",
            "postgres://hub@%2Frun%2Fpostgresql/kairan",
        ] {
            assert!(refuse_plain_text(here).is_ok(), "{here}");
        }
        for elsewhere in [
            "postgres://hub@db.example/kairan",
            "postgres://hub@/kairan?host=db.example",
            "postgres://hub@localhost/kairan?host=db.example",
        ] {
            assert!(refuse_plain_text(elsewhere).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn a_url_says_when_a_server_is_given_up_and_what_it_says_itself_stands() {
        let all = "connect_timeout=3&tcp_user_timeout=10000&keepalives_idle=5&keepalives_interval=5&keepalives_count=2";
        for plain in [
            "postgres://hub@db.example/kairan",
            "postgres://db.example",
            "postgres://hub:is?connect_timeout=9@db.example/kairan",
        ] {
            assert_eq!(attentive(plain), format!("{plain}?{all}"));
        }
        assert_eq!(
            attentive("postgres:///kairan?host=/run/db&"),
            format!("postgres:///kairan?host=/run/db&{all}")
        );
        let several = "postgres://hub@one.example,two.example/kairan?target_session_attrs=read-write&connect_timeout=2";
        let rest = all.split_once('&').expect("more than one").1;
        assert_eq!(attentive(several), format!("{several}&{rest}"));
    }
}
