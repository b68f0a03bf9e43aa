//! Importing banks from CSV: all rows are read and judged before anything is stored, and all are stored or
//! none. A dry run tells what would happen. Endpoints are only entered here where a bank has none: a
//! change of one takes a second person.

use super::add_contact::{self, Contact, ContactPayload};
use super::register_bank::{self, Profile};
use super::set_endpoint::{self, EndpointPayload, Signing};
use super::{Error, Rules, cut_roster, join_bank};
use crate::domain::fault::Faults;
use crate::domain::id::Uid;
use crate::storage::bank::{self, BankRow};
use crate::storage::{self, Tx, payload};
use rows::Row;

mod rows;

/// Rows of one file.
pub const ROWS_LIMIT: usize = 2_000;

/// What an import does, or would do, to one bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Added,
    Amended,
    Unchanged,
}

impl Effect {
    pub fn code(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Amended => "amended",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One line of the file and what came of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedBank {
    pub line: u64,
    pub code: String,
    pub effect: Effect,
    /// A new endpoint's secret, shown this once; never in a dry run.
    pub secret: Option<String>,
}

/// What came of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Imported {
    pub banks: Vec<ImportedBank>,
    /// The roster version in force afterwards; `None` before the first bank, and in a dry run.
    pub roster_version: Option<i64>,
}

/// One row, judged against the register.
struct Planned {
    row: Row,
    before: Option<Before>,
    effect: Effect,
}

/// What the register holds of a row's bank.
struct Before {
    bank: BankRow,
    profile_is_same: bool,
    is_partner: bool,
    /// The live contacts, each with what is sealed of it.
    contacts: Vec<(bank::ContactRow, ContactPayload)>,
    /// The URLs of the live endpoints.
    urls: Vec<String>,
}

/// Imports `csv`, or with `dry_run` only tells what it would do. Every fault names its line and column.
pub fn import_banks(
    tx: &mut Tx<'_>,
    rules: &Rules,
    csv: &[u8],
    dry_run: bool,
) -> Result<Imported, Error> {
    let check_url = |url: &str| {
        rules
            .addresses
            .check_url(url)
            .map(String::from)
            .map_err(|refusal| (refusal.code(), refusal.to_string()))
    };
    let rows = rows::read(csv, check_url)?;
    if dry_run {
        let planned = plan(tx, rows)?;
        let banks = planned.iter().map(|one| told(one, None)).collect();
        return Ok(Imported {
            banks,
            roster_version: None,
        });
    }
    let mut gate = cut_roster::enter(tx)?;
    let planned = plan(tx, rows)?;
    let mut banks = Vec::with_capacity(planned.len());
    for one in planned {
        let secret = apply(tx, &one)?;
        banks.push(told(&one, secret));
    }
    let version = cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(Imported {
        banks,
        roster_version: Some(version.version),
    })
}

fn told(one: &Planned, secret: Option<String>) -> ImportedBank {
    ImportedBank {
        line: one.row.line,
        code: one.row.code.clone(),
        effect: one.effect,
        secret,
    }
}

fn plan(tx: &mut Tx<'_>, rows: Vec<Row>) -> Result<Vec<Planned>, Error> {
    let mut faults = Faults::default();
    let mut planned = Vec::with_capacity(rows.len());
    for row in rows {
        let before = match bank::by_code(tx, &row.code)? {
            Some(bank) => Some(read_before(tx, bank, &row.profile)?),
            None => None,
        };
        let effect = match &before {
            Some(before) => compare(before, &row, &mut faults),
            None => Effect::Added,
        };
        planned.push(Planned {
            row,
            before,
            effect,
        });
    }
    Ok(faults.into_result(planned)?)
}

fn compare(before: &Before, row: &Row, faults: &mut Faults) -> Effect {
    if let Some((url, _)) = &row.endpoint
        && !before.urls.is_empty()
        && !before.urls.contains(url)
    {
        let sentence = "the bank has another endpoint: a change takes a second person, so ask for it by itself";
        rows::refuse(
            faults,
            row.line,
            "endpoint_url",
            "endpoint_differs",
            sentence,
        );
    }
    let endpoint_is_new = row.endpoint.is_some() && before.urls.is_empty();
    let same = before.profile_is_same
        && before.is_partner
        && same_contacts(before, row)
        && !endpoint_is_new;
    if same {
        Effect::Unchanged
    } else {
        Effect::Amended
    }
}

/// A row without contacts leaves those of the bank as they are.
fn same_contacts(before: &Before, row: &Row) -> bool {
    row.contacts.is_empty()
        || (row.contacts.len() == before.contacts.len()
            && row.contacts.iter().all(|contact| is_among(contact, before)))
}

fn is_among(contact: &Contact, before: &Before) -> bool {
    before
        .contacts
        .iter()
        .any(|(stored, known)| contact.equals(stored, known))
}

fn read_before(tx: &mut Tx<'_>, bank: BankRow, profile: &Profile) -> Result<Before, Error> {
    let now = tx.now()?;
    let profile_is_same = bank::profile(tx, bank.id)?.is_some_and(|stored| profile.equals(&stored));
    let partnership = bank::partnership(tx, bank.id)?;
    let is_partner = partnership.is_some_and(|row| row.valid_to.is_none_or(|end| now < end));
    let mut contacts = Vec::new();
    for row in bank::contacts_of(tx, bank.id)? {
        if let Some(known) = open(tx, row.payload_id)? {
            contacts.push((row, known));
        }
    }
    let mut urls = Vec::new();
    for row in bank::endpoints_of(tx, bank.id)? {
        urls.extend(open::<EndpointPayload>(tx, row.payload_id)?.map(|known| known.url));
    }
    Ok(Before {
        bank,
        profile_is_same,
        is_partner,
        contacts,
        urls,
    })
}

fn open<T: serde::de::DeserializeOwned>(tx: &mut Tx<'_>, id: Uid) -> Result<Option<T>, Error> {
    let Some(opened) = payload::open(tx, id)? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&opened);
    Ok(Some(read.map_err(|_| {
        storage::Error::Corrupt("a sealed contact or endpoint".into())
    })?))
}

