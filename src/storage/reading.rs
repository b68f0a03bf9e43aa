//! What people look at: the search over incidents, the stamp board, the as-of question. Pages are keysets; nothing
//! here reads without a bound. The delivery log is in `delivery_log`.

use super::error::Error;
use super::schema::types::{Bool, InstantSql};
use super::schema::{
    acknowledgement, bank, fanout, incident, log_entry, notice, notice_closing, notice_level,
    notice_status, response, revision, roster_leaf, roster_version,
};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use diesel::dsl::{exists, min, not, sql};
use diesel::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

use super::incident::{IncidentRow, RevisionRow};
use super::notice::NoticeRow;

/// What to look for among incidents.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Lower-case text contained in reference, title or description.
    pub text: Option<String>,
    pub status: Option<String>,
    pub phase: Option<String>,
    pub kind: Option<String>,
    /// Incidents older than this one.
    pub before: Option<Uid>,
}

/// `%`, `_` and the escape itself lose their meaning.
fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Incidents with their newest revision, newest incident first.
pub fn incidents(
    tx: &mut Tx<'_>,
    filter: &IncidentFilter,
    limit: i64,
) -> Result<Vec<(IncidentRow, RevisionRow)>, Error> {
    let later = diesel::alias!(revision as later);
    let pattern = filter.text.as_deref().map(contains_pattern);
    Ok(on_either!(tx, conn => {
        let mut query = incident::table
            .inner_join(revision::table.on(revision::incident_id.eq(incident::id)))
            .filter(not(exists(later
                .filter(later.field(revision::incident_id).eq(incident::id))
                .filter(later.field(revision::number).gt(revision::number)))))
            .select((IncidentRow::as_select(), RevisionRow::as_select()))
            .order(incident::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(pattern) = &pattern {
            query = query.filter(revision::search_text.like(pattern).escape('\\'));
        }
        if let Some(status) = &filter.status {
            query = query.filter(revision::status.eq(status));
        }
        if let Some(phase) = &filter.phase {
            query = query.filter(revision::phase.eq(phase));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(revision::kind.eq(kind));
        }
        if let Some(before) = filter.before {
            query = query.filter(incident::id.lt(before));
        }
        query.load(conn)?
    }))
}

/// Incidents that were on record at an instant, each with its newest revision of that time; the newest incident first,
/// from those that are older than `before`.
pub fn on_record(
    tx: &mut Tx<'_>,
    at: Instant,
    before: Option<Uid>,
    limit: i64,
) -> Result<Vec<(IncidentRow, RevisionRow)>, Error> {
    let later = diesel::alias!(revision as later);
    Ok(on_either!(tx, conn => {
        let mut query = incident::table
            .inner_join(revision::table.on(revision::incident_id.eq(incident::id)))
            .filter(revision::accepted_at.le(at))
            .filter(not(exists(later
                .filter(later.field(revision::incident_id).eq(incident::id))
                .filter(later.field(revision::accepted_at).le(at))
                .filter(later.field(revision::number).gt(revision::number)))))
            .select((IncidentRow::as_select(), RevisionRow::as_select()))
            .order(incident::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(incident::id.lt(before));
        }
        query.load(conn)?
    }))
}

/// How many incidents were on record at an instant.
pub fn on_record_count(tx: &mut Tx<'_>, at: Instant) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => revision::table
        .filter(revision::number.eq(1))
        .filter(revision::accepted_at.le(at))
        .count()
        .get_result(conn)?))
}

/// Incidents whose newest revision names this one as related, the newest first.
pub fn naming(
    tx: &mut Tx<'_>,
    reference: &str,
    limit: i64,
) -> Result<Vec<(IncidentRow, RevisionRow)>, Error> {
    let filter = IncidentFilter {
        text: Some(named(reference)),
        ..IncidentFilter::default()
    };
    incidents(tx, &filter, limit)
}

/// How the text that is searched says that an incident is related: a line by itself.
pub fn named(reference: &str) -> String {
    format!("\nrelated {}\n", reference.to_lowercase())
}

/// How many notices of a revision have reached what. Never blended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub notices: i64,
    pub delivered: i64,
    pub acknowledged: i64,
    pub bounced: i64,
}

