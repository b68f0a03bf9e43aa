//! A hub that is killed and stopped while it files and delivers, judged by a ledger kept outside.
//! `KAIRAN_KILL_ROUNDS` says how often it is killed (2 unless given), `KAIRAN_KILL_SEED` repeats a run's
//! moments. One database goes through up to fifty rounds.

use crate::hub::{PER_BANK, World};
use crate::support::hub::On;
use kairan::clock::Clock;
use kairan::config::WEBHOOKS_PER_PLACE;
use kairan::domain::instant::Instant as At;
use kairan::storage::delivery::OutcomeRow;
use kairan::vault;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const BANKS: usize = 6;
const CLIENTS: u64 = 6;
/// These acknowledge through the API whatever arrives, often before they have answered the webhook.
const STAMPING: [usize; 2] = [0, 1];
/// These answer slowly, so that something is always under way.
const SLOW: [usize; 2] = [1, 2];
/// Redelivery of what a dead hub held begins within this time of the next one's first answer.
const TAKEN_BACK: Duration = Duration::from_secs(2);

pub const LOOPBACK: &str = "[webhook]\nallow_networks = [\"127.0.0.0/8\"]\n";

/// How many rounds one database goes through: each is judged by all that it holds by then.
const ROUNDS_OF_A_DATABASE: u64 = 50;

/// So many rounds, by the databases that go through them.
pub fn by_databases(rounds: u64) -> impl Iterator<Item = u64> {
    let begun = (0..rounds).step_by(ROUNDS_OF_A_DATABASE as usize);
    begun.map(move |done| ROUNDS_OF_A_DATABASE.min(rounds - done))
}

/// SplitMix64: moments that a seed repeats.
pub struct Moments(pub u64);

impl Moments {
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        least + (mixed ^ (mixed >> 31)) % (most - least + 1)
    }
}

pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
}

