//! Open tasks for people: a channel that is broken, a bank that has none, a bank that has to be called.

use crate::actions::call;
use crate::domain::id::Uid;
use crate::domain::phone_task::State;
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::phone_task::{self, OpenCalls, PhoneEventRow};
use crate::storage::{Tx, bank, incident, notice};
use crate::web::App;
use crate::web::cursor::Binding;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{Asked, Number};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

use super::incidents::found;
use super::responses::bank_codes;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    incident: Option<String>,
    cursor: Option<String>,
    limit: Option<Number>,
}

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
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How many calls wait beyond this page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<i64>,
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

/// The tasks about channels, the oldest first: of one incident, or of all and of none.
fn of_channels(
    tx: &mut Tx<'_>,
    banks: &HashMap<Uid, String>,
    reference: Option<&str>,
) -> Result<Vec<TaskView>, Problem> {
    let mut tasks = Vec::new();
    let mut events = open(evidence::task_events(tx)?);
    // One that was opened while its address ended is nobody's to see to.
    let targets: Vec<Uid> = events.iter().filter_map(|event| event.target_id).collect();
    let ended = bank::ended(tx, &targets)?;
    events.retain(|event| {
        event
            .target_id
            .is_none_or(|target| !ended.contains(&target))
    });
    for event in events {
        let incident = match event.notice_id {
            Some(id) => incident_of(tx, id)?,
            None => None,
        };
        let (incident, incident_kind) = incident.unzip();
        if reference.is_some() && incident.as_deref() != reference {
            continue;
        }
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
    Ok(tasks)
}

/// A call that somebody still has to make, by its id.
pub(in crate::web) fn waiting_call(tx: &mut Tx<'_>, id: Uid) -> Result<TaskView, Problem> {
    let last = phone_task::of_task(tx, id)?.pop();
    let last = last.filter(|row| call::state_of(row).waits());
    let banks = bank_codes(tx)?;
    view_of_call(tx, &banks, last.ok_or_else(Problem::missing)?)
}

/// Tasks that wait for a person; of each kind the oldest first. Those about channels stand on the first page, whole;
/// calls go on from page to page.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(
    ("incident" = Option<String>, Query, description = "the reference of an incident: its tasks alone"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("limit" = Option<i64>, Query, description = "calls on a page, 1 to 200; usually 200"),
), responses((status = 200, body = TaskList)))]
pub async fn list(app: Data<App>, Who(caller): Who, Asked(asked): Asked<Which>) -> Answered {
    let limit = page::length(asked.limit, page::MOST)?;
    let binding = Binding::new(&caller, "tasks", &format!("{:?}", asked.incident));
    let list = app
        .store
        .read(move |tx| -> Result<TaskList, Problem> {
            let vault = tx.vault();
            let key: &[u8; 32] = &vault.keys().cursor;
            let incident = match &asked.incident {
                Some(reference) => Some(found(tx, reference)?.id),
                None => None,
            };
            let after = match &asked.cursor {
                Some(cursor) => Some(binding.open_id(key, cursor)?),
                None => None,
            };
            let banks = bank_codes(tx)?;
            let mut tasks = match after {
                Some(_) => Vec::new(),
                None => of_channels(tx, &banks, asked.incident.as_deref())?,
            };
            let mut calls = phone_task::open(tx, OpenCalls { incident, after }, limit + 1)?;
            let is_cut = page::cut(&mut calls, limit);
            let last = calls.last().filter(|_| is_cut).map(|row| row.task_id);
            for call in calls {
                tasks.push(view_of_call(tx, &banks, call)?);
            }
            let beyond = OpenCalls {
                incident,
                after: last,
            };
            let more = match last {
                Some(_) => Some(phone_task::open_count(tx, beyond)?),
                None => None,
            };
            Ok(TaskList {
                tasks,
                next_cursor: last.map(|id| binding.seal(key, id.as_bytes())),
                more,
            })
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
