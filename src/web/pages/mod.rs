//! What is read in a browser. A page shows what the API answers, by the same handlers and the same rights,
//! put into words; a form is one call of the API, or of the action behind it, and then a redirect.

pub(super) mod account;
pub(super) mod administrator;
pub(super) mod again;
pub(super) mod approvals;
pub(super) mod assets;
pub(super) mod auditor;
pub(super) mod bank;
pub(super) mod calls;
pub(super) mod change;
pub(super) mod confirm;
pub(super) mod deferrals;
pub(super) mod drafts;
pub(super) mod evidence;
pub(super) mod exercises;
pub(super) mod filing;
pub(super) mod link;
pub(super) mod live;
pub(super) mod officer;
mod preview;
pub(super) mod questions;
pub(super) mod reports;
mod said;
pub(super) mod seat;
pub(super) mod service_levels;
mod words;

use super::App;
use super::identity::Who;
use super::problem::{Answered, Problem};
use crate::actions::add_contact::ContactInput;
use crate::actions::enrol_signing_key::SigningKeyInput;
use crate::actions::issue_key::KeyInput;
use crate::actions::read_register;
use crate::actions::set_endpoint::EndpointInput;
use crate::domain::access::{Role, Roles};
use crate::domain::fault::Fault;
use crate::domain::vocabulary::Language;
use crate::storage::Tx;
use actix_web::body::to_bytes_limited;
use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use seat::{Fields, Seat};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::{Ready, ready};

/// A page's place in the navigation, and what it is called there.
struct Entry {
    key: &'static str,
    href: &'static str,
    may: Roles,
}

const fn entry(key: &'static str, href: &'static str, may: &[Role]) -> Entry {
    let may = Roles::of(may);
    Entry { key, href, may }
}

const BANK: &[Role] = &[Role::BankMember, Role::BankAdministrator];
const READERS: &[Role] = &[Role::Officer, Role::Auditor];

const NAVIGATION: &[Entry] = &[
    entry("nav-inbox", "/inbox", BANK),
    entry("nav-report", "/reports", BANK),
    entry("nav-channels", "/own", BANK),
    entry("nav-own-deliveries", "/own/deliveries", BANK),
    entry("nav-home", "/home", &[Role::Officer]),
    entry("nav-file", "/incidents/new", &[Role::Officer]),
    entry("nav-matrix", "/matrix", READERS),
    entry("nav-bank-reports", "/bank-reports", READERS),
    entry("nav-exercises", "/exercises", READERS),
    entry("nav-questions", "/questions", READERS),
    entry("nav-drafts", "/drafts", READERS),
    entry("nav-deferrals", "/deferrals", READERS),
    entry("nav-deliveries", "/deliveries", READERS),
    entry("nav-as-of", "/as-of", READERS),
    entry("nav-figures", "/figures", READERS),
    entry("nav-check", "/check", &[Role::Auditor]),
    entry("nav-register", "/register", &[Role::Administrator]),
    entry("nav-people", "/people", &[Role::Administrator]),
    entry(
        "nav-approvals",
        "/approvals",
        &[Role::Officer, Role::Auditor, Role::Administrator],
    ),
];

/// Where each desk begins.
fn home(roles: Roles) -> &'static str {
    let first = NAVIGATION.iter().find(|entry| entry.may.shares(roles));
    first.map_or("/account", |entry| entry.href)
}

fn desk(seat: &Seat) -> &'static str {
    let roles = seat.who.caller.roles();
    if seat.who.caller.bank().is_some() {
        "bank"
    } else if roles.contains(Role::Officer) {
        "officer"
    } else if roles.contains(Role::Administrator) {
        "administrator"
    } else {
        "auditor"
    }
}

/// `/`: to one's own desk.
pub(super) async fn start(seat: Seat) -> HttpResponse {
    seat::see(home(seat.who.caller.roles()))
}

