//! A filing that is gone on with in the form: of a revision, of a draft, of a bank's report. Whatever the officer did not
//! touch is told again as it was.

use super::pages::seated;
use super::steps::text;
use crate::support::browser::{Browser, form_fields};
use crate::support::ground::report;
use crate::support::hub::{Person, Reply, TestHub};
use kairan::actions::reopen_revision::{Reopened, reopen};
use kairan::domain::incident::Filing;
use kairan::storage::incident;
use serde_json::{Value, json};

/// What the hub writes, and what every revision says of itself alone.
const OWN: [&str; 7] = [
    "incident",
    "revision",
    "supersedes",
    "accepted_at",
    "source",
    "change_summary",
    "late_reason",
];

/// A filing with every field set, much of it in a way that the form does not show.
fn rich(related: &str) -> Value {
    let rich = include_str!("../../filings/rich.json");
    let mut filing: Value = serde_json::from_str(rich).expect("a filing");
    filing["related_incidents"] = json!([related]);
    filing
}

/// The same where it stands alone, of one bank.
fn rich_alone() -> Value {
    let mut filing = rich("INC-2019-0001");
    filing["related_incidents"] = json!([]);
    filing["affected_banks"] = json!(["B001"]);
    filing["services"] = json!([{ "bank": "B001", "new_links": "suspended" }]);
    filing
}

/// Three banks, and the reference of an incident that others may name.
async fn related(hub: &TestHub, officer: &Person) -> String {
    for code in ["B001", "B002", "B003"] {
        hub.bank(code).await;
    }
    text(&hub.file(officer).await, "reference").to_owned()
}

/// Opens the form at `page` and sends it as it stands, but for these fields.
async fn send(
    hub: &TestHub,
    desk: &Browser,
    page: &str,
    action: &str,
    typed: &[(&str, &str)],
) -> Reply {
    let html = desk.page(hub, page).await;
    send_form(hub, desk, action, form_fields(&html, action), typed).await
}

async fn send_form(
    hub: &TestHub,
    desk: &Browser,
    action: &str,
    mut form: Vec<(String, String)>,
    typed: &[(&str, &str)],
) -> Reply {
    form.retain(|(name, _)| typed.iter().all(|(typed, _)| name != typed));
    let form = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let form: Vec<(&str, &str)> = form.chain(typed.iter().copied()).collect();
    desk.post(hub, action, &form).await
}

