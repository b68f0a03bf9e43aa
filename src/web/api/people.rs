//! People and their roles. Changing roles takes two administrators, and so does recovering an account.

use super::edition::{self, ReasonInput, WaitingAnswer};
use crate::actions::read_register::{self, KnownPerson};
use crate::actions::{change_roles, invite::PersonPayload, recover};
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct PersonView {
    id: String,
    /// The bank's code; absent = the operator's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    bank: Option<String>,
    /// Absent if it was erased.
    name: Option<String>,
    email: Option<String>,
    language: String,
    roles: Vec<String>,
    entered_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct PersonList {
    people: Vec<PersonView>,
}

/// The roles that a person shall have, all of them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesInput {
    roles: Vec<String>,
    reason: String,
}

impl From<KnownPerson> for PersonView {
    fn from(one: KnownPerson) -> Self {
        let (name, email) = match one.known {
            Some(PersonPayload { name, email }) => (Some(name), Some(email)),
            None => (None, None),
        };
        Self {
            id: one.person.id.to_string(),
            bank: one.bank_code,
            name,
            email,
            language: one.person.language,
            roles: one.roles,
            entered_at: one.person.recorded_at.to_string(),
        }
    }
}

/// Everybody, the operator's side first.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", responses((status = 200, body = PersonList)))]
pub async fn list(app: Data<App>) -> Answered {
    let found = app.store.read(read_register::everybody).await?;
    Ok(page::ok(&PersonList {
        people: found.into_iter().map(PersonView::from).collect(),
    }))
}

/// Ask to change a person's roles; another administrator decides.
#[utoipa::path(post, path = "/api/v1/people/{id}/roles", tag = "people", params(("id" = String, Path)),
    request_body = RolesInput, responses((status = 202, body = WaitingAnswer)))]
pub async fn change(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    Strict(input): Strict<RolesInput>,
) -> Answered {
    let person = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            change_roles::request(tx, &rules, by, person, &input.roles, &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}

/// Ask for a link by which a person who lost password or authenticator sets both up anew; another administrator
/// decides, and gets the link.
#[utoipa::path(post, path = "/api/v1/people/{id}/recovery", tag = "people", params(("id" = String, Path)),
    request_body = ReasonInput, responses((status = 202, body = WaitingAnswer)))]
pub async fn recover(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    Strict(input): Strict<ReasonInput>,
) -> Answered {
    let person = page::id(&id)?;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            recover::request(tx, &rules, by, person, &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}
