//! What last proved that a bank can be reached. Read by indexes and only so far back, so that it costs the same
//! however much was sent: what lies further back counts as not proven.

use super::error::Error;
use super::schema::types::Bool;
use super::schema::{
    acknowledgement, attempt_outcome, delivery, mail_report, notice, notice_level,
};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use diesel::dsl::sql;
use diesel::prelude::*;
use std::collections::HashMap;

/// A bank's newest outcomes that are looked at: first the few that are enough where it answers, then more.
const OUTCOMES: [i64; 2] = [20, 500];
/// Waiting retries of a channel that are looked at.
const RETRIES: i64 = 5_000;
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

/// When each address is tried again, of one bank or of all, with its bank; the soonest of the retries that are looked at.
pub fn next_tries(
    tx: &mut Tx<'_>,
    bank: Option<Uid>,
) -> Result<HashMap<Uid, (Uid, Instant)>, Error> {
    let mut found = HashMap::new();
    for channel in ["webhook", "email"] {
        let rows: Vec<(Uid, Option<Uid>, Instant)> = on_either!(tx, conn => {
            let mut query = delivery::table
                .filter(sql::<Bool>("state = 'waiting'"))
                .filter(delivery::channel.eq(channel))
                .order((delivery::due_at, delivery::id))
                .limit(RETRIES)
                .select((delivery::target_id, delivery::bank_id, delivery::due_at))
                .into_boxed();
            if let Some(bank) = bank {
                query = query.filter(delivery::bank_id.eq(bank));
            }
            query.load(conn)?
        });
        for (target, bank, due_at) in rows {
            if let Some(bank) = bank {
                found.entry(target).or_insert((bank, due_at));
            }
        }
    }
    Ok(found)
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
