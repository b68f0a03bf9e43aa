//! The standing self-check and the rebuilding of projections, as the database sees them.

use super::error::Error;
use super::facts::check;
use super::schema::types::{BigInt, Text};
use super::schema::{self_check, self_check_turn};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;
use std::collections::HashSet;

/// What must hold at every instant.
#[derive(Debug)]
pub struct Rule {
    /// Stable, snake_case: history and labels go by it. The label of a rule that was dropped stays.
    pub code: &'static str,
    pub words: &'static str,
    /// Counts them in one statement, so that it sees one state of the database.
    violations: &'static str,
}

/// One thing that must never be found. `count` is how often it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: &'static str,
    pub rule: &'static str,
    /// Where the rule is about each fact: the table.
    pub table: Option<&'static str>,
    pub count: i64,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule)?;
        if let Some(table) = self.table {
            write!(f, ": {table}")?;
        }
        write!(f, " ({})", self.count)
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Each rule counts its violations; the same words on both databases.
pub const RULES: &[Rule] = &[
    Rule {
        code: "roster_counts",
        words: "the newest roster version counts its leaves",
        violations: "SELECT count(*) AS n FROM roster_version v
         WHERE v.bank_count <> (SELECT count(*) FROM roster_leaf l WHERE l.version = v.version)",
    },
    Rule {
        code: "roster_dense",
        words: "roster versions are dense",
        violations: "SELECT count(*) AS n FROM roster_version v
         WHERE v.version > 1 AND NOT EXISTS (SELECT 1 FROM roster_version p WHERE p.version = v.version - 1)",
    },
    Rule {
        code: "revision_fanout",
        words: "every revision has its roster fan-out",
        violations: "SELECT count(*) AS n FROM revision r WHERE NOT EXISTS
         (SELECT 1 FROM fanout f WHERE f.id = r.fanout_id AND f.revision_id = r.id AND f.kind = 'roster')",
    },
    Rule {
        code: "fanout_notices",
        words: "every fan-out has exactly its notices",
        violations: "SELECT count(*) AS n FROM fanout f WHERE f.notice_count <>
         (SELECT count(*) FROM notice n WHERE n.revision_id = f.revision_id AND n.fanout_id = f.id)",
    },
    Rule {
        code: "notice_fanout",
        words: "every notice belongs to a fan-out",
        violations: "SELECT count(*) AS n FROM notice WHERE NOT EXISTS (SELECT 1 FROM fanout f WHERE f.id = notice.fanout_id)",
    },
    Rule {
        code: "roster_notices",
        words: "every bank on the roster of a fan-out has its notice",
        violations: "SELECT count(*) AS n FROM fanout f JOIN roster_leaf l ON l.version = f.roster_version
         WHERE f.kind = 'roster' AND NOT EXISTS
         (SELECT 1 FROM notice n WHERE n.revision_id = f.revision_id AND n.bank_id = l.bank_id AND n.fanout_id = f.id)",
    },
    Rule {
        code: "roster_told",
        words: "every bank on the roster has the newest revision of every incident, or is being told of those from before",
        violations: "SELECT count(*) AS n FROM roster_leaf l CROSS JOIN revision r
         WHERE l.version = (SELECT max(version) FROM roster_version) AND r.kind = 'actual' AND r.phase <> 'withdrawal'
         AND NOT EXISTS (SELECT 1 FROM revision x WHERE x.incident_id = r.incident_id AND x.number > r.number)
         AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.revision_id = r.id AND n.bank_id = l.bank_id)
         AND NOT EXISTS (SELECT 1 FROM late_joiner j WHERE j.bank_id = l.bank_id)",
    },
    Rule {
        code: "numbers_dense",
        words: "numbers are dense",
        violations: "SELECT count(*) AS n FROM (SELECT c.bank_id FROM bank_counter c LEFT JOIN notice n ON n.bank_id = c.bank_id
         GROUP BY c.bank_id, c.last_number
         HAVING count(n.id) <> c.last_number OR coalesce(max(n.number), 0) <> c.last_number) AS holes",
    },
    Rule {
        code: "notice_message",
        words: "every notice has its message",
        violations: "SELECT count(*) AS n FROM (SELECT id FROM notice EXCEPT SELECT m.notice_id FROM message m
         WHERE m.notice_id IS NOT NULL AND m.kind IN ('notice.issued', 'notice.withdrawn')) AS without",
    },
    Rule {
        code: "level_acknowledged",
        words: "every acknowledged notice was acknowledged",
        violations: "SELECT count(*) AS n FROM notice_level l WHERE l.level = 4 AND NOT EXISTS
         (SELECT 1 FROM acknowledgement a WHERE a.notice_id = l.notice_id)",
    },
    Rule {
        code: "acknowledged_digest",
        words: "every acknowledgement confirms the digest of its notice",
        violations: "SELECT count(*) AS n FROM acknowledgement a JOIN notice n ON n.id = a.notice_id WHERE a.digest <> n.digest",
    },
    Rule {
        code: "delivery_open",
        words: "every open delivery of a notice that nobody acknowledged or closed will be tried again",
        violations: "SELECT count(*) AS n FROM delivery d WHERE d.state = 'closed' AND d.notice_id IS NOT NULL AND NOT EXISTS
         (SELECT 1 FROM acknowledgement a WHERE a.notice_id = d.notice_id)
         AND NOT EXISTS (SELECT 1 FROM notice_closing c WHERE c.notice_id = d.notice_id)",
    },
    Rule {
        code: "closed_settled",
        words: "every incident that its final report closed was settled by every bank",
        violations: "SELECT count(*) AS n FROM revision r WHERE r.status = 'closed' AND r.phase <> 'withdrawal' AND NOT EXISTS
         (SELECT 1 FROM incident_closing c WHERE c.revision_id = r.id AND c.incident_id = r.incident_id)",
    },
    Rule {
        code: "attempt_outcome",
        words: "every attempt that is not under way has its outcome",
        violations: "SELECT count(*) AS n FROM attempt a
         WHERE NOT EXISTS (SELECT 1 FROM attempt_outcome o WHERE o.attempt_id = a.id)
         AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = a.delivery_id AND d.lease_token = a.id)",
    },
    Rule {
        code: "outcome_entry",
        words: "every outcome has its entry",
        violations: "SELECT (SELECT count(*) FROM attempt_outcome) - (SELECT count(*) FROM log_entry WHERE kind = 'notice.attempt') AS n",
    },
    Rule {
        code: "acknowledgement_entry",
        words: "every acknowledgement has its entry",
        violations: "SELECT (SELECT count(*) FROM acknowledgement)
         - (SELECT count(*) FROM log_entry WHERE kind = 'notice.acknowledged') AS n",
    },
    Rule {
        code: "chase_open",
        words: "every notice that neither its bank acknowledged nor two people closed is chased",
        violations: "SELECT count(*) AS n FROM notice n WHERE NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id)
         AND NOT EXISTS (SELECT 1 FROM notice_closing k WHERE k.notice_id = n.id)
         AND NOT EXISTS (SELECT 1 FROM chase c WHERE c.notice_id = n.id)",
    },
    Rule {
        code: "chase_moot",
        words: "nobody is chased for what they have acknowledged or two people have closed",
        violations: "SELECT count(*) AS n FROM chase c WHERE EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = c.notice_id)
         OR EXISTS (SELECT 1 FROM notice_closing k WHERE k.notice_id = c.notice_id)",
    },
    Rule {
        code: "chase_steps",
        words: "every step of a chase was taken, and only once",
        violations: "SELECT (SELECT count(*) FROM (SELECT notice_id FROM chase_step GROUP BY notice_id HAVING count(*) <> max(n)) AS holes)
         + (SELECT count(*) FROM chase c WHERE c.next_step <>
            1 + (SELECT count(*) FROM chase_step s WHERE s.notice_id = c.notice_id)) AS n",
    },
];

