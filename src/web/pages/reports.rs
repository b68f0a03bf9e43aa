//! Reports on both sides: a bank files one and sees the operator's clock run; the operator's people answer it, or
//! see that nobody has.

use super::officer::title;
use super::seat::{self, Fields, OwnForm};
use super::{Desk, bank_names, document, entered, said, show};
use crate::domain::access::Role;
use crate::domain::fault::{Fault, Faults};
use crate::domain::incident::ReportFiling;
use crate::domain::vocabulary::{Authentication, Severity, Typology};
use crate::web::api::edition::ReasonInput;
use crate::web::api::reports;
use crate::web::body::{RawJson, Strict};
use crate::web::identity::BankWho;
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Map, Value, json};

/// A report as a page shows it: its clock beside what the API says. A template knows no absent field.
fn line(desk: &Desk, one: &Value, name: Option<&String>) -> Value {
    let now = desk.app.store.clock().now().seconds();
    let left = |field: &str| {
        let at = one[field]
            .as_str()
            .and_then(|at| at.parse::<jiff::Timestamp>().ok());
        at.map_or(0, |at| at.as_second() - now)
    };
    let (triage, issue) = (left("triage_by"), left("issue_by"));
    json!({
        "id": one["id"], "bank": one["bank"], "name": name, "title": title(&one["report"]["title"], desk.language()),
        "state": one["state"], "reported_at": one["reported_at"], "triage_by": one["triage_by"],
        "issue_by": one["issue_by"], "late": triage < 0, "triage_left_s": triage.abs(), "issue_left_s": issue.max(0),
        "answered_at": one.get("answered_at"), "incident": one.get("incident"), "reason": one.get("reason"),
    })
}

/// What it says, field by field; whether the bank's own accounts were hit stands apart.
fn fields(one: &Value) -> (Vec<Value>, bool) {
    let mut report = one["report"].clone();
    let own = report["own_accounts"] == true;
    if let Some(fields) = report.as_object_mut() {
        fields.remove("own_accounts");
    }
    (said::all(&report), own)
}

/// The bank's own reports, and the form of a further one.
pub(in crate::web) async fn own(desk: Desk, who: BankWho) -> Answered {
    let form = Fields(vec![("own_accounts".into(), "yes".into())]);
    own_page(&desk, who, StatusCode::OK, &form, json!([]), json!([])).await
}

