//! Filing and revising: one form, no field of which says who is told. What was typed comes back with every
//! fault; what goes out goes out by the call of the API.

use super::officer::recipients;
use super::preview::{self, Previewed};
use super::seat::{self, Fields, OwnForm, Seat};
use super::{Desk, deferrals, document, drafts, entered, list, show};
use crate::actions::draft;
use crate::domain::id::Uid;
use crate::domain::incident::{Filing, OperatorContact};
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{
    Authentication, Countermeasure, CountermeasureScope, Determination, DiscoveryMethod,
    IncidentStatus, Kind, Phase, Severity, Tlp, Typology, Urgency, Weakness,
};
use crate::storage::draft::DraftRow;
use crate::storage::reading::{self, IncidentFilter};
use crate::storage::{Tx, incident, operator_clock, payload};
use crate::web::api::deferrals as api_deferrals;
use crate::web::api::incidents::{self, found};
use crate::web::body::RawJson;
use crate::web::once_key::OnceKey;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Asked};
use crate::web::{App, page};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::{Map, Value, json};

/// Fields that are one text, with what the form begins with.
const TEXTS: [(&str, &str); 20] = [
    ("determination", "suspected"),
    ("severity", "medium"),
    ("urgency", "immediate"),
    ("tlp", "AMBER"),
    ("kind", "actual"),
    ("phase", "initial"),
    ("incident_status", "open"),
    ("typology_other", ""),
    ("aware_reason", ""),
    ("discovery_method", ""),
    ("cause_types", ""),
    ("lessons", ""),
    ("late_reason", ""),
    ("bodies_notified", ""),
    ("related_incidents", ""),
    ("remedial_actions", ""),
    ("countermeasures_scope", "affected_banks"),
    ("deferral_basis", ""),
    ("deferral_until", ""),
    ("deferral_reason", ""),
];
const WORDS: [&str; 4] = ["title", "description", "advice", "change_summary"];
const LISTS: [&str; 4] = [
    "typology",
    "auth_exploited",
    "auth_weakness",
    "countermeasures",
];
const TIMES: [&str; 8] = [
    "detected_at",
    "aware_at",
    "occurred_from",
    "occurred_to",
    "next_update_at",
    "resolved_at",
    "closed_at",
    "countermeasures_taken_at",
];
const SCALES: [&str; 3] = ["victims", "transactions", "amount_lost"];
const CONTACT: [&str; 4] = ["name", "role", "email", "phone"];

/// What a revision begins with: the one before, and the operator's people named in it.
struct Before {
    number: i64,
    body: Value,
    contacts: Vec<OperatorContact>,
    /// When the next word is due; `None` = nothing is owed any more.
    due: Option<Instant>,
}

