//! What a person is shown of a filing: the faults found before sending, and the hub's answer in words.

use super::super::{CliError, Done, say};
use super::Answer;
use super::given::Act;
use crate::clock::Clock;
use crate::domain::deadline::Profiles;
use crate::domain::fault::{Fault, Faults};
use crate::domain::incident::{Filing, FilingContext, Withdrawal};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The profiles in force, and the operator's zone.
pub(super) type Clocks<'a> = (&'a Profiles, &'a TimeZone);

/// What can be judged without the hub: a new incident wholly, the others by their shape.
fn judge(clocks: Clocks<'_>, act: &Act, body: &[u8]) -> Result<Vec<Fault>, Faults> {
    match act {
        Act::Incident => {
            let filing = Filing::from_json(body)?;
            let (now, (profiles, zone)) = (Clock::new().now(), clocks);
            let late = filing.comes_late(profiles, now, zone);
            filing.check(FilingContext::first(now).by(profiles).asking_why(late))?;
            Ok(filing.warnings())
        }
        Act::Revision(_) => Ok(Filing::from_json(body)?.warnings()),
        Act::Withdrawal(reference) => {
            let withdrawal = Withdrawal::from_json(body)?;
            withdrawal.check(*reference)?;
            Ok(withdrawal.warnings())
        }
    }
}

pub(super) fn dry_run(
    clocks: Clocks<'_>,
    act: &Act,
    body: &[u8],
    as_json: bool,
) -> Result<Done, CliError> {
    let (faults, warnings) = match judge(clocks, act, body) {
        Ok(warnings) => (Vec::new(), warnings),
        Err(faults) => (faults.0, Vec::new()),
    };
    if as_json {
        say::json(&json!({ "sent": false, "faults": faults, "warnings": warnings }));
    } else {
        for warning in &warnings {
            say::line(format_args!(
                "look again at {}: {}",
                place(&warning.pointer),
                warning.message
            ));
        }
        for fault in &faults {
            say::line(format_args!(
                "{}: {} ({})",
                place(&fault.pointer),
                fault.message,
                fault.code
            ));
        }
    }
    if !faults.is_empty() {
        return Err(CliError::Failed(
            "the filing has faults; mend them and try again; nothing was sent".into(),
        ));
    }
    if !as_json {
        let last = match act {
            Act::Revision(_) => {
                "well formed; whether it may follow the last revision, the hub judges; nothing was sent"
            }
            _ => "no fault found; whether its banks exist, the hub judges; nothing was sent",
        };
        say::line(last);
    }
    Ok(Done::Well)
}

fn place(pointer: &str) -> &str {
    match pointer.trim_start_matches('/') {
        "" => "the filing",
        place => place,
    }
}

pub(super) fn report(answer: &Answer, as_json: bool) -> Result<Done, CliError> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if answer.is_success() {
        say::json(&document);
        return Ok(Done::Well);
    }
    if as_json {
        say::json(&document);
    }
    Err(CliError::Failed(refusal(answer.status, &document)))
}

/// A problem document (RFC 9457) in words.
fn refusal(status: u16, problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str().filter(|text| !text.is_empty());
    let said = text("detail")
        .or(text("title"))
        .unwrap_or("it did not say why; check --hub");
    let mut words = format!("the hub answered {status}: {said}");
    if let Some(code) = text("code") {
        words.push_str(&format!(" ({code})"));
    }
    for fault in problem["faults"].as_array().into_iter().flatten() {
        let pointer = place(fault["pointer"].as_str().unwrap_or_default());
        let message = fault["message"].as_str().unwrap_or_default();
        let code = fault["code"].as_str().unwrap_or_default();
        words.push_str(&format!("\n  {pointer}: {message} ({code})"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::IncidentRef;

    #[test]
    fn a_refused_filing_is_told_field_by_field() {
        let problem = json!({
            "title": "Unprocessable", "detail": "the input has faults", "code": "invalid",
            "faults": [{ "pointer": "/title/ja", "code": "text_empty", "message": "must not be empty" },
                       { "pointer": "", "code": "json_syntax", "message": "no JSON" }],
        });
        let words = refusal(422, &problem);
        assert_eq!(
            words,
            "the hub answered 422: the input has faults (invalid)\n  title/ja: must not be empty (text_empty)\n  \
             the filing: no JSON (json_syntax)"
        );
        assert!(refusal(502, &Value::Null).ends_with("it did not say why; check --hub"));
    }

    #[test]
    fn a_dry_run_finds_what_the_hub_would_refuse() {
        let profiles = Profiles::embedded();
        let clocks = (&profiles, &TimeZone::UTC);
        let body = b"{\"recipients\": [\"0117\"]}";
        let faults = judge(clocks, &Act::Incident, body).expect_err("no such field");
        assert!(!faults.0.is_empty());
        let reference: IncidentRef = "INC-2026-0001".parse().expect("a reference");
        assert_eq!(
            Act::Withdrawal(reference).path(),
            "/api/v1/incidents/INC-2026-0001/withdrawal"
        );
    }
}
