//! Exercises: filed like any incident and gone the whole way, marked as such everywhere, counted as telling nowhere; and
//! their schedule, of which the operator's people are told. Nothing sleeps: the hub's clock is set by hand.

use super::deferring::deferral;
use super::mail::relay;
use super::pages::seated;
use super::reports::officer_at;
use super::steps::{filing_with, final_report, further, hours, text, unexplained, withdrawal};
use crate::support::ground::{contact, filing, report};
use crate::support::hub::{Person, TestHub};
use crate::support::maildir::mailbox;
use kairan::actions::add_contact::ContactInput;
use kairan::domain::proof::certificate::Certificate;
use serde_json::{Value, json};
use std::time::Duration;

fn days(count: u64) -> Duration {
    hours(count * 24)
}

/// What an officer files to see whether everybody would be reached. It owes nobody a reason for being late.
fn drill() -> Value {
    unexplained(filing_with(
        &json!({ "kind": "exercise", "auth_exploited": ["ib_login_otp"], "affected_banks": "unknown" }),
    ))
}

async fn drilled(hub: &TestHub, officer: &Person) -> String {
    text(&hub.file_this(officer, &drill()).await, "reference").to_owned()
}

async fn exercises(hub: &TestHub, reader: &Person) -> Value {
    hub.get("/api/v1/exercises", &reader.key)
        .await
        .expect(200)
        .json()
}

/// How many alerts were sent; to the operator's people an alert is one each.
fn alerts(hub: &TestHub) -> usize {
    hub.texts("SELECT kind AS text FROM message WHERE kind = 'operator.alert'")
        .len()
}

