//! A small log for tests, told in one story: five banks, an incident, a bank that leaves, a second revision,
//! confirmations; and the same story as an insider would tell it. Included by unit tests and by the tests of
//! the command line, each of which says in `house` where the library is.

use super::house::{domain, merkle};
use domain::digest::Digest;
use domain::id::Uid;
use domain::json;
use domain::proof::acknowledgement::AckNote;
use domain::proof::completeness::{Completeness, FORMAT, Former, Proven, ProvenAcknowledgement};
use domain::proof::leaves::{FanoutList, NoticeLeaf, RosterLeaf, RosterList};
use domain::proof::log_keys::Handover;
use domain::proof::notice::{NoticeProof, Place};
use merkle::Hash;
use merkle::checkpoint::Checkpoint;
use merkle::note::{KeyKind, KeyName, Signer};
use merkle::side::SideTree;
use merkle::tile::{WIDTH, bundles, encode_bundle, encode_hashes, tiles};
use merkle::tlog_proof::TlogProof;
use merkle::tree::Frontier;
use serde_json::{Value, json};

pub const HOST: &str = "hub.operator.example";
pub const ORIGIN: &str = "hub.operator.example/log/1";

/// What an insider does differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Honest,
    /// The third bank gets no notice.
    BankDropped,
    /// The second bank gets two notices, the third none.
    BankTwice,
    /// The third bank's notice goes to a bank that is on no roster.
    BankExchanged,
    /// The incident is registered under the roster version before the one in force.
    OldRoster,
    /// Something stands between the incident and its fan-out.
    FanoutMoved,
    /// The first bank's second notice has number 3.
    NumberSkipped,
    /// The second bank's note is signed by another key.
    NoteForged,
    /// The roster's second version comes again with other content.
    RosterAgain,
}

pub fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(
        KeyName::parse(name).expect("a name"),
        KeyKind::Ed25519,
        &[seed; 32],
    )
}

pub fn uid(kind: u8, n: u8) -> Uid {
    let mut bytes = [kind; 16];
    bytes[15] = n;
    Uid::from_bytes(bytes)
}

fn b64(bytes: &[u8]) -> String {
    use base64::prelude::*;
    BASE64_STANDARD.encode(bytes)
}

fn at(minute: u64) -> String {
    format!(
        "2019-05-17T{:02}:{:02}:09.120Z",
        2 + minute / 60,
        minute % 60
    )
}

/// The log itself: bytes in order.
#[derive(Debug, Clone)]
pub struct Log {
    pub entries: Vec<Vec<u8>>,
    pub key: Signer,
    pub minute: u64,
}

impl Log {
    pub fn new(first: &str) -> Self {
        let key = signer(ORIGIN, 7);
        let mut log = Self {
            entries: Vec::new(),
            key,
            minute: 0,
        };
        let vkey = log.key.verifier().to_string();
        let at = at(0);
        let mut opening = json!({ "at": at, "format": "kairan-log/v1", "origin": ORIGIN, "t": first, "v": 1, "vkey": vkey });
        if first == "log.successor" {
            opening["heads"] = json!([]);
        }
        log.add(&opening);
        log
    }

    pub fn add(&mut self, entry: &Value) -> u64 {
        self.entries.push(json::canonical(entry));
        self.entries.len() as u64 - 1
    }

    /// Any time later than those before.
    pub fn later(&mut self) -> String {
        self.minute += 1;
        at(self.minute)
    }

    pub fn hash(&self, index: u64) -> Hash {
        merkle::leaf_hash(&self.entries[index as usize])
    }

    pub fn attempt(&mut self) -> u64 {
        let at = self.later();
        self.add(&json!({ "at": at, "attempt": uid(9, 9), "t": "notice.attempt", "v": 1 }))
    }

    pub fn roster(&mut self, version: i64, previous: Option<u64>, leaves: &[RosterLeaf]) -> u64 {
        let root = merkle::root(leaves.iter().map(RosterLeaf::hash));
        let previous = previous.map_or([0; 32], |index| self.hash(index));
        let effective_at = self.later();
        self.add(&json!({
            "effective_at": effective_at, "facts": b64(&[9; 32]), "n": leaves.len(), "previous": b64(&previous), "root": b64(&root),
            "t": "roster.version", "v": 1, "version": version,
        }))
    }

