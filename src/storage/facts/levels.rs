//! Levels of notices have no entries: each follows from its evidence, and whatever is evidence has its level.
//! Only *accessed* (L3) has no other trace than its own entry.

use super::RECORDED;
use super::check::{CHANGED, MISSING, Tally, UNRECORDED};
use super::entries::entries_of;
use super::tables::rows;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use crate::storage::approval::ApprovalRow;
use crate::storage::delivery::OutcomeRow;
use crate::storage::error::Error;
use crate::storage::evidence::{AcknowledgementRow, LevelRow, ResponseRow};
use crate::storage::mail_report::MailReportRow;
use crate::storage::schema::*;
use crate::storage::tx::{Tx, on_either};
use diesel::prelude::*;
use std::collections::HashMap;

const TABLE: &str = "notice_level";

/// What shows a level of a notice.
struct Evidence {
    id: Uid,
    notice: Uid,
    level: i64,
    recorded_at: Instant,
}

impl Evidence {
    /// A webhook's 2xx shows delivery; a relay's acceptance shows only dispatch.
    fn of_outcome(row: &OutcomeRow) -> Option<Self> {
        let level = match row.channel.as_str() {
            "webhook" => Level::Delivered,
            _ => Level::Dispatched,
        };
        Some(Self {
            id: row.attempt_id,
            notice: row.notice_id.filter(|_| row.outcome == "accepted")?,
            level: level.number(),
            recorded_at: row.recorded_at,
        })
    }

    /// A server of the far side said that it has the mail.
    fn of_mail_report(row: &MailReportRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            notice: row.notice_id.filter(|_| row.class == "delivered")?,
            level: Level::Delivered.number(),
            recorded_at: row.recorded_at,
        })
    }

    /// A contact beside the channels counts from its sign-off, and no more than a delivery.
    fn of_sign_off((row, notice): &(ApprovalRow, Uid)) -> Self {
        Self {
            id: row.request_id,
            notice: *notice,
            level: Level::Delivered.number(),
            recorded_at: row.recorded_at,
        }
    }

    fn of_acknowledgement(row: &AcknowledgementRow) -> Self {
        Self {
            id: row.id,
            notice: row.notice_id,
            level: Level::Acknowledged.number(),
            recorded_at: row.recorded_at,
        }
    }

    fn of_response(row: &ResponseRow) -> Self {
        Self {
            id: row.id,
            notice: row.notice_id,
            level: Level::Responded.number(),
            recorded_at: row.recorded_at,
        }
    }

    /// Is the row just what follows from this?
    fn shows(&self, row: &LevelRow) -> bool {
        (self.notice, self.level) == (row.notice_id, row.level)
            && self.recorded_at == row.reached_at
            && self.recorded_at == row.recorded_at
    }
}

pub(super) fn is_access(row: &LevelRow) -> bool {
    row.level == Level::Accessed.number()
}

/// Every level but *accessed* has its evidence.
pub(super) fn of_notices(tx: &mut Tx<'_>, notices: &[Uid], tally: &mut Tally) -> Result<(), Error> {
    let mut levels = rows!(tx, LevelRow, notice_level.notice_id in notices);
    levels.retain(|row| !is_access(row));
    tally.rows += levels.len();
    let ids: Vec<Uid> = levels.iter().map(|row| row.evidence_id).collect();
    let outcomes = rows!(tx, OutcomeRow, attempt_outcome.attempt_id in &ids);
    let reports = rows!(tx, MailReportRow, mail_report.id in &ids);
    let acknowledged = rows!(tx, AcknowledgementRow, acknowledgement.id in &ids);
    let responses = rows!(tx, ResponseRow, response.id in &ids);
    let signed = sign_offs(tx, &ids)?;
    let evidence = outcomes.iter().filter_map(Evidence::of_outcome);
    let evidence = evidence
        .chain(reports.iter().filter_map(Evidence::of_mail_report))
        .chain(signed.iter().map(Evidence::of_sign_off))
        .chain(acknowledged.iter().map(Evidence::of_acknowledgement))
        .chain(responses.iter().map(Evidence::of_response));
    let evidence: HashMap<Uid, Evidence> = evidence.map(|one| (one.id, one)).collect();
    for row in &levels {
        match evidence.get(&row.evidence_id) {
            None => tally.add(UNRECORDED, TABLE, 1),
            Some(shown) if !shown.shows(row) => tally.add(CHANGED, TABLE, 1),
            Some(_) => {}
        }
    }
    Ok(())
}

