//! What could do harm in other hands asks again who sits there, and loses nothing of what was typed.

use super::pages::{PAGES, place, seated};
use super::steps::text;
use crate::support::browser::{Browser, PASSWORD, code, hidden, post};
use crate::support::hub::{Reply, TestHub};
use std::time::Duration;

const A_WHILE: Duration = Duration::from_secs(601);

fn shown(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// Sends what the page of a question holds, with this password and the code of the hour.
async fn answer(
    hub: &TestHub,
    browser: &Browser,
    path: &str,
    carried: &[(&str, &str)],
    password: &str,
) -> Reply {
    hub.advance(Duration::from_secs(30));
    let code = code(hub);
    let mut fields = carried.to_vec();
    fields.extend([("confirm_password", password), ("confirm_code", &code)]);
    browser.post(hub, path, &fields).await
}

journeys! {
    async fn after_ten_minutes_whatever_could_do_harm_asks_for_password_and_code(hub) {
        let bank = hub.bank("B001").await;
        let filer = hub.officer().await;
        let reference = text(&hub.file(&filer).await, "reference").to_owned();
        let mut people = Vec::new();
        for (letter, role, of) in [('o', "officer", None), ('d', "administrator", None), ('h', "bank_administrator", Some(bank.id)), ('a', "auditor", None)] {
            people.push((letter, seated(&hub, &hub.person(role, of).await).await));
        }
        hub.advance(A_WHILE);
        let before = hub.rows();
        let asking: Vec<_> = PAGES.iter().filter(|(_, _, may)| may.contains('+')).collect();
        assert!(asking.len() >= 15, "{}", asking.len());
        for (method, path, may) in asking {
            let (_, browser) = people.iter().find(|(letter, _)| may.contains(*letter)).expect("somebody who may");
            let here = place(path, &reference);
            if *method == "GET" {
                let sent = browser.get(&hub, &here).await.expect(303);
                assert!(sent.headers["location"].to_str().expect("text").starts_with("/account/confirm?next=%2F"), "{path}");
                continue;
            }
            let asked = browser.post(&hub, &here, &[("reason", "as typed")]).await;
            assert_eq!(asked.status, 403, "{method} {path}");
            assert!(shown(&asked).contains(r#"name="confirm_code""#) && hidden(&shown(&asked), "reason") == "as typed", "{method} {path}");
        }
        let after = hub.rows();
        let moved = crate::support::rows::changed(&before, &after);
        assert!(moved.iter().all(|table| *table == "session"), "{moved:?}");
    }

    async fn what_was_typed_is_done_once_the_answer_is_right(hub) {
        let (asking, officer) = (hub.administrator().await, hub.officer().await);
        let browser = seated(&hub, &asking).await;
        hub.advance(A_WHILE);
        let path = format!("/people/{}/roles", officer.id);
        let typed = [("roles", "auditor"), ("reason", "moved to audit")];
        browser.post(&hub, &path, &typed).await.expect(403);
        let wrong = answer(&hub, &browser, &path, &typed, "not the password").await.expect(422);
        assert_eq!((hidden(&shown(&wrong), "reason"), shown(&wrong).contains("not the password")), ("moved to audit".into(), false));
        assert_eq!(hub.get("/api/v1/approvals", &asking.key).await.json()["approvals"].as_array().map(Vec::len), Some(0));
        answer(&hub, &browser, &path, &typed, PASSWORD).await.expect(303);
        let asked = hub.get("/api/v1/approvals", &asking.key).await.json();
        assert_eq!(asked["approvals"][0]["reason"], "moved to audit");
        browser.post(&hub, "/account/keys", &[("label", "laptop")]).await.expect(200);
        hub.advance(A_WHILE);
        browser.post(&hub, "/account/keys", &[("label", "laptop")]).await.expect(403);
    }

    async fn a_forged_question_confirms_nothing_and_guesses_are_counted_for_the_session(hub) {
        let administrator = hub.administrator().await;
        let browser = seated(&hub, &administrator).await;
        hub.advance(A_WHILE);
        hub.advance(Duration::from_secs(30));
        let code = code(&hub);
        let right = [("csrf", "x"), ("label", "k"), ("confirm_password", PASSWORD), ("confirm_code", &code)];
        post(&hub, &browser.cookie, "/account/keys", &right).await.expect(403);
        for _ in 0..10 {
            browser.post(&hub, "/account/keys", &[("label", "k"), ("confirm_password", "x"), ("confirm_code", "1")]).await.expect(422);
        }
        browser.post(&hub, "/account/keys", &right[1..]).await.expect(422);
        let other = Browser::sign_in(&hub, &administrator.email()).await;
        other.post(&hub, "/account/keys", &[("label", "k")]).await.expect(200);
        hub.advance(Duration::from_secs(14 * 60));
        browser.post(&hub, "/account/keys", &[("label", "k"), ("confirm_password", "x"), ("confirm_code", "1")]).await.expect(422);
        hub.advance(Duration::from_secs(60));
        answer(&hub, &browser, "/account/keys/0190b3c0-1c00-7a00-8000-0123456789ab/revoke", &[], PASSWORD).await.expect(404);
    }

    async fn whoever_tries_an_account_from_outside_does_not_hold_up_its_owner_inside(hub) {
        let officer = hub.officer().await;
        let browser = seated(&hub, &officer).await;
        for _ in 0..10 {
            post(&hub, "", "/sign-in", &[("email", &officer.email()), ("password", "x"), ("code", "1")]).await.expect(422);
        }
        hub.advance(A_WHILE);
        answer(&hub, &browser, "/account/keys", &[("label", "laptop")], PASSWORD).await.expect(200);
    }

    async fn guesses_at_the_form_of_a_new_password_are_counted_and_wait(hub) {
        let officer = hub.officer().await;
        let browser = seated(&hub, &officer).await;
        let new = "別の合言葉を ここで選びます";
        let form = |code: &str| [("password_now", PASSWORD), ("code", code), ("password", new), ("password_again", new)].map(|(name, value)| (name, value.to_owned()));
        let send = async |code: &str| {
            let form = form(code);
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.post(&hub, "/account/password", &form).await
        };
        hub.advance(Duration::from_secs(30));
        for _ in 0..10 { send("000000").await.expect(422); }
        send(&code(&hub)).await.expect(422);
        // A page in use does not run out of its session.
        for _ in 0..2 {
            hub.advance(Duration::from_secs(10 * 60));
            browser.page(&hub, "/account").await;
        }
        send(&code(&hub)).await.expect(303);
    }

    async fn an_export_is_fetched_once_the_auditor_has_confirmed(hub) {
        let auditor = hub.auditor().await;
        let browser = seated(&hub, &auditor).await;
        browser.get(&hub, "/deliveries/export?format=csv").await.expect(200);
        hub.advance(A_WHILE);
        let sent = browser.get(&hub, "/deliveries/export?format=csv").await.expect(303);
        let question = browser.page(&hub, sent.headers["location"].to_str().expect("text")).await;
        let next = hidden(question.split("<main").nth(1).expect("a page"), "next");
        answer(&hub, &browser, "/account/confirm", &[("next", &next)], "wrong").await.expect(422);
        let back = answer(&hub, &browser, "/account/confirm", &[("next", &next)], PASSWORD).await.expect(303);
        assert_eq!(back.headers["location"], "/deliveries/export?format=csv");
        browser.get(&hub, "/deliveries/export?format=csv").await.expect(200);
        let away = answer(&hub, &browser, "/account/confirm", &[("next", "//evil.example")], PASSWORD).await.expect(303);
        assert_eq!(away.headers["location"], "/");
    }
}
