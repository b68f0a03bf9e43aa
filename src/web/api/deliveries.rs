//! The delivery log: every attempt and what came of it, in pages, or whole as a stream.

use crate::domain::id::Uid;
use crate::domain::instant::Entered;
use crate::domain::outcome::ErrorClass;
use crate::storage::delivery::OutcomeRow;
use crate::storage::delivery_log::{self, LogFilter, LogPlace};
use crate::storage::mail_report::MailReportRow;
use crate::storage::{Tx, bank, incident, mail_report};
use crate::web::App;
use crate::web::cursor::Binding;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{Asked, Number};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

use super::export::{self, Shape};
use super::incidents::found;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    bank: Option<String>,
    incident: Option<String>,
    channel: Option<String>,
    outcome: Option<String>,
    from: Option<Entered>,
    to: Option<Entered>,
    format: Option<String>,
    cursor: Option<String>,
    limit: Option<Number>,
}

/// One attempt and one outcome of it. A result that came after `unknown` is a second line.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryLine {
    pub attempt: String,
    pub seq: i64,
    pub delivery: String,
    pub notice: Option<String>,
    pub incident: Option<String>,
    /// The kind of that incident: `actual`, `exercise` or `test`.
    pub incident_kind: Option<String>,
    pub bank: Option<String>,
    pub channel: String,
    pub number: i64,
    /// `accepted`, or why not.
    pub outcome: String,
    /// HTTP status or SMTP reply.
    pub status: Option<i64>,
    pub duration_ms: i64,
    pub started_at: String,
    pub recorded_at: String,
    /// SHA-256 of the bytes that were sent.
    pub body_digest: Option<String>,
    /// What a mail server reported came of it later; the newest report.
    pub report: Option<MailReport>,
}

/// What a mail server reported (RFC 3464).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MailReport {
    /// `bounced`, `delayed`, `delivered` or `relayed`.
    pub class: String,
    /// As RFC 3463 has it, like 5.1.1.
    pub status: Option<String>,
    pub recorded_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct DeliveryPage {
    deliveries: Vec<DeliveryLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What the ids of some rows are called, and what mail servers reported of them.
pub(in crate::web) struct Names {
    banks: HashMap<Uid, String>,
    /// Reference and kind.
    incidents: HashMap<Uid, (String, String)>,
    reports: HashMap<Uid, MailReportRow>,
}

impl Names {
    pub(in crate::web) fn of(tx: &mut Tx<'_>, rows: &[OutcomeRow]) -> Result<Self, Problem> {
        let incidents = each_once(rows.iter().filter_map(|row| row.incident_id));
        let incidents = incident::names(tx, &incidents)?;
        let banks = each_once(rows.iter().filter_map(|row| row.bank_id));
        Ok(Self {
            banks: bank::codes(tx, &banks)?.into_iter().collect(),
            incidents: incidents
                .into_iter()
                .map(|(id, reference, kind)| (id, (reference, kind)))
                .collect(),
            reports: mail_report::newest_of(tx, rows)?,
        })
    }

    pub(in crate::web) fn lines(&self, rows: Vec<OutcomeRow>) -> Vec<DeliveryLine> {
        rows.into_iter().map(|row| self.line(row)).collect()
    }

    pub(super) fn line(&self, row: OutcomeRow) -> DeliveryLine {
        let report = self.reports.get(&row.attempt_id);
        let known = row
            .incident_id
            .and_then(|id| self.incidents.get(&id).cloned());
        let (incident, incident_kind) = known.unzip();
        DeliveryLine {
            attempt: row.attempt_id.to_string(),
            seq: row.seq,
            delivery: row.delivery_id.to_string(),
            notice: row.notice_id.map(|id| id.to_string()),
            incident,
            incident_kind,
            bank: row.bank_id.and_then(|id| self.banks.get(&id).cloned()),
            channel: row.channel,
            number: row.number,
            outcome: row.outcome,
            status: row.status,
            duration_ms: row.duration_ms,
            started_at: row.started_at.to_string(),
            recorded_at: row.recorded_at.to_string(),
            body_digest: row.body_hash.map(|hash| page::digest(&hash)),
            report: report.map(|report| MailReport {
                class: report.class.clone(),
                status: report.status.clone(),
                recorded_at: report.recorded_at.to_string(),
            }),
        }
    }
}

fn each_once(ids: impl Iterator<Item = Uid>) -> Vec<Uid> {
    let ids: HashSet<Uid> = ids.collect();
    ids.into_iter().collect()
}

impl Asking {
    /// An unknown bank or incident is a mistake of the asker, not an empty log.
    fn filter(&self, tx: &mut Tx<'_>) -> Result<LogFilter, Problem> {
        let bank = match &self.bank {
            None => None,
            Some(code) => Some(bank::by_code(tx, code)?.ok_or_else(Problem::missing)?.id),
        };
        let incident = match &self.incident {
            None => None,
            Some(reference) => Some(found(tx, reference)?.id),
        };
        Ok(LogFilter {
            bank,
            incident,
            channel: self.channel.clone(),
            outcome: self.outcome.clone(),
            from: self.from.map(|entered| entered.at),
            to: self.to.map(|entered| entered.at),
        })
    }

    fn check(&self) -> Result<(), Problem> {
        let known =
            |outcome: &str| outcome == "accepted" || ErrorClass::from_code(outcome).is_some();
        if self
            .channel
            .as_deref()
            .is_some_and(|channel| !matches!(channel, "webhook" | "email"))
        {
            return Err(Problem::bad_request(
                "query_invalid",
                "channel is webhook or email",
            ));
        }
        if self
            .outcome
            .as_deref()
            .is_some_and(|outcome| !known(outcome))
        {
            let codes: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.code()).collect();
            let detail = format!("outcome is accepted, or one of {}", codes.join(", "));
            return Err(Problem::bad_request("query_invalid", detail));
        }
        Ok(())
    }

    /// What was asked for, apart from the place in it.
    fn text(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            self.bank, self.incident, self.channel, self.outcome, self.from, self.to
        )
    }
}

