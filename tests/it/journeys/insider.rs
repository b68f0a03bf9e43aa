//! The insider: somebody at the operator who can write any SQL past every trigger, any file, and sign with the
//! hub's own keys, but cannot reach what banks have kept. What such a person may try, and who names it: the
//! self-check (`kairan check`), the log that refuses, the verifier offline (`kairan verify`), or the bank itself
//! (`kairan receive`). That no column of any fact escapes is tried in `facts.rs`, each refusal in `sealing.rs`.

use super::evidence::{counts, covered};
use super::facts::{Intruder, found};
use super::receiving::{machine, sent, take};
use super::sealing::{journal, key_of, refusal, set_back, size};
use super::steps::text;
use crate::support::hub::{Bank, TestHub};
use kairan::actions::Error;
use kairan::actions::prove::leaves_of;
use kairan::cli::receive::events::Event;
use kairan::domain::json;
use kairan::domain::proof::leaves::NoticeLeaf;
use kairan::log::journal::Journal;
use kairan::merkle::checkpoint::Checkpoint;
use kairan::merkle::note::Signer;
use kairan::merkle::{Hash, leaf_hash, root};
use kairan::storage::{incident, log, notice};
use serde_json::Value;

impl Intruder {
    fn bytes(&self, bytes: &[u8]) -> String {
        let hex = hex::encode(bytes);
        if self.is_postgres {
            format!("decode('{hex}', 'hex')")
        } else {
            format!("X'{hex}'")
        }
    }

    /// Makes the first entry of a kind anew, with the hash that fits it; returns that hash.
    fn remake(&self, hub: &mut TestHub, kind: &str, change: impl Fn(&mut Value)) -> Hash {
        let text = if self.is_postgres {
            "convert_from(body, 'UTF8')"
        } else {
            "CAST(body AS TEXT)"
        };
        let query = format!(
            "SELECT seq || ' ' || {text} AS text FROM log_entry WHERE kind = '{kind}' ORDER BY seq LIMIT 1"
        );
        let row = hub.texts(&query).concat();
        let (seq, body) = row.split_once(' ').expect("a number and a body");
        let mut entry: Value = serde_json::from_str(body).expect("JSON");
        change(&mut entry);
        let body = json::canonical(&entry);
        assert_ne!(
            String::from_utf8_lossy(&body),
            row.split_once(' ').expect("both").1,
            "nothing was changed"
        );
        let hash = leaf_hash(&body);
        let (body, leaf) = (self.bytes(&body), self.bytes(&hash));
        self.act(
            hub,
            &format!("UPDATE log_entry SET body = {body}, leaf_hash = {leaf} WHERE seq = {seq};"),
        );
        hash
    }