/// What every page of somebody signed in shows around its own.
fn shell(req: &HttpRequest, seat: &Seat) -> Value {
    let roles = seat.who.caller.roles();
    // What a form was answered with has no address to come back to.
    let here = (req.method() == Method::GET)
        .then(|| req.uri().path_and_query().map_or("/", |path| path.as_str()));
    let nav: Vec<Value> = NAVIGATION
        .iter()
        .filter(|entry| entry.may.shares(roles))
        .map(|entry| {
            json!({ "key": entry.key, "href": entry.href, "current": req.path() == entry.href, "count": null })
        })
        .collect();
    json!({
        "person": { "name": seat.who.name, "bank": seat.who.bank },
        "desk": desk(seat), "nav": nav, "csrf": seat.csrf, "here": here, "done": done(req),
        "standing": standing(seat), "log_refuses": log_refuses(seat),
        "mails_wait": mails_wait(seat), "again": again::is_shown(req),
    })
}

/// The line that stands on every page of the operator's people while the log refuses.
fn log_refuses(seat: &Seat) -> Value {
    seat.log_refuses.as_ref().map_or(
        Value::Null,
        |event| json!({ "code": event.code, "since": event.recorded_at.to_string() }),
    )
}

/// The same while no mail goes out.
fn mails_wait(seat: &Seat) -> Value {
    seat.mails_wait.map_or(
        Value::Null,
        |known| json!({ "since": known.since.to_string(), "waiting": known.waiting }),
    )
}

/// The line that stands on every page of an auditor: from what the last check left, never tried anew.
fn standing(seat: &Seat) -> Value {
    if !seat.who.caller.roles().contains(Role::Auditor) {
        return Value::Null;
    }
    match &seat.standing {
        None => json!({ "state": "untried", "since": null, "tried_at": null, "broken": 0 }),
        Some(known) => {
            let state = match (known.broken.is_empty(), known.is_overdue) {
                (false, _) => "broken",
                (true, true) => "overdue",
                (true, false) => "sound",
            };
            json!({ "state": state, "since": known.since.to_string(), "tried_at": known.tried_at.to_string(),
                "broken": known.broken.len() })
        }
    }
}

/// What was just done, where the address says so; only words that we have.
fn done(req: &HttpRequest) -> Option<String> {
    const KNOWN: [&str; 8] = [
        "acknowledged",
        "responded",
        "reported",
        "issued",
        "asked",
        "saved",
        "sent",
        "tested",
    ];
    url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "done")
        .filter(|(_, value)| KNOWN.contains(&value.as_ref()))
        .map(|(_, value)| format!("done-{value}"))
}

fn public_shell(here: Option<&str>) -> Value {
    json!({ "person": null, "desk": "public", "nav": [], "csrf": "", "here": here, "done": null })
}

/// The language of a page before anybody is signed in: `?lang`, or else what the browser says.
fn public_language(req: &HttpRequest) -> Language {
    let asked = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, value)| Language::parse(&value));
    let accept = req.headers().get(header::ACCEPT_LANGUAGE);
    asked
        .or_else(|| link::accepted(accept?.to_str().ok()?))
        .unwrap_or(Language::Ja)
}

/// What every page of somebody signed in is made from: the hub, the request, and who sits there.
pub(in crate::web) struct Desk {
    app: Data<App>,
    req: HttpRequest,
    seat: Seat,
}

impl Desk {
    fn who(&self) -> Who {
        Who(self.seat.who.caller.clone())
    }

    /// `ja` or `en`.
    fn language(&self) -> &str {
        &self.seat.who.language
    }
}

impl FromRequest for Desk {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = req.app_data::<Data<App>>().cloned();
        let seat = req.extensions().get::<Seat>().cloned();
        ready(match (app, seat) {
            (Some(app), Some(seat)) => Ok(Self {
                app,
                req: req.clone(),
                seat,
            }),
            _ => Err(Problem::unauthenticated()),
        })
    }
}

