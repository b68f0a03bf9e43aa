//! How a scene speaks with its receivers: a JSON line each way over their standard input and output.
//! Owns their process; knows nothing of what they are sent.

use crate::cli::CliError;
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// An answer takes no longer, beyond what was asked to be waited for.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Waiting ends when nothing came for so long.
const STALL: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    Reset,
    Report,
    /// From here on the first hit, and the first that had come before, are told apart.
    Mark,
    /// Answered with `Arrivals`.
    Arrivals,
    /// Answered at so many hits, or when time is up.
    Wait {
        hits: usize,
        limit_ms: u64,
    },
    Stop,
}

/// What the receivers saw since the last reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Notices that came in, repeated ones too.
    pub hits: usize,
    /// Hits whose bank had that message already.
    pub doubled: usize,
    /// Banks that saw anything.
    pub banks: usize,
    /// Different messages of the bank that saw the fewest, and of the one that saw the most.
    pub fewest: usize,
    pub most: usize,
    /// Requests that were no notice.
    pub strangers: u64,
    /// Notices that were taken and will never be answered; not among the hits.
    pub silenced: u64,
    /// Length of the last notice.
    pub body_bytes: usize,
    /// CLOCK_MONOTONIC, which all processes of a machine share.
    pub first_nanos: Option<u64>,
    pub last_nanos: Option<u64>,
    /// After the mark: the first hit, and the first of a message that its bank had already.
    pub first_marked_nanos: Option<u64>,
    pub first_again_nanos: Option<u64>,
}

/// When each hit came, CLOCK_MONOTONIC.
#[derive(Debug, Serialize, Deserialize)]
pub struct Arrivals {
    pub nanos: Vec<u64>,
}

#[derive(Deserialize)]
struct Opened {
    port: u16,
    hole: u16,
}

/// The receivers' process. Ends with this value.
pub struct Receivers {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub port: u16,
    /// Nobody accepts what connects here.
    pub hole: u16,
    pub pid: u32,
}

fn gone(why: &dyn std::fmt::Display) -> CliError {
    CliError::Failed(format!(
        "the bench's receivers do not answer: {why}; run the scene again"
    ))
}

impl Receivers {
    /// Banks from number `silent_from` on take a notice and never answer.
    pub async fn start(answer_ms: u64, silent_from: usize) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(|fault| gone(&fault))?;
        let mut child = tokio::process::Command::new(program)
            .args(["bench-receivers", "--answer-ms", &answer_ms.to_string()])
            .args(["--silent-from", &silent_from.to_string()])
            .env_remove("KAIRAN_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|fault| gone(&fault))?;
        let pid = child.id().ok_or_else(|| gone(&"ended at once"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(gone(&"no pipes"));
        };
        let mut receivers = Self {
            child,
            input,
            output: BufReader::new(output).lines(),
            port: 0,
            hole: 0,
            pid,
        };
        let opened: Opened = receivers.answer(ANSWER_TIME).await?;
        (receivers.port, receivers.hole) = (opened.port, opened.hole);
        Ok(receivers)
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &mut self,
        limit: Duration,
    ) -> Result<T, CliError> {
        let line = tokio::time::timeout(limit, self.output.next_line()).await;
        match line {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).map_err(|fault| gone(&fault)),
            Ok(Ok(None)) => Err(gone(&"they ended")),
            Ok(Err(fault)) => Err(gone(&fault)),
            Err(_) => Err(gone(&"time is up")),
        }
    }

    async fn tell(&mut self, command: &Command) -> Result<(), CliError> {
        let mut line = serde_json::to_vec(command).map_err(|fault| gone(&fault))?;
        line.push(b'\n');
        self.input
            .write_all(&line)
            .await
            .map_err(|fault| gone(&fault))
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        command: Command,
        more: Duration,
    ) -> Result<T, CliError> {
        self.tell(&command).await?;
        self.answer(ANSWER_TIME + more).await
    }

    pub async fn reset(&mut self) -> Result<(), CliError> {
        let _: Report = self.ask(Command::Reset, Duration::ZERO).await?;
        Ok(())
    }

    /// From now on the first hit is told apart.
    pub async fn mark(&mut self) -> Result<(), CliError> {
        let _: Report = self.ask(Command::Mark, Duration::ZERO).await?;
        Ok(())
    }

    /// When each notice since the last reset came.
    pub async fn arrivals(&mut self) -> Result<Vec<u64>, CliError> {
        let arrivals: Arrivals = self.ask(Command::Arrivals, Duration::ZERO).await?;
        Ok(arrivals.nanos)
    }

    pub async fn report(&mut self) -> Result<Report, CliError> {
        self.ask(Command::Report, Duration::ZERO).await
    }

    /// Waits until so many notices came, or none for a while; then what was seen.
    pub async fn wait(&mut self, hits: usize) -> Result<Report, CliError> {
        let limit_ms = u64::try_from(STALL.as_millis()).unwrap_or(u64::MAX);
        let mut before = 0;
        loop {
            let report: Report = self.ask(Command::Wait { hits, limit_ms }, STALL).await?;
            if report.hits >= hits || report.hits == before {
                return Ok(report);
            }
            before = report.hits;
        }
    }

    /// Lets them end by themselves; whoever does not is ended with this value.
    pub async fn stop(mut self) {
        if self.tell(&Command::Stop).await.is_ok() {
            let _ = tokio::time::timeout(ANSWER_TIME, self.child.wait()).await;
        }
    }
}
