//! The stored parts from which messages are put together, read once for a whole batch and kept for a while:
//! revisions never change; endpoints are read again after half a minute, and as soon as they have a new secret.

use crate::actions::Error;
use crate::actions::alert::{self, OperatorAlert};
use crate::actions::answer_response::{self, ResponseAnswerNote};
use crate::actions::prove::{self, SealedFanout};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::incident::Words;
use crate::domain::instant::Instant;
use crate::domain::proof::notice::NoticeProof;
use crate::domain::signature::SymmetricSecret;
use crate::storage::Error::Corrupt;
use crate::storage::bank::EndpointRow;
use crate::storage::delivery::{DueNotice, DueRow};
use crate::storage::{Tx, bank, incident, notice, payload, people};
use crate::templates::mails::{BankName, restricted};
use crate::templates::notice_mail::RevisionParts;
use bytes::Bytes;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const ENDPOINT_KEPT: Duration = Duration::from_secs(30);
/// Revisions in memory before those that are not wanted just now are forgotten all at once; a body is a few kilobytes.
const REVISIONS_KEPT: usize = 512;
/// Likewise the places of notices in their proofs, of some hundred bytes each.
const NOTICES_KEPT: usize = 1 << 17;

/// Where a webhook goes and how it is signed.
pub struct EndpointParts {
    pub url: String,
    /// The newest first; former ones while their rotations overlap.
    pub secrets: Vec<SymmetricSecret>,
    /// Of the newest secret.
    revision: i64,
    pub ed25519: bool,
    read_at: Instant,
}

/// To whom a mail goes.
#[derive(Debug, Clone)]
pub struct Addressee {
    pub name: String,
    pub email: String,
    pub language: String,
    /// Named in the addressee's language; `None` for the operator's own people.
    pub bank: Option<BankName>,
}

/// What one mail is put together from besides its frozen parts.
pub struct MailSource {
    pub to: Addressee,
    /// The bank that an alert to the operator's people is about.
    pub named_bank: Option<BankName>,
    /// Of an answer to a bank: how what it is about is marked.
    pub tlp: Option<String>,
}

#[derive(Deserialize)]
struct EndpointPayload {
    url: String,
}

#[derive(Deserialize)]
struct PersonPayload {
    name: String,
    email: String,
}

/// What all notices of one revision share, and the proofs of those that are sealed.
pub struct Issued {
    pub parts: RevisionParts,
    /// By fan-out; a revision is read again once another of them is sealed.
    sealed: HashMap<Uid, SealedFanout>,
}

impl Issued {
    fn notices(&self) -> usize {
        self.sealed.values().map(SealedFanout::notices).sum()
    }

    /// The proof that travels with a notice.
    pub fn proof_of(&self, notice: &DueNotice) -> Option<NoticeProof> {
        self.sealed.get(&notice.fanout_id)?.proof_of(notice.id)
    }

    /// The same as JSON.
    pub fn proof_json_of(&self, notice: &DueNotice) -> Option<Vec<u8>> {
        self.sealed.get(&notice.fanout_id)?.json_of(notice.id)
    }
}

/// The parts in memory.
#[derive(Default)]
pub struct Sources {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    revisions: HashMap<Uid, Arc<Issued>>,
    endpoints: HashMap<Uid, Arc<EndpointParts>>,
}

/// What is not in memory.
struct Lacking {
    revisions: Vec<Uid>,
    endpoints: Vec<Uid>,
}

/// What was read for want of it.
#[derive(Default)]
pub struct Found {
    revisions: Vec<(Uid, Issued)>,
    endpoints: Vec<(Uid, EndpointParts)>,
}

impl Kept {
    fn known(&self, endpoints: &HashSet<Uid>) -> Vec<Uid> {
        let known = |id: &&Uid| self.endpoints.contains_key(id);
        endpoints.iter().filter(known).copied().collect()
    }

