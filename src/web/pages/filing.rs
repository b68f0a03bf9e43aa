//! Filing and revising: one form, no field of which says who is told. What was typed comes back with every
//! fault; what goes out goes out by the call of the API.

use super::officer::recipients;
use super::preview::{self, Previewed};
use super::seat::{self, Fields, OwnForm, Seat};
use super::{Desk, deferrals, document, drafts, entered, show};
use crate::actions::{answer_report, draft, reopen_revision};
use crate::domain::id::Uid;
use crate::domain::incident::Filing;
use crate::domain::instant::{Entered, Instant};
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{
    Authentication, Countermeasure, CountermeasureScope, Determination, DiscoveryMethod,
    IncidentStatus, Kind, Phase, Severity, Tlp, Typology, Urgency, Weakness,
};
use crate::storage::{Tx, idempotency, incident, operator_clock};
use crate::web::api::deferrals as api_deferrals;
use crate::web::api::incidents::{self, found};
use crate::web::body::RawJson;
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Asked};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};
use typed::filing_of;
pub(super) use typed::scale;
pub(super) use values::Begun;
use values::{show_people, values_of};

mod lines;
mod typed;
mod values;

/// The revision that a form was begun with.
struct Before {
    number: i64,
    begun: Begun,
    /// When the next word is due; `None` = nothing is owed any more.
    due: Option<Instant>,
    /// Whether somebody else has revised it since the form was opened.
    is_overtaken: bool,
}

/// A new filing, or a draft to go on with.
pub(in crate::web) async fn form(desk: Desk) -> Answered {
    if let Some(id) = drafts::asked(&desk.req)? {
        let draft = desk.app.store.read(move |tx| draft::get(tx, id)).await?;
        if !draft.row.is_open() {
            return Ok(seat::see(&format!("/drafts/{id}")));
        }
        let said = serde_json::from_str(&draft.body).map_err(|fault| Problem::internal(&fault))?;
        let mut values = Begun::with(said, &desk.seat.who.zone).shown;
        values["draft"] = json!(id.to_string());
        values["draft_version"] = json!(draft.row.version.to_string());
        return form_page(&desk, StatusCode::OK, Form::new(values, None)).await;
    }
    let now = local(&desk.seat, desk.app.store.clock().now())?;
    let mut values = values_of(&Fields::default());
    values["detected_at"] = json!(now);
    values["affected"] = json!("unknown");
    let usual = desk.app.store.read(answer_report::usual_contacts).await?;
    show_people(&mut values, &usual);
    let form = Form::new(values, None);
    form_page(&desk, StatusCode::OK, form).await
}

/// An instant as a form shows it, in the person's zone.
pub(super) fn local(seat: &Seat, at: crate::domain::instant::Instant) -> Result<String, Problem> {
    jiff::Timestamp::from_microsecond(at.micros())
        .and_then(|at| at.in_tz(&seat.who.zone))
        .map(|there| there.strftime("%Y-%m-%dT%H:%M").to_string())
        .map_err(|fault| Problem::internal(&fault))
}

/// A form to be shown.
struct Form {
    values: Value,
    revising: Option<(String, i64)>,
    faults: Value,
    warnings: Value,
    /// When a further revision is due.
    due: Option<Instant>,
}

impl Form {
    fn new(values: Value, revising: Option<(String, i64)>) -> Self {
        Self {
            values,
            revising,
            faults: json!([]),
            warnings: json!([]),
            due: None,
        }
    }
}

fn codes<T: Copy>(all: &[T], code: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| code(*one)).collect()
}

fn options() -> Value {
    let phases: Vec<&str> = codes(Phase::ALL, Phase::code)
        .into_iter()
        .filter(|code| *code != Phase::Withdrawal.code())
        .collect();
    json!({
        "typology": codes(Typology::ALL, Typology::code), "authentication": codes(Authentication::ALL, Authentication::code),
        "weakness": codes(Weakness::ALL, Weakness::code), "discovery_method": codes(DiscoveryMethod::ALL, DiscoveryMethod::code),
        "countermeasure": codes(Countermeasure::ALL, Countermeasure::code),
        "countermeasure_scope": codes(CountermeasureScope::ALL, CountermeasureScope::code),
        "severity": codes(Severity::ALL, Severity::code), "urgency": codes(Urgency::ALL, Urgency::code),
        "determination": [Determination::Suspected.code(), Determination::Confirmed.code()], "phase": phases,
        "tlp": codes(Tlp::ALL, Tlp::code), "kind": codes(Kind::ALL, Kind::code),
        "status": codes(IncidentStatus::ALL, IncidentStatus::code),
    })
}

