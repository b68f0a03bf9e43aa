//! Evidence: levels reached, acknowledgements, responses and tasks. Its entries are in `log.rs`.

use super::error::Error;
use super::facts::{self, fact, insert_facts};
use super::notice::NoticeRow;
use super::prepared::insert_new;
use super::schema::types::Bool;
use super::schema::{
    acknowledgement, guess_counter, head_dispute, notice, notice_level, notice_status, response,
    response_answer, response_shared, revision, task_event,
};
use super::tx::{Tx, on_either};
use super::{ROWS_AT_ONCE, insert_all, log};
use crate::domain::entry::{Accessed, Entry};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = notice_level)]
pub struct LevelRow {
    pub notice_id: Uid,
    pub level: i64,
    pub reached_at: Instant,
    pub recorded_at: Instant,
    pub evidence_id: Uid,
}

fact!("INSERT OR IGNORE INTO" notice_level LevelRow, notice_id, level:
    notice_id, level, reached_at, recorded_at, evidence_id
);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = notice_status, treat_none_as_default_value = false)]
pub struct StatusRow {
    pub notice_id: Uid,
    pub bounced: bool,
    pub endpoint_down: bool,
    pub disputed: bool,
    pub told_out_of_band: bool,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = acknowledgement)]
pub struct AcknowledgementRow {
    pub id: Uid,
    pub notice_id: Uid,
    pub digest: Vec<u8>,
    pub class: String,
    pub person_id: Option<Uid>,
    pub api_key_id: Option<Uid>,
    pub delivery_id: Option<Uid>,
    pub payload_id: Option<Uid>,
    /// The signed note and its salt, sealed; one that covers others has it, those covered do not.
    pub note_id: Option<Uid>,
    pub covered_by: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" acknowledgement AcknowledgementRow, id:
    id, notice_id, digest, class, person_id, api_key_id, delivery_id, payload_id, note_id, covered_by, recorded_at
);

/// A bank had seen a head that no log of this hub has.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = head_dispute)]
pub struct HeadDisputeRow {
    pub id: Uid,
    pub bank_id: Uid,
    pub acknowledgement_id: Uid,
    pub size: i64,
    pub root: Vec<u8>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" head_dispute HeadDisputeRow, acknowledgement_id:
    id, bank_id, acknowledgement_id, size, root, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = response)]
pub struct ResponseRow {
    pub id: Uid,
    pub notice_id: Uid,
    pub incident_id: Uid,
    pub bank_id: Uid,
    pub codes: String,
    pub share: String,
    pub payload_id: Uid,
    pub effective_from: Option<Instant>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" response ResponseRow, id:
    id, notice_id, incident_id, bank_id, codes, share, payload_id, effective_from, recorded_at
);

/// An officer's answer to a response that asks.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = response_answer)]
pub struct AnswerRow {
    pub response_id: Uid,
    pub person_id: Uid,
    pub payload_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" response_answer AnswerRow, response_id:
    response_id, person_id, payload_id, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = task_event)]
pub struct TaskEventRow {
    pub task_id: Uid,
    pub seq: i64,
    pub kind: String,
    pub event: String,
    pub bank_id: Uid,
    pub notice_id: Option<Uid>,
    pub target_id: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" task_event TaskEventRow, task_id, seq:
    task_id, seq, kind, event, bank_id, notice_id, target_id, recorded_at
);

/// A level shown for a notice by a piece of evidence.
#[derive(Debug, Clone)]
pub struct Reached {
    pub notice: Uid,
    pub level: Level,
    pub at: Instant,
    pub evidence: Uid,
}

impl Reached {
    fn row(&self, recorded_at: Instant) -> LevelRow {
        LevelRow {
            notice_id: self.notice,
            level: self.level.number(),
            reached_at: self.at,
            recorded_at,
            evidence_id: self.evidence,
        }
    }
}

/// Records levels reached; what a notice has reached already stays as it was first shown. None has an entry:
/// each follows from its evidence.
pub fn raise(tx: &mut Tx<'_>, reached: &[Reached]) -> Result<(), Error> {
    let now = tx.now()?;
    let rows: Vec<LevelRow> = reached.iter().map(|one| one.row(now)).collect();
    insert_all(tx, &rows)
}

/// Records that a person of `bank` has a notice on screen; the first time, with its entry.
pub fn access(tx: &mut Tx<'_>, bank: Uid, reached: &Reached) -> Result<(), Error> {
    let row = reached.row(tx.now()?);
    if insert_new(tx, std::slice::from_ref(&row))? == 0 {
        return Ok(());
    }
    let entry = Accessed {
        at: row.reached_at,
        bank,
        facts: facts::bind(tx, &[&row]),
        notice: row.notice_id,
        t: "notice.accessed",
        v: 1,
    };
    log::stage(tx, &[(row.notice_id, Entry::Accessed(entry))])?;
    Ok(())
}

