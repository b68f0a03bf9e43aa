//! What last proved that a bank can be reached. Read by indexes and only so far back, so that it costs the same
//! however much was sent: what lies further back counts as not proven.

use super::error::Error;
use super::schema::types::{Bool, InstantSql, UidSql};
use super::schema::{
    acknowledgement, attempt_outcome, delivery, mail_report, notice, notice_level,
};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use crate::domain::outcome::ErrorClass;
use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use diesel::sql_types::Nullable;
use std::collections::HashMap;

/// A bank's newest outcomes that are looked at: first the few that are enough where it answers, then more.
const OUTCOMES: [i64; 2] = [20, 500];
/// A bank's newest notices that are looked at.
const NOTICES: i64 = 500;

/// When one of these endpoints of a bank last answered 2xx.
pub fn accepted(tx: &mut Tx<'_>, bank: Uid, endpoints: &[Uid]) -> Result<Option<Instant>, Error> {
    for limit in OUTCOMES {
        let rows = outcomes(tx, bank, limit)?;
        let read = rows.len();
        let accepted = rows
            .into_iter()
            .filter(|(target, outcome, _)| outcome == "accepted" && endpoints.contains(target));
        if let Some(newest) = accepted.map(|(_, _, at)| at).max() {
            return Ok(Some(newest));
        }
        if i64::try_from(read).unwrap_or(i64::MAX) < limit {
            return Ok(None);
        }
    }
    // So many attempts failed that the last success lies before them: the notices know it.
    let since = super::notice::last_number(tx, bank)? - NOTICES;
    Ok(on_either!(tx, conn => notice::table
        .inner_join(notice_level::table.on(notice_level::notice_id.eq(notice::id)))
        .inner_join(attempt_outcome::table.on(attempt_outcome::attempt_id.eq(notice_level::evidence_id)))
        .filter(notice::bank_id.eq(bank))
        .filter(notice::number.gt(since))
        .filter(notice_level::level.eq(Level::Delivered.number()))
        .filter(attempt_outcome::outcome.eq("accepted"))
        .filter(attempt_outcome::target_id.eq_any(endpoints))
        .order(notice_level::reached_at.desc())
        .select(notice_level::reached_at)
        .first(conn)
        .optional()?))
}

/// A bank's newest outcomes, newest first: at which address, what, when.
pub fn outcomes(
    tx: &mut Tx<'_>,
    bank: Uid,
    limit: i64,
) -> Result<Vec<(Uid, String, Instant)>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .filter(attempt_outcome::bank_id.eq(bank))
        .order((attempt_outcome::bank_id.desc(), attempt_outcome::attempt_id.desc()))
        .limit(limit)
        .select((attempt_outcome::target_id, attempt_outcome::outcome, attempt_outcome::recorded_at))
        .load(conn)?))
}

/// The newest failures at an address, newest first: which attempt, and when it was recorded. What says nothing of the
/// address, because nothing was sent, or nobody knows what came of it, or a challenge alone was answered amiss, is not
/// among them.
pub fn failures(tx: &mut Tx<'_>, target: Uid, limit: i64) -> Result<Vec<(Uid, Instant)>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .filter(attempt_outcome::target_id.eq(target))
        .filter(sql::<Bool>("attempt_outcome.outcome <> 'accepted'"))
        .filter(attempt_outcome::outcome.ne(ErrorClass::Released.code()))
        .filter(attempt_outcome::outcome.ne(ErrorClass::Unknown.code()))
        .filter(attempt_outcome::outcome.ne(ErrorClass::WrongAnswer.code()))
        .order((attempt_outcome::target_id.desc(), attempt_outcome::attempt_id.desc()))
        .limit(limit)
        .select((attempt_outcome::attempt_id, attempt_outcome::recorded_at))
        .load(conn)?))
}

/// Whether an address of a bank took anything in a later attempt than this.
pub fn accepted_since(
    tx: &mut Tx<'_>,
    bank: Uid,
    target: Uid,
    attempt: Uid,
) -> Result<bool, Error> {
    let later = attempt_outcome::table
        .filter(attempt_outcome::bank_id.eq(bank))
        .filter(attempt_outcome::attempt_id.gt(attempt))
        .filter(attempt_outcome::target_id.eq(target))
        .filter(attempt_outcome::outcome.eq("accepted"));
    Ok(on_either!(tx, conn => select(exists(later)).get_result(conn)?))
}

