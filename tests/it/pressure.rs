//! What a store turns away, and when: before anything is stored, and filings before stamps. And which servers it
//! promises nothing on.

use crate::support::ground::{BOUNDS, Base, Ground, on_both};
use crate::support::postgres::{FreshPostgres, fresh_postgres};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use kairan::actions::once;
use kairan::clock::Clock;
use kairan::domain::id::Uid;
use kairan::storage::{Bounds, Error, Lane, Location, Store, roster};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A store on the same database, in which little may wait.
async fn narrow(ground: &Ground) -> Store {
    let location = match &ground.base {
        Base::Sqlite(folder) => Location::Sqlite(folder.path().join("kairan.db")),
        Base::Postgres(fresh) => Location::Postgres(fresh.url().into()),
    };
    let bounds = Bounds {
        queue: 3,
        writers: 2,
        ..BOUNDS
    };
    let vault = Arc::clone(&ground.vault);
    let opened =
        tokio::task::spawn_blocking(move || Store::open(&location, bounds, Clock::new(), vault));
    opened.await.expect("no panic").expect("it opens")
}

on_both! {
    async fn a_repetition_that_waited_long_for_the_first_gets_its_answer(ground) {
        let officer = ground.person("officer").await;
        let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let store = ground.store.clone();
        let holder = tokio::spawn(async move {
            let hold = move |tx: &mut kairan::storage::Tx<'_>| {
                roster::enter_gate(tx)?;
                begin.send(()).expect("the test waits");
                std::thread::sleep(Duration::from_secs(7));
                Ok::<_, Error>(())
            };
            store.write(Lane::Front, hold).await
        });
        begun.recv().await.expect("it is in the gate");
        let file = || {
            let store = ground.store.clone();
            tokio::spawn(async move {
                let act = move |tx: &mut kairan::storage::Tx<'_>| {
                    once::once(tx, officer, "the same key", b"the same request", |tx| {
                        roster::enter_gate(tx)?;
                        Ok((201, tx.new_id()?.to_string().into_bytes()))
                    })
                };
                store.write(Lane::Filing, act).await
            })
        };
        let (one, other) = tokio::join!(file(), file());
        let answers = [one, other].map(|done| done.expect("no panic").expect("answered"));
        assert_eq!(answers[0].body, answers[1].body);
        assert_eq!(answers.iter().filter(|answer| answer.replayed).count(), 1);
        holder.await.expect("no panic").expect("it let go");
    }

    async fn filings_beyond_the_queue_are_turned_away_and_a_stamp_goes_in(ground) {
        let store = narrow(&ground).await;
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let mut filings: JoinSet<Result<Uid, Error>> = JoinSet::new();
        let first = store.clone();
        filings.spawn(async move {
            let wait = move |tx: &mut kairan::storage::Tx<'_>| {
                begin.send(()).expect("the test waits");
                // Ends when the test lets go.
                let _ = released.lock().expect("no panic").recv();
                tx.new_id()
            };
            first.write(Lane::Filing, wait).await
        });
        begun.recv().await.expect("it is under way");
        let mut turned_away = 0;
        for _ in 0..10 {
            let next = store.clone();
            filings.spawn(async move { next.write(Lane::Filing, |tx| tx.new_id()).await });
            let early = tokio::time::timeout(Duration::from_millis(100), filings.join_next()).await;
            if let Ok(Some(done)) = early {
                assert!(matches!(done.expect("no panic"), Err(Error::Busy(_))));
                turned_away += 1;
            }
        }
        assert!((7..=8).contains(&turned_away), "{turned_away} of 10");
        let stamps = store.clone();
        let stamp = tokio::spawn(async move { stamps.write(Lane::Front, |tx| tx.new_id()).await });
        drop(release);
        stamp.await.expect("no panic").expect("a stamp goes in");
        while let Some(done) = filings.join_next().await {
            done.expect("no panic").expect("what was taken in is done");
        }
        tokio::task::spawn_blocking(move || store.close()).await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_another_process_holds_is_waited_for_once_for_all() {
    let ground = Ground::sqlite().await;
    let Base::Sqlite(folder) = &ground.base else {
        panic!("this one is on SQLite");
    };
    let path = folder.path().join("kairan.db");
    let mut holder = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    holder
        .batch_execute("BEGIN IMMEDIATE")
        .expect("it holds the database");
    let mut writes = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..8 {
        let store = ground.store.clone();
        writes.spawn(async move { store.write(Lane::Front, |tx| tx.new_id()).await });
    }
    while let Some(done) = writes.join_next().await {
        let refused = done.expect("no panic");
        assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    }
    // Two groups: whoever came first, and the others.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    holder.batch_execute("ROLLBACK").expect("it lets go");
    let store = ground.store.clone();
    store
        .write(Lane::Front, |tx| tx.new_id())
        .await
        .expect("it writes again");
}

