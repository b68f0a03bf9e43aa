//! A whole hub over HTTP on a port of its own, with a hand-set clock and engines that are stepped instead
//! of waited for. When it ends, the standing self-check must find nothing.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use super::ground::{contact, filing, new_bank};
use super::log_check::log_faults;
use super::postgres::{FreshPostgres, fresh_postgres};
use super::receiver::Receiver;
use kairan::actions::Error;
use kairan::actions::add_contact::{ContactInput, add_contact};
use kairan::actions::invite::email_tag;
use kairan::actions::issue_key::{KeyInput, Owner, issue_key};
use kairan::actions::register_bank::register_bank;
use kairan::actions::set_endpoint::{EndpointInput, add_endpoint};
use kairan::clock::Clock;
use kairan::config::Settings;
use kairan::dispatch::clocks::Clocks;
use kairan::dispatch::engine::Engine;
use kairan::dispatch::mail_reports::{Count, MailReports};
use kairan::dispatch::self_check::SelfCheck;
use kairan::domain::email::EmailAddress;
use kairan::domain::id::Uid;
use kairan::log::keys::LogKey;
use kairan::log::sequencer::{Sequencer, Standing, Until};
use kairan::server::Parts;
use kairan::storage::people::{PersonRow, RoleGrantRow};
use kairan::storage::{Lane, Store, Tx, audit, payload, people};
use kairan::vault::{self, Vault, log_key};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};

/// Which database the hub stands on.
#[derive(Debug, Clone, Copy)]
pub enum On {
    Sqlite,
    Postgres,
}

pub struct TestHub {
    /// `http://127.0.0.1:port`
    pub url: String,
    pub store: Store,
    pub clock: Clock,
    pub folder: TempDir,
    pub postgres: Option<FreshPostgres>,
    /// The settings file's text.
    pub settings: String,
    /// False once the test has damaged the database itself.
    pub is_sound: bool,
    client: reqwest::Client,
    node: Uid,
    process: Process,
}

/// What ends when the hub is restarted.
struct Process {
    web: actix_web::dev::ServerHandle,
    webhooks: Mutex<Engine>,
    mails: Option<Mutex<Engine>>,
    sequencer: Mutex<Sequencer>,
    clocks: Clocks,
    mail_reports: Option<MailReports>,
    _stop: watch::Sender<bool>,
}

impl Process {
    /// `node` is the same after a restart, as it is where a hub has its own port.
    async fn begin(settings: &str, listener: TcpListener, node: Uid) -> (Self, Store) {
        let settings = Settings::parse("test.toml", settings).expect("good settings");
        let parts = Parts::open(settings).await.expect("the hub opens");
        let (stop, stopping) = watch::channel(false);
        let webhooks = parts.webhook_engine(node, stopping.clone());
        let mails = parts
            .mail_engine(node, stopping.clone())
            .expect("an engine");
        let sequencer = Mutex::new(parts.sequencer(node, stopping.clone()));
        let mail_reports = parts.mail_reports(stopping.clone()).expect("a Maildir");
        let clocks = parts.clocks(node, stopping);
        let server = parts.web(listener).expect("a server");
        let web = server.handle();
        tokio::spawn(server);
        let process = Self {
            web,
            webhooks: Mutex::new(webhooks),
            mails: mails.map(Mutex::new),
            sequencer,
            clocks,
            mail_reports,
            _stop: stop,
        };
        (process, parts.store)
    }
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

/// Somebody with a personal API key.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uid,
    pub key: String,
}

impl Person {
    pub fn email(&self) -> String {
        format!("{}@people.example", self.id)
    }
}

/// A partner bank with its own receiver.
pub struct Bank {
    pub id: Uid,
    pub code: String,
    /// The machine's API key.
    pub key: String,
    pub receiver: Receiver,
    /// `whsec_…`
    pub secret: String,
}

