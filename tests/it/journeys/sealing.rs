//! The log at work: notices go out with their proof, a process may be killed at any step, and where the log
//! refuses, everything else goes on.

use super::steps::{seconds, text};
use crate::support::hub::{Bank, On, TestHub};
use crate::support::postgres::FreshPostgres;
use crate::support::receiver::Answer;
use kairan::domain::id::Uid;
use kairan::domain::proof::notice::{NoticeProof, Webhook, WebhookChecked};
use kairan::log::keys::LogKey;
use kairan::log::recover::adopt;
use kairan::log::sequencer::{Sequencer, Standing, Until};
use kairan::merkle::note::VerifierKey;
use kairan::storage::due::{Look, Turn, due};
use kairan::storage::log;
use kairan::vault::log_key;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// What the newest webhook of a bank shows under the log's key.
fn checked(hub: &TestHub, bank: &Bank) -> WebhookChecked {
    let hit = bank.receiver.hits().pop().expect("a webhook");
    let webhook = Webhook::parse(&hit.body).expect("a webhook of ours");
    webhook.check(vkey(hub, 1)).expect("sound")
}

pub fn key_of(hub: &TestHub) -> LogKey {
    let seed = log_key::open(&hub.folder.path().join("kairan-log.pem")).expect("the key");
    LogKey::new(seed, "127.0.0.1")
}

fn vkey(hub: &TestHub, number: i64) -> VerifierKey {
    key_of(hub).signer(number).verifier().clone()
}

pub fn journal(hub: &TestHub) -> PathBuf {
    hub.folder.path().join("journal")
}

/// The one segment of a short journal.
pub fn segment(hub: &TestHub) -> PathBuf {
    journal(hub).join("000001.journal")
}

/// Cuts so many bytes off its end, as a disk does that lost what was not flushed.
pub fn cut(path: &Path, bytes: u64) {
    let file = std::fs::File::options()
        .write(true)
        .open(path)
        .expect("opens");
    let length = file.metadata().expect("a length").len();
    file.set_len(length - bytes).expect("cut");
}

pub fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len())
}

/// How the database is set back to the first `size` entries of its log, as by an older backup of the log's tables.
pub fn set_back(postgres: Option<&FreshPostgres>, size: i64) -> String {
    let tables = [
        "log_seal",
        "log_checkpoint",
        "log_batch",
        "log_run",
        "log_tile",
        "log_entry",
    ];
    let open: String = match postgres {
        Some(_) => "SET session_replication_role = replica;".into(),
        None => {
            tables
                .iter()
                .map(|table| format!("DROP TRIGGER {table}_no_delete;"))
                .collect::<String>()
                + "DROP TRIGGER log_run_no_update; PRAGMA foreign_keys = OFF;"
        }
    };
    format!(
        "{open} DELETE FROM log_seal WHERE size > {size}; DELETE FROM log_checkpoint WHERE size > {size};
         DELETE FROM log_batch WHERE size > {size};
         DELETE FROM log_entry WHERE seq IN (SELECT e.seq FROM log_entry e JOIN log_run r
            ON e.seq >= r.first_seq AND e.seq < r.first_seq + r.n AND r.first_index + (e.seq - r.first_seq) >= {size});
         DELETE FROM log_run WHERE first_index >= {size};
         UPDATE log_run SET n = {size} - first_index WHERE first_index + n > {size};
         UPDATE log_head SET size = {size};"
    )
}

pub async fn refusal(hub: &TestHub) -> &'static str {
    match hub.log_standing().await {
        Standing::Refusing(refusal) => refusal.code(),
        other => panic!("the log stands as {other:?}"),
    }
}

/// The log's size.
pub async fn size(hub: &TestHub) -> i64 {
    hub.store
        .read(|tx| Ok::<_, kairan::actions::Error>(log::head(tx)?.size))
        .await
        .expect("read")
}

/// How many alerts wait for the operator's people.
async fn alerts(hub: &TestHub) -> usize {
    hub.store
        .read(|tx| {
            let now = tx.now()?;
            let look = Look {
                channel: "email",
                now,
                patience_ends: now,
                held: &HashMap::new(),
                per_bank: 100,
                total: 100,
                after: None,
            };
            let due = due(tx, Turn::First, &look)?;
            let mut found = 0;
            for (id, _, _) in due {
                let row = kairan::storage::delivery::by_id(tx, id)?.expect("due");
                let message = kairan::storage::delivery::message(tx, row.message_id)?;
                found +=
                    usize::from(message.is_some_and(|message| message.kind == "operator.alert"));
            }
            Ok::<_, kairan::actions::Error>(found)
        })
        .await
        .expect("read")
}

