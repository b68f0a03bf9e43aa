//! The register's banks: entered, read, amended. And the roster in force.

use super::edition;
use crate::actions;
use crate::actions::amend_bank::amend_bank;
use crate::actions::read_register::{self, KnownBank};
use crate::actions::register_bank::{NewBank, ProfileInput, register_bank};
use crate::storage::Lane;
use crate::storage::roster::RosterVersionRow;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct BankView {
    code: String,
    name_ja: String,
    name_en: String,
    language: String,
    /// Codes of the vocabulary `authentication`; empty = unknown.
    linking: Vec<String>,
    new_links: String,
    top_ups: String,
    pay_outs: String,
    /// Of the profile; the `ETag` of this document.
    revision: i64,
    is_partner: bool,
    /// A regulator or an association: told like a bank.
    is_observer: bool,
    valid_from: Option<String>,
    valid_to: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct BankList {
    pub(super) banks: Vec<BankView>,
}

/// The banks that a notice issued now would go to.
#[derive(Serialize, ToSchema)]
pub struct RosterView {
    version: i64,
    effective_at: String,
    banks: i64,
    /// Root of the roster's own tree, 64 hex digits.
    root: String,
}

impl From<KnownBank> for BankView {
    fn from(known: KnownBank) -> Self {
        let partnership = known.partnership;
        Self {
            code: known.bank.code,
            name_ja: known.profile.name_ja,
            name_en: known.profile.name_en,
            language: known.profile.language,
            linking: known
                .profile
                .linking
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            new_links: known.profile.new_links,
            top_ups: known.profile.top_ups,
            pay_outs: known.profile.pay_outs,
            revision: known.profile.revision,
            is_partner: known.is_partner,
            is_observer: known.is_observer,
            valid_from: partnership.as_ref().map(|row| row.valid_from.to_string()),
            valid_to: partnership
                .and_then(|row| row.valid_to)
                .map(|at| at.to_string()),
        }
    }
}

impl From<RosterVersionRow> for RosterView {
    fn from(row: RosterVersionRow) -> Self {
        Self {
            version: row.version,
            effective_at: row.effective_at.to_string(),
            banks: row.bank_count,
            root: hex::encode(row.root),
        }
    }
}

/// Every bank ever entered, by code.
#[utoipa::path(get, path = "/api/v1/banks", tag = "register", responses((status = 200, body = BankList)))]
pub async fn list(app: Data<App>) -> Answered {
    let known = app.store.read(read_register::banks).await?;
    Ok(page::ok(&BankList {
        banks: known.into_iter().map(BankView::from).collect(),
    }))
}

/// Enter a bank. From then on, or from `valid_from`, every notice goes to it.
#[utoipa::path(post, path = "/api/v1/banks", tag = "register", request_body = NewBank,
    responses((status = 201, body = BankView)))]
pub async fn create(app: Data<App>, Strict(input): Strict<NewBank>) -> Answered {
    let known = app
        .store
        .write(Lane::Front, move |tx| {
            register_bank(tx, &input)?;
            read_register::bank(tx, &input.code)
        })
        .await?;
    let revision = known.profile.revision;
    Ok(edition::versioned(
        StatusCode::CREATED,
        revision,
        &BankView::from(known),
    ))
}

/// One bank; the `ETag` is its profile's revision.
#[utoipa::path(get, path = "/api/v1/banks/{code}", tag = "register", params(("code" = String, Path)),
    responses((status = 200, body = BankView)))]
pub async fn read(app: Data<App>, code: Path<String>) -> Answered {
    let code = code.into_inner();
    let known = app
        .store
        .read(move |tx| read_register::bank(tx, &code))
        .await?;
    let revision = known.profile.revision;
    Ok(edition::versioned(
        StatusCode::OK,
        revision,
        &BankView::from(known),
    ))
}

/// Amend what is known of a bank; needs `If-Match`.
#[utoipa::path(put, path = "/api/v1/banks/{code}/profile", tag = "register",
    params(("code" = String, Path), ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body = ProfileInput, responses((status = 200, body = BankView)))]
pub async fn amend(
    req: HttpRequest,
    app: Data<App>,
    code: Path<String>,
    Strict(input): Strict<ProfileInput>,
) -> Answered {
    let expected = edition::expected(&req)?;
    amended(&app, code.into_inner(), expected, input).await
}

/// The next revision of the profile, if the newest still is `expected`.
pub(in crate::web) async fn amended(
    app: &App,
    code: String,
    expected: i64,
    input: ProfileInput,
) -> Answered {
    let known = app
        .store
        .write(
            Lane::Front,
            move |tx| -> Result<KnownBank, actions::Error> {
                amend_bank(tx, &code, expected, &input)?;
                read_register::bank(tx, &code)
            },
        )
        .await?;
    let revision = known.profile.revision;
    Ok(edition::versioned(
        StatusCode::OK,
        revision,
        &BankView::from(known),
    ))
}

/// The newest roster version; 404 before the first bank is entered.
#[utoipa::path(get, path = "/api/v1/roster", tag = "register", responses((status = 200, body = RosterView)))]
pub async fn roster(app: Data<App>) -> Answered {
    let newest = app.store.read(read_register::roster).await?;
    Ok(page::ok(&RosterView::from(
        newest.ok_or_else(Problem::missing)?,
    )))
}
