//! The right edge of a growing tree, tile by tile (C2SP tlog-tiles): of each level the hashes of the tile
//! that is not full yet. What a sequencer keeps between batches: at most 255 hashes for each level.

use super::{Hash, root};

/// Hashes of a full tile.
const WIDTH: usize = 256;

/// A tile that has just become full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    pub level: u8,
    pub number: u64,
    /// The root over its hashes: a hash of the level above.
    pub root: Hash,
    pub hashes: Vec<Hash>,
}

/// A tree known by its size and its unfinished tiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Growing {
    size: u64,
    /// From level 0 upward; each shorter than a tile.
    levels: Vec<Vec<Hash>>,
}

/// How many hashes the unfinished tile of a level holds in a tree of `size` leaves: `floor(size / 256^level)
/// mod 256`. 0 = the level has none.
pub fn partial_width(size: u64, level: u8) -> usize {
    let whole = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    usize::try_from(whole % 256).unwrap_or(0)
}

/// Levels that a tree of `size` leaves has tiles on.
pub fn levels_of(size: u64) -> u8 {
    let mut levels = 0;
    while levels < 8 && size >> (8 * u32::from(levels)) > 0 {
        levels += 1;
    }
    levels
}

impl Growing {
    /// From the unfinished tiles of a tree of `size` leaves, level 0 first; `None` unless each is as long as
    /// that size says.
    pub fn from_parts(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = usize::from(levels_of(size)) == levels.len()
            && (0_u8..)
                .zip(&levels)
                .all(|(level, hashes)| hashes.len() == partial_width(size, level));
        fits.then_some(Self { size, levels })
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of a level's tile that is not full yet.
    pub fn unfinished(&self, level: u8) -> &[Hash] {
        self.levels
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    /// Appends a leaf; a tile that became full is pushed onto `full`, and so are those above it.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0_u8..8 {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::with_capacity(WIDTH));
            }
            self.levels[place].push(hash);
            if self.levels[place].len() < WIDTH {
                return;
            }
            let hashes = std::mem::take(&mut self.levels[place]);
            hash = root(hashes.iter().copied());
            full.push(FullTile {
                level,
                number: (self.size >> (8 * (u32::from(level) + 1))) - 1,
                root: hash,
                hashes,
            });
        }
    }

    /// The root of the whole (RFC 6962 §2.1): each level's hashes, followed by what lies below them to the right.
    pub fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for hashes in &self.levels {
            if !hashes.is_empty() {
                below = Some(root(hashes.iter().copied().chain(below)));
            }
        }
        below.unwrap_or_else(|| root([]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    #[test]
    fn the_root_of_every_size_is_that_of_the_leaves() {
        let mut growing = Growing::default();
        let mut full = Vec::new();
        let mut leaves = Vec::new();
        for n in 0..1_100_u64 {
            assert_eq!(growing.root(), root(leaves.iter().copied()), "at {n}");
            assert_eq!(
                Growing::from_parts(n, growing.levels.clone()),
                Some(growing.clone())
            );
            let leaf = leaf_hash(&n.to_be_bytes());
            leaves.push(leaf);
            growing.push(leaf, &mut full);
        }
        let numbers: Vec<_> = full.iter().map(|tile| (tile.level, tile.number)).collect();
        assert_eq!(numbers, [(0, 0), (0, 1), (0, 2), (0, 3)]);
        assert_eq!(full[1].hashes, leaves[256..512]);
        assert_eq!(full[1].root, root(leaves[256..512].iter().copied()));
    }

    #[test]
    fn tiles_fill_level_by_level_as_in_the_published_example() {
        let mut growing = Growing::default();
        let mut full = Vec::new();
        for n in 0..70_000_u64 {
            growing.push(leaf_hash(&n.to_be_bytes()), &mut full);
        }
        // 273 full tiles and one of 112; above them one full and one of 17; above those one of 1.
        assert_eq!(full.iter().filter(|tile| tile.level == 0).count(), 273);
        assert_eq!(full.iter().filter(|tile| tile.level == 1).count(), 1);
        let widths: Vec<usize> = growing.levels.iter().map(Vec::len).collect();
        assert_eq!(widths, [112, 17, 1]);
        assert_eq!(
            growing.root(),
            root((0..70_000_u64).map(|n| leaf_hash(&n.to_be_bytes())))
        );
    }

    #[test]
    fn parts_of_another_size_are_refused() {
        assert_eq!(Growing::from_parts(0, Vec::new()), Some(Growing::default()));
        assert_eq!(Growing::from_parts(1, Vec::new()), None);
        assert_eq!(Growing::from_parts(256, vec![vec![], vec![]]), None);
        assert!(Growing::from_parts(256, vec![vec![], vec![[1; 32]]]).is_some());
    }
}
