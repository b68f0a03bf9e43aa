//! What ended without a stamp, by two people, and incidents that are closed.

use super::error::Error;
use super::facts::fact;
use super::insert_all;
use super::schema::{acknowledgement, incident_closing, notice, notice_closing};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

/// Two people ended the chase of a notice that nobody had acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notice_closing)]
pub struct NoticeClosingRow {
    pub notice_id: Uid,
    pub request_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" notice_closing NoticeClosingRow, notice_id: notice_id, request_id, recorded_at);

/// A final report closed an incident: how many banks had stamped what they were told, and how many notices two
/// people had closed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = incident_closing)]
pub struct IncidentClosingRow {
    pub incident_id: Uid,
    /// The final report.
    pub revision_id: Uid,
    /// The revision that was settled before.
    pub settled_id: Uid,
    pub acknowledged: i64,
    pub closed: i64,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" incident_closing IncidentClosingRow, incident_id:
    incident_id, revision_id, settled_id, acknowledged, closed, recorded_at
);

/// The entries are the caller's to stage.
pub fn close_notices(tx: &mut Tx<'_>, rows: &[NoticeClosingRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// The entry is the caller's to stage; the database refuses while a notice of the settled revision is neither
/// acknowledged nor closed.
pub fn close_incident(tx: &mut Tx<'_>, row: &IncidentClosingRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Those of an incident's notices that two people closed, each with its bank.
pub fn of_incident(
    tx: &mut Tx<'_>,
    incident_id: Uid,
) -> Result<Vec<(Uid, NoticeClosingRow)>, Error> {
    Ok(on_either!(tx, conn => notice_closing::table
        .inner_join(notice::table.on(notice::id.eq(notice_closing::notice_id)))
        .filter(notice::revision_id.eq_any(super::notice::revisions_of(incident_id)))
        .order(notice_closing::notice_id)
        .select((notice::bank_id, NoticeClosingRow::as_select()))
        .load(conn)?))
}

pub fn of_notice(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Option<NoticeClosingRow>, Error> {
    Ok(on_either!(tx, conn => notice_closing::table
        .find(notice_id)
        .select(NoticeClosingRow::as_select())
        .first(conn)
        .optional()?))
}

/// How an incident was closed, if it was.
pub fn of(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Option<IncidentClosingRow>, Error> {
    Ok(on_either!(tx, conn => incident_closing::table
        .find(incident_id)
        .select(IncidentClosingRow::as_select())
        .first(conn)
        .optional()?))
}

/// Of a revision's notices: bank, whether it is acknowledged, whether two people closed it.
pub fn standings(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Vec<(Uid, bool, bool)>, Error> {
    let rows: Vec<(Uid, Option<Uid>, Option<Uid>)> = on_either!(tx, conn => notice::table
        .left_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
        .left_join(notice_closing::table.on(notice_closing::notice_id.eq(notice::id)))
        .filter(notice::revision_id.eq(revision_id))
        .select((
            notice::bank_id,
            acknowledgement::id.nullable(),
            notice_closing::request_id.nullable(),
        ))
        .load(conn)?);
    let known = rows
        .into_iter()
        .map(|(bank, stamp, request)| (bank, stamp.is_some(), request.is_some()));
    Ok(known.collect())
}
