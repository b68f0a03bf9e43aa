//! What the figures of all time are counted from: how far notices came and how long it took. The database counts, so
//! that no number of notices is too many; what told of nothing actual is left out.

use super::error::Error;
use super::schema::{fanout, notice, notice_level, revision};
use super::tx::{Conn, Tx, on_either};
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use diesel::dsl::{count_star, exists, not};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

/// The kind of incident that counts as telling.
const ACTUAL: &str = "actual";

/// How many notices were issued: of something actual, and of exercises and tests.
pub fn notices_issued(tx: &mut Tx<'_>) -> Result<(i64, i64), Error> {
    let all: i64 = on_either!(tx, conn => notice::table.count().get_result(conn)?);
    let drilled: i64 = on_either!(tx, conn => notice::table
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        .filter(revision::kind.ne(ACTUAL))
        .count()
        .get_result(conn)?);
    Ok((all - drilled, drilled))
}

/// When the first and the last fan-out of something actual were issued.
pub fn issued_between(tx: &mut Tx<'_>) -> Result<Option<(Instant, Instant)>, Error> {
    let first: Option<Instant> = on_either!(tx, conn => fanout::table
        .inner_join(revision::table.on(revision::id.eq(fanout::revision_id)))
        .filter(revision::kind.eq(ACTUAL))
        .order(fanout::issued_at)
        .select(fanout::issued_at)
        .first(conn)
        .optional()?);
    let last: Option<Instant> = on_either!(tx, conn => fanout::table
        .inner_join(revision::table.on(revision::id.eq(fanout::revision_id)))
        .filter(revision::kind.eq(ACTUAL))
        .order(fanout::issued_at.desc())
        .select(fanout::issued_at)
        .first(conn)
        .optional()?);
    Ok(first.zip(last))
}

/// How many notices have come to each level above L0 and no further, by the level's number.
pub fn furthest(tx: &mut Tx<'_>) -> Result<Vec<(i64, i64)>, Error> {
    let higher = diesel::alias!(notice_level as higher);
    Ok(on_either!(tx, conn => notice_level::table
        .inner_join(notice::table.on(notice::id.eq(notice_level::notice_id)))
        .inner_join(revision::table.on(revision::id.eq(notice::revision_id)))
        .filter(revision::kind.eq(ACTUAL))
        .filter(not(exists(higher
            .filter(higher.field(notice_level::notice_id).eq(notice_level::notice_id))
            .filter(higher.field(notice_level::level).gt(notice_level::level)))))
        .group_by(notice_level::level)
        .select((notice_level::level, count_star()))
        .load(conn)?))
}

/// How long notices took from their issue to a level, in whole seconds. Percentiles are by nearest rank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Took {
    /// How many stayed below each limit and not below the one before; the last count is of those beyond all limits.
    pub steps: Vec<i64>,
    pub median_s: Option<i64>,
    pub p95_s: Option<i64>,
    pub max_s: Option<i64>,
}

/// What one step tells. The rank of a percentile lies in one step, and in those after it the first value is larger.
#[derive(QueryableByName)]
struct StepRow {
    #[diesel(sql_type = BigInt)]
    step: i64,
    #[diesel(sql_type = BigInt)]
    notices: i64,
    #[diesel(sql_type = BigInt)]
    longest: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    median: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    p95: Option<i64>,
}

const SECONDS_SQLITE: &str = "max(l.reached_at - n.issued_at, 0) / 1000000";
const SECONDS_POSTGRES: &str =
    "CAST(floor(greatest(extract(epoch FROM l.reached_at - n.issued_at), 0)) AS bigint)";

/// How long it took to reach a level, in steps that end at these limits (seconds, ascending). Who was told by
/// telephone was told and nothing was delivered: of such a level the evidence is the request that two people decided.
pub fn took(tx: &mut Tx<'_>, level: Level, limits_s: &[i64]) -> Result<Took, Error> {
    let rows: Vec<StepRow> = match &mut tx.conn {
        Conn::Sqlite(conn) => {
            diesel::sql_query(statement(SECONDS_SQLITE, level, limits_s)).load(*conn)?
        }
        Conn::Postgres(conn) => {
            diesel::sql_query(statement(SECONDS_POSTGRES, level, limits_s)).load(*conn)?
        }
    };
    let mut steps = vec![0; limits_s.len() + 1];
    for row in &rows {
        let place = usize::try_from(row.step).unwrap_or(usize::MAX);
        if let Some(step) = steps.get_mut(place) {
            *step = row.notices;
        }
    }
    Ok(Took {
        steps,
        median_s: rows.iter().filter_map(|row| row.median).min(),
        p95_s: rows.iter().filter_map(|row| row.p95).min(),
        max_s: rows.iter().map(|row| row.longest).max(),
    })
}

fn statement(seconds: &str, level: Level, limits_s: &[i64]) -> String {
    let cases: String = (0..)
        .zip(limits_s)
        .map(|(step, limit): (usize, &i64)| format!("WHEN s < {limit} THEN {step} "))
        .collect();
    format!(
        "WITH took AS (SELECT {seconds} AS s FROM notice_level l
            JOIN notice n ON n.id = l.notice_id
            JOIN revision r ON r.id = n.revision_id AND r.kind = '{ACTUAL}'
            WHERE l.level = {} AND NOT EXISTS (SELECT 1 FROM approval_request a WHERE a.id = l.evidence_id)),
         ranked AS (SELECT s, row_number() OVER (ORDER BY s) AS place, count(*) OVER () AS of_all FROM took)
         SELECT CAST(CASE {cases}ELSE {} END AS bigint) AS step, count(*) AS notices, max(s) AS longest,
            min(CASE WHEN place * 100 >= of_all * 50 THEN s END) AS median,
            min(CASE WHEN place * 100 >= of_all * 95 THEN s END) AS p95
         FROM ranked GROUP BY 1",
        level.number(),
        limits_s.len(),
    )
}
