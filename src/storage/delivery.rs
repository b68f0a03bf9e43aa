//! Messages, deliveries and their attempts. The state machine is the schema's; when and whom is decided above.

use super::error::Error;
use super::facts::{self, fact};
use super::prepared::{fixed_insert, prepared};
use super::schema::types::{Array, BigInt, Bool, InstantSql, Text, UidSql};
use super::schema::{attempt, attempt_outcome, delivery, message, notice};
use super::tx::{Conn, Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use std::collections::HashSet;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = message)]
pub struct MessageRow {
    pub id: Uid,
    pub kind: String,
    pub notice_id: Option<Uid>,
    pub bank_id: Option<Uid>,
    pub person_id: Option<Uid>,
    pub payload_id: Option<Uid>,
    pub created_at: Instant,
}

fact!("INSERT INTO" message MessageRow, id:
    id, kind, notice_id, bank_id, person_id, payload_id, created_at
);

impl MessageRow {
    /// It is bound by its notice, and has no entry of its own.
    pub fn is_of_notice(&self) -> bool {
        self.notice_id.is_some()
            && ["notice.issued", "notice.withdrawn"].contains(&self.kind.as_str())
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = delivery)]
pub struct DeliveryRow {
    pub id: Uid,
    pub message_id: Uid,
    pub notice_id: Option<Uid>,
    pub bank_id: Option<Uid>,
    pub channel: String,
    pub target_id: Uid,
    pub state: String,
    pub attempts: i64,
    pub failures: i64,
    pub due_at: Instant,
    pub lease_owner: Option<Uid>,
    pub lease_token: Option<Uid>,
    pub unsealed: bool,
    pub created_at: Instant,
    /// Whose seal it waits for; `None` where it is no notice.
    pub fanout_id: Option<Uid>,
}

fixed_insert!("INSERT INTO" delivery DeliveryRow:
    id, message_id, notice_id, bank_id, channel, target_id, state, attempts, failures, due_at,
    lease_owner, lease_token, unsealed, created_at, fanout_id
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = attempt)]
pub struct AttemptRow {
    pub id: Uid,
    pub delivery_id: Uid,
    pub number: i64,
    pub node_id: Uid,
    pub started_at: Instant,
}

fact!("INSERT INTO" attempt AttemptRow, id: id, delivery_id, number, node_id, started_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = attempt_outcome)]
pub struct OutcomeRow {
    pub attempt_id: Uid,
    pub seq: i64,
    pub delivery_id: Uid,
    pub notice_id: Option<Uid>,
    pub incident_id: Option<Uid>,
    pub bank_id: Option<Uid>,
    pub target_id: Uid,
    pub channel: String,
    pub number: i64,
    pub outcome: String,
    pub status: Option<i64>,
    pub duration_ms: i64,
    pub body_hash: Option<Vec<u8>>,
    pub tls_fingerprint: Option<Vec<u8>>,
    pub answer_id: Option<Uid>,
    pub started_at: Instant,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" attempt_outcome OutcomeRow, attempt_id, seq:
    attempt_id, seq, delivery_id, notice_id, incident_id, bank_id, target_id, channel, number, outcome,
    status, duration_ms, body_hash, tls_fingerprint, answer_id, started_at, recorded_at
);

/// A delivery that is due, with what sending it takes.
#[derive(Debug, Clone, Queryable)]
pub struct DueRow {
    pub id: Uid,
    pub bank_id: Option<Uid>,
    pub channel: String,
    pub target_id: Uid,
    pub attempts: i64,
    pub failures: i64,
    /// Goes out without its notice's proof.
    pub unsealed: bool,
    pub created_at: Instant,
    pub message_id: Uid,
    pub kind: String,
    pub payload_id: Option<Uid>,
    pub message_created_at: Instant,
    pub notice: Option<DueNotice>,
}

/// The stored parts of the notice that a due delivery carries.
#[derive(Debug, Clone, Queryable)]
pub struct DueNotice {
    pub id: Uid,
    pub revision_id: Uid,
    pub incident_id: Uid,
    pub fanout_id: Uid,
    pub number: i64,
    pub object: Vec<u8>,
    pub digest: Vec<u8>,
    pub issued_at: Instant,
    pub reason: String,
}

