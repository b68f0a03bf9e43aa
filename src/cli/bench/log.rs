//! Scene `log`: what the log costs. Appending an incident's entries, for few banks and for many; proofs out of a
//! log of many entries; and the offline judgement of a whole one. No hub runs; the sequencer, the database and the
//! journal are the hub's own.

mod appending;
mod made;
mod proving;
mod verifying;

use super::figures::{Outcome, Series, Sound};
use super::ground::Folder;
use super::{Place, machine, progress};
use crate::cli::{CliError, Done};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Entries of the logs that are proven from and judged
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    entries: u64,
    /// Banks that an incident is appended for
    #[arg(long, value_delimiter = ',', default_values_t = [35, 3_500], value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: Vec<u16>,
    /// Incidents appended for each number of banks, one after the other
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    incidents: u16,
    /// Proofs of either kind
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    proofs: u16,
    /// Judgements of the whole log
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: &Args) -> Result<Done, CliError> {
    let place = &args.place;
    let mut outcome = Outcome {
        scene: "log",
        parameters: json!({
            "entries": args.entries,
            "banks": args.banks,
            "incidents": args.incidents,
            "proofs": args.proofs,
            "repeat": args.repeat,
        }),
        machine: machine::facts(&place.folder()),
        database: place.kind(),
        figures: Vec::new(),
        processes: None,
        failures: Vec::new(),
        sound: Sound::Log,
    };
    let bar = progress("log", args.banks.len() as u64 + 1 + u64::from(args.repeat));
    for banks in &args.banks {
        let appended = appending::measure(place, usize::from(*banks), args.incidents).await?;
        outcome.figures.push((format!("{banks} banks"), appended));
        bar.inc(1);
    }
    let proven = proving::measure(place, args.entries, args.proofs).await?;
    let group = format!("{} entries", args.entries);
    outcome.figures.push((group, proven));
    bar.inc(1);
    let folder = Folder::make(&place.folder())?;
    let export = made::export(folder.path(), args.entries)?;
    let mut judged = verifying::Figures::default();
    for _ in 0..args.repeat {
        judged.measure(&export, &mut outcome.failures).await?;
        bar.inc(1);
    }
    outcome.figures.push(("verify log".into(), judged.named()));
    let mut peak = Series::default();
    peak.add(machine::used(std::process::id()).peak_kib as f64 / 1_024.0);
    let sequencer = vec![("peak_mib", peak)];
    outcome
        .figures
        .push(("appending, proving".into(), sequencer));
    bar.finish_and_clear();
    outcome.close(place.json)
}
