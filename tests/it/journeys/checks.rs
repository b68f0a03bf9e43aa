//! The standing self-check, and what can be rebuilt from facts alone.

use super::pages::seated;
use super::steps::{seconds, text};
use crate::support::hub::{On, TestHub};
use crate::support::receiver::Answer;
use kairan::storage::{Lane, audit, delivery};

/// What facts alone determine of a notice: its cell of the board and its deliveries.
async fn projections(hub: &TestHub, reference: &str, notices: &[String]) -> Vec<String> {
    let officer = hub.officer().await;
    let mut rows = vec![hub.board(&officer, reference).await["cells"].to_string()];
    for notice in notices {
        let id = notice.parse().expect("an id");
        let deliveries = hub.act(move |tx| Ok(delivery::of_notice(tx, id)?)).await;
        rows.extend(
            deliveries
                .iter()
                .map(|row| format!("{} {} {}", row.id, row.state, row.attempts)),
        );
    }
    rows
}

/// How somebody beside the hub gets past the trigger that keeps a fact as it is.
fn past_the_trigger(hub: &TestHub, table: &str) -> String {
    match hub.postgres {
        Some(_) => format!("ALTER TABLE {table} DISABLE TRIGGER ALL;"),
        None => format!("DROP TRIGGER {table}_no_update; DROP TRIGGER {table}_no_delete;"),
    }
}

journeys! {
    async fn the_check_holds_after_a_whole_journey_and_names_the_rule_that_was_broken(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        let (code, said) = hub.command(&["check"]).await;
        assert_eq!(code, 0, "{said}");
        let forged = format!("{} UPDATE acknowledgement SET digest = (SELECT object FROM notice LIMIT 1);", past_the_trigger(&hub, "acknowledgement"));
        let same_length = forged.replace("(SELECT object FROM notice LIMIT 1)", "(SELECT digest FROM revision LIMIT 1)");
        hub.tamper(&same_length);
        let (code, said) = hub.command(&["check"]).await;
        assert!(code == 3 && said.contains("every acknowledgement confirms the digest of its notice"), "{code} {said}");
    }

    async fn a_notice_that_somebody_removed_is_found(hub) {
        let (officer, _one, _two) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        hub.file(&officer).await;
        let off = match hub.postgres {
            Some(_) => "SET session_replication_role = replica;".to_owned(),
            None => format!("PRAGMA foreign_keys = OFF; {}", past_the_trigger(&hub, "notice")),
        };
        hub.tamper(&format!("{off} DELETE FROM notice WHERE bank_id = (SELECT id FROM bank WHERE code = 'B002');"));
        let found = hub.store.read(audit::findings).await.expect("read");
        let rules: Vec<_> = found.iter().map(|finding| finding.rule).collect();
        for rule in ["every fan-out has exactly its notices", "numbers are dense", "every bank on the roster of a fan-out has its notice"] {
            assert!(rules.contains(&rule), "{rule}: {rules:?}");
        }
    }

    async fn the_standing_check_keeps_a_history_of_what_changed_and_an_auditor_reads_it_on_every_page(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        let auditor = seated(&hub, &hub.person("auditor", None).await).await;
        assert!(auditor.page(&hub, "/matrix").await.contains("Not checked yet"));
        assert!(hub.self_check().await && !hub.self_check().await, "once a minute");
        assert!(auditor.page(&hub, "/matrix").await.contains("Sound since"));
        let forged = format!("{} UPDATE acknowledgement SET digest = (SELECT digest FROM revision LIMIT 1);", past_the_trigger(&hub, "acknowledgement"));
        hub.tamper(&forged);
        for _ in 0..3 {
            hub.advance(seconds(61));
            assert!(hub.self_check().await);
        }
        assert!(auditor.page(&hub, "/as-of").await.contains("2 rules are broken since"));
        let page = auditor.page(&hub, "/check").await;
        assert_eq!(page.matches("Every acknowledgement confirms the digest").count(), 2, "found now, and once in the history: {page}");
        let verdicts = hub.store.read(|tx| audit::verdicts(tx, 9)).await.expect("read");
        let told: Vec<_> = verdicts.iter().map(|row| row.broken.as_str()).collect();
        assert_eq!(told, ["acknowledged_digest fact_changed", ""], "three tries, one change");
        hub.advance(seconds(600));
        let officer = seated(&hub, &officer).await;
        assert!(!officer.page(&hub, "/matrix").await.contains("One rule is broken"), "not an officer's line");
    }

    async fn a_check_that_nobody_makes_any_more_is_overdue_and_not_sound(hub) {
        let auditor = seated(&hub, &hub.person("auditor", None).await).await;
        assert!(hub.self_check().await);
        hub.advance(seconds(8 * 60));
        let page = auditor.page(&hub, "/figures").await;
        assert!(page.contains("the check is overdue"), "{page}");
        let before = hub.store.read(|tx| audit::verdicts(tx, 9)).await.expect("read").len();
        auditor.page(&hub, "/check").await;
        assert_eq!(hub.store.read(|tx| audit::verdicts(tx, 9)).await.expect("read").len(), before, "a GET writes nothing");
    }

    async fn of_the_nodes_on_one_database_one_makes_the_check(hub) {
        let (first, second) = tokio::join!(hub.self_check(), hub.self_check());
        assert!(first != second, "{first} {second}");
    }

    async fn what_facts_determine_is_rebuilt_from_them(hub) {
        let officer = hub.officer().await;
        let (well, gone, ill) = (hub.bank("B001").await, hub.bank("B002").await, hub.bank("B003").await);
        gone.receiver.answer(Answer::Status(410));
        ill.receiver.answer(Answer::Status(500));
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&ill).await.expect(200);
        hub.respond(&ill, &["disputes_notice"], "operator").await.expect(201);
        let mut notices = Vec::new();
        for bank in [&well, &gone, &ill] { notices.push(text(&hub.newest(bank).await, "notice").to_owned()); }
        let before = projections(&hub, text(&filed, "reference"), &notices).await;
        let (yes, no) = if hub.postgres.is_some() { ("true", "false") } else { ("1", "0") };
        hub.tamper(&format!("UPDATE notice_status SET bounced = {yes}, endpoint_down = {no}, disputed = {no};
            UPDATE delivery SET state = 'waiting', attempts = 9;"));
        assert_ne!(projections(&hub, text(&filed, "reference"), &notices).await, before);
        assert!(hub.store.write(Lane::Front, audit::rebuild).await.expect("rebuilt") > 0);
        assert_eq!(projections(&hub, text(&filed, "reference"), &notices).await, before);
        hub.is_sound = true;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rebuilding_what_is_right_changes_nothing() {
    let hub = TestHub::start(On::Sqlite).await;
    let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
    hub.file(&officer).await;
    hub.deliver_due().await;
    hub.stamp(&bank).await.expect(200);
    assert_eq!(
        hub.store
            .write(Lane::Front, audit::rebuild)
            .await
            .expect("rebuilt"),
        0
    );
}
