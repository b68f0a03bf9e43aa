//! The laws below the web: one filing, all notices, dense numbers, facts that cannot be changed.

use crate::support::ground::{Ground, contact, filing, on_both, room};
use kairan::actions::acknowledge::{self, Confirmation};
use kairan::actions::add_contact::add_contact;
use kairan::actions::claim::{self, Claimed, Room};
use kairan::actions::draft;
use kairan::actions::issue::Issued;
use kairan::actions::record::Finished;
use kairan::actions::self_check::record_verdict;
use kairan::actions::{
    Error, decide, end_partnership, read_channels, record, register_bank, set_endpoint,
};
use kairan::domain::access::BankScope;
use kairan::domain::channel::State;
use kairan::domain::digest::Digest;
use kairan::domain::entry::{Entry, PayloadErased};
use kairan::domain::id::Uid;
use kairan::domain::level::AckClass;
use kairan::domain::outcome::{ErrorClass, Outcome};
use kairan::domain::refusal::Refusal;
use kairan::storage::audit::{self, Finding};
use kairan::storage::bank_key::{self, BankKeyEndRow, BankKeyRow};
use kairan::storage::delivery::{self, Leases};
use kairan::storage::evidence::{self, HeadDisputeRow};
use kairan::storage::{Tx, log, notice, payload, reading, roster};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

