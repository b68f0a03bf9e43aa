//! Service levels in a real browser: from the figures to one bank's.

use super::{becomes_true, click, page, scene, shows};
use crate::support::chromium::Chromium;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_auditor_looks_at_one_banks_service_levels() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let auditor = scene.hub.person("auditor", None).await;
    scene.sign_in(&browser, &auditor).await;
    shows(&browser, "day-slider").await;
    let opened = browser.client.goto(&scene.url("/figures")).await;
    opened.expect("it opens");
    click(&browser, "main a[href='/service-levels']").await;
    becomes_true(
        &browser,
        "return document.querySelectorAll(\"section[aria-labelledby='banks'] tbody tr\").length === 12",
    )
    .await;
    click(&browser, "select[name='bank'] option[value='B003']").await;
    click(&browser, "form.filters button[type=submit]").await;
    becomes_true(
        &browser,
        "return location.search.includes('bank=B003')
            && [...document.querySelectorAll(\"section[aria-labelledby='banks'] tbody tr\")].map(row => row.cells[0].textContent.includes('B003')).join() === 'true'",
    )
    .await;
    let pages = [
        page("levels", "/service-levels"),
        page("levels-bank", "/service-levels?bank=B003"),
        page("levels-nothing", "/service-levels?from=2001-01&to=2001-02"),
    ];
    scene.look_at(&browser, "auditor", &pages).await;
    let mut complaints = Vec::new();
    let url = scene.url("/service-levels");
    browser
        .look_on_paper(&url, "auditor-levels.en", &mut complaints)
        .await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