/// Runs one rule.
pub fn try_rule(tx: &mut Tx<'_>, rule: &'static Rule) -> Result<Option<Finding>, Error> {
    let count: Count = on_either!(tx, conn => diesel::sql_query(rule.violations).get_result(conn)?);
    Ok((count.n != 0).then_some(Finding {
        code: rule.code,
        rule: rule.words,
        table: None,
        count: count.n,
    }))
}

/// Tries every rule that counts; the findings that are not zero.
pub fn counted(tx: &mut Tx<'_>) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for rule in RULES {
        found.extend(try_rule(tx, rule)?);
    }
    Ok(found)
}

/// Tries every rule, and holds every fact against its entry.
pub fn findings(tx: &mut Tx<'_>) -> Result<Vec<Finding>, Error> {
    let mut found = counted(tx)?;
    found.extend(check::whole(tx)?);
    Ok(found)
}

/// How many rules `findings` tries.
pub const RULE_COUNT: usize = RULES.len() + check::RULES.len();

/// Their codes.
pub fn codes() -> impl Iterator<Item = &'static str> {
    let counting = RULES.iter().map(|rule| rule.code);
    counting.chain(check::RULES.iter().map(|(code, _)| *code))
}

/// What a check found, where it differed from the one before.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = self_check, treat_none_as_default_value = false)]
pub struct VerdictRow {
    pub id: Uid,
    /// Codes with a space between; empty = sound.
    pub broken: String,
    pub recorded_at: Instant,
}

/// When the rules are tried next, and how the last try went.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = self_check_turn)]
pub struct TurnRow {
    pub next_at: Instant,
    pub took_ms: i64,
    pub tried_at: Option<Instant>,
}

