//! Request bodies: bounded before they are read, JSON and nothing else, never compressed.

use super::App;
use super::problem::Problem;
use crate::domain::json;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The exact bytes of a JSON body, not yet parsed.
#[derive(Debug)]
pub struct RawJson(pub Bytes);

/// A JSON body read strictly into `T`: unknown and doubled keys are refused.
#[derive(Debug)]
pub struct Strict<T>(pub T);

/// The exact bytes of a CSV body.
#[derive(Debug)]
pub struct RawCsv(pub Bytes);

/// The fields of an HTML form, as sent: pairs of name and value.
#[derive(Debug)]
pub(super) struct Form(pub Vec<(String, String)>);

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// How long the whole of a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn too_slow() -> Problem {
    let detail = format!("the body took longer than {PATIENCE:?}");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is larger than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

fn unsupported(detail: String) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail)
}

/// How many bytes may come, if the headers are in order.
fn accept(req: &HttpRequest, media_type: &str) -> Result<usize, Problem> {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal(&"the application has no App"))?;
    let limit = app.limits.body_bytes;
    if req.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported("send the body without Content-Encoding".into()));
    }
    if !req.content_type().eq_ignore_ascii_case(media_type) {
        return Err(unsupported(format!("send Content-Type: {media_type}")));
    }
    let charset = req.encoding().map(|encoding| encoding.name());
    if charset.map_err(|_| unsupported("unknown charset".into()))? != "UTF-8" {
        return Err(unsupported("send UTF-8".into()));
    }
    let announced = req.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    Ok(limit)
}

async fn collect(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(part) = payload.next().await {
        let part = part.map_err(|_| {
            Problem::bad_request("body_broken", "the body ended before its announced end")
        })?;
        if body.len() + part.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

fn read(req: &HttpRequest, payload: &mut Payload, media_type: &str) -> Reading<Bytes> {
    let accepted = accept(req, media_type);
    let payload = payload.take();
    Box::pin(async move {
        let body = tokio::time::timeout(PATIENCE, collect(payload, accepted?));
        body.await.unwrap_or_else(|_| Err(too_slow()))
    })
}

impl FromRequest for RawJson {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(req, payload, "application/json");
        Box::pin(async move { Ok(Self(bytes.await?)) })
    }
}

impl FromRequest for RawCsv {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(req, payload, "text/csv");
        Box::pin(async move { Ok(Self(bytes.await?)) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Strict<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(req, payload, "application/json");
        Box::pin(async move { Ok(Self(json::parse(&bytes.await?)?)) })
    }
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(req, payload, "application/x-www-form-urlencoded");
        Box::pin(async move {
            let bytes = bytes.await?;
            Ok(Self(
                url::form_urlencoded::parse(&bytes).into_owned().collect(),
            ))
        })
    }
}
