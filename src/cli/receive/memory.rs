//! What a bank keeps, in one folder, in files that a person can read: every webhook as it came, what was
//! received and confirmed (`received`, a line of JSON each), the heads, its own signed notes, and evidence.
//! Append-only; what a crash cut off at an end is dropped at the next start, for nothing was answered on it.

use super::heads::{self, Heads, Standing};
use super::judge::{Kept, Known};
use crate::cli::CliError;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::json;
use crate::domain::proof::heads::SignedHead;
use crate::domain::proof::log_keys::LogKeys;
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One line of `received`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum Line {
    /// A webhook without a notice, or one whose notice had come.
    Webhook { id: String, at: String },
    Notice {
        id: String,
        at: String,
        notice: Uid,
        number: i64,
        digest: Digest,
        /// The signed checkpoint of its proof.
        checkpoint: Option<String>,
    },
    /// The proof of an unsealed notice came.
    Proven { number: i64, at: String },
    Acknowledged {
        number: i64,
        at: String,
        class: String,
    },
}

const HANDOVERS: &str = "handovers.json";

/// An open folder.
pub struct Memory {
    pub known: Known,
    folder: PathBuf,
    received: File,
    heads: File,
}

impl Memory {
    /// Opens the folder, which is made if there is none, and reads all that is known. `keys` are those of the log
    /// that were handed over.
    pub fn open(folder: &Path, keys: &LogKeys) -> Result<Self, CliError> {
        let failed = |fault: std::io::Error| CliError::file("use the folder", folder, &fault);
        for part in ["", "webhooks", "acknowledgements", "evidence"] {
            let made = DirBuilder::new().mode(0o700).create(folder.join(part));
            match made {
                Err(fault) if fault.kind() != ErrorKind::AlreadyExists => {
                    return Err(failed(fault));
                }
                _ => {}
            }
        }
        let damaged = |name: &str| {
            CliError::Failed(format!(
                "{} cannot be read to its end: it was changed, or kept under another key of the log; put it right, or begin a new folder",
                folder.join(name).display()
            ))
        };
        let kept = read_handovers(&folder.join(HANDOVERS))?;
        let learned = kept.and_then(|kept| Some((keys.with(&kept).ok()?, kept)));
        let (keys, handovers) = learned.ok_or_else(|| damaged(HANDOVERS))?;
        let (heads, text) = open_file(&folder.join("heads"))?;
        let (remembered, whole) =
            heads::read_blocks(&text, &keys).ok_or_else(|| damaged("heads"))?;
        cut(&heads, whole).map_err(failed)?;
        let (received, text) = open_file(&folder.join("received"))?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut known =
            read_lines(&text[..whole], remembered, &keys).ok_or_else(|| damaged("received"))?;
        known.handovers = handovers;
        cut(&received, whole).map_err(failed)?;
        Ok(Self {
            known,
            folder: folder.to_owned(),
            received,
            heads,
        })
    }

    /// Keeps how the log's key was handed on.
    pub fn keep_handovers(&mut self, fresh: Vec<String>) -> std::io::Result<()> {
        let all = [self.known.handovers.clone(), fresh].concat();
        self.write_whole(HANDOVERS, &json::canonical(&all))?;
        self.known.handovers = all;
        Ok(())
    }

    /// Keeps a webhook that carried nothing new.
    pub fn keep_webhook(&mut self, id: &str, body: &[u8], at: Instant) -> std::io::Result<()> {
        self.write_whole(&webhook_file(id), body)?;
        self.append(&Line::Webhook {
            id: id.to_owned(),
            at: at.to_millis_string(),
        })?;
        self.known.seen.insert(id.to_owned());
        Ok(())
    }

    /// Keeps a notice; once this returns, it survives a crash.
    pub fn keep_notice(&mut self, kept: Kept, body: &[u8], at: Instant) -> std::io::Result<()> {
        self.write_whole(&webhook_file(&kept.webhook), body)?;
        self.append(&Line::Notice {
            id: kept.webhook.clone(),
            at: at.to_millis_string(),
            notice: kept.notice,
            number: kept.number,
            digest: kept.digest,
            checkpoint: kept.head.as_ref().map(|head| head.note.clone()),
        })?;
        self.known.seen.insert(kept.webhook.clone());
        self.known.notices.insert(kept.number, kept);
        Ok(())
    }

    pub fn keep_proven(&mut self, number: i64, at: Instant) -> std::io::Result<()> {
        self.append(&Line::Proven {
            number,
            at: at.to_millis_string(),
        })?;
        if let Some(kept) = self.known.notices.get_mut(&number) {
            kept.is_proven = true;
        }
        Ok(())
    }