pub fn turn(tx: &mut Tx<'_>) -> Result<TurnRow, Error> {
    Ok(on_either!(tx, conn => self_check_turn::table
        .select(TurnRow::as_select())
        .first(conn)?))
}

/// Puts the next turn off, if it has come; false = it has not, or another took it.
pub fn take_turn(tx: &mut Tx<'_>, now: Instant, next_at: Instant) -> Result<bool, Error> {
    let taken = on_either!(tx, conn => diesel::update(
            self_check_turn::table.filter(self_check_turn::next_at.le(now)),
        )
        .set(self_check_turn::next_at.eq(next_at))
        .execute(conn)?);
    Ok(taken == 1)
}

/// Notes that a try came to its end.
pub fn end_turn(tx: &mut Tx<'_>, row: &TurnRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(self_check_turn::table)
        .set((
            self_check_turn::next_at.eq(row.next_at),
            self_check_turn::took_ms.eq(row.took_ms),
            self_check_turn::tried_at.eq(row.tried_at),
        ))
        .execute(conn)?);
    Ok(())
}

pub fn insert_verdict(tx: &mut Tx<'_>, row: &VerdictRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(self_check::table).values(row).execute(conn)?);
    Ok(())
}

/// The newest verdicts, newest first.
pub fn verdicts(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<VerdictRow>, Error> {
    Ok(on_either!(tx, conn => self_check::table
        .order(self_check::id.desc())
        .limit(limit)
        .select(VerdictRow::as_select())
        .load(conn)?))
}

#[derive(QueryableByName)]
struct Digest {
    #[diesel(sql_type = Text)]
    row: String,
}

/// What is amiss with notices, as facts say. Gone through once, whole tables at a time: asked for every notice by itself,
/// it would take the square of their number.
const STATUS_FROM_FACTS: &str = "SELECT notice_id, sum(bounced) > 0, sum(endpoint_down) > 0, sum(disputed) > 0, sum(told) > 0 FROM (
        SELECT notice_id, CASE WHEN channel = 'email' AND outcome = 'mail_rejected' THEN 1 ELSE 0 END AS bounced,
            CASE WHEN channel = 'webhook' AND (outcome IN ('tls', 'address_refused') OR (outcome = 'status' AND status IN (404, 410))
                OR (number >= 10 AND outcome NOT IN ('accepted', 'released', 'unknown'))) THEN 1 ELSE 0 END AS endpoint_down,
            0 AS disputed, 0 AS told
        FROM attempt_outcome WHERE notice_id IS NOT NULL AND outcome <> 'accepted'
        UNION ALL SELECT notice_id, 1, 0, 0, 0 FROM mail_report WHERE class = 'bounced' AND notice_id IS NOT NULL
        UNION ALL SELECT notice_id, 0, 0, 1, 0 FROM response WHERE ' ' || codes || ' ' LIKE '% disputes_notice %'
        UNION ALL SELECT c.notice_id, 0, 0, 0, 1 FROM out_of_band_contact c JOIN approval_request q ON q.subject_id = c.id
            JOIN approval p ON p.request_id = q.id WHERE p.decision = 'approved'
     ) AS flags WHERE notice_id IN (SELECT id FROM notice) GROUP BY notice_id HAVING sum(bounced + endpoint_down + disputed + told) > 0";

/// Of every delivery how often it was tried, without what was given back while its lease held; whether it was taken: by an
/// endpoint, by a relay that did not give the mail up later, or by a server that said so (a mail that is no notice is not
/// sent again); and whether its notice was acknowledged or closed.
const DELIVERIES_FROM_FACTS: &str = "SELECT d.id, coalesce(t.n, 0) - coalesce(o.released, 0) AS attempts,
        coalesce(o.accepted, 0) + coalesce(m.delivered, 0) > 0 AS accepted,
        k.notice_id IS NOT NULL OR c.notice_id IS NOT NULL AS ended
     FROM delivery d
     LEFT JOIN (SELECT delivery_id, count(*) AS n FROM attempt GROUP BY delivery_id) AS t ON t.delivery_id = d.id
     LEFT JOIN (SELECT a.delivery_id, sum(CASE WHEN a.outcome = 'released' AND a.seq = 1 THEN 1 ELSE 0 END) AS released,
            sum(CASE WHEN a.outcome = 'accepted' AND (a.notice_id IS NULL OR f.attempt_id IS NULL) THEN 1 ELSE 0 END) AS accepted
        FROM attempt_outcome a
        LEFT JOIN (SELECT DISTINCT attempt_id FROM mail_report WHERE action = 'failed') AS f ON f.attempt_id = a.attempt_id
        GROUP BY a.delivery_id) AS o ON o.delivery_id = d.id
     LEFT JOIN (SELECT delivery_id, count(*) AS delivered FROM mail_report WHERE class = 'delivered' GROUP BY delivery_id) AS m
        ON m.delivery_id = d.id
     LEFT JOIN acknowledgement k ON k.notice_id = d.notice_id
     LEFT JOIN notice_closing c ON c.notice_id = d.notice_id";

