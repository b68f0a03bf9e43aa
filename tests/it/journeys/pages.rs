//! The desks over HTTP: signing in, every page as everybody, and forms that were not sent from a desk.

use super::steps::{filing_with, further, hours, seconds, text, withdrawal};
use crate::support::browser::{
    Browser, PASSWORD, code, get, give_credential, hidden, post, post_from, shown_secret,
};
use crate::support::ground::filing;
use crate::support::hub::{Person, Reply, TestHub};
use crate::support::receiver::Answer;
use kairan::storage::evidence::acknowledgement_of;
use kairan::storage::payload;
use kairan::vault::totp;
use kairan::web::routes::routes;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Every page and form, and who may: officer, auditor, administrator (d), member, head; `*` = anybody; `+` = only
/// with password and code given a short while ago. Written
/// apart from the hub's own table on purpose; the two are compared.
pub const PAGES: &[(&str, &str, &str)] = &[
    ("GET", "/sign-in", "*"),
    ("POST", "/sign-in", "*"),
    ("GET", "/invitations/{token}", "*"),
    ("POST", "/invitations/{token}", "*"),
    ("GET", "/recoveries/{token}", "*"),
    ("POST", "/recoveries/{token}", "*"),
    ("GET", "/", "oadmh"),
    ("POST", "/sign-out", "oadmh"),
    ("GET", "/account", "oadmh"),
    ("GET", "/account/confirm", "oadmh"),
    ("POST", "/account/confirm", "oadmh"),
    ("POST", "/account/language", "oadmh"),
    ("POST", "/account/zone", "oadmh"),
    ("POST", "/account/password", "oadmh"),
    ("POST", "/account/sessions/end-others", "oadmh"),
    ("POST", "/account/sessions/{id}/end", "oadmh"),
    ("POST", "/account/keys", "oadmh+"),
    ("POST", "/account/keys/{id}/revoke", "oadmh+"),
    ("GET", "/inbox", "mh"),
    ("GET", "/inbox/{id}", "mh"),
    ("GET", "/inbox/{id}/proof", "mh"),
    ("POST", "/inbox/{id}/acknowledgement", "mh"),
    ("POST", "/inbox/{id}/responses", "mh"),
    ("GET", "/reports", "mh"),
    ("POST", "/reports", "mh"),
    ("GET", "/reports/{id}", "mh"),
    ("GET", "/reports/{id}/proof", "mh"),
    ("GET", "/own", "mh"),
    ("GET", "/own/deliveries", "mh"),
    ("POST", "/own/test", "h"),
    ("POST", "/own/contacts", "h"),
    ("GET", "/own/contacts/{id}", "h"),
    ("POST", "/own/contacts/{id}", "h"),
    ("POST", "/own/contacts/{id}/end", "h"),
    ("POST", "/own/endpoints", "h+"),
    ("GET", "/own/endpoints/{id}", "h"),
    ("POST", "/own/endpoints/{id}", "h+"),
    ("POST", "/own/endpoints/{id}/rotate", "h+"),
    ("POST", "/own/endpoints/{id}/challenge", "h"),
    ("POST", "/own/endpoints/{id}/end", "h+"),
    ("POST", "/own/keys", "h+"),
    ("POST", "/own/keys/{id}/revoke", "h+"),
    ("POST", "/own/signing-keys", "h+"),
    ("POST", "/own/signing-keys/{id}/end", "h+"),
    ("GET", "/live", "oa"),
    ("GET", "/home", "o"),
    ("GET", "/incidents/new", "o"),
    ("POST", "/incidents/new", "o"),
    ("GET", "/bank-reports", "oa"),
    ("GET", "/bank-reports/{id}", "oa"),
    ("POST", "/bank-reports/{id}/draft", "o"),
    ("POST", "/bank-reports/{id}/rejection", "o"),
    ("GET", "/exercises", "oa"),
    ("GET", "/questions", "oa"),
    ("POST", "/responses/{id}/answer", "o"),
    ("GET", "/drafts", "oa"),
    ("GET", "/drafts/{id}", "oa"),
    ("GET", "/deferrals", "oa"),
    ("POST", "/deferrals/{id}/lifting", "o"),
    ("POST", "/deferrals/{id}/renewal", "o+"),
    ("POST", "/drafts/{id}/discard", "o"),
    ("GET", "/incidents/{reference}", "oa"),
    ("GET", "/incidents/{reference}/revise", "o"),
    ("POST", "/incidents/{reference}/revise", "o"),
    ("POST", "/incidents/{reference}/withdrawal", "o+"),
    ("POST", "/incidents/{reference}/calls/{id}/claim", "o"),
    ("POST", "/incidents/{reference}/calls/{id}/release", "o"),
    ("GET", "/incidents/{reference}/calls/{id}", "o"),
    ("POST", "/incidents/{reference}/calls/{id}", "o"),
    ("POST", "/incidents/{reference}/notice-closings", "o+"),
    ("POST", "/incidents/{reference}/resends", "o"),
    ("GET", "/matrix", "oa"),
    ("GET", "/evidence/{id}", "oa"),
    ("GET", "/evidence/incidents/{reference}", "oa"),
    ("GET", "/evidence/incidents/{reference}/bundle", "a+"),
    ("GET", "/evidence/incidents/{reference}/pack", "a+"),
    ("GET", "/evidence/banks/{code}/pack", "a+"),
    ("GET", "/deliveries", "oa"),
    ("GET", "/deliveries/export", "oa+"),
    ("GET", "/as-of", "oa"),
    ("GET", "/as-of/certificate", "a+"),
    ("GET", "/figures", "oa"),
    ("GET", "/service-levels", "oa"),
    ("GET", "/service-levels/export", "oa"),
    ("GET", "/check", "oa"),
    ("GET", "/log/checkpoint", "oadmh"),
    ("GET", "/log/tile/entries/{place:.*}", "a"),
    ("GET", "/log/tile/{level}/{place:.*}", "oadmh"),
    ("GET", "/approvals", "oad"),
    ("POST", "/approvals/{id}", "od+"),
    ("GET", "/register", "d"),
    ("POST", "/register", "d"),
    ("GET", "/register/import", "d"),
    ("POST", "/register/import", "d+"),
    ("GET", "/register/{code}", "d"),
    ("GET", "/register/{code}/profile", "d"),
    ("POST", "/register/{code}/profile", "d"),
    ("POST", "/register/{code}/partnership", "d"),
    ("POST", "/register/{code}/ending", "d+"),
    ("POST", "/register/{code}/test", "od"),
    ("POST", "/register/{code}/contacts", "d"),
    ("GET", "/register/{code}/contacts/{id}", "d"),
    ("POST", "/register/{code}/contacts/{id}", "d"),
    ("POST", "/register/{code}/contacts/{id}/end", "d"),
    ("POST", "/register/{code}/endpoints", "d+"),
    ("GET", "/register/{code}/endpoints/{id}", "d"),
    ("POST", "/register/{code}/endpoints/{id}", "d+"),
    ("POST", "/register/{code}/endpoints/{id}/challenge", "d"),
    ("POST", "/register/{code}/endpoints/{id}/end", "d+"),
    ("GET", "/register/{code}/keys/{id}", "d"),
    ("POST", "/register/{code}/keys/{id}", "d+"),
    ("POST", "/register/{code}/keys", "d+"),
    ("GET", "/people", "d"),
    ("POST", "/people/invitations", "d+"),
    ("POST", "/people/{id}/roles", "d+"),
    ("POST", "/people/{id}/recovery", "d+"),
];

