//! One word in every field that is personal or secret, and then a search for it wherever it must not be: in
//! the database in the clear, in the evidence, in refusals, in the program's own log, in exports and packs. Drafts are
//! left out: their body is stored as written, the contact persons in it too.

use crate::support::ground::filing;
use crate::support::hub::{On, TestHub};
use crate::support::receiver::{Answer, Receiver};
use crate::support::served::Served;
use crate::support::signer::{enrolment, received, signer};
use kairan::actions::record_mail_report::{Taken, record_mail_report};
use kairan::domain::mail_id::return_path;
use kairan::domain::mail_report::{self, Class};
use kairan::domain::proof::acknowledgement::AckNote;
use kairan::storage::Tx;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Cursor, Read};
use tempfile::TempDir;
use zip::ZipArchive;

/// In no word of any language, and in no file of the hub.
const CANARY: &str = "kanari7f3a";
/// The same for fields that take digits only.
const DIGITS: &str = "73519044";

fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
        .to_owned()
}

fn marked(field: &str) -> String {
    format!("{CANARY} {field}")
}

fn email(name: &str) -> String {
    format!("{name}.{CANARY}@bank.example")
}

fn phone() -> String {
    format!("+81 3-{DIGITS}")
}

/// A client of the program itself, which collects all that must stay secret.
struct Story {
    hub: TestHub,
    served: Served,
    /// The folder of what comes to the return paths.
    _returned: TempDir,
    /// Keys, tokens and secrets as they were shown, once.
    secrets: Vec<String>,
    /// Every problem document.
    problems: Vec<String>,
}