async fn form_page(desk: &Desk, status: StatusCode, form: Form) -> Answered {
    let language = desk.seat.who.language.clone();
    let told = desk
        .app
        .store
        .read(move |tx| recipients(tx, &language))
        .await?;
    let reference = form.revising.as_ref();
    let action = place(reference.map(|(reference, _)| reference.as_str()));
    let begun = drafts::begun_of(desk, form.values["draft"].as_str().unwrap_or_default()).await?;
    let clock = clock(desk, &form, begun);
    let late = clock["late"] == true
        || form.faults.as_array().is_some_and(|faults| {
            faults
                .iter()
                .any(|fault| fault["pointer"] == "/late_reason")
        });
    let key = match form.values["idempotency_key"].as_str() {
        Some(given) if !given.is_empty() => given.to_owned(),
        _ => Uid::at(desk.app.store.clock().now()).to_string(),
    };
    let page = json!({
        "action": action, "values": form.values, "faults": form.faults, "warnings": form.warnings,
        "revising": form.revising.map(|(reference, number)| json!({ "reference": reference, "number": number })),
        "options": options(), "bases": deferrals::bases(), "longest_h": deferrals::longest_h(desk), "recipients": told, "late": late, "idempotency_key": key,
        "clock": clock, "draft": begun.map(|at| json!({ "created_at": at.to_string(), "age_s": age_s(desk, at) })),
    });
    show(desk, status, "desk/officer/file.html", page)
}

