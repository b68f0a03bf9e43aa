//! Steps that many journeys take, as methods of the hub. Each does what a person or a machine would do over
//! HTTP, except where it plays another node or somebody beside the hub.

use crate::support::ground::{filing, room};
use crate::support::hub::{Bank, Person, Reply, TestHub, key_of};
use crate::support::receiver::Receiver;
use kairan::actions::claim::{self, Claimed, Room, claim};
use kairan::actions::issue_key::Owner;
use kairan::actions::record::{Finished, expire, record};
use kairan::config::Settings;
use kairan::domain::id::Uid;
use kairan::domain::outcome::Outcome;
use kairan::log::keys::LogKey;
use kairan::merkle::note::VerifierKey;
use kairan::server::{Parts, Running};
use kairan::storage::delivery::Leases;
use kairan::vault::log_key;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn hours(count: u64) -> Duration {
    seconds(count * 3_600)
}

/// The text of a field.
#[track_caller]
pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// The filing with some of its fields changed.
pub fn filing_with(changes: &Value) -> Value {
    let mut filing = filing();
    for (field, value) in changes.as_object().expect("an object") {
        filing[field] = value.clone();
    }
    filing
}

/// A filing that does not say why it comes late.
pub fn unexplained(mut filing: Value) -> Value {
    let fields = filing.as_object_mut().expect("an object");
    fields.remove("late_reason").expect("it was explained");
    filing
}

/// The filing as a further revision.
pub fn further() -> Value {
    filing_with(&json!({ "change_summary": { "ja": "件数を更新した。", "en": "Counts updated." } }))
}

/// A final report with everything that it needs; its status is `resolved` or `closed`.
pub fn final_report(status: &str) -> Value {
    filing_with(&json!({
        "phase": "final", "incident_status": status, "auth_weakness": ["single_factor"],
        "discovery_method": "customer_report", "victims": "unknown", "transactions": "unknown",
        "amount_lost": "unknown", "countermeasures": [{ "code": "none_yet", "scope": "all_banks" }],
        "bodies_notified": [], "occurred_from": "unknown", "cause_types": ["weak_authentication"],
        "lessons": "Ask for two factors.", "change_summary": { "en": "The final report." },
        "remedial_actions": [{ "action": "Two factors for every link", "owner": "Product" }],
    }))
}

pub fn withdrawal() -> Value {
    json!({ "reason": "false_alarm", "text": { "ja": "誤りでした。", "en": "It was a mistake." } })
}

impl TestHub {
    pub async fn file_as(&self, officer: &Person, key: &str, filing: &Value) -> Reply {
        let request = self
            .request(Method::POST, "/api/v1/incidents")
            .bearer_auth(&officer.key);
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.send(request.body(filing.to_string())).await
    }

    pub async fn file_this(&self, officer: &Person, filing: &Value) -> Value {
        self.post("/api/v1/incidents", &officer.key, filing)
            .await
            .expect(201)
            .json()
    }

    pub async fn revise(&self, officer: &Person, reference: &str) -> Value {
        let path = format!("/api/v1/incidents/{reference}/revisions");
        self.post(&path, &officer.key, &further())
            .await
            .expect(201)
            .json()
    }

    /// Asks for a withdrawal; returns the request's id.
    pub async fn ask_withdrawal(&self, officer: &Person, reference: &str) -> String {
        let path = format!("/api/v1/incidents/{reference}/withdrawal");
        let asked = self
            .post(&path, &officer.key, &withdrawal())
            .await
            .expect(202)
            .json();
        text(&asked, "request").to_owned()
    }

    pub async fn decide(&self, by: &Person, request: &str, approve: bool) -> Reply {
        let path = format!("/api/v1/approvals/{request}/decision");
        self.post(&path, &by.key, &json!({ "approve": approve }))
            .await
    }

