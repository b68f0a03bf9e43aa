//! Which notices may still be confirmed. Where every fan-out's list is at hand the open ones are kept, and no
//! others; else those that were confirmed, by half of their id, so that millions fit.

use crate::domain::id::Uid;
use std::collections::HashSet;

/// Code of a second confirmation.
pub const TWICE: &str = "stamp_twice";
/// Code of a confirmation of what is not open.
pub const UNKNOWN: &str = "stamp_unknown";

/// A large table that grows in one piece would for a moment be there twice.
const SHARDS: usize = 256;

#[derive(Debug, Default)]
pub struct Stamped {
    open: HashSet<Uid>,
    misses_some: bool,
    /// The last eight bytes of ids, which are random (RFC 9562 §5.7).
    stamped: Vec<HashSet<u64>>,
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
            self.stamped.resize_with(SHARDS, HashSet::new);
        }
        let [.., a, b, c, d, e, f, g, h] = *notice.as_bytes();
        let shard = &mut self.stamped[usize::from(h)];
        if shard.insert(u64::from_be_bytes([a, b, c, d, e, f, g, h])) {
            Ok(())
        } else {
            Err(TWICE)
        }
    }
}
