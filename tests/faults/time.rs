//! The clock of the hub's machine, of PostgreSQL's, or of one node among others is set back and forward while they work;
//! and is wrong when a hub starts.
//!
//! A few lines of C between the hub and the system move the wall clock alone, by as much as a file says at the time;
//! they ask the system directly, because the hub's allocator cannot be called as early as other such tools do.

use crate::database::until_filed;
use crate::hub::{Node, Site, World, rows};
use crate::kill::{LOOPBACK, Load, Moments, ask_again, judge, say, unknown};
use crate::mounts::run;
use crate::server::Server;
use crate::support::hub::On;
use diesel::QueryableByName;
use diesel::sql_types::{Binary, Text};
use kairan::clock::Clock;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const BANKS: usize = 3;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

const LEAPS: [(&str, i64); 7] = [
    ("an hour back", -HOUR),
    ("right again", 0),
    ("400 days back", -400 * DAY),
    ("right once more", 0),
    ("an hour forward", HOUR),
    ("30 days forward", 30 * DAY),
    ("back from there", 0),
];

const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long leap(void) {
    char text[32] = {0};
    const char *name = getenv("KAIRAN_TEST_LEAP");
    int file = name ? open(name, O_RDONLY) : -1;
    if (file < 0) return 0;
    long got = read(file, text, sizeof text - 1);
    close(file);
    return got > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += leap();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"#;

/// A wall clock that this test sets.
struct WallClock {
    folder: TempDir,
}

impl WallClock {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("clock.c");
        std::fs::write(&source, CLOCK).expect("it is written");
        let clock = Self { folder };
        // PostgreSQL has a user of its own.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(clock.folder.path(), open).expect("it is ours");
        clock.leap(0);
        let (from, to) = (source.to_str(), clock.library());
        let to = to.to_str().expect("UTF-8");
        run(
            "cc",
            &["-O1", "-shared", "-fPIC", "-o", to, from.expect("UTF-8")],
        );
        clock
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("clock.so")
    }

    /// From here on it is wrong by so many seconds.
    fn leap(&self, seconds: i64) {
        let (fresh, file) = (self.folder.path().join("fresh"), self.file());
        std::fs::write(&fresh, seconds.to_string()).expect("it is written");
        std::fs::rename(fresh, file).expect("it is replaced");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("leap")
    }

    fn put_on(&self, command: &mut Command) {
        command.envs(self.environment());
    }

    /// Of a program that goes by it.
    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LD_PRELOAD", self.library()),
            ("KAIRAN_TEST_LEAP", self.file()),
        ]
    }
}

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

/// The log's entries in their order, each with its time; a fan-out is of the time of the filing before it.
fn entries(world: &World) -> Vec<(String, String)> {
    let entries = "SELECT kind, body FROM log_entry ORDER BY seq";
    let rows: Vec<Logged> = rows(world.database(), entries);
    let timed = |row: &Logged| {
        let entry: serde_json::Value = serde_json::from_slice(&row.body).expect("JSON");
        let at = entry.get("at").or(entry.get("accepted_at"))?;
        Some((row.kind.clone(), at.as_str()?.to_owned()))
    };
    rows.iter().filter_map(timed).collect()
}

/// On PostgreSQL transactions that run at once enter the log in the order of their commits, whichever had its time first.
const AT_ONCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
/// The embedded database has one writer.
const ONE_WRITER: jiff::SignedDuration = jiff::SignedDuration::ZERO;

/// Entries that claim to be earlier, by more than `by`, than one before them. An attempt is of the time at which it began,
/// and is entered when it has ended.
fn backdated(entries: &[(String, String)], by: jiff::SignedDuration) -> Vec<String> {
    let mut latest = jiff::Timestamp::UNIX_EPOCH;
    let mut found = Vec::new();
    for (kind, text) in entries.iter().filter(|(kind, _)| kind != "notice.attempt") {
        let at: jiff::Timestamp = text.parse().expect("a time");
        if at + by < latest {
            found.push(format!("{kind} of {at} after {latest}"));
        }
        latest = latest.max(at);
    }
    found
}

/// Whose clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Hub,
    Server,
}

/// How far its machine says to be from this one, in seconds.
async fn seen(world: &World, node: &Node, whose: Whose) -> i64 {
    let here = SystemTime::now().duration_since(UNIX_EPOCH);
    let here = i64::try_from(here.expect("after 1970").as_secs()).expect("small");
    if whose == Whose::Server {
        return world.count("SELECT extract(epoch FROM clock_timestamp())::bigint AS n") - here;
    }
    let answer = world
        .client
        .get(format!("{}/health/live", node.url))
        .send()
        .await;
    let answer = answer.expect("it answers");
    let date = answer.headers()["date"].to_str().expect("text").to_owned();
    let said = jiff::fmt::rfc2822::parse(&date)
        .expect("a date")
        .timestamp();
    said.as_second() - here
}

