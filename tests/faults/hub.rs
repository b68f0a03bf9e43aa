//! A hub in processes of its own, which can be killed, stopped and started again on one database, with
//! partner banks that live in the test. Whoever files or acknowledges writes it into the ledger.

use super::ledger::{Arrival, Ledger, Stamp};
use crate::support::ground::{BOUNDS, Base, Ground, contact, filing, new_bank, rules};
use crate::support::hub::On;
use crate::support::postgres::fresh_postgres;
use crate::support::receiver::{Answer, Hit, Receiver};
use diesel::{Connection, QueryableByName, RunQueryDsl};
use kairan::actions::Rules;
use kairan::actions::add_contact::add_contact;
use kairan::actions::challenge_endpoint::withdraw;
use kairan::actions::issue_key::{KeyInput, Owner, issue_key};
use kairan::actions::register_bank::register_bank;
use kairan::actions::set_endpoint::{EndpointInput, add_endpoint};
use kairan::clock::Clock;
use kairan::domain::address::AddressPolicy;
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant as At;
use kairan::storage::delivery::OutcomeRow;
use kairan::storage::{Lane, Location, Store, audit, delivery_log, payload};
use kairan::vault::{Vault, log_key};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Sends at once to one bank, as shipped.
pub const PER_BANK: usize = 4;

/// Where partners may have their endpoints; what a hub sends to is for its own settings to say.
const OPENED: [&str; 2] = ["127.0.0.0/8", "10.0.0.0/8"];

/// One hub on one database, with all that a process on it needs.
pub struct World {
    folder: TempDir,
    pub database: String,
    journal: PathBuf,
    pub vault: Arc<Vault>,
    more: String,
    pub banks: Vec<Partner>,
    officer: String,
    pub client: reqwest::Client,
    ledger: Mutex<Ledger>,
    /// Tables that were dropped with what they held: the self-check misses it.
    dropped: Mutex<Vec<String>>,
    base: Base,
}

/// Where a hub's database and the journal of its log lie.
pub struct Site {
    /// As the settings say it.
    pub database: String,
    pub journal: PathBuf,
}

pub struct Partner {
    pub id: Uid,
    pub receiver: Receiver,
    key: String,
}

/// A hub's process, the leader of a group of its own.
pub struct Node {
    child: Child,
    pub url: String,
    config: PathBuf,
}

#[derive(QueryableByName)]
struct CountOf {
    #[diesel(sql_type = diesel::sql_types::Text)]
    of: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

impl World {
    /// `more` goes into the settings of every node.
    pub async fn prepare(on: On, banks: usize, more: &str) -> Arc<Self> {
        Self::prepare_at(on, (0..banks).map(here).collect(), more).await
    }

    /// With partners at these receivers, each told at its address.
    pub async fn prepare_at(on: On, partners: Vec<(Receiver, String)>, more: &str) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal");
        let (database, base) = match on {
            On::Sqlite => {
                let path = folder.path().join("kairan.db");
                (
                    format!("sqlite:{}", path.display()),
                    Base::Sqlite(tempfile::tempdir().expect("a folder")),
                )
            }
            On::Postgres => {
                let fresh = fresh_postgres();
                (fresh.url().to_owned(), Base::Postgres(fresh))
            }
        };
        let site = Site { database, journal };
        Self::found(site, base, folder, partners, more).await
    }