/// A second node's part of the log, with a journal of its own that begins at the newest head. What comes with it stops it.
async fn another_node(hub: &TestHub) -> (Sequencer, watch::Sender<bool>) {
    let newest = |tx: &mut kairan::storage::Tx<'_>| {
        Ok::<_, kairan::actions::Error>(log::latest_checkpoint(tx, 1)?.expect("one"))
    };
    let signed = hub.store.read(newest).await.expect("read");
    let folder = hub.folder.path().join("other-journal");
    let adopted = adopt(&hub.store, &key_of(hub), &folder, &signed.note).await;
    adopted.expect("adopted");
    let (stop, stopping) = watch::channel(false);
    let node = Uid::at(hub.clock.now());
    let other = Sequencer::new(hub.store.clone(), key_of(hub), folder, node, stopping);
    (other, stop)
}

journeys! {
    async fn a_notice_waits_for_its_seal_and_carries_the_proof_in_webhook_and_file(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.bank("B002").await;
        hub.file(&officer).await;
        assert_eq!(hub.send_due().await, 0, "nothing goes out before the log has it");
        hub.seal().await;
        assert_eq!(hub.send_due().await, 2);
        let shown = checked(&hub, &bank).proven.expect("a proof");
        assert_eq!((shown.n, shown.number, shown.bank.as_str()), (2, 1, "B001"));
        let hit = bank.receiver.hits().pop().expect("a webhook");
        let webhook = Webhook::parse(&hit.body).expect("a webhook");
        let file = webhook.log.expect("a proof").to_tlog_proof(&webhook.object).expect("a file");
        let (proof, object) = NoticeProof::parse_tlog_proof(&file).expect("a proof");
        assert_eq!(proof.check(&object, vkey(&hub, 1)), Ok(shown));
    }

    async fn where_the_seal_is_late_the_notice_goes_out_without_it_and_every_retry_is_the_same(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer_next([Answer::Status(500)]);
        hub.file(&officer).await;
        hub.advance(seconds(9));
        assert_eq!(hub.send_due().await, 0);
        hub.advance(seconds(2));
        assert_eq!(hub.send_due().await, 1);
        hub.seal().await;
        hub.advance(seconds(60));
        assert_eq!(hub.send_due().await, 1);
        let hits = bank.receiver.hits();
        assert_eq!(hits[0].body, hits[1].body);
        assert!(checked(&hub, &bank).proven.is_none());
    }

    async fn a_hub_killed_at_any_step_goes_on_and_loses_no_entry(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.seal().await;
        let steps = [
            (Until::Sequenced, 0), (Until::Verified, 0),
            // In the journal; lost from it again; half of the record lost.
            (Until::Journaled, 0), (Until::Journaled, u64::MAX), (Until::Journaled, 10),
            (Until::Signed, 0), (Until::Signed, u64::MAX), (Until::Published, 0),
        ];
        for (count, (until, lost)) in (1_i64..).zip(steps) {
            let before = length(&segment(&hub));
            hub.file(&officer).await;
            hub.seal_until(until).await;
            let written = length(&segment(&hub)) - before;
            assert_eq!(written > 0, until >= Until::Journaled, "{until:?}");
            hub.let_go_of_the_log().await;
            cut(&segment(&hub), lost.min(written));
            hub.restart().await;
            assert_eq!(hub.deliver_due().await, 1, "{until:?} {lost}");
            assert_eq!(hub.log_faults().await, [""; 0], "{until:?} {lost}");
            assert_eq!(checked(&hub, &bank).proven.map(|shown| shown.number), Some(count), "{until:?} {lost}");
        }
    }

    async fn an_older_backup_is_noticed_sending_goes_on_and_the_journal_brings_the_log_up_again(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.seal().await;
        let yesterday = size(&hub).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.seal().await;
        let today = size(&hub).await;
        let set_back = set_back(hub.postgres.as_ref(), yesterday);
        hub.let_go_of_the_log().await;
        hub.tamper(&set_back);
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "database_behind");
        assert_eq!(alerts(&hub).await, 1, "the officer is told");
        hub.file(&officer).await;
        hub.seal().await;
        assert_eq!(hub.send_due().await, 0);
        hub.advance(seconds(11));
        assert_eq!(hub.send_due().await, 1, "unsealed, but sent");
        assert!(checked(&hub, &bank).proven.is_none());
        hub.stamp(&bank).await.expect(200);
        let (code, said) = hub.command(&["log"]).await;
        assert!(code == 4 && said.contains("an older backup was restored"), "{code} {said}");
        let (_, said) = hub.command(&["check", "--json"]).await;
        assert!(said.contains("\"log_refuses\": \"database_behind\""), "{said}");
        let (code, said) = hub.command(&["log", "recover"]).await;
        assert!(code == 0 && said.contains(&format!("{} entries were put back", today - yesterday)), "{code} {said}");
        hub.restart().await;
        hub.advance(seconds(2));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        assert!(checked(&hub, &bank).proven.is_some());
        assert_eq!(hub.log_faults().await, [""; 0]);
        let (code, said) = hub.command(&["log"]).await;
        assert_eq!(code, 0, "{said}");
    }

    async fn a_lost_journal_is_noticed_and_a_head_that_a_bank_holds_is_adopted(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let held = checked(&hub, &bank).proven.expect("a proof").checkpoint;
        hub.file(&officer).await;
        hub.let_go_of_the_log().await;
        std::fs::remove_dir_all(journal(&hub)).expect("lost");
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "journal_missing");
        let hit = bank.receiver.hits().pop().expect("a webhook").json();
        let proof = text(&hit["data"]["log"], "proof").to_owned();
        let note = proof.split_once("\n\n").expect("a checkpoint").1.to_owned();
        let path = hub.folder.path().join("head");
        let adopt = ["log", "adopt", path.to_str().expect("UTF-8")];
        std::fs::write(&path, note.replace(&format!("\n{}\n", held.size), "\n1\n")).expect("written");
        let (code, said) = hub.command(&adopt).await;
        assert!(code == 1 && said.contains("not a head of this log"), "{code} {said}");
        std::fs::write(&path, &note).expect("written");
        let (code, said) = hub.command(&adopt).await;
        assert_eq!(code, 0, "{said}");
        hub.restart().await;
        assert_eq!(hub.deliver_due().await, 1);
        assert!(checked(&hub, &bank).proven.is_some());
        assert_eq!(hub.log_faults().await, [""; 0]);
    }

    async fn a_log_that_was_tampered_with_is_continued_by_one_that_names_its_heads(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.seal().await;
        let last = size(&hub).await;
        hub.let_go_of_the_log().await;
        let off = if hub.postgres.is_some() { "SET session_replication_role = replica;" } else { "DROP TRIGGER log_batch_no_update;" };
        hub.tamper(&format!("{off} UPDATE log_batch SET root = (SELECT digest FROM notice LIMIT 1) WHERE size = {last};"));
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "tampered");
        let (code, said) = hub.command(&["log", "recover"]).await;
        assert!(code == 0 && said.contains("log 2 has begun"), "{code} {said}");
        hub.restart().await;
        // Who recovered leads no longer.
        hub.advance(seconds(2));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        let hit = bank.receiver.hits().pop().expect("a webhook");
        let webhook = Webhook::parse(&hit.body).expect("a webhook");
        let shown = webhook.check(vkey(&hub, 2)).expect("sound").proven.expect("a proof");
        assert_eq!(shown.checkpoint.origin, "127.0.0.1/log/2");
        let first = hub.store.read(|tx| Ok::<_, kairan::actions::Error>(log::logged(tx, 2, 0, 1)?.remove(0))).await.expect("read");
        let first: Value = serde_json::from_slice(&first.body).expect("JSON");
        assert_eq!((text(&first, "t"), &first["heads"][0]["size"]), ("log.successor", &Value::from(last)));
        assert_eq!(hub.log_faults().await, [""; 0]);
    }

    async fn a_hub_killed_before_its_first_batch_was_in_the_journal_goes_on(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.seal_until(Until::Sequenced).await;
        hub.restart().await;
        assert_eq!(hub.deliver_due().await, 1);
        assert!(checked(&hub, &bank).proven.is_some());
        assert_eq!(hub.log_faults().await, [""; 0]);
    }

    async fn an_entry_changed_before_it_was_journaled_is_told_once_and_a_successor_goes_on(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.seal().await;
        hub.file(&officer).await;
        hub.seal_until(Until::Sequenced).await;
        let off = if hub.postgres.is_some() { "SET session_replication_role = replica;" } else { "DROP TRIGGER log_entry_no_update;" };
        let spoilt = if hub.postgres.is_some() { "'{}'::bytea" } else { "X'7B7D'" };
        hub.tamper(&format!("{off} UPDATE log_entry SET body = {spoilt} WHERE kind = 'incident.registered';"));
        for _ in 0..3 {
            hub.restart().await;
            hub.seal().await;
            assert_eq!(refusal(&hub).await, "tampered");
            assert_eq!(alerts(&hub).await, 1, "told once, however often it looks");
        }
        hub.advance(seconds(11));
        assert_eq!(hub.send_due().await, 1, "unsealed, but sent");
        let (code, said) = hub.command(&["log"]).await;
        assert!(code == 4, "{code} {said}");
        let (code, said) = hub.command(&["log", "recover"]).await;
        assert!(code == 0 && said.contains("log 2 has begun"), "{code} {said}");
        hub.restart().await;
        hub.advance(seconds(2));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 1);
        let hit = bank.receiver.hits().pop().expect("a webhook");
        let webhook = Webhook::parse(&hit.body).expect("a webhook");
        assert!(webhook.check(vkey(&hub, 2)).expect("sound").proven.is_some());
    }

    async fn a_fanout_whose_proof_cannot_be_made_keeps_no_notice_waiting(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        hub.file(&officer).await;
        hub.seal().await;
        hub.file(&officer).await;
        hub.seal().await;
        let off = if hub.postgres.is_some() { "SET session_replication_role = replica;" } else { "DROP TRIGGER fanout_no_update;" };
        hub.tamper(&format!("{off} UPDATE fanout SET notices_root = (SELECT digest FROM notice LIMIT 1) WHERE id = (SELECT fanout_id FROM notice ORDER BY number LIMIT 1);"));
        assert_eq!(hub.send_due().await, 4, "all of them, at the first try");
        for bank in &banks {
            let proven = bank.receiver.hits().iter().filter(|hit| !hit.json()["data"]["log"].is_null()).count();
            assert_eq!((bank.receiver.hits().len(), proven), (2, 1));
        }
    }

    async fn a_node_that_refuses_leaves_the_lead_to_one_that_can(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        hub.seal().await;
        let signed = hub.store.read(|tx| Ok::<_, kairan::actions::Error>(log::latest_checkpoint(tx, 1)?.expect("one"))).await.expect("read");
        let (_stop, stopping) = watch::channel(false);
        let nowhere = hub.folder.path().join("no-journal");
        let mut fresh = Sequencer::new(hub.store.clone(), key_of(&hub), nowhere, Uid::at(hub.clock.now()), stopping.clone());
        hub.let_go_of_the_log().await;
        hub.advance(seconds(11));
        fresh.step().await.expect("looked at");
        assert!(matches!(fresh.standing(), Standing::Refusing(_)));
        let folder = hub.folder.path().join("other-journal");
        adopt(&hub.store, &key_of(&hub), &folder, &signed.note).await.expect("adopted");
        let mut other = Sequencer::new(hub.store.clone(), key_of(&hub), folder, Uid::at(hub.clock.now()), stopping);
        hub.file(&officer).await;
        other.step().await.expect("carried on");
        assert_eq!(other.standing(), Standing::Leading(size(&hub).await));
        hub.send_due().await;
    }

    async fn a_leader_that_was_paused_amid_a_batch_says_nothing_of_the_log_of_the_next(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.seal().await;
        let (mut other, _stop) = another_node(&hub).await;
        hub.file(&officer).await;
        hub.seal_until(Until::Sequenced).await;
        hub.advance(seconds(11));
        // The next leader takes that batch over, and adds to it.
        for _ in 0..2 {
            hub.file(&officer).await;
            other.step().await.expect("carried on");
        }
        assert_eq!(other.standing(), Standing::Leading(size(&hub).await));
        hub.seal().await;
        assert_eq!(hub.log_standing().await, Standing::Following, "no alarm");
        let alerts = "SELECT kind AS text FROM message WHERE kind = 'operator.alert'";
        assert_eq!(hub.texts(alerts), [""; 0]);
        hub.send_due().await;
        assert_eq!(hub.log_faults().await, [""; 0]);
    }

    async fn a_journal_that_was_removed_is_missed_before_anything_more_is_signed(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        hub.seal().await;
        let before = size(&hub).await;
        std::fs::remove_dir_all(hub.folder.path().join("journal")).expect("removed");
        hub.file(&officer).await;
        hub.seal().await;
        let signed = hub.store.read(|tx| Ok::<_, kairan::actions::Error>(log::latest_checkpoint(tx, 1)?.expect("one"))).await.expect("read");
        assert!(matches!(hub.log_standing().await, Standing::Refusing(_)));
        assert_eq!(signed.size, before);
        hub.is_sound = false;
    }

    async fn of_two_leaders_the_one_whose_term_has_passed_changes_nothing(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.seal().await;
        let (mut other, _stop) = another_node(&hub).await;
        hub.advance(seconds(11));
        hub.file(&officer).await;
        other.step().await.expect("carried on");
        assert_eq!(other.standing(), Standing::Leading(size(&hub).await));
        let before = size(&hub).await;
        hub.file(&officer).await;
        hub.seal().await;
        assert_eq!(hub.log_standing().await, Standing::Following);
        assert_eq!(size(&hub).await, before, "nothing was changed");
        other.step().await.expect("carried on");
        assert!(size(&hub).await > before);
        hub.send_due().await;
        assert_eq!(hub.log_faults().await, [""; 0]);
    }
}

