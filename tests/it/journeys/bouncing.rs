//! What mail servers report: a bounce marks, calls and moves on, and stops nothing; a proven delivery counts; and
//! nothing else that lands in the folder does anything.

use super::mail::{by_mail, mailed, reached_at, relay, second_contact};
use super::steps::{seconds, text};
use crate::support::hub::{Bank, Person, TestHub};
use crate::support::maildir::{
    BOUNCED_LATER, Mail, mailbox, mailbox_at, mailbox_of, report_folder, tells_of_success,
};
use crate::support::receiver::Answer;
use kairan::config::Settings;
use kairan::dispatch::mail_reports::Count;
use kairan::domain::id::Uid;
use kairan::domain::mail_id::return_path;
use kairan::storage::{Tx, audit, delivery};
use serde_json::json;
use std::path::PathBuf;

const BOUNCE: &str = include_str!("../../../src/domain/mail_report/samples/postfix_bounce.eml");
pub const DELIVERED: &str =
    include_str!("../../../src/domain/mail_report/samples/postfix_delivered.eml");
const RELAYED: &str = include_str!("../../../src/domain/mail_report/samples/postfix_relayed.eml");
const DELAYED: &str = include_str!("../../../src/domain/mail_report/samples/postfix_delayed.eml");
const ABSENCE: &str = include_str!("../../../src/domain/mail_report/samples/absence.eml");
const RECEIPT: &str = include_str!("../../../src/domain/mail_report/samples/receipt.eml");
const PERSON: &str = include_str!("../../../src/domain/mail_report/samples/person.eml");

/// Settings that send through the mail server, and read reports from a folder of this hub's own.
pub fn reporting() -> String {
    format!(
        "{}report_maildir = \"{}\"\n",
        relay(),
        report_folder().display()
    )
}

fn folder(hub: &TestHub) -> PathBuf {
    let settings = Settings::parse("test.toml", &hub.settings).expect("good settings");
    settings.mail.report_maildir.expect("a folder")
}

/// The mail server puts a file into the folder.
pub fn put(hub: &TestHub, name: &str, bytes: &[u8]) {
    std::fs::write(folder(hub).join("new").join(name), bytes).expect("written");
}

/// A sample, to the return path of a mail that arrived.
pub fn about(mail: &Mail, sample: &str) -> Vec<u8> {
    let path = mail.header("Return-Path").expect("written by the server");
    sample
        .replace("{to}", path.trim_matches(['<', '>']))
        .into_bytes()
}

