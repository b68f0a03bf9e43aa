//! Entries as a verifier reads them: strictly, from their bytes. Kinds that some rule needs get a typed view;
//! every other `t` or `v` is unknown here, which is no fault: it is hashed all the same.

mod frequent;

use super::canonical::{Field, NotCanonical, scan};
use super::encoding::hash_of;
use crate::domain::entry::MAX_BYTES;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::AckClass;
use crate::merkle::Hash;

/// `log.genesis` or `log.successor`: what a log begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub at: Instant,
    pub format: String,
    pub origin: String,
    pub vkey: String,
    /// Whether another log went before, which could not be continued.
    pub successor: bool,
}

/// `log.key`: the heads that cover it are signed by another key than those that do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChanged {
    pub at: Instant,
    pub origin: String,
    pub previous: String,
    pub vkey: String,
}

/// `roster.version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    pub effective_at: Instant,
    pub n: i64,
    /// Leaf hash of the entry of the version before; all zero for the first.
    pub previous: Hash,
    pub root: Hash,
    pub version: i64,
}

/// `incident.registered`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub accepted_at: Instant,
    pub commitment: Hash,
    pub incident: Uid,
    pub kind: String,
    pub phase: String,
    pub revision: Uid,
    pub revision_number: i64,
    /// Leaf hash of the entry of the roster version in force.
    pub roster: Hash,
    pub roster_version: i64,
}

/// `notice.fanout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fanout {
    pub fanout: Uid,
    /// `roster`, or the group of banks that is told besides.
    pub kind: String,
    pub n: i64,
    pub notices_root: Hash,
    /// Leaf hash of `incident.registered`.
    pub registered: Hash,
    pub roster_version: i64,
}

/// `notice.acknowledged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub acknowledgement: Uid,
    pub at: Instant,
    pub bank: Uid,
    pub class: AckClass,
    pub covered_by: Option<Uid>,
    /// Salted commitment to the signed note, where there is one.
    pub note: Option<Hash>,
    pub notice: Uid,
}

/// One entry; boxed where there are few of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Opening(Box<Opening>),
    KeyChanged(Box<KeyChanged>),
    Roster(Box<Roster>),
    Registered(Box<Registered>),
    Fanout(Box<Fanout>),
    Acknowledged(Acknowledged),
    /// Of a kind that no rule needs: hashed, and not looked into.
    Passed,
    /// Of a kind or version that is not known here: hashed all the same.
    Unknown,
}

/// Kinds without a view of their own.
const PASSED: &[&str] = &[
    "approval",
    "bank.report",
    "bank.response",
    "deferral",
    "endpoint.proven",
    "fact.recorded",
    "incident.closed",
    "mail.report",
    "notice.accessed",
    "notice.attempt",
    "notice.chased",
    "notice.closed",
    "payload.erased",
];

/// Why bytes are no entry of any log of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntry {
    #[error("longer than {MAX_BYTES} bytes")]
    Long,
    #[error(transparent)]
    Form(#[from] NotCanonical),
    #[error("has no t or v that tells what it is")]
    Untold,
    #[error(
        "is of a known kind, but {0} is missing, not of its form, or too many fields are there"
    )]
    Field(&'static str),
}

impl Entry {
    /// Reads one entry's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAnEntry> {
        Self::parse_with(bytes, &mut Vec::new())
    }

    /// The same, with room for the fields that the caller keeps between entries.
    pub fn parse_with<'a>(bytes: &'a [u8], room: &mut Vec<Field<'a>>) -> Result<Self, NotAnEntry> {
        if bytes.len() > MAX_BYTES {
            return Err(NotAnEntry::Long);
        }
        frequent::read(bytes).map_or_else(|| Self::parse_in_full(bytes, room), Ok)
    }

    /// The notice that an entry confirms, which is what [`Self::parse`] reads of it; `None` says nothing. For a whole
    /// log, which is full of confirmations and needs no more of them.
    pub fn confirms(bytes: &[u8]) -> Option<Uid> {
        frequent::acknowledged(bytes).map(|one| one.notice)
    }

    /// By the rules alone, whatever is frequent. For whoever compares.
    pub fn parse_in_full<'a>(
        bytes: &'a [u8],
        room: &mut Vec<Field<'a>>,
    ) -> Result<Self, NotAnEntry> {
        if bytes.len() > MAX_BYTES {
            return Err(NotAnEntry::Long);
        }
        scan(bytes, room)?;
        let mut fields = Fields {
            all: room,
            read: 0,
            next: 0,
        };
        let kind = fields.raw("t").map_err(|_| NotAnEntry::Untold)?;
        let version = fields.integer("v").map_err(|_| NotAnEntry::Untold)?;
        let kind = quoted(kind).and_then(plain).ok_or(NotAnEntry::Untold)?;
        let entry = match (kind, version) {
            ("notice.acknowledged", 1) => fields.acknowledged()?,
            ("notice.fanout", 1) => fields.fanout()?,
            ("incident.registered", 1) => fields.registered()?,
            ("roster.version", 1) => fields.roster()?,
            ("log.key", 1) => fields.key_changed()?,
            ("log.genesis", 1) => fields.opening(false)?,
            ("log.successor", 1) => fields.opening(true)?,
            (kind, 1) if PASSED.contains(&kind) => return Ok(Self::Passed),
            _ => return Ok(Self::Unknown),
        };
        if fields.read == fields.all.len() {
            Ok(entry)
        } else {
            Err(NotAnEntry::Field("some field"))
        }
    }
}