fn place_bytes((attempt, seq): LogPlace) -> Vec<u8> {
    [attempt.as_bytes().as_slice(), &seq.to_be_bytes()].concat()
}

fn place(bytes: &[u8]) -> Result<LogPlace, Problem> {
    let (attempt, seq) = bytes
        .split_at_checked(16)
        .ok_or_else(Problem::cursor_invalid)?;
    let attempt: [u8; 16] = attempt.try_into().map_err(|_| Problem::cursor_invalid())?;
    let seq: [u8; 8] = seq.try_into().map_err(|_| Problem::cursor_invalid())?;
    Ok((Uid::from_bytes(attempt), i64::from_be_bytes(seq)))
}

/// The delivery log, oldest attempt first; as CSV or JSON Lines the whole of it, up to its end of now.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(
    ("bank" = Option<String>, Query, description = "the bank's code"),
    ("incident" = Option<String>, Query, description = "like INC-2019-0003"),
    ("channel" = Option<String>, Query, description = "webhook or email"),
    ("outcome" = Option<String>, Query, description = "accepted, or an error class"),
    ("from" = Option<String>, Query, description = "RFC 3339: attempts started then or later"),
    ("to" = Option<String>, Query, description = "RFC 3339: attempts started before"),
    ("format" = Option<String>, Query, description = "json (pages), csv or jsonl (whole); otherwise by Accept"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before (json only)"),
    ("limit" = Option<i64>, Query, description = "1 to 200 (json only)"),
), responses((status = 200, content(
    (DeliveryPage = "application/json"), (String = "text/csv"), (String = "application/jsonl")))))]
pub async fn list(
    app: Data<App>,
    Who(caller): Who,
    req: HttpRequest,
    Asked(asking): Asked<Asking>,
) -> Answered {
    asking.check()?;
    let accept = req
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    match export::shape(asking.format.as_deref(), accept)? {
        Some(shape) => whole(app, asking, shape).await,
        None => {
            let binding = Binding::new(&caller, "deliveries", &asking.text());
            one_page(app, asking, binding).await
        }
    }
}

async fn one_page(app: Data<App>, asking: Asking, binding: Binding) -> Answered {
    let limit = page::length(asking.limit, app.limits.page)?;
    let page = app
        .store
        .read(move |tx| -> Result<DeliveryPage, Problem> {
            let vault = tx.vault();
            let key: &[u8; 32] = &vault.keys().cursor;
            let after = match &asking.cursor {
                None => None,
                Some(cursor) => Some(place(&binding.open(key, cursor)?)?),
            };
            let filter = asking.filter(tx)?;
            let mut rows = delivery_log::page(tx, &filter, after, None, limit + 1)?;
            let more = page::cut(&mut rows, limit);
            let last = rows
                .last()
                .filter(|_| more)
                .map(|row| (row.attempt_id, row.seq));
            Ok(DeliveryPage {
                deliveries: Names::of(tx, &rows)?.lines(rows),
                next_cursor: last.map(|last| binding.seal(key, &place_bytes(last))),
            })
        })
        .await?;
    Ok(page::ok(&page))
}

async fn whole(app: Data<App>, asking: Asking, shape: Shape) -> Answered {
    if asking.cursor.is_some() || asking.limit.is_some() {
        let detail = "an export is whole: leave out cursor and limit, or ask for format=json";
        return Err(Problem::bad_request("query_invalid", detail));
    }
    let (filter, end) = app
        .store
        .read(move |tx| -> Result<_, Problem> { Ok((asking.filter(tx)?, delivery_log::end(tx)?)) })
        .await?;
    Ok(export::stream(app, filter, end, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_log_survives_its_cursor() {
        let here = (Uid::from_bytes([3; 16]), 2);
        assert_eq!(place(&place_bytes(here)), Ok(here));
        assert!(place(&[0; 23]).is_err() && place(&[]).is_err());
    }
}
