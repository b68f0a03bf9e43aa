//! API keys: a person's own, a bank's machines' under `/own`, and a bank's first one by the operator. A
//! key is shown once.

use super::edition::{self, ReasonInput, WaitingAnswer};
use crate::actions::issue_key::{KeyInput, KeyMade, Owner, issue_first_key, issue_key};
use crate::actions::register_bank::bank_by_code;
use crate::actions::revoke_key::revoke_key;
use crate::actions::{on_behalf, read_register};
use crate::storage::Lane;
use crate::storage::people::ApiKeyRow;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::{BankWho, Who};
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct KeyView {
    id: String,
    label: String,
    created_at: String,
    expires_at: String,
    revoked_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct KeyList {
    keys: Vec<KeyView>,
}

/// A new key, shown this once.
#[derive(Serialize, ToSchema)]
pub struct KeyAnswer {
    id: String,
    /// `kairan_…`; send it as `Authorization: Bearer`.
    key: String,
    expires_at: String,
}

impl From<ApiKeyRow> for KeyView {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id.to_string(),
            label: row.label,
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.to_string(),
            revoked_at: row.revoked_at.map(|at| at.to_string()),
        }
    }
}

impl From<KeyMade> for KeyAnswer {
    fn from(made: KeyMade) -> Self {
        Self {
            id: made.id.to_string(),
            key: made.key,
            expires_at: made.expires_at.to_string(),
        }
    }
}

fn listed(rows: Vec<ApiKeyRow>) -> HttpResponse {
    page::ok(&KeyList {
        keys: rows.into_iter().map(KeyView::from).collect(),
    })
}

async fn issued(app: &App, owner: Owner, input: KeyInput) -> Answered {
    let rules = Arc::clone(&app.rules);
    let made = app
        .store
        .write(Lane::Front, move |tx| issue_key(tx, &rules, owner, &input))
        .await?;
    Ok(page::json(StatusCode::CREATED, &KeyAnswer::from(made)))
}

/// The caller's own keys.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses((status = 200, body = KeyList)))]
pub async fn list(app: Data<App>, Who(caller): Who) -> Answered {
    let owner = Owner::Person(caller.person().ok_or_else(Problem::missing)?);
    Ok(listed(
        app.store
            .read(move |tx| read_register::keys(tx, owner))
            .await?,
    ))
}

/// Make a further key of one's own; two live ones at most.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = KeyInput,
    responses((status = 201, body = KeyAnswer)))]
pub async fn create(app: Data<App>, Who(caller): Who, Strict(input): Strict<KeyInput>) -> Answered {
    let owner = Owner::Person(caller.person().ok_or_else(Problem::missing)?);
    issued(&app, owner, input).await
}

/// Revoke a key: one's own, or as an administrator a person's.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn revoke(app: Data<App>, Who(caller): Who, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| revoke_key(tx, &caller, id))
        .await?;
    edition::done()
}

/// Keys of the own bank's machines.
#[utoipa::path(get, path = "/api/v1/own/keys", tag = "own", responses((status = 200, body = KeyList)))]
pub async fn list_own(app: Data<App>, who: BankWho) -> Answered {
    let owner = Owner::Bank(who.scope.bank());
    Ok(listed(
        app.store
            .read(move |tx| read_register::keys(tx, owner))
            .await?,
    ))
}

/// Make a key for the own bank's machines; two live ones at most.
#[utoipa::path(post, path = "/api/v1/own/keys", tag = "own", request_body = KeyInput,
    responses((status = 201, body = KeyAnswer)))]
pub async fn create_own(app: Data<App>, who: BankWho, Strict(input): Strict<KeyInput>) -> Answered {
    issued(&app, Owner::Bank(who.scope.bank()), input).await
}

/// Revoke a key of the own bank.
#[utoipa::path(delete, path = "/api/v1/own/keys/{id}", tag = "own", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn revoke_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| revoke_key(tx, &who.caller, id))
        .await?;
    edition::done()
}

/// Keys of a bank's machines.
#[utoipa::path(get, path = "/api/v1/banks/{code}/keys", tag = "register", params(("code" = String, Path)),
    responses((status = 200, body = KeyList)))]
pub async fn list_of_bank(app: Data<App>, code: Path<String>) -> Answered {
    let found = app
        .store
        .read(move |tx| {
            let bank = bank_by_code(tx, &code)?.id;
            read_register::keys(tx, Owner::Bank(bank))
        })
        .await?;
    Ok(listed(found))
}

/// Make the first key of a bank's machines; further ones the bank makes itself.
#[utoipa::path(post, path = "/api/v1/banks/{code}/keys", tag = "register", params(("code" = String, Path)),
    request_body = KeyInput, responses((status = 201, body = KeyAnswer)))]
pub async fn create_of_bank(
    app: Data<App>,
    code: Path<String>,
    Strict(input): Strict<KeyInput>,
) -> Answered {
    let rules = Arc::clone(&app.rules);
    let made = app
        .store
        .write(Lane::Front, move |tx| {
            let bank = bank_by_code(tx, &code)?.id;
            issue_first_key(tx, &rules, bank, &input)
        })
        .await?;
    Ok(page::json(StatusCode::CREATED, &KeyAnswer::from(made)))
}

/// Ask to revoke a key of a bank's machines.
#[utoipa::path(post, path = "/api/v1/banks/{code}/keys/{id}/revocation", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)), request_body = ReasonInput,
    responses((status = 202, body = WaitingAnswer)))]
pub async fn revoke_of_bank(
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
            on_behalf::revoke_key(tx, &rules, by, (&code, id), &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}
