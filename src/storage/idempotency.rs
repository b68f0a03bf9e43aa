//! What was answered for an Idempotency-Key, stored in the transaction that made the answer true.

use super::error::Error;
use super::schema::idempotency;
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency, treat_none_as_default_value = false)]
pub struct AnswerRow {
    pub caller_id: Uid,
    pub idem_key: String,
    pub request_hash: Vec<u8>,
    pub status: i64,
    pub answer: Vec<u8>,
    pub created_at: Instant,
}

pub fn find(tx: &mut Tx<'_>, caller: Uid, key: &str) -> Result<Option<AnswerRow>, Error> {
    Ok(on_either!(tx, conn => idempotency::table
        .find((caller, key))
        .select(AnswerRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn insert(tx: &mut Tx<'_>, row: &AnswerRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(idempotency::table).values(row).execute(conn)?);
    Ok(())
}