/// What the page of a refused form says.
fn page_of(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// The stored body of a revision, without what is its own.
async fn body(hub: &TestHub, reader: &Person, reference: &str, number: i64) -> Value {
    let path = format!("/api/v1/incidents/{reference}/revisions/{number}");
    let read = hub.get(&path, &reader.key).await.expect(200).json();
    let mut body = read["body"].clone();
    let fields = body.as_object_mut().expect("an object");
    fields.retain(|field, _| !OWN.contains(&field.as_str()));
    body
}

/// The filing of an incident's newest revision, with banks and persons.
async fn reopened(hub: &TestHub, reference: &str) -> Filing {
    let reference = reference.to_owned();
    let said = hub
        .act(move |tx| {
            let known = incident::by_reference(tx, &reference)?.expect("an incident");
            let row = incident::latest_revision(tx, known.id)?.expect("a revision");
            reopen(tx, &row)
        })
        .await;
    let Reopened { filing, unnamed } = said.expect("no withdrawal");
    assert_eq!(unnamed, [""; 0]);
    filing
}

/// Which banks are told that it concerns them.
async fn concerned(hub: &TestHub, reader: &Person, reference: &str) -> Vec<(String, bool)> {
    let board = hub.board(reader, reference).await;
    let cells = board["cells"].as_array().expect("cells");
    let told = cells
        .iter()
        .map(|cell| (text(cell, "bank").to_owned(), cell["concerns_you"] == true));
    told.collect()
}

/// The newest revision names the banks and persons of this filing.
async fn assert_names(hub: &TestHub, reader: &Person, reference: &str, filing: &Value) {
    let said = reopened(hub, reference)
        .await
        .to_json()
        .expect("it is written");
    for field in ["affected_banks", "services", "operator_contacts"] {
        assert_eq!(said[field], filing[field], "{field}");
    }
    let told = concerned(hub, reader, reference).await;
    let expected = [("B001", true), ("B002", true), ("B003", false)];
    assert_eq!(told, expected.map(|(bank, told)| (bank.to_owned(), told)));
}

journeys! {
    async fn a_revision_by_the_form_changes_what_was_changed_in_it_and_nothing_else(hub) {
        let officer = hub.officer().await;
        let filing = rich(&related(&hub, &officer).await);
        let reference = text(&hub.file_this(&officer, &filing).await, "reference").to_owned();
        assert_names(&hub, &officer, &reference, &filing).await;
        let (desk, path) = (seated(&hub, &officer).await, format!("/incidents/{reference}/revise"));
        for zone in ["Asia/Tokyo", "Europe/London"] {
            desk.post(&hub, "/account/zone", &[("zone", zone)]).await.expect(303);
            let typed = [("title_en", zone), ("change_summary_en", "The title."), ("act", "issue")];
            send(&hub, &desk, &path, &path, &typed).await.expect(303);
            let number = if zone == "Asia/Tokyo" { 2 } else { 3 };
            let mut expected = body(&hub, &officer, &reference, 1).await;
            expected["title"]["en"] = json!(zone);
            assert_eq!(body(&hub, &officer, &reference, number).await, expected);
            assert_names(&hub, &officer, &reference, &filing).await;
        }
        let preview = send(&hub, &desk, &path, &path, &[("change_summary_en", "Nothing."), ("act", "preview")]).await;
        let back = form_fields(&page_of(&preview.expect(200)), &path);
        send_form(&hub, &desk, &path, back, &[("act", "issue")]).await.expect(303);
        assert_eq!(body(&hub, &officer, &reference, 4).await, body(&hub, &officer, &reference, 3).await);
    }

    async fn a_draft_that_is_gone_on_with_says_what_it_said(hub) {
        let officer = hub.officer().await;
        let filing = rich(&related(&hub, &officer).await);
        let direct = text(&hub.file_this(&officer, &filing).await, "reference").to_owned();
        let draft = hub.post("/api/v1/drafts", &officer.key, &filing).await.expect(201).json();
        let (id, desk) = (text(&draft, "id"), seated(&hub, &officer).await);
        let (page, action) = (format!("/incidents/new?draft={id}"), "/incidents/new");
        send(&hub, &desk, &page, action, &[("title_en", "Changed"), ("act", "draft")]).await.expect(303);
        let mut expected = filing.clone();
        expected["title"]["en"] = json!("Changed");
        let kept = hub.get(&format!("/api/v1/drafts/{id}"), &officer.key).await.expect(200).json();
        assert_eq!(kept["body"], expected);
        let sent = send(&hub, &desk, &page, action, &[("act", "issue")]).await.expect(303);
        let place = sent.headers["location"].to_str().expect("text").to_owned();
        let reference = place.split(['/', '?']).nth(2).expect("a reference");
        let mut expected = body(&hub, &officer, &direct, 1).await;
        expected["title"]["en"] = json!("Changed");
        assert_eq!(body(&hub, &officer, reference, 1).await, expected);
        assert_names(&hub, &officer, reference, &filing).await;
    }

    async fn what_a_bank_reported_is_what_its_draft_says_after_the_form(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let mut said = report();
        said["amount_lost"] = json!({ "minor": "1250000", "currency": "USD", "estimate": true });
        said["occurred_to"] = json!("unknown");
        said["detected_at"] = json!("2019-05-17T11:00:31+09:00");
        let made = hub.report_this(&bank, &said).await.expect(201).json();
        let begin = format!("/api/v1/reports/{}/draft", text(&made, "id"));
        let begun = hub.post(&begin, &officer.key, &json!({})).await.expect(201).json();
        let (id, desk) = (text(&begun, "id"), seated(&hub, &officer).await);
        let page = format!("/incidents/new?draft={id}");
        send(&hub, &desk, &page, "/incidents/new", &[("act", "draft")]).await.expect(303);
        let kept = hub.get(&format!("/api/v1/drafts/{id}"), &officer.key).await.expect(200).json();
        assert_eq!(kept["body"], begun["body"]);
        assert_eq!(kept["body"]["amount_lost"], said["amount_lost"]);
    }

    async fn a_time_that_no_clock_showed_is_refused_at_its_field_in_the_readers_language(hub) {
        let officer = hub.officer().await;
        hub.bank("B001").await;
        let (desk, path) = (seated(&hub, &officer).await, "/incidents/new");
        desk.post(&hub, "/account/zone", &[("zone", "Europe/London")]).await.expect(303);
        for (language, told) in [("en", "passed over it"), ("ja", "夏時間への切替えで飛ばされた時刻")] {
            desk.post(&hub, "/account/language", &[("language", language)]).await.expect(303);
            let typed = [("detected_at", "2026-03-29T01:30"), ("remedial_actions", "a | b | c | d"), ("act", "issue")];
            let page = page_of(&send(&hub, &desk, path, path, &typed).await.expect(422));
            for shown in [told, "id=\"e-detected_at\"", "id=\"e-remedial_actions\"", "value=\"2026-03-29T01:30\""] {
                assert!(page.contains(shown), "{shown} in {page}");
            }
        }
    }

    async fn a_form_that_another_revision_overtook_undoes_nothing_of_it(hub) {
        let (one, other) = (hub.officer().await, hub.officer().await);
        hub.bank("B001").await;
        let reference = text(&hub.file_this(&one, &rich_alone()).await, "reference").to_owned();
        let path = format!("/incidents/{reference}/revise");
        let (first, second) = (seated(&hub, &one).await, seated(&hub, &other).await);
        let mine = form_fields(&first.page(&hub, &path).await, &path);
        let theirs = form_fields(&second.page(&hub, &path).await, &path);
        let typed = |title| [("title_en", title), ("change_summary_en", "The title."), ("act", "issue")];
        let done = send_form(&hub, &first, &path, mine.clone(), &typed("Mine")).await.expect(303);
        let refused = send_form(&hub, &second, &path, theirs, &typed("Theirs")).await.expect(409);
        assert!(page_of(&refused).contains("Somebody else changed it since you opened it"));
        let again = send_form(&hub, &first, &path, mine, &typed("Mine")).await.expect(303);
        assert_eq!(done.headers["location"], again.headers["location"], "sent twice, issued once");
        let title = body(&hub, &one, &reference, 2).await["title"]["en"].clone();
        assert_eq!(title, "Mine");
        hub.get(&format!("/api/v1/incidents/{reference}/revisions/3"), &one.key).await.expect(404);
    }

    async fn banks_whose_names_are_not_on_record_are_asked_for_and_never_dropped(hub) {
        let officer = hub.officer().await;
        let filing = rich(&related(&hub, &officer).await);
        let reference = text(&hub.file_this(&officer, &filing).await, "reference").to_owned();
        // As a version left it that did not keep them.
        hub.tamper("DELETE FROM sealed_payload WHERE id IN (SELECT id FROM revision)");
        let (desk, path) = (seated(&hub, &officer).await, format!("/incidents/{reference}/revise"));
        let typed = [("change_summary_en", "Nothing."), ("act", "issue")];
        let refused = page_of(&send(&hub, &desk, &path, &path, &typed).await.expect(422));
        assert!(refused.contains("id=\"e-services\"") && refused.contains("names are not on record"), "{refused}");
        assert!(!refused.contains("id=\"e-affected_banks\""), "their notices tell which banks were hit");
        let named = [typed.as_slice(), &[("services", "B001 | suspended | | limited\nB003 | | open")]].concat();
        send(&hub, &desk, &path, &path, &named).await.expect(303);
        assert_eq!(body(&hub, &officer, &reference, 2).await, body(&hub, &officer, &reference, 1).await);
        assert_eq!(concerned(&hub, &officer, &reference).await.iter().filter(|(_, told)| *told).count(), 2);
    }
}