pub fn insert_messages(tx: &mut Tx<'_>, rows: &[MessageRow]) -> Result<(), Error> {
    insert_all(tx, rows)?;
    facts::record(tx, rows.iter().filter(|row| !row.is_of_notice()))
}

pub fn insert_deliveries(tx: &mut Tx<'_>, rows: &[DeliveryRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// What sending these takes, with the attempt that holds each; those whose lease was lost are not there.
pub fn parts_of(tx: &mut Tx<'_>, leases: &[Lease]) -> Result<Vec<(DueRow, AttemptRow)>, Error> {
    let deliveries: Vec<Uid> = leases.iter().map(|lease| lease.delivery).collect();
    tx.read_by_keys()?;
    Ok(on_either!(tx, conn => delivery::table
        .inner_join(attempt::table.on(delivery::lease_token.eq(attempt::id.nullable())))
        .inner_join(message::table.on(message::id.eq(delivery::message_id)))
        .left_join(notice::table.on(delivery::notice_id.eq(notice::id.nullable())))
        .filter(delivery::id.eq_any(&deliveries))
        .select(((
            delivery::id,
            delivery::bank_id,
            delivery::channel,
            delivery::target_id,
            delivery::attempts,
            delivery::failures,
            delivery::unsealed,
            delivery::created_at,
            message::id,
            message::kind,
            message::payload_id,
            message::created_at,
            (
                notice::id,
                notice::revision_id,
                notice::incident_id,
                notice::fanout_id,
                notice::number,
                notice::object,
                notice::digest,
                notice::issued_at,
                notice::reason,
            )
                .nullable(),
        ), AttemptRow::as_select()))
        .load(conn)?))
}

/// A lease to be taken, or held: the attempt's id is its token.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub delivery: Uid,
    pub bank: Option<Uid>,
    pub attempt: Uid,
    /// Goes out without its notice's proof, now and at every retry.
    pub unsealed: bool,
}

prepared!(TakeLease:
    "UPDATE delivery SET state = 'leased', attempts = attempts + 1, due_at = " until: InstantSql = Instant,
    ", unsealed = " unsealed: Bool = bool,
    ", lease_owner = " owner: UidSql = Uid,
    ", lease_token = " token: UidSql = Uid,
    " WHERE id = " delivery: UidSql = Uid,
    " AND (state = 'due' OR state = 'waiting') AND due_at <= " by: InstantSql = Instant,
);

prepared!(BeginAttempt:
    "INSERT INTO attempt (id, delivery_id, number, node_id, started_at)
     SELECT lease_token, id, attempts, lease_owner, " started_at: InstantSql = Instant,
    " FROM delivery WHERE id = " delivery: UidSql = Uid,
);

