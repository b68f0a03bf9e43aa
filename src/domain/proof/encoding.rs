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

/// The hash that a text stands for. By arithmetic on all digits at once rather than by a table: a whole log is
/// read through it.
pub fn hash_of(text: &[u8]) -> Option<Hash> {
    let digits: &[u8; 44] = text.try_into().ok()?;
    // The digits that are not there count as the first, which stands for 0.
    let mut values = [b'A'; 48];
    values[..43].copy_from_slice(&digits[..43]);
    // Of each digit for itself: what is gathered on the way is not looked at together.
    let mut strange = [0; 48];
    for (value, strange) in values.iter_mut().zip(&mut strange) {
        (*value, *strange) = value_of(*value);
    }
    let mut hash = [0; 36];
    let (eights, _) = values.as_chunks::<8>();
    let (sixes, _) = hash.as_chunks_mut::<6>();
    for (six, eight) in sixes.iter_mut().zip(eights) {
        *six = joined(u64::from_be_bytes(*eight));
    }
    // 43 digits are 258 bits, and the last two of them belong to no byte.
    let strange = strange.iter().fold(0, |all, one| all | one);
    let fits = strange == 0 && digits[43] == b'=' && hash[32] == 0;
    fits.then(|| hash.first_chunk().copied())?
}

/// The value of a digit (RFC 4648 §4), and what is not 0 if it is none. Without a branch, so that many are looked at
/// together.
fn value_of(digit: u8) -> (u8, u8) {
    let within = |first, count| {
        if digit.wrapping_sub(first) < count {
            u8::MAX
        } else {
            0
        }
    };
    let (upper, lower, number) = (within(b'A', 26), within(b'a', 26), within(b'0', 10));
    let (plus, slash) = (within(b'+', 1), within(b'/', 1));
    let value = upper & digit.wrapping_sub(b'A')
        | lower & digit.wrapping_sub(b'a' - 26)
        | number & digit.wrapping_add(52 - b'0')
        | plus & 62
        | slash & 63;
    (value, !(upper | lower | number | plus | slash))
}

/// Eight values of six bits each, the first in the highest byte, as six bytes.
fn joined(eight: u64) -> [u8; 6] {
    let twelves = (eight & 0x3f00_3f00_3f00_3f00) >> 2 | eight & 0x003f_003f_003f_003f;
    let halves = (twelves & 0x0fff_0000_0fff_0000) >> 4 | twelves & 0x0000_0fff_0000_0fff;
    let whole = (halves >> 32) << 24 | halves & 0x00ff_ffff;
    let [_, _, six @ ..] = whole.to_be_bytes();
    six
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a library reads it.
    fn oracle(text: &[u8]) -> Option<Hash> {
        STANDARD.decode(text).ok()?.try_into().ok()
    }

    #[test]
    fn every_byte_in_every_place_of_a_hash_is_read_as_a_library_reads_it() {
        let written = STANDARD.encode([0xa5; 32]);
        for place in 0..written.len() {
            for byte in 0..=u8::MAX {
                let mut text = written.clone().into_bytes();
                text[place] = byte;
                assert_eq!(hash_of(&text), oracle(&text), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn a_hash_has_one_spelling_and_one_length() {
        let written = STANDARD.encode([0xff; 32]);
        assert_eq!(hash_of(written.as_bytes()), Some([0xff; 32]));
        let bare = written.trim_end_matches('=');
        let url = written.replace('/', "_");
        for other in [
            "",
            "=",
            bare,
            &format!("{bare}=="),
            &format!("{written}="),
            &format!("{bare}A"),
            &url,
        ] {
            assert_eq!(hash_of(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(hash in any::<Hash>()) {
            prop_assert_eq!(hash_of(STANDARD.encode(hash).as_bytes()), Some(hash));
        }
    }
}
