//! The entry bundles of an export, read and hashed on all cores and handed on in order. What is kept of a
//! bundle is its hashes and the entries that rules need.

use super::levels::compare;
use super::{NotAnEntry, Unreadable};
use crate::cli::verify::export::Export;
use crate::domain::entry::MAX_BYTES;
use crate::domain::id::Uid;
use crate::domain::proof::Finding;
use crate::domain::proof::canonical::Field;
use crate::domain::proof::entries::{Entry, Fanout, Roster};
use crate::domain::proof::leaves::{FanoutList, RosterList};
use crate::domain::proof::log_rules::{Item, List, ListedNotice, LogRules};
use crate::merkle::tile::{Bundle, Tile, WIDTH, decode_bundle};
use crate::merkle::tree::Frontier;
use crate::merkle::{Hash, leaf_hash, node_hash};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bundles that wait in order behind each thread.
const AHEAD: usize = 4;
/// No bundle of entries within our bound is longer.
const MAX_BUNDLE: u64 = WIDTH * (MAX_BYTES as u64 + 2);
/// No list that we write is longer: many thousand banks.
const MAX_LIST: u64 = 16 << 20;
/// Findings that are kept of one bundle.
const MAX_FINDINGS: usize = 16;

/// What was read of one bundle.
pub struct Read {
    pub count: u64,
    pub tree: Subtree,
    pub items: Vec<Item>,
    pub unknown: u64,
    pub findings: Vec<Finding>,
}

/// The hashes of a bundle, as far as the tree above needs them.
pub enum Subtree {
    /// The root over 256 leaves.
    Full(Hash),
    Partial(Frontier),
}

/// Why the reading ends early.
pub type Stop = Unreadable;

/// Hands all bundles of a log of `size` entries to `take`, in order.
pub fn read_all(
    export: &Export,
    size: u64,
    mut take: impl FnMut(Read) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let bundles = size.div_ceil(WIDTH);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        let begin = |first: u64| {
            let (sender, receiver) = sync_channel(AHEAD);
            let numbers = (first..bundles).step_by(threads as usize);
            scope.spawn(move || read_some(export, size, numbers, &sender));
            receiver
        };
        let lanes: Vec<Receiver<Result<Read, Stop>>> = (0..threads).map(begin).collect();
        for number in 0..bundles {
            let lane = &lanes[(number % threads) as usize];
            // A thread ends before its last bundle only by a panic, which the scope passes on.
            let Ok(read) = lane.recv() else { break };
            take(read?)?;
        }
        Ok(())
    })
}

/// Ends when nobody listens any more.
fn read_some(
    export: &Export,
    size: u64,
    numbers: impl Iterator<Item = u64>,
    sender: &SyncSender<Result<Read, Stop>>,
) {
    let mut content = Vec::new();
    for number in numbers {
        let width = (size - number * WIDTH).min(WIDTH) as u16;
        let read = read_one(export, &Bundle { number, width }, &mut content);
        if sender.send(read).is_err() {
            return;
        }
    }
}

fn read_one(export: &Export, bundle: &Bundle, content: &mut Vec<u8>) -> Result<Read, Stop> {
    let path = bundle.path();
    match export.fill(&path, MAX_BUNDLE, content) {
        Ok(true) => {}
        Ok(false) => {
            return Err(Unreadable(format!(
                "{path} is not there: export the log again"
            )));
        }
        Err(fault) => return Err(Unreadable(format!("{path}: {fault}"))),
    }
    let mut reading = Reading {
        export,
        first: bundle.number * WIDTH,
        items: Vec::new(),
        unknown: 0,
        findings: Vec::new(),
    };
    let entries = decode_bundle(content).unwrap_or_default();
    if entries.len() != usize::from(bundle.width) || content.len() as u64 > MAX_BUNDLE {
        let told = format!(
            "{path} does not hold {} entries of at most {MAX_BYTES} bytes",
            bundle.width
        );
        reading.find("bundle", told);
    }
    let mut hashes = Vec::with_capacity(entries.len());
    let mut room = Vec::new();
    for (index, bytes) in (reading.first..).zip(entries) {
        let hash = leaf_hash(bytes);
        hashes.push(hash);
        reading.entry(index, hash, bytes, &mut room)?;
    }
    let tile = Tile {
        level: 0,
        number: bundle.number,
        width: bundle.width,
    };
    if let Some(finding) = compare(export, &tile, &hashes)? {
        reading.findings.push(finding);
    }
    let Reading {
        items,
        unknown,
        findings,
        ..
    } = reading;
    let count = bundle.width.into();
    Ok(Read {
        count,
        tree: subtree(hashes),
        items,
        unknown,
        findings,
    })
}

