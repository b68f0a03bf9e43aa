//! A fresh database of either kind, with the register and the people that a test needs, below the web.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use super::postgres::{FreshPostgres, fresh_postgres};
use kairan::actions::add_contact::{ContactInput, add_contact};
use kairan::actions::challenge_endpoint::withdraw;
use kairan::actions::claim::{self, Claimed, Room};
use kairan::actions::issue::{self, Issued};
use kairan::actions::record::{Finished, record};
use kairan::actions::register_bank::{NewBank, ProfileInput, register_bank};
use kairan::actions::set_endpoint::{EndpointInput, add_endpoint};
use kairan::actions::{Error, Rules};
use kairan::clock::Clock;
use kairan::domain::address::AddressPolicy;
use kairan::domain::deadline::Profiles;
use kairan::domain::id::Uid;
use kairan::domain::incident::Filing;
use kairan::domain::outcome::{ErrorClass, Outcome};
use kairan::storage::people::{PersonRow, RoleGrantRow};
use kairan::storage::{Bounds, Lane, Location, Store, Tx, audit, payload, people};
use kairan::vault::{self, Vault};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Makes each case two tests, one on either database.
macro_rules! on_both {
    ($(async fn $name:ident($ground:ident) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every case needs all that the file imports")]
            use super::*;

            async fn case($ground: $crate::support::ground::Ground) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                case($crate::support::ground::Ground::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres() {
                case($crate::support::ground::Ground::postgres().await).await;
            }
        })+
    };
}
pub(crate) use on_both;

/// What holds the database while the test runs.
pub enum Base {
    Sqlite(TempDir),
    Postgres(FreshPostgres),
}

pub struct Ground {
    pub store: Store,
    pub rules: Arc<Rules>,
    pub clock: Clock,
    pub vault: Arc<Vault>,
    pub base: Base,
}

pub const BOUNDS: Bounds = Bounds {
    readers: 4,
    writers: 8,
    group: 32,
    queue: 1_024,
};

/// Rules as shipped, with loopback opened for receivers.
pub fn rules() -> Rules {
    Rules {
        public_url: "https://kairan.operator.example".into(),
        public_host: "kairan.operator.example".into(),
        operator_name: "Example Pay".into(),
        zone: jiff::tz::TimeZone::get("Asia/Tokyo").expect("a known zone"),
        profiles: Profiles::embedded(),
        ending_delay: Duration::from_secs(24 * 3_600),
        secret_overlap: Duration::from_secs(7 * 86_400),
        approval_window: Duration::from_secs(72 * 3_600),
        link_window: Duration::from_secs(14 * 86_400),
        invitation_window: Duration::from_secs(72 * 3_600),
        confirmation_window: Duration::from_secs(600),
        key_lifetime: Duration::from_secs(400 * 86_400),
        code_guesses: 5,
        addresses: Arc::new(AddressPolicy {
            allowed: vec!["127.0.0.0/8".parse().expect("a network")],
            ..AddressPolicy::default()
        }),
    }
}

/// The filing of the May 2019 case.
pub fn filing() -> Value {
    json!({
        "title": { "ja": "口座連携による不正チャージの疑い", "en": "Suspected theft by account linking" },
        "description": { "ja": "二行の口座から不正なチャージを確認した。", "en": "Illicit top-ups from accounts at two banks." },
        "typology": ["impersonated_wallet"],
        "auth_exploited": ["account_no_cash_card_pin"],
        "detected_at": "2019-05-17T11:00:00+09:00",
        "late_reason": "照会した銀行からの回答を待っていた。",
        "affected_banks": ["B001"],
        "operator_contacts": [
            { "name": "佐藤 花子", "role": "不正対策室", "email": "sato@operator.example", "phone": "+81 3-0000-0001" },
            { "name": "鈴木 一郎", "role": "当直", "email": "suzuki@operator.example", "phone": "+81 3-0000-0002" }
        ]
    })
}

