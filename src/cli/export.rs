//! `kairan export`: what is carried away. The log as files of C2SP tlog-tiles, which whoever has no hub can
//! check, or the evidence of one incident or bank. Page by page, so that its size does not matter; the checkpoint last, so that a folder with a
//! checkpoint is whole.

mod evidence;

use super::{CliError, Done, open, say};
use crate::actions;
use crate::actions::log_keys;
use crate::actions::read_log::{self, File as Exported};
use crate::config::Settings;
use crate::domain::json;
use crate::domain::proof::log_keys::{HANDOVERS_FILE, LogKeys};
use crate::log::keys::{LogKey, believed};
use crate::merkle::note::VerifierKey;
use crate::merkle::tile::{self, Bundle, Tile};
use crate::storage::log::CheckpointRow;
use crate::storage::{Store, Tx};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Bundles, or tiles, that one reading takes: 1 024 entries of 4 KiB at the most.
const PAGE: usize = 4;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The log up to its newest checkpoint, as C2SP tlog-tiles, with the lists that its entries commit to
    ///
    /// Where another log went before, which could not be continued, only the current one is exported.
    Log(LogArgs),
    /// All that one incident, or one bank, has left in the record, to be verified offline
    Evidence(evidence::Args),
}

#[derive(Debug, clap::Args)]
struct LogArgs {
    /// A new or empty folder, or an earlier export of the same log, which is then brought up to date
    dir: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    match args.command {
        Command::Log(args) => export_log(settings, args).await,
        Command::Evidence(args) => evidence::run(settings, args).await,
    }
}

async fn export_log(settings: Settings, args: LogArgs) -> Result<Done, CliError> {
    let key = LogKey::open(&settings.evidence, &settings.hub.public_host)?;
    let (store, _vault) = open::open_founded(&settings).await?;
    let exported = Export::all(&store, &key, &args.dir).await;
    store.close();
    let export = exported?;
    let size = export.published.size;
    if args.json {
        say::json(&json!({
            "dir": args.dir.display().to_string(),
            "origin": export.vkey.name().as_str(),
            "size": size,
            "entries_before": export.before,
            "vkey": export.vkey.to_string(),
        }));
    } else {
        let (dir, vkey) = (args.dir.display(), &export.vkey);
        say::line(format_args!(
            "{size} entries of the log in {dir}; {} of them were there before",
            export.before
        ));
        say::line(format_args!("verifier key: {vkey}"));
    }
    Ok(Done::Well)
}

struct Export<'a> {
    store: &'a Store,
    folder: &'a Path,
    published: CheckpointRow,
    /// The key that the log began with; the others follow from it by the handovers.
    vkey: VerifierKey,
    keys: LogKeys,
    handovers: Vec<String>,
    /// Entries that an earlier export holds.
    before: u64,
}

impl<'a> Export<'a> {
    async fn all(store: &'a Store, key: &LogKey, folder: &'a Path) -> Result<Self, CliError> {
        let published = store.read(read_log::newest).await?.ok_or_else(|| {
            CliError::Failed(
                "the log has no checkpoint yet: start the hub with `kairan serve`, then try again"
                    .to_owned(),
            )
        })?;
        let foreign = |fault: &dyn std::fmt::Display| {
            CliError::Failed(format!(
                "the newest checkpoint is not signed by the key in evidence.key_file ({fault}): put the right file there, and check hub.public_url"
            ))
        };
        let (own, log, size) = (key.clone(), published.log, published.size);
        let (keys, handovers) = store
            .read(move |tx| {
                let handovers = log_keys::handovers(tx, log, size)?;
                Ok::<_, actions::Error>((believed(tx, &own, log)?, handovers))
            })
            .await?;
        let keys = keys.ok_or_else(|| foreign(&"the log names others"))?;
        keys.open(&published.note)
            .map_err(|fault| foreign(&fault))?;
        let vkey = store.read(move |tx| log_keys::first(tx, log)).await?;
        let mut export = Self {
            store,
            folder,
            published,
            vkey,
            keys,
            handovers,
            before: 0,
        };
        export.before = export.prepare().await?;
        export.write_all().await?;
        Ok(export)
    }

    /// Makes the folder, or finds an earlier export in it; returns how many entries that holds.
    async fn prepare(&self) -> Result<u64, CliError> {
        let folder = self.folder;
        make_folder(folder)?;
        let mut inside =
            std::fs::read_dir(folder).map_err(|fault| CliError::file("read", folder, &fault))?;
        let vkey = format!("{}\n", self.vkey);
        if inside.next().is_none() {
            self.write("kairan/vkey", vkey.as_bytes())?;
            return Ok(0);
        }
        if read(&folder.join("kairan/vkey"))?.as_deref() != Some(&vkey) {
            return Err(CliError::Usage(format!(
                "{} is not empty, and no earlier export of {}; nothing was written there; name another folder",
                folder.display(),
                self.vkey.name().as_str()
            )));
        }
        match read(&folder.join("checkpoint"))? {
            // One that was broken off is written anew.
            None => Ok(0),
            Some(note) => self.continued(&note).await,
        }
    }

