//! Telling a bank beside the hub's channels, by telephone, in person or by letter: weaker evidence in its own colour.
//! Whoever told writes down whom, by which number of the register, when, and the notice's number as it was read
//! back; a second person signs it off, and only then it counts, as a delivery at most. The notice stays due and the
//! chase goes on.

use super::ask::ask;
use super::decide::Requested;
use super::fields::Fields;
use super::{Error, Rules, call};
use crate::domain::id::Uid;
use crate::domain::instant::Entered;
use crate::domain::level::Level;
use crate::domain::refusal::Refusal;
use crate::storage::approval::RequestRow;
use crate::storage::evidence::{self, Flag, Reached};
use crate::storage::notice::NoticeRow;
use crate::storage::out_of_band::{self, OutOfBandRow};
use crate::storage::{self, Tx, bank, chase, incident, notice, payload, phone_task};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The act's name in approvals.
pub const ACT: &str = "incident.out_of_band";

const NOTE_LIMIT: usize = 1_000;
/// A caller's clock may run ahead by so much.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Forms know whole minutes.
const CUT: Duration = Duration::from_secs(60);

/// The ways beside the hub's.
pub const CHANNELS: [&str; 3] = ["phone", "meeting", "letter"];

/// A contact beside the channels, as somebody writes it down.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactFiling {
    /// `phone`, `meeting` or `letter`.
    pub channel: String,
    /// The contact of the register whose number was dialled: called back, never a caller's own word.
    #[schema(value_type = String)]
    pub contact: Uid,
    /// Who was told, as they gave their name and role.
    pub person: String,
    pub role: String,
    /// When; RFC 3339 with zone.
    #[schema(value_type = String)]
    pub told_at: Entered,
    /// The bank's own number of the notice, as they read it back.
    pub read_back: String,
    #[serde(default)]
    pub note: String,
}

/// What lies sealed of a contact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContactPayload {
    pub person: String,
    pub role: String,
    /// As it stood in the register.
    pub number: String,
    pub note: String,
}

/// A contact on record, waiting for its second person.
#[derive(Debug, Clone)]
pub struct Told {
    pub id: Uid,
    pub requested: Requested,
}

/// Writes down that a bank was told of an incident; the number that was read back says of which notice.
pub fn tell_of_incident(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (reference, code): (&str, &str),
    filing: &ContactFiling,
) -> Result<Told, Error> {
    let known = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    let Some(own) = bank::by_code(tx, code)? else {
        let said = format!("no bank with the code {code} is in the register");
        return Err(Error::invalid("/bank", "bank_unknown", said));
    };
    let rows = notice::of_incident(tx, known.id, own.id)?;
    let found = rows
        .into_iter()
        .find(|row| row.number.to_string() == filing.read_back.trim());
    let wrong = || Error::invalid("/read_back", "read_back_wrong", WRONG_NUMBER);
    let found = found.ok_or_else(wrong)?;
    tell(tx, rules, by, &found, filing)
}

/// The same for the notice of a call, which is done by it.
pub fn tell_of_call(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    task: Uid,
    filing: &ContactFiling,
) -> Result<Told, Error> {
    let last = phone_task::of_task(tx, task)?
        .pop()
        .ok_or(Error::NotFound)?;
    if !call::state_of(&last).waits() {
        return Err(Refusal::CallEnded.into());
    }
    let found = notice::by_id(tx, last.notice_id)?.ok_or(Error::NotFound)?;
    tell(tx, rules, by, &found, filing)
}

const WRONG_NUMBER: &str = "this is not the number of that bank's notice: have it read back again";

fn tell(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    found: &NoticeRow,
    filing: &ContactFiling,
) -> Result<Told, Error> {
    if !chase::hold(tx, found.id)? {
        return Err(Refusal::AlreadyAcknowledged.into());
    }
    let now = tx.now()?;
    let mut fields = Fields::default();
    let channel = fields.code("channel", &filing.channel, &CHANNELS);
    let person = fields.line("person", &filing.person, 120);
    let role = fields.line("role", &filing.role, 120);
    let note = match filing.note.trim() {
        "" => String::new(),
        note => fields.paragraphs("note", note, NOTE_LIMIT),
    };
    let told = filing.told_at.at;
    if told + CUT < found.issued_at || told > now + AHEAD {
        let said = "after the notice was issued, and not later than now";
        fields.refuse("told_at", "time_order", said);
    }
    if filing.read_back.trim() != found.number.to_string() {
        fields.refuse("read_back", "read_back_wrong", WRONG_NUMBER);
    }
    let number = dialled(tx, &mut fields, found.bank_id, filing)?;
    fields.done()?;
    let sealed = ContactPayload {
        person,
        role,
        number,
        note,
    };
    let sealed = serde_json::to_vec(&sealed).map_err(|_| super::issue::damaged("contact"))?;
    let row = OutOfBandRow {
        id: tx.new_id()?,
        notice_id: found.id,
        bank_id: found.bank_id,
        channel,
        contact_id: filing.contact,
        caller: by,
        told_at: told,
        read_back: found.number,
        payload_id: payload::seal(tx, found.bank_id, &sealed)?,
        recorded_at: now,
    };
    out_of_band::insert(tx, &row)?;
    call::complete(tx, by, found, row.id)?;
    let reason = format!("{}: No. {}", row.channel, found.number);
    let requested = ask(tx, rules, by, (ACT, row.id), Vec::new(), &reason)?;
    Ok(Told {
        id: row.id,
        requested,
    })
}

#[derive(Deserialize)]
struct Phone {
    phone: String,
}

/// The number of a live contact of this bank, as the register has it.
fn dialled(
    tx: &mut Tx<'_>,
    fields: &mut Fields,
    bank_id: Uid,
    filing: &ContactFiling,
) -> Result<String, Error> {
    let live = bank::contacts_of(tx, bank_id)?;
    let Some(row) = live.into_iter().find(|row| row.id == filing.contact) else {
        let said = "this is no contact of the bank in the register";
        fields.refuse("contact", "contact_unknown", said);
        return Ok(String::new());
    };
    let sealed = payload::open(tx, row.payload_id)?;
    let known: Option<Phone> = sealed.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let number = known.map(|known| known.phone).unwrap_or_default();
    if number.is_empty() && filing.channel == "phone" {
        let said = "the register has no number for this contact: dial one that stands there";
        fields.refuse("contact", "contact_no_phone", said);
    }
    Ok(number)
}

/// The second person signed it off: the bank counts as told, in its own colour, and as a delivery at most.
pub(super) fn approved(tx: &mut Tx<'_>, row: &RequestRow) -> Result<(), Error> {
    let contact = out_of_band::by_id(tx, row.subject_id)?.ok_or(Error::NotFound)?;
    let reached = Reached {
        notice: contact.notice_id,
        level: Level::Delivered,
        at: tx.now()?,
        evidence: row.id,
    };
    evidence::raise(tx, &[reached])?;
    Ok(evidence::flag(tx, contact.notice_id, Flag::ToldOutOfBand)?)
}

/// What lies sealed of a contact; `None` once erased.
pub fn opened(tx: &mut Tx<'_>, row: &OutOfBandRow) -> Result<Option<ContactPayload>, Error> {
    let damaged = |_| storage::Error::Corrupt("a contact beside the channels".into());
    let sealed = payload::open(tx, row.payload_id)?;
    let known = sealed.map(|bytes| serde_json::from_slice(&bytes).map_err(damaged));
    Ok(known.transpose()?)
}