/// A form that somebody sends: from where, and what was typed.
type Sent<'f> = (&'f Browser, &'f str, &'f [(&'f str, &'f str)]);

/// The form of a filing as an officer fills it in.
pub fn typed_filing<'k>(key: &'k str, act: &'k str) -> Vec<(&'k str, &'k str)> {
    vec![
        ("idempotency_key", key),
        ("act", act),
        ("title_ja", "連携口座からの不正チャージ"),
        ("description_ja", "複数の口座から覚えのないチャージ。"),
        ("determination", "suspected"),
        ("severity", "high"),
        ("urgency", "immediate"),
        ("tlp", "AMBER"),
        ("kind", "actual"),
        ("phase", "initial"),
        ("incident_status", "open"),
        ("typology", "pin_spraying"),
        ("auth_exploited", "unknown"),
        ("detected_at", "2019-05-16T17:25"),
        ("affected", "unknown"),
        ("late_reason", "試験のため"),
        ("operator_contacts_0_name", "佐藤 花子"),
        ("operator_contacts_0_email", "sato@operator.example"),
        ("operator_contacts_0_phone", "+81 3 0000 0001"),
        ("operator_contacts_0_role", "不正対策室"),
        ("operator_contacts_1_name", "鈴木 健"),
        ("operator_contacts_1_email", "suzuki@operator.example"),
        ("operator_contacts_1_phone", "+81 3 0000 0002"),
        ("operator_contacts_1_role", "当直"),
    ]
}

pub async fn seated(hub: &TestHub, person: &Person) -> Browser {
    give_credential(hub, person.id).await;
    Browser::sign_in(hub, &person.email()).await
}

pub fn place(path: &str, reference: &str) -> String {
    // B001 has a key already, and only the first is made for a bank.
    let path = &path.replace("{code}/keys", "ZZZZ/keys");
    path.replace("{reference}", reference)
        .replace("{id}", "0190b3c0-1c00-7a00-8000-0123456789ab")
        .replace("{code}", "B001")
        .replace("{token}", "AAAA")
        .replace("{level}", "0")
        .replace("{place:.*}", "000")
}

