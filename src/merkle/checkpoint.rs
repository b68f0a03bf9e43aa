//! Checkpoints (C2SP tlog-checkpoint): the text that a log signs. Knows not whether two of them agree.

use super::note::{BadNote, NotANote, Note, VerifierKey};
use super::{Hash, empty_root};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A tree's head: whose tree it is, how many leaves it has, and its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// One line, not empty; the name of the log's key.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACheckpoint {
    #[error(
        "a checkpoint has three lines: origin, size, root; lines of extension are not read here"
    )]
    Lines,
    #[error("the origin is empty or holds a control character")]
    Origin,
    #[error("the size is not a decimal number as it is usually written")]
    Size,
    #[error("the root is not the base64 of 32 bytes")]
    Root,
    #[error("a tree without leaves has one root only, and this is another")]
    EmptyRoot,
}

/// Why a signed checkpoint is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    #[error(transparent)]
    NotANote(#[from] NotANote),
    #[error(transparent)]
    BadNote(#[from] BadNote),
    #[error(transparent)]
    NotACheckpoint(#[from] NotACheckpoint),
    #[error("the checkpoint is of another log: {0}")]
    Origin(String),
    #[error(
        "at {0} entries another key of the log signs than the one that has signed this checkpoint"
    )]
    OutOfTime(u64),
}

/// A number in its one decimal spelling: no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in its one base64 spelling.
pub(super) fn base64_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

impl Checkpoint {
    /// The text that is signed; each of the three lines ends in a newline.
    pub fn to_text(&self) -> String {
        let (origin, size, root) = (&self.origin, self.size, STANDARD.encode(self.root));
        format!("{origin}\n{size}\n{root}\n")
    }

    /// Takes exactly what `to_text` gives. Lines of extension are legal and refused all the same: nobody
    /// audits them, so no reader may be led by them. So is an empty tree with another root.
    pub fn parse(text: &str) -> Result<Self, NotACheckpoint> {
        let text = text.strip_suffix('\n').ok_or(NotACheckpoint::Lines)?;
        let lines: Vec<&str> = text.splitn(4, '\n').collect();
        let &[origin, size, root] = lines.as_slice() else {
            return Err(NotACheckpoint::Lines);
        };
        if origin.is_empty() || origin.contains(|c| c < ' ') {
            return Err(NotACheckpoint::Origin);
        }
        let size = decimal(size).ok_or(NotACheckpoint::Size)?;
        let root = base64_hash(root).ok_or(NotACheckpoint::Root)?;
        if size == 0 && root != empty_root() {
            return Err(NotACheckpoint::EmptyRoot);
        }
        let origin = origin.to_owned();
        Ok(Self { origin, size, root })
    }

    /// Reads a signed checkpoint, and believes it if the log's own key has signed it and its origin is
    /// that key's name.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NotOpened> {
        let note = Note::parse(note.as_bytes())?;
        note.verify(std::slice::from_ref(key))?;
        let checkpoint = Self::parse(&note.text)?;
        if checkpoint.origin != key.name().as_str() {
            return Err(NotOpened::Origin(checkpoint.origin));
        }
        Ok(checkpoint)
    }
}
