//! What banks say that they did: who sees it, how peers hear of it together, and what the operator must answer.

use super::pages::seated;
use super::steps::{hours, seconds, text};
use crate::support::browser::Browser;
use crate::support::hub::{Bank, Person, Reply, TestHub};
use serde_json::{Value, json};

impl TestHub {
    /// An officer answers what a bank asked.
    pub async fn answer(&self, officer: &Person, response: &str, said: &str) -> Reply {
        let path = format!("/api/v1/responses/{response}/answer");
        self.post(&path, &officer.key, &json!({ "text": said }))
            .await
    }

    async fn questions(&self, reader: &Person) -> Vec<Value> {
        let listed = self.get("/api/v1/questions", &reader.key).await;
        let listed = listed.expect(200).json();
        listed["questions"].as_array().expect("a list").clone()
    }

    /// A bank asks after it has stamped: the id of its response.
    pub async fn ask(&self, bank: &Bank, codes: &[&str]) -> String {
        let said = self.respond(bank, codes, "operator").await;
        text(&said.expect(201).json(), "id").to_owned()
    }
}

/// What a bank's endpoint was told that others did.
fn heard(bank: &Bank) -> Vec<Value> {
    let hits = bank.receiver.hits();
    let bodies = hits.iter().map(|hit| hit.json());
    let shared = bodies.filter(|body| body["type"] == "response.shared");
    shared.map(|body| body["data"].clone()).collect()
}

async fn with_details(hub: &TestHub, bank: &Bank, filing: &Value) -> Reply {
    let notice = hub.newest(bank).await;
    let path = format!("/api/v1/notices/{}/responses", text(&notice, "notice"));
    hub.post(&path, &bank.key, filing).await
}

