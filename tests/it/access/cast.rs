//! Everybody who may knock, and two banks with something of every kind for them to ask for.

use crate::support::ground::{contact, filing, new_bank, report};
use crate::support::hub::{Bank, On, Person, TestHub};
use crate::support::signer::signer;
use kairan::actions::add_contact::add_contact;
use kairan::actions::issue_key::{KeyInput, Owner, issue_key};
use kairan::actions::register_bank::{NewBank, register_bank};
use kairan::actions::set_endpoint::{EndpointInput, add_endpoint};
use kairan::domain::id::Uid;
use kairan::domain::mail_id;
use kairan::storage::{delivery, people, phone_task};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// Which bank somebody, or something, belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    A,
    B,
}

/// Somebody who knocks.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub name: &'static str,
    /// The letter of the role in the table; `None` = nobody whom the hub knows.
    pub right: Option<char>,
    pub bank: Option<Side>,
}

const fn known(name: &'static str, right: char, bank: Option<Side>) -> Identity {
    Identity {
        name,
        right: Some(right),
        bank,
    }
}

const fn stranger(name: &'static str) -> Identity {
    Identity {
        name,
        right: None,
        bank: None,
    }
}

pub const EVERYBODY: [Identity; 11] = [
    stranger("anonymous"),
    known("officer", 'o', None),
    known("auditor", 'a', None),
    known("administrator", 'd', None),
    known("member", 'm', Some(Side::A)),
    known("head", 'h', Some(Side::A)),
    known("machine", 'k', Some(Side::A)),
    known("peer", 'k', Some(Side::B)),
    stranger("revoked"),
    stranger("garbage"),
    stranger("link"),
];

/// What one bank has.
pub struct Of {
    pub bank: Bank,
    pub notice: String,
    pub digest: String,
    pub delivery: String,
    /// A call to it that waits.
    pub call: String,
    pub link: String,
    pub code: String,
    pub contacts: Vec<String>,
    pub endpoints: Vec<String>,
    /// The id of a spare key of its machines.
    pub spare: String,
    /// The id of its own key for acknowledgements.
    pub signing_key: String,
    /// The id of a key of one of its people, who does not knock.
    pub person_key: String,
    /// The id of what it has reported.
    pub report: String,
}