    /// Whether the log that stood at this checkpoint is the beginning of ours.
    async fn continued(&self, note: &str) -> Result<u64, CliError> {
        let other = |what: String| {
            CliError::Failed(format!(
                "{what}; nothing was written there: keep {} as it is, it may be evidence, and name another folder",
                self.folder.display()
            ))
        };
        let earlier = self
            .keys
            .open(note)
            .map_err(|fault| other(format!("the earlier export's checkpoint: {fault}")))?;
        let (log, size, now) = (self.published.log, earlier.size, self.published.size);
        if size > now.unsigned_abs() {
            return Err(other(format!(
                "the earlier export has {size} entries, and the log {now}"
            )));
        }
        let root = self
            .store
            .read(move |tx| read_log::root_at(tx, log, size))
            .await?;
        if root != earlier.root {
            return Err(other(format!(
                "at {size} entries the earlier export and the log differ"
            )));
        }
        Ok(size)
    }

    async fn write_all(&self) -> Result<(), CliError> {
        let (before, size) = (self.before, self.published.size.unsigned_abs());
        if before == size {
            return Ok(());
        }
        let bundles =
            || tile::bundles(size).filter(move |one| !(one.is_full() && one.is_in(before)));
        let tiles = || tile::tiles(size).filter(move |one| !(one.is_full() && one.is_in(before)));
        let bar = bar(bundles().count() + tiles().count());
        let log = self.published.log;
        let written = async {
            self.write_pages(&bar, bundles(), move |tx, page: &[Bundle]| {
                read_log::entry_files(tx, log, page)
            })
            .await?;
            self.write_pages(&bar, tiles(), move |tx, page: &[Tile]| {
                read_log::tile_files(tx, log, page)
            })
            .await
        };
        let written = written.await;
        bar.finish_and_clear();
        written?;
        if !self.handovers.is_empty() {
            self.write(HANDOVERS_FILE, &json::canonical(&self.handovers))?;
        }
        self.publish()?;
        self.remove_outgrown()
    }

    async fn write_pages<T: Clone + Send + 'static>(
        &self,
        bar: &ProgressBar,
        mut wanted: impl Iterator<Item = T>,
        files: impl Fn(&mut Tx<'_>, &[T]) -> Result<Vec<Exported>, actions::Error>
        + Clone
        + Send
        + 'static,
    ) -> Result<(), CliError> {
        loop {
            let page: Vec<T> = wanted.by_ref().take(PAGE).collect();
            if page.is_empty() {
                return Ok(());
            }
            let (count, files) = (page.len() as u64, files.clone());
            for file in self.store.read(move |tx| files(tx, &page)).await? {
                self.write(&file.path, &file.content)?;
            }
            bar.inc(count);
        }
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), CliError> {
        let path = self.folder.join(path);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        std::fs::write(&path, content).map_err(|fault| CliError::file("write", &path, &fault))
    }

    /// Writes the checkpoint, whole or not at all, once everything below it is on the disk.
    fn publish(&self) -> Result<(), CliError> {
        let (fresh, path) = (
            self.folder.join("checkpoint.new"),
            self.folder.join("checkpoint"),
        );
        let written = || {
            let mut file = File::create(&fresh)?;
            file.write_all(self.published.note.as_bytes())?;
            rustix::fs::syncfs(&file)?;
            std::fs::rename(&fresh, &path)?;
            File::open(self.folder)?.sync_all()
        };
        written().map_err(|fault| CliError::file("write", &path, &fault))
    }

    /// Takes away the partial tiles of the earlier export that longer ones have replaced.
    fn remove_outgrown(&self) -> Result<(), CliError> {
        let partial = |size| {
            let bundles = tile::bundles(size).filter(|one| !one.is_full());
            let tiles = tile::tiles(size).filter(|one| !one.is_full());
            bundles
                .map(|one| one.path())
                .chain(tiles.map(|one| one.path()))
                .collect::<HashSet<String>>()
        };
        let now = partial(self.published.size.unsigned_abs());
        for path in partial(self.before).difference(&now) {
            let path = self.folder.join(path);
            match std::fs::remove_file(&path) {
                Err(fault) if fault.kind() != ErrorKind::NotFound => {
                    return Err(CliError::file("remove", &path, &fault));
                }
                _ => {}
            }
            // Its folder goes with the last one.
            let _ = path.parent().map(std::fs::remove_dir);
        }
        Ok(())
    }
}

/// Entries show who has not acknowledged: a folder that is made here is its owner's alone.
fn make_folder(folder: &Path) -> Result<(), CliError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|fault| CliError::file("make the folder", folder, &fault))
}

/// `None` = there is no such file.
fn read(path: &Path) -> Result<Option<String>, CliError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(CliError::file("read", path, &fault)),
    }
}

/// Drawn on a terminal only.
fn bar(files: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("exporting {bar:30} {pos}/{len} tiles, {eta} left");
    ProgressBar::new(files as u64).with_style(style.expect("the template is a constant"))
}
