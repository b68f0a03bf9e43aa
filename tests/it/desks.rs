//! Each desk in a real browser, in both languages: the main act by clicking and typing, and then every page
//! in both themes and at three widths, with axe-core and a picture in `target/screens/`.

mod levels;
mod worklists;

use crate::journeys::mail::NO_RELAY;
use crate::journeys::recovery;
use crate::journeys::steps::{filing_with, further, text, withdrawal};
use crate::support::browser::{PASSWORD, code, give_credential};
use crate::support::chromium::Chromium;
use crate::support::hub::{Bank, On, Person, TestHub};
use fantoccini::Locator;
use kairan::actions::log_refuses;
use kairan::domain::id::Uid;
use kairan::domain::mail_id;
use kairan::storage::delivery;
use std::time::Duration;

/// A hub with something to look at: twelve banks, two of them silent, one that is down, an incident in two
/// revisions, and what the banks did.
struct Scene {
    hub: TestHub,
    banks: Vec<Bank>,
    reference: String,
    officer: Person,
}

async fn scene() -> Scene {
    scene_with("").await
}

/// The same with more in the hub's settings.
async fn scene_with(more: &str) -> Scene {
    let hub = TestHub::start_with(On::Sqlite, more).await;
    let officer = hub.officer().await;
    let mut banks = Vec::new();
    for number in 1..=12 {
        banks.push(hub.bank(&format!("B{number:03}")).await);
    }
    banks[11]
        .receiver
        .answer(crate::support::receiver::Answer::Status(410));
    let filed = hub.file(&officer).await;
    hub.deliver_due().await;
    let reference = text(&filed, "reference").to_owned();
    for bank in &banks[2..9] {
        hub.stamp(bank).await.expect(200);
    }
    hub.respond(&banks[3], &["suspended_new_links"], "peers_named")
        .await
        .expect(201);
    hub.respond(
        &banks[4],
        &["suspended_new_links", "contacted_customers"],
        "peers_anonymous",
    )
    .await
    .expect(201);
    let path = format!("/api/v1/incidents/{reference}/revisions");
    hub.post(&path, &officer.key, &further()).await.expect(201);
    hub.deliver_due().await;
    hub.stamp(&banks[5]).await.expect(200);
    hub.advance(Duration::from_secs(6 * 3_600));
    hub.chase_due().await;
    hub.deliver_due().await;
    Scene {
        hub,
        banks,
        reference,
        officer,
    }
}

