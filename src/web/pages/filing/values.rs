//! What the form of a filing shows: as somebody typed it, or as a filing says it. Both have the same names, so that a
//! field in which nothing was changed is known by its text.

use super::super::said::vocabulary;
use super::super::seat::Fields;
use super::lines::joined;
use crate::actions::reopen_revision::Reopened;
use crate::domain::incident::{Amount, Filing, Money, OperatorContact};
use crate::domain::vocabulary::{CountermeasureScope, Phase};
use crate::web::problem::Problem;
use serde_json::{Map, Value, json};

/// Fields of a filing that are one text, with what the form begins with.
pub(super) const TEXTS: [(&str, &str); 12] = [
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
    ("lessons", ""),
    ("late_reason", ""),
];
/// Texts of the form that a filing says in another way, or not at all.
const OTHERS: [(&str, &str); 17] = [
    ("affected", ""),
    ("affected_banks", ""),
    ("services", ""),
    ("cause_types", ""),
    ("related_incidents", ""),
    ("remedial_actions", ""),
    ("bodies_notified", ""),
    ("amount_lost_currency", "JPY"),
    ("countermeasures_scope", "affected_banks"),
    ("countermeasures_taken_at", ""),
    ("deferral_basis", ""),
    ("deferral_until", ""),
    ("deferral_reason", ""),
    ("idempotency_key", ""),
    ("draft", ""),
    ("draft_version", ""),
    ("revision", ""),
];
pub(super) const WORDS: [&str; 4] = ["title", "description", "advice", "change_summary"];
/// Codes by click.
pub(super) const CODES: [&str; 3] = ["typology", "auth_exploited", "auth_weakness"];
/// Codes apart by spaces.
pub(super) const LISTED: [&str; 2] = ["cause_types", "related_incidents"];
pub(super) const TIMES: [&str; 5] = [
    "detected_at",
    "aware_at",
    "next_update_at",
    "resolved_at",
    "closed_at",
];
/// Times that may not be known yet.
pub(super) const SPANS: [&str; 2] = ["occurred_from", "occurred_to"];
pub(super) const SCALES: [&str; 3] = ["victims", "transactions", "amount_lost"];
pub(super) const SERVICES: [&str; 3] = ["new_links", "top_ups", "pay_outs"];
/// Of a countermeasure that was named before, beside its code.
pub(super) const MEASURE: [&str; 4] = ["scope", "taken_at", "planned_for", "note"];
pub(super) const CONTACT: [&str; 4] = ["name", "role", "email", "phone"];
/// So many are asked for.
const CONTACTS: usize = 2;

/// What a form was begun with.
pub(in crate::web::pages) struct Begun {
    /// The filing; whatever the form does not ask stays in it.
    pub(super) filing: Map<String, Value>,
    /// What the form showed of it.
    pub(super) shown: Value,
    /// Fields whose banks are known by their number alone.
    pub(super) unnamed: Vec<&'static str>,
}

impl Begun {
    /// With a filing as far as it was written.
    pub fn with(filing: Value, zone: &str) -> Self {
        let shown = values_in(&filing, zone);
        let filing = match filing {
            Value::Object(filing) => filing,
            _ => Map::new(),
        };
        Self {
            filing,
            shown,
            unnamed: Vec::new(),
        }
    }

    /// With the revision before. What that said of itself alone is asked anew: what had changed, and why it was late.
    pub fn after(before: Reopened, zone: &str) -> Result<Self, Problem> {
        let filing = Filing {
            change_summary: None,
            late_reason: None,
            phase: before.filing.phase.max(Phase::Intermediate),
            ..before.filing
        };
        let filing = filing
            .to_json()
            .map_err(|fault| Problem::internal(&fault))?;
        let mut begun = Self::with(filing, zone);
        begun.unnamed = before.unnamed;
        if begun.unnamed.contains(&"affected_banks") {
            begun.shown["affected"] = json!("banks");
        }
        Ok(begun)
    }
}