async fn own_page(
    desk: &Desk,
    who: BankWho,
    status: StatusCode,
    form: &Fields,
    faults: Value,
    warnings: Value,
) -> Answered {
    let listed = document(reports::list_own(desk.app.clone(), who).await).await?;
    let own: Vec<Value> = listed["reports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| line(desk, one, None))
        .collect();
    let page = json!({
        "reports": own, "values": values(desk, form), "faults": faults, "warnings": warnings,
        "options": {
            "typology": Typology::ALL.iter().map(|one| one.code()).collect::<Vec<_>>(),
            "authentication": Authentication::ALL.iter().map(|one| one.code()).collect::<Vec<_>>(),
            "severity": Severity::ALL.iter().map(|one| one.code()).collect::<Vec<_>>(),
        },
    });
    show(desk, status, "desk/bank/reports.html", page)
}

/// What the form says: as typed, or as it begins.
fn values(desk: &Desk, form: &Fields) -> Value {
    let or = |name: &str, usual: &str| form.given(name).unwrap_or_else(|| usual.to_owned());
    let now = jiff::Timestamp::from_microsecond(desk.app.store.clock().now().micros());
    let now = now.and_then(|now| now.in_tz(&desk.seat.who.zone));
    let now = now.map_or_else(
        |_| String::new(),
        |there| there.strftime("%Y-%m-%dT%H:%M").to_string(),
    );
    let key = crate::domain::id::Uid::at(desk.app.store.clock().now()).to_string();
    let mut values = json!({
        "typology": form.all("typology"), "auth_exploited": form.all("auth_exploited"),
        "typology_other": form.one("typology_other"), "detected_at": or("detected_at", &now),
        "severity": or("severity", Severity::Medium.code()), "own_accounts": form.given("own_accounts").is_some(),
        "idempotency_key": or("idempotency_key", &key),
    });
    for name in ["title", "description", "advice"] {
        for language in ["ja", "en"] {
            let name = format!("{name}_{language}");
            values[&name] = json!(form.one(&name));
        }
    }
    for name in ["victims", "amount_lost"] {
        values[name] = json!(form.one(name));
        for tick in ["unknown", "estimate"] {
            let name = format!("{name}_{tick}");
            values[&name] = json!(form.given(&name).is_some());
        }
    }
    values
}

/// The report that a form says.
fn report_of(form: &Fields, zone: &str) -> Result<Value, Problem> {
    let (mut report, mut faults) = (Map::new(), Faults::default());
    for name in ["title", "description", "advice"] {
        let mut words = Map::new();
        for language in ["ja", "en"] {
            if let Some(text) = form.given(&format!("{name}_{language}")) {
                words.insert(language.to_owned(), json!(text));
            }
        }
        if !words.is_empty() || name != "advice" {
            report.insert(name.to_owned(), Value::Object(words));
        }
    }
    for name in ["typology", "auth_exploited"] {
        report.insert(name.to_owned(), json!(form.all(name)));
    }
    for name in ["typology_other", "severity"] {
        if let Some(text) = form.given(name) {
            report.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(time) = form.given("detected_at") {
        match entered("/detected_at", &time, zone) {
            Ok(instant) => _ = report.insert("detected_at".into(), json!(instant)),
            Err(problem) => faults.0.extend(problem.faults),
        }
    }
    for name in ["victims", "amount_lost"] {
        if let Some(scale) = super::filing::scale(form, name, &mut faults) {
            report.insert(name.to_owned(), scale);
        }
    }
    let own = form.given("own_accounts").is_some();
    report.insert("own_accounts".into(), json!(own));
    Ok(faults.into_result(Value::Object(report))?)
}

/// What a person should look at again; nothing where the report has faults besides.
fn warnings_of(report: &Value) -> Vec<Fault> {
    let read = ReportFiling::from_json(&page::bytes(report));
    read.map_or_else(|_| Vec::new(), |read| read.warnings())
}

/// Files a report; what was typed comes back with every fault.
pub(in crate::web) async fn file(desk: Desk, who: BankWho, form: OwnForm) -> Answered {
    let fields = form.0;
    let filed = match report_of(&fields, &desk.seat.who.zone) {
        Ok(report) => {
            let warnings = warnings_of(&report);
            // Whoever is warned says once more that it may go.
            if !warnings.is_empty() && fields.given("seen").is_none() {
                let warnings = json!(warnings);
                return own_page(&desk, who, StatusCode::OK, &fields, json!([]), warnings).await;
            }
            let key = OnceKey(fields.one("idempotency_key"));
            let body = RawJson(page::bytes(&report).into());
            reports::report(desk.app.clone(), who.clone(), key, body).await
        }
        Err(problem) => Err(problem),
    };
    match filed {
        Ok(answer) => {
            let made = document(Ok(answer)).await?;
            let id = made["id"].as_str().unwrap_or_default();
            Ok(seat::see(&format!("/reports/{id}?done=reported")))
        }
        Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            let faults = super::filing::faults_at(&problem);
            own_page(&desk, who, problem.status, &fields, faults, json!([])).await
        }
        Err(problem) => Err(problem),
    }
}

/// The form with what was typed, and nothing done.
pub(super) async fn again(desk: &Desk, fields: &Fields) -> Answered {
    let who = BankWho::of(desk.seat.who.caller.clone())?;
    own_page(desk, who, StatusCode::OK, fields, json!([]), json!([])).await
}

/// One report of the bank, with the operator's clock and the receipt.
pub(in crate::web) async fn read_own(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    let one = document(reports::read_own(desk.app.clone(), who, id).await).await?;
    let (fields, own_accounts) = fields(&one);
    let page = json!({
        "report": line(&desk, &one, None), "fields": fields, "own_accounts": own_accounts,
        "receipt": one["receipt"], "entry": one.get("entry"), "faults": [],
    });
    show(&desk, StatusCode::OK, "desk/bank/report.html", page)
}

/// The proof of a report's entry as a file.
pub(in crate::web) async fn proof_own(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    reports::proof_own(desk.app, who, id).await
}

/// Every bank's reports: those that wait first, the most urgent at the top.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    let (waiting, answered): (Vec<Value>, Vec<Value>) = lines(&desk)
        .await?
        .into_iter()
        .partition(|line| line["state"] == "waiting");
    let page = json!({ "waiting": waiting, "answered": answered });
    show(&desk, StatusCode::OK, "desk/officer/reports.html", page)
}

/// Those that wait for an answer, for the officer's home.
pub(super) async fn waiting(desk: &Desk) -> Result<Value, Problem> {
    let mut waiting = lines(desk).await?;
    waiting.retain(|line| line["state"] == "waiting");
    Ok(Value::Array(waiting))
}

async fn lines(desk: &Desk) -> Result<Vec<Value>, Problem> {
    let listed = document(reports::list(desk.app.clone()).await).await?;
    let language = desk.language().to_owned();
    let names = desk
        .app
        .store
        .read(move |tx| bank_names(tx, &language))
        .await?;
    let all = listed["reports"].as_array().into_iter().flatten();
    let mut lines: Vec<Value> = all
        .map(|one| {
            line(
                desk,
                one,
                one["bank"].as_str().and_then(|code| names.get(code)),
            )
        })
        .collect();
    lines.sort_by_key(|line| {
        let waits = line["state"] == "waiting";
        let by = line["issue_by"].as_str().map(str::to_owned);
        (!waits, by.filter(|_| waits))
    });
    Ok(lines)
}

/// One report, with what may be answered.
pub(in crate::web) async fn read(desk: Desk, id: Path<String>) -> Answered {
    report_page(&desk, &id, StatusCode::OK, "", json!([])).await
}

async fn report_page(
    desk: &Desk,
    id: &str,
    status: StatusCode,
    reason: &str,
    faults: Value,
) -> Answered {
    let one = reports::read(desk.app.clone(), Path::from(id.to_owned())).await;
    let one = document(one).await?;
    let language = desk.language().to_owned();
    let names = desk
        .app
        .store
        .read(move |tx| bank_names(tx, &language))
        .await?;
    let name = one["bank"].as_str().and_then(|code| names.get(code));
    let (fields, own_accounts) = fields(&one);
    let is_officer = desk.seat.who.caller.roles().contains(Role::Officer);
    let page = json!({
        "report": line(desk, &one, name), "fields": fields, "own_accounts": own_accounts,
        "may_answer": is_officer && one["state"] == "waiting", "reason": reason, "faults": faults,
    });
    show(desk, status, "desk/officer/report.html", page)
}

/// Takes an officer to the form of a filing that says what the report says.
pub(in crate::web) async fn begin_draft(desk: Desk, id: Path<String>, _form: OwnForm) -> Answered {
    let who = desk.who();
    match reports::begin_draft(desk.app.clone(), who, Path::from(id.clone())).await {
        Ok(answer) => {
            let made = document(Ok(answer)).await?;
            let draft = made["id"].as_str().unwrap_or_default();
            Ok(seat::see(&format!("/incidents/new?draft={draft}")))
        }
        Err(problem) => refused(&desk, &id, problem, "").await,
    }
}

/// Says that a report is no incident, and why.
pub(in crate::web) async fn reject(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let reason = form.0.one("reason");
    let input = Strict(ReasonInput {
        reason: reason.clone(),
    });
    let who = desk.who();
    match reports::reject(desk.app.clone(), who, Path::from(id.clone()), input).await {
        Ok(_) => Ok(seat::see(&format!("/bank-reports/{id}?done=sent"))),
        Err(problem) => refused(&desk, &id, problem, &reason).await,
    }
}

async fn refused(desk: &Desk, id: &str, problem: Problem, reason: &str) -> Answered {
    if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND {
        let faults = super::faults_of(&problem);
        return report_page(desk, id, problem.status, reason, faults).await;
    }
    Err(problem)
}
