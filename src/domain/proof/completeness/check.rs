//! The judgement over a completeness bundle: what is proven, in which order it is looked at.

use super::acknowledged::{Stamp, judge};
use super::{Completeness, Former, Proven};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::proof::entries::{Entry, Fanout, Registered, Roster};
use crate::domain::proof::leaves::{NoticeLeaf, check_notices, check_roster};
use crate::domain::proof::log_keys::LogKeys;
use crate::domain::proof::{Finding, hold};
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::proof::check_inclusion;
use crate::merkle::{self, Hash};
use std::collections::HashMap;

/// What a bundle proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    pub checkpoint: Checkpoint,
    pub incident: Uid,
    pub revision: Uid,
    pub revision_number: i64,
    pub phase: String,
    /// Code: actual, exercise, test; as the entry says.
    pub kind: String,
    pub accepted_at: Instant,
    pub roster_version: i64,
    /// Whether the roster's successor is proven to come after the fan-out. If not, that the roster was in
    /// force then is the hub's word.
    pub superseded: bool,
    /// Every bank of the roster, in its order.
    pub banks: Vec<BankCovered>,
    /// Banks that had left, as far as the bundle tells of them.
    pub former: Vec<BankCovered>,
}

/// One bank, its notice and its confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankCovered {
    pub bank: Uid,
    pub notice: Uid,
    pub number: i64,
    pub stamp: Option<Stamp>,
}

/// An entry that is proven, with what others name it by.
struct Held<T> {
    entry: T,
    hash: Hash,
    index: u64,
}

impl Completeness {
    /// Judges the bundle under keys of the log. Codes: `handover`, `checkpoint`, `inclusion`, `entry_form`, `entry_kind`,
    /// `order`, `adjacent`, `roster_other`, `registered_other`, `next_other`, `revision`, `count`, `pairing`,
    /// those of the lists (`roster_*`, `fanout_*`), `former`, and those of acknowledgements (`stamp_*`).
    pub fn check(&self, keys: impl Into<LogKeys>) -> Result<Covered, Finding> {
        let keys = keys.into().with(&self.handovers)?;
        let checkpoint = keys
            .open(&self.checkpoint)
            .map_err(|why| Finding::new("checkpoint", why.to_string()))?;
        let roster = self.roster.roster("the roster's entry", &checkpoint)?;
        let registered = self.registered.registered(&checkpoint)?;
        let fanout = self.fanout.fanout("the fan-out's entry", &checkpoint)?;
        let superseded = self.check_order(&checkpoint, &roster, &registered, &fanout)?;
        self.check_lists(&roster, &registered, &fanout)?;
        let mut banks: Vec<BankCovered> = self.notice_leaves.iter().map(BankCovered::of).collect();
        let mut former = match &self.former {
            Some(former) => self.check_former(former, &checkpoint, &registered, &fanout)?,
            None => Vec::new(),
        };
        self.stamp(&checkpoint, superseded, banks.iter_mut().chain(&mut former))?;
        Ok(Covered {
            checkpoint,
            incident: registered.entry.incident,
            revision: registered.entry.revision,
            revision_number: registered.entry.revision_number,
            phase: registered.entry.phase,
            kind: registered.entry.kind,
            accepted_at: registered.entry.accepted_at,
            roster_version: roster.entry.version,
            superseded,
            banks,
            former,
        })
    }

    /// Roster before incident, incident directly before fan-out, fan-out before the next roster; each names
    /// the other. Whether there is a next roster.
    fn check_order(
        &self,
        checkpoint: &Checkpoint,
        roster: &Held<Roster>,
        registered: &Held<Registered>,
        fanout: &Held<Fanout>,
    ) -> Result<bool, Finding> {
        hold(roster.index < registered.index, "order", || {
            "the roster came into force only after the incident was registered".into()
        })?;
        hold(fanout.index == registered.index + 1, "adjacent", || {
            "the fan-out does not directly follow its incident".into()
        })?;
        let named = registered.entry.roster == roster.hash
            && registered.entry.roster_version == roster.entry.version
            && fanout.entry.roster_version == roster.entry.version;
        hold(named, "roster_other", || {
            "the incident was registered under another roster than the one shown".into()
        })?;
        hold(
            fanout.entry.registered == registered.hash,
            "registered_other",
            || "the fan-out belongs to another revision than the one shown".into(),
        )?;
        let Some(next) = &self.next_roster else {
            return Ok(false);
        };
        let next = next.roster("the next roster's entry", checkpoint)?;
        let follows = next.entry.previous == roster.hash
            && roster.entry.version.checked_add(1) == Some(next.entry.version);
        hold(follows, "next_other", || {
            "what is shown as the next roster does not follow the one shown".into()
        })?;
        hold(next.index > fanout.index, "order", || {
            "another roster had come into force before the fan-out".into()
        })?;
        Ok(true)
    }

    fn check_lists(
        &self,
        roster: &Held<Roster>,
        registered: &Held<Registered>,
        fanout: &Held<Fanout>,
    ) -> Result<(), Finding> {
        hold(
            registered.entry.revision_number == self.revision,
            "revision",
            || {
                let number = registered.entry.revision_number;
                format!(
                    "the log tells of revision {number}, the bundle of {}",
                    self.revision
                )
            },
        )?;
        hold(fanout.entry.kind == "roster", "fanout_kind", || {
            "the fan-out is not that to the roster".into()
        })?;
        let (n, told) = (roster.entry.n, fanout.entry.n);
        hold(n == told, "count", || {
            format!("the roster has {n} banks, and {told} notices went out")
        })?;
        check_roster(&self.roster_leaves, &roster.entry)?;
        check_notices(&self.notice_leaves, &fanout.entry)?;
        let mut pairs = self.roster_leaves.iter().zip(&self.notice_leaves);
        let unpaired = pairs.find(|(member, notice)| member.bank != notice.bank);
        hold(unpaired.is_none(), "pairing", || {
            let bank = unpaired.map(|(member, _)| self.name(member.bank));
            format!(
                "bank {} is on the roster and has no notice",
                bank.unwrap_or_default()
            )
        })
    }

