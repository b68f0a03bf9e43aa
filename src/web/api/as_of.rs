//! "What had bank X been told on date D?" Both halves: what it had been told, with the level of then, and
//! what it had not been told.

use crate::actions::certify;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::refusal::Refusal;
use crate::storage::{Tx, bank, evidence, reading};
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{Asked, Number};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::inbox::InboxLine;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    bank: String,
    at: Entered,
    after: Option<Number>,
    limit: Option<Number>,
}

#[derive(Serialize, ToSchema)]
pub struct ToldLine {
    #[serde(flatten)]
    notice: InboxLine,
    /// When the level was reached.
    reached_at: String,
}

/// A revision that was accepted by then and not addressed to the bank by then.
#[derive(Serialize, ToSchema)]
pub struct NotToldLine {
    incident: String,
    revision: i64,
    phase: String,
    kind: String,
    accepted_at: String,
    incident_digest: String,
}

#[derive(Serialize, ToSchema)]
pub struct AsOf {
    bank: String,
    at: String,
    told: Vec<ToldLine>,
    /// Ask again with this as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<i64>,
    /// Oldest first; the same on every page.
    not_told: Vec<NotToldLine>,
    /// False = there are more than are listed.
    not_told_complete: bool,
}

/// What a bank had been told by an instant, and what it had not. A time that has not come is refused.
#[utoipa::path(get, path = "/api/v1/as-of", tag = "evidence", params(
    ("bank" = String, Query, description = "the bank's code"),
    ("at" = String, Query, description = "RFC 3339 with zone; not in the future"),
    ("after" = Option<i64>, Query, description = "next_after of the page before"),
    ("limit" = Option<i64>, Query, description = "1 to 200"),
), responses((status = 200, body = AsOf)))]
pub async fn as_of(app: Data<App>, Asked(question): Asked<Question>) -> Answered {
    let limit = page::length(question.limit, app.limits.page)?;
    let after = question.after.map_or(0, |Number(after)| after);
    let asked_of = question.at.at;
    let answer = app
        .store
        .read(move |tx| -> Result<AsOf, Problem> {
            let row = bank::by_code(tx, &question.bank)?.ok_or_else(Problem::missing)?;
            // Nobody can say yet what will have been told by then.
            if asked_of > tx.now()? {
                return Err(Refusal::NotYet.into());
            }
            let at = asked_of.as_shown();
            let (told, next_after) = told(tx, row.id, at, after, limit)?;
            let mut missed = reading::not_told_by(tx, row.id, at, page::MOST + 1)?;
            let more = page::cut(&mut missed, page::MOST);
            let not_told = missed.into_iter().map(|(incident, revision)| NotToldLine {
                incident: incident.reference,
                revision: revision.number,
                phase: revision.phase,
                kind: revision.kind,
                accepted_at: revision.accepted_at.to_string(),
                incident_digest: page::digest(&revision.digest),
            });
            Ok(AsOf {
                bank: row.code,
                at: at.to_string(),
                told,
                next_after,
                not_told: not_told.collect(),
                not_told_complete: !more,
            })
        })
        .await?;
    Ok(page::ok(&answer))
}

fn told(
    tx: &mut Tx<'_>,
    bank: Uid,
    at: Instant,
    after: i64,
    limit: i64,
) -> Result<(Vec<ToldLine>, Option<i64>), Problem> {
    let (told, next_after) = certify::told(tx, bank, at, after, limit)?;
    let ids: Vec<Uid> = told.iter().map(|told| told.notice.id).collect();
    let mut classes = evidence::classes_at(tx, &ids, at)?;
    let lines = told.into_iter().map(|told| {
        let class = classes.remove(&told.notice.id);
        Ok(ToldLine {
            notice: InboxLine::of(told.notice, told.level, class)?,
            reached_at: told.reached_at.to_string(),
        })
    });
    Ok((lines.collect::<Result<_, Problem>>()?, next_after))
}
