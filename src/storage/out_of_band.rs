//! Contacts beside the hub's own channels. They count once a second person has signed them off.

use super::ROWS_AT_ONCE;
use super::approval::{ApprovalRow, RequestRow};
use super::error::Error;
use super::facts::{fact, insert_facts};
use super::schema::{approval, approval_request, out_of_band_contact};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = out_of_band_contact)]
pub struct OutOfBandRow {
    pub id: Uid,
    pub notice_id: Uid,
    pub bank_id: Uid,
    /// `phone`, `meeting` or `letter`.
    pub channel: String,
    /// Whose number in the register was used.
    pub contact_id: Uid,
    pub caller: Uid,
    pub told_at: Instant,
    pub read_back: i64,
    pub payload_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" out_of_band_contact OutOfBandRow, id:
    id, notice_id, bank_id, channel, contact_id, caller, told_at, read_back, payload_id, recorded_at
);

pub fn insert(tx: &mut Tx<'_>, row: &OutOfBandRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<OutOfBandRow>, Error> {
    Ok(on_either!(tx, conn => out_of_band_contact::table
        .find(id)
        .select(OutOfBandRow::as_select())
        .first(conn)
        .optional()?))
}

/// A contact, and where its sign-off stands.
pub type Signed = (OutOfBandRow, Option<RequestRow>, Option<ApprovalRow>);

/// The contacts about these notices, oldest first, each with its sign-off.
pub fn of_notices(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<Signed>, Error> {
    let mut found = Vec::new();
    for part in notices.chunks(ROWS_AT_ONCE) {
        let rows: Vec<Signed> = on_either!(tx, conn => out_of_band_contact::table
            .left_join(approval_request::table.on(approval_request::subject_id.eq(out_of_band_contact::id)))
            .left_join(approval::table.on(approval::request_id.eq(approval_request::id)))
            .filter(out_of_band_contact::notice_id.eq_any(part))
            .order((out_of_band_contact::id, approval_request::id))
            .select((
                OutOfBandRow::as_select(),
                Option::<RequestRow>::as_select(),
                Option::<ApprovalRow>::as_select(),
            ))
            .load(conn)?);
        found.extend(rows);
    }
    Ok(found)
}
