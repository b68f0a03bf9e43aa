//! The steps of a pack. Each is one short read and knows where the next begins, so that neither a great incident
//! nor a long history is ever held in memory or in one transaction.

use super::lines::{self, Names, Told};
use super::{Gathered, Part, file};
use crate::actions::prove::{SealedFanout, sealed_fanout};
use crate::actions::prove_completeness::{self, Head, NOTICES_AT_ONCE};
use crate::actions::{Error, certify, issue, read_register};
use crate::domain::id::Uid;
use crate::domain::proof::completeness::{Completeness, ProvenAcknowledgement};
use crate::domain::refusal::Refusal;
use crate::merkle::note::Signer;
use crate::storage::delivery_log::{self, LogFilter, LogPlace};
use crate::storage::incident::{self, RevisionRow};
use crate::storage::notice::{self, FanoutRow, NoticeRow};
use crate::storage::{Tx, evidence, mail_report};
use std::collections::HashMap;
use std::sync::Arc;

/// Notices of one fan-out, which share what their proofs are made of; and notices of one bank, which share nothing.
const OF_A_FANOUT: i64 = 200;
const OF_A_BANK: i64 = 10;
/// Lines of the delivery log.
const ATTEMPTS: i64 = 2_000;

/// Notices that are still to be read.
#[derive(Debug, Clone)]
pub(super) enum Notices {
    /// Fan-outs of an incident, the first after this bank.
    Fanouts(Arc<[FanoutRow]>, usize, Option<Uid>),
    /// A bank's, after this number and up to that one.
    Bank(Uid, i64, i64),
}

impl Notices {
    pub(super) fn of_fanouts(fanouts: Vec<FanoutRow>) -> Self {
        Self::Fanouts(fanouts.into(), 0, None)
    }

    /// The next page, and what is left after it.
    fn page(&self, tx: &mut Tx<'_>) -> Result<(Vec<NoticeRow>, Option<Self>), Error> {
        match self {
            Self::Fanouts(fanouts, at, after) => {
                let Some(fanout) = fanouts.get(*at) else {
                    return Ok((Vec::new(), None));
                };
                let (revision, id) = (fanout.revision_id, fanout.id);
                let rows = notice::of_fanout(tx, revision, id, *after, OF_A_FANOUT)?;
                let (next, after) = match rows.last() {
                    Some(last) if is_full(&rows, OF_A_FANOUT) => (*at, Some(last.bank_id)),
                    _ => (at + 1, None),
                };
                let left = next < fanouts.len();
                Ok((
                    rows,
                    left.then(|| Self::Fanouts(Arc::clone(fanouts), next, after)),
                ))
            }
            Self::Bank(bank, after, to) => {
                let mut rows = notice::inbox(tx, *bank, *after, OF_A_BANK)?;
                let last = rows.last().filter(|_| is_full(&rows, OF_A_BANK));
                let next = last.map(|last| last.number).filter(|last| last < to);
                rows.retain(|row| row.number <= *to);
                Ok((rows, next.map(|next| Self::Bank(*bank, next, *to))))
            }
        }
    }
}

fn is_full<T>(rows: &[T], limit: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit)
}

/// How the files of notices are called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming {
    /// In a pack of one incident.
    ByBank,
    /// In a pack of one bank.
    ByNumber,
}

impl Naming {
    fn of(self, names: &Names, row: &NoticeRow, told: &Told) -> String {
        let (number, revision) = (row.number, &told.revision);
        match self {
            Self::ByBank => format!("r{revision}/{}-{number}", names.bank(row.bank_id)),
            Self::ByNumber => format!("{number:06}-{}-r{revision}", told.incident),
        }
    }
}

/// The last fan-out whose proofs were made; `None` within = the log has not sealed it.
type Sealed = Option<(Uid, Arc<Option<SealedFanout>>)>;

/// A step of a pack.
pub struct Step(pub(super) Work);

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Step")
    }
}

pub(super) enum Work {
    /// The body of a revision under its own name.
    Body(Uid, String),
    /// The completeness bundle of a revision, at this head.
    Bundle(Uid, Head),
    /// The same, as far as it is gathered.
    Stamps(Box<Stamps>),
    /// The list of notices; true = the file has begun.
    Index(Notices, Naming, bool),
    Proofs(Notices, Naming, Sealed),
    Acknowledgements(Notices, bool),
    /// The notes that banks signed, as they came.
    Notes(Notices, Naming),
    Attempts(LogFilter, Option<LogPlace>, Option<LogPlace>, bool),
    Certificate(Box<(certify::Writing, Signer)>),
}

/// A bundle whose confirmations are being gathered.
pub(super) struct Stamps {
    head: Head,
    begun: Arc<Completeness>,
    notices: Arc<[Uid]>,
    from: usize,
    given: Vec<ProvenAcknowledgement>,
}

