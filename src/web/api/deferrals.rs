//! Revisions that two people hold back: asked for, renewed, lifted, and always in the auditor's sight.

use super::edition;
use super::incidents::IssuedAnswer;
use crate::actions::defer;
use crate::domain::deferral::{DeferralFiling, RenewalFiling};
use crate::domain::incident::Words;
use crate::storage::deferral::{self, Deferral};
use crate::storage::{Lane, Tx, approval, incident};
use crate::web::App;
use crate::web::body::RawJson;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::{Data, Path};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct DeferralView {
    id: String,
    /// `in_force`, `expired` or `lifted` (it went out), or `renewed` (another holds it).
    state: String,
    /// Code of the vocabulary `deferral_basis`.
    basis: String,
    reason: String,
    requester: String,
    approver: String,
    /// Since when it holds.
    since: String,
    /// It goes out by itself then.
    expires_at: String,
    /// The incident of which it holds a revision back; absent where it would be a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renews: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// The incident that it became, or of which it became a revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<String>,
    /// What is held back is called so; null once erased.
    title_ja: Option<String>,
    title_en: Option<String>,
    /// `actual`, `exercise` or `test`; null once erased, where it is a new incident.
    kind: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DeferralList {
    deferrals: Vec<DeferralView>,
}

fn view(tx: &mut Tx<'_>, (row, end): Deferral) -> Result<DeferralView, Problem> {
    let asked = approval::find(tx, row.request_id)?;
    let (request, decision) = asked.ok_or_else(|| Problem::internal(&"a deferral unasked"))?;
    let decision = decision.ok_or_else(|| Problem::internal(&"a deferral unapproved"))?;
    // Erased content leaves the rest in sight.
    let (title, mut kind) = match defer::filing(tx, &row) {
        Ok(filing) => (filing.title, Some(filing.kind.code().to_owned())),
        Err(_) => (Words::default(), None),
    };
    if let Some(id) = row.incident_id {
        kind = incident::kind_of(tx, id)?;
    }
    let reference = |tx: &mut Tx<'_>, id| -> Result<Option<String>, Problem> {
        Ok(incident::by_id(tx, id)?.map(|row| row.reference))
    };
    let incident = match row.incident_id {
        Some(id) => reference(tx, id)?,
        None => None,
    };
    let revision = match end.as_ref().and_then(|end| end.revision_id) {
        Some(id) => incident::revision(tx, id)?,
        None => None,
    };
    let issued = match revision {
        Some(revision) => reference(tx, revision.incident_id)?,
        None => None,
    };
    Ok(DeferralView {
        id: row.id.to_string(),
        state: end
            .as_ref()
            .map_or_else(|| "in_force".to_owned(), |end| end.how.clone()),
        basis: row.basis,
        reason: request.reason,
        requester: request.requester.to_string(),
        approver: decision.approver.to_string(),
        since: row.recorded_at.to_string(),
        expires_at: row.expires_at.to_string(),
        incident,
        renews: row.renews.map(|id| id.to_string()),
        ended_at: end.map(|end| end.recorded_at.to_string()),
        issued,
        title_ja: title.ja,
        title_en: title.en,
        kind,
    })
}

/// Every deferral, the newest first.
#[utoipa::path(get, path = "/api/v1/deferrals", tag = "deferrals",
    responses((status = 200, body = DeferralList)))]
pub async fn list(app: Data<App>) -> Answered {
    let list = app
        .store
        .read(|tx| -> Result<DeferralList, Problem> {
            let mut deferrals = Vec::new();
            for one in deferral::newest(tx, page::MOST)? {
                deferrals.push(view(tx, one)?);
            }
            Ok(DeferralList { deferrals })
        })
        .await?;
    Ok(page::ok(&list))
}

/// Ask to hold a whole revision back, for at most 72 hours; it is held once another officer approves.
#[utoipa::path(post, path = "/api/v1/deferrals", tag = "deferrals",
    request_body(content = Object, description = "incident or none, draft or none, filing, basis, reason, until"),
    responses((status = 202, body = edition::WaitingAnswer)))]
pub async fn request(app: Data<App>, Who(caller): Who, RawJson(body): RawJson) -> Answered {
    let asked = DeferralFiling::from_json(&body)?;
    let (rules, by) = (Arc::clone(&app.rules), caller.id());
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            defer::request(tx, &rules, by, &asked)
        })
        .await?;
    Ok(edition::waits(&requested))
}

/// Ask to hold it back longer; that takes two people again.
#[utoipa::path(post, path = "/api/v1/deferrals/{id}/renewal", tag = "deferrals",
    params(("id" = String, Path, description = "the deferral")),
    request_body(content = Object, description = "basis, reason, until"),
    responses((status = 202, body = edition::WaitingAnswer)))]
pub async fn renew(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    RawJson(body): RawJson,
) -> Answered {
    let id = page::id(&id)?;
    let asked = RenewalFiling::from_json(&body)?;
    let (rules, by) = (Arc::clone(&app.rules), caller.id());
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            defer::request_renewal(tx, &rules, by, id, &asked)
        })
        .await?;
    Ok(edition::waits(&requested))
}

/// Lift a deferral: what it held back goes out to every bank now.
#[utoipa::path(post, path = "/api/v1/deferrals/{id}/lifting", tag = "deferrals",
    params(("id" = String, Path, description = "the deferral")),
    responses((status = 200, body = IssuedAnswer)))]
pub async fn lift(app: Data<App>, Who(caller): Who, id: Path<String>) -> Answered {
    app.room_to_file()?;
    let id = page::id(&id)?;
    let (rules, by) = (Arc::clone(&app.rules), caller.id());
    let issued = app
        .store
        .write(Lane::Front, move |tx| defer::lift(tx, &rules, by, id))
        .await?;
    Ok(page::ok(&IssuedAnswer::from(issued)))
}