on_both! {
    async fn a_notice_that_the_hub_itself_cannot_send_becomes_a_human_task(ground) {
        ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        for _ in 1..=10 {
            ground.act(fail_inside).await.expect("recorded");
            ground.clock.advance(Duration::from_secs(24 * 3_600));
        }
        let tasks = ground.store.read(evidence::task_events).await.expect("read");
        let kinds: Vec<_> = tasks.iter().map(|task| (task.kind.as_str(), task.event.as_str())).collect();
        assert_eq!(kinds, [("channel_broken", "opened")]);
        ground.assert_sound().await;
    }

    async fn ten_failures_in_a_row_are_seen_however_many_mails_went_out_between(ground) {
        let bank = bank_with_contacts(&ground, 12).await;
        let officer = ground.person("officer").await;
        for nth in 1..=10 {
            ground.file(officer, &filing()).await.expect("filed");
            ground.act(fail_outside).await.expect("recorded");
            ground.send_mails().await;
            let tasks = ground.store.read(evidence::task_events).await.expect("read");
            assert_eq!(tasks.len(), usize::from(nth == 10), "after {nth}");
        }
        let channels = ground.store.read(move |tx| read_channels::of_bank(tx, bank)).await.expect("read");
        assert_eq!((channels[0].channel, channels[0].health.state), ("webhook", State::Broken));
    }

    async fn an_address_that_failed_before_hundreds_of_mails_to_others_still_fails(ground) {
        let bank = bank_with_contacts(&ground, 20).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        ground.act(fail_outside).await.expect("recorded");
        for _ in 1..=26 {
            ground.send_mails().await;
            ground.file(officer, &filing()).await.expect("filed");
        }
        let channels = ground.store.read(move |tx| read_channels::of_bank(tx, bank)).await.expect("read");
        assert_eq!((channels[0].health.state, channels[0].health.failures), (State::Failing, 1));
        let failing = ground.store.read(read_channels::failing).await.expect("read");
        assert_eq!(failing.len(), 1);
    }

    async fn every_partner_bank_is_told_and_numbers_have_no_gap(ground) {
        let banks = ground.banks(5).await;
        let officer = ground.person("officer").await;
        for n in 1..=3 {
            let issued = ground.file(officer, &filing()).await.expect("filed");
            assert_eq!((issued.notices, issued.revision), (5, 1));
            assert!(issued.reference.ends_with(&format!("-{n:04}")), "{}", issued.reference);
        }
        for bank in banks {
            let numbers: Vec<i64> = ground
                .store
                .read(move |tx| notice::inbox(tx, bank, 0, 10))
                .await
                .expect("inbox")
                .iter()
                .map(|row| row.number)
                .collect();
            assert_eq!(numbers, [1, 2, 3]);
        }
        ground.assert_sound().await;
    }

    async fn the_database_itself_refuses_a_fan_out_that_is_not_its_roster(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let one_is_missing = "DELETE FROM copied_notice WHERE bank_id = (SELECT bank_id FROM copied_leaf WHERE position = 0)";
        let one_is_left_out = format!("{one_is_missing}; UPDATE copied_fanout SET notice_count = 1");
        let one_is_no_partner = "DELETE FROM copied_leaf WHERE position = 0";
        for (change, said) in [
            (one_is_missing, "fan-out count is wrong"),
            (one_is_left_out.as_str(), "fan-out is not its roster"),
            (one_is_no_partner, "fan-out is not its roster"),
        ] {
            let refused = ground.tamper(&issued_again(change));
            assert!(refused.as_ref().is_err_and(|fault| fault.contains(said)), "{change}: {refused:?}");
        }
        ground.assert_sound().await;
        // The control: nothing else is amiss with it.
        ground.tamper(&issued_again("")).expect("a whole fan-out is taken");
    }

    async fn what_was_given_back_after_it_was_taken_over_is_an_attempt_after_a_rebuild_too(ground) {
        ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await.remove(0);
        let taken = ground.act(|tx| record::expire(tx, "webhook", Leases::Everyones, 10)).await.expect("taken over");
        assert_eq!(taken.len(), 1);
        let late = Finished {
            claimed,
            outcome: Outcome::failed(ErrorClass::Released, Duration::ZERO),
            body_hash: None,
        };
        ground.act(move |tx| record::record(tx, std::slice::from_ref(&late))).await.expect("recorded");
        let rebuilt = ground.act(|tx| Ok::<_, Error>(audit::rebuild(tx)?)).await;
        assert_eq!(rebuilt.expect("rebuilt"), 0);
        // One whose lease held is none, and is taken back from both.
        ground.clock.advance(Duration::from_secs(24 * 3_600));
        ground.act(|tx| fail(tx, ErrorClass::Released)).await.expect("given back");
        let rebuilt = ground.act(|tx| Ok::<_, Error>(audit::rebuild(tx)?)).await;
        assert_eq!(rebuilt.expect("rebuilt"), 0);
        ground.assert_sound().await;
    }

    async fn an_empty_roster_refuses_to_issue(ground) {
        let officer = ground.person("officer").await;
        let refused = ground.file(officer, &filing()).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::RosterEmpty))), "{refused:?}");
    }

    async fn an_unknown_affected_bank_is_a_fault_of_its_field_and_nothing_is_stored(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        let mut wrong = filing();
        wrong["affected_banks"] = json!(["B001", "NOBANK"]);
        let Err(Error::Invalid(faults)) = ground.file(officer, &wrong).await else { panic!("taken") };
        assert_eq!(faults.0[0].pointer, "/affected_banks/1");
        assert_eq!(faults.0[0].code, "bank_unknown");
        let issued = ground.file(officer, &filing()).await.expect("filed");
        assert!(issued.reference.ends_with("-0001"), "a refused filing used up {}", issued.reference);
    }

    async fn a_rule_that_could_not_be_tried_stands_as_it_stood_and_nothing_becomes_sound_without_it(ground) {
        let broken = |code| Finding { code, rule: "", table: None, count: 1 };
        let tries: [(&[Finding], &[&'static str], &str); 5] = [
            (&[], &[], ""),
            (&[broken("roster_dense")], &[], "roster_dense"),
            (&[broken("numbers_dense")], &["roster_dense"], "roster_dense numbers_dense"),
            (&[], &["notice_fanout"], "roster_dense numbers_dense"),
            (&[], &[], ""),
        ];
        for (findings, untried, stands) in tries {
            let (findings, untried) = (findings.to_vec(), untried.to_vec());
            // A verdict's place is its id's, which tells milliseconds.
            ground.clock.advance(Duration::from_millis(1));
            ground.act(move |tx| record_verdict(tx, &findings, &untried, Duration::ZERO)).await.expect("noted");
            let newest = ground.store.read(|tx| audit::verdicts(tx, 1)).await.expect("read").remove(0);
            assert_eq!(newest.broken, stands);
        }
    }

    async fn facts_cannot_be_changed_or_deleted(ground) {
        let bank = ground.banks(2).await[0];
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let stamped = stamp_first(&ground, bank).await;
        ground.act(move |tx| a_key_and_a_dispute(tx, bank, stamped)).await.expect("noted");
        ground.act(|tx| record_verdict(tx, &[], &[], Duration::ZERO)).await.expect("noted");
        let facts = [
            ("bank", "code = 'X'"), ("bank_profile", "name_en = 'X'"), ("partnership", "valid_to = valid_from"),
            ("contact", "level = 3"), ("endpoint", "ed25519 = ed25519"), ("endpoint_secret", "revision = 9"),
            ("roster_version", "bank_count = 1"), ("roster_leaf", "position = 9"), ("person", "language = 'ja'"),
            ("role_grant", "revision = 9"), ("incident", "reference = 'X'"), ("revision", "severity = 'nil'"),
            ("fanout", "notice_count = 1"), ("notice", "number = 99"), ("message", "kind = 'x'"),
            ("notice_level", "level = 5"), ("acknowledgement", "class = 'link'"),
            ("bank_key", "proof = 'x'"), ("bank_key_end", "replaced_by = key_id"), ("head_dispute", "size = 9"),
            ("self_check", "broken = 'x'"),
        ];
        let rules = std::sync::Arc::clone(&ground.rules);
        ground.act(move |tx| draft::create(tx, &rules, officer, b"{}").map(drop)).await.expect("begun");
        let lost = ground.tamper("DELETE FROM draft");
        assert!(lost.as_ref().is_err_and(|fault| fault.contains("never deleted")), "{lost:?}");
        for (table, change) in facts {
            let changed = ground.tamper(&format!("UPDATE {table} SET {change}"));
            assert!(changed.as_ref().is_err_and(|fault| fault.contains("append-only")), "{table}: {changed:?}");
            let deleted = ground.tamper(&format!("DELETE FROM {table}"));
            assert!(deleted.as_ref().is_err_and(|fault| fault.contains("append-only")), "{table}: {deleted:?}");
        }
        ground.assert_sound().await;
    }

    async fn a_stamp_that_overtakes_the_answer_of_its_webhook_leaves_no_attempt_in_the_dark(ground) {
        let bank = ground.banks(1).await[0];
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let room = room("webhook");
        let claimed = ground.act(move |tx| claim::claim(tx, &room)).await.expect("claimed");
        assert_eq!(claimed.len(), 1);
        let stamped = stamp_first(&ground, bank).await;
        // The hub is killed here: nobody records what came of the webhook.
        let taken = ground.act(|tx| record::expire(tx, "webhook", Leases::Everyones, 10)).await.expect("taken back");
        assert_eq!(taken.len(), 1);
        let deliveries = ground.store.read(move |tx| delivery::of_notice(tx, stamped)).await.expect("read");
        assert!(deliveries.iter().all(|row| row.state == "closed"), "an acknowledged notice is sent again: {deliveries:?}");
        let attempt = claimed[0].attempt;
        let outcomes = ground.store.read(move |tx| delivery::outcomes_of(tx, attempt)).await.expect("read");
        assert_eq!(outcomes.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["unknown"]);
        ground.assert_sound().await;
    }

    async fn an_outcome_whose_commit_only_seemed_to_fail_is_on_record_once(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let attempt = claimed[0].attempt;
        ground.accepted(claimed.clone()).await;
        ground.clock.advance(Duration::from_secs(5));
        // The answer to COMMIT was lost, so the engine says it again.
        ground.accepted(claimed).await;
        let outcomes = ground.store.read(move |tx| delivery::outcomes_of(tx, attempt)).await.expect("read");
        assert_eq!(outcomes.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["accepted"]);
        ground.assert_sound().await;
    }

    async fn what_banks_answer_within_one_batch_is_kept_for_each_under_its_own_key(ground) {
        let banks = ground.banks(3).await;
        let officer = ground.person("officer").await;
        for _ in 0..2 {
            ground.file(officer, &filing()).await.expect("filed");
        }
        let claimed = ground.claim("webhook").await;
        assert_eq!(claimed.len(), 6);
        // The second says nothing.
        let says = |place: usize, one: &Claimed| match place {
            1 => String::new(),
            _ => format!("{:?} {}", one.due.bank_id, one.attempt),
        };
        let said: Vec<String> = claimed.iter().enumerate().map(|(place, one)| says(place, one)).collect();
        ground.answered(claimed.iter().cloned().zip(said.iter().cloned()).collect()).await;
        let told: Vec<_> = said.into_iter().map(|text| Some(text).filter(|text| !text.is_empty())).collect();
        let kept = ground.store.read(answers_of(claimed.clone())).await.expect("read");
        assert_eq!(kept, told);
        let bank = claimed[0].due.bank_id;
        let of_bank = claimed.iter().zip(&told).filter(|(one, text)| one.due.bank_id == bank && text.is_some()).count();
        let code = banks.iter().position(|id| Some(*id) == bank).expect("one of them") + 1;
        let key = format!("data_key WHERE subject IN (SELECT id FROM bank WHERE code = 'B{code:03}')");
        ground.tamper(&format!("DELETE FROM {key}")).expect("erased");
        let kept = ground.store.read(answers_of(claimed)).await.expect("read");
        assert_eq!(kept.iter().flatten().count(), 5 - of_bank, "those of one bank are gone: {kept:?}");
        ground.assert_sound().await;
    }

    async fn a_damaged_data_key_keeps_only_what_its_own_bank_answered_from_the_record(ground) {
        let banks = ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let key = "data_key SET wrapped = substr(wrapped, 2) WHERE subject IN (SELECT id FROM bank WHERE code = 'B001')";
        ground.tamper(&format!("UPDATE {key}")).expect("damaged");
        ground.answered(claimed.iter().map(|one| (one.clone(), "received".to_owned())).collect()).await;
        for one in claimed {
            let (outcomes, kept) = ground.store.read(move |tx| {
                let outcomes = delivery::outcomes_of(tx, one.attempt)?;
                let kept = outcomes[0].answer_id.map(|answer| payload::open(tx, answer)).transpose()?.flatten();
                Ok::<_, Error>((outcomes, kept.map(|text| text.to_vec())))
            }).await.expect("read");
            assert_eq!(outcomes.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["accepted"]);
            let is_damaged = one.due.bank_id == Some(banks[0]);
            assert_eq!(kept, (!is_damaged).then(|| b"received".to_vec()));
        }
    }

    async fn an_outcome_of_an_attempt_that_the_database_has_lost_keeps_no_other_from_the_record(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let mut claimed = ground.claim("webhook").await;
        let kept = claimed[1].attempt;
        // As after a failover to a standby that had not heard of it.
        claimed[0].attempt = Uid::at(ground.clock.now());
        ground.accepted(claimed).await;
        let outcomes = ground.store.read(move |tx| delivery::outcomes_of(tx, kept)).await.expect("read");
        assert_eq!(outcomes.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["accepted"]);
        ground.assert_sound().await;
    }

    async fn a_person_whose_data_key_is_damaged_keeps_no_outcome_from_the_record_and_the_others_are_told(ground) {
        ground.banks(2).await;
        let (_officer, other) = (ground.person("officer").await, ground.person("officer").await);
        ground.file(other, &filing()).await.expect("filed");
        let first = "subject IN (SELECT id FROM person ORDER BY id LIMIT 1)";
        ground.tamper(&format!("UPDATE data_key SET wrapped = substr(wrapped, 2) WHERE {first}")).expect("damaged");
        // Breaks the channel, of which officers are told by mail.
        let refused = || Outcome { status: Some(410), ..Outcome::failed(ErrorClass::Status, Duration::ZERO) };
        let claimed = ground.claim("webhook").await.into_iter();
        ground.record(claimed.map(|claimed| Finished { claimed, outcome: refused(), body_hash: None }).collect()).await;
        let mails = ground.claim("email").await;
        let told: Vec<Uid> = mails.iter().filter(|one| one.due.kind == "operator.alert").map(|one| one.due.target_id).collect();
        assert_eq!(told, [other, other]);
    }

    async fn a_failure_that_comes_after_the_stamp_goes_to_no_further_contact(ground) {
        let bank = ground.bank("B001").await;
        ground.act(move |tx| add_contact(tx, bank, &contact("B001", 2)).map(drop)).await.expect("a second level");
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let notice = stamp_first(&ground, bank).await;
        let outcome = Outcome { status: Some(410), ..Outcome::failed(ErrorClass::Status, Duration::ZERO) };
        let finished = claimed.into_iter().map(|claimed| Finished { claimed, outcome: outcome.clone(), body_hash: None });
        ground.record(finished.collect()).await;
        let sent = ground.store.read(move |tx| delivery::of_notice(tx, notice)).await.expect("read");
        let open: Vec<_> = sent.iter().filter(|row| row.state != "closed").collect();
        assert_eq!((sent.len(), open.len()), (2, 0), "the endpoint and the first level alone: {sent:?}");
        let tasks = ground.store.read(evidence::task_events).await.expect("read");
        assert_eq!(tasks.len(), 1, "somebody sees to the endpoint all the same");
        ground.assert_sound().await;
    }

    async fn an_endpoint_that_ended_while_it_failed_is_nobodys_to_mend(ground) {
        let bank = ground.bank("B001").await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let endpoint = claimed[0].due.target_id;
        ground.act(move |tx| set_endpoint::end_endpoint(tx, bank, endpoint)).await.expect("a contact is left");
        let outcome = Outcome { status: Some(410), ..Outcome::failed(ErrorClass::Status, Duration::ZERO) };
        let finished = claimed.into_iter().map(|claimed| Finished { claimed, outcome: outcome.clone(), body_hash: None });
        ground.record(finished.collect()).await;
        let tasks = ground.store.read(evidence::task_events).await.expect("read");
        assert!(tasks.is_empty(), "{tasks:?}");
        ground.assert_sound().await;
    }

    async fn what_failed_meanwhile_is_not_leased_before_its_time(ground) {
        ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let (delivery, bank) = (claimed[0].due.id, claimed[0].due.bank_id);
        ground.failed(claimed).await;
        // As another node does that saw it due before the first one had it.
        let late = move |tx: &mut Tx<'_>| {
            let (now, attempt) = (tx.now()?, tx.new_id()?);
            let lease = claim::Lease { delivery, bank, attempt, unsealed: true };
            Ok::<_, Error>(delivery::lease(tx, &[lease], attempt, (now, now + Duration::from_secs(90)))?.len())
        };
        assert_eq!(ground.act(late).await.expect("asked"), 0);
        ground.clock.advance(Duration::from_secs(10));
        assert_eq!(ground.act(late).await.expect("asked"), 1);
    }

    async fn two_tasks_of_one_address_end_together(ground) {
        let bank = ground.bank("B001").await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let claimed = ground.claim("webhook").await;
        let target = claimed[0].due.target_id;
        // As where two nodes find it broken in the same moment.
        let open = move |tx: &mut Tx<'_>| {
            let row = evidence::TaskEventRow {
                task_id: tx.new_id()?, seq: 1, kind: "channel_broken".into(), event: "opened".into(), bank_id: bank,
                notice_id: None, target_id: Some(target), recorded_at: tx.now()?,
            };
            Ok::<_, Error>(evidence::insert_task_events(tx, &[row])?)
        };
        for _ in 0..2 { ground.act(open).await.expect("opened"); }
        ground.accepted(claimed).await;
        let left = ground.store.read(move |tx| evidence::open_tasks_of_target(tx, target)).await.expect("read");
        assert_eq!(left.len(), 0, "{left:?}");
        let tasks = ground.store.read(evidence::task_events).await.expect("read");
        assert_eq!(tasks.iter().filter(|task| task.event == "closed").count(), 2);
    }

    async fn an_alert_that_was_refused_ten_times_gives_way_to_the_next(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let broken = Outcome { status: Some(410), ..Outcome::failed(ErrorClass::Status, Duration::ZERO) };
        let webhooks = ground.claim("webhook").await;
        let mut open = Vec::new();
        for claimed in webhooks {
            ground.record(vec![Finished { claimed, outcome: broken.clone(), body_hash: None }]).await;
            let alerts = ground.claim("email").await.into_iter().filter(|one| one.due.kind == "operator.alert");
            let alerts: Vec<Claimed> = alerts.collect();
            open.push(alerts.iter().map(|one| one.due.id).collect::<Vec<_>>());
            let refused = Outcome { status: Some(550), ..Outcome::failed(ErrorClass::MailRejected, Duration::ZERO) };
            let refused = alerts.into_iter().map(|claimed| Finished { claimed, outcome: refused.clone(), body_hash: None });
            ground.record(refused.collect()).await;
            let often = "UPDATE delivery SET failures = 10 WHERE notice_id IS NULL AND channel = 'email' AND state = 'waiting'";
            ground.tamper(often).expect("ten times");
        }
        assert_eq!(open.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        ground.clock.advance(Duration::from_secs(3_600 * 2));
        let again = ground.claim("email").await.into_iter().filter(|one| one.due.kind == "operator.alert");
        assert_eq!(again.map(|one| one.due.id).collect::<Vec<_>>(), open[1], "the newer one alone goes on");
    }

    async fn evidence_staged_bit_by_bit_is_one_group_in_its_order_and_seen_at_once(ground) {
        let [first, second, third] = [1, 2, 3].map(|n| Uid::from_bytes([n; 16]));
        let group = ground.act(move |tx| {
            erased(tx, first)?;
            erased(tx, second)?;
            let seen = log::about(tx, "payload.erased", &[first, second, third])?;
            assert_eq!(seen.iter().map(|row| row.subject_id).collect::<Vec<_>>(), [first, second]);
            erased(tx, third)?;
            Ok(log::own_pending(tx)?.expect("it waits"))
        });
        let group = group.await.expect("staged");
        let refused = ground.act(move |tx| erased(tx, third).and(Err::<(), Error>(Error::NotFound)));
        refused.await.expect_err("refused");
        let staged = ground.store.read(move |tx| Ok::<_, Error>((
            log::about(tx, "payload.erased", &[first, second, third])?,
            log::pending(tx, 1_000)?,
        )));
        let (entries, pending) = staged.await.expect("read");
        assert_eq!(entries.iter().map(|row| row.subject_id).collect::<Vec<_>>(), [first, second, third]);
        assert_eq!((entries[0].seq, entries[2].seq), (group.first_seq, group.last_seq));
        assert!(pending.iter().any(|row| row.group_id == group.group_id), "{pending:?}");
    }

    async fn a_lost_attempt_and_the_one_after_it_may_end_together(ground) {
        ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let lost = ground.claim("webhook").await;
        let taken = ground.act(|tx| record::expire(tx, "webhook", Leases::Everyones, 10)).await.expect("taken back");
        assert_eq!(taken.len(), 1);
        let next = ground.claim("webhook").await;
        let attempts = [lost[0].attempt, next[0].attempt];
        ground.accepted([lost, next].concat()).await;
        for (attempt, told) in attempts.into_iter().zip([vec!["unknown", "accepted"], vec!["accepted"]]) {
            let outcomes = ground.store.read(move |tx| delivery::outcomes_of(tx, attempt)).await.expect("read");
            assert_eq!(outcomes.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), told);
        }
        ground.assert_sound().await;
    }

    async fn what_nobody_knows_of_is_tried_again_at_once_three_times_and_then_later_and_later(ground) {
        ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let mut waits = Vec::new();
        for number in 1..=6 {
            let claimed = ground.claim("webhook").await;
            assert_eq!(claimed.iter().map(|one| one.number).collect::<Vec<_>>(), [number]);
            let delivery = claimed[0].due.id;
            ground.act(|tx| record::expire(tx, "webhook", Leases::Everyones, 10)).await.expect("taken back");
            let due = move |tx: &mut Tx<'_>| {
                let row = delivery::by_id(tx, delivery)?.expect("it is there");
                assert_eq!(row.failures, 0, "nobody knows that it failed");
                Ok::<_, Error>(row.due_at.since(tx.now()?))
            };
            let wait = ground.store.read(due).await.expect("read");
            ground.clock.advance(wait + Duration::from_secs(1));
            waits.push(wait);
        }
        assert_eq!(waits[..3], [Duration::ZERO; 3]);
        assert!(Duration::ZERO < waits[3] && waits[3] < waits[4] && waits[4] < waits[5], "{waits:?}");
        ground.accepted(ground.claim("webhook").await).await;
        ground.assert_sound().await;
    }

    async fn what_was_under_way_when_a_hub_ended_goes_before_what_came_after_it(ground) {
        let bank = ground.banks(1).await[0];
        let officer = ground.person("officer").await;
        for _ in 0..2 {
            ground.file(officer, &filing()).await.expect("filed");
        }
        let under_way = ground.claim("webhook").await;
        let failed = under_way[1].clone();
        ground.failed(vec![failed.clone()]).await;
        ground.clock.advance(Duration::from_secs(3_600));
        let again = ground.claim("webhook").await;
        assert_eq!(again[0].due.id, failed.due.id);
        ground.file(officer, &filing()).await.expect("filed");
        // The hub is killed here, with a first attempt and a retry under way and another first attempt due.
        let lost = ground.act(|tx| record::expire(tx, "webhook", Leases::Everyones, 10)).await.expect("taken back");
        assert_eq!(lost.len(), 2);
        let held = |count| HashMap::from([(Some(bank), count)]);
        let full = Room { in_flight: held(4), ..room("webhook") };
        let again = lost.clone();
        let leases = ground.act(move |tx| claim::go_on(tx, &full, &again)).await.expect("goes on");
        assert_eq!(leases.len(), 0, "more than the bank has places");
        let leases = ground.act(move |tx| claim::go_on(tx, &room("webhook"), &lost)).await.expect("goes on");
        assert_eq!(leases.iter().map(|lease| lease.delivery).collect::<Vec<_>>(), [under_way[0].due.id]);
        let next = Room { in_flight: held(1), ..room("webhook") };
        let leases = ground.act(move |tx| claim::claim(tx, &next)).await.expect("claimed");
        assert_eq!(leases.len(), 2);
        assert_eq!(leases[1].delivery, failed.due.id, "a retry before a first attempt: {leases:?}");
        ground.assert_sound().await;
    }

    async fn sixteen_filers_and_a_changing_register_never_break_a_fan_out(ground) {
        ground.banks(8).await;
        let officer = ground.person("officer").await;
        let filings: usize = std::env::var("KAIRAN_FILINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(160);
        let ground = Arc::new(ground);
        let filed = Arc::new(AtomicUsize::new(0));
        let changing = tokio::spawn(change_register(Arc::clone(&ground), Arc::clone(&filed), filings));
        let filers: Vec<_> = (0..16)
            .map(|_| {
                let (ground, filed) = (Arc::clone(&ground), Arc::clone(&filed));
                tokio::spawn(async move {
                    let mut issued = Vec::new();
                    for _ in 0..filings / 16 {
                        issued.push(ground.file(officer, &filing()).await.expect("filed"));
                        filed.fetch_add(1, Ordering::Relaxed);
                    }
                    issued
                })
            })
            .collect();
        let mut issued = Vec::new();
        for filer in filers {
            issued.extend(filer.await.expect("no panic"));
        }
        let (joined, left) = changing.await.expect("no panic");
        assert_eq!(issued.len(), filings / 16 * 16);
        // On a busy machine the last change may come after the last filer.
        issued.push(ground.file(officer, &filing()).await.expect("filed"));

        let mut seen = HashMap::new();
        for one in &issued {
            let (on_roster, told) = roster_and_told(&ground, one).await;
            assert_eq!(on_roster, told);
            assert_eq!(i64::try_from(told.len()).expect("small"), one.notices);
            seen.insert(one.roster_version, told);
        }
        assert!(seen.len() > 2, "only {} roster versions were issued by", seen.len());
        for bank in joined.iter().chain(&left) {
            let told = seen.values().filter(|told| told.contains(bank)).count();
            assert!(told > 0 && told < seen.len(), "a bank that came or went was told by {told} of {} versions", seen.len());
        }
        ground.assert_sound().await;
    }
}

