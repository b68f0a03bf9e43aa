//! Open tasks for people: a channel that is broken, a bank that has none, a bank that has to be called.

use crate::actions::call;
use crate::domain::id::Uid;
use crate::domain::phone_task::State;
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::phone_task::{self, PhoneEventRow};
use crate::storage::{Tx, incident, notice};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::Data;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

use super::responses::bank_codes;

#[derive(Serialize, ToSchema)]
pub struct TaskView {
    id: String,
    /// `no_channel`, `channel_broken` or `phone`.
    kind: String,
    bank: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// The incident of that notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// The kind of that incident: `actual`, `exercise` or `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_kind: Option<String>,
    /// The endpoint or contact that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    opened_at: String,
    /// Of a call: the bank's number of the notice, which has to be read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// Of a call: `open` or `claimed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// Of a call: the person who has taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TaskList {
    tasks: Vec<TaskView>,
}

/// The opening event of every task whose last event did not close it; events come in order.
fn open(events: Vec<TaskEventRow>) -> Vec<TaskEventRow> {
    let mut open: Vec<TaskEventRow> = Vec::new();
    for event in events {
        let known = open
            .last()
            .is_some_and(|last| last.task_id == event.task_id);
        match event.event.as_str() {
            "closed" if known => drop(open.pop()),
            "opened" if !known => open.push(event),
            _ => {}
        }
    }
    open
}

/// Reference and kind of a notice's incident.
fn incident_of(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Option<(String, String)>, Problem> {
    let Some(found) = notice::by_id(tx, notice_id)? else {
        return Ok(None);
    };
    let known = incident::by_id(tx, found.incident_id)?.map(|row| row.reference);
    Ok(known.zip(incident::kind_of(tx, found.incident_id)?))
}

/// A call that waits, from its last event.
fn view_of_call(
    tx: &mut Tx<'_>,
    banks: &HashMap<Uid, String>,
    last: PhoneEventRow,
) -> Result<TaskView, Problem> {
    let first = phone_task::of_task(tx, last.task_id)?;
    let opened = first
        .first()
        .map_or(last.recorded_at, |row| row.recorded_at);
    let state = call::state_of(&last);
    let number = notice::by_id(tx, last.notice_id)?.map(|row| row.number);
    let (incident, incident_kind) = incident_of(tx, last.notice_id)?.unzip();
    Ok(TaskView {
        id: last.task_id.to_string(),
        kind: "phone".into(),
        bank: banks.get(&last.bank_id).cloned().unwrap_or_default(),
        notice: Some(last.notice_id.to_string()),
        incident,
        incident_kind,
        target: None,
        opened_at: opened.to_string(),
        number,
        state: Some(state.code()),
        claimed_by: match state {
            State::Claimed(by) => Some(by.to_string()),
            _ => None,
        },
    })
}

/// Tasks that wait for a person; of each kind the oldest first.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", responses((status = 200, body = TaskList)))]
pub async fn list(app: Data<App>) -> Answered {
    let list = app
        .store
        .read(move |tx| -> Result<TaskList, Problem> {
            let banks = bank_codes(tx)?;
            let mut tasks = Vec::new();
            for event in open(evidence::task_events(tx)?) {
                let incident = match event.notice_id {
                    Some(id) => incident_of(tx, id)?,
                    None => None,
                };
                let (incident, incident_kind) = incident.unzip();
                tasks.push(TaskView {
                    id: event.task_id.to_string(),
                    kind: event.kind,
                    bank: banks.get(&event.bank_id).cloned().unwrap_or_default(),
                    notice: event.notice_id.map(|id| id.to_string()),
                    incident,
                    incident_kind,
                    target: event.target_id.map(|id| id.to_string()),
                    opened_at: event.recorded_at.to_string(),
                    number: None,
                    state: None,
                    claimed_by: None,
                });
            }
            for last in phone_task::open(tx, page::MOST)? {
                tasks.push(view_of_call(tx, &banks, last)?);
            }
            Ok(TaskList { tasks })
        })
        .await?;
    Ok(page::ok(&list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::instant::Instant;

    fn event(task: u8, seq: i64, event: &str) -> TaskEventRow {
        TaskEventRow {
            task_id: Uid::from_bytes([task; 16]),
            seq,
            kind: "channel_broken".into(),
            event: event.into(),
            bank_id: Uid::from_bytes([9; 16]),
            notice_id: None,
            target_id: None,
            recorded_at: Instant::from_micros(seq),
        }
    }

    #[test]
    fn a_task_is_open_until_its_last_event_closes_it() {
        let events = vec![
            event(1, 1, "opened"),
            event(1, 2, "closed"),
            event(2, 1, "opened"),
            event(3, 1, "opened"),
            event(3, 2, "closed"),
            event(3, 3, "opened"),
        ];
        let left: Vec<_> = open(events)
            .iter()
            .map(|event| (event.task_id.as_bytes()[0], event.seq))
            .collect();
        assert_eq!(left, [(2, 1), (3, 3)]);
    }
}
