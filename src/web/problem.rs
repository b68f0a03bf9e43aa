//! Errors become answers here, and only here: one status and one RFC 9457 document for each.
//! What the database said stays in the hub's own records.

use crate::actions::Error;
use crate::domain::fault::{Fault, Faults};
use crate::domain::refusal::Refusal;
use crate::storage;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt;

/// What a handler gives back.
pub type Answered = Result<HttpResponse, Problem>;

/// A refusal, ready to be told to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable, snake_case; clients may switch on it.
    pub code: &'static str,
    pub detail: String,
    pub faults: Vec<Fault>,
    retry_after_s: Option<u64>,
    allow: Option<String>,
}

/// The document as it travels (RFC 9457, with `code` and `faults` as extensions).
#[derive(Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// `urn:kairan:problem:` and the code.
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FaultDocument>,
}

/// One refused field: an RFC 6901 pointer into the body, or the name of a parameter after a slash.
#[derive(Serialize, utoipa::ToSchema)]
pub struct FaultDocument {
    pointer: String,
    code: String,
    message: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            faults: Vec::new(),
            retry_after_s: None,
            allow: None,
        }
    }

    /// The same for what does not exist and for what this caller may not know of.
    pub fn missing() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing here, or nothing that you may see",
        )
    }

    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub fn cursor_invalid() -> Self {
        Self::bad_request(
            "cursor_invalid",
            "this cursor belongs to another caller, route or filter, or was changed: start without one",
        )
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "send Authorization: Bearer and a live API key",
        )
    }

    pub(super) fn method_not_allowed(allow: String) -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("this address takes {allow}"),
        );
        problem.allow = Some(allow);
        problem
    }

    pub(super) fn too_often(retry_after_s: u64) -> Self {
        let detail = format!("too many requests: go on in {retry_after_s} s");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        problem.retry_after_s = Some(retry_after_s);
        problem
    }

    /// As many streams of events as there may be.
    pub(super) fn live_full() -> Self {
        Self::later(
            "live_full",
            "too many pages are live already: close some, or open this page again later",
            60,
        )
    }

    pub fn full() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage_full",
            "the hub's disk is full, nothing was stored: tell the operator, and call the banks by telephone",
        )
    }

    /// A defect: told without its cause, which goes to the hub's own records.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the hub failed; quote the X-Request-Id of this answer to the operator",
        )
    }

    fn later(code: &'static str, detail: &'static str, retry_after_s: u64) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        problem.retry_after_s = Some(retry_after_s);
        problem
    }

    pub(super) fn document(&self) -> ProblemDocument {
        let words = self.code.replace('_', " ");
        let mut letters = words.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        ProblemDocument {
            r#type: format!("urn:kairan:problem:{}", self.code),
            title: first.into_iter().chain(letters).collect(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.to_owned(),
            faults: self.faults.iter().map(FaultDocument::from).collect(),
        }
    }
}

impl From<&Fault> for FaultDocument {
    fn from(fault: &Fault) -> Self {
        Self {
            pointer: fault.pointer.clone(),
            code: fault.code.to_owned(),
            message: fault.message.clone(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(faults) => invalid(faults),
            Error::Forbidden(who_may) => Self::new(StatusCode::FORBIDDEN, "forbidden", who_may),
            Error::NotFound => Self::missing(),
            Error::Refused(refusal) => {
                Self::new(status_of(refusal), refusal.code(), refusal.to_string())
            }
            Error::Storage(storage::Error::Busy(cause)) => {
                tracing::warn!(%cause, "the database was busy");
                Self::later(
                    "busy",
                    "the hub is busy and stored nothing: repeat the request",
                    1,
                )
            }
            Error::Storage(storage::Error::Unavailable(cause) | storage::Error::Disk(cause)) => {
                tracing::error!(%cause, "the database is not available");
                Self::later("unavailable", "the hub's database is not available", 5)
            }
            Error::Storage(storage::Error::Full) => Self::full(),
            Error::Storage(storage::Error::Duplicate(cause)) => {
                tracing::info!(%cause, "already recorded");
                let detail =
                    "this was recorded already, perhaps a moment ago: read it before you repeat";
                Self::new(StatusCode::CONFLICT, "already_recorded", detail)
            }
            Error::Storage(storage::Error::Corrupt(cause)) => Self::internal(&cause),
            Error::Storage(storage::Error::Query(cause)) => Self::internal(&cause),
        }
    }
}

/// A body that is not the shape asked for is a bad request; one that breaks a rule is understood, but refused.
fn invalid(faults: Faults) -> Problem {
    let malformed = faults
        .0
        .iter()
        .find(|fault| fault.code.starts_with("json_") || fault.code == "field_unknown");
    let (status, code) = match malformed {
        Some(fault) => (StatusCode::BAD_REQUEST, fault.code),
        None => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
    };
    let detail = match faults.0.as_slice() {
        [only] => only.message.clone(),
        several => format!("{} fields have faults", several.len()),
    };
    let mut problem = Problem::new(status, code, detail);
    problem.faults = faults.0;
    problem
}

fn status_of(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::AcknowledgementMismatch | Refusal::NotYet => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::LinkExpired
        | Refusal::LinkEnded
        | Refusal::InvitationEnded
        | Refusal::RecoveryEnded
        | Refusal::ProofErased => StatusCode::GONE,
        Refusal::CodeLocked => StatusCode::TOO_MANY_REQUESTS,
        Refusal::RosterEmpty
        | Refusal::IncidentClosed
        | Refusal::DraftEnded
        | Refusal::VersionConflict
        | Refusal::IdempotencyConflict
        | Refusal::AcknowledgeFirst
        | Refusal::SamePerson
        | Refusal::ApprovalEnded
        | Refusal::ApprovalPending
        | Refusal::AlreadyPartner
        | Refusal::NotPartner
        | Refusal::BankExists
        | Refusal::PersonExists
        | Refusal::Bootstrapped
        | Refusal::TooManyKeys
        | Refusal::KeyEnded
        | Refusal::AlreadyReplaced
        | Refusal::RoleOfOtherSide
        | Refusal::NotSealed
        | Refusal::AcrossLogs
        | Refusal::CertificateTooLong
        | Refusal::CallTaken
        | Refusal::CallEnded
        | Refusal::AlreadyAcknowledged
        | Refusal::ReportAnswered
        | Refusal::DeferralPast
        | Refusal::DraftDeferred
        | Refusal::ResponseAnswered
        | Refusal::BanksUnsettled
        | Refusal::NoticeSettled
        | Refusal::DeferralEnded
        | Refusal::DeferralInForce => StatusCode::CONFLICT,
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        Error::Storage(error).into()
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Error::Invalid(faults).into()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal).into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        answer.content_type("application/problem+json");
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            answer.insert_header((header::ALLOW, allow.as_str()));
        }
        answer.body(serde_json::to_vec(&self.document()).unwrap_or_default())
    }
}

