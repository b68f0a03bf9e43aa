//! The log as the database holds it: entries staged, in which order they stand, heads, checkpoints and seals.
//! The tree's hashes are in `tree.rs`; what is signed, and when, is decided above.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::insert_all;
use super::prepared::{fixed_insert, prepared};
use super::schema::types::{Array, BigInt, Binary, InstantSql, Nullable, Text, UidSql};
use super::schema::{
    log_batch, log_checkpoint, log_entry, log_event, log_head, log_pending, log_run, log_seal,
};
use super::tx::{Conn, Tx, on_either};
use crate::domain::entry::Entry;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::Hash;
use diesel::prelude::*;

/// Evidence that the end of its transaction puts into the database.
pub(in crate::storage) struct StagedRow {
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

/// Stages entries, in order, in this transaction's group; returns their leaf hashes. They are written all at once, by
/// the end of the transaction or before it looks for any. The sequencer is woken after the commit.
pub fn stage(tx: &mut Tx<'_>, entries: &[(Uid, Entry<'_>)]) -> Result<Vec<Hash>, Error> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let group_id = tx.evidence_group()?;
    let mut hashes = Vec::with_capacity(entries.len());
    for (subject_id, entry) in entries {
        let (body, hash) = entry.to_bytes();
        hashes.push(hash);
        tx.staged.push(StagedRow {
            group_id,
            kind: entry.kind().into(),
            subject_id: *subject_id,
            body,
            leaf_hash: hash.to_vec(),
        });
    }
    tx.wake_sequencer();
    Ok(hashes)
}

/// Writes what this transaction has staged so far. PostgreSQL takes it in one statement, for one round trip.
pub(in crate::storage) fn write_staged(tx: &mut Tx<'_>) -> Result<(), Error> {
    let rows = std::mem::take(&mut tx.staged);
    let n = rows.len();
    if n == 0 {
        return Ok(());
    }
    let group_id = tx.evidence_group()?;
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
    write_staged(tx)?;
    Ok(on_either!(tx, conn => log_entry::table
        .filter(log_entry::subject_id.eq_any(subjects))
        .order(log_entry::seq)
        .select((log_entry::seq, log_entry::kind, log_entry::leaf_hash))
        .load(conn)?))
}

