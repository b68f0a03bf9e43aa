//! A log that was made up, with the entries that incidents bring in the order in which they come: each incident
//! with its fan-out, the outcome of every notice, the confirmation of every bank. Written as `kairan export log`
//! writes one.

use crate::cli::CliError;
use crate::domain::entry::{
    Acknowledged, Attempt, Entry, Fanout, Genesis, IncidentRegistered, RosterVersion,
};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::proof::leaves::{FanoutList, NoticeLeaf, RosterLeaf, RosterList};
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::growing::{FullTile, Growing};
use crate::merkle::note::{KeyKind, KeyName, Signer, VerifierKey};
use crate::merkle::tile::{Bundle, Tile, WIDTH, encode_bundle, encode_hashes, tiles};
use crate::merkle::{Hash, leaf_hash, root};
use std::path::{Path, PathBuf};

const ORIGIN: &str = "bench.example/log/1";
/// Banks of the log that is judged.
const BANKS: usize = 35;
/// The case is of May 2019; a minute between incidents.
const BEGIN: i64 = 1_558_000_000_000_000;
const APART: i64 = 60_000_000;

/// The same for the same name and number.
pub fn uid(name: &[u8], number: u64) -> Uid {
    let hash = hash_of(name, number);
    Uid::from_bytes(*hash.first_chunk().expect("32 bytes hold 16"))
}

fn hash_of(name: &[u8], number: u64) -> Hash {
    leaf_hash(&[name, &number.to_be_bytes()].concat())
}

fn bank(place: usize) -> Uid {
    let mut bytes = *uid(b"bank", place as u64).as_bytes();
    // In the order of their places.
    bytes[..8].copy_from_slice(&(place as u64).to_be_bytes());
    Uid::from_bytes(bytes)
}

/// The entries of one incident. Its number makes it another than all the others.
#[derive(Clone)]
pub struct Incident {
    number: u64,
    notices: Vec<Uid>,
}

/// An entry and what it is about.
pub type Made = (Uid, Entry<'static>);

impl Incident {
    pub fn new(number: u64, banks: usize) -> Self {
        let first = number * banks as u64;
        let notices = (first..first + banks as u64).map(|n| uid(b"notice", n));
        Self {
            number,
            notices: notices.collect(),
        }
    }

    pub fn banks(&self) -> usize {
        self.notices.len()
    }

    fn at(&self) -> Instant {
        Instant::from_micros(BEGIN + APART * i64::try_from(self.number).unwrap_or(i64::MAX / APART))
    }

    fn registered(&self, roster: Hash) -> Made {
        let entry = IncidentRegistered {
            accepted_at: self.at(),
            commitment: hash_of(b"commitment", self.number),
            facts: hash_of(b"facts", self.number),
            incident: uid(b"incident", self.number),
            kind: "alert",
            phase: "initial",
            revision: uid(b"revision", self.number),
            revision_number: 1,
            roster,
            roster_version: 1,
            t: "incident.registered",
            v: 1,
        };
        (entry.revision, Entry::IncidentRegistered(entry))
    }

    fn list(&self) -> FanoutList {
        let leaf = |(place, notice): (usize, &Uid)| NoticeLeaf {
            bank: bank(place),
            channels: "webhook email".into(),
            commitment: hash_of(b"notice", self.number),
            facts: hash_of(b"notice facts", self.number),
            notice: *notice,
            number: i64::try_from(self.number + 1).unwrap_or(i64::MAX),
        };
        FanoutList {
            fanout: uid(b"fanout", self.number),
            kind: "roster".into(),
            leaves: self.notices.iter().enumerate().map(leaf).collect(),
        }
    }

    fn fanout(&self, list: &FanoutList, registered: Hash) -> Made {
        let entry = Fanout {
            facts: hash_of(b"fanout facts", self.number),
            fanout: list.fanout,
            kind: "roster",
            n: i64::try_from(self.banks()).unwrap_or(i64::MAX),
            notices_root: root(list.leaves.iter().map(NoticeLeaf::hash)),
            registered,
            roster_version: 1,
            t: "notice.fanout",
            v: 1,
        };
        (entry.fanout, Entry::Fanout(entry))
    }

    /// The outcome of one notice's webhook.
    pub fn attempt(&self, place: usize) -> Made {
        let number = self.number * self.banks() as u64 + place as u64;
        let entry = Attempt {
            at: self.at(),
            attempt: uid(b"attempt", number),
            bank: Some(bank(place)),
            channel: "webhook",
            facts: hash_of(b"attempt facts", number),
            n: 1,
            notice: Some(self.notices[place]),
            outcome: "accepted",
            seq: 1,
            status: Some(200),
            t: "notice.attempt",
            v: 1,
        };
        (self.notices[place], Entry::Attempt(entry))
    }

    /// One bank's confirmation.
    pub fn acknowledged(&self, place: usize) -> Made {
        let number = self.number * self.banks() as u64 + place as u64;
        let entry = Acknowledged {
            acknowledgement: uid(b"acknowledgement", number),
            at: self.at(),
            bank: bank(place),
            class: "signed",
            covered_by: None,
            facts: hash_of(b"acknowledgement facts", number),
            note: Some(hash_of(b"note", number)),
            notice: self.notices[place],
            t: "notice.acknowledged",
            v: 1,
        };
        (self.notices[place], Entry::Acknowledged(entry))
    }
}

/// Where a made log lies, and the key that signed it.
pub struct Export {
    pub folder: PathBuf,
    pub key: VerifierKey,
    pub root: Hash,
    pub size: u64,
}

/// Writes a log of so many entries into an empty folder.
pub fn export(folder: &Path, size: u64) -> Result<Export, CliError> {
    let name = KeyName::parse(ORIGIN).expect("it is a constant of ours, and plain");
    let signer = Signer::new(name, KeyKind::Ed25519, &hash_of(b"key", 0));
    let mut writer = Writer {
        folder: folder.to_owned(),
        size,
        growing: Growing::default(),
        bundle: Vec::new(),
        full: Vec::new(),
    };
    let vkey = signer.verifier().to_string();
    writer.write("kairan/vkey", format!("{vkey}\n").as_bytes())?;
    let roster = writer.begin(&vkey)?;
    for number in 0.. {
        if !writer.incident(&Incident::new(number, BANKS), roster)? {
            break;
        }
    }
    let head = Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: writer.growing.root(),
    };
    writer.finish()?;
    let note = signer.sign(&head.to_text());
    let note = note.map_err(|fault| CliError::Failed(format!("the made log: {fault}")))?;
    writer.write("checkpoint", note.as_bytes())?;
    Ok(Export {
        folder: folder.to_owned(),
        key: signer.verifier().clone(),
        root: head.root,
        size,
    })
}