    pub fn registered(&mut self, number: i64, roster: u64, version: i64) -> u64 {
        let (accepted_at, roster) = (self.later(), self.hash(roster));
        self.add(&json!({
            "accepted_at": accepted_at, "commitment": b64(&[3; 32]), "facts": b64(&[9; 32]), "incident": uid(2, 0), "kind": "actual",
            "phase": "initial", "revision": uid(3, number as u8), "revision_number": number,
            "roster": b64(&roster), "roster_version": version, "t": "incident.registered", "v": 1,
        }))
    }

    pub fn fanout(
        &mut self,
        kind: &str,
        id: Uid,
        registered: u64,
        version: i64,
        leaves: &[NoticeLeaf],
    ) -> u64 {
        let (root, registered) = (
            merkle::root(leaves.iter().map(NoticeLeaf::hash)),
            self.hash(registered),
        );
        self.add(&json!({
            "facts": b64(&[9; 32]), "fanout": id, "kind": kind, "n": leaves.len(), "notices_root": b64(&root),
            "registered": b64(&registered), "roster_version": version, "t": "notice.fanout", "v": 1,
        }))
    }

    pub fn acknowledged(&mut self, leaf: &NoticeLeaf, note: Option<(&str, &Hash)>) -> u64 {
        let at = self.later();
        let class = if note.is_some() { "signed" } else { "portal" };
        let commitment =
            note.map(|(note, salt)| merkle::commit("kairan-ack/v1", salt, note.as_bytes()));
        self.add(&json!({
            "acknowledgement": uid(6, leaf.number as u8), "at": at, "bank": leaf.bank, "class": class,
            "covered_by": null, "facts": b64(&[9; 32]), "note": commitment.map(|hash| b64(&hash)), "notice": leaf.notice,
            "t": "notice.acknowledged", "v": 1,
        }))
    }

    pub fn checkpoint(&self) -> String {
        self.key.sign(&self.head().to_text()).expect("signs")
    }

    pub fn head(&self) -> Checkpoint {
        Checkpoint {
            origin: ORIGIN.into(),
            size: self.entries.len() as u64,
            root: merkle::root(self.entries.iter().map(|entry| merkle::leaf_hash(entry))),
        }
    }

    /// From here on the key of this seed signs, the log says; the handover.
    pub fn hand_over(&mut self, seed: u8) -> String {
        let (before, at) = (self.key.clone(), self.later());
        self.key = signer(ORIGIN, seed);
        let (previous, vkey) = (before.verifier(), self.key.verifier());
        let entry = json!({ "at": at, "origin": ORIGIN, "previous": previous.to_string(), "t": "log.key", "v": 1, "vkey": vkey.to_string() });
        let index = self.add(&entry);
        let line = self.key.line(&self.head().to_text()).expect("signs");
        let checkpoint = before.sign(&self.head().to_text()).expect("signs") + &line;
        self.handover(index, checkpoint)
    }

    /// The entry there with this checkpoint.
    pub fn handover(&self, index: u64, checkpoint: String) -> String {
        let proof = TlogProof {
            extra: None,
            index,
            path: self.path(index),
            checkpoint,
        };
        Handover::write(&self.entries[index as usize], proof)
    }

    /// As it was when it had fewer entries.
    pub fn earlier(&self, size: usize) -> Self {
        Self {
            entries: self.entries[..size].to_vec(),
            ..self.clone()
        }
    }

    pub fn path(&self, index: u64) -> Vec<Hash> {
        let leaves = self.entries.iter().map(|entry| merkle::leaf_hash(entry));
        SideTree::new(leaves.collect())
            .path(index as usize)
            .expect("a leaf it has")
    }

    pub fn proven(&self, index: u64) -> Proven {
        let entry = self.entries[index as usize].clone();
        Proven {
            entry,
            index,
            path: self.path(index),
        }
    }

