//! The rules of a whole log, fed with its entries in order. Holds one roster, the numbers of its banks and
//! the notices that are still open, never the log. Knows not how entries are stored, nor their tree.

mod hashing;
mod stamped;
#[cfg(test)]
mod tests;

use super::Finding;
use super::entries::{Entry, Fanout, KeyChanged, Opening, Registered, Roster};
use super::leaves::NoticeLeaf;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::Hash;
use hashing::Keyed;
use stamped::Stamped;
use std::collections::{HashMap, HashSet};

/// What stands at `format` of a log's first entry.
const FORMAT: &str = "kairan-log/v1";
/// More findings are counted and not kept: one fault early in a log may have thousands behind it.
const MAX_FINDINGS: usize = 64;

/// One entry in its place.
#[derive(Debug, Clone)]
pub struct Item {
    pub index: u64,
    /// Its leaf hash.
    pub hash: Hash,
    pub entry: Entry,
    pub list: List,
}

/// The list that travels beside an entry. Whether it is the one that the entry commits to is checked by
/// whoever reads it: [`super::leaves::FanoutList::check`], [`super::leaves::RosterList::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// Not at hand, or the entry has none.
    None,
    /// Of a roster.
    Banks(Vec<Uid>),
    /// Of a fan-out.
    Notices(Vec<ListedNotice>),
}

/// What the rules need of a notice's leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedNotice {
    pub bank: Uid,
    pub notice: Uid,
    pub number: i64,
}

/// The rules over a log that is being read.
#[derive(Debug)]
pub struct LogRules {
    origin: String,
    vkey: Option<String>,
    /// The keys that the log names, in their order.
    keys: Vec<String>,
    roster: Option<InForce>,
    /// An incident whose fan-out has to come next.
    waiting: Option<Waiting>,
    /// Leaf hashes of all incidents so far.
    registered: HashSet<Hash, Keyed>,
    /// The last revision of each incident.
    revisions: HashMap<Uid, i64, Keyed>,
    /// The last number of each bank.
    numbers: HashMap<Uid, i64, Keyed>,
    stamped: Stamped,
    /// Of rosters and incidents.
    newest_at: Option<Instant>,
    told: Told,
}

#[derive(Debug)]
struct InForce {
    version: i64,
    hash: Hash,
    n: i64,
    banks: Option<Vec<Uid>>,
}

#[derive(Debug)]
struct Waiting {
    index: u64,
    hash: Hash,
}

/// What was found and how much was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The first of them, in the order of the log.
    pub findings: Vec<Finding>,
    /// All of them.
    pub found: u64,
    /// Whether another log went before: what happened there is not judged.
    pub successor: bool,
    pub rosters: u64,
    pub rosters_listed: u64,
    pub incidents: u64,
    pub fanouts: u64,
    pub fanouts_listed: u64,
    pub acknowledgements: u64,
    /// Of a kind or version that is not known here.
    pub unknown: u64,
    /// The key that signs at the log's end, as the log says; empty if it says nothing.
    pub key: String,
}

impl<T> From<&NoticeLeaf<T>> for ListedNotice {
    fn from(leaf: &NoticeLeaf<T>) -> Self {
        Self {
            bank: leaf.bank,
            notice: leaf.notice,
            number: leaf.number,
        }
    }
}

impl LogRules {
    /// For a log of this origin; `vkey` is a key that the log must name, where one is known.
    pub fn new(origin: impl Into<String>, vkey: Option<String>) -> Self {
        Self {
            origin: origin.into(),
            vkey,
            keys: Vec::new(),
            roster: None,
            waiting: None,
            registered: HashSet::default(),
            revisions: HashMap::default(),
            numbers: HashMap::default(),
            stamped: Stamped::default(),
            newest_at: None,
            told: Told::default(),
        }
    }

    /// Whether the rules need to see it; of all others it is enough to count the unknown ones. The first
    /// entry is needed, whatever it is.
    pub fn needs(index: u64, entry: &Entry) -> bool {
        index == 0 || !matches!(entry, Entry::Passed | Entry::Unknown)
    }

    /// Notes what somebody else found.
    pub fn note(&mut self, finding: Finding) {
        self.told.found += 1;
        if self.told.findings.len() < MAX_FINDINGS {
            self.told.findings.push(finding);
        }
    }

    /// Counts entries of unknown kinds.
    pub fn count_unknown(&mut self, count: u64) {
        self.told.unknown += count;
    }

