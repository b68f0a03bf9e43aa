//! The log as the database holds it: entries staged, in which order they stand, heads, checkpoints and seals.
//! The tree's hashes are in `tree.rs`; what is signed, and when, is decided above.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::insert_all;
use super::prepared::{fixed_insert, prepared};
use super::schema::types::{Array, BigInt, Binary, InstantSql, Text, UidSql};
use super::schema::{
    fanout, log_batch, log_checkpoint, log_entry, log_event, log_head, log_pending, log_run,
    log_seal,
};
use super::tx::{Conn, Tx, on_either};
use crate::domain::entry::Entry;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::Hash;
use diesel::prelude::*;

struct StagedRow {
    group_id: Uid,
    kind: String,
    subject_id: Uid,
    body: Vec<u8>,
    leaf_hash: Vec<u8>,
}

fixed_insert!("INSERT INTO" log_entry StagedRow: group_id, kind, subject_id, body, leaf_hash);

prepared!(LastGiven returns BigInt: "SELECT last_insert_rowid()");

prepared!(KeepPending:
    "INSERT INTO log_pending (group_id, first_seq, last_seq) VALUES (" group_id: UidSql = Uid,
    ", " first_seq: BigInt = i64,
    ", " last_seq: BigInt = i64,
    ") ON CONFLICT (group_id) DO UPDATE SET last_seq = excluded.last_seq",
);

prepared!(StageAll:
    "WITH staged AS (
         INSERT INTO log_entry (group_id, kind, subject_id, body, leaf_hash)
         SELECT * FROM unnest(" groups: Array<UidSql> = Vec<Uid>,
    ", " kinds: Array<Text> = Vec<String>,
    ", " subjects: Array<UidSql> = Vec<Uid>,
    ", " bodies: Array<Binary> = Vec<Vec<u8>>,
    ", " hashes: Array<Binary> = Vec<Vec<u8>>,
    ") RETURNING group_id, seq)
     INSERT INTO log_pending (group_id, first_seq, last_seq)
     SELECT group_id, min(seq), max(seq) FROM staged GROUP BY group_id
     ON CONFLICT (group_id) DO UPDATE SET last_seq = excluded.last_seq",
);

/// Stages entries, in order, in this transaction's group; returns their leaf hashes. The sequencer is woken
/// after the commit.
pub fn stage(tx: &mut Tx<'_>, entries: &[(Uid, Entry<'_>)]) -> Result<Vec<Hash>, Error> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let group_id = tx.evidence_group()?;
    let mut hashes = Vec::with_capacity(entries.len());
    let mut rows = Vec::with_capacity(entries.len());
    for (subject_id, entry) in entries {
        let (body, hash) = entry.to_bytes();
        hashes.push(hash);
        rows.push(StagedRow {
            group_id,
            kind: entry.kind().into(),
            subject_id: *subject_id,
            body,
            leaf_hash: hash.to_vec(),
        });
    }
    stage_rows(tx, group_id, rows)?;
    tx.wake_sequencer();
    Ok(hashes)
}

/// PostgreSQL takes them in one statement, for one round trip.
fn stage_rows(tx: &mut Tx<'_>, group_id: Uid, rows: Vec<StagedRow>) -> Result<(), Error> {
    let n = rows.len();
    match &mut tx.conn {
        Conn::Sqlite(_) => {
            insert_all(tx, &rows)?;
            let last_seq: i64 = on_either!(tx, conn => LastGiven {}.get_result(conn)?);
            // One writer: they follow each other.
            let first_seq = last_seq - i64::try_from(n).unwrap_or(i64::MAX) + 1;
            on_either!(tx, conn => KeepPending { group_id, first_seq, last_seq }.execute(conn)?);
        }
        Conn::Postgres(conn) => {
            let mut all = StageAll {
                groups: vec![group_id; n],
                kinds: Vec::with_capacity(n),
                subjects: Vec::with_capacity(n),
                bodies: Vec::with_capacity(n),
                hashes: Vec::with_capacity(n),
            };
            for row in rows {
                all.kinds.push(row.kind);
                all.subjects.push(row.subject_id);
                all.bodies.push(row.body);
                all.hashes.push(row.leaf_hash);
            }
            all.execute(*conn)?;
        }
    }
    Ok(())
}

/// An entry: its number among the staged, kind and leaf hash.
pub type EntryRow = (i64, String, Vec<u8>);

