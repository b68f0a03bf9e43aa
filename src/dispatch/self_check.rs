//! The ticker of the standing self-check. Takes its turn among the nodes, reads one rule after the other, each
//! in a read of its own, so that neither the writer nor a checkpoint waits; then one short write.

use crate::actions::Error;
use crate::actions::self_check::{is_due, record_verdict, take_turn};
use crate::storage::{Lane, Store, audit};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often it looks whether its turn has come.
const LOOK: Duration = Duration::from_secs(10);

pub struct SelfCheck {
    store: Store,
    stopping: watch::Receiver<bool>,
}

impl SelfCheck {
    pub fn new(store: Store, stopping: watch::Receiver<bool>) -> Self {
        Self { store, stopping }
    }

    /// Runs until told to stop.
    pub async fn run(self) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                _ = look.tick() => {}
            }
            if let Err(fault) = self.try_rules().await {
                tracing::error!(%fault, "the self-check could not be tried");
            }
        }
    }

    /// Tries every rule if its turn has come. False = it had not, or the hub stops.
    pub async fn try_rules(&self) -> Result<bool, Error> {
        if !self.store.read(is_due).await? || !self.store.write(Lane::Back, take_turn).await? {
            return Ok(false);
        }
        let began = Instant::now();
        let mut findings = Vec::new();
        for rule in audit::RULES {
            if *self.stopping.borrow() {
                return Ok(false);
            }
            let found = self.store.read(move |tx| audit::try_rule(tx, rule)).await?;
            findings.extend(found);
        }
        let took = began.elapsed();
        for finding in &findings {
            tracing::error!(
                rule = finding.rule,
                count = finding.count,
                "a rule of the self-check is broken"
            );
        }
        let differs = self
            .store
            .write(Lane::Back, move |tx| record_verdict(tx, &findings, took))
            .await?;
        if differs {
            tracing::warn!("the self-check stands otherwise than before");
        }
        Ok(true)
    }
}