    /// `newest` tells the revision of the newest secret of each endpoint that is known.
    fn lacking(
        &mut self,
        now: Instant,
        newest: &HashMap<Uid, i64>,
        revisions: HashMap<Uid, HashSet<Uid>>,
        endpoints: HashSet<Uid>,
    ) -> Lacking {
        self.endpoints.retain(|id, parts| {
            let has_other = newest
                .get(id)
                .is_some_and(|newest| *newest != parts.revision);
            now.since(parts.read_at) < ENDPOINT_KEPT && !has_other
        });
        let notices: usize = self.revisions.values().map(|one| one.notices()).sum();
        if self.revisions.len() + revisions.len() > REVISIONS_KEPT || notices > NOTICES_KEPT {
            // What this batch needs stays.
            self.revisions.retain(|id, _| revisions.contains_key(id));
        }
        let is_wanted = |(id, sealed): &(Uid, HashSet<Uid>)| {
            let known = self.revisions.get(id);
            known.is_none_or(|known| !sealed.iter().all(|one| known.sealed.contains_key(one)))
        };
        let is_unknown = |id: &Uid| !self.endpoints.contains_key(id);
        Lacking {
            revisions: revisions
                .into_iter()
                .filter(is_wanted)
                .map(|(id, _)| id)
                .collect(),
            endpoints: endpoints.into_iter().filter(is_unknown).collect(),
        }
    }
}

impl Sources {
    /// Reads what is not in memory. What cannot be read is left out. `revisions` tells of each of which fan-outs a proof
    /// is wanted.
    pub fn read(
        &self,
        tx: &mut Tx<'_>,
        revisions: HashMap<Uid, HashSet<Uid>>,
        endpoints: HashSet<Uid>,
    ) -> Result<Found, Error> {
        let now = tx.now()?;
        let known = self.kept().known(&endpoints);
        let newest = bank::newest_secrets(tx, &known)?;
        let lacking = self.kept().lacking(now, &newest, revisions, endpoints);
        let mut found = Vec::with_capacity(lacking.revisions.len());
        for id in lacking.revisions {
            match read_revision(tx, id) {
                Ok(parts) => found.push((id, parts)),
                Err(Error::Storage(Corrupt(fault))) => {
                    tracing::error!(revision = %id, %fault, "a revision cannot be read");
                }
                Err(other) => return Err(other),
            }
        }
        Ok(Found {
            revisions: found,
            endpoints: read_endpoints(tx, &lacking.endpoints)?,
        })
    }

