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

/// Bundles that a thread reads and hands on together: to wake another for each would cost more than its rules.
const AT_ONCE: u64 = 8;
/// How often as many wait in order behind each thread.
const AHEAD: usize = 2;
/// No bundle of entries within our bound is longer.
const MAX_BUNDLE: usize = WIDTH as usize * (MAX_BYTES + 2);
/// No list that we write is longer: many thousand banks.
const MAX_LIST: usize = 16 << 20;
/// Findings that are kept of one bundle.
const MAX_FINDINGS: usize = 16;

/// What was read of one bundle.
pub struct Read {
    pub count: u64,
    pub tree: Subtree,
    pub items: Vec<Seen>,
    pub unknown: u64,
    pub findings: Vec<Finding>,
}

/// What the rules need to see; by itself what a log is full of, so that little is handed on.
pub enum Seen {
    Item(Box<Item>),
    /// The notice that the entry at this index confirms.
    Confirmed(u64, Uid),
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
    let runs = size.div_ceil(WIDTH * AT_ONCE);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        let begin = |first: u64| {
            let (sender, receiver) = sync_channel(AHEAD);
            let numbers = (first..runs).step_by(threads as usize);
            scope.spawn(move || read_some(export, size, numbers, &sender));
            receiver
        };
        let lanes: Vec<Receiver<Run>> = (0..threads).map(begin).collect();
        for number in 0..runs {
            let lane = &lanes[(number % threads) as usize];
            // A thread ends before its last bundle only by a panic, which the scope passes on.
            let Ok(run) = lane.recv() else { break };
            for read in run {
                take(read?)?;
            }
        }
        Ok(())
    })
}

/// Some bundles after one another; nothing after the first that stops.
type Run = Vec<Result<Read, Stop>>;

/// Ends when nobody listens any more.
fn read_some(
    export: &Export,
    size: u64,
    runs: impl Iterator<Item = u64>,
    sender: &SyncSender<Run>,
) {
    let mut room = Room::default();
    for run in runs {
        let numbers = run * AT_ONCE..((run + 1) * AT_ONCE).min(size.div_ceil(WIDTH));
        let read = numbers.map(|number| {
            let width = (size - number * WIDTH).min(WIDTH) as u16;
            read_one(export, &Bundle { number, width }, &mut room)
        });
        if sender.send(read.collect()).is_err() {
            return;
        }
    }
}

/// What a thread keeps between bundles, so that it asks for memory once.
#[derive(Default)]
struct Room {
    content: Vec<u8>,
    tile: Vec<u8>,
    list: Vec<u8>,
    hashes: Vec<Hash>,
}

fn read_one(export: &Export, bundle: &Bundle, room: &mut Room) -> Result<Read, Stop> {
    let Room {
        content,
        tile,
        list,
        hashes,
    } = room;
    let path = bundle.path();
    let content = match export.read(&path, MAX_BUNDLE, content) {
        Ok(Some(content)) => content,
        Ok(None) => {
            return Err(Unreadable(format!(
                "{path} is not there: export the log again"
            )));
        }
        Err(fault) => return Err(Unreadable(format!("{path}: {fault}"))),
    };
    let mut reading = Reading {
        export,
        first: bundle.number * WIDTH,
        items: Vec::new(),
        unknown: 0,
        findings: Vec::new(),
        room: list,
    };
    let entries = decode_bundle(content).unwrap_or_default();
    if entries.len() != usize::from(bundle.width) || content.len() > MAX_BUNDLE {
        let told = format!(
            "{path} does not hold {} entries of at most {MAX_BYTES} bytes",
            bundle.width
        );
        reading.find("bundle", told);
    }
    hashes.clear();
    let mut fields = Vec::new();
    for (index, bytes) in (reading.first..).zip(entries) {
        let hash = leaf_hash(bytes);
        hashes.push(hash);
        reading.entry(index, hash, bytes, &mut fields)?;
    }
    let place = Tile {
        level: 0,
        number: bundle.number,
        width: bundle.width,
    };
    if let Some(finding) = compare(export, &place, hashes, tile)? {
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

/// Over these leaves, which it overwrites.
fn subtree(hashes: &mut Vec<Hash>) -> Subtree {
    if (hashes.len() as u64) < WIDTH {
        let mut rest = Frontier::default();
        hashes.drain(..).for_each(|hash| rest.push(hash));
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
    items: Vec<Seen>,
    unknown: u64,
    findings: Vec<Finding>,
    /// For a list.
    room: &'e mut Vec<u8>,
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
        fields: &mut Vec<Field<'a>>,
    ) -> Result<(), Stop> {
        if index > 0
            && let Some(notice) = Entry::confirms(bytes)
        {
            self.items.push(Seen::Confirmed(index, notice));
            return Ok(());
        }
        let entry = match Entry::parse_with(bytes, fields) {
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
        self.unknown += u64::from(matches!(entry, Entry::Unknown));
        if LogRules::needs(index, &entry) {
            let list = self.list(&entry)?;
            self.items.push(Seen::Item(Box::new(Item {
                index,
                hash,
                entry,
                list,
            })));
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

    fn notices(&mut self, fanout: &Fanout) -> Result<Result<List, Finding>, Stop> {
        let name = format!("kairan/fanouts/{}.json", fanout.fanout);
        let Some(bytes) = beside(self.export, &name, self.room)? else {
            return Ok(Ok(List::None));
        };
        if let Some(list) = FanoutList::parse_as_written(bytes) {
            return Ok(listed(&list, fanout));
        }
        let list = FanoutList::parse(bytes).map_err(|why| unreadable(&name, &why))?;
        Ok(listed(&list, fanout))
    }

    fn banks(&mut self, roster: &Roster) -> Result<Result<List, Finding>, Stop> {
        let name = format!("kairan/rosters/{}.json", roster.version);
        let Some(bytes) = beside(self.export, &name, self.room)? else {
            return Ok(Ok(List::None));
        };
        let list = RosterList::parse(bytes).map_err(|why| unreadable(&name, &why))?;
        let banks = |list: &RosterList| {
            list.leaves
                .iter()
                .map(|leaf| leaf.bank)
                .collect::<Vec<Uid>>()
        };
        Ok(list.check(roster).map(|()| List::Banks(banks(&list))))
    }
}

fn listed<T: AsRef<str>>(list: &FanoutList<T>, fanout: &Fanout) -> Result<List, Finding> {
    list.check(fanout)?;
    Ok(List::Notices(
        list.leaves.iter().map(ListedNotice::from).collect(),
    ))
}

/// The bytes of a list, if it is there.
fn beside<'r>(
    export: &Export,
    name: &str,
    room: &'r mut Vec<u8>,
) -> Result<Option<&'r [u8]>, Stop> {
    export
        .read(name, MAX_LIST, room)
        .map_err(|fault| Unreadable(format!("{name}: {fault}")))
}

fn unreadable(name: &str, why: &Unreadable) -> Stop {
    Unreadable(format!("{name}: {why}"))
}