/// The rows of the one filing once more, as of a second revision that was issued by a roster of its own; `change` is done to
/// them before the database sees them. Ids need only be new to their table.
fn issued_again(change: &str) -> String {
    format!(
        "BEGIN;
        CREATE TEMP TABLE copied_version AS SELECT * FROM roster_version ORDER BY version DESC LIMIT 1;
        CREATE TEMP TABLE copied_leaf AS SELECT * FROM roster_leaf WHERE version = (SELECT version FROM copied_version);
        CREATE TEMP TABLE copied_revision AS SELECT * FROM revision;
        CREATE TEMP TABLE copied_notice AS SELECT * FROM notice;
        CREATE TEMP TABLE copied_fanout AS SELECT * FROM fanout;
        UPDATE copied_version SET version = 99;
        UPDATE copied_leaf SET version = 99;
        UPDATE copied_revision SET number = 2, id = accepted_by, fanout_id = accepted_by;
        UPDATE copied_notice SET number = number + 1, id = bank_id, revision_id = (SELECT id FROM copied_revision),
            fanout_id = (SELECT fanout_id FROM copied_revision);
        UPDATE copied_fanout SET id = (SELECT fanout_id FROM copied_revision), roster_version = 99,
            revision_id = (SELECT id FROM copied_revision);
        {change};
        INSERT INTO roster_version SELECT * FROM copied_version;
        INSERT INTO roster_leaf SELECT * FROM copied_leaf;
        INSERT INTO revision SELECT * FROM copied_revision;
        INSERT INTO notice SELECT * FROM copied_notice;
        INSERT INTO fanout SELECT * FROM copied_fanout;
        COMMIT"
    )
}

