//! What waits for a second person, and the decision. Administrators do not see what concerns content.

use crate::actions::decide;
use crate::actions::recover::Recovery;
use crate::domain::access::{Role, Roles};
use crate::domain::instant::Instant;
use crate::storage::Lane;
use crate::storage::approval::{self, ApprovalRow, RequestRow};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::incidents::IssuedAnswer;

/// Acts whose names begin so concern incidents: an officer decides them.
const CONTENT: &str = "incident.";

const READS_CONTENT: Roles = Roles::of(&[Role::Officer, Role::Auditor]);

#[derive(Serialize, ToSchema)]
pub struct ApprovalView {
    id: String,
    act: String,
    subject: String,
    reason: String,
    requester: String,
    requested_at: String,
    expires_at: String,
    /// `waiting`, `expired`, `approved` or `refused`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ApprovalList {
    approvals: Vec<ApprovalView>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionFiling {
    approve: bool,
}

#[derive(Serialize, ToSchema)]
pub struct DecidedAnswer {
    request: String,
    decision: String,
    act: String,
    /// The withdrawal that went out, if the act was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<IssuedAnswer>,
    /// The link that was made, if the act was a recovery: hand it over to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<RecoveryAnswer>,
}

/// A recovery link; it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryAnswer {
    link: String,
    expires_at: String,
}

impl From<Recovery> for RecoveryAnswer {
    fn from(made: Recovery) -> Self {
        Self {
            link: made.link,
            expires_at: made.expires_at.to_string(),
        }
    }
}

fn view((row, decision): (RequestRow, Option<ApprovalRow>), now: Instant) -> ApprovalView {
    let state = match &decision {
        Some(decision) => decision.decision.clone(),
        None if row.expires_at <= now => "expired".to_owned(),
        None => "waiting".to_owned(),
    };
    ApprovalView {
        id: row.id.to_string(),
        act: row.act,
        subject: row.subject_id.to_string(),
        reason: row.reason,
        requester: row.requester.to_string(),
        requested_at: row.recorded_at.to_string(),
        expires_at: row.expires_at.to_string(),
        state,
        approver: decision
            .as_ref()
            .map(|decision| decision.approver.to_string()),
        decided_at: decision
            .as_ref()
            .map(|decision| decision.recorded_at.to_string()),
    }
}

/// The newest requests, decided or not.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approvals",
    responses((status = 200, body = ApprovalList)))]
pub async fn list(app: Data<App>, Who(caller): Who) -> Answered {
    let content = caller.roles().shares(READS_CONTENT);
    let list = app
        .store
        .read(move |tx| -> Result<ApprovalList, Problem> {
            let now = tx.now()?;
            let rows = approval::all(tx, page::MOST)?;
            let seen = rows
                .into_iter()
                .filter(|(row, _)| content || !row.act.starts_with(CONTENT));
            Ok(ApprovalList {
                approvals: seen.map(|row| view(row, now)).collect(),
            })
        })
        .await?;
    Ok(page::ok(&list))
}

/// Approve or refuse what another person asked for. An approval does the act at once.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/decision", tag = "approvals",
    params(("id" = String, Path, description = "the request")),
    request_body = DecisionFiling,
    responses((status = 200, body = DecidedAnswer)))]
pub async fn decide(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    filing: Strict<DecisionFiling>,
) -> Answered {
    let id = page::id(&id)?;
    let approve = filing.0.approve;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let decided = app
        .store
        .write(Lane::Front, move |tx| {
            decide::decide(tx, &rules, by, id, approve)
        })
        .await?;
    let answer = DecidedAnswer {
        request: decided.request.to_string(),
        decision: decided.decision.to_owned(),
        act: decided.act,
        issued: decided.issued.map(IssuedAnswer::from),
        recovery: decided.recovery.map(RecoveryAnswer::from),
    };
    Ok(page::ok(&answer))
}