/// A bank's report of a suspicion.
pub fn report() -> Value {
    json!({
        "title": { "ja": "身に覚えのないチャージの申出", "en": "Customers report top-ups they did not make" },
        "description": { "ja": "複数のお客様から申出があった。", "en": "Several customers came forward." },
        "typology": ["impersonated_wallet"],
        "auth_exploited": ["account_no_cash_card_pin"],
        "detected_at": "2019-05-17T11:00:00+09:00",
        "own_accounts": true
    })
}

pub fn parsed(filing: &Value) -> Filing {
    Filing::from_json(filing.to_string().as_bytes()).expect("a well-formed filing")
}

pub fn new_bank(code: &str) -> NewBank {
    NewBank {
        code: code.into(),
        profile: ProfileInput {
            name_ja: format!("{code}銀行"),
            name_en: format!("Bank {code}"),
            language: "ja".into(),
            linking: vec!["account_no_cash_card_pin".into()],
            new_links: "open".into(),
            top_ups: "open".into(),
            pay_outs: "open".into(),
        },
        valid_from: None,
        observer: false,
    }
}

pub fn contact(code: &str, level: i64) -> ContactInput {
    ContactInput {
        name: format!("{code} 担当{level}"),
        role: "不正対策".into(),
        email: format!("desk{level}@{}.example", code.to_lowercase()),
        phone: "+81 3-0000-1000".into(),
        hours: String::new(),
        level,
        language: "ja".into(),
    }
}

/// What a node can take that has nothing under way.
pub fn room(channel: &'static str) -> Room {
    Room {
        node: Uid::from_bytes([7; 16]),
        channel,
        lease: Duration::from_secs(60),
        seal_patience: Duration::ZERO,
        in_flight: HashMap::new(),
        per_bank: 4,
        total: 512,
        kept: 0,
        after: None,
    }
}

