//! Signed notes (C2SP signed-note): a text and the lines of those who signed it. Parses, prints, verifies.
//! Knows not what the text says, nor whose keys are to be trusted.

mod key;

pub use key::{KeyKind, KeyName, NotAKey, Signer, Unsignable, VerifierKey};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// A longer note is not looked into.
const MAX_BYTES: usize = 1_000_000;
/// More signatures are not looked into; the spec asks for 16 at least.
const MAX_SIGNATURES: usize = 100;
const LINE_PREFIX: &str = "— ";

/// A text with its signatures, well-formed but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ends in a newline.
    pub text: String,
    pub signatures: Vec<Signature>,
}

/// One signature line, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: KeyName,
    pub id: u32,
    /// What follows the key's id; for [`KeyKind::Cosignature`] the time and then the signature proper.
    pub bytes: Vec<u8>,
}

/// Why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    #[error("the note is longer than 1000000 bytes")]
    Size,
    #[error("the note is not UTF-8, or holds a control character")]
    Characters,
    #[error("no empty line parts a text from signatures")]
    Parts,
    #[error("a line after the last empty one is not a signature: — name base64")]
    Line,
    #[error("the note has more than 100 signatures")]
    Signatures,
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub name: KeyName,
    pub id: u32,
    /// POSIX seconds, told by a cosignature only.
    pub time: Option<u64>,
}

/// Why a well-formed note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    #[error(
        "no known key has signed the note: it was changed, or the key given is another (each log, and certificates, have their own)"
    )]
    Unknown,
    #[error(
        "the signature of {name} (key {id:08x}) does not hold: the text or the signature was changed"
    )]
    Spoiled { name: KeyName, id: u32 },
}

/// Whether a note may consist of these characters: no control below U+0020 but the newline.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}

impl Note {
    /// Takes exactly what `Display` prints, within 1,000,000 bytes and 100 signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotANote> {
        if bytes.len() > MAX_BYTES {
            return Err(NotANote::Size);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NotANote::Characters)?;
        if !is_plain(note) {
            return Err(NotANote::Characters);
        }
        // The text may hold empty lines; signatures cannot.
        let end = note.rfind("\n\n").ok_or(NotANote::Parts)?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NotANote::Line)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NotANote::Signatures);
            }
            signatures.push(line.parse()?);
        }
        let text = text.to_owned();
        Ok(Self { text, signatures })
    }

    /// The signatures by keys that are known, each key once, in the order of the note; other signatures
    /// are passed over. A known key's signature that does not hold spoils the note, whatever else holds.
    pub fn verify(&self, known: &[VerifierKey]) -> Result<Vec<Verified>, BadNote> {
        let mut verified: Vec<Verified> = Vec::new();
        for signature in &self.signatures {
            let ours = |key: &&VerifierKey| key.is_of(signature);
            let Some(key) = known.iter().find(ours) else {
                continue;
            };
            let (name, id) = (signature.name.clone(), signature.id);
            let Some(time) = key.check(&self.text, &signature.bytes) else {
                return Err(BadNote::Spoiled { name, id });
            };
            // A key that signed twice is still one signer.
            if !verified.iter().any(|one| one.id == id && one.name == name) {
                verified.push(Verified { name, id, time });
            }
        }
        if verified.is_empty() {
            Err(BadNote::Unknown)
        } else {
            Ok(verified)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// The line without its newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = [&self.id.to_be_bytes(), self.bytes.as_slice()].concat();
        let (name, payload) = (&self.name, STANDARD.encode(payload));
        write!(f, "{LINE_PREFIX}{name} {payload}")
    }
}

impl FromStr for Signature {
    type Err = NotANote;

    /// One line without its newline, exactly as `Display` prints it: the base64 padded and canonical.
    fn from_str(line: &str) -> Result<Self, NotANote> {
        let rest = line.strip_prefix(LINE_PREFIX).ok_or(NotANote::Line)?;
        let (name, payload) = rest.split_once(' ').ok_or(NotANote::Line)?;
        let name = KeyName::parse(name).map_err(|_| NotANote::Line)?;
        let payload = STANDARD.decode(payload).map_err(|_| NotANote::Line)?;
        match payload.split_first_chunk() {
            Some((id, bytes)) if !bytes.is_empty() => Ok(Self {
                name,
                id: u32::from_be_bytes(*id),
                bytes: bytes.to_vec(),
            }),
            _ => Err(NotANote::Line),
        }
    }
}

#[cfg(test)]
mod tests;
