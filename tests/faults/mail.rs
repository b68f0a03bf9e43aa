//! A mail relay that refuses, defers, stalls, hangs up, speaks no TLS, shows the wrong certificate or is dead for a
//! day: what stands on record, what is never said in plain text, and that every mail comes at last, again only where
//! the relay may have kept it. The relay is scripted (`relay.rs`); a real one is met in the journeys.

use crate::authority::{Authority, Certificate};
use crate::hub::{World, code};
use crate::kill::{LOOPBACK, say};
use crate::ledger::{Arrival, Ledger};
use crate::relay::{Dead, Kept, Manner, Relay, Step};
use crate::support::ground::{contact, filing};
use crate::support::hub::{Bank, On, Person, TestHub};
use kairan::actions::add_contact::ContactInput;
use kairan::clock::Clock;
use kairan::storage::delivery::OutcomeRow;
use kairan::storage::evidence::{self, TaskEventRow};
use kairan::storage::{audit, delivery_log};
use mail_parser::MessageParser;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BANKS: usize = 2;
/// Longer than the longest pause between two attempts.
const STEP: Duration = Duration::from_secs(75 * 60);

/// Each with what stands on record of the attempt, and whether the relay has kept the mail all the same.
#[rustfmt::skip]
const FAULTS: [(Manner, &str, Option<i64>, bool); 25] = [
    (Manner::Says(Step::Greeting, "421 4.3.2 Closing"), "mail_deferred", Some(421), false),
    (Manner::Says(Step::Greeting, "554 5.7.1 Not you"), "internal", Some(554), false),
    (Manner::Stalls(Step::Greeting), "timeout", None, false),
    (Manner::Drops(Step::Greeting), "connect", None, false),
    (Manner::OffersNoTls, "tls", None, false),
    (Manner::Says(Step::StartTls, "454 4.7.0 TLS not available"), "mail_deferred", Some(454), false),
    (Manner::Stalls(Step::StartTls), "timeout", None, false),
    (Manner::Drops(Step::StartTls), "connect", None, false),
    (Manner::Shows(Certificate::SelfSigned), "tls", None, false),
    (Manner::Shows(Certificate::Expired), "tls", None, false),
    (Manner::Shows(Certificate::OtherName), "tls", None, false),
    (Manner::Says(Step::StartTls, "502 5.5.1 Not this week"), "internal", Some(502), false),
    (Manner::Says(Step::From, "452 4.3.1 Insufficient storage"), "mail_deferred", Some(452), false),
    (Manner::Says(Step::From, "550 5.7.1 Not from you"), "internal", Some(550), false),
    (Manner::Says(Step::To, "450 4.2.1 Greylisted"), "mail_deferred", Some(450), false),
    (Manner::Says(Step::To, "451 4.3.0 Try later"), "mail_deferred", Some(451), false),
    (Manner::Says(Step::To, "550 5.1.1 No such mailbox"), "mail_rejected", Some(550), false),
    (Manner::Drops(Step::To), "broken", None, false),
    (Manner::Stalls(Step::Data), "timeout", None, false),
    (Manner::Says(Step::Data, "451 4.3.0 Not now"), "mail_deferred", Some(451), false),
    (Manner::Says(Step::Content, "451 4.3.0 Not kept"), "mail_deferred", Some(451), false),
    (Manner::Says(Step::Content, "552 5.3.4 Too big"), "mail_rejected", Some(552), false),
    (Manner::Says(Step::Content, "250-half of an answer"), "timeout", None, false),
    (Manner::Stalls(Step::Content), "timeout", None, true),
    (Manner::Drops(Step::Content), "broken", None, true),
];

fn settings(port: u16, authority: &Authority, more: &str) -> String {
    format!(
        "[mail]\nrelay_host = \"127.0.0.1\"\nrelay_port = {port}\nca_file = \"{}\"\nfrom = \"hub@mail.test\"\n\
         return_path_domain = \"mail.test\"\nhelo = \"mail.test\"\n{more}",
        authority.pem().display()
    )
}

const ENCRYPTED: &str = "tls = \"required\"\ntimeout_ms = 1000\n";

/// Who files and who is told, with the ledger of it.
struct Case {
    hub: TestHub,
    officer: Person,
    banks: Vec<Bank>,
    ledger: Ledger,
}

impl Case {
    async fn on(on: On, mail: &str) -> Self {
        let hub = TestHub::start_with(on, mail).await;
        let mut banks = Vec::new();
        for bank in 0..BANKS {
            let reached = ContactInput {
                language: "en".into(),
                ..contact(&code(bank), 1)
            };
            banks.push(hub.bank_with(&code(bank), reached).await);
        }
        Self {
            officer: hub.officer().await,
            hub,
            banks,
            ledger: Ledger::default(),
        }
    }

