//! A bank's machine: takes webhooks in, remembers, and tells the hub in signed notes what it received. Put
//! together from the judgement, the memory and the hub; knows no web server, and waits for nothing by itself.

use super::events::Event;
use super::heads::{self, Connection, Relation, Standing};
use super::hub::Hub;
use super::judge::{Believed, Judgement, Kept, Known, Refused, Trust, head_of, judge, learn};
use super::memory::Memory;
use crate::cli::CliError;
use crate::clock::Clock;
use crate::domain::instant::Instant;
use crate::domain::proof::acknowledgement::AckNote;
use crate::domain::proof::heads::SignedHead;
use crate::domain::proof::log_keys::Handover;
use crate::domain::proof::notice::{NoticeProof, Webhook};
use crate::domain::proof::signing_key::KeyProof;
use crate::domain::signature::Received;
use crate::merkle;
use crate::merkle::note::Signer;
use crate::merkle::tile;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After a failure: one second, then twice as long each time, up to an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Who answers for the bank, as its notes say.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub role: String,
}

pub struct Bank {
    trust: Trust,
    signer: Signer,
    person: Person,
    hub: Hub,
    clock: Clock,
    memory: Mutex<Memory>,
    tries: Mutex<HashMap<Task, Tried>>,
}

/// What is tried until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Task {
    Head(u64),
    Acknowledge(i64),
    Prove(i64),
}

/// A head, and the handovers beside it that were not known here.
type Proven = (SignedHead, Vec<String>);

#[derive(Debug, Clone, Copy)]
struct Tried {
    times: u32,
    again_at: Instant,
}

/// What came of one webhook.
#[derive(Debug)]
pub struct Taken {
    pub answer: Answer,
    pub events: Vec<Event>,
}

/// What the hub is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is on the disk.
    Kept,
    /// The body that answers a challenge.
    Shown(String),
    /// It is not believed.
    Refused,
}