/// A page of somebody signed in.
fn show(desk: &Desk, status: StatusCode, template: &str, page: Value) -> Answered {
    let Desk { app, req, seat } = desk;
    let context = json!({ "zone": seat.who.zone, "shell": shell(req, seat), "page": page });
    render(app, status, template, desk.language(), &context)
}

/// A page that anybody may see.
fn show_public(
    app: &App,
    req: &HttpRequest,
    status: StatusCode,
    template: &str,
    page: Value,
) -> Answered {
    show_public_at(app, req, status, template, page, Some(req.path()))
}

/// The same with the address at which it can be read in the other language; one that carries a form has none.
fn show_public_at(
    app: &App,
    req: &HttpRequest,
    status: StatusCode,
    template: &str,
    page: Value,
    here: Option<&str>,
) -> Answered {
    let zone = app.rules.zone.iana_name().unwrap_or("UTC");
    let context = json!({ "zone": zone, "shell": public_shell(here), "page": page });
    render(app, status, template, public_language(req).code(), &context)
}

fn render(
    app: &App,
    status: StatusCode,
    template: &str,
    language: &str,
    context: &Value,
) -> Answered {
    let page = app.templates.render(template, language, context);
    let page = page.map_err(|fault| Problem::internal(&fault))?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(page))
}

/// A refusal as a page, for whoever is there.
pub(super) fn problem_page(req: &HttpRequest, problem: &Problem) -> HttpResponse {
    use actix_web::ResponseError;
    let Some(app) = req.app_data::<Data<App>>() else {
        return problem.error_response();
    };
    if let Some(page) = confirm::page(req, app) {
        return page.unwrap_or_else(|fault| fault.error_response());
    }
    let titled = match problem.status.as_u16() {
        status @ (400 | 401 | 403 | 404 | 405 | 409 | 413 | 422 | 429 | 500 | 503) => status,
        410 => 404,
        500.. => 500,
        _ => 400,
    };
    let page = json!({
        "status": problem.status.as_u16(), "title_key": format!("problem-title-{titled}"),
        "detail": problem.detail, "code": problem.code, "faults": problem.faults,
        "next_href": "/", "next_key": "problem-next-home",
    });
    let template = "desk/account/problem.html";
    let shown = match req.extensions().get::<Seat>().cloned() {
        Some(seat) => {
            let (app, req) = (app.clone(), req.clone());
            show(&Desk { app, req, seat }, problem.status, template, page)
        }
        None => show_public(app, req, problem.status, template, page),
    };
    shown.unwrap_or_else(|fault| fault.error_response())
}

/// The document that a handler of the API answered with.
async fn document(answer: Answered) -> Result<Value, Problem> {
    const LIMIT: usize = 64 << 20;
    let body = to_bytes_limited(answer?.into_body(), LIMIT).await;
    let body = body
        .map_err(|fault| Problem::internal(&fault))?
        .map_err(|fault| Problem::internal(&fault))?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|fault| Problem::internal(&fault))
}

/// The words of a body in the reader's language, or in the other where there is none.
fn words(body: &Value, field: &str, language: &str) -> Option<String> {
    let words: crate::domain::incident::Words =
        serde_json::from_value(body.get(field)?.clone()).ok()?;
    let language = Language::parse(language).unwrap_or(Language::En);
    let best = words.best(language);
    (!best.is_empty()).then(|| best.to_owned())
}

/// What was wrong, as a form shows it: field by field, or in one sentence.
fn faults_of(problem: &Problem) -> Value {
    if problem.faults.is_empty() {
        json!([{ "pointer": "", "code": problem.code, "message": problem.detail }])
    } else {
        json!(problem.faults)
    }
}

/// The same under the name of one of several forms of a page.
fn faults_under(name: &str, problem: &Problem) -> Value {
    let mut faults = faults_of(problem);
    for fault in faults.as_array_mut().into_iter().flatten() {
        let pointer = fault["pointer"].as_str().unwrap_or_default();
        if !pointer.is_empty() {
            fault["pointer"] = json!(format!("/{name}{pointer}"));
        }
    }
    faults
}