// See `UNLEASED`.
prepared!(TakeLeases returns UidSql:
    "WITH taken AS (
     UPDATE delivery SET state = 'leased', attempts = attempts + 1, due_at = " until: InstantSql = Instant,
    ", lease_owner = " owner: UidSql = Uid,
    ", lease_token = wanted.token, unsealed = wanted.unsealed
     FROM (SELECT unnest(" ids: Array<UidSql> = Vec<Uid>,
    ") AS id, unnest(" tokens: Array<UidSql> = Vec<Uid>,
    ") AS token, unnest(" unsealed: Array<Bool> = Vec<bool>,
    ") AS unsealed ORDER BY 1) AS wanted
     WHERE delivery.id = wanted.id AND delivery.state NOT IN ('leased', 'accepted', 'superseded', 'closed')
     AND delivery.due_at <= " by: InstantSql = Instant,
    " RETURNING delivery.id, delivery.lease_token, delivery.attempts, delivery.lease_owner),
     begun AS (
     INSERT INTO attempt (id, delivery_id, number, node_id, started_at)
     SELECT lease_token, id, attempts, lease_owner, " started_at: InstantSql = Instant,
    " FROM taken)
     SELECT id FROM taken",
);

/// Leases deliveries that are still free, from `started_at` until `until`, and puts their attempts on record, numbered as
/// the leases count them; returns those that were free.
pub fn lease(
    tx: &mut Tx<'_>,
    leases: &[Lease],
    owner: Uid,
    (started_at, until): (Instant, Instant),
) -> Result<HashSet<Uid>, Error> {
    let mut taken = HashSet::with_capacity(leases.len());
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            for lease in leases {
                let changed = TakeLease {
                    until,
                    unsealed: lease.unsealed,
                    owner,
                    token: lease.attempt,
                    delivery: lease.delivery,
                    by: started_at,
                }
                .execute(*conn)?;
                if changed == 1 {
                    let delivery = lease.delivery;
                    BeginAttempt {
                        started_at,
                        delivery,
                    }
                    .execute(*conn)?;
                    taken.insert(delivery);
                }
            }
        }
        Conn::Postgres(conn) => {
            let statement = TakeLeases {
                until,
                owner,
                ids: leases.iter().map(|lease| lease.delivery).collect(),
                tokens: leases.iter().map(|lease| lease.attempt).collect(),
                unsealed: leases.iter().map(|lease| lease.unsealed).collect(),
                // Another node may have had it meanwhile, and its next try is later.
                by: started_at,
                started_at,
            };
            let rows: Vec<Uid> = statement.load(*conn)?;
            taken.extend(rows);
        }
    }
    Ok(taken)
}

/// Where a leased delivery goes next.
pub struct Advance {
    pub delivery: Uid,
    /// The lease's token: a stale one changes nothing.
    pub token: Uid,
    /// `waiting`, `due` or `accepted`.
    pub state: &'static str,
    pub due_at: Instant,
    pub failures: i64,
    /// False takes the attempt back from the count: nothing was sent.
    pub counts: bool,
}

prepared!(EndLease:
    "UPDATE delivery SET state = " state: Text = &'static str,
    ", due_at = " due_at: InstantSql = Instant,
    ", failures = " failures: BigInt = i64,
    ", attempts = attempts - " back: BigInt = i64,
    ", lease_owner = NULL, lease_token = NULL WHERE id = " delivery: UidSql = Uid,
    " AND lease_token = " token: UidSql = Uid,
);

prepared!(EndLeases returns UidSql:
    "UPDATE delivery SET state = next.state, due_at = next.due_at, failures = next.failures,
        attempts = delivery.attempts - next.back, lease_owner = NULL, lease_token = NULL
     FROM (SELECT unnest(" ids: Array<UidSql> = Vec<Uid>,
    ") AS id, unnest(" tokens: Array<UidSql> = Vec<Uid>,
    ") AS token, unnest(" states: Array<Text> = Vec<&'static str>,
    ") AS state, unnest(" due_at: Array<InstantSql> = Vec<Instant>,
    ") AS due_at, unnest(" failures: Array<BigInt> = Vec<i64>,
    ") AS failures, unnest(" back: Array<BigInt> = Vec<i64>,
    ") AS back ORDER BY 1) AS next
     WHERE delivery.id = next.id AND delivery.lease_token = next.token RETURNING next.token",
);

/// Ends leases, fenced by their tokens; returns the tokens that still held. Two attempts of one delivery may end together.
pub fn advance(tx: &mut Tx<'_>, advances: &[Advance]) -> Result<HashSet<Uid>, Error> {
    let mut held = HashSet::with_capacity(advances.len());
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            for to in advances {
                let changed = EndLease {
                    state: to.state,
                    due_at: to.due_at,
                    failures: to.failures,
                    back: i64::from(!to.counts),
                    delivery: to.delivery,
                    token: to.token,
                }
                .execute(*conn)?;
                if changed == 1 {
                    held.insert(to.token);
                }
            }
        }
        Conn::Postgres(conn) => {
            let statement = EndLeases {
                ids: advances.iter().map(|to| to.delivery).collect(),
                tokens: advances.iter().map(|to| to.token).collect(),
                states: advances.iter().map(|to| to.state).collect(),
                due_at: advances.iter().map(|to| to.due_at).collect(),
                failures: advances.iter().map(|to| to.failures).collect(),
                back: advances.iter().map(|to| i64::from(!to.counts)).collect(),
            };
            let rows: Vec<Uid> = statement.load(*conn)?;
            held.extend(rows);
        }
    }
    Ok(held)
}

/// Each has its entry, which is the caller's to stage.
pub fn insert_outcomes(tx: &mut Tx<'_>, rows: &[OutcomeRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// How many outcomes an attempt has already; a late result becomes the next.
pub fn outcomes_of(tx: &mut Tx<'_>, attempt_id: Uid) -> Result<Vec<OutcomeRow>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .filter(attempt_outcome::attempt_id.eq(attempt_id))
        .order(attempt_outcome::seq)
        .select(OutcomeRow::as_select())
        .load(conn)?))
}

