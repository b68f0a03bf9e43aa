//! What a person hands over to be filed: the act, the filing and the API key. Sends nothing.

use super::super::CliError;
use super::Args;
use crate::domain::incident::IncidentRef;
use crate::vault::private;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// More than any hub takes.
const BODY_LIMIT: u64 = 16 << 20;

/// What is filed, and with it the resource that takes it.
pub(super) enum Act {
    Incident,
    Revision(IncidentRef),
    Withdrawal(IncidentRef),
}

impl Act {
    pub(super) fn of(args: &Args) -> Result<Self, CliError> {
        let reference = |text: &str| {
            text.parse().map_err(|_| {
                CliError::Usage(format!(
                    "{text:?} is no incident; write it like INC-2026-0001"
                ))
            })
        };
        match (&args.revision_of, &args.withdraw) {
            (Some(text), _) => Ok(Self::Revision(reference(text)?)),
            (None, Some(text)) => Ok(Self::Withdrawal(reference(text)?)),
            (None, None) => Ok(Self::Incident),
        }
    }

    pub(super) fn path(&self) -> String {
        match self {
            Self::Incident => "/api/v1/incidents".to_owned(),
            Self::Revision(reference) => format!("/api/v1/incidents/{reference}/revisions"),
            Self::Withdrawal(reference) => format!("/api/v1/incidents/{reference}/withdrawal"),
        }
    }
}

pub(super) fn read_body(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |fault| CliError::file("read the filing", path, &fault);
    let mut body = Vec::new();
    let mut source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    source
        .by_ref()
        .take(BODY_LIMIT + 1)
        .read_to_end(&mut body)
        .map_err(failed)?;
    if body.len() as u64 > BODY_LIMIT {
        return Err(CliError::Failed(format!(
            "{} is larger than any hub takes; file less",
            path.display()
        )));
    }
    Ok(body)
}

pub(super) fn api_key(file: Option<&Path>) -> Result<Zeroizing<String>, CliError> {
    let text = match file {
        Some(path) => {
            let missing = std::io::ErrorKind::NotFound.into();
            private::read(path)?
                .ok_or_else(|| CliError::file("read the key file", path, &missing))?
        }
        None => Zeroizing::new(std::env::var("KAIRAN_KEY").unwrap_or_default()),
    };
    let key = text.trim();
    let fits = key.starts_with("kairan_")
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !fits {
        let message =
            "no API key; name its file with --key-file, or set the environment variable KAIRAN_KEY";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(Zeroizing::new(key.to_owned()))
}
