//! A bank's webhook endpoints: kept by the bank itself under `/own`; on its behalf only the first one
//! without a second person. Secrets are shown once.

use super::edition::{self, ReasonInput, WaitingAnswer};
use crate::actions::on_behalf::{self, OnBehalf};
use crate::actions::read_register::{self, KnownEndpoint};
use crate::actions::register_bank::bank_by_code;
use crate::actions::rotate_secret::rotate_secret;
use crate::actions::set_endpoint::{
    EndpointInput, EndpointMade, add_endpoint, end_endpoint, replace_endpoint,
};
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::{BankWho, Who};
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct EndpointView {
    id: String,
    /// Absent if it was erased.
    url: Option<String>,
    ed25519: bool,
    entered_at: String,
    /// Until then the former secret signs beside the new one; null = one secret signs.
    previous_until: Option<String>,
    /// Since when it is proven to be the bank's, by its answer to a challenge; null = it is not.
    proven_since: Option<String>,
    /// The endpoint that takes its place: once that one is proven, and a day after it was entered, this one ends.
    replaced_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct EndpointList {
    endpoints: Vec<EndpointView>,
}

/// A new endpoint. The secret is shown this once.
#[derive(Serialize, ToSchema)]
pub struct EndpointAnswer {
    id: String,
    /// `whsec_…` (Standard Webhooks).
    secret: String,
}

/// A new secret, shown this once.
#[derive(Serialize, ToSchema)]
pub struct SecretAnswer {
    /// `whsec_…` (Standard Webhooks).
    secret: String,
    /// Until then the former secret signs beside it.
    previous_until: String,
}

/// An endpoint on a bank's behalf.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointOnBehalfInput {
    endpoint: EndpointInput,
    /// For the second person; needed unless it is the bank's first endpoint.
    #[serde(default)]
    reason: String,
}

impl From<KnownEndpoint> for EndpointView {
    fn from(one: KnownEndpoint) -> Self {
        Self {
            id: one.endpoint.id.to_string(),
            url: one.known.map(|known| known.url),
            ed25519: one.endpoint.ed25519,
            entered_at: one.endpoint.recorded_at.to_string(),
            previous_until: one.previous_until.map(|at| at.to_string()),
            proven_since: one.proven_since.map(|at| at.to_string()),
            replaced_by: one.replaced_by.map(|id| id.to_string()),
        }
    }
}

fn listed(found: Vec<KnownEndpoint>) -> HttpResponse {
    page::ok(&EndpointList {
        endpoints: found.into_iter().map(EndpointView::from).collect(),
    })
}

fn made(made: EndpointMade) -> HttpResponse {
    let answer = EndpointAnswer {
        id: made.id.to_string(),
        secret: made.secret,
    };
    page::json(StatusCode::CREATED, &answer)
}

/// Live endpoints of a bank.
#[utoipa::path(get, path = "/api/v1/banks/{code}/endpoints", tag = "register", params(("code" = String, Path)),
    responses((status = 200, body = EndpointList)))]
pub async fn list(app: Data<App>, code: Path<String>) -> Answered {
    let found = app
        .store
        .read(move |tx| {
            let bank = bank_by_code(tx, &code)?.id;
            read_register::endpoints(tx, bank)
        })
        .await?;
    Ok(listed(found))
}

/// Enter an endpoint for a bank: 201 for its first one, 202 where a second person must decide.
#[utoipa::path(post, path = "/api/v1/banks/{code}/endpoints", tag = "register", params(("code" = String, Path)),
    request_body = EndpointOnBehalfInput,
    responses((status = 201, body = EndpointAnswer), (status = 202, body = WaitingAnswer)))]
pub async fn create(
    app: Data<App>,
    Who(caller): Who,
    code: Path<String>,
    Strict(input): Strict<EndpointOnBehalfInput>,
) -> Answered {
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let outcome = app
        .store
        .write(Lane::Front, move |tx| {
            on_behalf::add_endpoint(tx, &rules, by, &code, &input.endpoint, &input.reason)
        })
        .await?;
    Ok(match outcome {
        OnBehalf::Done(endpoint) => made(endpoint),
        OnBehalf::Asked(requested) => edition::waits(&requested),
    })
}

