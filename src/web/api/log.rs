//! The published log over HTTP (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles. One set of handlers
//! for keys under the API and for sessions under `/log`; who may call is the route table's to say.

use crate::actions::read_log;
use crate::merkle::tile::{Bundle, Tile};
use crate::storage::Tx;
use crate::storage::log::CheckpointRow;
use crate::web::App;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path};

/// A tile never changes. Only what anybody may read lies in a cache that others share.
const FOR_ANYONE: &str = "public, max-age=31536000, immutable";
const FOR_ONE: &str = "private, max-age=31536000, immutable";

/// The log's newest signed head.
#[utoipa::path(get, path = "/api/v1/log/checkpoint", tag = "log",
    responses((status = 200, content_type = "text/plain", body = String, description = "a signed note (C2SP tlog-checkpoint)")))]
pub async fn checkpoint(app: Data<App>) -> Answered {
    let newest = app.store.read(read_log::newest).await?;
    let newest = newest.ok_or_else(Problem::missing)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(newest.note))
}

/// Hashes of the log's tree, 1 to 256 of them.
#[utoipa::path(get, path = "/api/v1/log/tile/{level}/{place}", tag = "log",
    params(("level" = String, Path, description = "0 = leaf hashes; each tile of a level is a hash of the next"),
        ("place" = String, Path, description = "the tile's number as C2SP tlog-tiles writes it, like x001/x234/067 or 012.p/34")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn tile(app: Data<App>, named: Path<(String, String)>) -> Answered {
    let (level, place) = named.into_inner();
    let wanted = Tile::parse(&format!("tile/{level}/{place}")).ok_or_else(Problem::missing)?;
    let kept = if app.log_is_public {
        FOR_ANYONE
    } else {
        FOR_ONE
    };
    content(&app, kept, move |tx, published| {
        read_log::hashes(tx, published, wanted)
    })
    .await
}

/// Entries of the log, 1 to 256 of them, each after its length in two bytes.
#[utoipa::path(get, path = "/api/v1/log/tile/entries/{place}", tag = "log",
    params(("place" = String, Path, description = "the bundle's number as C2SP tlog-tiles writes it, like x001/x234/067 or 012.p/34")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn entries(app: Data<App>, place: Path<String>) -> Answered {
    let wanted = Bundle::parse(&format!("tile/entries/{place}")).ok_or_else(Problem::missing)?;
    content(&app, FOR_ONE, move |tx, published| {
        read_log::entries(tx, published, wanted)
    })
    .await
}

/// What the published tree has, or 404.
async fn content(
    app: &App,
    kept: &'static str,
    read: impl Fn(&mut Tx<'_>, &CheckpointRow) -> Result<Option<Vec<u8>>, crate::actions::Error>
    + Send
    + 'static,
) -> Answered {
    let found = app
        .store
        .read(move |tx| match read_log::newest(tx)? {
            Some(published) => read(tx, &published),
            None => Ok(None),
        })
        .await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, kept))
        .body(found.ok_or_else(Problem::missing)?))
}
