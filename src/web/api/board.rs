//! The stamp board: one revision's notices, bank by bank, now or as they stood at an instant.

use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::level::Level;
use crate::storage::incident::{self, RevisionRow};
use crate::storage::reading::{self, Cell};
use crate::storage::{Tx, closing};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{Asked, Number};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

use super::incidents::found;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    revision: Option<Number>,
    at: Option<Entered>,
}

/// One bank's notice. The four flags say what has happened to it until now, and stay when it is mended (how an address does
/// now is told under `/channels`); they are absent where the board is of another time.
#[derive(Serialize, ToSchema)]
pub struct BoardCell {
    notice: String,
    /// `actual`, `exercise` or `test`, like its board.
    kind: String,
    bank: String,
    number: i64,
    reason: String,
    exposed: bool,
    concerns_you: bool,
    issued_at: String,
    acknowledge_by: String,
    level: String,
    /// Not acknowledged when its time had come; without a stamp, when that of any notice of the incident before it had.
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bounced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_down: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disputed: Option<bool>,
    /// By somebody beside the channels, signed off; weaker than any delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_out_of_band: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    /// When two people closed it without a stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Board {
    reference: String,
    /// `actual`, `exercise` or `test`: an exercise tells nobody of a theft.
    kind: String,
    revision: i64,
    /// The time that is shown.
    at: String,
    notices: usize,
    delivered: usize,
    acknowledged: usize,
    /// Notices of which a mail came back; absent where the board is of another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounced: Option<usize>,
    /// Of those delivered, told beside the channels and not acknowledged.
    told_out_of_band: usize,
    cells: Vec<BoardCell>,
}

/// The board of a revision (the newest of that time, unless one is named).
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/notices", tag = "incidents", params(
    ("reference" = String, Path, description = "like INC-2019-0003"),
    ("revision" = Option<i64>, Query, description = "from 1"),
    ("at" = Option<String>, Query, description = "RFC 3339 with zone: as it stood then"),
), responses((status = 200, body = Board)))]
pub async fn board(
    app: Data<App>,
    reference: Path<String>,
    Asked(which): Asked<Which>,
) -> Answered {
    let board = app
        .store
        .read(move |tx| -> Result<Board, Problem> {
            let now = tx.now()?;
            let then = which
                .at
                .map(|entered| entered.at.as_shown())
                .filter(|at| *at < now);
            let row = revision(tx, &reference, which.revision, then.unwrap_or(now))?;
            let at = then.unwrap_or(now);
            let mut cells = reading::board(tx, row.id)?;
            wind_back(&mut cells, at);
            let notices: Vec<_> = cells.iter().map(|cell| cell.notice).collect();
            let levels = reading::levels_at(tx, &notices, at)?;
            let closed = closing::of_incident(tx, row.incident_id)?;
            let closed: HashMap<Uid, Instant> = closed
                .into_iter()
                .map(|(_, row)| (row.notice_id, row.recorded_at))
                .filter(|(_, then)| *then <= at)
                .collect();
            let owed = reading::owed_since(tx, row.incident_id, row.number, at)?;
            Ok(drawn(
                &reference,
                &row,
                cells,
                (&levels, &closed, &owed),
                at,
                then.is_none(),
            ))
        })
        .await?;
    Ok(page::ok(&board))
}

fn revision(
    tx: &mut Tx<'_>,
    reference: &str,
    number: Option<Number>,
    at: Instant,
) -> Result<RevisionRow, Problem> {
    let incident = found(tx, reference)?;
    let rows = incident::revisions(tx, incident.id)?;
    let mut known = rows.into_iter().filter(|row| row.accepted_at <= at);
    let row = match number {
        Some(Number(number)) => known.find(|row| row.number == number),
        None => known.next_back(),
    };
    row.ok_or_else(Problem::missing)
}

/// Takes away what came later.
fn wind_back(cells: &mut Vec<Cell>, at: Instant) {
    cells.retain(|cell| cell.issued_at <= at);
    for cell in cells {
        if cell.acknowledged_at.is_some_and(|stamped| stamped > at) {
            cell.acknowledged_at = None;
            cell.class = None;
        }
    }
}

/// How far each notice has come, and since when.
type Levels = HashMap<Uid, (Level, Instant)>;
/// When two people closed a notice.
type Closings = HashMap<Uid, Instant>;
/// By when each bank should have acknowledged, and has not.
type Owed = HashMap<Uid, Instant>;

fn drawn(
    reference: &str,
    row: &RevisionRow,
    cells: Vec<Cell>,
    (levels, closed, owed): (&Levels, &Closings, &Owed),
    at: Instant,
    current: bool,
) -> Board {
    let level_of = |cell: &Cell| {
        levels
            .get(&cell.notice)
            .map_or(Level::Listed, |(level, _)| *level)
    };
    let reached = |level: Level| cells.iter().filter(|cell| level_of(cell) >= level).count();
    Board {
        reference: reference.to_owned(),
        kind: row.kind.clone(),
        revision: row.number,
        at: at.to_string(),
        notices: cells.len(),
        delivered: reached(Level::Delivered),
        acknowledged: reached(Level::Acknowledged),
        bounced: current.then(|| cells.iter().filter(|cell| has_bounced(cell)).count()),
        told_out_of_band: cells
            .iter()
            .filter(|cell| is_told_out_of_band(cell))
            .count(),
        cells: cells
            .into_iter()
            .map(|cell| {
                let level = level_of(&cell);
                let closed = closed.get(&cell.notice).copied();
                let owed = owed.get(&cell.bank_id).copied();
                stamp(cell, &row.kind, level, (closed, owed), (at, current))
            })
            .collect(),
    }
}

fn has_bounced(cell: &Cell) -> bool {
    cell.flags.unwrap_or_default().bounced
}

fn is_told_out_of_band(cell: &Cell) -> bool {
    cell.acknowledged_at.is_none() && cell.flags.unwrap_or_default().told_out_of_band
}

fn stamp(
    cell: Cell,
    kind: &str,
    level: Level,
    (closed, owed): (Option<Instant>, Option<Instant>),
    (at, current): (Instant, bool),
) -> BoardCell {
    let flags = cell.flags.unwrap_or_default();
    BoardCell {
        notice: cell.notice.to_string(),
        kind: kind.to_owned(),
        bank: cell.bank,
        number: cell.number,
        reason: cell.reason,
        exposed: cell.exposed,
        concerns_you: cell.concerns_you,
        issued_at: cell.issued_at.to_string(),
        acknowledge_by: cell.acknowledge_by.to_string(),
        level: level.code().to_owned(),
        late: match cell.acknowledged_at {
            Some(stamped) => stamped > cell.acknowledge_by,
            None => at > owed.map_or(cell.acknowledge_by, |owed| owed.min(cell.acknowledge_by)),
        },
        bounced: current.then_some(flags.bounced),
        endpoint_down: current.then_some(flags.endpoint_down),
        disputed: current.then_some(flags.disputed),
        told_out_of_band: current.then_some(flags.told_out_of_band),
        acknowledged_at: cell.acknowledged_at.map(|at| at.to_string()),
        class: cell.class,
        closed_at: closed.map(|at| at.to_string()),
    }
}
