//! Partnerships: joining acts at once, ending takes two people and a day.

use super::banks::{BankList, BankView};
use super::edition::{self, ReasonInput, WaitingAnswer};
use crate::actions::join_bank::join_bank;
use crate::actions::{end_partnership, read_register};
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Which bank joins.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinInput {
    /// Its code.
    bank: String,
}

/// The banks that are partners now.
#[utoipa::path(get, path = "/api/v1/partnerships", tag = "register", responses((status = 200, body = BankList)))]
pub async fn list(app: Data<App>) -> Answered {
    let known = app.store.read(read_register::banks).await?;
    let partners = known.into_iter().filter(|bank| bank.is_partner);
    Ok(page::ok(&BankList {
        banks: partners.map(BankView::from).collect(),
    }))
}

/// Make a bank a partner from now on; an announced ending is called off by it.
#[utoipa::path(post, path = "/api/v1/partnerships", tag = "register", request_body = JoinInput,
    responses((status = 200, body = BankView)))]
pub async fn join(app: Data<App>, Strict(input): Strict<JoinInput>) -> Answered {
    let known = app
        .store
        .write(Lane::Front, move |tx| {
            join_bank(tx, &input.bank)?;
            read_register::bank(tx, &input.bank)
        })
        .await?;
    Ok(page::ok(&BankView::from(known)))
}

/// Ask for the end of a partnership; another person decides, and the bank is told a day before.
#[utoipa::path(post, path = "/api/v1/partnerships/{code}/ending", tag = "register",
    params(("code" = String, Path)), request_body = ReasonInput,
    responses((status = 202, body = WaitingAnswer)))]
pub async fn end(
    app: Data<App>,
    Who(caller): Who,
    code: Path<String>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            end_partnership::request(tx, &rules, by, &code, &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}