    pub fn keep(&self, found: Found) {
        let revisions = found.revisions.into_iter();
        let endpoints = found.endpoints.into_iter();
        let mut kept = self.kept();
        kept.revisions
            .extend(revisions.map(|(id, parts)| (id, Arc::new(parts))));
        kept.endpoints
            .extend(endpoints.map(|(id, parts)| (id, Arc::new(parts))));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn revision(&self, id: Uid) -> Option<Arc<Issued>> {
        self.kept().revisions.get(&id).cloned()
    }

    pub fn endpoint(&self, id: Uid) -> Option<Arc<EndpointParts>> {
        self.kept().endpoints.get(&id).cloned()
    }
}

fn damaged(what: &str) -> Error {
    Error::Storage(crate::storage::Error::Corrupt(format!(
        "{what} cannot be read"
    )))
}

fn read_revision(tx: &mut Tx<'_>, id: Uid) -> Result<Issued, Error> {
    let (row, incident) =
        incident::revision_and_incident(tx, id)?.ok_or_else(|| damaged("a revision"))?;
    let fanouts = notice::fanouts(tx, id)?;
    let roster = fanouts
        .iter()
        .find(|fanout| fanout.kind == "roster")
        .ok_or_else(|| damaged("a fan-out"))?;
    let contacts = match row.contacts_id {
        Some(payload_id) => payload::open(tx, payload_id)?
            .map(|bytes| serde_json::from_slice(&bytes).map_err(|_| damaged("a contact")))
            .transpose()?
            .unwrap_or_default(),
        None => Vec::new(),
    };
    let mut sealed = HashMap::new();
    for fanout in &fanouts {
        match prove::sealed_fanout(tx, fanout) {
            Ok(found) => sealed.extend(found.map(|found| (fanout.id, found))),
            // A notice without its proof is better than none (law 3).
            Err(Error::Storage(Corrupt(fault))) => {
                tracing::error!(fanout = %fanout.id, %fault, "no proof can be made");
            }
            Err(other) => return Err(other),
        }
    }
    let parts = RevisionParts {
        reference: incident.reference,
        opened_at: incident.opened_at,
        number: row.number,
        phase: row.phase,
        kind: row.kind,
        tlp: row.tlp,
        urgency: row.urgency,
        title: Words {
            ja: Some(row.title_ja).filter(|title| !title.is_empty()),
            en: Some(row.title_en).filter(|title| !title.is_empty()),
        },
        digest: Digest::from_slice(&row.digest).ok_or_else(|| damaged("a digest"))?,
        body: Bytes::from(row.body),
        recipients: roster.notice_count,
        roster_version: roster.roster_version,
        observers: bank::observers_told(tx, id)?,
        contacts,
    };
    Ok(Issued { parts, sealed })
}

/// Endpoints, all at once. Those whose address was erased are left out, and those that cannot be read: they delay nobody
/// else (law 10).
fn read_endpoints(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<(Uid, EndpointParts)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now()?;
    let rows = bank::endpoints_by_id(tx, ids)?;
    let mut secrets: HashMap<Uid, Signing> = HashMap::new();
    for row in bank::secrets_of(tx, ids)? {
        let signing = secrets.entry(row.endpoint_id).or_insert(Signing {
            revision: row.revision,
            ..Signing::default()
        });
        // Each says until when the one before it goes on.
        let overlaps = signing.next_signs_until.is_some_and(|end| now < end);
        let signs = signing.secrets.is_empty() || overlaps;
        if signs {
            signing.secrets.push(row.payload_id);
        }
        signing.next_signs_until = row.previous_until.filter(|_| signs);
    }
    let addresses = rows.iter().map(|row| row.payload_id);
    let signing = secrets.values().flat_map(|signing| &signing.secrets);
    let sealed: Vec<Uid> = addresses.chain(signing.copied()).collect();
    let opened = payload::open_all(tx, &sealed)?;
    let mut endpoints = Vec::with_capacity(rows.len());
    for row in rows {
        let signing = secrets.remove(&row.id).unwrap_or_default();
        match endpoint_of(&row, &signing, &opened, now) {
            Ok(parts) => endpoints.extend(parts.map(|parts| (row.id, parts))),
            Err(Error::Storage(Corrupt(fault))) => {
                tracing::error!(endpoint = %row.id, %fault, "an endpoint cannot be read");
            }
            Err(other) => return Err(other),
        }
    }
    Ok(endpoints)
}

/// What an endpoint's messages are signed under.
#[derive(Default)]
struct Signing {
    /// Of the newest secret.
    revision: i64,
    /// The newest first.
    secrets: Vec<Uid>,
    /// Until when the next older one signs, too.
    next_signs_until: Option<Instant>,
}

/// `None` where the address was erased.
fn endpoint_of(
    row: &EndpointRow,
    signing: &Signing,
    opened: &payload::Opened,
    read_at: Instant,
) -> Result<Option<EndpointParts>, Error> {
    let Some(address) = opened.get(row.payload_id)? else {
        return Ok(None);
    };
    let EndpointPayload { url } =
        serde_json::from_slice(address).map_err(|_| damaged("an endpoint"))?;
    let mut known = Vec::with_capacity(signing.secrets.len());
    for (place, secret) in signing.secrets.iter().enumerate() {
        match opened.get(*secret) {
            Ok(None) => {}
            Ok(Some(bytes)) => known.push(
                SymmetricSecret::from_bytes(bytes.to_vec()).map_err(|_| damaged("a secret"))?,
            ),
            // The newer one signs.
            Err(fault) if place > 0 => {
                tracing::error!(endpoint = %row.id, %fault, "a former secret cannot be opened");
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(Some(EndpointParts {
        url,
        secrets: known,
        revision: signing.revision,
        ed25519: row.ed25519,
        read_at,
    }))
}

/// Reads what a mail takes besides its frozen parts. `None` where the address was erased.
pub fn read_mail(
    tx: &mut Tx<'_>,
    due: &DueRow,
    inputs: Option<&[u8]>,
) -> Result<Option<MailSource>, Error> {
    let Some(to) = read_addressee(tx, due.target_id)? else {
        return Ok(None);
    };
    let (mut named_bank, mut tlp) = (None, None);
    match (due.kind.as_str(), inputs) {
        (alert::KIND, Some(inputs)) => {
            let alert: OperatorAlert =
                serde_json::from_slice(inputs).map_err(|_| damaged("an alert"))?;
            if let Some(code) = alert.bank_code {
                named_bank = read_bank_name(tx, &code, &to.language)?;
            }
        }
        (answer_response::ANSWERED, Some(inputs)) => {
            let note: ResponseAnswerNote =
                serde_json::from_slice(inputs).map_err(|_| damaged("an answer"))?;
            tlp = Some(marking_of(tx, note.notice, due.message_created_at)?);
        }
        _ => {}
    }
    Ok(Some(MailSource {
        to,
        named_bank,
        tlp,
    }))
}

/// How what is said of a notice has to be handled: by its own marking, or by that of a later revision that was issued
/// until then and keeps its content out of mails. Whoever answers knows them all.
fn marking_of(tx: &mut Tx<'_>, notice_id: Uid, at: Instant) -> Result<String, Error> {
    let told = notice::by_id(tx, notice_id)?.ok_or(Error::NotFound)?;
    let revisions = incident::revisions(tx, told.incident_id)?;
    let own = revisions.iter().find(|row| row.id == told.revision_id);
    let own = own.ok_or_else(|| damaged("a revision"))?;
    let later = revisions
        .iter()
        .filter(|row| row.number > own.number && row.accepted_at <= at)
        .find(|row| restricted(&row.tlp));
    Ok(later.unwrap_or(own).tlp.clone())
}

/// Reads to whom a mail goes: a contact of a bank, or a person. `None` where the address was erased.
fn read_addressee(tx: &mut Tx<'_>, target: Uid) -> Result<Option<Addressee>, Error> {
    let (payload_id, language, bank_id) = match bank::contact(tx, target)? {
        Some(row) => (row.payload_id, row.language, Some(row.bank_id)),
        None => {
            let row = people::person(tx, target)?.ok_or(Error::NotFound)?;
            (row.payload_id, row.language, row.bank_id)
        }
    };
    let Some(sealed) = payload::open(tx, payload_id)? else {
        return Ok(None);
    };
    let PersonPayload { name, email } =
        serde_json::from_slice(&sealed).map_err(|_| damaged("a contact"))?;
    let bank = match bank_id {
        Some(id) => Some(bank_name(tx, id, &language)?),
        None => None,
    };
    Ok(Some(Addressee {
        name,
        email,
        language,
        bank,
    }))
}

fn bank_name(tx: &mut Tx<'_>, id: Uid, language: &str) -> Result<BankName, Error> {
    let row = bank::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let profile = bank::profile(tx, id)?.ok_or(Error::NotFound)?;
    Ok(BankName {
        code: row.code,
        name: if language == "ja" {
            profile.name_ja
        } else {
            profile.name_en
        },
        is_observer: bank::observers(tx)?.contains(&id),
    })
}

/// A bank by its code, named in one language.
fn read_bank_name(tx: &mut Tx<'_>, code: &str, language: &str) -> Result<Option<BankName>, Error> {
    match bank::by_code(tx, code)? {
        Some(row) => Ok(Some(bank_name(tx, row.id, language)?)),
        None => Ok(None),
    }
}
