//! `Uid`: the random, time-ordered id (UUID v7, RFC 9562 §5.7) of everything the hub stores.
//! Knows nothing of databases; `storage/schema.rs` maps it to `uuid` and to a 16-byte blob.

use super::instant::Instant;
use std::fmt;
use std::str::FromStr;

/// A UUID v7. Ordered by the millisecond in which it was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(uuid::Uuid);

impl Uid {
    /// A new id whose time part is `at`; the rest is random.
    pub fn at(at: Instant) -> Self {
        let micros = at.micros().max(0).unsigned_abs();
        let seconds = micros / 1_000_000;
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
        Self(uuid::Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            seconds,
            nanos,
        )))
    }

    /// The lowest and the highest id that [`Self::at`] could have made then, both included.
    pub fn span(at: Instant) -> (Self, Self) {
        let millis = (at.micros().max(0) / 1_000).to_be_bytes();
        let [mut low, mut high] = [[0; 16], [0xff; 16]];
        low[..6].copy_from_slice(&millis[2..]);
        high[..6].copy_from_slice(&millis[2..]);
        (Self::from_bytes(low), Self::from_bytes(high))
    }

    /// The 16 bytes, big-endian.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From 16 stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// From its text. Only the canonical spelling is taken, so that one id has one URL.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text: &[u8; 36] = text.try_into().ok()?;
        let mut digits = [0; 32];
        for (to, from, length) in GROUPS {
            digits[to..to + length].copy_from_slice(&text[from..from + length]);
        }
        // Of each digit for itself: what is gathered on the way is not looked at together.
        let mut strange = [0; 32];
        for (digit, strange) in digits.iter_mut().zip(&mut strange) {
            (*digit, *strange) = value_of(*digit);
        }
        let mut bytes = [0; 16];
        let (eights, _) = digits.as_chunks::<8>();
        let (fours, _) = bytes.as_chunks_mut::<4>();
        for (four, eight) in fours.iter_mut().zip(eights) {
            *four = joined(u64::from_be_bytes(*eight));
        }
        let hyphens = [8, 13, 18, 23].into_iter().all(|at| text[at] == b'-');
        let strange = strange.iter().fold(0, |all, one| all | one);
        (hyphens && strange == 0).then(|| Self::from_bytes(bytes))
    }
}

/// The groups of digits between the hyphens: where they go, where they stand, how many they are.
const GROUPS: [(usize, usize, usize); 5] =
    [(0, 0, 8), (8, 9, 4), (12, 14, 4), (16, 19, 4), (20, 24, 12)];

/// The value of a hexadecimal digit, the small letters only, and what is not 0 if it is none. Without a branch, so
/// that many are looked at together: a whole log is read through it.
fn value_of(digit: u8) -> (u8, u8) {
    let within = |first, count| {
        if digit.wrapping_sub(first) < count {
            u8::MAX
        } else {
            0
        }
    };
    let (number, letter) = (within(b'0', 10), within(b'a', 6));
    let value = number & digit.wrapping_sub(b'0') | letter & digit.wrapping_sub(b'a' - 10);
    (value, !(number | letter))
}

/// Eight values of four bits each, the first in the highest byte, as four bytes.
fn joined(eight: u64) -> [u8; 4] {
    let bytes = (eight >> 4 | eight) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes >> 8 | bytes) & 0x0000_ffff_0000_ffff;
    let [_, _, _, _, four @ ..] = (pairs >> 16 | pairs).to_be_bytes();
    four
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not a hyphenated lower-case UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: give the 36 characters of a UUID")]
pub struct NotAnId;

impl FromStr for Uid {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::from_text(text.as_bytes()).ok_or(NotAnId)
    }
}

impl serde::Serialize for Uid {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut buffer = uuid::Uuid::encode_buffer();
        s.serialize_str(self.0.as_hyphenated().encode_lower(&mut buffer))
    }
}

impl<'de> serde::Deserialize<'de> for Uid {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Uid;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the 36 characters of a UUID")
            }

            // As it is read: an owned text for each would cost more than all the rest.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uid, E> {
                text.parse().map_err(E::custom)
            }
        }
        d.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_lies_in_the_span_of_its_instant_and_of_no_other_millisecond() {
        let at = Instant::from_micros(1_558_000_000_123_456);
        let (low, high) = Uid::span(at);
        let id = Uid::at(at);
        assert!(low <= id && id <= high, "{low} {id} {high}");
        for other in [-1_000, 1_000] {
            let id = Uid::at(Instant::from_micros(at.micros() + other));
            assert!(id < low || high < id, "{id}");
        }
    }

    #[test]
    fn every_byte_in_every_place_of_an_id_is_read_as_a_library_reads_it() {
        let written = "01926f7e-0a1b-7c3d-8e4f-a0b1c2d3e4f5";
        for place in 0..written.len() {
            for byte in 0..0x80 {
                let mut text = written.as_bytes().to_vec();
                text[place] = byte;
                let oracle = uuid::Uuid::try_parse_ascii(&text)
                    .ok()
                    .filter(|id| id.as_hyphenated().to_string().as_bytes() == text);
                assert_eq!(Uid::from_text(&text), oracle.map(Uid), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let good = "01926f7e-0a1b-7c3d-8e4f-a0b1c2d3e4f5";
        assert_eq!(
            good.parse::<Uid>().map(|id| id.to_string()).as_deref(),
            Ok(good)
        );
        let bare = good.replace('-', "");
        for bad in [
            "",
            &bare,
            &good.to_uppercase(),
            &format!("{{{good}}}"),
            &format!("urn:uuid:{good}"),
            &format!("{good} "),
            &format!("{bare}    "),
            &good.replace('f', "g"),
            &good.replacen("7e-0", "7-e0", 1),
        ] {
            assert_eq!(bad.parse::<Uid>(), Err(NotAnId), "{bad}");
        }
    }
}
