//! The as-of certificate: what a bank had been told by an instant, signed under a key that the hub has for nothing
//! else. Made of the same answer as the auditor's page, piece by piece; signed when it is whole.

use super::{Error, Rules, prove_completeness};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::Level;
use crate::domain::proof::certificate::{Certificate, CertifiedNotice};
use crate::domain::refusal::Refusal;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::{KeyKind, KeyName, Note, Signer, VerifierKey};
use crate::storage::notice::NoticeRow;
use crate::storage::{Tx, bank, reading};
use serde::Deserialize;

/// A note that any reader of signed notes takes is not longer; some room is left for the signature.
const MAX_TEXT: usize = 990_000;
/// Notices that are read at once.
const NOTICES_AT_ONCE: i64 = 200;

/// A notice that a bank had been told of by an instant, and how far it had come by then.
pub struct Told {
    pub notice: NoticeRow,
    pub level: Level,
    pub reached_at: Instant,
}

/// What a bank had been told by an instant, by number, after a number; and where to go on, if there is more.
pub fn told(
    tx: &mut Tx<'_>,
    bank: Uid,
    at: Instant,
    after: i64,
    limit: i64,
) -> Result<(Vec<Told>, Option<i64>), Error> {
    let mut rows = reading::told_by(tx, bank, at, after, limit + 1)?;
    let most = usize::try_from(limit).unwrap_or(0);
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|row| row.number);
    let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
    let levels = reading::levels_at(tx, &ids, at)?;
    let told = rows.into_iter().map(|notice| {
        let level = levels.get(&notice.id).copied();
        let (level, reached_at) = level.unwrap_or((Level::Listed, notice.issued_at));
        Told {
            notice,
            level,
            reached_at,
        }
    });
    Ok((told.collect(), next))
}

/// The hub's signer of certificates: `<public host>/certificate`.
pub fn signer(tx: &Tx<'_>, rules: &Rules) -> Signer {
    let name = KeyName::parse(&format!("{}/certificate", rules.public_host))
        .expect("a host has neither space nor plus, which the settings see to");
    Signer::new(name, KeyKind::Ed25519, &tx.vault().keys().certificate)
}

/// The key by which anybody verifies certificates.
pub fn verifier(tx: &Tx<'_>, rules: &Rules) -> VerifierKey {
    signer(tx, rules).verifier().clone()
}

/// A certificate that is being written: pages are added until it is whole, then it is signed.
#[derive(Debug, Clone)]
pub struct Writing {
    certificate: Certificate,
    length: usize,
    after: Option<i64>,
}

/// Some of its lines, and the number after which it goes on.
pub type Page = (Vec<CertifiedNotice>, Option<i64>);

/// Begins a certificate of a bank; `as_of` = now where none is given. Refuses a time that has not come, and while
/// no head of the log is published.
pub fn begin(tx: &mut Tx<'_>, code: &str, as_of: Option<Instant>) -> Result<Writing, Error> {
    let row = bank::by_code(tx, code)?.ok_or(Error::NotFound)?;
    let issued = tx.now()?;
    if as_of.is_some_and(|at| at > issued) {
        return Err(Refusal::NotYet.into());
    }
    let as_of = as_of.map_or(issued, |at| at.as_shown().min(issued));
    let head = prove_completeness::newest_head(tx)?;
    let note = Note::parse(head.checkpoint.as_bytes()).ok();
    let log = note.and_then(|note| Checkpoint::parse(&note.text).ok());
    let certificate = Certificate {
        bank_code: row.code,
        bank: row.id,
        as_of,
        issued,
        log: log.ok_or_else(|| super::issue::damaged("checkpoint"))?,
        notices: Vec::new(),
    };
    Ok(Writing {
        length: certificate.to_text().len(),
        certificate,
        after: Some(0),
    })
}

/// A bank's notices after a number, as a certificate tells them.
pub fn page(tx: &mut Tx<'_>, bank: Uid, as_of: Instant, after: i64) -> Result<Page, Error> {
    let (told, next) = told(tx, bank, as_of, after, NOTICES_AT_ONCE)?;
    let lines: Result<Vec<_>, Error> = told.into_iter().map(certified).collect();
    Ok((lines?, next))
}

impl Writing {
    /// The page that is missing: bank, time and the number after which it begins; `None` = it is whole.
    pub fn missing(&self) -> Option<(Uid, Instant, i64)> {
        let Certificate { bank, as_of, .. } = self.certificate;
        self.after.map(|after| (bank, as_of, after))
    }

    /// Adds a page; refuses what becomes longer than a signed note can be.
    pub fn add(&mut self, (lines, next): Page) -> Result<(), Error> {
        let added = lines.iter().map(|line| line.to_string().len() + 1);
        self.length += added.sum::<usize>();
        if self.length > MAX_TEXT {
            return Err(Refusal::CertificateTooLong.into());
        }
        self.certificate.notices.extend(lines);
        self.after = next;
        Ok(())
    }

    /// What is signed.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> Result<String, Error> {
        let signed = signer.sign(&self.certificate.to_text());
        signed.map_err(|_| super::issue::damaged("text of a certificate"))
    }
}

/// What a notice object says of its incident.
#[derive(Deserialize)]
struct Object {
    incident: String,
    kind: String,
    revision: String,
}

fn certified(told: Told) -> Result<CertifiedNotice, Error> {
    let damaged = || super::issue::damaged("notice object");
    let object: Object = serde_json::from_slice(&told.notice.object).map_err(|_| damaged())?;
    Ok(CertifiedNotice {
        number: told.notice.number,
        incident: object.incident,
        kind: object.kind,
        revision: object.revision.parse().map_err(|_| damaged())?,
        notice: told.notice.id,
        digest: Digest::from_slice(&told.notice.digest).ok_or_else(damaged)?,
        issued: told.notice.issued_at,
        level: told.level.code().to_owned(),
        level_at: told.reached_at,
    })
}
