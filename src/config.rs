//! The settings: typed, bounded, and complete before anything starts. `config/kairan.toml` is the
//! manual and the defaults; a file names only what differs. Every mistake of a file is found in one go.
//! Opens nothing but that file: whether a database or a key is there is for others to find out.

mod check;
mod reader;
#[cfg(test)]
mod tests;

use ipnet::{IpNet, Ipv6Net};
use jiff::tz::TimeZone;
use reader::Reader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every setting with its default and its comment.
pub const EMBEDDED: &str = include_str!("../config/kairan.toml");

/// Claims held for each webhook, and each mail, that may be under way: itself, and those that follow it.
pub const WEBHOOKS_PER_PLACE: u32 = 4;
pub const MAILS_PER_PLACE: u32 = 2;

/// One mistake in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// The file as it was named.
    pub file: String,
    /// Like `engine.lease_s`; empty where the whole file is meant.
    pub key: String,
    /// What would be taken.
    pub message: String,
}

impl std::fmt::Display for SettingFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            key => write!(f, "{}: {key}: {}", self.file, self.message),
        }
    }
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub hub: Hub,
    pub clocks: Clocks,
    pub listen: Listen,
    pub database: Database,
    pub keys: Keys,
    pub evidence: Evidence,
    pub limits: Limits,
    pub engine: Engine,
    pub webhook: Webhook,
    pub mail: Mail,
    pub register: Register,
    pub access: Access,
    pub log: Log,
}

#[derive(Debug, Clone)]
pub struct Hub {
    /// `http(s)://host[:port]` without a trailing slash.
    pub public_url: String,
    /// The host of `public_url`.
    pub public_host: String,
    pub operator_name: String,
    pub zone: TimeZone,
}

/// Files that stand in for those that ship; `None` = those.
#[derive(Debug, Clone)]
pub struct Clocks {
    pub file: Option<PathBuf>,
    pub holidays_file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Listen {
    pub address: SocketAddr,
    /// 0 = one per core.
    pub workers: usize,
    pub trusted_proxies: usize,
}

#[derive(Clone)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`; may hold a password.
    pub url: String,
    pub readers: u32,
    pub writers: u32,
    pub group: usize,
    pub queue: usize,
}

#[derive(Debug, Clone)]
pub struct Keys {
    pub file: PathBuf,
}

/// The log of evidence.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub key_file: PathBuf,
    /// Of the key that is to take over.
    pub next_key_file: Option<PathBuf>,
    /// A folder.
    pub journal: PathBuf,
    pub seal_patience: Duration,
    pub public: bool,
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub body_bytes: usize,
    pub page: i64,
    pub requests_per_second: u32,
    pub burst: u32,
    /// 0 = off.
    pub free_floor_mib: u64,
}

#[derive(Debug, Clone)]
pub struct Engine {
    pub in_flight: usize,
    pub per_bank: usize,
    pub batch: usize,
    pub batch_wait: Duration,
    pub lease: Duration,
    pub scan: Duration,
    pub stop: Duration,
}

#[derive(Debug, Clone)]
pub struct Webhook {
    pub connect_timeout: Duration,
    pub timeout: Duration,
    pub answer_read_bytes: usize,
    pub answer_kept_bytes: usize,
    pub allow_networks: Vec<IpNet>,
    pub nat64: Vec<Ipv6Net>,
}

/// How the relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    Required,
    LoopbackPlain,
}

#[derive(Debug, Clone)]
pub struct Mail {
    /// Empty = no mail.
    pub relay_host: String,
    pub relay_port: u16,
    pub tls: RelayTls,
    pub ca_file: Option<PathBuf>,
    /// User name, and the file that holds the password.
    pub sign_in: Option<(String, PathBuf)>,
    pub from: String,
    pub from_name: String,
    pub return_path_domain: String,
    pub helo: String,
    pub pool: usize,
    pub timeout: Duration,
    pub dkim: Option<Dkim>,
    /// Where the mail server puts what comes to the return paths.
    pub report_maildir: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Dkim {
    pub domain: String,
    pub selector: String,
    pub key_file: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Register {
    pub ending_delay: Duration,
    pub secret_overlap: Duration,
}

#[derive(Debug, Clone)]
pub struct Access {
    pub approval_window: Duration,
    pub link_window: Duration,
    pub code_guesses: i64,
    pub invitation_window: Duration,
    pub confirmation_window: Duration,
    pub key_lifetime: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.shown())
    }
}

impl Database {
    /// The URL without its password and parameters, for people and logs.
    pub fn shown(&self) -> String {
        if self.url.starts_with("sqlite:") {
            return self.url.clone();
        }
        let Ok(mut url) = url::Url::parse(&self.url) else {
            return "the database".to_owned();
        };
        url.set_query(None);
        // Without a host there can be no password either.
        let _ = url.set_password(None);
        url.into()
    }
}

impl Settings {
    /// The defaults, with what `path` says instead. Every fault of the file is in the answer.
    pub fn load(path: Option<&Path>) -> Result<Self, Vec<SettingFault>> {
        let Some(path) = path else {
            return Ok(Self::defaults());
        };
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|fault| {
            let message =
                format!("cannot be read ({fault}); name a settings file, or none for the defaults");
            vec![SettingFault {
                file: file.clone(),
                key: String::new(),
                message,
            }]
        })?;
        Self::parse(&file, &text)
    }

    /// The settings of the embedded file.
    pub fn defaults() -> Self {
        Self::parse("the defaults", "").expect("the embedded settings are read by a test")
    }

    /// Like `load`, from the text of a file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<SettingFault>> {
        let mut reader = Reader::new(file, text)?;
        let settings = Self::read(&mut reader);
        check::together(&settings, &mut reader);
        reader.finish(settings)
    }

    fn read(r: &mut Reader) -> Self {
        Self {
            hub: Hub::read(r),
            clocks: Clocks {
                file: r.optional_path("clocks.file"),
                holidays_file: r.optional_path("clocks.holidays_file"),
            },
            listen: Listen::read(r),
            database: Database::read(r),
            keys: Keys {
                file: r.path("keys.file"),
            },
            evidence: Evidence {
                key_file: r.path("evidence.key_file"),
                next_key_file: r.optional_path("evidence.next_key_file"),
                journal: r.path("evidence.journal"),
                seal_patience: r.seconds("evidence.seal_patience_s", 1, 600),
                public: r.flag("evidence.public"),
            },
            limits: Limits::read(r),
            engine: Engine::read(r),
            webhook: Webhook::read(r),
            mail: Mail::read(r),
            register: Register {
                ending_delay: r.hours("register.ending_delay_hours", 24, 8760),
                secret_overlap: r.days("register.secret_overlap_days", 1, 90),
            },
            access: Access::read(r),
            log: Log::read(r),
        }
    }
}