/// Stores one row; returns the secret of a new endpoint.
fn apply(tx: &mut Tx<'_>, planned: &Planned) -> Result<Option<String>, Error> {
    let row = &planned.row;
    let bank_id = match &planned.before {
        None => register_bank::enter_bank(tx, &row.code, &row.profile, row.valid_from)?,
        Some(before) => {
            amend(tx, before, row)?;
            before.bank.id
        }
    };
    let has_endpoint = planned
        .before
        .as_ref()
        .is_some_and(|before| !before.urls.is_empty());
    let secret = match &row.endpoint {
        Some((url, ed25519)) if !has_endpoint => {
            Some(set_endpoint::enter_endpoint(tx, bank_id, url, *ed25519, Signing::Fresh)?.secret)
        }
        _ => None,
    };
    apply_contacts(tx, bank_id, planned)?;
    Ok(secret)
}

fn amend(tx: &mut Tx<'_>, before: &Before, row: &Row) -> Result<(), Error> {
    if !before.profile_is_same {
        row.profile.store(tx, before.bank.id)?;
    }
    if !before.is_partner {
        join_bank::join(tx, before.bank.id)?;
    }
    Ok(())
}

/// The new ones first, so that a bank is reachable all the way through.
fn apply_contacts(tx: &mut Tx<'_>, bank_id: Uid, planned: &Planned) -> Result<(), Error> {
    let row = &planned.row;
    let Some(before) = &planned.before else {
        for contact in &row.contacts {
            add_contact::enter_contact(tx, bank_id, contact)?;
        }
        return Ok(());
    };
    for contact in row
        .contacts
        .iter()
        .filter(|contact| !is_among(contact, before))
    {
        add_contact::enter_contact(tx, bank_id, contact)?;
    }
    for (stored, known) in &before.contacts {
        let stays = row.contacts.is_empty()
            || row
                .contacts
                .iter()
                .any(|contact| contact.equals(stored, known));
        if !stays {
            add_contact::end(tx, bank_id, stored.id, None)?;
        }
    }
    Ok(())
}