/// A panic elsewhere does not spoil what is kept: it is written before it is remembered.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bank {
    /// `signer` bears the name that the hub asks for: `<bank code>.<public host>/ack`.
    pub fn new(
        trust: Trust,
        signer: Signer,
        person: Person,
        hub: Hub,
        memory: Memory,
        clock: Clock,
    ) -> Self {
        Self {
            trust,
            signer,
            person,
            hub,
            clock,
            memory: Mutex::new(memory),
            tries: Mutex::default(),
        }
    }

    /// Its own key, as the hub knows it.
    pub fn key(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// Hands the public key to the hub, with a note in which it shows itself. The same key again does no harm.
    pub async fn enrol(&self) -> Result<Event, CliError> {
        let proof = KeyProof {
            code: self.trust.bank.clone(),
            host: self.hub.host().to_owned(),
            at: self.clock.now(),
        };
        let key = self.key();
        let failed = |why: String| CliError::Failed(format!("the key was not enrolled: {why}"));
        let proof = proof
            .sign(&self.signer)
            .map_err(|why| failed(why.to_string()))?;
        let body = json!({ "key": key, "proof": proof });
        let answer = self.hub.post("/api/v1/own/signing-keys", &body).await;
        answer.and_then(|answer| answer.good()).map_err(failed)?;
        Ok(Event::Enrolled { key })
    }

    /// Judges one webhook, and keeps it.
    pub fn take(&self, received: &Received<'_>) -> io::Result<Taken> {
        let now = self.clock.now();
        let mut memory = lock(&self.memory);
        let events = match judge(&self.trust, &memory.known, received, now) {
            Judgement::Refused(refused) => {
                let event = refuse(&mut memory, refused, received)?;
                return Ok(Taken {
                    answer: Answer::Refused,
                    events: vec![event],
                });
            }
            Judgement::Again => vec![Event::Again {
                webhook: received.id.to_owned(),
            }],
            // Not kept: it is answered anew as often as it comes.
            Judgement::Challenge(body) => {
                return Ok(Taken {
                    answer: Answer::Shown(body),
                    events: vec![Event::Challenged],
                });
            }
            Judgement::Other(kind) => {
                memory.keep_webhook(received.id, received.body, now)?;
                vec![Event::Other { kind }]
            }
            Judgement::Notice(mut believed) => {
                let fresh = std::mem::take(&mut believed.handovers);
                let mut events = self.keep_handovers(&mut memory, fresh, now)?;
                events.extend(keep(&mut memory, *believed, received, now)?);
                events
            }
        };
        Ok(Taken {
            answer: Answer::Kept,
            events,
        })
    }

    /// The heads of handovers are heads like any other: they have to belong to the one history.
    fn keep_handovers(
        &self,
        memory: &mut Memory,
        fresh: Vec<String>,
        now: Instant,
    ) -> io::Result<Vec<Event>> {
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let heads: Vec<SignedHead> = match learn(&self.trust, &memory.known, &fresh) {
            Ok((keys, _)) => {
                let handovers = fresh.iter().filter_map(|text| Handover::parse(text).ok());
                handovers
                    .filter_map(|one| heads::open(one.note(), &keys))
                    .collect()
            }
            Err(_) => Vec::new(),
        };
        memory.keep_handovers(fresh)?;
        let mut events = Vec::new();
        for head in heads {
            let relation = memory.known.heads.relate(&head.checkpoint);
            events.extend(meet(memory, relation, head, now)?);
        }
        Ok(events)
    }

    /// Everything that is due: heads are compared, then notices confirmed, then missing proofs asked for.
    pub async fn work(&self) -> io::Result<Vec<Event>> {
        let mut events = self.check_heads().await?;
        events.extend(self.acknowledge().await?);
        events.extend(self.ask_for_proofs().await?);
        Ok(events)
    }

    /// Holds each unconfirmed head against the newest confirmed one, by tiles of the hub.
    pub async fn check_heads(&self) -> io::Result<Vec<Event>> {
        let waiting: Vec<SignedHead> = lock(&self.memory)
            .known
            .heads
            .unconfirmed()
            .cloned()
            .collect();
        let mut events = Vec::new();
        for head in waiting {
            let task = Task::Head(head.checkpoint.size);
            let newest = lock(&self.memory)
                .known
                .heads
                .newest(&head.checkpoint.origin)
                .cloned();
            let Some(newest) = newest.filter(|_| self.is_due(&task)) else {
                continue;
            };
            events.push(self.check_head(task, head, newest).await?);
        }
        Ok(events)
    }

    async fn check_head(
        &self,
        task: Task,
        head: SignedHead,
        newest: SignedHead,
    ) -> io::Result<Event> {
        let (size, other) = (head.checkpoint.size, newest.checkpoint.size);
        let connection = match self.tiles(&head, &newest).await {
            Ok(tiles) => heads::connect(&newest.checkpoint, &head.checkpoint, &tiles),
            Err(why) => Connection::Open(why),
        };
        let now = self.clock.now();
        let mut memory = lock(&self.memory);
        match connection {
            Connection::Holds => {
                memory.keep_head(Standing::Confirmed, head, now)?;
                let detail = format!("of one history with the head of {other}");
                Ok(told(size, Standing::Confirmed, detail))
            }
            Connection::Fork => keep_fork(&mut memory, &newest, head, now),
            Connection::Open(why) => {
                self.put_off(task);
                let detail = format!("consistency with the head of {other} not checked: {why}");
                Ok(told(size, Standing::Unconfirmed, detail))
            }
        }
    }

    async fn tiles(
        &self,
        one: &SignedHead,
        other: &SignedHead,
    ) -> Result<HashMap<tile::Tile, Vec<merkle::Hash>>, String> {
        let mut tiles = HashMap::new();
        for wanted in heads::tiles_between(&one.checkpoint, &other.checkpoint) {
            let answer = self
                .hub
                .get(&format!("/api/v1/log/{}", wanted.path()))
                .await?;
            let hashes = tile::decode_hashes(&answer.good()?);
            tiles.insert(wanted, hashes.ok_or("a tile is not whole")?);
        }
        Ok(tiles)
    }

    /// Confirms each notice that is not confirmed yet.
    pub async fn acknowledge(&self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        for kept in self.kept(|kept| !kept.is_acknowledged) {
            let task = Task::Acknowledge(kept.number);
            if !self.is_due(&task) {
                continue;
            }
            let number = kept.number;
            match self.acknowledge_one(&kept).await? {
                Ok(class) => {
                    lock(&self.memory).keep_acknowledged(number, &class, self.clock.now())?;
                    events.push(Event::Acknowledged { number, class });
                }
                Err(detail) => {
                    self.put_off(task);
                    events.push(Event::NotAcknowledged { number, detail });
                }
            }
        }
        Ok(events)
    }

    /// The class under which the hub has it on record.
    async fn acknowledge_one(&self, kept: &Kept) -> io::Result<Result<String, String>> {
        let note = match self.note(kept)? {
            Ok(note) => note,
            Err(why) => return Ok(Err(why)),
        };
        let path = format!("/api/v1/notices/{}/acknowledgement", kept.notice);
        let answer = self.hub.post(&path, &json!({ "note": note })).await;
        Ok(answer.and_then(|answer| answer.good()).map(|body| {
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            answer["class"]
                .as_str()
                .unwrap_or("of no known class")
                .to_owned()
        }))
    }

    /// Signed once, and kept: an answer that was lost on the way makes no second note. Another key signs anew.
    fn note(&self, kept: &Kept) -> io::Result<Result<String, String>> {
        let mut memory = lock(&self.memory);
        let own = std::slice::from_ref(self.signer.verifier());
        let fits = |note: &String| {
            AckNote::open(note, own)
                .is_ok_and(|said| said.notice == kept.notice && said.digest == kept.digest)
        };
        if let Some(note) = memory.note(kept.number).filter(fits) {
            return Ok(Ok(note));
        }
        let head = kept.head.as_ref().map(|head| &head.checkpoint);
        let said = AckNote {
            notice: kept.notice,
            number: kept.number,
            digest: kept.digest,
            size: head.map_or(0, |head| head.size),
            root: head.map_or_else(merkle::empty_root, |head| head.root),
            person: self.person.name.clone(),
            role: self.person.role.clone(),
            at: self.clock.now(),
        };
        match said.sign(&self.signer) {
            Ok(note) => {
                memory.keep_note(kept.number, &note)?;
                Ok(Ok(note))
            }
            Err(why) => Ok(Err(why.to_string())),
        }
    }

    /// Asks for the proof of each notice that came unsealed.
    pub async fn ask_for_proofs(&self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        for kept in self.kept(|kept| !kept.is_proven) {
            let (task, number) = (Task::Prove(kept.number), kept.number);
            if !self.is_due(&task) {
                continue;
            }
            match self.proven_head(&kept).await? {
                Ok((head, fresh)) => {
                    let now = self.clock.now();
                    let mut memory = lock(&self.memory);
                    events.extend(self.keep_handovers(&mut memory, fresh, now)?);
                    let relation = memory.known.heads.relate(&head.checkpoint);
                    events.extend(meet(&mut memory, relation, head, now)?);
                    memory.keep_proven(number, now)?;
                    events.push(Event::Proven { number });
                }
                Err(detail) => {
                    self.put_off(task);
                    events.push(Event::NotProven { number, detail });
                }
            }
        }
        Ok(events)
    }

    async fn proven_head(&self, kept: &Kept) -> io::Result<Result<Proven, String>> {
        let path = format!("/api/v1/notices/{}/proof", kept.notice);
        let answer = self.hub.get(&path).await.and_then(|answer| answer.good());
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(why) => return Ok(Err(why)),
        };
        let mut memory = lock(&self.memory);
        let body = memory.webhook(&kept.webhook)?;
        let proven = self.prove(&memory.known, &bytes, &body);
        if proven.is_err() {
            memory.keep_evidence(&format!("proof-{}", kept.number), &bytes)?;
        }
        Ok(proven)
    }

    fn prove(&self, known: &Known, proof: &[u8], webhook: &[u8]) -> Result<Proven, String> {
        let object = Webhook::parse(webhook)
            .map_err(|why| why.to_string())?
            .object;
        let proof: NoticeProof = serde_json::from_slice(proof).map_err(|why| why.to_string())?;
        let (keys, fresh) =
            learn(&self.trust, known, &proof.handovers).map_err(|why| why.to_string())?;
        proof.check(&object, &keys).map_err(|why| why.to_string())?;
        let head = head_of(&proof, &keys).ok_or("its head cannot be read")?;
        Ok((head, fresh))
    }

    /// Whether a notice is not confirmed yet.
    pub fn owes_a_stamp(&self) -> bool {
        !self.kept(|kept| !kept.is_acknowledged).is_empty()
    }

    /// Whether a head is not connected, or a notice not proven yet.
    pub fn misses_proof(&self) -> bool {
        let is_open = |memory: &Memory| memory.known.heads.unconfirmed().next().is_some();
        is_open(&lock(&self.memory)) || !self.kept(|kept| !kept.is_proven).is_empty()
    }

    fn kept(&self, wanted: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        let memory = lock(&self.memory);
        let notices = memory.known.notices.values();
        notices.filter(|kept| wanted(kept)).cloned().collect()
    }

    fn is_due(&self, task: &Task) -> bool {
        let tries = lock(&self.tries);
        tries
            .get(task)
            .is_none_or(|tried| tried.again_at <= self.clock.now())
    }

    fn put_off(&self, task: Task) {
        let now = self.clock.now();
        let mut tries = lock(&self.tries);
        let tried = tries.entry(task).or_insert(Tried {
            times: 0,
            again_at: now,
        });
        let wait = Duration::from_secs(1 << tried.times.min(12)).min(LONGEST_WAIT);
        *tried = Tried {
            times: tried.times + 1,
            again_at: now + wait,
        };
    }
}

