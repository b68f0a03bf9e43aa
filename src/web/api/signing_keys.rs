//! A bank's own keys for acknowledgements: enrolled and ended by the bank itself under `/own`, by its people or
//! its machines. Private keys never come here.

use super::edition;
use crate::actions::end_signing_key::end_signing_key;
use crate::actions::enrol_signing_key::{SigningKeyInput, enrol_signing_key};
use crate::actions::read_register::{self, SigningKey};
use crate::actions::register_bank::bank_by_code;
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A bank's public key for acknowledgements.
#[derive(Serialize, ToSchema)]
pub struct SigningKeyView {
    id: String,
    /// The vkey (C2SP signed-note): name, key id, public key.
    key: String,
    enrolled_at: String,
    /// Null = notes signed with it are taken.
    ended_at: Option<String>,
    replaced_by: Option<String>,
    /// The signed note in which the key showed itself.
    proof: String,
}

#[derive(Serialize, ToSchema)]
pub struct SigningKeyList {
    signing_keys: Vec<SigningKeyView>,
}

impl From<SigningKey> for SigningKeyView {
    fn from(one: SigningKey) -> Self {
        Self {
            id: one.key.id.to_string(),
            key: one.verifier.to_string(),
            enrolled_at: one.key.recorded_at.to_string(),
            ended_at: one.end.as_ref().map(|end| end.recorded_at.to_string()),
            replaced_by: one
                .end
                .and_then(|end| end.replaced_by)
                .map(|id| id.to_string()),
            proof: one.key.proof,
        }
    }
}

fn listed(found: Vec<SigningKey>) -> HttpResponse {
    page::ok(&SigningKeyList {
        signing_keys: found.into_iter().map(SigningKeyView::from).collect(),
    })
}

/// Acknowledgement keys of the own bank, ended ones too.
#[utoipa::path(get, path = "/api/v1/own/signing-keys", tag = "own",
    responses((status = 200, body = SigningKeyList)))]
pub async fn list_own(app: Data<App>, who: BankWho) -> Answered {
    let (bank, rules) = (who.scope.bank(), Arc::clone(&app.rules));
    Ok(listed(
        app.store
            .read(move |tx| read_register::signing_keys(tx, &rules, bank))
            .await?,
    ))
}

/// Enrol a key of the own bank by a proof that it is in its hands; two live ones at most. The same key again gets
/// the same answer.
#[utoipa::path(post, path = "/api/v1/own/signing-keys", tag = "own", request_body = SigningKeyInput,
    responses((status = 201, body = SigningKeyView)))]
pub async fn enrol_own(
    app: Data<App>,
    who: BankWho,
    Strict(input): Strict<SigningKeyInput>,
) -> Answered {
    let (bank, rules) = (who.scope.bank(), Arc::clone(&app.rules));
    let enrolled = app
        .store
        .write(Lane::Front, move |tx| -> Result<_, Problem> {
            let key = enrol_signing_key(tx, &rules, bank, &input)?;
            let known = read_register::signing_keys(tx, &rules, bank)?;
            let mut known = known.into_iter();
            known
                .find(|one| one.key.id == key.id)
                .ok_or_else(|| Problem::internal(&"an enrolled key is not there"))
        })
        .await?;
    Ok(page::json(
        StatusCode::CREATED,
        &SigningKeyView::from(enrolled),
    ))
}

/// End a key of the own bank. What it signed stands; it never comes back.
#[utoipa::path(delete, path = "/api/v1/own/signing-keys/{id}", tag = "own", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn end_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let bank = who.scope.bank();
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| end_signing_key(tx, bank, id))
        .await?;
    edition::done()
}

/// Acknowledgement keys of a bank, ended ones too.
#[utoipa::path(get, path = "/api/v1/banks/{code}/signing-keys", tag = "register", params(("code" = String, Path)),
    responses((status = 200, body = SigningKeyList)))]
pub async fn list_of_bank(app: Data<App>, code: Path<String>) -> Answered {
    let rules = Arc::clone(&app.rules);
    let found = app
        .store
        .read(move |tx| {
            let bank = bank_by_code(tx, &code)?.id;
            read_register::signing_keys(tx, &rules, bank)
        })
        .await?;
    Ok(listed(found))
}
