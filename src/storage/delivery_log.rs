//! The delivery log: what came of every attempt, in the order in which they were begun. Nothing here reads without a
//! bound, and what is rare is not looked for among what is common: failures and mails have indexes of their own, which
//! an accepted webhook costs nothing.

use super::delivery::OutcomeRow;
use super::error::Error;
use super::schema::attempt_outcome;
use super::schema::types::{BigInt, Bool, Text, UidSql};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::sql;
use diesel::prelude::*;

/// What to look for in the delivery log.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    pub bank: Option<Uid>,
    pub incident: Option<Uid>,
    pub channel: Option<String>,
    pub outcome: Option<String>,
    pub from: Option<Instant>,
    pub to: Option<Instant>,
}

/// A place in the delivery log: rows after it, in the order (attempt, seq).
pub type LogPlace = (Uid, i64);

/// The newest place in the log: the fixed end of an export.
pub fn end(tx: &mut Tx<'_>) -> Result<Option<LogPlace>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .order((attempt_outcome::attempt_id.desc(), attempt_outcome::seq.desc()))
        .select((attempt_outcome::attempt_id, attempt_outcome::seq))
        .first(conn)
        .optional()?))
}

/// A page of the log in the order of attempts, oldest first, after a place and not beyond `end`. An attempt's id is made
/// when it starts, and so bounds what is looked at by time.
pub fn page(
    tx: &mut Tx<'_>,
    filter: &LogFilter,
    after: Option<LogPlace>,
    end: Option<LogPlace>,
    limit: i64,
) -> Result<Vec<OutcomeRow>, Error> {
    let span = Span { after, end, limit };
    let failed = filter.outcome.as_deref().filter(|code| *code != "accepted");
    // An incident has few attempts.
    let Some(outcome) = failed.filter(|_| filter.incident.is_none()) else {
        return common(tx, filter, span);
    };
    let channels = match filter.channel.as_deref() {
        Some(channel) => vec![channel],
        None => vec!["webhook", "email"],
    };
    let mut rows = Vec::new();
    for channel in channels {
        rows.extend(failures(tx, filter, (outcome, channel), span)?);
    }
    rows.sort_unstable_by_key(|row| (row.attempt_id, row.seq));
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(rows)
}

/// The part of the log that is read.
#[derive(Clone, Copy)]
struct Span {
    after: Option<LogPlace>,
    end: Option<LogPlace>,
    limit: i64,
}

impl Span {
    /// The lowest and the highest attempt in it. One bound at either end: of two, the database may look from the
    /// wider one.
    fn attempts(&self, filter: &LogFilter) -> (Option<Uid>, Option<Uid>) {
        let lowest = filter.from.map(|from| Uid::span(from).0);
        let lowest = lowest.max(self.after.map(|(attempt, _)| attempt));
        let highest = [
            filter.to.map(|to| Uid::span(to).1),
            self.end.map(|(attempt, _)| attempt),
        ];
        (lowest, highest.into_iter().flatten().min())
    }
}