/// The embedded database restored from a copy of its file, as an operator would.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn yesterdays_file_put_back_is_brought_up_and_the_rows_it_lacks_are_named() {
    let mut hub = TestHub::start(On::Sqlite).await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    hub.file(&officer).await;
    hub.deliver_due().await;
    let copy = hub.folder.path().join("yesterday.db");
    hub.tamper(&format!("VACUUM INTO '{}';", copy.display()));
    let staged_then = hub
        .store
        .read(|tx| Ok::<_, kairan::actions::Error>(log::pending(tx, 100)?.len()))
        .await
        .expect("read");
    assert!(
        staged_then > 0,
        "the copy holds entries that no log held yet"
    );
    hub.seal().await;
    hub.stamp(&bank).await.expect(200);
    // A fan-out that the copy does not know of.
    hub.file(&officer).await;
    hub.deliver_due().await;
    hub.seal().await;
    let today = size(&hub).await;
    hub.restart_from(&copy).await;
    hub.seal().await;
    assert_eq!(refusal(&hub).await, "database_behind");
    let (code, said) = hub.command(&["log", "recover"]).await;
    assert_eq!(code, 0, "{said}");
    hub.restart().await;
    assert!(size(&hub).await >= today);
    hub.seal().await;
    assert_eq!(hub.log_faults().await, [""; 0]);
    hub.file(&officer).await;
    assert_eq!(hub.deliver_due().await, 1);
    assert!(checked(&hub, &bank).proven.is_some(), "it seals again");
    let (code, said) = hub.command(&["check"]).await;
    assert!(
        code == 3 && said.contains("acknowledgement"),
        "the stamp that the backup lacks is named: {code} {said}"
    );
}

