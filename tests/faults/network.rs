//! Banks behind networks that swallow, reset or lose packets, beside banks that drip, refuse or are well: whoever is
//! well is told at once, the hub stays small, and after healing everybody is told. `KAIRAN_NETWORK_ROUNDS` says how
//! often the networks fail and heal (1 unless given).

use crate::hub::{Node, PER_BANK, World, code, reminds};
use crate::kill::{judge, number, say};
use crate::namespaces::{Networks, Weather};
use crate::needs::{Need, may};
use crate::support::hub::On;
use crate::support::receiver::{Answer, Receiver};
use kairan::clock::Clock;
use kairan::domain::instant::Instant as At;
use kairan::storage::delivery::OutcomeRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FILINGS: usize = 12;
/// A first attempt reaches a bank within this time of the 201, whatever the others do: before any that hangs gives its
/// place up, of which there are fewer than those that hang would take.
const NOT_DELAYED: Duration = Duration::from_secs(4);
/// All is delivered within this time of the healing: after a third failure the next try comes within 144 s.
const HEALED: Duration = Duration::from_secs(180);
const MORE_MEMORY_KIB: u64 = 64 * 1024;
const SETTINGS: &str = "[webhook]\nallow_networks = [\"10.99.0.0/16\"]\nconnect_timeout_ms = 5000\ntimeout_ms = 8000\n\
    [engine]\nin_flight = 64\n";

/// The banks of each group, 35 in all.
const GROUPS: [(&str, usize); 5] = [
    ("dark", 12),
    ("drip", 8),
    ("reset", 7),
    ("failing", 7),
    ("well", 1),
];

/// Which banks are a group's.
fn banks_of(group: &str) -> std::ops::Range<usize> {
    let mut from = 0;
    for (name, count) in GROUPS {
        if name == group {
            return from..from + count;
        }
        from += count;
    }
    panic!("no group {group}")
}

