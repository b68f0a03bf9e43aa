//! Acknowledgement: irreversible, bound to the digest, "received" and never "agreed". The first one counts;
//! a repetition gets the same answer and makes no second fact. It ends the chase in its own transaction.

use super::{Error, chase};
use crate::domain::access::BankScope;
use crate::domain::digest::Digest;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::{AckClass, Level};
use crate::domain::refusal::Refusal;
use crate::domain::text;
use crate::merkle::Hash;
use crate::storage::evidence::{self, AcknowledgementRow, Reached};
use crate::storage::notice::{self, NoticeRow};
use crate::storage::{Tx, delivery, facts, log, payload};
use serde::{Deserialize, Serialize};

/// Who confirms, and by what means.
#[derive(Debug, Clone)]
pub struct Confirmation {
    pub class: AckClass,
    /// An account, where there is one.
    pub person: Option<Uid>,
    pub api_key: Option<Uid>,
    /// The mail whose link was used.
    pub delivery: Option<Uid>,
    /// The person who confirms, as given.
    pub name: String,
    pub role: String,
}

/// An acknowledgement on record.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub id: Uid,
    pub notice: Uid,
    pub number: i64,
    pub class: String,
    pub at: Instant,
    /// Earlier revisions' notices that it covers.
    pub covered: usize,
    /// False = it was on record before.
    pub first: bool,
}

/// Who confirmed, as given; lies in the erasable store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stamp {
    pub name: String,
    pub role: String,
}

/// A signed note that was sealed with its salt.
pub(super) struct SealedNote {
    pub id: Uid,
    pub commitment: Hash,
}

/// Confirms that a bank received the notice with this digest.
pub fn acknowledge(
    tx: &mut Tx<'_>,
    scope: BankScope,
    notice: Uid,
    digest: Digest,
    by: &Confirmation,
) -> Result<Acknowledged, Error> {
    let found = own(tx, scope, notice)?;
    if found.digest != digest.0 {
        return Err(Refusal::AcknowledgementMismatch.into());
    }
    if let Some(known) = on_record(tx, &found)? {
        return Ok(known);
    }
    put_on_record(tx, &found, by, None)
}

pub(super) fn own(tx: &mut Tx<'_>, scope: BankScope, notice: Uid) -> Result<NoticeRow, Error> {
    notice::by_id(tx, notice)?
        .filter(|row| row.bank_id == scope.bank())
        .ok_or(Error::NotFound)
}

/// The first acknowledgement of a notice, and of the incident's earlier ones that are still open. With the class
/// `signed` comes a note, and with no other.
pub(super) fn put_on_record(
    tx: &mut Tx<'_>,
    found: &NoticeRow,
    by: &Confirmation,
    note: Option<&SealedNote>,
) -> Result<Acknowledged, Error> {
    let stamp = Stamp {
        name: one_line("/name", &by.name)?,
        role: one_line("/role", &by.role)?,
    };
    let now = tx.now()?;
    let stamp = serde_json::to_vec(&stamp).map_err(|_| super::issue::damaged("stamp"))?;
    let payload_id = payload::seal(tx, found.bank_id, &stamp)?;
    let row = AcknowledgementRow {
        id: tx.new_id()?,
        notice_id: found.id,
        digest: found.digest.clone(),
        class: by.class.code().into(),
        person_id: by.person,
        api_key_id: by.api_key,
        delivery_id: by.delivery,
        payload_id: Some(payload_id),
        note_id: note.map(|note| note.id),
        covered_by: None,
        recorded_at: now,
    };
    let mut rows = vec![row];
    for (earlier, digest) in evidence::unacknowledged_before(tx, found)? {
        let first = &rows[0];
        rows.push(AcknowledgementRow {
            id: Uid::at(now),
            notice_id: earlier,
            digest,
            note_id: None,
            covered_by: Some(first.id),
            ..first.clone()
        });
    }
    record(tx, found, &rows, note.map(|note| note.commitment))?;
    Ok(Acknowledged {
        id: rows[0].id,
        notice: found.id,
        number: found.number,
        class: by.class.code().into(),
        at: now,
        covered: rows.len() - 1,
        first: true,
    })
}

fn one_line(pointer: &str, given: &str) -> Result<String, Error> {
    text::line(given, 120).map_err(|fault| Error::invalid(pointer, fault.code(), fault.to_string()))
}

/// The acknowledgement of a notice, as it was answered then.
pub(super) fn on_record(tx: &mut Tx<'_>, found: &NoticeRow) -> Result<Option<Acknowledged>, Error> {
    let Some(row) = evidence::acknowledgement_of(tx, found.id)? else {
        return Ok(None);
    };
    Ok(Some(Acknowledged {
        covered: evidence::covered_by(tx, row.id)?,
        id: row.id,
        notice: found.id,
        number: found.number,
        class: row.class,
        at: row.recorded_at,
        first: false,
    }))
}

fn record(
    tx: &mut Tx<'_>,
    found: &NoticeRow,
    rows: &[AcknowledgementRow],
    note: Option<Hash>,
) -> Result<(), Error> {
    let notices: Vec<Uid> = rows.iter().map(|row| row.notice_id).collect();
    chase::end(tx, &notices)?;
    evidence::insert_acknowledgements(tx, rows)?;
    let reached: Vec<Reached> = rows
        .iter()
        .map(|row| Reached {
            notice: row.notice_id,
            level: Level::Acknowledged,
            at: row.recorded_at,
            evidence: row.id,
        })
        .collect();
    evidence::raise(tx, &reached)?;
    delivery::close_of_notices(tx, &notices)?;
    let entries: Vec<(Uid, Entry<'_>)> = rows
        .iter()
        .map(|row| {
            let entry = entry::Acknowledged {
                acknowledgement: row.id,
                at: row.recorded_at,
                bank: found.bank_id,
                class: &row.class,
                covered_by: row.covered_by,
                facts: facts::bind(tx, &[row]),
                note: note.filter(|_| row.note_id.is_some()),
                notice: row.notice_id,
                t: "notice.acknowledged",
                v: 1,
            };
            (row.id, Entry::Acknowledged(entry))
        })
        .collect();
    log::stage(tx, &entries)?;
    Ok(())
}