    /// The C2SP files.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let size = self.entries.len() as u64;
        let mut files = vec![("checkpoint".into(), self.checkpoint().into_bytes())];
        for bundle in bundles(size) {
            let first = (bundle.number * WIDTH) as usize;
            let entries = &self.entries[first..first + usize::from(bundle.width)];
            files.push((bundle.path(), encode_bundle(entries).expect("fits")));
        }
        for tile in tiles(size) {
            let below = 1_u64 << (8 * u32::from(tile.level));
            let first = tile.number * WIDTH;
            let hash = |n: u64| {
                let mut tree = Frontier::default();
                (n * below..(n + 1) * below).for_each(|index| tree.push(self.hash(index)));
                tree.root()
            };
            let hashes: Vec<Hash> = (first..first + u64::from(tile.width)).map(hash).collect();
            files.push((tile.path(), encode_hashes(&hashes)));
        }
        files.push((
            "kairan/vkey".into(),
            format!("{}\n", self.key.verifier()).into_bytes(),
        ));
        files
    }
}

/// A log whose key 7 was followed by 8 and then by 9, with a head of each time and its size, and both handovers.
pub fn handed_over_twice() -> (Log, Vec<(u64, String)>, Vec<String>) {
    let (mut log, mut heads, mut handovers) = (Log::new("log.genesis"), Vec::new(), Vec::new());
    for seed in [8, 9] {
        log.attempt();
        heads.push((log.entries.len() as u64, log.checkpoint()));
        handovers.push(log.hand_over(seed));
    }
    log.attempt();
    heads.push((log.entries.len() as u64, log.checkpoint()));
    (log, heads, handovers)
}

/// The story, with what stands beside the log.
#[derive(Debug, Clone)]
pub struct Story {
    pub log: Log,
    pub rosters: Vec<RosterList>,
    pub fanouts: Vec<FanoutList>,
    pub acknowledgements: Vec<ProvenAcknowledgement>,
    /// Index of the roster entry by version - 1.
    pub roster_at: Vec<u64>,
    /// Index of the second revision.
    pub second_at: u64,
    /// Index of its fan-outs: to the roster and to former banks.
    pub fanout_at: [u64; 2],
}

fn member(n: u8) -> RosterLeaf {
    let keys = if n % 2 == 1 {
        vec![*bank_key(n, n).verifier().as_bytes()]
    } else {
        Vec::new()
    };
    RosterLeaf {
        bank: uid(1, n),
        channels: [n; 32],
        keys,
        linking: "sms_otp".into(),
        member_since: 1,
    }
}

/// The key of bank `n`, if the seed is `n` too.
pub fn bank_key(n: u8, seed: u8) -> Signer {
    signer(&format!("011{n}.{HOST}/ack"), 100 + seed)
}

/// The notice object of bank `n` in a revision.
pub fn object(n: u8, revision: u8, number: i64) -> Vec<u8> {
    let object = json!({
        "acknowledge_by": at(59), "annex": null, "bank": format!("011{n}"), "concerns_you": false, "exposed": true,
        "id": uid(4 + revision * 16, n), "incident": "INC-2019-0003", "incident_digest": Digest::of(&body()),
        "kind": "actual", "number": number.to_string(), "phase": "initial", "revision": revision.to_string(),
        "tlp": "AMBER", "v": 1,
    });
    json::canonical(&object)
}

/// The shared body of the incident.
pub fn body() -> Vec<u8> {
    json::canonical(&json!({ "title": "盗難", "v": 1 }))
}

pub fn salt(n: u8, revision: u8) -> Hash {
    [n + 10 * revision; 32]
}

pub fn notice(n: u8, revision: u8, number: i64) -> NoticeLeaf {
    let object = object(n, revision, number);
    NoticeLeaf {
        bank: uid(1, n),
        channels: "webhook email".into(),
        commitment: merkle::commit("kairan-notice/v1", &salt(n, revision), &object),
        facts: [5; 32],
        notice: uid(4 + revision * 16, n),
        number,
    }
}

