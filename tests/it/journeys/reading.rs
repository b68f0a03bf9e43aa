//! Reading: what banks fetch, what officers watch, what auditors ask.

use super::steps::{filing_with, hours, text};
use crate::support::ground::contact;
use crate::support::hub::{Person, TestHub};
use crate::support::receiver::Answer;
use serde_json::{Value, json};
use std::time::Duration;

/// The references that a search finds; the query goes into the address as it is.
async fn found(hub: &TestHub, reader: &Person, query: &str) -> Vec<String> {
    let page = hub
        .get(&format!("/api/v1/incidents?{query}"), &reader.key)
        .await
        .expect(200)
        .json();
    let lines = page["incidents"].as_array().expect("lines");
    lines
        .iter()
        .map(|line| text(&line["title"], "en").to_owned())
        .collect()
}

async fn titled(hub: &TestHub, officer: &Person, titles: &[(&str, &str)]) {
    for (ja, en) in titles {
        hub.file_this(
            officer,
            &filing_with(&json!({ "title": { "ja": ja, "en": en } })),
        )
        .await;
    }
}

/// One page of the delivery log.
async fn page(hub: &TestHub, reader: &Person, query: &str) -> Value {
    hub.get(&format!("/api/v1/deliveries?{query}"), &reader.key)
        .await
        .expect(200)
        .json()
}

/// An instant that is spelled in whole milliseconds, behind all that was recorded so far.
fn now(hub: &TestHub) -> String {
    hub.advance(Duration::from_millis(1));
    hub.clock.now().to_string()
}

fn attempts(page: &Value) -> Vec<String> {
    let lines = page["deliveries"].as_array().expect("lines");
    lines
        .iter()
        .map(|line| text(line, "attempt").to_owned())
        .collect()
}

/// A JSON value as CSV writes it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