/// The day that was lost had a new bank and a filing: what comes next contradicts neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_lost_day_gave_out_is_not_given_out_again_and_a_lost_roster_is_followed_by_a_successor()
 {
    let mut hub = TestHub::start(On::Sqlite).await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    hub.file(&officer).await;
    hub.deliver_due().await;
    hub.seal().await;
    let copy = hub.folder.path().join("yesterday.db");
    hub.tamper(&format!("VACUUM INTO '{}';", copy.display()));
    let lost = hub.file(&officer).await;
    hub.bank("B002").await;
    hub.deliver_due().await;
    hub.seal().await;
    hub.restart_from(&copy).await;
    hub.seal().await;
    assert_eq!(refusal(&hub).await, "database_behind");
    let (code, said) = hub.command(&["log", "recover"]).await;
    assert_eq!(code, 0, "{said}");
    let (code, said) = hub.command(&["log", "recover"]).await;
    assert!(code == 0 && said.contains("nothing to recover"), "{said}");
    hub.restart().await;
    hub.advance(seconds(2));
    hub.seal().await;
    let next = hub.file(&officer).await;
    assert!(
        text(&next, "reference") > text(&lost, "reference"),
        "{next} after {lost}"
    );
    let numbers: Vec<_> = hub
        .inbox(&bank)
        .await
        .iter()
        .map(|line| line["number"].as_i64())
        .collect();
    assert_eq!(numbers, [Some(1), Some(3)]);
    hub.bank("B003").await;
    hub.file(&officer).await;
    hub.deliver_due().await;
    hub.seal().await;
    assert_eq!(hub.log_faults().await, [""; 0]);
    let (code, said) = hub.command(&["log"]).await;
    assert_eq!(code, 0, "{said}");
}