/// Tallies of revisions.
pub fn tallies(tx: &mut Tx<'_>, revisions: &[Uid]) -> Result<HashMap<Uid, Tally>, Error> {
    tx.read_by_keys()?;
    let issued: Vec<(Uid, i64)> = on_either!(tx, conn => notice::table
        .filter(notice::revision_id.eq_any(revisions))
        .group_by(notice::revision_id)
        .select((notice::revision_id, diesel::dsl::count_star()))
        .load(conn)?);
    let bounced: Vec<(Uid, i64)> = on_either!(tx, conn => notice::table
        .inner_join(notice_status::table.on(notice_status::notice_id.eq(notice::id)))
        .filter(notice::revision_id.eq_any(revisions))
        .filter(notice_status::bounced)
        .group_by(notice::revision_id)
        .select((notice::revision_id, diesel::dsl::count_star()))
        .load(conn)?);
    let delivered = reached(tx, revisions, Level::Delivered)?;
    let acknowledged = reached(tx, revisions, Level::Acknowledged)?;
    let of = |counts: &HashMap<Uid, i64>, id: Uid| counts.get(&id).copied().unwrap_or(0);
    let bounced = bounced.into_iter().collect();
    Ok(issued
        .into_iter()
        .map(|(id, notices)| {
            let tally = Tally {
                notices,
                delivered: of(&delivered, id),
                acknowledged: of(&acknowledged, id),
                bounced: of(&bounced, id),
            };
            (id, tally)
        })
        .collect())
}

/// How many notices of each revision reached this level or a higher one.
fn reached(tx: &mut Tx<'_>, revisions: &[Uid], level: Level) -> Result<HashMap<Uid, i64>, Error> {
    let rows: Vec<(Uid, i64)> = on_either!(tx, conn => notice::table
        .inner_join(notice_level::table.on(notice_level::notice_id.eq(notice::id)))
        .filter(notice::revision_id.eq_any(revisions))
        .filter(notice_level::level.ge(level.number()))
        .group_by(notice::revision_id)
        .select((notice::revision_id, diesel::dsl::count(notice_level::notice_id).aggregate_distinct()))
        .load(conn)?);
    Ok(rows.into_iter().collect())
}

/// What is amiss with a notice, or else noted of it.
#[derive(Debug, Clone, Copy, Default, Queryable)]
pub struct Flags {
    pub bounced: bool,
    pub endpoint_down: bool,
    pub disputed: bool,
    /// By somebody beside the channels, signed off.
    pub told_out_of_band: bool,
}

/// One cell of the stamp board.
#[derive(Debug, Clone, Queryable)]
pub struct Cell {
    pub notice: Uid,
    pub bank_id: Uid,
    pub bank: String,
    pub number: i64,
    pub reason: String,
    pub exposed: bool,
    pub concerns_you: bool,
    pub acknowledge_by: Instant,
    pub issued_at: Instant,
    pub flags: Option<Flags>,
    pub acknowledged_at: Option<Instant>,
    pub class: Option<String>,
}

/// The board of one revision, by bank code.
pub fn board(tx: &mut Tx<'_>, revision_id: Uid) -> Result<Vec<Cell>, Error> {
    Ok(on_either!(tx, conn => notice::table
        .inner_join(bank::table.on(bank::id.eq(notice::bank_id)))
        .left_join(notice_status::table.on(notice_status::notice_id.eq(notice::id)))
        .left_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
        .filter(notice::revision_id.eq(revision_id))
        .order(bank::code)
        .select((
            notice::id,
            notice::bank_id,
            bank::code,
            notice::number,
            notice::reason,
            notice::exposed,
            notice::concerns_you,
            notice::acknowledge_by,
            notice::issued_at,
            (
                notice_status::bounced,
                notice_status::endpoint_down,
                notice_status::disputed,
                notice_status::told_out_of_band,
            )
                .nullable(),
            acknowledgement::recorded_at.nullable(),
            acknowledgement::class.nullable(),
        ))
        .load(conn)?))
}

