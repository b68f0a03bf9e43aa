//! The standing self-check and the rebuilding of projections, as the database sees them.

use super::error::Error;
use super::schema::types::{BigInt, Text};
use super::tx::{Tx, on_either};
use diesel::prelude::*;
use std::collections::HashSet;

/// One thing that must never be found. `count` is how often it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub count: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Each rule counts its violations; the same words on both databases.
const RULES: &[(&str, &str)] = &[
    (
        "the newest roster version counts its leaves",
        "SELECT count(*) AS n FROM roster_version v
         WHERE v.bank_count <> (SELECT count(*) FROM roster_leaf l WHERE l.version = v.version)",
    ),
    (
        "roster versions are dense",
        "SELECT count(*) AS n FROM roster_version v
         WHERE v.version > 1 AND NOT EXISTS (SELECT 1 FROM roster_version p WHERE p.version = v.version - 1)",
    ),
    (
        "every revision has its roster fan-out",
        "SELECT count(*) AS n FROM revision r WHERE NOT EXISTS
         (SELECT 1 FROM fanout f WHERE f.id = r.fanout_id AND f.revision_id = r.id AND f.kind = 'roster')",
    ),
    (
        "every fan-out has exactly its notices",
        "SELECT count(*) AS n FROM fanout f WHERE f.notice_count <>
         (SELECT count(*) FROM notice n WHERE n.revision_id = f.revision_id AND n.fanout_id = f.id)",
    ),
    (
        "every notice belongs to a fan-out",
        "SELECT count(*) AS n FROM notice WHERE NOT EXISTS (SELECT 1 FROM fanout f WHERE f.id = notice.fanout_id)",
    ),
    (
        "every bank on the roster of a fan-out has its notice",
        "SELECT count(*) AS n FROM fanout f JOIN roster_leaf l ON l.version = f.roster_version
         WHERE f.kind = 'roster' AND NOT EXISTS
         (SELECT 1 FROM notice n WHERE n.revision_id = f.revision_id AND n.bank_id = l.bank_id AND n.fanout_id = f.id)",
    ),
    (
        "numbers are dense",
        "SELECT count(*) AS n FROM (SELECT c.bank_id FROM bank_counter c LEFT JOIN notice n ON n.bank_id = c.bank_id
         GROUP BY c.bank_id, c.last_number
         HAVING count(n.id) <> c.last_number OR coalesce(max(n.number), 0) <> c.last_number) AS holes",
    ),
    (
        "every notice has its message",
        "SELECT count(*) AS n FROM notice WHERE id NOT IN (SELECT m.notice_id FROM message m
         WHERE m.notice_id IS NOT NULL AND m.kind IN ('notice.issued', 'notice.withdrawn'))",
    ),
    (
        "every acknowledged notice was acknowledged",
        "SELECT count(*) AS n FROM notice_level l WHERE l.level = 4 AND NOT EXISTS
         (SELECT 1 FROM acknowledgement a WHERE a.notice_id = l.notice_id)",
    ),
    (
        "every acknowledgement confirms the digest of its notice",
        "SELECT count(*) AS n FROM acknowledgement a JOIN notice n ON n.id = a.notice_id WHERE a.digest <> n.digest",
    ),
    (
        "every open delivery of an unacknowledged notice will be tried again",
        "SELECT count(*) AS n FROM delivery d WHERE d.state = 'closed' AND d.notice_id IS NOT NULL AND NOT EXISTS
         (SELECT 1 FROM acknowledgement a WHERE a.notice_id = d.notice_id)",
    ),
    (
        "every attempt that is not under way has its outcome",
        "SELECT count(*) AS n FROM attempt a
         WHERE NOT EXISTS (SELECT 1 FROM attempt_outcome o WHERE o.attempt_id = a.id)
         AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = a.delivery_id AND d.lease_token = a.id)",
    ),
    (
        "every outcome has its entry",
        "SELECT (SELECT count(*) FROM attempt_outcome) - (SELECT count(*) FROM log_pending WHERE kind = 'notice.attempt') AS n",
    ),
    (
        "every acknowledgement has its entry",
        "SELECT (SELECT count(*) FROM acknowledgement)
         - (SELECT count(*) FROM log_pending WHERE kind = 'notice.acknowledged') AS n",
    ),
];

/// Runs every rule; the findings that are not zero.
pub fn findings(tx: &mut Tx<'_>) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for (rule, sql) in RULES {
        let count: Count = on_either!(tx, conn => diesel::sql_query(*sql).get_result(conn)?);
        if count.n != 0 {
            found.push(Finding {
                rule,
                count: count.n,
            });
        }
    }
    Ok(found)
}

