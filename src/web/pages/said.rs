//! What a field of a filing says, as lines that a template puts into the reader's words: codes by their
//! vocabulary, instants by the reader's zone, sums grouped. Reads drafts too, which may hold anything.

use crate::domain::vocabulary::{
    AttackStage, Authentication, Countermeasure, CountermeasureScope, Determination,
    DiscoveryMethod, IncidentStatus, Kind, Phase, ServiceState, Severity, Tlp, Typology, Urgency,
    Weakness, WithdrawalReason,
};
use serde::Serialize;
use serde_json::{Value, json};

/// One line; `parts/said.html` shows what of it is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Line {
    /// The language of the text, where a field has both.
    tongue: Option<&'static str>,
    /// A label's key, before all else.
    key: Option<&'static str>,
    vocabulary: Option<&'static str>,
    code: Option<String>,
    scope: Option<String>,
    count: Option<i64>,
    /// A label's key, behind the count.
    unit: Option<&'static str>,
    estimate: bool,
    unknown: bool,
    text: Option<String>,
    at: Option<String>,
    planned_for: Option<String>,
}

/// The order in which fields are shown; others follow.
const ORDER: [&str; 37] = [
    "reason",
    "text",
    "replaces",
    "title",
    "description",
    "determination",
    "typology",
    "typology_other",
    "attack_stage",
    "auth_exploited",
    "auth_weakness",
    "discovery_method",
    "detected_at",
    "aware_at",
    "aware_reason",
    "occurred_from",
    "occurred_to",
    "resolved_at",
    "closed_at",
    "affected_banks",
    "services",
    "victims",
    "transactions",
    "amount_lost",
    "amount_recovered",
    "amount_compensated",
    "severity",
    "urgency",
    "tlp",
    "kind",
    "phase",
    "incident_status",
    "countermeasures",
    "advice",
    "next_update_at",
    "bodies_notified",
    "late_reason",
];
/// What the hub writes, and what stands elsewhere on the page.
const OWN: [&str; 9] = [
    "v",
    "type",
    "incident",
    "source",
    "unverified",
    "revision",
    "accepted_at",
    "supersedes",
    "change_summary",
];

fn place(field: &str) -> usize {
    ORDER
        .iter()
        .position(|known| *known == field)
        .unwrap_or(ORDER.len())
}

/// What differs between two shared bodies, field by field: lines that went, and lines that came.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<Value> {
    let withdrawn = new["type"] == "withdrawal";
    let mut fields: Vec<&String> = [old, new]
        .into_iter()
        // A withdrawal says nothing more of the incident, which does not change it.
        .filter(|body| !withdrawn || body["type"] == "withdrawal")
        .filter_map(Value::as_object)
        .flat_map(|body| body.keys())
        .filter(|field| !OWN.contains(&field.as_str()))
        .collect();
    fields.sort_by_key(|field| (place(field), field.as_str()));
    fields.dedup();
    let differ = fields.into_iter().filter_map(|field| {
        let (before, after) = (lines(field, &old[field]), lines(field, &new[field]));
        let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let come: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        let same = gone.is_empty() && come.is_empty();
        (!same).then(|| json!({ "field": field, "before": gone, "after": come }))
    });
    differ.collect()
}

/// Everything that a filing says.
pub(super) fn all(filing: &Value) -> Vec<Value> {
    let mut fields: Vec<&String> = filing
        .as_object()
        .into_iter()
        .flat_map(|body| body.keys())
        .collect();
    fields.sort_by_key(|field| (place(field), field.as_str()));
    let said = fields
        .into_iter()
        .map(|field| (field, lines(field, &filing[field])))
        .filter(|(_, lines)| !lines.is_empty());
    said.map(|(field, lines)| json!({ "field": field, "lines": lines }))
        .collect()
}

