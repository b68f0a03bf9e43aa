//! A bank's contacts: kept by the bank itself under `/own`, or by the operator's administrator.

use super::edition;
use crate::actions::Error;
use crate::actions::add_contact::{
    ContactInput, ContactPayload, add_contact, end_contact, replace_contact,
};
use crate::actions::read_register;
use crate::actions::register_bank::bank_by_code;
use crate::domain::id::Uid;
use crate::storage::bank::ContactRow;
use crate::storage::{Lane, Tx};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ContactView {
    id: String,
    level: i64,
    language: String,
    entered_at: String,
    /// True if the name and address were erased.
    erased: bool,
    name: String,
    role: String,
    email: String,
    phone: String,
    hours: String,
}

#[derive(Serialize, ToSchema)]
pub struct ContactList {
    contacts: Vec<ContactView>,
}

#[derive(Serialize, ToSchema)]
pub struct ContactAnswer {
    id: String,
}

impl From<(ContactRow, Option<ContactPayload>)> for ContactView {
    fn from((row, known): (ContactRow, Option<ContactPayload>)) -> Self {
        let erased = known.is_none();
        let known = known.unwrap_or_else(|| ContactPayload {
            name: String::new(),
            role: String::new(),
            email: String::new(),
            phone: String::new(),
            hours: String::new(),
            salt: String::new(),
        });
        Self {
            id: row.id.to_string(),
            level: row.level,
            language: row.language,
            entered_at: row.recorded_at.to_string(),
            erased,
            name: known.name,
            role: known.role,
            email: known.email,
            phone: known.phone,
            hours: known.hours,
        }
    }
}

/// Whose contacts: found in the transaction that uses it.
#[derive(Clone)]
enum Whose {
    Own(Uid),
    OfCode(String),
}

impl Whose {
    fn bank(&self, tx: &mut Tx<'_>) -> Result<Uid, Error> {
        match self {
            Self::Own(id) => Ok(*id),
            Self::OfCode(code) => Ok(bank_by_code(tx, code)?.id),
        }
    }
}

async fn listed(app: &App, whose: Whose) -> Answered {
    let found = app
        .store
        .read(move |tx| {
            let bank = whose.bank(tx)?;
            read_register::contacts(tx, bank)
        })
        .await?;
    Ok(page::ok(&ContactList {
        contacts: found.into_iter().map(ContactView::from).collect(),
    }))
}

async fn added(app: &App, whose: Whose, input: ContactInput) -> Answered {
    let id = app
        .store
        .write(Lane::Front, move |tx| {
            let bank = whose.bank(tx)?;
            add_contact(tx, bank, &input)
        })
        .await?;
    Ok(page::json(
        StatusCode::CREATED,
        &ContactAnswer { id: id.to_string() },
    ))
}

async fn replaced(app: &App, whose: Whose, old: Uid, input: ContactInput) -> Answered {
    let id = app
        .store
        .write(Lane::Front, move |tx| {
            let bank = whose.bank(tx)?;
            replace_contact(tx, bank, old, &input)
        })
        .await?;
    Ok(page::json(
        StatusCode::CREATED,
        &ContactAnswer { id: id.to_string() },
    ))
}

async fn ended(app: &App, whose: Whose, contact: Uid) -> Answered {
    app.store
        .write(Lane::Front, move |tx| {
            let bank = whose.bank(tx)?;
            end_contact(tx, bank, contact)
        })
        .await?;
    edition::done()
}

/// Live contacts of a bank, by ladder level.
#[utoipa::path(get, path = "/api/v1/banks/{code}/contacts", tag = "register", params(("code" = String, Path)),
    responses((status = 200, body = ContactList)))]
pub async fn list(app: Data<App>, code: Path<String>) -> Answered {
    listed(&app, Whose::OfCode(code.into_inner())).await
}

/// Enter a contact of a bank.
#[utoipa::path(post, path = "/api/v1/banks/{code}/contacts", tag = "register", params(("code" = String, Path)),
    request_body = ContactInput, responses((status = 201, body = ContactAnswer)))]
pub async fn create(
    app: Data<App>,
    code: Path<String>,
    Strict(input): Strict<ContactInput>,
) -> Answered {
    added(&app, Whose::OfCode(code.into_inner()), input).await
}

/// Put another contact in the place of one; what is still to be sent goes to the new one.
#[utoipa::path(post, path = "/api/v1/banks/{code}/contacts/{id}/replacement", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)), request_body = ContactInput,
    responses((status = 201, body = ContactAnswer)))]
pub async fn replace(
    app: Data<App>,
    path: Path<(String, String)>,
    Strict(input): Strict<ContactInput>,
) -> Answered {
    let (code, id) = path.into_inner();
    replaced(&app, Whose::OfCode(code), page::id(&id)?, input).await
}

/// End a contact. The last way to reach a partner cannot be ended.
#[utoipa::path(delete, path = "/api/v1/banks/{code}/contacts/{id}", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)), responses((status = 204)))]
pub async fn end(app: Data<App>, path: Path<(String, String)>) -> Answered {
    let (code, id) = path.into_inner();
    ended(&app, Whose::OfCode(code), page::id(&id)?).await
}

/// The bank's own live contacts.
#[utoipa::path(get, path = "/api/v1/own/contacts", tag = "own", responses((status = 200, body = ContactList)))]
pub async fn list_own(app: Data<App>, who: BankWho) -> Answered {
    listed(&app, Whose::Own(who.scope.bank())).await
}

/// Enter a contact of the own bank.
#[utoipa::path(post, path = "/api/v1/own/contacts", tag = "own", request_body = ContactInput,
    responses((status = 201, body = ContactAnswer)))]
pub async fn create_own(
    app: Data<App>,
    who: BankWho,
    Strict(input): Strict<ContactInput>,
) -> Answered {
    added(&app, Whose::Own(who.scope.bank()), input).await
}

/// Put another contact in the place of one of the own bank.
#[utoipa::path(post, path = "/api/v1/own/contacts/{id}/replacement", tag = "own", params(("id" = String, Path)),
    request_body = ContactInput, responses((status = 201, body = ContactAnswer)))]
pub async fn replace_own(
    app: Data<App>,
    who: BankWho,
    id: Path<String>,
    Strict(input): Strict<ContactInput>,
) -> Answered {
    replaced(&app, Whose::Own(who.scope.bank()), page::id(&id)?, input).await
}

/// End a contact of the own bank.
#[utoipa::path(delete, path = "/api/v1/own/contacts/{id}", tag = "own", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn end_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    ended(&app, Whose::Own(who.scope.bank()), page::id(&id)?).await
}
