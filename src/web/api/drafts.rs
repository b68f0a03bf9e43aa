//! Filings in preparation, edited under a version. Ended drafts stay in sight.

use super::edition::{self, ReasonInput};
use crate::actions::draft::{self, Draft};
use crate::actions::suspicion::{self, Age};
use crate::domain::instant::Instant;
use crate::storage::Lane;
use crate::storage::draft::DraftRow;
use crate::web::App;
use crate::web::body::{RawJson, Strict};
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct DraftSummary {
    id: String,
    author: String,
    version: i64,
    created_at: String,
    updated_at: String,
    /// `open`, `issued` or `discarded`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded_by: Option<String>,
    /// The bank's report that it was begun from.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    /// When the suspicion was first on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_recorded_at: Option<String>,
    /// The banks have to be told by then: the ceiling, from awareness.
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling_at: Option<String>,
    /// It is open, and that time is over.
    past_ceiling: bool,
}

#[derive(Serialize, ToSchema)]
pub struct DraftList {
    drafts: Vec<DraftSummary>,
}

/// A draft; its `ETag` is the version.
#[derive(Serialize, ToSchema)]
pub struct DraftView {
    #[serde(flatten)]
    summary: DraftSummary,
    /// The filing so far.
    #[schema(value_type = Object)]
    body: serde_json::Value,
}

impl From<DraftRow> for DraftSummary {
    fn from(row: DraftRow) -> Self {
        let state = match (row.revision_id, row.discarded_at) {
            (Some(_), _) => "issued",
            (None, Some(_)) => "discarded",
            (None, None) => "open",
        };
        Self {
            id: row.id.to_string(),
            author: row.author.to_string(),
            version: row.version,
            created_at: row.created_at.to_string(),
            updated_at: row.updated_at.to_string(),
            state: state.to_owned(),
            discard_reason: row.discard_reason,
            discarded_by: row.discarded_by.map(|id| id.to_string()),
            report: row.report_id.map(|id| id.to_string()),
            first_recorded_at: None,
            ceiling_at: None,
            past_ceiling: false,
        }
    }
}

impl DraftSummary {
    /// With its age, as it stands at an instant.
    fn aged(row: DraftRow, age: Option<Age>, now: Instant) -> Self {
        let is_open = row.is_open();
        let mut summary = Self::from(row);
        if let Some(age) = age {
            summary.first_recorded_at = Some(age.first_recorded_at.to_string());
            summary.ceiling_at = age.ceiling_at.map(|at| at.to_string());
            summary.past_ceiling = is_open && age.ceiling_at.is_some_and(|at| at <= now);
        }
        summary
    }
}

pub(super) fn view(status: StatusCode, found: Draft) -> Answered {
    let Draft { row, body } = found;
    let body = serde_json::from_str(&body).map_err(|fault| Problem::internal(&fault))?;
    let version = row.version;
    let document = DraftView {
        summary: row.into(),
        body,
    };
    Ok(edition::versioned(status, version, &document))
}

/// Every draft, oldest first.
#[utoipa::path(get, path = "/api/v1/drafts", tag = "drafts", responses((status = 200, body = DraftList)))]
pub async fn list(app: Data<App>) -> Answered {
    let rules = std::sync::Arc::clone(&app.rules);
    let list = app
        .store
        .read(move |tx| -> Result<DraftList, Problem> {
            let now = tx.now()?;
            let mut drafts = Vec::new();
            for row in draft::list(tx)? {
                let age = suspicion::of_sealed(tx, &rules, &row)?;
                drafts.push(DraftSummary::aged(row, age, now));
            }
            Ok(DraftList { drafts })
        })
        .await?;
    Ok(page::ok(&list))
}

/// Begin a draft: a filing, as far as it is known.
#[utoipa::path(post, path = "/api/v1/drafts", tag = "drafts",
    request_body(content = Object, content_type = "application/json"),
    responses((status = 201, body = DraftView)))]
pub async fn create(app: Data<App>, Who(caller): Who, RawJson(body): RawJson) -> Answered {
    app.room_to_file()?;
    let author = caller.id();
    let rules = std::sync::Arc::clone(&app.rules);
    let row = app
        .store
        .write(Lane::Front, move |tx| {
            draft::create(tx, &rules, author, &body)
        })
        .await?;
    view(StatusCode::CREATED, row)
}

/// One draft.
#[utoipa::path(get, path = "/api/v1/drafts/{id}", tag = "drafts", params(("id" = String, Path)),
    responses((status = 200, body = DraftView)))]
pub async fn read(app: Data<App>, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let row = app.store.read(move |tx| draft::get(tx, id)).await?;
    view(StatusCode::OK, row)
}

/// Replace the body of an open draft; needs `If-Match`.
#[utoipa::path(put, path = "/api/v1/drafts/{id}", tag = "drafts",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, body = DraftView)))]
pub async fn replace(
    req: HttpRequest,
    app: Data<App>,
    id: Path<String>,
    RawJson(body): RawJson,
) -> Answered {
    let id = page::id(&id)?;
    let version = edition::expected(&req)?;
    let rules = std::sync::Arc::clone(&app.rules);
    let row = app
        .store
        .write(Lane::Front, move |tx| {
            draft::replace(tx, &rules, id, version, &body)
        })
        .await?;
    view(StatusCode::OK, row)
}

/// End an open draft with a reason.
#[utoipa::path(post, path = "/api/v1/drafts/{id}/discard", tag = "drafts", params(("id" = String, Path)),
    request_body = ReasonInput, responses((status = 204)))]
pub async fn discard(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let (id, by) = (page::id(&id)?, caller.id());
    app.store
        .write(Lane::Front, move |tx| {
            draft::discard(tx, by, id, &input.reason)
        })
        .await?;
    edition::done()
}