/// What lies in a part of the folder.
fn names(hub: &TestHub, part: &str) -> Vec<String> {
    let listed = std::fs::read_dir(folder(hub).join(part)).expect("a folder");
    let mut names: Vec<String> = listed
        .map(|entry| {
            entry
                .expect("listed")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// What was reported of each mail, oldest attempt first.
async fn reports(hub: &TestHub, reader: &Person) -> Vec<(String, String)> {
    let log = hub.log(reader, "&channel=email").await;
    let of = |report: &serde_json::Value| {
        let field = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        (field("class"), field("status"))
    };
    log.iter().map(|line| of(&line["report"])).collect()
}

/// The projections are what the facts say.
async fn is_as_the_facts_say(hub: &TestHub) {
    assert_eq!(hub.act(|tx| Ok(audit::rebuild(tx)?)).await, 0);
}

/// The return path of the one mail of a bank's newest notice.
async fn return_path_of(hub: &TestHub, bank: &Bank) -> String {
    let notice: Uid = text(&hub.newest(bank).await, "notice")
        .parse()
        .expect("an id");
    hub.act(move |tx| {
        let mut rows = delivery::of_notice(tx, notice)?;
        rows.retain(|row| row.channel == "email");
        Ok(return_path(
            tx.vault().keys().mail.as_slice(),
            &rows[0].id,
            "mail.test",
        ))
    })
    .await
}

const NONE: Count = Count {
    bounced: 0,
    delayed: 0,
    delivered: 0,
    relayed: 0,
    moot: 0,
    auto_replies: 0,
    foreign: 0,
    others: 0,
    left: 0,
};

journeys! {
    async fn a_mail_that_came_back_marks_the_notice_and_goes_to_the_next_contact_and_is_tried_again(hub, reporting()) {
        let (officer, desk, second) = (hub.officer().await, mailbox("desk"), mailbox("second"));
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        second_contact(&hub, &bank, &second).await;
        let mail = mailed(&hub, &desk).await;
        let reference = text(&hub.newest(&bank).await, "incident").to_owned();
        put(&hub, "1.a", &about(&mail, BOUNCE));
        assert_eq!(hub.read_mail_reports().await, Count { bounced: 1, ..NONE });
        let board = hub.board(&officer, &reference).await;
        assert_eq!((&board["bounced"], &board["cells"][0]["bounced"], &board["delivered"]), (&json!(1), &json!(true), &json!(0)));
        let headline = hub.get(&format!("/api/v1/incidents/{reference}"), &officer.key).await.expect(200).json();
        assert_eq!(headline["stamps"]["bounced"], 1);
        assert_eq!(text(&hub.tasks(&officer).await[0], "kind"), "channel_broken");
        assert_eq!(reports(&hub, &officer).await, [("bounced".into(), "5.1.1".into())]);
        is_as_the_facts_say(&hub).await;
        hub.deliver_due().await;
        assert!(second.arrived(1).await[0].subject().contains(&reference), "at once");
        hub.advance(seconds(10));
        hub.deliver_due().await;
        desk.arrived(2).await;
        // The relay takes it again, which proves nothing of the mailbox.
        assert_eq!(hub.tasks(&officer).await.len(), 1, "somebody still has to see to the address");
        is_as_the_facts_say(&hub).await;
    }

    async fn a_server_of_the_bank_that_has_the_mail_is_a_delivery(hub, reporting()) {
        let (officer, desk) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
        put(&hub, "1.a", &about(&mail, BOUNCE));
        hub.read_mail_reports().await;
        put(&hub, "2.a", &about(&mail, DELIVERED));
        assert_eq!(hub.read_mail_reports().await, Count { delivered: 1, ..NONE });
        assert_eq!(hub.newest(&bank).await["level"], "delivered");
        assert_eq!(hub.tasks(&officer).await.len(), 0, "the address works");
        is_as_the_facts_say(&hub).await;
        hub.advance(seconds(10));
        hub.deliver_due().await;
        assert_eq!(desk.mails().len(), 1, "nothing is left to be tried");
    }

    async fn a_mail_that_came_back_is_a_retry_after_a_rebuild_too(hub, reporting()) {
        let desk = mailbox("desk");
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        put(&hub, "1.a", &about(&mailed(&hub, &desk).await, BOUNCE));
        assert_eq!(hub.read_mail_reports().await, Count { bounced: 1, ..NONE });
        let notice: Uid = text(&hub.newest(&bank).await, "notice").parse().expect("an id");
        let mail = move |tx: &mut Tx<'_>| {
            let rows = delivery::of_notice(tx, notice)?;
            let mail = rows.iter().find(|row| row.channel == "email").expect("a mail");
            Ok((mail.state.clone(), mail.failures))
        };
        let told = hub.act(mail).await;
        assert_eq!(told, ("waiting".to_owned(), 1));
        hub.tamper("UPDATE delivery SET state = 'accepted', failures = 0 WHERE channel = 'email';");
        assert!(hub.act(|tx| Ok(audit::rebuild(tx)?)).await > 0);
        assert_eq!(hub.act(mail).await, told);
        hub.is_sound = true;
    }

    async fn a_mail_that_is_on_its_way_changes_nothing(hub, reporting()) {
        let (officer, desk) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        put(&hub, "1.a", &about(&mail, DELAYED));
        put(&hub, "2.a", &about(&mail, RELAYED));
        assert_eq!(hub.read_mail_reports().await, Count { delayed: 1, relayed: 1, ..NONE });
        let newest = hub.newest(&bank).await;
        let cell = hub.cell(&officer, text(&newest, "incident"), "B001").await;
        assert_eq!((&newest["level"], &cell["bounced"], hub.tasks(&officer).await.len()), (&json!("dispatched"), &json!(false), 0));
        assert_eq!(reports(&hub, &officer).await, [("relayed".into(), "2.0.0".into())], "the last one is shown");
        is_as_the_facts_say(&hub).await;
    }

    async fn a_relay_that_gave_up_is_asked_again_and_nobody_is_called(hub, reporting()) {
        let (officer, desk) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        put(&hub, "1.a", &about(&mail, &BOUNCE.replace("Status: 5.1.1", "Status: 4.4.7")));
        assert_eq!(hub.read_mail_reports().await, Count { delayed: 1, ..NONE });
        is_as_the_facts_say(&hub).await;
        let again = "SELECT cast(failures AS text) AS text FROM delivery WHERE channel = 'email' AND state = 'waiting'";
        assert_eq!(hub.texts(again), ["1"], "it goes behind what is sent for the first time");
        hub.advance(seconds(10));
        hub.deliver_due().await;
        desk.arrived(2).await;
        assert!(hub.tasks(&officer).await.is_empty());
        is_as_the_facts_say(&hub).await;
    }

    async fn a_file_that_is_read_twice_is_one_report(hub, reporting()) {
        let desk = mailbox("desk");
        let _bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        let report = about(&mail, BOUNCE);
        for (name, count) in [("1.a", Count { bounced: 1, ..NONE }), ("2.a", Count { moot: 1, ..NONE })] {
            put(&hub, name, &report);
            assert_eq!(hub.read_mail_reports().await, count);
        }
        assert_eq!(hub.texts("SELECT class AS text FROM mail_report"), ["bounced"]);
        assert_eq!((names(&hub, "new").len(), names(&hub, "cur")), (0, vec!["1.a:2,S".to_owned(), "2.a:2,S".into()]));
    }

    async fn a_report_that_comes_while_its_mail_is_under_way_waits_for_the_outcome(hub, reporting()) {
        let desk = mailbox("desk");
        let _bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        put(&hub, "1.a", &about(&mail, BOUNCE));
        hub.read_mail_reports().await;
        hub.advance(seconds(10));
        let claimed = hub.claim("email").await;
        put(&hub, "2.a", &about(&mail, &BOUNCE.replace("5.1.1", "5.2.1")));
        assert_eq!(hub.read_mail_reports().await, Count { left: 1, ..NONE });
        assert_eq!(names(&hub, "new"), ["2.a"]);
        hub.accepted_after_all(claimed).await;
        assert_eq!(hub.read_mail_reports().await, Count { bounced: 1, ..NONE });
    }

    async fn what_is_no_proven_report_moves_on_untouched_and_does_nothing(hub, reporting()) {
        let (officer, desk) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        let mail = mailed(&hub, &desk).await;
        let forged = String::from_utf8(about(&mail, DELIVERED)).expect("text").replace("n+01", "n+02");
        let long = [about(&mail, DELIVERED), vec![b'a'; 1 << 20]].concat();
        let others = [
            ("1.absence", about(&mail, ABSENCE)), ("2.receipt", about(&mail, RECEIPT)), ("3.person", about(&mail, PERSON)),
            ("4.forged", forged.into_bytes()), ("5.long", long), ("6.garbage", vec![0xff; 3_000]), ("7.empty", Vec::new()),
        ];
        for (name, bytes) in &others { put(&hub, name, bytes); }
        put(&hub, "8.real", &about(&mail, RELAYED));
        assert_eq!(hub.read_mail_reports().await, Count { relayed: 1, auto_replies: 1, foreign: 1, others: 5, ..NONE });
        assert_eq!(names(&hub, "new"), [""; 0]);
        for (name, bytes) in &others {
            let kept = std::fs::read(folder(&hub).join("cur").join(format!("{name}:2,S"))).expect("moved");
            assert_eq!(&kept, bytes, "{name}");
        }
        assert_eq!(hub.newest(&bank).await["level"], "dispatched", "no automatic answer counts");
        assert!(hub.tasks(&officer).await.is_empty());
        assert_eq!(hub.texts("SELECT class AS text FROM mail_report"), ["relayed"]);
    }

    async fn a_mail_that_comes_back_after_the_stamp_disturbs_nobody_further(hub, reporting()) {
        let (officer, desk, second) = (hub.officer().await, mailbox("desk"), mailbox("second"));
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        second_contact(&hub, &bank, &second).await;
        let mail = mailed(&hub, &desk).await;
        hub.stamp(&bank).await.expect(200);
        put(&hub, "1.a", &about(&mail, BOUNCE));
        assert_eq!(hub.read_mail_reports().await, Count { bounced: 1, ..NONE });
        assert_eq!(hub.tasks(&officer).await.len(), 1, "the address is wrong all the same");
        is_as_the_facts_say(&hub).await;
        hub.advance(seconds(10));
        hub.deliver_due().await;
        assert_eq!((desk.mails().len(), second.mails().len()), (1, 0));
    }

    async fn what_the_real_mail_server_returns_is_understood(hub, reporting()) {
        let (officer, nobody, second) = (hub.officer().await, mailbox_at("desk", BOUNCED_LATER), mailbox("second"));
        let bank = hub.bank_with("B001", reached_at(&nobody, 1, "ja")).await;
        bank.receiver.answer(Answer::Status(500));
        second_contact(&hub, &bank, &second).await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        assert_eq!(hub.newest(&bank).await["level"], "dispatched", "the relay took it");
        let returned = mailbox_of(&return_path_of(&hub, &bank).await).arrived(1).await.remove(0);
        put(&hub, "1.a", returned.raw());
        assert_eq!(hub.read_mail_reports().await, Count { bounced: 1, ..NONE });
        hub.deliver_due().await;
        second.arrived(1).await;
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["bounced"], true);
    }

    async fn the_real_mail_server_is_asked_to_tell_of_success_and_does(hub, reporting()) {
        let desk = mailbox("desk");
        let bank = by_mail(&hub, "B001", &desk, "ja").await;
        mailed(&hub, &desk).await;
        if !tells_of_success() { return }
        let told = mailbox_of(&return_path_of(&hub, &bank).await).arrived(1).await.remove(0);
        let id = desk.mails()[0].header("Message-ID").expect("a name");
        let id = id.trim_start_matches('<').split('@').next().expect("an id").to_owned();
        assert!(String::from_utf8_lossy(told.raw()).contains(&format!("Original-Envelope-Id: {id}")));
        put(&hub, "1.a", told.raw());
        assert_eq!(hub.read_mail_reports().await, Count { delivered: 1, ..NONE });
        assert_eq!(hub.newest(&bank).await["level"], "delivered");
    }
}
