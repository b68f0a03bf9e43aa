//! The clock of the hub's machine is set back and forward while it works, and is wrong when it starts.
//!
//! A few lines of C between the hub and the system move the wall clock alone, by as much as a file says at the time;
//! they ask the system directly, because the hub's allocator cannot be called as early as other such tools do.

use crate::hub::{Node, World};
use crate::kill::{LOOPBACK, ask_again, judge, say, unknown};
use crate::mounts::run;
use crate::support::hub::On;
use diesel::sql_types::{Binary, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use kairan::clock::Clock;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const BANKS: usize = 3;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

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
        command
            .env("LD_PRELOAD", self.library())
            .env("KAIRAN_TEST_LEAP", self.file());
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
    let path = world.database().trim_start_matches("sqlite:");
    let mut conn = SqliteConnection::establish(path).expect("it opens");
    let rows: Vec<Logged> = diesel::sql_query("SELECT kind, body FROM log_entry ORDER BY seq")
        .load(&mut conn)
        .expect("entries");
    let timed = |row: &Logged| {
        let entry: serde_json::Value = serde_json::from_slice(&row.body).expect("JSON");
        let at = entry.get("at").or(entry.get("accepted_at"))?;
        Some((row.kind.clone(), at.as_str()?.to_owned()))
    };
    rows.iter().filter_map(timed).collect()
}

/// Entries that claim to be earlier than one before them. An attempt is of the time at which it began, and is
/// entered when it has ended.
fn backdated(entries: &[(String, String)]) -> Vec<String> {
    let mut latest = jiff::Timestamp::UNIX_EPOCH;
    let mut found = Vec::new();
    for (kind, text) in entries.iter().filter(|(kind, _)| kind != "notice.attempt") {
        let at: jiff::Timestamp = text.parse().expect("a time");
        if at < latest {
            found.push(format!("{kind} of {at} after {latest}"));
        }
        latest = latest.max(at);
    }
    found
}

/// How far the hub's machine says to be from this one, in seconds.
async fn seen(world: &World, node: &Node) -> i64 {
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
    let here = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    said.as_second() - i64::try_from(here.as_secs()).expect("small")
}

/// Sets the clock while a filing is being delivered, files again, and lets every bank stamp what came.
async fn leap(world: &Arc<World>, node: &Node, clock: &WallClock, (name, seconds): (&str, i64)) {
    let from = Clock::new().now();
    assert_eq!(
        world
            .file(&node.url, &format!("{}-before", name.replace(' ', "-")))
            .await,
        Some(201)
    );
    // One of the banks takes its time: the lease of its delivery is held over the leap.
    tokio::time::sleep(Duration::from_millis(200)).await;
    clock.leap(seconds);
    assert_eq!(
        world
            .file(&node.url, &format!("{}-after", name.replace(' ', "-")))
            .await,
        Some(201)
    );
    // The date in the answers is renewed every half second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let off = seen(world, node).await - seconds;
    assert!(
        off.abs() <= 3,
        "{name}: the hub's machine is {off} s from what was set"
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
    assert_eq!(backdated(&entries(world)), Vec::<String>::new(), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_leaps_loses_nothing_backdates_nothing_and_hurries_nothing() {
    let clock = WallClock::make();
    let world = World::prepare(On::Sqlite, BANKS, LOOPBACK).await;
    world.banks[1].answers_after(Duration::from_millis(600));
    let node = world
        .start_with(world.place("hub"), |command| clock.put_on(command))
        .await;
    let leaps = [
        ("an hour back", -HOUR),
        ("right again", 0),
        ("400 days back", -400 * DAY),
        ("right once more", 0),
        ("an hour forward", HOUR),
        ("30 days forward", 30 * DAY),
        ("back from there", 0),
    ];
    for one in leaps {
        leap(&world, &node, &clock, one).await;
    }
    let hurried = "SELECT count(*) AS n FROM chase_step WHERE recorded_at < due_at";
    assert_eq!(world.count(hurried), 0, "steps before they were due");
    let missed = "SELECT count(*) AS n FROM (SELECT 1 FROM chase_step GROUP BY notice_id HAVING count(*) <> max(n))";
    assert_eq!(world.count(missed), 0, "steps left out");
    // What waited for a stamp when the clock went 30 days ahead was chased at once.
    let chased = world.count("SELECT count(DISTINCT notice_id) AS n FROM chase_step");
    assert!(chased > 0, "nobody was chased");

    // Started with a clock that is behind what is on record.
    clock.leap(-400 * DAY);
    let node = world
        .start_with(node.kill(), |command| clock.put_on(command))
        .await;
    leap(&world, &node, &clock, ("started 400 days back", -400 * DAY)).await;
    let ledger = world.ledger().clone();
    say(&format!(
        "clock: {} leaps, {} filings, {} entries, {chased} notices chased, {} came twice",
        leaps.len() + 1,
        ledger.filings.len(),
        entries(&world).len(),
        ledger.duplicates()
    ));
}

#[test]
fn control_an_entry_that_claims_to_be_earlier_is_found() {
    let entry = |at: &str| ("notice".to_owned(), at.to_owned());
    let good = [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-02T00:00:00.000Z",
    ];
    assert_eq!(backdated(&good.map(entry)), Vec::<String>::new());
    let spoilt = [good[2], "2024-11-28T00:00:00.000Z", good[2]];
    assert_eq!(backdated(&spoilt.map(entry)).len(), 1);
}