/// What is kept of the answers to these attempts; `None` = nothing was, or it was erased.
fn answers_of(
    claimed: Vec<Claimed>,
) -> impl FnMut(&mut Tx<'_>) -> Result<Vec<Option<String>>, Error> {
    move |tx| {
        let mut kept = Vec::new();
        for one in &claimed {
            let outcomes = delivery::outcomes_of(tx, one.attempt)?;
            let text = match outcomes[0].answer_id {
                Some(answer) => payload::open(tx, answer)?.map(|text| text.to_vec()),
                None => None,
            };
            kept.push(text.map(|text| String::from_utf8(text).expect("UTF-8")));
        }
        Ok(kept)
    }
}

fn erased(tx: &mut Tx<'_>, payload: Uid) -> Result<(), Error> {
    let entry = PayloadErased {
        at: tx.now()?,
        payload,
        t: "payload.erased",
        v: 1,
    };
    log::stage(tx, &[(payload, Entry::PayloadErased(entry))])?;
    Ok(())
}

/// A due webhook is claimed, and fails for a reason of the hub's own.
fn fail_inside(tx: &mut Tx<'_>) -> Result<(), Error> {
    fail(tx, ErrorClass::Internal)
}

fn fail_outside(tx: &mut Tx<'_>) -> Result<(), Error> {
    fail(tx, ErrorClass::Broken)
}

