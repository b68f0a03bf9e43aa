//! Is the hub alive, can it work, and who is it.

use crate::actions::{Error, certify, log_keys, read_log, report};
use crate::domain::signature;
use crate::storage::{Tx, takes_writes};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::Data;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use std::sync::Arc;
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
    certificate: CertificateKey,
    /// Null until the log's first checkpoint is published.
    log: Option<LogKeys>,
    receipt: ReceiptKey,
    webhook: WebhookKeys,
}

/// What signs as-of certificates.
#[derive(Serialize, ToSchema)]
pub struct CertificateKey {
    /// C2SP signed-note.
    vkey: String,
}

/// What signs the receipts of reports.
#[derive(Serialize, ToSchema)]
pub struct ReceiptKey {
    /// C2SP signed-note.
    vkey: String,
}

/// The current log.
#[derive(Serialize, ToSchema)]
pub struct LogKeys {
    /// The log's name, which is its key's.
    origin: String,
    /// The key that signs its checkpoints now (C2SP signed-note).
    vkey: String,
    /// How that key followed from those before, for whoever pinned one of them: C2SP tlog-proofs of `log.key`
    /// entries, the oldest first.
    handovers: Vec<String>,
}

/// What signs webhooks.
#[derive(Serialize, ToSchema)]
pub struct WebhookKeys {
    /// Of `v1a` signatures: `whpk_` and base64 (Standard Webhooks, asymmetric).
    ed25519: String,
}

impl LogKeys {
    fn of(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Self, Error> {
        let vkey = log_keys::current(tx, log)?;
        Ok(Self {
            origin: vkey.name().to_string(),
            vkey: vkey.to_string(),
            handovers: log_keys::handovers(tx, log, size)?,
        })
    }
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

/// The database answers and takes writes, and there is room to file.
#[utoipa::path(get, path = "/health/ready", tag = "hub", responses((status = 200, body = Health)))]
pub async fn ready(app: Data<App>) -> Answered {
    app.store
        .read(|tx| takes_writes(tx).map_err(Problem::from))
        .await?;
    app.room_to_file()?;
    Ok(page::ok(&good()))
}

/// Who this hub is.
#[utoipa::path(get, path = "/.well-known/kairan", tag = "hub", responses((status = 200, body = HubDocument)))]
pub async fn hub(app: Data<App>) -> Answered {
    let rules = Arc::clone(&app.rules);
    let (log, ed25519, vkey, receipt) = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let log = match read_log::newest(tx)? {
                Some(published) => Some(LogKeys::of(tx, published.log, published.size)?),
                None => None,
            };
            let vkey = certify::verifier(tx, &rules).to_string();
            let receipt = report::verifier(tx, &rules).to_string();
            let vault = tx.vault();
            let key = SigningKey::from_bytes(&vault.keys().webhook);
            let key = signature::public_key_text(&key.verifying_key());
            Ok((log, key, vkey, receipt))
        })
        .await?;
    Ok(page::ok(&HubDocument {
        operator: app.rules.operator_name.clone(),
        api: format!("{}/api/v1", app.rules.public_url),
        certificate: CertificateKey { vkey },
        log,
        receipt: ReceiptKey { vkey: receipt },
        webhook: WebhookKeys { ed25519 },
    }))
}
