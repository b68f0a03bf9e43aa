//! The as-of certificate: the answer to the as-of question as a signed note, to be kept and shown to others.

use crate::actions::certify;
use crate::domain::instant::{Entered, Instant};
use crate::web::App;
use crate::web::problem::{Answered, Problem};
use crate::web::query::Asked;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    bank: String,
    as_of: Entered,
}

/// What a bank had been told by an instant, signed under the hub's certificate key (C2SP signed-note). The key is
/// published at `/.well-known/kairan`.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "evidence", params(
    ("bank" = String, Query, description = "the bank's code"),
    ("as_of" = String, Query, description = "RFC 3339 with zone; not in the future"),
), responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn certificate(app: Data<App>, Asked(question): Asked<Question>) -> Answered {
    let Question { bank, as_of } = question;
    attached(&app, bank, as_of.at).await
}

/// The certificate as a file of its own, read in pages of short transactions.
pub(in crate::web) async fn attached(app: &App, bank: String, as_of: Instant) -> Answered {
    let code = bank.clone();
    let mut writing = app
        .store
        .read(move |tx| certify::begin(tx, &code, Some(as_of)))
        .await?;
    while let Some((bank, as_of, after)) = writing.missing() {
        let page = app
            .store
            .read(move |tx| certify::page(tx, bank, as_of, after))
            .await?;
        writing.add(page)?;
    }
    let rules = Arc::clone(&app.rules);
    let signer = app
        .store
        .read(move |tx| Ok::<_, Problem>(certify::signer(tx, &rules)))
        .await?;
    let note = writing.sign(&signer)?;
    let name = format!("attachment; filename=\"certificate-{bank}.txt\"");
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(note))
}
