//! The log's key changes: what signs when, who goes on believing what, and a hub that is killed, set back or
//! started with the wrong key on the way.

use super::receiving::{machine, sent, take};
use super::sealing::{cut, journal, length, refusal, segment, set_back, size};
use super::steps::seconds;
use crate::support::hub::{Bank, TestHub};
use kairan::cli::receive::events::Event;
use kairan::domain::proof::log_keys::LogKeys;
use kairan::domain::proof::notice::{NoticeChecked, Webhook};
use kairan::log::keys::LogKey;
use kairan::log::sequencer::Until;
use kairan::merkle::note::{Note, VerifierKey};
use kairan::merkle::tlog_proof::TlogProof;
use kairan::vault::log_key;
use std::path::PathBuf;

const FIRST: &str = "kairan-log.pem";

impl TestHub {
    fn key_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new key for the log, in a file of this name; its public half.
    fn make_log_key(&self, name: &str) -> VerifierKey {
        log_key::create(&self.key_file(name)).expect("a new file");
        self.log_key_in(name)
    }

    fn log_key_in(&self, name: &str) -> VerifierKey {
        let seed = log_key::open(&self.key_file(name)).expect("a key");
        LogKey::new(seed, "127.0.0.1").signer(1).verifier().clone()
    }

    /// The hub starts again with these two files for the log's key and the next.
    async fn restart_with(&mut self, key: &str, next: Option<&str>) {
        let next = next.map_or(String::new(), |name| {
            self.key_file(name).display().to_string()
        });
        let named = format!(
            "key_file = \"{}\"\nnext_key_file = \"{next}\"\njournal",
            self.key_file(key).display()
        );
        let section = self.settings.find("[evidence]\n").expect("a section") + 11;
        let end = section + self.settings[section..].find("journal").expect("a journal") + 7;
        self.settings.replace_range(section..end, &named);
        self.let_go_of_the_log().await;
        self.restart().await;
    }

    /// Files, seals and sends; what the bank's newest webhook carries.
    async fn told(&self, bank: &Bank) -> Webhook {
        let officer = self.officer().await;
        self.file(&officer).await;
        self.deliver_due().await;
        let hit = bank.receiver.hits().pop().expect("a webhook");
        Webhook::parse(&hit.body).expect("a webhook of ours")
    }

    /// The key changes to that in the second file, and the first is no longer named.
    async fn change_log_key(&mut self, key: &str, next: &str) {
        self.restart_with(key, Some(next)).await;
        self.seal().await;
        self.restart_with(next, None).await;
    }
}

fn proven(webhook: &Webhook, keys: impl Into<LogKeys>) -> NoticeChecked {
    webhook.check(keys).expect("sound").proven.expect("a proof")
}

/// How many have signed the head that a webhook carries.
fn signatures(webhook: &Webhook) -> usize {
    let proof = &webhook.log.as_ref().expect("a proof").proof;
    let head = TlogProof::parse(proof).expect("a proof").checkpoint;
    Note::parse(head.as_bytes())
        .expect("a note")
        .signatures
        .len()
}