pub(super) fn vocabulary(field: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match field {
        "determination" => (Determination::NAME, Determination::CODES),
        "typology" => (Typology::NAME, Typology::CODES),
        "attack_stage" => (AttackStage::NAME, AttackStage::CODES),
        "auth_exploited" => (Authentication::NAME, Authentication::CODES),
        "auth_weakness" => (Weakness::NAME, Weakness::CODES),
        "discovery_method" => (DiscoveryMethod::NAME, DiscoveryMethod::CODES),
        "severity" => (Severity::NAME, Severity::CODES),
        "urgency" => (Urgency::NAME, Urgency::CODES),
        "tlp" => (Tlp::NAME, Tlp::CODES),
        "kind" => (Kind::NAME, Kind::CODES),
        "phase" => (Phase::NAME, Phase::CODES),
        "incident_status" => (IncidentStatus::NAME, IncidentStatus::CODES),
        "countermeasures" => (Countermeasure::NAME, Countermeasure::CODES),
        "services" => (ServiceState::NAME, ServiceState::CODES),
        "reason" => (WithdrawalReason::NAME, WithdrawalReason::CODES),
        _ => return None,
    })
}

fn text(text: impl Into<String>) -> Line {
    Line {
        text: Some(text.into()),
        ..Line::default()
    }
}

/// A code by its vocabulary; what is none stands as it was written.
fn coded(field: &str, code: &str) -> Line {
    match vocabulary(field).filter(|(_, codes)| codes.contains(&code)) {
        Some((name, _)) => Line {
            vocabulary: Some(name),
            code: Some(code.to_owned()),
            ..Line::default()
        },
        None => text(code),
    }
}

/// An instant as templates read it, cut to the minute that they show: what differs by less looks the same.
fn instant(value: &Value) -> Option<String> {
    let at: jiff::Timestamp = value.as_str()?.parse().ok()?;
    let minute = at.as_second().div_euclid(60) * 60;
    jiff::Timestamp::from_second(minute)
        .ok()
        .map(|at| at.to_string())
}

fn lines(field: &str, value: &Value) -> Vec<Line> {
    match (field, value) {
        (_, Value::Null) => Vec::new(),
        (
            "occurred_from" | "occurred_to" | "victims" | "transactions" | "amount_lost"
            | "amount_recovered" | "amount_compensated" | "affected_banks",
            Value::String(unknown),
        ) if unknown == "unknown" => vec![Line {
            unknown: true,
            ..Line::default()
        }],
        (field, Value::String(at)) if field.ends_with("_at") || field.starts_with("occurred_") => {
            vec![match instant(value) {
                Some(at) => Line {
                    at: Some(at),
                    ..Line::default()
                },
                None => text(at),
            }]
        }
        (field, Value::String(code)) => vec![coded(field, code)],
        ("countermeasures", Value::Array(measures)) => measures.iter().map(measure).collect(),
        ("bodies_notified", Value::Array(bodies)) => bodies.iter().map(notified).collect(),
        (field, Value::Array(items)) => items
            .iter()
            .map(|item| match item.as_str() {
                Some(code) => coded(field, code),
                None => text(plain(item)),
            })
            .collect(),
        ("services", Value::Object(_)) => services(value),
        (field, Value::Object(parts)) if parts.contains_key("count") => {
            vec![counted(field, &value["count"], &value["estimate"])]
        }
        (_, Value::Object(parts)) if parts.contains_key("minor") => vec![sum(value)],
        (_, Value::Object(_)) => worded(value),
        (_, other) => vec![text(plain(other))],
    }
}

/// A text in the languages that it was written in.
fn worded(value: &Value) -> Vec<Line> {
    let tongues = ["ja", "en"].into_iter().filter_map(|tongue| {
        let written = value[tongue].as_str()?;
        Some(Line {
            tongue: Some(tongue),
            ..text(written)
        })
    });
    tongues.collect()
}