    /// With database and journal where the test wants them.
    pub async fn prepare_on(site: Site, banks: usize, more: &str) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let base = Base::Sqlite(tempfile::tempdir().expect("a folder"));
        let partners = (0..banks).map(here).collect();
        Self::found(site, base, folder, partners, more).await
    }

    async fn found(
        site: Site,
        base: Base,
        folder: TempDir,
        partners: Vec<(Receiver, String)>,
        more: &str,
    ) -> Arc<Self> {
        let Site { database, journal } = site;
        let key_file = folder.path().join("kairan.key");
        Vault::create_key_file(&key_file).expect("a key file");
        log_key::create(&folder.path().join("kairan-log.pem")).expect("a key file");
        let vault = Arc::new(Vault::open(&key_file).expect("the key file reads"));
        let store = open(&database, &vault).await;
        let keys = store
            .write(Lane::Front, payload::hub_keys)
            .await
            .expect("hub keys");
        vault.install(keys);
        let ground = Ground {
            store,
            rules: Arc::new(Rules {
                addresses: Arc::new(AddressPolicy {
                    allowed: OPENED
                        .map(|network| network.parse().expect("a network"))
                        .into(),
                    ..AddressPolicy::default()
                }),
                ..rules()
            }),
            clock: Clock::new(),
            vault: Arc::clone(&vault),
            base,
        };
        let officer = key(&ground, Owner::Person(ground.person("officer").await)).await;
        let mut banks = Vec::new();
        for (n, at) in partners.into_iter().enumerate() {
            banks.push(partner(&ground, &code(n), at).await);
        }
        let Ground { store, base, .. } = ground;
        close(store).await;
        Arc::new(Self {
            folder,
            database,
            journal,
            vault,
            more: more.into(),
            banks,
            officer,
            client: client(),
            ledger: Mutex::default(),
            dropped: Mutex::default(),
            base,
        })
    }

    /// A new place for a hub; the same one for all its lives.
    pub fn place(&self, name: &str) -> (PathBuf, String) {
        self.place_on(name, &self.database)
    }

    /// The same, reaching the database another way.
    pub fn place_on(&self, name: &str, database: &str) -> (PathBuf, String) {
        // One host: whoever leads the log holds the folder.
        self.place_with(name, database, &self.journal)
    }

    /// The same on a host of its own, with its own way to the database and its own journal.
    pub fn host(&self, name: &str, database: &str) -> (PathBuf, String) {
        let journal = self.folder.path().join(format!("journal-{name}"));
        self.place_with(name, database, &journal)
    }

    fn place_with(&self, name: &str, database: &str, journal: &Path) -> (PathBuf, String) {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let config = self.folder.path().join(format!("{name}.toml"));
        let mail = match self.more.contains("[mail]") {
            true => "",
            false => "[mail]\nrelay_host = \"\"\ntimeout_ms = 1000\n",
        };
        let text = format!(
            // One address for all nodes, as behind a proxy: it is part of what is sent.
            "[hub]\npublic_url = \"https://kairan.operator.example\"\noperator_name = \"Example Pay\"\n\
             [listen]\naddress = \"127.0.0.1:{port}\"\nworkers = 2\n\
             [database]\nurl = \"{}\"\n[keys]\nfile = \"{}\"\n\
             [evidence]\nkey_file = \"{}\"\njournal = \"{}\"\n\
             [limits]\nrequests_per_second = 100000\nburst = 100000\nfree_floor_mib = 0\n\
             [log]\nlevel = \"warn\"\n{mail}{}",
            database,
            self.folder.path().join("kairan.key").display(),
            self.folder.path().join("kairan-log.pem").display(),
            journal.display(),
            self.more,
        );
        std::fs::write(&config, text).expect("the settings are written");
        (config, format!("http://127.0.0.1:{port}"))
    }

    /// Takes a database on PostgreSQL back by a step of its schema.
    pub fn take_back(&self, version: &str, statements: &str) {
        let Base::Postgres(fresh) = &self.base else {
            panic!("not PostgreSQL");
        };
        let whole = format!(
            "{statements}; DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"
        );
        fresh.tamper(&whole).expect("done");
        let gone = statements
            .lines()
            .filter_map(|line| line.strip_prefix("DROP TABLE "));
        let mut dropped = self.dropped.lock().expect("nobody panics holding it");
        let name = |rest: &str| rest.split([' ', ';']).next().map(str::to_owned);
        dropped.extend(gone.filter_map(name));
    }

    /// Starts a hub and waits until it answers.
    pub async fn start(&self, place: (PathBuf, String)) -> Node {
        self.start_with(place, |_| {}).await
    }

    /// The same, with more on its command line or in its environment.
    pub async fn start_with(
        &self,
        (config, url): (PathBuf, String),
        more: impl FnOnce(&mut Command),
    ) -> Node {
        started(self.try_start((config, url), more).await)
    }

    /// The same of another program: an older kairan.
    pub async fn start_program(&self, program: &Path, place: (PathBuf, String)) -> Node {
        started(self.try_program(program, place, |_| {}).await)
    }

    /// The same for a hub that may not get so far; then how it ended, or `None` if it hangs.
    pub async fn try_start(
        &self,
        place: (PathBuf, String),
        more: impl FnOnce(&mut Command),
    ) -> Result<Node, (Node, Option<ExitStatus>)> {
        let program = Path::new(env!("CARGO_BIN_EXE_kairan"));
        self.try_program(program, place, more).await
    }

    async fn try_program(
        &self,
        program: &Path,
        (config, url): (PathBuf, String),
        more: impl FnOnce(&mut Command),
    ) -> Result<Node, (Node, Option<ExitStatus>)> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(config.with_extension("log"));
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(&config)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the hub's own log opens"))
            .process_group(0);
        more(&mut command);
        let child = command.spawn().expect("the hub starts");
        let mut node = Node { child, url, config };
        let until = Instant::now() + Duration::from_secs(30);
        // A client of its own: a connection to the hub's former life must not be in its pool.
        let client = client();
        while client
            .get(format!("{}/health/live", node.url))
            .send()
            .await
            .is_err()
        {
            let ended = node.child.try_wait().expect("the hub is our child");
            if ended.is_some() || Instant::now() > until {
                return Err((node, ended));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(node)
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger
            .lock()
            .expect("nobody panics while holding the ledger")
    }

    /// Files an incident with this marker, at most once however often it is called; the status, if one came.
    pub async fn file(&self, url: &str, marker: &str) -> Option<u16> {
        self.ledger()
            .filings
            .entry(marker.to_owned())
            .or_insert(None);
        let mut body = filing();
        body["title"] = json!({ "ja": marker, "en": marker });
        let status = self
            .post(
                &format!("{url}/api/v1/incidents"),
                &self.officer,
                marker,
                &body,
            )
            .await;
        if status.is_some() {
            self.ledger().filings.insert(marker.to_owned(), status);
        }
        status
    }

    /// Files it once more as another: what a client must not do.
    pub async fn file_anew(&self, url: &str, marker: &str) -> Option<u16> {
        let mut body = filing();
        body["title"] = json!({ "ja": marker, "en": marker });
        let url = format!("{url}/api/v1/incidents");
        self.post(&url, &self.officer, &format!("{marker}-anew"), &body)
            .await
    }

    /// Acknowledges a notice that arrived.
    pub async fn stamp(&self, url: &str, bank: usize, notice: &str, digest: &str) -> Option<u16> {
        let stamp = Stamp {
            bank,
            digest: digest.to_owned(),
            status: None,
        };
        self.ledger()
            .stamps
            .entry(notice.to_owned())
            .or_insert(stamp);
        let body = json!({ "digest": digest, "name": "佐藤 花子", "role": "不正対策室" });
        let path = format!("{url}/api/v1/notices/{notice}/acknowledgement");
        let status = self.post(&path, &self.banks[bank].key, notice, &body).await;
        if let Some(stamp) = self
            .ledger()
            .stamps
            .get_mut(notice)
            .filter(|_| status.is_some())
        {
            stamp.status = status;
        }
        status
    }

    /// The status counts only with the whole answer.
    async fn post(&self, url: &str, key: &str, once: &str, body: &Value) -> Option<u16> {
        let request = self
            .client
            .post(url)
            .bearer_auth(key)
            .header("idempotency-key", once);
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        answer.bytes().await.ok()?;
        Some(status)
    }

    /// The notices that have arrived at a bank since they were last gathered; what reminds of one is no notice.
    pub fn arrived(&self, bank: usize) -> Vec<Arrival> {
        arrivals(bank, &self.banks[bank].receiver.hits())
    }

    /// Moves all arrivals into the ledger; no notice may be under way, only what reminds of one.
    pub fn gather(&self) {
        for (bank, partner) in self.banks.iter().enumerate() {
            let hits = partner.receiver.forget();
            let mut ledger = self.ledger();
            ledger.arrivals.extend(arrivals(bank, &hits));
            for hit in hits.iter().filter(|hit| reminds(hit)) {
                let notice = hit.json()["data"]["notice"]["id"]
                    .as_str()
                    .map(str::to_owned);
                let hash = Sha256::digest(&hit.body).into();
                ledger.reminders.extend(notice.map(|notice| (notice, hash)));
            }
        }
    }

    /// A count read beside the hub.
    pub fn count(&self, sql: &str) -> i64 {
        count(&self.database, sql)
    }

    /// The attempts on record of the webhooks of each notice but its reminders; by its id without hyphens.
    pub fn attempts_by_notice(&self) -> HashMap<String, i64> {
        let id = match Location::parse(&self.database).expect("a good location") {
            Location::Sqlite(_) => "lower(hex(d.notice_id))",
            Location::Postgres(_) => "replace(CAST(d.notice_id AS text), '-', '')",
        };
        let sql = format!(
            "SELECT {id} AS \"of\", count(*) AS n FROM attempt a JOIN delivery d ON d.id = a.delivery_id
             JOIN message m ON m.id = d.message_id
             WHERE d.channel = 'webhook' AND d.notice_id IS NOT NULL AND m.kind <> 'notice.reminder' GROUP BY 1"
        );
        let rows: Vec<CountOf> = rows(&self.database, &sql);
        rows.into_iter().map(|row| (row.of, row.n)).collect()
    }

    /// Waits until every webhook is delivered or acknowledged.
    pub async fn settled(&self, node: &Node) {
        self.settled_within(node, Duration::from_secs(30)).await;
    }

    pub async fn settled_within(&self, node: &Node, limit: Duration) {
        let until = Instant::now() + limit;
        // With OR, as its index has it: asked often, of all that a database holds.
        let open = "SELECT count(*) AS n FROM delivery WHERE channel = 'webhook'
            AND (state = 'due' OR state = 'waiting' OR state = 'leased')";
        loop {
            let left = self.count(open);
            if left == 0 {
                return;
            }
            assert!(
                Instant::now() < until,
                "{left} webhooks are still open:\n{}",
                node.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where the database is, as the settings say it.
    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `kairan` beside the hub, with a place's settings: its exit code, and what it said.
    pub async fn run(
        &self,
        (config, _): &(PathBuf, String),
        arguments: &[&str],
    ) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairan"));
        command.arg("--config").arg(config).args(arguments);
        let done = tokio::task::spawn_blocking(move || command.output()).await;
        let done = done.expect("no panic").expect("kairan runs");
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// What was kept of an answer.
    pub async fn answer_kept(&self, answer: Uid) -> Vec<u8> {
        let store = open(&self.database, &self.vault).await;
        let read = move |tx: &mut kairan::storage::Tx<'_>| {
            Ok::<_, kairan::storage::Error>(payload::open(tx, answer)?.map(|kept| kept.to_vec()))
        };
        let kept = store.read(read).await.expect("the database reads");
        close(store).await;
        kept.expect("it was not erased")
    }

    /// The outcomes of attempts since an instant; the standing self-check finds nothing.
    pub async fn outcomes_since(&self, from: At) -> Vec<OutcomeRow> {
        let store = open(&self.database, &self.vault).await;
        let filter = delivery_log::LogFilter {
            from: Some(from),
            ..Default::default()
        };
        let read = store.read(move |tx| {
            let log = delivery_log::page(tx, &filter, None, None, 100_000)?;
            Ok::<_, kairan::storage::Error>((audit::findings(tx)?, log))
        });
        let (mut findings, log) = read.await.expect("the database reads");
        close(store).await;
        let dropped = self.dropped.lock().expect("nobody panics holding it");
        let is_dropped = |table: &str| dropped.iter().any(|one| one == table);
        findings.retain(|finding| !finding.table.is_some_and(is_dropped));
        assert_eq!(findings, [], "the self-check found something");
        log
    }
}

fn started(tried: Result<Node, (Node, Option<ExitStatus>)>) -> Node {
    tried.unwrap_or_else(|(node, why)| panic!("the hub does not answer ({why:?}):\n{}", node.log()))
}

impl Node {
    /// SIGKILL to the whole group. The place is free afterwards.
    pub fn kill(mut self) -> (PathBuf, String) {
        self.signal(Signal::KILL);
        self.child.wait().expect("the hub is our child");
        (self.config.clone(), self.url.clone())
    }

    pub fn signal(&self, signal: Signal) {
        // A group that is gone already is what a kill wants.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("the hub is our child") {
                return status;
            }
            assert!(
                Instant::now() < until,
                "the hub has not ended after {within:?}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn place(&self) -> (PathBuf, String) {
        (self.config.clone(), self.url.clone())
    }

    /// Descriptors that it has open.
    pub fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.expect("the hub lives").count()
    }

    /// Memory that it holds, in KiB.
    pub fn memory_kib(&self) -> u64 {
        memory_kib(self.child.id())
    }

    /// Whether its process has not ended.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.config.with_extension("log")).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(20).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            drop(self.child.wait());
        }
    }
}

