//! Which notices may still be confirmed. Where every fan-out's list is at hand the open ones are kept, and no
//! others; else those that were confirmed, by half of their id, so that millions fit.

use super::hashing::Keyed;
use crate::domain::id::Uid;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Code of a second confirmation.
pub const TWICE: &str = "stamp_twice";
/// Code of a confirmation of what is not open.
pub const UNKNOWN: &str = "stamp_unknown";

/// A large table that grows in one piece would for a moment be there twice; what many small ones leave behind
/// when they grow is not given back.
const SHARDS: usize = 32;

#[derive(Debug, Default)]
pub struct Stamped {
    open: HashSet<Uid, Keyed>,
    misses_some: bool,
    /// The last eight bytes of ids, which are random (RFC 9562 §5.7).
    stamped: Vec<HashSet<u64, BuildHasherDefault<AsItIs>>>,
}

/// What is random needs no hashing.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

impl Stamped {
    /// From here on there are notices that were never listed.
    pub fn miss_some(&mut self) {
        self.misses_some = true;
    }

    pub fn misses_some(&self) -> bool {
        self.misses_some
    }

    /// A notice went out.
    pub fn open(&mut self, notice: Uid) {
        self.open.insert(notice);
    }

    /// A notice is confirmed; the error is a code.
    pub fn stamp(&mut self, notice: Uid) -> Result<(), &'static str> {
        let was_open = self.open.remove(&notice);
        if !self.misses_some {
            return if was_open { Ok(()) } else { Err(UNKNOWN) };
        }
        if self.stamped.is_empty() {
            self.stamped.resize_with(SHARDS, HashSet::default);
        }
        let [.., a, b, c, d, e, f, g, h] = *notice.as_bytes();
        // Of a byte in the middle: tables place their items by the outer ones.
        let shard = &mut self.stamped[usize::from(d) % SHARDS];
        if shard.insert(u64::from_be_bytes([a, b, c, d, e, f, g, h])) {
            Ok(())
        } else {
            Err(TWICE)
        }
    }
}
