//! Keeping the register true, by the forms of the administrator's and of the bank's own desk.

use super::pages::seated;
use super::steps::text;
use crate::support::browser::hidden;
use crate::support::hub::{Bank, Person, Reply, TestHub};
use serde_json::Value;

fn shown(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// The id of the first thing of a list of the register.
async fn first(hub: &TestHub, admin: &Person, bank: &Bank, list: &str) -> String {
    let path = format!("/api/v1/banks/{}/{list}", bank.code);
    let listed = hub.get(&path, &admin.key).await.expect(200).json();
    text(&listed[list][0], "id").to_owned()
}

async fn newest_request(hub: &TestHub, admin: &Person) -> Value {
    hub.get("/api/v1/approvals", &admin.key).await.json()["approvals"][0].clone()
}

const CONTACT: [(&str, &str); 6] = [
    ("name", "田中 実"),
    ("role", "当直"),
    ("email", "tanaka@bank.example"),
    ("phone", "+81 3-0000-2000"),
    ("level", "1"),
    ("language", "ja"),
];

journeys! {
    async fn an_administrator_amends_a_profile_and_never_over_somebody_elses_change(hub) {
        let (_bank, admin) = (hub.bank("B001").await, hub.administrator().await);
        let browser = seated(&hub, &admin).await;
        let form = browser.page(&hub, "/register/B001/profile").await;
        let revision = hidden(&form, "revision");
        let typed = |name: &'static str| vec![("revision", revision.as_str()), ("name_ja", "みなと銀行"), ("name_en", name), ("language", "en"), ("linking", "sms_otp"), ("linking", "ekyc"), ("new_links", "suspended"), ("top_ups", "open"), ("pay_outs", "open")];
        let refused = browser.post(&hub, "/register/B001/profile", &typed("")).await.expect(422);
        assert!(shown(&refused).contains("みなと銀行") && shown(&refused).contains("e-profile-name_en"), "what was typed is lost");
        browser.post(&hub, "/register/B001/profile", &typed("Harbour Bank")).await.expect(303);
        let known = hub.get("/api/v1/banks/B001", &admin.key).await.json();
        assert_eq!((text(&known, "name_en"), text(&known, "new_links"), known["linking"].as_array().map(Vec::len)), ("Harbour Bank", "suspended", Some(2)));
        let late = browser.post(&hub, "/register/B001/profile", &typed("Other Bank")).await.expect(409);
        assert!(shown(&late).contains("Other Bank"));
        browser.get(&hub, "/register/ZZZZ/profile").await.expect(404);
    }

    async fn a_contact_is_replaced_by_the_administrator_and_by_the_bank_itself(hub) {
        let (bank, other, admin) = (hub.bank("B001").await, hub.bank("B002").await, hub.administrator().await);
        let head = hub.head_of(&bank).await;
        for (browser, base) in [(seated(&hub, &admin).await, "/register/B001"), (seated(&hub, &head).await, "/own")] {
            let present = first(&hub, &admin, &bank, "contacts").await;
            let path = format!("{base}/contacts/{present}");
            assert!(browser.page(&hub, &path).await.contains("value=\"1\" required checked"), "as it is");
            let mut typed = CONTACT;
            typed[2].1 = "tanaka@bank";
            let refused = shown(&browser.post(&hub, &path, &typed).await.expect(422));
            assert!(refused.contains("田中 実") && refused.contains("e-contact-email"), "{refused}");
            browser.post(&hub, &path, &CONTACT).await.expect(303);
            assert_ne!(first(&hub, &admin, &bank, "contacts").await, present);
            browser.get(&hub, &path).await.expect(404);
            let foreign = first(&hub, &admin, &other, "contacts").await;
            browser.get(&hub, &format!("{base}/contacts/{foreign}")).await.expect(404);
            browser.post(&hub, &format!("{base}/contacts/{foreign}"), &CONTACT).await.expect(404);
        }
    }

    async fn on_a_banks_behalf_endpoints_and_keys_change_by_two_people(hub) {
        let (bank, admin, second) = (hub.bank("B001").await, hub.administrator().await, hub.administrator().await);
        let browser = seated(&hub, &admin).await;
        let (hook, key) = (first(&hub, &admin, &bank, "endpoints").await, first(&hub, &admin, &bank, "keys").await);
        let (at_hook, at_key) = (format!("/register/B001/endpoints/{hook}"), format!("/register/B001/keys/{key}"));
        let refused = browser.post(&hub, &at_hook, &[("url", "https://10.0.0.1/"), ("reason", "by telephone")]).await.expect(422);
        assert!(shown(&refused).contains("https://10.0.0.1/") && shown(&refused).contains("e-endpoint-url"), "{}", shown(&refused));
        let moved = bank.receiver.url("/moved");
        let acts = [
            (at_hook.clone(), vec![("url", moved.as_str()), ("reason", "by telephone")], "replace_endpoint"),
            (at_key.clone(), vec![("reason", "lost")], "revoke_key"),
        ];
        for (path, typed, what) in acts {
            browser.page(&hub, &path).await;
            browser.post(&hub, &path, &typed).await.expect(303);
            let asked = newest_request(&hub, &admin).await;
            assert_eq!(asked["change"]["do"], what, "{asked}");
            hub.decide(&second, text(&asked, "id"), true).await.expect(200);
            match what {
                "revoke_key" => drop(browser.get(&hub, &path).await.expect(404)),
                // Both receive, and the former one takes no third.
                _ => drop(browser.post(&hub, &path, &typed).await.expect(409)),
            }
        }
        assert!(browser.page(&hub, "/register/B001").await.contains("Receives until the new endpoint is proven"));
        hub.get("/api/v1/inbox", &bank.key).await.expect(401);
        let hook = hub.endpoint_at(&admin, "B001", &moved).await;
        let nothing = browser.post(&hub, &format!("/register/B001/endpoints/{hook}/end"), &[("reason", "")]).await.expect(422);
        assert!(shown(&nothing).contains("e-ending-reason"));
        browser.post(&hub, &format!("/register/B001/endpoints/{hook}/end"), &[("reason", "closed")]).await.expect(303);
        assert_eq!(newest_request(&hub, &admin).await["change"]["from"], moved.as_str());
    }

    async fn a_bank_replaces_its_endpoint_sees_the_overlap_and_what_came_of_its_test(hub) {
        let bank = hub.bank("B001").await;
        let head = hub.head_of(&bank).await;
        let browser = seated(&hub, &head).await;
        let hook = hub.endpoint_of(&head).await;
        let moved = bank.receiver.url("/moved");
        let made = browser.post(&hub, &format!("/own/endpoints/{hook}"), &[("url", moved.as_str())]).await.expect(200);
        assert!(shown(&made).contains("whsec_") && shown(&made).contains(&moved));
        assert!(!browser.page(&hub, "/own").await.contains("former secret signs too"));
        let hook = hub.endpoint_of(&head).await;
        browser.post(&hub, &format!("/own/endpoints/{hook}/rotate"), &[]).await.expect(200);
        assert!(browser.page(&hub, "/own").await.contains("former secret signs too"));
        browser.post(&hub, "/own/test", &[]).await.expect(303);
        let before = browser.page(&hub, "/own").await;
        assert!(before.contains("Latest test notice") && before.contains("Not sent yet") && !before.contains("Accepted"));
        hub.deliver_due().await;
        assert!(browser.page(&hub, "/own").await.contains("Accepted"));
    }
}
