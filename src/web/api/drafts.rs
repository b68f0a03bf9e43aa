//! Filings in preparation, edited under a version. Ended drafts stay in sight.

use super::edition::{self, ReasonInput};
use crate::actions::draft::{self, Draft};
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
        }
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
    let rows = app.store.read(draft::list).await?;
    Ok(page::ok(&DraftList {
        drafts: rows.into_iter().map(DraftSummary::from).collect(),
    }))
}

/// Begin a draft: a filing, as far as it is known.
#[utoipa::path(post, path = "/api/v1/drafts", tag = "drafts",
    request_body(content = Object, content_type = "application/json"),
    responses((status = 201, body = DraftView)))]
pub async fn create(app: Data<App>, Who(caller): Who, RawJson(body): RawJson) -> Answered {
    app.room_to_file()?;
    let author = caller.id();
    let row = app
        .store
        .write(Lane::Front, move |tx| draft::create(tx, author, &body))
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
    let row = app
        .store
        .write(Lane::Front, move |tx| {
            draft::replace(tx, id, version, &body)
        })
        .await?;
    view(StatusCode::OK, row)
}

/// End an open draft with a reason.
#[utoipa::path(post, path = "/api/v1/drafts/{id}/discard", tag = "drafts", params(("id" = String, Path)),
    request_body = ReasonInput, responses((status = 204)))]
pub async fn discard(
    app: Data<App>,
    id: Path<String>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| draft::discard(tx, id, &input.reason))
        .await?;
    edition::done()
}
