//! The banks' process, seen from the demo: started, told what to play, listened to, and ended by closing
//! its input, which happens by itself should the demo die.

use super::banks::{Opening, Play, Report};
use super::cast::{Bank, Pace, Part};
use crate::cli::CliError;
use std::collections::BTreeMap;
use std::fs::File;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long the banks may take to open or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Running receivers whose ports are open; they wait for their secrets.
pub struct Waiting {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub ports: BTreeMap<String, u16>,
}

/// Receivers that play.
pub struct Street {
    child: Child,
    input: ChildStdin,
    reports: watch::Receiver<Report>,
    reader: JoinHandle<()>,
}

/// What each bank is to do, and where it listens if it did before.
pub fn plays(banks: &[Bank], pace: Pace, ports: &BTreeMap<String, u16>) -> Vec<Play> {
    let ms = |index, step| u64::try_from(pace.delay(index, step).as_millis()).unwrap_or(u64::MAX);
    let play = |(index, bank): (usize, &Bank)| Play {
        code: bank.code.to_owned(),
        port: ports.get(bank.code).copied().unwrap_or(0),
        down: bank.part == Part::Down,
        confirm_ms: matches!(bank.part, Part::Stamps | Part::Responds(..)).then(|| ms(index, 0)),
        response: match bank.part {
            Part::Responds(code, share) => Some((code.to_owned(), share.to_owned(), ms(index, 1))),
            _ => None,
        },
        name: bank.person().to_owned(),
        role: bank.role().to_owned(),
    };
    banks.iter().enumerate().map(play).collect()
}

fn failed(fault: &dyn std::fmt::Display) -> CliError {
    CliError::Failed(format!("the process of the demo's banks failed: {fault}"))
}

async fn tell<T: serde::Serialize>(input: &mut ChildStdin, what: &T) -> Result<(), CliError> {
    let mut line = serde_json::to_string(what).map_err(|fault| failed(&fault))?;
    line.push('\n');
    input
        .write_all(line.as_bytes())
        .await
        .map_err(|fault| failed(&fault))?;
    input.flush().await.map_err(|fault| failed(&fault))
}

impl Waiting {
    /// Starts this program again as the banks; what it complains of goes to the log.
    pub async fn start(plays: &[Play], log: &File) -> Result<Self, CliError> {
        let fault = |fault: std::io::Error| failed(&fault);
        let program = std::env::current_exe().map_err(fault)?;
        let mut child = Command::new(program)
            .arg("demo-banks")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log.try_clone().map_err(fault)?))
            // Ctrl-C is for the demo, which ends the banks when it is done with them.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(fault)?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"it has no pipes"));
        };
        let mut output = BufReader::new(output).lines();
        tell(&mut input, &plays).await?;
        let first = tokio::time::timeout(PATIENCE, output.next_line());
        let first = first
            .await
            .map_err(|_| failed(&"it does not open its ports"))?
            .map_err(fault)?;
        let first = first.ok_or_else(|| failed(&"it ended at once"))?;
        let ports = serde_json::from_str(&first).map_err(|fault| failed(&fault))?;
        Ok(Self {
            child,
            input,
            output,
            ports,
        })
    }

    /// Hands over secrets and keys, and waits until the banks have enrolled theirs.
    pub async fn open(mut self, opening: &Opening) -> Result<Street, CliError> {
        tell(&mut self.input, opening).await?;
        let mut output = self.output;
        let enrolled = tokio::time::timeout(PATIENCE, output.next_line()).await;
        match enrolled.map_err(|_| failed(&"the banks' keys are not enrolled"))? {
            Ok(Some(_)) => {}
            _ => {
                return Err(failed(
                    &"it ended before its keys were enrolled; see kairan.log",
                ));
            }
        }
        let (send, reports) = watch::channel(Report::default());
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                match serde_json::from_str(&line) {
                    Ok(report) => _ = send.send_replace(report),
                    Err(fault) => {
                        tracing::warn!(%fault, "an unreadable line from the demo's banks")
                    }
                }
            }
        });
        Ok(Street {
            child: self.child,
            input: self.input,
            reports,
            reader,
        })
    }
}

impl Street {
    /// What the banks have seen so far.
    pub fn report(&self) -> Report {
        self.reports.borrow().clone()
    }

    /// Ends the banks; their last word.
    pub async fn close(mut self) -> Report {
        drop(self.input);
        let end = async {
            // The last line comes before the end.
            let _ = self.reader.await;
            let _ = self.child.wait().await;
        };
        if tokio::time::timeout(PATIENCE, end).await.is_err() {
            tracing::warn!("the demo's banks do not end; they are killed");
        }
        self.reports.borrow().clone()
    }
}
