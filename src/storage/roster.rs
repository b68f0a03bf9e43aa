//! The issue gate and the roster versions cut behind it.

use super::bank::{self, ContactRow, EndpointRow};
use super::error::Error;
use super::facts::{self, Fact, fact};
use super::insert_all;
use super::prepared::prepared;
use super::schema::types::{InstantSql, Nullable};
use super::schema::{bank as bank_table, issue_gate, roster_leaf, roster_version};
use super::tx::{Conn, Tx, on_either};
use crate::clock::Clock;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::Hash;
use diesel::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

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

prepared!(TakeTurn returns Nullable<InstantSql>:
    "UPDATE issue_gate SET turns = turns + 1 WHERE id = 1 RETURNING next_change_at",
);

prepared!(TakeTurnAndTime returns (Nullable<InstantSql>, InstantSql):
    "UPDATE issue_gate SET turns = turns + 1 WHERE id = 1 RETURNING next_change_at, clock_timestamp()",
);

/// Enters the gate: a guarded update of its one row, so that on both databases those who issue and those
/// who change the register pass one after the other. Taken first, before any other row. The time read so far may be old
/// after the wait: it is read anew.
pub fn enter_gate(tx: &mut Tx<'_>) -> Result<Gate, Error> {
    let passed = match &mut tx.conn {
        Conn::Sqlite(conn) => {
            let passed = TakeTurn {}.get_result(*conn).optional()?;
            passed.map(|next_change_at| (next_change_at, Clock::machine()))
        }
        Conn::Postgres(conn) => TakeTurnAndTime {}.get_result(*conn).optional()?,
    };
    let (next_change_at, at) =
        passed.ok_or_else(|| Error::Corrupt("the issue gate is missing".into()))?;
    tx.clock_reads(at);
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

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = roster_version)]
pub struct RosterVersionRow {
    pub version: i64,
    pub effective_at: Instant,
    pub bank_count: i64,
    pub root: Vec<u8>,
    pub entry_hash: Vec<u8>,
}

fact!("INSERT INTO" roster_version RosterVersionRow, version:
    version, effective_at, bank_count, root, entry_hash
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = roster_leaf)]
pub struct RosterLeafRow {
    pub version: i64,
    pub bank_id: Uid,
    pub position: i64,
    pub linking: String,
    pub channels: Vec<u8>,
    pub member_since: i64,
    /// Live acknowledgement keys, 32 bytes each, ascending.
    pub keys: Vec<u8>,
    pub leaf_hash: Vec<u8>,
}

fact!("INSERT INTO" roster_leaf RosterLeafRow, bank_id, version:
    version, bank_id, position, linking, channels, member_since, keys, leaf_hash
);

/// By what the entry of a version is found.
pub fn subject(version: i64) -> Uid {
    facts::Subject::subject(&version)
}

/// One version; `None` = there is none with that number.
pub fn version(tx: &mut Tx<'_>, version: i64) -> Result<Option<RosterVersionRow>, Error> {
    Ok(
        on_either!(tx, conn => roster_version::table.find(version).select(RosterVersionRow::as_select()).first(conn).optional()?),
    )
}

/// The newest version; `None` before the first bank.
pub fn latest(tx: &mut Tx<'_>) -> Result<Option<RosterVersionRow>, Error> {
    Ok(on_either!(tx, conn => roster_version::table
        .order(roster_version::version.desc())
        .select(RosterVersionRow::as_select())
        .first(conn)
        .optional()?))
}

/// What the entry of a version binds: its row, without the hash of that entry, and its leaves.
pub fn bind(tx: &Tx<'_>, version: &RosterVersionRow, leaves: &[RosterLeafRow]) -> Hash {
    let version = RosterVersionRow {
        entry_hash: Vec::new(),
        ..version.clone()
    };
    let mut rows: Vec<&dyn Fact> = vec![&version];
    rows.extend(leaves.iter().map(|leaf| leaf as &dyn Fact));
    facts::bind(tx, &rows)
}

/// The entry is the caller's to stage.
pub fn insert(
    tx: &mut Tx<'_>,
    _gate: &Gate,
    version: &RosterVersionRow,
    leaves: &[RosterLeafRow],
) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(version))?;
    insert_all(tx, leaves)
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
#[derive(Debug, Clone)]
pub struct Member {
    pub bank_id: Uid,
    pub code: String,
    pub linking: String,
    /// A regulator or an association: told like a bank, and never itself concerned.
    pub observer: bool,
    /// How it is told at once.
    pub channels: Vec<Channel>,
}

/// A channel's name, and the endpoint or contact that it leads to.
pub type Channel = (&'static str, Uid);

/// How a bank is told at once: every live endpoint, and every contact of the first level.
pub fn channels_of(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<Channel>, Error> {
    let endpoints = bank::endpoints_of(tx, bank_id)?;
    let contacts = bank::contacts_of(tx, bank_id)?;
    Ok(at_once(&endpoints, &contacts)
        .map(|(_, channel)| channel)
        .collect())
}

fn at_once<'a>(
    endpoints: &'a [EndpointRow],
    contacts: &'a [ContactRow],
) -> impl Iterator<Item = (Uid, Channel)> + 'a {
    let endpoints = endpoints
        .iter()
        .map(|row| (row.bank_id, ("webhook", row.id)));
    let contacts = contacts.iter().filter(|row| row.level == 1);
    endpoints.chain(contacts.map(|row| (row.bank_id, ("email", row.id))))
}

/// The banks of the version in force, in the order of its tree. They stay in memory under the hash of the
/// version's entry: whatever changes a bank on the roster, or how it is reached, makes another version.
pub fn members(tx: &mut Tx<'_>, version: &RosterVersionRow) -> Result<Arc<[Member]>, Error> {
    if let Some(known) = tx.roster(&version.entry_hash) {
        return Ok(known);
    }
    let mut channels: HashMap<Uid, Vec<Channel>> = HashMap::new();
    for (bank_id, channel) in at_once(&bank::endpoints(tx)?, &bank::contacts(tx)?) {
        channels.entry(bank_id).or_default().push(channel);
    }
    let rows: Vec<(Uid, String, String)> = on_either!(tx, conn => roster_leaf::table
        .inner_join(bank_table::table.on(bank_table::id.eq(roster_leaf::bank_id)))
        .filter(roster_leaf::version.eq(version.version))
        .order(roster_leaf::position)
        .select((roster_leaf::bank_id, bank_table::code, roster_leaf::linking))
        .load(conn)?);
    let observers = bank::observers(tx)?;
    let members = rows.into_iter().map(|(bank_id, code, linking)| Member {
        bank_id,
        code,
        linking,
        observer: observers.contains(&bank_id),
        channels: channels.remove(&bank_id).unwrap_or_default(),
    });
    let members: Arc<[Member]> = members.collect();
    tx.keep_roster(version.entry_hash.clone(), Arc::clone(&members));
    Ok(members)
}

/// Roster versions, newest first.
pub fn versions(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<RosterVersionRow>, Error> {
    Ok(on_either!(tx, conn => roster_version::table
        .order(roster_version::version.desc())
        .limit(limit)
        .select(RosterVersionRow::as_select())
        .load(conn)?))
}
