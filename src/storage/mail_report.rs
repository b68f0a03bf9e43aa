//! What mail servers reported came of mails. What follows from a report is decided above.

use super::delivery::{DeliveryRow, OutcomeRow};
use super::error::Error;
use super::facts::fact;
use super::schema::types::Bool;
use super::schema::{attempt_outcome, delivery, mail_report, notice};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mail_report)]
pub struct MailReportRow {
    pub id: Uid,
    pub delivery_id: Uid,
    /// The newest that the relay had taken when the report was read.
    pub attempt_id: Uid,
    pub notice_id: Option<Uid>,
    pub bank_id: Option<Uid>,
    pub target_id: Uid,
    pub action: String,
    pub status: Option<String>,
    pub class: String,
    /// A MAC of the file.
    pub tag: Vec<u8>,
    /// The file as it came, and the salt of its commitment, sealed.
    pub payload_id: Uid,
    pub reported_at: Option<Instant>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" mail_report MailReportRow, id:
    id, delivery_id, attempt_id, notice_id, bank_id, target_id, action, status, class, tag, payload_id, reported_at,
    recorded_at
);

/// The entry is the caller's to stage.
pub fn insert(tx: &mut Tx<'_>, row: &MailReportRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Was this very file read already?
pub fn is_known(tx: &mut Tx<'_>, delivery: Uid, tag: &[u8]) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => select(exists(
            mail_report::table.filter(mail_report::delivery_id.eq(delivery).and(mail_report::tag.eq(tag))),
        ))
        .get_result(conn)?))
}

/// Did a server of the far side say once that it had this delivery?
pub fn is_delivered(tx: &mut Tx<'_>, delivery: Uid) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => select(exists(
            mail_report::table.filter(mail_report::delivery_id.eq(delivery).and(mail_report::class.eq("delivered"))),
        ))
        .get_result(conn)?))
}

/// Did a server of the far side say that it could not deliver this?
pub fn came_back(tx: &mut Tx<'_>, delivery: Uid) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => select(exists(
            mail_report::table.filter(mail_report::delivery_id.eq(delivery).and(mail_report::class.eq("bounced"))),
        ))
        .get_result(conn)?))
}

/// Did the last mail to an address of which a server said how it ended come back?
pub fn is_bouncing(tx: &mut Tx<'_>, target: Uid) -> Result<bool, Error> {
    let mut newest = [None; 2];
    for (place, class) in ["bounced", "delivered"].into_iter().enumerate() {
        newest[place] = on_either!(tx, conn => mail_report::table
            .filter(mail_report::target_id.eq(target))
            .filter(mail_report::class.eq(class))
            .order(mail_report::id.desc())
            .select(mail_report::id)
            .first::<Uid>(conn)
            .optional()?);
    }
    let [bounced, delivered] = newest;
    Ok(bounced > delivered)
}

/// What was reported on these attempts, oldest first.
pub fn of_attempts(tx: &mut Tx<'_>, attempts: &[Uid]) -> Result<Vec<MailReportRow>, Error> {
    let mut found = Vec::new();
    tx.read_by_keys()?;
    for part in attempts.chunks(ROWS_AT_ONCE) {
        let rows: Vec<MailReportRow> = on_either!(tx, conn => mail_report::table
            .filter(mail_report::attempt_id.eq_any(part))
            .select(MailReportRow::as_select())
            .load(conn)?);
        found.extend(rows);
    }
    found.sort_unstable_by_key(|row| row.id);
    Ok(found)
}

/// What was last reported of the mails among these that a relay took or may have taken, by attempt.
pub fn newest_of(
    tx: &mut Tx<'_>,
    outcomes: &[OutcomeRow],
) -> Result<HashMap<Uid, MailReportRow>, Error> {
    let taken = |row: &&OutcomeRow| {
        row.channel == "email" && ["accepted", "unknown"].contains(&row.outcome.as_str())
    };
    let mails: Vec<Uid> = outcomes
        .iter()
        .filter(taken)
        .map(|row| row.attempt_id)
        .collect();
    let rows = of_attempts(tx, &mails)?;
    // Of several on one attempt the last stays.
    Ok(rows.into_iter().map(|row| (row.attempt_id, row)).collect())
}

/// The newest attempt of a delivery that was accepted, or else the newest of which there is an outcome. Found by the
/// bank's incident, which has few, or by when it can have been.
pub fn attempt_of(tx: &mut Tx<'_>, of: &DeliveryRow) -> Result<Option<Uid>, Error> {
    let incident: Option<Uid> = match of.notice_id {
        Some(id) => on_either!(tx, conn => notice::table
            .find(id)
            .select(notice::incident_id)
            .first(conn)
            .optional()?),
        None => None,
    };
    // Nodes need not agree on the hour.
    let (since, _) = Uid::span(of.created_at - Duration::from_secs(3_600));
    Ok(on_either!(tx, conn => {
        let mut query = attempt_outcome::table
            .filter(attempt_outcome::delivery_id.eq(of.id))
            .order((
                sql::<Bool>("attempt_outcome.outcome = 'accepted'").desc(),
                attempt_outcome::attempt_id.desc(),
            ))
            .select(attempt_outcome::attempt_id)
            .into_boxed();
        query = match of.bank_id {
            Some(bank) => query.filter(attempt_outcome::bank_id.eq(bank)),
            None => query.filter(attempt_outcome::bank_id.is_null()),
        };
        query = match incident {
            Some(incident) => query.filter(attempt_outcome::incident_id.eq(incident)),
            None => query.filter(attempt_outcome::attempt_id.ge(since)),
        };
        query.first(conn).optional()?
    }))
}

/// A relay that gave a mail up has it no more: a notice's delivery that it had taken has failed, and is due again then.
pub fn reopen(tx: &mut Tx<'_>, id: Uid, due_at: Instant) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(
            delivery::table.find(id).filter(sql::<Bool>("state = 'accepted'")),
        )
        .set((
            delivery::state.eq("waiting"),
            delivery::due_at.eq(due_at),
            delivery::failures.eq(1),
        ))
        .execute(conn)?);
    Ok(())
}

/// A server said that it has the mail: nothing is left to be tried.
pub fn settle(tx: &mut Tx<'_>, id: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(
            delivery::table.find(id).filter(sql::<Bool>("state IN ('due', 'waiting', 'closed')")),
        )
        .set((delivery::state.eq("accepted"), delivery::failures.eq(0)))
        .execute(conn)?);
    Ok(())
}
