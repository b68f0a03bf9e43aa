//! Boards that change while one looks at them: what the stream of events says, and when it ends.

use super::pages::seated;
use super::steps::{seconds, text};
use crate::support::browser::{Browser, get};
use crate::support::hub::On;
use crate::support::hub::TestHub;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use kairan::storage::people::{RoleGrantRow, insert_grant};
use reqwest::Method;
use std::time::Duration;

/// An open page, as far as its stream goes.
pub struct Stream {
    answer: reqwest::Response,
    heard: String,
}

impl Stream {
    pub async fn open(hub: &TestHub, browser: &Browser, path: &str) -> Self {
        let request = hub
            .request(Method::GET, path)
            .header("cookie", &browser.cookie);
        let answer = request.send().await.expect("the hub answers");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            heard: String::new(),
        }
    }

    async fn chunk(&mut self) -> Option<String> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.answer.chunk()).await;
        let next = next
            .expect("something within half a minute")
            .expect("no broken stream");
        next.map(|bytes| String::from_utf8(bytes.to_vec()).expect("UTF-8"))
    }

    /// The next event of this name.
    pub async fn hears(&mut self, name: &str) -> String {
        let start = format!("event: {name}\n");
        loop {
            if let Some(at) = self.heard.find(&start)
                && let Some(length) = self.heard[at..].find("\n\n")
            {
                let event = self.heard[at..at + length].to_owned();
                self.heard.drain(..at + length);
                return event;
            }
            let chunk = self.chunk().await;
            self.heard +=
                &chunk.unwrap_or_else(|| panic!("no {name}; it ended with {:?}", self.heard));
        }
    }

    /// Everything to the end.
    pub async fn ends(mut self) -> String {
        while let Some(chunk) = self.chunk().await {
            self.heard += &chunk;
        }
        self.heard
    }
}

journeys! {
    async fn a_stamp_shows_on_the_open_board_and_on_the_home_page(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let browser = seated(&hub, &officer).await;
        let path = format!("/live?incident={}", text(&filed, "reference"));
        let mut incident = Stream::open(&hub, &browser, &path).await;
        let mut home = Stream::open(&hub, &browser, "/live").await;
        assert!(!incident.hears("board").await.contains("level-acknowledged"));
        home.hears("board").await;
        hub.stamp(&bank).await.expect(200);
        for stream in [&mut incident, &mut home] {
            assert!(stream.hears("board").await.contains("class=\"stamp level-acknowledged\""));
        }
        hub.file(&officer).await;
        assert_eq!(home.hears("board").await.matches("class=\"strip\"").count(), 2, "a new incident is there too");
    }

    async fn a_stream_ends_with_its_session_and_is_no_use_of_it(hub) {
        let officer = hub.officer().await;
        let (idle, leaving) = (seated(&hub, &officer).await, Browser::sign_in(&hub, &officer.email()).await);
        let mut left = Stream::open(&hub, &leaving, "/live").await;
        leaving.post(&hub, "/sign-out", &[]).await.expect(303);
        left.hears("end").await;
        assert_eq!(left.ends().await.trim(), "");
        idle.get(&hub, "/home").await.expect(200);
        hub.advance(seconds(10 * 60));
        let mut open = Stream::open(&hub, &idle, "/live").await;
        open.hears("board").await;
        hub.advance(seconds(6 * 60));
        open.hears("end").await;
        idle.get(&hub, "/home").await.expect(303);
    }

    async fn whoever_may_not_read_boards_gets_no_stream(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let filed = hub.file(&officer).await;
        let path = format!("/live?incident={}", text(&filed, "reference"));
        assert!(get(&hub, "", &path).await.expect(303).headers["location"].to_str().expect("text").starts_with("/sign-in"));
        let member = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        let (there, missing) = (member.get(&hub, &path).await.expect(404), member.get(&hub, "/live?incident=INC-2019-9999").await.expect(404));
        assert_eq!(there.body.len(), missing.body.len());
        seated(&hub, &hub.person("administrator", None).await).await.get(&hub, &path).await.expect(403);
        let auditor = seated(&hub, &hub.person("auditor", None).await).await;
        Stream::open(&hub, &auditor, &path).await.hears("board").await;
        auditor.get(&hub, "/live?incident=INC-2019-9999").await.expect(404);
        auditor.get(&hub, "/live?banks=B001").await.expect(400);
    }

    async fn a_person_who_loses_the_role_hears_no_more(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        hub.file(&officer).await;
        let auditor = hub.person("auditor", None).await;
        let mut open = Stream::open(&hub, &seated(&hub, &auditor).await, "/live").await;
        open.hears("board").await;
        let lost = auditor.id;
        hub.act(move |tx| {
            let row = RoleGrantRow { person_id: lost, role: "auditor".into(), revision: 2, given: false, granted_by: None, approval_id: None, recorded_at: tx.now()? };
            Ok(insert_grant(tx, &row)?)
        }).await;
        hub.stamp(&bank).await.expect(200);
        assert!(!open.hears("end").await.contains("level-acknowledged"));
    }

    async fn a_hub_that_stops_waits_for_no_stream(hub) {
        let officer = hub.officer().await;
        let browser = seated(&hub, &officer).await;
        let node = hub.second_node().await;
        let url = format!("http://{}/live", node.address);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut open = client.get(url).header("cookie", &browser.cookie).send().await.expect("it answers");
        assert!(open.chunk().await.expect("a stream").is_some());
        let stopped = tokio::time::timeout(seconds(10), node.stop()).await;
        assert!(stopped.is_ok(), "it waited until its patience ended");
        while open.chunk().await.expect("a proper end").is_some() {}
    }
}

/// Of a database whose answer does not come, as where its host hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_board_whose_database_says_nothing_is_live_no_more() {
    let hub = TestHub::start(On::Postgres).await;
    let fresh = hub.postgres.as_ref().expect("this one is on PostgreSQL");
    let officer = hub.officer().await;
    let browser = seated(&hub, &officer).await;
    let mut open = Stream::open(&hub, &browser, "/live").await;
    open.hears("board").await;
    let mut holder = PgConnection::establish(fresh.url()).expect("connects");
    let hold = "BEGIN; LOCK TABLE response IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(hold).expect("it holds the table");
    open.ends().await;
    holder.batch_execute("ROLLBACK").expect("it lets go");
    Stream::open(&hub, &browser, "/live")
        .await
        .hears("board")
        .await;
}