impl Step {
    pub fn gather(&self, tx: &mut Tx<'_>) -> Result<Gathered, Error> {
        match &self.0 {
            Work::Body(revision, name) => body(tx, *revision, name),
            Work::Bundle(revision, head) => bundle(tx, *revision, head),
            Work::Stamps(stamps) => stamps.gather(tx),
            Work::Index(notices, naming, begun) => index(tx, notices, *naming, *begun),
            Work::Proofs(notices, naming, sealed) => proofs(tx, notices, *naming, sealed),
            Work::Acknowledgements(notices, begun) => acknowledgements(tx, notices, *begun),
            Work::Notes(notices, naming) => notes(tx, notices, *naming),
            Work::Attempts(filter, after, end, begun) => attempts(tx, filter, *after, *end, *begun),
            Work::Certificate(writing) => certificate(tx, &writing.0, &writing.1),
        }
    }
}

/// Parts of a list, which begins with the first of them.
fn list(name: &str, begun: bool, lines: Vec<u8>, then: Option<Work>) -> Gathered {
    let mut parts = Vec::new();
    if !begun {
        parts.push(Part::File(name.to_owned()));
    }
    parts.push(Part::Bytes(lines));
    Gathered {
        parts,
        then: then.map(Step),
    }
}

fn known(tx: &mut Tx<'_>, revision: Uid) -> Result<RevisionRow, Error> {
    incident::revision(tx, revision)?.ok_or(Error::NotFound)
}

fn body(tx: &mut Tx<'_>, revision: Uid, name: &str) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    file(
        &mut gathered.parts,
        name.to_owned(),
        known(tx, revision)?.body,
    );
    Ok(gathered)
}

fn bundle(tx: &mut Tx<'_>, revision: Uid, newest: &Head) -> Result<Gathered, Error> {
    let row = known(tx, revision)?;
    let (head, begun) = prove_completeness::begin(tx, &row, newest)?;
    let stamps = Stamps {
        head,
        notices: prove_completeness::notices_of(&begun).into(),
        begun: Arc::new(begun),
        from: 0,
        given: Vec::new(),
    };
    Ok(Gathered {
        parts: Vec::new(),
        then: Some(Step(Work::Stamps(Box::new(stamps)))),
    })
}

impl Stamps {
    fn gather(&self, tx: &mut Tx<'_>) -> Result<Gathered, Error> {
        let to = (self.from + NOTICES_AT_ONCE).min(self.notices.len());
        let part = &self.notices[self.from..to];
        let mut given = self.given.clone();
        given.extend(prove_completeness::acknowledgements(tx, &self.head, part)?);
        let mut gathered = Gathered::default();
        if to < self.notices.len() {
            let further = Self {
                head: self.head.clone(),
                begun: Arc::clone(&self.begun),
                notices: Arc::clone(&self.notices),
                from: to,
                given,
            };
            gathered.then = Some(Step(Work::Stamps(Box::new(further))));
            return Ok(gathered);
        }
        let whole = Completeness {
            acknowledgements: given,
            ..Completeness::clone(&self.begun)
        };
        let name = format!("completeness-r{}.json", whole.revision);
        file(&mut gathered.parts, name, whole.to_bytes());
        Ok(gathered)
    }
}

fn index(
    tx: &mut Tx<'_>,
    notices: &Notices,
    naming: Naming,
    begun: bool,
) -> Result<Gathered, Error> {
    let (rows, left) = notices.page(tx)?;
    let names = Names::read(tx, [])?;
    let mut out = Vec::new();
    for row in &rows {
        let told = Told::read(row)?;
        let name = format!("notices/{}", naming.of(&names, row, &told));
        lines::notice(&mut out, &names, row, &told, &name);
    }
    let then = left.map(|left| Work::Index(left, naming, true));
    Ok(list("notices.jsonl", begun, out, then))
}

fn proofs(
    tx: &mut Tx<'_>,
    notices: &Notices,
    naming: Naming,
    sealed: &Sealed,
) -> Result<Gathered, Error> {
    let (rows, left) = notices.page(tx)?;
    let names = Names::read(tx, [])?;
    let mut sealed = sealed.clone();
    let mut parts = Vec::new();
    for row in rows {
        let told = Told::read(&row)?;
        let name = format!("notices/{}", naming.of(&names, &row, &told));
        let fanout = fanout_of(tx, &row, &mut sealed)?;
        let proof = fanout
            .as_ref()
            .as_ref()
            .and_then(|fanout| fanout.proof_of(row.id));
        if let Some(proof) = proof {
            let proof = proof.to_tlog_proof(&row.object);
            let proof = proof.map_err(|_| issue::damaged("proof"))?;
            file(&mut parts, format!("{name}.tlog-proof"), proof.into_bytes());
        }
        file(&mut parts, format!("{name}.object.json"), row.object);
        if let Naming::ByNumber = naming {
            let name = format!("bodies/{}-r{}.json", told.incident, told.revision);
            file(&mut parts, name, known(tx, row.revision_id)?.body);
        }
    }
    let then = left.map(|left| Step(Work::Proofs(left, naming, sealed)));
    Ok(Gathered { parts, then })
}

