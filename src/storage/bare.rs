//! The database alone, for `kairan bench`: plain durable commits to hold the hub against, a database of its
//! own on a given server, and a look beside a hub at work.

pub mod made;

use super::error::Error;
use super::prepared::prepared;
use super::store::Location;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use std::path::Path;

/// As durable as the hub's own writer.
const SQLITE: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;";
const POSTGRES: &str = "SET synchronous_commit = on";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS bench_commit";

prepared!(StoreBytes: "INSERT INTO bench_commit (bytes) VALUES (" bytes: Binary = Vec<u8>, ")");

impl StoreBytes {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
        }
    }
}

/// One connection, without pools, groups or rules.
pub struct Bare {
    conn: Conn,
}

enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Pid {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

impl Bare {
    pub fn open(location: &Location) -> Result<Self, Error> {
        let conn = match location {
            Location::Sqlite(path) => Conn::Sqlite(sqlite(path)?),
            Location::Postgres(url) => Conn::Postgres(postgres(url)?),
        };
        Ok(Self { conn })
    }

    /// Makes the table that `commit` writes to.
    pub fn prepare(&mut self) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.batch_execute(&format!("{TABLE} (bytes BLOB NOT NULL)"))?,
            Conn::Postgres(conn) => {
                conn.batch_execute(&format!("{TABLE} (bytes bytea NOT NULL)"))?
            }
        }
        Ok(())
    }

    /// One transaction that stores these bytes; back when they are on disk.
    pub fn commit(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => {
                conn.immediate_transaction(|conn| StoreBytes::of(bytes).execute(conn))?
            }
            Conn::Postgres(conn) => conn.transaction(|conn| {
                diesel::sql_query("INSERT INTO bench_commit (bytes) VALUES ($1)")
                    .bind::<Binary, _>(bytes)
                    .execute(conn)
            })?,
        };
        Ok(())
    }

    /// One transaction that stores these bytes in each of so many rows; back when they are on disk.
    pub fn commit_rows(&mut self, rows: usize, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.immediate_transaction(|conn| {
                (0..rows).try_for_each(|_| StoreBytes::of(bytes).execute(conn).map(drop))
            })?,
            // One statement: a round trip for each row would be no limit.
            Conn::Postgres(conn) => conn.transaction(|conn| {
                diesel::sql_query(
                    "INSERT INTO bench_commit (bytes) SELECT $1 FROM generate_series(1, $2)",
                )
                .bind::<Binary, _>(bytes)
                .bind::<BigInt, _>(i64::try_from(rows).unwrap_or(i64::MAX))
                .execute(conn)
                .map(drop)
            })?,
        }
        Ok(())
    }

    /// Deliveries of a hub's database whose last outcome is not recorded yet, to banks with a code up to `last`.
    pub fn open_deliveries(&mut self, last: &str) -> Result<i64, Error> {
        const OPEN: &str = "SELECT count(*) AS n FROM delivery d JOIN bank b ON b.id = d.bank_id
            WHERE (d.state = 'due' OR d.state = 'waiting' OR d.state = 'leased') AND b.code <= ";
        let count: Count = match &mut self.conn {
            Conn::Sqlite(conn) => diesel::sql_query(format!("{OPEN}?"))
                .bind::<Text, _>(last)
                .get_result(conn)?,
            Conn::Postgres(conn) => diesel::sql_query(format!("{OPEN}$1"))
                .bind::<Text, _>(last)
                .get_result(conn)?,
        };
        Ok(count.n)
    }

    /// Deliveries that a hub has claimed and not ended.
    pub fn leased_deliveries(&mut self) -> Result<i64, Error> {
        self.count("SELECT count(*) AS n FROM delivery WHERE state = 'leased'")
    }

    pub fn acknowledgements(&mut self) -> Result<i64, Error> {
        self.count("SELECT count(*) AS n FROM acknowledgement")
    }

    fn count(&mut self, sql: &'static str) -> Result<i64, Error> {
        let count: Count = match &mut self.conn {
            Conn::Sqlite(conn) => diesel::sql_query(sql).get_result(conn)?,
            Conn::Postgres(conn) => diesel::sql_query(sql).get_result(conn)?,
        };
        Ok(count.n)
    }

    /// The server's process behind this connection; an embedded database has none.
    pub fn server_process(&mut self) -> Result<Option<i32>, Error> {
        match &mut self.conn {
            Conn::Sqlite(_) => Ok(None),
            Conn::Postgres(conn) => {
                let found: Pid =
                    diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(conn)?;
                Ok(Some(found.pid))
            }
        }
    }
}

fn sqlite(path: &Path) -> Result<SqliteConnection, Error> {
    let refused = |fault: String| {
        Error::Unavailable(format!(
            "cannot open {}: {fault}; check the folder",
            path.display()
        ))
    };
    let url = path.to_str().ok_or_else(|| refused("not UTF-8".into()))?;
    let mut conn = SqliteConnection::establish(url).map_err(|fault| refused(fault.to_string()))?;
    conn.batch_execute(SQLITE)?;
    Ok(conn)
}

fn postgres(url: &str) -> Result<PgConnection, Error> {
    let mut conn = PgConnection::establish(url)
        .map_err(|fault| Error::Unavailable(format!("cannot connect to PostgreSQL: {fault}")))?;
    conn.batch_execute(POSTGRES)?;
    Ok(conn)
}

/// Makes an empty database `name` (letters, digits, underscores) through a connection to the server.
pub fn create_database(server: &str, name: &str) -> Result<(), Error> {
    // template0: nobody can be connected to it.
    let statement = format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'");
    Ok(postgres(server)?.batch_execute(&statement)?)
}

/// Drops it, whoever is still connected.
pub fn drop_database(server: &str, name: &str) -> Result<(), Error> {
    let statement = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
    Ok(postgres(server)?.batch_execute(&statement)?)
}