    /// Makes the fan-out of a filing fit the notices that are left, its entry too.
    async fn refit_fanout(&self, hub: &mut TestHub, filed: &Value) {
        let reference = text(filed, "reference").to_owned();
        let read = hub.store.read(move |tx| {
            let incident = incident::by_reference(tx, &reference)?.expect("filed");
            let revision = incident::revisions(tx, incident.id)?.remove(0);
            let fanout = notice::fanouts(tx, revision.id)?.remove(0);
            let leaves = leaves_of(tx, &fanout)?;
            Ok::<_, Error>((leaves.len(), root(leaves.iter().map(NoticeLeaf::hash))))
        });
        let (n, root) = read.await.expect("read");
        let literal = self.bytes(&root);
        self.act(
            hub,
            &format!("UPDATE fanout SET notice_count = {n}, notices_root = {literal};"),
        );
        self.remake(hub, "notice.fanout", |entry| {
            entry["n"] = n.into();
            entry["notices_root"] = base64(&root).into();
        });
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    BASE64_STANDARD.encode(bytes)
}

/// The self-check says what is wrong.
async fn named_by_the_check(hub: &TestHub, told: &str) {
    let (code, said) = hub.command(&["check"]).await;
    assert!(code == 3 && said.contains(told), "{code} {said}");
}

/// Whoever exports the log and verifies it under the key that was handed over sees it broken.
async fn named_by_the_verifier(hub: &TestHub, told: &str) {
    let folder = hub.folder.path().join("export");
    hub.exported(&folder).await;
    let (folder, key) = (folder.display().to_string(), hub.log_key().to_string());
    let (code, said) = hub
        .command(&["verify", "log", &folder, "--key", &key])
        .await;
    assert!(code == 1 && said.contains(told), "{code} {said}");
}

fn signer_of(hub: &TestHub) -> Signer {
    key_of(hub).signer(1)
}

/// Writes roots and journal anew from what the entries are now; the hub's own key then signs that history.
async fn sign_another_history(hub: &mut TestHub, intruder: &Intruder) {
    let read = hub.store.read(|tx| {
        let size = log::head(tx)?.size;
        let leaves = log::leaf_hashes(tx, 1, 0, size)?;
        let batches = log::batches_after(tx, 1, 0, i64::MAX)?;
        Ok::<_, Error>((leaves, batches))
    });
    let (leaves, batches) = read.await.expect("read");
    let mut statements = "DELETE FROM log_seal; DELETE FROM log_checkpoint;".to_owned();
    for batch in batches {
        let size = usize::try_from(batch.size).expect("small");
        let literal = intruder.bytes(&root(leaves[..size].iter().copied()));
        statements += &format!(
            "UPDATE log_batch SET root = {literal} WHERE size = {};",
            batch.size
        );
    }
    intruder.act(hub, &statements);
    std::fs::remove_dir_all(journal(hub)).expect("removed");
    let head = Checkpoint {
        origin: signer_of(hub).verifier().name().to_string(),
        size: leaves.len() as u64,
        root: root(leaves),
    };
    Journal::create(&journal(hub), &head).expect("begun anew");
}

/// Another notice reaches the bank, which holds its head against those that it has kept.
async fn next_notice(hub: &TestHub, bank: &Bank, folder: &std::path::Path) -> Vec<Event> {
    let officer = hub.officer().await;
    hub.file(&officer).await;
    hub.deliver_due().await;
    let machine = machine(hub, bank, folder);
    let mut events = take(&machine, &sent(bank));
    events.extend(machine.check_heads().await.expect("kept"));
    events
}

fn is_fork(event: &Event) -> bool {
    matches!(event, Event::Fork { .. })
}

journeys! {
    async fn drop_one_banks_notice_and_the_check_and_the_verifier_name_it(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await, hub.bank("B003").await];
        let filed = hub.file(&officer).await;
        let intruder = Intruder::new(&mut hub);
        for table in ["delivery", "message", "notice"] {
            intruder.act(&mut hub, &format!("DELETE FROM {table} WHERE bank_id = (SELECT id FROM bank WHERE code = 'B002');"));
        }
        intruder.refit_fanout(&mut hub, &filed).await;
        hub.seal().await;
        named_by_the_check(&hub, "every bank on the roster of a fan-out has its notice").await;
        named_by_the_verifier(&hub, "fanout_count").await;
        // And the bank, by the hole in its numbers.
        let folder = tempfile::tempdir().expect("a folder");
        let events = next_notice(&hub, &banks[1], folder.path()).await;
        assert!(events.iter().any(|event| matches!(event, Event::Hole { numbers } if numbers == &[1])), "{events:?}");
    }

    async fn one_bank_twice_and_another_not_at_all_and_the_check_and_the_verifier_name_it(hub) {
        let officer = hub.officer().await;
        let _banks = [hub.bank("B001").await, hub.bank("B002").await];
        let filed = hub.file(&officer).await;
        let intruder = Intruder::new(&mut hub);
        intruder.act(&mut hub, if intruder.is_postgres {
            "ALTER TABLE notice DROP CONSTRAINT notice_revision_id_bank_id_key;"
        } else {
            "CREATE TABLE kept AS SELECT * FROM notice; DROP TABLE notice; ALTER TABLE kept RENAME TO notice;"
        });
        intruder.act(&mut hub, "UPDATE notice SET number = 2, bank_id = (SELECT id FROM bank WHERE code = 'B001')
            WHERE bank_id = (SELECT id FROM bank WHERE code = 'B002');");
        intruder.refit_fanout(&mut hub, &filed).await;
        hub.seal().await;
        named_by_the_check(&hub, "every bank on the roster of a fan-out has its notice").await;
        named_by_the_verifier(&hub, "fanout_").await;
    }

    async fn edit_a_byte_of_a_fact_and_the_check_names_its_table(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.seal().await;
        let intruder = Intruder::new(&mut hub);
        for (table, column) in [("bank", "code"), ("revision", "body"), ("notice", "object"), ("acknowledgement", "digest"), ("attempt_outcome", "outcome")] {
            let columns = intruder.columns(&hub, table);
            let (_, kind) = columns.iter().find(|(name, _)| name == column).expect("a column");
            let (row, other) = (intruder.row(&hub, table, "ASC"), intruder.other(column, kind));
            intruder.act(&mut hub, &format!("UPDATE {table} SET {column} = {other} WHERE {row};"));
            let found = found(&hub).await;
            assert!(found.iter().any(|finding| finding.table.is_some_and(|named| named == table || table.starts_with("attempt"))), "{table}: {found:?}");
        }
        named_by_the_check(&hub, "every fact").await;
    }

    async fn delete_a_stamp_with_its_entry_and_the_log_refuses(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.seal().await;
        let intruder = Intruder::new(&mut hub);
        intruder.act(&mut hub, "DELETE FROM acknowledgement;");
        named_by_the_check(&hub, "acknowledgement").await;
        intruder.act(&mut hub, "DELETE FROM notice_level WHERE level >= 4; DELETE FROM log_entry WHERE kind = 'notice.acknowledged';");
        hub.let_go_of_the_log().await;
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "tampered");
    }

