//! A test notice: proves that a bank's channels work.

use crate::actions::send_test;
use crate::storage::Lane;
use crate::web::App;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct TestAnswer {
    /// The message; its deliveries stand in the delivery log.
    message: String,
}

/// Send a test notice to every channel of a bank.
#[utoipa::path(post, path = "/api/v1/banks/{code}/test-notice", tag = "deliveries",
    params(("code" = String, Path, description = "the bank's code")),
    responses((status = 202, body = TestAnswer)))]
pub async fn send(app: Data<App>, code: Path<String>) -> Answered {
    let message = app
        .store
        .write(Lane::Front, move |tx| send_test::send_test(tx, &code))
        .await?;
    let answer = TestAnswer {
        message: message.to_string(),
    };
    Ok(page::json(StatusCode::ACCEPTED, &answer))
}
