//! Where there is very much of something: what is counted is counted whole, and what a list leaves out it says.

use super::pages::seated;
use super::steps::{hours, text};
use crate::support::hub::{Person, TestHub};
use kairan::domain::level::Level;
use kairan::storage::figures::{self, Took};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// So many banks beside the register, each with a copy of the notices that there are.
fn made_banks(is_postgres: bool, banks: i64) -> String {
    let id = if is_postgres {
        "gen_random_uuid()"
    } else {
        "randomblob(16)"
    };
    format!(
        "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {banks})
         INSERT INTO bank (id, code, recorded_at)
         SELECT {id}, 'M' || CAST(i AS text), recorded_at FROM s CROSS JOIN bank WHERE code = 'B001';
         INSERT INTO bank_profile (bank_id, revision, name_ja, name_en, language, linking, new_links, top_ups, pay_outs,
            recorded_at)
         SELECT m.id, 1, p.name_ja, p.name_en, p.language, p.linking, p.new_links, p.top_ups, p.pay_outs, p.recorded_at
         FROM bank m CROSS JOIN bank_profile p JOIN bank b ON b.id = p.bank_id
         WHERE m.code LIKE 'M%' AND b.code = 'B001' AND p.revision = 1;
         INSERT INTO notice (id, revision_id, fanout_id, incident_id, bank_id, number, reason, exposed, concerns_you,
            acknowledge_by, object, digest, commitment, facts, channels, issued_at)
         SELECT {id}, n.revision_id, n.fanout_id, n.incident_id, m.id, n.number, n.reason, n.exposed, n.concerns_you,
            n.acknowledge_by, n.object, n.digest, n.commitment, n.facts, n.channels, n.issued_at
         FROM notice n CROSS JOIN bank m WHERE m.code LIKE 'M%'"
    )
}

/// The notices of made banks, with a number each.
const NUMBERED: &str =
    "(SELECT id, bank_id, issued_at, row_number() OVER (ORDER BY id) AS i FROM notice
    WHERE bank_id IN (SELECT id FROM bank WHERE code LIKE 'M%')) n";

/// Every made bank confirmed: the first after a second, the next after two.
fn made_levels(is_postgres: bool) -> String {
    let after = if is_postgres {
        "n.i * interval '1 second'"
    } else {
        "n.i * 1000000"
    };
    format!(
        "INSERT INTO notice_level (notice_id, level, reached_at, recorded_at, evidence_id)
         SELECT n.id, l.level, n.issued_at + {after}, n.issued_at + {after}, n.id FROM {NUMBERED}
         CROSS JOIN (SELECT 1 AS level UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) l"
    )
}

/// Every made bank has to be called; these calls are older than any other.
fn made_calls(is_postgres: bool) -> String {
    let id = if is_postgres {
        "CAST(lpad(to_hex(n.i), 32, '0') AS uuid)"
    } else {
        "unhex(printf('%032x', n.i))"
    };
    format!(
        "INSERT INTO phone_task_event (task_id, seq, event, bank_id, notice_id, recorded_at)
         SELECT {id}, 1, 'opened', n.bank_id, n.id, n.issued_at FROM {NUMBERED}"
    )
}

async fn tasks(hub: &TestHub, reader: &Person, query: &str) -> Value {
    hub.get(&format!("/api/v1/tasks{query}"), &reader.key)
        .await
        .expect(200)
        .json()
}

fn ids(page: &Value) -> Vec<String> {
    let tasks = page["tasks"].as_array().expect("tasks");
    tasks
        .iter()
        .map(|task| text(task, "id").to_owned())
        .collect()
}

/// Where a page leads on to, as a browser reads it.
fn link(page: &str, start: &str) -> String {
    let hrefs = page.split("href=\"").skip(1);
    let mut hrefs = hrefs.filter_map(|rest| rest.split('"').next());
    let found = hrefs.find(|href| href.starts_with(start) && href.contains("before="));
    found.expect("a way on").replace("&amp;", "&")
}

