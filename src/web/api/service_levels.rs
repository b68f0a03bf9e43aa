//! Service levels: time to notify, to deliver and to acknowledge, and what of it was in time, by month and by bank.

use crate::actions::measure_levels::{self, Measured, Missed, Question};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::service_level::{Figures, Month, Months, Row, ServiceClock};
use crate::storage::Tx;
use crate::web::App;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::Asked;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::ToSchema;

use super::export::{self, Shape};
use super::responses::bank_codes;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    from: Option<Month>,
    to: Option<Month>,
    bank: Option<String>,
    format: Option<String>,
}

impl Asking {
    /// Twelve months up to this one, unless others are named.
    fn question(&self, app: &App) -> Result<Question, Problem> {
        let this = Month::of(app.store.clock().now(), &app.rules.zone);
        let last = self.to.unwrap_or(this);
        let first = self.from.unwrap_or_else(|| last.before(11));
        let months = Months::new(first, last)
            .map_err(|fault| Problem::bad_request("query_invalid", fault.to_string()))?;
        let bank = self.bank.clone();
        Ok(Question { months, bank })
    }
}

/// What the runs of one clock amount to.
#[derive(Serialize, ToSchema)]
pub struct LevelFigures {
    /// `notify`, `intermediate` and `final` are the operator's own; `deliver` has no deadline; `acknowledge` is the
    /// bank's.
    clock: &'static str,
    in_time: i64,
    /// What came too late, what is open past its deadline, and what was ended without having come: closed by two
    /// people, or followed by another word.
    late: i64,
    /// Open and not due yet: counted neither way.
    running: i64,
    /// How many came, in time or not.
    reached: i64,
    /// Of those in time or late, cut down; null = there is none, or no deadline.
    in_time_percent: Option<i64>,
    /// Of those that came, in whole seconds; by nearest rank.
    median_s: Option<i64>,
    p95_s: Option<i64>,
}

/// Counted in the month of issue, in the operator's zone.
#[derive(Serialize, ToSchema)]
pub struct MonthLevels {
    month: String,
    clocks: Vec<LevelFigures>,
}

#[derive(Serialize, ToSchema)]
pub struct BankLevels {
    bank: String,
    clocks: Vec<LevelFigures>,
}

/// A clock of the operator's that was missed.
#[derive(Serialize, ToSchema)]
pub struct MissedClock {
    clock: &'static str,
    /// The incident, or else it is a draft's that nobody has issued.
    incident: Option<String>,
    draft: Option<String>,
    /// The revision that came too late; null = none has come.
    revision: Option<i64>,
    due_at: String,
    /// null = what was owed has not come, and the revision, if there is one, only began a new clock.
    issued_at: Option<String>,
    /// Until that revision came, or else until now.
    late_s: i64,
    /// As the late revision says it.
    reason: Option<String>,
    /// Code of the vocabulary `deferral_basis`, where two people had held that revision back.
    deferral_basis: Option<String>,
}

/// How many revisions were not measured.
#[derive(Serialize, ToSchema)]
pub struct LeftOut {
    exercises: i64,
    tests: i64,
}

#[derive(Serialize, ToSchema)]
pub struct ServiceLevels {
    from: String,
    to: String,
    /// The operator's, in which months begin.
    zone: String,
    at: String,
    bank: Option<String>,
    totals: Vec<LevelFigures>,
    months: Vec<MonthLevels>,
    /// The worst at acknowledging first. Only `deliver` and `acknowledge`: the operator tells all banks at once.
    banks: Vec<BankLevels>,
    /// The deadline that was missed last comes first.
    missed: Vec<MissedClock>,
    /// Exercises and tests.
    left_out: LeftOut,
}

/// Time to notify, deliver and acknowledge, and what was in time: in all, by month of issue and by bank. Exercises
/// and tests are left out. As CSV or JSON Lines the figures alone, one line a scope and clock.
#[utoipa::path(get, path = "/api/v1/service-levels", tag = "evidence", params(
    ("from" = Option<String>, Query, description = "the first month, like 2026-01; eleven before the last unless given"),
    ("to" = Option<String>, Query, description = "the last month; this one unless given; at most 36 in all"),
    ("bank" = Option<String>, Query, description = "the bank's code"),
    ("format" = Option<String>, Query, description = "json, csv or jsonl; otherwise by Accept"),
), responses((status = 200, content(
    (ServiceLevels = "application/json"), (String = "text/csv"), (String = "application/jsonl")))))]
pub async fn levels(app: Data<App>, req: HttpRequest, Asked(asking): Asked<Asking>) -> Answered {
    let accept = req
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let shape = export::shape(asking.format.as_deref(), accept)?;
    let found = measured(&app, &asking).await?;
    match shape {
        None => Ok(page::ok(&found)),
        Some(shape) => lines(&found, shape),
    }
}

/// The answer to a question that stands in an address.
pub(in crate::web) async fn measured(app: &App, asking: &Asking) -> Result<ServiceLevels, Problem> {
    let question = asking.question(app)?;
    let rules = Arc::clone(&app.rules);
    let zone = rules.zone.iana_name().unwrap_or("UTC").to_owned();
    app.store
        .read(move |tx| -> Result<ServiceLevels, Problem> {
            let found = measure_levels::measure(tx, &rules, &question)?.ok_or_else(|| {
                let detail = format!(
                    "more than {} notices in these months: ask for fewer",
                    measure_levels::MOST
                );
                Problem::bad_request("query_invalid", detail)
            })?;
            told(tx, &question, found, zone.clone())
        })
        .await
}

