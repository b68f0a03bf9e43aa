//! The files of an exported log (C2SP tlog-tiles, and ours beside it). Reads; judges nothing.

use super::read_text;
use crate::domain::proof::heads::Earlier;
use crate::domain::proof::log_keys::{HANDOVERS_FILE, LogKeys};
use crate::domain::proof::{Finding, Unreadable};
use crate::merkle::Hash;
use crate::merkle::proof::{consistency, root_at};
use crate::merkle::tile::{Tile, decode_hashes, hash_in, tile_of};
use crate::merkle::tree::Node;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A tile is never longer.
pub const MAX_TILE: usize = 256 * 32;

/// A folder with an exported log.
#[derive(Debug, Clone)]
pub struct Export {
    folder: PathBuf,
}

impl Export {
    pub fn of(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A small text of the export; `None` if there is no such file.
    pub fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let path = self.path(name);
        match path.try_exists() {
            Ok(false) => Ok(None),
            _ => read_text(&path).map(Some),
        }
    }

    /// What these keys lead to by the handovers of the export.
    pub fn keys(&self, keys: &LogKeys) -> Result<Result<LogKeys, Finding>, Unreadable> {
        match self.text(HANDOVERS_FILE)? {
            Some(list) => Ok(keys.with_list(list.as_bytes())),
            None => Ok(Ok(keys.clone())),
        }
    }

    /// A file's bytes, in a room that is kept between files; `None` if there is no such file. At most `limit` bytes
    /// and one more are read.
    pub fn read<'r>(
        &self,
        name: &str,
        limit: usize,
        room: &'r mut Vec<u8>,
    ) -> std::io::Result<Option<&'r [u8]>> {
        let mut file = match std::fs::File::open(self.path(name)) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let length = length.min(limit + 1);
        if room.len() < length {
            room.resize(length, 0);
        }
        let content = &mut room[..length];
        file.read_exact(content)?;
        Ok(Some(content))
    }

    /// The root at `old` and the proof from there to `new`, out of the tiles of a tree of `size` leaves.
    pub fn earlier(&self, old: u64, new: u64, size: u64) -> Option<Earlier> {
        let read = |node: Node| self.node(node, size).ok_or(());
        let in_it = new <= size;
        let root = root_at(old, read).ok().filter(|_| in_it)?;
        let path = consistency(old, new, read).ok()?;
        Some(Earlier { root, path })
    }

    fn node(&self, node: Node, size: u64) -> Option<Hash> {
        let tile = tile_of(node, size)?;
        hash_in(node, &tile, &self.tile(&tile)?)
    }

    fn tile(&self, tile: &Tile) -> Option<Vec<Hash>> {
        let mut room = Vec::new();
        decode_hashes(self.read(&tile.path(), MAX_TILE, &mut room).ok()??)
    }
}
