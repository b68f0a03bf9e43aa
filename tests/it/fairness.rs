//! What one claim takes: a backlog, of whosever, hides nobody's first attempt.

use crate::support::ground::{Ground, on_both, room};
use kairan::actions::Error;
use kairan::actions::alert::OperatorAlert;
use kairan::actions::claim::{self, Room};
use kairan::actions::send_test::send_test;
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant;
use kairan::storage::delivery::{self, DeliveryRow, MessageRow};
use kairan::storage::payload;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Far more than one bank has places.
const BACKLOG: usize = 600;

/// How many places of one claim each bank gets.
async fn claimed(ground: &Ground, channel: &'static str) -> HashMap<Option<Uid>, usize> {
    let room = Room {
        per_bank: 8,
        total: 1_024,
        kept: 512,
        ..room(channel)
    };
    let leases = ground.act(move |tx| claim::claim(tx, &room)).await;
    let mut taken = HashMap::new();
    for lease in leases.expect("claimed") {
        *taken.entry(lease.bank).or_insert(0) += 1;
    }
    taken
}

async fn tests_to(ground: &Ground, code: &'static str, count: usize) {
    let sent = ground.act(move |tx| {
        for _ in 0..count {
            send_test(tx, code)?;
        }
        Ok(())
    });
    sent.await.expect("sent");
}

/// Numbers that only look random: the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// A due delivery in some bank's queue: a retry or a first attempt, and when it was due.
fn open_delivery(message: Uid, bank: Uid, is_retry: bool, due_at: Instant) -> DeliveryRow {
    DeliveryRow {
        id: Uid::at(due_at),
        message_id: message,
        notice_id: None,
        bank_id: Some(bank),
        channel: "webhook".into(),
        target_id: bank,
        state: if is_retry { "waiting" } else { "due" }.into(),
        attempts: i64::from(is_retry),
        failures: i64::from(is_retry),
        due_at,
        lease_owner: None,
        lease_token: None,
        unsealed: false,
        created_at: due_at,
        fanout_id: None,
    }
}

/// What is wrong with what was claimed of `rows`, if anything.
fn fault_of(
    rows: &[DeliveryRow],
    room: &Room,
    now: Instant,
    taken: &HashSet<Uid>,
) -> Option<String> {
    if taken.len() > room.total {
        return Some(format!("{} of {} places", taken.len(), room.total));
    }
    let held = |bank| room.in_flight.get(&Some(bank)).copied().unwrap_or(0);
    let mut got: HashMap<Uid, usize> = HashMap::new();
    for row in rows.iter().filter(|row| taken.contains(&row.id)) {
        *got.entry(row.bank_id.expect("a bank's")).or_default() += 1;
    }
    if let Some((bank, got)) = got
        .iter()
        .find(|(bank, got)| *got + held(**bank) > room.per_bank)
    {
        return Some(format!("{bank} has {got} places beside {}", held(*bank)));
    }
    for row in rows.iter().filter(|row| !taken.contains(&row.id)) {
        if row.due_at > now {
            continue;
        }
        let bank = row.bank_id.expect("a bank's");
        let has = got.get(&bank).copied().unwrap_or(0) + held(bank);
        let is_full = has >= room.per_bank;
        let is_free = if taken.len() < room.total.saturating_sub(room.kept) {
            !is_full
        } else {
            taken.len() < room.total && has == 0 && row.state == "due"
        };
        if is_free {
            return Some(format!("passed over with a place free: {row:?}"));
        }
        let key = |one: &DeliveryRow| (one.state != "due", one.due_at, one.id);
        let before = rows.iter().find(|one| {
            taken.contains(&one.id) && one.bank_id == row.bank_id && key(one) > key(row)
        });
        if let Some(before) = before {
            return Some(format!("{before:?} went before {row:?}"));
        }
        let retry = rows
            .iter()
            .find(|one| taken.contains(&one.id) && one.state != "due");
        if let (Some(retry), true) = (retry, taken.len() > room.total.saturating_sub(room.kept)) {
            return Some(format!("the retry {retry:?} took a place that is kept"));
        }
        if let (Some(retry), "due", false) = (retry, row.state.as_str(), is_full) {
            return Some(format!(
                "the retry {retry:?} went before the first attempt {row:?}"
            ));
        }
    }
    rows.iter()
        .find(|row| taken.contains(&row.id) && row.due_at > now)
        .map(|row| format!("not due yet: {row:?}"))
}

