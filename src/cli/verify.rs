//! `kairan verify`: judges evidence offline, with files and the log's key alone: no database, no network, no
//! settings. Owns the reading of files and the words; every rule is in `domain/proof/`.

mod certificate;
mod checkpoints;
mod export;
mod incident;
mod log;
mod notice;
mod report;

use super::{CliError, Done};
use crate::domain::proof::Unreadable;
use crate::domain::proof::log_keys::LogKeys;
use crate::merkle::note::VerifierKey;
use report::Report;
use std::path::{Path, PathBuf};

const CODES: &str = "Exit codes:
  0  sound
  1  broken: do not rely on it
  2  an input cannot be used
  3  sound, but something that it needs is missing";

/// Evidence on paper is small; nothing longer is read into memory.
const MAX_FILE: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = CODES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Notices: saved webhook bodies, or .tlog-proof files from mails
    #[command(after_help = CODES)]
    Notice(FilesArgs),
    /// Completeness bundles: whether every bank on the roster was addressed, and who confirmed
    #[command(after_help = CODES)]
    Incident(FilesArgs),
    /// Certificates: what a bank had been told on a date; give the hub's certificate key
    #[command(after_help = CODES)]
    Certificate(CertificatesArgs),
    /// Signed heads of one log, held against each other
    #[command(after_help = CODES)]
    Checkpoints(CheckpointsArgs),
    /// A whole log, as exported
    #[command(after_help = CODES)]
    Log(LogArgs),
}

#[derive(Debug, clap::Args)]
struct FilesArgs {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The verifier key that was handed over out of band, or a file with it
    #[arg(long, value_name = "VKEY")]
    key: String,
    #[command(flatten)]
    handovers: HandoversArgs,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct CertificatesArgs {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The hub's certificate key, or a file with it
    #[arg(long, value_name = "VKEY")]
    key: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct HandoversArgs {
    /// How the log's key was handed on, as a file of an export or a pack tells; needed only where the evidence is older, or newer, than the key
    #[arg(long, value_name = "FILE")]
    handovers: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CheckpointsArgs {
    /// Signed checkpoints, or notices that carry them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The verifier key that was handed over out of band, or a file with it
    #[arg(long, value_name = "VKEY")]
    key: String,
    #[command(flatten)]
    handovers: HandoversArgs,
    /// An exported log, to connect heads of different sizes
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct LogArgs {
    /// The folder of the export
    folder: PathBuf,
    /// The verifier key that was handed over out of band, or a file with it; the export's own proves nothing
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    #[command(flatten)]
    handovers: HandoversArgs,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Ends with 0 or 3, or fails with 1 or 2 after the report.
pub fn run(args: Args) -> Result<Done, CliError> {
    match args.command {
        Command::Notice(args) => each(args, notice::judge),
        Command::Incident(args) => each(args, incident::judge),
        Command::Certificate(args) => certificates(args),
        Command::Checkpoints(args) => {
            let keys = keys(key(&args.key)?, &args.handovers)?;
            let report = checkpoints::judge(&args.files, args.log.as_deref(), &keys);
            report::tell(&[report], args.json)
        }
        Command::Log(args) => {
            let given = args.key.as_deref().map(key).transpose()?;
            let report = log::judge(&args.folder, given, &args.handovers)?;
            report::tell(&[report], args.json)
        }
    }
}

/// Every file is judged, whatever the others are.
fn each(
    args: FilesArgs,
    judge: fn(&[u8], &LogKeys, &mut Report) -> Result<(), Unreadable>,
) -> Result<Done, CliError> {
    let keys = keys(key(&args.key)?, &args.handovers)?;
    each_under(&args.files, args.json, |bytes, report| {
        judge(bytes, &keys, report)
    })
}

fn certificates(args: CertificatesArgs) -> Result<Done, CliError> {
    let key = key(&args.key)?;
    each_under(&args.files, args.json, |bytes, report| {
        certificate::judge(bytes, &key, report)
    })
}

fn each_under(
    files: &[PathBuf],
    in_json: bool,
    judge: impl Fn(&[u8], &mut Report) -> Result<(), Unreadable>,
) -> Result<Done, CliError> {
    let judged = files.iter().map(|path| {
        let mut report = Report::of(path.display().to_string());
        let outcome = read(path).and_then(|bytes| judge(&bytes, &mut report));
        if let Err(Unreadable(why)) = outcome {
            report.unusable(why);
        }
        report
    });
    report::tell(&judged.collect::<Vec<_>>(), in_json)
}

/// A whole file of bounded length.
fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let told = |fault: std::io::Error| Unreadable(format!("cannot be read: {fault}"));
    let length = std::fs::metadata(path).map_err(told)?.len();
    if length > MAX_FILE {
        return Err(Unreadable(format!("longer than {} MiB", MAX_FILE >> 20)));
    }
    std::fs::read(path).map_err(told)
}

fn read_text(path: &Path) -> Result<String, Unreadable> {
    String::from_utf8(read(path)?).map_err(|_| Unreadable("not UTF-8".to_owned()))
}

/// What the key leads to by the handovers that are given.
fn keys(key: VerifierKey, given: &HandoversArgs) -> Result<LogKeys, CliError> {
    let Some(path) = &given.handovers else {
        return Ok(key.into());
    };
    let told = |why: &dyn std::fmt::Display| {
        CliError::Usage(format!(
            "--handovers {}: {why}; give the file of handovers as the hub exported it",
            path.display()
        ))
    };
    let list = read(path).map_err(|why| told(&why))?;
    LogKeys::from(key)
        .with_list(&list)
        .map_err(|why| told(&why))
}

/// The key itself, or the file that holds it.
fn key(given: &str) -> Result<VerifierKey, CliError> {
    let refuse = |why: &dyn std::fmt::Display| {
        CliError::Usage(format!(
            "--key {given}: {why}; give the verifier key that the operator handed over, name+id+base64, or a file with it"
        ))
    };
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let path = Path::new(given);
    if given.contains('+') && !path.exists() {
        return given.parse().map_err(|why| refuse(&why));
    }
    let text = read_text(path).map_err(|why| refuse(&why))?;
    text.trim_end().parse().map_err(|why| refuse(&why))
}