/// Every bank's name in one language, by its code.
fn bank_names(tx: &mut Tx<'_>, language: &str) -> Result<HashMap<String, String>, Problem> {
    let known = read_register::banks(tx)?;
    Ok(known
        .into_iter()
        .map(|known| {
            let name = match language {
                "ja" => known.profile.name_ja,
                _ => known.profile.name_en,
            };
            (known.bank.code, name)
        })
        .collect())
}

/// Stamps as a board draws them: with the bank's name and how long it took.
fn stamps(cells: &Value, names: &HashMap<String, String>) -> Value {
    let mut cells = list(cells);
    for cell in cells.as_array_mut().into_iter().flatten() {
        let at = |field: &str| {
            cell[field]
                .as_str()
                .and_then(|at| at.parse::<jiff::Timestamp>().ok())
        };
        let took = at("acknowledged_at")
            .zip(at("issued_at"))
            .map(|(done, issued)| (done.as_second() - issued.as_second()).max(0));
        let name = cell["bank"]
            .as_str()
            .and_then(|code| names.get(code))
            .cloned();
        cell["name"] = json!(name);
        cell["took_s"] = json!(took);
        // The API leaves out what is not so; a template knows no absent field.
        for field in [
            "class",
            "acknowledged_at",
            "bounced",
            "endpoint_down",
            "disputed",
            "told_out_of_band",
            "closed_at",
        ] {
            if cell.get(field).is_none() {
                cell[field] = Value::Null;
            }
        }
        if let Some(notice) = cell["notice"].as_str().map(str::to_owned) {
            cell["href"] = json!(format!("/evidence/{notice}"));
        }
    }
    cells
}

/// A list of the body, which may leave it out.
fn list(value: &Value) -> Value {
    if value.is_array() {
        value.clone()
    } else {
        json!([])
    }
}

/// Countermeasures with every field there, because a template knows no absent one.
fn measures(value: &Value) -> Value {
    let whole = value.as_array().into_iter().flatten().map(|one| {
        json!({ "code": one["code"], "scope": one["scope"], "taken_at": one["taken_at"],
            "planned_for": one["planned_for"], "note": one["note"] })
    });
    whole.collect()
}

/// How each address of a bank does, with the address itself: null = it was erased.
fn with_addresses(channels: &Value, contacts: &Value, endpoints: &Value) -> Value {
    let mut channels = list(channels);
    let known: Vec<&Value> = [contacts, endpoints]
        .into_iter()
        .flat_map(|rows| rows.as_array().into_iter().flatten())
        .collect();
    for one in channels.as_array_mut().into_iter().flatten() {
        let row = known.iter().find(|row| row["id"] == one["id"]);
        let address = row.map(|row| {
            if row["url"].is_null() {
                &row["email"]
            } else {
                &row["url"]
            }
        });
        one["address"] = json!(
            address
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        );
    }
    channels
}

/// A local time of a field (`2026-11-23T18:05`) as the instant it is in the person's zone, with its offset. Of an hour
/// that comes twice it is the first; one that the clocks pass over was never shown by any clock, and is refused.
fn entered(pointer: &str, local: &str, zone: &str) -> Result<String, Problem> {
    let no_time = || refused_time(pointer, NO_TIME);
    let time: jiff::civil::DateTime = local.parse().map_err(|_| no_time())?;
    let zone = jiff::tz::TimeZone::get(zone).map_err(|_| no_time())?;
    let there = zone.to_ambiguous_zoned(time);
    if matches!(there.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        return Err(refused_time(pointer, PASSED_OVER));
    }
    Ok(with_offset(&there.compatible().map_err(|_| no_time())?))
}

/// A code and its sentence.
type Said = (&'static str, &'static str);

const NO_TIME: Said = ("time_invalid", "write a time like 2026-11-23T18:05");
const PASSED_OVER: Said = (
    "time_passed_over",
    "there is no such time in your zone: the clocks were put forward and passed over it",
);

