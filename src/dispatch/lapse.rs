//! The ticker of what the hub does by itself. Takes its turn among the nodes, and does each thing in a write of its
//! own, so that one that cannot be done keeps no other waiting. After hours of downtime everything overdue is done
//! at the first look, in the order of the deadlines.

use crate::actions::lapse::{self, EVERY, is_due, lapsed, take_turn};
use crate::actions::{Error, Rules};
use crate::storage::{Lane, Store};
use std::sync::Arc;
use tokio::sync::watch;

pub struct Lapses {
    store: Store,
    rules: Arc<Rules>,
    stopping: watch::Receiver<bool>,
}

impl Lapses {
    pub fn new(store: Store, rules: Arc<Rules>, stopping: watch::Receiver<bool>) -> Self {
        Self {
            store,
            rules,
            stopping,
        }
    }

    /// Runs until told to stop.
    pub async fn run(self) {
        let mut look = tokio::time::interval(EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                _ = look.tick() => {}
            }
            if let Err(fault) = self.look().await {
                tracing::error!(%fault, "it could not be looked whether a clock has run out; will try again");
            }
        }
    }

    /// Does what has run out, if its turn has come; returns how many things were done.
    pub async fn look(&self) -> Result<usize, Error> {
        if !self.store.read(is_due).await? || !self.store.write(Lane::Front, take_turn).await? {
            return Ok(0);
        }
        let mut done = 0;
        let rules = Arc::clone(&self.rules);
        for one in self.store.read(move |tx| lapsed(tx, &rules)).await? {
            let rules = Arc::clone(&self.rules);
            let tried = self
                .store
                .write(Lane::Front, move |tx| lapse::run_out(tx, &rules, one))
                .await;
            match tried {
                Ok(true) => {
                    tracing::warn!(?one, "a clock ran out, and the hub did what follows");
                    done += 1;
                }
                Ok(false) => {}
                Err(fault) => {
                    tracing::error!(?one, %fault, "what follows from a clock could not be done; will try again");
                    self.store
                        .write(Lane::Front, move |tx| lapse::tell_stuck(tx, one))
                        .await?;
                }
            }
        }
        Ok(done)
    }
}
