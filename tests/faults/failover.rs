//! A PostgreSQL that is lost with its machine, and the standby that takes its place: replicated synchronously, nothing
//! that was answered is lost. The control, without, loses what was answered, and the log says so.
//! `KAIRAN_FAILOVERS` says how often (1 unless given).

use crate::database::{moments, until_filed};
use crate::gate::{Gate, Way};
use crate::hub::{Node, Site, World};
use crate::kill::{LOOPBACK, Load, Moments, ask_again, judge, number, say};
use crate::server::{Server, Stop};
use kairan::clock::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BANKS: usize = 3;
const SLOW: usize = 2;
/// Their places behind the address.
const PRIMARY: usize = 0;
const STANDBY: usize = 1;
/// What a command says where the log refuses.
const REFUSES: Option<i32> = Some(4);

/// A hub on a database with a standby, both behind one address.
struct Pair {
    // Gone in this order: the servers' folders last.
    node: Node,
    world: Arc<World>,
    front: Gate,
    /// From the standby to the primary.
    link: Gate,
    standby: Server,
    primary: Server,
    _folders: [TempDir; 2],
}

impl Pair {
    async fn start(synchronous: &str) -> Self {
        let folders = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
        let primary = Server::found(folders[0].path());
        let standby = primary.follower(folders[1].path());
        primary.set("synchronous_standby_names", synchronous);
        let address = |server: &Server| ([127, 0, 0, 1], server.port()).into();
        let front = Gate::to(vec![address(&primary), address(&standby)]).await;
        front.set(STANDBY, Way::Cut);
        let link = Gate::to(vec![address(&primary)]).await;
        let port = link.address.port();
        let by_link = format!("host=127.0.0.1 port={port} user=postgres");
        standby.set("primary_conninfo", &by_link);
        let site = Site {
            database: primary.url_by(front.address.port()),
            journal: folders[0].path().join("journal"),
        };
        let world = World::prepare_on(site, BANKS, LOOPBACK).await;
        let node = world.start(world.place("hub")).await;
        Self {
            node,
            world,
            front,
            link,
            standby,
            primary,
            _folders: folders,
        }
    }

    /// The machine of the primary is gone, with all that only it knew.
    fn lose(&self) {
        self.front.set(PRIMARY, Way::Cut);
        self.primary.stop(Stop::Immediate);
    }

    fn fail_over(&self) {
        self.link.set(PRIMARY, Way::Cut);
        self.standby.promote();
        self.front.set(STANDBY, Way::Open);
    }
}

/// Lost under load, after a while in which the standby heard nothing of it; returns how long it took to file again.
async fn lost_under_load(pair: &Pair, moments: &mut Moments) -> Duration {
    let (world, node) = (&pair.world, &pair.node);
    // So that something is always under way.
    world.banks[SLOW].answers_after(Duration::from_millis(60));
    let load = Load::start(world, std::slice::from_ref(&node.url), 1, moments);
    tokio::time::sleep(Duration::from_millis(moments.between(300, 1_500))).await;
    pair.link.set(PRIMARY, Way::Silent);
    tokio::time::sleep(Duration::from_millis(moments.between(500, 800))).await;
    pair.lose();
    tokio::time::sleep(Duration::from_millis(moments.between(0, 500))).await;
    pair.fail_over();
    let again = until_filed(world, node, "again").await;
    load.end().await;
    again
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_takes_over_under_load_and_nothing_that_was_answered_is_lost() {
    let mut moments = moments("failovers");
    for _ in 0..number("KAIRAN_FAILOVERS").unwrap_or(1) {
        let pair = Pair::start("ANY 1 (*)").await;
        let (world, node) = (&pair.world, &pair.node);
        let from = Clock::new().now();
        let again = lost_under_load(&pair, &mut moments).await;
        ask_again(world, &node.url).await;
        world.settled(node).await;
        judge(world, from).await;
        let (code, said) = world.run(&world.place("beside"), &["log"]).await;
        assert_eq!(code, Some(0), "{said}");
        let ledger = world.ledger();
        say(&format!(
            "failover: {} filings, {} arrivals, {} stamps, {} came twice; filed again {again:?} after it",
            ledger.filings.len(),
            ledger.arrivals.len(),
            ledger.stamps.len(),
            ledger.duplicates()
        ));
    }
}

/// The control: the same, where nothing waits for the standby.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_without_synchronous_replication_loses_what_was_answered() {
    let pair = Pair::start("").await;
    lost_under_load(&pair, &mut Moments(9)).await;
    let answered = pair
        .world
        .ledger()
        .filings
        .values()
        .filter(|status| **status == Some(201))
        .count();
    let kept = pair.world.count("SELECT count(*) AS n FROM incident");
    assert!(
        kept < i64::try_from(answered).expect("few"),
        "{kept} of {answered}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_no_standby_has_heard_of_is_not_answered_until_one_has() {
    let pair = Pair::start("ANY 1 (*)").await;
    let (world, node) = (&pair.world, &pair.node);
    let from = Clock::new().now();
    assert_eq!(world.file(&node.url, "heard").await, Some(201));
    world.settled(node).await;
    pair.standby.stop(Stop::Fast);
    let (own, url) = (Arc::clone(world), node.url.clone());
    let unheard = tokio::spawn(async move { own.file(&url, "unheard").await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!unheard.is_finished(), "{:?}", unheard.await);
    pair.standby.start();
    assert_eq!(unheard.await.expect("no panic"), Some(201));
    world.settled(node).await;
    judge(world, from).await;
}

/// The control: a standby that heard nothing of what was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_synchronous_replication_what_was_answered_is_lost_and_the_log_refuses() {
    let pair = Pair::start("").await;
    let (world, node) = (&pair.world, &pair.node);
    assert_eq!(world.file(&node.url, "heard").await, Some(201));
    world.settled(node).await;
    pair.standby.catch_up_with(&pair.primary);
    pair.standby.stop(Stop::Fast);
    assert_eq!(world.file(&node.url, "answered").await, Some(201));
    world.settled(node).await;
    pair.lose();
    pair.standby.start();
    pair.fail_over();
    assert_eq!(world.count("SELECT count(*) AS n FROM incident"), 1);
    let head = "SELECT max(size) AS n FROM log_checkpoint";
    let before = world.count(head);
    until_filed(world, node, "later").await;
    world.settled(node).await;
    let until = Instant::now() + Duration::from_secs(30);
    let refused = loop {
        let (code, said) = world.run(&world.place("beside"), &["log"]).await;
        if code == REFUSES {
            break said;
        }
        assert!(Instant::now() < until, "{code:?}: {said}\n{}", node.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(world.count(head), before, "no second log is signed");
    let answered = world
        .banks
        .iter()
        .all(|bank| bank.receiver.hits().len() == 3);
    assert!(answered, "every bank is told of all three: {refused}");
    say(&format!("failover without replication: {refused}"));
}
