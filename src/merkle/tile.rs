//! Tiles and entry bundles (C2SP tlog-tiles): which there are, what they are called, what lies in them,
//! and in which of them a hash is found. Fetches and stores nothing.

use super::tree::Node;
use super::{Hash, root};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;
/// Levels of the tree in one tile: `2^8` is [`WIDTH`].
const HEIGHT: u8 = 8;
/// The most that a path may name, by the format; no tree of ours gets beyond level 7.
const MAX_LEVEL: u8 = 63;
/// The longest path there is: level, seven groups of a number, width.
const MAX_PATH: usize = 64;

/// A tile of hashes: at `level`, the roots of the subtrees of `256^level` leaves from
/// `number * 256` on, `width` (1 to 256) of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    pub level: u8,
    pub number: u64,
    pub width: u16,
}

/// A bundle of entries: the entries from `number * 256` on, `width` (1 to 256) of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bundle {
    pub number: u64,
    pub width: u16,
}

impl Tile {
    /// Below the log's prefix: `tile/<level>/<number>[.p/<width>]`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, place(self.number, self.width))
    }

    /// Reads what `path` gives, and no other spelling of it.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, place) = inside(path)?.split_once('/')?;
        let (number, width) = parse_place(place)?;
        let level = level.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
        let tile = Self {
            level,
            number,
            width,
        };
        (tile.path() == path).then_some(tile)
    }

    /// Whether it will never grow.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Whether a tree of `size` leaves has all hashes of this tile.
    pub fn is_in(&self, size: u64) -> bool {
        let shift = u32::from(self.level) * u32::from(HEIGHT);
        size.checked_shr(shift)
            .is_some_and(|count| reaches(self.number, self.width, count))
    }
}

impl Bundle {
    /// Below the log's prefix: `tile/entries/<number>[.p/<width>]`.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", place(self.number, self.width))
    }

    /// Reads what `path` gives, and no other spelling of it.
    pub fn parse(path: &str) -> Option<Self> {
        let (number, width) = parse_place(inside(path)?.strip_prefix("entries/")?)?;
        let bundle = Self { number, width };
        (bundle.path() == path).then_some(bundle)
    }

    /// Whether it will never grow.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Whether a log of `size` entries has all entries of this bundle.
    pub fn is_in(&self, size: u64) -> bool {
        reaches(self.number, self.width, size)
    }
}

fn inside(path: &str) -> Option<&str> {
    let short = path.len() <= MAX_PATH;
    path.strip_prefix("tile/").filter(|_| short)
}

/// `1234067` is `x001/x234/067`; the width is told only of what is partial.
fn place(number: u64, width: u16) -> String {
    let mut text = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if u64::from(width) != WIDTH {
        text.push_str(&format!(".p/{width}"));
    }
    text
}

/// Lenient about spelling: the callers compare with what `place` prints.
fn parse_place(text: &str) -> Option<(u64, u16)> {
    let (number, width) = match text.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (text, WIDTH as u16),
    };
    let mut total = 0_u64;
    for group in number.split('/') {
        let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        total = total.checked_mul(1000)?.checked_add(group)?;
    }
    (1..=WIDTH)
        .contains(&u64::from(width))
        .then_some((total, width))
}

/// Whether `count` things reach to the end of a tile that begins at `number * 256`.
fn reaches(number: u64, width: u16, count: u64) -> bool {
    let end = number
        .checked_mul(WIDTH)
        .and_then(|first| first.checked_add(width.into()));
    (1..=WIDTH).contains(&u64::from(width)) && end.is_some_and(|end| end <= count)
}

/// The full places that `count` things fill, in order, and the partial one that the rest begins.
fn places(count: u64) -> impl Iterator<Item = (u64, u16)> {
    let (full, rest) = (count / WIDTH, (count % WIDTH) as u16);
    let partial = (rest > 0).then_some((full, rest));
    (0..full)
        .map(|number| (number, WIDTH as u16))
        .chain(partial)
}