    /// Takes the next entry of those that [`Self::needs`] names. Codes: `opening_missing`, `opening_again`,
    /// `opening_other`, `key_other`, `roster_version`, `roster_previous`, `time`, `incident_roster`, `revision_number`,
    /// `fanout_missing`, `fanout_alone`, `fanout_other`, `fanout_kind`, `fanout_count`, `fanout_roster`,
    /// `fanout_banks`, `number`, `stamp_unknown`, `stamp_twice`.
    pub fn take(&mut self, item: Item) {
        let Item {
            index,
            hash,
            entry,
            list,
        } = item;
        self.check_opening(index, &entry);
        let follows = self
            .waiting
            .as_ref()
            .is_some_and(|one| one.index + 1 == index);
        if !(follows && matches!(entry, Entry::Fanout(_))) {
            self.end_waiting();
        }
        match entry {
            Entry::KeyChanged(changed) => self.key_changed(index, &changed),
            Entry::Roster(roster) => self.roster(index, hash, &roster, list),
            Entry::Registered(registered) => self.registered(index, hash, &registered),
            Entry::Fanout(fanout) => self.fanout(index, &fanout, list),
            Entry::Acknowledged(one) => self.stamp(index, one.notice),
            Entry::Opening(_) | Entry::Passed | Entry::Unknown => {}
        }
    }

    /// The same for a confirmation that is not the first entry: all that is needed of it, for a log is full of them.
    pub fn confirmed(&mut self, index: u64, notice: Uid) {
        self.end_waiting();
        self.stamp(index, notice);
    }

    /// The log ends here.
    pub fn finish(mut self) -> Told {
        self.end_waiting();
        let is_other = |vkey: &String| !self.keys.is_empty() && !self.keys.contains(vkey);
        if self.vkey.as_ref().is_some_and(is_other) {
            let told = "it names other keys than the one that was given";
            self.find("opening_other", 0, told);
        }
        self.told.key = self.keys.pop().unwrap_or_default();
        self.told
    }

    fn find(&mut self, code: &'static str, index: u64, detail: impl std::fmt::Display) {
        self.note(Finding::new(code, format!("entry {index}: {detail}")));
    }

