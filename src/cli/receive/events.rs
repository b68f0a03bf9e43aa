//! What a receiver tells: one line for each thing that happened, for people or as JSON. Decides nothing.

use serde::Serialize;
use std::fmt;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    Listening {
        address: String,
        bank: String,
        key: String,
    },
    /// The key is enrolled at the hub.
    Enrolled {
        key: String,
    },
    /// A webhook that was not believed.
    Refused {
        code: &'static str,
        detail: String,
        evidence: Option<String>,
    },
    /// A webhook that had come before.
    Again {
        webhook: String,
    },
    /// A challenge, answered.
    Challenged,
    /// A webhook without a notice.
    Other {
        kind: String,
    },
    Received {
        number: i64,
        notice: String,
        incident: String,
        revision: String,
        kind: String,
        /// Code: actual, exercise, test.
        notice_kind: String,
        /// Its proof came with it, and holds.
        sealed: bool,
    },
    /// Numbers that have not come: ask the hub's inbox for them.
    Hole {
        numbers: Vec<i64>,
    },
    /// A head of the log, and what it is held to be.
    Head {
        size: u64,
        standing: &'static str,
        detail: String,
    },
    /// Two heads that do not belong to one history.
    Fork {
        sizes: (u64, u64),
        evidence: Vec<String>,
    },
    Acknowledged {
        number: i64,
        class: String,
    },
    NotAcknowledged {
        number: i64,
        detail: String,
    },
    /// The proof of a notice that had come unsealed holds.
    Proven {
        number: i64,
    },
    /// It does not, or did not come yet.
    NotProven {
        number: i64,
        detail: String,
    },
}

impl Event {
    /// Somebody has to look at it.
    pub fn is_alarming(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Fork { .. })
    }
}

fn listed(numbers: &[i64]) -> String {
    let shown: Vec<String> = numbers.iter().take(20).map(i64::to_string).collect();
    let more = if numbers.len() > shown.len() {
        " …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(" "))
}

/// What stands before a notice that is not actual.
fn drill(kind: &str) -> String {
    match kind {
        "actual" => String::new(),
        other => format!("[{}] ", other.to_uppercase()),
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { address, bank, key } => {
                write!(
                    f,
                    "bank {bank} listens at {address}, and confirms with {key}"
                )
            }
            Self::Enrolled { key } => write!(f, "enrolled: {key}"),
            Self::Refused {
                code,
                detail,
                evidence,
            } => {
                write!(f, "NOT BELIEVED: {detail} ({code})")?;
                match evidence {
                    Some(file) => write!(f, "; kept in {file}"),
                    None => Ok(()),
                }
            }
            Self::Again { webhook } => write!(f, "{webhook} came before"),
            Self::Challenged => write!(f, "showed the endpoint's secret to a challenge"),
            Self::Other { kind } => write!(f, "{kind}: stored"),
            Self::Received {
                number,
                notice: _,
                incident,
                revision,
                kind,
                notice_kind,
                sealed,
            } => {
                let drill = drill(notice_kind);
                let sealed = if *sealed {
                    "proven by the log"
                } else {
                    "UNSEALED: not in the log yet"
                };
                write!(
                    f,
                    "no. {number}: {drill}{kind} {incident} r{revision}, {sealed}"
                )
            }
            Self::Hole { numbers } => {
                write!(
                    f,
                    "MISSING numbers: {}; see GET /api/v1/inbox",
                    listed(numbers)
                )
            }
            Self::Head {
                size,
                standing,
                detail,
            } => write!(f, "head of {size}: {standing}, {detail}"),
            Self::Fork {
                sizes: (one, other),
                evidence,
            } => write!(
                f,
                "TWO HISTORIES: the signed heads of {one} and {other} entries do not agree; show {} to your auditor and to other banks",
                evidence.join(" and ")
            ),
            Self::Acknowledged { number, class } => write!(f, "no. {number}: confirmed, {class}"),
            Self::NotAcknowledged { number, detail } => {
                write!(
                    f,
                    "no. {number}: not confirmed yet, {detail}; will try again"
                )
            }
            Self::Proven { number } => write!(f, "no. {number}: now proven by the log"),
            Self::NotProven { number, detail } => {
                write!(f, "no. {number}: not proven, {detail}; will ask again")
            }
        }
    }
}
