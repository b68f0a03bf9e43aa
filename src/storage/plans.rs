//! How SQLite finds what is asked for, for the tests that hold it to that. No connection to a server shows its plans so.

use super::migrations;
use super::schema::types::Text;
use super::tx::{Conn, Surroundings, Tx};
use crate::clock::Clock;
use crate::vault::Vault;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// An empty database with the schema, in a folder that lives as long.
pub(in crate::storage) fn empty() -> (TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kairan.db");
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    migrations::run_sqlite(&mut conn).expect("a schema");
    (folder, conn)
}

/// The plan of every statement that this asks, step by step.
pub(in crate::storage) fn steps<T, E: Debug>(
    conn: &mut SqliteConnection,
    ask: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Vec<String> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            kept.lock().expect("alone").push(query.to_string());
        }
    });
    let around = Surroundings::new(Clock::new(), Arc::new(Vault::new([1; 32])));
    ask(&mut Tx::new(Conn::Sqlite(conn), &around)).expect("an answer");
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let asked = std::mem::take(&mut *asked.lock().expect("alone"));
    let steps = asked.iter().flat_map(|statement| {
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"));
        explain.load::<Step>(conn).expect("a plan")
    });
    steps.map(|step| step.detail).collect()
}
