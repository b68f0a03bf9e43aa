//! Mail through a real relay, over STARTTLS, and the link in it.

use super::deferring::deferral;
use super::pages::{seated, typed_filing};
use super::steps::{filing_with, further, hours, seconds, text};
use crate::support::browser::{PASSWORD, between, code, give_credential, hidden, post};
use crate::support::ground::contact;
use crate::support::hub::{Bank, Reply, TestHub};
use crate::support::maildir::{
    BUSY, Mail, Mailbox, REFUSED_AT_ONCE, mailbox, mailbox_at, smtp_authority, smtp_server,
    smtp_server_signed_in,
};
use crate::support::receiver::Answer;
use kairan::actions::add_contact::{ContactInput, add_contact};
use kairan::storage::payload;
use kairan::storage::people::{self, PersonRow, RoleGrantRow};
use reqwest::Method;
use serde_json::{Value, json};

/// Settings that send through the mail server of `scripts/test`.
pub fn relay() -> String {
    relay_at(&smtp_server())
}

/// Nobody listens there.
pub const NO_RELAY: &str =
    "[mail]\nrelay_host = \"127.0.0.1\"\nrelay_port = 1\ntls = \"loopback_plain\"\n";

fn relay_at(server: &str) -> String {
    let (host, port) = server.split_once(':').expect("host:port");
    format!(
        "[mail]\nrelay_host = \"{host}\"\nrelay_port = {port}\ntls = \"required\"\nca_file = \"{}\"\n\
         from = \"hub@mail.test\"\nfrom_name = \"Example Pay\"\nreturn_path_domain = \"mail.test\"\nhelo = \"mail.test\"\n",
        smtp_authority().display()
    )
}

/// The same through the port where one signs in first, with the password of a file.
fn relay_signed_in(password_file: &std::path::Path) -> String {
    let (server, _) = smtp_server_signed_in();
    let (relay, file) = (relay_at(&server), password_file.display());
    format!("{relay}username = \"hub@mail.test\"\npassword_file = \"{file}\"\n")
}

pub fn reached_at(mailbox: &Mailbox, level: i64, language: &str) -> ContactInput {
    ContactInput {
        email: mailbox.address().into(),
        language: language.into(),
        ..contact("B001", level)
    }
}

/// A bank that is reached by mail alone: its endpoint is down.
pub async fn by_mail(hub: &TestHub, code: &str, mailbox: &Mailbox, language: &str) -> Bank {
    let bank = hub.bank_with(code, reached_at(mailbox, 1, language)).await;
    bank.receiver.answer(Answer::Status(500));
    bank
}

pub async fn second_contact(hub: &TestHub, bank: &Bank, mailbox: &Mailbox) {
    let (id, contact) = (bank.id, reached_at(mailbox, 2, "en"));
    hub.act(move |tx| add_contact(tx, id, &contact)).await;
}

/// An officer whose mail comes to this box.
async fn officer_at(hub: &TestHub, desk: &Mailbox) {
    let (officer, address) = (hub.officer().await, desk.address().to_owned());
    hub.act(move |tx| {
        let person = people::person(tx, officer.id)?.expect("there");
        let inputs = json!({ "name": "officer", "email": address }).to_string();
        let again = PersonRow {
            id: tx.new_id()?,
            payload_id: payload::seal(tx, officer.id, inputs.as_bytes())?,
            email_tag: vec![9; 32],
            ..person
        };
        people::insert_person(tx, &again)?;
        let grant = RoleGrantRow {
            person_id: again.id,
            role: "officer".into(),
            revision: 1,
            given: true,
            granted_by: None,
            approval_id: None,
            recorded_at: again.recorded_at,
        };
        Ok(people::insert_grant(tx, &grant)?)
    })
    .await;
}

/// The path of the mail's link, and the code printed beside it.
pub fn link(mail: &Mail) -> (String, String) {
    let text = mail.text();
    let token = text
        .split("/n/")
        .nth(1)
        .expect("a link")
        .split_whitespace()
        .next()
        .expect("a token");
    let is_code = |word: &&str| {
        word.len() == 9
            && word.as_bytes()[4] == b'-'
            && word
                .bytes()
                .all(|b| b == b'-' || b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let code = text.split_whitespace().find(is_code).expect("a code");
    (format!("/n/{token}"), code.to_owned())
}

pub async fn confirm(hub: &TestHub, path: &str, code: &str) -> Reply {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("code", code), ("name", "田中 実"), ("role", "不正対策")])
        .finish();
    let request = hub
        .request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded");
    hub.send(request.body(form)).await
}

/// What stands between the quotes of every `name="…"`, as a browser reads it.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let found = html.split(&start).skip(1);
    found
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value.replace("&amp;", "&"))
        .collect()
}

