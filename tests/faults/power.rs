//! The power of the machine that holds the database is cut under load. What was not synced is gone: the disk is
//! an image that is cloned at once. `KAIRAN_POWER_CUTS` says how often (2 unless given, 1 with PostgreSQL).
//!
//! The hub is halted just before the cut, so that it answers and sends nothing that happened after it: the ledger
//! holds what was said before. On a fast disk a sync that is under way then is mostly over before the cut.

use crate::hub::{Node, Site, World, count};
use crate::kill::{LOOPBACK, Load, Moments, ask_again, by_databases, judge, number, say, unknown};
use crate::mounts::{Powered, run};
use crate::needs::{Need, may};
use crate::server::{Server, Stop};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use kairan::clock::Clock;
use kairan::vault;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BANKS: usize = 3;
/// A control that loses nothing at so many cuts shows that the cuts are none.
const TRIES: usize = 6;

fn moments(what: &str) -> Moments {
    let seed = number("KAIRAN_FAULT_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(vault::random().expect("randomness")));
    say(&format!("{what}: KAIRAN_FAULT_SEED={seed}"));
    Moments(seed)
}

fn sync(path: &Path) {
    run("sync", &["-f", path.to_str().expect("UTF-8")]);
}

/// One cut under load, and what is held against the ledger afterwards; `down` and `up` are of the database.
async fn cut(
    world: &Arc<World>,
    node: Node,
    (disk, server): (&mut Powered, Option<&Server>),
    (round, moments): (u64, &mut Moments),
) -> Node {
    let from = Clock::new().now();
    let duplicates = world.ledger().duplicates();
    let load = Load::start(world, std::slice::from_ref(&node.url), round, moments);
    tokio::time::sleep(Duration::from_millis(moments.between(100, 1_200))).await;
    node.signal(Signal::STOP);
    disk.cut();
    let place = node.kill();
    load.end().await;
    if let Some(server) = server {
        server.stop(Stop::Immediate);
    }
    disk.restore();
    if let Some(server) = server {
        server.start();
    }
    let node = world.start(place).await;
    ask_again(world, &node.url).await;
    world.settled(&node).await;
    let lost = unknown(judge(world, from).await).len();
    let again = world.ledger().duplicates() - duplicates;
    assert!(again <= lost, "{again} came twice, {lost} were under way");
    node
}

async fn cuts(mut disk: Powered, server: Option<Server>, (cuts, moments): (u64, &mut Moments)) {
    let begun = Instant::now();
    let site = Site {
        database: match &server {
            Some(server) => server.url(),
            None => format!("sqlite:{}", disk.path().join("kairan.db").display()),
        },
        journal: disk.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    world.banks[1].answers_after(Duration::from_millis(60));
    sync(&disk.path());
    let mut node = world.start(world.place("hub")).await;
    for round in 1..=cuts {
        let with = (&mut disk, server.as_ref());
        node = cut(&world, node, with, (round, moments)).await;
    }
    node.kill();
    let ledger = world.ledger();
    say(&format!(
        "power: {cuts} cuts in {:.1} s, {} filings, {} arrivals, {} stamps, {} came twice, the same bytes",
        begun.elapsed().as_secs_f64(),
        ledger.filings.len(),
        ledger.arrivals.len(),
        ledger.stamps.len(),
        ledger.duplicates()
    ));
    drop(server);
    drop(disk);
}

mod what_was_confirmed_outlives_a_power_cut {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        if may(Need::Disks, "a power cut") {
            let mut moments = moments("power cuts");
            for some in by_databases(number("KAIRAN_POWER_CUTS").unwrap_or(2)) {
                cuts(Powered::mount(512), None, (some, &mut moments)).await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        if may(Need::Disks, "a power cut") {
            let mut moments = moments("power cuts");
            for some in by_databases(number("KAIRAN_POWER_CUTS").unwrap_or(1)) {
                let disk = Powered::mount(900);
                let server = Server::found(&disk.path());
                cuts(disk, Some(server), (some, &mut moments)).await;
            }
        }
    }
}

/// Writes rows as fast as it can, and counts those that the database has confirmed.
struct Writer {
    confirmed: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Writer {
    fn start(mut insert: impl FnMut() + Send + 'static) -> Self {
        let (confirmed, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, until) = (Arc::clone(&confirmed), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::SeqCst) {
                insert();
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            confirmed,
            stop,
            thread,
        }
    }

    /// What was confirmed before the cut.
    fn cut(self, disk: &mut Powered) -> usize {
        std::thread::sleep(Duration::from_millis(700));
        let confirmed = self.confirmed.load(Ordering::SeqCst);
        disk.cut();
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("no panic");
        confirmed
    }
}

fn sqlite(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("it opens");
    conn.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 8192;
         CREATE TABLE IF NOT EXISTS t (n)",
    )
    .expect("settings");
    conn
}

fn postgres(url: &str) -> PgConnection {
    let mut conn = PgConnection::establish(url).expect("it connects");
    conn.batch_execute("SET synchronous_commit = off; CREATE TABLE IF NOT EXISTS t (n int)")
        .expect("settings");
    conn
}

fn rows(database: &str) -> usize {
    usize::try_from(count(database, "SELECT count(*) AS n FROM t")).expect("small")
}

#[test]
fn control_sqlite_that_syncs_at_checkpoints_only_loses_what_it_confirmed() {
    if !may(Need::Disks, "a power cut") {
        return;
    }
    let mut disk = Powered::mount(128);
    let path: PathBuf = disk.path().join("a.db");
    let database = format!("sqlite:{}", path.display());
    for _ in 0..TRIES {
        let mut conn = sqlite(&path);
        let before = rows(&database);
        sync(&disk.path());
        let writer = Writer::start(move || {
            conn.batch_execute("INSERT INTO t VALUES (1)")
                .expect("a row");
        });
        let confirmed = before + writer.cut(&mut disk);
        disk.restore();
        let there = rows(&database);
        say(&format!(
            "control, SQLite: {confirmed} confirmed, {there} there"
        ));
        if there < confirmed {
            return;
        }
    }
    panic!("nothing was lost in {TRIES} cuts: they cut nothing");
}

#[test]
fn control_postgres_that_answers_before_its_disk_loses_what_it_confirmed() {
    if !may(Need::Disks, "a power cut") {
        return;
    }
    let mut disk = Powered::mount(600);
    let server = Server::found(&disk.path());
    for _ in 0..TRIES {
        let mut conn = postgres(&server.url());
        let before = rows(&server.url());
        sync(&disk.path());
        let writer = Writer::start(move || {
            conn.batch_execute("INSERT INTO t VALUES (1)")
                .expect("a row");
        });
        let confirmed = before + writer.cut(&mut disk);
        server.stop(Stop::Immediate);
        disk.restore();
        server.start();
        let there = rows(&server.url());
        say(&format!(
            "control, PostgreSQL: {confirmed} confirmed, {there} there"
        ));
        if there < confirmed {
            return;
        }
    }
    panic!("nothing was lost in {TRIES} cuts: they cut nothing");
}
