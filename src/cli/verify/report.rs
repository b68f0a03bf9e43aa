//! The report of a verification: what holds, what does not, what is missing, and always what was not
//! checked. Text for people, JSON for scripts; the verdict is the exit code.

use crate::cli::{CliError, Done, say};
use crate::domain::proof::Finding;
use crate::merkle::checkpoint::Checkpoint;
use base64::prelude::*;
use serde_json::{Map, Value, json};

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Sound,
    Incomplete,
    Unusable,
    Broken,
}

/// What is to be said about one piece of evidence.
#[derive(Debug, Default)]
pub struct Report {
    subject: String,
    /// For scripts.
    facts: Map<String, Value>,
    /// The same for people.
    lines: Vec<String>,
    findings: Vec<Finding>,
    /// Why the input cannot be used at all.
    unusable: Option<String>,
    /// What would have to be there for the answer to be whole.
    missing: Vec<String>,
    /// What this evidence cannot show, or was not looked at.
    unchecked: Vec<String>,
    /// To be handed on as it is.
    evidence: Vec<String>,
}

impl Report {
    pub fn of(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self {
            subject,
            ..Self::default()
        }
    }

    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    pub fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub fn miss(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    pub fn leave(&mut self, what: impl Into<String>) {
        self.unchecked.push(what.into());
    }

    pub fn hand_on(&mut self, evidence: String) {
        self.evidence.push(evidence);
    }

    pub fn unusable(&mut self, why: impl Into<String>) {
        self.unusable = Some(why.into());
    }

    /// What kind it is; what is not actual says so in words, for it told nobody of a theft.
    pub fn drill(&mut self, kind: &str) {
        self.fact("kind", kind);
        match kind {
            "actual" => {}
            "exercise" => self.line("AN EXERCISE: it told of no theft"),
            other => self.line(format!("A {}: it told of no theft", other.to_uppercase())),
        }
    }

    /// The head under which all else was found.
    pub fn head(&mut self, checkpoint: &Checkpoint) {
        let (origin, size) = (&checkpoint.origin, checkpoint.size);
        let root = BASE64_STANDARD.encode(checkpoint.root);
        self.line(format!("log {origin} at size {size}, root {root}"));
        self.fact(
            "log",
            json!({ "origin": origin, "size": size, "root": root }),
        );
    }

    fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Broken
        } else if self.unusable.is_some() {
            Verdict::Unusable
        } else if !self.missing.is_empty() {
            Verdict::Incomplete
        } else {
            Verdict::Sound
        }
    }

    fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| json!({ "code": finding.code, "detail": finding.detail }))
            .collect();
        json!({
            "subject": self.subject,
            "verdict": self.verdict().code(),
            "facts": self.facts,
            "findings": findings,
            "unusable": self.unusable,
            "missing": self.missing,
            "unchecked": self.unchecked,
            "evidence": self.evidence,
        })
    }

    fn print(&self) {
        say::line(format_args!("{}: {}", self.subject, self.verdict().words()));
        for line in &self.lines {
            say::line(format_args!("  {line}"));
        }
        for finding in &self.findings {
            say::line(format_args!(
                "  BROKEN {}: {}",
                finding.code, finding.detail
            ));
        }
        if let Some(why) = &self.unusable {
            say::line(format_args!("  unusable: {why}"));
        }
        for what in &self.missing {
            say::line(format_args!("  missing: {what}"));
        }
        for what in &self.unchecked {
            say::line(format_args!("  not checked: {what}"));
        }
        for evidence in &self.evidence {
            say::line(format_args!("\n{evidence}"));
        }
    }
}

impl Verdict {
    fn code(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Incomplete => "incomplete",
            Self::Unusable => "unusable",
            Self::Broken => "broken",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Incomplete => "sound, but incomplete",
            Self::Unusable => "cannot be used",
            Self::Broken => "BROKEN",
        }
    }
}

/// Prints all reports and ends as the worst of them.
pub fn tell(reports: &[Report], as_json: bool) -> Result<Done, CliError> {
    let worst = reports
        .iter()
        .map(Report::verdict)
        .max()
        .unwrap_or(Verdict::Sound);
    if as_json {
        let all: Vec<Value> = reports.iter().map(Report::to_json).collect();
        say::json(&json!({ "verdict": worst.code(), "reports": all }));
    } else {
        reports.iter().for_each(Report::print);
    }
    let named = |verdict| {
        let named = reports.iter().filter(|report| report.verdict() == verdict);
        named
            .map(|report| report.subject.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match worst {
        Verdict::Sound => Ok(Done::Well),
        Verdict::Incomplete => Ok(Done::Found),
        Verdict::Unusable => Err(CliError::Usage(format!(
            "{} cannot be used; check that it is the right file, whole and unchanged",
            named(worst)
        ))),
        Verdict::Broken => Err(CliError::Failed(format!(
            "{} does not hold under this key; if the key is the right one, keep it exactly as it is, and show it to the operator and to your auditor",
            named(worst)
        ))),
    }
}
