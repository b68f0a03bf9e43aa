//! The case that every rule comes from, as it should have gone: May 2019 to September 2020, with invented names. All 35
//! banks are told in the hour in which two of them are hit; the others see how the first one reacts; who keeps silent is
//! called; who joins later gets the past; and what a bank had been told on a day is proven offline.

use super::evidence::covered;
use super::steps::{filing_with, final_report, hours, seconds, text};
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::receiver::Receiver;
use kairan::domain::instant::Instant;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BANKS: usize = 35;
/// B001 and B002 were hit; these link accounts with more than the cash card's PIN.
const STRONG: std::ops::RangeInclusive<usize> = 20..=35;
/// Exposed, and silent.
const SILENT: usize = 9;

fn code(n: usize) -> String {
    format!("B{n:03}")
}

fn at(text: &str) -> Instant {
    let parsed: jiff::Timestamp = text.parse().expect("a time");
    Instant::from_micros(parsed.as_microsecond())
}

/// A new API key for a bank's machine; the old ones ran out long ago.
async fn renew(hub: &TestHub, bank: &mut Bank) {
    bank.key = hub.machine_key(bank.id).await;
}

async fn stamp_all(hub: &TestHub, banks: &[Bank], but: &[usize]) {
    for (n, bank) in (1..).zip(banks) {
        if !but.contains(&n) {
            hub.stamp(bank).await.expect(200);
        }
    }
}

async fn reference(hub: &TestHub, officer: &Person, changes: &Value) -> String {
    let filed = hub.file_this(officer, &filing_with(changes)).await;
    text(&filed, "reference").to_owned()
}

/// The types of what came to a receiver.
fn heard(receiver: &Receiver) -> Vec<String> {
    let hits = receiver.hits();
    hits.iter()
        .map(|hit| text(&hit.json(), "type").to_owned())
        .collect()
}

async fn told(hub: &TestHub, args: &[&str]) -> String {
    let (code, said) = hub.command(args).await;
    assert_eq!(code, 0, "{args:?}: {said}");
    said
}