/// Whose leases are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leases {
    /// Those that ran out by now.
    RanOut(Instant),
    /// All of one node: it has just started, so it holds none.
    OfNode(Uid),
    /// All: the one process that owns the database has just started.
    Everyones,
}

/// Leases that hold no longer.
pub fn expired(
    tx: &mut Tx<'_>,
    channel: &str,
    which: Leases,
    limit: i64,
) -> Result<Vec<DeliveryRow>, Error> {
    Ok(on_either!(tx, conn => {
        let mut query = delivery::table
            .filter(sql::<Bool>("state = 'leased'"))
            .filter(delivery::channel.eq(channel))
            .order((delivery::due_at, delivery::id))
            .limit(limit)
            .select(DeliveryRow::as_select())
            .into_boxed();
        query = match which {
            Leases::RanOut(now) => query.filter(delivery::due_at.le(now)),
            Leases::OfNode(node) => query.filter(delivery::lease_owner.eq(node)),
            Leases::Everyones => query,
        };
        query.load(conn)?
    }))
}

pub fn attempt(tx: &mut Tx<'_>, id: Uid) -> Result<Option<AttemptRow>, Error> {
    Ok(
        on_either!(tx, conn => attempt::table.find(id).select(AttemptRow::as_select()).first(conn).optional()?),
    )
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<DeliveryRow>, Error> {
    Ok(
        on_either!(tx, conn => delivery::table.find(id).select(DeliveryRow::as_select()).first(conn).optional()?),
    )
}

pub fn message(tx: &mut Tx<'_>, id: Uid) -> Result<Option<MessageRow>, Error> {
    Ok(
        on_either!(tx, conn => message::table.find(id).select(MessageRow::as_select()).first(conn).optional()?),
    )
}

pub fn of_notice(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Vec<DeliveryRow>, Error> {
    Ok(on_either!(tx, conn => delivery::table
        .filter(delivery::notice_id.eq(notice_id))
        .order(delivery::id)
        .select(DeliveryRow::as_select())
        .load(conn)?))
}

/// The deliveries of a bank's latest test notice; none if there was none.
pub fn of_latest_test(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    limit: i64,
) -> Result<Vec<DeliveryRow>, Error> {
    let mut rows: Vec<DeliveryRow> = on_either!(tx, conn => delivery::table
        .inner_join(message::table.on(message::id.eq(delivery::message_id)))
        .filter(delivery::notice_id.is_null())
        .filter(delivery::bank_id.eq(bank_id))
        .filter(message::kind.eq("notice.test"))
        .order((delivery::message_id.desc(), delivery::id))
        .limit(limit)
        .select(DeliveryRow::as_select())
        .load(conn)?);
    let latest = rows.first().map(|row| row.message_id);
    rows.retain(|row| Some(row.message_id) == latest);
    Ok(rows)
}

// A leased row is written too: who ends its lease waits, and then sees the acknowledgement. The index is named: planned
// when no notice has gone out yet, SQLite would look at every row instead.
prepared!(CloseOfOne:
    "UPDATE delivery INDEXED BY delivery_of_notice
     SET state = CASE WHEN state = 'leased' THEN 'leased' ELSE 'closed' END
     WHERE state IN ('due', 'waiting', 'leased') AND notice_id = " notice: UidSql = Uid,
);

// PostgreSQL would look at every open row; see `UNLEASED`.
prepared!(CloseOfMany:
    "UPDATE delivery SET state = CASE WHEN state = 'leased' THEN 'leased' ELSE 'closed' END
     WHERE state NOT IN ('accepted', 'superseded', 'closed') AND notice_id = ANY(" notices: Array<UidSql> = Vec<Uid>,
    ")",
);

/// Ends the open deliveries of these notices. One under way keeps its lease, so that its outcome is recorded
/// whatever happens; `end_moot` ends it then.
pub fn close_of_notices(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<(), Error> {
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            for notice in notices.iter().copied() {
                CloseOfOne { notice }.execute(*conn)?;
            }
        }
        Conn::Postgres(conn) => {
            let notices = notices.to_vec();
            CloseOfMany { notices }.execute(*conn)?;
        }
    }
    Ok(())
}

/// Ends those of these deliveries that need no further try: their notice was acknowledged or closed, or their address
/// ended, while they were under way.
pub fn end_moot(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<(), Error> {
    // Each by its key: for an EXISTS PostgreSQL may read the whole table once.
    let ends = [
        (
            "closed",
            "((SELECT 1 FROM acknowledgement a WHERE a.notice_id = delivery.notice_id) IS NOT NULL
              OR (SELECT 1 FROM notice_closing c WHERE c.notice_id = delivery.notice_id) IS NOT NULL)",
        ),
        (
            "superseded",
            "((SELECT 1 FROM endpoint_end e WHERE e.endpoint_id = delivery.target_id) IS NOT NULL
              OR (SELECT 1 FROM contact_end e WHERE e.contact_id = delivery.target_id) IS NOT NULL)",
        ),
        // A reminder that a newer one has taken the place of.
        (
            "superseded",
            "EXISTS (SELECT 1 FROM chase_step s JOIN chase_step later ON later.notice_id = s.notice_id
              WHERE s.message_id = delivery.message_id AND later.n > s.n)",
        ),
    ];
    for part in ids.chunks(ROWS_AT_ONCE) {
        for (state, moot) in ends {
            on_either!(tx, conn => diesel::update(
                    delivery::table
                        .filter(delivery::id.eq_any(part))
                        .filter(sql::<Bool>(UNLEASED))
                        .filter(sql::<Bool>(moot)),
                )
                .set(delivery::state.eq(state))
                .execute(conn)?);
        }
    }
    Ok(())
}

