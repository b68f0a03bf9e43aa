//! Resending a delivery by hand.

use crate::actions::resend;
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom to send it to once more.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendInput {
    /// The bank's code.
    pub bank: String,
}

#[derive(Serialize, ToSchema)]
pub struct ResendAnswer {
    /// Over how many addresses it goes.
    deliveries: usize,
}

/// Make a delivery due now, or send what was accepted once more.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/resend", tag = "deliveries",
    params(("id" = String, Path, description = "the delivery")),
    responses((status = 202, description = "it is due")))]
pub async fn again(app: Data<App>, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    app.store
        .write(Lane::Front, move |tx| resend::resend(tx, id))
        .await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Send a bank once more what it was told last of an incident, over every live address that this went to: the same
/// bytes, under the same id.
#[utoipa::path(post, path = "/api/v1/incidents/{reference}/resends", tag = "deliveries",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    request_body = ResendInput,
    responses((status = 202, body = ResendAnswer)))]
pub async fn to_bank(
    app: Data<App>,
    reference: Path<String>,
    Strict(input): Strict<ResendInput>,
) -> Answered {
    let deliveries = app
        .store
        .write(Lane::Front, move |tx| {
            resend::resend_to_bank(tx, &reference, &input.bank)
        })
        .await?;
    Ok(page::json(
        StatusCode::ACCEPTED,
        &ResendAnswer { deliveries },
    ))
}