/// What is amiss with a notice.
#[derive(Debug, Clone, Copy)]
pub enum Flag {
    Bounced,
    EndpointDown,
    /// By its bank.
    Disputed,
    /// Somebody was told beside the channels, and a second person has signed it off.
    ToldOutOfBand,
}

/// Marks a notice; what is marked already stays so.
pub fn flag(tx: &mut Tx<'_>, notice_id: Uid, flag: Flag) -> Result<(), Error> {
    let row = StatusRow {
        notice_id,
        bounced: matches!(flag, Flag::Bounced),
        endpoint_down: matches!(flag, Flag::EndpointDown),
        disputed: matches!(flag, Flag::Disputed),
        told_out_of_band: matches!(flag, Flag::ToldOutOfBand),
    };
    on_either!(tx, conn => diesel::insert_into(notice_status::table)
        .values(&row)
        .on_conflict(notice_status::notice_id)
        .do_update()
        .set((
            notice_status::bounced.eq(notice_status::bounced.or::<bool, Bool>(row.bounced)),
            notice_status::endpoint_down.eq(notice_status::endpoint_down.or::<bool, Bool>(row.endpoint_down)),
            notice_status::disputed.eq(notice_status::disputed.or::<bool, Bool>(row.disputed)),
            notice_status::told_out_of_band
                .eq(notice_status::told_out_of_band.or::<bool, Bool>(row.told_out_of_band)),
        ))
        .execute(conn)?);
    Ok(())
}

/// The acknowledgement of a notice, where there is one.
pub fn acknowledgement_of(
    tx: &mut Tx<'_>,
    notice_id: Uid,
) -> Result<Option<AcknowledgementRow>, Error> {
    Ok(on_either!(tx, conn => acknowledgement::table
        .filter(acknowledgement::notice_id.eq(notice_id))
        .select(AcknowledgementRow::as_select())
        .first(conn)
        .optional()?))
}

/// The acknowledgements of these notices.
pub fn acknowledgements_of(
    tx: &mut Tx<'_>,
    notices: &[Uid],
) -> Result<Vec<AcknowledgementRow>, Error> {
    let mut found = Vec::new();
    for part in notices.chunks(ROWS_AT_ONCE) {
        let rows: Vec<AcknowledgementRow> = on_either!(tx, conn => acknowledgement::table
            .filter(acknowledgement::notice_id.eq_any(part))
            .select(AcknowledgementRow::as_select())
            .load(conn)?);
        found.extend(rows);
    }
    Ok(found)
}

/// Each has its entry, which is the caller's to stage.
pub fn insert_acknowledgements(tx: &mut Tx<'_>, rows: &[AcknowledgementRow]) -> Result<(), Error> {
    insert_all(tx, rows)
}

/// The classes of these notices' acknowledgements, as they stood at an instant.
pub fn classes_at(
    tx: &mut Tx<'_>,
    notices: &[Uid],
    at: Instant,
) -> Result<HashMap<Uid, String>, Error> {
    let rows: Vec<(Uid, String)> = on_either!(tx, conn => acknowledgement::table
        .filter(acknowledgement::notice_id.eq_any(notices))
        .filter(acknowledgement::recorded_at.le(at))
        .select((acknowledgement::notice_id, acknowledgement::class))
        .load(conn)?);
    Ok(rows.into_iter().collect())
}

