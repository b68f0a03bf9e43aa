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
            // A rule that is being read when the hub stops is let go of.
            let tried = tokio::select! {
                biased;
                _ = stopping.changed() => break,
                tried = self.try_rules() => tried,
            };
            if let Err(fault) = tried {
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
        let (mut findings, mut untried) = (Vec::new(), Vec::new());
        for rule in audit::RULES {
            match self.store.read(move |tx| audit::try_rule(tx, rule)).await {
                Ok(found) => {
                    if let Some(finding) = &found {
                        let (rule, count) = (finding.rule, finding.count);
                        tracing::error!(rule, count, "a rule of the self-check is broken");
                    }
                    findings.extend(found);
                }
                // The others are tried all the same: what is broken must not hide behind what is slow.
                Err(fault) => {
                    tracing::error!(rule = rule.words, %fault, "a rule of the self-check could not be tried");
                    untried.push(rule.code);
                }
            }
        }
        let took = began.elapsed();
        let differs = self
            .store
            .write(Lane::Back, move |tx| {
                record_verdict(tx, &findings, &untried, took)
            })
            .await?;
        if differs {
            tracing::warn!("the self-check stands otherwise than before");
        }
        Ok(true)
    }
}
