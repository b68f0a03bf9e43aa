//! How each live address of a bank does: what came of the attempts at it, the task that is open for it, and when it is
//! tried again; and whether the relay takes mails, which all addresses share. Codes, counts and times; the address itself
//! is read elsewhere.

use super::Error;
use crate::domain::channel::{Health, State, Tried};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::outcome::ErrorClass;
use crate::storage::bank::{ContactRow, EndpointRow};
use crate::storage::{Tx, bank, endpoint_proof, evidence, reachability};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Newest outcomes that are looked at, a bank's or of mails.
const OUTCOMES: i64 = 500;
/// So many mails in a row, to different addresses, fail for a reason that these share.
const MAILS_IN_A_ROW: usize = 5;

/// One address of a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// The endpoint or contact.
    pub id: Uid,
    /// `webhook` or `email`.
    pub channel: &'static str,
    /// A contact's place on the ladder.
    pub level: Option<i64>,
    /// Since when an endpoint is proven to be the bank's.
    pub proven_since: Option<Instant>,
    pub health: Health,
}

/// The live addresses of one bank: endpoints, then contacts by their place on the ladder.
pub fn of_bank(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<Channel>, Error> {
    let endpoints = bank::endpoints_of(tx, bank_id)?;
    let contacts = bank::contacts_of(tx, bank_id)?;
    let mut next_tries = HashMap::new();
    let hooks = endpoints.iter().map(|row| row.id);
    for id in hooks.chain(contacts.iter().map(|row| row.id)) {
        if let Some(at) = reachability::next_try(tx, id)? {
            next_tries.insert(id, (bank_id, at));
        }
    }
    of(tx, bank_id, endpoints, contacts, &next_tries)
}

/// Those of every partner bank, by code.
pub fn of_partners(tx: &mut Tx<'_>) -> Result<Vec<(String, Vec<Channel>)>, Error> {
    let next_tries = reachability::next_tries(tx)?;
    let mut endpoints: BTreeMap<Uid, Vec<EndpointRow>> = BTreeMap::new();
    for row in bank::endpoints(tx)? {
        endpoints.entry(row.bank_id).or_default().push(row);
    }
    let now = tx.now()?;
    let rows = bank::partnerships(tx)?;
    let partners: Vec<Uid> = rows
        .into_iter()
        .filter(|row| row.holds_at(now))
        .map(|row| row.bank_id)
        .collect();
    let mut found = Vec::with_capacity(partners.len());
    for row in bank::all(tx)? {
        if partners.contains(&row.id) {
            let endpoints = endpoints.remove(&row.id).unwrap_or_default();
            let contacts = bank::contacts_of(tx, row.id)?;
            found.push((row.code, of(tx, row.id, endpoints, contacts, &next_tries)?));
        }
    }
    Ok(found)
}

/// The addresses that fail or are broken, by their bank's code; only banks that something waits for are looked at.
pub fn failing(tx: &mut Tx<'_>) -> Result<Vec<(String, Channel)>, Error> {
    let next_tries = reachability::next_tries(tx)?;
    let mut banks: BTreeSet<Uid> = next_tries.values().map(|(bank, _)| *bank).collect();
    let mut last = BTreeMap::new();
    for event in evidence::task_events(tx)? {
        last.insert(event.task_id, event);
    }
    let open = last.into_values().filter(|event| event.event == "opened");
    banks.extend(open.map(|event| event.bank_id));
    let mut found = Vec::new();
    for bank_id in banks {
        let Some(row) = bank::by_id(tx, bank_id)? else {
            continue;
        };
        let endpoints = bank::endpoints_of(tx, bank_id)?;
        let contacts = bank::contacts_of(tx, bank_id)?;
        for one in of(tx, bank_id, endpoints, contacts, &next_tries)? {
            if matches!(one.health.state, State::Failing | State::Broken) {
                found.push((row.code.clone(), one));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// A relay that takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailsWait {
    /// When the first of the newest mails failed that did so in a row, or earlier.
    pub since: Instant,
    /// How many wait to be tried again.
    pub waiting: i64,
}

/// Whether the newest mails all failed, and not at their mailboxes. `None` = the relay takes what it is given, or nothing
/// waits for it.
pub fn mails_wait(tx: &mut Tx<'_>) -> Result<Option<MailsWait>, Error> {
    // The few are enough where it does.
    if in_a_row(reachability::mails(
        tx,
        2 * i64::try_from(MAILS_IN_A_ROW).unwrap_or(0),
    )?)
    .is_none()
    {
        return Ok(None);
    }
    let since = in_a_row(reachability::mails(tx, OUTCOMES)?);
    let waiting = reachability::waiting_mails(tx)?;
    Ok(since
        .filter(|_| waiting > 0)
        .map(|since| MailsWait { since, waiting }))
}

/// When the first of those that failed in a row did, of the newest first; `None` where they are few, or of one address.
fn in_a_row(newest_first: Vec<(Uid, String, Instant)>) -> Option<Instant> {
    let says_nothing = [ErrorClass::Released, ErrorClass::Unknown].map(ErrorClass::code);
    let works = ["accepted", ErrorClass::MailRejected.code()];
    let failed: Vec<(Uid, Instant)> = newest_first
        .into_iter()
        .filter(|(_, outcome, _)| !says_nothing.contains(&outcome.as_str()))
        .take_while(|(_, outcome, _)| !works.contains(&outcome.as_str()))
        .map(|(address, _, at)| (address, at))
        .collect();
    let (first, since) = *failed.last()?;
    let shared = failed.iter().any(|(address, _)| *address != first);
    (failed.len() >= MAILS_IN_A_ROW && shared).then_some(since)
}

/// The newest failure of an address that waits for its next try.
fn failed(tx: &mut Tx<'_>, target: Uid) -> Result<Vec<Tried>, Error> {
    let failures = reachability::failures(tx, target, 1)?;
    let tried = failures.into_iter().map(|(_, at)| Tried {
        at,
        accepted: false,
    });
    Ok(tried.collect())
}

fn of(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    endpoints: Vec<EndpointRow>,
    mut contacts: Vec<ContactRow>,
    next_tries: &HashMap<Uid, (Uid, Instant)>,
) -> Result<Vec<Channel>, Error> {
    let mut tried: HashMap<Uid, Vec<Tried>> = HashMap::new();
    for (target, outcome, at) in reachability::outcomes(tx, bank_id, OUTCOMES)? {
        tried
            .entry(target)
            .or_default()
            .extend(Tried::of(&outcome, at));
    }
    contacts.sort_by_key(|row| (row.level, row.id));
    let ids: Vec<Uid> = endpoints.iter().map(|row| row.id).collect();
    let proven = endpoint_proof::proven_since(tx, &ids)?;
    let hooks = endpoints
        .into_iter()
        .map(|row| (row.id, "webhook", None::<i64>));
    let people = contacts
        .into_iter()
        .map(|row| (row.id, "email", Some(row.level)));
    hooks
        .chain(people)
        .map(|(id, channel, level)| {
            let tasks = evidence::open_tasks_of_target(tx, id)?;
            let (broken, next) = (
                tasks.first().map(|task| task.recorded_at),
                next_tries.get(&id),
            );
            let newest_first = match tried.remove(&id) {
                // The bank's other addresses were tried so often since.
                None if next.is_some() => failed(tx, id)?,
                tried => tried.unwrap_or_default(),
            };
            Ok(Channel {
                id,
                channel,
                level,
                proven_since: proven.get(&id).copied(),
                health: Health::of(&newest_first, broken, next.map(|(_, at)| *at)),
            })
        })
        .collect()
}