/// Whole seconds since then.
pub(super) fn age_s(desk: &Desk, since: Instant) -> i64 {
    let age = desk.app.store.clock().now().since(since);
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// When the banks have to be told by: a new incident by the clock from suspicion, with the ceiling from
/// awareness; a revision by the clock that the one before started; an exercise by none. What was not typed counts
/// from the draft.
fn clock(desk: &Desk, form: &Form, begun: Option<Instant>) -> Value {
    let typed = |name: &str| {
        let local = form.values[name].as_str()?;
        let at = entered("", local, &desk.seat.who.zone).ok()?;
        Entered::parse(&at).ok().map(|entered| entered.at)
    };
    let rules = &desk.app.rules;
    let suspected = typed("detected_at").or(begun);
    let due = match form.due {
        Some(due) => Some(due),
        None if form.revising.is_some() => None,
        None if form.values["kind"] != Kind::Actual.code() => None,
        None => suspected.map(|start| {
            let aware = typed("aware_at").unwrap_or(start);
            rules.profiles.initial(start, aware, &rules.zone).at()
        }),
    };
    let now = desk.app.store.clock().now();
    let left_s = due.map(|due| (due.micros() - now.micros()) / 1_000_000);
    json!({
        "first_suspected_at": suspected.map(|at| at.to_string()), "ceiling_at": due.map(|at| at.to_string()),
        "left_s": left_s.map(i64::abs), "late": left_s.is_some_and(|left| left < 0),
    })
}

/// The revision that a form says it was begun with, or the newest.
async fn before(desk: &Desk, reference: &str, fields: &Fields) -> Result<Before, Problem> {
    let (reference, zone) = (reference.to_owned(), desk.seat.who.zone.clone());
    let (caller, key) = (desk.seat.who.caller.id(), fields.one("idempotency_key"));
    let wanted = fields.given("revision").map(|number| number.parse::<i64>());
    let wanted = wanted.transpose().map_err(|_| Problem::missing())?;
    desk.app
        .store
        .read(move |tx| {
            let before = read_before(tx, &reference, wanted, &zone)?;
            // What was sent before gets the answer of then.
            let is_again = before.is_overtaken && idempotency::find(tx, caller, &key)?.is_some();
            Ok(Before {
                is_overtaken: before.is_overtaken && !is_again,
                ..before
            })
        })
        .await
}

/// `wanted` is the number that the form's own revision would get.
fn read_before(
    tx: &mut Tx<'_>,
    reference: &str,
    wanted: Option<i64>,
    zone: &str,
) -> Result<Before, Problem> {
    let known = found(tx, reference)?;
    let mut revisions = incident::revisions(tx, known.id)?;
    let newest = revisions.last().map_or(0, |row| row.number);
    let number = wanted.map_or(newest, |wanted| wanted - 1);
    revisions.retain(|row| row.number == number);
    let row = revisions.first().ok_or_else(Problem::missing)?;
    let said = reopen_revision::reopen(tx, row)?.ok_or(Refusal::IncidentClosed)?;
    Ok(Before {
        number,
        begun: Begun::after(said, zone)?,
        due: operator_clock::of(tx, known.id)?.map(|clock| clock.due_at()),
        is_overtaken: number != newest,
    })
}

pub(in crate::web) async fn revision_form(desk: Desk, reference: Path<String>) -> Answered {
    let before = before(&desk, &reference, &Fields::default()).await?;
    let revising = (reference.into_inner(), before.number + 1);
    let mut form = Form::new(before.begun.shown, Some(revising));
    form.due = before.due;
    form_page(&desk, StatusCode::OK, form).await
}

/// Issues a new incident, or shows what it would tell.
pub(in crate::web) async fn file(desk: Desk, form: OwnForm) -> Answered {
    taken(&desk, form.0, None).await
}

/// Issues a further revision, or shows what it would tell.
pub(in crate::web) async fn revise(desk: Desk, reference: Path<String>, form: OwnForm) -> Answered {
    taken(&desk, form.0, Some(reference.into_inner())).await
}

/// The form with what was typed, and nothing done.
pub(super) async fn again(desk: &Desk, fields: Fields, revising: Option<String>) -> Answered {
    let mut fields = fields;
    fields.0.retain(|(name, _)| name != "act");
    taken(desk, fields, revising).await
}

async fn taken(desk: &Desk, fields: Fields, revising: Option<String>) -> Answered {
    let before = match &revising {
        Some(reference) => Some(before(desk, reference, &fields).await?),
        None => None,
    };
    let number = before.as_ref().map_or(1, |before| before.number + 1);
    let revising = revising.map(|reference| (reference, number));
    let mut again = Form::new(values_of(&fields), revising.clone());
    again.due = before.as_ref().and_then(|before| before.due);
    let body = match read_form(desk, &fields, before).await {
        Ok(filing) => page::bytes(&filing),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            again.faults = faults_at(&problem);
            return form_page(desk, problem.status, again).await;
        }
        Err(problem) => return Err(problem),
    };
    let act = fields.one("act");
    if act == "preview" {
        let reference = revising.as_ref().map(|(reference, _)| reference.as_str());
        let seen = previewed(desk, &fields, reference, &body).await;
        return match seen {
            Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
                again.faults = faults_at(&problem);
                form_page(desk, problem.status, again).await
            }
            seen => seen,
        };
    }
    if act == "draft" && revising.is_none() {
        return match drafts::keep(desk, &fields, body).await {
            Ok(id) => Ok(seat::see(&format!("/incidents/new?draft={id}&done=saved"))),
            Err(problem) if problem.status.is_client_error() => {
                again.faults = faults_at(&problem);
                form_page(desk, problem.status, again).await
            }
            Err(problem) => Err(problem),
        };
    }
    if act == "defer" {
        let reference = revising.as_ref().map(|(reference, _)| reference.as_str());
        return match deferred(desk, &fields, reference, &body).await {
            Ok(_) => Ok(seat::see("/deferrals?done=asked")),
            Err(problem) if problem.status.is_client_error() => {
                again.faults = faults_of_deferral(&problem);
                form_page(desk, problem.status, again).await
            }
            Err(problem) => Err(problem),
        };
    }
    if act != "issue" {
        return form_page(desk, StatusCode::OK, again).await;
    }
    let who = desk.who();
    let key = OnceKey(fields.one("idempotency_key"));
    let body = RawJson(body.into());
    let ends = fields
        .given("draft")
        .map_or_else(String::new, |id| format!("draft={id}"));
    let issued = match &revising {
        Some((reference, _)) => {
            incidents::revise(
                desk.app.clone(),
                who,
                key,
                Path::from(reference.clone()),
                // The one that the form was begun with.
                Asked(incidents::Follows::one(number - 1)),
                body,
            )
            .await
        }
        None => incidents::file(desk.app.clone(), who, key, Asked(query::read(&ends)?), body).await,
    };
    match issued {
        Ok(answer) => {
            let made = document(Ok(answer)).await?;
            let reference = made["reference"].as_str().unwrap_or_default();
            Ok(seat::see(&format!("/incidents/{reference}?done=issued")))
        }
        Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            again.faults = faults_at(&problem);
            form_page(desk, problem.status, again).await
        }
        Err(problem) => Err(problem),
    }
}