/// What the hub answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The problem's stable code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestHub {
    pub async fn start(on: On) -> Self {
        Self::start_with(on, "").await
    }

    /// `more` is appended to the settings file; it may add sections other than those written here.
    pub async fn start_with(on: On, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key_file = folder.path().join("kairan.key");
        Vault::create_key_file(&key_file).expect("a key file");
        log_key::create(&folder.path().join("kairan-log.pem")).expect("a key file");
        let (listener, url) = listener();
        let postgres = match on {
            On::Postgres => Some(fresh_postgres()),
            On::Sqlite => None,
        };
        let database = match &postgres {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.path().join("kairan.db").display()),
        };
        let mail = if more.contains("[mail]") {
            ""
        } else {
            "[mail]\nrelay_host = \"\"\n"
        };
        let webhook = if more.contains("[webhook]") {
            ""
        } else {
            "[webhook]\nallow_networks = [\"127.0.0.0/8\"]\nconnect_timeout_ms = 1000\ntimeout_ms = 2000\n"
        };
        let text = format!(
            "[hub]\npublic_url = \"{url}\"\noperator_name = \"Example Pay\"\n[listen]\naddress = \"127.0.0.1:0\"\nworkers = 2\n\
             [database]\nurl = \"{database}\"\n[keys]\nfile = \"{}\"\n\
             [evidence]\nkey_file = \"{}\"\njournal = \"{}\"\n\
             [limits]\nrequests_per_second = 10000\nburst = 10000\n\
             {webhook}{mail}{more}",
            key_file.display(),
            folder.path().join("kairan-log.pem").display(),
            folder.path().join("journal").display(),
        );
        let node = Uid::from_bytes(vault::random().expect("randomness"));
        let (process, store) = Process::begin(&text, listener, node).await;
        Self {
            url,
            clock: store.clock().clone(),
            store,
            folder,
            postgres,
            settings: text,
            is_sound: true,
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            node,
            process,
        }
    }

    /// Ends the hub and starts it again from its settings, on the same database and at the same hour.
    pub async fn restart(&mut self) {
        let (listener, url) = listener();
        self.process.web.stop(true).await;
        let (store, was) = (self.store.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || store.close())
            .await
            .expect("no panic");
        let (process, store) = Process::begin(&self.settings, listener, self.node).await;
        store.clock().advance(was.since(store.clock().now()));
        (self.url, self.clock, self.store, self.process) =
            (url, store.clock().clone(), store, process);
    }

    /// Takes what waits into the log, and publishes its head.
    pub async fn seal(&self) {
        let mut sequencer = self.process.sequencer.lock().await;
        sequencer.step().await.expect("the log is carried on");
    }

    /// The same, cut off after a step as by a kill.
    pub async fn seal_until(&self, until: Until) {
        let mut sequencer = self.process.sequencer.lock().await;
        sequencer
            .step_until(until)
            .await
            .expect("the log is carried on");
    }

    /// How the log stands.
    pub async fn log_standing(&self) -> Standing {
        self.process.sequencer.lock().await.standing()
    }

    /// What a killed process lets go of: the journal's folder, and all it knew of the log.
    pub async fn let_go_of_the_log(&self) {
        self.process.sequencer.lock().await.forget();
    }

    /// What a full check of the log finds.
    pub async fn log_faults(&self) -> Vec<String> {
        let key = log_key_of(&self.folder);
        let check =
            move |tx: &mut Tx<'_>| log_faults(tx, &|log| key.signer(log).verifier().clone());
        self.store.read(check).await.expect("the log is read")
    }

    /// Ends the hub, puts a copy in the place of its database, and starts it again.
    pub async fn restart_from(&mut self, copy: &Path) {
        self.let_go_of_the_log().await;
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.close())
            .await
            .expect("no panic");
        let path = self.folder.path().join("kairan.db");
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        std::fs::copy(copy, &path).expect("put back");
        self.restart().await;
    }

    /// Seals, and sends whatever is due on every channel until nothing is; returns how many attempts ended.
    pub async fn deliver_due(&self) -> usize {
        self.seal().await;
        self.send_due().await
    }

    /// The hub's own node, as the database knows it.
    pub fn node(&self) -> Uid {
        self.node
    }

    /// What every engine does first after a start.
    pub async fn take_back_leases(&self) {
        self.process.webhooks.lock().await.take_back_leases().await;
    }

    /// Sends whatever is due, sealed or not.
    pub async fn send_due(&self) -> usize {
        let mut ended = self.process.webhooks.lock().await.deliver_due().await;
        if let Some(mails) = &self.process.mails {
            ended += mails.lock().await.deliver_due().await;
        }
        ended
    }

    /// Tells whoever joined late, and takes every step of every clock that is due; returns how many steps.
    pub async fn chase_due(&self) -> usize {
        let clocks = &self.process.clocks;
        while clocks.tell_late_joiners().await.expect("the past is told") {}
        self.process
            .clocks
            .chase_due()
            .await
            .expect("the chase goes on")
    }

    /// Does what follows from clocks that have run out; returns how many things were done.
    pub async fn run_out(&self) -> usize {
        self.process.clocks.run_out().await.expect("it is looked")
    }

    /// Reads what mail servers have put into their folder; returns what it was.
    pub async fn read_mail_reports(&self) -> Count {
        let reports = self.process.mail_reports.as_ref();
        reports.expect("a folder is set").read_new().await
    }

    /// Tries the standing self-check, if its turn has come.
    pub async fn self_check(&self) -> bool {
        let (_stop, stopping) = watch::channel(false);
        let check = SelfCheck::new(self.store.clone(), stopping);
        check.try_rules().await.expect("the rules are tried")
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub async fn act<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> T {
        self.store
            .write(Lane::Front, work)
            .await
            .expect("the action is done")
    }

    /// One request; `body` is sent as JSON.
    pub async fn call(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if let Some(body) = body {
            let idempotency = Uid::at(self.clock.now()).to_string();
            request = request
                .header("content-type", "application/json")
                .header("idempotency-key", idempotency)
                .body(body.to_string());
        }
        self.send(request).await
    }

    /// A request with everything set by the test.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let answer = request.send().await.expect("the hub answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        Reply {
            status,
            headers,
            body: answer.bytes().await.expect("a whole answer").to_vec(),
        }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str, key: &str) -> Reply {
        self.call(Method::GET, path, key, None).await
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, key, Some(body)).await
    }

    /// Files the May 2019 case; returns the 201's body.
    pub async fn file(&self, officer: &Person) -> Value {
        self.post("/api/v1/incidents", &officer.key, &filing())
            .await
            .expect(201)
            .json()
    }

    /// A person with one role, on the operator's side or in a bank, with a personal key.
    pub async fn person(&self, role: &'static str, bank: Option<Uid>) -> Person {
        self.act(move |tx| {
            let id = tx.new_id()?;
            let now = tx.now()?;
            let address = format!("{id}@people.example");
            let inputs = json!({ "name": role, "email": address }).to_string();
            let payload_id = payload::seal(tx, id, inputs.as_bytes())?;
            let address = EmailAddress::parse(&address).expect("an address");
            let email_tag = email_tag(tx, &address);
            let row = PersonRow {
                id,
                bank_id: bank,
                payload_id,
                email_tag,
                language: "en".into(),
                recorded_at: now,
            };
            people::insert_person(tx, &row)?;
            let grant = RoleGrantRow {
                person_id: id,
                role: role.into(),
                revision: 1,
                given: true,
                granted_by: None,
                approval_id: None,
                recorded_at: now,
            };
            people::insert_grant(tx, &grant)?;
            Ok(Person {
                id,
                key: key_of(tx, Owner::Person(id))?,
            })
        })
        .await
    }

    pub async fn officer(&self) -> Person {
        self.person("officer", None).await
    }

    /// A partner bank with one contact, a machine key, and an endpoint at a receiver of its own.
    pub async fn bank(&self, code: &str) -> Bank {
        self.bank_with(code, contact(code, 1)).await
    }

    pub async fn bank_with(&self, code: &str, contact: ContactInput) -> Bank {
        let receiver = Receiver::start();
        let url = receiver.url("/hook");
        let name = code.to_owned();
        let rules = std::sync::Arc::new(super::ground::rules());
        let (id, key, secret) = self
            .act(move |tx| {
                let id = register_bank(tx, &new_bank(&name))?;
                add_contact(tx, id, &contact)?;
                let made = add_endpoint(
                    tx,
                    &rules,
                    id,
                    &EndpointInput {
                        url: url.clone(),
                        ed25519: true,
                    },
                )?;
                Ok((id, key_of(tx, Owner::Bank(id))?, made.secret.to_string()))
            })
            .await;
        receiver.knows(&secret);
        self.challenge_due().await;
        Bank {
            id,
            code: code.into(),
            key,
            receiver,
            secret,
        }
    }

    /// Sends what is due by webhook: the challenges to endpoints that were just entered.
    pub async fn challenge_due(&self) -> usize {
        self.process.webhooks.lock().await.deliver_due().await
    }
}