fn open_and_close(fresh: &FreshPostgres) -> Result<(), Error> {
    let vault = kairan::vault::Vault::new(kairan::vault::random().expect("randomness"));
    let location = Location::Postgres(fresh.url().into());
    Store::open(&location, BOUNDS, Clock::new(), Arc::new(vault)).map(|store| store.close())
}

#[test]
fn a_schema_that_somebody_holds_is_not_waited_for_without_an_end() {
    let fresh = fresh_postgres();
    let open = || open_and_close(&fresh);
    open().expect("a schema");
    let mut holder = PgConnection::establish(fresh.url()).expect("connects");
    let hold = "BEGIN; LOCK TABLE __diesel_schema_migrations IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(hold).expect("it holds the table");
    let refused = open().expect_err("refused").to_string();
    assert!(refused.contains("lock timeout"), "{refused}");
    holder.batch_execute("ROLLBACK").expect("it lets go");
    open().expect("it opens");
}

#[test]
fn a_server_that_takes_no_writes_is_told_as_such() {
    let fresh = fresh_postgres();
    let mut conn = PgConnection::establish(fresh.url()).expect("connects");
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    conn.batch_execute(set).expect("set");
    let refused = open_and_close(&fresh).expect_err("refused").to_string();
    assert!(refused.contains("takes no writes"), "{refused}");
}

/// Fails unless so many sessions of this database wait for a row that another holds.
fn waiting(count: usize) -> String {
    format!(
        "DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event_type = 'Lock') <> {count} THEN RAISE EXCEPTION 'not {count}'; END IF; END $$"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filings_wait_in_the_hub_and_one_in_the_database() {
    let ground = Ground::postgres().await;
    let Base::Postgres(fresh) = &ground.base else {
        panic!("this one is on PostgreSQL");
    };
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let mut filings: JoinSet<Result<(), Error>> = JoinSet::new();
    let store = ground.store.clone();
    filings.spawn(async move {
        let hold = move |tx: &mut kairan::storage::Tx<'_>| {
            roster::enter_gate(tx)?;
            begin.send(()).expect("the test waits");
            // Ends when the test lets go.
            let _ = released.lock().expect("no panic").recv();
            Ok(())
        };
        store.write(Lane::Filing, hold).await
    });
    begun.recv().await.expect("it is in the gate");
    for _ in 0..6 {
        let store = ground.store.clone();
        let pass = |tx: &mut kairan::storage::Tx<'_>| roster::enter_gate(tx).map(drop);
        filings.spawn(async move { store.write(Lane::Filing, pass).await });
    }
    let stands = tokio::time::timeout(Duration::from_secs(20), async {
        while fresh.tamper(&waiting(1)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    stands.await.expect("one waits at the gate");
    tokio::time::sleep(Duration::from_millis(300)).await;
    fresh.tamper(&waiting(1)).expect("the others wait outside");
    drop(release);
    while let Some(done) = filings.join_next().await {
        done.expect("no panic").expect("each passes in its turn");
    }
}

#[test]
fn a_server_that_answers_before_its_disk_is_refused_with_what_to_change() {
    let fresh = fresh_postgres();
    let open = || open_and_close(&fresh);
    let name = url::Url::parse(fresh.url()).expect("a URL");
    let name = name.path().trim_start_matches('/').to_owned();
    let set = |value: &str| {
        fresh
            .tamper(&format!(
                "ALTER DATABASE {name} SET synchronous_commit = {value}"
            ))
            .expect("a setting");
    };
    for lax in ["off", "local", "remote_write"] {
        set(lax);
        let refused = open().expect_err("refused").to_string();
        assert!(refused.contains("set synchronous_commit = on"), "{refused}");
    }
    for durable in ["on", "remote_apply"] {
        set(durable);
        open().expect("it opens");
    }
}
