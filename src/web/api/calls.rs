//! Calls to banks that have not confirmed in time, and contacts beside the hub's channels: who takes a call, and
//! what came of it. A contact waits for a second person; the notice stays due.

use crate::actions::tell_out_of_band::{self, ContactFiling, Told};
use crate::actions::{Error, call};
use crate::domain::id::Uid;
use crate::storage::approval::{ApprovalRow, RequestRow};
use crate::storage::out_of_band::{self, OutOfBandRow};
use crate::storage::{Lane, Tx, notice};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::incidents::found;
use super::responses::bank_codes;

/// A bank of an incident, and how it was told.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentContactFiling {
    bank: String,
    told: ContactFiling,
}

/// A contact that waits for its second person.
#[derive(Serialize, ToSchema)]
pub struct ToldAnswer {
    contact: String,
    request: String,
    expires_at: String,
}

impl From<Told> for ToldAnswer {
    fn from(told: Told) -> Self {
        Self {
            contact: told.id.to_string(),
            request: told.requested.id.to_string(),
            expires_at: told.requested.expires_at.to_string(),
        }
    }
}

/// A contact beside the channels.
#[derive(Serialize, ToSchema)]
pub struct ContactView {
    id: String,
    notice: String,
    bank: String,
    /// The number of the notice, as it was read back.
    number: i64,
    channel: String,
    told_at: String,
    recorded_at: String,
    /// The person who called.
    caller: String,
    /// `waiting`, `expired`, `approved` or `refused`: it counts once a second person approved it.
    state: &'static str,
    /// Who that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    /// Whom they told, by which number, and what was said; absent where it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<ToldView>,
}

#[derive(Serialize, ToSchema)]
pub struct ToldView {
    person: String,
    role: String,
    /// As it stood in the register.
    dialled: String,
    note: String,
}

#[derive(Serialize, ToSchema)]
pub struct ContactList {
    contacts: Vec<ContactView>,
}

/// Take a call: colleagues see that somebody is at it.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/claim", tag = "tasks",
    params(("id" = String, Path, description = "a task of kind phone")), responses((status = 204)))]
pub async fn claim(app: Data<App>, Who(caller): Who, id: Path<String>) -> Answered {
    let (task, by) = (page::id(&id)?, caller.id());
    change(&app, move |tx| call::claim(tx, by, task)).await
}

/// Give a call back: nobody was reached. The task stays open.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/release", tag = "tasks",
    params(("id" = String, Path, description = "a task of kind phone")), responses((status = 204)))]
pub async fn release(app: Data<App>, Who(caller): Who, id: Path<String>) -> Answered {
    let (task, by) = (page::id(&id)?, caller.id());
    change(&app, move |tx| call::release(tx, by, task)).await
}

async fn change(
    app: &App,
    work: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
) -> Answered {
    app.store.write(Lane::Front, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The bank was reached: the call is done, and the contact waits for a second person.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/completion", tag = "tasks",
    params(("id" = String, Path, description = "a task of kind phone")), request_body = ContactFiling,
    responses((status = 202, body = ToldAnswer)))]
pub async fn complete(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    filing: Strict<ContactFiling>,
) -> Answered {
    let (task, by, filing) = (page::id(&id)?, caller.id(), filing.0);
    let rules = Arc::clone(&app.rules);
    let told = app
        .store
        .write(Lane::Front, move |tx| {
            tell_out_of_band::tell_of_call(tx, &rules, by, task, &filing)
        })
        .await?;
    Ok(page::json(StatusCode::ACCEPTED, &ToldAnswer::from(told)))
}

/// A bank was told beside the channels; the number that was read back says of which notice.
#[utoipa::path(post, path = "/api/v1/incidents/{reference}/out-of-band-contacts", tag = "tasks",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    request_body = IncidentContactFiling, responses((status = 202, body = ToldAnswer)))]
pub async fn tell(
    app: Data<App>,
    Who(caller): Who,
    reference: Path<String>,
    filing: Strict<IncidentContactFiling>,
) -> Answered {
    let (by, filing) = (caller.id(), filing.0);
    let rules = Arc::clone(&app.rules);
    let told = app
        .store
        .write(Lane::Front, move |tx| {
            let of = (reference.as_str(), filing.bank.as_str());
            tell_out_of_band::tell_of_incident(tx, &rules, by, of, &filing.told)
        })
        .await?;
    Ok(page::json(StatusCode::ACCEPTED, &ToldAnswer::from(told)))
}

/// The contacts beside the channels about an incident, oldest first.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/out-of-band-contacts", tag = "tasks",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = ContactList)))]
pub async fn contacts(app: Data<App>, reference: Path<String>) -> Answered {
    let list = app
        .store
        .read(move |tx| -> Result<ContactList, Problem> {
            let incident = found(tx, &reference)?;
            let notices = notice::ids_of_incident(tx, incident.id)?;
            Ok(ContactList {
                contacts: views(tx, &notices)?,
            })
        })
        .await?;
    Ok(page::ok(&list))
}

/// The contacts about these notices.
pub fn views(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<ContactView>, Problem> {
    let codes = bank_codes(tx)?;
    let mut views = Vec::new();
    for (row, request, decision) in out_of_band::of_notices(tx, notices)? {
        let bank = codes.get(&row.bank_id).cloned().unwrap_or_default();
        views.push(view(tx, bank, row, request, decision)?);
    }
    Ok(views)
}

fn view(
    tx: &mut Tx<'_>,
    bank: String,
    row: OutOfBandRow,
    request: Option<RequestRow>,
    decision: Option<ApprovalRow>,
) -> Result<ContactView, Problem> {
    let now = tx.now()?;
    let state = match &decision {
        Some(decision) if decision.decision == "approved" => "approved",
        Some(_) => "refused",
        None if request.is_some_and(|request| request.expires_at > now) => "waiting",
        None => "expired",
    };
    let told = tell_out_of_band::opened(tx, &row)?;
    Ok(ContactView {
        id: row.id.to_string(),
        notice: row.notice_id.to_string(),
        bank,
        number: row.read_back,
        channel: row.channel,
        told_at: row.told_at.to_string(),
        recorded_at: row.recorded_at.to_string(),
        caller: row.caller.to_string(),
        state,
        approver: decision.as_ref().map(|one| one.approver.to_string()),
        decided_at: decision.as_ref().map(|one| one.recorded_at.to_string()),
        told: told.map(|told| ToldView {
            person: told.person,
            role: told.role,
            dialled: told.number,
            note: told.note,
        }),
    })
}