journeys! {
    async fn a_bank_reads_on_from_the_number_it_has(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        for _ in 0..5 { hub.file(&officer).await; }
        let inbox = hub.get("/api/v1/inbox?after=2&limit=2", &bank.key).await.expect(200).json();
        assert_eq!([&inbox["notices"][0]["number"], &inbox["notices"][1]["number"], &inbox["last_number"]], [3, 4, 5]);
        assert_eq!(inbox["notices"].as_array().map(Vec::len), Some(2));
        let end = hub.get("/api/v1/inbox?after=5", &bank.key).await.expect(200).json();
        assert_eq!((&end["notices"], &end["last_number"]), (&json!([]), &json!(5)));
    }

    async fn the_board_of_an_instant_shows_nothing_that_came_later(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let issued = now(&hub);
        hub.advance(hours(1));
        hub.deliver_due().await;
        let delivered = now(&hub);
        hub.advance(hours(1));
        hub.stamp(&bank).await.expect(200);
        hub.revise(&officer, text(&filed, "reference")).await;
        for (at, revision, level) in [(issued, 1, "listed"), (delivered, 1, "delivered"), (now(&hub), 2, "listed")] {
            let path = format!("/api/v1/incidents/{}/notices?at={at}", text(&filed, "reference"));
            let board = hub.get(&path, &officer.key).await.expect(200).json();
            assert_eq!((&board["revision"], text(&board["cells"][0], "level")), (&json!(revision), level), "{board}");
        }
    }

    async fn before_an_incident_was_filed_it_has_no_board(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let before = now(&hub);
        hub.advance(hours(1));
        let filed = hub.file(&officer).await;
        let path = format!("/api/v1/incidents/{}/notices?at={before}", text(&filed, "reference"));
        hub.get(&path, &officer.key).await.expect(404);
    }

    async fn a_bank_is_late_on_the_board_once_its_time_has_run_out(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["late"], false);
        hub.advance(hours(240));
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["late"], true);
        hub.stamp(&bank).await.expect(200);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["late"], true, "a late stamp stays late");
    }

    async fn the_delivery_log_is_filtered_by_bank_incident_channel_outcome_and_time(hub) {
        let officer = hub.officer().await;
        let (_well, ill) = (hub.bank("B001").await, hub.bank("B002").await);
        ill.receiver.answer(Answer::Status(500));
        let first = hub.file(&officer).await;
        hub.deliver_due().await;
        let between = now(&hub);
        hub.advance(hours(1));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let reference = format!("&incident={}", text(&first, "reference"));
        for (query, count) in [("", 5), ("&bank=B001", 2), ("&outcome=status", 3), ("&channel=webhook", 5), ("&channel=email", 0),
            (reference.as_str(), 3), (&format!("&to={between}"), 2), (&format!("&from={between}"), 3), ("&bank=B002&outcome=accepted", 0)] {
            assert_eq!(hub.log(&officer, query).await.len(), count, "{query}");
        }
    }

    async fn pages_of_the_log_lose_and_repeat_nothing_while_rows_are_added(hub) {
        let officer = hub.officer().await;
        for code in ["B001", "B002", "B003"] { hub.bank(code).await; }
        hub.file(&officer).await;
        hub.deliver_due().await;
        let mut read = page(&hub, &officer, "limit=2").await;
        let mut seen = attempts(&read);
        while let Some(cursor) = read["next_cursor"].as_str().map(str::to_owned) {
            if seen.len() < 6 {
                hub.file(&officer).await;
                hub.deliver_due().await;
            }
            read = page(&hub, &officer, &format!("limit=2&cursor={cursor}")).await;
            seen.extend(attempts(&read));
        }
        let all: Vec<_> = hub.whole_log(&officer, "").await.iter().map(|line| text(line, "attempt").to_owned()).collect();
        assert_eq!(seen, all);
    }

    async fn pages_of_failures_are_those_of_the_whole_log_in_its_order(hub) {
        let officer = hub.officer().await;
        let ill = [hub.bank("B001").await, hub.bank("B002").await];
        for bank in &ill { bank.receiver.answer(Answer::Status(500)); }
        let mut between = String::new();
        for _ in 0..3 {
            hub.file(&officer).await;
            hub.deliver_due().await;
            between = now(&hub);
            hub.advance(hours(1));
        }
        ill[1].receiver.answer(Answer::Status(204));
        hub.deliver_due().await;
        let all = hub.log(&officer, "").await;
        for (query, bank, is_after) in [("", "", false), ("&bank=B001", "B001", false), ("&bank=B002&channel=webhook", "B002", false), (&*format!("&from={between}"), "", true)] {
            let wanted = all.iter().filter(|line| line["outcome"] == "status" && (bank.is_empty() || line["bank"] == bank));
            let wanted = wanted.filter(|line| !is_after || text(line, "started_at") >= between.as_str());
            let wanted: Vec<_> = wanted.map(|line| text(line, "attempt").to_owned()).collect();
            assert!(wanted.len() > 2, "{query}");
            let mut read = page(&hub, &officer, &format!("limit=2&outcome=status{query}")).await;
            let mut seen = attempts(&read);
            while let Some(cursor) = read["next_cursor"].as_str().map(str::to_owned) {
                read = page(&hub, &officer, &format!("limit=2&outcome=status{query}&cursor={cursor}")).await;
                seen.extend(attempts(&read));
            }
            assert_eq!(seen, wanted, "{query}");
        }
    }

    async fn a_cursor_serves_nobody_else_and_no_other_question(hub) {
        let (officer, other) = (hub.officer().await, hub.auditor().await);
        for code in ["B001", "B002"] { hub.bank(code).await; }
        hub.file(&officer).await;
        hub.deliver_due().await;
        let cursor = text(&page(&hub, &officer, "limit=1").await, "next_cursor").to_owned();
        for (who, query) in [(&other, "limit=1"), (&officer, "limit=1&bank=B001"), (&officer, "limit=1&outcome=accepted")] {
            let refused = hub.get(&format!("/api/v1/deliveries?{query}&cursor={cursor}"), &who.key).await;
            assert_eq!(refused.expect(400).code(), "cursor_invalid");
        }
        let forged = cursor.replacen('A', "B", 1);
        assert_ne!(forged, cursor);
        let forged = hub.get(&format!("/api/v1/deliveries?limit=1&cursor={forged}"), &officer.key).await;
        assert_eq!(forged.expect(400).code(), "cursor_invalid");
    }

    async fn csv_and_json_lines_say_what_the_pages_say(hub) {
        let officer = hub.officer().await;
        let (_well, ill) = (hub.bank("B001").await, hub.bank("B002").await);
        ill.receiver.answer(Answer::Hang);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let rows = hub.whole_log(&officer, "").await;
        let lines = hub.get("/api/v1/deliveries?format=jsonl", &officer.key).await.expect(200).body;
        let lines: Vec<Value> = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(lines, rows);
        let csv = hub.get("/api/v1/deliveries?format=csv", &officer.key).await.expect(200).body;
        let mut csv = csv::Reader::from_reader(csv.as_slice());
        let columns = csv.headers().expect("a header").clone();
        for (record, row) in csv.records().zip(&rows) {
            let expected: Vec<String> = columns.iter().map(|column| cell(&row[column])).collect();
            assert_eq!(record.expect("a record").iter().collect::<Vec<_>>(), expected);
        }
    }

    async fn no_cell_of_an_export_runs_in_a_spreadsheet(hub) {
        let officer = hub.officer().await;
        let (_bank, _formula) = (hub.bank("B001").await, hub.bank_with("-1", contact("B002", 1)).await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let csv = hub.get("/api/v1/deliveries?format=csv&bank=-1", &officer.key).await.expect(200).body;
        let mut csv = csv::Reader::from_reader(csv.as_slice());
        let record = csv.records().next().expect("a line").expect("a record");
        assert!(record.iter().any(|cell| cell == "'-1"), "{record:?}");
        assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{record:?}");
    }

    async fn an_auditor_is_told_what_a_bank_knew_then_and_what_it_did_not(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        hub.bank("B001").await;
        let before = hub.file(&officer).await;
        hub.advance(hours(1));
        let late = hub.bank("B002").await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let then = now(&hub);
        hub.advance(hours(1));
        hub.stamp(&late).await.expect(200);
        hub.file(&officer).await;
        let answer = hub.get(&format!("/api/v1/as-of?bank=B002&at={then}"), &auditor.key).await.expect(200).json();
        assert_eq!((answer["told"].as_array().map(Vec::len), text(&answer["told"][0], "level")), (Some(1), "delivered"));
        assert_eq!((answer["not_told"].as_array().map(Vec::len), &answer["not_told"][0]["incident"]), (Some(1), &before["reference"]));
        assert_eq!(answer["not_told_complete"], true);
    }

    async fn what_looks_like_a_pattern_is_searched_for_as_it_is_written(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        titled(&hub, &officer, &[("百", "100% up"), ("千", "1000 up"), ("線", "a_b"), ("無", "aXb"), ("斜", "back\\slash")]).await;
        for (query, titles) in [("q=100%25", vec!["100% up"]), ("q=%25", vec!["100% up"]), ("q=a_b", vec!["a_b"]), ("q=%5C", vec!["back\\slash"])] {
            assert_eq!(found(&hub, &officer, query).await, titles, "{query}");
        }
    }

    async fn an_officer_searches_in_japanese_and_in_any_case(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        titled(&hub, &officer, &[("暗証番号の総当たり", "PIN spraying"), ("電話番号の乗っ取り", "SIM swap")]).await;
        for (query, titles) in [("q=総当たり", vec!["PIN spraying"]), ("q=pin+SPRAY", vec!["PIN spraying"]), ("q=番号の", vec!["SIM swap", "PIN spraying"]), ("q=inc-", vec!["SIM swap", "PIN spraying"])] {
            assert_eq!(found(&hub, &officer, query).await, titles, "{query}");
        }
    }

    async fn incidents_are_paged_newest_first_without_loss(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        titled(&hub, &officer, &[("一", "one"), ("二", "two"), ("三", "three")]).await;
        let first = hub.get("/api/v1/incidents?limit=2", &officer.key).await.expect(200).json();
        titled(&hub, &officer, &[("四", "four")]).await;
        let rest = format!("limit=2&cursor={}", text(&first, "next_cursor"));
        assert_eq!(first["incidents"][0]["title"]["en"], "three");
        assert_eq!(found(&hub, &officer, &rest).await, ["one"]);
    }
}