struct Writer {
    folder: PathBuf,
    size: u64,
    growing: Growing,
    /// Entries of the bundle that is not full yet.
    bundle: Vec<Vec<u8>>,
    full: Vec<FullTile>,
}

impl Writer {
    /// The opening and the only roster, whose leaf hash is returned.
    fn begin(&mut self, vkey: &str) -> Result<Hash, CliError> {
        let at = Instant::from_micros(BEGIN);
        self.push(&Entry::Genesis(Genesis {
            at,
            format: "kairan-log/v1",
            origin: ORIGIN,
            t: "log.genesis",
            v: 1,
            vkey,
        }))?;
        let leaf = |place| RosterLeaf {
            bank: bank(place),
            channels: hash_of(b"channels", place as u64),
            keys: Vec::new(),
            linking: "account_no_cash_card_pin".into(),
            member_since: 1,
        };
        let list = RosterList {
            leaves: (0..BANKS).map(leaf).collect(),
            version: 1,
        };
        self.list("kairan/rosters/1.json", &list)?;
        self.push(&Entry::RosterVersion(RosterVersion {
            effective_at: at,
            facts: hash_of(b"roster facts", 0),
            n: i64::try_from(BANKS).unwrap_or(i64::MAX),
            previous: [0; 32],
            root: root(list.leaves.iter().map(RosterLeaf::hash)),
            t: "roster.version",
            v: 1,
            version: 1,
        }))
    }

    /// As much of it as still fits; false = the log is full. An incident is never left without its fan-out.
    fn incident(&mut self, incident: &Incident, roster: Hash) -> Result<bool, CliError> {
        let room = |writer: &Self| writer.size - writer.growing.size();
        let list = incident.list();
        if room(self) >= 2 {
            let registered = self.push(&incident.registered(roster).1)?;
            self.list(&format!("kairan/fanouts/{}.json", list.fanout), &list)?;
            self.push(&incident.fanout(&list, registered).1)?;
        }
        let banks = 0..incident.banks();
        let attempts = banks.clone().map(|place| incident.attempt(place));
        for (_, entry) in attempts.chain(banks.map(|place| incident.acknowledged(place))) {
            if room(self) == 0 {
                return Ok(false);
            }
            self.push(&entry)?;
        }
        Ok(room(self) > 0)
    }

    fn push(&mut self, entry: &Entry<'_>) -> Result<Hash, CliError> {
        let (bytes, hash) = entry.to_bytes();
        self.bundle.push(bytes);
        let mut full = std::mem::take(&mut self.full);
        self.growing.push(hash, &mut full);
        for tile in full.drain(..) {
            let place = Tile {
                level: tile.level,
                number: tile.number,
                width: WIDTH as u16,
            };
            self.write(&place.path(), &encode_hashes(&tile.hashes))?;
        }
        self.full = full;
        if self.bundle.len() as u64 == WIDTH {
            self.write_bundle()?;
        }
        Ok(hash)
    }

    fn write_bundle(&mut self) -> Result<(), CliError> {
        let bundle = Bundle {
            number: (self.growing.size() - 1) / WIDTH,
            width: self.bundle.len() as u16,
        };
        let content = encode_bundle(self.bundle.drain(..))
            .map_err(|fault| CliError::Failed(format!("the made log: {fault}")))?;
        self.write(&bundle.path(), &content)
    }

    /// The bundle and the tiles that are not full.
    fn finish(&mut self) -> Result<(), CliError> {
        if !self.bundle.is_empty() {
            self.write_bundle()?;
        }
        for tile in tiles(self.growing.size()).filter(|tile| !tile.is_full()) {
            let hashes = self.growing.unfinished(tile.level);
            self.write(&tile.path(), &encode_hashes(hashes))?;
        }
        Ok(())
    }

    fn list(&self, path: &str, list: &impl serde::Serialize) -> Result<(), CliError> {
        let bytes = serde_json::to_vec(list)
            .map_err(|fault| CliError::Failed(format!("the made log: {fault}")))?;
        self.write(path, &bytes)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), CliError> {
        let path = self.folder.join(path);
        let failed = |fault: std::io::Error| CliError::file("write", &path, &fault);
        match std::fs::write(&path, content) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(path.parent().unwrap_or(&self.folder)).map_err(failed)?;
                std::fs::write(&path, content).map_err(failed)
            }
            written => written.map_err(failed),
        }
    }
}
