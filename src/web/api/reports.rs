//! Banks' reports: a bank files one and watches the operator's clock; the operator's side answers it.

use super::drafts;
use super::edition::{self, ReasonInput};
use super::incidents::status;
use super::responses::bank_codes;
use crate::actions::{Rules, answer_report, report};
use crate::domain::access::BankScope;
use crate::domain::id::Uid;
use crate::domain::incident::ReportFiling;
use crate::storage::report::{self as reports, Report};
use crate::storage::{Lane, Tx, incident, payload};
use crate::web::App;
use crate::web::body::{RawJson, Strict};
use crate::web::identity::{BankWho, Who};
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, FaultDocument, Problem};
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// A report on record. The receipt is a signed note (C2SP): format, bank, report, leaf hash, when it was reported,
/// and by when its entry is in the log.
#[derive(Serialize, ToSchema)]
pub struct ReportedAnswer {
    id: String,
    reported_at: String,
    /// The operator answers by then.
    triage_by: String,
    /// Unanswered, it is issued to every bank then.
    issue_by: String,
    receipt: String,
    /// What a person should look at again; nothing was refused.
    warnings: Vec<FaultDocument>,
}

/// A report, and how it was answered.
#[derive(Serialize, ToSchema)]
pub struct ReportView {
    id: String,
    bank: String,
    reported_at: String,
    triage_by: String,
    issue_by: String,
    /// `waiting`, `incident`, `no_incident` or `silence`: nobody answered, and the hub issued it.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// Why it is no incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What was reported; null once erased.
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct ReportList {
    reports: Vec<ReportView>,
}

/// A report with what its bank holds of it.
#[derive(Serialize, ToSchema)]
pub struct OwnReportView {
    #[serde(flatten)]
    view: ReportView,
    receipt: String,
    /// The index of its entry, once a published head of the log covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<i64>,
}

impl ReportView {
    fn of(tx: &mut Tx<'_>, (row, end): Report, bank: String) -> Result<Self, Problem> {
        let said = report::open(tx, &row)?;
        let said = said.map(|said| serde_json::to_value(said).map_err(|f| Problem::internal(&f)));
        let mut view = Self {
            id: row.id.to_string(),
            bank,
            reported_at: row.reported_at.to_string(),
            triage_by: row.triage_by.to_string(),
            issue_by: row.issue_by.to_string(),
            state: "waiting".into(),
            answered_at: None,
            incident: None,
            reason: None,
            report: said.transpose()?.map(without_nulls),
        };
        if let Some(end) = end {
            view.answered_at = Some(end.recorded_at.to_string());
            view.incident = end
                .revision_id
                .map(|id| reference_of(tx, id))
                .transpose()?
                .flatten();
            view.reason = end
                .payload_id
                .map(|id| reason_of(tx, id))
                .transpose()?
                .flatten();
            view.state = end.outcome;
        }
        Ok(view)
    }
}

/// What was not said is left out.
fn without_nulls(mut said: Value) -> Value {
    if let Some(fields) = said.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    said
}

fn reference_of(tx: &mut Tx<'_>, revision: Uid) -> Result<Option<String>, Problem> {
    let Some(row) = incident::revision(tx, revision)? else {
        return Ok(None);
    };
    Ok(incident::by_id(tx, row.incident_id)?.map(|row| row.reference))
}

fn reason_of(tx: &mut Tx<'_>, payload: Uid) -> Result<Option<String>, Problem> {
    let sealed = payload::open(tx, payload)?;
    Ok(sealed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Report a suspected theft. The operator has a clock to answer; silence issues it to every bank.
#[utoipa::path(post, path = "/api/v1/reports", tag = "reports",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the API keys of a bank share theirs")),
    request_body(content = Object, description = "impersonal: the fields of a filing that a bank can know"),
    responses((status = 201, body = ReportedAnswer)))]
pub async fn report(
    app: Data<App>,
    who: BankWho,
    key: OnceKey,
    RawJson(body): RawJson,
) -> Answered {
    app.room_to_file()?;
    let filing = ReportFiling::from_json(&body)?;
    let request = OnceKey::request("POST reports", &body);
    let rules = Arc::clone(&app.rules);
    let answer = app
        .store
        .write(Lane::Front, move |tx| {
            crate::actions::once::once(tx, who.caller.once_owner(), &key.0, &request, |tx| {
                let done = report::report(tx, &rules, who.scope, &who.caller, &filing)?;
                let warnings = filing.warnings();
                let answer = ReportedAnswer {
                    id: done.row.id.to_string(),
                    reported_at: done.row.reported_at.to_string(),
                    triage_by: done.row.triage_by.to_string(),
                    issue_by: done.row.issue_by.to_string(),
                    receipt: done.receipt,
                    warnings: warnings.iter().map(FaultDocument::from).collect(),
                };
                Ok((201, page::bytes(&answer)))
            })
        })
        .await?;
    Ok(page::exact(status(&answer)?, answer.body))
}

/// The reports of the caller's bank, the newest first.
#[utoipa::path(get, path = "/api/v1/own/reports", tag = "reports",
    responses((status = 200, body = ReportList)))]
