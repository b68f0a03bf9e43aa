//! Service levels, month by month and bank by bank. The figures are worked out by hand beside the story they belong to.

use super::chasing::told_by_phone;
use super::pages::seated;
use super::steps::{filing_with, further, hours, seconds, text, unexplained};
use crate::support::ground::contact;
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::Answer;
use kairan::domain::instant::Instant;
use kairan::domain::service_level::Month;
use serde_json::{Value, json};
use std::time::Duration;

const WHY: &str = "照会への回答を待っていた。";

fn minutes(count: u64) -> Duration {
    seconds(count * 60)
}

/// What happened: three banks, two months, two incidents, a draft and an exercise. Every bank is exposed, so its
/// stamp is owed within an hour.
struct Told {
    officer: Person,
    auditor: Person,
    first: String,
    second: String,
    /// The incident of either month.
    references: [String; 2],
    draft: String,
}

async fn filed(hub: &TestHub, officer: &Person, detected_at: Instant, more: Value) -> String {
    let mut filing = filing_with(&more);
    filing["detected_at"] = json!(detected_at.to_string());
    text(&hub.file_this(officer, &filing).await, "reference").to_owned()
}

/// The next word, with the reason for its being late.
fn intermediate() -> Value {
    let mut word = further();
    for (field, value) in [
        ("phase", json!("intermediate")),
        ("late_reason", json!(WHY)),
        ("auth_weakness", json!(["unknown"])),
        ("discovery_method", json!("unknown")),
        ("victims", json!("unknown")),
        ("transactions", json!("unknown")),
        ("amount_lost", json!("unknown")),
        ("bodies_notified", json!([])),
        (
            "countermeasures",
            json!([{ "code": "none_yet", "scope": "all_banks" }]),
        ),
    ] {
        word[field] = value;
    }
    word
}

/// The answer for the months up to this one.
async fn measured(hub: &TestHub, reader: &Person) -> Value {
    let found = hub.get("/api/v1/service-levels", &reader.key).await;
    found.expect(200).json()
}

/// Lets a bank stamp its newest notice so long after what was before.
async fn stamp_after(hub: &TestHub, wait: Duration, bank: &Bank) {
    hub.advance(wait);
    hub.stamp(bank).await.expect(200);
}

async fn told(hub: &TestHub) -> Told {
    let tokyo = jiff::tz::TimeZone::get("Asia/Tokyo").expect("a known zone");
    let this = Month::of(hub.clock.now(), &tokyo);
    let next = Month::of(this.begins(&tokyo) + hours(24 * 40), &tokyo);
    // Forty minutes before midnight of the month's last day, on the operator's wall.
    hub.advance(next.begins(&tokyo).since(hub.clock.now()) - minutes(40));
    let (officer, auditor) = (hub.officer().await, hub.auditor().await);
    let banks = [
        hub.bank("B001").await,
        hub.bank("B002").await,
        hub.bank("B003").await,
    ];
    // The first: ten hours after the suspicion, when four are allowed. Nothing further is ever said of it.
    let now = hub.clock.now();
    let one = filed(hub, &officer, now - hours(10), json!({})).await;
    hub.advance(minutes(10));
    hub.deliver_due().await;
    stamp_after(hub, minutes(20), &banks[0]).await; // after 30 minutes
    stamp_after(hub, minutes(20), &banks[1]).await; // after 50, in the next month
    stamp_after(hub, minutes(130), &banks[2]).await; // after 180
    hub.advance(hours(22));
    // The second, a day later: one hour after the suspicion.
    let now = hub.clock.now();
    let other = filed(hub, &officer, now - hours(1), json!({})).await;
    hub.advance(minutes(10));
    hub.deliver_due().await;
    stamp_after(hub, minutes(20), &banks[0]).await; // after 30 minutes
    stamp_after(hub, minutes(150), &banks[1]).await; // after 180
    hub.close_notice(&officer, &other, "B003").await;
    let exercise = json!({ "kind": "exercise" });
    filed(hub, &officer, hub.clock.now(), exercise).await;
    // 80 hours after the second, when 72 are allowed.
    hub.advance(hours(77));
    let path = format!("/api/v1/incidents/{other}/revisions");
    hub.post(&path, &officer.key, &intermediate())
        .await
        .expect(201);
    // A suspicion that nobody issues.
    let suspected =
        filing_with(&json!({ "detected_at": (hub.clock.now() - hours(10)).to_string() }));
    let draft = hub
        .post("/api/v1/drafts", &officer.key, &suspected)
        .await
        .expect(201)
        .json();
    Told {
        officer,
        auditor,
        first: this.to_string(),
        second: next.to_string(),
        references: [one, other],
        draft: text(&draft, "id").to_owned(),
    }
}

