//! The tree's hashes as stored: full tiles whole. Of a tile that is not full yet, level 0 is the entries' own
//! leaf hashes, and a level above is the roots of the full tiles below it.

use super::error::Error;
use super::insert_all;
use super::log::{hash_of, leaf_hashes};
use super::prepared::fixed_insert;
use super::schema::log_tile;
use super::tx::{Tx, on_either};
use crate::merkle::growing::{FullTile, Growing, levels_of, partial_width};
use crate::merkle::tile::{self, Tile};
use crate::merkle::tree::Node;
use crate::merkle::{Hash, proof};
use diesel::prelude::*;
use std::collections::HashMap;

struct TileRow {
    log: i64,
    level: i64,
    number: i64,
    root: Vec<u8>,
    hashes: Vec<u8>,
}

fixed_insert!("INSERT INTO" log_tile TileRow: log, level, number, root, hashes);

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn insert_tiles(tx: &mut Tx<'_>, log: i64, tiles: &[FullTile]) -> Result<(), Error> {
    let row = |tile: &FullTile| TileRow {
        log,
        level: i64::from(tile.level),
        number: signed(tile.number),
        root: tile.root.to_vec(),
        hashes: tile::encode_hashes(&tile.hashes),
    };
    let rows: Vec<TileRow> = tiles.iter().map(row).collect();
    insert_all(tx, &rows)
}

/// The roots of the full tiles from `from` to below `to` of a level.
fn roots(tx: &mut Tx<'_>, log: i64, level: u8, from: i64, to: i64) -> Result<Vec<Hash>, Error> {
    let rows: Vec<Vec<u8>> = on_either!(tx, conn => log_tile::table
        .filter(log_tile::log.eq(log).and(log_tile::level.eq(i64::from(level))))
        .filter(log_tile::number.ge(from).and(log_tile::number.lt(to)))
        .order(log_tile::number)
        .select(log_tile::root)
        .load(conn)?);
    if signed(rows.len() as u64) != to - from {
        return Err(Error::Corrupt(format!(
            "tiles {from} to {to} of level {level} of the log are not all there"
        )));
    }
    rows.iter().map(|row| hash_of(row)).collect()
}

/// The hashes of a tile, full or not.
pub fn tile(tx: &mut Tx<'_>, log: i64, wanted: Tile) -> Result<Vec<Hash>, Error> {
    let (level, number) = (i64::from(wanted.level), signed(wanted.number));
    let full: Option<Vec<u8>> = on_either!(tx, conn => log_tile::table
        .find((log, level, number))
        .select(log_tile::hashes)
        .first(conn)
        .optional()?);
    if let Some(content) = full {
        let mut hashes = tile::decode_hashes(&content)
            .ok_or_else(|| Error::Corrupt("a tile of the log has another length".into()))?;
        hashes.truncate(usize::from(wanted.width));
        return Ok(hashes);
    }
    let from = number * 256;
    let to = from + i64::from(wanted.width);
    match wanted.level {
        0 => leaf_hashes(tx, log, from, to),
        level => roots(tx, log, level - 1, from, to),
    }
}

/// The unfinished tiles of the tree of `size` leaves.
pub fn growing(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Growing, Error> {
    let size = size.unsigned_abs();
    let mut levels = Vec::new();
    for level in 0..levels_of(size) {
        let width = partial_width(size, level);
        let number = (size >> (8 * u32::from(level))) / 256;
        let hashes = match u16::try_from(width) {
            Ok(width @ 1..) => tile(
                tx,
                log,
                Tile {
                    level,
                    number,
                    width,
                },
            )?,
            _ => Vec::new(),
        };
        levels.push(hashes);
    }
    Growing::from_parts(size, levels)
        .ok_or_else(|| Error::Corrupt("the log's unfinished tiles do not fit its size".into()))
}

/// Reads single hashes of the tree of `size` leaves; keeps the tiles read, so that a proof reads each once.
pub struct Reader<'t, 'c> {
    tx: &'t mut Tx<'c>,
    log: i64,
    size: u64,
    tiles: HashMap<Tile, Vec<Hash>>,
}

impl<'t, 'c> Reader<'t, 'c> {
    pub fn new(tx: &'t mut Tx<'c>, log: i64, size: i64) -> Self {
        Self {
            tx,
            log,
            size: size.unsigned_abs(),
            tiles: HashMap::new(),
        }
    }

    fn node(&mut self, node: Node) -> Result<Hash, Error> {
        let missing = || Error::Corrupt("a hash of the log's tree is not there".into());
        let place = tile::tile_of(node, self.size).ok_or_else(missing)?;
        let hashes = match self.tiles.entry(place) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(tile(self.tx, self.log, place)?)
            }
        };
        tile::hash_in(node, &place, hashes).ok_or_else(missing)
    }

    /// The audit path of a leaf, the leaf's sibling first.
    pub fn inclusion(&mut self, index: i64) -> Result<Vec<Hash>, Error> {
        let (index, size) = (index.unsigned_abs(), self.size);
        proof::inclusion(index, size, |node| self.node(node)).map_err(unprovable)
    }

    /// That the tree of `old` leaves is the beginning of this one.
    pub fn consistency(&mut self, old: i64) -> Result<Vec<Hash>, Error> {
        let (old, size) = (old.unsigned_abs(), self.size);
        proof::consistency(old, size, |node| self.node(node)).map_err(unprovable)
    }

    /// The root, from the stored hashes.
    pub fn root(&mut self) -> Result<Hash, Error> {
        let size = self.size;
        proof::root_at(size, |node| self.node(node))
    }
}

fn unprovable(fault: proof::Unprovable<Error>) -> Error {
    match fault {
        proof::Unprovable::Read(error) => error,
        proof::Unprovable::OutOfRange => Error::Corrupt("the log's tree is smaller".into()),
    }
}
