//! A broken channel opens a human task, goes to the next level of the bank's ladder at once, and is told to
//! the operator's people. The retries go on (law 3). An acceptance closes the task.

use super::Error;
use super::alert::{self, OperatorAlert};
use super::fan_out::{Sealed, delivery_row};
use crate::domain::id::Uid;
use crate::storage::delivery;
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::{Tx, bank, chase};

/// A mail that came back, with the status that its report gives.
pub(super) struct Bounce<'a> {
    pub status: Option<&'a str>,
}

/// An address failed in a way that needs a person, who is told of the bounce if it was one.
pub(super) fn broken(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    notice_id: Option<Uid>,
    message_id: Uid,
    target_id: Uid,
    bounce: Option<&Bounce<'_>>,
) -> Result<(), Error> {
    // What ended while it was under way is nobody's to mend, and what went there goes elsewhere by now.
    if bank::has_ended(tx, target_id)? {
        return Ok(());
    }
    // Of a notice that is settled nobody else needs to be told. Looked at, not held: whoever stamps holds the chase first and
    // its deliveries then, and here these are held already.
    if let Some(notice) = notice_id
        && chase::is_open(tx, notice)?
    {
        climb(tx, bank_id, notice, message_id)?;
    }
    if !evidence::open_tasks_of_target(tx, target_id)?.is_empty() {
        return Ok(());
    }
    let row = TaskEventRow {
        task_id: tx.new_id()?,
        seq: 1,
        kind: "channel_broken".into(),
        event: "opened".into(),
        bank_id,
        notice_id,
        target_id: Some(target_id),
        recorded_at: tx.now()?,
    };
    evidence::insert_task_events(tx, &[row])?;
    tell(tx, bank_id, target_id, bounce)
}

/// Adds mails to the contacts of the lowest ladder level that this notice has not gone to yet.
fn climb(tx: &mut Tx<'_>, bank_id: Uid, notice: Uid, message_id: Uid) -> Result<(), Error> {
    let mut unreached = Vec::new();
    for contact in bank::contacts_of(tx, bank_id)? {
        if !delivery::exists_for(tx, notice, contact.id)? {
            unreached.push(contact);
        }
    }
    let Some(level) = unreached.iter().map(|contact| contact.level).min() else {
        return Ok(());
    };
    let (of, now) = (Sealed::of(tx, notice)?, tx.now()?);
    let rows: Vec<_> = unreached
        .iter()
        .filter(|contact| contact.level == level)
        .map(|contact| {
            delivery_row(
                message_id,
                Some(of),
                Some(bank_id),
                "email",
                contact.id,
                now,
            )
        })
        .collect();
    delivery::insert_deliveries(tx, &rows)?;
    tx.wake_engine();
    Ok(())
}

fn tell(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    target_id: Uid,
    bounce: Option<&Bounce<'_>>,
) -> Result<(), Error> {
    let code = bank::by_id(tx, bank_id)?
        .map(|row| row.code)
        .unwrap_or_default();
    let channel = if bank::endpoint(tx, target_id)?.is_some() {
        "webhook"
    } else {
        "email"
    };
    let inputs = OperatorAlert {
        alert: "channel-broken".into(),
        bank_code: Some(code),
        channel: Some(channel.into()),
        bounced: bounce.is_some(),
        mail_status: bounce.and_then(|bounce| bounce.status).map(str::to_owned),
        ..OperatorAlert::default()
    };
    alert::alert(tx, &["officer"], &inputs)
}

/// An address works again, or is no more: its open task closes; two, where two nodes found it broken at once.
pub(super) fn mended(tx: &mut Tx<'_>, target_id: Uid) -> Result<(), Error> {
    for open in evidence::open_tasks_of_target(tx, target_id)? {
        close_task(tx, open)?;
    }
    Ok(())
}

pub(super) fn close_task(tx: &mut Tx<'_>, task: TaskEventRow) -> Result<(), Error> {
    let closed = TaskEventRow {
        seq: task.seq + 1,
        event: "closed".into(),
        recorded_at: tx.now()?,
        ..task
    };
    Ok(evidence::insert_task_events(tx, &[closed])?)
}
