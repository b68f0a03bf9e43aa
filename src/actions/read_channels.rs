//! How each live address of a bank does: what came of the attempts at it, the task that is open for it, and when it is
//! tried again. Codes, counts and times; the address itself is read elsewhere.

use super::Error;
use crate::domain::channel::{Health, State, Tried};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::bank::{ContactRow, EndpointRow};
use crate::storage::{Tx, bank, endpoint_proof, evidence, reachability};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A bank's newest outcomes that are looked at.
const OUTCOMES: i64 = 500;

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
