//! Where the program's own log lines go: standard error, as text or JSON. Nobody waits for whoever reads it: what a
//! stopped reader leaves no room for is lost. Knows nothing of the evidence log.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for a reader, and are lost beyond that.
const LINES_KEPT: usize = 4096;

/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_millis(1_500);

/// Writes the lines on a thread of its own, while it is held.
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts logging; a second call changes nothing.
pub fn start(log: &Log) {
    // Foreign libraries speak only when something is wrong, or when everything is asked for.
    let others = match log.level.as_str() {
        "trace" => "debug",
        "error" => "error",
        _ => "warn",
    };
    // Of every stranger's malformed request the web server makes an error of its own.
    let filter = EnvFilter::new(format!(
        "{others},actix_http::h1::dispatcher=off,kairan={}",
        log.level
    ));
    let (lines, writer) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_KEPT)
        .finish(io::stderr());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines);
    // The first one stays: a demo that starts a hub has set it already.
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if started.is_ok() {
        // A defect that is caught must not wait for a reader either.
        std::panic::set_hook(Box::new(|defect| tracing::error!("{defect}")));
        *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
    }
}

/// Writes what has been said so far, unless nobody reads it; and no more after that.
pub fn end() {
    let writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (done, ended) = mpsc::channel();
    // Where it gives up it says so on standard output, which may be the same full pipe.
    std::thread::spawn(move || {
        drop(writer);
        let _ = done.send(());
    });
    let _ = ended.recv_timeout(LAST_LINES);
}