/// What the form says, if what it was begun with is still what stands there: it would undo what others wrote since.
async fn read_form(desk: &Desk, fields: &Fields, before: Option<Before>) -> Result<Value, Problem> {
    let begun = match before {
        Some(before) if before.is_overtaken => return Err(Refusal::VersionConflict.into()),
        Some(before) => Some(before.begun),
        None => {
            drafts::unchanged(desk, fields).await?;
            drafts::begun_with(desk, fields).await?
        }
    };
    Ok(filing_of(fields, &desk.seat.who.zone, begun.as_ref())?)
}

/// Asks to hold back what the form says.
async fn deferred(
    desk: &Desk,
    fields: &Fields,
    reference: Option<&str>,
    filing: &[u8],
) -> Answered {
    let filing: Value =
        serde_json::from_slice(filing).map_err(|fault| Problem::internal(&fault))?;
    let mut asked = deferrals::terms(fields, "deferral_", &desk.seat.who.zone)?;
    asked["filing"] = filing;
    if let Some(reference) = reference {
        asked["incident"] = json!(reference);
    }
    if let Some(draft) = fields.given("draft") {
        asked["draft"] = json!(draft);
    }
    let body = RawJson(page::bytes(&asked).into());
    api_deferrals::request(desk.app.clone(), desk.who(), body).await
}

/// What was wrong, at the fields that the form has.
fn faults_of_deferral(problem: &Problem) -> Value {
    let mut problem = problem.clone();
    for fault in &mut problem.faults {
        fault.pointer = match fault.pointer.strip_prefix("/filing") {
            Some(rest) => rest.to_owned(),
            None => fault.pointer.replacen('/', "/deferral_", 1),
        };
    }
    faults_at(&problem)
}

async fn previewed(desk: &Desk, fields: &Fields, reference: Option<&str>, body: &[u8]) -> Answered {
    let wanted = Previewed {
        action: &place(reference),
        fields,
        reference,
        filing: Filing::from_json(body)?,
    };
    preview::page(desk, wanted).await
}

/// What was wrong, at the fields that the form has: a list is one field, and so is a number with its unit.
pub(super) fn faults_at(problem: &Problem) -> Value {
    let mut faults = super::faults_of(problem);
    for fault in faults.as_array_mut().into_iter().flatten() {
        let pointer = fault["pointer"].as_str().unwrap_or_default();
        let of_person = pointer.starts_with("/operator_contacts/");
        let mut parts = pointer.splitn(3, '/').skip(1);
        if let (Some(field), Some(rest), false) = (parts.next(), parts.next(), of_person)
            && !["ja", "en"].contains(&rest)
        {
            fault["pointer"] = json!(format!("/{field}"));
        }
    }
    faults
}

/// Where the form posts to.
fn place(reference: Option<&str>) -> String {
    match reference {
        Some(reference) => format!("/incidents/{reference}/revise"),
        None => "/incidents/new".to_owned(),
    }
}

#[cfg(test)]
mod tests;
