//! What every answer carries, and what is recorded of every request: method, route pattern, status and
//! duration. Never the path itself (a mail link is a secret), a header or a body.

use super::App;
use crate::domain::id::Uid;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Instant as Stopwatch;
use tracing::Instrument;

const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const PAGE: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Swagger UI sets inline styles and shows images from its own style sheet; scripts stay in files.
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

fn policy(path: &str) -> &'static str {
    if path.starts_with("/api/docs") {
        DOCS
    } else if path.starts_with("/api/") || path.starts_with("/health/") {
        NOTHING
    } else {
        PAGE
    }
}

/// Sets the headers that keep browsers from doing more than they are asked.
pub(super) async fn harden(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let policy = policy(req.path());
    let kept = req.path().starts_with("/static/") || req.path().starts_with("/api/docs/");
    let secure = req
        .app_data::<Data<App>>()
        .is_some_and(|app| app.rules.public_url.starts_with("https://"));
    let mut answer = next.call(req).await?;
    let headers = answer.headers_mut();
    set(headers, header::CONTENT_SECURITY_POLICY, policy);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(headers, header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    if !kept && !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    if secure {
        set(
            headers,
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000",
        );
    }
    Ok(answer)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Gives each request an id, a span, and one line when it is answered.
pub(super) async fn trace(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = req
        .app_data::<Data<App>>()
        .map(|app| Uid::at(app.store.clock().now()).to_string())
        .unwrap_or_default();
    let method = req.method().clone();
    let route = req.match_pattern().unwrap_or_else(|| "none".into());
    let span = tracing::info_span!("request", %id, %method, %route);
    let watch = Stopwatch::now();
    let answered = next.call(req).instrument(span.clone()).await;
    let _entered = span.entered();
    let mut answer = answered?;
    let duration_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(status = answer.status().as_u16(), duration_ms, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    Ok(answer)
}
