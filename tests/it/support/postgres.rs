//! A database of its own for every test, on the throwaway PostgreSQL of `scripts/test`.
//! Knows nothing of tables: the hub under test migrates it.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// An empty database; dropped with this value, whoever is still connected.
pub struct FreshPostgres {
    url: String,
    name: String,
    server: String,
}

/// Makes an empty UTF-8 database with a name of its own.
///
/// # Panics
/// Without `KAIRAN_TEST_POSTGRES`: a test that skipped itself would prove nothing.
pub fn fresh_postgres() -> FreshPostgres {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("KAIRAN_TEST_POSTGRES").expect(
        "KAIRAN_TEST_POSTGRES is not set: run scripts/test, or one command by scripts/test --services-only -- cargo test …",
    );
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since_epoch.map_or(0, |time| time.subsec_nanos());
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("kairan_{}_{made}_{nanos}", std::process::id());
    // template0: nobody can be connected to it, so tests may create theirs at the same time.
    on(
        &server,
        &format!("CREATE DATABASE {name} TEMPLATE template0"),
    )
    .unwrap_or_else(|error| {
        panic!("no test database on the server of KAIRAN_TEST_POSTGRES: {error}")
    });
    let mut url = url::Url::parse(&server).expect("KAIRAN_TEST_POSTGRES is a URL");
    url.set_path(&name);
    FreshPostgres {
        url: url.into(),
        name,
        server,
    }
}

impl FreshPostgres {
    /// `postgres://…`, as `kairan.toml` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements beside the hub: the hand of somebody with access to the database.
    pub fn tamper(&self, statements: &str) -> Result<(), String> {
        on(&self.url, statements)
    }
}

impl Drop for FreshPostgres {
    fn drop(&mut self) {
        // A database left behind ends with the throwaway server; a panic here would hide the test's own.
        drop(on(
            &self.server,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        ));
    }
}

fn on(url: &str, statements: &str) -> Result<(), String> {
    let mut connection = PgConnection::establish(url).map_err(|error| error.to_string())?;
    connection
        .batch_execute(statements)
        .map_err(|error| error.to_string())
}

#[test]
fn every_test_has_a_database_to_itself() {
    let (one, other) = (fresh_postgres(), fresh_postgres());
    assert_ne!(one.url(), other.url());
    one.tamper("CREATE TABLE bank (id integer)")
        .expect("an empty database takes a table");
    other
        .tamper("CREATE TABLE bank (id integer)")
        .expect("the other one is empty too");
    let url = one.url().to_string();
    drop(one);
    assert!(on(&url, "SELECT 1").is_err(), "it is gone with its guard");
}