/// The code of a partner, counted from 0.
pub fn code(bank: usize) -> String {
    format!("B{:03}", bank + 1)
}

fn arrivals(bank: usize, hits: &[Hit]) -> Vec<Arrival> {
    let notices = hits.iter().filter(|hit| !reminds(hit));
    notices.map(|hit| Arrival::of(bank, hit)).collect()
}

/// Whether a webhook reminds of a notice, as happens a quarter of an hour after it was filed.
pub fn reminds(hit: &Hit) -> bool {
    hit.json()["type"] == "notice.reminder"
}

/// A receiver on this machine, and its address.
fn here(_: usize) -> (Receiver, String) {
    let receiver = Receiver::start();
    let url = receiver.url("/hook");
    (receiver, url)
}

/// Resident memory of a process, in KiB.
pub fn memory_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.expect("Linux says it").split_whitespace().next();
    words.and_then(|word| word.parse().ok()).expect("a number")
}

/// A count, read from a database.
pub fn count(database: &str, sql: &str) -> i64 {
    let count: Vec<Count> = rows(database, sql);
    count.first().expect("a count").n
}

pub fn rows<R>(database: &str, sql: &str) -> Vec<R>
where
    R: diesel::deserialize::QueryableByName<diesel::sqlite::Sqlite>
        + diesel::deserialize::QueryableByName<diesel::pg::Pg>
        + 'static,
{
    let rows = match Location::parse(database).expect("a good location") {
        Location::Sqlite(path) => {
            let mut conn = diesel::SqliteConnection::establish(path.to_str().expect("UTF-8"))
                .expect("it opens");
            diesel::sql_query("PRAGMA busy_timeout = 5000")
                .execute(&mut conn)
                .expect("a setting");
            diesel::sql_query(sql).load(&mut conn)
        }
        Location::Postgres(url) => {
            let mut conn = diesel::PgConnection::establish(&url).expect("it opens");
            diesel::sql_query(sql).load(&mut conn)
        }
    };
    rows.expect("rows")
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20));
    builder.build().expect("a client without a proxy builds")
}

