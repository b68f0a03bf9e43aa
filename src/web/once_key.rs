//! The `Idempotency-Key` header of what issues or reports: one, 1 to 255 visible ASCII characters.

use super::problem::Problem;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};

/// The key under which the answer to a request is kept.
#[derive(Debug, Clone)]
pub struct OnceKey(pub String);

impl OnceKey {
    /// What must be the same for a repeated request: where it went and what it carried.
    pub fn request(route: &str, body: &[u8]) -> Vec<u8> {
        [route.as_bytes(), b"\n", body].concat()
    }

    fn parse(text: &[u8]) -> Result<Self, Problem> {
        let good = (1..=255).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(text).ok().filter(|_| good);
        text.map(|text| Self(text.to_owned())).ok_or_else(|| {
            Problem::bad_request(
                "idempotency_key_invalid",
                "the Idempotency-Key must be 1 to 255 visible ASCII characters",
            )
        })
    }
}

impl FromRequest for OnceKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut given = req.headers().get_all("idempotency-key");
        ready(match (given.next(), given.next()) {
            (Some(one), None) => Self::parse(one.as_bytes()),
            (None, _) => Err(Problem::bad_request(
                "idempotency_key_missing",
                "send an Idempotency-Key of your own: it makes repeating this request safe",
            )),
            (Some(_), Some(_)) => Err(Problem::bad_request(
                "idempotency_key_invalid",
                "send one Idempotency-Key",
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_visible_ascii() {
        assert!(OnceKey::parse(b"filing-2019-05-17/1").is_ok());
        for bad in ["", "a b", "鍵", "a\tb", &"x".repeat(256)] {
            assert!(OnceKey::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