/// What came of the newest mails, newest first: to which address, what, when.
pub fn mails(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(Uid, String, Instant)>, Error> {
    Ok(on_either!(tx, conn => attempt_outcome::table
        .filter(sql::<Bool>("attempt_outcome.channel = 'email'"))
        .order((attempt_outcome::attempt_id.desc(), attempt_outcome::seq.desc()))
        .limit(limit)
        .select((attempt_outcome::target_id, attempt_outcome::outcome, attempt_outcome::recorded_at))
        .load(conn)?))
}

/// How many mails wait to be tried again.
pub fn waiting_mails(tx: &mut Tx<'_>) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => delivery::table
        .filter(sql::<Bool>("state = 'waiting'"))
        .filter(delivery::channel.eq("email"))
        .count()
        .get_result(conn)?))
}

/// When one address is tried again.
pub fn next_try(tx: &mut Tx<'_>, target: Uid) -> Result<Option<Instant>, Error> {
    Ok(on_either!(tx, conn => delivery::table
        .filter(sql::<Bool>("state = 'waiting'"))
        .filter(delivery::target_id.eq(target))
        .order((delivery::target_id, delivery::due_at))
        .select(delivery::due_at)
        .first(conn)
        .optional()?))
}

/// Goes by the index from each address to the next, so that it costs what the addresses are, however much waits for one.
const NEXT_TRIES: &str = "WITH RECURSIVE address(id) AS (
        SELECT (SELECT target_id FROM delivery WHERE state = 'waiting' ORDER BY target_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.target_id FROM delivery d WHERE d.state = 'waiting' AND d.target_id > address.id
            ORDER BY d.target_id LIMIT 1) FROM address WHERE address.id IS NOT NULL)
    SELECT address.id AS target_id,
        (SELECT d.bank_id FROM delivery d WHERE d.state = 'waiting' AND d.target_id = address.id
            ORDER BY d.due_at LIMIT 1) AS bank_id,
        (SELECT d.due_at FROM delivery d WHERE d.state = 'waiting' AND d.target_id = address.id
            ORDER BY d.due_at LIMIT 1) AS due_at
    FROM address WHERE address.id IS NOT NULL";

#[derive(QueryableByName)]
struct NextTry {
    #[diesel(sql_type = UidSql)]
    target_id: Uid,
    #[diesel(sql_type = Nullable<UidSql>)]
    bank_id: Option<Uid>,
    #[diesel(sql_type = Nullable<InstantSql>)]
    due_at: Option<Instant>,
}

/// When each address of any bank is tried again, with its bank.
pub fn next_tries(tx: &mut Tx<'_>) -> Result<HashMap<Uid, (Uid, Instant)>, Error> {
    let rows: Vec<NextTry> = on_either!(tx, conn => diesel::sql_query(NEXT_TRIES).load(conn)?);
    let of_bank = |row: NextTry| Some((row.target_id, (row.bank_id?, row.due_at?)));
    Ok(rows.into_iter().filter_map(of_bank).collect())
}

/// When a mail server last said that it has a mail to one of these contacts.
pub fn reported(tx: &mut Tx<'_>, contacts: &[Uid]) -> Result<Option<Instant>, Error> {
    let mut newest: Option<Instant> = None;
    for contact in contacts {
        let found: Option<Instant> = on_either!(tx, conn => mail_report::table
            .filter(mail_report::target_id.eq(contact))
            .filter(mail_report::class.eq("delivered"))
            .order(mail_report::id.desc())
            .select(mail_report::recorded_at)
            .first(conn)
            .optional()?);
        newest = newest.max(found);
    }
    Ok(newest)
}

/// When somebody last confirmed by the link of a mail to one of these contacts.
pub fn confirmed_by_link(
    tx: &mut Tx<'_>,
    bank: Uid,
    contacts: &[Uid],
) -> Result<Option<Instant>, Error> {
    let since = super::notice::last_number(tx, bank)? - NOTICES;
    Ok(on_either!(tx, conn => notice::table
        .inner_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
        .inner_join(delivery::table.on(acknowledgement::delivery_id.eq(delivery::id.nullable())))
        .filter(notice::bank_id.eq(bank))
        .filter(notice::number.gt(since))
        .filter(acknowledgement::class.eq("link"))
        .filter(delivery::target_id.eq_any(contacts))
        .order(acknowledgement::recorded_at.desc())
        .select(acknowledgement::recorded_at)
        .first(conn)
        .optional()?))
}