    async fn file(&mut self, marker: &str) {
        let mut filing = filing();
        filing["title"]["en"] = json!(marker);
        let answer = self
            .hub
            .post("/api/v1/incidents", &self.officer.key, &filing)
            .await;
        self.ledger
            .filings
            .insert(marker.into(), Some(answer.status.as_u16()));
        answer.expect(201);
    }

    /// Addresses that somebody has to see to.
    async fn broken(&self) -> usize {
        let events = self.hub.store.read(evidence::task_events).await;
        let count =
            |kind: &str, all: &[TaskEventRow]| all.iter().filter(|one| one.event == kind).count();
        let events = events.expect("tasks read");
        count("opened", &events) - count("closed", &events)
    }

    /// How many mails wait for a relay that takes nothing, as the operator is told.
    async fn waiting(&self) -> Option<i64> {
        let told = self
            .hub
            .get("/api/v1/channels", &self.officer.key)
            .await
            .expect(200);
        told.json()["mails_wait"]["waiting"].as_i64()
    }

    /// The complaints about what the relay has kept until now.
    fn complaints(&mut self, relay: &Relay) -> Vec<String> {
        self.ledger.arrivals = letters(&relay.kept(), &self.ledger);
        self.ledger.complaints(BANKS)
    }

    /// The attempts of mails to banks, oldest first.
    async fn mails(&self) -> Vec<OutcomeRow> {
        let filter = delivery_log::LogFilter {
            channel: Some("email".into()),
            ..Default::default()
        };
        let read = move |tx: &mut kairan::storage::Tx<'_>| {
            let rows = delivery_log::page(tx, &filter, None, None, 100_000)?;
            Ok::<_, kairan::storage::Error>((rows, audit::findings(tx)?))
        };
        let (mut rows, findings) = self.hub.store.read(read).await.expect("the log reads");
        assert_eq!(findings, [], "the self-check found something");
        rows.retain(|row| row.notice_id.is_some());
        rows
    }
}

/// Mails to banks as the ledger knows arrivals: the Message-ID stands for the webhook's.
fn letters(kept: &[Kept], ledger: &Ledger) -> Vec<Arrival> {
    let bank_of = |to: &str| {
        (0..BANKS).find(|bank| to.ends_with(&format!("@{}.example", code(*bank).to_lowercase())))
    };
    let letter = |mail: &Kept| {
        let bank = bank_of(&mail.to)?;
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a mail");
        let subject = parsed.subject().expect("every mail has one").to_owned();
        let filed = ledger
            .filings
            .keys()
            .find(|marker| subject.contains(marker.as_str()));
        let id = parsed.message_id().expect("every mail has one").to_owned();
        Some(Arrival {
            bank,
            webhook_id: id.clone(),
            body_hash: Sha256::digest(&mail.bytes).into(),
            marker: filed.cloned().unwrap_or(subject),
            // A mail names it in words; that a filing is one incident is the webhooks' to show.
            reference: String::new(),
            notice: id,
            digest: String::new(),
        })
    };
    kept.iter().filter_map(letter).collect()
}

async fn every_fault(on: On) {
    let authority = Arc::new(Authority::new());
    let relay = Relay::start(&authority);
    let mut case = Case::on(on, &settings(relay.port, &authority, ENCRYPTED)).await;
    let mut risked = 0;
    for (n, (manner, outcome, status, is_kept)) in FAULTS.into_iter().enumerate() {
        let marker = format!("fault {n:02}");
        let seen = case.mails().await.len();
        relay.behaves(manner);
        case.file(&marker).await;
        case.hub.deliver_due().await;
        let rows = case.mails().await.split_off(seen);
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.outcome.as_str(), row.status))
            .collect();
        assert_eq!(
            found,
            vec![(outcome, status); BANKS],
            "a relay that {manner:?}"
        );
        // What a relay has against this hub, or shows of itself, is no bank's fault.
        let broken = if outcome == "mail_rejected" { BANKS } else { 0 };
        assert_eq!(case.broken().await, broken, "a relay that {manner:?}");
        // The control: what a hub that gives up after the first failure is told.
        let lost = case
            .complaints(&relay)
            .iter()
            .any(|text| text.contains(&format!("lost: {marker} ")));
        assert_eq!(lost, !is_kept, "a relay that {manner:?}");
        risked += if is_kept { BANKS } else { 0 };

        relay.behaves(Manner::Good);
        case.hub.advance(Duration::from_secs(10));
        case.hub.deliver_due().await;
        let rows = case.mails().await.split_off(seen + BANKS);
        assert!(
            rows.len() == BANKS
                && rows
                    .iter()
                    .all(|row| row.outcome == "accepted" && row.number == 2),
            "after a relay that {manner:?}: {rows:?}"
        );
    }
    assert_eq!(case.complaints(&relay), Vec::<String>::new());
    assert_eq!(
        case.ledger.duplicates(),
        risked,
        "only what the relay had kept without saying so comes again"
    );
    assert_eq!(
        relay.told_in_plain(),
        Vec::<String>::new(),
        "something was told in plain text"
    );
    say(&format!(
        "mail {on:?}: {} faults, {} mails, {risked} came twice, the same bytes, none in plain text",
        FAULTS.len(),
        case.ledger.arrivals.len()
    ));
}

