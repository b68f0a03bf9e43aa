//! Whose endpoints are: challenges sent, answers that showed the secret, and endpoints that wait to take the place of
//! another. When one is sent and what follows is decided above.

use super::delivery::UNLEASED;
use super::error::Error;
use super::facts::{fact, insert_facts};
use super::prepared::prepared;
use super::schema::types::{BigInt, Bool, InstantSql, UidSql};
use super::schema::{
    delivery, endpoint_challenge, endpoint_end, endpoint_proof, endpoint_replacement, warning_given,
};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use std::collections::HashMap;

/// A challenge that was sent to an endpoint.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = endpoint_challenge)]
pub struct ChallengeRow {
    pub message_id: Uid,
    pub delivery_id: Uid,
    pub endpoint_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint_challenge ChallengeRow, message_id:
    message_id, delivery_id, endpoint_id, recorded_at
);

/// An answer that showed the endpoint's secret.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = endpoint_proof)]
pub struct ProofRow {
    pub id: Uid,
    pub endpoint_id: Uid,
    /// The challenge.
    pub message_id: Uid,
    pub attempt_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint_proof ProofRow, id: id, endpoint_id, message_id, attempt_id, recorded_at);

/// A new endpoint, and the one beside which it receives.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = endpoint_replacement)]
pub struct ReplacementRow {
    pub endpoint_id: Uid,
    pub replaces: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint_replacement ReplacementRow, endpoint_id: endpoint_id, replaces, recorded_at);

pub fn insert_challenge(tx: &mut Tx<'_>, row: &ChallengeRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The entry is the caller's to stage.
pub fn insert_proof(tx: &mut Tx<'_>, row: &ProofRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

pub fn insert_replacement(tx: &mut Tx<'_>, row: &ReplacementRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The newest challenge of an endpoint.
pub fn newest_challenge(tx: &mut Tx<'_>, endpoint: Uid) -> Result<Option<ChallengeRow>, Error> {
    Ok(on_either!(tx, conn => endpoint_challenge::table
        .filter(endpoint_challenge::endpoint_id.eq(endpoint))
        .order(endpoint_challenge::message_id.desc())
        .select(ChallengeRow::as_select())
        .first(conn)
        .optional()?))
}

/// The deliveries of the challenges to an endpoint.
pub fn deliveries(tx: &mut Tx<'_>, endpoint: Uid) -> Result<Vec<Uid>, Error> {
    Ok(on_either!(tx, conn => endpoint_challenge::table
        .filter(endpoint_challenge::endpoint_id.eq(endpoint))
        .select(endpoint_challenge::delivery_id)
        .load(conn)?))
}

/// Supersedes those of these deliveries that are open. One under way keeps its lease until its outcome is recorded.
pub fn supersede(tx: &mut Tx<'_>, deliveries: &[Uid]) -> Result<(), Error> {
    for part in deliveries.chunks(ROWS_AT_ONCE) {
        on_either!(tx, conn => diesel::update(
                delivery::table
                    .filter(delivery::id.eq_any(part))
                    .filter(sql::<Bool>(UNLEASED)),
            )
            .set(delivery::state.eq("superseded"))
            .execute(conn)?);
    }
    Ok(())
}

/// Since when each of these endpoints is proven; those that are not are left out.
pub fn proven_since(tx: &mut Tx<'_>, endpoints: &[Uid]) -> Result<HashMap<Uid, Instant>, Error> {
    let mut since: HashMap<Uid, Instant> = HashMap::new();
    for part in endpoints.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(Uid, Instant)> = on_either!(tx, conn => endpoint_proof::table
            .filter(endpoint_proof::endpoint_id.eq_any(part))
            .select((endpoint_proof::endpoint_id, endpoint_proof::recorded_at))
            .load(conn)?);
        for (endpoint, at) in rows {
            let first = since.entry(endpoint).or_insert(at);
            *first = at.min(*first);
        }
    }
    Ok(since)
}

/// The newest challenges of live endpoints that nobody has answered since, sent by then, and of which no warning of
/// this kind was given; the oldest first.
pub fn unanswered(
    tx: &mut Tx<'_>,
    by: Instant,
    kind: &str,
    limit: i64,
) -> Result<Vec<ChallengeRow>, Error> {
    const NEWEST: &str = "NOT EXISTS (SELECT 1 FROM endpoint_challenge n
        WHERE n.endpoint_id = endpoint_challenge.endpoint_id AND n.message_id > endpoint_challenge.message_id)";
    const OPEN: &str = "NOT EXISTS (SELECT 1 FROM endpoint_proof p
        WHERE p.endpoint_id = endpoint_challenge.endpoint_id AND p.recorded_at >= endpoint_challenge.recorded_at)";
    let ended =
        endpoint_end::table.filter(endpoint_end::endpoint_id.eq(endpoint_challenge::endpoint_id));
    let warned = warning_given::table
        .filter(warning_given::subject_id.eq(endpoint_challenge::message_id))
        .filter(warning_given::kind.eq(kind));
    Ok(on_either!(tx, conn => endpoint_challenge::table
        .filter(endpoint_challenge::recorded_at.le(by))
        .filter(sql::<Bool>(OPEN))
        .filter(sql::<Bool>(NEWEST))
        .filter(not(exists(ended)))
        .filter(not(exists(warned)))
        .order(endpoint_challenge::message_id)
        .limit(limit)
        .select(ChallengeRow::as_select())
        .load(conn)?))
}

/// What was entered to take the place of an endpoint, the newest first.
pub fn replacements(tx: &mut Tx<'_>, replaced: Uid) -> Result<Vec<ReplacementRow>, Error> {
    Ok(on_either!(tx, conn => endpoint_replacement::table
        .filter(endpoint_replacement::replaces.eq(replaced))
        .order(endpoint_replacement::endpoint_id.desc())
        .select(ReplacementRow::as_select())
        .load(conn)?))
}

prepared!(PlacesTaken returns UidSql:
    "WITH RECURSIVE place (old, new) AS (
        SELECT r.replaces, r.endpoint_id FROM endpoint_replacement r
        WHERE NOT EXISTS (SELECT 1 FROM endpoint_end e WHERE e.endpoint_id = r.replaces) AND r.recorded_at <= " by: InstantSql = Instant,
    "   UNION SELECT place.old, r.endpoint_id FROM place
        JOIN endpoint_replacement r ON r.replaces = place.new WHERE r.recorded_at <= " and_by: InstantSql = Instant,
    ")
     SELECT DISTINCT old FROM place
     WHERE EXISTS (SELECT 1 FROM endpoint_proof p WHERE p.endpoint_id = place.new)
       AND NOT EXISTS (SELECT 1 FROM endpoint_end e WHERE e.endpoint_id = place.new)
       AND old > " after: UidSql = Uid,
    " ORDER BY old LIMIT " limit: BigInt = i64,
);

/// Live endpoints behind `after` whose place a live and proven one was entered to take by then, itself or through others.
pub fn places_taken(
    tx: &mut Tx<'_>,
    by: Instant,
    after: Uid,
    limit: i64,
) -> Result<Vec<Uid>, Error> {
    let and_by = by;
    Ok(on_either!(tx, conn => PlacesTaken { by, and_by, after, limit }.load(conn)?))
}
