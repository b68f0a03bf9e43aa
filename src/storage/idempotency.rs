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

/// Takes the key, before there is an answer; false = it was taken before. On PostgreSQL this waits for whoever takes it
/// in a transaction that has not ended.
pub fn take(tx: &mut Tx<'_>, row: &AnswerRow) -> Result<bool, Error> {
    let taken = on_either!(tx, conn => diesel::insert_into(idempotency::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    Ok(taken == 1)
}

/// Stores what is answered for a key that was taken in this transaction.
pub fn answer(
    tx: &mut Tx<'_>,
    caller: Uid,
    key: &str,
    (status, answer): (i64, &[u8]),
) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(idempotency::table.find((caller, key)))
        .set((idempotency::status.eq(status), idempotency::answer.eq(answer)))
        .execute(conn)?);
    Ok(())
}