pub struct Cast {
    pub hub: TestHub,
    pub a: Of,
    pub b: Of,
    pub reference: String,
    pub drafts: [String; 2],
    /// A withdrawal that waits for its second person.
    pub request: String,
    /// The id of what two people hold back.
    pub held: String,
    /// An officer and an administrator who do not knock.
    pub officer: Person,
    pub administrator: Person,
    keys: Vec<(&'static str, String)>,
    spares: Vec<(&'static str, String)>,
    knocks: AtomicU32,
}

fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
        .to_owned()
}

async fn spare(hub: &TestHub, owner: Owner) -> (String, String) {
    hub.act(move |tx| {
        let input = KeyInput {
            label: "spare".into(),
            days: Some(30),
        };
        let made = issue_key(tx, &crate::support::ground::rules(), owner, &input)?;
        Ok((made.id.to_string(), made.key.to_string()))
    })
    .await
}

/// Further contacts and endpoints of a bank: their ids, the first of each being the one it began with.
async fn furnished(hub: &TestHub, bank: &Bank) -> (Vec<String>, Vec<String>) {
    let (id, code, url) = (bank.id, bank.code.clone(), bank.receiver.url("/more"));
    hub.act(move |tx| {
        for _ in 0..5 {
            add_contact(tx, id, &contact(&code, 1))?;
        }
        for _ in 0..3 {
            add_endpoint(
                tx,
                &crate::support::ground::rules(),
                id,
                &EndpointInput {
                    url: url.clone(),
                    ed25519: false,
                },
            )?;
        }
        let contacts = kairan::storage::bank::contacts_of(tx, id)?;
        let endpoints = kairan::storage::bank::endpoints_of(tx, id)?;
        Ok((
            contacts.iter().map(|row| row.id.to_string()).collect(),
            endpoints.iter().map(|row| row.id.to_string()).collect(),
        ))
    })
    .await
}

/// What a bank has once it was told.
async fn told(hub: &TestHub, bank: Bank, furniture: (Vec<String>, Vec<String>)) -> Of {
    let inbox = hub.get("/api/v1/inbox", &bank.key).await.expect(200).json();
    let (notice, digest) = (
        text(&inbox["notices"][0], "notice"),
        text(&inbox["notices"][0], "digest"),
    );
    let id: Uid = notice.parse().expect("an id");
    let (mail, link, code) = hub
        .act(move |tx| {
            let rows = delivery::of_notice(tx, id)?;
            let row = rows
                .iter()
                .find(|row| row.channel == "email")
                .expect("a mail");
            let vault = tx.vault();
            let key = vault.keys().mail.as_slice();
            Ok((
                row.id.to_string(),
                mail_id::link_token(key, &row.id),
                mail_id::printed_code(key, &row.id),
            ))
        })
        .await;
    let call = hub
        .act(move |tx| {
            let open = phone_task::of_notices(tx, &[id])?;
            Ok(open.first().expect("a call").task_id.to_string())
        })
        .await;
    let (spare, _) = spare(hub, Owner::Bank(bank.id)).await;
    let other = hub.person("bank_member", Some(bank.id)).await;
    let person_key = hub
        .act(move |tx| Ok(people::keys_of(tx, None, Some(other.id))?[0].id.to_string()))
        .await;
    let enrolled = hub
        .enrol(&bank.key, &bank.code, &signer(&bank.code, 1))
        .await;
    let signing_key = text(&enrolled.expect(201).json(), "id");
    let (contacts, endpoints) = furniture;
    let key = bank.key.clone();
    Of {
        bank,
        notice,
        digest,
        delivery: mail,
        call,
        link,
        code,
        contacts,
        endpoints,
        spare,
        signing_key,
        person_key,
        report: reported(hub, &key).await,
    }
}

/// A hub that believes one proxy, so that every knock can come from an address of its own.
async fn hub(on: On) -> TestHub {
    let mut hub = TestHub::start(on).await;
    hub.settings = hub
        .settings
        .replace("workers = 2", "workers = 2\ntrusted_proxies = 1");
    hub.restart().await;
    hub
}

impl Cast {
    pub async fn gathered(on: On) -> Self {
        let hub = hub(on).await;
        let (a, b) = (hub.bank("B001").await, hub.bank("B002").await);
        let (in_a, in_b) = (furnished(&hub, &a).await, furnished(&hub, &b).await);
        for code in ["NOKEY1", "NOKEY2"] {
            hub.act(move |tx| register_bank(tx, &new_bank(code))).await;
        }
        let later = NewBank {
            valid_from: Some("2999-01-01T00:00:00Z".into()),
            observer: false,
            ..new_bank("LATER")
        };
        hub.act(move |tx| register_bank(tx, &later)).await;
        let (officer, administrator) =
            (hub.officer().await, hub.person("administrator", None).await);
        let reference = text(&hub.file(&officer).await, "reference");
        hub.seal().await;
        hub.advance(std::time::Duration::from_secs(3 * 3_600));
        hub.chase_due().await;
        let (a, b) = (told(&hub, a, in_a).await, told(&hub, b, in_b).await);
        hub.seal().await;
        let mut cast = Self {
            drafts: [draft(&hub, &officer).await, draft(&hub, &officer).await],
            request: withdrawal(&hub, &officer, &reference).await,
            held: hub.hold_back(&officer).await,
            hub,
            a,
            b,
            reference,
            officer,
            administrator,
            keys: Vec::new(),
            spares: Vec::new(),
            knocks: AtomicU32::new(0),
        };
        cast.hand_out_keys().await;
        cast
    }

    async fn hand_out_keys(&mut self) {
        let bank = Some(self.a.bank.id);
        for (name, role, bank) in [
            ("officer", "officer", None),
            ("auditor", "auditor", None),
            ("administrator", "administrator", None),
            ("member", "bank_member", bank),
            ("head", "bank_administrator", bank),
        ] {
            let person = self.hub.person(role, bank).await;
            self.spares
                .push((name, spare(&self.hub, Owner::Person(person.id)).await.0));
            self.keys.push((name, person.key));
        }
        let (revoked, key) = spare(&self.hub, Owner::Person(self.officer.id)).await;
        let path = format!("/api/v1/keys/{revoked}");
        self.hub
            .call(Method::DELETE, &path, &self.officer.key, None)
            .await
            .expect(204);
        let garbage = format!("kairan_{}_{}", "0".repeat(32), "A".repeat(43));
        self.keys.extend([
            ("machine", self.a.bank.key.clone()),
            ("peer", self.b.bank.key.clone()),
        ]);
        self.keys.extend([
            ("revoked", key),
            ("garbage", garbage),
            ("link", self.a.link.clone()),
        ]);
    }

