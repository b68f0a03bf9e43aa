//! People, what they may do, and the keys that prove who they are.

use super::mail::relay;
use super::reports::person_at;
use super::steps::{hours, text};
use crate::support::ground::filing;
use crate::support::hub::{Person, Reply, TestHub};
use crate::support::maildir::mailbox;
use reqwest::Method;
use serde_json::{Value, json};

const BOOTSTRAP: [&str; 7] = [
    "admin",
    "bootstrap",
    "--name",
    "山本 葵",
    "--email",
    "yamamoto@operator.example",
    "--json",
];

fn invitee(roles: &[&str], bank: Option<&str>) -> Value {
    json!({ "name": "小林 翼", "email": "kobayashi@people.example", "roles": roles, "bank": bank, "language": "ja" })
}

async fn accept(hub: &TestHub, link: &str) -> Reply {
    let token = link.rsplit('/').next().expect("a token");
    hub.call(
        Method::POST,
        &format!("/api/v1/invitations/{token}"),
        "",
        None,
    )
    .await
}

/// The first live key of somebody, by its owner.
async fn key_id(hub: &TestHub, person: &Person) -> String {
    let keys = hub
        .get("/api/v1/keys", &person.key)
        .await
        .expect(200)
        .json();
    text(&keys["keys"][0], "id").to_owned()
}

