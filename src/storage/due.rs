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

// What is asked for and the order are the columns of the one index that it is to go by.
prepared!(AnyRetry returns InstantSql:
    "SELECT due_at FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    " AND due_at <= " now: InstantSql = Instant,
    " ORDER BY channel, due_at LIMIT 1",
);

// Those of PostgreSQL, where the parameters have their numbers in the order in which they come.
prepared!(FirstsOfNobody returns (UidSql, Bool):
    "SELECT id, FALSE FROM delivery WHERE state = 'due' AND channel = " channel: Text = &'static str,
    " AND bank_id IS NULL AND due_at <= " now: InstantSql = Instant,
    " ORDER BY due_at, id LIMIT " most: BigInt = i64,
);

// In the order of the index that begins with the bank: that of all retries is walked by every bank's.
prepared!(RetriesOfNobody returns (UidSql, Bool):
    "SELECT id, unsealed FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    " AND bank_id IS NULL AND due_at <= " now: InstantSql = Instant,
    " ORDER BY bank_id, due_at, id LIMIT " most: BigInt = i64,
);

prepared!(FirstsOfBanks returns (UidSql, Nullable<UidSql>, Bool):
    "WITH RECURSIVE whose (bank_id) AS (
        (SELECT bank_id FROM delivery WHERE state = 'due' AND channel = " channel: Text = &'static str,
    "       AND bank_id > " from: UidSql = Uid,
    "    ORDER BY bank_id LIMIT 1)
        UNION ALL SELECT (
            SELECT bank_id FROM delivery WHERE state = 'due' AND channel = $1 AND bank_id > whose.bank_id
            ORDER BY bank_id LIMIT 1
        ) FROM whose WHERE whose.bank_id < " to: UidSql = Uid,
    ")
     SELECT one.id, whose.bank_id, one.unsealed FROM whose
     CROSS JOIN LATERAL (
        SELECT d.id, d.fanout_id IS NOT NULL AND s.fanout_id IS NULL AS unsealed
        FROM delivery d LEFT JOIN log_seal s ON s.fanout_id = d.fanout_id
        WHERE d.state = 'due' AND d.channel = $1 AND d.bank_id = whose.bank_id AND d.due_at <= " now: InstantSql = Instant,
    "       AND (d.fanout_id IS NULL OR s.fanout_id IS NOT NULL OR d.due_at <= " patience_ends: InstantSql = Instant,
    ")
        ORDER BY d.due_at, d.id LIMIT greatest(" per_bank: BigInt = i64,
    " - coalesce(CAST((SELECT CAST(" held: Text = String,
    " AS jsonb)) ->> CAST(whose.bank_id AS text) AS bigint), 0), 0)
     ) AS one
     WHERE whose.bank_id <= $3 LIMIT " most: BigInt = i64,
);

prepared!(RetriesOfBanks returns (UidSql, Nullable<UidSql>, Bool):
    "WITH RECURSIVE whose (bank_id) AS (
        (SELECT bank_id FROM delivery WHERE state = 'waiting' AND channel = " channel: Text = &'static str,
    "       AND bank_id > " from: UidSql = Uid,
    "    ORDER BY bank_id LIMIT 1)
        UNION ALL SELECT (
            SELECT bank_id FROM delivery WHERE state = 'waiting' AND channel = $1 AND bank_id > whose.bank_id
            ORDER BY bank_id LIMIT 1
        ) FROM whose WHERE whose.bank_id < " to: UidSql = Uid,
    ")
     SELECT one.id, whose.bank_id, one.unsealed FROM whose
     CROSS JOIN LATERAL (
        SELECT d.id, d.unsealed FROM delivery d
        WHERE d.state = 'waiting' AND d.channel = $1 AND d.bank_id = whose.bank_id AND d.due_at <= " now: InstantSql = Instant,
    "   ORDER BY d.due_at, d.id LIMIT greatest(" per_bank: BigInt = i64,
    " - coalesce(CAST((SELECT CAST(" held: Text = String,
    " AS jsonb)) ->> CAST(whose.bank_id AS text) AS bigint), 0), 0)
     ) AS one
     WHERE whose.bank_id <= $3 LIMIT " most: BigInt = i64,
);

/// Mostly nothing is: then nobody's retries are walked by, however many wait for their time.
fn is_any_due(tx: &mut Tx<'_>, look: &Look<'_>) -> Result<bool, Error> {
    let (channel, now) = (look.channel, look.now);
    let found: Option<Instant> =
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

fn of_nobody(
    conn: &mut PgConnection,
    turn: Turn,
    look: &Look<'_>,
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    let (channel, now) = (look.channel, look.now);
    let most = look.free(None, found.len());
    let rows: Vec<(Uid, bool)> = match turn {
        Turn::First => FirstsOfNobody { channel, now, most }.load(conn)?,
        Turn::Retry => RetriesOfNobody { channel, now, most }.load(conn)?,
    };
    found.extend(rows.into_iter().map(|(id, unsealed)| (id, None, unsealed)));
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
    let most = look.total.saturating_sub(found.len());
    if most == 0 || from == to {
        return Ok(());
    }
    // An object, in which a bank is found without a look at the others.
    let held = look
        .held
        .iter()
        .filter_map(|(bank, held)| Some(((*bank)?.to_string(), (*held).into())));
    let held = serde_json::Value::Object(held.collect()).to_string();
    let (channel, now) = (look.channel, look.now);
    let (per_bank, most) = (count(look.per_bank), count(most));
    let rows: Vec<Candidate> = match turn {
        Turn::First => FirstsOfBanks {
            channel,
            from,
            to,
            now,
            patience_ends: look.patience_ends,
            per_bank,
            held,
            most,
        }
        .load(conn)?,
        Turn::Retry => RetriesOfBanks {
            channel,
            from,
            to,
            now,
            per_bank,
            held,
            most,
        }
        .load(conn)?,
    };
    found.extend(rows);
    Ok(())
}