pub async fn list_own(app: Data<App>, who: BankWho) -> Answered {
    let bank = who.scope.bank();
    listed(&app, Some(bank)).await
}

/// Every bank's reports, the newest first.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports",
    responses((status = 200, body = ReportList)))]
pub async fn list(app: Data<App>) -> Answered {
    listed(&app, None).await
}

async fn listed(app: &App, bank: Option<Uid>) -> Answered {
    let list = app
        .store
        .read(move |tx| -> Result<ReportList, Problem> {
            let banks = bank_codes(tx)?;
            let mut found = Vec::new();
            for one in reports::newest(tx, bank, None, page::MOST)? {
                let code = banks.get(&one.0.bank_id).cloned().unwrap_or_default();
                found.push(ReportView::of(tx, one, code)?);
            }
            Ok(ReportList { reports: found })
        })
        .await?;
    Ok(page::ok(&list))
}

fn own(tx: &mut Tx<'_>, scope: BankScope, id: Uid) -> Result<Report, Problem> {
    let found = reports::by_id(tx, id)?.filter(|(row, _)| row.bank_id == scope.bank());
    found.ok_or_else(Problem::missing)
}

fn own_view(
    tx: &mut Tx<'_>,
    rules: &Rules,
    scope: BankScope,
    id: Uid,
) -> Result<OwnReportView, Problem> {
    let found = own(tx, scope, id)?;
    let receipt = report::receipt(tx, rules, &found.0)?;
    let entry = report::proof(tx, &found.0)?.map(|(index, _)| index);
    let code = bank_codes(tx)?.remove(&scope.bank()).unwrap_or_default();
    Ok(OwnReportView {
        view: ReportView::of(tx, found, code)?,
        receipt,
        entry,
    })
}

/// A report of the caller's bank, with its receipt.
#[utoipa::path(get, path = "/api/v1/own/reports/{id}", tag = "reports",
    params(("id" = String, Path, description = "the report")),
    responses((status = 200, body = OwnReportView)))]
pub async fn read_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let view = app
        .store
        .read(move |tx| own_view(tx, &rules, who.scope, id))
        .await?;
    Ok(page::ok(&view))
}

/// The proof that its entry stands in the log (C2SP tlog-proof), for the leaf hash in the receipt.
#[utoipa::path(get, path = "/api/v1/own/reports/{id}/proof", tag = "reports",
    params(("id" = String, Path, description = "the report")),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn proof_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let proof = app
        .store
        .read(move |tx| -> Result<String, Problem> {
            let (row, _) = own(tx, who.scope, id)?;
            let proved = report::proof(tx, &row)?;
            let (_, proof) = proved.ok_or(crate::domain::refusal::Refusal::NotSealed)?;
            Ok(proof)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(proof))
}

/// One report.
#[utoipa::path(get, path = "/api/v1/reports/{id}", tag = "reports",
    params(("id" = String, Path, description = "the report")),
    responses((status = 200, body = ReportView)))]
pub async fn read(app: Data<App>, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let view = app
        .store
        .read(move |tx| -> Result<ReportView, Problem> {
            let found = reports::by_id(tx, id)?.ok_or_else(Problem::missing)?;
            let mut banks = bank_codes(tx)?;
            let code = banks.remove(&found.0.bank_id).unwrap_or_default();
            ReportView::of(tx, found, code)
        })
        .await?;
    Ok(page::ok(&view))
}

/// Begin a draft with what a report says; issuing the draft answers the report.
#[utoipa::path(post, path = "/api/v1/reports/{id}/draft", tag = "reports",
    params(("id" = String, Path, description = "the report")),
    responses((status = 201, body = drafts::DraftView)))]
pub async fn begin_draft(app: Data<App>, Who(caller): Who, id: Path<String>) -> Answered {
    app.room_to_file()?;
    let (id, by) = (page::id(&id)?, caller.id());
    let rules = Arc::clone(&app.rules);
    let draft = app
        .store
        .write(Lane::Front, move |tx| {
            answer_report::begin_draft(tx, &rules, by, id)
        })
        .await?;
    drafts::view(StatusCode::CREATED, draft)
}

/// Say that a report is no incident. The reason goes back to the bank.
#[utoipa::path(post, path = "/api/v1/reports/{id}/rejection", tag = "reports",
    params(("id" = String, Path, description = "the report")),
    request_body = ReasonInput, responses((status = 204)))]
pub async fn reject(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let (id, by) = (page::id(&id)?, caller.id());
    app.store
        .write(Lane::Front, move |tx| {
            answer_report::reject(tx, by, id, &input.reason)
        })
        .await?;
    edition::done()
}
