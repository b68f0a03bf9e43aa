//! Closing a notice that no bank has acknowledged: asked for by one officer with a written reason, done by the
//! approval of another. It ends the chase of this bank's notices of the incident so far; the next revision is chased
//! anew, and a late stamp is still taken.

use super::ask::ask;
use super::decide::Requested;
use super::{Error, Rules, chase};
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::domain::settling::Standing;
use crate::storage::approval::RequestRow;
use crate::storage::closing::{self, NoticeClosingRow};
use crate::storage::notice::{self, NoticeRow};
use crate::storage::{Tx, bank, delivery, evidence, facts, incident, log};

/// The act's name in approvals.
pub(super) const ACT: &str = "incident.notice_closing";

/// Asks to close a bank's newest notice of an incident, and its earlier ones that are open.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (reference, code): (&str, &str),
    reason: &str,
) -> Result<Requested, Error> {
    let incident = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    let bank = bank::by_code(tx, code)?;
    let bank = bank.ok_or_else(|| unknown_bank("it is not in the register"))?;
    let newest = newest(tx, incident.id, bank.id)?;
    let newest = newest.ok_or_else(|| unknown_bank("it was told nothing of this incident"))?;
    if standing(tx, newest.id)? != Standing::Open {
        return Err(Refusal::NoticeSettled.into());
    }
    ask(tx, rules, by, (ACT, newest.id), Vec::new(), reason)
}

fn unknown_bank(why: &str) -> Error {
    Error::invalid("/bank", "bank_unknown", why)
}

fn newest(tx: &mut Tx<'_>, incident: Uid, bank: Uid) -> Result<Option<NoticeRow>, Error> {
    let rows = notice::of_incident(tx, incident, bank)?;
    Ok(rows.into_iter().max_by_key(|row| row.number))
}

fn standing(tx: &mut Tx<'_>, notice: Uid) -> Result<Standing, Error> {
    let stamped = evidence::acknowledgement_of(tx, notice)?.is_some();
    Ok(Standing::of(
        stamped,
        closing::of_notice(tx, notice)?.is_some(),
    ))
}

/// The notice that a request is about, with its bank's code.
pub(super) fn about(tx: &mut Tx<'_>, row: &RequestRow) -> Result<(NoticeRow, String), Error> {
    let found = notice::by_id(tx, row.subject_id)?.ok_or(Error::NotFound)?;
    let bank = bank::by_id(tx, found.bank_id)?.ok_or(Error::NotFound)?;
    Ok((found, bank.code))
}

/// Closes what was asked for. The approval row is written already, in this transaction.
pub(super) fn approved(tx: &mut Tx<'_>, row: &RequestRow, approver: Uid) -> Result<(), Error> {
    let (found, _) = about(tx, row)?;
    let notices: Vec<Uid> = notice::of_incident(tx, found.incident_id, found.bank_id)?
        .into_iter()
        .filter(|one| one.number <= found.number)
        .map(|one| one.id)
        .collect();
    // Before anything is asked: who stamps one at this moment is waited for.
    chase::end(tx, &notices)?;
    standing(tx, found.id)?.close((row.requester, approver))?;
    let recorded_at = tx.now()?;
    let mut closed = Vec::new();
    for notice_id in notices {
        if standing(tx, notice_id)? == Standing::Open {
            closed.push(NoticeClosingRow {
                notice_id,
                request_id: row.id,
                recorded_at,
            });
        }
    }
    let notices: Vec<Uid> = closed.iter().map(|row| row.notice_id).collect();
    closing::close_notices(tx, &closed)?;
    delivery::close_of_notices(tx, &notices)?;
    let entries: Vec<(Uid, Entry<'_>)> = closed
        .iter()
        .map(|row| {
            let entry = entry::NoticeClosed {
                at: recorded_at,
                bank: found.bank_id,
                facts: facts::bind(tx, &[row]),
                notice: row.notice_id,
                request: row.request_id,
                t: "notice.closed",
                v: 1,
            };
            (row.notice_id, Entry::NoticeClosed(entry))
        })
        .collect();
    log::stage(tx, &entries)?;
    Ok(())
}
