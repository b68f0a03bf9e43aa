//! The banks' own keys for acknowledgements: enrolled, ended, never edited.

use super::error::Error;
use super::facts::{self, fact, insert_facts};
use super::schema::{bank_key, bank_key_end};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = bank_key)]
pub struct BankKeyRow {
    pub id: Uid,
    pub bank_id: Uid,
    /// 32 bytes of Ed25519.
    pub public_key: Vec<u8>,
    /// The signed note in which the key showed itself.
    pub proof: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" bank_key BankKeyRow, id: id, bank_id, public_key, proof, recorded_at);

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = bank_key_end, treat_none_as_default_value = false)]
pub struct BankKeyEndRow {
    pub key_id: Uid,
    pub replaced_by: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" bank_key_end BankKeyEndRow, key_id: key_id, replaced_by, recorded_at);

pub fn insert(tx: &mut Tx<'_>, row: &BankKeyRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// Ends a key; one that has ended already stays as it is.
pub fn end(tx: &mut Tx<'_>, row: &BankKeyEndRow) -> Result<(), Error> {
    let ended = on_either!(tx, conn => diesel::insert_into(bank_key_end::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    if ended == 1 {
        facts::record(tx, [row])?;
    }
    Ok(())
}

/// A bank's keys in the order in which they came, each with its end, if it has one.
pub fn of_bank(
    tx: &mut Tx<'_>,
    bank_id: Uid,
) -> Result<Vec<(BankKeyRow, Option<BankKeyEndRow>)>, Error> {
    Ok(on_either!(tx, conn => bank_key::table
        .left_join(bank_key_end::table.on(bank_key_end::key_id.eq(bank_key::id)))
        .filter(bank_key::bank_id.eq(bank_id))
        .order(bank_key::id)
        .select((BankKeyRow::as_select(), Option::<BankKeyEndRow>::as_select()))
        .load(conn)?))
}

/// The live keys of all banks, those of one bank ascending.
pub fn live(tx: &mut Tx<'_>) -> Result<Vec<(Uid, Vec<u8>)>, Error> {
    Ok(on_either!(tx, conn => bank_key::table
        .filter(not(exists(bank_key_end::table.filter(bank_key_end::key_id.eq(bank_key::id)))))
        .order((bank_key::bank_id, bank_key::public_key))
        .select((bank_key::bank_id, bank_key::public_key))
        .load(conn)?))
}