mod whatever_a_relay_does_the_mail_comes_at_last_and_never_in_plain_text {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        every_fault(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        every_fault(On::Postgres).await;
    }
}

/// The control of the ear for plain text: it hears a hub that is set to speak it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mail_in_plain_text_is_heard_as_such() {
    let authority = Arc::new(Authority::new());
    let relay = Relay::start(&authority);
    let mut case = Case::on(
        On::Sqlite,
        &settings(relay.port, &authority, "tls = \"loopback_plain\"\n"),
    )
    .await;
    case.file("in plain text").await;
    case.hub.deliver_due().await;
    assert_eq!(case.complaints(&relay), Vec::<String>::new());
    let heard = relay.told_in_plain();
    for word in ["MAIL FROM", "RCPT TO", "DATA", "a whole mail"] {
        let times = heard.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!(times, BANKS, "{word}: {heard:?}");
    }
}

/// A day without a relay, by the hub's clock.
async fn dead_for_a_day(on: On) {
    let authority = Arc::new(Authority::new());
    let dead = Dead::new();
    let mut case = Case::on(on, &settings(dead.port, &authority, ENCRYPTED)).await;
    for n in 0..3 {
        case.file(&format!("while dead {n}")).await;
    }
    for step in 0..25 {
        case.hub.deliver_due().await;
        let told: usize = case
            .banks
            .iter()
            .map(|bank| bank.receiver.hits().len())
            .sum();
        assert_eq!(
            told,
            3 * BANKS,
            "webhooks do not wait for the relay, nor come again in step {step}"
        );
        // After ten failures the alerts to the operator's people wait, too.
        let waiting = case.waiting().await.unwrap_or(0);
        let mails = i64::try_from(3 * BANKS).expect("few");
        assert!(waiting >= mails, "step {step}: {waiting} wait");
        case.hub.advance(STEP);
    }
    let rows = case.mails().await;
    assert!(rows.iter().all(|row| row.outcome == "connect"), "{rows:?}");
    assert!(
        rows.len() == 3 * BANKS * 25,
        "{} attempts in a day",
        rows.len()
    );

    let relay = dead.revive(&authority);
    let before = case.complaints(&relay);
    assert_eq!(
        before.len(),
        3,
        "the control: a hub that gave up by now is told of every filing: {before:?}"
    );
    case.hub.advance(STEP);
    case.hub.deliver_due().await;
    assert_eq!(case.complaints(&relay), Vec::<String>::new());
    assert_eq!(case.ledger.duplicates(), 0, "nobody had kept anything");
    assert_eq!(case.waiting().await, None);
}

mod a_relay_that_was_dead_for_a_day_gets_every_mail_once {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        dead_for_a_day(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        dead_for_a_day(On::Postgres).await;
    }
}

