//! Disks that are full, and disks that fail under a sync, judged by the ledger. `KAIRAN_DISK_FILLS` says how often
//! the disk is filled (2 unless given), `KAIRAN_SYNC_FAILURES` up to which sync each one fails in its turn (a few
//! unless given).

use crate::hub::{Node, Site, World};
use crate::kill::{LOOPBACK, Load, Moments, ask_again, judge, number, say};
use crate::mounts::Small;
use crate::needs::{Need, may};
use crate::server::Server;
use crate::support::hub::On;
use kairan::clock::Clock;
use kairan::vault;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BANKS: usize = 3;
const DISK_MIB: u64 = 40;
/// How long a hub may take to file again when there is room again.
const AGAIN: Duration = Duration::from_secs(10);

fn moments(what: &str) -> Moments {
    let seed = number("KAIRAN_FAULT_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(vault::random().expect("randomness")));
    say(&format!("{what}: KAIRAN_FAULT_SEED={seed}"));
    Moments(seed)
}

/// Files one incident again and again until it is answered like this.
async fn until_filed(world: &World, node: &Node, marker: &str, wanted: u16) {
    let until = Instant::now() + AGAIN;
    for n in 0.. {
        let answer = world.file(&node.url, &format!("{marker}-{n}")).await;
        if answer == Some(wanted) {
            return;
        }
        assert!(
            Instant::now() < until,
            "{answer:?} for {wanted}:\n{}",
            node.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pages_are_sound(world: &World) {
    let unsound = "SELECT count(*) AS n FROM pragma_quick_check WHERE quick_check <> 'ok'";
    assert_eq!(world.count(unsound), 0, "the database is damaged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_turns_filings_away_and_takes_them_again_when_there_is_room() {
    if !may(Need::Disks, "a full disk") {
        return;
    }
    let rounds = number("KAIRAN_DISK_FILLS").unwrap_or(2);
    let mut moments = moments("disk full");
    let disk = Small::mount(DISK_MIB);
    let site = Site {
        database: format!("sqlite:{}", disk.path().join("kairan.db").display()),
        journal: disk.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let mut node = world.start(world.place("hub")).await;
    for round in 1..=rounds {
        let from = Clock::new().now();
        let load = Load::start(&world, std::slice::from_ref(&node.url), round, &mut moments);
        tokio::time::sleep(Duration::from_millis(moments.between(50, 600))).await;
        disk.fill();
        until_filed(&world, &node, &format!("full-{round}"), 507).await;
        tokio::time::sleep(Duration::from_millis(moments.between(20, 400))).await;
        if round % 2 == 1 {
            disk.clear();
        } else {
            disk.enlarge(DISK_MIB * (round + 1));
        }
        until_filed(&world, &node, &format!("again-{round}"), 201).await;
        load.end().await;
        assert!(node.lives(), "one process all through");
        ask_again(&world, &node.url).await;
        world.settled(&node).await;
        judge(&world, from).await;
        pages_are_sound(&world);
    }
    let ledger = world.ledger();
    say(&format!(
        "disk full: {rounds} times, {} filings, {} arrivals, {} stamps, {} came twice",
        ledger.filings.len(),
        ledger.arrivals.len(),
        ledger.stamps.len(),
        ledger.duplicates()
    ));
}

/// With room for the server's own log of changes, and a little more.
const SERVER_DISK_MIB: u64 = 200;

/// The hub cannot see that disk: it is told by PostgreSQL, which may end by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_under_postgresql_turns_filings_away_until_there_is_room() {
    if !may(Need::Disks, "a full disk under PostgreSQL") {
        return;
    }
    let rounds = number("KAIRAN_DISK_FILLS").unwrap_or(1);
    let mut moments = moments("disk of PostgreSQL full");
    let disk = Small::mount(SERVER_DISK_MIB);
    let server = Server::found(disk.path());
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site {
        database: server.url(),
        journal: folder.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let mut node = world.start(world.place("hub")).await;
    let mut ended = 0;
    for round in 1..=rounds {
        let from = Clock::new().now();
        let load = Load::start(&world, std::slice::from_ref(&node.url), round, &mut moments);
        tokio::time::sleep(Duration::from_millis(moments.between(50, 600))).await;
        disk.fill();
        let until = Instant::now() + AGAIN;
        for n in 0.. {
            let answer = world.file(&node.url, &format!("full-{round}-{n}")).await;
            if answer != Some(201) {
                assert!(matches!(answer, Some(503 | 507)), "{answer:?}");
                break;
            }
            assert!(Instant::now() < until, "nothing is turned away");
        }
        tokio::time::sleep(Duration::from_millis(moments.between(20, 1_000))).await;
        disk.clear();
        if !server.lives() {
            ended += 1;
            server.start();
        }
        until_filed(&world, &node, &format!("again-{round}"), 201).await;
        load.end().await;
        assert!(node.lives(), "one process all through:\n{}", node.log());
        ask_again(&world, &node.url).await;
        world.settled(&node).await;
        judge(&world, from).await;
    }
    let ledger = world.ledger();
    say(&format!(
        "disk of PostgreSQL full: {rounds} times, which ended it {ended} times, {} filings, {} arrivals, {} came twice",
        ledger.filings.len(),
        ledger.arrivals.len(),
        ledger.duplicates()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn below_the_floor_nothing_is_filed_and_stamps_still_go_in() {
    if !may(Need::Disks, "a nearly full disk") {
        return;
    }
    let disk = Small::mount(DISK_MIB);
    let site = Site {
        database: format!("sqlite:{}", disk.path().join("kairan.db").display()),
        journal: disk.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let place = world.place("hub");
    let settings = std::fs::read_to_string(&place.0).expect("it was written");
    let settings = settings.replace("free_floor_mib = 0", "free_floor_mib = 16");
    std::fs::write(&place.0, settings).expect("it is written");
    let node = world.start(place).await;
    assert_eq!(world.file(&node.url, "before").await, Some(201));
    world.settled(&node).await;

    let ballast = disk.path().join("half");
    std::fs::write(&ballast, vec![0; 26 << 20]).expect("there is room");
    assert_eq!(world.file(&node.url, "below").await, Some(507));
    for bank in 0..BANKS {
        for one in world.arrived(bank) {
            let stamped = world.stamp(&node.url, bank, &one.notice, &one.digest);
            assert_eq!(stamped.await, Some(200), "a stamp below the floor");
        }
    }
    std::fs::remove_file(ballast).expect("it is there");
    let from = Clock::new().now();
    ask_again(&world, &node.url).await;
    world.settled(&node).await;
    judge(&world, from).await;
}

/// Who takes an error for a success loses what it has confirmed, and is found out by what is there afterwards.
#[test]
fn control_a_writer_that_takes_a_full_disk_for_room_loses_what_it_confirmed() {
    if !may(Need::Disks, "a writer on a full disk") {
        return;
    }
    let disk = Small::mount(4);
    let (confirmed, there) = careless(&disk.path().join("a.db"), &[], || disk.fill());
    assert!(there < confirmed, "{confirmed} confirmed, {there} there");
}

/// Writes rows, says each as written whatever the database says, and counts those said and those there. `prepare`
/// comes after the tenth.
fn careless(path: &Path, under: &[&str], prepare: impl FnOnce()) -> (usize, usize) {
    const WRITER: &str = "
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute('PRAGMA journal_mode=WAL'); base.execute('PRAGMA synchronous=FULL')
base.execute('CREATE TABLE t (n, x)')
for n in range(200):
    try: base.execute('INSERT INTO t VALUES (?, randomblob(3000))', (n,))
    except sqlite3.Error: pass
    print(n, flush=True)
    if n == 10: sys.stdin.readline()
";
    let path = path.to_str().expect("UTF-8");
    let words: Vec<&str> = [under, &["python3", "-c", WRITER, path]].concat();
    let mut writer = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is here");
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(
        writer.stdout.take().expect("a pipe"),
    ));
    let before = said.by_ref().take(11).count();
    prepare();
    drop(writer.stdin.take());
    let confirmed = before + said.count();
    writer.wait().expect("it ends");
    // Beside what is full: the file alone, with its WAL.
    let copy = tempfile::tempdir().expect("a folder");
    for ending in ["", "-wal"] {
        let from = format!("{path}{ending}");
        if Path::new(&from).exists() {
            let to = copy.path().join(format!("a.db{ending}"));
            std::fs::copy(from, to).expect("it is copied");
        }
    }
    (confirmed, rows(&copy.path().join("a.db")))
}

fn rows(path: &Path) -> usize {
    use diesel::{Connection, RunQueryDsl};
    let mut conn = diesel::SqliteConnection::establish(path.to_str().expect("UTF-8"));
    let count = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT count(*) FROM t)",
    ))
    .get_result::<i64>(conn.as_mut().expect("it opens"));
    usize::try_from(count.expect("a count")).expect("small")
}

/// What lets the n-th sync of each thread fail, of any file or of one, and every program under it.
fn failing(n: u64, of: Option<&Path>, trace: &Path) -> Vec<String> {
    let words = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-e",
        "trace=fdatasync,fsync",
        "-e",
    ];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    words.push(format!("inject=fdatasync,fsync:error=EIO:when={n}"));
    if let Some(file) = of {
        words.extend(["-P".to_owned(), file.display().to_string()]);
    }
    words.push("-o".into());
    words.push(trace.display().to_string());
    words
}

/// The files whose sync failed.
fn failed(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let file = |line: &str| Some(line.split_once('<')?.1.split_once('>')?.0.to_owned());
    text.lines()
        .filter(|line| line.contains("(INJECTED)"))
        .filter_map(file)
        .collect()
}

/// Lets one sync fail under load; the process must end by it, and the next one goes on with all that was confirmed.
async fn sync_fails(
    world: &Arc<World>,
    n: u64,
    of: Option<&Path>,
    moments: &mut Moments,
) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let place = world.place(&format!("hub-{n}"));
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(place.0.with_extension("log"));
    let log = log.expect("the hub's own log opens");
    let words = failing(n, of, &trace);
    let under_strace = |command: &mut Command| {
        let mut traced = Command::new(&words[0]);
        traced
            .args(&words[1..])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        std::os::unix::process::CommandExt::process_group(&mut traced, 0);
        *command = traced;
    };
    let from = Clock::new().now();
    let mut node = match world.try_start(place, under_strace).await {
        Ok(node) => node,
        Err((node, Some(_))) => node,
        Err((node, None)) => panic!("the hub hangs:\n{}", node.log()),
    };
    let load = Load::start(world, std::slice::from_ref(&node.url), n, moments);
    // A checkpoint comes only with much that was written.
    let patience = if of.is_some() { 90 } else { 20 };
    let until = Instant::now() + Duration::from_secs(patience);
    // A sync of the database itself belongs to a checkpoint.
    let is_fatal = |file: &String| {
        file.ends_with("-wal") || file.ends_with("kairan.db") || file.contains("/journal")
    };
    while node.lives() && Instant::now() < until && !failed(&trace).iter().any(is_fatal) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let files = failed(&trace);
    assert!(!files.is_empty(), "no thread came to its {n}. sync");
    if files.iter().any(is_fatal) {
        let status = node.ended(Duration::from_secs(5)).await;
        assert_eq!(
            status.code(),
            Some(1),
            "{files:?}: {status}:\n{}",
            node.log()
        );
        assert!(node.log().contains("see to the disk"), "{}", node.log());
    }
    let place = node.kill();
    load.end().await;
    let node = world.start(place).await;
    ask_again(world, &node.url).await;
    world.settled(&node).await;
    judge(world, from).await;
    pages_are_sound(world);
    node.kill();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sync_that_fails_ends_the_hub_and_the_next_one_has_all_that_was_confirmed() {
    if !may(Need::Tracing, "a sync that fails") {
        return;
    }
    let mut moments = moments("sync failures");
    let which: Vec<u64> = match number("KAIRAN_SYNC_FAILURES") {
        Some(last) => (1..=last).collect(),
        None => vec![1, moments.between(3, 9), moments.between(20, 60)],
    };
    let world = World::prepare(On::Sqlite, BANKS, LOOPBACK).await;
    for n in which {
        let files = sync_fails(&world, n, None, &mut moments).await;
        let names = files.iter().map(|file| file.rsplit('/').next());
        say(&format!(
            "sync {n} of a thread failed: {:?}",
            names.collect::<Vec<_>>()
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_whose_sync_fails_ends_the_hub_too() {
    if !may(Need::Tracing, "a checkpoint that fails") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("kairan.db");
    let site = Site {
        database: format!("sqlite:{}", database.display()),
        journal: folder.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let mut moments = moments("checkpoint failure");
    let files = sync_fails(&world, 1, Some(&database), &mut moments).await;
    assert!(
        files.iter().all(|file| file.ends_with("kairan.db")),
        "{files:?}"
    );
}

#[test]
fn control_a_writer_that_takes_a_failed_sync_for_a_success_loses_what_it_confirmed() {
    if !may(Need::Tracing, "a sync that fails unseen") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let words = failing(20, None, &folder.path().join("trace"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (confirmed, there) = careless(&folder.path().join("a.db"), &words, || {});
    assert!(there < confirmed, "{confirmed} confirmed, {there} there");
}
