//! A log of many entries in the database: how fast they are appended, and what a proof costs when only a few
//! tiles of them are read.

use super::appending::Alone;
use super::made::Incident;
use crate::actions::Error;
use crate::cli::CliError;
use crate::cli::bench::Place;
use crate::cli::bench::figures::{Named, Series};
use crate::domain::entry::Entry;
use crate::domain::id::Uid;
use crate::log::sequencer::Until;
use crate::merkle::proof::{check_consistency, check_inclusion};
use crate::storage::{Lane, Store, Tx, log, tree};
use crate::vault;
use std::time::Instant;

/// Banks of each made incident.
const BANKS: usize = 35;
/// Incidents that one transaction of the bench stages.
const AT_ONCE: u64 = 200;

pub async fn measure(place: &Place, entries: u64, proofs: u16) -> Result<Vec<Named>, CliError> {
    let mut alone = Alone::on(place, 1).await?;
    let (mut appended, mut early) = (Series::default(), Timed::default());
    let mut number = 0;
    let mut size = head(&alone.store).await?;
    let mut small = Some(entries / 100);
    while size < entries {
        let first = number;
        number += AT_ONCE;
        stage(&alone.store, first..number).await?;
        let took = alone.step(Until::Published).await?;
        let now = head(&alone.store).await?;
        appended.add((now - size) as f64 / took.as_secs_f64());
        size = now;
        if small.is_some_and(|small| size >= small) {
            small = None;
            early = Timed::measure(&alone.store, size, proofs).await?;
        }
    }
    let late = Timed::measure(&alone.store, size, proofs).await?;
    Ok(vec![
        ("appended_per_second", appended),
        ("inclusion_at_1_percent_us", early.inclusion),
        ("inclusion_us", late.inclusion),
        ("consistency_at_1_percent_us", early.consistency),
        ("consistency_us", late.consistency),
    ])
}

async fn head(store: &Store) -> Result<u64, CliError> {
    let head = store.read(log::head).await?;
    Ok(head.size.unsigned_abs())
}

/// The outcomes and confirmations of these incidents.
async fn stage(store: &Store, numbers: std::ops::Range<u64>) -> Result<(), CliError> {
    let staged = move |tx: &mut Tx<'_>| {
        let made: Vec<(Uid, Entry<'_>)> = numbers
            .clone()
            .map(|number| Incident::new(number, BANKS))
            .flat_map(|incident| {
                let attempts: Vec<_> = (0..BANKS).map(|place| incident.attempt(place)).collect();
                let confirmed = (0..BANKS).map(move |place| incident.acknowledged(place));
                attempts.into_iter().chain(confirmed)
            })
            .collect();
        log::stage(tx, &made).map(drop)
    };
    Ok(store.write(Lane::Front, staged).await?)
}

/// Microseconds of each proof.
#[derive(Default)]
struct Timed {
    inclusion: Series,
    consistency: Series,
}

impl Timed {
    /// Proofs of entries, and from heads, that were drawn at random; each is checked.
    async fn measure(store: &Store, size: u64, proofs: u16) -> Result<Self, CliError> {
        let mut timed = Self::default();
        for _ in 0..proofs {
            let drawn = u64::from_be_bytes(vault::random::<8>()?) % size;
            let (inclusion, consistency) = store.read(move |tx| prove(tx, size, drawn)).await?;
            timed.inclusion.add(inclusion);
            timed.consistency.add(consistency);
        }
        Ok(timed)
    }
}

fn prove(tx: &mut Tx<'_>, size: u64, drawn: u64) -> Result<(f64, f64), Error> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let wrong = |what: &str| crate::storage::Error::Corrupt(format!("{what} does not hold"));
    let started = Instant::now();
    let path = tree::Reader::new(tx, 1, signed(size)).inclusion(signed(drawn))?;
    let inclusion = started.elapsed();
    let old = drawn + 1;
    let started = Instant::now();
    let steps = tree::Reader::new(tx, 1, signed(size)).consistency(signed(old))?;
    let consistency = started.elapsed();
    let root = tree::Reader::new(tx, 1, signed(size)).root()?;
    let old_root = tree::Reader::new(tx, 1, signed(old)).root()?;
    let leaf = log::leaf_hashes(tx, 1, signed(drawn), signed(old))?;
    let leaf = leaf.first().ok_or_else(|| wrong("a leaf"))?;
    check_inclusion(leaf, drawn, size, &path, &root).map_err(|_| wrong("a proof of inclusion"))?;
    check_consistency(old, size, &steps, &old_root, &root)
        .map_err(|_| wrong("a proof of consistency"))?;
    Ok((
        inclusion.as_secs_f64() * 1e6,
        consistency.as_secs_f64() * 1e6,
    ))
}
