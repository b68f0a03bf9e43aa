//! What waits for a second person, and what that person decided.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::insert_all;
use super::schema::{approval, approval_request};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = approval_request)]
pub struct RequestRow {
    pub id: Uid,
    pub act: String,
    pub subject_id: Uid,
    pub details: Vec<u8>,
    pub requester: Uid,
    pub reason: String,
    pub recorded_at: Instant,
    pub expires_at: Instant,
}

fact!("INSERT INTO" approval_request RequestRow, id:
    id, act, subject_id, details, requester, reason, recorded_at, expires_at
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = approval)]
pub struct ApprovalRow {
    pub request_id: Uid,
    pub requester: Uid,
    pub approver: Uid,
    pub decision: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" approval ApprovalRow, request_id:
    request_id, requester, approver, decision, recorded_at
);

pub fn insert_request(tx: &mut Tx<'_>, row: &RequestRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The entry is the caller's to stage.
pub fn insert(tx: &mut Tx<'_>, row: &ApprovalRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// A request and its decision, where there is one.
pub fn find(tx: &mut Tx<'_>, id: Uid) -> Result<Option<(RequestRow, Option<ApprovalRow>)>, Error> {
    Ok(on_either!(tx, conn => approval_request::table
        .left_join(approval::table.on(approval::request_id.eq(approval_request::id)))
        .filter(approval_request::id.eq(id))
        .select((RequestRow::as_select(), Option::<ApprovalRow>::as_select()))
        .first(conn)
        .optional()?))
}

/// All requests, newest first.
pub fn all(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(RequestRow, Option<ApprovalRow>)>, Error> {
    Ok(on_either!(tx, conn => approval_request::table
        .left_join(approval::table.on(approval::request_id.eq(approval_request::id)))
        .order(approval_request::id.desc())
        .limit(limit)
        .select((RequestRow::as_select(), Option::<ApprovalRow>::as_select()))
        .load(conn)?))
}

/// Undecided requests of one act on one subject that have not expired.
pub fn pending(
    tx: &mut Tx<'_>,
    act: &str,
    subject: Uid,
    now: Instant,
) -> Result<Vec<RequestRow>, Error> {
    Ok(on_either!(tx, conn => approval_request::table
        .left_join(approval::table.on(approval::request_id.eq(approval_request::id)))
        .filter(approval_request::act.eq(act).and(approval_request::subject_id.eq(subject)))
        .filter(approval_request::expires_at.gt(now))
        .filter(approval::request_id.nullable().is_null())
        .select(RequestRow::as_select())
        .load(conn)?))
}