/// All tiles of a tree of `size` leaves, full and partial, level by level from the leaves.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0..HEIGHT).flat_map(move |level| {
        places(size >> (level * HEIGHT)).map(move |(number, width)| Tile {
            level,
            number,
            width,
        })
    })
}

/// All bundles of a log of `size` entries, full and partial.
pub fn bundles(size: u64) -> impl Iterator<Item = Bundle> {
    places(size).map(|(number, width)| Bundle { number, width })
}

/// The bundle of a log of `size` entries that holds entry `index`; `None` if the log has no such entry.
pub fn bundle_of(index: u64, size: u64) -> Option<Bundle> {
    let number = index / WIDTH;
    let width = (size.checked_sub(number * WIDTH)?).min(WIDTH) as u16;
    (index < size).then_some(Bundle { number, width })
}

/// The tile of the tree of `size` leaves in which the node's hash is found, or from whose hashes it is
/// computed; `None` if that tree does not hold the node.
pub fn tile_of(node: Node, size: u64) -> Option<Tile> {
    if !node.is_in(size) {
        return None;
    }
    let level = node.height / HEIGHT;
    let number = node.index >> (HEIGHT - node.height % HEIGHT);
    let count = size >> (level * HEIGHT);
    let width = (count - number * WIDTH).min(WIDTH) as u16;
    Some(Tile {
        level,
        number,
        width,
    })
}

/// The node's hash out of the tile that [`tile_of`] names; `None` if the node lies elsewhere or `hashes`
/// are not that tile's in number.
pub fn hash_in(node: Node, tile: &Tile, hashes: &[Hash]) -> Option<Hash> {
    let (level, inner) = (node.height / HEIGHT, node.height % HEIGHT);
    let number = node.index >> (HEIGHT - inner);
    let ours = level == tile.level && number == tile.number;
    if !ours || hashes.len() != usize::from(tile.width) {
        return None;
    }
    let leaves = 1_usize << inner;
    let first = (node.index << inner) as usize % WIDTH as usize;
    Some(root(hashes.get(first..first + leaves)?.iter().copied()))
}

/// A tile's content: the hashes one after another.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a tile's content: 1 to 256 of them, and nothing besides.
pub fn decode_hashes(content: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = content.as_chunks::<32>();
    let fits = rest.is_empty() && (1..=WIDTH as usize).contains(&hashes.len());
    fits.then(|| hashes.to_vec())
}

/// Why bytes are not a bundle, or entries cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABundle {
    #[error("a bundle has 1 to 256 entries")]
    Count,
    #[error("an entry is longer than 65535 bytes")]
    Entry,
    #[error("the bundle ends inside an entry: it was cut, or it is something else")]
    Cut,
}

/// A bundle's content: each of 1 to 256 entries after its length in two bytes, high byte first.
pub fn encode_bundle<B: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = B>,
) -> Result<Vec<u8>, NotABundle> {
    let (mut content, mut count) = (Vec::new(), 0);
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| NotABundle::Entry)?;
        content.extend(length.to_be_bytes());
        content.extend(entry);
        count += 1;
        if count > WIDTH {
            return Err(NotABundle::Count);
        }
    }
    if count > 0 {
        Ok(content)
    } else {
        Err(NotABundle::Count)
    }
}

/// The entries of a bundle's content, 1 to 256 of them, borrowed from it.
pub fn decode_bundle(content: &[u8]) -> Result<Vec<&[u8]>, NotABundle> {
    let (mut entries, mut rest) = (Vec::new(), content);
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or(NotABundle::Cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(NotABundle::Cut)?;
        if entries.len() as u64 == WIDTH {
            return Err(NotABundle::Count);
        }
        entries.push(entry);
        rest = after;
    }
    if entries.is_empty() {
        Err(NotABundle::Count)
    } else {
        Ok(entries)
    }
}
