//! Inviting a person, and accepting an invitation. Link and key are shown once.

use super::keys::KeyAnswer;
use crate::actions::accept_invitation::accept_invitation;
use crate::actions::invite::{InvitationInput, invite};
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// An invitation; hand the link over to the person. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct InvitationAnswer {
    id: String,
    link: String,
    expires_at: String,
}

/// The new person and the first key.
#[derive(Serialize, ToSchema)]
pub struct AcceptedAnswer {
    person: String,
    roles: Vec<String>,
    key: KeyAnswer,
}

/// Invite a person.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "people", request_body = InvitationInput,
    responses((status = 201, body = InvitationAnswer)))]
pub async fn create(
    app: Data<App>,
    Who(caller): Who,
    Strict(input): Strict<InvitationInput>,
) -> Answered {
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let invited = app
        .store
        .write(Lane::Front, move |tx| invite(tx, &rules, by, &input))
        .await?;
    let answer = InvitationAnswer {
        id: invited.id.to_string(),
        link: invited.link,
        expires_at: invited.expires_at.to_string(),
    };
    Ok(page::json(StatusCode::CREATED, &answer))
}

/// Accept an invitation: works once.
#[utoipa::path(post, path = "/api/v1/invitations/{token}", tag = "people", params(("token" = String, Path)),
    responses((status = 201, body = AcceptedAnswer)))]
pub async fn accept(app: Data<App>, token: Path<String>) -> Answered {
    let rules = Arc::clone(&app.rules);
    let accepted = app
        .store
        .write(Lane::Front, move |tx| accept_invitation(tx, &rules, &token))
        .await?;
    let answer = AcceptedAnswer {
        person: accepted.person.to_string(),
        roles: accepted.roles,
        key: accepted.key.into(),
    };
    Ok(page::json(StatusCode::CREATED, &answer))
}
