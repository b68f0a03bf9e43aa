//! The ticker of the standing self-check. Takes its turn among the nodes, reads one rule after the other, each
//! in a read of its own, so that neither the writer nor a checkpoint waits; then one short write. Of the walk over
//! all facts each turn does a part, so that it costs the same however long the record is.

use crate::actions::Error;
use crate::actions::self_check::{is_due, record_verdict, take_turn};
use crate::domain::instant::Instant as Time;
use crate::storage::audit::Finding;
use crate::storage::facts::check::{self, Place};
use crate::storage::{self, Lane, Store, audit};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};

/// How often it looks whether its turn has come.
const LOOK: Duration = Duration::from_secs(10);

/// Rows of facts, and entries, that one turn looks at.
const ROWS: usize = 10_000;

pub struct SelfCheck {
    store: Store,
    stopping: watch::Receiver<bool>,
    walk: Mutex<WalkOfFacts>,
}

/// How far this node's walk over all facts has come.
#[derive(Default)]
struct WalkOfFacts {
    /// When it began, and where it stands; `None` = the next begins.
    under_way: Option<(Time, Place)>,
    found: Vec<Finding>,
    /// When the last whole walk began, and what it found.
    last: Option<(Time, Vec<Finding>)>,
}

impl SelfCheck {
    pub fn new(store: Store, stopping: watch::Receiver<bool>) -> Self {
        Self {
            store,
            stopping,
            walk: Mutex::default(),
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
                        tracing::error!(%finding, "a rule of the self-check is broken");
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
        match self.look_at_facts().await {
            Ok(found) => findings.extend(found),
            Err(fault) => {
                tracing::error!(%fault, "facts could not be held against their entries");
                untried.extend(check::RULES.map(|(code, _)| code));
            }
        }
        let took = began.elapsed();
        let (broken, left_out) = (findings.len(), untried.len());
        let differs = self
            .store
            .write(Lane::Back, move |tx| {
                record_verdict(tx, &findings, &untried, took)
            })
            .await?;
        if differs && broken + left_out > 0 {
            tracing::warn!(
                broken,
                left_out,
                "the self-check stands otherwise than before; `kairan check` names what it found"
            );
        } else if differs {
            tracing::info!("the self-check finds nothing");
        }
        Ok(true)
    }

    /// Holds the next facts against their entries. What was found stands until a whole walk, begun after that
    /// was noted, has not found it again.
    async fn look_at_facts(&self) -> Result<Vec<Finding>, storage::Error> {
        let mut walk = self.walk.lock().await;
        let (began, mut place) = match walk.under_way.take() {
            Some(under_way) => under_way,
            None => (self.store.read(|tx| tx.now()).await?, Place::default()),
        };
        let (mut rows, mut ended) = (0, false);
        while rows < ROWS && !ended {
            let (next, tally) = check::look(&self.store, place).await?;
            for finding in tally.findings() {
                tracing::error!(%finding, "a fact is not as the log says");
                walk.found.push(finding);
            }
            rows += tally.rows;
            ended = next.is_none();
            place = next.unwrap_or_default();
        }
        if ended {
            walk.last = Some((began, std::mem::take(&mut walk.found)));
        } else {
            walk.under_way = Some((began, place));
        }
        let mut found = self
            .standing(walk.last.as_ref().map(|(began, _)| *began))
            .await?;
        found.extend_from_slice(&walk.found);
        found.extend(walk.last.iter().flat_map(|(_, found)| found.clone()));
        Ok(found)
    }

    /// What the last verdict said of facts, unless it was noted before this node's last whole walk began.
    async fn standing(&self, walked: Option<Time>) -> Result<Vec<Finding>, storage::Error> {
        let last = self.store.read(|tx| audit::verdicts(tx, 1)).await?.pop();
        let last = last.filter(|last| walked.is_none_or(|began| began <= last.recorded_at));
        let broken = last.map(|last| last.broken).unwrap_or_default();
        let stands = |code: &str| broken.split_whitespace().any(|known| known == code);
        Ok(check::RULES
            .into_iter()
            .filter(|(code, _)| stands(code))
            .map(|(code, rule)| Finding {
                code,
                rule,
                table: None,
                count: 1,
            })
            .collect())
    }
}