/// Every value that the form shows, as typed, or as it begins.
pub(super) fn values_of(fields: &Fields) -> Value {
    let mut values = Map::new();
    let mut text = |name: &str, usual: &str| {
        let value = if fields.has(name) {
            fields.one(name)
        } else {
            usual.to_owned()
        };
        values.insert(name.to_owned(), json!(value));
    };
    for (name, usual) in TEXTS.into_iter().chain(OTHERS) {
        text(name, usual);
    }
    for name in WORDS {
        text(&format!("{name}_ja"), "");
        text(&format!("{name}_en"), "");
    }
    for name in TIMES.into_iter().chain(SPANS).chain(SCALES) {
        text(name, "");
    }
    for name in CODES.into_iter().chain(["countermeasures"]) {
        values.insert(name.to_owned(), json!(fields.all(name)));
    }
    for name in ticks() {
        let ticked = fields.given(&name).is_some();
        values.insert(name, json!(ticked));
    }
    let measures = measures_typed(fields).map(|place| measure_typed(fields, place));
    values.insert("measures".into(), measures.collect());
    let people = contacts_typed(fields).max(CONTACTS);
    let people = (0..people).map(|place| contact_typed(fields, place));
    values.insert("contacts".into(), people.collect());
    Value::Object(values)
}

fn ticks() -> Vec<String> {
    let scales = SCALES.iter().flat_map(|name| {
        let both = ["unknown", "estimate"];
        both.map(|tick| format!("{name}_{tick}"))
    });
    let spans = SPANS.iter().map(|name| format!("{name}_unknown"));
    let none = std::iter::once("bodies_notified_none".to_owned());
    scales.chain(spans).chain(none).collect()
}

/// The places of the countermeasures that stand in a form one by one.
fn measures_typed(fields: &Fields) -> impl Iterator<Item = usize> {
    (0..).take_while(|place| fields.has(&measure_field(*place, "code")))
}

pub(super) fn measure_field(place: usize, part: &str) -> String {
    format!("countermeasures_{place}_{part}")
}

pub(super) fn measure_typed(fields: &Fields, place: usize) -> Value {
    let part = |name| fields.one(&measure_field(place, name));
    let mut measure = json!({ "code": part("code"), "kept": !part("kept").is_empty() });
    for name in MEASURE {
        measure[name] = json!(part(name));
    }
    measure
}

pub(super) fn contact_field(place: usize, part: &str) -> String {
    format!("operator_contacts_{place}_{part}")
}

/// How many persons stand in a form.
pub(super) fn contacts_typed(fields: &Fields) -> usize {
    let stands = |place: usize| {
        let part = |part: &&str| fields.has(&contact_field(place, part));
        CONTACT.iter().any(part)
    };
    (0..).take_while(|place| stands(*place)).count()
}

pub(super) fn contact_typed(fields: &Fields, place: usize) -> Value {
    let part = |name: &str| json!(fields.one(&contact_field(place, name)));
    let parts = CONTACT.map(|name| (name.to_owned(), part(name)));
    Value::Object(parts.into_iter().collect())
}

