//! Banks from a CSV file: all or none, with a dry run.

use crate::actions::import_banks::import_banks;
use crate::storage::Lane;
use crate::web::App;
use crate::web::body::RawCsv;
use crate::web::page;
use crate::web::problem::Answered;
use crate::web::query::Asked;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Only tell what would happen?
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    dry_run: Option<YesNo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum YesNo {
    True,
    False,
}

#[derive(Serialize, ToSchema)]
pub struct ImportedView {
    line: u64,
    code: String,
    /// `added`, `amended` or `unchanged`.
    effect: String,
    /// Of a new endpoint, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ImportAnswer {
    dry_run: bool,
    banks: Vec<ImportedView>,
    /// The roster version afterwards; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    roster_version: Option<i64>,
}

/// Import banks from CSV. Faults name line and column; then nothing was stored.
#[utoipa::path(post, path = "/api/v1/import", tag = "register",
    params(("dry_run" = Option<bool>, Query, description = "only tell what would happen")),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportAnswer)))]
pub async fn import(
    app: Data<App>,
    Asked(query): Asked<ImportQuery>,
    RawCsv(csv): RawCsv,
) -> Answered {
    let dry_run = query.dry_run == Some(YesNo::True);
    let rules = Arc::clone(&app.rules);
    let imported = if dry_run {
        app.store
            .read(move |tx| import_banks(tx, &rules, &csv, true))
            .await?
    } else {
        app.room_to_file()?;
        app.store
            .write(Lane::Filing, move |tx| {
                import_banks(tx, &rules, &csv, false)
            })
            .await?
    };
    let banks = imported.banks.into_iter().map(|one| ImportedView {
        line: one.line,
        code: one.code,
        effect: one.effect.code().to_owned(),
        secret: one.secret,
    });
    let answer = ImportAnswer {
        dry_run,
        banks: banks.collect(),
        roster_version: imported.roster_version,
    };
    Ok(page::ok(&answer))
}