/// A new filing, or a draft to go on with.
pub(in crate::web) async fn form(desk: Desk) -> Answered {
    if let Some(id) = drafts::asked(&desk.req)? {
        let draft = desk.app.store.read(move |tx| draft::get(tx, id)).await?;
        if !draft.row.is_open() {
            return Ok(seat::see(&format!("/drafts/{id}")));
        }
        let filing =
            serde_json::from_str(&draft.body).map_err(|fault| Problem::internal(&fault))?;
        let values = values_of_draft(&desk.seat, &filing, &draft.row);
        return form_page(&desk, StatusCode::OK, Form::new(values, None)).await;
    }
    let now = local(&desk.seat, desk.app.store.clock().now())?;
    let mut values = values_of(&Fields::default());
    values["detected_at"] = json!(now);
    values["affected"] = json!("unknown");
    let usual = desk.app.store.read(usual_contacts).await?;
    fill_contacts(&mut values, &usual);
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
        let at = entered(local, &desk.seat.who.zone).ok()?;
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

/// Every value that the form shows, as typed, or as it begins.
fn values_of(fields: &Fields) -> Value {
    let mut values = Map::new();
    let mut text = |name: &str, usual: &str| {
        let typed = fields.0.iter().any(|(known, _)| known == name);
        let value = if typed {
            fields.one(name)
        } else {
            usual.to_owned()
        };
        values.insert(name.to_owned(), json!(value));
    };
    for (name, usual) in TEXTS {
        text(name, usual);
    }
    for name in WORDS {
        text(&format!("{name}_ja"), "");
        text(&format!("{name}_en"), "");
    }
    for name in TIMES.into_iter().chain(SCALES) {
        text(name, "");
    }
    for name in [
        "affected",
        "affected_banks",
        "idempotency_key",
        "draft",
        "draft_version",
    ] {
        text(name, "");
    }
    for place in 0..2 {
        for field in CONTACT {
            text(&format!("operator_contacts_{place}_{field}"), "");
        }
    }
    for name in LISTS {
        values.insert(name.to_owned(), json!(fields.all(name)));
    }
    let mut tick = |name: &str| {
        values.insert(name.to_owned(), json!(!fields.one(name).is_empty()));
    };
    for name in SCALES {
        tick(&format!("{name}_unknown"));
        tick(&format!("{name}_estimate"));
    }
    tick("bodies_notified_none");
    tick("occurred_from_unknown");
    Value::Object(values)
}

/// The filing that a form says, and what of the revision before it does not ask.
fn filing_of(fields: &Fields, zone: &str, before: Option<&Value>) -> Result<Value, Problem> {
    let mut filing = kept(before);
    let mut set = |name: &str, value: Value| {
        filing.insert(name.to_owned(), value);
    };
    for name in WORDS {
        let mut words = Map::new();
        for language in ["ja", "en"] {
            if let Some(text) = fields.given(&format!("{name}_{language}")) {
                words.insert(language.to_owned(), json!(text));
            }
        }
        if !words.is_empty() || matches!(name, "title" | "description") {
            set(name, Value::Object(words));
        }
    }
    for name in [
        "determination",
        "severity",
        "urgency",
        "tlp",
        "kind",
        "phase",
        "incident_status",
        "typology_other",
        "aware_reason",
        "discovery_method",
        "lessons",
        "late_reason",
    ] {
        if let Some(text) = fields.given(name) {
            set(name, json!(text));
        }
    }
    for name in ["typology", "auth_exploited", "auth_weakness"] {
        set(name, json!(fields.all(name)));
    }
    for name in TIMES
        .into_iter()
        .filter(|name| *name != "countermeasures_taken_at")
    {
        if let Some(time) = fields.given(name) {
            set(name, json!(entered(&time, zone)?));
        }
    }
    if fields.given("occurred_from_unknown").is_some() {
        set("occurred_from", json!("unknown"));
    }
    set(
        "affected_banks",
        match fields.one("affected").as_str() {
            "banks" => json!(apart(&fields.one("affected_banks"))),
            "none" => json!([]),
            _ => json!("unknown"),
        },
    );
    for name in ["cause_types", "related_incidents"] {
        set(name, json!(apart(&fields.one(name))));
    }
    for name in SCALES {
        if let Some(scale) = scale(fields, name) {
            set(name, scale);
        }
    }
    set("countermeasures", measures(fields, zone, before)?);
    if fields.given("bodies_notified_none").is_some() {
        set("bodies_notified", json!([]));
    } else if let Some(lines) = fields.given("bodies_notified") {
        set("bodies_notified", notified(&lines, zone)?);
    }
    if let Some(lines) = fields.given("remedial_actions") {
        set("remedial_actions", remedies(&lines, zone)?);
    }
    set("operator_contacts", contacts(fields));
    Ok(Value::Object(filing))
}

/// What the form does not ask stays as it was.
fn kept(before: Option<&Value>) -> Map<String, Value> {
    const KEPT: [&str; 3] = ["attack_stage", "amount_recovered", "amount_compensated"];
    let mut kept = Map::new();
    for name in KEPT {
        if let Some(value) = before
            .and_then(|body| body.get(name))
            .filter(|value| !value.is_null())
        {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    kept
}

/// Words apart by spaces or commas.
fn apart(text: &str) -> Vec<&str> {
    text.split([' ', ',', '、', '，', '\u{3000}', '\n', '\r', '\t'])
        .filter(|word| !word.is_empty())
        .collect()
}

/// A number that people may write with grouping; what is none is sent as it stands, to be refused by name.
pub(super) fn scale(fields: &Fields, name: &str) -> Option<Value> {
    if fields.given(&format!("{name}_unknown")).is_some() {
        return Some(json!("unknown"));
    }
    let digits = fields.given(name)?.replace([',', '，', ' '], "");
    let estimate = fields.given(&format!("{name}_estimate")).is_some();
    Some(if name == "amount_lost" {
        json!({ "minor": digits, "currency": "JPY", "estimate": estimate })
    } else {
        let count = digits
            .parse::<u64>()
            .map_or(json!(digits), |count| json!(count));
        json!({ "count": count, "estimate": estimate })
    })
}

/// Those ticked: one that was named before keeps its own scope, time and note.
fn measures(fields: &Fields, zone: &str, before: Option<&Value>) -> Result<Value, Problem> {
    let known = before.map(|body| list(&body["countermeasures"]));
    let known = known.as_ref().and_then(Value::as_array);
    let mut measures = Vec::new();
    for code in fields.all("countermeasures") {
        if let Some(old) =
            known.and_then(|known| known.iter().find(|old| old["code"] == code.as_str()))
        {
            measures.push(old.clone());
            continue;
        }
        let mut measure = json!({ "code": code, "scope": fields.one("countermeasures_scope") });
        if let Some(time) = fields.given("countermeasures_taken_at") {
            measure["taken_at"] = json!(entered(&time, zone)?);
        }
        measures.push(measure);
    }
    Ok(Value::Array(measures))
}

/// One a line: body, local time, reference, with bars between.
fn notified(lines: &str, zone: &str) -> Result<Value, Problem> {
    let mut bodies = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split('|').map(str::trim);
        let mut body = json!({ "body": parts.next().unwrap_or_default() });
        if let Some(time) = parts.next().filter(|time| !time.is_empty()) {
            body["at"] = json!(entered(time, zone)?);
        }
        if let Some(reference) = parts.next().filter(|text| !text.is_empty()) {
            body["reference"] = json!(reference);
        }
        bodies.push(body);
    }
    Ok(Value::Array(bodies))
}

/// One a line: what is done, by whom, and by when, with bars between.
fn remedies(lines: &str, zone: &str) -> Result<Value, Problem> {
    let mut remedies = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split('|').map(str::trim);
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let mut remedy = json!({ "action": part(), "owner": part() });
        let due = part();
        if !due.is_empty() {
            remedy["due"] = json!(entered(&due, zone)?);
        }
        remedies.push(remedy);
    }
    Ok(Value::Array(remedies))
}

fn contacts(fields: &Fields) -> Value {
    let people = (0..2).map(|place| {
        let field = |name: &str| fields.one(&format!("operator_contacts_{place}_{name}"));
        json!({ "name": field("name"), "role": field("role"), "email": field("email"), "phone": field("phone") })
    });
    people
        .filter(|person| CONTACT.iter().any(|field| person[*field] != ""))
        .collect()
}

fn fill_contacts(values: &mut Value, contacts: &[OperatorContact]) {
    for (place, person) in contacts.iter().take(2).enumerate() {
        let known = [&person.name, &person.role, &person.email, &person.phone];
        for (field, value) in CONTACT.into_iter().zip(known) {
            values[format!("operator_contacts_{place}_{field}")] = json!(value);
        }
    }
}

/// The operator's people as the newest incident named them.
fn usual_contacts(tx: &mut Tx<'_>) -> Result<Vec<OperatorContact>, Problem> {
    let newest = reading::incidents(tx, &IncidentFilter::default(), 1)?;
    let sealed = newest
        .first()
        .and_then(|(_, revision)| revision.contacts_id);
    Ok(match sealed {
        Some(sealed) => payload::open(tx, sealed)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default(),
        None => Vec::new(),
    })
}

/// What a filing says, as the form shows it.
fn values_in(seat: &Seat, body: &Value) -> Value {
    let mut values = values_of(&Fields::default());
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    for (name, _) in TEXTS {
        if let Some(value) = text(name) {
            values[name] = json!(value);
        }
    }
    for name in WORDS {
        for language in ["ja", "en"] {
            if let Some(value) = body[name][language].as_str() {
                values[format!("{name}_{language}")] = json!(value);
            }
        }
    }
    for name in TIMES {
        values[name] = json!(local_text(seat, &body[name]));
    }
    for name in ["typology", "auth_exploited", "auth_weakness"] {
        values[name] = list(&body[name]);
    }
    let measures = list(&body["countermeasures"]);
    values["countermeasures"] = measures
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["code"].clone())
        .collect();
    for name in SCALES {
        values[format!("{name}_unknown")] = json!(body[name] == "unknown");
        values[format!("{name}_estimate")] = json!(body[name]["estimate"] == true);
        let number = match name {
            "amount_lost" => body[name]["minor"].as_str().map(str::to_owned),
            _ => body[name]["count"].as_u64().map(|count| count.to_string()),
        };
        values[name] = json!(number.unwrap_or_default());
    }
    values["occurred_from_unknown"] = json!(body["occurred_from"] == "unknown");
    for name in ["related_incidents", "cause_types"] {
        let words = list(&body[name]);
        let words: Vec<&str> = words
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        values[name] = json!(words.join(" "));
    }
    let remedies = list(&body["remedial_actions"]);
    let remedies = remedies.as_array().into_iter().flatten().map(|one| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let line = [text("action"), text("owner"), local_text(seat, &one["due"])];
        line.join(" | ").trim_end_matches(" | ").to_owned()
    });
    values["remedial_actions"] = json!(remedies.collect::<Vec<_>>().join("\n"));
    values["affected"] = json!("unknown");
    values
}

