//! What listing handlers share: how long a page is, ids in paths, and the plain answers.

use super::problem::Problem;
use super::query::Number;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

/// No page is longer.
pub const MOST: i64 = 200;

/// The length of a page: as asked for, or the usual.
pub fn length(asked: Option<Number>, usual: i64) -> Result<i64, Problem> {
    match asked {
        None => Ok(usual.clamp(1, MOST)),
        Some(Number(rows @ 1..=MOST)) => Ok(rows),
        Some(_) => Err(Problem::bad_request(
            "limit_invalid",
            "limit goes from 1 to 200",
        )),
    }
}

/// An id in a path; what is not an id names nothing.
pub fn id(text: &str) -> Result<Uid, Problem> {
    text.parse().map_err(|_| Problem::missing())
}

/// 200 with a JSON document.
pub fn ok(document: &impl Serialize) -> HttpResponse {
    json(StatusCode::OK, document)
}

/// A JSON document.
pub fn json(status: StatusCode, document: &impl Serialize) -> HttpResponse {
    exact(status, bytes(document))
}

/// A document as the bytes that are sent (and kept under an idempotency key).
pub fn bytes(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("answers are structs of texts, numbers and lists")
}

/// Bytes that are JSON already, sent as they are.
pub fn exact(status: StatusCode, json: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("application/json")
        .body(json)
}

/// A stored digest in its one spelling.
pub fn digest(stored: &[u8]) -> String {
    Digest::from_slice(stored)
        .map(|digest| digest.to_string())
        .unwrap_or_default()
}

/// Cuts a list that was read one row too long; true = there is more.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(0);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_to_two_hundred_rows() {
        assert_eq!(length(None, 50), Ok(50));
        assert_eq!(length(Some(Number(1)), 50), Ok(1));
        assert_eq!(length(Some(Number(200)), 50), Ok(200));
        for bad in [0, 201, i64::MAX] {
            let problem = length(Some(Number(bad)), 50).expect_err("out of bounds");
            assert_eq!(
                (problem.status.as_u16(), problem.code),
                (400, "limit_invalid")
            );
        }
    }
}
