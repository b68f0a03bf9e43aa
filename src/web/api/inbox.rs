//! A bank's inbox: its notices by gap-free number, resumable from any of them.

use crate::storage::notice::{self, NoticeRow};
use crate::storage::{Tx, evidence, reading};
use crate::web::App;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{Asked, Number};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    after: Option<Number>,
    limit: Option<Number>,
}

/// What a notice object says about the incident.
#[derive(Deserialize)]
pub(super) struct Told {
    pub incident: String,
    pub revision: String,
    pub phase: String,
    pub kind: String,
    pub tlp: String,
}

impl Told {
    pub(super) fn read(object: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(object).map_err(|fault| Problem::internal(&fault))
    }
}

#[derive(Serialize, ToSchema)]
pub struct InboxLine {
    number: i64,
    notice: String,
    incident: String,
    revision: String,
    phase: String,
    kind: String,
    tlp: String,
    /// What the bank acknowledges.
    digest: String,
    issued_at: String,
    acknowledge_by: String,
    level: String,
    /// How it was acknowledged: signed, portal, api_key, link or out_of_band, the strongest first; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    concerns_you: bool,
    exposed: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Inbox {
    notices: Vec<InboxLine>,
    /// The highest number ever given to this bank: a hole below it is a fault.
    last_number: i64,
}

impl InboxLine {
    /// The lines of these notices, in their order, as they stood at an instant.
    pub(in crate::web) fn all(
        tx: &mut Tx<'_>,
        rows: Vec<NoticeRow>,
        at: Instant,
    ) -> Result<Vec<Self>, Problem> {
        let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
        let levels = reading::levels_at(tx, &ids, at)?;
        let mut classes = evidence::classes_at(tx, &ids, at)?;
        let lines = rows.into_iter().map(|row| {
            let level = levels
                .get(&row.id)
                .map_or(Level::Listed, |(level, _)| *level);
            let class = classes.remove(&row.id);
            Self::of(row, level, class)
        });
        lines.collect()
    }

    pub(super) fn of(row: NoticeRow, level: Level, class: Option<String>) -> Result<Self, Problem> {
        let told = Told::read(&row.object)?;
        Ok(Self {
            number: row.number,
            notice: row.id.to_string(),
            incident: told.incident,
            revision: told.revision,
            phase: told.phase,
            kind: told.kind,
            tlp: told.tlp,
            digest: page::digest(&row.digest),
            issued_at: row.issued_at.to_string(),
            acknowledge_by: row.acknowledge_by.to_string(),
            level: level.code().to_owned(),
            class,
            concerns_you: row.concerns_you,
            exposed: row.exposed,
        })
    }
}

/// Notices after a number, in order.
#[utoipa::path(get, path = "/api/v1/inbox", tag = "bank", params(
    ("after" = Option<i64>, Query, description = "the last number already read; 0 = from the start"),
    ("limit" = Option<i64>, Query, description = "1 to 200"),
), responses((status = 200, body = Inbox)))]
pub async fn inbox(app: Data<App>, who: BankWho, Asked(from): Asked<From>) -> Answered {
    let limit = page::length(from.limit, app.limits.page)?;
    let after = from.after.map_or(0, |Number(after)| after);
    let inbox = app
        .store
        .read(move |tx| -> Result<Inbox, Problem> {
            let bank = who.scope.bank();
            let now = tx.now()?;
            let rows = notice::inbox(tx, bank, after, limit)?;
            let last_number = notice::last_number(tx, bank)?;
            Ok(Inbox {
                notices: InboxLine::all(tx, rows, now)?,
                last_number,
            })
        })
        .await?;
    Ok(page::ok(&inbox))
}