impl Story {
    /// Five banks; the fifth leaves before the second revision, whose fan-outs are the ones that are judged.
    pub fn told(twist: Twist) -> Self {
        let mut log = Log::new("log.genesis");
        let all: Vec<RosterLeaf> = (1..=5).map(member).collect();
        let rest = all[..4].to_vec();
        let first = log.roster(1, None, &all);
        log.attempt();
        let registered = log.registered(1, first, 1);
        let notices: Vec<NoticeLeaf> = (1..=5).map(|n| notice(n, 1, 1)).collect();
        log.fanout("roster", uid(8, 1), registered, 1, &notices);
        let mut fanouts = vec![list(1, "roster", &notices)];
        log.acknowledged(&notices[0], None);
        let second = log.roster(2, Some(first), &rest);
        let mut roster_at = vec![first, second];
        let rosters = vec![
            RosterList {
                leaves: all.clone(),
                version: 1,
            },
            RosterList {
                leaves: rest.clone(),
                version: 2,
            },
        ];
        if twist == Twist::RosterAgain {
            log.roster(2, Some(first), &rest[..3]);
        }
        let (under, version) = if twist == Twist::OldRoster {
            (first, 1)
        } else {
            (second, 2)
        };
        let second_at = log.registered(2, under, version);
        if twist == Twist::FanoutMoved {
            log.attempt();
        }
        let notices = twisted(twist);
        let to_roster = log.fanout("roster", uid(8, 2), second_at, version, &notices);
        let left = vec![notice(5, 2, 2)];
        let to_former = log.fanout("former", uid(8, 3), second_at, version, &left);
        fanouts.extend([list(2, "roster", &notices), list(3, "former", &left)]);
        let mut story = Self {
            log,
            rosters,
            fanouts,
            acknowledgements: Vec::new(),
            roster_at: Vec::new(),
            second_at,
            fanout_at: [to_roster, to_former],
        };
        story.confirm(twist);
        let third = story.log.roster(3, Some(second), &rest[..3]);
        roster_at.push(third);
        story.roster_at = roster_at;
        story.rosters.push(RosterList {
            leaves: rest[..3].to_vec(),
            version: 3,
        });
        story.log.attempt();
        story.prove();
        story
    }

    /// The first three confirm: the first by its key, the second in the portal, the third by its key.
    fn confirm(&mut self, twist: Twist) {
        let leaves = self.fanouts[1].leaves.clone();
        for leaf in leaves.iter().take(3) {
            let n = leaf.bank.as_bytes()[15];
            let forged = twist == Twist::NoteForged && n == 3;
            let note = (n % 2 == 1).then(|| note(leaf, n, if forged { 99 } else { n }));
            let salt = [n + 50; 32];
            let index = self
                .log
                .acknowledged(leaf, note.as_deref().map(|note| (note, &salt)));
            let opening = note.as_ref().map(|_| salt);
            let (entry, path) = (self.log.entries[index as usize].clone(), Vec::new());
            self.acknowledgements.push(ProvenAcknowledgement {
                entry,
                index,
                note,
                notice: leaf.notice,
                opening,
                path,
            });
        }
    }

    /// Proofs are of the size that the log has in the end.
    fn prove(&mut self) {
        for one in &mut self.acknowledgements {
            one.path = self.log.path(one.index);
        }
    }

    /// The bundle of the second revision.
    pub fn bundle(&self) -> Completeness {
        let log = &self.log;
        Completeness {
            acknowledgements: self.acknowledgements.clone(),
            checkpoint: log.checkpoint(),
            fanout: log.proven(self.fanout_at[0]),
            format: FORMAT.into(),
            former: Some(Former {
                fanout: log.proven(self.fanout_at[1]),
                notice_leaves: self.fanouts[2].leaves.clone(),
            }),
            handovers: Vec::new(),
            incident: "INC-2019-0003".into(),
            labels: (1..=5).map(|n| (uid(1, n), format!("011{n}"))).collect(),
            next_roster: Some(log.proven(self.roster_at[2])),
            notice_leaves: self.fanouts[1].leaves.clone(),
            registered: log.proven(self.second_at),
            revision: 2,
            roster: log.proven(self.roster_at[1]),
            roster_leaves: self.rosters[1].leaves.clone(),
        }
    }