/// Ask to put another endpoint in the place of a bank's; the bank's secret stays. Both receive until the new one is
/// proven, for a day at least.
#[utoipa::path(post, path = "/api/v1/banks/{code}/endpoints/{id}/replacement", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)), request_body = EndpointOnBehalfInput,
    responses((status = 202, body = WaitingAnswer)))]
pub async fn replace(
    app: Data<App>,
    Who(caller): Who,
    path: Path<(String, String)>,
    Strict(input): Strict<EndpointOnBehalfInput>,
) -> Answered {
    let (code, id) = path.into_inner();
    let id = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            on_behalf::replace_endpoint(tx, &rules, by, (&code, id), &input.endpoint, &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}

/// Ask to end a bank's endpoint.
#[utoipa::path(post, path = "/api/v1/banks/{code}/endpoints/{id}/ending", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)), request_body = ReasonInput,
    responses((status = 202, body = WaitingAnswer)))]
pub async fn end(
    app: Data<App>,
    Who(caller): Who,
    path: Path<(String, String)>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let (code, id) = path.into_inner();
    let id = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            on_behalf::end_endpoint(tx, &rules, by, (&code, id), &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}

/// The bank's own live endpoints.
#[utoipa::path(get, path = "/api/v1/own/endpoints", tag = "own", responses((status = 200, body = EndpointList)))]
pub async fn list_own(app: Data<App>, who: BankWho) -> Answered {
    let bank = who.scope.bank();
    Ok(listed(
        app.store
            .read(move |tx| read_register::endpoints(tx, bank))
            .await?,
    ))
}

/// Enter an endpoint of the own bank.
#[utoipa::path(post, path = "/api/v1/own/endpoints", tag = "own", request_body = EndpointInput,
    responses((status = 201, body = EndpointAnswer)))]
pub async fn create_own(
    app: Data<App>,
    who: BankWho,
    Strict(input): Strict<EndpointInput>,
) -> Answered {
    let bank = who.scope.bank();
    let rules = Arc::clone(&app.rules);
    let endpoint = app
        .store
        .write(Lane::Front, move |tx| {
            add_endpoint(tx, &rules, bank, &input)
        })
        .await?;
    Ok(made(endpoint))
}

/// Put another endpoint in the place of one; it gets a new secret, and what is still to be sent. Both receive until the
/// new one is proven, for a day at least.
#[utoipa::path(post, path = "/api/v1/own/endpoints/{id}/replacement", tag = "own", params(("id" = String, Path)),
    request_body = EndpointInput, responses((status = 201, body = EndpointAnswer)))]
pub async fn replace_own(
    app: Data<App>,
    who: BankWho,
    id: Path<String>,
    Strict(input): Strict<EndpointInput>,
) -> Answered {
    let bank = who.scope.bank();
    let old = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let endpoint = app
        .store
        .write(Lane::Front, move |tx| {
            replace_endpoint(tx, &rules, bank, old, &input)
        })
        .await?;
    Ok(made(endpoint))
}

/// End an endpoint of the own bank. The last way to reach a partner cannot be ended.
#[utoipa::path(delete, path = "/api/v1/own/endpoints/{id}", tag = "own", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn end_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let bank = who.scope.bank();
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| end_endpoint(tx, bank, id))
        .await?;
    edition::done()
}

/// A new signing secret for an endpoint of the own bank.
#[utoipa::path(post, path = "/api/v1/own/endpoints/{id}/secret", tag = "own", params(("id" = String, Path)),
    responses((status = 201, body = SecretAnswer)))]
pub async fn rotate_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let bank = who.scope.bank();
    let id = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let rotated = app
        .store
        .write(Lane::Front, move |tx| rotate_secret(tx, &rules, bank, id))
        .await?;
    let answer = SecretAnswer {
        secret: rotated.secret,
        previous_until: rotated.previous_until.to_string(),
    };
    Ok(page::json(StatusCode::CREATED, &answer))
}