/// What answers where no route is.
pub(super) async fn missing() -> Answered {
    Err(Problem::missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: impl Into<Error>) -> (u16, &'static str) {
        let problem = Problem::from(error.into());
        (problem.status.as_u16(), problem.code)
    }

    #[test]
    fn every_error_has_its_status_and_its_stable_code() {
        let text = || "secret of the database".to_owned();
        for (error, expected) in [
            (
                Error::invalid("/title", "text_empty", "write it"),
                (422, "invalid"),
            ),
            (
                Error::invalid("", "json_syntax", "not JSON"),
                (400, "json_syntax"),
            ),
            (
                Error::invalid("/recipients", "field_unknown", "no such field"),
                (400, "field_unknown"),
            ),
            (Error::Forbidden("an officer may"), (403, "forbidden")),
            (Error::NotFound, (404, "not_found")),
            (Refusal::RosterEmpty.into(), (409, "roster_empty")),
            (Refusal::LinkExpired.into(), (410, "link_expired")),
            (Refusal::LinkEnded.into(), (410, "link_ended")),
            (Refusal::InvitationEnded.into(), (410, "invitation_ended")),
            (Refusal::CodeLocked.into(), (429, "code_locked")),
            (storage::Error::Busy(text()).into(), (503, "busy")),
            (
                storage::Error::Unavailable(text()).into(),
                (503, "unavailable"),
            ),
            (storage::Error::Disk(text()).into(), (503, "unavailable")),
            (storage::Error::Full.into(), (507, "storage_full")),
            (
                storage::Error::Duplicate(text()).into(),
                (409, "already_recorded"),
            ),
            (storage::Error::Corrupt(text()).into(), (500, "internal")),
            (storage::Error::Query(text()).into(), (500, "internal")),
        ] {
            assert_eq!(status(error), expected);
        }
    }

    #[test]
    fn a_wrong_acknowledgement_is_not_told_which_part_was_wrong() {
        let problem = Problem::from(Refusal::AcknowledgementMismatch);
        assert_eq!(problem.status.as_u16(), 422);
        assert!(problem.faults.is_empty());
    }

    #[test]
    fn what_the_database_said_stays_inside() {
        let cause = storage::Error::Query("no such column: canary".into());
        let document = serde_json::to_string(&Problem::from(cause).document()).expect("JSON");
        assert!(!document.contains("canary"), "{document}");
    }

    #[test]
    fn a_busy_hub_says_when_to_come_back() {
        let answer = Problem::from(storage::Error::Busy(String::new())).error_response();
        assert_eq!(answer.headers().get("retry-after").expect("a time"), "1");
        let kind = answer.headers().get("content-type").expect("a type");
        assert_eq!(kind, "application/problem+json");
    }

    #[test]
    fn a_problem_reads_as_the_standard_says() {
        let document = serde_json::to_value(Problem::missing().document()).expect("JSON");
        assert_eq!(document["type"], "urn:kairan:problem:not_found");
        assert_eq!(document["title"], "Not found");
        assert_eq!(document["status"], 404);
    }
}
