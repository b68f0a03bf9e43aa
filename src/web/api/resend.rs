//! Resending a delivery by hand.

use crate::actions::resend;
use crate::storage::Lane;
use crate::web::App;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

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