/// The fields of an entry, counted as they are read: none may be left over.
struct Fields<'f, 'a> {
    all: &'f [Field<'a>],
    read: usize,
    /// The one after that which was read last: they are mostly asked for in their order.
    next: usize,
}

type Read<T> = Result<T, NotAnEntry>;

impl<'a> Fields<'_, 'a> {
    fn raw(&mut self, key: &'static str) -> Read<&'a [u8]> {
        let is_it = |field: &Field<'_>| field.key == key.as_bytes();
        let place = match self.all.get(self.next) {
            Some(next) if is_it(next) => self.next,
            _ => self
                .all
                .iter()
                .position(is_it)
                .ok_or(NotAnEntry::Field(key))?,
        };
        self.read += 1;
        self.next = place + 1;
        Ok(self.all[place].value)
    }

    /// What `parse` makes of the bytes between the quotes; it takes no escape, which no entry has.
    fn parsed<T>(&mut self, key: &'static str, parse: impl Fn(&'a [u8]) -> Option<T>) -> Read<T> {
        let raw = self.raw(key)?;
        let value = quoted(raw).and_then(parse);
        value.ok_or(NotAnEntry::Field(key))
    }

    fn owned(&mut self, key: &'static str) -> Read<String> {
        self.parsed(key, |text| plain(text).map(str::to_owned))
    }

    fn integer(&mut self, key: &'static str) -> Read<i64> {
        let raw = self.raw(key)?;
        let text = std::str::from_utf8(raw).ok();
        let value = text.and_then(|text| text.parse().ok());
        value.ok_or(NotAnEntry::Field(key))
    }

    fn uid(&mut self, key: &'static str) -> Read<Uid> {
        self.parsed(key, Uid::from_text)
    }

    /// `None` for null.
    fn or_null<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.raw(key)? {
            b"null" => Ok(None),
            raw => {
                let value = quoted(raw).and_then(parse);
                value.map(Some).ok_or(NotAnEntry::Field(key))
            }
        }
    }

    fn hash(&mut self, key: &'static str) -> Read<Hash> {
        self.parsed(key, hash_of)
    }

    /// The hub's commitment to its own rows: nobody outside can open it, but it has its form.
    fn facts(&mut self) -> Read<()> {
        self.hash("facts").map(drop)
    }

    fn time(&mut self, key: &'static str) -> Read<Instant> {
        self.parsed(key, Instant::from_millis_string)
    }

    fn opening(&mut self, successor: bool) -> Read<Entry> {
        if successor {
            self.raw("heads")?;
        }
        Ok(Entry::Opening(Box::new(Opening {
            at: self.time("at")?,
            format: self.owned("format")?,
            origin: self.owned("origin")?,
            vkey: self.owned("vkey")?,
            successor,
        })))
    }

    fn key_changed(&mut self) -> Read<Entry> {
        Ok(Entry::KeyChanged(Box::new(KeyChanged {
            at: self.time("at")?,
            origin: self.owned("origin")?,
            previous: self.owned("previous")?,
            vkey: self.owned("vkey")?,
        })))
    }

    fn roster(&mut self) -> Read<Entry> {
        let effective_at = self.time("effective_at")?;
        self.facts()?;
        Ok(Entry::Roster(Box::new(Roster {
            effective_at,
            n: self.integer("n")?,
            previous: self.hash("previous")?,
            root: self.hash("root")?,
            version: self.integer("version")?,
        })))
    }

    fn registered(&mut self) -> Read<Entry> {
        let accepted_at = self.time("accepted_at")?;
        let commitment = self.hash("commitment")?;
        self.facts()?;
        Ok(Entry::Registered(Box::new(Registered {
            accepted_at,
            commitment,
            incident: self.uid("incident")?,
            kind: self.owned("kind")?,
            phase: self.owned("phase")?,
            revision: self.uid("revision")?,
            revision_number: self.integer("revision_number")?,
            roster: self.hash("roster")?,
            roster_version: self.integer("roster_version")?,
        })))
    }

    fn fanout(&mut self) -> Read<Entry> {
        self.facts()?;
        Ok(Entry::Fanout(Box::new(Fanout {
            fanout: self.uid("fanout")?,
            kind: self.owned("kind")?,
            n: self.integer("n")?,
            notices_root: self.hash("notices_root")?,
            registered: self.hash("registered")?,
            roster_version: self.integer("roster_version")?,
        })))
    }

    fn acknowledged(&mut self) -> Read<Entry> {
        let acknowledgement = self.uid("acknowledgement")?;
        let at = self.time("at")?;
        let bank = self.uid("bank")?;
        let class = self.parsed("class", |text| AckClass::parse(plain(text)?))?;
        let covered_by = self.or_null("covered_by", Uid::from_text)?;
        self.facts()?;
        let note = self.or_null("note", hash_of)?;
        Ok(Entry::Acknowledged(Acknowledged {
            acknowledgement,
            at,
            bank,
            class,
            covered_by,
            note,
            notice: self.uid("notice")?,
        }))
    }
}

/// What stands between the quotes; `None` for what is no text.
fn quoted(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A text without escapes.
fn plain(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.contains('\\')).then_some(text)
}

#[cfg(test)]
mod tests;
