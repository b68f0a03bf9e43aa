//! Banks whose servers are slow or hostile: each is judged by the outcome on record, by what the hub holds in
//! memory and open meanwhile, and by whether anybody else waits for it. Networks that fail are `network.rs`.

use crate::authority::{Authority, Certificate, Door};
use crate::gate::{Gate, Way};
use crate::hub::{Node, PER_BANK, World, memory_kib};
use crate::kill::{judge, say, unknown};
use crate::support::hub::On;
use crate::support::receiver::{Answer, Receiver};
use kairan::clock::Clock;
use kairan::storage::delivery::OutcomeRow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const FILINGS: usize = 2;
/// A first attempt reaches a bank within this time of the 201, whatever the others do.
const NOT_DELAYED: Duration = Duration::from_secs(5);
/// What the hub may take for all of them together: a small part of what they send.
const MORE_MEMORY_KIB: u64 = 64 * 1024;
const KEPT: usize = 4096;

/// Only one address is opened: another one of this machine is denied, and yet somebody can listen there.
const SETTINGS: &str = "[webhook]\nallow_networks = [\"127.0.0.1/32\"]\nconnect_timeout_ms = 1000\ntimeout_ms = 2000\n";

/// What a bank's server does, and what stands on record of its first attempt.
struct Case {
    what: &'static str,
    answer: Answer,
    outcome: &'static str,
    status: Option<i64>,
}

fn raw(text: &str) -> Answer {
    Answer::Raw(text.as_bytes().to_vec())
}

fn forever(head: &str, piece: &[u8], pause_ms: u64) -> Answer {
    Answer::Forever {
        head: head.as_bytes().to_vec(),
        piece: piece.to_vec(),
        pause: Duration::from_millis(pause_ms),
    }
}

/// 64 MiB of zeros, as gzip makes them small.
fn bomb() -> Vec<u8> {
    let command = "head -c 67108864 /dev/zero | gzip -1";
    let made = std::process::Command::new("sh")
        .args(["-c", command])
        .output();
    let bytes = made.expect("gzip runs").stdout;
    assert!((KEPT..1 << 20).contains(&bytes.len()), "{}", bytes.len());
    bytes
}

fn cases(denied: &str, elsewhere: &str, bomb: &[u8]) -> Vec<Case> {
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let see_other = |status: &str, to: &str| {
        raw(&format!(
            "HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
        ))
    };
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "x-more: and more\r\n".repeat(1_000)
    );
    let block = [b'x'; 1 << 16];
    let case = |what, answer, outcome, status| Case {
        what,
        answer,
        outcome,
        status,
    };
    vec![
        case(
            "drips its body",
            forever(length, b".", 1_000),
            "timeout",
            Some(200),
        ),
        case(
            "drips its headers",
            forever("HTTP/1.1 200 OK\r\nx-slow: ", b"x", 50),
            "timeout",
            None,
        ),
        case("never answers", Answer::Hang, "timeout", None),
        case(
            "says for ever that it will answer",
            forever("", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 1),
            "timeout",
            None,
        ),
        case(
            "never ends its body",
            forever("HTTP/1.1 200 OK\r\n\r\n", &block, 0),
            "accepted",
            Some(200),
        ),
        case(
            "never ends its refusal",
            forever("HTTP/1.1 500 No\r\n\r\n", &block, 0),
            "status",
            Some(500),
        ),
        case(
            "answers with a bomb",
            forever("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", bomb, 0),
            "accepted",
            Some(200),
        ),
        case(
            "never ends a header",
            forever("HTTP/1.1 200 OK\r\nx-long: ", &block, 0),
            "broken",
            None,
        ),
        case("sends a thousand headers", raw(&many), "broken", None),
        case("resets", Answer::Reset, "broken", None),
        case("closes before it answers", raw(""), "broken", None),
        case(
            "closes its own side only",
            Answer::HalfClosed,
            "broken",
            None,
        ),
        case(
            "closes within its answer",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
            "broken",
            Some(200),
        ),
        case(
            "says two lengths",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
            "broken",
            None,
        ),
        case(
            "speaks another protocol",
            raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
            "broken",
            None,
        ),
        case(
            "leads to a denied address",
            see_other("302 Found", denied),
            "status",
            Some(302),
        ),
        case(
            "leads a POST to a denied address",
            see_other("307 Temporary Redirect", denied),
            "status",
            Some(307),
        ),
        case(
            "leads a POST elsewhere",
            see_other("308 Permanent Redirect", elsewhere),
            "status",
            Some(308),
        ),
    ]
}

/// Whoever comes here was led here.
struct Trap {
    url: String,
    come: Arc<AtomicUsize>,
}