/// What the form of a revision begins with.
fn values_before(seat: &Seat, before: &Before) -> Value {
    let body = &before.body;
    let mut values = values_in(seat, body);
    for language in ["ja", "en"] {
        values[format!("change_summary_{language}")] = json!("");
    }
    // That was why the one before came late.
    values["late_reason"] = json!("");
    values["phase"] = json!(if body["phase"] == "initial" {
        "intermediate"
    } else {
        body["phase"].as_str().unwrap_or("final")
    });
    fill_contacts(&mut values, &before.contacts);
    values
}

/// What the form of a draft goes on with.
fn values_of_draft(seat: &Seat, filing: &Value, row: &DraftRow) -> Value {
    let mut values = values_in(seat, filing);
    values["draft"] = json!(row.id.to_string());
    values["draft_version"] = json!(row.version.to_string());
    if let Some(banks) = filing["affected_banks"].as_array() {
        let codes: Vec<&str> = banks.iter().filter_map(Value::as_str).collect();
        values["affected"] = json!(if codes.is_empty() { "none" } else { "banks" });
        values["affected_banks"] = json!(codes.join(" "));
    }
    if let Some(first) = filing["countermeasures"].get(0) {
        if let Some(scope) = first["scope"].as_str() {
            values["countermeasures_scope"] = json!(scope);
        }
        values["countermeasures_taken_at"] = json!(local_text(seat, &first["taken_at"]));
    }
    if let Some(bodies) = filing["bodies_notified"].as_array() {
        let line = |one: &Value| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let at = local_text(seat, &one["at"]);
            [text("body"), at, text("reference")].join(" | ")
        };
        let lines: Vec<String> = bodies.iter().map(line).collect();
        values["bodies_notified"] = json!(lines.join("\n"));
        values["bodies_notified_none"] = json!(bodies.is_empty());
    }
    let people: Vec<OperatorContact> =
        serde_json::from_value(filing["operator_contacts"].clone()).unwrap_or_default();
    fill_contacts(&mut values, &people);
    values
}

