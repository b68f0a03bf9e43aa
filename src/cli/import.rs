//! `kairan import`: the register from a file, all or nothing. The secrets of new endpoints exist in clear
//! only in what this writes, so nothing is imported before it is known where they go.

use super::{CliError, Done, open, say};
use crate::actions::Error;
use crate::actions::import_banks::{Imported, import_banks};
use crate::config::Settings;
use crate::domain::fault::Faults;
use crate::storage::Lane;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Banks with contacts and endpoints from a CSV file: all of them, or none and every fault by line and column
    Banks(BanksArgs),
}

#[derive(Debug, clap::Args)]
struct BanksArgs {
    /// The CSV file, UTF-8, with a header
    csv: PathBuf,
    /// Tell what would happen, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON, with the secrets of new endpoints unless --secrets-out takes them
    #[arg(long)]
    json: bool,
    /// A new file for the secrets of new endpoints, readable by you alone
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    secrets_out: Option<PathBuf>,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let Command::Banks(args) = args.command;
    let csv =
        std::fs::read(&args.csv).map_err(|fault| CliError::file("read", &args.csv, &fault))?;
    let mut secrets_file = match &args.secrets_out {
        Some(path) => Some(SecretsFile::create(path)?),
        None => None,
    };
    let imported = match store_banks(&settings, &args, csv).await {
        Err(CliError::Action(Error::Invalid(faults))) => return Err(refused(&args, &faults)),
        result => result?,
    };
    if let Some(file) = &mut secrets_file {
        file.fill(&imported)?;
    }
    report(&args, &imported);
    Ok(Done::Well)
}

async fn store_banks(
    settings: &Settings,
    args: &BanksArgs,
    csv: Vec<u8>,
) -> Result<Imported, CliError> {
    let rules = open::rules(settings)?;
    let (store, _vault) = open::open_founded(settings).await?;
    let (dry_run, has_place) = (args.dry_run, args.json || args.secrets_out.is_some());
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner().with_message(format!("importing {}", args.csv.display()));
    bar.enable_steady_tick(Duration::from_millis(100));
    let work = move |tx: &mut crate::storage::Tx<'_>| {
        let imported = import_banks(tx, &rules, &csv, dry_run)?;
        if !has_place && imported.banks.iter().any(|bank| bank.secret.is_some()) {
            let message = "the file brings new endpoints, whose secrets are shown only once; nothing was stored; \
                           say with --secrets-out FILE (or --json) where they go";
            return Err(CliError::Usage(message.to_owned()));
        }
        Ok(imported)
    };
    let result = store.write(Lane::Front, work).await;
    bar.finish_and_clear();
    store.close();
    result
}

/// The file for the secrets, made before anything is imported; gone again if none went in.
struct SecretsFile {
    path: PathBuf,
    file: File,
    is_filled: bool,
}

impl SecretsFile {
    fn create(path: &Path) -> Result<Self, CliError> {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|fault| CliError::file("make the secrets file", path, &fault))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_filled: false,
        })
    }

    fn fill(&mut self, imported: &Imported) -> Result<(), CliError> {
        let secrets = secrets(imported);
        if secrets.is_empty() {
            return Ok(());
        }
        let text = format!("{:#}\n", Value::Array(secrets));
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all());
        written.map_err(|fault| {
            let path = self.path.display();
            CliError::Failed(format!(
                "the banks are imported, but {path} could not be written ({fault}); rotate the secret of each new endpoint"
            ))
        })?;
        self.is_filled = true;
        Ok(())
    }
}

impl Drop for SecretsFile {
    fn drop(&mut self) {
        if !self.is_filled {
            // An empty file left behind harms nobody.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn secrets(imported: &Imported) -> Vec<Value> {
    let with_secret = imported
        .banks
        .iter()
        .filter_map(|bank| Some((&bank.code, bank.secret.as_ref()?)));
    with_secret
        .map(|(code, secret)| json!({ "bank": code, "secret": secret }))
        .collect()
}

fn report(args: &BanksArgs, imported: &Imported) {
    let count = |code: &str| {
        imported
            .banks
            .iter()
            .filter(|bank| bank.effect.code() == code)
            .count()
    };
    if args.json {
        let banks: Vec<_> = imported
            .banks
            .iter()
            .map(|bank| json!({ "line": bank.line, "code": bank.code, "effect": bank.effect.code() }))
            .collect();
        let mut answer = json!({ "stored": !args.dry_run, "banks": banks, "roster_version": imported.roster_version });
        if args.secrets_out.is_none() && !args.dry_run {
            answer["secrets"] = Value::Array(secrets(imported));
        }
        say::json(&answer);
        return;
    }
    for bank in imported
        .banks
        .iter()
        .filter(|bank| bank.effect.code() != "unchanged")
    {
        say::line(format_args!(
            "line {}: {} {}",
            bank.line,
            bank.code,
            bank.effect.code()
        ));
    }
    let (added, amended, unchanged) = (count("added"), count("amended"), count("unchanged"));
    let last = match imported.roster_version {
        Some(version) => format!("roster version {version} is in force"),
        None => "nothing was stored".to_owned(),
    };
    say::line(format_args!(
        "{added} added, {amended} amended, {unchanged} unchanged; {last}"
    ));
    if let Some(path) = args
        .secrets_out
        .as_ref()
        .filter(|_| !secrets(imported).is_empty())
    {
        say::note(format_args!(
            "hand over the secrets in {}, then delete it: they are shown nowhere else",
            path.display()
        ));
    }
}

/// Each fault already names its line and column.
fn refused(args: &BanksArgs, faults: &Faults) -> CliError {
    if args.json {
        say::json(&json!({ "stored": false, "faults": faults.0 }));
    }
    let path = args.csv.display();
    let mut text = format!(
        "{path} has {} faults; mend them and import it again; nothing was stored:",
        faults.0.len()
    );
    for fault in &faults.0 {
        text.push_str(&format!("\n  {} ({})", fault.message, fault.code));
    }
    CliError::Failed(text)
}
