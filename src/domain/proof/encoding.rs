//! How bytes stand in JSON: the standard base64 alphabet with padding (RFC 4648 §4), in its one spelling.

use crate::merkle::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

type Text<'de> = std::borrow::Cow<'de, str>;

fn decoded<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD
        .decode(text)
        .map_err(|_| E::custom("expected base64 with padding"))
}

/// The hash that a text stands for.
pub fn hash_of(text: &[u8]) -> Option<Hash> {
    // One byte more than is needed: the decoder asks for room by the length of the text.
    let mut room = [0; 33];
    let length = STANDARD.decode_slice(text, &mut room).ok()?;
    (length == 32).then(|| room.first_chunk().copied())?
}

fn decoded_hash<E: Error>(text: &str) -> Result<Hash, E> {
    hash_of(text.as_bytes()).ok_or_else(|| E::custom("expected the base64 of 32 bytes"))
}

/// Reads a hash from a text without making it its own: a list has thousands.
struct HashText;

impl Visitor<'_> for HashText {
    type Value = Hash;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the base64 of 32 bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hash, E> {
        decoded_hash(text)
    }
}

/// Bytes of any length.
pub mod bytes {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        decoded(&Text::deserialize(d)?)
    }
}

/// 32 bytes.
pub mod hash {
    use super::*;

    pub fn serialize<S: Serializer>(hash: &Hash, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Hash, D::Error> {
        d.deserialize_str(HashText)
    }
}

/// A list of 32 bytes each.
pub mod hashes {
    use super::*;

    pub fn serialize<S: Serializer>(hashes: &[Hash], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(hashes.iter().map(|hash| STANDARD.encode(hash)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<Text<'de>>::deserialize(d)?;
        texts.iter().map(|text| decoded_hash(text)).collect()
    }
}

/// 32 bytes or null.
pub mod optional_hash {
    use super::*;

    pub fn serialize<S: Serializer>(hash: &Option<Hash>, s: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => s.serialize_some(&STANDARD.encode(hash)),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Hash>, D::Error> {
        let text = Option::<Text<'de>>::deserialize(d)?;
        text.map(|text| decoded_hash(&text)).transpose()
    }
}