fn html(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// Signs in on the sign-in page that carries a form.
async fn sign_in_with(
    hub: &TestHub,
    browser: &Browser,
    (email, password): (&str, &str),
    next: &str,
    form: &[(&str, &str)],
) -> Reply {
    hub.advance(seconds(30));
    let code = code(hub);
    let mut fields = vec![
        ("email", email),
        ("password", password),
        ("code", &code),
        ("next", next),
    ];
    let carried: Vec<(String, &str)> = form
        .iter()
        .map(|(name, value)| (format!("typed.{name}"), *value))
        .collect();
    fields.extend(carried.iter().map(|(name, value)| (name.as_str(), *value)));
    post(hub, &browser.cookie, "/sign-in", &fields).await
}

#[test]
fn every_page_of_the_hub_stands_in_this_table() {
    let hub: BTreeSet<String> = routes()
        .iter()
        .filter(|route| route.is_page())
        .map(|route| format!("{} {} {}", route.method, route.path, route.confirmed))
        .collect();
    let table: BTreeSet<String> = PAGES
        .iter()
        .map(|(method, path, may)| format!("{method} {path} {}", may.contains('+')))
        .collect();
    assert_eq!(
        hub.symmetric_difference(&table).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

journeys! {
    async fn one_signs_in_with_password_and_code_and_every_failure_reads_the_same(hub) {
        let officer = hub.officer().await;
        give_credential(&hub, officer.id).await;
        let (email, now) = (officer.email(), code(&hub));
        let attempts = [
            [("email", email.as_str()), ("password", "not the password"), ("code", now.as_str())],
            [("email", email.as_str()), ("password", PASSWORD), ("code", "000000")],
            [("email", "nobody@people.example"), ("password", PASSWORD), ("code", now.as_str())],
        ];
        let mut told = BTreeSet::new();
        for fields in &attempts {
            let answer = post(&hub, "", "/sign-in", fields).await.expect(422);
            assert!(!answer.headers.contains_key("set-cookie"));
            told.insert(String::from_utf8_lossy(&answer.body).replace(fields[0].1, ""));
        }
        assert_eq!(told.len(), 1, "a failure tells what was wrong");
        let browser = Browser::sign_in(&hub, &email).await;
        assert!(browser.page(&hub, "/home").await.contains("<h1"));
        browser.post(&hub, "/sign-out", &[]).await.expect(303);
        browser.get(&hub, "/home").await.expect(303);
    }

    async fn a_code_works_once_and_ten_failures_make_an_account_wait(hub) {
        let officer = hub.officer().await;
        give_credential(&hub, officer.id).await;
        let email = officer.email();
        // To the beginning of a time step, so that the code is the same one a moment later.
        let into = u64::try_from(hub.clock.now().seconds() % 30).expect("a time of today");
        hub.advance(seconds(30 - into));
        Browser::sign_in(&hub, &email).await;
        let again = [("email", email.as_str()), ("password", PASSWORD), ("code", &*code(&hub))];
        post(&hub, "", "/sign-in", &again).await.expect(422);
        for _ in 0..9 {
            post(&hub, "", "/sign-in", &[("email", &email), ("password", "wrong"), ("code", "1")]).await.expect(422);
        }
        hub.advance(Duration::from_secs(30));
        let right = [("email", email.as_str()), ("password", PASSWORD), ("code", &*code(&hub))];
        post(&hub, "", "/sign-in", &right).await.expect(422);
        hub.advance(Duration::from_secs(16 * 60));
        Browser::sign_in(&hub, &email).await;
    }

    async fn a_session_ends_by_itself_and_can_be_ended_from_another(hub) {
        let officer = hub.officer().await;
        let first = seated(&hub, &officer).await;
        let second = Browser::sign_in(&hub, &officer.email()).await;
        second.post(&hub, "/account/sessions/end-others", &[]).await.expect(303);
        first.get(&hub, "/home").await.expect(303);
        second.get(&hub, "/home").await.expect(200);
        hub.advance(Duration::from_secs(16 * 60));
        let gone = second.get(&hub, "/home").await.expect(303);
        assert_eq!(gone.headers["location"], "/sign-in?next=%2Fhome");
    }

    async fn every_page_answers_everybody_as_the_table_says(hub) {
        let bank = hub.bank("B001").await;
        let filer = hub.officer().await;
        let filed = hub.file(&filer).await;
        let reference = text(&filed, "reference");
        let mut people = Vec::new();
        for (letter, role, of) in [('o', "officer", None), ('a', "auditor", None), ('d', "administrator", None), ('m', "bank_member", Some(bank.id)), ('h', "bank_administrator", Some(bank.id))] {
            let person = hub.person(role, of).await;
            people.push((letter, of.is_some(), seated(&hub, &person).await));
        }
        for (method, path, may) in PAGES.iter().filter(|(_, _, may)| *may != "*") {
            // What ends the session would end the test.
            if path.starts_with("/sign-out") || path.contains("end-others") { continue }
            // Does not end by itself; tried in `live`.
            if *path == "/live" { continue }
            let here = place(path, reference);
            for (letter, of_bank, browser) in &people {
                let answer = match *method {
                    "GET" => browser.get(&hub, &here).await,
                    _ => browser.post(&hub, &here, &[]).await,
                };
                let (status, told) = (answer.status.as_u16(), format!("{method} {path} as {letter}: {}", answer.status));
                let for_banks = may.contains(['m', 'h']);
                if may.contains(*letter) {
                    assert!(![401, 403, 405].contains(&status) && status < 500, "{told}: {}", String::from_utf8_lossy(&answer.body));
                } else if *of_bank && !for_banks {
                    assert_eq!(status, 404, "{told}");
                } else {
                    assert_eq!(status, 403, "{told}");
                }
            }
        }
    }

    async fn a_form_from_another_site_or_without_its_token_does_nothing(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        hub.file(&officer).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let browser = seated(&hub, &member).await;
        let inbox = hub.inbox(&bank).await;
        let path = format!("/inbox/{}/acknowledgement", text(&inbox[0], "notice"));
        let stamp = [("csrf", browser.csrf.as_str()), ("digest", text(&inbox[0], "digest")), ("name", "佐藤 花子"), ("role", "不正対策室")];
        for site in ["cross-site", "same-site", "none"] {
            post_from(&hub, &browser.cookie, &path, &stamp, site).await.expect(403);
        }
        post(&hub, &browser.cookie, &path, &stamp[1..]).await.expect(403);
        let mut forged = stamp;
        forged[0].1 = "sha-256:0000";
        post(&hub, &browser.cookie, &path, &forged).await.expect(403);
        assert_eq!(hub.inbox(&bank).await[0]["level"], "listed");
        post(&hub, &browser.cookie, &path, &stamp).await.expect(303);
        assert_eq!(hub.inbox(&bank).await[0]["level"], "acknowledged");
    }

    async fn a_bank_reads_confirms_and_says_what_it_did(hub) {
        let (bank, other, officer) = (hub.bank("B001").await, hub.bank("B002").await, hub.officer().await);
        hub.file(&officer).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let browser = seated(&hub, &member).await;
        assert!(browser.page(&hub, "/inbox").await.contains("INC-"));
        let notice = text(&hub.inbox(&bank).await[0], "notice").to_owned();
        let page = browser.page(&hub, &format!("/inbox/{notice}")).await;
        assert_eq!(hub.inbox(&bank).await[0]["level"], "accessed", "opened by a person");
        let digest = hidden(&page, "digest");
        let stamp = [("digest", digest.as_str()), ("name", "佐藤 花子"), ("role", "不正対策室")];
        browser.post(&hub, &format!("/inbox/{notice}/acknowledgement"), &stamp).await.expect(303);
        let said = [("codes", "suspended_new_links"), ("codes", "added_factor"), ("share", "peers_named")];
        let answered = browser.post(&hub, &format!("/inbox/{notice}/responses"), &said).await;
        assert_eq!(answered.status, 303, "{}", String::from_utf8_lossy(&answered.body));
        assert_eq!(hub.inbox(&bank).await[0]["level"], "responded");
        let foreign = text(&hub.inbox(&other).await[0], "notice").to_owned();
        browser.get(&hub, &format!("/inbox/{foreign}")).await.expect(404);
    }

    async fn an_earlier_notice_leads_its_bank_to_the_newest_of_the_incident(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        let first = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        hub.file(&officer).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let browser = seated(&hub, &member).await;
        assert!(!browser.page(&hub, &first).await.contains("This is an earlier notice"), "another incident changes nothing");
        hub.revise(&officer, text(&filed, "reference")).await;
        let second = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        let page = browser.page(&hub, &first).await;
        assert!(page.contains("no longer how it stands: No. 3 is the newest.") && page.contains(&format!("href=\"{second}\"")), "{page}");
        assert!(!browser.page(&hub, &second).await.contains("This is an earlier notice"));
        hub.withdraw(&officer, text(&filed, "reference")).await;
        let last = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        for earlier in [&first, &second] {
            let page = browser.page(&hub, earlier).await;
            assert!(page.contains("what it says was withdrawn by No. 4.") && page.contains(&format!("href=\"{last}\"")), "{page}");
        }
        assert!(!browser.page(&hub, &last).await.contains("This is an earlier notice"));
        browser.post(&hub, "/account/language", &[("language", "ja")]).await.expect(303);
        assert!(browser.page(&hub, &first).await.contains("その内容は第4号で取り下げられました。"));
    }

    async fn an_officer_files_by_the_form_and_what_was_typed_survives_a_fault(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let browser = seated(&hub, &officer).await;
        let page = browser.page(&hub, "/incidents/new").await;
        let key = hidden(&page, "idempotency_key");
        let mut form = typed_filing(&key, "issue");
        let whole = form.clone();
        form.retain(|(name, _)| *name != "operator_contacts_1_phone");
        let refused = browser.post(&hub, "/incidents/new", &form).await.expect(422);
        let shown = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(shown.contains("連携口座からの不正チャージ") && shown.contains("sato@operator.example"), "what was typed is lost");
        assert!(hub.inbox(&bank).await.is_empty());
        let issued = browser.post(&hub, "/incidents/new", &whole).await;
        assert_eq!(issued.status, 303, "{}", String::from_utf8_lossy(&issued.body));
        let again = browser.post(&hub, "/incidents/new", &whole).await.expect(303);
        assert_eq!(issued.headers["location"], again.headers["location"], "sent twice, filed once");
        assert_eq!(hub.inbox(&bank).await.len(), 1);
        let incident = issued.headers["location"].to_str().expect("text").to_owned();
        assert!(browser.page(&hub, &incident).await.contains("連携口座からの不正チャージ"));
        browser.page(&hub, "/home").await;
    }

    async fn a_form_that_comes_after_its_session_had_ended_is_shown_again_and_sent_by_nobody_else(hub) {
        let (bank, officer, other) = (hub.bank("B001").await, hub.officer().await, hub.officer().await);
        give_credential(&hub, other.id).await;
        let browser = seated(&hub, &officer).await;
        let (form, title) = (typed_filing("late", "issue"), "連携口座からの不正チャージ");
        hub.advance(Duration::from_secs(16 * 60));
        let asked = html(&browser.post(&hub, "/incidents/new", &form).await.expect(403));
        assert!(asked.contains("action=\"/sign-in\"") && !asked.contains("?lang="), "{asked}");
        assert_eq!((hidden(&asked, "typed.title_ja"), hidden(&asked, "next")), (title.into(), "/incidents/new".into()));
        assert!(!asked.contains("typed.csrf"));
        let wrong = sign_in_with(&hub, &browser, (&officer.email(), "wrong"), "/incidents/new", &form).await.expect(422);
        assert_eq!(hidden(&html(&wrong), "typed.title_ja"), title);
        // Whoever else signs in there gets an empty form.
        let somebody = sign_in_with(&hub, &browser, (&other.email(), PASSWORD), "/incidents/new", &form).await.expect(303);
        assert_eq!(somebody.headers["location"], "/incidents/new");
        let back = sign_in_with(&hub, &browser, (&officer.email(), PASSWORD), "/incidents/new", &form).await.expect(200);
        let cookie = back.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        let page = html(&back);
        assert!(page.contains(title) && page.contains("sato@operator.example") && page.contains("Nothing was sent"), "{page}");
        assert_eq!(hidden(&page, "idempotency_key"), "late");
        assert!(hub.inbox(&bank).await.is_empty(), "sent before anybody looked at it");
        let csrf = hidden(&page, "csrf");
        let again = [vec![("csrf", csrf.as_str())], form].concat();
        post(&hub, &cookie, "/incidents/new", &again).await.expect(303);
        assert_eq!(hub.inbox(&bank).await.len(), 1);
    }

    async fn a_bank_reads_a_withdrawal_and_confirms_it(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        hub.withdraw(&officer, text(&filed, "reference")).await;
        let browser = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        let inbox = hub.inbox(&bank).await;
        let withdrawn = inbox.iter().find(|line| line["phase"] == "withdrawal").expect("told");
        let path = format!("/inbox/{}", text(withdrawn, "notice"));
        let page = browser.page(&hub, &path).await;
        assert!(page.contains("This notice was withdrawn") && page.contains("False alarm"), "{page}");
        let level = async |hub: &TestHub| {
            let inbox = hub.inbox(&bank).await;
            let line = inbox.into_iter().find(|line| line["phase"] == "withdrawal");
            line.expect("told")["level"].clone()
        };
        assert_eq!(level(&hub).await, "accessed");
        let stamp = [("digest", &*hidden(&page, "digest")), ("name", "佐藤 花子"), ("role", "不正対策室")];
        browser.post(&hub, &format!("{path}/acknowledgement"), &stamp).await.expect(303);
        assert_eq!(level(&hub).await, "acknowledged");
    }

    async fn who_decides_reads_what_every_bank_would_read_in_both_languages(hub) {
        let (officer, other) = (hub.officer().await, hub.officer().await);
        let _bank = hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        hub.ask_withdrawal(&officer, text(&filed, "reference")).await;
        let listed = hub.get("/api/v1/approvals", &other.key).await.expect(200).json();
        let change = &listed["approvals"][0]["change"];
        let page = seated(&hub, &other).await.page(&hub, "/approvals").await;
        for language in ["ja", "en"] {
            let said = text(&change["text"], language);
            assert!(!said.is_empty() && page.contains(said), "{language}: {page}");
        }
    }

    async fn a_bank_that_is_late_stays_late_whatever_goes_out_after_it(hub) {
        let (bank, other, officer) = (hub.bank("B001").await, hub.bank("B002").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        let reference = text(&filed, "reference").to_owned();
        hub.stamp(&other).await.expect(200);
        hub.advance(hours(3 * 24));
        hub.revise(&officer, &reference).await;
        let late = async |hub: &TestHub| {
            let board = hub.board(&officer, &reference).await;
            board["cells"].as_array().expect("cells").iter().map(|cell| cell["late"] == true).collect::<Vec<_>>()
        };
        assert_eq!(late(&hub).await, [true, false], "the other is asked again, and has its time");
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        let listed = home.split("id=\"late\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("the list");
        assert!(listed.contains("B001") && !listed.contains("B002"), "{listed}");
        hub.stamp(&bank).await.expect(200);
        let home = seated(&hub, &officer).await.page(&hub, "/home").await;
        let listed = home.split("id=\"late\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("the list");
        assert!(!listed.contains("B001"), "{listed}");
    }

    async fn a_form_of_an_earlier_session_is_shown_again_in_the_one_of_now(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let member = hub.person("bank_member", Some(bank.id)).await;
        let filing = typed_filing("earlier", "issue");
        let report = [("title_en", "Odd top-ups"), ("typology", "pin_spraying"), ("detected_at", "2019-05-16T17:25"), ("own_accounts", "yes"),
            ("severity", "high"), ("description_en", "Top-ups that nobody made."), ("idempotency_key", "earlier")];
        let revise = format!("/incidents/{}/revise", text(&hub.file(&officer).await, "reference"));
        let before = hub.inbox(&bank).await.len();
        for (person, path, form, typed) in [(&officer, "/incidents/new", filing.as_slice(), "連携口座からの不正チャージ"),
            (&officer, revise.as_str(), filing.as_slice(), "連携口座からの不正チャージ"), (&member, "/reports", report.as_slice(), "Odd top-ups")] {
            let first = seated(&hub, person).await;
            hub.advance(Duration::from_secs(16 * 60));
            let second = Browser::sign_in(&hub, &person.email()).await;
            let stale = [vec![("csrf", first.csrf.as_str())], form.to_vec()].concat();
            let shown = post(&hub, &second.cookie, path, &stale).await.expect(403);
            let page = html(&shown);
            assert!(page.contains(typed) && page.contains("Nothing was sent") && page.contains(&second.csrf), "{path}: {page}");
            for site in ["cross-site", "same-site", "none"] {
                let foreign = post_from(&hub, &second.cookie, path, &stale, site).await.expect(403);
                assert!(!html(&foreign).contains(typed), "{path} from {site}");
            }
            post_from(&hub, "", path, &stale, "cross-site").await.expect(403);
        }
        assert_eq!(hub.inbox(&bank).await.len(), before);
        let reports = hub.get("/api/v1/own/reports", &bank.key).await.expect(200).json();
        assert_eq!(reports["reports"], json!([]));
        // Whose browser does not say where a form comes from is asked to sign in, and nothing is carried.
        let bare = hub.request(reqwest::Method::POST, "/incidents/new").header("content-type", "application/x-www-form-urlencoded");
        hub.send(bare.body("title_ja=x")).await.expect(303);
    }

    async fn an_auditor_follows_a_cell_to_its_evidence(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.respond(&bank, &["suspended_new_links"], "peers_named").await.expect(201);
        let path = format!("/api/v1/incidents/{}/revisions", text(&filed, "reference"));
        hub.post(&path, &officer.key, &further()).await.expect(201);
        let auditor = hub.person("auditor", None).await;
        let browser = seated(&hub, &auditor).await;
        let notice = text(&hub.inbox(&bank).await[0], "notice").to_owned();
        assert!(browser.page(&hub, "/matrix").await.contains(text(&filed, "reference")));
        let chain = browser.page(&hub, &format!("/evidence/{notice}")).await;
        for shown in [text(&filed, "reference"), "B001", "notice.acknowledged"] { assert!(chain.contains(shown), "{shown}"); }
        for shown in ["高橋 健", "当直", "By API key", "test"] { assert!(chain.contains(shown), "who confirmed: {shown}"); }
        assert!(browser.page(&hub, "/deliveries?bank=B001").await.contains("B001"));
        let csv = browser.get(&hub, "/deliveries/export?format=csv").await.expect(200);
        assert!(csv.headers["content-type"].to_str().expect("text").starts_with("text/csv"));
        hub.advance(seconds(60));
        let as_of = format!("/as-of?bank=B001&at={}", hub.local_minute_before(seconds(0)));
        assert!(browser.page(&hub, &as_of).await.contains(text(&filed, "reference")));
        browser.page(&hub, "/figures").await;
        assert!(browser.page(&hub, "/check").await.contains("<h1"));
        browser.page(&hub, &format!("/incidents/{}", text(&filed, "reference"))).await;
    }

    async fn the_chain_of_evidence_says_who_confirmed_and_where_that_was_erased(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        hub.file(&officer).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let notice = hub.newest(&bank).await;
        let stamp = [("digest", text(&notice, "digest")), ("name", "佐藤 花子"), ("role", "不正対策室")];
        let path = format!("/inbox/{}/acknowledgement", text(&notice, "notice"));
        seated(&hub, &member).await.post(&hub, &path, &stamp).await.expect(303);
        let auditor = seated(&hub, &hub.person("auditor", None).await).await;
        let chain = format!("/evidence/{}", text(&notice, "notice"));
        let page = auditor.page(&hub, &chain).await;
        for shown in ["佐藤 花子", "不正対策室", "In the portal", "Signed in as", &member.id.to_string()] { assert!(page.contains(shown), "{shown}"); }
        let id = text(&notice, "notice").parse().expect("an id");
        hub.act(move |tx| {
            let stamped = acknowledgement_of(tx, id)?.expect("stamped");
            Ok(payload::erase(tx, stamped.payload_id.expect("a name"))?)
        }).await;
        let page = auditor.page(&hub, &chain).await;
        assert!(!page.contains("佐藤 花子") && page.contains("erased") && page.contains("notice.acknowledged"));
    }

    async fn an_invited_person_chooses_a_password_and_an_authenticator_and_sits_down(hub) {
        let administrator = hub.person("administrator", None).await;
        let browser = seated(&hub, &administrator).await;
        let invited = [("name", "小林 翼"), ("email", "kobayashi@people.example"), ("roles", "auditor"), ("language", "ja")];
        let page = browser.post(&hub, "/people/invitations", &invited).await.expect(200);
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let at = page.find("/invitations/").expect("a link is shown");
        let token: String = page[at + 13..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let path = format!("/invitations/{token}");
        let form = get(&hub, "", &format!("{path}?lang=ja")).await.expect(200);
        let form = String::from_utf8_lossy(&form.body).into_owned();
        assert!(form.contains("<svg") && form.contains("小林 翼"));
        post(&hub, "", &path, &[("password", "short"), ("password_again", "short"), ("code", "000000")]).await.expect(422);
        assert_eq!(get(&hub, "", &path).await.status, 200, "a refused try uses nothing up");
        let code = totp::code_at(&shown_secret(&form), hub.clock.now().seconds()).expect("a code");
        let right = [("password", PASSWORD), ("password_again", PASSWORD), ("code", &code), ("pairing", &hidden(&form, "pairing"))];
        let elsewhere = [("password", PASSWORD), ("password_again", PASSWORD), ("code", &code), ("pairing", "")];
        post(&hub, "", &path, &elsewhere).await.expect(422);
        let seated = post(&hub, "", &path, &right).await.expect(303);
        let cookie = seated.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        get(&hub, &cookie, "/matrix").await.expect(200);
    }

    async fn a_withdrawal_waits_in_the_approvals_of_another_officer(hub) {
        let (bank, asking, other) = (hub.bank("B001").await, hub.officer().await, hub.officer().await);
        let filed = hub.file(&asking).await;
        let path = format!("/incidents/{}/withdrawal", text(&filed, "reference"));
        let (first, second) = (seated(&hub, &asking).await, seated(&hub, &other).await);
        let reason = withdrawal();
        let asked = [("reason", text(&reason, "reason")), ("text_ja", "誤りでした。"), ("text_en", "It was a mistake.")];
        first.post(&hub, &path, &asked).await.expect(303);
        let requests = hub.get("/api/v1/approvals", &asking.key).await.json();
        let decision = format!("/approvals/{}", text(&requests["approvals"][0], "id"));
        first.post(&hub, &decision, &[("approve", "yes")]).await.expect(409);
        assert!(second.page(&hub, "/approvals").await.contains(&decision));
        second.post(&hub, &decision, &[("approve", "yes")]).await.expect(303);
        assert_eq!(hub.inbox(&bank).await.len(), 2);
        assert_eq!(hub.inbox(&bank).await[1]["phase"], "withdrawal");
    }

    async fn whatever_is_refused_is_told_in_the_readers_language_with_the_name_of_the_field(hub) {
        hub.bank("B001").await;
        let browser = seated(&hub, &hub.officer().await).await;
        let form: Vec<_> = typed_filing("one", "issue").into_iter().filter(|(name, _)| !["title_ja", "operator_contacts_1_phone"].contains(name)).collect();
        for (language, said, missing) in [
            ("en", ["Title: Write it in Japanese or in English at least.", "Phone of an operator’s contact: "], "There is nothing here"),
            ("ja", ["件名：日本語・英語の少なくとも一方を入力してください。", "事業者の連絡先の電話番号："], "お探しのものが見つからない"),
        ] {
            browser.post(&hub, "/account/language", &[("language", language)]).await.expect(303);
            let refused = browser.post(&hub, "/incidents/new", &form).await.expect(422);
            let page = String::from_utf8(refused.body).expect("UTF-8");
            for said in said { assert!(page.contains(said), "{said}"); }
            assert!(page.contains("href=\"#f-title\"") && page.contains("id=\"f-title\""), "the summary leads nowhere");
            let gone = browser.get(&hub, "/incidents/INC-2001-0001").await.expect(404);
            assert!(String::from_utf8_lossy(&gone.body).contains(missing), "{language}");
        }
    }

    async fn every_form_that_is_refused_still_holds_what_was_typed(hub) {
        let (bank, officer, administrator) = (hub.bank("B001").await, hub.officer().await, hub.administrator().await);
        let incident = format!("/incidents/{}/withdrawal", text(&hub.file(&officer).await, "reference"));
        let roles = format!("/people/{}/roles", officer.id);
        let [own, desk, register] = [&hub.head_of(&bank).await, &officer, &administrator];
        let (own, desk, register) = (seated(&hub, own).await, seated(&hub, desk).await, seated(&hub, register).await);
        let contact = [("name", "typed once"), ("email", "no address"), ("level", "2"), ("language", "ja")];
        let notice = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        let digest = hidden(&own.page(&hub, &notice).await, "digest");
        let (stamp, response) = (format!("{notice}/acknowledgement"), format!("{notice}/responses"));
        let forms: &[Sent] = &[
            (&own, &stamp, &[("digest", &digest), ("name", "typed once"), ("role", "\u{202e}")]),
            (&own, "/own/contacts", &contact),
            (&own, "/own/endpoints", &[("url", "http://typed once"), ("ed25519", "true")]),
            (&own, "/own/keys", &[("label", "typed once"), ("days", "many")]),
            (&own, "/own/signing-keys", &[("key", "x"), ("proof", "typed once")]),
            (&own, "/account/keys", &[("label", "typed once\u{202e}")]),
            (&desk, &incident, &[("reason", ""), ("text_ja", "typed once")]),
            (&register, "/register/B001/contacts", &contact),
            (&register, "/register/B001/endpoints", &[("url", "ftp://x"), ("reason", "typed once")]),
            (&register, "/register/B001/ending", &[("reason", "typed once\u{202e}")]),
            (&register, &roles, &[("roles", "bank_member"), ("reason", "typed once")]),
        ];
        let said = [("codes", "suspended_new_links"), ("share", "operator"), ("note", "typed once"), ("effective_from", "soon")];
        for (browser, path, typed) in forms.iter().chain(&[(&own, response.as_str(), said.as_slice())]) {
            if *path == response { hub.stamp(&bank).await.expect(200); }
            let refused = browser.post(&hub, path, typed).await;
            let page = String::from_utf8(refused.body).expect("UTF-8");
            assert!((400..500).contains(&refused.status.as_u16()), "{path}: {}", refused.status);
            assert!(page.contains("typed once") && page.contains("id=\"faults\""), "{path} lost what was typed: {page}");
        }
    }

    async fn a_draft_is_saved_gone_on_with_by_another_officer_and_issued(hub) {
        let (bank, auditor) = (hub.bank("B001").await, hub.auditor().await);
        let (one, other) = (seated(&hub, &hub.officer().await).await, seated(&hub, &hub.officer().await).await);
        let saved = one.post(&hub, "/incidents/new", &[("act", "draft"), ("title_ja", "調査中の不正"), ("affected", "banks"), ("affected_banks", "B001")]).await.expect(303);
        let place = saved.headers["location"].to_str().expect("text").to_owned();
        hub.advance(Duration::from_secs(600));
        let (mine, theirs) = (one.page(&hub, &place).await, other.page(&hub, &place).await);
        assert!(mine.contains("調査中の不正") && mine.contains("value=\"B001\""), "what was typed is lost");
        let draft = hidden(&mine, "draft");
        let form = |page: &str, act| [typed_filing("from-a-draft", act), vec![("draft", draft.clone().leak()), ("draft_version", hidden(page, "draft_version").leak())]].concat();
        other.post(&hub, "/incidents/new", &form(&theirs, "draft")).await.expect(303);
        for act in ["draft", "issue"] {
            let refused = one.post(&hub, "/incidents/new", &form(&mine, act)).await.expect(409);
            assert!(String::from_utf8_lossy(&refused.body).contains("Somebody else changed it since you opened it"));
        }
        let reader = seated(&hub, &auditor).await;
        let read = [reader.page(&hub, "/drafts").await, reader.page(&hub, &format!("/drafts/{draft}")).await].concat();
        assert!(read.contains("連携口座からの不正チャージ") && read.contains("10 min"), "{read}");
        assert!(!read.contains("/discard") && !read.contains("/incidents/new"), "an auditor changes nothing");
        let newest = other.page(&hub, &place).await;
        other.post(&hub, "/incidents/new", &form(&newest, "issue")).await.expect(303);
        assert_eq!(hub.inbox(&bank).await.len(), 1);
        assert!(reader.page(&hub, &format!("/drafts/{draft}")).await.contains("Issued"));
        one.get(&hub, &place).await.expect(303);
    }

    async fn what_a_form_was_answered_with_offers_no_language_that_would_lose_it(hub) {
        for code in ["B002", "B001"] { hub.bank(code).await; }
        let browser = seated(&hub, &hub.officer().await).await;
        let shown = browser.post(&hub, "/incidents/new", &typed_filing("seen", "preview")).await.expect(200);
        let shown = String::from_utf8(shown.body).expect("UTF-8");
        assert!(shown.contains("What Bank B001 will be told"), "the first by its code: {shown}");
        assert!(!shown.contains("action=\"/account/language\"") && shown.contains("/sign-out"));
        assert!(browser.page(&hub, "/incidents/new").await.contains("action=\"/account/language\""));
    }

    async fn a_draft_is_discarded_only_with_a_reason_and_stays_in_sight(hub) {
        let browser = seated(&hub, &hub.officer().await).await;
        let saved = browser.post(&hub, "/incidents/new", &[("act", "draft"), ("title_en", "A false start")]).await.expect(303);
        let draft = saved.headers["location"].to_str().expect("text").split(['=', '&']).nth(1).expect("an id").to_owned();
        assert!(browser.page(&hub, "/home").await.contains("A false start"));
        let path = format!("/drafts/{draft}/discard");
        browser.post(&hub, &path, &[("reason", " ")]).await.expect(422);
        browser.post(&hub, &path, &[("reason", "It was a test of ours")]).await.expect(303);
        assert!(browser.page(&hub, "/drafts").await.contains("It was a test of ours"));
        assert!(!browser.page(&hub, "/home").await.contains("A false start"));
        browser.post(&hub, &path, &[("reason", "Again")]).await.expect(409);
    }

    async fn the_form_shows_by_when_the_banks_must_be_told_and_asks_why_it_is_late(hub) {
        let bank = hub.bank("B001").await;
        let browser = seated(&hub, &hub.officer().await).await;
        assert!(browser.page(&hub, "/incidents/new").await.contains("Issue by"));
        let mut form = typed_filing("late", "issue");
        form.retain(|(name, _)| *name != "late_reason");
        let refused = browser.post(&hub, "/incidents/new", &form).await.expect(422);
        let page = String::from_utf8(refused.body).expect("UTF-8");
        // Detected at 17:25 in Tokyo: four hours.
        assert!(page.contains("datetime=\"2019-05-16T12:25:00.000Z\"") && page.contains("late by"), "{page}");
        assert!(page.contains("Why it is late: ") && page.contains("<textarea id=\"f-late_reason\""));
        assert!(hub.inbox(&bank).await.is_empty());
    }

    async fn a_broken_channel_stays_in_sight_of_its_incident_after_a_revision(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        bank.receiver.answer(Answer::Status(410));
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.revise(&officer, text(&filed, "reference")).await;
        let second = hub.file(&officer).await;
        let browser = seated(&hub, &officer).await;
        let page = browser.page(&hub, &format!("/incidents/{}", text(&filed, "reference"))).await;
        assert!(!page.contains("No task for this incident"), "{page}");
        let other = browser.page(&hub, &format!("/incidents/{}", text(&second, "reference"))).await;
        assert!(other.contains("No task for this incident"), "another incident's task");
    }

    async fn an_incident_shows_who_filed_what_changed_and_the_withdrawal_that_waits(hub) {
        let (_bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        let reference = text(&filed, "reference");
        let changed = filing_with(&json!({ "change_summary": { "en": "Counts updated." }, "determination": "confirmed",
            "amount_lost": { "minor": "2450000", "currency": "JPY", "estimate": true }, "typology": ["other"], "typology_other": "by letter" }));
        hub.post(&format!("/api/v1/incidents/{reference}/revisions"), &officer.key, &changed).await.expect(201);
        let browser = seated(&hub, &officer).await;
        let path = format!("/incidents/{reference}");
        let page = browser.page(&hub, &path).await;
        let diff = &page[page.find("class=\"diff\"").expect("differences")..];
        for shown in ["<ins>", "<del>", "2,450,000 yen", "Confirmed", "by letter"] { assert!(diff.contains(shown), "{shown} in {diff}"); }
        for raw in ["{&quot;", "minor", "accepted_at", "&quot;JPY"] { assert!(!diff.contains(raw), "{raw}"); }
        assert!(page.contains("</time> · officer</p>"), "who filed it");
        let asked = [("reason", "false_alarm"), ("text_en", "It was account 12345678 itself.")];
        browser.post(&hub, &format!("{path}/withdrawal"), &asked).await.expect(303);
        let page = browser.page(&hub, &path).await;
        for shown in ["A withdrawal waits for a second person", "It was account 12345678 itself.", "A long run of digits"] { assert!(page.contains(shown), "{shown}"); }
        assert!(!page.contains(&format!("action=\"{path}/withdrawal")), "asked for twice");
    }

    async fn every_request_names_its_subject_and_what_would_change(hub) {
        let (bank, filer, officer, asking) = (hub.bank("B001").await, hub.officer().await, hub.officer().await, hub.administrator().await);
        let reference = text(&hub.file(&filer).await, "reference").to_owned();
        hub.ask_withdrawal(&filer, &reference).await;
        let endpoint = json!({ "endpoint": { "url": bank.receiver.url("/moved"), "ed25519": false }, "reason": "asked by telephone" });
        hub.post("/api/v1/banks/B001/endpoints", &asking.key, &endpoint).await.expect(202);
        hub.post(&format!("/api/v1/people/{}/roles", filer.id), &asking.key, &json!({ "roles": ["auditor"], "reason": "moved" })).await.expect(202);
        let reader = seated(&hub, &officer).await;
        let page = reader.page(&hub, "/approvals").await;
        let title = text(&filing()["title"], "en").to_owned();
        for shown in [format!("href=\"/incidents/{reference}\""), title.clone(), "B001 Bank B001".into(), bank.receiver.url("/moved"), "False alarm".into()] { assert!(page.contains(&shown.replace('\'', "&#39;")), "{shown} in {page}"); }
        let keeper = seated(&hub, &hub.administrator().await).await;
        let page = keeper.page(&hub, "/approvals").await;
        for shown in ["href=\"/register/B001\"".to_owned(), format!("/people#p-{}", filer.id), "Auditor".into(), bank.receiver.url("/moved")] { assert!(page.contains(&shown), "{shown} in {page}"); }
        assert!(!page.contains(&reference) && !page.contains(&title), "an administrator sees content");
    }
}
