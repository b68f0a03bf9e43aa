//! What is due, bank by bank: each bank's deliveries stand together in the index of the open ones, so that whatever
//! is due for one hides nothing that is due for another, and costs nothing while that one has no place. How many
//! places there are is decided above.

use super::error::Error;
use super::prepared::prepared;
use super::schema::types::{BigInt, Bool, InstantSql, Nullable, Text, UidSql};
use super::tx::{Conn, Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;
use std::collections::HashMap;

/// A due delivery, whose it is, and whether it goes out without its notice's proof: all that a lease takes.
pub type Candidate = (Uid, Option<Uid>, bool);

/// First attempts, or retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    Retry,
}

/// Whose due deliveries are looked for, and how many.
#[derive(Debug)]
pub struct Look<'a> {
    /// `webhook` or `email`.
    pub channel: &'static str,
    pub now: Instant,
    /// First attempts of notices that no published checkpoint covers are passed over unless due by then.
    pub patience_ends: Instant,
    /// Places taken, by bank; what belongs to no bank counts as one.
    pub held: &'a HashMap<Option<Uid>, usize>,
    pub per_bank: usize,
    /// Places in all.
    pub total: usize,
    /// Banks behind this one, by id, come first.
    pub after: Option<Uid>,
}

impl Look<'_> {
    fn free(&self, whose: Option<Uid>, found: usize) -> i64 {
        let held = self.held.get(&whose).copied().unwrap_or(0);
        let free = self.per_bank.saturating_sub(held);
        count(free.min(self.total.saturating_sub(found)))
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

// The state is a literal: only so is the partial index found. A statement for each turn.
prepared!(FirstsOf returns (UidSql, Bool):
    "SELECT delivery.id, delivery.fanout_id IS NOT NULL AND log_seal.fanout_id IS NULL
     FROM delivery LEFT JOIN log_seal ON log_seal.fanout_id = delivery.fanout_id
     WHERE delivery.state = 'due' AND delivery.channel = " channel: Text = &'static str,
    " AND delivery.bank_id IS " whose: Nullable<UidSql> = Option<Uid>,
    " AND delivery.due_at <= " now: InstantSql = Instant,
    " AND (delivery.fanout_id IS NULL OR log_seal.fanout_id IS NOT NULL OR delivery.due_at <= "
    patience_ends: InstantSql = Instant,
    ") ORDER BY delivery.due_at, delivery.id LIMIT " most: BigInt = i64,
);

prepared!(RetriesOf returns (UidSql, Bool):
    "SELECT id, unsealed FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    " AND bank_id IS " whose: Nullable<UidSql> = Option<Uid>,
    " AND due_at <= " now: InstantSql = Instant,
    " ORDER BY due_at, id LIMIT " most: BigInt = i64,
);

prepared!(NextWithFirsts returns UidSql:
    "SELECT bank_id FROM delivery WHERE state = 'due' AND channel = " channel: Text = &'static str,
    " AND bank_id > " after: UidSql = Uid,
    " ORDER BY bank_id LIMIT 1",
);

prepared!(NextWithRetries returns UidSql:
    "SELECT bank_id FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    " AND bank_id > " after: UidSql = Uid,
    " ORDER BY bank_id LIMIT 1",
);

prepared!(AnyRetry returns UidSql:
    "SELECT id FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    " AND due_at <= " now: InstantSql = Instant,
    " LIMIT 1",
);

/// Mostly nothing is: then nobody's retries are walked by, however many wait for their time.
fn is_any_due(tx: &mut Tx<'_>, look: &Look<'_>) -> Result<bool, Error> {
    let (channel, now) = (look.channel, look.now);
    let found: Option<Uid> =
        on_either!(tx, conn => AnyRetry { channel, now }.get_result(conn).optional()?);
    Ok(found.is_some())
}

/// What is due and has a place, each bank's oldest first.
pub fn due(tx: &mut Tx<'_>, turn: Turn, look: &Look<'_>) -> Result<Vec<Candidate>, Error> {
    let nil = Uid::from_bytes([0; 16]);
    let last = Uid::from_bytes([0xff; 16]);
    let after = look.after.unwrap_or(nil);
    let mut found = Vec::new();
    if look.total == 0 || turn == Turn::Retry && !is_any_due(tx, look)? {
        return Ok(found);
    }
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            of_one(conn, turn, look, None, &mut found)?;
            for (from, to) in [(after, last), (nil, after)] {
                let mut from = from;
                while found.len() < look.total
                    && let Some(bank) = next_bank(conn, turn, look.channel, from)?
                    && bank <= to
                {
                    of_one(conn, turn, look, Some(bank), &mut found)?;
                    from = bank;
                }
            }
        }
        Conn::Postgres(conn) => {
            of_nobody(conn, turn, look, &mut found)?;
            for (from, to) in [(after, last), (nil, after)] {
                of_banks(conn, turn, look, (from, to), &mut found)?;
            }
        }
    }
    Ok(found)
}

fn next_bank(
    conn: &mut SqliteConnection,
    turn: Turn,
    channel: &'static str,
    after: Uid,
) -> Result<Option<Uid>, Error> {
    Ok(match turn {
        Turn::First => NextWithFirsts { channel, after }.get_result(conn),
        Turn::Retry => NextWithRetries { channel, after }.get_result(conn),
    }
    .optional()?)
}