/// The entries about these subjects, in the order in which they were staged.
pub fn entries_of(tx: &mut Tx<'_>, subjects: &[Uid]) -> Result<Vec<EntryRow>, Error> {
    Ok(on_either!(tx, conn => log_entry::table
        .filter(log_entry::subject_id.eq_any(subjects))
        .order(log_entry::seq)
        .select((log_entry::seq, log_entry::kind, log_entry::leaf_hash))
        .load(conn)?))
}

/// The entries of a kind about these subjects, in the order in which they were staged; some may still wait.
pub fn about(tx: &mut Tx<'_>, kind: &str, subjects: &[Uid]) -> Result<Vec<LoggedRow>, Error> {
    let mut found = Vec::with_capacity(subjects.len());
    for part in subjects.chunks(super::ROWS_AT_ONCE) {
        let rows: Vec<LoggedRow> = on_either!(tx, conn => log_entry::table
            .filter(log_entry::subject_id.eq_any(part))
            .filter(log_entry::kind.eq(kind))
            .order(log_entry::seq)
            .select(LoggedRow::as_select())
            .load(conn)?);
        found.extend(rows);
    }
    found.sort_unstable_by_key(|row| row.seq);
    Ok(found)
}

/// How far the log has come, and who may carry it on.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = log_head)]
pub struct Head {
    /// Which log: 1, or a successor's number.
    pub log: i64,
    /// Leaves of the tree.
    pub size: i64,
    /// Rises whenever somebody takes the lead.
    pub term: i64,
    pub leader: Option<Uid>,
    pub leads_until: Instant,
}

pub fn head(tx: &mut Tx<'_>) -> Result<Head, Error> {
    Ok(on_either!(tx, conn => log_head::table.find(1).select(Head::as_select()).first(conn)?))
}

prepared!(TakeLead:
    "UPDATE log_head SET term = term + 1, leader = " leader: UidSql = Uid,
    ", leads_until = " until: InstantSql = Instant,
    " WHERE one = 1 AND term = " term: BigInt = i64,
);

/// Takes the lead from whoever had it in `term`; false = another was quicker.
pub fn take_lead(tx: &mut Tx<'_>, leader: Uid, term: i64, until: Instant) -> Result<bool, Error> {
    let taken = on_either!(tx, conn => TakeLead { leader, until, term }.execute(conn)?);
    Ok(taken == 1)
}

prepared!(KeepLead:
    "UPDATE log_head SET leads_until = " until: InstantSql = Instant,
    " WHERE one = 1 AND term = " term: BigInt = i64,
);

/// Leads on until then; false = another took the lead.
pub fn keep_lead(tx: &mut Tx<'_>, term: i64, until: Instant) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => KeepLead { until, term }.execute(conn)?) == 1)
}

prepared!(MoveHead:
    "UPDATE log_head SET size = " size: BigInt = i64,
    ", leads_until = " until: InstantSql = Instant,
    " WHERE one = 1 AND size = " old: BigInt = i64,
    " AND term = " term: BigInt = i64,
);

/// Moves the head on, fenced by size and term; false = this leader's term has passed.
pub fn move_head(tx: &mut Tx<'_>, from: &Head, size: i64, until: Instant) -> Result<bool, Error> {
    let (old, term) = (from.size, from.term);
    Ok(on_either!(tx, conn => MoveHead { size, until, old, term }.execute(conn)?) == 1)
}

/// Begins the log of the next number, which holds nothing yet; fenced by the term.
pub fn begin_successor(tx: &mut Tx<'_>, from: &Head) -> Result<bool, Error> {
    Ok(on_either!(tx, conn => diesel::update(
            log_head::table.filter(log_head::one.eq(1)).filter(log_head::term.eq(from.term)),
        )
        .set((log_head::log.eq(from.log + 1), log_head::size.eq(0)))
        .execute(conn)?)
        == 1)
}

/// A group that no log holds yet.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = log_pending)]
pub struct PendingRow {
    pub group_id: Uid,
    pub first_seq: i64,
    pub last_seq: i64,
}