pub async fn open(database: &str, vault: &Arc<Vault>) -> Store {
    let location = Location::parse(database).expect("a good location");
    let vault = Arc::clone(vault);
    let opened =
        tokio::task::spawn_blocking(move || Store::open(&location, BOUNDS, Clock::new(), vault));
    opened.await.expect("no panic").expect("the database opens")
}

pub async fn close(store: Store) {
    tokio::task::spawn_blocking(move || store.close())
        .await
        .expect("no panic");
}

async fn key(ground: &Ground, owner: Owner) -> String {
    let input = KeyInput {
        label: "test".into(),
        // Longer than any clock leaps here.
        days: Some(365),
    };
    let rules = Arc::clone(&ground.rules);
    let made = ground.act(move |tx| Ok(issue_key(tx, &rules, owner, &input)?.key.to_string()));
    made.await.expect("a key")
}

async fn partner(ground: &Ground, code: &str, (receiver, url): (Receiver, String)) -> Partner {
    let endpoint = EndpointInput { url, ed25519: true };
    let (name, rules) = (code.to_owned(), Arc::clone(&ground.rules));
    let registered = ground.act(move |tx| {
        let id = register_bank(tx, &new_bank(&name))?;
        add_contact(tx, id, &contact(&name, 1))?;
        let made = add_endpoint(tx, &rules, id, &endpoint)?;
        // What is told of incidents is tried here, and nothing else.
        withdraw(tx, made.id)?;
        Ok::<Uid, kairan::actions::Error>(id)
    });
    let id = registered.await.expect("a bank");
    Partner {
        id,
        receiver,
        key: key(ground, Owner::Bank(id)).await,
    }
}

impl Partner {
    pub fn answers_after(&self, pause: Duration) {
        self.receiver.answer(Answer::Slow(pause));
    }
}