fn log_key_of(folder: &TempDir) -> LogKey {
    let seed = log_key::open(&folder.path().join("kairan-log.pem")).expect("the log's key");
    LogKey::new(seed, "127.0.0.1")
}

pub fn key_of(tx: &mut Tx<'_>, owner: Owner) -> Result<String, Error> {
    let input = KeyInput {
        label: "test".into(),
        days: Some(30),
    };
    Ok(issue_key(tx, &super::ground::rules(), owner, &input)?
        .key
        .to_string())
}

impl Drop for TestHub {
    fn drop(&mut self) {
        let web = self.process.web.clone();
        if !self.is_sound {
            // What was damaged cannot always be read.
            drop(web.stop(false));
            return;
        }
        let store = self.store.clone();
        let key = log_key_of(&self.folder);
        let check = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                drop(web.stop(false));
                let check = move |tx: &mut Tx<'_>| {
                    let faults = log_faults(tx, &|log| key.signer(log).verifier().clone())?;
                    Ok::<_, Error>((audit::findings(tx)?, faults))
                };
                store.read(check).await.expect("the self-check runs")
            })
        });
        let (findings, faults) = check.join().expect("no panic");
        if !std::thread::panicking() {
            assert_eq!(findings, [], "the self-check found something");
            assert_eq!(faults, [""; 0], "the log is not sound");
        }
    }
}