fn refused_time(pointer: &str, (code, message): Said) -> Problem {
    let mut problem = Problem::bad_request(code, message);
    problem.faults.push(Fault {
        pointer: pointer.to_owned(),
        code,
        message: message.to_owned(),
    });
    problem
}

/// An instant as it is written with the offset of its place.
fn with_offset(there: &jiff::Zoned) -> String {
    there.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The input of an API call from the fields of a form.
fn input<T: serde::de::DeserializeOwned>(document: &Value) -> Result<T, Problem> {
    Ok(crate::domain::json::read(document)?)
}

/// A contact as typed.
fn contact_values(fields: &Fields) -> Value {
    let level: i64 = fields.one("level").parse().unwrap_or(0);
    json!({
        "name": fields.one("name"), "role": fields.one("role"), "email": fields.one("email"),
        "phone": fields.one("phone"), "hours": fields.one("hours"), "level": level,
        "language": fields.one("language"),
    })
}

fn contact_input(fields: &Fields) -> Result<ContactInput, Problem> {
    input(&contact_values(fields))
}

/// An endpoint as typed; a reason is asked only where a second person decides.
fn endpoint_values(fields: &Fields) -> Value {
    json!({ "url": fields.one("url"), "ed25519": fields.given("ed25519").is_some(), "reason": fields.one("reason") })
}

fn endpoint_input(fields: &Fields) -> Result<EndpointInput, Problem> {
    let typed = endpoint_values(fields);
    input(&json!({ "url": typed["url"], "ed25519": typed["ed25519"] }))
}

/// A key as typed.
fn key_values(fields: &Fields) -> Value {
    json!({ "label": fields.one("label"), "days": fields.one("days") })
}

fn key_input(fields: &Fields) -> Result<KeyInput, Problem> {
    let mut wanted = json!({ "label": fields.one("label") });
    if let Some(days) = fields.given("days") {
        wanted["days"] = days.parse::<u32>().map_or(json!(days), |days| json!(days));
    }
    input(&wanted)
}

/// A signing key as pasted. A browser ends lines with CRLF, a note ends them with LF.
fn signing_values(fields: &Fields) -> Value {
    json!({ "key": fields.one("key"), "proof": fields.one("proof").replace("\r\n", "\n") })
}

fn signing_input(fields: &Fields) -> Result<SigningKeyInput, Problem> {
    let mut wanted = signing_values(fields);
    let proof = wanted["proof"].as_str().unwrap_or_default();
    // What was pasted lost its last newline with the space around it.
    wanted["proof"] = json!(format!("{proof}\n"));
    input(&wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_taken_in_the_zone_of_who_typed_it() {
        let at = |local, zone| entered("/at", local, zone);
        assert_eq!(
            at("2026-11-23T18:05", "Asia/Tokyo"),
            Ok("2026-11-23T18:05:00+09:00".into())
        );
        assert_eq!(
            at("2026-11-23T18:05", "UTC"),
            Ok("2026-11-23T18:05:00+00:00".into())
        );
        assert!(at("yesterday", "UTC").is_err());
    }

    #[test]
    fn a_local_time_that_no_clock_showed_is_refused_at_its_field() {
        let london = |local| entered("/detected_at", local, "Europe/London");
        let refused = london("2026-03-29T01:30").expect_err("there is no such time");
        assert_eq!(refused.code, "time_passed_over");
        assert_eq!(refused.faults[0].pointer, "/detected_at");
        assert_eq!(
            london("2026-03-29T02:00"),
            Ok("2026-03-29T02:00:00+01:00".into())
        );
        // It comes twice, and the first is as good as the other.
        assert_eq!(
            london("2026-10-25T01:30"),
            Ok("2026-10-25T01:30:00+01:00".into())
        );
    }

    #[test]
    fn everybody_has_a_desk() {
        for role in Role::ALL
            .into_iter()
            .filter(|role| *role != Role::BankMachine)
        {
            assert_ne!(home(Roles::of(&[role])), "/account", "{role:?}");
        }
    }
}
