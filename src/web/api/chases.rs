//! The chase of an incident's notices bank by bank, and the operator's own clocks.

use crate::actions::{Rules, call, chase};
use crate::domain::chase::Step;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::chase::StepRow;
use crate::storage::notice::NoticeRow;
use crate::storage::operator_clock::{self, ClockRow};
use crate::storage::phone_task::PhoneEventRow;
use crate::storage::{self, Tx, incident, notice, phone_task};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::{Data, Path};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::ToSchema;

use super::incidents::found;
use super::responses::bank_codes;

/// A step that was taken, or the next one.
#[derive(Serialize, ToSchema)]
pub struct StepView {
    n: i64,
    /// `reminder`, `escalation`, `deadline` or `again`.
    kind: String,
    /// The highest ladder level that is reminded.
    contacts: i64,
    due_at: String,
    /// When it was taken; absent of the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<String>,
}

impl From<&StepRow> for StepView {
    fn from(row: &StepRow) -> Self {
        Self {
            n: row.n,
            kind: row.kind.clone(),
            contacts: row.contacts,
            due_at: row.due_at.to_string(),
            taken_at: Some(row.recorded_at.to_string()),
        }
    }
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        Self {
            n: step.n,
            kind: step.kind.code().into(),
            contacts: step.contacts,
            due_at: step.due_at.to_string(),
            taken_at: None,
        }
    }
}

/// How one bank is chased for one notice.
#[derive(Serialize, ToSchema)]
pub struct ChaseView {
    notice: String,
    bank: String,
    number: i64,
    revision: i64,
    acknowledge_by: String,
    /// `running`, `overdue` or `ended`: only an acknowledgement ends it.
    state: &'static str,
    /// How many steps were taken.
    taken: i64,
    /// The newest of them; the evidence of the notice has all.
    steps: Vec<StepView>,
    /// Absent once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<StepView>,
    /// The call, if one was to be made: `open`, `claimed`, `completed` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct ChaseList {
    chases: Vec<ChaseView>,
}

/// Steps that are told one by one; after the deadline there is one every hour.
const NEWEST: i64 = 3;

/// How every bank is chased for the notices of an incident, by bank and number.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/chases", tag = "tasks",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = ChaseList)))]
pub async fn of_incident(app: Data<App>, reference: Path<String>) -> Answered {
    let rules = Arc::clone(&app.rules);
    let list = app
        .store
        .read(move |tx| -> Result<ChaseList, Problem> {
            let incident = found(tx, &reference)?;
            let rows = notice::all_of_incident(tx, incident.id)?;
            let known = Known::read(tx, &rows)?;
            let mut chases = Vec::with_capacity(rows.len());
            for row in &rows {
                chases.push(known.view(tx, &rules, row)?);
            }
            chases.sort_by(|one, other| (&one.bank, one.number).cmp(&(&other.bank, other.number)));
            Ok(ChaseList { chases })
        })
        .await?;
    Ok(page::ok(&list))
}

/// What is read once for all notices of an incident.
struct Known {
    codes: HashMap<Uid, String>,
    /// Number, urgency and status.
    revisions: HashMap<Uid, (i64, String, String)>,
    /// The next step of each that goes on.
    next: HashMap<Uid, i64>,
    taken: HashMap<Uid, i64>,
    calls: HashMap<Uid, PhoneEventRow>,
    now: Instant,
}

impl Known {
    fn read(tx: &mut Tx<'_>, rows: &[NoticeRow]) -> Result<Self, Problem> {
        let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
        let incident = rows.first().map(|row| row.incident_id);
        let revisions = match incident {
            Some(id) => incident::revisions(tx, id)?,
            None => Vec::new(),
        };
        let revisions = revisions
            .into_iter()
            .map(|row| (row.id, (row.number, row.urgency, row.status)));
        let standing = storage::chase::standing(tx, &ids)?;
        // In order: the last event of each stays.
        let calls = phone_task::of_notices(tx, &ids)?;
        Ok(Self {
            codes: bank_codes(tx)?,
            revisions: revisions.collect(),
            next: standing
                .into_iter()
                .map(|one| (one.notice, one.next_step))
                .collect(),
            taken: storage::chase::counts(tx, &ids)?.into_iter().collect(),
            calls: calls.into_iter().map(|row| (row.notice_id, row)).collect(),
            now: tx.now()?,
        })
    }

    fn view(&self, tx: &mut Tx<'_>, rules: &Rules, row: &NoticeRow) -> Result<ChaseView, Problem> {
        let (revision, urgency, status) = self
            .revisions
            .get(&row.revision_id)
            .cloned()
            .unwrap_or_default();
        let next = self.next.get(&row.id);
        let next =
            next.map(|n| StepView::from(&chase::step_of(rules, row, (&urgency, &status), *n)));
        let taken = self.taken.get(&row.id).copied().unwrap_or(0);
        let steps = match taken {
            0 => Vec::new(),
            _ => storage::chase::newest_of(tx, row.id, NEWEST)?,
        };
        Ok(ChaseView {
            notice: row.id.to_string(),
            bank: self.codes.get(&row.bank_id).cloned().unwrap_or_default(),
            number: row.number,
            revision,
            acknowledge_by: row.acknowledge_by.to_string(),
            state: match (&next, row.acknowledge_by < self.now) {
                (None, _) => "ended",
                (Some(_), true) => "overdue",
                (Some(_), false) => "running",
            },
            taken,
            steps: steps.iter().map(StepView::from).collect(),
            next,
            call: self
                .calls
                .get(&row.id)
                .map(|last| call::state_of(last).code()),
        })
    }
}

/// A clock of the operator's own.
#[derive(Serialize, ToSchema)]
pub struct ClockView {
    /// The incident, or else it is a draft's.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<String>,
    /// What is owed: `initial`, `intermediate` or `final`.
    phase: String,
    started_at: String,
    /// The clock and the one that limits it; the earlier of both is the deadline.
    clock_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling_at: Option<String>,
    due_at: String,
    late: bool,
    /// To the deadline, or past it.
    left_s: i64,
}

#[derive(Serialize, ToSchema)]
pub struct ClockList {
    clocks: Vec<ClockView>,
}

/// What the operator owes next, of every open draft and incident; the nearest deadline first.
#[utoipa::path(get, path = "/api/v1/clocks", tag = "tasks", responses((status = 200, body = ClockList)))]
pub async fn clocks(app: Data<App>) -> Answered {
    let list = app
        .store
        .read(|tx| -> Result<ClockList, Problem> {
            let now = tx.now()?;
            let rows = operator_clock::running(tx, page::MOST)?;
            let clocks = rows
                .into_iter()
                .map(|(row, incident)| clock(row, incident, now));
            Ok(ClockList {
                clocks: clocks.collect(),
            })
        })
        .await?;
    Ok(page::ok(&list))
}

fn clock(row: ClockRow, incident: Option<String>, now: Instant) -> ClockView {
    let due = row.due_at();
    ClockView {
        draft: incident.is_none().then(|| row.subject_id.to_string()),
        incident,
        phase: row.phase,
        started_at: row.started_at.to_string(),
        clock_at: row.clock_at.to_string(),
        ceiling_at: row.ceiling_at.map(|at| at.to_string()),
        due_at: due.to_string(),
        late: due < now,
        left_s: ((due.micros() - now.micros()) / 1_000_000).abs(),
    }
}