journeys! {
    async fn an_exercise_goes_the_whole_way_and_says_so_at_every_step(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (one, silent) = (hub.bank("B001").await, hub.bank("B002").await);
        let reference = drilled(&hub, &officer).await;
        hub.deliver_due().await;
        let told = one.receiver.hits()[0].json();
        assert_eq!((&told["data"]["notice"]["kind"], &told["data"]["incident"]["kind"]), (&json!("exercise"), &json!("exercise")));
        assert_eq!(hub.newest(&one).await["kind"], "exercise");
        hub.stamp(&one).await.expect(200);
        hub.advance(hours(3));
        assert!(hub.chase_due().await >= 3, "the silent bank is reminded, escalated and called as in earnest");
        let tasks = hub.tasks(&officer).await;
        let call = tasks.iter().find(|task| task["kind"] == "phone").expect("a call");
        assert_eq!((&call["bank"], &call["incident_kind"]), (&json!("B002"), &json!("exercise")));
        let desk = seated(&hub, &officer).await;
        let page = desk.page(&hub, &format!("/incidents/{reference}/calls/{}", text(call, "id"))).await;
        assert!(page.contains("“This is an exercise. No theft took place."), "the script: {page}");
        let page = desk.page(&hub, &format!("/incidents/{reference}")).await;
        assert!(page.contains("banner exercise") && page.contains("stamp-kind") && page.contains("“This is an exercise."), "{page}");
        let home = desk.page(&hub, "/home").await;
        assert!(home.contains("strip drill") && home.contains("Next exercise due"), "{home}");
        let board = hub.get(&format!("/api/v1/incidents/{reference}/notices"), &auditor.key).await.expect(200).json();
        assert_eq!((&board["kind"], &board["cells"][0]["kind"]), (&json!("exercise"), &json!("exercise")));
        hub.deliver_due().await;
        let reminded = silent.receiver.hits().into_iter().map(|hit| hit.json()).find(|body| body["type"] == "notice.reminder").expect("a reminder");
        assert_eq!(reminded["data"]["notice"]["kind"], "exercise");
        let listed = exercises(&hub, &auditor).await;
        let shown = &listed["exercises"][0];
        assert_eq!((&shown["reference"], &shown["notices"], &shown["acknowledged"], &shown["in_time"]), (&json!(reference), &json!(2), &json!(1), &json!(1)));
        assert_eq!((&shown["open"], &listed["schedule"]["last"]), (&json!(["B002"]), &json!(reference)));
        let page = seated(&hub, &auditor).await.page(&hub, "/exercises").await;
        assert!(page.contains(&reference) && page.contains("<code>B002</code>"), "{page}");
    }

    async fn what_two_people_decide_of_an_exercise_says_that_it_is_one(hub) {
        let (officer, second) = (hub.officer().await, hub.officer().await);
        hub.bank("B001").await;
        let reference = drilled(&hub, &officer).await;
        hub.ask_withdrawal(&officer, &reference).await;
        let mut held = deferral(&hub);
        held["filing"] = drill();
        hub.ask_deferral(&officer, &held).await;
        let asked = hub.get("/api/v1/approvals", &second.key).await.expect(200).json();
        let kinds: Vec<&Value> = asked["approvals"].as_array().expect("both").iter().map(|one| &one["about"]["incident_kind"]).collect();
        assert_eq!(kinds, ["exercise", "exercise"]);
        let desk = seated(&hub, &second).await;
        let badge = "<span class=\"badge warn\">Exercise</span>";
        assert_eq!(desk.page(&hub, "/approvals").await.matches(badge).count(), 2);
        hub.hold_this_back(&officer, &held).await;
        assert_eq!(hub.deferrals(&officer).await[0]["kind"], "exercise");
        assert!(desk.page(&hub, "/deferrals").await.contains(badge));
        assert!(desk.page(&hub, "/home").await.contains(badge));
    }

    async fn mails_about_an_exercise_say_so_in_subject_and_first_line(hub, relay()) {
        let (bank_box, officer_box) = (mailbox("bank"), mailbox("officer"));
        let officer = hub.officer().await;
        let at_bank = ContactInput { email: bank_box.address().into(), language: "en".into(), ..contact("B001", 1) };
        hub.bank_with("B001", at_bank).await;
        officer_at(&hub, &officer_box).await;
        drilled(&hub, &officer).await;
        hub.deliver_due().await;
        let mail = &bank_box.arrived(1).await[0];
        assert!(mail.subject().starts_with("[EXERCISE]"), "{}", mail.subject());
        hub.advance(hours(3));
        hub.chase_due().await;
        hub.deliver_due().await;
        for alert in officer_box.arrived(2).await {
            assert!(alert.subject().starts_with("[EXERCISE]"), "{}", alert.subject());
            assert!(alert.text().starts_with("This is about an exercise."), "{}", alert.text());
        }
    }

    async fn an_exercise_never_counts_as_telling(hub) {
        let (officer, auditor, bank) = (hub.officer().await, hub.auditor().await, hub.bank("B001").await);
        let reference = drilled(&hub, &officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.seal().await;
        let clocks = hub.get("/api/v1/clocks", &officer.key).await.expect(200).json();
        assert_eq!(clocks["clocks"], json!([]), "no clock of the operator's own runs for it");
        let now = hub.clock.now().to_millis_string();
        let answer = hub.get(&format!("/api/v1/as-of?bank=B001&at={now}"), &auditor.key).await.expect(200).json();
        assert_eq!(answer["told"][0]["kind"], "exercise");
        let certificate = hub.get(&format!("/api/v1/certificates?bank=B001&as_of={now}"), &auditor.key).await.expect(200);
        let note = String::from_utf8(certificate.body).expect("UTF-8");
        assert!(note.contains(" kind exercise\n"), "{note}");
        let signed = note.split("\n\n").next().expect("a text");
        let read = Certificate::parse(&format!("{signed}\n")).expect("a certificate");
        assert_eq!(read.notices[0].kind, "exercise");
        let csv = hub.get("/api/v1/deliveries?format=csv", &auditor.key).await.expect(200);
        let csv = String::from_utf8(csv.body).expect("UTF-8");
        assert!(csv.lines().next().is_some_and(|line| line.ends_with(",incident_kind")), "{csv}");
        assert!(csv.lines().filter(|line| line.contains(&reference)).all(|line| line.ends_with(",exercise")) && csv.contains(&reference), "{csv}");
        let desk = seated(&hub, &auditor).await;
        let figures = desk.page(&hub, "/figures").await;
        assert!(figures.contains("Not counted: one notice of exercises and tests."), "{figures}");
        hub.advance(Duration::from_secs(60));
        let as_of = format!("/as-of?bank=B001&at={}", hub.local_minute_before(Duration::ZERO));
        let page = desk.page(&hub, &as_of).await;
        assert!(page.contains("Exercise: told of nothing"), "{page}");
        let page = desk.page(&hub, &format!("/evidence/{}", text(&hub.newest(&bank).await, "notice"))).await;
        assert!(page.contains("An exercise: this evidence shows how the channels worked"), "{page}");
        let map = hub.get(&format!("/api/v1/incidents/{reference}/response-map"), &auditor.key).await.expect(200).json();
        assert_eq!(map["kind"], "exercise");
    }

    async fn an_incident_keeps_its_kind_and_stands_among_its_own(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let (exercise, actual) = (drilled(&hub, &officer).await, text(&hub.file(&officer).await, "reference").to_owned());
        for (of, kind) in [(&exercise, "actual"), (&actual, "exercise"), (&actual, "test")] {
            let mut next = further();
            next["kind"] = json!(kind);
            let refused = hub.post(&format!("/api/v1/incidents/{of}/revisions"), &officer.key, &next).await.expect(422).json();
            assert_eq!(refused["faults"][0]["code"], "kind_changed", "{of} {kind}");
        }
        let mut both = filing();
        for (kind, other) in [("actual", &exercise), ("exercise", &actual)] {
            both["kind"] = json!(kind);
            both["related_incidents"] = json!([other]);
            let refused = hub.post("/api/v1/incidents", &officer.key, &both).await.expect(422).json();
            assert_eq!((&refused["faults"][0]["pointer"], &refused["faults"][0]["code"]), (&json!("/related_incidents/0"), &json!("kind_differs")));
        }
        both["related_incidents"] = json!([exercise]);
        hub.post("/api/v1/incidents", &officer.key, &both).await.expect(201);
        let mut withdrawn = withdrawal();
        withdrawn["replaces"] = json!(actual);
        let path = format!("/api/v1/incidents/{exercise}/withdrawal");
        assert_eq!(hub.post(&path, &officer.key, &withdrawn).await.expect(422).json()["faults"][0]["code"], "kind_differs");
    }

    async fn what_a_bank_reports_never_becomes_an_exercise(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let mut odd = report();
        odd["kind"] = json!("exercise");
        let refused = hub.report_this(&bank, &odd).await.expect(422).json();
        assert_eq!((&refused["faults"][0]["pointer"], &refused["faults"][0]["code"]), (&json!("/kind"), &json!("report_actual")));
        let made = hub.report(&bank).await;
        let begun = hub.post(&format!("/api/v1/reports/{}/draft", text(&made, "id")), &officer.key, &json!({})).await.expect(201).json();
        let issue = format!("/api/v1/incidents?draft={}", text(&begun, "id"));
        let refused = hub.post(&issue, &officer.key, &drill()).await.expect(422).json();
        assert_eq!(refused["faults"][0]["code"], "report_actual");
        let held = json!({ "filing": drill(), "draft": begun["id"], "basis": "court_order", "reason": "x", "until": (hub.clock.now() + hours(2)).to_millis_string() });
        let refused = hub.post("/api/v1/deferrals", &officer.key, &held).await.expect(422).json();
        assert_eq!((&refused["faults"][0]["pointer"], &refused["faults"][0]["code"]), (&json!("/filing/kind"), &json!("report_actual")));
        hub.advance(hours(9));
        assert_eq!(hub.run_out().await, 2, "the draft has aged, and silence issues what the bank reported");
        assert_eq!(hub.newest(&bank).await["kind"], "actual");
    }

    async fn the_next_exercise_is_called_for_once_before_and_once_after_its_time(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        assert_eq!(exercises(&hub, &auditor).await.get("schedule"), None, "there is nobody to drill with");
        hub.bank("B001").await;
        let schedule = exercises(&hub, &auditor).await["schedule"].clone();
        assert_eq!((&schedule["near"], &schedule["late"], schedule.get("last")), (&json!(false), &json!(false), None));
        hub.advance(days(70));
        assert_eq!((hub.run_out().await, alerts(&hub)), (0, 0));
        hub.advance(days(9));
        assert_eq!((hub.run_out().await, alerts(&hub)), (1, 2), "the officer and the auditor, once each");
        assert_eq!((hub.run_out().await, alerts(&hub)), (0, 2));
        hub.advance(days(15));
        assert_eq!((hub.run_out().await, alerts(&hub)), (1, 4), "overdue");
        assert_eq!(hub.run_out().await, 0);
        let page = seated(&hub, &officer).await.page(&hub, "/home").await;
        assert!(page.contains("Next exercise due") && page.contains("overdue") && page.contains("none yet"), "{page}");
        assert!(hub.texts("SELECT reference AS text FROM incident").is_empty(), "nothing is issued by itself");
        // Keys have run out meanwhile.
        let officer = hub.officer().await;
        let reference = drilled(&hub, &officer).await;
        let schedule = exercises(&hub, &officer).await["schedule"].clone();
        assert_eq!((&schedule["last"], &schedule["late"]), (&json!(reference), &json!(false)));
        let page = seated(&hub, &hub.auditor().await).await.page(&hub, "/matrix").await;
        assert!(page.contains("acknowledged 0 of 1") && page.contains(&reference), "{page}");
        let before = alerts(&hub);
        hub.advance(days(80));
        assert_eq!((hub.run_out().await, alerts(&hub)), (1, before + 4), "a quarter after the last");
    }

    async fn an_exercise_that_was_withdrawn_does_not_count_and_a_test_never_does(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        let since = exercises(&hub, &officer).await["schedule"]["since"].clone();
        hub.advance(days(10));
        let mut test = drill();
        test["kind"] = json!("test");
        hub.file_this(&officer, &test).await;
        let reference = drilled(&hub, &officer).await;
        assert_eq!(exercises(&hub, &officer).await["schedule"]["last"], json!(reference));
        hub.withdraw(&officer, &reference).await;
        let listed = exercises(&hub, &officer).await;
        assert_eq!((&listed["schedule"]["since"], listed["schedule"].get("last")), (&since, None));
        assert_eq!((&listed["exercises"][0]["withdrawn"], listed["exercises"].as_array().map(Vec::len)), (&json!(true), Some(1)));
    }

    async fn a_draft_of_an_exercise_is_no_suspicion_that_ages(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.post("/api/v1/drafts", &officer.key, &drill()).await.expect(201);
        hub.advance(hours(30));
        assert_eq!(hub.run_out().await, 0);
        let listed = hub.get("/api/v1/drafts", &officer.key).await.expect(200).json();
        assert_eq!((listed["drafts"][0].get("ceiling_at"), &listed["drafts"][0]["past_ceiling"]), (None, &json!(false)));
    }

    async fn an_exercise_is_closed_like_any_incident(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let reference = drilled(&hub, &officer).await;
        hub.stamp(&bank).await.expect(200);
        let mut last = final_report("closed");
        last["kind"] = json!("exercise");
        hub.post(&format!("/api/v1/incidents/{reference}/revisions"), &officer.key, &last).await.expect(201);
        let listed = exercises(&hub, &officer).await;
        assert_eq!((&listed["exercises"][0]["status"], &listed["exercises"][0]["open"]), (&json!("closed"), &json!([])));
    }
}
