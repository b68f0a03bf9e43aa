//! The schema: embedded, the same names for both databases, brought up to date when a store is opened.

use super::error::Error;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

type Fault = Box<dyn std::error::Error + Send + Sync>;

fn refused(fault: Fault) -> Error {
    Error::Query(format!("bringing the schema up to date: {fault}"))
}

/// Versions applied in the database that this program does not know.
fn unknown<DB: diesel::backend::Backend>(
    applied: &[String],
    source: &EmbeddedMigrations,
) -> Result<Vec<String>, Error>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(refused)?;
    let known: Vec<String> = migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    Ok(applied
        .iter()
        .filter(|version| !known.contains(version))
        .cloned()
        .collect())
}

fn refuse_newer(unknown: Vec<String>) -> Result<(), Error> {
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::Unavailable(format!(
        "the database was made by a newer kairan (schema {}); run that version or a later one",
        unknown.join(", ")
    )))
}

pub(in crate::storage) fn run_sqlite(conn: &mut SqliteConnection) -> Result<(), Error> {
    let applied: Vec<String> = conn
        .applied_migrations()
        .map_err(refused)?
        .iter()
        .map(ToString::to_string)
        .collect();
    refuse_newer(unknown::<diesel::sqlite::Sqlite>(&applied, &SQLITE)?)?;
    conn.run_pending_migrations(SQLITE).map_err(refused)?;
    Ok(())
}

pub(in crate::storage) fn run_postgres(conn: &mut PgConnection) -> Result<(), Error> {
    // A table is not asked for behind whoever holds it: all other nodes would wait behind that.
    conn.batch_execute("SET lock_timeout = '3s'")?;
    // Two nodes that start together may both try; whoever loses finds the work done.
    let mut tries = 0;
    loop {
        tries += 1;
        let attempt = run_postgres_once(conn);
        match attempt {
            Err(Error::Query(_)) if tries < 5 => {
                std::thread::sleep(std::time::Duration::from_millis(500))
            }
            other => return other,
        }
    }
}

fn run_postgres_once(conn: &mut PgConnection) -> Result<(), Error> {
    let applied: Vec<String> = conn
        .applied_migrations()
        .map_err(refused)?
        .iter()
        .map(ToString::to_string)
        .collect();
    refuse_newer(unknown::<diesel::pg::Pg>(&applied, &POSTGRES)?)?;
    conn.run_pending_migrations(POSTGRES).map_err(refused)?;
    Ok(())
}
