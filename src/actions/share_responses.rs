//! What peers did, as one bank may see it; and telling the banks of an incident that there is more of it. Told
//! together: once the oldest response that they have not heard of is some minutes old, one message for all of them.

use super::tell_bank::tell_by_webhook;
use super::{Error, Rules};
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::response_map::Services;
use crate::domain::vocabulary::{ResponseCode, ServiceState, Sharing};
use crate::storage::evidence::{self, ResponseRow};
use crate::storage::{Tx, bank, incident, notice};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// What is younger waits for the next message: a response whose commit took longer than that of a later one would be
/// passed over. Longer than any transaction may take.
const COMMITTED: Duration = Duration::from_secs(120);

/// The message's kind; webhook and inbox only, never mail.
pub const SHARED: &str = "response.shared";

/// A peer that agreed to be named.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    pub bank: String,
    pub codes: Vec<String>,
    pub recorded_at: Entered,
}

/// What other banks did about an incident, as they share it: counts first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Peers {
    /// How many share what they did.
    pub banks: usize,
    /// How many said each code.
    pub counts: BTreeMap<String, usize>,
    /// At how many each service is suspended, by its name.
    pub suspended: BTreeMap<String, usize>,
    pub named: Vec<Named>,
}

/// Its frozen inputs, which are the webhook's data.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SharedNote {
    incident: String,
    /// Code: actual, exercise, test.
    kind: String,
    as_of: Entered,
    #[serde(flatten)]
    peers: Peers,
}

pub fn codes(row: &ResponseRow) -> Vec<String> {
    let words = row.codes.split(' ').filter(|code| !code.is_empty());
    words.map(str::to_owned).collect()
}

fn entered(at: Instant) -> Entered {
    Entered {
        at,
        offset_minutes: 0,
    }
}

/// What the others let this bank see, of responses in their order.
pub fn seen_by(bank: Uid, rows: &[ResponseRow], code_of: &HashMap<Uid, String>) -> Peers {
    let mut peers = Peers::default();
    let mut told: HashSet<(Uid, String)> = HashSet::new();
    let mut services: HashMap<Uid, Services> = HashMap::new();
    for row in rows.iter().filter(|row| row.bank_id != bank) {
        let share = Sharing::parse(&row.share).filter(|share| share.reaches_peers());
        let Some(share) = share else { continue };
        let said: Vec<ResponseCode> = codes(row)
            .iter()
            .filter_map(|code| ResponseCode::parse(code))
            .collect();
        let before = services
            .entry(row.bank_id)
            .or_insert(Services::all(ServiceState::Open));
        *before = before.after(&said);
        // A bank that says the same thing twice counts once.
        told.extend(codes(row).into_iter().map(|code| (row.bank_id, code)));
        if share == Sharing::PeersNamed {
            peers.named.push(Named {
                bank: code_of.get(&row.bank_id).cloned().unwrap_or_default(),
                codes: codes(row),
                recorded_at: entered(row.recorded_at),
            });
        }
    }
    peers.banks = services.len();
    for (_, code) in told {
        *peers.counts.entry(code).or_default() += 1;
    }
    for one in services.values() {
        for (name, state) in [
            ("new_links", one.new_links),
            ("top_ups", one.top_ups),
            ("pay_outs", one.pay_outs),
        ] {
            if state == ServiceState::Suspended {
                *peers.suspended.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    peers
}

/// Incidents with something that peers have not heard of for long enough.
pub fn due(
    tx: &mut Tx<'_>,
    rules: &Rules,
    now: Instant,
    limit: i64,
) -> Result<Vec<(Uid, Instant)>, Error> {
    let before = now - rules.profiles.sharing();
    Ok(evidence::unshared(tx, before, limit)?)
}

/// Tells every bank of an incident what the others did; false = there is nothing new, or another told it.
pub fn share(tx: &mut Tx<'_>, incident_id: Uid) -> Result<bool, Error> {
    let now = tx.now()?;
    let mut rows = evidence::responses(tx, incident_id)?;
    rows.retain(|row| row.recorded_at <= now - COMMITTED);
    let reaches =
        |row: &&ResponseRow| Sharing::parse(&row.share).is_some_and(|share| share.reaches_peers());
    let before = evidence::shared_up_to(tx, incident_id)?;
    let fresh: Vec<&ResponseRow> = rows
        .iter()
        .filter(reaches)
        .filter(|row| before.is_none_or(|last| row.id > last))
        .collect();
    let Some(last) = fresh.iter().map(|row| row.id).max() else {
        return Ok(false);
    };
    if !evidence::note_shared(tx, incident_id, before, last, now)? {
        return Ok(false);
    }
    let reference = incident::by_id(tx, incident_id)?
        .ok_or(Error::NotFound)?
        .reference;
    let kind = incident::kind_of(tx, incident_id)?.ok_or(Error::NotFound)?;
    let code_of: HashMap<Uid, String> = bank::all(tx)?
        .into_iter()
        .map(|row| (row.id, row.code))
        .collect();
    for bank in notice::banks_told(tx, incident_id)? {
        // Whoever said it hears nothing new.
        if fresh.iter().all(|row| row.bank_id == bank) {
            continue;
        }
        let note = SharedNote {
            incident: reference.clone(),
            kind: kind.clone(),
            as_of: entered(now),
            peers: seen_by(bank, &rows, &code_of),
        };
        tell_by_webhook(tx, bank, SHARED, &note)?;
    }
    Ok(true)
}