/// By when each bank should have acknowledged what it was told of an incident up to a revision, and had not at an instant:
/// the earliest. A further revision makes nobody punctual.
pub fn owed_since(
    tx: &mut Tx<'_>,
    incident_id: Uid,
    revision_number: i64,
    at: Instant,
) -> Result<HashMap<Uid, Instant>, Error> {
    let stamped = acknowledgement::table
        .filter(acknowledgement::notice_id.eq(notice::id))
        .filter(acknowledgement::recorded_at.le(at));
    let closed = notice_closing::table
        .filter(notice_closing::notice_id.eq(notice::id))
        .filter(notice_closing::recorded_at.le(at));
    let rows: Vec<(Uid, Option<Instant>)> = on_either!(tx, conn => notice::table
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        // By the incident's revisions, which an index leads to: its notices have none.
        .filter(revision::incident_id.eq(incident_id))
        .filter(revision::number.le(revision_number))
        .filter(not(exists(stamped)))
        .filter(not(exists(closed)))
        .group_by(notice::bank_id)
        .select((notice::bank_id, min(notice::acknowledge_by)))
        .load(conn)?);
    let owed = |(bank, by): (Uid, Option<Instant>)| Some((bank, by?));
    Ok(rows.into_iter().filter_map(owed).collect())
}

/// The level of each of these notices, as it stood at an instant; those not named were listed (L0).
pub fn levels_at(
    tx: &mut Tx<'_>,
    notices: &[Uid],
    at: Instant,
) -> Result<HashMap<Uid, (Level, Instant)>, Error> {
    let rows: Vec<(Uid, i64, Instant)> = on_either!(tx, conn => notice_level::table
        .filter(notice_level::notice_id.eq_any(notices))
        .filter(notice_level::reached_at.le(at))
        .order((notice_level::notice_id, notice_level::level))
        .select((notice_level::notice_id, notice_level::level, notice_level::reached_at))
        .load(conn)?);
    // The highest level of a notice comes last and stays.
    Ok(rows
        .into_iter()
        .filter_map(|(notice, level, reached)| {
            Some((notice, (Level::from_number(level)?, reached)))
        })
        .collect())
}

/// Numbers follow the times of issue, but for clocks that were set back, and by no more than this.
const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// A bank's notices issued by an instant, after a number. Ends at the first that was certainly issued later: whoever
/// asks of long ago does not wait for everything since.
pub fn told_by(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    at: Instant,
    after: i64,
    limit: i64,
) -> Result<Vec<NoticeRow>, Error> {
    let (most, last) = (usize::try_from(limit).unwrap_or(0), at + CLOCKS_APART);
    let (mut told, mut after) = (Vec::new(), after);
    while told.len() < most {
        let rows: Vec<NoticeRow> = on_either!(tx, conn => notice::table
            .filter(notice::bank_id.eq(bank_id).and(notice::number.gt(after)))
            .order(notice::number)
            .limit(limit)
            .select(NoticeRow::as_select())
            .load(conn)?);
        let Some(newest) = rows.last() else { break };
        after = newest.number;
        let is_past = rows.len() < most || rows.iter().any(|row| row.issued_at > last);
        told.extend(rows.into_iter().filter(|row| row.issued_at <= at));
        if is_past {
            break;
        }
    }
    told.truncate(most);
    Ok(told)
}

/// Revisions accepted by an instant that were not addressed to a bank, oldest first. Only those are looked at that
/// went to a roster without the bank: a roster fan-out is exactly its roster (law 1).
pub fn not_told_by(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    at: Instant,
    limit: i64,
) -> Result<Vec<(IncidentRow, RevisionRow)>, Error> {
    let mut missed = Vec::new();
    for (first, last) in versions_without(tx, bank_id)? {
        let left = limit - i64::try_from(missed.len()).unwrap_or(limit);
        if left <= 0 {
            break;
        }
        missed.extend(on_either!(tx, conn => fanout::table
            .inner_join(revision::table.on(revision::fanout_id.eq(fanout::id)))
            .inner_join(incident::table.on(incident::id.eq(revision::incident_id)))
            .filter(fanout::roster_version.ge(first).and(fanout::roster_version.le(last)))
            .filter(revision::accepted_at.le(at))
            .filter(not(exists(notice::table
                .filter(notice::revision_id.eq(revision::id))
                .filter(notice::bank_id.eq(bank_id))
                .filter(notice::issued_at.le(at)))))
            .order((fanout::roster_version, fanout::id))
            .limit(left)
            .select((IncidentRow::as_select(), RevisionRow::as_select()))
            .load::<(IncidentRow, RevisionRow)>(conn)?));
    }
    Ok(missed)
}