fn of_one(
    conn: &mut SqliteConnection,
    turn: Turn,
    look: &Look<'_>,
    whose: Option<Uid>,
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    let most = look.free(whose, found.len());
    if most == 0 {
        return Ok(());
    }
    let (channel, now) = (look.channel, look.now);
    let rows: Vec<(Uid, bool)> = match turn {
        Turn::First => FirstsOf {
            channel,
            whose,
            now,
            patience_ends: look.patience_ends,
            most,
        }
        .load(conn)?,
        Turn::Retry => RetriesOf {
            channel,
            whose,
            now,
            most,
        }
        .load(conn)?,
    };
    found.extend(rows.into_iter().map(|(id, unsealed)| (id, whose, unsealed)));
    Ok(())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = UidSql)]
    id: Uid,
    #[diesel(sql_type = Nullable<UidSql>)]
    bank_id: Option<Uid>,
    #[diesel(sql_type = Bool)]
    unsealed: bool,
}

impl From<Found> for Candidate {
    fn from(row: Found) -> Self {
        (row.id, row.bank_id, row.unsealed)
    }
}

/// The state; what tells whether it goes out unsealed; what it waits for.
fn words(turn: Turn) -> [&'static str; 3] {
    match turn {
        Turn::First => [
            "due",
            "d.fanout_id IS NOT NULL AND s.fanout_id IS NULL",
            "(d.fanout_id IS NULL OR s.fanout_id IS NOT NULL OR d.due_at <= $3)",
        ],
        Turn::Retry => ["waiting", "d.unsealed", "TRUE"],
    }
}

fn of_nobody(
    conn: &mut PgConnection,
    turn: Turn,
    look: &Look<'_>,
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    let [state, unsealed, ready] = words(turn);
    let rows: Vec<Found> = diesel::sql_query(format!(
        "SELECT d.id, d.bank_id, {unsealed} AS unsealed
         FROM delivery d LEFT JOIN log_seal s ON s.fanout_id = d.fanout_id
         WHERE d.state = '{state}' AND d.channel = $1 AND d.bank_id IS NULL AND d.due_at <= $2 AND {ready}
         ORDER BY d.due_at, d.id LIMIT $4"
    ))
    .bind::<Text, _>(look.channel)
    .bind::<InstantSql, _>(look.now)
    .bind::<InstantSql, _>(look.patience_ends)
    .bind::<BigInt, _>(look.free(None, found.len()))
    .load(conn)?;
    found.extend(rows.into_iter().map(Candidate::from));
    Ok(())
}

/// Banks behind `from` up to `to`, in one round trip: from bank to bank by the index, then each one's oldest.
fn of_banks(
    conn: &mut PgConnection,
    turn: Turn,
    look: &Look<'_>,
    (from, to): (Uid, Uid),
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    use diesel::sql_types::Array;
    let most = look.total.saturating_sub(found.len());
    if most == 0 || from == to {
        return Ok(());
    }
    let (banks, held): (Vec<Uid>, Vec<i64>) = look
        .held
        .iter()
        .filter_map(|(bank, held)| Some(((*bank)?, count(*held))))
        .unzip();
    let [state, unsealed, ready] = words(turn);
    let next = |after: &str| {
        format!(
            "SELECT bank_id FROM delivery
             WHERE state = '{state}' AND channel = $1 AND bank_id > {after} ORDER BY bank_id LIMIT 1"
        )
    };
    let rows: Vec<Found> = diesel::sql_query(format!(
        "WITH RECURSIVE whose (bank_id) AS (
            ({first}) UNION ALL SELECT ({next}) FROM whose WHERE whose.bank_id < $8
         )
         SELECT one.id, whose.bank_id, one.unsealed FROM whose
         CROSS JOIN LATERAL (
            SELECT d.id, {unsealed} AS unsealed
            FROM delivery d LEFT JOIN log_seal s ON s.fanout_id = d.fanout_id
            WHERE d.state = '{state}' AND d.channel = $1 AND d.bank_id = whose.bank_id AND d.due_at <= $2 AND {ready}
            ORDER BY d.due_at, d.id LIMIT greatest($7 - coalesce(
                (SELECT held.places FROM unnest($5, $6) AS held (bank_id, places) WHERE held.bank_id = whose.bank_id), 0), 0)
         ) AS one
         WHERE whose.bank_id <= $8 LIMIT $9",
        first = next("$4"),
        next = next("whose.bank_id"),
    ))
    .bind::<Text, _>(look.channel)
    .bind::<InstantSql, _>(look.now)
    .bind::<InstantSql, _>(look.patience_ends)
    .bind::<UidSql, _>(from)
    .bind::<Array<UidSql>, _>(banks)
    .bind::<Array<BigInt>, _>(held)
    .bind::<BigInt, _>(count(look.per_bank))
    .bind::<UidSql, _>(to)
    .bind::<BigInt, _>(count(most))
    .load(conn)?;
    found.extend(rows.into_iter().map(Candidate::from));
    Ok(())
}