/// Told as an order of events, not as a time: no mail has even failed when the last webhook is through.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhooks_of_twenty_incidents_are_through_before_a_stalled_relay_says_a_word() {
    const INCIDENTS: usize = 20;
    let authority = Arc::new(Authority::new());
    let relay = Relay::start(&authority);
    relay.behaves(Manner::Stalls(Step::Greeting));
    let mail = settings(
        relay.port,
        &authority,
        "tls = \"required\"\ntimeout_ms = 60000\n",
    );
    let more =
        format!("[webhook]\nallow_networks = [\"127.0.0.0/8\"]\n[engine]\nlease_s = 130\n{mail}");
    let world = World::prepare(On::Sqlite, BANKS, &more).await;
    let node = world.start(world.place("hub")).await;
    let from = Clock::new().now();
    for n in 0..INCIDENTS {
        assert_eq!(
            world.file(&node.url, &format!("stalled-{n:02}")).await,
            Some(201)
        );
    }
    world.settled(&node).await;
    let mails = |table: &str| {
        format!(
            "SELECT count(*) AS n FROM {table} t JOIN delivery d ON d.id = t.delivery_id WHERE d.channel = 'email'"
        )
    };
    assert!(
        world.count(&mails("attempt")) > 0 && relay.greeted() > 0,
        "mails are under way"
    );
    assert_eq!(
        (world.count(&mails("attempt_outcome")), relay.kept().len()),
        (0, 0),
        "no mail has come to an end"
    );

    // The control: the same counts see mails as soon as the relay moves.
    relay.behaves(Manner::Good);
    let until = Instant::now() + Duration::from_secs(30);
    let accepted = format!("{} AND t.outcome = 'accepted'", mails("attempt_outcome"));
    while world.count(&accepted) < i64::try_from(INCIDENTS * BANKS).expect("few") {
        assert!(Instant::now() < until, "mails do not come:\n{}", node.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut told = world.ledger().clone();
    told.arrivals = letters(&relay.kept(), &told);
    assert_eq!(told.complaints(BANKS), Vec::<String>::new());
    assert_eq!(relay.told_in_plain(), Vec::<String>::new());
    world.gather();
    assert_eq!(world.ledger().duplicates(), 0);
    let log = world.outcomes_since(from).await;
    assert!(
        log.iter()
            .filter(|row| row.channel == "webhook")
            .all(|row| row.outcome == "accepted")
    );
    assert_eq!(world.ledger().complaints(BANKS), Vec::<String>::new());
}

/// Where a relay stalls when the hub is killed, and whether it has kept the mail.
const KILLED_AT: [(Step, bool); 4] = [
    (Step::Greeting, false),
    (Step::To, false),
    (Step::Data, false),
    (Step::Content, true),
];

/// A hub is killed while each of its mails is at this step, and started again.
async fn killed_under_way(on: On) {
    let authority = Arc::new(Authority::new());
    let relay = Relay::start(&authority);
    let mail = settings(
        relay.port,
        &authority,
        "tls = \"required\"\ntimeout_ms = 60000\n",
    );
    let more = format!("{LOOPBACK}[engine]\nlease_s = 130\n{mail}");
    let world = World::prepare(on, BANKS, &more).await;
    let mut node = world.start(world.place("hub")).await;
    let mails = |more: &str| {
        world.count(&format!(
            "SELECT count(*) AS n FROM attempt_outcome WHERE channel = 'email' AND {more}"
        ))
    };
    let come = |world: &World| {
        let mut told = world.ledger().clone();
        told.arrivals = letters(&relay.kept(), &told);
        told
    };
    let mut risked = 0;
    for (round, (step, is_kept)) in KILLED_AT.into_iter().enumerate() {
        let marker = format!("killed-{round}");
        relay.behaves(Manner::Stalls(step));
        let before = relay.stalled();
        assert_eq!(world.file(&node.url, &marker).await, Some(201));
        let until = Instant::now() + Duration::from_secs(30);
        while relay.stalled() < before + BANKS {
            assert!(Instant::now() < until, "at {step:?}:\n{}", node.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.settled(&node).await;
        let place = node.kill();
        // The control: what a hub that never comes back has told.
        let lost = come(&world).complaints(BANKS);
        let is_lost = lost
            .iter()
            .any(|one| one.contains(&format!("lost: {marker} ")));
        assert_eq!(is_lost, !is_kept, "at {step:?}: {lost:?}");
        risked += if is_kept { BANKS } else { 0 };
        relay.behaves(Manner::Good);
        node = world.start(place).await;
        let all = i64::try_from((round + 1) * BANKS).expect("few");
        let until = Instant::now() + Duration::from_secs(30);
        while mails("outcome = 'accepted'") < all {
            assert!(Instant::now() < until, "at {step:?}:\n{}", node.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(mails("outcome = 'unknown'"), all, "at {step:?}");
    }
    assert_eq!(mails("outcome NOT IN ('accepted', 'unknown')"), 0);
    let told = come(&world);
    assert_eq!(told.complaints(BANKS), Vec::<String>::new());
    assert_eq!(told.duplicates(), risked, "only what was kept comes again");
    assert_eq!(relay.told_in_plain(), Vec::<String>::new());
}

mod a_hub_killed_amid_its_mails_sends_them_again_the_same_bytes {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        killed_under_way(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        killed_under_way(On::Postgres).await;
    }
}
