//! Signed heads from several sources, held against each other; an exported log may connect them.

use super::export::Export;
use super::notice::TLOG_PROOF;
use super::read_text;
use super::report::Report;
use crate::domain::proof::heads::{Compared, Fork, SignedHead, compare};
use crate::domain::proof::log_keys::{Handover, LogKeys};
use crate::domain::proof::notice::{NoticeProof, Webhook};
use crate::domain::proof::{Finding, Unreadable};
use crate::merkle::note::Note;
use crate::merkle::tlog_proof::TlogProof;
use base64::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub fn judge(files: &[PathBuf], folder: Option<&Path>, keys: &LogKeys) -> Report {
    let mut report = Report::of("checkpoints");
    let export = folder.map(Export::of);
    let mut heads = Vec::new();
    let of_export = export.as_ref().map(|export| export.path("checkpoint"));
    let keys = match export.as_ref().map(|export| export.keys(keys)) {
        None => keys.clone(),
        Some(Ok(learned)) => learned.unwrap_or_else(|finding| {
            report.find(finding);
            keys.clone()
        }),
        Some(Err(Unreadable(why))) => {
            report.unusable(why);
            return report;
        }
    };
    for path in files.iter().chain(&of_export) {
        let head = match note_in(path) {
            Ok((note, handovers)) => keys
                .with(&handovers)
                .and_then(|keys| SignedHead::open(path.display().to_string(), &note, &keys)),
            Err(Unreadable(why)) => {
                report.unusable(format!("{}: {why}", path.display()));
                continue;
            }
        };
        match head {
            Ok(head) => heads.push(head),
            Err(finding) => report.find(finding),
        }
    }
    told(&heads, &mut report);
    if heads.len() == 1 {
        report.miss("a second head: one alone cannot be compared");
    }
    let size = heads
        .iter()
        .filter(|head| Some(Path::new(&head.source)) == of_export.as_deref());
    let size = size.map(|head| head.checkpoint.size).next();
    let compared = compare(heads, |old, new| {
        let (export, size) = (export.as_ref()?, size?);
        export.earlier(old, new, size)
    });
    compared_told(&compared, folder.is_some(), &mut report);
    report.leave("the signatures of others on the heads");
    report.leave("heads that are not given here: collect them from other banks");
    report
}

/// The signed checkpoint in a file, alone, in a .tlog-proof, or in a saved webhook body; and the handovers that
/// came with it.
fn note_in(path: &Path) -> Result<(String, Vec<String>), Unreadable> {
    let text = read_text(path)?;
    let (note, handovers) = if text.as_bytes().starts_with(TLOG_PROOF) {
        let note = checkpoint_of(&text)?;
        // A handover itself, a notice with some, or the proof of another thing.
        let handovers = match NoticeProof::parse_tlog_proof(&text) {
            Ok((proof, _)) => proof.handovers,
            Err(_) => Handover::parse(&text).map_or(Vec::new(), |_| vec![text]),
        };
        (note, handovers)
    } else if text.trim_start().starts_with('{') {
        let unsealed = "the notice carries no checkpoint: it went out unsealed";
        let proof = Webhook::parse(text.as_bytes())?.log;
        let proof = proof.ok_or_else(|| Unreadable(unsealed.to_owned()))?;
        (checkpoint_of(&proof.proof)?, proof.handovers)
    } else {
        (text, Vec::new())
    };
    Note::parse(note.as_bytes()).map_err(|why| Unreadable(why.to_string()))?;
    Ok((note, handovers))
}

fn checkpoint_of(proof: &str) -> Result<String, Unreadable> {
    let proof = TlogProof::parse(proof).map_err(|why| Unreadable(why.to_string()))?;
    Ok(proof.checkpoint)
}

fn told(heads: &[SignedHead], report: &mut Report) {
    let all: Vec<Value> = heads
        .iter()
        .map(|head| {
            let (size, root) = (
                head.checkpoint.size,
                BASE64_STANDARD.encode(head.checkpoint.root),
            );
            report.line(format!("size {size}, root {root}: {}", head.source));
            json!({ "source": head.source, "size": size, "root": root })
        })
        .collect();
    report.fact("heads", all);
}

fn compared_told(compared: &Compared, with_export: bool, report: &mut Report) {
    for fork in &compared.forks {
        let (one, other) = (&fork.one.source, &fork.other.source);
        let told = format!(
            "{one} and {other}: {}; the operator has shown two histories",
            fork.why
        );
        report.find(Finding::new("fork", told));
        report.hand_on(evidence(fork));
    }
    for (old, new) in &compared.unconnected {
        let how = if with_export {
            "the exported log does not connect them"
        } else {
            "give an exported log with --log to connect them"
        };
        report.miss(format!("proof that size {old} grew into size {new}: {how}"));
    }
}

/// All that a third party needs besides the key.
fn evidence(fork: &Fork) -> String {
    let mut text = format!(
        "--- first head\n{}--- second head\n{}",
        fork.one.note, fork.other.note
    );
    if let Some(proof) = &fork.proof {
        let size = fork.one.checkpoint.size;
        let root = BASE64_STANDARD.encode(proof.root);
        text.push_str(&format!(
            "--- the second head's root at size {size}, and the consistency proof\n{root}\n\n"
        ));
        for hash in &proof.path {
            text.push_str(&format!("{}\n", BASE64_STANDARD.encode(hash)));
        }
    }
    text
}