fn told(size: u64, standing: Standing, detail: impl Into<String>) -> Event {
    let (standing, detail) = (standing.name(), detail.into());
    Event::Head {
        size,
        standing,
        detail,
    }
}

/// What the hub has signed is evidence; what anybody can send is not kept.
fn refuse(memory: &mut Memory, refused: Refused, received: &Received<'_>) -> io::Result<Event> {
    let evidence = if refused.is_authentic {
        Some(
            memory
                .keep_evidence(received.id, received.body)?
                .display()
                .to_string(),
        )
    } else {
        None
    };
    let (code, detail) = (refused.finding.code, refused.finding.detail);
    Ok(Event::Refused {
        code,
        detail,
        evidence,
    })
}

/// The head first: should it end here, the hub sends the notice again.
fn keep(
    memory: &mut Memory,
    believed: Believed,
    received: &Received<'_>,
    now: Instant,
) -> io::Result<Vec<Event>> {
    let Believed { kept, relation, .. } = believed;
    let (number, notice, sealed) = (kept.number, kept.notice.to_string(), kept.is_proven);
    let mut events = Vec::new();
    if let (Some(relation), Some(head)) = (relation, kept.head.clone()) {
        events = meet(memory, relation, head, now)?;
    }
    if believed.is_known {
        memory.keep_webhook(received.id, received.body, now)?;
        let webhook = received.id.to_owned();
        events.insert(0, Event::Again { webhook });
        return Ok(events);
    }
    memory.keep_notice(kept, received.body, now)?;
    events.insert(
        0,
        Event::Received {
            number,
            notice,
            incident: believed.incident,
            revision: believed.revision,
            kind: believed.kind,
            notice_kind: believed.notice_kind,
            sealed,
        },
    );
    if !believed.skipped.is_empty() {
        let numbers = believed.skipped;
        events.push(Event::Hole { numbers });
    }
    Ok(events)
}

/// Remembers a head as far as can be said at once; one that has to be connected waits for its tiles.
fn meet(
    memory: &mut Memory,
    relation: Relation,
    head: SignedHead,
    now: Instant,
) -> io::Result<Vec<Event>> {
    let size = head.checkpoint.size;
    Ok(match relation {
        Relation::Known(_) => Vec::new(),
        Relation::First => {
            memory.keep_head(Standing::Confirmed, head, now)?;
            vec![told(
                size,
                Standing::Confirmed,
                "the first of its log, taken on trust as its key was",
            )]
        }
        Relation::Against(_) => {
            memory.keep_head(Standing::Unconfirmed, head, now)?;
            Vec::new()
        }
        Relation::Fork(other) => vec![keep_fork(memory, &other, head, now)?],
    })
}

fn keep_fork(
    memory: &mut Memory,
    one: &SignedHead,
    other: SignedHead,
    now: Instant,
) -> io::Result<Event> {
    let files = memory.keep_fork(one, &other)?;
    let sizes = (one.checkpoint.size, other.checkpoint.size);
    memory.keep_head(Standing::Disputed, other, now)?;
    let evidence = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Ok(Event::Fork { sizes, evidence })
}
