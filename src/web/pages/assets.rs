//! Style sheets and icons, from inside the program: no page asks a foreign address for anything.

use crate::web::problem::{Answered, Problem};
use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// A browser asks again after this time, with the ETag.
const KEEP: &str = "public, max-age=3600";

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/vnd.microsoft.icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

pub(in crate::web) async fn file(name: Path<String>, req: HttpRequest) -> Answered {
    // Only names that were embedded are known, so no name can lead out.
    let found = Files::get(&name).ok_or_else(Problem::missing)?;
    let tag = format!("\"{}\"", hex::encode(found.metadata.sha256_hash()));
    let known = req.headers().get(header::IF_NONE_MATCH);
    let fresh = known.is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut answer = if fresh {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, KEEP));
    if fresh {
        return Ok(answer.finish());
    }
    answer.content_type(media_type(&name));
    Ok(answer.body(found.data.into_owned()))
}
