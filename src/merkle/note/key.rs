//! The keys of notes: names, verifier keys (vkeys) and signers, for plain Ed25519 signatures (C2SP
//! signed-note, type 0x01) and for cosignatures (C2SP tlog-cosignature, type 0x04). Knows no key store.

use super::{Note, Signature, is_plain};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The latest time a cosignature may tell (C2SP tlog-cosignature, "Format").
const MAX_TIME: u64 = i64::MAX as u64;

/// The name of a key: not empty, without spaces of any script, control characters and `+`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// What a key's signatures are made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Type 0x01: over the note's text.
    Ed25519,
    /// Type 0x04, `cosignature/v1`: over a time and the text of a checkpoint.
    Cosignature,
}

/// Why a text is not a key, or not a key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("a key's name is not empty and holds no space, control character or +")]
    Name,
    #[error("not a verifier key: name+id+base64, the id as 8 small hexadecimal digits")]
    Form,
    #[error("only keys of the types 0x01 (Ed25519) and 0x04 (cosignature) are read here")]
    Kind,
    #[error("not a usable Ed25519 public key")]
    Key,
    #[error("the id does not belong to this name and key: one of the three was changed")]
    Id,
}

/// Why a signature was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsignable {
    #[error("a note's text ends in a newline and holds no other control character")]
    Text,
    #[error(
        "the key is of another kind: a cosignature needs one of type 0x04, all else one of type 0x01"
    )]
    Kind,
    #[error("a cosignature tells a time up to 2^63 - 1 seconds")]
    Time,
}

impl KeyName {
    /// Refuses what C2SP signed-note refuses, and control characters, which no note could carry.
    pub fn parse(name: &str) -> Result<Self, NotAKey> {
        let bad = |c: char| c.is_whitespace() || c == '+' || c < ' ';
        if name.is_empty() || name.contains(bad) {
            return Err(NotAKey::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn of(byte: u8) -> Result<Self, NotAKey> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            _ => Err(NotAKey::Kind),
        }
    }
}

/// A public key with its name and kind; as text a vkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    /// From 32 bytes of an Ed25519 public key; refuses what is none and keys of small order.
    pub fn new(name: KeyName, kind: KeyKind, key: &[u8; 32]) -> Result<Self, NotAKey> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| NotAKey::Key)?;
        if key.is_weak() {
            return Err(NotAKey::Key);
        }
        Ok(Self::of(name, kind, key))
    }

    fn of(name: KeyName, kind: KeyKind, key: VerifyingKey) -> Self {
        let digest = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', kind.byte()])
            .chain_update(key.as_bytes())
            .finalize();
        let id = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        Self {
            name,
            kind,
            id,
            key,
        }
    }

    /// Whose key it is.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The first four bytes of the SHA-256 over name, newline, type and key.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What its signatures are made over.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 bytes of the public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) fn is_of(&self, signature: &Signature) -> bool {
        self.id == signature.id && self.name == signature.name
    }

    /// `Some` if the signature holds, with the time that a cosignature tells.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            KeyKind::Ed25519 => {
                let signature = signature.try_into().ok()?;
                self.key.verify_strict(text.as_bytes(), &signature).ok()?;
                Some(None)
            }
            KeyKind::Cosignature => {
                let (time, signature) = signature.split_first_chunk()?;
                let time = u64::from_be_bytes(*time);
                let signed = cosigned(text, time).ok()?;
                let signature = signature.try_into().ok()?;
                self.key.verify_strict(signed.as_bytes(), &signature).ok()?;
                Some(Some(time))
            }
        }
    }
}

/// What a cosignature is made over (C2SP tlog-cosignature, "Ed25519 signed message").
fn cosigned(text: &str, time: u64) -> Result<String, Unsignable> {
    if time > MAX_TIME {
        return Err(Unsignable::Time);
    }
    Ok(format!("cosignature/v1\ntime {time}\n{text}"))
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()], self.key.as_bytes().as_slice()].concat();
        let (name, id, key) = (&self.name, self.id, STANDARD.encode(key));
        write!(f, "{name}+{id:08x}+{key}")
    }
}

impl FromStr for VerifierKey {
    type Err = NotAKey;

    /// Takes exactly what `Display` prints.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.splitn(3, '+');
        let mut part = || parts.next().ok_or(NotAKey::Form);
        let (name, id, encoded) = (part()?, part()?, part()?);
        let name = KeyName::parse(name)?;
        let decoded = STANDARD.decode(encoded).map_err(|_| NotAKey::Form)?;
        let (kind, key) = decoded.split_first().ok_or(NotAKey::Form)?;
        let kind = KeyKind::of(*kind)?;
        let key = key.try_into().map_err(|_| NotAKey::Key)?;
        let key = Self::new(name, kind, key)?;
        if id == format!("{:08x}", key.id) {
            Ok(key)
        } else {
            Err(NotAKey::Id)
        }
    }
}

/// A private key with its name and kind. Never printed; wiped on drop.
#[derive(Clone)]
pub struct Signer {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Signer {
    /// From the 32 bytes of an Ed25519 private key, which the caller has drawn at random or unsealed.
    pub fn new(name: KeyName, kind: KeyKind, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::of(name, kind, key.verifying_key());
        Self { verifier, key }
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The whole note: the text, an empty line and the signature line.
    pub fn sign(&self, text: &str) -> Result<String, Unsignable> {
        let note = Note {
            text: text.to_owned(),
            signatures: vec![self.plain(text)?],
        };
        Ok(note.to_string())
    }

    /// The signature line over the text, with its newline: to be added to a note of that text.
    pub fn line(&self, text: &str) -> Result<String, Unsignable> {
        Ok(format!("{}\n", self.plain(text)?))
    }

    /// The cosignature line over a checkpoint's whole text, with its newline. Says that of all
    /// checkpoints of that origin seen until then (POSIX seconds) this is the largest consistent one.
    pub fn cosign(&self, text: &str, seconds: u64) -> Result<String, Unsignable> {
        let signed = cosigned(text, seconds)?;
        let signature = self.signed(KeyKind::Cosignature, text, &signed)?;
        let payload = [&seconds.to_be_bytes(), signature.as_slice()].concat();
        Ok(format!("{}\n", self.as_line(payload)))
    }

    fn plain(&self, text: &str) -> Result<Signature, Unsignable> {
        let signature = self.signed(KeyKind::Ed25519, text, text)?;
        Ok(self.as_line(signature.to_vec()))
    }

    fn signed(&self, kind: KeyKind, text: &str, signed: &str) -> Result<[u8; 64], Unsignable> {
        if self.verifier.kind != kind {
            return Err(Unsignable::Kind);
        }
        if !text.ends_with('\n') || !is_plain(text) {
            return Err(Unsignable::Text);
        }
        Ok(self.key.sign(signed.as_bytes()).to_bytes())
    }

    fn as_line(&self, bytes: Vec<u8>) -> Signature {
        Signature {
            name: self.verifier.name.clone(),
            id: self.verifier.id,
            bytes,
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, redacted)", self.verifier)
    }
}
