//! Is the hub alive, can it work, and who is it.

use crate::actions::read_log;
use crate::domain::signature;
use crate::storage::reading;
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::Data;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Health {
    status: String,
}

/// What a bank pins: the hub's name, where its API starts, and its public keys.
#[derive(Serialize, ToSchema)]
pub struct HubDocument {
    operator: String,
    api: String,
    /// Null until the log's first checkpoint is published.
    log: Option<LogKeys>,
    webhook: WebhookKeys,
}

/// The current log.
#[derive(Serialize, ToSchema)]
pub struct LogKeys {
    /// The log's name, which is its key's.
    origin: String,
    /// The key that signs its checkpoints (C2SP signed-note).
    vkey: String,
}

/// What signs webhooks.
#[derive(Serialize, ToSchema)]
pub struct WebhookKeys {
    /// Of `v1a` signatures: `whpk_` and base64 (Standard Webhooks, asymmetric).
    ed25519: String,
}

fn good() -> Health {
    Health {
        status: "ok".into(),
    }
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "hub", responses((status = 200, body = Health)))]
pub async fn live() -> Answered {
    Ok(page::ok(&good()))
}

/// The database answers, and there is room to file.
#[utoipa::path(get, path = "/health/ready", tag = "hub", responses((status = 200, body = Health)))]
pub async fn ready(app: Data<App>) -> Answered {
    app.store
        .read(|tx| reading::log_end(tx).map(drop).map_err(Problem::from))
        .await?;
    app.room_to_file()?;
    Ok(page::ok(&good()))
}

/// Who this hub is.
#[utoipa::path(get, path = "/.well-known/kairan", tag = "hub", responses((status = 200, body = HubDocument)))]
pub async fn hub(app: Data<App>) -> Answered {
    let (opening, ed25519) = app
        .store
        .read(|tx| -> Result<_, Problem> {
            let opening = read_log::opening(tx)?;
            let vault = tx.vault();
            let key = SigningKey::from_bytes(&vault.keys().webhook);
            Ok((opening, signature::public_key_text(&key.verifying_key())))
        })
        .await?;
    Ok(page::ok(&HubDocument {
        operator: app.rules.operator_name.clone(),
        api: format!("{}/api/v1", app.rules.public_url),
        log: opening.map(|opening| LogKeys {
            origin: opening.origin,
            vkey: opening.vkey,
        }),
        webhook: WebhookKeys { ed25519 },
    }))
}
