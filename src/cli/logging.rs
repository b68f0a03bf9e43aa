//! Where the program's own log lines go: standard error, as text or JSON. Knows nothing of the evidence log.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Starts logging; a second call changes nothing.
pub fn start(log: &Log) {
    // Foreign libraries speak only when something is wrong, or when everything is asked for.
    let others = match log.level.as_str() {
        "trace" => "debug",
        "error" => "error",
        _ => "warn",
    };
    let filter = EnvFilter::new(format!("{others},kairan={}", log.level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // The first one stays: a demo that starts a hub has set it already.
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
