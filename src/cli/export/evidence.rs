//! `kairan export evidence`: the evidence pack of an incident or a bank as a zip file, by the same steps as over
//! HTTP. The file is there whole or not at all, and never takes the place of another.

use crate::actions::pack_evidence::{self, Archive, Packing};
use crate::cli::{CliError, Done, open, say};
use crate::config::Settings;
use crate::storage::Store;
use crate::templates::Templates;
use indicatif::ProgressBar;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, clap::Subcommand)]
enum Of {
    /// All that one incident has left in the record
    Incident {
        /// Like INC-2019-0003
        reference: String,
        #[command(flatten)]
        to: To,
    },
    /// All that one bank has been told
    Bank {
        /// The bank's code
        code: String,
        #[command(flatten)]
        to: To,
    },
}

#[derive(Debug, clap::Args)]
struct To {
    /// The zip file to be made; one that is there is not overwritten
    file: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let templates = Templates::load()
        .map_err(|fault| CliError::Failed(format!("the texts cannot be read: {fault}")))?;
    let rules = open::rules(&settings)?;
    let (store, _vault) = open::open_founded(&settings).await?;
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner().with_message("packing");
    bar.enable_steady_tick(Duration::from_millis(100));
    let (plan, to) = match args.of {
        Of::Incident { reference, to } => {
            let plan = store
                .read(move |tx| pack_evidence::of_incident(tx, &rules, &templates, &reference));
            (plan.await, to)
        }
        Of::Bank { code, to } => {
            let plan = store.read(move |tx| pack_evidence::of_bank(tx, &rules, &templates, &code));
            (plan.await, to)
        }
    };
    let packed = match plan {
        Ok(packing) => pack(&store, packing, &to.file).await,
        Err(fault) => Err(fault.into()),
    };
    bar.finish_and_clear();
    store.close();
    let bytes = packed?;
    let file = to.file.display().to_string();
    if to.json {
        say::json(&json!({ "file": file, "bytes": bytes }));
    } else {
        say::line(format_args!(
            "{file}: {bytes} bytes; its README.txt says how to verify it"
        ));
    }
    Ok(Done::Well)
}

/// Returns the length of the file. What was begun and could not be finished is taken away again.
async fn pack(store: &Store, packing: Packing, path: &Path) -> Result<u64, CliError> {
    // Names say nothing of persons, but show who has not acknowledged: the file is its owner's alone.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|fault| CliError::file("make the file", path, &fault))?;
    let written = write(store, packing, file, path).await;
    if written.is_err() {
        // The error that led here says more than one of this.
        let _ = std::fs::remove_file(path);
    }
    written
}

async fn write(
    store: &Store,
    mut packing: Packing,
    mut file: File,
    path: &Path,
) -> Result<u64, CliError> {
    let failed = |fault: &std::io::Error| CliError::file("write", path, fault);
    let broken = |fault: zip::result::ZipError| CliError::Failed(format!("{fault}; report this"));
    let mut archive = Archive::default();
    let mut length = 0;
    let mut put = |bytes: Vec<u8>| {
        length += bytes.len() as u64;
        file.write_all(&bytes).map_err(|fault| failed(&fault))
    };
    loop {
        put(archive.add(packing.take()).map_err(broken)?)?;
        let Some(step) = packing.step() else { break };
        packing.add(store.read(move |tx| step.gather(tx)).await?);
    }
    put(archive.finish().map_err(broken)?)?;
    file.sync_all().map_err(|fault| failed(&fault))?;
    Ok(length)
}