fn fail(tx: &mut Tx<'_>, class: ErrorClass) -> Result<(), Error> {
    let room = room("webhook");
    let leases = claim::claim(tx, &room)?;
    let claimed = claim::open(tx, &leases)?.remove(0);
    let outcome = Outcome::failed(class, Duration::ZERO);
    let finished = Finished {
        claimed,
        outcome,
        body_hash: None,
    };
    record::record(tx, &[finished])
}

/// A bank with one endpoint, and so many people of the first level.
async fn bank_with_contacts(ground: &Ground, contacts: usize) -> Uid {
    let bank = ground.bank("B001").await;
    let more = move |tx: &mut Tx<'_>| -> Result<(), Error> {
        for nth in 2..=contacts {
            let mut input = contact("B001", 1);
            input.email = format!("desk{nth}@b001.example");
            add_contact(tx, bank, &input)?;
        }
        Ok(())
    };
    ground.act(more).await.expect("contacts");
    bank
}

/// A key of the bank that has ended, and a head that it is said to have seen.
fn a_key_and_a_dispute(tx: &mut Tx<'_>, bank_id: Uid, notice: Uid) -> Result<(), Error> {
    let (id, recorded_at) = (tx.new_id()?, tx.now()?);
    let key = BankKeyRow {
        id,
        bank_id,
        public_key: vec![1; 32],
        proof: "a note".into(),
        recorded_at,
    };
    bank_key::insert(tx, &key)?;
    let end = BankKeyEndRow {
        key_id: id,
        replaced_by: None,
        recorded_at,
    };
    bank_key::end(tx, &end)?;
    let stamp = evidence::acknowledgement_of(tx, notice)?.expect("stamped");
    let dispute = HeadDisputeRow {
        id,
        bank_id,
        acknowledgement_id: stamp.id,
        size: 1,
        root: vec![2; 32],
        recorded_at,
    };
    Ok(evidence::insert_head_dispute(tx, &dispute)?)
}