/// The entries of a kind about these subjects, in the order in which they were staged; some may still wait.
pub fn about(tx: &mut Tx<'_>, kind: &str, subjects: &[Uid]) -> Result<Vec<LoggedRow>, Error> {
    write_staged(tx)?;
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
    write_staged(tx)?;
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
    write_staged(tx)?;
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
    write_staged(tx)?;
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
    write_staged(tx)?;
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
    write_staged(tx)?;
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

/// Defines a statement that reads the leaves from `from` to below `to`, in their order: run by run, from the one that
/// holds the first of them.
macro_rules! leaves {
    ($name:ident returns $row:ty: $columns:literal) => {
        prepared!($name returns $row:
            "WITH span (log, low, high) AS (SELECT CAST(" log: BigInt = i64,
            " AS BIGINT), CAST(" from: BigInt = i64,
            " AS BIGINT), CAST(" to: BigInt = i64,
            " AS BIGINT)) SELECT ",
            $columns,
            " FROM span JOIN log_run run ON run.log = span.log AND run.first_index < span.high
                 AND run.first_index >= (SELECT before.first_index FROM log_run before
                     WHERE before.log = span.log AND before.first_index <= span.low
                     ORDER BY before.first_index DESC LIMIT 1)
             JOIN log_entry entry ON entry.seq BETWEEN
                 run.first_seq + CASE WHEN run.first_index < span.low THEN span.low - run.first_index ELSE 0 END
                 AND run.first_seq - 1
                     + CASE WHEN run.first_index + run.n > span.high THEN span.high - run.first_index ELSE run.n END
             ORDER BY run.first_index, entry.seq",
        );
    };
}

/// The leaves from `from` to below `to` were asked for: all of them must be there.
fn all_there<R>(rows: Vec<R>, from: i64, to: i64) -> Result<Vec<R>, Error> {
    let wanted = usize::try_from(to - from).unwrap_or(0);
    if rows.len() != wanted {
        let held = rows.len();
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

leaves!(Logged returns (BigInt, Text, UidSql, Binary, Binary):
    "entry.seq, entry.kind, entry.subject_id, entry.body, entry.leaf_hash");

/// The leaves from `from` to below `to`, in their order.
pub fn logged(tx: &mut Tx<'_>, log: i64, from: i64, to: i64) -> Result<Vec<LoggedRow>, Error> {
    let rows: Vec<LoggedRow> = on_either!(tx, conn => Logged { log, from, to }.load(conn)?);
    all_there(rows, from, to)
}

leaves!(LeafHashes returns Binary: "entry.leaf_hash");

/// The leaf hashes from `from` to below `to`.
pub fn leaf_hashes(tx: &mut Tx<'_>, log: i64, from: i64, to: i64) -> Result<Vec<Hash>, Error> {
    let rows: Vec<Vec<u8>> = on_either!(tx, conn => LeafHashes { log, from, to }.load(conn)?);
    all_there(rows, from, to)?
        .iter()
        .map(|hash| hash_of(hash))
        .collect()
}

pub(in crate::storage) fn hash_of(bytes: &[u8]) -> Result<Hash, Error> {
    bytes
        .try_into()
        .map_err(|_| Error::Corrupt("a hash of the log has another length".into()))
}

prepared!(LostRosters returns BigInt:
    "SELECT count(*) FROM log_run r JOIN log_entry e ON e.seq >= r.first_seq AND e.seq < r.first_seq + r.n
     WHERE e.kind = 'roster.version'
     AND NOT EXISTS (SELECT 1 FROM roster_version v WHERE v.entry_hash = e.leaf_hash) AND r.log = " log: BigInt = i64,
);

/// How many versions of the roster a log holds of which the database has no row.
pub fn lost_rosters(tx: &mut Tx<'_>, log: i64) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => LostRosters { log }.get_result(conn)?))
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

/// With which checkpoint a fan-out goes out; `None` = none covers it yet.
pub fn seal(tx: &mut Tx<'_>, fanout_id: Uid) -> Result<Option<SealRow>, Error> {
    Ok(on_either!(tx, conn => log_seal::table
        .find(fanout_id)
        .select(SealRow::as_select())
        .first(conn)
        .optional()?))
}

/// The same, with that checkpoint's signed note.
pub fn seal_and_note(
    tx: &mut Tx<'_>,
    fanout_id: Uid,
) -> Result<Option<(SealRow, Option<String>)>, Error> {
    let its_own = log_checkpoint::log
        .eq(log_seal::log)
        .and(log_checkpoint::size.eq(log_seal::size));
    Ok(on_either!(tx, conn => log_seal::table
        .left_join(log_checkpoint::table.on(its_own))
        .filter(log_seal::fanout_id.eq(fanout_id))
        .select((SealRow::as_select(), log_checkpoint::note.nullable()))
        .first(conn)
        .optional()?))
}

// A restored entry may speak of a fan-out that the backup lacks. Asked of each leaf by the key: joined, either database
// might begin with all fan-outs there are.
leaves!(FanoutOfLeaves returns Nullable<UidSql>:
    "CASE WHEN entry.kind = 'notice.fanout'
         THEN (SELECT fanout.id FROM fanout WHERE fanout.id = entry.subject_id) END");

/// The fan-outs whose entries stand from `from` to below `to`, with their places.
pub fn fanouts_between(
    tx: &mut Tx<'_>,
    log: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(Uid, i64)>, Error> {
    let rows: Vec<Option<Uid>> =
        on_either!(tx, conn => FanoutOfLeaves { log, from, to }.load(conn)?);
    let rows = all_there(rows, from, to)?;
    let placed = rows.into_iter().zip(from..);
    Ok(placed
        .filter_map(|(fanout, index)| Some((fanout?, index)))
        .collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::plans;
    use diesel::connection::SimpleConnection;

    /// As after some incidents, and after ten million attempts.
    const COUNTED: [&str; 3] = [
        "SELECT 1",
        "ANALYZE; DELETE FROM sqlite_stat1;
         INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('log_entry', 'log_entry_of_subject', '90 2'), ('log_run', 'log_run', '4 4 1'),
            ('fanout', 'fanout', '2 1');
         ANALYZE sqlite_schema;",
        "DELETE FROM sqlite_stat1;
         INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('log_entry', 'log_entry_of_subject', '10900000 1'), ('log_run', 'log_run', '300000 300000 1'),
            ('fanout', 'fanout', '290000 1');
         ANALYZE sqlite_schema;",
    ];

    #[test]
    fn the_leaves_of_a_span_are_found_by_their_keys_however_many_there_are() {
        let (_folder, mut conn) = plans::empty();
        for counted in COUNTED {
            conn.batch_execute(counted).expect("taken");
            let steps = plans::steps(&mut conn, |tx| {
                logged(tx, 1, 0, 0)?;
                leaf_hashes(tx, 1, 0, 0)?;
                fanouts_between(tx, 1, 0, 0)
            });
            let tables = |step: &&String| !step.contains("span") && !step.contains("CONSTANT ROW");
            let walked = steps
                .iter()
                .filter(tables)
                .filter(|step| step.starts_with("SCAN"));
            assert_eq!(
                walked.collect::<Vec<_>>(),
                Vec::<&String>::new(),
                "{steps:#?}"
            );
            let found = |table: &str| {
                steps
                    .iter()
                    .filter(|step| step.starts_with(&format!("SEARCH {table} ")))
                    .count()
            };
            assert_eq!(
                (found("run"), found("entry"), found("fanout")),
                (3, 3, 1),
                "{steps:#?}"
            );
        }
    }
}