/// Does what a mail scanner may: opens every address of a text, and sends every form of what opens, as it stands.
async fn scan(hub: &TestHub, html: &str) -> usize {
    let mut sent = 0;
    let here = attributes(html, "href")
        .into_iter()
        .filter_map(|href| Some(href.strip_prefix(&hub.url)?.to_owned()));
    for path in here.collect::<Vec<_>>() {
        let mut answer = hub.get(&path, "").await;
        if let Some(led) = answer.headers.get("location") {
            answer = hub.get(led.to_str().expect("text"), "").await;
        }
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().expect("a form");
            let action = attributes(form, "action").remove(0);
            let fields = form.split("<input").skip(1).map(|field| {
                let field = field.split('>').next().expect("closed");
                let one = |name| attributes(field, name).pop().unwrap_or_default();
                (one("name"), one("value"))
            });
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields.collect::<Vec<_>>())
                .finish();
            let request = hub
                .request(
                    Method::POST,
                    action.strip_prefix(&hub.url).unwrap_or(&action),
                )
                .header("content-type", "application/x-www-form-urlencoded");
            hub.send(request.body(body)).await;
            sent += 1;
        }
    }
    sent
}

/// Files, sends, and takes the mail from the box.
pub async fn mailed(hub: &TestHub, mailbox: &Mailbox) -> Mail {
    let officer = hub.officer().await;
    hub.file(&officer).await;
    hub.deliver_due().await;
    mailbox.arrived(1).await.remove(0)
}

/// Of a webhook, what is the same however often the filing goes out: not ids and times, nor what is made of them.
fn lasting(mut webhook: Value) -> Value {
    webhook["timestamp"] = Value::Null;
    let told = &mut webhook["data"];
    for field in ["id", "incident_digest", "acknowledge_by"] {
        told["notice"][field] = Value::Null;
    }
    for field in ["accepted_at", "next_update_at"] {
        told["incident"][field] = Value::Null;
    }
    told["digest"] = Value::Null;
    // What is not issued yet is in no log.
    told["log"] = Value::Null;
    told["acknowledge"] = Value::Null;
    webhook
}

/// A text with every date and time of this year and later blotted out.
fn timeless(text: &str) -> String {
    let blotted = text.split_inclusive([' ', '\n', '<', '>']).map(|word| {
        let is_time = word.contains(':') || word.starts_with("20");
        match is_time {
            true => word.replace(|c: char| c.is_ascii_digit(), "#"),
            false => word.to_owned(),
        }
    });
    blotted.collect()
}