/// The bank's machine acknowledges the first notice of its inbox.
async fn stamp_first(ground: &Ground, bank: Uid) -> Uid {
    let stamped = ground.act(move |tx| {
        let told = notice::inbox(tx, bank, 0, 1)?.remove(0);
        let digest = Digest::from_slice(&told.digest).expect("a digest");
        let scope = BankScope::of_authenticated(bank);
        acknowledge::acknowledge(tx, scope, told.id, digest, &by_machine())?;
        Ok(told.id)
    });
    stamped.await.expect("acknowledged")
}

fn by_machine() -> Confirmation {
    Confirmation {
        class: AckClass::ApiKey,
        person: None,
        api_key: None,
        delivery: None,
        name: "佐藤 花子".into(),
        role: "不正対策室".into(),
    }
}

/// How many banks join, and how many leave, while the filers file.
const CHANGES: usize = 6;

/// Lets banks join and leave, spread over the filings; returns who joined and who left.
async fn change_register(
    ground: Arc<Ground>,
    filed: Arc<AtomicUsize>,
    filings: usize,
) -> (Vec<Uid>, Vec<Uid>) {
    let (first, second) = (
        ground.person("administrator").await,
        ground.person("administrator").await,
    );
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    for n in 1..=CHANGES {
        while filed.load(Ordering::Relaxed) < filings * n / (CHANGES + 2) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        joined.push(ground.bank(&format!("J{n:03}")).await);
        let (rules, code) = (Arc::clone(&ground.rules), format!("B{n:03}"));
        let ended = ground.act(move |tx| {
            let bank = register_bank::bank_by_code(tx, &code)?.id;
            Ok((
                bank,
                end_partnership::request(tx, &rules, first, &code, "the contract ends")?.id,
            ))
        });
        let (bank, request) = ended.await.expect("asked for");
        let rules = Arc::clone(&ground.rules);
        ground
            .act(move |tx| decide::decide(tx, &rules, second, request, true).map(drop))
            .await
            .expect("approved");
        left.push(bank);
        // A partnership does not end before its bank was told.
        ground.send_mails().await;
        // The ending takes effect under whoever files next.
        ground.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    }
    (joined, left)
}

async fn roster_and_told(ground: &Ground, issued: &Issued) -> (Vec<Uid>, Vec<Uid>) {
    let (version, revision) = (issued.roster_version, issued.revision_id);
    let read = ground.store.read(move |tx| {
        let mut roster: Vec<_> = roster::leaves(tx, version)?
            .iter()
            .map(|leaf| leaf.bank_id)
            .collect();
        let mut told: Vec<_> = reading::board(tx, revision)?
            .iter()
            .map(|cell| cell.bank_id)
            .collect();
        roster.sort_unstable();
        told.sort_unstable();
        Ok::<_, kairan::storage::Error>((roster, told))
    });
    read.await.expect("read")
}
