//! `kairan verify log` as its own process over a made log, beside the bare SHA-256 tree (RFC 6962) over the same
//! bytes on the same cores: the entries as leaves, the lists beside them hashed as they are.

use super::made::Export;
use crate::cli::CliError;
use crate::cli::bench::figures::{Named, Series};
use crate::cli::bench::machine;
use crate::merkle::tile::{bundles, decode_bundle};
use crate::merkle::{Hash, leaf_hash, root};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// How often the judge's memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
pub struct Figures {
    verify: Series,
    bare: Series,
    ratio: Series,
    entries: Series,
    peak: Series,
}

impl Figures {
    /// Once each, with the bare tree before and after.
    pub async fn measure(
        &mut self,
        export: &Export,
        failures: &mut Vec<String>,
    ) -> Result<(), CliError> {
        let before = block_in_place(|| bare_tree(export))?;
        let (took, peak_kib) = judge(export, failures).await?;
        let after = block_in_place(|| bare_tree(export))?;
        let bare = (before + after) / 2;
        self.verify.add(took.as_secs_f64());
        self.bare.add(bare.as_secs_f64());
        self.ratio.add(took.as_secs_f64() / bare.as_secs_f64());
        self.entries.add(export.size as f64 / took.as_secs_f64());
        self.peak.add(peak_kib as f64 / 1_024.0);
        Ok(())
    }

    pub fn named(self) -> Vec<Named> {
        vec![
            ("verify_s", self.verify),
            ("bare_tree_s", self.bare),
            ("ratio_to_bare", self.ratio),
            ("entries_per_second", self.entries),
            ("peak_mib", self.peak),
        ]
    }
}

async fn judge(export: &Export, failures: &mut Vec<String>) -> Result<(Duration, u64), CliError> {
    let failed = |fault: std::io::Error| CliError::Failed(format!("verify log: {fault}"));
    let program = std::env::current_exe().map_err(failed)?;
    let started = Instant::now();
    let mut child = tokio::process::Command::new(program)
        .args(["verify", "log", "--json", "--key", &export.key.to_string()])
        .arg(&export.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let pid = child.id().unwrap_or_default();
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(machine::used(pid).peak_kib);
        tokio::select! {
            status = child.wait() => break status.map_err(failed)?,
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    let took = started.elapsed();
    if !status.success() {
        failures.push(format!("verify log judged a sound log otherwise: {status}"));
    }
    Ok((took, peak_kib))
}

/// Reads every bundle, hashes every entry, builds the tree, and hashes the lists: nothing else is looked at.
fn bare_tree(export: &Export) -> Result<Duration, CliError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let lists = &lists(export)?;
    let started = Instant::now();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let begin = |first| {
            scope.spawn(move || {
                let lists = lists.iter().skip(first).step_by(threads);
                bare_lane(export, first, threads, lists)
            })
        };
        let lanes: Vec<_> = (0..threads).map(begin).collect();
        lanes.into_iter().map(|lane| lane.join()).collect()
    });
    let mut lanes = Vec::new();
    for part in parts {
        let part = part.map_err(|_| CliError::Failed("the bare tree: a thread died".into()))?;
        lanes.push(part?.into_iter());
    }
    let of_bundle = |number: usize| lanes[number % threads].next();
    if root((0..).map_while(of_bundle)) != export.root {
        return Err(CliError::Failed("the bare tree has another root".into()));
    }
    Ok(started.elapsed())
}

fn lists(export: &Export) -> Result<Vec<PathBuf>, CliError> {
    let folder = export.folder.join("kairan/fanouts");
    let failed = |fault: std::io::Error| CliError::file("read", &folder, &fault);
    let entries = std::fs::read_dir(&folder).map_err(failed)?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

/// The roots of the bundles of one thread.
fn bare_lane<'l>(
    export: &Export,
    first: usize,
    threads: usize,
    lists: impl Iterator<Item = &'l PathBuf>,
) -> Result<Vec<Hash>, CliError> {
    let mut roots = Vec::new();
    for path in lists {
        let content = std::fs::read(path).map_err(|fault| CliError::file("read", path, &fault))?;
        std::hint::black_box(leaf_hash(&content));
    }
    for bundle in bundles(export.size).skip(first).step_by(threads) {
        let path = export.folder.join(bundle.path());
        let content =
            std::fs::read(&path).map_err(|fault| CliError::file("read", &path, &fault))?;
        let entries = decode_bundle(&content)
            .map_err(|fault| CliError::Failed(format!("the bare tree: {fault}")))?;
        roots.push(root(entries.into_iter().map(leaf_hash)));
    }
    Ok(roots)
}