    /// What somebody shows at the door; "" = nothing.
    pub fn key(&self, who: &Identity) -> &str {
        self.keys
            .iter()
            .find(|(name, _)| *name == who.name)
            .map_or("", |(_, key)| key)
    }

    /// The id of somebody's own spare key; an officer's for whoever has none.
    pub fn spare(&self, who: &Identity) -> &str {
        let own = self.spares.iter().find(|(name, _)| *name == who.name);
        own.map_or(&self.spares[0].1, |(_, id)| id)
    }

    /// Knocks from an address that nobody knocked from before.
    pub fn knock(&self, method: Method, path: &str, key: &str) -> reqwest::RequestBuilder {
        let [_, x, y, z] = self.knocks.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let request = self
            .hub
            .request(method, path)
            .header("x-forwarded-for", format!("10.{x}.{y}.{z}"));
        if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        }
    }

    /// Refuses whatever waits for a second person, so that it can be asked for again.
    pub async fn settle(&self) {
        let list = self
            .hub
            .get("/api/v1/approvals", &self.officer.key)
            .await
            .expect(200)
            .json();
        for one in list["approvals"].as_array().expect("approvals") {
            let (id, act) = (text(one, "id"), text(one, "act"));
            if one["state"] != "waiting" {
                continue;
            }
            // Whoever asked must not decide, so somebody new does.
            let role = if act.starts_with("incident.") {
                "officer"
            } else {
                "administrator"
            };
            let second = self.hub.person(role, None).await;
            let path = format!("/api/v1/approvals/{id}/decision");
            self.hub
                .post(&path, &second.key, &json!({ "approve": false }))
                .await
                .expect(200);
        }
    }

    /// A request that waits for this person: withdrawals for officers, everything else for administrators.
    pub async fn waiting_for(&self, who: &Identity) -> String {
        self.settle().await;
        if who.right == Some('o') {
            return withdrawal(&self.hub, &self.officer, &self.reference).await;
        }
        let path = format!("/api/v1/partnerships/{}/ending", self.a.bank.code);
        let asked = self
            .hub
            .post(&path, &self.administrator.key, &json!({ "reason": "x" }))
            .await
            .expect(202);
        text(&asked.json(), "request")
    }

    /// A report that nobody has answered.
    pub async fn report(&self) -> String {
        reported(&self.hub, &self.a.bank.key).await
    }

    /// What a bank asks after it has stamped: its response's id.
    pub async fn question(&self) -> String {
        self.hub.stamp(&self.a.bank).await.expect(200);
        let asked = self
            .hub
            .respond(&self.a.bank, &["information_request"], "operator");
        text(&asked.await.expect(201).json(), "id")
    }

    /// Something more that two people hold back: its id.
    pub async fn held_back(&self) -> String {
        self.settle().await;
        self.hub.hold_back(&self.officer).await
    }

    /// The token of a new invitation.
    pub async fn invitation(&self) -> String {
        let input = crate::access::table::invitee();
        let made = self
            .hub
            .post("/api/v1/invitations", &self.administrator.key, &input)
            .await
            .expect(201)
            .json();
        text(&made, "link")
            .rsplit('/')
            .next()
            .expect("a token")
            .to_owned()
    }
}

/// What a bank has reported: its id.
async fn reported(hub: &TestHub, key: &str) -> String {
    let made = hub.post("/api/v1/reports", key, &report()).await;
    text(&made.expect(201).json(), "id")
}

async fn draft(hub: &TestHub, officer: &Person) -> String {
    text(
        &hub.post("/api/v1/drafts", &officer.key, &filing())
            .await
            .expect(201)
            .json(),
        "id",
    )
}

async fn withdrawal(hub: &TestHub, officer: &Person, reference: &str) -> String {
    let body = crate::access::table::withdrawal();
    let asked = hub
        .post(
            &format!("/api/v1/incidents/{reference}/withdrawal"),
            &officer.key,
            &body,
        )
        .await;
    text(&asked.expect(202).json(), "request")
}