fn counted(field: &str, count: &Value, estimate: &Value) -> Line {
    let unit = match field {
        "victims" => "file-unit-people",
        "affected_banks" => "file-unit-banks",
        _ => "file-unit-cases",
    };
    match count.as_i64() {
        Some(count) => Line {
            count: Some(count),
            unit: Some(unit),
            estimate: *estimate == true,
            ..Line::default()
        },
        None => Line {
            unknown: true,
            ..Line::default()
        },
    }
}

fn sum(amount: &Value) -> Line {
    let minor = amount["minor"].as_str().unwrap_or_default();
    let (count, currency) = (minor.parse().ok(), amount["currency"].as_str());
    let estimate = amount["estimate"] == true;
    match (count, currency) {
        (Some(count), Some("JPY")) => Line {
            count: Some(count),
            unit: Some("file-unit-yen"),
            estimate,
            ..Line::default()
        },
        _ => Line {
            estimate,
            ..text(format!("{} {minor}", currency.unwrap_or_default()))
        },
    }
}

fn measure(one: &Value) -> Line {
    let scope = one["scope"]
        .as_str()
        .filter(|scope| CountermeasureScope::parse(scope).is_some());
    Line {
        scope: scope.map(str::to_owned),
        text: one["note"].as_str().map(str::to_owned),
        at: instant(&one["taken_at"]),
        planned_for: instant(&one["planned_for"]),
        ..coded("countermeasures", one["code"].as_str().unwrap_or_default())
    }
}

fn notified(one: &Value) -> Line {
    let body = one["body"].as_str().unwrap_or_default();
    let said = match one["reference"].as_str() {
        Some(reference) => format!("{body} ({reference})"),
        None => body.to_owned(),
    };
    Line {
        at: instant(&one["at"]),
        ..text(said)
    }
}

/// At how many banks each service is in each state.
fn services(value: &Value) -> Vec<Line> {
    let named = [
        ("new_links", "administrator-new-links"),
        ("top_ups", "administrator-top-ups"),
        ("pay_outs", "administrator-pay-outs"),
    ];
    let states = named.into_iter().flat_map(|(service, key)| {
        let states = value[service].as_object().into_iter().flatten();
        states.map(move |(state, banks)| Line {
            key: Some(key),
            count: banks.as_i64(),
            unit: Some("file-unit-banks"),
            ..coded("services", state)
        })
    });
    states.collect()
}

/// Values that have no form of their own, like a person's.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.values().map(plain).collect();
            fields.join(" · ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_what_went_and_what_came_and_not_what_stayed() {
        let old = json!({ "typology": ["pin_spraying", "unknown"], "severity": "high", "v": 1 });
        let new = json!({ "typology": ["pin_spraying", "other"], "severity": "high", "v": 2 });
        let found = changes(&old, &new);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["before"][0]["code"], "unknown");
        assert_eq!(found[0]["after"][0]["code"], "other");
        assert_eq!(found[0]["after"][0]["vocabulary"], "typology");
        assert_eq!(found[0]["after"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_sum_of_yen_is_a_number_and_a_time_an_instant() {
        let lost = json!({ "minor": "2450000", "currency": "JPY", "estimate": true });
        let line = lines("amount_lost", &lost);
        assert_eq!(
            (line[0].count, line[0].unit),
            (Some(2_450_000), Some("file-unit-yen"))
        );
        let at = lines("detected_at", &json!("2019-05-16T17:25:31.000+09:00"));
        assert_eq!(at[0].at.as_deref(), Some("2019-05-16T08:25:00Z"));
        assert!(lines("victims", &json!("unknown"))[0].unknown);
    }

    #[test]
    fn a_draft_may_hold_anything() {
        let draft = json!({ "tlp": 7, "severity": "odd", "detected_at": "soon", "countermeasures": ["x", 1],
            "victims": [], "title": { "ja": 3 }, "services": "none", "amount_lost": { "minor": 5 } });
        let said = all(&draft);
        assert!(
            said.iter()
                .all(|one| one["lines"][0]["vocabulary"].is_null()),
            "{said:?}"
        );
    }
}