/// What the proofs of a notice's fan-out are made of; that of the notice before, if it is the same.
fn fanout_of(
    tx: &mut Tx<'_>,
    row: &NoticeRow,
    sealed: &mut Sealed,
) -> Result<Arc<Option<SealedFanout>>, Error> {
    if let Some((id, held)) = sealed
        && *id == row.fanout_id
    {
        return Ok(Arc::clone(held));
    }
    let fanouts = notice::fanouts(tx, row.revision_id)?;
    let fanout = fanouts.iter().find(|fanout| fanout.id == row.fanout_id);
    let made = Arc::new(sealed_fanout(tx, fanout.ok_or(Error::NotFound)?)?);
    *sealed = Some((row.fanout_id, Arc::clone(&made)));
    Ok(made)
}

fn acknowledgements(tx: &mut Tx<'_>, notices: &Notices, begun: bool) -> Result<Gathered, Error> {
    let (rows, left) = notices.page(tx)?;
    let names = Names::read(tx, [])?;
    let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
    let given = evidence::acknowledgements_of(tx, &ids)?;
    let given: HashMap<Uid, _> = given.iter().map(|row| (row.notice_id, row)).collect();
    let mut out = Vec::new();
    for row in &rows {
        if let Some(stamp) = given.get(&row.id) {
            lines::acknowledgement(&mut out, &names, row, stamp);
        }
    }
    let then = left.map(|left| Work::Acknowledgements(left, true));
    Ok(list("acknowledgements.jsonl", begun, out, then))
}

fn notes(tx: &mut Tx<'_>, notices: &Notices, naming: Naming) -> Result<Gathered, Error> {
    let (rows, left) = notices.page(tx)?;
    let names = Names::read(tx, [])?;
    let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
    let given = evidence::acknowledgements_of(tx, &ids)?;
    let given: HashMap<Uid, _> = given.iter().map(|row| (row.notice_id, row)).collect();
    let mut parts = Vec::new();
    for row in &rows {
        let Some(stamp) = given.get(&row.id) else {
            continue;
        };
        if let Some(kept) = read_register::kept_note(tx, stamp)? {
            let name = naming.of(&names, row, &Told::read(row)?);
            let name = format!("acknowledgements/{name}.note");
            file(&mut parts, name, kept.note.into_bytes());
        }
    }
    let then = left.map(|left| Step(Work::Notes(left, naming)));
    Ok(Gathered { parts, then })
}

fn attempts(
    tx: &mut Tx<'_>,
    filter: &LogFilter,
    after: Option<LogPlace>,
    end: Option<LogPlace>,
    begun: bool,
) -> Result<Gathered, Error> {
    let rows = match end {
        Some(_) => delivery_log::page(tx, filter, after, end, ATTEMPTS)?,
        // Nothing had been tried when the pack was planned.
        None => Vec::new(),
    };
    let names = Names::read(tx, rows.iter().filter_map(|row| row.incident_id))?;
    let reports = mail_report::newest_of(tx, &rows)?;
    let mut out = Vec::new();
    for row in &rows {
        lines::attempt(&mut out, &names, row, reports.get(&row.attempt_id));
    }
    let last = rows.last().filter(|_| is_full(&rows, ATTEMPTS));
    let then = last.map(|last| {
        let after = Some((last.attempt_id, last.seq));
        Work::Attempts(filter.clone(), after, end, true)
    });
    Ok(list("attempts.jsonl", begun, out, then))
}

fn certificate(
    tx: &mut Tx<'_>,
    writing: &certify::Writing,
    signer: &Signer,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    let Some((bank, as_of, after)) = writing.missing() else {
        let note = writing.sign(signer)?;
        file(
            &mut gathered.parts,
            "certificate.txt".to_owned(),
            note.into_bytes(),
        );
        return Ok(gathered);
    };
    let mut writing = writing.clone();
    match writing.add(certify::page(tx, bank, as_of, after)?) {
        Ok(()) => {}
        // The pack holds all of it anyhow, and says that a certificate may be missing.
        Err(Error::Refused(Refusal::CertificateTooLong)) => return Ok(gathered),
        Err(fault) => return Err(fault),
    }
    gathered.then = Some(Step(Work::Certificate(Box::new((writing, signer.clone())))));
    Ok(gathered)
}