    fn check_former(
        &self,
        former: &Former,
        checkpoint: &Checkpoint,
        registered: &Held<Registered>,
        fanout: &Held<Fanout>,
    ) -> Result<Vec<BankCovered>, Finding> {
        let left = former
            .fanout
            .fanout("the fan-out to former banks", checkpoint)?;
        let belongs = left.entry.kind == "former"
            && left.entry.registered == registered.hash
            && left.entry.roster_version == fanout.entry.roster_version
            && left.index > fanout.index;
        hold(belongs, "former", || {
            "what is shown as the fan-out to former banks belongs to something else".into()
        })?;
        check_notices(&former.notice_leaves, &left.entry)?;
        let mut on_roster = self.notice_leaves.iter().map(|leaf| leaf.bank);
        let twice =
            on_roster.find(|bank| former.notice_leaves.iter().any(|leaf| leaf.bank == *bank));
        hold(twice.is_none(), "former", || {
            let bank = twice.map(|bank| self.name(bank)).unwrap_or_default();
            format!("bank {bank} is told both as a member and as a former one")
        })?;
        Ok(former.notice_leaves.iter().map(BankCovered::of).collect())
    }

    fn stamp<'a>(
        &self,
        checkpoint: &Checkpoint,
        superseded: bool,
        banks: impl Iterator<Item = &'a mut BankCovered>,
    ) -> Result<(), Finding> {
        let mut of_notice: HashMap<Uid, &mut BankCovered> =
            banks.map(|bank| (bank.notice, bank)).collect();
        for acknowledgement in &self.acknowledgements {
            let Some(bank) = of_notice.get_mut(&acknowledgement.notice) else {
                let told = format!(
                    "notice {} is none of these, and is confirmed",
                    acknowledgement.notice
                );
                return Err(Finding::new("stamp_notice", told));
            };
            hold(bank.stamp.is_none(), "stamp_twice", || {
                format!("notice {} is confirmed twice", bank.notice)
            })?;
            let mut members = self.roster_leaves.iter();
            let member = members.find(|member| member.bank == bank.bank);
            bank.stamp = Some(judge(
                acknowledgement,
                checkpoint,
                bank,
                member,
                superseded,
            )?);
        }
        Ok(())
    }

    /// For sentences only.
    fn name(&self, bank: Uid) -> String {
        match self.labels.get(&bank) {
            Some(code) => format!("{code} ({bank})"),
            None => bank.to_string(),
        }
    }
}

impl BankCovered {
    fn of(leaf: &NoticeLeaf) -> Self {
        Self {
            bank: leaf.bank,
            notice: leaf.notice,
            number: leaf.number,
            stamp: None,
        }
    }
}

/// Reads an entry that the checkpoint holds at `index`. Codes: `entry_form`, `inclusion`.
pub(super) fn prove(
    what: &str,
    (entry, index, path): (&[u8], u64, &[Hash]),
    checkpoint: &Checkpoint,
) -> Result<(Entry, Hash), Finding> {
    let hash = merkle::leaf_hash(entry);
    check_inclusion(&hash, index, checkpoint.size, path, &checkpoint.root)
        .map_err(|why| Finding::new("inclusion", format!("{what} is not in the log: {why}")))?;
    let entry =
        Entry::parse(entry).map_err(|why| Finding::new("entry_form", format!("{what} {why}")))?;
    Ok((entry, hash))
}

impl Proven {
    fn held(&self, what: &str, checkpoint: &Checkpoint) -> Result<Held<Entry>, Finding> {
        let (entry, hash) = prove(what, (&self.entry, self.index, &self.path), checkpoint)?;
        Ok(Held {
            entry,
            hash,
            index: self.index,
        })
    }

    fn roster(&self, what: &str, checkpoint: &Checkpoint) -> Result<Held<Roster>, Finding> {
        let Held { entry, hash, index } = self.held(what, checkpoint)?;
        match entry {
            Entry::Roster(entry) => Ok(Held {
                entry: *entry,
                hash,
                index,
            }),
            _ => Err(other_kind(what, "roster.version")),
        }
    }

    fn registered(&self, checkpoint: &Checkpoint) -> Result<Held<Registered>, Finding> {
        let what = "the incident's entry";
        let Held { entry, hash, index } = self.held(what, checkpoint)?;
        match entry {
            Entry::Registered(entry) => Ok(Held {
                entry: *entry,
                hash,
                index,
            }),
            _ => Err(other_kind(what, "incident.registered")),
        }
    }

    fn fanout(&self, what: &str, checkpoint: &Checkpoint) -> Result<Held<Fanout>, Finding> {
        let Held { entry, hash, index } = self.held(what, checkpoint)?;
        match entry {
            Entry::Fanout(entry) => Ok(Held {
                entry: *entry,
                hash,
                index,
            }),
            _ => Err(other_kind(what, "notice.fanout")),
        }
    }
}

fn other_kind(what: &str, kind: &str) -> Finding {
    Finding::new("entry_kind", format!("{what} is not of the kind {kind}"))
}