journeys! {
    async fn the_first_administrator_comes_from_the_host_and_there_is_only_one_first(hub) {
        let (code, said) = hub.command(&BOOTSTRAP).await;
        assert_eq!(code, 0, "{said}");
        let made: Value = serde_json::from_str(said.trim()).expect("JSON");
        let accepted = accept(&hub, text(&made, "link")).await.expect(201).json();
        assert_eq!(accepted["roles"], json!(["administrator"]));
        hub.get("/api/v1/people", text(&accepted["key"], "key")).await.expect(200);
        let (code, said) = hub.command(&BOOTSTRAP).await;
        assert!(code == 1 && said.contains("an administrator exists already"), "{code} {said}");
    }

    async fn an_invitation_works_once(hub) {
        let admin = hub.administrator().await;
        let invited = hub.post("/api/v1/invitations", &admin.key, &invitee(&["officer"], None)).await.expect(201).json();
        let accepted = accept(&hub, text(&invited, "link")).await.expect(201).json();
        assert_eq!(accept(&hub, text(&invited, "link")).await.expect(410).code(), "invitation_ended");
        hub.get("/api/v1/incidents", text(&accepted["key"], "key")).await.expect(200);
        let twice = hub.post("/api/v1/invitations", &admin.key, &invitee(&["officer"], None)).await;
        assert_eq!(twice.expect(409).code(), "person_exists");
    }

    async fn nobody_is_let_in_in_silence(hub, relay()) {
        let (one, two, inviting) = (hub.bank("B001").await, hub.bank("B002").await, hub.administrator().await);
        let boxes = ["administrator", "auditor", "officer", "head", "foreign"].map(mailbox);
        let [administrator, auditor, officer, head, foreign] = &boxes;
        for (inbox, role, of) in [(administrator, "administrator", None), (auditor, "auditor", None), (officer, "officer", None),
            (head, "bank_administrator", Some(one.id)), (foreign, "bank_administrator", Some(two.id))] {
            person_at(&hub, inbox, role, of).await;
        }
        let invited = hub.post("/api/v1/invitations", &inviting.key, &invitee(&["auditor"], None)).await.expect(201).json();
        hub.deliver_due().await;
        assert!(administrator.mails().is_empty(), "told before anybody joined");
        accept(&hub, text(&invited, "link")).await.expect(201);
        hub.deliver_due().await;
        for inbox in [administrator, auditor] {
            let mail = inbox.arrived(1).await.remove(0);
            assert!(mail.subject().contains("Somebody has joined"), "{}", mail.subject());
            for said in ["Who: 小林 翼", "Roles: Auditor", "Invited by: administrator"] { assert!(mail.text().contains(said), "{said} in {}", mail.text()); }
        }
        let mut of_bank = invitee(&["bank_member"], Some("B001"));
        of_bank["email"] = json!("member@people.example");
        let invited = hub.post("/api/v1/invitations", &inviting.key, &of_bank).await.expect(201).json();
        accept(&hub, text(&invited, "link")).await.expect(201);
        hub.deliver_due().await;
        for (inbox, mails) in [(administrator, 2), (auditor, 2), (head, 1)] {
            let mail = inbox.arrived(mails).await.pop().expect("a mail");
            assert!(mail.subject().contains("B001") && mail.text().contains("Roles: Bank member"), "{}", mail.text());
        }
        assert!(officer.mails().is_empty() && foreign.mails().is_empty(), "told to whom it does not concern");
    }

    async fn an_invitation_that_ran_out_is_the_same_as_one_that_never_was(hub) {
        let admin = hub.administrator().await;
        let invited = hub.post("/api/v1/invitations", &admin.key, &invitee(&["officer"], None)).await.expect(201).json();
        hub.advance(hours(73));
        let ended = accept(&hub, text(&invited, "link")).await.expect(410);
        let unknown = accept(&hub, "https://hub.example/invitations/AAAA").await.expect(410);
        assert_eq!(ended.body, unknown.body);
    }

    async fn nobody_gets_a_role_of_the_other_side(hub) {
        let admin = hub.administrator().await;
        hub.bank("B001").await;
        for (roles, bank) in [(["officer"], Some("B001")), (["bank_member"], None)] {
            let refused = hub.post("/api/v1/invitations", &admin.key, &invitee(&roles, bank)).await;
            assert_eq!(refused.expect(409).code(), "role_of_other_side");
        }
        let both = hub.post("/api/v1/invitations", &admin.key, &invitee(&["administrator", "officer"], None)).await;
        assert_eq!(both.expect(422).json()["faults"][0]["code"], "roles_incompatible");
    }

    async fn a_revoked_or_expired_key_is_refused_like_an_invented_one(hub) {
        let (revoked, old) = (hub.officer().await, hub.officer().await);
        let path = format!("/api/v1/keys/{}", key_id(&hub, &revoked).await);
        hub.call(Method::DELETE, &path, &revoked.key, None).await.expect(204);
        let first = hub.get("/api/v1/incidents", &revoked.key).await.expect(401);
        hub.get("/api/v1/incidents", &old.key).await.expect(200);
        hub.advance(hours(30 * 24 + 1));
        let second = hub.get("/api/v1/incidents", &old.key).await.expect(401);
        let third = hub.get("/api/v1/incidents", "kairan_no_such_key").await.expect(401);
        assert!(first.body == second.body && second.body == third.body);
        assert_eq!(first.headers["www-authenticate"], "Bearer");
    }

    async fn a_person_has_two_live_keys_at_most(hub) {
        let officer = hub.officer().await;
        let new = json!({ "label": "laptop" });
        let made = hub.post("/api/v1/keys", &officer.key, &new).await.expect(201).json();
        assert_eq!(hub.post("/api/v1/keys", &officer.key, &new).await.expect(409).code(), "too_many_keys");
        hub.get("/api/v1/incidents", text(&made, "key")).await.expect(200);
        hub.call(Method::DELETE, &format!("/api/v1/keys/{}", text(&made, "id")), &officer.key, None).await.expect(204);
        hub.post("/api/v1/keys", &officer.key, &new).await.expect(201);
    }

    async fn each_role_does_its_own_work_and_no_others(hub) {
        let bank = hub.bank("B001").await;
        let (officer, auditor, admin) = (hub.officer().await, hub.auditor().await, hub.administrator().await);
        let member = hub.person("bank_member", Some(bank.id)).await;
        hub.post("/api/v1/incidents", &officer.key, &filing()).await.expect(201);
        for who in [&auditor.key, &admin.key] { hub.post("/api/v1/incidents", who, &filing()).await.expect(403); }
        for who in [&officer.key, &auditor.key] { hub.post("/api/v1/banks", who, &json!({})).await.expect(403); }
        for who in [&officer.key, &auditor.key, &admin.key] { hub.get("/api/v1/inbox", who).await.expect(403); }
        hub.get("/api/v1/deliveries", &admin.key).await.expect(403);
        for who in [&member.key, &bank.key] {
            hub.post("/api/v1/incidents", who, &filing()).await.expect(404);
            hub.get("/api/v1/deliveries", who).await.expect(404);
        }
        hub.post("/api/v1/own/keys", &member.key, &json!({ "label": "x" })).await.expect(403);
    }

    async fn changing_roles_takes_two_administrators_and_acts_at_once(hub) {
        let (one, other, officer) = (hub.administrator().await, hub.administrator().await, hub.officer().await);
        let path = format!("/api/v1/people/{}/roles", officer.id);
        let change = json!({ "roles": ["auditor"], "reason": "moved to audit" });
        let asked = hub.post(&path, &one.key, &change).await.expect(202).json();
        assert_eq!(hub.decide(&one, text(&asked, "request"), true).await.expect(409).code(), "same_person");
        hub.decide(&other, text(&asked, "request"), true).await.expect(200);
        hub.post("/api/v1/incidents", &officer.key, &filing()).await.expect(403);
        hub.get("/api/v1/incidents", &officer.key).await.expect(200);
    }
}
