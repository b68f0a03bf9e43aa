//! How an incident ends: every bank's stamp or two people for each that is missing, a final report with what is done so
//! that it does not come again; and which incidents belong together.

use super::mail::relay;
use super::pages::seated;
use super::steps::{filing_with, final_report, further, hours, text};
use crate::support::ground::contact;
use crate::support::hub::{Person, Reply, TestHub};
use crate::support::maildir::mailbox;
use crate::support::receiver::Answer;
use kairan::actions::add_contact::ContactInput;
use serde_json::{Value, json};

impl TestHub {
    pub async fn ask_closing(&self, officer: &Person, reference: &str, bank: &str) -> Reply {
        let path = format!("/api/v1/incidents/{reference}/notice-closings");
        let asked = json!({ "bank": bank, "reason": "三度の電話と書面に応答がない" });
        self.post(&path, &officer.key, &asked).await
    }

    /// Two officers close a bank's notice.
    pub async fn close_notice(&self, officer: &Person, reference: &str, bank: &str) {
        let asked = self
            .ask_closing(officer, reference, bank)
            .await
            .expect(202)
            .json();
        let second = self.officer().await;
        self.decide(&second, text(&asked, "request"), true)
            .await
            .expect(200);
    }

    pub async fn close_incident(&self, officer: &Person, reference: &str) -> Reply {
        let path = format!("/api/v1/incidents/{reference}/revisions");
        self.post(&path, &officer.key, &final_report("closed"))
            .await
    }
}

async fn states(hub: &TestHub, notice: &Value) -> Vec<String> {
    let id = text(notice, "notice").parse().expect("an id");
    hub.act(move |tx| {
        let rows = kairan::storage::delivery::of_notice(tx, id)?;
        Ok(rows.into_iter().map(|row| row.state).collect())
    })
    .await
}

