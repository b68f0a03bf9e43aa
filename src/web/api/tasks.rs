//! Open tasks for people: a channel that is broken, a bank that has none.

use crate::domain::id::Uid;
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::{Tx, incident, notice};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::responses::bank_codes;

#[derive(Serialize, ToSchema)]
pub struct TaskView {
    id: String,
    /// `no_channel` or `channel_broken`.
    kind: String,
    bank: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// The incident of that notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// The endpoint or contact that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    opened_at: String,
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

fn incident_of(tx: &mut Tx<'_>, notice_id: Uid) -> Result<Option<String>, Problem> {
    let Some(found) = notice::by_id(tx, notice_id)? else {
        return Ok(None);
    };
    Ok(incident::by_id(tx, found.incident_id)?.map(|row| row.reference))
}

/// Tasks that wait for a person, oldest first.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "deliveries", responses((status = 200, body = TaskList)))]
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
                tasks.push(TaskView {
                    id: event.task_id.to_string(),
                    kind: event.kind,
                    bank: banks.get(&event.bank_id).cloned().unwrap_or_default(),
                    notice: event.notice_id.map(|id| id.to_string()),
                    incident,
                    target: event.target_id.map(|id| id.to_string()),
                    opened_at: event.recorded_at.to_string(),
                });
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