/// Groups waiting, the oldest first.
pub fn pending(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<PendingRow>, Error> {
    Ok(on_either!(tx, conn => log_pending::table
        .order(log_pending::first_seq)
        .limit(limit)
        .select(PendingRow::as_select())
        .load(conn)?))
}

/// How many groups wait.
pub fn waiting(tx: &mut Tx<'_>) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => log_pending::table.count().get_result(conn)?))
}

/// What this transaction has staged.
pub fn own_pending(tx: &mut Tx<'_>) -> Result<Option<PendingRow>, Error> {
    let group_id = tx.evidence_group()?;
    Ok(on_either!(tx, conn => log_pending::table
        .find(group_id)
        .select(PendingRow::as_select())
        .first(conn)
        .optional()?))
}

/// A staged entry with this hash that no log holds; it may stand in a group that waits.
pub fn waiting_entry(
    tx: &mut Tx<'_>,
    subject: Uid,
    leaf_hash: &Hash,
) -> Result<Option<i64>, Error> {
    let found: Vec<i64> = on_either!(tx, conn => log_entry::table
        .filter(log_entry::subject_id.eq(subject))
        .filter(log_entry::leaf_hash.eq(leaf_hash.to_vec()))
        .order(log_entry::seq)
        .select(log_entry::seq)
        .load(conn)?);
    for seq in found {
        if index_of(tx, seq)?.is_none() {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

/// Puts an entry back that only the journal holds; returns the number given.
pub fn restore(tx: &mut Tx<'_>, kind: String, subject_id: Uid, body: &[u8]) -> Result<i64, Error> {
    let hash = crate::merkle::leaf_hash(body);
    let row = StagedRow {
        group_id: tx.evidence_group()?,
        kind,
        subject_id,
        body: body.to_vec(),
        leaf_hash: hash.to_vec(),
    };
    insert_all(tx, std::slice::from_ref(&row))?;
    waiting_entry(tx, subject_id, &hash)?
        .ok_or_else(|| Error::Corrupt("an entry that was put back is not there".into()))
}

/// Forgets groups as waiting whose entries a log holds by now.
pub fn drop_settled(tx: &mut Tx<'_>) -> Result<(), Error> {
    let mut settled = Vec::new();
    for group in pending(tx, i64::MAX)? {
        if index_of(tx, group.first_seq)?.is_some() {
            settled.push(group.group_id);
        }
    }
    take_pending(tx, &settled)
}

/// Takes these groups from those that wait.
pub fn take_pending(tx: &mut Tx<'_>, groups: &[Uid]) -> Result<(), Error> {
    for part in groups.chunks(super::ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::delete(log_pending::table.filter(log_pending::group_id.eq_any(part)))
            .execute(conn)?);
    }
    Ok(())
}

/// Number, group and leaf hash of a staged entry.
pub type LeafRow = (i64, Uid, Vec<u8>);

/// The entries numbered from `first` to `last`.
pub fn leaves_between(tx: &mut Tx<'_>, first: i64, last: i64) -> Result<Vec<LeafRow>, Error> {
    Ok(on_either!(tx, conn => log_entry::table
        .filter(log_entry::seq.between(first, last))
        .order(log_entry::seq)
        .select((log_entry::seq, log_entry::group_id, log_entry::leaf_hash))
        .load(conn)?))
}

/// Consecutive entries that are consecutive leaves.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = log_run)]
pub struct RunRow {
    pub log: i64,
    pub first_index: i64,
    pub first_seq: i64,
    pub n: i64,
}

fixed_insert!("INSERT INTO" log_run RunRow: log, first_index, first_seq, n);

pub fn insert_runs(tx: &mut Tx<'_>, rows: &[RunRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// The runs that hold the leaves from `from` to below `to`, each cut to that range.
pub fn runs(tx: &mut Tx<'_>, log: i64, from: i64, to: i64) -> Result<Vec<RunRow>, Error> {
    if from >= to {
        return Ok(Vec::new());
    }
    let first: Option<i64> = on_either!(tx, conn => log_run::table
        .filter(log_run::log.eq(log).and(log_run::first_index.le(from)))
        .order(log_run::first_index.desc())
        .select(log_run::first_index)
        .first(conn)
        .optional()?);
    let mut rows: Vec<RunRow> = on_either!(tx, conn => log_run::table
        .filter(log_run::log.eq(log))
        .filter(log_run::first_index.ge(first.unwrap_or(from)).and(log_run::first_index.lt(to)))
        .order(log_run::first_index)
        .select(RunRow::as_select())
        .load(conn)?);
    for row in &mut rows {
        let before = (from - row.first_index).max(0);
        row.first_index += before;
        row.first_seq += before;
        row.n = (row.n - before).min(to - row.first_index);
    }
    rows.retain(|row| row.n > 0);
    let held: i64 = rows.iter().map(|row| row.n).sum();
    if held != to - from {
        return Err(Error::Corrupt(format!(
            "the log holds {held} of the entries {from} to {to}"
        )));
    }
    Ok(rows)
}

/// In which log an entry stands, and where; `None` while it waits.
pub fn index_of(tx: &mut Tx<'_>, seq: i64) -> Result<Option<(i64, i64)>, Error> {
    Ok(run_of(tx, seq)?.map(|run| (run.log, run.index_of(seq))))
}

/// The same for many entries. Neighbours in one run are looked up once.
pub fn indexes_of(
    tx: &mut Tx<'_>,
    seqs: impl IntoIterator<Item = i64>,
) -> Result<Vec<Option<(i64, i64)>>, Error> {
    let mut known: Option<RunRow> = None;
    let mut found = Vec::new();
    for seq in seqs {
        if !known.is_some_and(|run| run.holds(seq)) {
            known = run_of(tx, seq)?;
        }
        found.push(known.map(|run| (run.log, run.index_of(seq))));
    }
    Ok(found)
}

fn run_of(tx: &mut Tx<'_>, seq: i64) -> Result<Option<RunRow>, Error> {
    let run: Option<RunRow> = on_either!(tx, conn => log_run::table
        .filter(log_run::first_seq.le(seq))
        .order(log_run::first_seq.desc())
        .select(RunRow::as_select())
        .first(conn)
        .optional()?);
    Ok(run.filter(|run| run.holds(seq)))
}

impl RunRow {
    fn holds(&self, seq: i64) -> bool {
        (self.first_seq..self.first_seq + self.n).contains(&seq)
    }

    fn index_of(&self, seq: i64) -> i64 {
        self.first_index + (seq - self.first_seq)
    }
}

/// An entry with its final bytes.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = log_entry)]
pub struct LoggedRow {
    pub seq: i64,
    pub kind: String,
    pub subject_id: Uid,
    pub body: Vec<u8>,
    pub leaf_hash: Vec<u8>,
}

/// The leaves from `from` to below `to`, in their order.
pub fn logged(tx: &mut Tx<'_>, log: i64, from: i64, to: i64) -> Result<Vec<LoggedRow>, Error> {
    let mut rows = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0));
    for run in runs(tx, log, from, to)? {
        let part: Vec<LoggedRow> = on_either!(tx, conn => log_entry::table
            .filter(log_entry::seq.between(run.first_seq, run.first_seq + run.n - 1))
            .order(log_entry::seq)
            .select(LoggedRow::as_select())
            .load(conn)?);
        rows.extend(part);
    }
    let wanted = usize::try_from(to - from).unwrap_or(0);
    if rows.len() != wanted {
        return Err(Error::Corrupt(format!(
            "of the entries {from} to {to} of the log {} are missing",
            wanted - rows.len()
        )));
    }
    Ok(rows)
}

/// The leaf hashes from `from` to below `to`.
pub fn leaf_hashes(tx: &mut Tx<'_>, log: i64, from: i64, to: i64) -> Result<Vec<Hash>, Error> {
    let mut hashes = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0));
    for run in runs(tx, log, from, to)? {
        for (_, _, hash) in leaves_between(tx, run.first_seq, run.first_seq + run.n - 1)? {
            hashes.push(hash_of(&hash)?);
        }
    }
    Ok(hashes)
}