journeys! {
    async fn an_incident_is_closed_only_once_every_bank_has_stamped_or_two_people_closed_its_notice(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        hub.deliver_due().await;
        assert_eq!(hub.close_incident(&officer, &reference).await.expect(409).code(), "banks_unsettled");
        hub.stamp(&banks[0]).await.expect(200);
        assert_eq!(hub.close_incident(&officer, &reference).await.expect(409).code(), "banks_unsettled");
        hub.close_notice(&officer, &reference, "B002").await;
        let closed = hub.close_incident(&officer, &reference).await.expect(201).json();
        assert_eq!((&closed["revision"], &closed["notices"]), (&json!(2), &json!(2)));
        let read = hub.get(&format!("/api/v1/incidents/{reference}"), &officer.key).await.expect(200).json();
        assert_eq!((&read["closing"]["acknowledged"], &read["closing"]["closed"], &read["status"]), (&json!(1), &json!(1), &json!("closed")));
        let path = format!("/api/v1/incidents/{reference}/revisions");
        assert_eq!(hub.post(&path, &officer.key, &final_report("resolved")).await.expect(409).code(), "incident_closed");
        assert_eq!(hub.inbox(&banks[1]).await.len(), 2, "the closing report goes to everyone and is chased");
    }

    async fn nothing_is_closed_at_once_or_without_remedial_actions(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let at_once = hub.post("/api/v1/incidents", &officer.key, &final_report("closed")).await;
        assert_eq!(at_once.expect(409).code(), "banks_unsettled", "no bank was told before");
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        hub.stamp(&bank).await.expect(200);
        let mut bare = final_report("closed");
        bare.as_object_mut().expect("an object").remove("remedial_actions");
        let path = format!("/api/v1/incidents/{reference}/revisions");
        let refused = hub.post(&path, &officer.key, &bare).await.expect(422).json();
        assert_eq!(refused["faults"][0]["pointer"], "/remedial_actions");
        // A resolved final report may come first; the stamps that count are those of what was told last.
        hub.post(&path, &officer.key, &final_report("resolved")).await.expect(201);
        assert_eq!(hub.close_incident(&officer, &reference).await.expect(409).code(), "banks_unsettled");
        hub.stamp(&bank).await.expect(200);
        hub.close_incident(&officer, &reference).await.expect(201);
    }

    async fn two_people_end_the_chase_of_one_notice_and_the_next_one_is_chased_anew(hub) {
        let (officer, second, bank) = (hub.officer().await, hub.officer().await, hub.bank("B001").await);
        let other = hub.bank("B002").await;
        bank.receiver.answer(Answer::Status(500));
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        hub.deliver_due().await;
        let notice = hub.newest(&bank).await;
        assert_eq!(hub.ask_closing(&officer, &reference, "ZZZZ").await.expect(422).code(), "invalid");
        let asked = text(&hub.ask_closing(&officer, &reference, "B001").await.expect(202).json(), "request").to_owned();
        assert_eq!(hub.decide(&officer, &asked, true).await.expect(409).code(), "same_person");
        assert!(!states(&hub, &notice).await.contains(&"closed".into()), "chased until another approves");
        hub.decide(&second, &asked, true).await.expect(200);
        assert_eq!(states(&hub, &notice).await, ["closed", "closed"]);
        hub.advance(hours(30));
        bank.receiver.forget();
        hub.send_due().await;
        assert!(bank.receiver.hits().is_empty());
        let cell = hub.cell(&officer, &reference, "B001").await;
        assert!(cell["closed_at"].is_string() && cell["level"] != "acknowledged", "closed is no stamp: {cell}");
        assert_eq!(hub.ask_closing(&officer, &reference, "B001").await.expect(409).code(), "notice_settled");
        hub.stamp(&other).await.expect(200);
        assert_eq!(hub.ask_closing(&officer, &reference, "B002").await.expect(409).code(), "notice_settled");
        // What comes late is taken; what is new is sent.
        hub.stamp(&bank).await.expect(200);
        hub.revise(&officer, &reference).await;
        hub.deliver_due().await;
        assert_eq!(bank.receiver.hits().len(), 1);
    }

    async fn related_incidents_are_shown_both_ways_and_in_the_notice(hub, relay()) {
        let mailbox = mailbox("desk");
        let reached = ContactInput { email: mailbox.address().into(), language: "en".into(), ..contact("B001", 1) };
        let (officer, bank) = (hub.officer().await, hub.bank_with("B001", reached).await);
        let first = text(&hub.file(&officer).await, "reference").to_owned();
        let second = hub.file_this(&officer, &filing_with(&json!({ "related_incidents": [first] }))).await;
        let second = text(&second, "reference").to_owned();
        let mut itself = further();
        itself["related_incidents"] = json!([first]);
        let refused = hub.post(&format!("/api/v1/incidents/{first}/revisions"), &officer.key, &itself).await.expect(422).json();
        assert_eq!(refused["faults"][0]["code"], "related_itself");
        let read = hub.get(&format!("/api/v1/incidents/{first}"), &officer.key).await.expect(200).json();
        assert_eq!(read["related_from"], json!([second]));
        let browser = seated(&hub, &officer).await;
        for (page, other) in [(&first, &second), (&second, &first)] {
            assert!(browser.page(&hub, &format!("/incidents/{page}")).await.contains(&format!("href=\"/incidents/{other}\"")), "{page}");
        }
        hub.deliver_due().await;
        let mails = mailbox.wait_for(2);
        let told: Vec<bool> = mails.iter().map(|mail| mail.text().replace("\r\n", "\n").contains(&format!("Related incidents\n- {first}"))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "only the second names the first");
        let desk = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        let inbox = hub.inbox(&bank).await;
        for (line, other) in [(&inbox[0], &inbox[1]), (&inbox[1], &inbox[0])] {
            let page = desk.page(&hub, &format!("/inbox/{}", text(line, "notice"))).await;
            assert!(page.contains(&format!("href=\"/inbox/{}\"", text(other, "notice"))), "{page}");
        }
    }

    async fn the_incidents_page_says_who_is_open_and_asks_for_a_second_person(hub) {
        let (officer, second) = (hub.officer().await, hub.officer().await);
        hub.bank("B001").await;
        let reference = text(&hub.file(&officer).await, "reference").to_owned();
        let browser = seated(&hub, &officer).await;
        let path = format!("/incidents/{reference}");
        assert!(browser.page(&hub, &path).await.contains("One bank is open."));
        let door = format!("{path}/notice-closings");
        let refused = browser.post(&hub, &door, &[("bank", "B001"), ("reason", " ")]).await.expect(422);
        assert!(String::from_utf8(refused.body).expect("a page").contains("e-closing-reason"));
        browser.post(&hub, &door, &[("bank", "B001"), ("reason", "no answer")]).await.expect(303);
        let decider = seated(&hub, &second).await;
        let waiting = decider.page(&hub, "/approvals").await;
        assert!(waiting.contains("Close a notice without a confirmation") && waiting.contains("B001"), "{waiting}");
        let list = hub.get("/api/v1/approvals", &second.key).await.expect(200).json();
        hub.decide(&second, text(&list["approvals"][0], "id"), true).await.expect(200);
        assert!(browser.page(&hub, &path).await.contains("closed by two people"));
        hub.close_incident(&officer, &reference).await.expect(201);
        let page = browser.page(&hub, &path).await;
        assert!(page.contains("This incident is closed") && page.contains("Two factors for every link"), "{page}");
    }
}