async fn asked(hub: &TestHub, told: &Told, more: &str) -> Value {
    let path = format!(
        "/api/v1/service-levels?from={}&to={}{more}",
        told.first, told.second
    );
    hub.get(&path, &told.auditor.key).await.expect(200).json()
}

/// In time, late, running, reached, and percent in time of one clock.
fn counts(clocks: &Value, clock: &str) -> Value {
    let one = of(clocks, clock);
    json!([
        one["in_time"],
        one["late"],
        one["running"],
        one["reached"],
        one["in_time_percent"]
    ])
}

fn of<'v>(clocks: &'v Value, clock: &str) -> &'v Value {
    let mut all = clocks.as_array().expect("clocks").iter();
    all.find(|one| one["clock"] == clock)
        .unwrap_or_else(|| panic!("no {clock} in {clocks}"))
}

/// Median and 95th percentile in minutes, where the machine was not slower than a minute.
fn took(clocks: &Value, clock: &str) -> [Option<i64>; 2] {
    let one = of(clocks, clock);
    [&one["median_s"], &one["p95_s"]].map(|took| took.as_i64().map(|seconds| seconds / 60))
}

#[track_caller]
fn assert_about(clocks: &Value, clock: &str, minutes: [Option<i64>; 2]) {
    for (found, wanted) in took(clocks, clock).into_iter().zip(minutes) {
        let near = found
            .zip(wanted)
            .is_some_and(|(found, wanted)| (wanted..wanted + 3).contains(&found));
        assert!(
            near || found == wanted,
            "{clock}: {found:?} minutes, not {wanted:?}: {clocks}"
        );
    }
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
    async fn every_clock_is_measured_in_its_month_and_for_its_bank(hub) {
        let told = told(&hub).await;
        let found = asked(&hub, &told, "").await;
        let (first, second) = (&found["months"][0], &found["months"][1]);
        assert_eq!((text(first, "month"), text(second, "month"), &found["months"][2]), (told.first.as_str(), told.second.as_str(), &Value::Null));
        let month = |at: &Value, clock| counts(&at["clocks"], clock);
        // The first month: issued after ten hours; no next word until now; 30, 50 and 180 minutes to the stamps.
        assert_eq!(month(first, "notify"), json!([0, 1, 0, 1, 0]));
        assert_about(&first["clocks"], "notify", [Some(600), Some(600)]);
        assert_eq!(month(first, "intermediate"), json!([0, 1, 0, 0, 0]));
        assert_about(&first["clocks"], "intermediate", [None, None]);
        assert_eq!(month(first, "deliver"), json!([0, 0, 0, 3, null]));
        assert_about(&first["clocks"], "deliver", [Some(10), Some(10)]);
        assert_eq!(month(first, "acknowledge"), json!([2, 1, 0, 3, 66]));
        assert_about(&first["clocks"], "acknowledge", [Some(50), Some(180)]);
        // The second: after one hour, and a draft is open; the next word after 80 hours; 30 and 180 minutes, one closed
        // without a stamp, and three notices of the next word on which the time still runs.
        assert_eq!(month(second, "notify"), json!([1, 1, 0, 1, 50]));
        assert_about(&second["clocks"], "notify", [Some(60), Some(60)]);
        assert_eq!(month(second, "intermediate"), json!([0, 1, 0, 1, 0]));
        assert_about(&second["clocks"], "intermediate", [Some(4_800), Some(4_800)]);
        assert_eq!(month(second, "final"), json!([0, 0, 1, 0, null]));
        assert_eq!(month(second, "deliver"), json!([0, 0, 3, 3, null]));
        assert_eq!(month(second, "acknowledge"), json!([1, 2, 3, 2, 33]));
        assert_about(&second["clocks"], "acknowledge", [Some(30), Some(180)]);
        // In all: 30, 30, 50, 180, 180 minutes.
        assert_eq!(counts(&found["totals"], "acknowledge"), json!([3, 3, 3, 5, 50]));
        assert_about(&found["totals"], "acknowledge", [Some(50), Some(180)]);
        assert_eq!(counts(&found["totals"], "notify"), json!([1, 2, 0, 2, 33]));
        let banks: Vec<Value> = found["banks"].as_array().expect("banks").iter()
            .map(|row| json!([row["bank"], counts(&row["clocks"], "acknowledge")])).collect();
        assert_eq!(banks, [json!(["B003", [0, 2, 1, 1, 0]]), json!(["B002", [1, 1, 1, 2, 50]]), json!(["B001", [2, 0, 1, 2, 100]])]);
        assert_eq!(found["left_out"], json!({ "exercises": 1, "tests": 0 }));
        assert_eq!(found["zone"], "Asia/Tokyo");
        // An hour later the three have run out of time, and nothing else has changed.
        hub.advance(hours(1) + seconds(1));
        let later = asked(&hub, &told, "").await;
        assert_eq!(counts(&later["totals"], "acknowledge"), json!([3, 6, 0, 5, 33]));
        assert_eq!(later["months"][0], found["months"][0]);
    }

    async fn the_operators_missed_clocks_are_told_with_their_reasons(hub) {
        let told = told(&hub).await;
        let found = asked(&hub, &told, "").await;
        let missed: Vec<Value> = found["missed"].as_array().expect("missed").iter()
            .map(|one| json!([one["clock"], one["incident"], one["draft"], one["revision"], one["late_s"].as_i64().expect("a number") / 3_600, one["reason"]])).collect();
        let [one, other] = &told.references;
        assert_eq!(missed, [
            json!(["notify", null, told.draft, null, 6, null]),
            json!(["intermediate", other, null, 2, 8, WHY]),
            json!(["intermediate", one, null, null, 33, null]),
            json!(["notify", one, null, 1, 6, filing_with(&json!({}))["late_reason"]]),
        ]);
        // Of one bank there is no draft, because nobody was told of it.
        let of_bank = asked(&hub, &told, "&bank=B001").await;
        assert_eq!(counts(&of_bank["totals"], "acknowledge"), json!([2, 0, 1, 2, 100]));
        assert_eq!(counts(&of_bank["totals"], "notify"), json!([1, 1, 0, 2, 50]));
        assert_eq!((of_bank["missed"].as_array().map(Vec::len), &of_bank["bank"]), (Some(3), &json!("B001")));
        assert_eq!(of_bank["banks"].as_array().map(Vec::len), Some(1));
        // A bank that joined later was told nothing.
        hub.bank("B004").await;
        let of_new = asked(&hub, &told, "&bank=B004").await;
        assert_eq!((counts(&of_new["totals"], "notify"), &of_new["missed"]), (json!([0, 0, 0, 0, null]), &json!([])));
        // Once the draft is discarded with a reason, its clock is over.
        let discard = format!("/api/v1/drafts/{}/discard", told.draft);
        hub.post(&discard, &told.officer.key, &json!({ "reason": "a test of ours" })).await.expect(204);
        assert_eq!(counts(&asked(&hub, &told, "").await["totals"], "notify"), json!([1, 1, 0, 2, 50]));
    }

    async fn what_was_told_or_stamped_without_a_delivery_is_not_counted_as_delivered(hub) {
        let (officer, second, auditor) = (hub.officer().await, hub.officer().await, hub.auditor().await);
        let banks = [hub.bank("B001").await, hub.bank("B002").await, hub.bank("B003").await];
        for silent in &banks[1..] { silent.receiver.answer(Answer::Status(500)); }
        let reference = filed(&hub, &officer, hub.clock.now() - hours(1), json!({})).await;
        hub.advance(minutes(10));
        hub.deliver_due().await;
        hub.advance(minutes(10));
        let told = json!({ "bank": "B002", "told": told_by_phone(&hub, &officer, "B002", "1").await });
        let path = format!("/api/v1/incidents/{reference}/out-of-band-contacts");
        let asked = hub.post(&path, &officer.key, &told).await.expect(202).json();
        hub.decide(&second, text(&asked, "request"), true).await.expect(200);
        assert_eq!(hub.cell(&officer, &reference, "B002").await["level"], "delivered");
        hub.stamp(&banks[2]).await.expect(200);
        let found = measured(&hub, &auditor).await;
        assert_eq!(counts(&found["totals"], "deliver"), json!([0, 0, 2, 1, null]));
        assert_about(&found["totals"], "deliver", [Some(10), Some(10)]);
        // The figures of all time say the same: one within a quarter of an hour, and two not yet.
        let page = seated(&hub, &auditor).await.page(&hub, "/figures").await;
        let spread = page.split("aria-labelledby=\"notify\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("the card");
        let counted: Vec<&str> = spread.split("<td class=\"num\">").skip(1).filter_map(|cell| cell.split('<').next()).collect();
        assert_eq!(counted, ["0", "0", "1", "0", "0", "0", "0", "2"]);
    }

    async fn another_word_after_the_deadline_is_not_the_final_report_that_was_owed(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let reference = filed(&hub, &officer, hub.clock.now() - hours(1), json!({})).await;
        let path = format!("/api/v1/incidents/{reference}/revisions");
        hub.advance(hours(1));
        hub.post(&path, &officer.key, &intermediate()).await.expect(201);
        hub.advance(hours(24 * 33));
        // The first one's key has run out.
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        hub.post(&path, &officer.key, &intermediate()).await.expect(201);
        let found = measured(&hub, &auditor).await;
        assert_eq!(counts(&found["totals"], "final"), json!([0, 1, 1, 0, 0]), "one missed for good, and its successor runs");
        assert_about(&found["totals"], "final", [None, None]);
        let missed = &found["missed"][0];
        assert_eq!((&missed["clock"], &missed["revision"], &missed["issued_at"], &missed["reason"]), (&json!("final"), &json!(3), &Value::Null, &json!(WHY)));
        // How late it was is known, and does not grow.
        hub.advance(hours(24));
        assert_eq!(measured(&hub, &auditor).await["missed"][0], *missed);
        let page = seated(&hub, &auditor).await.page(&hub, "/service-levels").await;
        assert!(page.contains("another word instead") && !page.contains("not yet"), "{page}");
    }

    async fn what_two_people_held_back_is_late_on_their_legal_basis(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        hub.bank("B001").await;
        let reference = filed(&hub, &officer, hub.clock.now() - hours(1), json!({})).await;
        hub.advance(hours(60));
        let asked = json!({ "incident": reference, "filing": unexplained(intermediate()), "basis": "court_order",
            "reason": "命令書による", "until": (hub.clock.now() + hours(24)).to_string() });
        hub.hold_this_back(&officer, &asked).await;
        hub.advance(hours(25));
        assert_eq!(hub.run_out().await, 1);
        let found = measured(&hub, &auditor).await;
        let missed = &found["missed"][0];
        assert_eq!((&missed["clock"], &missed["revision"], &missed["reason"], &missed["deferral_basis"]),
            (&json!("intermediate"), &json!(2), &Value::Null, &json!("court_order")));
        assert!(missed["issued_at"].is_string());
        let page = seated(&hub, &auditor).await.page(&hub, "/service-levels").await;
        assert!(page.contains("Held back by two people: Order of a court") && !page.contains("none given"), "{page}");
    }

    async fn the_files_say_what_the_answer_says(hub) {
        let told = told(&hub).await;
        let found = asked(&hub, &told, "").await;
        let path = format!("/api/v1/service-levels?from={}&to={}", told.first, told.second);
        let lines = hub.get(&format!("{path}&format=jsonl"), &told.officer.key).await.expect(200).body;
        let lines: Vec<Value> = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(lines.len(), 5 + 2 * 5 + 3 * 2, "in all, two months, three banks");
        assert_eq!((&lines[4]["clock"], &lines[4]["in_time"]), (&json!("acknowledge"), &found["totals"][4]["in_time"]));
        let csv = hub.get(&format!("{path}&format=csv"), &told.officer.key).await.expect(200);
        assert!(csv.headers["content-disposition"].to_str().expect("text").contains("service-levels.csv"));
        let mut csv = csv::Reader::from_reader(csv.body.as_slice());
        let columns = csv.headers().expect("a header").clone();
        let records: Vec<_> = csv.records().map(|record| record.expect("a record")).collect();
        assert_eq!(records.len(), lines.len());
        for (record, line) in records.iter().zip(&lines) {
            let expected: Vec<String> = columns.iter().map(|column| cell(&line[column])).collect();
            assert_eq!(record.iter().collect::<Vec<_>>(), expected);
        }
    }

    async fn no_cell_of_the_figures_runs_in_a_spreadsheet(hub) {
        let officer = hub.officer().await;
        hub.bank_with("-1", contact("B001", 1)).await;
        hub.file_this(&officer, &filing_with(&json!({ "affected_banks": "unknown" }))).await;
        let csv = hub.get("/api/v1/service-levels?format=csv", &officer.key).await.expect(200).body;
        let csv = String::from_utf8(csv).expect("text");
        assert!(csv.contains(",'-1,") && !csv.contains(",-1,"), "{csv}");
    }

    async fn auditors_and_officers_read_it_at_their_desk(hub) {
        let told = told(&hub).await;
        let bank = hub.bank("B004").await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let desk = seated(&hub, &told.auditor).await;
        assert!(desk.page(&hub, "/figures").await.contains("href=\"/service-levels\""));
        let path = format!("/service-levels?from={}&to={}&bank=", told.first, told.second);
        let page = desk.page(&hub, &path).await;
        for shown in ["66 %", "33 %", "50 %", WHY, "B003", told.first.as_str(), told.references[1].as_str(), &format!("/drafts/{}", told.draft),
            "Exercises and tests are left out", "At most 36 months are shown at once", "<svg class=\"bar"] { assert!(page.contains(shown), "{shown} in {page}"); }
        let link = format!("/service-levels/export?from={}&amp;to={}&amp;format=csv", told.first, told.second);
        assert!(page.contains(&link), "{link} in {page}");
        let csv = desk.get(&hub, &link.replace("&amp;", "&")).await.expect(200);
        assert!(csv.headers["content-type"].to_str().expect("text").starts_with("text/csv"));
        let officer = seated(&hub, &told.officer).await;
        assert!(officer.page(&hub, "/service-levels").await.contains(told.second.as_str()), "up to this month unless asked otherwise");
        seated(&hub, &member).await.get(&hub, "/service-levels").await.expect(404);
    }

    async fn a_question_that_asks_for_too_much_or_for_nothing_is_refused_in_words(hub) {
        let auditor = hub.auditor().await;
        hub.bank("B001").await;
        for (query, words) in [("from=2024-01&to=2027-01", "at most 36 months"), ("from=1970-01", "at most 36 months"), ("from=2026-02&to=2026-01", "comes after the last"),
            ("from=2026-1", "write a month like 2026-01"), ("to=2026-13", "write a month like 2026-01"), ("from=", "write a month like 2026-01")] {
            let refused = hub.get(&format!("/api/v1/service-levels?{query}"), &auditor.key).await.expect(400);
            assert_eq!(refused.code(), "query_invalid", "{query}");
            assert!(text(&refused.json(), "detail").contains(words), "{query}: {}", refused.json());
        }
        hub.get("/api/v1/service-levels?from=2024-01&to=2026-12", &auditor.key).await.expect(200);
        hub.get("/api/v1/service-levels?bank=ZZZZ", &auditor.key).await.expect(404);
    }
}