/// Past the test runner's capture: a seed is wanted most when the run never ends.
pub fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Clients that file, and banks that acknowledge what arrives, until told to stop or the hub is gone.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    pub fn start(world: &Arc<World>, urls: &[String], round: u64, moments: &mut Moments) -> Self {
        Self::begin(world, urls, round, moments, false)
    }

    /// The same before several nodes: whoever gets no answer goes on with the next.
    pub fn start_before(world: &Arc<World>, url: &str, round: u64, moments: &mut Moments) -> Self {
        Self::begin(world, &[url.to_owned()], round, moments, true)
    }

    fn begin(
        world: &Arc<World>,
        urls: &[String],
        round: u64,
        moments: &mut Moments,
        goes_on: bool,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            let (world, stop) = (Arc::clone(world), Arc::clone(&stop));
            let url = urls[usize::try_from(client).expect("few") % urls.len()].clone();
            let mut own = Moments(moments.between(0, u64::MAX - 1));
            tasks.spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match world.file(&url, &format!("r{round}-c{client}-n{n}")).await {
                        Some(201) => {}
                        // A hub that stops, or has no room, may turn filings away, and then has taken nothing.
                        Some(status) => {
                            assert!(matches!(status, 503 | 507), "a filing's answer: {status}")
                        }
                        None if goes_on => {}
                        None => return,
                    }
                    tokio::time::sleep(Duration::from_millis(own.between(5, 45))).await;
                }
            });
        }
        for bank in STAMPING {
            let (world, stop, url) = (Arc::clone(world), Arc::clone(&stop), urls[0].clone());
            tasks.spawn(async move {
                let mut stamped = BTreeSet::new();
                while !stop.load(Ordering::Relaxed) {
                    for one in world.arrived(bank) {
                        if stop.load(Ordering::Relaxed) || !stamped.insert(one.notice.clone()) {
                            continue;
                        }
                        let status = world.stamp(&url, bank, &one.notice, &one.digest).await;
                        if status.is_none() && !goes_on {
                            return;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        Self { stop, tasks }
    }

    pub async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(task) = self.tasks.join_next().await {
            task.expect("no client panics");
        }
    }
}

/// Whoever got no answer asks again with the same key, as a client does.
pub async fn ask_again(world: &World, url: &str) {
    let unanswered: Vec<String> = {
        let ledger = world.ledger();
        ledger
            .filings
            .iter()
            .filter(|(_, status)| **status != Some(201))
            .map(|(marker, _)| marker.clone())
            .collect()
    };
    for marker in unanswered {
        assert_eq!(
            world.file(url, &marker).await,
            Some(201),
            "{marker} filed again"
        );
    }
    let stamps = world.ledger().stamps.clone();
    for (notice, stamp) in stamps.iter().filter(|(_, stamp)| stamp.status != Some(200)) {
        assert_eq!(
            world.stamp(url, stamp.bank, notice, &stamp.digest).await,
            Some(200),
            "{notice} stamped again"
        );
    }
}

/// What is held against the ledger after every restart, once all is delivered; who has not confirmed for a quarter of
/// an hour is reminded meanwhile. Returns the outcomes of attempts since `from`.
pub async fn judge(world: &World, from: At) -> Vec<OutcomeRow> {
    let log = world.outcomes_since(from).await;
    world.gather();
    let ledger = world.ledger().clone();
    assert_eq!(ledger.complaints(world.banks.len()), Vec::<String>::new());
    let filed = i64::try_from(ledger.filings.len()).expect("small");
    assert_eq!(
        world.count("SELECT count(*) AS n FROM incident"),
        filed,
        "every filing is one incident"
    );
    assert!(
        ledger
            .stamps
            .values()
            .all(|stamp| stamp.status == Some(200)),
        "{:?}",
        ledger.stamps
    );
    let stamped = i64::try_from(ledger.stamps.len()).expect("small");
    assert_eq!(
        world.count("SELECT count(*) AS n FROM acknowledgement"),
        stamped,
        "every 200 is on record, once"
    );
    let silent = "SELECT count(*) AS n FROM attempt a WHERE NOT EXISTS
        (SELECT 1 FROM attempt_outcome o WHERE o.attempt_id = a.id) AND NOT EXISTS
        (SELECT 1 FROM delivery d WHERE d.lease_token = a.id)";
    assert_eq!(
        world.count(silent),
        0,
        "attempts of which nobody says what came of them"
    );

    // Intent before act: nothing came that no attempt on record had announced.
    let begun = world.attempts_by_notice();
    let mut came: BTreeMap<&str, i64> = BTreeMap::new();
    for one in &ledger.arrivals {
        *came.entry(one.notice.as_str()).or_default() += 1;
    }
    for (notice, times) in came {
        let attempts = begun.get(&notice.replace('-', "")).copied().unwrap_or(0);
        assert!(
            times <= attempts,
            "{notice} came {times} times, and {attempts} attempts are on record"
        );
    }

    let arrived: HashMap<&str, [u8; 32]> = ledger
        .arrivals
        .iter()
        .map(|one| (one.notice.as_str(), one.body_hash))
        .collect();
    for row in log.iter().filter(|row| row.outcome == "accepted") {
        let notice = row
            .notice_id
            .expect("only notices are sent here")
            .to_string();
        let hash: Option<[u8; 32]> = row
            .body_hash
            .as_deref()
            .and_then(|hash| hash.try_into().ok());
        let is_reminder =
            hash.is_some_and(|hash| ledger.reminders.contains(&(notice.clone(), hash)));
        if !is_reminder {
            let told = arrived.get(notice.as_str()).copied();
            assert_eq!(hash, told, "the log says of {notice} what arrived");
        }
    }
    log
}

pub fn unknown(log: Vec<OutcomeRow>) -> Vec<OutcomeRow> {
    log.into_iter()
        .filter(|row| row.outcome == "unknown")
        .collect()
}

async fn rounds(on: On) {
    let rounds = number("KAIRAN_KILL_ROUNDS").unwrap_or(2);
    let seed = number("KAIRAN_KILL_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(vault::random().expect("randomness")));
    say(&format!(
        "kill_rounds {on:?}: {rounds} rounds, KAIRAN_KILL_SEED={seed}"
    ));
    let mut moments = Moments(seed);
    for some in by_databases(rounds) {
        rounds_of_one(on, some, &mut moments).await;
    }
}

async fn rounds_of_one(on: On, rounds: u64, moments: &mut Moments) {
    let begun = Instant::now();
    let world = World::prepare(on, BANKS, LOOPBACK).await;
    for bank in SLOW {
        world.banks[bank].answers_after(Duration::from_millis(60));
    }
    let (mut duplicates, mut in_the_dark) = (0, 0);
    let mut node = world.start(world.place("hub")).await;
    for round in 1..=rounds {
        let from = Clock::new().now();
        let load = Load::start(&world, std::slice::from_ref(&node.url), round, moments);
        tokio::time::sleep(Duration::from_millis(moments.between(20, 900))).await;
        let place = node.kill();
        load.end().await;
        node = world.start(place).await;
        let started = Clock::new().now();
        ask_again(&world, &node.url).await;
        world.settled(&node).await;

        let lost = unknown(judge(&world, from).await);
        assert!(
            lost.len() <= BANKS * PER_BANK * WEBHOOKS_PER_PLACE as usize,
            "{} were claimed: more than may be held",
            lost.len()
        );
        for row in &lost {
            let after = row.recorded_at.since(started);
            assert!(
                after <= TAKEN_BACK,
                "what the dead hub held was taken back after {after:?}:\n{}",
                node.log()
            );
        }
        let again = world.ledger().duplicates() - duplicates;
        assert!(
            again <= lost.len(),
            "{again} came twice, {} were under way",
            lost.len()
        );
        duplicates += again;
        in_the_dark += lost.len();
    }
    // Else the kills came when nothing was under way, and showed nothing.
    assert!(
        rounds < 10 || in_the_dark > 0,
        "{rounds} kills left nothing in the dark"
    );
    let ledger = world.ledger();
    say(&format!(
        "kill_rounds {on:?}: {rounds} rounds in {:.1} s, {} filings, {} arrivals, {} stamps, {in_the_dark} outcomes unknown, \
         {duplicates} came twice, the same bytes",
        begun.elapsed().as_secs_f64(),
        ledger.filings.len(),
        ledger.arrivals.len(),
        ledger.stamps.len(),
    ));
}

mod kill_rounds {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        rounds(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        rounds(On::Postgres).await;
    }
}

/// SIGTERM in the middle: nothing is left in the dark and nothing is sent twice.
async fn stopping(on: On) {
    let world = World::prepare(on, 3, LOOPBACK).await;
    for partner in &world.banks {
        partner.answers_after(Duration::from_millis(150));
    }
    let mut node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    let load = Load::start(&world, std::slice::from_ref(&node.url), 0, &mut Moments(1));
    tokio::time::sleep(Duration::from_millis(600)).await;
    node.signal(Signal::TERM);
    let asked = Instant::now();
    let status = node.ended(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0), "{status}:\n{}", node.log());
    say(&format!(
        "SIGTERM {on:?}: stopped after {:?}",
        asked.elapsed()
    ));
    load.end().await;
    assert_eq!(
        world.count("SELECT count(*) AS n FROM delivery WHERE state = 'leased'"),
        0,
        "leases left behind"
    );

    let place = node.place();
    let node = world.start(place).await;
    ask_again(&world, &node.url).await;
    world.settled(&node).await;
    assert_eq!(
        unknown(judge(&world, from).await).len(),
        0,
        "a stop leaves no outcome unknown"
    );
    assert_eq!(world.ledger().duplicates(), 0, "a stop sends nothing twice");
}

mod a_hub_told_to_stop_finishes_what_is_under_way {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        stopping(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        stopping(On::Postgres).await;
    }
}