pub(in crate::storage) fn hash_of(bytes: &[u8]) -> Result<Hash, Error> {
    bytes
        .try_into()
        .map_err(|_| Error::Corrupt("a hash of the log has another length".into()))
}

/// A head that was reached; none but these is ever signed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = log_batch, treat_none_as_default_value = false)]
pub struct BatchRow {
    pub log: i64,
    pub size: i64,
    pub root: Vec<u8>,
    pub recorded_at: Instant,
}

pub fn insert_batch(tx: &mut Tx<'_>, row: &BatchRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(log_batch::table).values(row).execute(conn)?);
    Ok(())
}

/// The heads above `size`, in order, at most `limit`.
pub fn batches_after(
    tx: &mut Tx<'_>,
    log: i64,
    size: i64,
    limit: i64,
) -> Result<Vec<BatchRow>, Error> {
    Ok(on_either!(tx, conn => log_batch::table
        .filter(log_batch::log.eq(log).and(log_batch::size.gt(size)))
        .order(log_batch::size)
        .limit(limit)
        .select(BatchRow::as_select())
        .load(conn)?))
}

/// When a log's first batch was recorded; `None` = it holds nothing yet.
pub fn begun_at(tx: &mut Tx<'_>, log: i64) -> Result<Option<Instant>, Error> {
    Ok(on_either!(tx, conn => log_batch::table
        .filter(log_batch::log.eq(log))
        .order(log_batch::size)
        .select(log_batch::recorded_at)
        .first(conn)
        .optional()?))
}