    /// Files and withdraws; returns the incident's reference.
    pub async fn withdraw(&self, officer: &Person, reference: &str) -> Value {
        let request = self.ask_withdrawal(officer, reference).await;
        let second = self.officer().await;
        self.decide(&second, &request, true)
            .await
            .expect(200)
            .json()
    }

    pub async fn board(&self, reader: &Person, reference: &str) -> Value {
        self.get(
            &format!("/api/v1/incidents/{reference}/notices"),
            &reader.key,
        )
        .await
        .expect(200)
        .json()
    }

    /// A bank's cell of the newest board.
    pub async fn cell(&self, reader: &Person, reference: &str, bank: &str) -> Value {
        let board = self.board(reader, reference).await;
        let cells = board["cells"].as_array().expect("cells");
        cells
            .iter()
            .find(|cell| cell["bank"] == bank)
            .expect("a cell")
            .clone()
    }

    /// The delivery log without the challenges to endpoints; `query` is like `&bank=B001`.
    pub async fn log(&self, reader: &Person, query: &str) -> Vec<Value> {
        let mut lines = self.whole_log(reader, query).await;
        let challenges = self.challenges();
        lines.retain(|line| !challenges.contains(&text(line, "delivery").replace('-', "")));
        lines
    }

    /// What came of each challenge to an endpoint, in the order of attempts.
    pub async fn challenge_outcomes(&self, reader: &Person) -> Vec<String> {
        let challenges = self.challenges();
        let lines = self.whole_log(reader, "").await;
        let of_challenges = lines
            .iter()
            .filter(|line| challenges.contains(&text(line, "delivery").replace('-', "")));
        of_challenges
            .map(|line| text(line, "outcome").to_owned())
            .collect()
    }

    /// The deliveries of challenges, as hexadecimal digits.
    fn challenges(&self) -> Vec<String> {
        self.texts(if self.postgres.is_some() {
            "SELECT replace(delivery_id::text, '-', '') AS text FROM endpoint_challenge"
        } else {
            "SELECT lower(hex(delivery_id)) AS text FROM endpoint_challenge"
        })
    }

    /// Whoever answers at this receiver shows the secret, and a day goes by: what it replaces ends.
    pub async fn settle_replacement(&self, receiver: &Receiver, secret: &str) {
        receiver.knows(secret);
        // By then a first answer without the secret is asked for again.
        self.advance(hours(24) + seconds(1));
        self.challenge_due().await;
        self.run_out().await;
    }

    /// The delivery log as it is.
    pub async fn whole_log(&self, reader: &Person, query: &str) -> Vec<Value> {
        let page = self
            .get(&format!("/api/v1/deliveries?limit=200{query}"), &reader.key)
            .await
            .expect(200)
            .json();
        page["deliveries"].as_array().expect("lines").clone()
    }

    pub async fn outcomes(&self, reader: &Person) -> Vec<String> {
        self.log(reader, "")
            .await
            .iter()
            .map(|line| text(line, "outcome").to_owned())
            .collect()
    }

    pub async fn tasks(&self, reader: &Person) -> Vec<Value> {
        let list = self
            .get("/api/v1/tasks", &reader.key)
            .await
            .expect(200)
            .json();
        list["tasks"].as_array().expect("tasks").clone()
    }

    pub async fn inbox(&self, bank: &Bank) -> Vec<Value> {
        let inbox = self
            .get("/api/v1/inbox?limit=200", &bank.key)
            .await
            .expect(200)
            .json();
        inbox["notices"].as_array().expect("notices").clone()
    }

    /// The newest notice of a bank.
    pub async fn newest(&self, bank: &Bank) -> Value {
        self.inbox(bank).await.pop().expect("a notice")
    }

    /// A bank's machine acknowledges its newest notice.
    pub async fn stamp(&self, bank: &Bank) -> Reply {
        let notice = self.newest(bank).await;
        self.stamp_as(&bank.key, text(&notice, "notice"), &notice["digest"])
            .await
    }

