//! Proofs to carry away (C2SP tlog-proof): an entry's place in a log with the checkpoint that vouches for
//! it, as one text. Knows not what the entry says.

use super::Hash;
use super::checkpoint::{Checkpoint, NotOpened, base64_hash, decimal};
use super::note::VerifierKey;
use super::proof::{Broken, check_inclusion};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A longer text is not looked into: a note of full size and what may stand before it.
const MAX_BYTES: usize = 1_100_000;
/// No tree that can be counted needs more.
const MAX_PATH: usize = 64;

/// An inclusion proof with its checkpoint, well-formed but not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the sender adds. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    pub index: u64,
    /// The leaf's sibling first, 64 at most.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a text is not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAProof {
    #[error("the text is longer than 1100000 bytes")]
    Size,
    #[error("the text does not begin with the line c2sp.org/tlog-proof@v1")]
    Header,
    #[error("the extra line does not hold base64")]
    Extra,
    #[error("no line names the index in decimal")]
    Index,
    #[error("the index is not followed by at most 64 lines of base64 hashes and an empty line")]
    Path,
    #[error("no checkpoint follows the empty line")]
    Checkpoint,
}

/// Why a well-formed proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    #[error(transparent)]
    Checkpoint(#[from] NotOpened),
    #[error(transparent)]
    Path(#[from] Broken),
}

impl TlogProof {
    /// Checks that the log of this key holds the leaf with this hash at `index`, and returns the
    /// checkpoint that says so. `extra` is not looked at; nor are the signatures of others.
    pub fn check(&self, leaf: &Hash, key: &VerifierKey) -> Result<Checkpoint, Unproved> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        let (size, root) = (checkpoint.size, &checkpoint.root);
        check_inclusion(leaf, self.index, size, &self.path, root)?;
        Ok(checkpoint)
    }

    /// Takes exactly what `Display` prints. Of the checkpoint only its presence: `check` reads it.
    pub fn parse(text: &str) -> Result<Self, NotAProof> {
        if text.len() > MAX_BYTES {
            return Err(NotAProof::Size);
        }
        let (header, rest) = line(text).ok_or(NotAProof::Header)?;
        if header != HEADER {
            return Err(NotAProof::Header);
        }
        let (mut index, mut rest) = line(rest).ok_or(NotAProof::Index)?;
        let mut extra = None;
        if let Some(encoded) = index.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(encoded).map_err(|_| NotAProof::Extra)?);
            (index, rest) = line(rest).ok_or(NotAProof::Index)?;
        }
        let index = index.strip_prefix("index ").and_then(decimal);
        let index = index.ok_or(NotAProof::Index)?;
        let (path, checkpoint) = parse_path(rest)?;
        if checkpoint.is_empty() {
            return Err(NotAProof::Checkpoint);
        }
        let checkpoint = checkpoint.to_owned();
        Ok(Self {
            extra,
            index,
            path,
            checkpoint,
        })
    }
}

/// The first line without its newline, and what follows.
fn line(text: &str) -> Option<(&str, &str)> {
    text.split_once('\n')
}

fn parse_path(text: &str) -> Result<(Vec<Hash>, &str), NotAProof> {
    let (mut path, mut text) = (Vec::new(), text);
    loop {
        let (hash, rest) = line(text).ok_or(NotAProof::Path)?;
        if hash.is_empty() {
            return Ok((path, rest));
        }
        if path.len() == MAX_PATH {
            return Err(NotAProof::Path);
        }
        path.push(base64_hash(hash).ok_or(NotAProof::Path)?);
        text = rest;
    }
}

impl FromStr for TlogProof {
    type Err = NotAProof;

    fn from_str(text: &str) -> Result<Self, NotAProof> {
        Self::parse(text)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
