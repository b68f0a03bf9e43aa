//! What waits for somebody: a bank's report, a question, a deferral, a call, a draft. Each is filled in, sent off and
//! seen to be gone.

use super::{Scene, becomes_true, click, page, scene, shows, typed};
use crate::journeys::steps::{filing_with, text};
use crate::support::chromium::Chromium;
use crate::support::hub::{On, TestHub};
use fantoccini::Locator;
use serde_json::json;
use std::time::Duration;

/// A hub with three banks that were told of one incident.
async fn small_scene() -> Scene {
    let hub = TestHub::start(On::Sqlite).await;
    let officer = hub.officer().await;
    let banks = vec![
        hub.bank("B001").await,
        hub.bank("B002").await,
        hub.bank("B003").await,
    ];
    let filed = hub.file(&officer).await;
    hub.deliver_due().await;
    Scene {
        reference: text(&filed, "reference").to_owned(),
        hub,
        banks,
        officer,
    }
}

/// Where the browser is.
async fn here(browser: &Chromium) -> String {
    let url = browser.client.current_url().await.expect("an address");
    url.path().to_owned()
}

async fn open(scene: &Scene, browser: &Chromium, path: &str) {
    let opened = browser.client.goto(&scene.url(path)).await;
    opened.expect("it opens");
}

