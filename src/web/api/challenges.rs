//! Challenges by hand: whoever answers at an endpoint's address is asked once more to show the endpoint's secret.

use crate::actions::challenge_endpoint::{challenge_again, challenge_on_behalf};
use crate::domain::id::Uid;
use crate::storage::Lane;
use crate::web::App;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ChallengeAnswer {
    /// The message; its delivery stands in the delivery log.
    message: String,
}

fn sent(message: Uid) -> HttpResponse {
    let answer = ChallengeAnswer {
        message: message.to_string(),
    };
    page::json(StatusCode::ACCEPTED, &answer)
}

/// Send a new challenge to an endpoint of a bank, in the place of one that is open.
#[utoipa::path(post, path = "/api/v1/banks/{code}/endpoints/{id}/challenge", tag = "register",
    params(("code" = String, Path), ("id" = String, Path)),
    responses((status = 202, body = ChallengeAnswer)))]
pub async fn send(app: Data<App>, path: Path<(String, String)>) -> Answered {
    let (code, id) = path.into_inner();
    let id = page::id(&id)?;
    let message = app
        .store
        .write(Lane::Front, move |tx| challenge_on_behalf(tx, &code, id))
        .await?;
    Ok(sent(message))
}

/// Send a new challenge to an endpoint of the own bank, in the place of one that is open.
#[utoipa::path(post, path = "/api/v1/own/endpoints/{id}/challenge", tag = "own", params(("id" = String, Path)),
    responses((status = 202, body = ChallengeAnswer)))]
pub async fn send_own(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let bank = who.scope.bank();
    let id = page::id(&id)?;
    let message = app
        .store
        .write(Lane::Front, move |tx| challenge_again(tx, bank, id))
        .await?;
    Ok(sent(message))
}
