//! The certificate: what a bank had been told on a date, signed under the hub's own key for certificates. It is
//! the operator's statement with a log's head beside it; the notice proofs are what proves.

use super::{Finding, Unreadable, hold};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::vocabulary::Kind;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::{Note, VerifierKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const HEADER: &str = "kairan-certificate/v1";
const ACTUAL: &str = "actual";
const WORDS: &str = "not a certificate: line";

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Without a space, and not empty.
    pub bank_code: String,
    pub bank: Uid,
    pub as_of: Instant,
    pub issued: Instant,
    /// The head of the log from which it was answered.
    pub log: Checkpoint,
    /// In the order of their numbers.
    pub notices: Vec<CertifiedNotice>,
}

/// One notice, as it stood at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedNotice {
    pub number: i64,
    pub incident: String,
    /// Code: actual, exercise, test. The line says what is not actual, for it told of no theft.
    pub kind: String,
    pub revision: i64,
    pub notice: Uid,
    pub digest: Digest,
    pub issued: Instant,
    /// The name of the evidence level.
    pub level: String,
    pub level_at: Instant,
}

impl Certificate {
    /// The text that is signed; every line ends in a newline.
    pub fn to_text(&self) -> String {
        let log = &self.log;
        let mut text = format!(
            "{HEADER}\nbank {} {}\nas-of {}\nissued {}\nlog {} {} {}\nnotices {} last-number {}\n",
            self.bank_code,
            self.bank,
            self.as_of,
            self.issued,
            log.origin,
            log.size,
            STANDARD.encode(log.root),
            self.notices.len(),
            self.last_number(),
        );
        for notice in &self.notices {
            text.push_str(&format!("{notice}\n"));
        }
        text
    }

    /// The number of the last notice; 0 if there was none.
    pub fn last_number(&self) -> i64 {
        self.notices.last().map_or(0, |notice| notice.number)
    }

    /// Takes exactly what `to_text` gives.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut lines = text.lines();
        let mut words = |number: usize, first: &[&'static str]| {
            let line = lines.next().unwrap_or_default();
            strip(line, first)
                .ok_or_else(|| Unreadable(format!("{WORDS} {number} is not what it must be")))
        };
        words(1, &[HEADER])?;
        let bank = words(2, &["bank", "", ""])?;
        let as_of = words(3, &["as-of", ""])?;
        let issued = words(4, &["issued", ""])?;
        let log = words(5, &["log", "", "", ""])?;
        let counts = words(6, &["notices", "", "last-number", ""])?;
        let bad = || {
            Unreadable("not a certificate: an id, a time or a number is not of its form".to_owned())
        };
        let checkpoint = format!("{}\n{}\n{}\n", log[0], log[1], log[2]);
        let notices: Option<Vec<_>> = lines.map(CertifiedNotice::parse).collect();
        let certificate = Self {
            bank_code: bank[0].to_owned(),
            bank: bank[1].parse().map_err(|_| bad())?,
            as_of: Instant::from_millis_string(as_of[0]).ok_or_else(bad)?,
            issued: Instant::from_millis_string(issued[0]).ok_or_else(bad)?,
            log: Checkpoint::parse(&checkpoint).map_err(|why| Unreadable(why.to_string()))?,
            notices: notices.ok_or_else(bad)?,
        };
        // Whatever else could be written in two ways: counts, numbers, the last newline.
        if certificate.to_text() == text {
            Ok(certificate)
        } else {
            let (n, last) = (counts[0], counts[1]);
            Err(Unreadable(format!(
                "not a certificate: {n} notices up to number {last} are announced, and others stand there"
            )))
        }
    }

    /// Opens a signed certificate under the hub's certificate key. Codes: `signature`, `certificate_form`,
    /// `numbers`, `times`.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Finding> {
        let note = Note::parse(note.as_bytes())
            .map_err(|why| Finding::new("certificate_form", why.to_string()))?;
        note.verify(std::slice::from_ref(key))
            .map_err(|why| Finding::new("signature", why.to_string()))?;
        let certificate =
            Self::parse(&note.text).map_err(|why| Finding::new("certificate_form", why.0))?;
        certificate.check()?;
        Ok(certificate)
    }

    fn check(&self) -> Result<(), Finding> {
        let gap = (1..)
            .zip(&self.notices)
            .find(|(number, notice)| *number != notice.number);
        hold(gap.is_none(), "numbers", || {
            let (number, _) = gap.unwrap_or((0, &self.notices[0]));
            format!("the bank's numbers have a hole: number {number} is not where it must be")
        })?;
        let late =
            |notice: &&CertifiedNotice| notice.issued > self.as_of || notice.level_at > self.as_of;
        let late = self.notices.iter().find(late);
        hold(late.is_none(), "times", || {
            let number = late.map_or(0, |notice| notice.number);
            format!("notice {number} is told with a time after the date that was asked for")
        })?;
        hold(self.as_of <= self.issued, "times", || {
            "it was signed before the date that was asked for".to_owned()
        })
    }
}

impl std::fmt::Display for CertifiedNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, incident, revision) = (self.number, &self.incident, self.revision);
        let (notice, digest, issued) = (self.notice, self.digest, self.issued);
        let (level, at) = (&self.level, self.level_at);
        write!(
            f,
            "{number} {incident} r{revision} {notice} {digest} issued {issued} level {level} at {at}"
        )?;
        match self.kind.as_str() {
            ACTUAL => Ok(()),
            kind => write!(f, " kind {kind}"),
        }
    }
}

impl CertifiedNotice {
    fn parse(line: &str) -> Option<Self> {
        let pattern = ["", "", "", "", "", "issued", "", "level", "", "at", ""];
        let (line, kind) = line.rsplit_once(" kind ").unwrap_or((line, ACTUAL));
        let words = strip(line, &pattern)?;
        let &[
            number,
            incident,
            revision,
            notice,
            digest,
            issued,
            level,
            level_at,
        ] = words.as_slice()
        else {
            return None;
        };
        Some(Self {
            number: number.parse().ok()?,
            incident: incident.to_owned(),
            kind: Kind::parse(kind)?.code().to_owned(),
            revision: revision.strip_prefix('r')?.parse().ok()?,
            notice: notice.parse().ok()?,
            digest: digest.parse().ok()?,
            issued: Instant::from_millis_string(issued)?,
            level: level.to_owned(),
            level_at: Instant::from_millis_string(level_at)?,
        })
    }
}

/// The words of a line at the empty places of the pattern; its other words must be those of the pattern.
fn strip<'a>(line: &'a str, pattern: &[&str]) -> Option<Vec<&'a str>> {
    let words: Vec<&str> = line.split(' ').collect();
    let fits = words.len() == pattern.len()
        && words.iter().zip(pattern).all(|(word, part)| match *part {
            "" => !word.is_empty(),
            part => *word == part,
        });
    let free = words
        .iter()
        .zip(pattern)
        .filter(|(_, part)| part.is_empty());
    fits.then(|| free.map(|(word, _)| *word).collect())
}

#[cfg(test)]
mod tests;