/// Whatever is not rare, by the primary key, by bank or by incident; and mails.
fn common(tx: &mut Tx<'_>, filter: &LogFilter, span: Span) -> Result<Vec<OutcomeRow>, Error> {
    let (lowest, highest) = span.attempts(filter);
    Ok(on_either!(tx, conn => {
        let mut query = attempt_outcome::table
            .order((attempt_outcome::attempt_id, attempt_outcome::seq))
            .limit(span.limit)
            .select(OutcomeRow::as_select())
            .into_boxed();
        if let Some(bank) = filter.bank {
            query = query.filter(attempt_outcome::bank_id.eq(bank));
        }
        if let Some(incident) = filter.incident {
            query = query.filter(attempt_outcome::incident_id.eq(incident));
        }
        match filter.channel.as_deref() {
            // As the partial indexes have it.
            Some("email") => query = query.filter(sql::<Bool>("attempt_outcome.channel = 'email'")),
            Some(channel) => query = query.filter(attempt_outcome::channel.eq(channel)),
            None => {}
        }
        if let Some(outcome) = &filter.outcome {
            query = query.filter(attempt_outcome::outcome.eq(outcome));
        }
        if let Some(from) = filter.from {
            query = query.filter(attempt_outcome::started_at.ge(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(attempt_outcome::started_at.lt(to));
        }
        if let Some(lowest) = lowest {
            query = query.filter(attempt_outcome::attempt_id.ge(lowest));
        }
        if let Some(highest) = highest {
            query = query.filter(attempt_outcome::attempt_id.le(highest));
        }
        if let Some((attempt, seq)) = span.after {
            query = query
                .filter(attempt_outcome::attempt_id.gt(attempt).or(attempt_outcome::seq.gt(seq)));
        }
        if let Some((attempt, seq)) = span.end {
            query = query
                .filter(attempt_outcome::attempt_id.lt(attempt).or(attempt_outcome::seq.le(seq)));
        }
        query.load(conn)?
    }))
}

/// Failures of one kind over one channel, of one bank or of all.
fn failures(
    tx: &mut Tx<'_>,
    filter: &LogFilter,
    (outcome, channel): (&str, &str),
    span: Span,
) -> Result<Vec<OutcomeRow>, Error> {
    let (lowest, highest) = span.attempts(filter);
    let mut place = match (span.after, lowest) {
        (Some(after), Some(lowest)) if after.0 == lowest => after,
        (_, lowest) => (lowest.unwrap_or(Uid::from_bytes([0; 16])), 0),
    };
    let most = usize::try_from(span.limit).unwrap_or(0);
    let mut found = Vec::new();
    while found.len() < most {
        let rows = failures_after(tx, filter.bank, (outcome, channel), place, span.limit)?;
        let is_last = rows.len() < most;
        for row in rows {
            place = (row.attempt_id, row.seq);
            let is_other = filter.bank.is_some_and(|bank| row.bank_id != Some(bank))
                || (row.outcome.as_str(), row.channel.as_str()) != (outcome, channel);
            if is_other || highest.is_some_and(|highest| row.attempt_id > highest) {
                return Ok(found);
            }
            // The id of an attempt tells no more than its millisecond.
            let is_in = filter.from.is_none_or(|from| row.started_at >= from)
                && filter.to.is_none_or(|to| row.started_at < to)
                && span.end.is_none_or(|end| place <= end);
            if is_in && found.len() < most {
                found.push(row);
            }
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// The next rows behind a key, of whatever key; the caller knows where to end. With equalities, or with an upper bound
/// in the same statement, PostgreSQL may follow another index and read on and on what is not wanted.
fn failures_after(
    tx: &mut Tx<'_>,
    bank: Option<Uid>,
    (outcome, channel): (&str, &str),
    (attempt, seq): LogPlace,
    limit: i64,
) -> Result<Vec<OutcomeRow>, Error> {
    const KEY: &str = "attempt_outcome.outcome, attempt_outcome.channel, attempt_outcome.attempt_id, attempt_outcome.seq";
    let key = (
        attempt_outcome::outcome,
        attempt_outcome::channel,
        attempt_outcome::attempt_id,
        attempt_outcome::seq,
    );
    let behind = match bank {
        Some(_) => format!("(attempt_outcome.bank_id, {KEY}) > ("),
        None => format!("({KEY}) > ("),
    };
    let rare = sql::<Bool>("attempt_outcome.outcome <> 'accepted'");
    Ok(on_either!(tx, conn => {
        let query = attempt_outcome::table
            .filter(rare)
            .limit(limit)
            .select(OutcomeRow::as_select())
            .into_boxed();
        let start = sql::<Bool>(&behind);
        match bank {
            Some(bank) => query
                .filter(start
                    .bind::<UidSql, _>(bank).sql(", ").bind::<Text, _>(outcome).sql(", ")
                    .bind::<Text, _>(channel).sql(", ").bind::<UidSql, _>(attempt).sql(", ")
                    .bind::<BigInt, _>(seq).sql(")"))
                .order(attempt_outcome::bank_id)
                .then_order_by(key)
                .load(conn)?,
            None => query
                .filter(start
                    .bind::<Text, _>(outcome).sql(", ").bind::<Text, _>(channel).sql(", ")
                    .bind::<UidSql, _>(attempt).sql(", ").bind::<BigInt, _>(seq).sql(")"))
                .order(key)
                .load(conn)?,
        }
    }))
}

/// The newest attempts to reach a bank, older than `before`.
pub fn newest_attempts(
    tx: &mut Tx<'_>,
    bank_id: Uid,
    before: Option<Uid>,
    limit: i64,
) -> Result<Vec<OutcomeRow>, Error> {
    Ok(on_either!(tx, conn => {
        let mut query = attempt_outcome::table
            .filter(attempt_outcome::bank_id.eq(bank_id))
            .order((attempt_outcome::attempt_id.desc(), attempt_outcome::seq.desc()))
            .limit(limit)
            .select(OutcomeRow::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(attempt_outcome::attempt_id.lt(before));
        }
        query.load(conn)?
    }))
}

/// Every outcome of the attempts to deliver one notice, oldest first.
pub fn attempts_of_notice(
    tx: &mut Tx<'_>,
    incident_id: Uid,
    bank_id: Uid,
    notice_id: Uid,
) -> Result<Vec<OutcomeRow>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .filter(attempt_outcome::incident_id.eq(incident_id))
        .filter(attempt_outcome::bank_id.eq(bank_id))
        .filter(attempt_outcome::notice_id.eq(notice_id))
        .order((attempt_outcome::attempt_id, attempt_outcome::seq))
        .limit(1_000)
        .select(OutcomeRow::as_select())
        .load(conn)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::plans;
    use diesel::connection::SimpleConnection;

    /// As of ten million attempts, nearly all of them accepted webhooks.
    const LARGE: &str = "ANALYZE; DELETE FROM sqlite_stat1;
        INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('attempt_outcome', 'attempt_outcome', '10000000 1 1'),
            ('attempt_outcome', 'attempt_outcome_of_bank', '10000000 285000 1 1'),
            ('attempt_outcome', 'attempt_outcome_of_incident', '10000000 105 3 1 1'),
            ('attempt_outcome', 'attempt_outcome_failed', '10000 1000 900 1 1'),
            ('attempt_outcome', 'attempt_outcome_failed_of_bank', '10000 290 60 50 1 1'),
            ('attempt_outcome', 'attempt_outcome_failed_at', '10000 200 1 1'),
            ('attempt_outcome', 'attempt_outcome_mailed', '10000 1 1'),
            ('attempt_outcome', 'attempt_outcome_mailed_of_bank', '10000 290 1 1');
        ANALYZE sqlite_schema;";

    #[test]
    fn what_is_rare_is_not_looked_for_among_what_is_common() {
        let (_folder, mut conn) = plans::empty();
        let (some, at) = (
            Uid::from_bytes([3; 16]),
            Instant::from_micros(1_600_000_000_000_000),
        );
        let all = LogFilter::default();
        let of_bank = LogFilter {
            bank: Some(some),
            ..all.clone()
        };
        let failed = |of: &LogFilter| LogFilter {
            outcome: Some("tls".into()),
            ..of.clone()
        };
        let mailed = |of: &LogFilter| LogFilter {
            channel: Some("email".into()),
            ..of.clone()
        };
        let cases = [
            (of_bank.clone(), "attempt_outcome_of_bank"),
            (failed(&all), "attempt_outcome_failed"),
            (failed(&of_bank), "attempt_outcome_failed_of_bank"),
            (failed(&mailed(&all)), "attempt_outcome_failed"),
            (failed(&mailed(&of_bank)), "attempt_outcome_failed_of_bank"),
            (mailed(&all), "attempt_outcome_mailed"),
            (mailed(&of_bank), "attempt_outcome_mailed_of_bank"),
        ];
        for statistics in ["SELECT 1", LARGE] {
            conn.batch_execute(statistics).expect("taken");
            for (filter, index) in &cases {
                let since = LogFilter {
                    from: Some(at),
                    ..filter.clone()
                };
                for filter in [filter, &since] {
                    // Nothing is sorted either: that would be a step of its own.
                    let ask = |tx: &mut Tx<'_>| page(tx, filter, None, None, 101);
                    for step in plans::steps(&mut conn, ask) {
                        assert!(
                            step.split(' ').any(|word| word == *index),
                            "{filter:?}: {step}"
                        );
                    }
                }
            }
        }
    }
}
