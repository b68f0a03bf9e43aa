//! `kairan file`: posts one incident, revision or withdrawal to a hub, as any other client of its API
//! would. Decides nothing about it: the hub judges, and this shows the answer.

mod post;

use super::{CliError, Done, say};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::fault::{Fault, Faults};
use crate::domain::incident::{Filing, FilingContext, IncidentRef, Withdrawal};
use crate::vault;
use serde_json::{Value, json};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// More than any hub takes.
const BODY_LIMIT: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filing in JSON; - = standard input
    filing: PathBuf,
    /// File it as the next revision of this incident
    #[arg(long, value_name = "REF", conflicts_with = "withdraw")]
    revision_of: Option<String>,
    /// Ask for the withdrawal of this incident; a second person must agree
    #[arg(long, value_name = "REF")]
    withdraw: Option<String>,
    /// Where the hub is; hub.public_url of the settings if not given
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// A file with your API key, readable by you alone; otherwise the environment variable KAIRAN_KEY
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Repeats a filing whose answer was lost, without filing it twice; made up if not given
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Check the filing here and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON, also where the hub refuses
    #[arg(long)]
    json: bool,
}

/// What is filed, and with it the resource that takes it.
enum Act {
    Incident,
    Revision(IncidentRef),
    Withdrawal(IncidentRef),
}

impl Act {
    fn of(args: &Args) -> Result<Self, CliError> {
        let reference = |text: &str| {
            text.parse().map_err(|_| CliError::Usage(format!("{text:?} is no incident; write it like INC-2026-0001")))
        };
        match (&args.revision_of, &args.withdraw) {
            (Some(text), _) => Ok(Self::Revision(reference(text)?)),
            (None, Some(text)) => Ok(Self::Withdrawal(reference(text)?)),
            (None, None) => Ok(Self::Incident),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Incident => "/api/v1/incidents".to_owned(),
            Self::Revision(reference) => format!("/api/v1/incidents/{reference}/revisions"),
            Self::Withdrawal(reference) => format!("/api/v1/incidents/{reference}/withdrawal"),
        }
    }
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let act = Act::of(&args)?;
    let body = read_body(&args.filing)?;
    if args.dry_run {
        return dry_run(&act, &body, args.json);
    }
    let hub = args.hub.as_deref().unwrap_or(&settings.hub.public_url);
    let url = post::target(hub, &act.path())?;
    let key = api_key(args.key_file.as_deref())?;
    let idempotency_key = match args.idempotency_key {
        Some(given) => given,
        None => hex::encode(vault::random::<16>()?),
    };
    let answer = post::post(&post::Posting { url, key, idempotency_key, body }).await?;
    report(&answer, args.json)
}

fn read_body(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |fault| CliError::file("read the filing", path, &fault);
    let mut body = Vec::new();
    let mut source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    source.by_ref().take(BODY_LIMIT + 1).read_to_end(&mut body).map_err(failed)?;
    if body.len() as u64 > BODY_LIMIT {
        return Err(CliError::Failed(format!("{} is larger than any hub takes; file less", path.display())));
    }
    Ok(body)
}

fn api_key(file: Option<&Path>) -> Result<Zeroizing<String>, CliError> {
    let text = match file {
        Some(path) => {
            let failed = |fault| CliError::file("read the key file", path, &fault);
            let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                let path = path.display();
                return Err(CliError::Failed(format!("{path} can be read by others: run `chmod 600 {path}`")));
            }
            std::fs::read_to_string(path).map_err(failed)?
        }
        None => std::env::var("KAIRAN_KEY").unwrap_or_default(),
    };
    let text = Zeroizing::new(text);
    let key = text.trim();
    let fits = key.starts_with("kairan_") && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !fits {
        let message = "no API key; name its file with --key-file, or set the environment variable KAIRAN_KEY";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(Zeroizing::new(key.to_owned()))
}

/// What can be judged without the hub: a new incident wholly, the others by their shape.
fn judge(act: &Act, body: &[u8]) -> Result<Vec<Fault>, Faults> {
    match act {
        Act::Incident => {
            let filing = Filing::from_json(body)?;
            filing.check(FilingContext::first(Clock::new().now()))?;
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

fn dry_run(act: &Act, body: &[u8], as_json: bool) -> Result<Done, CliError> {
    let (faults, warnings) = match judge(act, body) {
        Ok(warnings) => (Vec::new(), warnings),
        Err(faults) => (faults.0, Vec::new()),
    };
    if as_json {
        say::json(&json!({ "sent": false, "faults": faults, "warnings": warnings }));
    } else {
        for warning in &warnings {
            say::line(format_args!("look again at {}: {}", place(&warning.pointer), warning.message));
        }
        for fault in &faults {
            say::line(format_args!("{}: {} ({})", place(&fault.pointer), fault.message, fault.code));
        }
    }
    if !faults.is_empty() {
        return Err(CliError::Failed("the filing has faults; mend them and try again; nothing was sent".into()));
    }
    if !as_json {
        let last = match act {
            Act::Revision(_) => "well formed; whether it may follow the last revision, the hub judges; nothing was sent",
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

fn report(answer: &post::Answer, as_json: bool) -> Result<Done, CliError> {
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
    let said = text("detail").or(text("title")).unwrap_or("it did not say why; check --hub");
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
        let faults = judge(&Act::Incident, b"{\"recipients\": [\"0117\"]}").expect_err("no such field");
        assert!(!faults.0.is_empty());
        let reference: IncidentRef = "INC-2026-0001".parse().expect("a reference");
        assert_eq!(Act::Withdrawal(reference).path(), "/api/v1/incidents/INC-2026-0001/withdrawal");
    }
}
