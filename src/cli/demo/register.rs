//! Who may do what in the demo's hub: its first people by invitation, and the banks from a CSV file as an
//! administrator would import it, with contacts, endpoints and machine keys. Knows the actions and not the web.

use super::banks;
use super::cast::{Bank, MAIL_DOMAIN};
use crate::actions::accept_invitation::{Accepted, accept_invitation};
use crate::actions::bootstrap::bootstrap;
use crate::actions::import_banks::import_banks;
use crate::actions::invite::{InvitationInput, Invited, invite};
use crate::actions::issue_key::{KeyInput, Owner, issue_first_key, issue_key};
use crate::actions::register_bank::bank_by_code;
use crate::actions::{self, Rules};
use crate::cli::CliError;
use crate::storage::{Lane, Store, Tx, people};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The personal keys, shown once.
#[derive(Clone)]
pub struct People {
    pub administrator: String,
    pub officer: String,
    /// Another officer, for what takes two people.
    pub second: String,
    pub auditor: String,
}

/// What a bank is handed over: the secret that its webhooks are signed with, and its machine's key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Handover {
    pub secret: String,
    pub key: String,
}

/// New keys for officer, auditor and the banks' machines: the old ones have run out.
pub async fn renew(
    store: &Store,
    rules: &Arc<Rules>,
    people: People,
    handovers: BTreeMap<String, Handover>,
) -> Result<(People, BTreeMap<String, Handover>), CliError> {
    let rules = Arc::clone(rules);
    let renewed = store.write(Lane::Front, move |tx| -> Result<_, actions::Error> {
        let input = KeyInput {
            label: "renewed".to_owned(),
            days: Some(30),
        };
        let mut people = people.clone();
        for (role, key) in [
            ("officer", &mut people.officer),
            ("auditor", &mut people.auditor),
        ] {
            let holders = people::holders(tx, role)?;
            let first = *holders.first().ok_or(actions::Error::NotFound)?;
            *key = issue_key(tx, &rules, Owner::Person(first), &input)?.key;
        }
        let mut handovers = handovers.clone();
        for (code, handover) in &mut handovers {
            let id = bank_by_code(tx, code)?.id;
            handover.key = issue_key(tx, &rules, Owner::Bank(id), &input)?.key;
        }
        Ok((people, handovers))
    });
    Ok(renewed.await?)
}

/// Bootstraps the administrator, who invites two officers and an auditor.
pub async fn people(store: &Store, rules: &Arc<Rules>) -> Result<People, CliError> {
    let rules = Arc::clone(rules);
    let made = store.write(Lane::Front, move |tx| -> Result<People, actions::Error> {
        let email = format!("administrator@{MAIL_DOMAIN}");
        let first = bootstrap(tx, &rules, "Midori Hayashi", &email, "en")?;
        let administrator = accept(tx, &rules, &first)?;
        let mut person = |name: &str, desk: &str, role: &str| -> Result<String, actions::Error> {
            let input = InvitationInput {
                name: name.to_owned(),
                email: format!("{desk}@{MAIL_DOMAIN}"),
                roles: vec![role.to_owned()],
                bank: None,
                language: "en".to_owned(),
            };
            let invited = invite(tx, &rules, administrator.person, &input)?;
            Ok(accept(tx, &rules, &invited)?.key.key)
        };
        Ok(People {
            administrator: administrator.key.key,
            officer: person("Hanako Sato", "officer", "officer")?,
            second: person("Kenji Abe", "second-officer", "officer")?,
            auditor: person("Ichiro Mori", "auditor", "auditor")?,
        })
    });
    Ok(made.await?)
}