/// Rebuilds the projections that facts alone determine: what is amiss with every notice, and of every delivery
/// how often it was tried and whether it was accepted or its notice acknowledged. Returns how many rows differed.
pub fn rebuild(tx: &mut Tx<'_>) -> Result<i64, Error> {
    tx.go_through_all()?;
    let before = status_rows(tx)?;
    on_either!(tx, conn => {
        diesel::sql_query("DELETE FROM notice_status").execute(conn)?;
        diesel::sql_query(format!(
            "INSERT INTO notice_status (notice_id, bounced, endpoint_down, disputed, told_out_of_band) {STATUS_FROM_FACTS}"
        ))
        .execute(conn)?;
    });
    let after = status_rows(tx)?;
    let notice = |row: &String| row.split(':').next().map(str::to_owned);
    let differing: HashSet<_> = before.symmetric_difference(&after).map(notice).collect();
    let statuses = i64::try_from(differing.len()).unwrap_or(i64::MAX);
    let deliveries = on_either!(tx, conn => diesel::sql_query(format!(
        "UPDATE delivery SET
            attempts = facts.attempts,
            state = CASE WHEN facts.accepted THEN 'accepted' WHEN facts.ended THEN 'closed'
                WHEN facts.attempts > 0 THEN 'waiting' ELSE 'due' END,
            failures = CASE WHEN delivery.state = 'accepted' AND NOT facts.accepted THEN 1 ELSE delivery.failures END
         FROM ({DELIVERIES_FROM_FACTS}) AS facts
         WHERE facts.id = delivery.id AND delivery.state IN ('due', 'waiting', 'accepted', 'closed') AND (
            delivery.attempts <> facts.attempts
            OR (delivery.state <> 'accepted' AND facts.accepted)
            OR (delivery.state = 'accepted' AND NOT facts.accepted AND NOT facts.ended)
            OR (delivery.state = 'closed' AND delivery.notice_id IS NOT NULL AND NOT facts.ended)
            OR (delivery.state IN ('due', 'waiting') AND facts.ended))"
    )).execute(conn)?);
    let chases = rebuild_chases(tx)?;
    Ok(statuses + i64::try_from(deliveries + chases).unwrap_or(i64::MAX))
}

/// A chase goes on from the step after those that were taken; its next look comes at once, and the plan decides.
fn rebuild_chases(tx: &mut Tx<'_>) -> Result<usize, Error> {
    const TAKEN: &str = "(SELECT count(*) FROM chase_step s WHERE s.notice_id = chase.notice_id)";
    Ok(on_either!(tx, conn => {
        let moot = diesel::sql_query(
            "DELETE FROM chase WHERE EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = chase.notice_id)
             OR EXISTS (SELECT 1 FROM notice_closing k WHERE k.notice_id = chase.notice_id)
                OR NOT EXISTS (SELECT 1 FROM notice n WHERE n.id = chase.notice_id)",
        )
        .execute(conn)?;
        let lost = diesel::sql_query(
            "INSERT INTO chase (notice_id, next_step, next_at)
             SELECT n.id, 1 + (SELECT count(*) FROM chase_step s WHERE s.notice_id = n.id), n.issued_at FROM notice n
             WHERE NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id)
             AND NOT EXISTS (SELECT 1 FROM notice_closing k WHERE k.notice_id = n.id)
             AND NOT EXISTS (SELECT 1 FROM chase c WHERE c.notice_id = n.id)",
        )
        .execute(conn)?;
        let astray = diesel::sql_query(format!(
            "UPDATE chase SET next_step = 1 + {TAKEN},
                next_at = (SELECT n.issued_at FROM notice n WHERE n.id = chase.notice_id)
             WHERE next_step <> 1 + {TAKEN}"
        ))
        .execute(conn)?;
        moot + lost + astray
    }))
}

fn status_rows(tx: &mut Tx<'_>) -> Result<HashSet<String>, Error> {
    let id = match tx.conn {
        super::tx::Conn::Sqlite(_) => "hex(notice_id)",
        super::tx::Conn::Postgres(_) => "CAST(notice_id AS text)",
    };
    let sql = format!(
        "SELECT {id} || ':' || CAST(bounced AS text) || CAST(endpoint_down AS text)
            || CAST(disputed AS text) || CAST(told_out_of_band AS text) AS \"row\" FROM notice_status"
    );
    let rows: Vec<Digest> = on_either!(tx, conn => diesel::sql_query(sql.as_str()).load(conn)?);
    Ok(rows.into_iter().map(|row| row.row).collect())
}