on_both! {
    async fn whatever_is_due_and_held_no_place_is_wasted_and_no_order_broken(ground) {
        let banks = ground.banks(5).await;
        tests_to(&ground, "B001", 1).await;
        let bank = banks[0];
        let message = ground.store.read(move |tx| {
            let sent = delivery::of_latest_test(tx, bank, 1)?;
            Ok::<_, Error>(sent[0].message_id)
        });
        let message = message.await.expect("read");
        let mut dice = Dice(7);
        for round in 0..40 {
            ground.tamper("DELETE FROM delivery").expect("emptied");
            let now = ground.clock.now();
            let rows: Vec<DeliveryRow> = (0..dice.below(60)).map(|_| {
                let bank = banks[dice.below(banks.len())];
                let due_at = now + Duration::from_secs(1) - Duration::from_secs(dice.below(9) as u64);
                open_delivery(message, bank, dice.below(2) == 1, due_at)
            }).collect();
            let room = Room {
                in_flight: banks.iter().map(|bank| (Some(*bank), dice.below(6))).collect(),
                per_bank: 1 + dice.below(5), total: dice.below(30), kept: dice.below(20),
                after: (dice.below(2) == 1).then(|| banks[dice.below(banks.len())]),
                ..room("webhook")
            };
            let (inserted, wanted) = (rows.clone(), room.clone());
            let leases = ground.act(move |tx| {
                delivery::insert_deliveries(tx, &inserted)?;
                claim::claim(tx, &wanted)
            });
            let taken: HashSet<Uid> = leases.await.expect("claimed").iter().map(|lease| lease.delivery).collect();
            assert_eq!(fault_of(&rows, &room, now, &taken), None, "round {round}: {room:?}");
        }
    }

    async fn where_places_are_few_each_bank_has_its_turn(ground) {
        let mut banks = ground.banks(5).await;
        banks.sort();
        for code in ["B001", "B002", "B003", "B004", "B005"] {
            tests_to(&ground, code, 4).await;
        }
        let mut after = None;
        let mut turns = Vec::new();
        for _ in 0..5 {
            let room = Room { per_bank: 2, total: 2, after, ..room("webhook") };
            let leases = ground.act(move |tx| claim::claim(tx, &room)).await.expect("claimed");
            after = leases.last().and_then(|lease| lease.bank);
            turns.extend(after);
        }
        assert_eq!(turns, banks);
    }

    async fn however_many_banks_hang_a_claim_keeps_places_for_those_that_have_none(ground) {
        let mut banks = ground.banks(9).await;
        banks.sort();
        let hang = ["B001", "B002", "B003", "B004", "B005", "B006", "B007", "B008"];
        for code in hang { tests_to(&ground, code, 9).await; }
        let room = Room { total: 16, kept: 8, ..room("webhook") };
        let first = room.clone();
        let leases = ground.act(move |tx| claim::claim(tx, &first)).await.expect("claimed");
        let mut held: HashMap<Option<Uid>, usize> = HashMap::new();
        for lease in &leases { *held.entry(lease.bank).or_default() += 1; }
        let mut counts: Vec<_> = held.values().copied().collect();
        counts.sort();
        assert_eq!(counts, [1, 1, 1, 1, 1, 1, 4, 4], "two took their share, and each of the others one that was kept");
        tests_to(&ground, "B009", 2).await;
        let next = Room { in_flight: held, total: 16 - leases.len(), ..room };
        let leases = ground.act(move |tx| claim::claim(tx, &next)).await.expect("claimed");
        assert_eq!(leases.iter().map(|lease| lease.bank).collect::<Vec<_>>(), [Some(banks[8])]);
    }

    async fn a_banks_backlog_hides_nobody_elses_first_attempt(ground) {
        let banks = ground.banks(3).await;
        tests_to(&ground, "B001", BACKLOG).await;
        tests_to(&ground, "B002", BACKLOG).await;
        tests_to(&ground, "B003", 1).await;
        for channel in ["webhook", "email"] {
            let taken = claimed(&ground, channel).await;
            let places = banks.iter().map(|bank| taken.get(&Some(*bank)).copied());
            assert_eq!(places.collect::<Vec<_>>(), [Some(8), Some(8), Some(1)], "{channel}");
        }
    }

    async fn what_the_operators_people_are_told_hides_no_banks_mail(ground) {
        let bank = ground.bank("B001").await;
        let officer = ground.person("officer").await;
        let inputs = OperatorAlert { alert: "channel-broken".into(), ..OperatorAlert::default() };
        let inputs = serde_json::to_vec(&inputs).expect("JSON");
        let told = ground.act(move |tx| {
            let now = tx.now()?;
            for _ in 0..BACKLOG {
                let message_id = Uid::at(now);
                let payload_id = Some(payload::seal(tx, officer, &inputs)?);
                let message = MessageRow {
                    id: message_id, kind: "operator.alert".into(), notice_id: None, bank_id: None,
                    person_id: Some(officer), payload_id, created_at: now,
                };
                delivery::insert_messages(tx, &[message])?;
                let row = DeliveryRow {
                    id: Uid::at(now), message_id, notice_id: None, bank_id: None, channel: "email".into(),
                    target_id: officer, state: "due".into(), attempts: 0, failures: 0, due_at: now,
                    lease_owner: None, lease_token: None, unsealed: false, created_at: now, fanout_id: None,
                };
                delivery::insert_deliveries(tx, &[row])?;
            }
            Ok(())
        });
        told.await.expect("told");
        tests_to(&ground, "B001", 1).await;
        let taken = claimed(&ground, "email").await;
        assert_eq!((taken.get(&None), taken.get(&Some(bank))), (Some(&8), Some(&1)));
        let few = Room { per_bank: 8, total: 8, kept: 4, ..room("email") };
        tests_to(&ground, "B001", 2).await;
        let leases = ground.act(move |tx| claim::claim(tx, &few)).await.expect("claimed");
        let banks = leases.iter().filter(|lease| lease.bank == Some(bank));
        assert_eq!((leases.len(), banks.count()), (5, 1), "as few as a relay has connections for");
    }
}
