//! The issue gate and the roster versions cut behind it.

use super::error::Error;
use super::insert_all;
use super::prepared::prepared;
use super::schema::{bank, issue_gate, roster_leaf, roster_version};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

/// Proof that this transaction holds the issue gate: whatever must see the register stand still takes it.
pub struct Gate {
    next_change_at: Option<Instant>,
}

impl Gate {
    /// When the register next changes by itself.
    pub fn next_change_at(&self) -> Option<Instant> {
        self.next_change_at
    }
}

prepared!(TakeTurn: "UPDATE issue_gate SET turns = turns + 1 WHERE id = 1");

/// Enters the gate: a guarded update of its one row, so that on both databases those who issue and those
/// who change the register pass one after the other. Taken first, before any other row.
pub fn enter_gate(tx: &mut Tx<'_>) -> Result<Gate, Error> {
    let passed = on_either!(tx, conn => TakeTurn {}.execute(conn)?);
    if passed != 1 {
        return Err(Error::Corrupt("the issue gate is missing".into()));
    }
    tx.reread_clock();
    let next_change_at = on_either!(tx, conn => issue_gate::table.find(1).select(issue_gate::next_change_at).first(conn)?);
    Ok(Gate { next_change_at })
}

/// When the register next changes by itself, without entering the gate.
pub fn next_change(tx: &mut Tx<'_>) -> Result<Option<Instant>, Error> {
    Ok(
        on_either!(tx, conn => issue_gate::table.find(1).select(issue_gate::next_change_at).first(conn)?),
    )
}

/// Notes when the register next changes by itself.
pub fn plan_change(tx: &mut Tx<'_>, gate: &mut Gate, at: Option<Instant>) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(issue_gate::table.find(1)).set(issue_gate::next_change_at.eq(at)).execute(conn)?);
    gate.next_change_at = at;
    Ok(())
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = roster_version, treat_none_as_default_value = false)]
pub struct RosterVersionRow {
    pub version: i64,
    pub effective_at: Instant,
    pub bank_count: i64,
    pub root: Vec<u8>,
    pub entry_hash: Vec<u8>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = roster_leaf, treat_none_as_default_value = false)]
pub struct RosterLeafRow {
    pub version: i64,
    pub bank_id: Uid,
    pub position: i64,
    pub linking: String,
    pub channels: Vec<u8>,
    pub member_since: i64,
    pub leaf_hash: Vec<u8>,
}

/// The newest version; `None` before the first bank.
pub fn latest(tx: &mut Tx<'_>) -> Result<Option<RosterVersionRow>, Error> {
    Ok(on_either!(tx, conn => roster_version::table
        .order(roster_version::version.desc())
        .select(RosterVersionRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn insert(
    tx: &mut Tx<'_>,
    _gate: &Gate,
    version: &RosterVersionRow,
    leaves: &[RosterLeafRow],
) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(roster_version::table).values(version).execute(conn)?);
    insert_all!(tx, roster_leaf::table, leaves)
}

/// Leaves of a version, in the order of its tree.
pub fn leaves(tx: &mut Tx<'_>, version: i64) -> Result<Vec<RosterLeafRow>, Error> {
    Ok(on_either!(tx, conn => roster_leaf::table
        .filter(roster_leaf::version.eq(version))
        .order(roster_leaf::position)
        .select(RosterLeafRow::as_select())
        .load(conn)?))
}

/// One bank on a roster: what issuing needs to know.
#[derive(Debug, Clone, Queryable)]
pub struct Member {
    pub bank_id: Uid,
    pub code: String,
    pub linking: String,
}

/// The banks of a version, in the order of its tree.
pub fn members(tx: &mut Tx<'_>, version: i64) -> Result<Vec<Member>, Error> {
    Ok(on_either!(tx, conn => roster_leaf::table
        .inner_join(bank::table.on(bank::id.eq(roster_leaf::bank_id)))
        .filter(roster_leaf::version.eq(version))
        .order(roster_leaf::position)
        .select((roster_leaf::bank_id, bank::code, roster_leaf::linking))
        .load(conn)?))
}

/// Roster versions, newest first.
pub fn versions(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<RosterVersionRow>, Error> {
    Ok(on_either!(tx, conn => roster_version::table
        .order(roster_version::version.desc())
        .limit(limit)
        .select(RosterVersionRow::as_select())
        .load(conn)?))
}