/// What a filing says, as the form shows it. A draft may hold anything; what cannot be shown is shown as nothing.
fn values_in(filing: &Value, zone: &str) -> Value {
    let mut values = values_of(&Fields::default());
    for (name, _) in TEXTS {
        let said = filing[name].as_str();
        if let Some(said) = said.filter(|said| is_offered(name, said)) {
            values[name] = json!(said);
        }
    }
    for name in WORDS {
        for language in ["ja", "en"] {
            values[format!("{name}_{language}")] = json!(text(&filing[name][language]));
        }
    }
    for name in TIMES.into_iter().chain(SPANS) {
        values[name] = json!(local_text(zone, &filing[name]));
    }
    for name in SPANS {
        values[format!("{name}_unknown")] = json!(filing[name] == "unknown");
    }
    for name in CODES {
        let codes = items(&filing[name]);
        values[name] = codes.filter(|code| is_code(name, code)).cloned().collect();
    }
    for name in LISTED {
        values[name] = json!(spaced(&filing[name]));
    }
    for name in SCALES {
        show_scale(&mut values, name, &filing[name]);
    }
    show_banks(&mut values, &filing["affected_banks"]);
    values["services"] = json!(lines_of(&filing["services"], service_line));
    let bodies = &filing["bodies_notified"];
    values["bodies_notified"] = json!(lines_of(bodies, |one| body_line(one, zone)));
    values["bodies_notified_none"] = json!(bodies.as_array().is_some_and(Vec::is_empty));
    let remedies = &filing["remedial_actions"];
    values["remedial_actions"] = json!(lines_of(remedies, |one| remedy_line(one, zone)));
    let measures = items(&filing["countermeasures"]);
    values["measures"] = measures.map(|one| measure_in(one, zone)).collect();
    show_contacts(&mut values, &filing["operator_contacts"]);
    values
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(said: &Value) -> String {
    said.as_str().unwrap_or_default().to_owned()
}

/// Whether a form can show it: a text, or one of the codes that the field has.
fn is_offered(name: &str, said: &str) -> bool {
    vocabulary(name).is_none_or(|(_, codes)| codes.contains(&said))
}

/// Whether a form shows it as a choice.
pub(super) fn is_code(name: &str, said: &Value) -> bool {
    said.as_str().is_some_and(|said| is_offered(name, said))
}

fn spaced(list: &Value) -> String {
    let words: Vec<&str> = items(list).filter_map(Value::as_str).collect();
    words.join(" ")
}

fn lines_of(list: &Value, line: impl Fn(&Value) -> String) -> String {
    items(list).map(line).collect::<Vec<_>>().join("\n")
}

fn show_scale(values: &mut Value, name: &str, said: &Value) {
    values[format!("{name}_unknown")] = json!(said == "unknown");
    values[format!("{name}_estimate")] = json!(said["estimate"] == true);
    if name != "amount_lost" {
        let count = said["count"].as_u64().map(|count| count.to_string());
        values[name] = json!(count.unwrap_or_default());
        return;
    }
    let known = serde_json::from_value::<Amount>(said.clone()).ok();
    let known = known.and_then(|amount| Money::try_from(amount).ok());
    let shown = known.map_or_else(|| text(&said["minor"]), |money| money.to_decimal());
    values[name] = json!(shown);
    if let Some(currency) = said["currency"].as_str() {
        values["amount_lost_currency"] = json!(currency);
    }
}

fn show_banks(values: &mut Value, said: &Value) {
    values["affected"] = json!(match said.as_array() {
        Some(banks) if banks.is_empty() => "none",
        Some(_) => "banks",
        None if said == "unknown" => "unknown",
        None => "",
    });
    values["affected_banks"] = json!(spaced(said));
}

/// The operator's people, and room for so many as are asked for.
pub(super) fn show_contacts(values: &mut Value, said: &Value) {
    let mut people: Vec<Value> = items(said)
        .map(|person| {
            let parts = CONTACT.map(|part| (part.to_owned(), json!(text(&person[part]))));
            Value::Object(parts.into_iter().collect())
        })
        .collect();
    while people.len() < CONTACTS {
        people.push(contact_typed(&Fields::default(), 0));
    }
    values["contacts"] = Value::Array(people);
}

/// The same, of persons that are known.
pub(super) fn show_people(values: &mut Value, people: &[OperatorContact]) {
    show_contacts(values, &json!(people));
}

pub(super) fn service_line(one: &Value) -> String {
    let states = SERVICES.map(|service| text(&one[service]));
    let parts: Vec<String> = std::iter::once(text(&one["bank"])).chain(states).collect();
    joined(&parts)
}

pub(super) fn body_line(one: &Value, zone: &str) -> String {
    let at = local_text(zone, &one["at"]);
    joined(&[text(&one["body"]), at, text(&one["reference"])])
}

pub(super) fn remedy_line(one: &Value, zone: &str) -> String {
    let due = local_text(zone, &one["due"]);
    joined(&[text(&one["action"]), text(&one["owner"]), due])
}

/// One countermeasure, as a form shows it beside the others.
pub(super) fn measure_in(one: &Value, zone: &str) -> Value {
    // A draft may hold something else in its place, which can at least be taken away.
    let code = one["code"]
        .as_str()
        .map_or_else(|| one.to_string(), str::to_owned);
    let scope = text(&one["scope"]);
    let scope = CountermeasureScope::parse(&scope).map_or("", CountermeasureScope::code);
    json!({
        "code": code, "kept": true, "scope": scope, "taken_at": local_text(zone, &one["taken_at"]),
        "planned_for": local_text(zone, &one["planned_for"]), "note": text(&one["note"]),
    })
}

/// A written instant as a form shows it, or nothing.
pub(super) fn local_text(zone: &str, at: &Value) -> String {
    let at = at
        .as_str()
        .and_then(|at| at.parse::<jiff::Timestamp>().ok());
    at.and_then(|at| at.in_tz(zone).ok())
        .map(|there| there.strftime("%Y-%m-%dT%H:%M").to_string())
        .unwrap_or_default()
}
