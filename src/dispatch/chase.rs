//! The ticker of the clocks: chases banks that have not acknowledged, and watches the operator's own deadlines. One
//! node does it for all; that each step is taken once does not rest on that. Looks at the database again and again:
//! nothing that is due waits for a word.

use crate::actions::chase::chase;
use crate::actions::watch_clocks::watch_clocks;
use crate::actions::{Error, Rules};
use crate::domain::id::Uid;
use crate::storage::{self, Lane, Store, Tx, duty, operator_clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it looks for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long a node that says nothing more still has the duty.
const LEASE: Duration = Duration::from_secs(10);
const DUTY: &str = "chase";

pub struct Chaser {
    store: Store,
    rules: Arc<Rules>,
    node: Uid,
    stopping: watch::Receiver<bool>,
}

impl Chaser {
    /// `node` names this process among those that share the database.
    pub fn new(
        store: Store,
        rules: Arc<Rules>,
        node: Uid,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            rules,
            node,
            stopping,
        }
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
            if let Err(fault) = self.chase_due().await {
                tracing::error!(%fault, "the chase could not go on; will try again");
            }
        }
    }

    /// Takes every step that is due, in the order of deadlines; returns how many.
    pub async fn chase_due(&self) -> Result<usize, Error> {
        let mut steps = 0;
        while !*self.stopping.borrow() && self.store.read(is_due).await? {
            let (rules, node) = (Arc::clone(&self.rules), self.node);
            let alone = self.store.is_embedded();
            let done = self
                .store
                .write(Lane::Back, move |tx| turn(tx, &rules, node, alone))
                .await?;
            let Some((taken, more)) = done else { break };
            steps += taken;
            if !more {
                break;
            }
        }
        Ok(steps)
    }
}

fn is_due(tx: &mut Tx<'_>) -> Result<bool, storage::Error> {
    let now = tx.now()?;
    Ok(storage::chase::any_due(tx, now)? || operator_clock::any_due(tx, now)?)
}

/// One commit: steps taken, and whether there may be more; `None` = another node does it.
fn turn(
    tx: &mut Tx<'_>,
    rules: &Rules,
    node: Uid,
    alone: bool,
) -> Result<Option<(usize, bool)>, Error> {
    let until = tx.now()? + LEASE;
    if !duty::hold(tx, DUTY, node, until, alone)? {
        return Ok(None);
    }
    let chased = chase(tx, rules)?;
    let (said, more) = watch_clocks(tx, rules)?;
    Ok(Some((chased.steps + said, chased.more || more)))
}