/// The head of exactly this size.
pub fn batch(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Option<BatchRow>, Error> {
    Ok(on_either!(tx, conn => log_batch::table
        .find((log, size))
        .select(BatchRow::as_select())
        .first(conn)
        .optional()?))
}

/// When the log last took a batch in.
pub(in crate::storage) fn last_batch_at(tx: &mut Tx<'_>) -> Result<Option<Instant>, Error> {
    Ok(on_either!(tx, conn => log_batch::table
        .order((log_batch::log.desc(), log_batch::size.desc()))
        .select(log_batch::recorded_at)
        .first(conn)
        .optional()?))
}

/// A head as it was signed.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = log_checkpoint, treat_none_as_default_value = false)]
pub struct CheckpointRow {
    pub log: i64,
    pub size: i64,
    pub note: String,
    pub recorded_at: Instant,
}

pub fn insert_checkpoint(tx: &mut Tx<'_>, row: &CheckpointRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(log_checkpoint::table).values(row).execute(conn)?);
    Ok(())
}

/// The newest checkpoint of a log.
pub fn latest_checkpoint(tx: &mut Tx<'_>, log: i64) -> Result<Option<CheckpointRow>, Error> {
    Ok(on_either!(tx, conn => log_checkpoint::table
        .filter(log_checkpoint::log.eq(log))
        .order(log_checkpoint::size.desc())
        .select(CheckpointRow::as_select())
        .first(conn)
        .optional()?))
}

/// The first checkpoint that covers the entry at this index.
pub fn first_checkpoint_over(
    tx: &mut Tx<'_>,
    log: i64,
    index: i64,
) -> Result<Option<CheckpointRow>, Error> {
    Ok(on_either!(tx, conn => log_checkpoint::table
        .filter(log_checkpoint::log.eq(log).and(log_checkpoint::size.gt(index)))
        .order(log_checkpoint::size)
        .select(CheckpointRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn checkpoint(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Option<CheckpointRow>, Error> {
    Ok(on_either!(tx, conn => log_checkpoint::table
        .find((log, size))
        .select(CheckpointRow::as_select())
        .first(conn)
        .optional()?))
}

/// With which checkpoint a fan-out goes out.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = log_seal)]
pub struct SealRow {
    pub fanout_id: Uid,
    pub log: i64,
    pub entry_index: i64,
    pub size: i64,
}

fixed_insert!("INSERT INTO" log_seal SealRow: fanout_id, log, entry_index, size);

pub fn insert_seals(tx: &mut Tx<'_>, rows: &[SealRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

pub fn seal(tx: &mut Tx<'_>, fanout_id: Uid) -> Result<Option<SealRow>, Error> {
    Ok(on_either!(tx, conn => log_seal::table
        .find(fanout_id)
        .select(SealRow::as_select())
        .first(conn)
        .optional()?))
}

/// The fan-outs whose entries stand from `from` to below `to`, with their places.
pub fn fanouts_between(
    tx: &mut Tx<'_>,
    log: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(Uid, i64)>, Error> {
    let mut found = Vec::new();
    for run in runs(tx, log, from, to)? {
        let rows: Vec<(i64, Uid)> = on_either!(tx, conn => log_entry::table
            // A restored entry may speak of a fan-out that the backup lacks.
            .inner_join(fanout::table.on(fanout::id.eq(log_entry::subject_id)))
            .filter(log_entry::seq.between(run.first_seq, run.first_seq + run.n - 1))
            .filter(log_entry::kind.eq("notice.fanout"))
            .order(log_entry::seq)
            .select((log_entry::seq, log_entry::subject_id))
            .load(conn)?);
        let place = |(seq, fanout)| (fanout, run.first_index + (seq - run.first_seq));
        found.extend(rows.into_iter().map(place));
    }
    Ok(found)
}

/// The log refused, or went on again.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = log_event)]
pub struct LogEventRow {
    pub id: Uid,
    /// `refused` or `resumed`.
    pub event: String,
    /// Why it refused.
    pub code: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" log_event LogEventRow, id: id, event, code, recorded_at);

pub fn insert_event(tx: &mut Tx<'_>, row: &LogEventRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// How the log last changed its standing; `None` = it has never refused.
pub fn latest_event(tx: &mut Tx<'_>) -> Result<Option<LogEventRow>, Error> {
    Ok(on_either!(tx, conn => log_event::table
        .order(log_event::id.desc())
        .select(LogEventRow::as_select())
        .first(conn)
        .optional()?))
}