impl Trap {
    async fn at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0))
            .await
            .expect("every 127 is this machine");
        let url = format!("http://{}/inside", listener.local_addr().expect("bound"));
        let come = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&come);
        tokio::spawn(async move {
            while let Ok(connection) = listener.accept().await {
                // Counted before whoever came can see that it is closed.
                count.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Self { url, come }
    }

    fn come(&self) -> usize {
        self.come.load(Ordering::SeqCst)
    }
}

/// Files, and samples meanwhile what the hub holds, until every first attempt has an outcome. Returns when each
/// filing was answered, and the most memory and descriptors seen.
async fn under_fire(world: &World, node: &Node) -> (Vec<(String, Instant)>, u64, usize) {
    let mut filed = Vec::new();
    for n in 0..FILINGS {
        let marker = format!("under-fire-{n}");
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
        filed.push((marker, Instant::now()));
    }
    let (mut memory, mut descriptors) = (0, 0);
    let all = i64::try_from(world.banks.len() * FILINGS).expect("few");
    let until = Instant::now() + Duration::from_secs(30);
    while world
        .count("SELECT count(*) AS n FROM attempt_outcome WHERE number = 1 AND channel = 'webhook'")
        < all
    {
        assert!(
            Instant::now() < until,
            "first attempts never end:\n{}",
            node.log()
        );
        (memory, descriptors) = (
            memory.max(node.memory_kib()),
            descriptors.max(node.descriptors()),
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (filed, memory, descriptors)
}

fn first_of<'l>(log: &'l [OutcomeRow], world: &World, bank: usize) -> Vec<&'l OutcomeRow> {
    let of = |row: &&OutcomeRow| {
        row.bank_id == Some(world.banks[bank].id) && row.number == 1 && row.channel == "webhook"
    };
    log.iter().filter(of).collect()
}

/// Of each filing, the good bank's receipt is on record before the first of the silent ones is given up.
fn assert_nobody_waits(
    world: &World,
    log: &[OutcomeRow],
    good: usize,
    filed: &[(String, Instant)],
) {
    for hit in world.banks[good].receiver.hits() {
        let title = hit.json()["data"]["incident"]["title"]["en"].clone();
        let (_, answered) = filed
            .iter()
            .find(|(marker, _)| title == *marker)
            .expect("it was filed");
        let after = hit.instant.saturating_duration_since(*answered);
        assert!(
            after < NOT_DELAYED,
            "the good bank was told after {after:?}"
        );
    }
    for told in first_of(log, world, good) {
        let given_up = log
            .iter()
            .filter(|row| row.incident_id == told.incident_id && row.outcome == "timeout");
        let given_up = given_up
            .map(|row| row.recorded_at)
            .min()
            .expect("some never answer");
        assert!(
            told.recorded_at < given_up,
            "the good bank waited for the silent ones"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hostile_server_harms_its_own_bank_alone_and_is_told_once_it_behaves() {
    let (authority, bomb) = (Authority::new(), bomb());
    let (denied, elsewhere) = (Trap::at("127.0.0.2").await, Trap::at("127.0.0.1").await);
    let cases = cases(&denied.url, &elsewhere.url, &bomb);
    let (mut partners, mut doors) = (Vec::new(), Vec::new());
    for case in &cases {
        let receiver = Receiver::start();
        receiver.answer(case.answer.clone());
        let url = receiver.url("/hook");
        partners.push((receiver, url));
    }
    let shown = [
        (Certificate::SelfSigned, "tls"),
        (Certificate::Expired, "tls"),
        (Certificate::OtherName, "tls"),
        // The control: the same authority, server and door.
        (Certificate::Good, "accepted"),
    ];
    for (certificate, _) in shown {
        let receiver = Receiver::start();
        let door = Door::before(receiver.port(), authority.acceptor(certificate)).await;
        partners.push((receiver, format!("https://{}/hook", door.address)));
        doors.push(door);
    }
    // Takes the connection, and never a word of TLS.
    let behind = Receiver::start();
    let door = Door::before(behind.port(), authority.acceptor(Certificate::Good)).await;
    let mute = Gate::to(vec![door.address]).await;
    mute.set(0, Way::Silent);
    partners.push((behind, format!("https://{}/hook", mute.address)));
    let good = Receiver::start();
    let url = good.url("/hook");
    partners.push((good, url));

    let world = World::prepare_at(On::Sqlite, partners, SETTINGS).await;
    let trusting = |command: &mut std::process::Command| {
        command.env("SSL_CERT_FILE", authority.pem());
    };
    let node = world.start_with(world.place("hub"), trusting).await;
    let (from, before, open) = (Clock::new().now(), node.memory_kib(), node.descriptors());
    let (filed, memory, descriptors) = under_fire(&world, &node).await;

    let log = world.outcomes_since(from).await;
    let told = cases
        .iter()
        .map(|case| (case.what.to_owned(), case.outcome, case.status));
    let told = told.chain(shown.map(|(certificate, outcome)| {
        (
            format!("shows {certificate:?}"),
            outcome,
            (outcome == "accepted").then_some(204),
        )
    }));
    let told = told.chain([("never shakes hands".to_owned(), "connect", None)]);
    for (bank, (what, outcome, status)) in told.enumerate() {
        let rows = first_of(&log, &world, bank);
        assert_eq!(rows.len(), FILINGS, "{what}");
        for row in rows {
            assert_eq!(
                (row.outcome.as_str(), row.status),
                (outcome, status),
                "a server that {what}"
            );
            assert!(
                row.duration_ms < 4_000,
                "a server that {what} held an attempt for {} ms",
                row.duration_ms
            );
            if let Some(answer) = row.answer_id {
                let kept = world.answer_kept(answer).await;
                assert!(
                    kept.len() <= KEPT,
                    "a server that {what}: {} bytes kept",
                    kept.len()
                );
                if what.contains("bomb") {
                    assert!(
                        kept == bomb[..KEPT],
                        "the bytes of the bomb are kept as they came"
                    );
                }
            }
        }
    }
    assert_nobody_waits(&world, &log, world.banks.len() - 1, &filed);
    let more = memory.saturating_sub(before);
    assert!(more < MORE_MEMORY_KIB, "the hub took {more} KiB for them");
    let each = 2 * PER_BANK * world.banks.len();
    assert!(
        descriptors <= open + each,
        "{descriptors} descriptors, {open} before"
    );
    assert_eq!(
        (denied.come(), elsewhere.come()),
        (0, 0),
        "somebody was led"
    );

    for (bank, partner) in world.banks.iter().enumerate() {
        partner.receiver.answer(Answer::Status(204));
        if let Some(door) = bank
            .checked_sub(cases.len())
            .and_then(|place| doors.get(place))
        {
            door.shows(authority.acceptor(Certificate::Good));
        }
    }
    mute.set(0, Way::Open);
    world.settled_within(&node, Duration::from_secs(60)).await;
    let log = judge(&world, from).await;
    let failed = log.iter().filter(|row| row.outcome != "accepted").count();
    let again = world.ledger().duplicates();
    assert!(
        again <= failed,
        "{again} came twice, {failed} attempts had failed"
    );
    say(&format!(
        "hostile servers: {} banks, {more} KiB and {} descriptors more, {failed} attempts failed, {again} came twice, the same bytes",
        world.banks.len(),
        descriptors - open,
    ));
}

/// A bank too slow for what comes: its retries are claimed, and then first attempts go on before them for longer than a
/// claim holds.
async fn overtaken(on: On) {
    let settings = "[webhook]\nallow_networks = [\"127.0.0.0/8\"]\ntimeout_ms = 2000\nconnect_timeout_ms = 1000\n[engine]\nlease_s = 9\nper_bank = 1\n";
    let world = World::prepare(on, 1, settings).await;
    let bank = &world.banks[0].receiver;
    bank.answer(Answer::Status(500));
    let node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    for n in 0..3 {
        let marker = format!("refused-{n}");
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
    }
    let until = Instant::now() + Duration::from_secs(30);
    let wait_for = async |what: &str, sql: &str| {
        while world.count(sql) < 3 {
            assert!(Instant::now() < until, "{what}:\n{}", node.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let refused = "SELECT count(*) AS n FROM attempt_outcome WHERE outcome = 'status'";
    wait_for("none is refused", refused).await;
    world.banks[0].answers_after(Duration::from_millis(900));
    // One is under way for as long as it takes to claim the others, whenever each comes due.
    for n in 0..9 {
        let marker = format!("between-{n}");
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
    }
    let claimed = "SELECT count(*) AS n FROM delivery WHERE state = 'leased' AND failures > 0";
    wait_for("no retry is claimed", claimed).await;
    for n in 0..16 {
        let marker = format!("after-{n}");
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
    }
    world.settled_within(&node, Duration::from_secs(60)).await;
    let log = judge(&world, from).await;
    let released = log.iter().filter(|row| row.outcome == "released").count();
    assert!(released > 0, "no claim waited too long");
    assert_eq!(unknown(log).len(), 0, "a claim ran out under its lease");
    assert_eq!(world.ledger().duplicates(), 3, "those that were refused");
    let checked = world
        .run(&node.place(), &["check", "--rebuild", "--json"])
        .await;
    assert!(checked.1.contains("\"rebuilt\": 0,"), "{checked:?}");
}

mod a_claim_that_first_attempts_overtake_goes_back_and_is_never_taken_for_sent {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        overtaken(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        overtaken(On::Postgres).await;
    }
}

/// The control of the traps: whoever follows is counted, by the same server's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_follows_is_seen_by_the_trap() {
    let trap = Trap::at("127.0.0.2").await;
    let receiver = Receiver::start();
    receiver.answer(Answer::Redirect(trap.url.clone()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30));
    let client = client.build().expect("a client without a proxy builds");
    // The trap closes without an answer.
    drop(client.post(receiver.url("/hook")).send().await);
    assert_eq!(trap.come(), 1);
}

/// The control of the meter: what unpacks the bomb, or keeps the endless answer, is seen to grow.
#[test]
fn a_process_that_keeps_what_it_is_sent_is_seen_to_grow() {
    let before = memory_kib(std::process::id());
    let kept = vec![b'x'; 2 << 26];
    let after = memory_kib(std::process::id());
    assert!(kept.iter().all(|byte| *byte == b'x'));
    assert!(
        after.saturating_sub(before) > MORE_MEMORY_KIB,
        "{before} to {after} KiB"
    );
}
