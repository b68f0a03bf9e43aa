//! What an officer, a bank and an auditor live through, over the real server, on both databases.

/// Makes each journey two tests, one on either database. A text after the hub is appended to its settings.
macro_rules! journeys {
    ($(async fn $name:ident($hub:ident $(, $more:expr)?) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every journey needs all that the file imports")]
            use super::*;
            use $crate::support::hub::{On, TestHub};

            async fn journey(on: On) {
                let more: Vec<String> = vec![$(String::from($more))?];
                #[allow(unused_mut, reason = "only some journeys restart their hub")]
                let mut $hub = TestHub::start_with(on, &more.concat()).await;
                $body
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                journey(On::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres() {
                journey(On::Postgres).await;
            }
        })+
    };
}

mod acknowledging;
mod ageing;
mod bouncing;
mod breaking;
mod case;
mod changing;
mod chasing;
mod checks;
mod closing;
mod confirming;
mod counting;
pub mod deferring;
mod delivery;
mod drilling;
mod evidence;
pub mod exporting;
mod facts;
mod filing;
mod filing_from_the_shell;
mod following;
mod insider;
mod joining;
mod live;
pub mod mail;
pub mod pages;
mod people;
mod problems;
mod proving;
mod reaching;
mod reading;
mod reading_the_log;
mod receiving;
pub mod recovery;
mod register;
mod reports;
mod responding;
mod revising;
mod rolling;
mod rotating;
mod sealing;
mod service_levels;
mod signing;
pub mod steps;
mod webhooks;

use serde_json::json;

journeys! {
    async fn a_filed_incident_reaches_every_bank_and_a_stamp_comes_back(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        let filed = hub.file(&officer).await;
        assert_eq!(filed["notices"], 2);
        hub.deliver_due().await;
        for bank in &banks {
            let told = bank.receiver.hits()[0].json();
            assert_eq!(told["type"], "notice.issued");
            let notice = told["data"]["notice"]["id"].as_str().expect("an id");
            let stamp = json!({ "digest": told["data"]["digest"], "name": "佐藤 花子", "role": "不正対策室" });
            let path = format!("/api/v1/notices/{notice}/acknowledgement");
            hub.post(&path, &bank.key, &stamp).await.expect(200);
        }
        let reference = filed["reference"].as_str().expect("a reference");
        let board = hub.get(&format!("/api/v1/incidents/{reference}"), &officer.key).await.expect(200).json();
        assert_eq!(board["stamps"]["delivered"], 2, "{board}");
        assert_eq!(board["stamps"]["acknowledged"], 2, "{board}");
    }
}
