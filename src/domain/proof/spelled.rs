//! Reads JSON that is spelled as the hub spells it: the keys that are expected in the order that is expected, with
//! nothing between. Looks at each byte once and makes nothing its own, because a whole log is read through it. What
//! it refuses may still be sound: it stops short of every question, and whoever asks reads the bytes in full then.

use super::canonical::MAX_INTEGER;
use super::encoding;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::level::AckClass;
use crate::merkle::Hash;

/// What has not been read yet.
#[derive(Debug, Clone, Copy)]
pub struct Spelled<'a>(pub &'a [u8]);

/// `None` = spelled otherwise, or not of this form.
impl<'a> Spelled<'a> {
    /// These bytes and no others.
    #[inline(always)]
    pub fn pass(&mut self, piece: &'static str) -> Option<()> {
        self.0 = self.0.strip_prefix(piece.as_bytes())?;
        Some(())
    }

    /// These bytes, and they are the last.
    #[inline(always)]
    pub fn end(&mut self, piece: &'static str) -> Option<()> {
        (self.0 == piece.as_bytes()).then_some(())
    }

    /// The `N` bytes between two quotes.
    #[inline(always)]
    fn quoted<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (text, rest) = self.0.strip_prefix(b"\"")?.split_first_chunk()?;
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// Any `N` bytes that stand for themselves in a text.
    #[inline(always)]
    fn any<const N: usize>(&mut self) -> Option<()> {
        let text = self.quoted::<N>()?;
        // Without a way out, so that many are looked at together.
        let plain = text.iter().fold(true, |all, byte| all & is_plain(*byte));
        plain.then_some(())
    }

    #[inline(always)]
    fn or_null<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.0.strip_prefix(b"null") {
            Some(rest) => {
                self.0 = rest;
                Some(None)
            }
            None => read(self).map(Some),
        }
    }

    /// A text as long as an id, and not looked into; likewise the next.
    #[inline(always)]
    pub fn any_id(&mut self) -> Option<()> {
        self.any::<36>()
    }

    #[inline(always)]
    pub fn any_id_or_null(&mut self) -> Option<()> {
        self.or_null(Self::any_id).map(drop)
    }

    #[inline(always)]
    pub fn any_hash(&mut self) -> Option<()> {
        self.any::<44>()
    }

    #[inline(always)]
    pub fn any_time(&mut self) -> Option<()> {
        self.any::<24>()
    }

    #[inline(always)]
    pub fn uid_or_null(&mut self) -> Option<Option<Uid>> {
        self.or_null(Self::uid)
    }

    #[inline(always)]
    pub fn hash_or_null(&mut self) -> Option<Option<Hash>> {
        self.or_null(Self::hash)
    }

    #[inline(always)]
    pub fn integer_or_null(&mut self) -> Option<Option<i64>> {
        self.or_null(Self::integer)
    }

    #[inline(always)]
    pub fn any_text(&mut self) -> Option<()> {
        self.plain().map(drop)
    }

    #[inline(always)]
    pub fn any_text_or_null(&mut self) -> Option<()> {
        self.or_null(Self::any_text).map(drop)
    }

    #[inline(always)]
    pub fn uid(&mut self) -> Option<Uid> {
        Uid::from_text(self.quoted::<36>()?)
    }

    #[inline(always)]
    pub fn hash(&mut self) -> Option<Hash> {
        encoding::hash_of(self.quoted::<44>()?)
    }

    #[inline(always)]
    pub fn time(&mut self) -> Option<Instant> {
        Instant::from_millis_string(self.quoted::<24>()?)
    }

    /// What stands between two quotes, without escapes, of ASCII.
    #[inline(always)]
    fn plain(&mut self) -> Option<&'a [u8]> {
        let text = self.0.strip_prefix(b"\"")?;
        let length = text.iter().position(|byte| !is_plain(*byte))?;
        let (text, rest) = text.split_at(length);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    #[inline(always)]
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.plain()?).ok()
    }

    /// A text that is often `usual`.
    #[inline(always)]
    pub fn text_or(&mut self, usual: &'a str) -> Option<&'a str> {
        let same = self
            .0
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_prefix(usual.as_bytes()));
        match same.and_then(|rest| rest.strip_prefix(b"\"")) {
            Some(rest) => {
                self.0 = rest;
                Some(usual)
            }
            None => self.text(),
        }
    }

    #[inline(always)]
    pub fn class(&mut self) -> Option<AckClass> {
        let text = self.plain()?;
        AckClass::ALL
            .into_iter()
            .find(|class| class.code().as_bytes() == text)
    }

    /// As RFC 8785 spells it, not negative.
    #[inline(always)]
    pub fn integer(&mut self) -> Option<i64> {
        let (first, mut rest) = self.0.split_first()?;
        let mut value = u64::from(digit(*first)?);
        while let Some((digit, after)) = rest
            .split_first()
            .and_then(|(b, rest)| Some((digit(*b)?, rest)))
        {
            if value == 0 {
                return None;
            }
            value = value * 10 + u64::from(digit);
            if value > MAX_INTEGER {
                return None;
            }
            rest = after;
        }
        self.0 = rest;
        i64::try_from(value).ok()
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) & (byte != b'"') & (byte != b'\\')
}
