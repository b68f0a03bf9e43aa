//! What an incident's entries cost from staged to published: the incident with its fan-out, for which the notices
//! wait, and later the outcomes and confirmations of all its notices. Those are made up, without rows behind them.

use super::made::{Incident, uid};
use crate::actions::issue::issue_incident;
use crate::cli::bench::figures::{Named, Series};
use crate::cli::bench::ground::{Cast, Ground, Ports};
use crate::cli::bench::{Place, filer};
use crate::cli::{CliError, open};
use crate::domain::incident::Filing;
use crate::log::keys::LogKey;
use crate::log::sequencer::{Sequencer, Standing, Until};
use crate::merkle::note::Signer;
use crate::storage::bare::Bare;
use crate::storage::{Lane, Store, log};
use crate::vault::log_key;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::block_in_place;

/// No bank is sent anything.
const NOBODY: Ports = Ports { open: 9, hole: 9 };
/// Outcomes that the engine records in one transaction.
const GROUP: usize = 100;
/// What a batch of two entries adds: its run, its head, its entries in the journal; and its checkpoint.
const BATCH_BYTES: usize = 256;
const JOURNAL_BYTES: usize = 1_024;
const CHECKPOINT_BYTES: usize = 256;

/// A database with a sequencer on it, and nothing else at work.
pub struct Alone {
    pub ground: Ground,
    pub store: Store,
    pub sequencer: Sequencer,
    pub signer: Signer,
    _running: watch::Sender<bool>,
}

impl Alone {
    /// Leads a log that holds its first entries.
    pub async fn on(place: &Place, banks: usize) -> Result<Self, CliError> {
        let cast = Cast {
            banks,
            ..Cast::default()
        };
        let ground = Ground::lay(place, &cast, NOBODY).await?;
        let settings = &ground.settings;
        let (store, _vault) = open::open_store(settings).await?;
        let key = || -> Result<LogKey, CliError> {
            let seed = log_key::open(&settings.evidence.key_file)?;
            Ok(LogKey::new(seed, &settings.hub.public_host))
        };
        let (running, stopping) = watch::channel(false);
        let (journal, node) = (settings.evidence.journal.clone(), uid(b"node", 0));
        let sequencer = Sequencer::new(store.clone(), key()?, journal, node, stopping);
        let mut alone = Self {
            signer: key()?.signer(1),
            ground,
            store,
            sequencer,
            _running: running,
        };
        alone.step(Until::Published).await?;
        Ok(alone)
    }

    /// How long it took.
    pub async fn step(&mut self, until: Until) -> Result<Duration, CliError> {
        let started = Instant::now();
        self.sequencer.step_until(until).await?;
        let took = started.elapsed();
        match self.sequencer.standing() {
            Standing::Leading(_) => Ok(took),
            other => Err(CliError::Failed(format!(
                "the log does not go on: {other:?}"
            ))),
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.store.close();
    }
}

pub async fn measure(place: &Place, banks: usize, incidents: u16) -> Result<Vec<Named>, CliError> {
    let mut alone = Alone::on(place, banks).await?;
    let filing: Filing = serde_json::from_slice(&filer::incident())
        .map_err(|fault| CliError::Failed(format!("the bench's incident: {fault}")))?;
    let filing = Arc::new(filing);
    let mut bare = Limit::of(&alone)?;
    let mut figures = Figures::default();
    for number in 0..incidents {
        figures.issue.add(millis(issue(&alone, &filing).await?));
        let sequenced = alone.step(Until::Sequenced).await?;
        let journaled = alone.step(Until::Journaled).await?;
        let published = alone.step(Until::Published).await?;
        let sealed = sequenced + journaled + published;
        let limit = block_in_place(|| bare.batch(&alone.signer))?;
        figures.sequence.add(millis(sequenced));
        figures.journal.add(millis(journaled));
        figures.publish.add(millis(published));
        figures.sealed.add(millis(sealed));
        figures.bare.add(millis(limit));
        figures
            .ratio
            .add(sealed.as_secs_f64() / limit.as_secs_f64());
        let incident = Incident::new(u64::from(number), banks);
        stage_rest(&alone.store, &incident).await?;
        let rest = alone.step(Until::Published).await?;
        figures.rest.add(millis(rest));
        figures
            .entry
            .add(rest.as_secs_f64() * 1e6 / (2 * banks) as f64);
    }
    Ok(figures.named())
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

async fn issue(alone: &Alone, filing: &Arc<Filing>) -> Result<Duration, CliError> {
    let (rules, by) = (open::rules(&alone.ground.settings)?, alone.ground.officer);
    let filing = Arc::clone(filing);
    let started = Instant::now();
    alone
        .store
        .write(Lane::Front, move |tx| {
            issue_incident(tx, &rules, by, &filing, None).map(drop)
        })
        .await?;
    Ok(started.elapsed())
}

/// Every notice's outcome, as the engine groups them, and every bank's confirmation.
async fn stage_rest(store: &Store, incident: &Incident) -> Result<(), CliError> {
    let banks = incident.banks();
    for first in (0..banks).step_by(GROUP) {
        let (incident, last) = (incident.clone(), banks.min(first + GROUP));
        store
            .write(Lane::Front, move |tx| {
                let attempts: Vec<_> = (first..last).map(|bank| incident.attempt(bank)).collect();
                log::stage(tx, &attempts).map(drop)
            })
            .await?;
    }
    for bank in 0..banks {
        let incident = incident.clone();
        store
            .write(Lane::Front, move |tx| {
                log::stage(tx, &[incident.acknowledged(bank)]).map(drop)
            })
            .await?;
    }
    Ok(())
}

/// What a batch cannot do without: two durable commits, a flushed file between them, and a signature.
struct Limit {
    bare: Bare,
    file: File,
}

impl Limit {
    fn of(alone: &Alone) -> Result<Self, CliError> {
        let path = alone.ground.folder().join("bare.journal");
        let file = File::create(&path).map_err(|fault| CliError::file("make", &path, &fault))?;
        let bare = alone.ground.bare()?;
        Ok(Self { bare, file })
    }

    fn batch(&mut self, signer: &Signer) -> Result<Duration, CliError> {
        let failed = |fault: std::io::Error| CliError::Failed(format!("the bare batch: {fault}"));
        let started = Instant::now();
        self.bare.commit(&[b'x'; BATCH_BYTES])?;
        self.file
            .write_all(&[b'x'; JOURNAL_BYTES])
            .map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        let note = signer.sign("bare\n0\nbare\n");
        std::hint::black_box(note.is_ok());
        self.bare.commit(&[b'x'; CHECKPOINT_BYTES])?;
        Ok(started.elapsed())
    }
}

#[derive(Default)]
struct Figures {
    issue: Series,
    sequence: Series,
    journal: Series,
    publish: Series,
    sealed: Series,
    bare: Series,
    ratio: Series,
    rest: Series,
    entry: Series,
}

impl Figures {
    fn named(self) -> Vec<Named> {
        vec![
            ("issue_ms", self.issue),
            ("sequence_ms", self.sequence),
            ("journal_ms", self.journal),
            ("publish_ms", self.publish),
            ("append_ms", self.sealed),
            ("bare_ms", self.bare),
            ("ratio_to_bare", self.ratio),
            ("outcomes_append_ms", self.rest),
            ("outcomes_us_per_entry", self.entry),
        ]
    }
}