journeys! {
    async fn peers_hear_of_responses_together_once_and_as_each_bank_shares_its_own(hub) {
        let officer = hub.officer().await;
        let (one, two, three) = (hub.bank("B001").await, hub.bank("B002").await, hub.bank("B003").await);
        hub.file(&officer).await;
        for bank in [&one, &two] { hub.stamp(bank).await.expect(200); }
        hub.deliver_due().await;
        hub.respond(&one, &["suspended_new_links"], "peers_named").await.expect(201);
        hub.respond(&one, &["investigating"], "operator").await.expect(201);
        hub.respond(&one, &["added_factor"], "private").await.expect(201);
        hub.advance(seconds(12 * 60));
        hub.respond(&one, &["contacted_customers"], "peers_anonymous").await.expect(201);
        assert_eq!(hub.run_out().await, 0, "not one message per response");
        hub.advance(seconds(130));
        // So young that one before it may not be committed yet: it waits for the next message.
        hub.respond(&one, &["compensating"], "peers_anonymous").await.expect(201);
        hub.advance(seconds(51));
        assert_eq!(hub.run_out().await, 1);
        hub.advance(seconds(10));
        assert_eq!(hub.run_out().await, 0, "told once");
        hub.deliver_due().await;
        assert!(heard(&one).is_empty(), "it knows what it did");
        for peer in [&two, &three] {
            let told = heard(peer);
            assert_eq!(told.len(), 1);
            assert_eq!(told[0]["counts"], json!({ "suspended_new_links": 1, "contacted_customers": 1 }));
            assert_eq!((&told[0]["banks"], &told[0]["suspended"]), (&json!(1), &json!({ "new_links": 1 })));
            assert_eq!(told[0]["named"].as_array().map(Vec::len), Some(1), "{}", told[0]);
            assert_eq!((&told[0]["named"][0]["bank"], &told[0]["named"][0]["codes"]), (&json!("B001"), &json!(["suspended_new_links"])));
        }
        hub.advance(seconds(15 * 60));
        assert_eq!(hub.run_out().await, 1, "what was too young");
        // Another does it too, and does not wish to be named.
        hub.respond(&two, &["suspended_new_links"], "peers_anonymous").await.expect(201);
        hub.advance(seconds(15 * 60));
        assert_eq!(hub.run_out().await, 1);
        hub.deliver_due().await;
        let (first, last) = (heard(&one), heard(&three));
        assert_eq!((first.len(), heard(&two).len(), last.len()), (1, 2, 3));
        assert_eq!((&first[0]["counts"], &first[0]["named"]), (&json!({ "suspended_new_links": 1 }), &json!([])));
        assert_eq!((&last[2]["banks"], &last[2]["counts"]["suspended_new_links"]), (&json!(2), &json!(2)));
        assert!(!last[2].to_string().contains("B002"), "{}", last[2]);
    }

    async fn the_operator_sees_how_the_three_services_of_every_bank_stand(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (one, two) = (hub.bank("B001").await, hub.bank("B002").await);
        hub.bank("B003").await;
        let filed = hub.file(&officer).await;
        for bank in [&one, &two] { hub.stamp(bank).await.expect(200); }
        let from = "2019-05-17T18:00:00+09:00";
        let details = json!({ "codes": ["suspended_new_links", "matching_cases_found"], "share": "operator", "effective_from": from,
            "found": { "accounts": 3, "amount": { "minor": "250000", "currency": "JPY" } } });
        with_details(&hub, &one, &details).await.expect(201);
        hub.respond(&one, &["suspended_top_ups"], "peers_anonymous").await.expect(201);
        hub.respond(&two, &["suspended_all"], "private").await.expect(201);
        let path = format!("/api/v1/incidents/{}/response-map", text(&filed, "reference"));
        let map = hub.get(&path, &auditor.key).await.expect(200).json();
        let states = |at: usize| ["bank", "new_links", "top_ups", "pay_outs"].map(|field| text(&map["banks"][at], field).to_owned());
        assert_eq!(states(0), ["B001", "suspended", "suspended", "open"]);
        assert!(map["banks"][0]["since"].is_string());
        assert_eq!(states(1), ["B002", "open", "open", "open"], "what a bank keeps to itself is not seen");
        assert_eq!(states(2), ["B003", "open", "open", "open"]);
        assert!(map["banks"][2].get("since").is_none());
        let page = seated(&hub, &officer).await.page(&hub, &format!("/incidents/{}", text(&filed, "reference"))).await;
        for shown in ["Services, bank by bank", "3 accounts found", "250000 JPY"] { assert!(page.contains(shown), "{shown} in {page}"); }
        hub.respond(&one, &["resumed"], "operator").await.expect(201);
        let map = hub.get(&path, &officer.key).await.expect(200).json();
        assert_eq!((&map["banks"][0]["new_links"], &map["banks"][0]["top_ups"]), (&json!("open"), &json!("open")));
    }

    async fn a_question_and_an_objection_wait_with_a_clock_until_an_officer_answers(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (one, two) = (hub.bank("B001").await, hub.bank("B002").await);
        hub.file(&officer).await;
        for bank in [&one, &two] { hub.stamp(bank).await.expect(200); }
        let asked = hub.ask(&one, &["information_request", "noted"]).await;
        hub.advance(hours(1));
        let objection = hub.ask(&two, &["disputes_notice"]).await;
        let noted = hub.ask(&two, &["noted"]).await;
        let listed = hub.questions(&auditor).await;
        let ids: Vec<&str> = listed.iter().map(|one| text(&one["response"], "id")).collect();
        assert_eq!(ids, [&asked, &objection], "the oldest first, and only what asks");
        assert_eq!((&listed[0]["late"], listed[0]["response"].get("answer")), (&json!(false), None));
        hub.advance(hours(23) + seconds(1));
        let late: Vec<Value> = hub.questions(&officer).await.iter().map(|one| one["late"].clone()).collect();
        assert_eq!(late, [true, false]);
        assert_eq!(hub.answer(&officer, &asked, " ").await.expect(422).json()["faults"][0]["pointer"], "/text");
        hub.answer(&officer, &noted, "Thank you.").await.expect(404);
        hub.answer(&officer, &asked, "New links only.").await.expect(204);
        assert_eq!(hub.answer(&officer, &asked, "again").await.expect(409).code(), "response_answered");
        assert_eq!(hub.questions(&officer).await.len(), 1);
        hub.deliver_due().await;
        let of = |bank: &Bank| bank.receiver.hits().iter().map(|hit| hit.json()).filter(|body| body["type"] == "response.answered").collect::<Vec<_>>();
        let told = of(&one);
        assert_eq!((told.len(), &told[0]["data"]["response"], &told[0]["data"]["text"]), (1, &json!(asked), &json!("New links only.")));
        assert!(of(&two).is_empty(), "it goes to nobody else");
        let path = format!("/api/v1/notices/{}/responses", text(&hub.newest(&one).await, "notice"));
        let own = hub.get(&path, &one.key).await.expect(200).json();
        assert_eq!(own["own"][0]["answer"]["text"], "New links only.");
        assert!(!hub.get(&path.replace(text(&hub.newest(&one).await, "notice"), text(&hub.newest(&two).await, "notice")), &two.key)
            .await.expect(200).json().to_string().contains("New links only."));
    }

    async fn what_asks_objects_or_reviews_the_partnership_is_for_the_operator_to_read(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (bank, peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        for code in ["information_request", "disputes_notice", "reviewing_partnership"] {
            let refused = hub.respond(&bank, &[code], "private").await.expect(422).json();
            assert_eq!(refused["faults"][0]["code"], "share_operator", "{code}");
        }
        hub.respond(&bank, &["reviewing_partnership"], "operator").await.expect(201);
        let path = format!("/api/v1/incidents/{}/responses", text(&filed, "reference"));
        for reader in [&officer, &auditor] {
            let seen = hub.get(&path, &reader.key).await.expect(200).json();
            assert_eq!(seen["responses"][0]["codes"], json!(["reviewing_partnership"]));
        }
        let path = format!("/api/v1/notices/{}/responses", text(&hub.newest(&peer).await, "notice"));
        let seen = hub.get(&path, &peer.key).await.expect(200).json();
        assert_eq!((&seen["banks"], &seen["counts"], &seen["named"]), (&json!(0), &json!({}), &json!([])));
        hub.advance(seconds(15 * 60));
        assert_eq!(hub.run_out().await, 0, "peers hear nothing");
    }

    async fn questions_are_asked_and_answered_on_the_desks(hub) {
        let (bank, officer, auditor) = (hub.bank("B001").await, hub.officer().await, hub.auditor().await);
        hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        let member = hub.person("bank_member", Some(bank.id)).await;
        let desk = seated(&hub, &member).await;
        let home = seated(&hub, &officer).await;
        let place = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        let page = desk.page(&hub, &place).await;
        assert!(page.contains("Accounts found"), "{page}");
        let mut form = vec![("codes", "information_request"), ("codes", "matching_cases_found"), ("share", "operator"),
            ("note", "Which days?"), ("found_accounts", "three"), ("found_amount", "250,000")];
        let refused = desk.post(&hub, &format!("{place}/responses"), &form).await.expect(422);
        let refused = String::from_utf8(refused.body).expect("a page");
        assert!(refused.contains("e-found_accounts") && refused.contains("value=\"three\""), "{refused}");
        form.retain(|(name, _)| *name != "found_accounts");
        form.push(("found_accounts", "3"));
        desk.post(&hub, &format!("{place}/responses"), &form).await.expect(303);
        let shown = home.page(&hub, "/home").await;
        assert!(shown.contains("Banks ask") && shown.contains("to answer:"), "{shown}");
        hub.advance(hours(24) + seconds(1));
        // A session of fifteen idle minutes is over.
        let home = Browser::sign_in(&hub, &officer.email()).await;
        let reader = seated(&hub, &auditor).await;
        let seen = reader.page(&hub, "/questions").await;
        assert!(seen.contains("answer late by") && seen.contains("Which days?") && !seen.contains("Send the answer"), "{seen}");
        let open = home.page(&hub, "/questions").await;
        let action = open.split("action=\"/responses/").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
        let action = format!("/responses/{action}");
        home.post(&hub, &action, &[("text", "")]).await.expect(422);
        home.post(&hub, &action, &[("text", "The sixteenth and seventeenth.")]).await.expect(303);
        assert!(home.page(&hub, "/questions").await.contains("No bank waits for an answer."));
        let desk = Browser::sign_in(&hub, &member.email()).await;
        let page = desk.page(&hub, &place).await;
        for shown in ["The sixteenth and seventeenth.", "3 accounts found", "250000 JPY"] { assert!(page.contains(shown), "{shown} in {page}"); }
    }
}