    /// The proof of one notice of the second revision, with its object.
    pub fn notice_proof(&self, position: usize) -> (NoticeProof, Vec<u8>) {
        let leaves = &self.fanouts[1].leaves;
        let leaf = &leaves[position];
        let n = leaf.bank.as_bytes()[15];
        let tree = SideTree::new(leaves.iter().map(NoticeLeaf::hash).collect());
        let index = self.fanout_at[0];
        let proof = TlogProof {
            extra: None,
            index,
            path: self.log.path(index),
            checkpoint: self.log.checkpoint(),
        };
        let place = Place {
            bank: leaf.bank,
            channels: leaf.channels.clone(),
            facts: leaf.facts,
            n: leaves.len() as u64,
            path: tree.path(position).expect("a leaf it has"),
            position: position as u64,
        };
        let entry = self.log.entries[index as usize].clone();
        let proof = NoticeProof {
            entry,
            handovers: Vec::new(),
            opening: salt(n, 2),
            place,
            proof: proof.to_string(),
        };
        (proof, object(n, 2, leaf.number))
    }

    /// The body of a webhook, as it is sent.
    pub fn webhook(&self, position: usize, sealed: bool) -> String {
        let (proof, object) = self.notice_proof(position);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let log = if sealed {
            text(proof.to_json())
        } else {
            "null".into()
        };
        let (digest, count) = (Digest::of(&object), proof.place.n);
        format!(
            r#"{{"type":"notice.issued","timestamp":"{}","data":{{"notice":{},"digest":"{digest}","incident":{},"acknowledge":{{"api":"https://{HOST}/a","page":"https://{HOST}/n"}},"recipients":{{"count":{count},"roster_version":2}},"log":{log}}}}}"#,
            at(30),
            text(object),
            text(body()),
        )
    }

    /// The whole export.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = self.log.files();
        for list in &self.fanouts {
            files.push((
                format!("kairan/fanouts/{}.json", list.fanout),
                json::canonical(list),
            ));
        }
        for list in &self.rosters {
            files.push((
                format!("kairan/rosters/{}.json", list.version),
                json::canonical(list),
            ));
        }
        files
    }
}

fn list(n: u8, kind: &str, leaves: &[NoticeLeaf]) -> FanoutList {
    FanoutList {
        fanout: uid(8, n),
        kind: kind.into(),
        leaves: leaves.to_vec(),
    }
}

fn twisted(twist: Twist) -> Vec<NoticeLeaf> {
    let mut notices: Vec<NoticeLeaf> = (1..=4).map(|n| notice(n, 2, 2)).collect();
    match twist {
        Twist::BankDropped => drop(notices.remove(2)),
        Twist::BankTwice => {
            notices[2] = NoticeLeaf {
                bank: uid(1, 2),
                ..notice(3, 2, 3)
            }
        }
        Twist::BankExchanged => {
            notices[2] = NoticeLeaf {
                bank: uid(1, 6),
                ..notice(3, 2, 2)
            }
        }
        Twist::NumberSkipped => notices[0] = notice(1, 2, 3),
        Twist::OldRoster => notices.push(notice(5, 2, 2)),
        _ => {}
    }
    if twist == Twist::BankExchanged {
        notices.sort_by_key(|leaf| leaf.bank);
    }
    notices
}

/// Bank `n`'s signed confirmation.
pub fn note(leaf: &NoticeLeaf, n: u8, seed: u8) -> String {
    let said = AckNote {
        notice: leaf.notice,
        number: leaf.number,
        digest: Digest::of(&object(n, 2, leaf.number)),
        size: 0,
        root: merkle::empty_root(),
        person: "高橋 健".into(),
        role: "当直".into(),
        at: domain::instant::Instant::from_micros(1_558_059_069_120_000),
    };
    said.sign(&bank_key(n, seed)).expect("signs")
}