/// Sets the clock while a filing is being delivered, files again, and lets every bank stamp what came.
async fn leap(
    world: &Arc<World>,
    node: &Node,
    (clock, whose): (&WallClock, Whose),
    (name, seconds): (&str, i64),
) {
    let from = Clock::new().now();
    let marker = name.replace(' ', "-");
    let before = format!("{marker}-before");
    let before = world.file(&node.url, &before).await;
    assert_eq!(before, Some(201), "{name}");
    // One of the banks takes its time: the lease of its delivery is held over the leap.
    tokio::time::sleep(Duration::from_millis(200)).await;
    clock.leap(seconds);
    // PostgreSQL may end what waits when its clock leaps ahead.
    until_filed(world, node, &format!("{marker}-after")).await;
    // The date in the answers is renewed every half second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let off = seen(world, node, whose).await - seconds;
    assert!(
        off.abs() <= 3,
        "{name}: the machine is {off} s from what was set"
    );
    world.settled(node).await;
    for bank in 0..BANKS {
        for one in world.arrived(bank) {
            let stamp = world.stamp(&node.url, bank, &one.notice, &one.digest);
            assert_eq!(stamp.await, Some(200), "{name}:\n{}", node.log());
        }
    }
    ask_again(world, &node.url).await;
    world.settled(node).await;
    let unknown = unknown(judge(world, from).await).len();
    assert_eq!(unknown, 0, "{name}: leases were shortened:\n{}", node.log());
    let by = match whose {
        Whose::Hub => ONE_WRITER,
        Whose::Server => AT_ONCE,
    };
    let backdated = backdated(&entries(world), by);
    assert_eq!(backdated, Vec::<String>::new(), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_leaps_loses_nothing_backdates_nothing_and_hurries_nothing() {
    let clock = WallClock::make();
    let world = World::prepare(On::Sqlite, BANKS, LOOPBACK).await;
    world.banks[1].answers_after(Duration::from_millis(600));
    let node = world
        .start_with(world.place("hub"), |command| clock.put_on(command))
        .await;
    for one in LEAPS {
        leap(&world, &node, (&clock, Whose::Hub), one).await;
    }
    let chased = assert_nothing_hurried(&world);

    // Started with a clock that is behind what is on record.
    clock.leap(-400 * DAY);
    let node = world
        .start_with(node.kill(), |command| clock.put_on(command))
        .await;
    let late = ("started 400 days back", -400 * DAY);
    leap(&world, &node, (&clock, Whose::Hub), late).await;
    tell("clock", &world, LEAPS.len() + 1, chased);
}

/// How many notices were chased; each step when it was due.
fn assert_nothing_hurried(world: &World) -> i64 {
    let hurried = "SELECT count(*) AS n FROM chase_step WHERE recorded_at < due_at";
    assert_eq!(world.count(hurried), 0, "steps before they were due");
    let missed = "SELECT count(*) AS n FROM (SELECT 1 FROM chase_step GROUP BY notice_id HAVING count(*) <> max(n)) AS gaps";
    assert_eq!(world.count(missed), 0, "steps left out");
    // What waited for a stamp when the clock went 30 days ahead was chased at once.
    let chased = world.count("SELECT count(DISTINCT notice_id) AS n FROM chase_step");
    assert!(chased > 0, "nobody was chased");
    chased
}

fn tell(what: &str, world: &World, leaps: usize, chased: i64) {
    let ledger = world.ledger();
    say(&format!(
        "{what}: {leaps} leaps, {} filings, {} entries, {chased} notices chased, {} came twice",
        ledger.filings.len(),
        entries(world).len(),
        ledger.duplicates()
    ));
}

/// On PostgreSQL its clock is everybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_of_postgresql_that_leaps_loses_nothing_backdates_nothing_and_hurries_nothing() {
    let clock = WallClock::make();
    let folder = tempfile::tempdir().expect("a folder");
    let environment = clock.environment();
    let environment = environment
        .each_ref()
        .map(|(name, path)| (*name, path.to_str().expect("UTF-8")));
    let server = Server::found_with(folder.path(), &environment);
    let site = Site {
        database: server.url(),
        journal: folder.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    world.banks[1].answers_after(Duration::from_millis(600));
    let node = world.start(world.place("hub")).await;
    for one in LEAPS {
        leap(&world, &node, (&clock, Whose::Server), one).await;
    }
    let chased = assert_nothing_hurried(&world);
    tell("clock of PostgreSQL", &world, LEAPS.len(), chased);
}

/// One of two nodes is an hour ahead, and says so; the other says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_whose_clock_is_an_hour_ahead_tells_of_it_and_takes_nothing_from_the_others() {
    const WARNING: &str = "this machine's clock and the database's differ";
    let clock = WallClock::make();
    let world = World::prepare(On::Postgres, BANKS, LOOPBACK).await;
    world.banks[1].answers_after(Duration::from_millis(600));
    let other = world.start(world.place("other")).await;
    let ahead = world
        .start_with(world.place("ahead"), |command| clock.put_on(command))
        .await;
    let from = Clock::new().now();
    let urls = [other.url.clone(), ahead.url.clone()];
    let load = Load::start(&world, &urls, 0, &mut Moments(10));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!ahead.log().contains(WARNING), "{}", ahead.log());
    clock.leap(HOUR);
    let until = std::time::Instant::now() + Duration::from_secs(15);
    while !ahead.log().contains(WARNING) {
        assert!(std::time::Instant::now() < until, "{}", ahead.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.end().await;
    ask_again(&world, &ahead.url).await;
    world.settled(&other).await;
    let log = judge(&world, from).await;
    assert_eq!(unknown(log).len(), 0, "leases were taken");
    let backdated = backdated(&entries(&world), AT_ONCE);
    assert_eq!(backdated, Vec::<String>::new());
    assert!(!other.log().contains(WARNING), "{}", other.log());
}

#[test]
fn control_an_entry_that_claims_to_be_earlier_is_found() {
    let entry = |at: &str| ("notice".to_owned(), at.to_owned());
    let good = [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-02T00:00:00.000Z",
    ];
    assert_eq!(
        backdated(&good.map(entry), ONE_WRITER),
        Vec::<String>::new()
    );
    let spoilt = [good[2], "2024-11-28T00:00:00.000Z", good[2]];
    for by in [ONE_WRITER, AT_ONCE] {
        assert_eq!(backdated(&spoilt.map(entry), by).len(), 1);
    }
}