/// A written instant as a form shows it, or nothing.
fn local_text(seat: &Seat, at: &Value) -> String {
    let at = at
        .as_str()
        .and_then(|at| at.parse::<jiff::Timestamp>().ok());
    at.and_then(|at| at.in_tz(&seat.who.zone).ok())
        .map(|there| there.strftime("%Y-%m-%dT%H:%M").to_string())
        .unwrap_or_default()
}

async fn before(app: &Data<App>, reference: &str) -> Result<Before, Problem> {
    let reference = reference.to_owned();
    app.store
        .read(move |tx| -> Result<Before, Problem> {
            let known = found(tx, &reference)?;
            let row = incident::latest_revision(tx, known.id)?.ok_or_else(Problem::missing)?;
            let contacts = match row.contacts_id {
                Some(sealed) => payload::open(tx, sealed)?
                    .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            let body =
                serde_json::from_slice(&row.body).map_err(|fault| Problem::internal(&fault))?;
            Ok(Before {
                number: row.number,
                body,
                contacts,
                due: operator_clock::of(tx, known.id)?.map(|clock| clock.due_at()),
            })
        })
        .await
}

pub(in crate::web) async fn revision_form(desk: Desk, reference: Path<String>) -> Answered {
    let before = before(&desk.app, &reference).await?;
    let values = values_before(&desk.seat, &before);
    let mut form = Form::new(values, Some((reference.into_inner(), before.number + 1)));
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
        Some(reference) => Some(before(&desk.app, reference).await?),
        None => None,
    };
    let number = before.as_ref().map_or(1, |before| before.number + 1);
    let revising = revising.map(|reference| (reference, number));
    let mut again = Form::new(values_of(&fields), revising.clone());
    again.due = before.as_ref().and_then(|before| before.due);
    let filing = filing_of(
        &fields,
        &desk.seat.who.zone,
        before.as_ref().map(|before| &before.body),
    );
    let body = match filing {
        Ok(mut filing) => {
            drafts::keep_unasked(desk, &fields, &mut filing).await?;
            page::bytes(&filing)
        }
        Err(problem) => {
            again.faults = faults_at(&problem);
            return form_page(desk, problem.status, again).await;
        }
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
    if let Err(problem) = drafts::unchanged(desk, &fields).await {
        again.faults = faults_at(&problem);
        return form_page(desk, problem.status, again).await;
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
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_form_says_what_a_filing_says() {
        let typed = fields(&[
            ("title_ja", "不正チャージ"),
            ("typology", "pin_spraying"),
            ("typology", "unknown"),
            ("detected_at", "2019-05-16T17:25"),
            ("affected", "banks"),
            ("affected_banks", "B001、 B002"),
            ("victims", "1,204"),
            ("victims_estimate", "true"),
            ("amount_lost_unknown", "true"),
            ("countermeasures", "suspend_new_links"),
            ("countermeasures_scope", "affected_banks"),
            ("operator_contacts_0_name", "佐藤 花子"),
        ]);
        let filing = filing_of(&typed, "Asia/Tokyo", None).expect("a filing");
        assert_eq!(filing["title"], json!({ "ja": "不正チャージ" }));
        assert_eq!(filing["typology"], json!(["pin_spraying", "unknown"]));
        assert_eq!(filing["detected_at"], "2019-05-16T17:25:00+09:00");
        assert_eq!(filing["affected_banks"], json!(["B001", "B002"]));
        assert_eq!(
            filing["victims"],
            json!({ "count": 1204, "estimate": true })
        );
        assert_eq!(filing["amount_lost"], "unknown");
        assert_eq!(
            filing["countermeasures"][0],
            json!({ "code": "suspend_new_links", "scope": "affected_banks" })
        );
        assert_eq!(
            filing["operator_contacts"].as_array().map(Vec::len),
            Some(1)
        );
    }

    #[test]
    fn what_is_no_number_goes_to_the_judge_as_it_was_typed() {
        let filing = filing_of(&fields(&[("victims", "many")]), "UTC", None).expect("a filing");
        assert_eq!(filing["victims"]["count"], "many");
        assert!(filing_of(&fields(&[("detected_at", "soon")]), "UTC", None).is_err());
    }
}
