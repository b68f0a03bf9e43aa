//! What the handlers of editable things share: the version as `ETag` and `If-Match`, and the answer to
//! what waits for a second person.

use crate::actions::decide::Requested;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// It waits for another person.
#[derive(Serialize, ToSchema)]
pub struct WaitingAnswer {
    /// The request, as under `/api/v1/approvals`.
    request: String,
    expires_at: String,
}

/// Why something is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonInput {
    pub reason: String,
}

/// 202: another person decides.
pub fn waits(requested: &Requested) -> HttpResponse {
    let answer = WaitingAnswer {
        request: requested.id.to_string(),
        expires_at: requested.expires_at.to_string(),
    };
    page::json(StatusCode::ACCEPTED, &answer)
}

/// 204.
pub fn done() -> Answered {
    Ok(HttpResponse::NoContent().finish())
}

/// A document with its version as `ETag`.
pub fn versioned(status: StatusCode, version: i64, document: &impl Serialize) -> HttpResponse {
    let mut answer = page::json(status, document);
    if let Ok(tag) = header::HeaderValue::from_str(&format!("\"{version}\"")) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// The version that the client has read, from `If-Match`.
pub fn expected(req: &HttpRequest) -> Result<i64, Problem> {
    let mut values = req.headers().get_all(header::IF_MATCH);
    let Some(value) = values.next() else {
        let detail = "read it first, and send its ETag as If-Match";
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_missing",
            detail,
        ));
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.and_then(version)
        .ok_or_else(|| Problem::bad_request("if_match_invalid", "send the ETag as you got it"))
}

fn version(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn an_edit_without_the_version_that_was_read_is_refused() {
        let none = expected(&TestRequest::default().to_http_request()).expect_err("no version");
        assert_eq!((none.status.as_u16(), none.code), (428, "if_match_missing"));
        for bad in ["*", "3", "\"\"", "\"+3\"", "W/\"3\"", "\"3\", \"4\""] {
            let req = TestRequest::default()
                .insert_header(("If-Match", bad))
                .to_http_request();
            assert_eq!(expected(&req).expect_err(bad).code, "if_match_invalid");
        }
        let req = TestRequest::default()
            .insert_header(("If-Match", "\"3\""))
            .to_http_request();
        assert_eq!(expected(&req).expect("a version"), 3);
    }
}
