//! The ticker of the clocks: tells those who joined late, chases banks that have not acknowledged, watches the
//! operator's own deadlines, and does what the hub does by itself once one of them has run out. One node does it for all; that each step is taken once
//! does not rest on that. Looks at the database again and again: nothing that is due waits for a word. After hours
//! of downtime everything overdue is done at the first look, in the order of the deadlines.

use crate::actions::chase::chase;
use crate::actions::lapse::{self, lapsed};
use crate::actions::late_joiner;
use crate::actions::watch_clocks::watch_clocks;
use crate::actions::{Error, Rules};
use crate::domain::id::Uid;
use crate::storage::{self, Lane, Store, Tx, duty, operator_clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often it looks for what is due, and for what has run out.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_BEYOND: Duration = Duration::from_secs(5);
/// How long a node that says nothing more still has the duty.
const LEASE: Duration = Duration::from_secs(10);
const DUTY: &str = "clocks";

pub struct Clocks {
    store: Store,
    rules: Arc<Rules>,
    node: Uid,
    stopping: watch::Receiver<bool>,
}

impl Clocks {
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
        let (mut look, mut beyond) = (interval(LOOK), interval(LOOK_BEYOND));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beyond.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        while !*stopping.borrow() {
            let looked = tokio::select! {
                biased;
                _ = stopping.changed() => break,
                _ = beyond.tick() => self.run_out().await,
                _ = look.tick() => self.look().await,
            };
            if let Err(fault) = looked {
                tracing::error!(%fault, "the clocks could not be seen to; will try again");
            }
        }
    }

    async fn look(&self) -> Result<usize, Error> {
        self.tell_late_joiners().await?;
        self.chase_due().await
    }

    /// Tells those who joined late, as much as one write should; returns whether there is more to tell. One of them that
    /// cannot be told keeps no bank from being chased.
    pub async fn tell_late_joiners(&self) -> Result<bool, Error> {
        let due = |tx: &mut Tx<'_>| {
            let now = tx.now()?;
            storage::late_joiner::any_due(tx, now)
        };
        if !self.store.read(due).await? {
            return Ok(false);
        }
        let (rules, node) = (Arc::clone(&self.rules), self.node);
        let alone = self.store.is_embedded();
        let tell = move |tx: &mut Tx<'_>| match hold(tx, node, alone)? {
            true => Ok(late_joiner::tell_late_joiners(tx, &rules)?.1),
            false => Ok(false),
        };
        match self.store.write(Lane::Back, tell).await {
            Ok(more) => Ok(more),
            Err(fault) => {
                let fault: Error = fault;
                tracing::error!(%fault, "who joined late could not be told; will try again");
                self.store
                    .write(Lane::Back, late_joiner::tell_stuck)
                    .await?;
                Ok(false)
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

    /// Does what follows from clocks that have run out, each in a write of its own, so that one that cannot be done
    /// keeps no other waiting; returns how many things were done.
    pub async fn run_out(&self) -> Result<usize, Error> {
        let rules = Arc::clone(&self.rules);
        let over = self.store.read(move |tx| lapsed(tx, &rules)).await?;
        let (node, alone) = (self.node, self.store.is_embedded());
        let hold = move |tx: &mut Tx<'_>| hold(tx, node, alone);
        if over.is_empty() || !self.store.write(Lane::Front, hold).await? {
            return Ok(0);
        }
        let mut done = 0;
        for one in over {
            if *self.stopping.borrow() {
                break;
            }
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

/// Takes or keeps the duty; false = another node has it.
fn hold(tx: &mut Tx<'_>, node: Uid, alone: bool) -> Result<bool, Error> {
    let until = tx.now()? + LEASE;
    Ok(duty::hold(tx, DUTY, node, until, alone)?)
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
    if !hold(tx, node, alone)? {
        return Ok(None);
    }
    let chased = chase(tx, rules)?;
    let (said, more) = watch_clocks(tx, rules)?;
    Ok(Some((chased.steps + said, chased.more || more)))
}
