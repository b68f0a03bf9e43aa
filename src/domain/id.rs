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
        let (mut bytes, mut at, mut all) = ([0; 16], 0, 0);
        for (place, byte) in bytes.iter_mut().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                if text[at] != b'-' {
                    return None;
                }
                at += 1;
            }
            let (high, low) = (
                DIGITS[usize::from(text[at])],
                DIGITS[usize::from(text[at + 1])],
            );
            all |= high | low;
            *byte = high << 4 | low;
            at += 2;
        }
        (all < 16).then(|| Self::from_bytes(bytes))
    }
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

/// The value of each hexadecimal digit, the small letters only; 255 = it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

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