/// Waits, and is not under way. Told by what it is not: as the two states that it is, PostgreSQL may look for it among
/// all that is open instead of by its key (planned while nothing is, or by what it knows of a quiet hour).
pub(super) const UNLEASED: &str = "state NOT IN ('leased', 'accepted', 'superseded', 'closed')";

/// As the partial index says it, so that the open deliveries are found without the finished ones.
const OPEN: &str = "(state = 'due' OR state = 'waiting' OR state = 'leased')";

/// The open deliveries to an address.
pub fn open_of_target(tx: &mut Tx<'_>, target: Uid) -> Result<Vec<DeliveryRow>, Error> {
    Ok(on_either!(tx, conn => delivery::table
        .filter(delivery::target_id.eq(target))
        .filter(sql::<Bool>(OPEN))
        .select(DeliveryRow::as_select())
        .load(conn)?))
}

/// Supersedes the open deliveries to an address; returns them as they were. One under way keeps its lease
/// until its outcome is recorded; `end_moot` ends it then.
pub fn supersede_of_target(tx: &mut Tx<'_>, target: Uid) -> Result<Vec<DeliveryRow>, Error> {
    let rows = open_of_target(tx, target)?;
    on_either!(tx, conn => diesel::update(
            delivery::table
                .filter(delivery::target_id.eq(target))
                .filter(sql::<Bool>(OPEN)),
        )
        .set(delivery::state.eq(sql::<Text>("CASE WHEN state = 'leased' THEN 'leased' ELSE 'superseded' END")))
        .execute(conn)?);
    Ok(rows)
}

const REFUSED: &str = "(channel = 'webhook' OR EXISTS (SELECT 1 FROM attempt_outcome o
    WHERE o.target_id = delivery.target_id AND o.delivery_id = delivery.id AND o.outcome = 'mail_rejected'))";