fn told(
    tx: &mut Tx<'_>,
    question: &Question,
    found: Measured,
    zone: String,
) -> Result<ServiceLevels, Problem> {
    let codes: HashMap<Uid, String> = bank_codes(tx)?;
    let Measured {
        at,
        levels,
        missed,
        left_out,
    } = found;
    let months = question.months.all();
    let named = |month: Option<&Month>| month.map(Month::to_string).unwrap_or_default();
    let count = |kind: &str| {
        let found = left_out.iter().find(|(known, _)| known == kind);
        found.map_or(0, |(_, count)| *count)
    };
    Ok(ServiceLevels {
        from: named(months.first()),
        to: named(months.last()),
        zone,
        at: at.to_string(),
        bank: question.bank.clone(),
        totals: figures(&levels.totals, &ServiceClock::ALL),
        months: levels
            .months
            .iter()
            .map(|(month, row)| MonthLevels {
                month: month.to_string(),
                clocks: figures(row, &ServiceClock::ALL),
            })
            .collect(),
        banks: levels
            .banks
            .iter()
            .map(|(bank, row)| BankLevels {
                bank: codes.get(bank).cloned().unwrap_or_default(),
                clocks: figures(row, &[ServiceClock::Deliver, ServiceClock::Acknowledge]),
            })
            .collect(),
        missed: missed
            .into_iter()
            .map(|one| missed_clock(one, at))
            .collect(),
        left_out: LeftOut {
            exercises: count("exercise"),
            tests: count("test"),
        },
    })
}

fn figures(row: &Row, clocks: &[ServiceClock]) -> Vec<LevelFigures> {
    let of = |clock: &ServiceClock| {
        let one: &Figures = &row[*clock as usize];
        LevelFigures {
            clock: clock.code(),
            in_time: one.in_time,
            late: one.late,
            running: one.running,
            reached: one.reached,
            in_time_percent: one.in_time_percent(),
            median_s: one.median_s,
            p95_s: one.p95_s,
        }
    };
    clocks.iter().map(of).collect()
}

fn missed_clock(one: Missed, now: Instant) -> MissedClock {
    let late = one.ended_at.unwrap_or(now).since(one.due_at);
    MissedClock {
        clock: one.clock.code(),
        incident: one.incident,
        draft: one.draft.map(|id| id.to_string()),
        revision: one.revision,
        due_at: one.due_at.to_string(),
        issued_at: one.issued_at.map(|at| at.to_string()),
        late_s: i64::try_from(late.as_secs()).unwrap_or(i64::MAX),
        reason: one.reason,
        deferral_basis: one.deferral_basis,
    }
}

/// A line of an export: in all, of a month, or of a bank.
#[derive(Serialize)]
struct Line<'l> {
    scope: &'static str,
    month: Option<&'l str>,
    bank: Option<&'l str>,
    #[serde(flatten)]
    figures: &'l LevelFigures,
}

const COLUMNS: [&str; 11] = [
    "scope",
    "month",
    "bank",
    "clock",
    "in_time",
    "late",
    "running",
    "reached",
    "in_time_percent",
    "median_s",
    "p95_s",
];

fn lines(found: &ServiceLevels, shape: Shape) -> Answered {
    let one = found.bank.as_deref();
    let whole = found
        .totals
        .iter()
        .map(|figures| ("total", None, one, figures));
    let months = found.months.iter().flat_map(|of| {
        let month = Some(of.month.as_str());
        of.clocks
            .iter()
            .map(move |figures| ("month", month, one, figures))
    });
    let banks = found.banks.iter().flat_map(|of| {
        let bank = Some(of.bank.as_str());
        of.clocks
            .iter()
            .map(move |figures| ("bank", None, bank, figures))
    });
    let mut out = Vec::new();
    if shape == Shape::Csv {
        export::record(&mut out, &COLUMNS.map(str::to_owned))?;
    }
    for (scope, month, bank, figures) in whole.chain(months).chain(banks) {
        let line = Line {
            scope,
            month,
            bank,
            figures,
        };
        match shape {
            Shape::Csv => export::record(&mut out, &cells(&line))?,
            Shape::JsonLines => export::json_line(&mut out, &line)?,
        }
    }
    let (media_type, name) = shape.file("service-levels");
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .body(out))
}

fn cells(line: &Line<'_>) -> [String; 11] {
    let number = |known: Option<i64>| known.map(|known| known.to_string()).unwrap_or_default();
    let one = line.figures;
    [
        line.scope.to_owned(),
        line.month.unwrap_or_default().to_owned(),
        export::harmless(line.bank.unwrap_or_default()).into_owned(),
        one.clock.to_owned(),
        one.in_time.to_string(),
        one.late.to_string(),
        one.running.to_string(),
        one.reached.to_string(),
        number(one.in_time_percent),
        number(one.median_s),
        number(one.p95_s),
    ]
}
