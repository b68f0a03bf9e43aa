//! When a bank was last proven to be reachable, over which channel and by what; and who is warned when nothing did.

use super::bouncing::{DELIVERED, about, put, reporting};
use super::mail::{by_mail, confirm, link, mailed};
use super::pages::seated;
use super::steps::{hours, text};
use crate::support::hub::{Bank, TestHub};
use crate::support::maildir::mailbox;
use crate::support::receiver::Answer;
use kairan::actions::set_endpoint::{EndpointInput, end_endpoint, replace_endpoint};
use kairan::storage::bank;
use serde_json::{Value, json};

async fn reached(hub: &TestHub, bank: &Bank) -> Value {
    hub.get("/api/v1/own/reachability", &bank.key)
        .await
        .expect(200)
        .json()
}

/// By what a channel is proven, and how it stands.
fn way(reached: &Value, channel: &str) -> (Option<String>, String) {
    let way = &reached[channel];
    (
        way["proven_by"].as_str().map(str::to_owned),
        text(way, "standing").to_owned(),
    )
}

fn by(how: &str) -> (Option<String>, String) {
    (Some(how.into()), "proven".into())
}

journeys! {
    async fn a_bank_that_answers_is_proven_for_ninety_days_and_then_the_officer_is_warned(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        assert_eq!(way(&reached(&hub, &bank).await, "webhook"), by("accepted"), "it has answered its challenge");
        hub.file(&officer).await;
        hub.deliver_due().await;
        let seen = reached(&hub, &bank).await;
        assert_eq!((way(&seen, "webhook"), way(&seen, "email")), (by("accepted"), (None, "new".into())));
        let warning = "Not proven for 90 days";
        assert!(!seated(&hub, &officer).await.page(&hub, "/home").await.contains(warning));
        hub.stamp(&bank).await.expect(200);
        hub.advance(hours(90 * 24 + 1));
        // Nobody's key lives so long.
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        let all = hub.get("/api/v1/reachability", &admin.key).await.expect(200).json();
        assert_eq!(all["banks"][0]["webhook"]["standing"], "unproven");
        assert_eq!(all["banks"][0]["webhook"]["proven_at"], seen["webhook"]["proven_at"]);
        assert!(seated(&hub, &officer).await.page(&hub, "/home").await.contains(warning));
        assert!(seated(&hub, &admin).await.page(&hub, "/register/B001").await.contains(warning));
        hub.post("/api/v1/banks/B001/test-notice", &officer.key, &json!({})).await.expect(202);
        hub.deliver_due().await;
        let again = hub.get("/api/v1/reachability", &officer.key).await.expect(200).json();
        assert_eq!(way(&again["banks"][0], "webhook"), by("accepted"));
    }

    async fn officers_and_administrators_send_a_bank_a_test_notice_where_they_see_its_addresses(hub) {
        let bank = hub.bank("B001").await;
        hub.advance(hours(90 * 24 + 1));
        let (officer, admin) = (hub.officer().await, hub.administrator().await);
        for (person, page, from) in [(&officer, "/home", "home"), (&admin, "/register/B001", "")] {
            let browser = seated(&hub, person).await;
            assert!(browser.page(&hub, page).await.contains("action=\"/register/B001/test\""), "{page}");
            let sent = browser.post(&hub, "/register/B001/test", &[("from", from)]).await.expect(303);
            assert_eq!(sent.headers["location"], format!("{page}?done=tested"));
            assert_eq!(hub.deliver_due().await, 1);
            let hits = bank.receiver.hits();
            assert_eq!(hits.last().expect("told").json()["type"], "notice.test");
        }
        let all = hub.get("/api/v1/reachability", &officer.key).await.expect(200).json();
        assert_eq!(way(&all["banks"][0], "webhook"), by("accepted"));
    }

    async fn what_reached_the_former_endpoint_proves_nothing_of_the_new_one(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let (id, url) = (bank.id, bank.receiver.url("/new"));
        let rules = std::sync::Arc::new(crate::support::ground::rules());
        hub.act(move |tx| {
            let old = bank::endpoints_of(tx, id)?.remove(0).id;
            replace_endpoint(tx, &rules, id, old, &EndpointInput { url: url.clone(), ed25519: false })?;
            end_endpoint(tx, id, old)
        }).await;
        assert_eq!(way(&reached(&hub, &bank).await, "webhook"), (None, "new".into()));
    }

    async fn a_success_is_found_behind_hundreds_of_failures(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let before = reached(&hub, &bank).await;
        bank.receiver.answer(Answer::Status(500));
        for _ in 0..40 { hub.file(&officer).await; }
        let mut failed = hub.deliver_due().await;
        while failed <= 500 {
            hub.advance(hours(2));
            failed += hub.deliver_due().await;
        }
        assert_eq!(reached(&hub, &bank).await["webhook"], before["webhook"]);
    }

    async fn a_mail_is_proven_by_the_banks_server_or_by_its_link_and_never_by_the_relay(hub, reporting()) {
        let (one, two) = (mailbox("one"), mailbox("two"));
        let (first, second) = (by_mail(&hub, "B001", &one, "ja").await, by_mail(&hub, "B002", &two, "ja").await);
        let mail = mailed(&hub, &one).await;
        for bank in [&first, &second] {
            assert_eq!(way(&reached(&hub, bank).await, "email"), (None, "new".into()));
        }
        put(&hub, "1.a", &about(&mail, DELIVERED));
        hub.read_mail_reports().await;
        let (path, code) = link(&two.arrived(1).await.remove(0));
        confirm(&hub, &path, &code).await.expect(200);
        assert_eq!(way(&reached(&hub, &first).await, "email"), by("delivery_report"));
        assert_eq!(way(&reached(&hub, &second).await, "email"), by("mail_link"));
    }
}
