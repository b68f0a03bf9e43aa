//! `kairan log`: how the log of evidence stands, and what a person can do where it refuses.

use super::{CliError, Done, open, say};
use crate::actions::Error;
use crate::actions::log_refuses::refusing;
use crate::config::Settings;
use crate::domain::id::Uid;
use crate::log::journal;
use crate::log::keys::{self, LogKey, origin};
use crate::log::recover::{NotRecovered, Recovered, adopt, recover};
use crate::log::{Refusal, reconcile};
use crate::storage::Store;
use crate::storage::log::{head, latest_checkpoint, pending};
use crate::vault;
use serde_json::json;
use std::path::PathBuf;

/// Groups that are counted before it says "more".
const COUNTED: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring a restored database up from the journal; where that is not provably right, begin a successor. Stop the hub first
    Recover,
    /// Begin a journal at a signed checkpoint that a bank or an auditor holds, where this host has none
    Adopt(AdoptArgs),
}

#[derive(Debug, clap::Args)]
struct AdoptArgs {
    /// The file with the signed checkpoint
    head: PathBuf,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let (store, _vault) = open::open_founded(&settings).await?;
    let done = on_store(&settings, &args, &store).await;
    store.close();
    done
}

async fn on_store(settings: &Settings, args: &Args, store: &Store) -> Result<Done, CliError> {
    let key = LogKey::open(&settings.evidence, &settings.hub.public_host)?;
    let folder = &settings.evidence.journal;
    match &args.command {
        None => status(settings, args.json, store, &key).await,
        Some(Command::Recover) => {
            let node = Uid::from_bytes(vault::random()?);
            let done = recover(store, &key, folder, node).await.map_err(failed)?;
            say::line(format_args!("{}", told(&done)));
            Ok(Done::Well)
        }
        Some(Command::Adopt(given)) => {
            let signed = std::fs::read_to_string(&given.head)
                .map_err(|fault| CliError::file("read", &given.head, &fault))?;
            let known = adopt(store, &key, folder, &signed).await.map_err(failed)?;
            say::line(format_args!(
                "a journal of {} begins at {} entries; start the hub",
                known.origin, known.size
            ));
            Ok(Done::Well)
        }
    }
}

fn failed(fault: NotRecovered) -> CliError {
    match fault {
        NotRecovered::Action(error) => CliError::Action(error),
        other => CliError::Failed(other.to_string()),
    }
}

fn told(done: &Recovered) -> String {
    match done {
        Recovered::NothingToDo => "database and journal agree; there is nothing to recover".into(),
        Recovered::Replayed(entries) => format!(
            "{entries} entries were put back from the journal. What they speak of was not: run `kairan check`, which names it"
        ),
        Recovered::Successor(number) => format!(
            "log {number} has begun; its first entry names every known head of the one before. Hand its key to the banks (`kairan log`), and start the hub"
        ),
    }
}

/// Why the log refuses.
pub struct Refused {
    /// Stable, snake_case.
    pub code: String,
    pub detail: String,
}

/// Whether the log refuses: by how database and journal stand to each other, or by what the hub itself met. The
/// journal is read first: it never runs ahead of the database.
pub async fn standing(settings: &Settings, store: &Store) -> Result<Option<Refused>, CliError> {
    let known = match journal::last_head(&settings.evidence.journal) {
        Ok(known) => known,
        Err(fault) => return Ok(Some(refused(&Refusal::Journal(fault.to_string())))),
    };
    let host = settings.hub.public_host.clone();
    let (agreed, event) = store
        .read(move |tx| {
            let origin = origin(&host, head(tx)?.log);
            Ok::<_, Error>((reconcile(tx, &origin, known.as_ref())?, refusing(tx)?))
        })
        .await?;
    let met = event.map(|event| Refused {
        detail: format!(
            "the hub met {} at {} and has not gone on since; start it, and read what it logs",
            event.code, event.recorded_at
        ),
        code: event.code,
    });
    Ok(agreed.as_ref().err().map(refused).or(met))
}

fn refused(refusal: &Refusal) -> Refused {
    Refused {
        code: refusal.code().into(),
        detail: refusal.to_string(),
    }
}

/// During a handover, what to do when.
fn signed_by(vkeys: &[String], next: Option<&str>) -> String {
    match (vkeys, next) {
        ([before, after], _) => format!(
            ", keys {before} and {after}: both sign; when a backup holds this, name the file of the second in evidence.key_file, and none in evidence.next_key_file"
        ),
        (_, Some(next)) => format!(
            ", key {}: {next} takes over once the hub runs",
            vkeys.concat()
        ),
        ([own], None) => format!(", key {own}"),
        _ => String::new(),
    }
}

async fn status(
    settings: &Settings,
    in_json: bool,
    store: &Store,
    key: &LogKey,
) -> Result<Done, CliError> {
    let own = key.clone();
    let (head, checkpoint, waiting, signing) = store
        .read(move |tx| {
            let head = head(tx)?;
            let checkpoint = latest_checkpoint(tx, head.log)?;
            let signing = keys::signing(tx, &own, &head)?;
            Ok::<_, Error>((head, checkpoint, pending(tx, COUNTED)?.len(), signing))
        })
        .await?;
    let unfit = signing.as_ref().err().map(refused);
    // What the files hold now says more than what the hub met when it last looked.
    let refused = match (standing(settings, store).await?, unfit) {
        (Some(met), Some(unfit)) if met.code == unfit.code => Some(unfit),
        (met, unfit) => met.or(unfit),
    };
    let vkeys = signing
        .as_ref()
        .map_or(Vec::new(), |signing| signing.vkeys());
    let next = signing.ok().and_then(|signing| signing.announces());
    let next = next.map(|(_, after)| after);
    if in_json {
        say::json(&json!({
            "origin": key.origin(head.log),
            "vkeys": vkeys,
            "next_vkey": next,
            "entries": head.size,
            "published": checkpoint.as_ref().map_or(0, |row| row.size),
            "groups_waiting": waiting,
            "refuses": refused.as_ref().map(|refused| json!({
                "code": refused.code,
                "detail": refused.detail,
            })),
        }));
    } else {
        say::line(format_args!(
            "{}: {} entries{}",
            key.origin(head.log),
            head.size,
            signed_by(&vkeys, next.as_deref())
        ));
        match &checkpoint {
            Some(row) => say::line(format_args!(
                "newest checkpoint: {} entries, {}; transactions waiting: {waiting}",
                row.size, row.recorded_at
            )),
            None => say::line(format_args!(
                "nothing is published yet; transactions waiting: {waiting}"
            )),
        }
        if let Some(refused) = &refused {
            say::line(format_args!("the log refuses: {}", refused.detail));
        }
    }
    Ok(if refused.is_some() {
        Done::LogRefuses
    } else {
        Done::Well
    })
}