async fn count(browser: &Chromium, selector: &str) -> usize {
    let found = browser.client.find_all(Locator::Css(selector)).await;
    found.expect("it looks").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bank_reports_what_it_saw_and_watches_the_operators_clock() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    let member = scene
        .hub
        .person("bank_member", Some(scene.banks[1].id))
        .await;
    scene.sign_in(&browser, &member).await;
    shows(&browser, "/inbox/").await;
    scene
        .look_at(&browser, "bank", &[page("reports-none", "/reports")])
        .await;
    open(&scene, &browser, "/reports").await;
    typed(&browser, "title_en", "Top-ups that nobody made").await;
    typed(
        &browser,
        "description_en",
        "From account 12345678, at night.",
    )
    .await;
    click(&browser, "input[name='typology'][value='pin_spraying']").await;
    typed(&browser, "victims", "two").await;
    click(&browser, "main form.wide button[type=submit]").await;
    shows(&browser, "e-victims").await;
    let mut complaints = Vec::new();
    browser
        .look_here("bank-reports-faults.en", &mut complaints)
        .await;
    typed(&browser, "victims", "2").await;
    click(&browser, "main form.wide button[type=submit]").await;
    shows(&browser, "A long run of digits").await;
    browser
        .look_here("bank-reports-warned.en", &mut complaints)
        .await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    typed(&browser, "description_en", "Small amounts, at night.").await;
    click(&browser, "main form.wide button[type=submit]").await;
    shows(&browser, "The operator’s clock runs").await;
    shows(&browser, "kairan-receipt/v1").await;
    let report = here(&browser).await;
    let pages = [page("reports", "/reports"), page("report", &report)];
    scene.look_at(&browser, "bank", &pages).await;
    let id = report.rsplit('/').next().expect("an id");
    let path = format!("/api/v1/reports/{id}/rejection");
    let reason = serde_json::json!({ "reason": "They were genuine." });
    scene
        .hub
        .post(&path, &scene.officer.key, &reason)
        .await
        .expect(204);
    let pages = [page("report-answered", &report)];
    scene.look_at(&browser, "bank", &pages).await;
    open(&scene, &browser, &report).await;
    shows(&browser, "They were genuine.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_answers_what_banks_report() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    let first = scene.hub.report(&scene.banks[0]).await;
    scene.hub.advance(Duration::from_secs(5 * 3_600));
    scene.hub.report(&scene.banks[1]).await;
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "/bank-reports/").await;
    let late = format!("/bank-reports/{}", text(&first, "id"));
    let pages = [
        page("bank-reports", "/bank-reports"),
        page("bank-report", &late),
    ];
    scene.look_at(&browser, "officer", &pages).await;
    open(&scene, &browser, "/bank-reports").await;
    assert_eq!(
        count(&browser, "main th a[href^='/bank-reports/']").await,
        2
    );
    click(&browser, &format!("main a[href='{late}']")).await;
    shows(&browser, "answer late by").await;
    click(&browser, "main details.fold summary").await;
    typed(&browser, "reason", "The customers had agreed to them.").await;
    click(&browser, "form[action$='/rejection'] button").await;
    shows(&browser, "It is not an incident. The reason:").await;
    open(&scene, &browser, "/bank-reports").await;
    click(&browser, "section[aria-labelledby='waiting'] th a").await;
    shows(&browser, "Customers report top-ups").await;
    click(&browser, "form[action$='/draft'] button").await;
    shows(&browser, "name=\"operator_contacts_1_phone\"").await;
    let from_report =
        "return document.querySelector(\"[name='title_en']\").value.startsWith('Customers report')";
    becomes_true(&browser, from_report).await;
    let pages = [
        page("bank-reports-answered", "/bank-reports"),
        page("bank-report-answered", &late),
    ];
    scene.look_at(&browser, "officer", &pages).await;
    let own = scene
        .hub
        .own_report(&scene.banks[0], text(&first, "id"))
        .await;
    assert_eq!(own["reason"], "The customers had agreed to them.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_sends_out_what_was_held_back() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    scene.hub.hold_back(&scene.officer).await;
    scene.hub.hold_back(&scene.officer).await;
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "/deferrals").await;
    let pages = [page("deferrals", "/deferrals")];
    scene.look_at(&browser, "officer", &pages).await;
    open(&scene, &browser, "/deferrals").await;
    assert_eq!(count(&browser, "form[action$='/lifting']").await, 2);
    assert_eq!(scene.hub.inbox(&scene.banks[0]).await.len(), 1);
    click(&browser, "form[action$='/lifting'] button").await;
    shows(&browser, "Every partner bank is being told").await;
    assert_eq!(scene.hub.inbox(&scene.banks[0]).await.len(), 2);
    open(&scene, &browser, "/deferrals").await;
    assert_eq!(count(&browser, "form[action$='/lifting']").await, 1);
    let pages = [page("deferrals-ended", "/deferrals")];
    scene.look_at(&browser, "officer", &pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_answers_what_a_bank_asks() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    for (bank, code) in [(0, "information_request"), (1, "disputes_notice")] {
        scene.hub.stamp(&scene.banks[bank]).await.expect(200);
        let asking = &scene.banks[bank];
        scene
            .hub
            .respond(asking, &[code], "operator")
            .await
            .expect(201);
    }
    scene.hub.advance(Duration::from_secs(25 * 3_600));
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "/questions").await;
    let pages = [page("questions", "/questions")];
    scene.look_at(&browser, "officer", &pages).await;
    open(&scene, &browser, "/questions").await;
    assert_eq!(count(&browser, "main form[action$='/answer']").await, 2);
    typed(
        &browser,
        "text",
        "Thirty accounts, all linked with the PIN alone.",
    )
    .await;
    click(&browser, "main form[action$='/answer'] button").await;
    shows(&browser, "Sent. The delivery log shows").await;
    assert_eq!(count(&browser, "main form[action$='/answer']").await, 1);
    typed(&browser, "text", "Thank you: the next revision says so.").await;
    click(&browser, "main form[action$='/answer'] button").await;
    shows(&browser, "No bank waits for an answer.").await;
    let pages = [page("questions-none", "/questions")];
    scene.look_at(&browser, "officer", &pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_calls_each_late_bank_once_and_writes_it_down() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let incident = format!("/incidents/{}", scene.reference);
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "B001").await;
    open(&scene, &browser, &incident).await;
    // One of twelve has confirmed the newest; five were late on the one before as well.
    assert_eq!(count(&browser, "main a[href*='/calls/']").await, 11);
    shows(&browser, "also of No. 1").await;
    click(&browser, "main a[href*='/calls/']").await;
    shows(&browser, "Your number of this notice is 2").await;
    let call = here(&browser).await;
    let pages = [page("call", &call)];
    scene.look_at(&browser, "officer", &pages).await;
    open(&scene, &browser, &call).await;
    click(&browser, "form[action$='/claim'] button").await;
    shows(&browser, "You have taken this call.").await;
    let mut complaints = Vec::new();
    browser
        .look_here("officer-call-taken.en", &mut complaints)
        .await;
    typed(&browser, "person", "田中 実").await;
    typed(&browser, "role", "当直").await;
    typed(&browser, "read_back", "1").await;
    click(&browser, "main form.wide button[type=submit]").await;
    shows(&browser, "e-read_back").await;
    browser
        .look_here("officer-call-faults.en", &mut complaints)
        .await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    typed(&browser, "read_back", "2").await;
    click(&browser, "main form.wide button[type=submit]").await;
    shows(&browser, "Asked for. It waits for a second person.").await;
    shows(&browser, "田中 実").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_begins_a_draft_and_discards_it_with_a_reason() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "B001").await;
    let none = [page("drafts-none", "/drafts")];
    scene.look_at(&browser, "officer", &none).await;
    open(&scene, &browser, "/incidents/new").await;
    typed(&browser, "title_en", "Perhaps nothing").await;
    click(&browser, "main button[name='act'][value='draft']").await;
    shows(&browser, "Saved.").await;
    open(&scene, &browser, "/drafts").await;
    click(&browser, "main th a[href^='/drafts/']").await;
    shows(&browser, "Discard the draft").await;
    let draft = here(&browser).await;
    click(&browser, "main details.fold summary").await;
    typed(&browser, "reason", "The customer had forgotten it.").await;
    click(&browser, "form[action$='/discard'] button").await;
    shows(&browser, "The customer had forgotten it.").await;
    let pages = [page("drafts-ended", "/drafts"), page("draft-ended", &draft)];
    scene.look_at(&browser, "officer", &pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_and_an_auditor_see_how_an_exercise_went() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    let drill = filing_with(&json!({ "kind": "exercise" }));
    let filed = scene.hub.file_this(&scene.officer, &drill).await;
    scene.hub.deliver_due().await;
    scene.hub.stamp(&scene.banks[1]).await.expect(200);
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "/exercises").await;
    let incident = format!("/incidents/{}", text(&filed, "reference"));
    let pages = [
        page("exercises", "/exercises"),
        page("exercise", &incident),
        page("home-exercise", "/home"),
    ];
    scene.look_at(&browser, "officer", &pages).await;
    open(&scene, &browser, "/exercises").await;
    becomes_true(
        &browser,
        "return document.querySelector('main').textContent.includes('1/3')",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bank_sees_that_an_exercise_is_one() {
    let (scene, browser) = (small_scene().await, Chromium::start().await);
    let drill = filing_with(&json!({ "kind": "exercise" }));
    scene.hub.file_this(&scene.officer, &drill).await;
    scene.hub.deliver_due().await;
    let member = scene
        .hub
        .person("bank_member", Some(scene.banks[0].id))
        .await;
    scene.sign_in(&browser, &member).await;
    shows(&browser, "/inbox").await;
    let notice = scene.hub.newest(&scene.banks[0]).await;
    let path = format!("/inbox/{}", text(&notice, "notice"));
    let pages = [
        page("inbox-exercise", "/inbox"),
        page("notice-exercise", &path),
    ];
    scene.look_at(&browser, "bank", &pages).await;
}