impl Scene {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.hub.url)
    }

    /// The as-of page of B003, so long before now by the clock on an auditor's wall.
    fn as_of(&self, ago: Duration) -> String {
        let there = self.hub.local_minute_before(ago);
        format!("/as-of?bank=B003&at={there}")
    }

    /// The id of the first thing of a list that the register has of B001.
    async fn first_of(&self, administrator: &Person, list: &str) -> String {
        let path = format!("/api/v1/banks/B001/{list}");
        let listed = self.hub.get(&path, &administrator.key).await;
        text(&listed.expect(200).json()[list][0], "id").to_owned()
    }

    /// Types into the sign-in form.
    async fn sign_in(&self, browser: &Chromium, person: &Person) {
        give_credential(&self.hub, person.id).await;
        let page = &browser.client;
        page.goto(&self.url("/sign-in")).await.expect("it opens");
        let (email, code) = (person.email(), code(&self.hub));
        for (name, value) in [
            ("email", email.as_str()),
            ("password", PASSWORD),
            ("code", code.as_str()),
        ] {
            typed(browser, name, value).await;
        }
        click(browser, "main form button[type=submit]").await;
    }

    /// Looks at pages in both languages, changing over by the button at the top.
    async fn look_at(&self, browser: &Chromium, desk: &str, pages: &[(&str, String)]) {
        let mut complaints = Vec::new();
        for (language, other) in [("en", "ja"), ("ja", "en")] {
            for (name, path) in pages {
                let name = format!("{desk}-{name}.{language}");
                browser.look(&self.url(path), &name, &mut complaints).await;
            }
            click(browser, "header form[action='/account/language'] button").await;
            // Else it would arrive on top of the page that is opened next.
            shows(browser, &format!("<html lang=\"{other}\"")).await;
        }
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

async fn typed(browser: &Chromium, name: &str, value: &str) {
    let selector = format!("main [name='{name}']");
    let field = browser.client.find(Locator::Css(&selector)).await;
    let field = field.unwrap_or_else(|fault| panic!("no field {name}: {fault}"));
    field.clear().await.expect("cleared");
    field.send_keys(value).await.expect("typed");
}

async fn click(browser: &Chromium, selector: &str) {
    let wait = browser.client.wait().at_most(Duration::from_secs(20));
    let found = wait.for_element(Locator::Css(selector)).await;
    let found = found.unwrap_or_else(|fault| panic!("nothing at {selector}: {fault}"));
    let here = serde_json::to_value(&found).expect("an element");
    let scroll = "arguments[0].scrollIntoView({ block: 'center' })";
    browser
        .client
        .execute(scroll, vec![here])
        .await
        .expect("scrolled");
    found.click().await.expect("clicked");
}

/// Waits until the page says so: a click returns before what it leads to is there.
async fn shows(browser: &Chromium, words: &str) {
    let mut page = String::new();
    for _ in 0..100 {
        page = browser.client.source().await.expect("a page");
        if page.contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{words:?} is not on the page:\n{page}");
}

fn page(name: &'static str, path: impl Into<String>) -> (&'static str, String) {
    (name, path.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bank_finds_its_notice_confirms_it_and_says_what_it_did() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let head = scene
        .hub
        .person("bank_administrator", Some(scene.banks[0].id))
        .await;
    let administrator = scene.hub.administrator().await;
    let contact = scene.first_of(&administrator, "contacts").await;
    let endpoint = scene.first_of(&administrator, "endpoints").await;
    let rotated = format!("/api/v1/own/endpoints/{endpoint}/secret");
    scene
        .hub
        .post(&rotated, &head.key, &serde_json::json!({}))
        .await
        .expect(201);
    let path = "/api/v1/banks/B001/test-notice";
    scene
        .hub
        .post(path, &administrator.key, &serde_json::json!({}))
        .await
        .expect(202);
    scene.hub.deliver_due().await;
    scene.sign_in(&browser, &head).await;
    click(&browser, "main a[href^='/inbox/']").await;
    shows(&browser, "Whom do we call?").await;
    let path = browser
        .client
        .current_url()
        .await
        .expect("an address")
        .path()
        .to_owned();
    let pages = [
        page("inbox", "/inbox"),
        page("notice", &path),
        page("channels", "/own"),
        page("channel-contact", format!("/own/contacts/{contact}")),
        page("channel-endpoint", format!("/own/endpoints/{endpoint}")),
        page("deliveries", "/own/deliveries"),
        page("account", "/account"),
    ];
    scene.look_at(&browser, "bank", &pages).await;
    browser
        .client
        .goto(&scene.url(&path))
        .await
        .expect("it opens");
    typed(&browser, "role", "Duty officer").await;
    click(
        &browser,
        "form[action$='/acknowledgement'] button[type=submit]",
    )
    .await;
    shows(&browser, "Receipt is confirmed").await;
    click(&browser, "input[name='codes'][value='suspended_new_links']").await;
    click(&browser, "input[name='share'][value='peers_named']").await;
    click(&browser, "form[action$='/responses'] button[type=submit]").await;
    shows(&browser, "What you did is on record").await;
    assert_eq!(
        scene.hub.newest(&scene.banks[0]).await["level"],
        "responded"
    );
    scene
        .look_at(&browser, "bank", &[page("notice-done", &path)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_sees_what_is_late_and_files_in_one_form() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "B001").await;
    let home = [page("home", "/home")];
    scene.look_at(&browser, "officer", &home).await;
    let incident = format!("/incidents/{}", scene.reference);
    let asked = format!("/api/v1{incident}/withdrawal");
    let (hub, key) = (&scene.hub, &scene.officer.key);
    let draft = serde_json::json!({ "title": { "ja": "調査中の不正チャージ", "en": "Under inquiry" },
        "typology": ["pin_spraying"], "amount_lost": { "minor": "900000", "currency": "JPY", "estimate": true },
        "countermeasures": [{ "code": "suspend_new_links", "scope": "affected_banks", "taken_at": "2019-05-16T17:45:00+09:00" }] });
    let draft = hub.post("/api/v1/drafts", key, &draft).await.expect(201);
    let draft = text(&draft.json(), "id").to_owned();
    hub.advance(Duration::from_secs(26 * 3_600));
    let whole = serde_json::json!({ "change_summary": { "ja": "被害額を更新した。", "en": "The loss was updated." }, "determination": "confirmed",
        "amount_lost": { "minor": "2450000", "currency": "JPY", "estimate": true }, "typology": ["pin_spraying", "credential_stuffing"],
        "description": { "ja": "三行の口座で確認した。", "en": "Seen at accounts of three banks." } });
    let revisions = format!("/api/v1{incident}/revisions");
    hub.post(&revisions, key, &filing_with(&whole))
        .await
        .expect(201);
    hub.deliver_due().await;
    for bank in &scene.banks[1..8] {
        hub.stamp(bank).await.expect(200);
    }
    hub.post(&asked, key, &withdrawal()).await.expect(202);
    scene.sign_in(&browser, &scene.officer).await;
    let pages = [
        page("incident", &incident),
        page("file", "/incidents/new"),
        page("revise", format!("{incident}/revise")),
        page("drafts", "/drafts"),
        page("draft", format!("/drafts/{draft}")),
        page("draft-form", format!("/incidents/new?draft={draft}")),
    ];
    scene.look_at(&browser, "officer", &pages).await;
    browser
        .client
        .goto(&scene.url("/incidents/new"))
        .await
        .expect("it opens");
    for (name, value) in [
        ("title_ja", "連携口座からの不正チャージ"),
        ("title_en", "Fraudulent top-ups"),
        ("description_ja", "複数の口座で確認。"),
        ("description_en", "Seen at several accounts."),
    ] {
        typed(&browser, name, value).await;
    }
    click(&browser, "input[name='typology'][value='pin_spraying']").await;
    click(&browser, "input[name='auth_exploited'][value='unknown']").await;
    // The operator's people stand there as the incident before named them.
    shows(&browser, "suzuki@operator.example").await;
    let mut complaints = Vec::new();
    click(&browser, "#f-operator_contacts summary").await;
    typed(&browser, "operator_contacts_1_phone", "by carrier pigeon").await;
    click(&browser, "main button[name='act'][value='preview']").await;
    shows(&browser, "Write a telephone number like").await;
    browser
        .look_here("officer-file-faults.en", &mut complaints)
        .await;
    typed(&browser, "operator_contacts_1_phone", "+81 3-0000-0002").await;
    click(&browser, "main button[name='act'][value='preview']").await;
    shows(&browser, "What Bank B001 will be told").await;
    browser
        .look_here("officer-preview.en", &mut complaints)
        .await;
    click(&browser, "select[name='lang_shown'] option[value='ja']").await;
    click(&browser, "main button[name='act'][value='preview']").await;
    shows(&browser, "当行のお客様に関係しますか").await;
    browser
        .look_here("officer-preview-in-japanese.en", &mut complaints)
        .await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    click(&browser, "main button[name='act'][value='issue']").await;
    shows(&browser, "Every partner bank is being told").await;
    assert_eq!(scene.hub.inbox(&scene.banks[0]).await.len(), 4);
}

/// Waits until a script says so.
async fn becomes_true(browser: &Chromium, script: &str) {
    for _ in 0..100 {
        let now = browser.client.execute(script, Vec::new()).await;
        if now.expect("it runs") == true {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it never became true: {script}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_watches_a_stamp_arrive_until_the_session_ends() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    scene.sign_in(&browser, &scene.officer).await;
    shows(&browser, "B001").await;
    for path in [
        "/home".to_owned(),
        format!("/incidents/{}", scene.reference),
    ] {
        browser
            .client
            .goto(&scene.url(&path))
            .await
            .expect("it opens");
        becomes_true(&browser, "return !document.querySelector('.live-on').hidden && !document.querySelector('[data-live-state]').hidden").await;
        // What would be gone if the page were loaded anew; and where the reader is.
        let mark =
            "window.same = true; document.querySelector('.stamp[href]').focus(); return true";
        becomes_true(&browser, mark).await;
        let bank = &scene.banks[if path == "/home" { 0 } else { 1 }];
        let stamped = format!(
            "return window.same && document.activeElement.matches('.stamp') && [...document.querySelectorAll('.stamp.level-acknowledged')]
                .some(stamp => stamp.textContent.includes('{}'))",
            bank.code
        );
        let before = browser
            .client
            .execute(&stamped, Vec::new())
            .await
            .expect("it runs");
        assert_eq!(before, false, "{path}");
        scene.hub.stamp(bank).await.expect(200);
        becomes_true(&browser, &stamped).await;
    }
    scene.hub.advance(Duration::from_secs(16 * 60));
    becomes_true(
        &browser,
        "return window.same && !document.querySelector('.live-off').hidden",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_auditor_goes_from_the_matrix_to_the_evidence() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let auditor = scene.hub.person("auditor", None).await;
    assert!(scene.hub.self_check().await);
    scene.sign_in(&browser, &auditor).await;
    click(&browser, "main td a[href^='/evidence/']").await;
    shows(&browser, "incident.registered").await;
    let path = browser
        .client
        .current_url()
        .await
        .expect("an address")
        .path()
        .to_owned();
    let pages = [
        page("matrix", "/matrix"),
        page("evidence", &path),
        page("deliveries", "/deliveries"),
        page("as-of", scene.as_of(Duration::ZERO)),
        page("figures", "/figures"),
        page("check", "/check"),
        page("approvals", "/approvals"),
        page(
            "completeness",
            format!("/evidence/incidents/{}", scene.reference),
        ),
        page(
            "completeness-first",
            format!("/evidence/incidents/{}?revision=1", scene.reference),
        ),
        page("as-of-then", scene.as_of(Duration::from_secs(3_600))),
    ];
    scene.look_at(&browser, "auditor", &pages).await;
    let mut complaints = Vec::new();
    for language in ["en", "ja"] {
        for (name, path) in [&pages[1], &pages[3], &pages[4], &pages[5]] {
            let name = format!("auditor-{name}.{language}");
            browser
                .look_on_paper(&scene.url(path), &name, &mut complaints)
                .await;
        }
        browser
            .client
            .goto(&scene.url("/check"))
            .await
            .expect("it opens");
        click(&browser, "header form[action='/account/language'] button").await;
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    scene
        .hub
        .act(|tx| log_refuses::refuses(tx, "tampered"))
        .await;
    scene.hub.file(&scene.officer).await;
    let refusing = [
        page("check-refusing", "/check"),
        page(
            "completeness-refusing",
            "/evidence/incidents/INC-2019-0002".replace("2019", &scene.reference[4..8]),
        ),
    ];
    scene.look_at(&browser, "auditor", &refusing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_officer_is_told_that_no_mail_goes_out() {
    let (scene, browser) = (scene_with(NO_RELAY).await, Chromium::start().await);
    scene.sign_in(&browser, &scene.officer).await;
    let home = [("home-mails-wait", "/home".to_owned())];
    scene.look_at(&browser, "officer", &home).await;
    shows(&browser, "class=\"amiss\"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_auditor_slides_through_the_days_with_the_arrow_keys() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let auditor = scene.hub.person("auditor", None).await;
    scene.hub.advance(Duration::from_secs(3 * 86_400));
    scene.sign_in(&browser, &auditor).await;
    shows(&browser, "day-slider").await;
    let page = &browser.client;
    let today = page
        .execute("return document.getElementById('day').value", Vec::new())
        .await;
    let today = today.expect("it runs").as_str().expect("a day").to_owned();
    let slider = page
        .find(Locator::Css("#day-slider"))
        .await
        .expect("a slider");
    slider
        .send_keys("\u{E012}\u{E012}")
        .await
        .expect("two days back");
    let slid = format!(
        "const field = document.getElementById('day'), slider = document.getElementById('day-slider');
        return location.search === '?day=' + field.value && document.activeElement === slider
            && (Date.parse('{today}') - Date.parse(field.value)) / 86400000 === 2 && slider.getAttribute('aria-valuetext').includes('20')"
    );
    becomes_true(&browser, &slid).await;
    let pages = [("matrix-slid", "/matrix".to_owned())];
    scene.look_at(&browser, "auditor", &pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_administrator_keeps_the_register_and_invites_people() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let administrator = scene.hub.person("administrator", None).await;
    let asking = scene.hub.administrator().await;
    let reason = serde_json::json!({ "reason": "lost the telephone; called back at the number of the register" });
    let lost = format!("/api/v1/people/{}/recovery", scene.officer.id);
    scene
        .hub
        .post(&lost, &asking.key, &reason)
        .await
        .expect(202);
    let moved = serde_json::json!({ "endpoint": { "url": scene.banks[0].receiver.url("/moved") }, "reason": "asked by telephone" });
    let path = "/api/v1/banks/B001/endpoints";
    scene.hub.post(path, &asking.key, &moved).await.expect(202);
    let contact = scene.first_of(&asking, "contacts").await;
    let endpoint = scene.first_of(&asking, "endpoints").await;
    let key = scene.first_of(&asking, "keys").await;
    scene.sign_in(&browser, &administrator).await;
    shows(&browser, "B012").await;
    let pages = [
        page("register", "/register"),
        page("bank", "/register/B001"),
        page("bank-profile", "/register/B001/profile"),
        page("bank-contact", format!("/register/B001/contacts/{contact}")),
        page(
            "bank-endpoint",
            format!("/register/B001/endpoints/{endpoint}"),
        ),
        page("bank-key", format!("/register/B001/keys/{key}")),
        page("confirm", "/account/confirm?next=/people"),
        page("import", "/register/import"),
        page("people", "/people"),
        page("approvals", "/approvals"),
    ];
    scene.look_at(&browser, "administrator", &pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_not_signed_in_meets_a_page_that_says_what_to_do() {
    let (scene, browser) = (scene().await, Chromium::start().await);
    let administrator = scene.hub.person("administrator", None).await;
    let invited = serde_json::json!({ "name": "小林 翼", "email": "kobayashi@people.example", "roles": ["auditor"], "language": "ja" });
    let made = scene
        .hub
        .post("/api/v1/invitations", &administrator.key, &invited)
        .await
        .expect(201)
        .json();
    let token = text(&made, "link")
        .rsplit('/')
        .next()
        .expect("a token")
        .to_owned();
    let notice: Uid = text(&scene.hub.newest(&scene.banks[0]).await, "notice")
        .parse()
        .expect("an id");
    let link = scene.hub.act(move |tx| {
        let mails = delivery::of_notice(tx, notice)?;
        let mail = mails
            .iter()
            .find(|row| row.channel == "email")
            .expect("a mail");
        Ok(mail_id::link_token(
            tx.vault().keys().mail.as_slice(),
            &mail.id,
        ))
    });
    let link = link.await;
    let recovery = recovery::link(&scene.hub, &scene.officer).await;
    let mut complaints = Vec::new();
    for language in ["en", "ja"] {
        for (name, path) in [
            ("sign-in", "/sign-in".to_owned()),
            ("invitation", format!("/invitations/{token}")),
            ("recovery", format!("/recoveries/{recovery}")),
            ("link", format!("/n/{link}")),
        ] {
            let url = scene.url(&format!("{path}?lang={language}"));
            browser
                .look(&url, &format!("public-{name}.{language}"), &mut complaints)
                .await;
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