pub fn insert_head_dispute(tx: &mut Tx<'_>, row: &HeadDisputeRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// Every head that a bank had seen and no log of this hub has, the oldest first.
pub fn head_disputes(tx: &mut Tx<'_>) -> Result<Vec<HeadDisputeRow>, Error> {
    Ok(on_either!(tx, conn => head_dispute::table
        .order(head_dispute::id)
        .select(HeadDisputeRow::as_select())
        .load(conn)?))
}

/// Those that came with notices issued since then, the oldest first.
pub fn head_disputes_since(tx: &mut Tx<'_>, since: Instant) -> Result<Vec<HeadDisputeRow>, Error> {
    Ok(on_either!(tx, conn => head_dispute::table
        .inner_join(acknowledgement::table.on(acknowledgement::id.eq(head_dispute::acknowledgement_id)))
        .inner_join(notice::table.on(notice::id.eq(acknowledgement::notice_id)))
        .filter(notice::issued_at.ge(since))
        .order(head_dispute::id)
        .select(HeadDisputeRow::as_select())
        .load(conn)?))
}

/// The head in an acknowledgement that no log of this hub has, if so.
pub fn head_dispute_of(
    tx: &mut Tx<'_>,
    acknowledgement_id: Uid,
) -> Result<Option<HeadDisputeRow>, Error> {
    Ok(on_either!(tx, conn => head_dispute::table
        .filter(head_dispute::acknowledgement_id.eq(acknowledgement_id))
        .select(HeadDisputeRow::as_select())
        .first(conn)
        .optional()?))
}

/// The earlier notices of the same incident to the same bank that nobody acknowledged, oldest first: each with its
/// digest.
pub fn unacknowledged_before(
    tx: &mut Tx<'_>,
    of: &NoticeRow,
) -> Result<Vec<(Uid, Vec<u8>)>, Error> {
    // Of each other revision by itself, sorted and cut here: in one question, or with an order by number, either database
    // may walk the bank's whole inbox instead. Most incidents have no other.
    let revisions: Vec<Uid> = on_either!(tx, conn => super::notice::revisions_of(of.incident_id)
        .filter(revision::id.ne(of.revision_id))
        .load(conn)?);
    let mut rows: Vec<(i64, Uid, Vec<u8>)> = Vec::new();
    for revision in revisions {
        rows.extend(on_either!(tx, conn => notice::table
            .left_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
            .filter(notice::revision_id.eq(revision))
            .filter(notice::bank_id.eq(of.bank_id))
            .filter(acknowledgement::id.nullable().is_null())
            .select((notice::number, notice::id, notice::digest))
            .load::<(i64, Uid, Vec<u8>)>(conn)?));
    }
    rows.retain(|(found, _, _)| *found < of.number);
    rows.sort_unstable_by_key(|(found, _, _)| *found);
    Ok(rows
        .into_iter()
        .map(|(_, id, digest)| (id, digest))
        .collect())
}

/// The entry is the caller's to stage.
pub fn insert_response(tx: &mut Tx<'_>, row: &ResponseRow) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Responses to any revision of an incident, oldest first.
pub fn responses(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Vec<ResponseRow>, Error> {
    Ok(on_either!(tx, conn => response::table
        .filter(response::incident_id.eq(incident_id))
        .order(response::id)
        .select(ResponseRow::as_select())
        .load(conn)?))
}

pub fn response(tx: &mut Tx<'_>, id: Uid) -> Result<Option<ResponseRow>, Error> {
    Ok(on_either!(tx, conn => response::table
        .find(id)
        .select(ResponseRow::as_select())
        .first(conn)
        .optional()?))
}

/// Responses that the operator may read and that wait for its answer, the oldest first.
pub fn unanswered(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<ResponseRow>, Error> {
    let answered = response_answer::table.filter(response_answer::response_id.eq(response::id));
    Ok(on_either!(tx, conn => response::table
        .filter(response::share.ne("private"))
        .filter(response::codes.like("%information_request%").or(response::codes.like("%disputes_notice%")))
        .filter(not(exists(answered)))
        .order(response::id)
        .limit(limit)
        .select(ResponseRow::as_select())
        .load(conn)?))
}

pub fn insert_answer(tx: &mut Tx<'_>, row: &AnswerRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn answer_of(tx: &mut Tx<'_>, response_id: Uid) -> Result<Option<AnswerRow>, Error> {
    Ok(on_either!(tx, conn => response_answer::table
        .find(response_id)
        .select(AnswerRow::as_select())
        .first(conn)
        .optional()?))
}

/// Incidents of which peers were not told everything that was shared by then, each with the oldest of it.
pub fn unshared(tx: &mut Tx<'_>, by: Instant, limit: i64) -> Result<Vec<(Uid, Instant)>, Error> {
    let told = response_shared::table
        .filter(response_shared::incident_id.eq(response::incident_id))
        .filter(response_shared::up_to.ge(response::id));
    let rows: Vec<(Uid, Instant)> = on_either!(tx, conn => response::table
        .filter(response::share.eq("peers_anonymous").or(response::share.eq("peers_named")))
        .filter(response::recorded_at.le(by))
        .filter(not(exists(told)))
        .order(response::id)
        .limit(limit)
        .select((response::incident_id, response::recorded_at))
        .load(conn)?);
    let mut oldest: Vec<(Uid, Instant)> = Vec::new();
    for (incident, at) in rows {
        if oldest.iter().all(|(known, _)| *known != incident) {
            oldest.push((incident, at));
        }
    }
    Ok(oldest)
}

/// Up to which response peers were told.
pub fn shared_up_to(tx: &mut Tx<'_>, incident_id: Uid) -> Result<Option<Uid>, Error> {
    Ok(on_either!(tx, conn => response_shared::table
        .find(incident_id)
        .select(response_shared::up_to)
        .first(conn)
        .optional()?))
}

/// Moves that on, if it still is `before`; false = another did.
pub fn note_shared(
    tx: &mut Tx<'_>,
    incident_id: Uid,
    before: Option<Uid>,
    up_to: Uid,
    shared_at: Instant,
) -> Result<bool, Error> {
    let moved = match before {
        Some(before) => on_either!(tx, conn => diesel::update(
                response_shared::table.find(incident_id).filter(response_shared::up_to.eq(before)),
            )
            .set((response_shared::up_to.eq(up_to), response_shared::shared_at.eq(shared_at)))
            .execute(conn)?),
        None => on_either!(tx, conn => diesel::insert_into(response_shared::table)
            .values((
                response_shared::incident_id.eq(incident_id),
                response_shared::up_to.eq(up_to),
                response_shared::shared_at.eq(shared_at),
            ))
            .on_conflict_do_nothing()
            .execute(conn)?),
    };
    Ok(moved == 1)
}

pub fn insert_task_events(tx: &mut Tx<'_>, rows: &[TaskEventRow]) -> Result<(), Error> {
    insert_facts(tx, rows)
}

/// The open *channel broken* tasks of an address: one, or more where nodes found it broken at the same time.
pub fn open_tasks_of_target(tx: &mut Tx<'_>, target: Uid) -> Result<Vec<TaskEventRow>, Error> {
    let events: Vec<TaskEventRow> = on_either!(tx, conn => task_event::table
        .filter(task_event::target_id.eq(target))
        .order((task_event::task_id, task_event::seq))
        .select(TaskEventRow::as_select())
        .load(conn)?);
    let mut open: Vec<TaskEventRow> = Vec::new();
    for event in events {
        if event.event == "opened" {
            open.push(event);
        } else {
            open.retain(|one| one.task_id != event.task_id);
        }
    }
    Ok(open)
}

/// Those of these endpoints and contacts whose task is open.
pub fn targets_with_open_task(tx: &mut Tx<'_>, targets: &[Uid]) -> Result<HashSet<Uid>, Error> {
    let mut open = HashSet::new();
    for part in targets.chunks(ROWS_AT_ONCE) {
        let events: Vec<(Uid, Option<Uid>, String)> = on_either!(tx, conn => task_event::table
            .filter(task_event::target_id.assume_not_null().eq_any(part))
            .order((task_event::task_id, task_event::seq))
            .select((task_event::task_id, task_event::target_id, task_event::event))
            .load(conn)?);
        for (task, target, event) in events {
            let Some(target) = target else { continue };
            if event == "opened" {
                open.insert((target, task));
            } else {
                open.remove(&(target, task));
            }
        }
    }
    Ok(open.into_iter().map(|(target, _)| target).collect())
}

/// All task events, oldest first; the last event of a task tells its state.
pub fn task_events(tx: &mut Tx<'_>) -> Result<Vec<TaskEventRow>, Error> {
    Ok(on_either!(tx, conn => task_event::table
        .order((task_event::task_id, task_event::seq))
        .select(TaskEventRow::as_select())
        .load(conn)?))
}

/// Wrong guesses of the code printed in one mail.
pub fn guesses(tx: &mut Tx<'_>, delivery: Uid) -> Result<i64, Error> {
    let found: Option<i64> = on_either!(tx, conn => guess_counter::table
        .find(delivery)
        .select(guess_counter::failures)
        .first(conn)
        .optional()?);
    Ok(found.unwrap_or(0))
}

pub fn count_guess(tx: &mut Tx<'_>, delivery: Uid) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(guess_counter::table)
        .values((guess_counter::delivery_id.eq(delivery), guess_counter::failures.eq(1)))
        .on_conflict(guess_counter::delivery_id)
        .do_update()
        .set(guess_counter::failures.eq(guess_counter::failures + 1))
        .execute(conn)?);
    Ok(())
}

/// How many earlier notices an acknowledgement covers.
pub fn covered_by(tx: &mut Tx<'_>, acknowledgement_id: Uid) -> Result<usize, Error> {
    let count: i64 = on_either!(tx, conn => acknowledgement::table
        .filter(acknowledgement::covered_by.eq(acknowledgement_id))
        .count()
        .get_result(conn)?);
    Ok(usize::try_from(count).unwrap_or(0))
}

/// How many notices of a bank nobody has acknowledged.
pub fn waiting_of_bank(tx: &mut Tx<'_>, bank_id: Uid) -> Result<i64, Error> {
    Ok(on_either!(tx, conn => notice::table
        .left_join(acknowledgement::table.on(acknowledgement::notice_id.eq(notice::id)))
        .filter(notice::bank_id.eq(bank_id))
        .filter(acknowledgement::id.nullable().is_null())
        .count()
        .get_result(conn)?))
}

/// The levels above L0 of one notice, in order.
pub fn levels_of(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Vec<LevelRow>, Error> {
    Ok(on_either!(tx, conn => notice_level::table
        .filter(notice_level::notice_id.eq(notice_id))
        .order(notice_level::level)
        .select(LevelRow::as_select())
        .load(conn)?))
}
