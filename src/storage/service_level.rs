//! What service levels are measured from: when notices were issued, delivered, acknowledged or closed, and the
//! revisions and drafts that the operator's own clocks run from. One read each; attempts are never looked at.

use super::error::Error;
use super::operator_clock::ClockRow;
use super::schema::types::{InstantSql, Nullable};
use super::schema::{
    acknowledgement, draft, fanout, incident, notice, notice_closing, operator_clock, revision,
};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;

/// From this instant to before that one.
pub type Within = (Instant, Instant);

/// A notice of an incident that is no exercise and no test, and what came of it.
#[derive(Debug, Clone, Queryable)]
pub struct NoticeSpan {
    pub revision: Uid,
    pub reason: String,
    pub bank: Uid,
    pub issued_at: Instant,
    pub acknowledge_by: Instant,
    /// When the bank's own system had it (L2); by whatever else somebody was told of it, nothing was delivered.
    pub delivered_at: Option<Instant>,
    pub acknowledged_at: Option<Instant>,
    /// By two people, without a stamp.
    pub closed_at: Option<Instant>,
}

/// Of a contact beside the channels the evidence is the request that two people decided.
const DELIVERED: &str =
    "(SELECT l.reached_at FROM notice_level l WHERE l.notice_id = notice.id AND l.level = 2
    AND NOT EXISTS (SELECT 1 FROM approval_request a WHERE a.id = l.evidence_id))";

/// The notices issued within this time, of one bank or of all.
pub fn notices(
    tx: &mut Tx<'_>,
    (from, to): Within,
    bank: Option<Uid>,
    limit: i64,
) -> Result<Vec<NoticeSpan>, Error> {
    Ok(on_either!(tx, conn => {
        // By way of the few fan-outs of that time: notices are too many to be gone through.
        let issued = fanout::table
            .filter(fanout::issued_at.ge(from))
            .filter(fanout::issued_at.lt(to))
            .select(fanout::revision_id);
        let told = revision::table
            .filter(revision::kind.eq("actual"))
            .filter(revision::id.eq_any(issued))
            .select(revision::id);
        let mut query = notice::table
            .left_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
            .left_join(notice_closing::table.on(notice_closing::notice_id.eq(notice::id)))
            .filter(notice::revision_id.eq_any(told))
            .filter(notice::issued_at.ge(from))
            .filter(notice::issued_at.lt(to))
            .select((
                notice::revision_id,
                notice::reason,
                notice::bank_id,
                notice::issued_at,
                notice::acknowledge_by,
                sql::<Nullable<InstantSql>>(DELIVERED),
                acknowledgement::recorded_at.nullable(),
                notice_closing::recorded_at.nullable(),
            ))
            .limit(limit)
            .into_boxed();
        if let Some(bank) = bank {
            query = query.filter(notice::bank_id.eq(bank));
        }
        query.load(conn)?
    }))
}

/// A revision of an incident that is no exercise and no test.
#[derive(Debug, Clone, Queryable)]
pub struct RevisionSpan {
    pub reference: String,
    pub incident: Uid,
    pub id: Uid,
    pub number: i64,
    pub phase: String,
    pub status: String,
    pub kind: String,
    pub accepted_at: Instant,
    pub body: Vec<u8>,
}

/// All revisions of the incidents of which one was issued within this time, incident by incident and in order.
pub fn revisions(
    tx: &mut Tx<'_>,
    (from, to): Within,
    limit: i64,
) -> Result<Vec<RevisionSpan>, Error> {
    let touched = diesel::alias!(revision as touched);
    Ok(on_either!(tx, conn => revision::table
        .inner_join(incident::table.on(incident::id.eq(revision::incident_id)))
        .filter(revision::incident_id.eq_any(touched
            .filter(touched.field(revision::id).eq_any(fanout::table
                .filter(fanout::issued_at.ge(from))
                .filter(fanout::issued_at.lt(to))
                .select(fanout::revision_id)))
            .select(touched.field(revision::incident_id))))
        .filter(revision::kind.eq("actual"))
        .order((revision::incident_id, revision::number))
        .limit(limit)
        .select((
            incident::reference,
            revision::incident_id,
            revision::id,
            revision::number,
            revision::phase,
            revision::status,
            revision::kind,
            revision::accepted_at,
            revision::body,
        ))
        .load(conn)?))
}

/// The clocks of drafts that were begun within this time and are neither issued nor discarded, each with when it
/// was begun.
pub fn drafts(
    tx: &mut Tx<'_>,
    (from, to): Within,
    limit: i64,
) -> Result<Vec<(ClockRow, Instant)>, Error> {
    Ok(on_either!(tx, conn => operator_clock::table
        .inner_join(draft::table.on(draft::id.eq(operator_clock::subject_id)))
        .filter(draft::created_at.ge(from))
        .filter(draft::created_at.lt(to))
        .order(draft::id)
        .limit(limit)
        .select((ClockRow::as_select(), draft::created_at))
        .load(conn)?))
}

/// How many revisions of exercises and of tests were issued within this time, by kind.
pub fn left_out(tx: &mut Tx<'_>, (from, to): Within) -> Result<Vec<(String, i64)>, Error> {
    Ok(on_either!(tx, conn => revision::table
        .filter(revision::id.eq_any(fanout::table
            .filter(fanout::kind.eq("roster"))
            .filter(fanout::issued_at.ge(from))
            .filter(fanout::issued_at.lt(to))
            .select(fanout::revision_id)))
        .filter(revision::kind.ne("actual"))
        .group_by(revision::kind)
        .order(revision::kind)
        .select((revision::kind, count_star()))
        .load(conn)?))
}