impl Story {
    async fn call(&mut self, method: Method, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let mut request = client
            .request(method, format!("{}{path}", self.served.url()))
            .header("content-type", "application/json");
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        let once =
            format!("{:?}", std::time::Instant::now()).replace(|c: char| !c.is_ascii_digit(), "");
        let answer = request
            .header("idempotency-key", once)
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        if status >= 400 {
            self.problems.push(text.clone());
        }
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn done(&mut self, path: &str, key: &str, body: &Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, key, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        for field in ["secret", "key"] {
            self.secrets
                .extend(answer[field].as_str().map(str::to_owned));
        }
        // Of a link the token alone; a secret's Base64 may hold a slash too.
        let link = answer["link"]
            .as_str()
            .and_then(|link| link.rsplit('/').next());
        self.secrets.extend(link.map(str::to_owned));
        answer
    }

    /// Somebody who was invited and has accepted: the first key.
    async fn person(&mut self, admin: &str, name: &str, role: &str, bank: Option<&str>) -> String {
        let input = json!({ "name": marked(name), "email": email(name), "roles": [role], "bank": bank, "language": "en" });
        let invited = self.done("/api/v1/invitations", admin, &input).await;
        let token = text(&invited, "link")
            .rsplit('/')
            .next()
            .expect("a token")
            .to_owned();
        let accepted = self
            .done(&format!("/api/v1/invitations/{token}"), "", &json!({}))
            .await;
        let key = text(&accepted["key"], "key");
        self.secrets.push(key.clone());
        key
    }

    async fn bank(&mut self, admin: &str, receiver: &Receiver) -> String {
        let profile =
            json!({ "name_ja": "銀行", "name_en": "Bank", "language": "ja", "linking": [] });
        self.done(
            "/api/v1/banks",
            admin,
            &json!({ "code": "B001", "profile": profile }),
        )
        .await;
        let contact = json!({ "name": marked("contact"), "role": marked("role"), "email": email("contact"), "phone": phone(),
            "hours": marked("hours"), "level": 1, "language": "ja" });
        self.done("/api/v1/banks/B001/contacts", admin, &contact)
            .await;
        let url = json!({ "url": receiver.url(&format!("/{CANARY}")), "ed25519": true });
        let made = self
            .done(
                "/api/v1/banks/B001/endpoints",
                admin,
                &json!({ "endpoint": url }),
            )
            .await;
        receiver.knows(&text(&made, "secret"));
        // The first may have come before it knew.
        let again = format!(
            "/api/v1/banks/B001/endpoints/{}/challenge",
            text(&made, "id")
        );
        self.done(&again, admin, &json!({})).await;
        self.done(
            "/api/v1/banks/B001/endpoints",
            admin,
            &json!({ "endpoint": url, "reason": "asked by telephone" }),
        )
        .await;
        text(
            &self
                .done(
                    "/api/v1/banks/B001/keys",
                    admin,
                    &json!({ "label": "machine" }),
                )
                .await,
            "key",
        )
    }

    /// Refusals of documents that hold the word, in a value of theirs.
    async fn refusals(&mut self, admin: &str, officer: &str, bank: &str, notice: &str) {
        let contact = json!({ "name": marked("x"), "email": format!("{CANARY} at bank"), "phone": marked("x"), "level": 9, "language": marked("x") });
        let mut bad = filing();
        bad["operator_contacts"][0]["email"] = json!(marked("x"));
        bad["operator_contacts"][1]["phone"] = json!(marked("x"));
        let private = json!({ "codes": [marked("x")], "share": marked("x"), "note": marked("x") });
        let stamp =
            json!({ "digest": marked("x"), "name": format!("{CANARY}\u{202e}"), "role": "" });
        let endpoint =
            json!({ "endpoint": { "url": format!("ftp://{CANARY}.example/") }, "reason": "x" });
        let person = json!({ "name": format!("{CANARY}\n"), "email": marked("x"), "roles": [CANARY], "bank": null, "language": "ja" });
        for (path, key, body) in [
            ("/api/v1/banks/B001/contacts".to_owned(), admin, contact),
            ("/api/v1/incidents".into(), officer, bad),
            (format!("/api/v1/notices/{notice}/responses"), bank, private),
            (
                format!("/api/v1/notices/{notice}/acknowledgement"),
                bank,
                stamp,
            ),
            ("/api/v1/banks/B001/endpoints".into(), admin, endpoint),
            ("/api/v1/invitations".into(), admin, person),
            (
                "/api/v1/incidents".into(),
                &format!("kairan_{CANARY}"),
                filing(),
            ),
            (format!("/api/v1/invitations/{CANARY}"), "", json!({})),
        ] {
            let (status, answer) = self.call(Method::POST, &path, key, &body).await;
            assert!((400..500).contains(&status), "{path}: {status} {answer}");
        }
        self.call(Method::GET, &format!("/n/{CANARY}"), "", &Value::Null)
            .await;
    }

    /// The bank is told in person.
    async fn told_aside(&mut self, officer: &str, reference: &str) {
        let path = "/api/v1/banks/B001/contacts";
        let (_, known) = self.call(Method::GET, path, officer, &Value::Null).await;
        let told = json!({ "channel": "phone", "contact": known["contacts"][0]["id"], "person": marked("told"),
            "role": marked("role"), "told_at": self.hub.clock.now().to_string(), "read_back": "1", "note": marked("note") });
        let path = format!("/api/v1/incidents/{reference}/out-of-band-contacts");
        let filing = json!({ "bank": "B001", "told": told });
        self.done(&path, officer, &filing).await;
    }

    /// Mails went out, and one came back with what its server says of the mailbox.
    async fn came_back(&self) {
        let claimed = self.hub.claim("email").await;
        let of_notice = claimed.iter().find(|one| one.due.notice.is_some());
        let delivery = of_notice.expect("a mail of a notice").due.id;
        self.hub.accepted_after_all(claimed).await;
        let file = POSTFIX_BOUNCE.replace("desk@", &format!("{}@", email("contact")));
        let recorded = move |tx: &mut Tx<'_>| {
            let key = tx.vault().keys().mail.to_vec();
            let file = file.replace("{to}", &return_path(&key, &delivery, "mail.test"));
            let report = mail_report::read(file.as_bytes(), &key).expect("a report");
            record_mail_report(tx, &report, file.as_bytes())
        };
        let taken = self.hub.act(recorded).await;
        assert_eq!(taken, Taken::Recorded(Class::Bounced));
    }

