//! Parameters after the question mark: each known, each once, each of its type. Otherwise 400.

use super::problem::Problem;
use crate::domain::json;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::future::{Ready, ready};

/// The parameters, read strictly into `T`, whose fields are `Option`s of types that read from a text and
/// which denies unknown fields.
#[derive(Debug)]
pub struct Asked<T>(pub T);

/// A whole number that is not negative, written in decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom("give a whole number in decimal digits"))
    }
}

/// Reads a raw query string.
pub fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value.contains('\u{FFFD}') || value.contains('\0') {
            let detail = format!("the parameter {name:?} is not clean UTF-8");
            return Err(Problem::bad_request("query_text", detail));
        }
        if fields.contains_key(name.as_ref()) {
            let detail = format!("the parameter {name:?} stands there twice: give it once");
            return Err(Problem::bad_request("query_duplicate", detail));
        }
        fields.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    json::read(&Value::Object(fields)).map_err(|faults| {
        let detail = faults
            .0
            .first()
            .map(|fault| format!("{}: {}", fault.pointer, fault.message));
        let mut problem = Problem::bad_request("query_invalid", detail.unwrap_or_default());
        problem.faults = faults.0;
        problem
    })
}

impl<T: DeserializeOwned> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(req.query_string()).map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Find {
        q: Option<String>,
        limit: Option<Number>,
    }

    #[test]
    fn known_parameters_are_read() {
        let find: Find = read("q=%E5%8F%A3%E5%BA%A7&limit=20").expect("good");
        assert_eq!(
            (find.q.as_deref(), find.limit),
            (Some("口座"), Some(Number(20)))
        );
        let none: Find = read("").expect("nothing asked");
        assert!(none.q.is_none() && none.limit.is_none());
    }

    #[test]
    fn unknown_doubled_and_mistyped_parameters_are_refused() {
        for (query, code) in [
            ("bank=0117", "query_invalid"),
            ("q=a&q=b", "query_duplicate"),
            ("limit=ten", "query_invalid"),
            ("limit=-1", "query_invalid"),
            ("limit=+1", "query_invalid"),
            ("limit=99999999999999999999", "query_invalid"),
            ("limit=", "query_invalid"),
            ("q=%FF", "query_text"),
            ("q=%00", "query_text"),
        ] {
            let problem = read::<Find>(query).expect_err(query);
            assert_eq!(
                (problem.status.as_u16(), problem.code),
                (400, code),
                "{query}"
            );
        }
    }
}
