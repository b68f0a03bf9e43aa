//! The reader of the folder into which the mail server puts what comes to the return paths (a Maildir): reads each new
//! file, has a report recorded, and moves the file on only after that is committed. What is no report, or proves no
//! delivery of this hub, is moved on untouched and counted; nothing that a file holds reaches the program's own log.
//! Any node that has the folder may read it: a file that two read is one report. Knows nothing of mail formats and
//! of what follows from a report.

use crate::actions::Error;
use crate::actions::record_mail_report::{Taken, record_mail_report};
use crate::domain::mail_report::{self, Aside, Class, MOST_BYTES, Report};
use crate::storage::{Lane, Store};
use crate::vault::Vault;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often it looks for new files, and how many it takes at one look.
const LOOK: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 1_000;

/// What one look found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub bounced: usize,
    pub delayed: usize,
    pub delivered: usize,
    pub relayed: usize,
    /// Read before, or of what never left.
    pub moot: usize,
    pub auto_replies: usize,
    /// To addresses that this hub never made.
    pub foreign: usize,
    /// Too long, unreadable, ordinary mail, or a report that says nothing.
    pub others: usize,
    /// Left where they were, for the next look.
    pub left: usize,
}

impl Count {
    fn aside(&mut self, why: Aside) {
        match why {
            Aside::AutoReply => self.auto_replies += 1,
            Aside::Foreign => self.foreign += 1,
            Aside::TooLong | Aside::Unreadable | Aside::Mail | Aside::Unsaid => self.others += 1,
        }
    }

    fn taken(&mut self, taken: Taken) {
        match taken {
            Taken::Recorded(Class::Bounced) => self.bounced += 1,
            Taken::Recorded(Class::Delayed) => self.delayed += 1,
            Taken::Recorded(Class::Delivered) => self.delivered += 1,
            Taken::Recorded(Class::Relayed) => self.relayed += 1,
            Taken::Known | Taken::Unsent => self.moot += 1,
            Taken::Wait => self.left += 1,
        }
    }
}

pub struct MailReports {
    store: Store,
    vault: Arc<Vault>,
    folder: PathBuf,
    stopping: watch::Receiver<bool>,
}

/// What was read of one file.
enum FileRead {
    Report(Report, Arc<Vec<u8>>),
    Aside(Aside),
    /// It is there no more: another node was quicker.
    Gone,
}

impl MailReports {
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        folder: PathBuf,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            vault,
            folder,
            stopping,
        }
    }

    /// Runs until told to stop.
    pub async fn run(self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                _ = look.tick() => {}
            }
            let count = self.read_new().await;
            if count != Count::default() {
                tracing::info!(?count, "read what came to the return paths");
            }
        }
    }

    /// Reads what is new, the oldest name first. What one file does keeps no other waiting.
    pub async fn read_new(&self) -> Count {
        let mut count = Count::default();
        let new = self.folder.join("new");
        let listed = match spawn_blocking(move || names(&new)).await {
            Ok(Ok(listed)) => listed,
            Ok(Err(fault)) => {
                tracing::error!(%fault, "mail.report_maildir cannot be read; will try again");
                return count;
            }
            Err(fault) => {
                tracing::error!(%fault, "mail.report_maildir was not read; will try again");
                return count;
            }
        };
        for name in listed {
            if *self.stopping.borrow() {
                break;
            }
            if let Err(fault) = self.take(&name, &mut count).await {
                count.left += 1;
                tracing::error!(%fault, "a file of mail.report_maildir could not be taken; will try again");
            }
        }
        count
    }

    async fn take(&self, name: &Path, count: &mut Count) -> Result<(), String> {
        let path = self.folder.join("new").join(name);
        let vault = Arc::clone(&self.vault);
        let read = spawn_blocking(move || read(&path, vault.keys().mail.as_slice()))
            .await
            .map_err(|fault| fault.to_string())?
            .map_err(|fault| fault.to_string())?;
        match read {
            FileRead::Gone => return Ok(()),
            FileRead::Aside(why) => {
                tracing::info!(%why, "a file that came to the return paths is set aside");
                count.aside(why);
            }
            FileRead::Report(report, file) => {
                let taken = self.record(report, file).await;
                let taken = taken.map_err(|fault| fault.to_string())?;
                count.taken(taken);
                if taken == Taken::Wait {
                    return Ok(());
                }
            }
        }
        let (folder, name) = (self.folder.clone(), name.to_owned());
        spawn_blocking(move || move_on(&folder, &name))
            .await
            .map_err(|fault| fault.to_string())?
            .map_err(|fault| fault.to_string())
    }

    async fn record(&self, report: Report, file: Arc<Vec<u8>>) -> Result<Taken, Error> {
        let delivery = report.delivery;
        let taken = self
            .store
            .write(Lane::Back, move |tx| record_mail_report(tx, &report, &file))
            .await?;
        tracing::info!(%delivery, ?taken, "a mail server reported");
        Ok(taken)
    }
}

/// The names in a folder, in order, as many as are taken at one look. A Maildir's writers move whole files in.
fn names(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = PathBuf::from(entry?.file_name());
        // A name with a dot in front is no mail.
        if !name.as_os_str().as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.truncate(AT_ONCE);
    Ok(names)
}

/// Reads one file, no further than a report may go; a name that leads elsewhere is not followed.
fn read(path: &Path, key: &[u8]) -> std::io::Result<FileRead> {
    let gone = |fault: &std::io::Error| fault.kind() == std::io::ErrorKind::NotFound;
    let kind = match std::fs::symlink_metadata(path) {
        Err(fault) if gone(&fault) => return Ok(FileRead::Gone),
        known => known?,
    };
    if !kind.is_file() {
        return Ok(FileRead::Aside(Aside::Unreadable));
    }
    let file = match std::fs::File::open(path) {
        Err(fault) if gone(&fault) => return Ok(FileRead::Gone),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(match mail_report::read(&bytes, key) {
        Ok(report) => FileRead::Report(report, Arc::new(bytes)),
        Err(why) => FileRead::Aside(why),
    })
}

/// From `new/` to `cur/`, marked as seen.
fn move_on(folder: &Path, name: &Path) -> std::io::Result<()> {
    let mut seen = name.as_os_str().to_owned();
    seen.push(":2,S");
    match std::fs::rename(folder.join("new").join(name), folder.join("cur").join(seen)) {
        // Another node has moved it.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}
