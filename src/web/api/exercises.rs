//! Exercises: when the next one is due, and what each of them showed. Filing one is filing an incident.

use crate::actions::exercises::{self, Schedule, Shown};
use crate::domain::instant::Instant;
use crate::storage::Tx;
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::Data;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use super::incidents::Title;

/// When the next exercise is due, by the profile `EXERCISE` of the clocks.
#[derive(Serialize, ToSchema)]
pub struct ScheduleView {
    /// It counts from then: the last exercise, or else the first version of the roster.
    since: String,
    /// The last exercise that was not withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// The operator's people are told then that it comes near.
    warn_at: String,
    due_at: String,
    near: bool,
    late: bool,
}

/// What one exercise showed, of the notices of its first revision. None of it counts as telling.
#[derive(Serialize, ToSchema)]
pub struct ExerciseView {
    reference: String,
    title: Title,
    issued_at: String,
    /// Of its newest revision.
    phase: String,
    status: String,
    withdrawn: bool,
    notices: usize,
    delivered: usize,
    acknowledged: usize,
    /// By the time that the notice named.
    in_time: usize,
    /// Whole seconds from issue to acknowledgement, of those that acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    median_s: Option<i64>,
    /// Codes of the banks that have not acknowledged.
    open: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ExerciseList {
    /// Absent where no schedule is on, or no bank has joined yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleView>,
    /// The newest first.
    exercises: Vec<ExerciseView>,
}

impl ScheduleView {
    fn of(schedule: Schedule, now: Instant) -> Self {
        Self {
            near: schedule.is_near(now),
            late: schedule.is_over(now),
            since: schedule.since.to_string(),
            last: schedule.last.map(|(known, _)| known.reference),
            warn_at: schedule.next.warn_at.to_string(),
            due_at: schedule.next.due_at.to_string(),
        }
    }
}

impl From<Shown> for ExerciseView {
    fn from(shown: Shown) -> Self {
        Self {
            reference: shown.incident.reference,
            title: Title::of(&shown.latest),
            issued_at: shown.first.accepted_at.to_string(),
            withdrawn: shown.latest.phase == "withdrawal",
            phase: shown.latest.phase,
            status: shown.latest.status,
            notices: shown.notices,
            delivered: shown.delivered,
            acknowledged: shown.acknowledged,
            in_time: shown.in_time,
            median_s: shown.median_s,
            open: shown.open,
        }
    }
}

/// Exercises with their results, and when the next one is due.
#[utoipa::path(get, path = "/api/v1/exercises", tag = "incidents", responses((status = 200, body = ExerciseList)))]
pub async fn list(app: Data<App>) -> Answered {
    listed(&app, page::MOST).await
}

/// The schedule with no more than the last exercise that counts.
pub(in crate::web) async fn last(app: &Data<App>) -> Answered {
    listed(app, 0).await
}

/// So many of the newest exercises; with none asked for, the last one that counts.
async fn listed(app: &Data<App>, limit: i64) -> Answered {
    let rules = Arc::clone(&app.rules);
    let list = app
        .store
        .read(move |tx| -> Result<ExerciseList, Problem> {
            let now = tx.now()?;
            let schedule = exercises::schedule(tx, &rules)?;
            let shown = match limit {
                0 => last_shown(tx, schedule.as_ref())?,
                _ => exercises::results(tx, limit)?,
            };
            Ok(ExerciseList {
                schedule: schedule.map(|schedule| ScheduleView::of(schedule, now)),
                exercises: shown.into_iter().map(ExerciseView::from).collect(),
            })
        })
        .await?;
    Ok(page::ok(&list))
}

fn last_shown(tx: &mut Tx<'_>, schedule: Option<&Schedule>) -> Result<Vec<Shown>, Problem> {
    let last = schedule.and_then(|schedule| schedule.last.clone());
    let shown = last.map(|(known, first)| exercises::shown(tx, known, first));
    Ok(shown.transpose()?.into_iter().collect())
}
