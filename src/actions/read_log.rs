//! The published log in the form in which it is carried away (C2SP tlog-tiles): the newest checkpoint, tiles,
//! entry bundles, and the lists that the entries commit to. Reads what is stored as it is stored; whether it
//! holds is for the verifier to say.

use super::Error;
use super::prove;
use crate::domain::proof::entries::{Entry, Opening};
use crate::domain::proof::leaves::{FanoutList, RosterList};
use crate::merkle::Hash;
use crate::merkle::tile::{self, Bundle, Tile, WIDTH};
use crate::storage::log::{self, CheckpointRow, LoggedRow};
use crate::storage::{Tx, notice, roster, tree};
use serde::Serialize;

/// The newest checkpoint of the current log; `None` = nothing was published yet.
pub fn newest(tx: &mut Tx<'_>) -> Result<Option<CheckpointRow>, Error> {
    let head = log::head(tx)?;
    Ok(log::latest_checkpoint(tx, head.log)?)
}

/// What a log that holds anything begins with.
pub fn opening_of(tx: &mut Tx<'_>, log: i64) -> Result<Opening, Error> {
    let first = log::logged(tx, log, 0, 1)?;
    match first.first().map(|row| Entry::parse(&row.body)) {
        Some(Ok(Entry::Opening(opening))) => Ok(*opening),
        _ => Err(super::issue::damaged("the log's first entry")),
    }
}

/// The root of the tree's first `size` entries, from the stored hashes.
pub fn root_at(tx: &mut Tx<'_>, log: i64, size: u64) -> Result<Hash, Error> {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    Ok(tree::Reader::new(tx, log, size).root()?)
}

/// A tile's content; `None` if the published tree does not have all of it.
pub fn hashes(
    tx: &mut Tx<'_>,
    published: &CheckpointRow,
    wanted: Tile,
) -> Result<Option<Vec<u8>>, Error> {
    if !wanted.is_in(published.size.unsigned_abs()) {
        return Ok(None);
    }
    let hashes = tree::tile(tx, published.log, wanted)?;
    Ok(Some(tile::encode_hashes(&hashes)))
}

/// A bundle's content; `None` if the published log does not have all of it.
pub fn entries(
    tx: &mut Tx<'_>,
    published: &CheckpointRow,
    wanted: Bundle,
) -> Result<Option<Vec<u8>>, Error> {
    if !wanted.is_in(published.size.unsigned_abs()) {
        return Ok(None);
    }
    let rows = rows_of(tx, published.log, wanted)?;
    Ok(Some(encoded(&rows)?))
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the export's folder.
    pub path: String,
    pub content: Vec<u8>,
}

/// These tiles as files.
pub fn tile_files(tx: &mut Tx<'_>, log: i64, tiles: &[Tile]) -> Result<Vec<File>, Error> {
    let mut files = Vec::with_capacity(tiles.len());
    for wanted in tiles {
        files.push(File {
            path: wanted.path(),
            content: tile::encode_hashes(&tree::tile(tx, log, *wanted)?),
        });
    }
    Ok(files)
}

/// These bundles as files, and with them the lists of the fan-outs and rosters whose entries they hold. A list
/// that the database no longer has is left out, which the verifier notices.
pub fn entry_files(tx: &mut Tx<'_>, log: i64, bundles: &[Bundle]) -> Result<Vec<File>, Error> {
    let mut files = Vec::with_capacity(bundles.len());
    for wanted in bundles {
        let rows = rows_of(tx, log, *wanted)?;
        files.push(File {
            path: wanted.path(),
            content: encoded(&rows)?,
        });
        for row in &rows {
            files.extend(list_of(tx, row)?);
        }
    }
    Ok(files)
}

fn rows_of(tx: &mut Tx<'_>, log: i64, bundle: Bundle) -> Result<Vec<LoggedRow>, Error> {
    let first = i64::try_from(bundle.number * WIDTH).unwrap_or(i64::MAX);
    Ok(log::logged(
        tx,
        log,
        first,
        first.saturating_add(i64::from(bundle.width)),
    )?)
}

fn encoded(rows: &[LoggedRow]) -> Result<Vec<u8>, Error> {
    tile::encode_bundle(rows.iter().map(|row| &row.body))
        .map_err(|_| super::issue::damaged("the log's entries"))
}

/// What an entry commits to, where it commits to a list.
fn list_of(tx: &mut Tx<'_>, row: &LoggedRow) -> Result<Option<File>, Error> {
    match row.kind.as_str() {
        "notice.fanout" => {
            let Some(fanout) = notice::fanout(tx, row.subject_id)? else {
                return Ok(None);
            };
            let list = FanoutList {
                fanout: fanout.id,
                kind: fanout.kind.clone(),
                leaves: prove::leaves_of(tx, &fanout)?,
            };
            file(format!("kairan/fanouts/{}.json", fanout.id), &list).map(Some)
        }
        "roster.version" => {
            let Ok(Entry::Roster(entry)) = Entry::parse(&row.body) else {
                return Ok(None);
            };
            let rows = roster::leaves(tx, entry.version)?;
            let list = RosterList {
                leaves: rows.into_iter().map(prove::roster_leaf).collect(),
                version: entry.version,
            };
            file(format!("kairan/rosters/{}.json", entry.version), &list).map(Some)
        }
        _ => Ok(None),
    }
}

fn file(path: String, list: &impl Serialize) -> Result<File, Error> {
    let content = serde_json::to_vec(list).map_err(|_| super::issue::damaged("a list"))?;
    Ok(File { path, content })
}