    fn end_waiting(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let told = "this incident is not directly followed by its fan-out";
            self.find("fanout_missing", waiting.index, told);
        }
    }

    fn check_opening(&mut self, index: u64, entry: &Entry) {
        match (index, entry) {
            (0, Entry::Opening(opening)) => self.opening(opening),
            (0, _) => {
                let told = "a log begins with log.genesis or log.successor";
                self.find("opening_missing", 0, told);
            }
            (_, Entry::Opening(_)) => self.find("opening_again", index, "the log begins once more"),
            _ => {}
        }
    }

    fn opening(&mut self, opening: &Opening) {
        self.told.successor = opening.successor;
        if opening.successor {
            // Notices of the log before may be confirmed in this one.
            self.stamped.miss_some();
        }
        if opening.format != FORMAT || opening.origin != self.origin {
            let (format, origin) = (&opening.format, &opening.origin);
            let told = format!("it begins the log {origin:?} of the format {format:?}");
            self.find("opening_other", 0, told);
        }
        self.keys.push(opening.vkey.clone());
    }

    fn key_changed(&mut self, index: u64, changed: &KeyChanged) {
        if changed.origin != self.origin || self.keys.last() != Some(&changed.previous) {
            let told = "it changes another key than the one that signs until then";
            self.find("key_other", index, told);
        }
        if self.keys.contains(&changed.vkey) {
            self.find(
                "key_other",
                index,
                "a key that has signed before comes again",
            );
        }
        self.keys.push(changed.vkey.clone());
    }

    fn check_time(&mut self, index: u64, at: Instant) {
        match self.newest_at {
            Some(before) if at < before => {
                self.find(
                    "time",
                    index,
                    format!("its time {at} lies before {before}, which came first"),
                );
            }
            _ => self.newest_at = Some(at),
        }
    }

    fn roster(&mut self, index: u64, hash: Hash, roster: &Roster, list: List) {
        self.told.rosters += 1;
        self.check_time(index, roster.effective_at);
        let expected = match &self.roster {
            Some(before) => Some((before.version + 1, before.hash)),
            None if self.told.successor => None,
            None => Some((1, [0; 32])),
        };
        if let Some((version, previous)) = expected {
            if roster.version != version {
                let told = format!(
                    "roster version {} where {version} comes next",
                    roster.version
                );
                self.find("roster_version", index, told);
            }
            if roster.previous != previous {
                let told = "it names another roster as the one before it";
                self.find("roster_previous", index, told);
            }
        }
        let banks = match list {
            List::Banks(banks) => Some(banks),
            _ => None,
        };
        self.told.rosters_listed += u64::from(banks.is_some());
        let (version, n) = (roster.version, roster.n);
        self.roster = Some(InForce {
            version,
            hash,
            n,
            banks,
        });
    }

    fn registered(&mut self, index: u64, hash: Hash, registered: &Registered) {
        self.told.incidents += 1;
        self.check_time(index, registered.accepted_at);
        let known = self.roster.as_ref();
        let under = known.is_some_and(|roster| {
            roster.hash == registered.roster && roster.version == registered.roster_version
        });
        // A log that follows another may go on under a roster of that one.
        if !under && (known.is_some() || !self.told.successor) {
            let told = "it was registered under another roster than the one in force";
            self.find("incident_roster", index, told);
        }
        let number = registered.revision_number;
        let last = self.revisions.insert(registered.incident, number);
        let expected = last.map_or(1, |last| last.saturating_add(1));
        if number != expected && (last.is_some() || !self.told.successor) {
            let told = format!("revision {number} of its incident where {expected} comes next");
            self.find("revision_number", index, told);
        }
        self.registered.insert(hash);
        self.waiting = Some(Waiting { index, hash });
    }

    fn fanout(&mut self, index: u64, fanout: &Fanout, list: List) {
        self.told.fanouts += 1;
        match self.waiting.take() {
            Some(waiting) => self.own_fanout(index, fanout, &waiting, &list),
            None if fanout.kind == "roster" => {
                let told = "a fan-out to the roster that does not directly follow its incident";
                self.find("fanout_alone", index, told);
            }
            None if !self.registered.contains(&fanout.registered) && !self.told.successor => {
                self.find("fanout_other", index, "it belongs to no incident before it");
            }
            None => {}
        }
        let List::Notices(notices) = list else {
            return self.stamped.miss_some();
        };
        self.told.fanouts_listed += 1;
        for notice in notices {
            self.listed(index, &notice);
        }
    }

    /// The one that follows its incident.
    fn own_fanout(&mut self, index: u64, fanout: &Fanout, waiting: &Waiting, list: &List) {
        if fanout.registered != waiting.hash {
            self.find(
                "fanout_other",
                index,
                "it belongs to another incident than the one before it",
            );
        }
        if fanout.kind != "roster" {
            self.find(
                "fanout_kind",
                index,
                "an incident's first fan-out is that to the roster",
            );
        }
        let Some(roster) = &self.roster else {
            return;
        };
        let (n, version) = (roster.n, roster.version);
        let same_banks = match (&roster.banks, list) {
            (Some(banks), List::Notices(notices)) => {
                banks.iter().eq(notices.iter().map(|notice| &notice.bank))
            }
            _ => true,
        };
        if fanout.n != n {
            let told = format!(
                "{} notices went out, and the roster in force has {n} banks",
                fanout.n
            );
            self.find("fanout_count", index, told);
        }
        if fanout.roster_version != version {
            let told = format!(
                "it names roster version {}, and {version} is in force",
                fanout.roster_version
            );
            self.find("fanout_roster", index, told);
        }
        if !same_banks {
            self.find(
                "fanout_banks",
                index,
                "its notices are not those of the banks on the roster",
            );
        }
    }

    fn listed(&mut self, index: u64, notice: &ListedNotice) {
        let ListedNotice {
            bank,
            notice,
            number,
        } = *notice;
        let last = self.numbers.insert(bank, number);
        let expected = last.map_or(1, |last| last.saturating_add(1));
        // Where lists are missing, or another log went before, numbers may have been given there.
        let fits = if self.stamped.misses_some() {
            number >= expected
        } else {
            number == expected
        };
        if !fits {
            let told = format!("bank {bank} gets number {number} where {expected} comes next");
            self.find("number", index, told);
        }
        self.stamped.open(notice);
    }

    fn stamp(&mut self, index: u64, notice: Uid) {
        self.told.acknowledgements += 1;
        if let Err(code) = self.stamped.stamp(notice) {
            let told = match code {
                stamped::TWICE => "is confirmed once more",
                _ => "is confirmed, and is none that is open",
            };
            self.find(code, index, format!("notice {notice} {told}"));
        }
    }
}