journeys! {
    async fn the_home_page_counts_every_late_notice_and_says_how_many_it_does_not_list(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.tamper(&made_banks(hub.postgres.is_some(), 420));
        hub.advance(hours(3));
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        assert!(home.contains("421 notices are not confirmed"), "{home}");
        assert!(home.contains("321 more are late that are not listed here"), "{home}");
        assert_eq!(home.matches("Was due").count(), 100);
    }

    async fn a_hundred_late_notices_are_all_of_them(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.tamper(&made_banks(hub.postgres.is_some(), 99));
        hub.advance(hours(3));
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        assert!(home.contains("100 notices are not confirmed") && !home.contains("not listed here"), "{home}");
    }

    async fn no_call_is_hidden_by_two_hundred_older_ones(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let first = hub.file(&officer).await;
        hub.tamper(&made_banks(hub.postgres.is_some(), 420));
        hub.tamper(&made_calls(hub.postgres.is_some()));
        let second = hub.file(&officer).await;
        hub.advance(hours(3));
        hub.chase_due().await;
        let shown = tasks(&hub, &officer, "").await;
        assert_eq!((ids(&shown).len(), &shown["more"]), (200, &json!(222)));
        let mut page = tasks(&hub, &officer, "?limit=150").await;
        let mut seen = ids(&page);
        while let Some(cursor) = page["next_cursor"].as_str().map(str::to_owned) {
            page = tasks(&hub, &officer, &format!("?limit=150&cursor={cursor}")).await;
            seen.extend(ids(&page));
        }
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len(), page.get("more")), (422, 422, None));
        let (first, second) = (text(&first, "reference"), text(&second, "reference"));
        let own = tasks(&hub, &officer, &format!("?incident={second}")).await;
        assert_eq!((ids(&own).len(), &own["tasks"][0]["bank"], own.get("next_cursor")), (1, &json!("B001"), None));
        hub.get("/api/v1/tasks?incident=INC-1999-0001", &officer.key).await.expect(404);
        let foreign = format!("/api/v1/tasks?incident={first}&cursor={}", text(&shown, "next_cursor"));
        assert_eq!(hub.get(&foreign, &officer.key).await.expect(400).code(), "cursor_invalid");
        let desk = seated(&hub, &officer).await;
        let home = desk.page(&hub, "/home").await;
        assert!(home.contains("222 more calls wait that are not listed here"), "{home}");
        let call = format!("/incidents/{second}/calls/{}", ids(&own)[0]);
        assert!(desk.page(&hub, &format!("/incidents/{second}")).await.contains(&call));
        assert!(desk.page(&hub, &call).await.contains("B001"));
        desk.get(&hub, &format!("/incidents/{first}/calls/{}", ids(&own)[0])).await.expect(404);
        let all = desk.page(&hub, &format!("/incidents/{first}")).await;
        assert_eq!(all.matches(&format!("/incidents/{first}/calls/")).count(), 421);
    }

    async fn the_figures_count_every_notice_however_many_there_are(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.tamper(&made_banks(hub.postgres.is_some(), 13_000));
        hub.tamper(&made_levels(hub.postgres.is_some()));
        let page = seated(&hub, &officer).await.page(&hub, "/figures").await;
        assert_eq!(page.matches("<strong>13,001</strong>").count(), 5, "from listed to acknowledged: {page}");
        assert_eq!(page.matches("100 %").count(), 5, "{page}");
        // The one that was really sent took less than a minute; the others took 1 to 13 000 seconds.
        let took = hub.act(|tx| Ok(figures::took(tx, Level::Acknowledged, &[60, 3_600])?)).await;
        let worked_out = Took { steps: vec![60, 3_540, 9_401], median_s: Some(6_500), p95_s: Some(12_350), max_s: Some(13_000) };
        assert_eq!(took, worked_out);
        let none = hub.act(|tx| Ok(figures::took(tx, Level::Responded, &[60])?)).await;
        assert_eq!(none, Took { steps: vec![0, 0], ..Took::default() });
    }

    async fn the_matrix_says_how_many_incidents_it_leaves_out_and_leads_to_them(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let mut references = Vec::new();
        for _ in 0..53 { references.push(text(&hub.file(&officer).await, "reference").to_owned()); }
        hub.advance(hours(48));
        let newest = text(&hub.file(&officer).await, "reference").to_owned();
        let desk = seated(&hub, &officer).await;
        let page = desk.page(&hub, "/matrix").await;
        assert!(page.contains("50 of 54 incidents, one bank, newest first") && page.contains(&newest), "{page}");
        assert!(!page.contains(&references[3]), "the four oldest come later");
        let older = desk.page(&hub, &link(&page, "/matrix?day=")).await;
        assert!(older.contains("4 of 54 incidents") && older.contains("Newest incidents"), "{older}");
        for reference in &references[..4] { assert!(older.contains(reference.as_str()), "{reference}"); }
        assert!(!older.contains("Older"), "these are the last");
        // On the day before, the newest incident was not on record, and hides none of those that were.
        let yesterday = hub.local_minute_before(hours(24));
        let then = desk.page(&hub, &format!("/matrix?day={}", &yesterday[..10])).await;
        assert!(then.contains("50 of 53 incidents") && then.contains(&references[52]) && !then.contains(&newest), "{then}");
    }

    async fn an_incident_stands_in_the_matrix_as_it_was_on_that_day(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        hub.advance(hours(48));
        hub.withdraw(&officer, text(&filed, "reference")).await;
        let desk = seated(&hub, &officer).await;
        let yesterday = hub.local_minute_before(hours(24));
        for (path, phase, other) in [("/matrix".to_owned(), "rev. 2 · Withdrawal", "rev. 1"), (format!("/matrix?day={}", &yesterday[..10]), "rev. 1 · Initial", "rev. 2")] {
            let page = desk.page(&hub, &path).await;
            assert!(page.contains(phase) && !page.contains(other), "{path}: {page}");
        }
    }

    async fn a_day_before_everything_shows_nothing_of_today(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let desk = seated(&hub, &officer).await;
        let today = desk.page(&hub, "/matrix").await;
        assert!(today.contains(text(&filed, "reference")) && today.contains("id=\"exercises\""), "{today}");
        let before = desk.page(&hub, "/matrix?day=1999-01-01").await;
        assert!(before.contains("Nothing had been issued by that day."), "{before}");
        assert!(!before.contains("id=\"exercises\"") && !before.contains(text(&filed, "reference")), "{before}");
    }

    async fn nobody_is_told_what_a_bank_will_have_been_told(hub) {
        let (auditor, officer, _bank) = (hub.auditor().await, hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let tomorrow = (hub.clock.now() + hours(24)).to_string();
        let refused = hub.get(&format!("/api/v1/as-of?bank=B001&at={tomorrow}"), &auditor.key).await;
        assert_eq!(refused.expect(422).code(), "not_yet");
        let desk = seated(&hub, &auditor).await;
        for (at, said) in [("2099-01-01T00:00", "This time has not come yet."), ("2099-13-01T00:00", "Write a time like")] {
            let refused = desk.get(&hub, &format!("/as-of?bank=B001&at={at}")).await;
            assert!(refused.status.is_client_error(), "{at}");
            let page = String::from_utf8(refused.body).expect("UTF-8");
            assert!(page.contains(said) && page.contains("id=\"e-at\""), "{page}");
            assert!(page.contains(&format!("value=\"{at}\"")) && page.contains("value=\"B001\" selected"), "what was typed stays: {page}");
            assert!(!page.contains("class=\"certificate\""), "{page}");
        }
        hub.advance(hours(1));
        let at = hub.local_minute_before(hours(0));
        let desk = seated(&hub, &auditor).await;
        assert!(desk.page(&hub, &format!("/as-of?bank=B001&at={at}")).await.contains(text(&filed, "reference")));
    }
}