journeys! {
    async fn the_preview_showed_what_the_bank_then_received(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let (_one, bank) = (hub.bank("B001").await, hub.bank_with("B002", reached_at(&inbox, 1, "en")).await);
        let browser = seated(&hub, &officer).await;
        for affected in ["B001", "B002"] {
            let hit = [("as_bank", "B002"), ("lang_shown", "en"), ("affected", "banks"), ("affected_banks", affected)];
            let form = |act| [&hit, &typed_filing(affected, act)[..]].concat();
            let page = browser.post(&hub, "/incidents/new", &form("preview")).await.expect(200);
            let page = String::from_utf8(page.body).expect("UTF-8");
            let before = hub.inbox(&bank).await.len();
            browser.post(&hub, "/incidents/new", &form("issue")).await.expect(303);
            assert_eq!(hub.inbox(&bank).await.len(), before + 1, "the preview told somebody");
            hub.deliver_due().await;
            let shown = between(&page, "aria-labelledby=\"webhook\"><code>", "</code>");
            let got = bank.receiver.hits().pop().expect("a webhook").json();
            assert_eq!(lasting(serde_json::from_str(&shown).expect("JSON")), lasting(got));
            let mail = inbox.arrived(before + 1).await.pop().expect("a mail");
            assert!(timeless(&page).contains(&timeless(&format!("<strong>{}</strong>", mail.subject()))), "{}", mail.subject());
            let shown = between(&page, "role=\"group\" aria-labelledby=\"mail\">", "</div>");
            let (shown, got) = (shown.trim().to_owned(), mail.text().trim().replace('\r', ""));
            assert_eq!(shown.lines().count(), got.lines().count(), "{shown}\n{got}");
            for (shown, got) in shown.lines().zip(got.lines()).filter(|(line, _)| !line.contains("(set when issued)")) {
                assert_eq!(timeless(shown), timeless(got));
            }
        }
    }

    async fn while_the_relay_takes_nothing_the_operators_people_see_it_on_every_page_and_no_bank_does(hub, NO_RELAY) {
        let (officer, auditor, admin) = (hub.officer().await, hub.auditor().await, hub.administrator().await);
        let (one, two) = (hub.bank("B001").await, hub.bank("B002").await);
        let member = hub.person("bank_member", Some(one.id)).await;
        let mut desks = Vec::new();
        for (person, path) in [(&officer, "/home"), (&auditor, "/check"), (&admin, "/register"), (&member, "/inbox")] {
            desks.push((seated(&hub, person).await, path));
        }
        let told = "taken no mail since";
        let waits = async |hub: &TestHub| hub.get("/api/v1/channels", &admin.key).await.expect(200).json()["mails_wait"].clone();
        hub.file(&officer).await;
        hub.deliver_due().await;
        for (desk, path) in &desks { assert!(!desk.page(&hub, path).await.contains(told), "{path}: two may be chance"); }
        assert_eq!(waits(&hub).await, Value::Null);
        for _ in 0..2 {
            hub.advance(seconds(400));
            hub.deliver_due().await;
        }
        for (desk, path) in &desks { assert_eq!(desk.page(&hub, path).await.contains(told), *path != "/inbox", "{path}"); }
        let known = waits(&hub).await;
        assert_eq!(known["waiting"], 2, "{known}");
        assert!(text(&known, "since") < hub.clock.now().to_string().as_str(), "{known}");
        // Nothing waits for it any more.
        for bank in [&one, &two] { hub.stamp(bank).await.expect(200); }
        for (desk, path) in &desks { assert!(!desk.page(&hub, path).await.contains(told), "{path}"); }
        assert_eq!(waits(&hub).await, Value::Null);
    }

    async fn each_contact_reads_the_notice_in_its_own_language(hub, relay()) {
        let (ja, en) = (mailbox("ja"), mailbox("en"));
        let (_one, _two) = (by_mail(&hub, "B001", &ja, "ja").await, by_mail(&hub, "B002", &en, "en").await);
        let (ja, en) = (mailed(&hub, &ja).await, en.arrived(1).await.remove(0));
        for (mail, title, about) in [(&ja, "口座連携による不正チャージの疑い", "二行の口座から"), (&en, "Suspected theft by account linking", "Illicit top-ups")] {
            assert!(mail.subject().contains(title), "{}", mail.subject());
            assert!(mail.text().contains(about) && mail.html().contains(about), "{}", mail.text());
        }
        assert!(ja.html().contains("lang=\"ja\"") && en.html().contains("lang=\"en\""));
    }

    async fn a_mail_has_a_name_of_its_own_and_stands_in_the_thread_of_its_incident(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        inbox.arrived(1).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        let mails = inbox.arrived(2).await;
        let log = hub.log(&officer, "&channel=email").await;
        for (mail, line) in mails.iter().zip(&log) {
            assert_eq!(mail.header("Message-ID"), Some(format!("<{}@mail.test>", text(line, "delivery"))));
        }
        assert_eq!(mails[0].header("References"), mails[1].header("References"));
        assert!(mails[0].header("References").is_some_and(|root| root.contains(text(&filed, "reference"))));
    }

    async fn an_answer_about_what_is_kept_out_of_mails_is_read_in_the_portal_alone(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &inbox, "en").await;
        for (before, tlp, is_told) in [(0, "AMBER", true), (2, "RED", false), (4, "AMBER+STRICT", false)] {
            hub.file_this(&officer, &filing_with(&json!({ "tlp": tlp }))).await;
            hub.deliver_due().await;
            let notice = inbox.arrived(before + 1).await.remove(before);
            hub.stamp(&bank).await.expect(200);
            let asked = hub.ask(&bank, &["information_request"]).await;
            hub.answer(&officer, &asked, "The branch in Osaka alone.").await.expect(204);
            hub.deliver_due().await;
            let answer = inbox.arrived(before + 2).await.remove(before + 1);
            for part in [answer.text(), answer.html()] {
                assert_eq!(part.contains("The branch in Osaka alone."), is_told, "{tlp}: {part}");
                assert!(part.contains("/inbox/"), "{tlp}: {part}");
            }
            assert!(answer.header("References").is_some());
            assert_eq!(answer.header("References"), notice.header("References"), "in the thread of its notice");
        }
    }

    async fn an_answer_is_kept_out_of_mails_by_a_later_marking_too(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &inbox, "en").await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        let asked = hub.ask(&bank, &["information_request"]).await;
        let path = format!("/api/v1/incidents/{}/revisions", text(&filed, "reference"));
        let mut red = further();
        red["tlp"] = json!("RED");
        hub.post(&path, &officer.key, &red).await.expect(201);
        hub.answer(&officer, &asked, "The branch in Osaka alone.").await.expect(204);
        hub.deliver_due().await;
        let mails = inbox.arrived(3).await;
        assert!(mails.iter().any(|mail| mail.subject().contains("Answer to your response")));
        assert!(!mails.iter().any(|mail| mail.text().contains("Osaka") || mail.html().contains("Osaka")));
    }

    async fn a_reminder_stands_in_the_thread_of_its_notice_and_its_link_confirms(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &inbox, "en").await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(16 * 60));
        hub.chase_due().await;
        hub.deliver_due().await;
        let mails = inbox.arrived(2).await;
        assert_eq!(mails[1].subject(), format!("Re: {}", mails[0].subject()));
        assert_eq!(mails[0].header("References"), mails[1].header("References"));
        assert!(mails[1].text().contains("has not confirmed receipt of notice No. 1 yet"), "{}", mails[1].text());
        let (path, code) = link(&mails[1]);
        confirm(&hub, &path, &code).await.expect(200);
        assert_eq!(hub.newest(&bank).await["level"], "acknowledged");
        hub.advance(hours(5));
        assert_eq!(hub.chase_due().await, 0);
    }

    async fn a_reminder_of_what_was_replaced_or_taken_back_says_so_and_its_notice_never_did(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "en").await;
        let filed = hub.file(&officer).await;
        let reminded = async |hub: &TestHub, minutes: u64| {
            hub.advance(seconds(minutes * 60));
            assert!(hub.chase_due().await > 0);
            hub.deliver_due().await;
        };
        let about = |mails: &[Mail], number: u8| -> Vec<Mail> {
            let own = mails.iter().filter(|mail| mail.subject().contains(&format!("No. {number} ·")));
            own.cloned().collect()
        };
        hub.deliver_due().await;
        inbox.arrived(1).await;
        reminded(&hub, 16).await;
        inbox.arrived(2).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        inbox.arrived(3).await;
        reminded(&hub, 16).await;
        let mails = inbox.arrived(5).await;
        let (first, second) = (about(&mails, 1), about(&mails, 2));
        let is_replaced = |mail: &Mail| mail.text().contains("Replaced by notice No. 2") && mail.html().contains("Replaced by notice No. 2");
        assert_eq!(first.iter().map(is_replaced).collect::<Vec<_>>(), [false, false, true]);
        assert!(second.iter().all(|mail| !mail.text().contains("by notice No.")));
        hub.withdraw(&officer, text(&filed, "reference")).await;
        hub.deliver_due().await;
        inbox.arrived(6).await;
        // The deadline of the first, half the time of the second, and a quarter of that of the withdrawal.
        reminded(&hub, 29).await;
        let mails = inbox.arrived(9).await;
        let is_withdrawn = |mail: &Mail| mail.text().contains("Withdrawn by notice No. 3") && mail.html().contains("Withdrawn by notice No. 3");
        for number in [1, 2] {
            let told = about(&mails, number);
            assert!(told.len() > 1 && told.last().is_some_and(is_withdrawn), "No. {number}");
            assert_eq!(told.iter().filter(|mail| is_withdrawn(mail)).count(), 1, "No. {number}");
        }
        assert!(about(&mails, 3).iter().all(|mail| !mail.text().contains("by notice No.")));
    }

    async fn the_withdrawal_of_a_duplicate_names_what_is_withdrawn_and_what_is_read_instead(hub, relay()) {
        let (officer, second, inbox) = (hub.officer().await, hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "en").await;
        let (kept, twice) = (hub.file(&officer).await, hub.file(&officer).await);
        hub.deliver_due().await;
        inbox.arrived(2).await;
        let duplicate = json!({ "reason": "duplicate", "text": { "ja": "重複でした。", "en": "Filed twice." }, "replaces": kept["reference"] });
        let path = format!("/api/v1/incidents/{}/withdrawal", text(&twice, "reference"));
        let asked = hub.post(&path, &officer.key, &duplicate).await.expect(202).json();
        hub.decide(&second, text(&asked, "request"), true).await.expect(200);
        hub.deliver_due().await;
        let mail = inbox.arrived(3).await.pop().expect("a mail");
        for said in [format!("Read incident {} instead.", text(&kept, "reference")).as_str(), "Withdrawn notice: Suspected theft by account linking"] {
            assert!(mail.text().contains(said) && mail.html().contains(said), "{said}: {}", mail.text());
        }
    }

    async fn a_bank_that_joins_later_reads_that_the_notice_went_out_before(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        hub.bank("B001").await;
        hub.file(&officer).await;
        let _joined = by_mail(&hub, "B002", &inbox, "en").await;
        hub.chase_due().await;
        hub.deliver_due().await;
        let mail = inbox.arrived(1).await.remove(0);
        assert!(mail.text().contains("This notice went to 1 bank on the register") && !mail.text().contains("every bank on"), "{}", mail.text());
    }

    async fn a_reminder_that_is_tried_again_is_the_same_whatever_was_issued_meanwhile(hub, relay()) {
        let (officer, busy) = (hub.officer().await, mailbox_at("desk", BUSY));
        let _bank = by_mail(&hub, "B001", &busy, "en").await;
        let filed = hub.file(&officer).await;
        hub.advance(seconds(16 * 60));
        hub.chase_due().await;
        hub.deliver_due().await;
        hub.withdraw(&officer, text(&filed, "reference")).await;
        hub.advance(seconds(60));
        hub.deliver_due().await;
        let hex = if hub.postgres.is_some() { "encode(o.body_hash, 'hex')" } else { "hex(o.body_hash)" };
        let mut sent = hub.texts(&format!("SELECT {hex} AS text FROM attempt_outcome o JOIN delivery d ON d.id = o.delivery_id
            JOIN message m ON m.id = d.message_id WHERE m.kind = 'notice.reminder' AND d.channel = 'email'"));
        assert!(sent.len() > 1, "it was tried again");
        sent.dedup();
        assert_eq!(sent.len(), 1);
    }

    async fn an_officer_is_told_by_mail_of_a_bank_that_is_late_and_of_the_call(hub, relay()) {
        let (inbox, desk) = (mailbox("desk"), mailbox("officer"));
        by_mail(&hub, "B001", &inbox, "en").await;
        officer_at(&hub, &desk).await;
        let filer = hub.officer().await;
        let filed = hub.file(&filer).await;
        hub.advance(hours(1));
        hub.chase_due().await;
        hub.deliver_due().await;
        let subjects: Vec<String> = desk.arrived(2).await.iter().map(Mail::subject).collect();
        for said in ["A bank has not confirmed in time", "A bank has to be told by telephone"] {
            let found = subjects.iter().any(|subject| subject.contains(said) && subject.contains("B001") && subject.contains(text(&filed, "reference")));
            assert!(found, "{said}: {subjects:?}");
        }
    }

    async fn what_is_told_of_an_exercise_that_is_held_back_says_that_it_is_one(hub, relay()) {
        let (officer, desk) = (hub.officer().await, mailbox("officer"));
        officer_at(&hub, &desk).await;
        hub.bank("B001").await;
        let mut first = deferral(&hub);
        first["filing"]["kind"] = json!("exercise");
        hub.hold_this_back(&officer, &first).await;
        let filed = hub.file_this(&officer, &filing_with(&json!({ "kind": "exercise" }))).await;
        let mut next = deferral(&hub);
        (next["incident"], next["filing"]) = (filed["reference"].clone(), further());
        next["filing"]["kind"] = json!("exercise");
        hub.hold_this_back(&officer, &next).await;
        hub.deliver_due().await;
        let is_marked = |mail: &Mail| mail.subject().starts_with("[EXERCISE]") && mail.text().starts_with("This is about an exercise.");
        let told = desk.arrived(2).await;
        assert!(told.iter().all(|mail| mail.subject().contains("is held back") && is_marked(mail)), "{:?}", told.iter().map(Mail::subject).collect::<Vec<_>>());
        let named = |mail: &&Mail| mail.subject().contains(text(&filed, "reference"));
        assert_eq!(told.iter().filter(named).count(), 1, "the one that has an incident");
        assert!(told[0].text().contains("Goes out by itself: 20"), "{}", told[0].text());
        // What the second says was erased meanwhile, and is still known to be an exercise.
        hub.tamper("DELETE FROM sealed_payload WHERE id IN (SELECT payload_id FROM deferral)");
        hub.advance(hours(25));
        hub.run_out().await;
        hub.deliver_due().await;
        let stuck = desk.arrived(4).await;
        let stuck = stuck.iter().find(|mail| mail.subject().contains("could not be issued") && named(mail)).expect("told");
        assert!(is_marked(stuck), "{}", stuck.subject());
    }

    async fn a_relay_that_asks_who_we_are_is_told(hub, relay_signed_in(&smtp_server_signed_in().1)) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        mailed(&hub, &inbox).await;
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
    }

    async fn a_relay_that_knows_us_not_takes_nothing_and_the_mail_stays_due(hub, relay_signed_in(&smtp_authority())) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let log = hub.log(&officer, "&channel=email").await;
        assert_eq!((text(&log[0], "outcome"), &log[0]["status"]), ("internal", &json!(535)));
        assert_eq!((hub.newest(&bank).await["level"].clone(), inbox.mails().len()), (json!("listed"), 0));
        assert!(hub.tasks(&officer).await.is_empty(), "no bank's channel is broken by it");
        hub.advance(seconds(10));
        assert_eq!(hub.deliver_due().await, 2, "webhook and mail are tried again");
    }

    async fn under_tlp_red_a_mail_says_nothing_of_the_theft(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "en").await;
        let red = json!({ "tlp": "RED", "advice": { "ja": "秘密の助言", "en": "secret advice" } });
        hub.file_this(&officer, &filing_with(&red)).await;
        hub.deliver_due().await;
        let mail = inbox.arrived(1).await.remove(0);
        let all = [mail.subject(), mail.text(), mail.html()].concat();
        for detail in ["Suspected theft", "Illicit", "secret advice", "PIN", "口座連携による"] {
            assert!(!all.contains(detail), "{detail} in {all}");
        }
        assert!(all.contains("TLP:RED"));
    }

    async fn no_text_can_make_the_mail_go_to_anyone_else(hub, relay()) {
        let (officer, inbox, evil) = (hub.officer().await, mailbox("desk"), mailbox("evil"));
        let smtp = format!("x\r\n.\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<{0}>\r\nDATA\r\nTo: {0}\r\n\r\nx\r\n.\r\n", evil.address());
        let line = format!("\"x\" <{0}>, =?utf-8?q?=0D=0ABcc:_{0}?= %0D%0ABcc: {0}", evil.address());
        let short: String = line.chars().take(100).collect();
        let named = ContactInput { name: short.clone(), role: short.clone(), ..reached_at(&inbox, 1, "en") };
        let _bank = hub.bank_with("B001", named).await;
        let nasty = json!({ "title": { "ja": short, "en": short }, "description": { "ja": smtp, "en": smtp }, "advice": { "ja": smtp, "en": smtp },
            "operator_contacts": [{ "name": short, "role": short, "email": "a@operator.example", "phone": "+81 3-0000-0001" },
                { "name": short, "role": short, "email": "b@operator.example", "phone": "+81 3-0000-0002" }] });
        hub.file_this(&officer, &filing_with(&nasty)).await;
        hub.deliver_due().await;
        let mail = inbox.arrived(1).await.remove(0);
        let to: Vec<_> = mail.parsed().to().expect("a recipient").iter().filter_map(|to| to.address().map(str::to_owned)).collect();
        assert_eq!((to, mail.header("Bcc"), mail.header("Cc")), (vec![inbox.address().to_owned()], None, None));
        assert!(mail.text().contains("RCPT TO:"), "it is only text");
        assert_eq!((inbox.mails().len(), evil.mails().len()), (1, 0));
    }

    async fn a_line_break_in_a_name_or_title_is_refused(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let bank = by_mail(&hub, "B001", &inbox, "en").await;
        let head = hub.head_of(&bank).await;
        for text in ["x\r\nBcc: a@b.test", "x\nBcc: a@b.test", "x\rBcc: a@b.test", "x\u{2028}y"] {
            let title = filing_with(&json!({ "title": { "ja": text, "en": text } }));
            hub.post("/api/v1/incidents", &officer.key, &title).await.expect(422);
            let named = json!({ "name": text, "role": "x", "email": "a@b.example", "phone": "+81 3-0000-1000", "level": 1, "language": "ja" });
            hub.post("/api/v1/own/contacts", &head.key, &named).await.expect(422);
        }
        hub.deliver_due().await;
        assert!(inbox.mails().is_empty());
    }

    async fn a_mailbox_that_does_not_exist_is_shown_and_the_next_contact_is_told(hub, relay()) {
        let (officer, nobody, second) = (hub.officer().await, mailbox_at("desk", REFUSED_AT_ONCE), mailbox("second"));
        let bank = hub.bank_with("B001", reached_at(&nobody, 1, "ja")).await;
        second_contact(&hub, &bank, &second).await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        assert!(second.arrived(1).await[0].subject().contains(text(&filed, "reference")));
        let cell = hub.cell(&officer, text(&filed, "reference"), "B001").await;
        assert_eq!((&cell["bounced"], hub.tasks(&officer).await.len()), (&json!(true), 1));
        hub.advance(seconds(10));
        assert_eq!(hub.deliver_due().await, 1, "tried again");
    }

    async fn a_busy_mail_server_is_asked_again_and_nobody_is_called(hub, relay()) {
        let (officer, busy) = (hub.officer().await, mailbox_at("desk", BUSY));
        let _bank = hub.bank_with("B001", reached_at(&busy, 1, "ja")).await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.advance(seconds(10));
        hub.deliver_due().await;
        let log = hub.log(&officer, "&channel=email").await;
        assert_eq!(log.iter().map(|line| (text(line, "outcome"), line["status"].clone())).collect::<Vec<_>>(), vec![("mail_deferred", json!(451)); 2]);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["bounced"], false);
        assert!(hub.tasks(&officer).await.is_empty());
    }

    async fn a_relay_that_took_the_mail_has_not_delivered_it(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        mailed(&hub, &inbox).await;
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
    }

    async fn opening_the_link_shows_the_notice_and_confirms_nothing(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        let page = hub.get(&path, "").await.expect(200);
        let page = String::from_utf8_lossy(&page.body).into_owned();
        assert!(page.contains("口座連携による不正チャージの疑い") && page.contains("<form"), "{page}");
        assert!(!page.contains(&code), "the code is only in the mail");
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
    }

    async fn the_link_of_an_earlier_notice_says_that_it_is_no_longer_how_things_stand(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "en").await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        let (path, _) = link(&inbox.arrived(1).await[0]);
        let read = async |query: &str| {
            let page = hub.get(&format!("{path}{query}"), "").await.expect(200);
            String::from_utf8_lossy(&page.body).into_owned()
        };
        assert!(!read("").await.contains("This is an earlier notice"));
        hub.revise(&officer, text(&filed, "reference")).await;
        let page = read("").await;
        assert!(page.contains("your bank’s newest is No. 2.") && page.contains("<form"), "{page}");
        hub.withdraw(&officer, text(&filed, "reference")).await;
        assert!(read("").await.contains("was withdrawn by your bank’s No. 3."));
        assert!(read("?lang=ja").await.contains("その内容は貴行あて第3号で取り下げられました。"));
    }

    async fn a_scanner_that_opens_every_link_and_sends_every_form_confirms_nothing(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let mail = mailed(&hub, &inbox).await;
        assert!(scan(&hub, &mail.html()).await >= 2, "the link's form, and the sign-in before the portal's page");
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
        let (path, code) = link(&mail);
        confirm(&hub, &path, &code).await.expect(200);
        assert_eq!(hub.newest(&bank).await["level"], "acknowledged");
    }

    async fn the_mail_names_the_portals_page_and_signing_in_leads_there(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let mail = mailed(&hub, &inbox).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let page = format!("/inbox/{}", text(&hub.newest(&bank).await, "notice"));
        assert!(mail.text().contains(&format!("{}{page}", hub.url)) && mail.html().contains(&page), "{}", mail.text());
        let sent = hub.get(&page, "").await.expect(303);
        let form = hub.get(sent.headers["location"].to_str().expect("text"), "").await.expect(200);
        let next = hidden(&String::from_utf8_lossy(&form.body), "next");
        give_credential(&hub, member.id).await;
        let signed_in = [("email", member.email()), ("password", PASSWORD.to_owned()), ("code", code(&hub)), ("next", next)];
        let signed_in: Vec<(&str, &str)> = signed_in.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(post(&hub, "", "/sign-in", &signed_in).await.expect(303).headers["location"], page);
    }

    async fn the_link_the_code_and_a_name_confirm_receipt_and_every_contact_hears_of_it(hub, relay()) {
        let (officer, inbox, second) = (hub.officer().await, mailbox("desk"), mailbox("second"));
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        second_contact(&hub, &bank, &second).await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        confirm(&hub, &path, &code.to_lowercase()).await.expect(200);
        let reference = text(&hub.newest(&bank).await, "incident").to_owned();
        assert_eq!(hub.cell(&officer, &reference, "B001").await["class"], "link");
        hub.deliver_due().await;
        let told = [inbox.arrived(2).await.remove(1), second.arrived(1).await.remove(0)];
        for mail in &told { assert!(mail.text().contains("田中 実") && mail.text().contains(&reference), "{}", mail.text()); }
    }

    async fn confirming_twice_by_link_gives_the_same_page_and_no_second_word(hub, relay()) {
        let inbox = mailbox("desk");
        let _bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        let first = confirm(&hub, &path, &code).await.expect(200);
        hub.advance(hours(1));
        assert_eq!(confirm(&hub, &path, &code).await.expect(200).body, first.body);
        hub.deliver_due().await;
        inbox.arrived(2).await;
        assert_eq!(hub.deliver_due().await, 0);
        assert_eq!(inbox.mails().len(), 2);
    }

    async fn five_wrong_codes_lock_the_link_even_for_the_right_one(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        for _ in 0..5 { confirm(&hub, &path, "2222-2222").await.expect(422); }
        confirm(&hub, &path, &code).await.expect(429);
        assert_eq!(hub.newest(&bank).await["level"], "dispatched");
        hub.stamp(&bank).await.expect(200);
    }

    async fn four_wrong_codes_are_forgiven(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        for _ in 0..4 { confirm(&hub, &path, "2222-2222").await.expect(422); }
        confirm(&hub, &path, &code).await.expect(200);
        assert_eq!(hub.newest(&bank).await["level"], "acknowledged");
    }

    async fn a_link_ends_after_fourteen_days_and_a_forged_one_never_was(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let (path, code) = link(&mailed(&hub, &inbox).await);
        let other = if path.as_bytes()[10] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &path[..10], &path[11..]);
        hub.get(&forged, "").await.expect(404);
        hub.advance(hours(14 * 24 + 1));
        hub.get(&path, "").await.expect(410);
        confirm(&hub, &path, &code).await.expect(410);
        assert_ne!(hub.newest(&bank).await["level"], "acknowledged");
    }

    async fn the_link_of_somebody_who_is_no_contact_any_more_shows_and_confirms_nothing(hub, relay()) {
        let (officer, gone, replaced, new) = (hub.officer().await, mailbox("gone"), mailbox("replaced"), mailbox("new"));
        let bank = by_mail(&hub, "B001", &gone, "en").await;
        let head = hub.head_of(&bank).await;
        let second = reached_at(&replaced, 1, "en");
        let id = bank.id;
        let second = hub.act(move |tx| add_contact(tx, id, &second)).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let links = [link(&gone.arrived(1).await[0]), link(&replaced.arrived(1).await[0])];
        let contacts = hub.get("/api/v1/own/contacts", &head.key).await.expect(200).json();
        let first = contacts["contacts"].as_array().expect("contacts").iter().map(|one| text(one, "id")).find(|id| *id != second.to_string());
        let path = |contact: &str| format!("/api/v1/own/contacts/{contact}");
        let put = json!({ "name": "高橋 恵", "role": "x", "email": new.address(), "phone": "+81 3-0000-1000", "level": 1, "language": "en" });
        hub.post(&format!("{}/replacement", path(&second.to_string())), &head.key, &put).await.expect(201);
        hub.call(Method::DELETE, &path(first.expect("the first")), &head.key, None).await.expect(204);
        for (page, code) in &links {
            let shown = hub.get(&format!("{page}?lang=en"), "").await.expect(410);
            let shown = String::from_utf8_lossy(&shown.body).into_owned();
            assert!(shown.contains("no contact of your bank any more") && !shown.contains("Suspected theft"), "{shown}");
            confirm(&hub, page, code).await.expect(410);
        }
        assert_ne!(hub.newest(&bank).await["level"], "acknowledged");
        hub.advance(seconds(16 * 60));
        hub.chase_due().await;
        hub.deliver_due().await;
        let (page, code) = link(&new.arrived(1).await[0]);
        confirm(&hub, &page, &code).await.expect(200);
        hub.deliver_due().await;
        let told = new.arrived(2).await.remove(1);
        assert!(told.text().contains("The mail went to: 高橋 恵") && told.text().contains("Name as typed: 田中 実"), "{}", told.text());
    }

    async fn a_contact_that_was_only_corrected_keeps_its_links(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let head = hub.head_of(&bank).await;
        let (page, code) = link(&mailed(&hub, &inbox).await);
        let contacts = hub.get("/api/v1/own/contacts", &head.key).await.expect(200).json();
        let path = format!("/api/v1/own/contacts/{}/replacement", text(&contacts["contacts"][0], "id"));
        let put = json!({ "name": "高橋 恵", "role": "x", "email": inbox.address(), "phone": "+81 3-0000-1000", "level": 1, "language": "en" });
        hub.post(&path, &head.key, &put).await.expect(201);
        hub.get(&page, "").await.expect(200);
        confirm(&hub, &page, &code).await.expect(200);
        assert_eq!(hub.newest(&bank).await["level"], "acknowledged");
    }

    async fn a_stamp_by_link_stays_when_its_contact_has_ended(hub, relay()) {
        let inbox = mailbox("desk");
        let bank = by_mail(&hub, "B001", &inbox, "ja").await;
        let head = hub.head_of(&bank).await;
        let (page, code) = link(&mailed(&hub, &inbox).await);
        confirm(&hub, &page, &code).await.expect(200);
        let contacts = hub.get("/api/v1/own/contacts", &head.key).await.expect(200).json();
        let ended = format!("/api/v1/own/contacts/{}", text(&contacts["contacts"][0], "id"));
        hub.call(Method::DELETE, &ended, &head.key, None).await.expect(204);
        confirm(&hub, &page, &code).await.expect(410);
        assert_eq!(hub.newest(&bank).await["level"], "acknowledged");
    }

    async fn test_notices_and_the_end_of_a_partnership_are_told_by_mail(hub, relay()) {
        let (officer, inbox) = (hub.officer().await, mailbox("desk"));
        let _bank = by_mail(&hub, "B001", &inbox, "en").await;
        hub.post("/api/v1/banks/B001/test-notice", &officer.key, &json!({})).await.expect(202);
        hub.deliver_due().await;
        inbox.arrived(1).await;
        hub.leave("B001").await;
        hub.deliver_due().await;
        let mails = inbox.arrived(2).await;
        assert!(!mails[0].text().contains("/n/") && !mails[1].text().contains("/n/"), "nothing to confirm");
        assert!(mails[1].text().contains("Bank B001"), "{}", mails[1].text());
        for part in [mails[1].text(), mails[1].html()] {
            assert!(part.contains(&format!("{}/inbox", hub.url)) && part.contains("before that time"), "{part}");
        }
    }
}