    /// A second incident, received under the bank's own key; then a note that is refused.
    async fn signed(&mut self, officer: &str, machine: &str) {
        let (own, now) = (signer("B001", 1), self.hub.clock.now());
        let key = enrolment("B001", &own, now);
        // Not `done`: the key in its answer is a public one.
        let door = "/api/v1/own/signing-keys";
        let (status, _) = self.call(Method::POST, door, machine, &key).await;
        assert_eq!(status, 201);
        self.done("/api/v1/incidents", officer, &filing()).await;
        let (_, inbox) = self
            .call(Method::GET, "/api/v1/inbox", machine, &Value::Null)
            .await;
        let said = AckNote {
            person: marked("signer"),
            role: marked("role"),
            ..received(&inbox["notices"][1], self.hub.clock.now())
        };
        let path = format!("/api/v1/notices/{}/acknowledgement", said.notice);
        let foreign = said.sign(&signer("B001", 2)).expect("signed");
        let note = json!({ "note": foreign });
        let (status, _) = self.call(Method::POST, &path, machine, &note).await;
        assert_eq!(status, 422);
        let note = json!({ "note": said.sign(&own).expect("signed") });
        let stamp = self.done(&path, machine, &note).await;
        assert_eq!(stamp["class"], "signed");
    }

    /// Everything that must appear nowhere.
    fn words(&self) -> Vec<String> {
        let mut words = vec![CANARY.to_owned(), DIGITS.to_owned()];
        // The end of the secret part alone is looked for: the id of a key is no secret.
        words.extend(
            self.secrets
                .iter()
                .map(|secret| secret[secret.len() - 20..].to_owned()),
        );
        assert!(words.len() > 8, "{words:?}");
        words
    }
}

/// Where a text, or its bytes in hexadecimal digits, holds one of the words.
fn found<'w>(place: &str, text: &str, words: &'w [String]) -> Vec<(String, &'w str)> {
    let lower = text.to_lowercase();
    let held = words.iter().filter(|word| {
        lower.contains(&word.to_lowercase()) || lower.contains(&hex::encode(word.as_bytes()))
    });
    held.map(|word| (place.to_owned(), word.as_str())).collect()
}

const POSTFIX_BOUNCE: &str =
    include_str!("../../src/domain/mail_report/samples/postfix_bounce.eml");
const ABSENCE: &str = include_str!("../../src/domain/mail_report/samples/absence.eml");

/// A Maildir in which the hub finds an absence note, and a report of somebody else's mail.
fn returned() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["new", "cur"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    for (name, sample) in [("1.a", ABSENCE), ("2.a", POSTFIX_BOUNCE)] {
        let file = sample.replace("desk@", &format!("{}@", email("absent")));
        let file = file.replace("{to}", &email("foreign"));
        std::fs::write(folder.path().join("new").join(name), file).expect("written");
    }
    folder
}

async fn told() -> (Story, Receiver, Value, String) {
    let folder = returned();
    let mail = format!(
        "[mail]\nrelay_host = \"\"\nreport_maildir = \"{}\"\n",
        folder.path().display()
    );
    let hub = TestHub::start_with(On::Sqlite, &mail).await;
    let admin = hub.person("administrator", None).await.key;
    let served = Served::beside(&hub).await;
    let receiver = Receiver::start();
    receiver.answer_next([Answer::Body(500, marked("answer").into_bytes())]);
    let mut story = Story {
        hub,
        served,
        _returned: folder,
        secrets: Vec::new(),
        problems: Vec::new(),
    };
    let officer = story.person(&admin, "officer", "officer", None).await;
    let machine = story.bank(&admin, &receiver).await;
    let head = story
        .person(&admin, "head", "bank_administrator", Some("B001"))
        .await;
    let mut filing = filing();
    filing["operator_contacts"] = json!([
        { "name": marked("one"), "role": marked("role"), "email": email("one"), "phone": phone() },
        { "name": marked("two"), "role": marked("role"), "email": email("two"), "phone": phone() }]);
    story.done("/api/v1/incidents", &officer, &filing).await;
    receiver.arrived(2).await;
    let (_, inbox) = story
        .call(Method::GET, "/api/v1/inbox", &machine, &Value::Null)
        .await;
    let notice = inbox["notices"][0].clone();
    story.came_back().await;
    story.told_aside(&officer, &text(&notice, "incident")).await;
    let door = format!("/api/v1/notices/{}", text(&notice, "notice"));
    let stamp =
        json!({ "digest": notice["digest"], "name": marked("stamp"), "role": marked("role") });
    story
        .done(&format!("{door}/acknowledgement"), &machine, &stamp)
        .await;
    story.signed(&officer, &machine).await;
    let response = json!({ "codes": ["noted"], "share": "operator", "note": marked("note") });
    story
        .done(&format!("{door}/responses"), &machine, &response)
        .await;
    let odd = json!({ "title": { "en": marked("report") }, "description": { "en": marked("report") }, "typology": ["unknown"],
        "detected_at": "2019-05-17T11:00:00+09:00" });
    let made = story.done("/api/v1/reports", &machine, &odd).await;
    let answer = format!("/api/v1/reports/{}/rejection", text(&made, "id"));
    story
        .done(&answer, &officer, &json!({ "reason": marked("reason") }))
        .await;
    story
        .done("/api/v1/own/keys", &head, &json!({ "label": "second" }))
        .await;
    story
        .refusals(&admin, &officer, &machine, &text(&notice, "notice"))
        .await;
    (story, receiver, notice, officer)
}

