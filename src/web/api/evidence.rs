//! Evidence packs, sent while they are gathered: each step its own short read, and nothing kept but what the next
//! step needs. A fault breaks the stream off, and a zip file without its end is taken for whole by nobody.

use crate::actions::pack_evidence::{self, Archive, Packing};
use crate::web::App;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use futures_util::stream;
use std::sync::Arc;

/// All that one incident has left in the record, to be verified offline: bodies, a completeness bundle for each
/// revision, every notice with its proof, confirmations, attempts.
#[utoipa::path(get, path = "/api/v1/evidence/incidents/{reference}", tag = "evidence",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip")))]
pub async fn of_incident(app: Data<App>, reference: Path<String>) -> Answered {
    let (rules, templates) = (Arc::clone(&app.rules), Arc::clone(&app.templates));
    let name = reference.clone();
    let packing = app
        .store
        .read(move |tx| pack_evidence::of_incident(tx, &rules, &templates, &reference))
        .await?;
    Ok(sent(app, packing, &name))
}

/// All that one bank has been told, in its own numbers: notices with bodies and proofs, confirmations, attempts, and
/// a certificate as of now.
#[utoipa::path(get, path = "/api/v1/evidence/banks/{code}", tag = "evidence",
    params(("code" = String, Path, description = "the bank's code")),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip")))]
pub async fn of_bank(app: Data<App>, code: Path<String>) -> Answered {
    let (rules, templates) = (Arc::clone(&app.rules), Arc::clone(&app.templates));
    let name = code.clone();
    let packing = app
        .store
        .read(move |tx| pack_evidence::of_bank(tx, &rules, &templates, &code))
        .await?;
    Ok(sent(app, packing, &name))
}

struct Sending {
    app: Data<App>,
    packing: Packing,
    /// `None` = its last bytes are on their way.
    archive: Option<Archive>,
}

/// `name` is that of something that was found: it has no character that a header or a folder minds.
fn sent(app: Data<App>, packing: Packing, name: &str) -> HttpResponse {
    let sending = Sending {
        app,
        packing,
        archive: Some(Archive::default()),
    };
    HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"evidence-{name}.zip\""),
        ))
        .streaming(stream::try_unfold(sending, next))
}

async fn next(mut sending: Sending) -> Result<Option<(Bytes, Sending)>, Problem> {
    let Some(mut archive) = sending.archive.take() else {
        return Ok(None);
    };
    loop {
        let parts = sending.packing.take();
        let step = sending.packing.step();
        if parts.is_empty()
            && let Some(step) = step
        {
            let gathered = sending.app.store.read(move |tx| step.gather(tx)).await?;
            sending.packing.add(gathered);
            continue;
        }
        let is_end = parts.is_empty();
        let packed = tokio::task::spawn_blocking(move || {
            if is_end {
                return archive.finish().map(|bytes| (None, bytes));
            }
            let bytes = archive.add(parts)?;
            Ok((Some(archive), bytes))
        });
        let packed = packed.await.map_err(|fault| Problem::internal(&fault))?;
        let (rest, bytes) = packed.map_err(|fault| Problem::internal(&fault))?;
        match rest {
            // The compressor keeps what is small for later.
            Some(held) if bytes.is_empty() => archive = held,
            rest => {
                sending.archive = rest;
                return Ok(Some((Bytes::from(bytes), sending)));
            }
        }
    }
}