/// How many rules `findings` tries.
pub const RULE_COUNT: usize = RULES.len();

#[derive(QueryableByName)]
struct Digest {
    #[diesel(sql_type = Text)]
    row: String,
}

const STATUS_FROM_FACTS: &str = "SELECT notice_id, bounced, endpoint_down, disputed FROM (SELECT n.id AS notice_id,
        EXISTS (SELECT 1 FROM attempt_outcome o WHERE o.notice_id = n.id AND o.channel = 'email'
            AND o.outcome = 'mail_rejected') AS bounced,
        EXISTS (SELECT 1 FROM attempt_outcome o WHERE o.notice_id = n.id AND o.channel = 'webhook'
            AND (o.outcome IN ('tls', 'address_refused') OR (o.outcome = 'status' AND o.status IN (404, 410))
                OR (o.number >= 10 AND o.outcome NOT IN ('accepted', 'released', 'unknown')))) AS endpoint_down,
        EXISTS (SELECT 1 FROM response r WHERE r.notice_id = n.id
            AND ' ' || r.codes || ' ' LIKE '% disputes_notice %') AS disputed
     FROM notice n) AS flags WHERE bounced OR endpoint_down OR disputed";

/// Rebuilds the projections that facts alone determine: what is amiss with every notice, and of every delivery
/// how often it was tried and whether it was accepted or its notice acknowledged. Returns how many rows differed.
pub fn rebuild(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let before = status_rows(tx)?;
    on_either!(tx, conn => {
        diesel::sql_query("DELETE FROM notice_status").execute(conn)?;
        diesel::sql_query(format!(
            "INSERT INTO notice_status (notice_id, bounced, endpoint_down, disputed) {STATUS_FROM_FACTS}"
        ))
        .execute(conn)?;
    });
    let after = status_rows(tx)?;
    let notice = |row: &String| row.split(':').next().map(str::to_owned);
    let differing: HashSet<_> = before.symmetric_difference(&after).map(notice).collect();
    let statuses = i64::try_from(differing.len()).unwrap_or(i64::MAX);
    let deliveries = on_either!(tx, conn => diesel::sql_query(
        "UPDATE delivery SET
            attempts = (SELECT count(*) FROM attempt a WHERE a.delivery_id = delivery.id)
                - (SELECT count(*) FROM attempt_outcome o WHERE o.delivery_id = delivery.id AND o.outcome = 'released'),
            state = CASE
                WHEN EXISTS (SELECT 1 FROM attempt_outcome o WHERE o.delivery_id = delivery.id AND o.outcome = 'accepted') THEN 'accepted'
                WHEN EXISTS (SELECT 1 FROM acknowledgement k WHERE k.notice_id = delivery.notice_id) THEN 'closed'
                WHEN (SELECT count(*) FROM attempt a WHERE a.delivery_id = delivery.id)
                    > (SELECT count(*) FROM attempt_outcome o WHERE o.delivery_id = delivery.id AND o.outcome = 'released') THEN 'waiting'
                ELSE 'due' END
         WHERE state IN ('due', 'waiting', 'accepted', 'closed') AND (
            attempts <> (SELECT count(*) FROM attempt a WHERE a.delivery_id = delivery.id)
                - (SELECT count(*) FROM attempt_outcome o WHERE o.delivery_id = delivery.id AND o.outcome = 'released')
            OR (state <> 'accepted' AND EXISTS
                (SELECT 1 FROM attempt_outcome o WHERE o.delivery_id = delivery.id AND o.outcome = 'accepted'))
            OR (state = 'closed' AND delivery.notice_id IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM acknowledgement k WHERE k.notice_id = delivery.notice_id))
            OR (state IN ('due', 'waiting') AND EXISTS
                (SELECT 1 FROM acknowledgement k WHERE k.notice_id = delivery.notice_id)))"
    ).execute(conn)?);
    Ok(statuses + i64::try_from(deliveries).unwrap_or(i64::MAX))
}

fn status_rows(tx: &mut Tx<'_>) -> Result<HashSet<String>, Error> {
    let id = match tx.conn {
        super::tx::Conn::Sqlite(_) => "hex(notice_id)",
        super::tx::Conn::Postgres(_) => "CAST(notice_id AS text)",
    };
    let sql = format!(
        "SELECT {id} || ':' || CAST(bounced AS text) || CAST(endpoint_down AS text)
            || CAST(disputed AS text) AS \"row\" FROM notice_status"
    );
    let rows: Vec<Digest> = on_either!(tx, conn => diesel::sql_query(sql.as_str()).load(conn)?);
    Ok(rows.into_iter().map(|row| row.row).collect())
}