/// A newer message of this kind takes the place, at these addresses, of those that have failed so many times; of mails, only
/// where the far side has refused one: while the relay is dead, everything fails. Else what fails at a dead address would
/// grow for ever.
pub fn supersede_refused(
    tx: &mut Tx<'_>,
    kind: &str,
    targets: &[Uid],
    times: i64,
) -> Result<(), Error> {
    for part in targets.chunks(ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::update(
                delivery::table
                    .filter(delivery::target_id.eq_any(part))
                    .filter(sql::<Bool>("state = 'waiting'"))
                    .filter(delivery::failures.ge(times))
                    .filter(sql::<Bool>(REFUSED))
                    .filter(exists(message::table.filter(
                        message::id.eq(delivery::message_id).and(message::kind.eq(kind)),
                    ))),
            )
            .set(delivery::state.eq("superseded"))
            .execute(conn)?);
    }
    Ok(())
}

/// Makes an open, unleased delivery due now; false = there is none such.
pub fn hasten(tx: &mut Tx<'_>, id: Uid, now: Instant) -> Result<bool, Error> {
    let changed = on_either!(tx, conn => diesel::update(
            delivery::table.find(id).filter(sql::<Bool>(UNLEASED)),
        )
        .set(delivery::due_at.eq(now))
        .execute(conn)?);
    Ok(changed == 1)
}

/// Is there a delivery of this message to this address already?
pub fn exists_for(tx: &mut Tx<'_>, notice_id: Uid, target: Uid) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => select(exists(
            delivery::table.filter(delivery::notice_id.eq(notice_id).and(delivery::target_id.eq(target))),
        ))
        .get_result(conn)?))
}

/// A message to a bank that is no notice, found by its kind and the instant of its transaction.
pub fn message_to_bank(
    tx: &mut Tx<'_>,
    kind: &str,
    bank_id: Uid,
    created_at: Instant,
) -> Result<Option<Uid>, Error> {
    // Ids begin with their millisecond: a stretch of the primary key holds the message.
    let (from, to) = Uid::span(created_at);
    Ok(on_either!(tx, conn => message::table
        .filter(message::id.ge(from).and(message::id.le(to)))
        .filter(message::kind.eq(kind).and(message::bank_id.eq(bank_id)))
        .filter(message::created_at.eq(created_at))
        .select(message::id)
        .first(conn)
        .optional()?))
}

/// The deliveries of a message that is no notice.
pub fn of_message(tx: &mut Tx<'_>, message_id: Uid) -> Result<Vec<DeliveryRow>, Error> {
    Ok(on_either!(tx, conn => delivery::table
        .filter(delivery::message_id.eq(message_id).and(delivery::notice_id.is_null()))
        .select(DeliveryRow::as_select())
        .load(conn)?))
}

/// The message of a notice (its `notice.issued` or `notice.withdrawn`).
pub fn message_of_notice(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Option<Uid>, Error> {
    // By its deliveries, which have an index; a reminder's are passed over.
    let of_notice: Option<Uid> = on_either!(tx, conn => delivery::table
        .inner_join(message::table.on(message::id.eq(delivery::message_id)))
        .filter(delivery::notice_id.eq(notice_id))
        .filter(message::kind.ne("notice.reminder"))
        .order(delivery::id)
        .select(delivery::message_id)
        .first(conn)
        .optional()?);
    match of_notice {
        Some(found) => Ok(Some(found)),
        None => Ok(on_either!(tx, conn => message::table
            .filter(message::notice_id.eq(notice_id))
            .filter(message::kind.ne("notice.reminder"))
            .select(message::id)
            .first(conn)
            .optional()?)),
    }
}

/// Stops the retries of a delivery whose late result was a success; a lease under way decides for itself.
pub fn accept_late(tx: &mut Tx<'_>, id: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(
            delivery::table.find(id).filter(sql::<Bool>(UNLEASED)),
        )
        .set((delivery::state.eq("accepted"), delivery::failures.eq(0)))
        .execute(conn)?);
    Ok(())
}