    pub async fn stamp_as(&self, key: &str, notice: &str, digest: &Value) -> Reply {
        let stamp = json!({ "digest": digest, "name": "高橋 健", "role": "当直" });
        self.post(
            &format!("/api/v1/notices/{notice}/acknowledgement"),
            key,
            &stamp,
        )
        .await
    }

    pub async fn respond(&self, bank: &Bank, codes: &[&str], share: &str) -> Reply {
        let notice = self.newest(bank).await;
        let path = format!("/api/v1/notices/{}/responses", text(&notice, "notice"));
        self.post(&path, &bank.key, &json!({ "codes": codes, "share": share }))
            .await
    }

    pub async fn administrator(&self) -> Person {
        self.person("administrator", None).await
    }

    pub async fn auditor(&self) -> Person {
        self.person("auditor", None).await
    }

    /// The bank's own administrator.
    pub async fn head_of(&self, bank: &Bank) -> Person {
        self.person("bank_administrator", Some(bank.id)).await
    }

    pub async fn put(&self, path: &str, key: &str, version: i64, body: &Value) -> Reply {
        let request = self
            .request(Method::PUT, path)
            .bearer_auth(key)
            .header("if-match", format!("\"{version}\""));
        self.send(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    /// Sends CSV to the import.
    pub async fn import(&self, admin: &Person, csv: &str, query: &str) -> Reply {
        let request = self
            .request(Method::POST, &format!("/api/v1/import{query}"))
            .bearer_auth(&admin.key);
        self.send(
            request
                .header("content-type", "text/csv")
                .body(csv.to_owned()),
        )
        .await
    }

    /// Enters what a bank's linking rests on.
    pub async fn linking(&self, bank: &str, codes: &[&str]) {
        let admin = self.administrator().await;
        let path = format!("/api/v1/banks/{bank}");
        let mut known = self.get(&path, &admin.key).await.expect(200).json();
        let version = known["revision"].as_i64().expect("a revision");
        let fields = known.as_object_mut().expect("an object");
        fields.retain(|field, _| {
            [
                "name_ja",
                "name_en",
                "language",
                "new_links",
                "top_ups",
                "pay_outs",
            ]
            .contains(&field.as_str())
        });
        fields.insert("linking".into(), json!(codes));
        self.put(&format!("{path}/profile"), &admin.key, version, &known)
            .await
            .expect(200);
    }

    /// Two administrators end a partnership, its bank is told, and its day goes by.
    pub async fn leave(&self, bank: &str) {
        let (one, other) = (self.administrator().await, self.administrator().await);
        let path = format!("/api/v1/partnerships/{bank}/ending");
        let asked = self
            .post(&path, &one.key, &json!({ "reason": "contract ended" }))
            .await
            .expect(202)
            .json();
        self.decide(&other, text(&asked, "request"), true)
            .await
            .expect(200);
        // It takes effect only once the bank was told.
        self.send_due().await;
        self.advance(hours(24) + seconds(1));
    }

    /// A new API key for a bank's machine.
    pub async fn machine_key(&self, bank: Uid) -> String {
        self.act(move |tx| key_of(tx, Owner::Bank(bank))).await
    }

    /// The id of the bank's one endpoint.
    pub async fn endpoint_of(&self, head: &Person) -> String {
        let list = self
            .get("/api/v1/own/endpoints", &head.key)
            .await
            .expect(200)
            .json();
        text(&list["endpoints"][0], "id").to_owned()
    }

    /// The id of a bank's live endpoint at this address.
    pub async fn endpoint_at(&self, reader: &Person, bank: &str, url: &str) -> String {
        let path = format!("/api/v1/banks/{bank}/endpoints");
        let list = self.get(&path, &reader.key).await.expect(200).json();
        let rows = list["endpoints"].as_array().expect("endpoints");
        let found = rows.iter().find(|row| row["url"] == url);
        text(found.expect("an endpoint there"), "id").to_owned()
    }

    /// Another node claims everything that is due, and sends nothing.
    pub async fn claim(&self, channel: &'static str) -> Vec<Claimed> {
        self.claim_as(Uid::from_bytes([7; 16]), channel).await
    }

    pub async fn claim_as(&self, node: Uid, channel: &'static str) -> Vec<Claimed> {
        let room = Room {
            node,
            ..room(channel)
        };
        self.act(move |tx| {
            let leases = claim(tx, &room)?;
            claim::open(tx, &leases)
        })
        .await
    }

    /// The other node's leases run out.
    pub async fn let_leases_run_out(&self) {
        self.advance(seconds(61));
        self.act(|tx| {
            let now = tx.now()?;
            expire(tx, "webhook", Leases::RanOut(now), 200)
        })
        .await;
    }

    /// The other node comes back and says that its sends were accepted.
    pub async fn accepted_after_all(&self, claimed: Vec<Claimed>) {
        let outcome = Outcome {
            error: None,
            status: Some(204),
            duration: seconds(1),
            retry_after: None,
            tls_fingerprint: None,
            answer_head: Vec::new(),
        };
        let finished = claimed
            .into_iter()
            .map(|claimed| Finished {
                claimed,
                outcome: outcome.clone(),
                body_hash: None,
            })
            .collect::<Vec<_>>();
        self.act(move |tx| record(tx, &finished)).await;
    }

    /// By what anybody verifies the heads of this hub's log, from its key file.
    pub fn log_key(&self) -> VerifierKey {
        let seed = log_key::open(&self.folder.path().join("kairan-log.pem")).expect("a key file");
        let host = self.parsed().hub.public_host;
        LogKey::new(seed, host).signer(1).verifier().clone()
    }

    /// By what anybody verifies its certificates, as the hub publishes it.
    pub async fn certificate_key(&self) -> VerifierKey {
        let published = self.get("/.well-known/kairan", "").await.expect(200).json();
        text(&published["certificate"], "vkey")
            .parse()
            .expect("a key")
    }

    fn parsed(&self) -> Settings {
        Settings::parse("test.toml", &self.settings).expect("good settings")
    }

    /// A second process with engines of its own, on the same database.
    pub async fn second_node(&self) -> Running {
        Parts::open(self.parsed())
            .await
            .expect("opens")
            .start()
            .expect("starts")
    }

    /// Runs the program with the hub's settings: its exit code and all that it said.
    pub async fn command(&self, args: &[&str]) -> (i32, String) {
        let settings = self.folder.path().join("kairan.toml");
        std::fs::write(&settings, &self.settings).expect("written");
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_kairan"));
        let ended = command
            .arg("--config")
            .arg(settings)
            .args(args)
            .env_remove("KAIRAN_KEY")
            .output()
            .await;
        let ended = ended.expect("the program runs");
        let said = [ended.stdout, ended.stderr].concat();
        (
            ended.status.code().expect("an exit code"),
            String::from_utf8(said).expect("UTF-8"),
        )
    }

    /// The minute of some time ago on a wall in Tokyo, as a form takes it.
    pub fn local_minute_before(&self, ago: Duration) -> String {
        let then = (self.clock.now() - ago).micros();
        let then = jiff::Timestamp::from_microsecond(then).expect("a time");
        let there = then.in_tz("Asia/Tokyo").expect("a known zone");
        there.strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// A statement by somebody with access to the database, beside the hub.
    pub fn tamper(&mut self, statement: &str) {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, SqliteConnection};
        self.is_sound = false;
        match &self.postgres {
            Some(database) => database.tamper(statement).expect("done"),
            None => {
                let path = self.folder.path().join("kairan.db");
                let mut conn =
                    SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
                conn.batch_execute("PRAGMA busy_timeout = 5000;")
                    .expect("done");
                conn.batch_execute(statement).expect("done");
            }
        }
    }
}
