//! What one claim takes: a backlog, of whosever, hides nobody's first attempt.

use crate::support::ground::{Ground, on_both};
use kairan::actions::alert::OperatorAlert;
use kairan::actions::claim::{self, Room};
use kairan::actions::send_test::send_test;
use kairan::domain::id::Uid;
use kairan::storage::delivery::{self, DeliveryRow, MessageRow};
use kairan::storage::payload;
use std::collections::HashMap;
use std::time::Duration;

/// More than one claim looks at.
const BACKLOG: usize = 600;

/// How many places of one claim each bank gets.
async fn claimed(ground: &Ground, channel: &'static str) -> HashMap<Option<Uid>, usize> {
    let room = Room {
        node: Uid::from_bytes([7; 16]),
        channel,
        lease: Duration::from_secs(60),
        seal_patience: Duration::ZERO,
        in_flight: HashMap::new(),
        per_bank: 8,
        total: 1_024,
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

on_both! {
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
        let inputs = OperatorAlert { alert: "channel-broken".into(), bank_code: None, incident: None, detail: None };
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
    }
}
