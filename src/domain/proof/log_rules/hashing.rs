//! Hashes ids for tables, of which a log fills some at every entry. Quicker than the library's own, and keyed like
//! it: whoever writes a log cannot choose ids that all fall into one place.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Two secrets of this run.
#[derive(Debug, Clone, Copy)]
pub struct Keyed(u64, u64);

impl Default for Keyed {
    fn default() -> Self {
        // What the library draws is random, and what it makes of two numbers tells nothing of it.
        let drawn = RandomState::new();
        Self(drawn.hash_one(0), drawn.hash_one(1))
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded {
            key: self.1,
            state: self.0,
        }
    }
}

/// Multiplies eight bytes after eight into its state, and folds what overflows.
#[derive(Debug)]
pub struct Folded {
    key: u64,
    state: u64,
}

impl Folded {
    fn mix(&mut self, one: u64, other: u64) {
        let product = u128::from(one ^ self.state) * u128::from(other ^ self.key);
        self.state = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let pair = u128::from_le_bytes(*pair);
            self.mix(pair as u64, (pair >> 64) as u64);
        }
        for byte in rest {
            self.mix((*byte).into(), 0);
        }
    }

    /// The length, which all ids share.
    fn write_usize(&mut self, _: usize) {}
}
