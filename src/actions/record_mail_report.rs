//! Recording what a mail server reports came of a mail, with what follows in the same transaction. A bounce marks the
//! notice, opens the task of a broken channel and goes to the next contacts; it stops nothing, and the mail that came
//! back is tried again. A mail that a server of the far side says it has is *delivered*. Whose report it is was settled
//! by the MAC in the address it came to; nothing in the report can name another delivery.

use super::Error;
use super::break_channel::{self, Bounce};
use crate::domain::backoff;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::level::Level;
use crate::domain::mail_id;
use crate::domain::mail_report::{Action, Class, Report};
use crate::merkle;
use crate::storage::delivery::{self, DeliveryRow};
use crate::storage::evidence::{self, Flag, Reached};
use crate::storage::mail_report::{self, MailReportRow};
use crate::storage::{self, Tx, bank, facts, log, payload};
use crate::vault;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Recorded(Class),
    /// The same file, read before.
    Known,
    /// The delivery is under way this moment: what came of that attempt is recorded first.
    Wait,
    /// No mail of this delivery ever left.
    Unsent,
}

/// Records a report; `file` is what it was read from.
pub fn record_mail_report(tx: &mut Tx<'_>, report: &Report, file: &[u8]) -> Result<Taken, Error> {
    let mail = |row: &DeliveryRow| row.channel == "email";
    let Some(of) = delivery::by_id(tx, report.delivery)?.filter(mail) else {
        return Ok(Taken::Unsent);
    };
    if of.lease_token.is_some() {
        return Ok(Taken::Wait);
    }
    let tag = mail_id::report_tag(tx.vault().keys().mail.as_slice(), file);
    if mail_report::is_known(tx, of.id, &tag)? {
        return Ok(Taken::Known);
    }
    let Some(attempt_id) = mail_report::attempt_of(tx, &of)? else {
        return Ok(Taken::Unsent);
    };
    let salt: [u8; 32] = vault::random().map_err(storage::Error::from)?;
    let sealed = [&salt, file].concat();
    let row = MailReportRow {
        id: tx.new_id()?,
        delivery_id: of.id,
        attempt_id,
        notice_id: of.notice_id,
        bank_id: of.bank_id,
        target_id: of.target_id,
        action: report.action.code().into(),
        status: report.status.map(|status| status.to_string()),
        class: report.class().code().into(),
        tag: tag.to_vec(),
        payload_id: payload::seal(tx, of.bank_id.unwrap_or(of.id), &sealed)?,
        reported_at: report.reported_at,
        recorded_at: tx.now()?,
    };
    mail_report::insert(tx, &row)?;
    stage(tx, &row, &salt, file)?;
    follow(tx, &of, &row, report)?;
    Ok(Taken::Recorded(report.class()))
}

fn stage(tx: &mut Tx<'_>, row: &MailReportRow, salt: &[u8; 32], file: &[u8]) -> Result<(), Error> {
    let entry = entry::MailReport {
        action: &row.action,
        at: row.recorded_at,
        attempt: row.attempt_id,
        bank: row.bank_id,
        class: &row.class,
        commitment: merkle::commit("kairan-mail-report/v1", salt, file),
        facts: facts::bind(tx, &[row]),
        notice: row.notice_id,
        report: row.id,
        status: row.status.as_deref(),
        t: "mail.report",
        v: 1,
    };
    log::stage(tx, &[(row.id, Entry::MailReport(entry))])?;
    Ok(())
}

fn follow(
    tx: &mut Tx<'_>,
    of: &DeliveryRow,
    row: &MailReportRow,
    report: &Report,
) -> Result<(), Error> {
    // Until the end of this transaction nobody acknowledges it: what is due again is not due of a settled notice.
    let chased = match of.notice_id {
        Some(notice) => storage::chase::hold(tx, notice)?.then_some(notice),
        None => None,
    };
    match report.class() {
        Class::Delivered => delivered(tx, of, row)?,
        Class::Bounced => bounced(tx, of, row, chased)?,
        Class::Delayed | Class::Relayed => {}
    }
    // Also where the failure was no bounce: the relay has given up, and nobody else would try.
    if report.action == Action::Failed && chased.is_some() && !mail_report::is_delivered(tx, of.id)?
    {
        let wait = backoff::delay_after(of.id, of.attempts, None);
        mail_report::reopen(tx, of.id, row.recorded_at + wait)?;
        delivery::end_moot(tx, &[of.id])?;
    }
    Ok(())
}

fn delivered(tx: &mut Tx<'_>, of: &DeliveryRow, row: &MailReportRow) -> Result<(), Error> {
    if let Some(notice) = of.notice_id {
        let reached = Reached {
            notice,
            level: Level::Delivered,
            at: row.recorded_at,
            evidence: row.id,
        };
        evidence::raise(tx, &[reached])?;
    }
    mail_report::settle(tx, of.id)?;
    break_channel::mended(tx, of.target_id)
}

/// Of a contact that the bank has replaced meanwhile nobody needs to be told.
fn bounced(
    tx: &mut Tx<'_>,
    of: &DeliveryRow,
    row: &MailReportRow,
    chased: Option<Uid>,
) -> Result<(), Error> {
    if let Some(notice) = of.notice_id {
        evidence::flag(tx, notice, Flag::Bounced)?;
    }
    let Some(bank_id) = of.bank_id else {
        tracing::warn!(person = %of.target_id, status = row.status, "a mail to one of the people came back; see to the address");
        return Ok(());
    };
    let live = bank::contacts_of(tx, bank_id)?;
    if !live.iter().any(|contact| contact.id == of.target_id) {
        return Ok(());
    }
    let bounce = Bounce {
        status: row.status.as_deref(),
    };
    break_channel::broken(
        tx,
        bank_id,
        chased,
        of.message_id,
        of.target_id,
        Some(&bounce),
    )
}