/// Links for somebody who wants to sit at the desks: officer, second officer, auditor, administrator, and an
/// administrator of one bank. Each works once: whoever opens it chooses a password and sets up an authenticator.
pub async fn seats(
    store: &Store,
    rules: &Arc<Rules>,
    bank: &str,
) -> Result<Vec<(&'static str, String)>, CliError> {
    let (rules, bank) = (Arc::clone(rules), bank.to_owned());
    let made = store.write(Lane::Front, move |tx| -> Result<_, actions::Error> {
        let holders = people::holders(tx, "administrator")?;
        let by = *holders.first().ok_or(actions::Error::NotFound)?;
        let guests = [
            ("officer", "officer", None),
            ("second officer", "officer", None),
            ("auditor", "auditor", None),
            ("administrator", "administrator", None),
            ("a bank", "bank_administrator", Some(bank.clone())),
        ];
        let mut links = Vec::with_capacity(guests.len());
        for (seat, role, bank) in guests {
            let input = InvitationInput {
                name: format!("Guest, {seat}"),
                email: format!("guest-{}@{MAIL_DOMAIN}", seat.replace(' ', "-")),
                roles: vec![role.to_owned()],
                bank,
                language: "en".to_owned(),
            };
            links.push((seat, invite(tx, &rules, by, &input)?.link));
        }
        Ok(links)
    });
    Ok(made.await?)
}

fn accept(tx: &mut Tx<'_>, rules: &Rules, invited: &Invited) -> Result<Accepted, actions::Error> {
    let token = invited.link.rsplit('/').next().unwrap_or_default();
    accept_invitation(tx, rules, token)
}

/// Imports the banks with the endpoints they listen on; every bank's handover by its code.
pub async fn banks(
    store: &Store,
    rules: &Arc<Rules>,
    banks: &[Bank],
    ports: &BTreeMap<String, u16>,
) -> Result<BTreeMap<String, Handover>, CliError> {
    let csv = csv_of(banks, ports)?;
    let rules = Arc::clone(rules);
    let stored = store.write(Lane::Front, move |tx| -> Result<_, actions::Error> {
        let imported = import_banks(tx, &rules, &csv, false)?;
        let mut handovers = BTreeMap::new();
        for bank in imported.banks {
            let id = bank_by_code(tx, &bank.code)?.id;
            let input = KeyInput {
                label: "reference receiver".to_owned(),
                days: Some(30),
            };
            let key = issue_first_key(tx, &rules, id, &input)?.key;
            let secret = bank.secret.ok_or(actions::Error::NotFound)?;
            handovers.insert(bank.code, Handover { secret, key });
        }
        Ok(handovers)
    });
    Ok(stored.await?)
}

const HEADER: [&str; 17] = [
    "code",
    "name_ja",
    "name_en",
    "language",
    "linking",
    "new_links",
    "endpoint_url",
    "contact1_name",
    "contact1_role",
    "contact1_email",
    "contact1_phone",
    "contact1_level",
    "contact2_name",
    "contact2_role",
    "contact2_email",
    "contact2_phone",
    "contact2_level",
];

fn csv_of(banks: &[Bank], ports: &BTreeMap<String, u16>) -> Result<Vec<u8>, CliError> {
    let failed = |fault: &dyn std::fmt::Display| {
        CliError::Failed(format!("the demo's CSV was not written: {fault}"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(HEADER)
        .map_err(|fault| failed(&fault))?;
    for (index, bank) in banks.iter().enumerate() {
        let port = ports
            .get(bank.code)
            .ok_or_else(|| failed(&format!("{} listens nowhere", bank.code)))?;
        let head = if bank.language == "ja" {
            "コンプライアンス部長"
        } else {
            "Head of compliance"
        };
        let row = [
            bank.code.to_owned(),
            bank.name_ja.to_owned(),
            bank.name_en.to_owned(),
            bank.language.to_owned(),
            bank.linking.to_owned(),
            if bank.affected { "suspended" } else { "open" }.to_owned(),
            banks::address_at(*port),
            bank.person().to_owned(),
            bank.role().to_owned(),
            bank.desk_email(),
            format!("+81 3-0000-1{index:03}"),
            "1".to_owned(),
            head.to_owned(),
            head.to_owned(),
            bank.head_email(),
            format!("+81 3-0000-2{index:03}"),
            "2".to_owned(),
        ];
        writer.write_record(row).map_err(|fault| failed(&fault))?;
    }
    writer.into_inner().map_err(|fault| failed(&fault))
}
