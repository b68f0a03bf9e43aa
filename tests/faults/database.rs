//! A database that is restarted, cut off and killed while it is made. `KAIRAN_DATABASE_RESTARTS` and
//! `KAIRAN_CUT_COMMITS` say how often (2 and 3 unless given).

use crate::gate::{Gate, Way};
use crate::hub::{Node, Site, World, count};
use crate::kill::{LOOPBACK, Load, Moments, ask_again, by_databases, judge, number, say};
use crate::namespaces::Networks;
use crate::needs::{Need, may};
use crate::network::play;
use crate::nodes::{LEASE, SHORT_LEASE};
use crate::proxy::{At, Proxy};
use crate::server::{Server, Stop};
use crate::support::hub::On;
use crate::support::postgres::fresh_postgres;
use kairan::clock::Clock;
use kairan::vault;
use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BANKS: usize = 3;
/// A hub files again within this time of its database's return.
const AGAIN: Duration = Duration::from_secs(10);

pub fn moments(what: &str) -> Moments {
    let seed = number("KAIRAN_FAULT_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(vault::random().expect("randomness")));
    say(&format!("{what}: KAIRAN_FAULT_SEED={seed}"));
    Moments(seed)
}

/// A hub whose way to a database of its own can be cut.
async fn behind_a_proxy(folder: &Path, settings: &str) -> (Server, Proxy, Arc<World>, Node) {
    let server = Server::found(folder);
    let proxy = Proxy::to(server.port()).await;
    let site = Site {
        database: server.url(),
        journal: folder.join("journal"),
    };
    let world = World::prepare_on(site, BANKS, settings).await;
    let place = world.place_on("hub", &server.url_by(proxy.port));
    let node = world.start(place).await;
    (server, proxy, world, node)
}

/// How long it takes until something is filed.
pub async fn until_filed(world: &World, node: &Node, marker: &str) -> Duration {
    let asked = Instant::now();
    loop {
        let answer = world.file(&node.url, marker).await;
        if answer == Some(201) {
            return asked.elapsed();
        }
        assert!(matches!(answer, Some(503)), "{answer:?}:\n{}", node.log());
        assert!(
            asked.elapsed() < AGAIN,
            "not within {AGAIN:?}:\n{}",
            node.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_restarted_under_load_loses_and_doubles_nothing() {
    let mut moments = moments("database restarts");
    for some in by_databases(number("KAIRAN_DATABASE_RESTARTS").unwrap_or(2)) {
        restarts(some, &mut moments).await;
    }
}

async fn restarts(rounds: u64, moments: &mut Moments) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::found(folder.path());
    let site = Site {
        database: server.url(),
        journal: folder.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let mut node = world.start(world.place("hub")).await;
    let mut longest = Duration::ZERO;
    for round in 1..=rounds {
        let from = Clock::new().now();
        let load = Load::start(&world, std::slice::from_ref(&node.url), round, moments);
        tokio::time::sleep(Duration::from_millis(moments.between(200, 900))).await;
        server.stop(match round % 2 {
            0 => Stop::Fast,
            _ => Stop::Immediate,
        });
        tokio::time::sleep(Duration::from_millis(moments.between(0, 500))).await;
        server.start();
        longest = longest.max(until_filed(&world, &node, &format!("again-{round}")).await);
        load.end().await;
        assert!(node.lives(), "one process all through:\n{}", node.log());
        ask_again(&world, &node.url).await;
        world.settled(&node).await;
        judge(&world, from).await;
    }
    let ledger = world.ledger();
    say(&format!(
        "database: {rounds} restarts, {} filings, {} arrivals, {} stamps, {} came twice; filed again within {longest:?}",
        ledger.filings.len(),
        ledger.arrivals.len(),
        ledger.stamps.len(),
        ledger.duplicates()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hub_that_is_told_to_stop_ends_though_its_database_says_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::found(folder.path());
    let way = Gate::to(vec![([127, 0, 0, 1], server.port()).into()]).await;
    let site = Site {
        database: server.url(),
        journal: folder.path().join("journal"),
    };
    let settings = format!("{LOOPBACK}[engine]\nstop_s = 2\n");
    let world = World::prepare_on(site, BANKS, &settings).await;
    let place = world.place_on("hub", &server.url_by(way.address.port()));
    let mut node = world.start(place.clone()).await;
    let from = Clock::new().now();
    assert_eq!(world.file(&node.url, "before").await, Some(201));
    world.settled(&node).await;
    way.set(0, Way::Silent);
    node.signal(Signal::TERM);
    let asked = Instant::now();
    let status = node.ended(Duration::from_secs(30)).await;
    say(&format!(
        "told to stop beside a mute database: ended after {:?}",
        asked.elapsed()
    ));
    assert_eq!(status.code(), Some(1), "{status}:\n{}", node.log());
    assert!(
        node.log().contains("what is under way hangs"),
        "{}",
        node.log()
    );
    way.set(0, Way::Open);
    let node = world.start(place).await;
    assert_eq!(world.file(&node.url, "after").await, Some(201));
    world.settled(&node).await;
    judge(&world, from).await;
}

/// As after a failover that left the hub with the server that takes no writes any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_takes_no_writes_is_told_to_whoever_asks_whether_the_hub_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::found(folder.path());
    let site = Site {
        database: server.url(),
        journal: folder.path().join("journal"),
    };
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    let ready = async || {
        let asked = world.client.get(format!("{}/health/ready", node.url));
        asked.send().await.expect("it answers").status().as_u16()
    };
    let until_ready = async |wanted: u16| {
        let until = Instant::now() + AGAIN;
        loop {
            let answer = ready().await;
            if answer == wanted {
                return;
            }
            assert!(Instant::now() < until, "{answer}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(world.file(&node.url, "before").await, Some(201));
    assert_eq!(ready().await, 200);
    world.settled(&node).await;
    server.set("default_transaction_read_only", "on");
    until_ready(503).await;
    assert_eq!(world.file(&node.url, "meanwhile").await, Some(503));
    server.set("default_transaction_read_only", "off");
    until_ready(200).await;
    ask_again(&world, &node.url).await;
    world.settled(&node).await;
    judge(&world, from).await;
}

/// So long nothing gets through: longer than TCP waits between two tries by then.
const DARK: Duration = Duration::from_secs(25);

/// Packets to the database vanish, as when its host loses power or a cable is cut, and nobody says so.
#[test]
fn a_database_that_vanishes_without_a_word_is_given_up_and_found_again() {
    let test = "a_database_that_vanishes_without_a_word_is_given_up_and_found_again";
    if !may(Need::Networks, test) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::found(folder.path());
    let networks = Networks::lay(&[]);
    // The way from the hub's network to that of the server.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let way = {
        let _within = runtime.enter();
        let target = ([127, 0, 0, 1], server.port()).into();
        Gate::on(networks.beside_the_hub(), vec![target])
    };
    let site = Site {
        database: server.url_by(way.address.port()),
        journal: folder.path().join("journal"),
    };
    let port = way.address.port();
    play(networks, move |networks| vanishes(networks, site, port));
}

async fn vanishes(networks: Arc<Networks>, site: Site, port: u16) {
    let world = World::prepare_on(site, BANKS, LOOPBACK).await;
    let mut node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    assert_eq!(world.file(&node.url, "before").await, Some(201));
    world.settled(&node).await;
    networks.swallow(Some(port));
    let dark = Instant::now();
    let mut answers = Vec::new();
    for marker in ["dark-1", "dark-2"] {
        let asked = Instant::now();
        let answer = world.file(&node.url, marker).await;
        answers.push((answer, asked.elapsed()));
    }
    // Whoever asks first waits with the connections that were there; its client may have given up.
    assert!(matches!(answers[0].0, None | Some(503)), "{answers:?}");
    assert_eq!(answers[1].0, Some(503), "{answers:?}:\n{}", node.log());
    tokio::time::sleep(DARK.saturating_sub(dark.elapsed())).await;
    networks.swallow(None);
    let dark = dark.elapsed();
    let again = until_filed(&world, &node, "after").await;
    ask_again(&world, &node.url).await;
    world.settled(&node).await;
    judge(&world, from).await;
    networks.swallow(Some(port));
    node.signal(Signal::TERM);
    let asked = Instant::now();
    let status = node.ended(Duration::from_secs(60)).await;
    say(&format!(
        "database gone for {dark:?}: answered {answers:?}, filed {again:?} after its return; told to stop without it, ended after {:?}",
        asked.elapsed()
    ));
    // Well, or because it hangs: on a busy machine what is under way may take all of its time.
    assert!(
        matches!(status.code(), Some(0 | 1)),
        "{status}:\n{}",
        node.log()
    );
    networks.swallow(None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_filing_whose_commit_nobody_heard_of_is_answered_the_second_time_and_there_once() {
    let wanted = number("KAIRAN_CUT_COMMITS").unwrap_or(3);
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, proxy, world, node) = behind_a_proxy(folder.path(), LOOPBACK).await;
    let incidents = || world.count("SELECT count(*) AS n FROM incident");
    let from = Clock::new().now();
    let (mut ambiguous, mut tried) = (0, 0);
    while ambiguous < wanted {
        tried += 1;
        assert!(
            tried <= wanted * 20,
            "{ambiguous} of {tried} filings were cut after COMMIT, {} in all",
            proxy.disarm()
        );
        let marker = format!("cut-{tried}");
        world.settled(&node).await;
        let before = incidents();
        proxy.arm(At::Filing);
        let answer = world.file(&node.url, &marker).await;
        proxy.disarm();
        // Another transaction's COMMIT may have been the next.
        if answer == Some(201) {
            continue;
        }
        assert_eq!(answer, Some(503), "nobody knows:\n{}", node.log());
        let there = incidents() - before;
        ambiguous += u64::from(there == 1);
        until_filed(&world, &node, &marker).await;
        assert_eq!(incidents() - before, 1, "filed once");
    }
    ask_again(&world, &node.url).await;
    world.settled(&node).await;
    judge(&world, from).await;
    say(&format!(
        "commits: {} cut, {ambiguous} of them filings; each there once",
        proxy.disarm()
    ));
}

/// What was claimed then is neither lost nor left to its lease, which is a minute and a half.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_whose_commit_nobody_heard_of_is_sent_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, proxy, world, node) = behind_a_proxy(folder.path(), LOOPBACK).await;
    let from = Clock::new().now();
    proxy.arm(At::Claim);
    assert_eq!(world.file(&node.url, "claimed").await, Some(201));
    world.settled_within(&node, AGAIN).await;
    assert_eq!(proxy.disarm(), 1, "no claim was cut:\n{}", node.log());
    let log = judge(&world, from).await;
    assert_eq!(log.len(), BANKS, "one attempt each");
    assert!(log.iter().all(|row| row.outcome == "accepted"), "{log:?}");
    assert_eq!(world.ledger().duplicates(), 0);
}

/// The same, and then the database stays away for longer than the lease: somebody else may have it by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_that_comes_to_light_after_its_lease_is_not_sent_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, proxy, world, node) = behind_a_proxy(folder.path(), SHORT_LEASE).await;
    let from = Clock::new().now();
    proxy.arm_for_all(At::Claim);
    assert_eq!(world.file(&node.url, "claimed").await, Some(201));
    let until = Instant::now() + Duration::from_secs(30);
    while proxy.cuts() == 0 {
        assert!(
            Instant::now() < until,
            "nothing is claimed:\n{}",
            node.log()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
    proxy.mend();
    world.settled_within(&node, Duration::from_secs(60)).await;
    let log = judge(&world, from).await;
    let accepted = log.iter().filter(|row| row.outcome == "accepted").count();
    assert!(log.len() > accepted, "it came to light in time: {log:?}");
    assert_eq!(
        (accepted, world.ledger().duplicates()),
        (BANKS, 0),
        "{log:?}"
    );
    // What was given back after its lease had been taken over was an attempt all the same.
    let checked = world
        .run(&node.place(), &["check", "--rebuild", "--json"])
        .await;
    assert!(checked.1.contains("\"rebuilt\": 0,"), "{checked:?}");
}

/// The check that the journeys above close with finds what a retry without a key would do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn control_a_client_that_files_anew_instead_of_again_is_found_to_have_doubled() {
    let world = World::prepare(On::Sqlite, BANKS, LOOPBACK).await;
    let node = world.start(world.place("hub")).await;
    assert_eq!(world.file(&node.url, "once").await, Some(201));
    assert_eq!(world.file_anew(&node.url, "once").await, Some(201));
    world.settled(&node).await;
    world.gather();
    let complaints = world.ledger().complaints(BANKS);
    assert!(
        complaints
            .iter()
            .any(|one| one.contains("became 2 incidents")),
        "{complaints:?}"
    );
}

fn migrations(kind: &str) -> i64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(kind);
    let there = std::fs::read_dir(folder).expect("they are there").count();
    i64::try_from(there).expect("few")
}

/// Kills `kairan serve` at every few milliseconds of its first start, later each time, until one has made the whole
/// schema; then the database is as one that was never killed.
async fn killed_while_migrating(on: On, database: String, kind: &str) {
    let whole = migrations(kind);
    let world = World::prepare(on, 1, LOOPBACK).await;
    let place = world.place_on("migrating", &database);
    let applied = || {
        let known = match kind {
            "sqlite" => {
                "SELECT count(*) AS n FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
            }
            _ => {
                "SELECT count(*) AS n FROM pg_tables WHERE tablename = '__diesel_schema_migrations'"
            }
        };
        match count(&database, known) {
            0 => 0,
            _ => count(
                &database,
                "SELECT count(*) AS n FROM __diesel_schema_migrations",
            ),
        }
    };
    let mut halves = Vec::new();
    for step in 1..=400 {
        let mut hub = Command::new(env!("CARGO_BIN_EXE_kairan"))
            .arg("--config")
            .arg(&place.0)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the hub starts");
        tokio::time::sleep(Duration::from_millis(15 + 5 * step)).await;
        hub.kill().expect("it is our child");
        hub.wait().expect("it is our child");
        match applied() {
            0 => {}
            n if n < whole => halves.push(n),
            _ => break,
        }
    }
    assert!(!halves.is_empty(), "no kill came while it was migrated");
    let node = world.start(place).await;
    let columns = match kind {
        "sqlite" => "SELECT count(*) AS n FROM sqlite_master AS m JOIN pragma_table_info(m.name)",
        _ => "SELECT count(*) AS n FROM information_schema.columns WHERE table_schema = 'public'",
    };
    assert_eq!(applied(), whole);
    assert_eq!(count(&database, columns), world.count(columns));
    let ready = world
        .client
        .get(format!("{}/health/ready", node.url))
        .send()
        .await;
    assert_eq!(ready.expect("it answers").status(), 200);
    say(&format!(
        "migrating {kind}: killed at {halves:?} of {whole}"
    ));
}

mod a_hub_killed_while_it_migrates_goes_on_from_there {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = format!("sqlite:{}", folder.path().join("kairan.db").display());
        killed_while_migrating(On::Sqlite, database, "sqlite").await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        let fresh = fresh_postgres();
        killed_while_migrating(On::Postgres, fresh.url().to_owned(), "postgres").await;
    }
}