    pub fn keep_acknowledged(
        &mut self,
        number: i64,
        class: &str,
        at: Instant,
    ) -> std::io::Result<()> {
        self.append(&Line::Acknowledged {
            number,
            at: at.to_millis_string(),
            class: class.to_owned(),
        })?;
        if let Some(kept) = self.known.notices.get_mut(&number) {
            kept.is_acknowledged = true;
        }
        Ok(())
    }

    pub fn keep_head(
        &mut self,
        standing: Standing,
        head: SignedHead,
        at: Instant,
    ) -> std::io::Result<()> {
        let block = heads::block(standing, &at.to_millis_string(), &head);
        self.heads.write_all(block.as_bytes())?;
        self.heads.sync_data()?;
        self.known.heads.remember(standing, head);
        Ok(())
    }

    /// Writes two heads that do not agree each into a file of its own: together they prove it to anyone.
    pub fn keep_fork(
        &mut self,
        one: &SignedHead,
        other: &SignedHead,
    ) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for head in [one, other] {
            let checkpoint = &head.checkpoint;
            let root = hex::encode(&checkpoint.root[..8]);
            let file = format!("evidence/head-{}-{root}.checkpoint", checkpoint.size);
            self.write_whole(&file, head.note.as_bytes())?;
            files.push(self.folder.join(file));
        }
        Ok(files)
    }

    /// Keeps what was signed by the hub and does not hold.
    pub fn keep_evidence(&mut self, name: &str, body: &[u8]) -> std::io::Result<PathBuf> {
        let file = format!("evidence/{name}.json");
        self.write_whole(&file, body)?;
        Ok(self.folder.join(file))
    }

    /// A webhook's body as it came.
    pub fn webhook(&self, id: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.folder.join(webhook_file(id)))
    }

    /// What was signed for a notice, if anything was.
    pub fn note(&self, number: i64) -> Option<String> {
        std::fs::read_to_string(self.folder.join(note_file(number))).ok()
    }

    pub fn keep_note(&mut self, number: i64, note: &str) -> std::io::Result<()> {
        self.write_whole(&note_file(number), note.as_bytes())
    }

    fn append(&mut self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.received.write_all(text.as_bytes())?;
        self.received.sync_data()
    }

    /// The file is there whole, or not at all.
    fn write_whole(&self, file: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.folder.join(file);
        let half = path.with_extension("half");
        let mut options = OpenOptions::new();
        let mut open = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&half)?;
        open.write_all(bytes)?;
        open.sync_data()?;
        std::fs::rename(&half, &path)?;
        File::open(path.parent().unwrap_or(&self.folder))?.sync_data()
    }
}

/// None where there is no file; `None` where it is not ours.
fn read_handovers(path: &Path) -> Result<Option<Vec<String>>, CliError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(json::parse(&bytes).ok()),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(Some(Vec::new())),
        Err(fault) => Err(CliError::file("read", path, &fault)),
    }
}

fn webhook_file(id: &str) -> String {
    format!("webhooks/{id}.json")
}

fn note_file(number: i64) -> String {
    format!("acknowledgements/{number}.note")
}

fn open_file(path: &Path) -> Result<(File, String), CliError> {
    let failed = |fault: std::io::Error| CliError::file("use", path, &fault);
    let mut options = OpenOptions::new();
    let file = options
        .append(true)
        .read(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    // A crash may cut inside a character.
    let bytes = std::fs::read(path).map_err(failed)?;
    Ok((file, String::from_utf8_lossy(&bytes).into_owned()))
}

fn cut(file: &File, whole: usize) -> std::io::Result<()> {
    let whole = u64::try_from(whole).unwrap_or(u64::MAX);
    if file.metadata()?.len() > whole {
        file.set_len(whole)?;
    }
    Ok(())
}

/// `None` where a line is none of ours.
fn read_lines(text: &str, heads: Heads, keys: &LogKeys) -> Option<Known> {
    let mut known = Known {
        heads,
        ..Known::default()
    };
    for line in text.lines() {
        match serde_json::from_str(line).ok()? {
            Line::Webhook { id, .. } => _ = known.seen.insert(id),
            Line::Notice {
                id,
                notice,
                number,
                digest,
                checkpoint,
                ..
            } => {
                let head = match checkpoint {
                    Some(note) => Some(heads::open(&note, keys)?),
                    None => None,
                };
                known.seen.insert(id.clone());
                let kept = Kept {
                    webhook: id,
                    notice,
                    number,
                    digest,
                    is_proven: head.is_some(),
                    head,
                    is_acknowledged: false,
                };
                known.notices.insert(number, kept);
            }
            Line::Proven { number, .. } => known.notices.get_mut(&number)?.is_proven = true,
            Line::Acknowledged { number, .. } => {
                known.notices.get_mut(&number)?.is_acknowledged = true;
            }
        }
    }
    Some(known)
}