/// The same in evidence packs, apart from notes that a bank signed: they name who signed, and are there to be shown.
async fn in_packs<'w>(story: &Story, auditor: &str, words: &'w [String]) -> Vec<(String, &'w str)> {
    let mut leaks = Vec::new();
    let mut notes = 0;
    let found_so_far = story
        .hub
        .get("/api/v1/incidents", auditor)
        .await
        .expect(200);
    let listed = found_so_far.json()["incidents"].clone();
    let incidents = listed.as_array().expect("incidents").iter();
    let mut packs: Vec<String> = incidents
        .map(|line| format!("incidents/{}", text(line, "reference")))
        .collect();
    packs.push("banks/B001".into());
    for pack in packs {
        let path = format!("/api/v1/evidence/{pack}");
        let bytes = story.hub.get(&path, auditor).await.expect(200).body;
        let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip file");
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).expect("a file");
            let place = format!("{pack}: {}", file.name().expect("a name"));
            let mut told = Vec::new();
            file.read_to_end(&mut told).expect("whole");
            let held = found(&place, &String::from_utf8_lossy(&told), words);
            let signs = place.ends_with(".note") || place.contains("completeness-");
            notes += usize::from(signs && !held.is_empty());
            leaks.extend(held.into_iter().filter(|_| !signs));
        }
    }
    assert!(notes > 0, "no pack brought the signed note");
    leaks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_personal_or_secret_is_nowhere_in_the_clear() {
    let (story, receiver, _, officer) = told().await;
    let words = story.words();
    let mut leaks = Vec::new();
    for (table, rows) in story.hub.rows() {
        leaks.extend(found(&table, &rows, &words));
    }
    for problem in &story.problems {
        leaks.extend(found(problem, problem, &words));
    }
    for line in story.served.log().lines() {
        leaks.extend(found(line, line, &words));
    }
    for format in ["json", "csv", "jsonl"] {
        let export = story
            .hub
            .get(&format!("/api/v1/deliveries?format={format}"), &officer)
            .await
            .expect(200);
        leaks.extend(found(
            format,
            &String::from_utf8_lossy(&export.body),
            &words,
        ));
    }
    let auditor = story.hub.person("auditor", None).await.key;
    leaks.extend(in_packs(&story, &auditor, &words).await);
    for file in ["kairan.db", "kairan.db-wal"] {
        let bytes = std::fs::read(story.hub.folder.path().join(file)).unwrap_or_default();
        leaks.extend(found(file, &String::from_utf8_lossy(&bytes), &words));
    }
    assert_eq!(leaks, []);
    // The search is worth something: what was sealed can be read by whom it is for, the log speaks, and a leak is seen.
    let people = story
        .hub
        .get(
            "/api/v1/banks/B001/contacts",
            &story.hub.person("auditor", None).await.key,
        )
        .await
        .expect(200);
    assert!(!found("contacts", &String::from_utf8_lossy(&people.body), &words).is_empty());
    assert!(
        story.served.log().contains("answered")
            && story.problems.len() >= 8
            && receiver.hits().len() >= 2
    );
    assert!(!found("blob", &format!("X'{}'", hex::encode_upper(CANARY)), &words).is_empty());
    assert!(!story.served.log().contains("panicked"));
    assert_eq!(
        story.served.log().matches("is set aside").count(),
        2,
        "both files were read"
    );
}
