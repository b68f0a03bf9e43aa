//! The tree above the bundles: tiles of the levels above 0 as they become full, and the root at the end.

use super::Unreadable;
use super::bundles::Subtree;
use crate::cli::verify::export::{Export, MAX_TILE};
use crate::domain::proof::Finding;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::tile::{Tile, WIDTH};
use crate::merkle::tree::Frontier;
use crate::merkle::{Hash, root};
use base64::prelude::*;

/// What is kept of the tree: of each level above 0 the tile that is not full yet.
#[derive(Debug, Default)]
pub struct Levels {
    /// From level 1 upward.
    unfinished: Vec<Vec<Hash>>,
    /// Over the roots of full bundles.
    full: Frontier,
    /// Of the last bundle, if it is not full.
    rest: Frontier,
    /// For tiles that are read.
    room: Vec<u8>,
}

impl Levels {
    /// Takes the next bundle's hashes; what was found in the tiles that became full.
    pub fn push(&mut self, export: &Export, tree: Subtree) -> Result<Option<Finding>, Unreadable> {
        let mut carried = match tree {
            Subtree::Full(root) => root,
            Subtree::Partial(rest) => {
                self.rest = rest;
                return Ok(None);
            }
        };
        self.full.push(carried);
        let mut found = None;
        for (level, above) in (1_u8..).zip(0..) {
            if self.unfinished.len() == above {
                self.unfinished.push(Vec::new());
            }
            let hashes = &mut self.unfinished[above];
            hashes.push(carried);
            if (hashes.len() as u64) < WIDTH {
                break;
            }
            let number = (self.full.size() >> (8 * u32::from(level))) - 1;
            let tile = Tile {
                level,
                number,
                width: WIDTH as u16,
            };
            let hashes = std::mem::take(hashes);
            found = found.or(compare(export, &tile, &hashes, &mut self.room)?);
            carried = root(hashes);
        }
        Ok(found)
    }

    /// All bundles have been taken: the tiles at the right edge, and the root.
    pub fn finish(
        mut self,
        export: &Export,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<Finding>, Unreadable> {
        let mut found = Vec::new();
        for (level, hashes) in (1_u8..).zip(&self.unfinished) {
            if hashes.is_empty() {
                continue;
            }
            let number = self.full.size() >> (8 * u32::from(level));
            let width = hashes.len() as u16;
            found.extend(compare(
                export,
                &Tile {
                    level,
                    number,
                    width,
                },
                hashes,
                &mut self.room,
            )?);
        }
        let size = self.full.size() * WIDTH + self.rest.size();
        let edge = [self.full.edge(), self.rest.edge()].concat();
        let root = Frontier::from_parts(size, edge).map(|tree| tree.root());
        if root != Some(checkpoint.root) {
            let root = root
                .map(|root| BASE64_STANDARD.encode(root))
                .unwrap_or_default();
            let told = format!("the entries lead to the root {root}, and another was signed");
            found.push(Finding::new("root", told));
        }
        Ok(found)
    }
}

/// Whether the export's tile holds these hashes. A tile that is not there makes the export unusable.
pub fn compare(
    export: &Export,
    tile: &Tile,
    hashes: &[Hash],
    room: &mut Vec<u8>,
) -> Result<Option<Finding>, Unreadable> {
    let path = tile.path();
    match export.read(&path, MAX_TILE, room) {
        Ok(Some(content)) if content == hashes.as_flattened() => Ok(None),
        Ok(Some(_)) => {
            let told = format!("{path} does not hold the hashes of the entries below it");
            Ok(Some(Finding::new("tile", told)))
        }
        Ok(None) => Err(Unreadable(format!(
            "{path} is not there: export the log again"
        ))),
        Err(fault) => Err(Unreadable(format!("{path}: {fault}"))),
    }
}