fn subtree(mut hashes: Vec<Hash>) -> Subtree {
    if (hashes.len() as u64) < WIDTH {
        let mut rest = Frontier::default();
        hashes.into_iter().for_each(|hash| rest.push(hash));
        return Subtree::Partial(rest);
    }
    while hashes.len() > 1 {
        for place in 0..hashes.len() / 2 {
            hashes[place] = node_hash(&hashes[2 * place], &hashes[2 * place + 1]);
        }
        hashes.truncate(hashes.len() / 2);
    }
    Subtree::Full(hashes[0])
}

/// A bundle that is being read.
struct Reading<'e> {
    export: &'e Export,
    first: u64,
    items: Vec<Item>,
    unknown: u64,
    findings: Vec<Finding>,
}

impl Reading<'_> {
    fn find(&mut self, code: &'static str, detail: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding::new(code, detail));
        }
    }

    fn entry<'a>(
        &mut self,
        index: u64,
        hash: Hash,
        bytes: &'a [u8],
        room: &mut Vec<Field<'a>>,
    ) -> Result<(), Stop> {
        let entry = match Entry::parse_with(bytes, room) {
            Ok(entry) => entry,
            Err(why) => {
                let code = if matches!(why, NotAnEntry::Form(_)) {
                    "canonical"
                } else {
                    "entry_form"
                };
                self.find(code, format!("entry {index} {why}"));
                Entry::Unknown
            }
        };
        if entry == Entry::Unknown {
            self.unknown += 1;
        }
        if LogRules::needs(index, &entry) {
            let list = self.list(&entry)?;
            self.items.push(Item {
                index,
                hash,
                entry,
                list,
            });
        }
        Ok(())
    }

    /// The list beside an entry, if it is there and the one that the entry commits to.
    fn list(&mut self, entry: &Entry) -> Result<List, Stop> {
        let listed = match entry {
            Entry::Fanout(fanout) => self.notices(fanout)?,
            Entry::Roster(roster) => self.banks(roster)?,
            _ => Ok(List::None),
        };
        Ok(listed.unwrap_or_else(|finding| {
            self.findings.push(finding);
            List::None
        }))
    }

    fn notices(&self, fanout: &Fanout) -> Result<Result<List, Finding>, Stop> {
        let name = format!("kairan/fanouts/{}.json", fanout.fanout);
        let Some(bytes) = self.beside(&name)? else {
            return Ok(Ok(List::None));
        };
        let list = FanoutList::parse(&bytes).map_err(|why| unreadable(&name, &why))?;
        Ok(list
            .check(fanout)
            .map(|()| List::Notices(list.leaves.iter().map(ListedNotice::from).collect())))
    }

    fn banks(&self, roster: &Roster) -> Result<Result<List, Finding>, Stop> {
        let name = format!("kairan/rosters/{}.json", roster.version);
        let Some(bytes) = self.beside(&name)? else {
            return Ok(Ok(List::None));
        };
        let list = RosterList::parse(&bytes).map_err(|why| unreadable(&name, &why))?;
        let banks = |list: &RosterList| {
            list.leaves
                .iter()
                .map(|leaf| leaf.bank)
                .collect::<Vec<Uid>>()
        };
        Ok(list.check(roster).map(|()| List::Banks(banks(&list))))
    }

    fn beside(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        let mut bytes = Vec::new();
        match self.export.fill(name, MAX_LIST, &mut bytes) {
            Ok(there) => Ok(there.then_some(bytes)),
            Err(fault) => Err(Unreadable(format!("{name}: {fault}"))),
        }
    }
}

fn unreadable(name: &str, why: &Unreadable) -> Stop {
    Unreadable(format!("{name}: {why}"))
}