    async fn backdate_an_incident_and_the_check_and_the_verifier_name_it(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        hub.seal().await;
        hub.file(&officer).await;
        let intruder = Intruder::new(&mut hub);
        let earlier = if intruder.is_postgres { "accepted_at - interval '1 year'" } else { "accepted_at - 31536000000000" };
        intruder.act(&mut hub, &format!("UPDATE revision SET accepted_at = {earlier};"));
        named_by_the_check(&hub, "every fact").await;
        // One who makes the entries fit, before the log has them.
        let registered = intruder.remake(&mut hub, "incident.registered", |entry| {
            let at = text(entry, "accepted_at").to_owned();
            entry["accepted_at"] = format!("2019{}", &at[4..]).into();
        });
        intruder.remake(&mut hub, "notice.fanout", |entry| entry["registered"] = base64(&registered).into());
        hub.seal().await;
        named_by_the_verifier(&hub, "time").await;
    }

    async fn insert_a_stamp_that_no_bank_gave_and_the_check_names_it_and_no_bundle_counts_it(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let intruder = Intruder::new(&mut hub);
        let id = if intruder.is_postgres { "gen_random_uuid()" } else { "randomblob(16)" };
        intruder.act(&mut hub, &format!("INSERT INTO acknowledgement
            SELECT {id}, id, digest, 'portal', NULL, NULL, NULL, NULL, NULL, NULL, issued_at FROM notice;
            INSERT INTO notice_level SELECT notice_id, 4, recorded_at, recorded_at, id FROM acknowledgement;"));
        hub.seal().await;
        named_by_the_check(&hub, "every fact has its entry: acknowledgement (1)").await;
        let covered = covered(&hub, text(&filed, "reference"), 1).await;
        assert_eq!(counts(&covered)[..2], [0, 1], "one bank was told, and none has confirmed");
    }

    async fn restore_yesterday_and_the_log_refuses_and_with_its_journal_too_the_bank_names_it(hub) {
        let bank = hub.bank("B001").await;
        let folder = tempfile::tempdir().expect("a folder");
        next_notice(&hub, &bank, folder.path()).await;
        hub.seal().await;
        let yesterday = size(&hub).await;
        let copy = hub.folder.path().join("journal-of-yesterday");
        std::fs::create_dir(&copy).expect("a folder");
        let segment = |folder: &std::path::Path| folder.join("000001.journal");
        std::fs::copy(segment(&journal(&hub)), segment(&copy)).expect("copied");
        let events = next_notice(&hub, &bank, folder.path()).await;
        assert!(!events.iter().any(is_fork), "{events:?}");
        hub.seal().await;
        hub.let_go_of_the_log().await;
        let statement = set_back(hub.postgres.as_ref(), yesterday);
        hub.tamper(&statement);
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "database_behind");
        hub.let_go_of_the_log().await;
        std::fs::copy(segment(&copy), segment(&journal(&hub))).expect("put back");
        hub.restart().await;
        let mut events = Vec::new();
        // The log signs again. As soon as it is larger than what the bank has kept, or as large, it shows.
        while !events.iter().any(is_fork) {
            events = next_notice(&hub, &bank, folder.path()).await;
            assert!(size(&hub).await < yesterday + 200, "nobody names it: {events:?}");
        }
        named_by_the_check(&hub, "every fact has its entry").await;
    }

    async fn show_two_histories_under_the_real_key_and_the_bank_and_whoever_compares_heads_name_it(hub) {
        let bank = hub.bank("B001").await;
        let folder = tempfile::tempdir().expect("a folder");
        next_notice(&hub, &bank, folder.path()).await;
        hub.seal().await;
        next_notice(&hub, &bank, folder.path()).await;
        hub.let_go_of_the_log().await;
        // The first attempt is to have been answered otherwise, and everything that follows from its entry fits.
        let intruder = Intruder::new(&mut hub);
        intruder.remake(&mut hub, "notice.attempt", |entry| entry["status"] = 208.into());
        sign_another_history(&mut hub, &intruder).await;
        hub.restart().await;
        hub.seal().await;
        let export = hub.folder.path().join("export");
        hub.exported(&export).await;
        let events = next_notice(&hub, &bank, folder.path()).await;
        let Some(Event::Fork { evidence, .. }) = events.iter().find(|event| is_fork(event)) else {
            panic!("no fork: {events:?}");
        };
        let key = hub.log_key().to_string();
        let arguments = ["verify", "checkpoints", &evidence[0], "--log", export.to_str().expect("UTF-8"), "--key", &key];
        let (code, said) = hub.command(&arguments).await;
        assert!(code == 1 && said.contains("the operator has shown two histories"), "{code} {said}");
    }
}
