//! A whole exported log: every entry hashed, the tree rebuilt and held against tiles and checkpoint, the
//! rules tried in order. Reads on all cores; holds a few bundles at a time, never the log.

mod bundles;
mod levels;

use super::export::Export;
use super::report::Report;
use super::{HandoversArgs, keys};
use crate::cli::CliError;
use crate::domain::proof::entries::NotAnEntry;
use crate::domain::proof::log_keys::LogKeys;
use crate::domain::proof::log_rules::{LogRules, Told};
use crate::domain::proof::{Finding, Unreadable};
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::VerifierKey;
use bundles::{Read, Seen};
use indicatif::{ProgressBar, ProgressStyle};
use levels::Levels;
use std::path::Path;

/// Findings shown; more are counted.
const SHOWN: usize = 64;

pub fn judge(
    folder: &Path,
    given: Option<VerifierKey>,
    handovers: &HandoversArgs,
) -> Result<Report, CliError> {
    let mut report = Report::of(folder.display().to_string());
    let export = Export::of(folder);
    let key = match given.map_or_else(|| own_key(&export, &mut report), Ok) {
        Ok(key) => key,
        Err(Unreadable(why)) => {
            report.unusable(why);
            return Ok(report);
        }
    };
    let keys = keys(key.clone(), handovers)?;
    if let Err(Unreadable(why)) = judge_export(&export, &key, &keys, &mut report) {
        report.unusable(why);
    }
    Ok(report)
}

fn judge_export(
    export: &Export,
    key: &VerifierKey,
    keys: &LogKeys,
    report: &mut Report,
) -> Result<(), Unreadable> {
    let Some(note) = export.text("checkpoint")? else {
        return Err(Unreadable(
            "there is no checkpoint: the folder is not an exported log".to_owned(),
        ));
    };
    let opened = export.keys(keys)?.and_then(|keys| {
        keys.open(&note)
            .map_err(|why| Finding::new("checkpoint", why.to_string()))
    });
    let checkpoint = match opened {
        Ok(checkpoint) => checkpoint,
        Err(finding) => {
            report.find(finding);
            return Ok(());
        }
    };
    report.head(&checkpoint);
    let rules = LogRules::new(&checkpoint.origin, Some(key.to_string()));
    let told = walk(export, &checkpoint, rules)?;
    tell(&told, report);
    if let Ok(last) = told.key.parse::<VerifierKey>()
        && Checkpoint::open(&note, &last).is_err()
    {
        let told = format!(
            "by the log's own entries it is {last} that signs at its end, and the checkpoint is not signed by it"
        );
        report.find(Finding::new("key_other", told));
    }
    Ok(())
}

/// Good enough to see whether the export agrees with itself.
fn own_key(export: &Export, report: &mut Report) -> Result<VerifierKey, Unreadable> {
    let Some(text) = export.text("kairan/vkey")? else {
        let told = "the export holds no key; give the one that was handed over with --key";
        return Err(Unreadable(told.to_owned()));
    };
    let key = text.trim_end();
    report.miss(format!(
        "the key: the export says {key}, which proves nothing; compare it with the one that was handed over, or give that with --key"
    ));
    key.parse()
        .map_err(|why| Unreadable(format!("kairan/vkey: {why}")))
}

/// Takes the bundles in order, as they come from all cores.
fn walk(export: &Export, checkpoint: &Checkpoint, mut rules: LogRules) -> Result<Told, Unreadable> {
    let bar = ProgressBar::new(checkpoint.size);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {per_sec}, {eta} left");
    // The template is a constant of ours.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut levels = Levels::default();
    let outcome = bundles::read_all(export, checkpoint.size, |bundle: Read| {
        for finding in bundle.findings {
            rules.note(finding);
        }
        rules.count_unknown(bundle.unknown);
        for seen in bundle.items {
            match seen {
                Seen::Item(item) => rules.take(*item),
                Seen::Confirmed(index, notice) => rules.confirmed(index, notice),
            }
        }
        if let Some(finding) = levels.push(export, bundle.tree)? {
            rules.note(finding);
        }
        bar.inc(bundle.count);
        Ok(())
    });
    bar.finish_and_clear();
    outcome?;
    for finding in levels.finish(export, checkpoint)? {
        rules.note(finding);
    }
    Ok(rules.finish())
}

fn tell(told: &Told, report: &mut Report) {
    let Told {
        rosters,
        incidents,
        fanouts,
        acknowledgements,
        unknown,
        ..
    } = told;
    report.line(format!(
        "{rosters} roster versions, {incidents} revisions, {fanouts} fan-outs, {acknowledgements} confirmations"
    ));
    for (name, count) in [
        ("rosters", rosters),
        ("rosters_listed", &told.rosters_listed),
        ("incidents", incidents),
        ("fanouts", fanouts),
        ("fanouts_listed", &told.fanouts_listed),
        ("acknowledgements", acknowledgements),
        ("unknown", unknown),
        ("found", &told.found),
    ] {
        report.fact(name, *count);
    }
    for finding in told.findings.iter().take(SHOWN) {
        report.find(finding.clone());
    }
    if told.found > told.findings.len() as u64 {
        report.line(format!(
            "{} findings, of which the first are shown",
            told.found
        ));
    }
    let unlisted = fanouts - told.fanouts_listed;
    if unlisted > 0 {
        report.miss(format!(
            "the lists of {unlisted} fan-outs: to which banks they went, and under which numbers"
        ));
    }
    let unlisted = rosters - told.rosters_listed;
    if unlisted > 0 {
        report.miss(format!(
            "the lists of {unlisted} rosters: which banks were on them"
        ));
    }
    if *unknown > 0 {
        report.miss(format!("the meaning of {unknown} entries of kinds that this program does not know; they are hashed"));
    }
    if told.successor {
        report.leave("the log before this one: its heads stand in the first entry");
    }
    report.leave("what the entries commit to: bodies, notices and notes are not in a log");
    report.leave("the signatures of others on the checkpoint, and whether it belongs to the history that others see");
}