pub(super) fn of_outcomes(tx: &mut Tx<'_>, ids: &[Uid], tally: &mut Tally) -> Result<(), Error> {
    let outcomes = rows!(tx, OutcomeRow, attempt_outcome.attempt_id in ids);
    let evidence = outcomes.iter().filter_map(Evidence::of_outcome).collect();
    have_levels(tx, evidence, tally)
}

pub(super) fn of_mail_reports(
    tx: &mut Tx<'_>,
    ids: &[Uid],
    tally: &mut Tally,
) -> Result<(), Error> {
    let reports = rows!(tx, MailReportRow, mail_report.id in ids);
    let evidence = reports.iter().filter_map(Evidence::of_mail_report);
    have_levels(tx, evidence.collect(), tally)
}

/// The approvals among these that signed off a contact, each with the notice that it was about.
fn sign_offs(tx: &mut Tx<'_>, requests: &[Uid]) -> Result<Vec<(ApprovalRow, Uid)>, Error> {
    Ok(on_either!(tx, conn => approval::table
        .inner_join(approval_request::table.on(approval_request::id.eq(approval::request_id)))
        .inner_join(out_of_band_contact::table.on(out_of_band_contact::id.eq(approval_request::subject_id)))
        .filter(approval::request_id.eq_any(requests))
        .filter(approval::decision.eq("approved"))
        .select((ApprovalRow::as_select(), out_of_band_contact::notice_id))
        .load(conn)?))
}

pub(super) fn of_approvals(tx: &mut Tx<'_>, ids: &[Uid], tally: &mut Tally) -> Result<(), Error> {
    let rows = sign_offs(tx, ids)?;
    have_levels(tx, rows.iter().map(Evidence::of_sign_off).collect(), tally)
}

pub(super) fn of_acknowledgements(
    tx: &mut Tx<'_>,
    ids: &[Uid],
    tally: &mut Tally,
) -> Result<(), Error> {
    let rows = rows!(tx, AcknowledgementRow, acknowledgement.id in ids);
    let evidence = rows.iter().map(Evidence::of_acknowledgement).collect();
    have_levels(tx, evidence, tally)
}

pub(super) fn of_responses(tx: &mut Tx<'_>, ids: &[Uid], tally: &mut Tally) -> Result<(), Error> {
    let rows = rows!(tx, ResponseRow, response.id in ids);
    let evidence = rows.iter().map(Evidence::of_response).collect();
    have_levels(tx, evidence, tally)
}

/// Every piece of evidence has its level, which was shown by the first of them.
fn have_levels(tx: &mut Tx<'_>, evidence: Vec<Evidence>, tally: &mut Tally) -> Result<(), Error> {
    let notices: Vec<Uid> = evidence.iter().map(|one| one.notice).collect();
    let levels = rows!(tx, LevelRow, notice_level.notice_id in &notices);
    let levels: HashMap<(Uid, i64), Uid> = levels
        .into_iter()
        .map(|row| ((row.notice_id, row.level), row.evidence_id))
        .collect();
    let mut others = Vec::new();
    for one in &evidence {
        match levels.get(&(one.notice, one.level)) {
            None => tally.add(MISSING, TABLE, 1),
            Some(first) if *first != one.id => others.push((*first, one.id)),
            Some(_) => {}
        }
    }
    let ids: Vec<Uid> = others
        .iter()
        .flat_map(|(first, id)| [*first, *id])
        .collect();
    let staged = staged(tx, &ids)?;
    let is_later = |(first, id): &(Uid, Uid)| {
        let both = staged.get(first).zip(staged.get(id));
        both.is_some_and(|(first, own)| first > own)
    };
    let later = others.iter().filter(|pair| is_later(pair)).count();
    if later > 0 {
        tally.add(CHANGED, TABLE, i64::try_from(later).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// The number of the entry of each piece of evidence. Whoever is first to show a level stages first, because a
/// second one waits for the commit of the first; clocks of several nodes may say otherwise.
fn staged(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<HashMap<Uid, i64>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let entries = entries_of(tx, ids)?;
    let shows = entries.iter().filter(|entry| {
        let said = entry.read();
        entry.kind != RECORDED
            && said.is_ok_and(|said| said.outcome.is_none_or(|outcome| outcome == "accepted"))
    });
    Ok(shows.map(|entry| (entry.subject_id, entry.seq)).collect())
}
