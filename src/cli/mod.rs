//! The command line: one file per command. Owns what a command may answer and the error that is shown
//! with what to do next. Knows no rule of the product: commands open the store and call actions.

pub mod admin;
pub mod bench;
pub mod check;
pub mod demo;
pub mod export;
pub mod file;
pub mod import;
pub mod log;
pub mod logging;
pub mod migrate;
pub mod open;
pub mod receive;
pub mod say;
pub mod serve;
pub mod smtp_sink;
pub mod verify;

use crate::actions;
use crate::config::SettingFault;
use crate::dispatch::mail::MailFault;
use crate::storage;
use crate::vault::VaultFault;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;

/// How a command ended when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Well,
    /// A check found something, or could not look at all that it should.
    Found,
    /// The log signs nothing until a person has seen to it.
    LogRefuses,
}

impl Done {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Found => 3,
            Self::LogRefuses => 4,
        }
    }
}

/// Why a command ended early. What is shown says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{}", listed(.0))]
    Settings(Vec<SettingFault>),
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error("{}", storage_sentence(.0))]
    Storage(#[from] storage::Error),
    #[error("{}", action_sentence(.0))]
    Action(#[from] actions::Error),
    #[error("{0}; mend it in [mail] of the settings")]
    Mail(#[from] MailFault),
    /// The sentence says what to do.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// A file that could not be used for `purpose`.
    pub fn file(purpose: &str, path: &Path, fault: &std::io::Error) -> Self {
        Self::Failed(format!(
            "cannot {purpose} {}: {fault}; check the path and its permissions",
            path.display()
        ))
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Usage(_) | Self::Mail(_) => 2,
            Self::Vault(_) | Self::Storage(_) | Self::Action(_) | Self::Failed(_) => 1,
        }
    }
}

fn listed(faults: &[SettingFault]) -> String {
    let mut text = match faults.len() {
        1 => "the settings have a mistake; nothing was started:".to_owned(),
        many => format!("the settings have {many} mistakes; nothing was started:"),
    };
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    text
}

fn storage_sentence(error: &storage::Error) -> String {
    use storage::Error;
    let next = match error {
        Error::Busy(_) => {
            "another program holds it; wait for that to end, or stop it, and try again"
        }
        Error::Unavailable(_) => "check database.url, and that this user may read and write there",
        Error::Disk(_) => "see to the disk, then start again",
        Error::Full => "free some space, then try again",
        Error::Duplicate(_) => "nothing was stored",
        Error::Corrupt(_) => {
            "check that database.url names a Kairan database; if it does, keep the file and restore the last backup"
        }
        Error::Query(_) => {
            "nothing was stored; run `kairan check`, and report this with the line above"
        }
    };
    // Some sentences already end with what to do.
    let text = error.to_string();
    if text.contains("; ") {
        text
    } else {
        format!("{text}; {next}")
    }
}

fn action_sentence(error: &actions::Error) -> String {
    use actions::Error;
    match error {
        Error::Invalid(faults) => {
            let mut text = "the input has faults; nothing was stored:".to_owned();
            for fault in &faults.0 {
                let place = fault.pointer.trim_start_matches('/');
                text.push_str(&format!("\n  {place}: {} ({})", fault.message, fault.code));
            }
            text
        }
        Error::NotFound => "there is no such thing; check the name".to_owned(),
        Error::Forbidden(text) => (*text).to_owned(),
        Error::Refused(refusal) => refusal.to_string(),
        Error::Storage(error) => storage_sentence(error),
    }
}

/// Names that hang may hold half of them (`dispatch/address_guard.rs`), and the database finds one all the same.
const BLOCKING_THREADS: usize = 1024;

/// What commands run on.
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    raise_open_files();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build().map_err(|fault| {
        CliError::Failed(format!("cannot start threads: {fault}; raise this user's limits on processes and open files"))
    })
}

/// Every connection takes a descriptor, of banks and of whoever asks, and many machines give a process a thousand.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // What cannot be raised shows itself as failed connections.
    let _ = setrlimit(Resource::Nofile, all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_storage_error_says_what_to_do_next() {
        use storage::Error;
        let text = || "database is locked".to_owned();
        let errors = [
            Error::Busy(text()),
            Error::Unavailable(text()),
            Error::Full,
            Error::Duplicate(text()),
            Error::Corrupt(text()),
            Error::Query(text()),
        ];
        for error in errors {
            let shown = CliError::from(error).to_string();
            assert!(shown.contains("; "), "{shown}");
        }
    }

    #[test]
    fn all_faults_of_an_input_are_shown_with_their_fields() {
        let mut faults = crate::domain::fault::Faults::default();
        faults.add("/email", "email_form", "write it like name@bank.example");
        faults.add("/language", "code_unknown", "not one of ja, en");
        let shown = CliError::from(actions::Error::Invalid(faults)).to_string();
        assert_eq!(shown.lines().count(), 3);
        assert!(shown.contains("email: write it like name@bank.example (email_form)"));
    }
}