journeys! {
    async fn the_case_of_2019_and_2020_as_it_should_have_gone(hub) {
        hub.clock.set(at("2019-05-17T02:00:00Z"));
        let mut banks = Vec::new();
        for n in 1..=BANKS { banks.push(hub.bank(&code(n)).await); }
        for n in STRONG { hub.linking(&code(n), &["ib_login_otp"]).await; }
        let (officer, second) = (hub.officer().await, hub.officer().await);

        // Friday, 17 May 2019, 11:11 in Tokyo: thefts from accounts at two banks.
        hub.clock.set(at("2019-05-17T02:11:00Z"));
        let may = reference(&hub, &officer, &json!({
            "affected_banks": ["B001", "B002"], "auth_exploited": ["account_no_cash_card_pin"],
            "detected_at": "2019-05-17T10:30:00+09:00" })).await;
        assert_eq!(may, "INC-2019-0001");
        hub.deliver_due().await;
        let issued = hub.clock.now();
        for bank in &banks {
            assert_eq!(heard(&bank.receiver), ["notice.issued"], "{} is told in the same hour", bank.code);
        }
        let board = hub.board(&officer, &may).await;
        assert_eq!((&board["notices"], &board["delivered"]), (&json!(35), &json!(35)));
        for (n, hit, exposed) in [(1, true, true), (2, true, true), (17, false, true), (30, false, false)] {
            let cell = hub.cell(&officer, &may, &code(n)).await;
            assert_eq!((&cell["concerns_you"], &cell["exposed"]), (&json!(hit), &json!(exposed)), "{}", code(n));
        }

        // The first bank that was hit suspends new links, and every other sees it.
        hub.stamp(&banks[0]).await.expect(200);
        hub.respond(&banks[0], &["suspended_new_links"], "peers_named").await.expect(201);
        hub.advance(seconds(15 * 60));
        hub.run_out().await;
        hub.deliver_due().await;
        for bank in &banks[1..] {
            let seen = bank.receiver.hits().into_iter().map(|hit| hit.json());
            let shared = seen.filter(|body| body["type"] == "response.shared").collect::<Vec<_>>();
            assert_eq!(shared[0]["data"]["named"][0]["bank"], "B001", "{}", bank.code);
        }

        // Exposed banks are chased first; of the others nobody yet.
        hub.advance(seconds(2 * 60));
        hub.chase_due().await;
        let chased = hub.texts("SELECT b.code AS text FROM chase_step s JOIN notice n ON n.id = s.notice_id JOIN bank b ON b.id = n.bank_id");
        let chased: BTreeSet<String> = chased.into_iter().collect();
        assert_eq!(chased, (2..*STRONG.start()).map(code).collect::<BTreeSet<_>>());
        stamp_all(&hub, &banks, &[1, SILENT]).await;

        // One keeps silent: after its hour somebody has to telephone, and writes down who was told.
        hub.advance(hours(1));
        hub.chase_due().await;
        let mut calls = hub.tasks(&officer).await;
        calls.retain(|task| task["kind"] == "phone");
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0]["bank"], code(SILENT));
        let known = hub.get(&format!("/api/v1/banks/{}/contacts", code(SILENT)), &officer.key).await.expect(200).json();
        let call = json!({ "channel": "phone", "contact": known["contacts"][0]["id"], "person": "田中 実", "role": "当直",
            "told_at": hub.clock.now().to_string(), "read_back": "1", "note": "折り返し確認" });
        let path = format!("/api/v1/tasks/{}/completion", text(&calls[0], "id"));
        let asked = hub.post(&path, &officer.key, &call).await.expect(202).json();
        hub.decide(&second, text(&asked, "request"), true).await.expect(200);
        let cell = hub.cell(&officer, &may, &code(SILENT)).await;
        assert_eq!((&cell["told_out_of_band"], cell["acknowledged_at"].is_null()), (&json!(true), true), "told aside is not a stamp: {cell}");
        hub.stamp(&banks[SILENT - 1]).await.expect(200);
        let board = hub.board(&officer, &may).await;
        assert_eq!((&board["delivered"], &board["acknowledged"]), (&json!(35), &json!(35)));
        assert!(hub.clock.now().since(issued) < hours(2));

        // The final report, and the end of it.
        hub.clock.set(at("2019-06-14T01:00:00Z"));
        let mut closing = final_report("closed");
        closing["affected_banks"] = json!(["B001", "B002"]);
        closing["late_reason"] = json!("被害額の確定に日数を要した。");
        for bank in &mut banks { renew(&hub, bank).await; }
        let officer = hub.officer().await;
        hub.post(&format!("/api/v1/incidents/{may}/revisions"), &officer.key, &closing).await.expect(201);
        hub.deliver_due().await;
        stamp_all(&hub, &banks, &[]).await;

        // A bank joins in 2020 and gets the past on its first day.
        hub.clock.set(at("2020-04-01T00:00:00Z"));
        let mut joined = hub.bank("B036").await;
        hub.chase_due().await;
        hub.deliver_due().await;
        let pack = hub.inbox(&joined).await;
        assert_eq!((pack.len(), &pack[0]["incident"], &pack[0]["number"], &pack[0]["revision"]), (1, &json!(may), &json!(1), &json!("2")));
        hub.stamp(&joined).await.expect(200);

        // September 2020: the same trick elsewhere. Nobody has to look for a record of a warning.
        hub.clock.set(at("2020-09-08T03:00:00Z"));
        for bank in banks.iter_mut().chain([&mut joined]) {
            renew(&hub, bank).await;
            bank.receiver.forget();
        }
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let wave = reference(&hub, &officer, &json!({
            "affected_banks": (3..=13).map(code).collect::<Vec<_>>(), "related_incidents": [may],
            "detected_at": "2020-09-08T11:00:00+09:00" })).await;
        assert_eq!(wave, "INC-2020-0001");
        hub.deliver_due().await;
        for bank in banks.iter().chain([&joined]) {
            assert_eq!(heard(&bank.receiver), ["notice.issued"], "{}", bank.code);
            let body = bank.receiver.hits()[0].json();
            assert_eq!(body["data"]["incident"]["related_incidents"], json!([may]));
        }
        hub.seal().await;

        // What had bank 17 been told by 1 August 2020? Offline, with nothing but the file and a key.
        let path = "/api/v1/certificates?bank=B017&as_of=2020-08-01T00:00:00Z";
        let certificate = hub.get(path, &auditor.key).await.expect(200).body;
        let published = hub.get("/.well-known/kairan", "").await.expect(200).json();
        let folder = hub.folder.path().join("evidence");
        std::fs::create_dir(&folder).expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).expect("written");
            path.display().to_string()
        };
        let key = file("certificate.vkey", text(&published["certificate"], "vkey").as_bytes());
        let said = told(&hub, &["verify", "certificate", &file("b017.txt", &certificate), "--key", &key]).await;
        assert!(said.contains(&may) && !said.contains(&wave), "{said}");
        let spoilt = String::from_utf8(certificate).expect("UTF-8").replacen("acknowledged", "delivered", 1);
        let (code, _) = hub.command(&["verify", "certificate", &file("spoilt.txt", spoilt.as_bytes()), "--key", &key]).await;
        assert_eq!(code, 1, "the operator cannot change its mind about it");

        // The log as a whole, and that everybody on the roster of each day was addressed.
        let log = folder.join("log");
        let (log, vkey) = (log.display().to_string(), log.join("kairan/vkey").display().to_string());
        told(&hub, &["export", "log", &log]).await;
        told(&hub, &["verify", "log", &log, "--key", &vkey]).await;
        for (incident, revision, addressed) in [(&may, 1, 35), (&may, 2, 35), (&wave, 1, 36)] {
            let covered = covered(&hub, incident, revision).await;
            assert_eq!(covered.banks.len(), addressed, "{incident} r{revision}");
        }
        assert!(hub.self_check().await);
    }
}