/// The roster versions on which a bank does not stand, as ranges, both ends included.
fn versions_without(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<(i64, i64)>, Error> {
    let versions: Vec<i64> = on_either!(tx, conn => roster_version::table
        .filter(not(exists(roster_leaf::table
            .filter(roster_leaf::version.eq(roster_version::version))
            .filter(roster_leaf::bank_id.eq(bank_id)))))
        .order(roster_version::version)
        .select(roster_version::version)
        .load(conn)?);
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for version in versions {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == version => *last = version,
            _ => ranges.push((version, version)),
        }
    }
    Ok(ranges)
}

/// The newest of what a board shows. Whoever looks again and finds it unchanged has probably missed nothing; only
/// probably, because what was begun earlier may be committed later, and an opened notice leaves no trace here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newest {
    fanout: Option<Uid>,
    acknowledgement: Option<Uid>,
    response: Option<Uid>,
    entry: Option<i64>,
}

/// Four looks at the end of an index.
pub fn newest(tx: &mut Tx<'_>) -> Result<Newest, Error> {
    Ok(on_either!(tx, conn => Newest {
        fanout: fanout::table
            .order(fanout::id.desc())
            .select(fanout::id)
            .first(conn)
            .optional()?,
        acknowledgement: acknowledgement::table
            .order(acknowledgement::id.desc())
            .select(acknowledgement::id)
            .first(conn)
            .optional()?,
        response: response::table
            .order(response::id.desc())
            .select(response::id)
            .first(conn)
            .optional()?,
        entry: log_entry::table
            .order(log_entry::seq.desc())
            .select(log_entry::seq)
            .first(conn)
            .optional()?,
    }))
}

/// A notice that nobody acknowledged in time.
#[derive(Debug, Clone, Queryable)]
pub struct LateRow {
    pub notice: Uid,
    pub reference: String,
    pub kind: String,
    pub revision: i64,
    pub bank: String,
    pub number: i64,
    pub acknowledge_by: Instant,
    pub exposed: bool,
    pub concerns_you: bool,
    pub flags: Option<Flags>,
}

// By the incident's revisions, which an index leads to, and not by all that the bank was ever told.
const OWED_BEFORE: &str = "NOT EXISTS (SELECT 1 FROM revision r
    JOIN notice older ON older.revision_id = r.id AND older.bank_id = notice.bank_id
    WHERE r.incident_id = notice.incident_id AND older.number < notice.number AND older.acknowledge_by < ";
const OWED_BEFORE_SETTLED: &str =
    " AND NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = older.id)
    AND NOT EXISTS (SELECT 1 FROM notice_closing c WHERE c.notice_id = older.id))";

/// Of each bank and incident the first notice whose time is past and that nobody has settled: a later one changes nothing
/// about it. A query with bound text has no type that a function could name.
macro_rules! overdue {
    ($now:expr) => {{
        let stamped = acknowledgement::table.filter(acknowledgement::notice_id.eq(notice::id));
        let closed = notice_closing::table.filter(notice_closing::notice_id.eq(notice::id));
        notice::table
            .filter(notice::acknowledge_by.lt($now))
            .filter(not(exists(stamped)))
            .filter(not(exists(closed)))
            .filter(
                sql::<Bool>(OWED_BEFORE)
                    .bind::<InstantSql, _>($now)
                    .sql(OWED_BEFORE_SETTLED),
            )
    }};
}

/// How many notices are late.
pub fn late_count(tx: &mut Tx<'_>, now: Instant) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => overdue!(now).count().get_result(conn)?))
}

/// The notices that are late; the longest overdue first.
pub fn late(tx: &mut Tx<'_>, now: Instant, limit: i64) -> Result<Vec<LateRow>, Error> {
    Ok(on_either!(tx, conn => overdue!(now)
        .inner_join(bank::table.on(bank::id.eq(notice::bank_id)))
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        .inner_join(incident::table.on(incident::id.eq(notice::incident_id)))
        .left_join(notice_status::table.on(notice_status::notice_id.eq(notice::id)))
        .order((notice::acknowledge_by, notice::id))
        .limit(limit)
        .select((
            notice::id,
            incident::reference,
            revision::kind,
            revision::number,
            bank::code,
            notice::number,
            notice::acknowledge_by,
            notice::exposed,
            notice::concerns_you,
            (
                notice_status::bounced,
                notice_status::endpoint_down,
                notice_status::disputed,
                notice_status::told_out_of_band,
            )
                .nullable(),
        ))
        .load(conn)?))
}
