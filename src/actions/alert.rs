//! Telling the operator's own people by mail that something needs one of them; of somebody who was let in, a bank's
//! administrators, too.

use super::Error;
use super::fan_out::delivery_row;
use crate::domain::access::Role;
use crate::domain::backoff::FAILURES_THAT_BREAK;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::storage::delivery::{self, MessageRow};
use crate::storage::{Tx, bank, incident, payload, people};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The kind of its message.
pub const KIND: &str = "operator.alert";
/// The alert's code.
const JOINED: &str = "person-joined";

/// The frozen inputs of one alert: codes, ids and times, for which the texts have the words.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OperatorAlert {
    /// Which: a stable code that the texts know.
    pub alert: String,
    /// The bank that it is about.
    pub bank_code: Option<String>,
    /// Their codes, where it is about several.
    pub banks: Vec<String>,
    /// The incident that it is about.
    pub incident: Option<String>,
    /// Code: actual, exercise, test, so that nobody takes an exercise for the real thing. Left out, it is that of the
    /// incident; absent where it is about none.
    pub kind: Option<String>,
    /// The draft that it is about.
    pub draft: Option<Uid>,
    /// The bank's report that it is about.
    pub report: Option<Uid>,
    /// What a clock of the operator's own asks for, a phase.
    pub owed: Option<String>,
    /// When that clock runs out, or what waits goes out by itself.
    pub due_at: Option<Entered>,
    /// The broken way: webhook or email.
    pub channel: Option<String>,
    /// A mail came back.
    pub bounced: bool,
    /// With this status (RFC 3463), where its report gives one.
    pub mail_status: Option<String>,
    /// Why the log refuses, a code.
    pub refusal: Option<String>,
    /// The reference of the last exercise.
    pub last_exercise: Option<String>,
    /// One line of the hub's own, in alerts that were frozen before they had codes for it.
    pub detail: Option<String>,
    /// Who was let in, where that is what it tells.
    pub joined: Option<Joined>,
}

/// Somebody who was let in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Joined {
    pub name: String,
    /// Codes.
    pub roles: Vec<String>,
    /// The name of whoever invited; `None` = the host, or that was erased.
    pub invited_by: Option<String>,
}

/// A time of the hub's own, as inputs keep it.
pub(super) fn time(at: Instant) -> Entered {
    Entered {
        at,
        offset_minutes: 0,
    }
}

/// Sends it to everybody who has one of these roles, once each.
pub(super) fn alert(tx: &mut Tx<'_>, roles: &[&str], inputs: &OperatorAlert) -> Result<(), Error> {
    let mut frozen = inputs.clone();
    if frozen.kind.is_none() {
        frozen.kind = kind_of(tx, inputs.incident.as_deref())?;
    }
    let told = holders(tx, roles)?;
    send(tx, told, &frozen)
}

/// Tells of `person`, who was let in: nobody gets a seat in silence. The operator's other administrators and its auditors
/// are told, and where it is a person of a bank, that bank's other administrators.
pub(super) fn tell_joined(
    tx: &mut Tx<'_>,
    person: Uid,
    bank_id: Option<Uid>,
    joined: Joined,
) -> Result<(), Error> {
    let mut told = holders(tx, &[Role::Administrator.code(), Role::Auditor.code()])?;
    let mut bank_code = None;
    if let Some(id) = bank_id {
        bank_code = bank::by_id(tx, id)?.map(|row| row.code);
        let heads = holders(tx, &[Role::BankAdministrator.code()])?;
        let own = people::people(tx, Some(id))?.into_iter().map(|row| row.id);
        told.extend(own.filter(|one| heads.contains(one)));
    }
    told.remove(&person);
    let frozen = OperatorAlert {
        alert: JOINED.into(),
        bank_code,
        joined: Some(joined),
        ..OperatorAlert::default()
    };
    send(tx, told, &frozen)
}

/// Everybody who has one of these roles, once each.
fn holders(tx: &mut Tx<'_>, roles: &[&str]) -> Result<BTreeSet<Uid>, Error> {
    let mut found = BTreeSet::new();
    for role in roles {
        found.extend(people::holders(tx, role)?);
    }
    Ok(found)
}

fn send(tx: &mut Tx<'_>, told: BTreeSet<Uid>, frozen: &OperatorAlert) -> Result<(), Error> {
    let now = tx.now()?;
    let inputs = serde_json::to_vec(frozen).map_err(|_| super::issue::damaged("alert"))?;
    let told: Vec<Uid> = told.into_iter().collect();
    // Each says something of its own: only what its mailbox has refused for long gives way.
    delivery::supersede_refused(tx, KIND, &told, FAILURES_THAT_BREAK)?;
    let sealed: Vec<(Uid, &[u8])> = told.iter().map(|person| (*person, &*inputs)).collect();
    for (person, payload_id) in told.into_iter().zip(payload::seal_all(tx, &sealed)?) {
        // Whose data key is damaged is told nothing; the others are, and what this is about goes on.
        let Some(payload_id) = payload_id else {
            continue;
        };
        let message = Uid::at(now);
        let row = MessageRow {
            id: message,
            kind: KIND.into(),
            notice_id: None,
            bank_id: None,
            person_id: Some(person),
            payload_id: Some(payload_id),
            created_at: now,
        };
        delivery::insert_messages(tx, &[row])?;
        let delivery = delivery_row(message, None, None, "email", person, now);
        delivery::insert_deliveries(tx, &[delivery])?;
    }
    tx.wake_engine();
    Ok(())
}

fn kind_of(tx: &mut Tx<'_>, reference: Option<&str>) -> Result<Option<String>, Error> {
    let Some(reference) = reference else {
        return Ok(None);
    };
    let Some(known) = incident::by_reference(tx, reference)? else {
        return Ok(None);
    };
    Ok(incident::kind_of(tx, known.id)?)
}