impl Ground {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let location = Location::Sqlite(folder.path().join("kairan.db"));
        Self::open(location, Base::Sqlite(folder)).await
    }

    pub async fn postgres() -> Self {
        let database = fresh_postgres();
        let location = Location::Postgres(database.url().into());
        Self::open(location, Base::Postgres(database)).await
    }

    async fn open(location: Location, base: Base) -> Self {
        let clock = Clock::new();
        let vault = Arc::new(Vault::new(vault::random().expect("randomness")));
        let store = {
            let (clock, vault) = (clock.clone(), Arc::clone(&vault));
            tokio::task::spawn_blocking(move || Store::open(&location, BOUNDS, clock, vault))
                .await
                .expect("no panic")
                .expect("the database opens")
        };
        let keys = store
            .write(Lane::Front, payload::hub_keys)
            .await
            .expect("hub keys");
        vault.install(keys);
        Self {
            store,
            rules: Arc::new(rules()),
            clock,
            vault,
            base,
        }
    }

    /// Runs an action in a transaction of its own.
    pub async fn act<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.store.write(Lane::Front, work).await
    }

    /// Registers partner banks `B001` to `Bnnn`, each with a contact and an endpoint; returns their ids.
    pub async fn banks(&self, count: usize) -> Vec<Uid> {
        let mut ids = Vec::new();
        for n in 1..=count {
            ids.push(self.bank(&format!("B{n:03}")).await);
        }
        ids
    }

    pub async fn bank(&self, code: &str) -> Uid {
        let (code, rules) = (code.to_owned(), Arc::clone(&self.rules));
        self.act(move |tx| {
            let id = register_bank(tx, &new_bank(&code))?;
            add_contact(tx, id, &contact(&code, 1))?;
            let endpoint = EndpointInput {
                url: format!("http://127.0.0.1:9/{code}"),
                ed25519: false,
            };
            let made = add_endpoint(tx, &rules, id, &endpoint)?;
            // Nobody is there to answer.
            withdraw(tx, made.id)?;
            Ok(id)
        })
        .await
        .expect("a bank")
    }

    /// A person on the operator's side with one role.
    pub async fn person(&self, role: &'static str) -> Uid {
        self.act(move |tx| {
            let id = tx.new_id()?;
            let now = tx.now()?;
            let inputs =
                json!({ "name": role, "email": format!("{id}@operator.example") }).to_string();
            let payload_id = payload::seal(tx, id, inputs.as_bytes())?;
            let email_tag = vault::mac(&tx.vault().keys().email_tag, id.as_bytes()).to_vec();
            let row = PersonRow {
                id,
                bank_id: None,
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
            Ok(id)
        })
        .await
        .expect("a person")
    }

    pub async fn file(&self, by: Uid, filing: &Value) -> Result<Issued, Error> {
        let (rules, filing) = (Arc::clone(&self.rules), parsed(filing));
        self.act(move |tx| issue::issue_incident(tx, &rules, by, &filing, None))
            .await
    }

    /// Whatever is due by mail is sent, and taken by the far side.
    pub async fn send_mails(&self) {
        loop {
            let claimed = self.claim("email").await;
            if claimed.is_empty() {
                break;
            }
            self.accepted(claimed).await;
        }
    }

    /// Claims what is due, without waiting for a seal.
    pub async fn claim(&self, channel: &'static str) -> Vec<Claimed> {
        let room = room(channel);
        let leases = self.act(move |tx| claim::claim(tx, &room)).await;
        let leases = leases.expect("claimed");
        let claimed = self.store.read(move |tx| claim::open(tx, &leases)).await;
        claimed.expect("read")
    }

    /// The far side took these.
    pub async fn accepted(&self, claimed: Vec<Claimed>) {
        self.ended(claimed, None).await;
    }

    /// The far side failed on these.
    pub async fn failed(&self, claimed: Vec<Claimed>) {
        self.ended(claimed, Some(ErrorClass::Broken)).await;
    }

    /// The far side took these, and answered each with a text.
    pub async fn answered(&self, claimed: Vec<(Claimed, String)>) {
        let finished = claimed.into_iter().map(|(claimed, text)| Finished {
            claimed,
            outcome: Outcome {
                answer_head: text.into_bytes(),
                ..outcome(None)
            },
            body_hash: None,
        });
        self.record(finished.collect()).await;
    }

    async fn ended(&self, claimed: Vec<Claimed>, error: Option<ErrorClass>) {
        let finished = claimed.into_iter().map(|claimed| Finished {
            claimed,
            outcome: outcome(error),
            body_hash: None,
        });
        self.record(finished.collect()).await;
    }

    pub async fn record(&self, finished: Vec<Finished>) {
        let recorded = self.act(move |tx| record(tx, &finished)).await;
        recorded.expect("recorded");
    }

    /// The standing self-check finds nothing.
    pub async fn assert_sound(&self) {
        let findings = self
            .store
            .read(audit::findings)
            .await
            .expect("the self-check runs");
        assert_eq!(findings, [], "the self-check found something");
    }

    /// A statement by somebody with access to the database, beside the hub.
    pub fn tamper(&self, statement: &str) -> Result<(), String> {
        match &self.base {
            Base::Postgres(database) => database.tamper(statement),
            Base::Sqlite(folder) => {
                use diesel::connection::SimpleConnection;
                use diesel::{Connection, SqliteConnection};
                let path = folder.path().join("kairan.db");
                let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8"))
                    .map_err(|e| e.to_string())?;
                conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;")
                    .map_err(|e| e.to_string())?;
                conn.batch_execute(statement).map_err(|e| e.to_string())
            }
        }
    }
}

fn outcome(error: Option<ErrorClass>) -> Outcome {
    Outcome {
        error,
        status: error.is_none().then_some(250),
        duration: Duration::from_millis(1),
        retry_after: None,
        tls_fingerprint: None,
        answer_head: Vec::new(),
    }
}