fn partners(networks: &Networks, groups: &[(&'static str, usize)]) -> Vec<(Receiver, String)> {
    let names = groups
        .iter()
        .flat_map(|(group, count)| std::iter::repeat_n(*group, *count));
    let partner = |group| {
        let receiver = Receiver::on(networks.listener(group));
        let url = receiver.url("/hook");
        (receiver, url)
    };
    names.map(partner).collect()
}

/// Runs a test on a runtime of one thread, which is in the hub's network, as all that it starts.
pub fn play<F: Future<Output = ()>>(
    networks: Networks,
    test: impl FnOnce(Arc<Networks>) -> F + Send + 'static,
) {
    let networks = Arc::new(networks);
    let own = Arc::clone(&networks);
    networks.within_the_hubs(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime starts").block_on(test(own));
    });
}

/// What the hub held at the most.
#[derive(Debug, Default)]
struct Peak {
    memory_kib: u64,
    descriptors: usize,
}

impl Peak {
    fn look(&mut self, node: &Node) {
        self.memory_kib = self.memory_kib.max(node.memory_kib());
        self.descriptors = self.descriptors.max(node.descriptors());
    }
}

fn set(networks: &Networks, world: &World, fail: bool) {
    let (dark, reset) = match fail {
        true => (Weather::BlackHole, Weather::Reset),
        false => (Weather::Clear, Weather::Clear),
    };
    networks.set("dark", dark);
    networks.set("reset", reset);
    let drip = Answer::Forever {
        head: b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec(),
        piece: b".".to_vec(),
        pause: Duration::from_secs(1),
    };
    for (group, bad) in [("drip", drip), ("failing", Answer::Status(500))] {
        for bank in banks_of(group) {
            let answer = if fail {
                bad.clone()
            } else {
                Answer::Status(204)
            };
            world.banks[bank].receiver.answer(answer);
        }
    }
}

/// First attempts at a group's banks that began more than `late` after their notice was due.
fn late_firsts(world: &World, group: &str, from: At, late: Duration) -> i64 {
    let codes: Vec<String> = banks_of(group)
        .map(|bank| format!("'{}'", code(bank)))
        .collect();
    world.count(&format!(
        "SELECT count(*) AS n FROM attempt a JOIN delivery d ON d.id = a.delivery_id JOIN bank b ON b.id = d.bank_id
         JOIN notice n ON n.id = d.notice_id
         WHERE a.number = 1 AND d.channel = 'webhook' AND b.code IN ({}) AND n.issued_at >= {} AND a.started_at - d.created_at > {}",
        codes.join(", "),
        from.micros(),
        late.as_micros(),
    ))
}

/// When each bank of a group was first told of what was filed, after the answer.
fn first_hits(world: &World, group: &str, filed: &BTreeMap<String, Instant>) -> Vec<Duration> {
    let mut after = Vec::new();
    for bank in banks_of(group) {
        let mut seen = BTreeSet::new();
        let hits = world.banks[bank].receiver.hits();
        for hit in hits.iter().filter(|hit| !reminds(hit)) {
            let title = hit.json()["data"]["incident"]["title"]["en"]
                .as_str()
                .expect("a title")
                .to_owned();
            if seen.insert(title.clone()) {
                after.push(hit.instant.saturating_duration_since(filed[&title]));
            }
        }
        assert_eq!(
            seen.len(),
            filed.len(),
            "{} was told of {seen:?}",
            code(bank)
        );
    }
    after.sort_unstable();
    after
}

/// The networks fail, incidents are filed, everybody's first attempt ends; what follows is in the ledger.
async fn fail(networks: &Networks, world: &World, node: &Node, round: u64) -> (Peak, Duration) {
    let (from, mut peak) = (Clock::new().now(), Peak::default());
    set(networks, world, true);
    let mut filed = BTreeMap::new();
    for n in 0..FILINGS {
        let marker = format!("round-{round}-filing-{n}");
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
        filed.insert(marker, Instant::now());
        peak.look(node);
    }
    let all = i64::try_from(FILINGS * world.banks.len()).expect("few");
    let ended = format!(
        "SELECT count(*) AS n FROM attempt_outcome o JOIN notice n ON n.id = o.notice_id
         WHERE o.number = 1 AND o.channel = 'webhook' AND n.issued_at >= {}",
        from.micros()
    );
    let until = Instant::now() + Duration::from_secs(60);
    while world.count(&ended) < all {
        assert!(
            Instant::now() < until,
            "first attempts never end:\n{}",
            node.log()
        );
        peak.look(node);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for group in ["well", "failing", "reset"] {
        assert_eq!(
            late_firsts(world, group, from, NOT_DELAYED),
            0,
            "first attempts at {group} waited for others"
        );
    }
    // The control of that count: a bank that swallows everything does wait for its own four places.
    assert!(
        late_firsts(world, "dark", from, NOT_DELAYED) > 0,
        "no delay is ever seen"
    );
    let (well, failing) = (
        first_hits(world, "well", &filed),
        first_hits(world, "failing", &filed),
    );
    let worst = well
        .iter()
        .chain(&failing)
        .max()
        .copied()
        .expect("they were told");
    assert!(worst < NOT_DELAYED, "well {well:?}, failing {failing:?}");

    // The control: a hub that gave up after the first failure would be told of every filing.
    let mut given_up = world.ledger().clone();
    given_up.arrivals = (0..world.banks.len())
        .flat_map(|bank| world.arrived(bank))
        .collect();
    given_up
        .filings
        .retain(|marker, _| filed.contains_key(marker));
    let lost = given_up.complaints(world.banks.len());
    assert_eq!(
        lost.iter()
            .filter(|text| text.starts_with("lost: "))
            .count(),
        FILINGS,
        "{lost:?}"
    );
    (peak, worst)
}

async fn thirty_four_down(networks: Arc<Networks>) {
    let rounds = number("KAIRAN_NETWORK_ROUNDS").unwrap_or(1);
    let world = World::prepare_at(On::Sqlite, partners(&networks, &GROUPS), SETTINGS).await;
    let node = world.start(world.place("hub")).await;
    let begun = Clock::new().now();
    // Connections that are open when the networks fail.
    assert_eq!(world.file(&node.url, "before").await, Some(201));
    world.settled(&node).await;
    judge(&world, begun).await;
    let (memory, open) = (node.memory_kib(), node.descriptors());
    let mut duplicates = 0;
    for round in 1..=rounds {
        let from = Clock::new().now();
        let (peak, worst) = fail(&networks, &world, &node, round).await;
        let grown = peak.memory_kib.saturating_sub(memory);
        assert!(
            grown < MORE_MEMORY_KIB,
            "round {round}: {memory} KiB, then {peak:?}"
        );
        let each = 2 * PER_BANK * world.banks.len();
        assert!(
            peak.descriptors <= open + each,
            "round {round}: {open} descriptors, then {peak:?}"
        );

        set(&networks, &world, false);
        world.settled_within(&node, HEALED).await;
        let log = judge(&world, from).await;
        let filed = format!("round-{round}-");
        let told: BTreeSet<String> = {
            let ledger = world.ledger();
            let of_round = ledger
                .arrivals
                .iter()
                .filter(|one| one.marker.starts_with(&filed));
            of_round.map(|one| one.notice.clone()).collect()
        };
        let is_first = |row: &OutcomeRow| {
            row.number == 1
                && row
                    .notice_id
                    .is_some_and(|notice| told.contains(&notice.to_string()))
        };
        let fates = |group: &str| -> BTreeSet<String> {
            let ids: Vec<_> = banks_of(group)
                .map(|bank| Some(world.banks[bank].id))
                .collect();
            let rows = log
                .iter()
                .filter(|row| is_first(row) && ids.contains(&row.bank_id));
            rows.map(|row| row.outcome.clone()).collect()
        };
        let among = |group: &str, may: &[&str]| {
            let fates = fates(group);
            assert!(
                fates.iter().all(|fate| may.contains(&fate.as_str())),
                "{group}: {fates:?}"
            );
        };
        // A connection that was open breaks within the exchange, a new one before it.
        among("dark", &["connect", "timeout"]);
        among("reset", &["connect", "broken"]);
        among("drip", &["timeout"]);
        among("failing", &["status"]);
        among("well", &["accepted"]);
        let failed = log.iter().filter(|row| row.outcome != "accepted").count();
        let again = world.ledger().duplicates() - duplicates;
        assert!(
            again <= failed,
            "{again} came twice, {failed} attempts had failed"
        );
        duplicates += again;
        say(&format!(
            "34 of 35 down, round {round}: the last to be told of those who can be after {} ms, {failed} attempts failed, {grown} KiB and \
             {} descriptors more, {again} came twice, the same bytes",
            worst.as_millis(),
            peak.descriptors.saturating_sub(open),
        ));
    }
}

#[test]
fn with_34_of_35_banks_down_the_one_is_told_at_once_and_the_others_when_they_are_back() {
    let test = "with_34_of_35_banks_down_the_one_is_told_at_once_and_the_others_when_they_are_back";
    if may(Need::Networks, test) {
        play(
            Networks::lay(&GROUPS.map(|(group, _)| group)),
            thirty_four_down,
        );
    }
}

async fn lossy_and_dark(networks: Arc<Networks>) {
    const BANKS: [(&str, usize); 2] = [("lossy", 5), ("dark", 1)];
    let world = World::prepare_at(On::Sqlite, partners(&networks, &BANKS), SETTINGS).await;
    let node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    networks.set("lossy", Weather::Lossy);
    networks.set("dark", Weather::BlackHole);
    for n in 0..FILINGS {
        assert_eq!(
            world.file(&node.url, &format!("lossy-{n}")).await,
            Some(201)
        );
    }
    // As long as it takes for some to come through the loss; what chance has put off is sent in clear weather.
    let until = Instant::now() + Duration::from_secs(4);
    let through = || (0..5).map(|bank| world.arrived(bank).len()).sum::<usize>();
    while through() < 5 * FILINGS && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let through = through();
    assert!(
        through > 0,
        "with three of ten packets lost, some webhooks get through"
    );
    // The control: with the dark never healed, every filing is missed.
    let mut dark = world.ledger().clone();
    dark.arrivals = (0..6).flat_map(|bank| world.arrived(bank)).collect();
    let lost = dark.complaints(6);
    assert_eq!(
        lost.iter()
            .filter(|text| text.starts_with("lost: "))
            .count(),
        FILINGS,
        "{lost:?}"
    );

    networks.set("lossy", Weather::Clear);
    networks.set("dark", Weather::Clear);
    world.settled_within(&node, Duration::from_secs(60)).await;
    let log = judge(&world, from).await;
    let failed = log.iter().filter(|row| row.outcome != "accepted").count();
    let again = world.ledger().duplicates();
    assert!(
        again <= failed,
        "{again} came twice, {failed} attempts had failed"
    );
    say(&format!(
        "three of ten packets lost: {through} of {} webhooks through in four seconds, {failed} attempts failed, {again} came twice, the same bytes",
        5 * FILINGS
    ));
}

#[test]
fn with_three_of_ten_packets_lost_everybody_is_told_and_whoever_stays_in_the_dark_is_missed() {
    let test =
        "with_three_of_ten_packets_lost_everybody_is_told_and_whoever_stays_in_the_dark_is_missed";
    if may(Need::Networks, test) {
        play(Networks::lay(&["lossy", "dark"]), lossy_and_dark);
    }
}
