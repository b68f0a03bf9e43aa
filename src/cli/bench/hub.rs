//! The hub of a bench: `kairan serve` in a process of its own, ended by its id. Sums what it took of CPU and
//! memory over its restarts.

use super::machine::{self, Used};
use crate::cli::CliError;
use reqwest::Client;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const START_TIME: Duration = Duration::from_secs(60);
/// Longer than the hub's own patience.
const STOP_TIME: Duration = Duration::from_secs(40);
const LAST_WORDS: usize = 6;

/// A hub at work. Ends with this value.
pub struct Hub {
    child: Child,
    pid: u32,
    pub address: SocketAddr,
    config: PathBuf,
    log: PathBuf,
    /// From its start to its first healthy answer.
    pub ready_ms: f64,
    /// Of the processes before this one.
    before: Used,
}

impl Hub {
    pub async fn start(
        config: &Path,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let log = folder.join("hub.log");
        let started = Instant::now();
        let (child, pid) = spawn(config, &log)?;
        let mut hub = Self {
            child,
            pid,
            address,
            config: config.to_owned(),
            log,
            ready_ms: 0.0,
            before: Used::default(),
        };
        hub.wait_until_ready(started).await?;
        Ok(hub)
    }

    /// A new process on the same data: no connection of the old one is left.
    pub async fn restart(&mut self) -> Result<(), CliError> {
        self.stop().await?;
        self.resume().await
    }

    /// A new process, where the old one has ended.
    pub async fn resume(&mut self) -> Result<(), CliError> {
        let started = Instant::now();
        (self.child, self.pid) = spawn(&self.config, &self.log)?;
        self.wait_until_ready(started).await
    }

    async fn wait_until_ready(&mut self, started: Instant) -> Result<(), CliError> {
        let url = format!("http://{}/health/ready", self.address);
        let client = Client::builder().no_proxy().build();
        let client =
            client.map_err(|fault| CliError::Failed(format!("cannot speak HTTP: {fault}")))?;
        loop {
            if let Ok(answer) = client.get(&url).send().await
                && answer.status().is_success()
            {
                self.ready_ms = started.elapsed().as_secs_f64() * 1e3;
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failed(&format!("the hub ended with {status}")));
            }
            if started.elapsed() > START_TIME {
                return Err(self.failed("the hub does not get ready"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All its processes so far.
    pub fn used(&self) -> Used {
        let now = machine::used(self.pid);
        Used {
            cpu_s: self.before.cpu_s + now.cpu_s,
            peak_kib: self.before.peak_kib.max(now.peak_kib),
        }
    }

    /// Ends it at once, as a lost machine would (SIGKILL).
    pub async fn kill(&mut self) -> Result<(), CliError> {
        self.before = self.used();
        let killed = self.child.kill().await;
        killed.map_err(|fault| self.failed(&format!("the hub cannot be killed: {fault}")))
    }

    /// What this process holds now, and the most that it held.
    pub fn memory_kib(&self) -> (u64, u64) {
        (
            machine::resident_kib(self.pid),
            machine::used(self.pid).peak_kib,
        )
    }

    /// Asks it to stop and waits until it did.
    pub async fn stop(&mut self) -> Result<(), CliError> {
        self.before = self.used();
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // Gone already is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        match tokio::time::timeout(STOP_TIME, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failed(&format!("the hub ended with {status}"))),
            _ => Err(self.failed("the hub does not stop")),
        }
    }

    /// With the last words of its log, which is gone in a moment.
    pub fn failed(&self, what: &str) -> CliError {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n  ");
        CliError::Failed(format!("{what}; the end of its log:\n  {last}"))
    }
}

fn spawn(config: &Path, log: &Path) -> Result<(Child, u32), CliError> {
    let failed = |fault: &dyn std::fmt::Display| {
        CliError::Failed(format!("the hub cannot be started: {fault}"))
    };
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|fault| failed(&fault))?;
    let program = std::env::current_exe().map_err(|fault| failed(&fault))?;
    let child = Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(config)
        .env_remove("KAIRAN_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| failed(&fault))?;
    let pid = child.id().ok_or_else(|| failed(&"it ended at once"))?;
    Ok((child, pid))
}