journeys! {
    async fn the_logs_key_changes_and_whoever_pinned_any_of_its_keys_goes_on(hub) {
        let bank = hub.bank("B001").await;
        let (old, new) = (hub.log_key_in(FIRST), hub.make_log_key("second.pem"));
        let before = hub.told(&bank).await;
        hub.restart_with(FIRST, Some("second.pem")).await;
        let between = hub.told(&bank).await;
        let (code, said) = hub.command(&["log"]).await;
        assert!(code == 0 && said.contains("both sign; when a backup holds this"), "{code} {said}");
        hub.restart_with("second.pem", None).await;
        let after = hub.told(&bank).await;
        assert_eq!([&before, &between, &after].map(signatures), [1, 2, 1]);
        for told in [&before, &between, &after] {
            proven(told, &old);
        }
        proven(&between, &new);
        proven(&after, &new);
        assert_eq!(before.check(&new).expect_err("signed before its time").code, "proof");
        let known = hub.get("/.well-known/kairan", "").await.expect(200).json();
        assert_eq!(known["log"]["vkey"], new.to_string());
        let keys = LogKeys::from(&new).with_list(known["log"]["handovers"].to_string().as_bytes()).expect("they lead on");
        for told in [&before, &between, &after] {
            proven(told, &keys);
        }
        let stranger = hub.make_log_key("stranger.pem");
        for told in [&before, &between, &after] {
            assert!(told.check(&stranger).is_err());
        }
        assert_eq!(hub.log_faults().await, [""; 0]);
    }

    async fn an_exported_log_and_a_pack_are_sound_under_each_key_and_broken_under_one_that_was_made_up(hub) {
        let (bank, auditor) = (hub.bank("B001").await, hub.person("auditor", None).await);
        let (old, new) = (hub.log_key_in(FIRST).to_string(), hub.make_log_key("second.pem").to_string());
        hub.told(&bank).await;
        let folder = hub.folder.path().join("export");
        hub.exported(&folder).await;
        hub.change_log_key(FIRST, "second.pem").await;
        hub.told(&bank).await;
        hub.exported(&folder).await;
        let stranger = hub.make_log_key("stranger.pem").to_string();
        let log = folder.to_str().expect("UTF-8");
        for (key, expected) in [(&old, 0), (&new, 0), (&stranger, 1)] {
            let (code, said) = hub.command(&["verify", "log", log, "--key", key]).await;
            assert_eq!(code, expected, "{said}");
        }
        let head = folder.join("checkpoint");
        let head = head.to_str().expect("UTF-8");
        let (code, said) = hub.command(&["verify", "checkpoints", head, "--log", log, "--key", &old]).await;
        assert_eq!(code, 0, "{said}");
        let (code, said) = hub.command(&["verify", "checkpoints", head, "--key", &old]).await;
        assert!(code == 1 && said.contains("no known key has signed"), "without the handover: {code} {said}");
        let list = folder.join("kairan/handovers.json");
        let list = list.to_str().expect("UTF-8");
        let (code, said) = hub.command(&["verify", "checkpoints", head, "--handovers", list, "--key", &old]).await;
        assert!(code == 3 && said.contains("a second head"), "{code} {said}");
        let pack = hub.get("/api/v1/evidence/banks/B001", &auditor.key).await.expect(200).body;
        let has = |name: &str| pack.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(has("log-1.vkey") && has("log-1.handovers.json"));
    }

    async fn a_banks_machine_learns_the_new_key_by_itself_and_remembers_it(hub) {
        let bank = hub.bank("B001").await;
        let folder = tempfile::tempdir().expect("a folder");
        hub.told(&bank).await;
        take(&machine(&hub, &bank, folder.path()), &sent(&bank));
        hub.make_log_key("second.pem");
        hub.change_log_key(FIRST, "second.pem").await;
        for _ in 0..2 {
            hub.told(&bank).await;
            // A machine that starts anew each time, with the key that was handed over first.
            let machine = machine(&hub, &bank, folder.path());
            let events = take(&machine, &sent(&bank));
            assert!(matches!(events[..], [Event::Received { sealed: true, .. }]), "{events:?}");
            let events = machine.check_heads().await.expect("kept");
            assert!(events.iter().all(|event| !event.is_alarming()), "{events:?}");
            assert!(!machine.misses_proof());
        }
    }

    async fn a_hub_killed_at_any_step_of_the_change_goes_on_with_it(hub) {
        let bank = hub.bank("B001").await;
        let old = hub.log_key_in(FIRST);
        hub.seal().await;
        let steps = [
            (Until::Sequenced, 0), (Until::Verified, 0),
            (Until::Journaled, 0), (Until::Journaled, u64::MAX), (Until::Journaled, 10),
            (Until::Signed, 0), (Until::Signed, u64::MAX), (Until::Published, 0),
        ];
        let mut key = FIRST.to_owned();
        for (n, (until, lost)) in steps.into_iter().enumerate() {
            let next = format!("{n}.pem");
            let new = hub.make_log_key(&next);
            hub.restart_with(&key, Some(&next)).await;
            let before = length(&segment(&hub));
            hub.seal_until(until).await;
            let written = length(&segment(&hub)) - before;
            hub.let_go_of_the_log().await;
            cut(&segment(&hub), lost.min(written));
            if until < Until::Published {
                // Too early: nobody outside could know the new key.
                hub.restart_with(&next, None).await;
                hub.seal().await;
                assert_eq!(refusal(&hub).await, "key_other", "{until:?} {lost}");
            }
            hub.restart_with(&key, Some(&next)).await;
            let told = hub.told(&bank).await;
            assert_eq!(signatures(&told), 2, "{until:?} {lost}");
            hub.restart_with(&next, None).await;
            let told = hub.told(&bank).await;
            assert_eq!((signatures(&told), proven(&told, &new)), (1, proven(&told, &old)), "{until:?} {lost}");
            assert_eq!(hub.log_faults().await, [""; 0], "{until:?} {lost}");
            key = next;
        }
    }

    async fn a_node_with_the_wrong_key_is_told_what_to_do(hub) {
        let bank = hub.bank("B001").await;
        hub.told(&bank).await;
        hub.make_log_key("second.pem");
        hub.restart_with("second.pem", None).await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "key_other");
        let (code, said) = hub.command(&["log"]).await;
        assert!(code == 4 && said.contains("name the new file in evidence.next_key_file first"), "{code} {said}");
        hub.change_log_key(FIRST, "second.pem").await;
        hub.restart_with(FIRST, None).await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "key_other");
        let (code, said) = hub.command(&["log"]).await;
        assert!(code == 4 && said.contains("its key has changed to"), "{code} {said}");
        hub.restart_with("second.pem", None).await;
        assert_eq!(signatures(&hub.told(&bank).await), 1);
    }

    async fn a_backup_from_before_the_change_is_brought_up_and_a_lost_journal_begins_at_a_head_of_the_new_key(hub) {
        let bank = hub.bank("B001").await;
        let old = hub.log_key_in(FIRST);
        hub.told(&bank).await;
        let yesterday = size(&hub).await;
        hub.make_log_key("second.pem");
        hub.change_log_key(FIRST, "second.pem").await;
        hub.told(&bank).await;
        let set_back = set_back(hub.postgres.as_ref(), yesterday);
        hub.let_go_of_the_log().await;
        hub.tamper(&set_back);
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "database_behind");
        let (code, said) = hub.command(&["log", "recover"]).await;
        assert!(code == 0 && said.contains("entries were put back"), "{code} {said}");
        hub.advance(seconds(2));
        hub.restart().await;
        hub.seal().await;
        assert_eq!(refusal(&hub).await, "key_other", "no head is left that both have signed");
        hub.restart_with(FIRST, Some("second.pem")).await;
        assert_eq!(signatures(&hub.told(&bank).await), 2);
        hub.restart_with("second.pem", None).await;
        let told = hub.told(&bank).await;
        proven(&told, &old);
        let head = TlogProof::parse(&told.log.expect("a proof").proof).expect("a proof").checkpoint;
        hub.let_go_of_the_log().await;
        std::fs::remove_dir_all(journal(&hub)).expect("lost");
        let path = hub.folder.path().join("head");
        std::fs::write(&path, head).expect("written");
        let (code, said) = hub.command(&["log", "adopt", path.to_str().expect("UTF-8")]).await;
        assert_eq!(code, 0, "{said}");
        hub.restart().await;
        proven(&hub.told(&bank).await, &old);
        assert_eq!(hub.log_faults().await, [""; 0]);
    }
}
