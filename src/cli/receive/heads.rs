//! The heads of the log that a bank remembers, and how a new one stands to them: the bank is a witness, and
//! two heads that do not belong to one history are what it is there to see. Pure: knows no file and no hub.

use crate::domain::proof::heads::SignedHead;
use crate::domain::proof::log_keys::LogKeys;
use crate::merkle::Hash;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::proof::{check_consistency, consistency, root_at};
use crate::merkle::tile::{Tile, hash_in, tile_of};
use crate::merkle::tree::Node;
use std::collections::{HashMap, HashSet};

/// What a bank knows of a head that the log's key has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The first of its log, or shown to belong to one history with what was confirmed before.
    Confirmed,
    /// Nothing has shown that it belongs to the others, nor that it does not.
    Unconfirmed,
    /// It does not belong to one history with a confirmed one.
    Disputed,
}

impl Standing {
    const ALL: [Self; 3] = [Self::Confirmed, Self::Unconfirmed, Self::Disputed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::Disputed => "disputed",
        }
    }
}

/// How a head stands to the remembered ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    Known(Standing),
    /// The first of its log: taken on trust, as the key was.
    First,
    /// Another root of the same size: two histories, and no proof is needed.
    Fork(SignedHead),
    /// To be connected with the newest confirmed head, which may be the larger of the two.
    Against(SignedHead),
}

/// What tiles say of two heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// The smaller tree is the beginning of the larger.
    Holds,
    /// The larger head's own tree does not begin with the smaller: two histories.
    Fork,
    /// The tiles are not those of the larger head; they show nothing.
    Open(String),
}

/// Everything remembered, in the order in which it came.
#[derive(Debug, Clone, Default)]
pub struct Heads(Vec<(Standing, SignedHead)>);

impl Heads {
    /// Takes in a head, or what is newly known of one.
    pub fn remember(&mut self, standing: Standing, head: SignedHead) {
        match self
            .0
            .iter_mut()
            .find(|(_, one)| one.checkpoint == head.checkpoint)
        {
            Some(known) => known.0 = standing,
            None => self.0.push((standing, head)),
        }
    }

    /// Of each log, the largest confirmed one.
    pub fn newest(&self, origin: &str) -> Option<&SignedHead> {
        let confirmed = self.0.iter().filter(|(standing, head)| {
            *standing == Standing::Confirmed && head.checkpoint.origin == origin
        });
        confirmed
            .map(|(_, head)| head)
            .max_by_key(|head| head.checkpoint.size)
    }

    /// Those that wait to be connected.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &SignedHead> {
        let waiting = self
            .0
            .iter()
            .filter(|(standing, _)| *standing == Standing::Unconfirmed);
        waiting.map(|(_, head)| head)
    }

    pub fn relate(&self, head: &Checkpoint) -> Relation {
        let ours = self
            .0
            .iter()
            .filter(|(_, one)| one.checkpoint.origin == head.origin);
        let of_size: Vec<_> = ours
            .filter(|(_, one)| one.checkpoint.size == head.size)
            .collect();
        if let Some((standing, _)) = of_size
            .iter()
            .find(|(_, one)| one.checkpoint.root == head.root)
        {
            return Relation::Known(*standing);
        }
        if let Some((_, other)) = of_size.first() {
            return Relation::Fork(other.clone());
        }
        match self.newest(&head.origin) {
            Some(newest) => Relation::Against(newest.clone()),
            None => Relation::First,
        }
    }
}

/// The tiles of the larger tree that show whether it began with the smaller.
pub fn tiles_between(one: &Checkpoint, other: &Checkpoint) -> HashSet<Tile> {
    let (old, new) = ordered(one, other);
    let mut tiles = HashSet::new();
    let mut note = |node: Node| {
        tiles.extend(tile_of(node, new.size));
        Ok::<Hash, ()>([0; 32])
    };
    // Nothing fails here: only which nodes are asked for counts.
    let _ = consistency(old.size, new.size, &mut note);
    let _ = root_at(new.size, &mut note);
    tiles
}

fn ordered<'a>(one: &'a Checkpoint, other: &'a Checkpoint) -> (&'a Checkpoint, &'a Checkpoint) {
    if one.size <= other.size {
        (one, other)
    } else {
        (other, one)
    }
}

/// Judges two heads by tiles, whoever gave them. Tiles are believed only as far as they lead to the larger
/// head, which is signed: so an honest hub is never accused, and a fork is proven.
pub fn connect(
    one: &Checkpoint,
    other: &Checkpoint,
    tiles: &HashMap<Tile, Vec<Hash>>,
) -> Connection {
    let (old, new) = ordered(one, other);
    let read = |node: Node| -> Result<Hash, ()> {
        let tile = tile_of(node, new.size).ok_or(())?;
        let hashes = tiles.get(&tile).ok_or(())?;
        hash_in(node, &tile, hashes).ok_or(())
    };
    let (Ok(root), Ok(path)) = (
        root_at(new.size, read),
        consistency(old.size, new.size, read),
    ) else {
        return Connection::Open("tiles are missing or cut".to_owned());
    };
    if root != new.root {
        return Connection::Open("the tiles do not lead to the head that was signed".to_owned());
    }
    match check_consistency(old.size, new.size, &path, &old.root, &new.root) {
        Ok(()) => Connection::Holds,
        Err(_) => Connection::Fork,
    }
}

/// One head as it is kept: a line with what is known of it and when, the signed note as it came, an empty line.
pub fn block(standing: Standing, at: &str, head: &SignedHead) -> String {
    format!("{} {at}\n{}\n", standing.name(), head.note)
}

/// Reads what was kept, one block after another, and how many bytes hold whole blocks: what a crash cut off
/// stands at the end. `None` if it is not that, or not signed by one of the log's keys.
pub fn read_blocks(text: &str, keys: &LogKeys) -> Option<(Heads, usize)> {
    let (mut heads, mut read) = (Heads::default(), 0);
    while let Some((standing, note, bytes)) = frame(&text[read..]) {
        heads.remember(standing, open(note, keys)?);
        read += bytes;
    }
    let is_cut = |rest: &str| {
        let headers = rest
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let headers = headers
            .map(|line| standing_of(line).is_some())
            .collect::<Vec<_>>();
        headers.first() != Some(&false)
            && headers.iter().filter(|is_header| **is_header).count() < 2
    };
    is_cut(&text[read..]).then_some((heads, read))
}

/// What the first line of a block tells. No line of a signed checkpoint begins like it: names hold no space.
fn standing_of(line: &str) -> Option<Standing> {
    let (word, _) = line.split_once(' ')?;
    Standing::ALL
        .into_iter()
        .find(|standing| standing.name() == word)
}

/// The first block: its standing, the note in it, and its length.
fn frame(text: &str) -> Option<(Standing, &str, usize)> {
    let (line, rest) = text.split_once('\n')?;
    // The text of a checkpoint ends in one empty line, the signatures in another.
    let text_end = rest.find("\n\n")? + 2;
    let end = text_end + rest[text_end..].find("\n\n")? + 1;
    Some((standing_of(line)?, &rest[..end], line.len() + 1 + end + 1))
}

/// A signed head under one of these keys.
pub fn open(note: &str, keys: &LogKeys) -> Option<SignedHead> {
    SignedHead::open("remembered", note, keys).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;
    use crate::merkle::note::{KeyKind, KeyName, Signer};
    use crate::merkle::tile::tiles;

    fn signer() -> Signer {
        let name = KeyName::parse("hub.example/log/1").expect("a name");
        Signer::new(name, KeyKind::Ed25519, &[3; 32])
    }

    /// Leaves of a history; two of another seed share none.
    fn leaf(seed: u8, n: u64) -> Hash {
        leaf_hash(&[&[seed], n.to_be_bytes().as_slice()].concat())
    }

    /// A head over `shared` leaves of one history and then those of `seed`.
    fn head(seed: u8, shared: u64, size: u64) -> SignedHead {
        let checkpoint = Checkpoint {
            origin: "hub.example/log/1".into(),
            size,
            root: crate::merkle::root(leaves(seed, shared, size)),
        };
        let note = signer().sign(&checkpoint.to_text()).expect("signed");
        SignedHead {
            source: "remembered".into(),
            checkpoint,
            note,
        }
    }

    fn leaves(seed: u8, shared: u64, size: u64) -> impl Iterator<Item = Hash> {
        (0..size).map(move |n| leaf(if n < shared { 0 } else { seed }, n))
    }

    /// The tiles that a hub with this history would give, of those asked for.
    fn served(
        seed: u8,
        shared: u64,
        size: u64,
        wanted: &HashSet<Tile>,
    ) -> HashMap<Tile, Vec<Hash>> {
        let all: Vec<Hash> = leaves(seed, shared, size).collect();
        let hashes = |tile: &Tile| {
            let below = 256_usize.pow(tile.level.into());
            let first = tile.number as usize * 256;
            (first..first + usize::from(tile.width))
                .map(|at| crate::merkle::root(all[at * below..(at + 1) * below].iter().copied()))
                .collect()
        };
        let asked = tiles(size).filter(|tile| wanted.contains(tile));
        asked.map(|tile| (tile, hashes(&tile))).collect()
    }

    #[test]
    fn heads_of_one_history_are_connected_by_the_tiles_that_are_asked_for_and_no_more() {
        for (old, new) in [
            (1, 2),
            (3, 300),
            (256, 257),
            (255, 256),
            (600, 900),
            (512, 70_000),
        ] {
            let (old, new) = (head(0, 0, old), head(0, 0, new));
            let wanted = tiles_between(&old.checkpoint, &new.checkpoint);
            let given = served(0, 0, new.checkpoint.size, &wanted);
            assert_eq!(given.len(), wanted.len(), "each is a tile of that tree");
            assert!(wanted.len() <= 8, "{wanted:?}");
            assert_eq!(
                connect(&old.checkpoint, &new.checkpoint, &given),
                Connection::Holds
            );
            assert_eq!(
                connect(&new.checkpoint, &old.checkpoint, &given),
                Connection::Holds,
                "in either order"
            );
        }
    }

    #[test]
    fn a_tree_that_began_otherwise_is_a_fork_and_bad_tiles_accuse_nobody() {
        let old = head(1, 100, 300);
        let new = head(2, 100, 700);
        let wanted = tiles_between(&old.checkpoint, &new.checkpoint);
        let given = served(2, 100, 700, &wanted);
        assert_eq!(
            connect(&old.checkpoint, &new.checkpoint, &given),
            Connection::Fork
        );
        let of_another = served(1, 100, 700, &wanted);
        assert!(matches!(
            connect(&old.checkpoint, &new.checkpoint, &of_another),
            Connection::Open(_)
        ));
        for cut in wanted {
            let mut given = given.clone();
            given.remove(&cut);
            assert!(matches!(
                connect(&old.checkpoint, &new.checkpoint, &given),
                Connection::Open(_)
            ));
            given.insert(cut, vec![[0; 32]]);
            assert!(matches!(
                connect(&old.checkpoint, &new.checkpoint, &given),
                Connection::Open(_)
            ));
        }
    }

    #[test]
    fn a_head_is_held_against_the_newest_confirmed_one() {
        let mut heads = Heads::default();
        let first = head(0, 0, 10);
        assert_eq!(heads.relate(&first.checkpoint), Relation::First);
        heads.remember(Standing::Confirmed, first.clone());
        assert_eq!(
            heads.relate(&first.checkpoint),
            Relation::Known(Standing::Confirmed)
        );
        let waiting = head(0, 0, 30);
        heads.remember(Standing::Unconfirmed, waiting.clone());
        assert_eq!(
            heads.relate(&head(0, 0, 40).checkpoint),
            Relation::Against(first.clone()),
            "not against what is not confirmed"
        );
        assert_eq!(
            heads.relate(&head(0, 0, 4).checkpoint),
            Relation::Against(first.clone())
        );
        assert_eq!(
            heads.relate(&head(1, 0, 10).checkpoint),
            Relation::Fork(first.clone())
        );
        assert_eq!(
            heads.relate(&head(1, 0, 30).checkpoint),
            Relation::Fork(waiting.clone())
        );
        heads.remember(Standing::Confirmed, waiting.clone());
        assert_eq!(
            heads.relate(&head(0, 0, 40).checkpoint),
            Relation::Against(waiting)
        );
        assert_eq!(heads.unconfirmed().count(), 0);
        let successor = Checkpoint {
            origin: "hub.example/log/2".into(),
            ..first.checkpoint
        };
        assert_eq!(heads.relate(&successor), Relation::First);
    }

    #[test]
    fn what_is_kept_is_read_again_up_to_where_a_crash_cut_it() {
        let keys = signer().verifier().into();
        let (one, two) = (head(0, 0, 10), head(0, 0, 30));
        let first = block(Standing::Confirmed, "2019-05-17T02:11:09.120Z", &one);
        let second = block(Standing::Unconfirmed, "2019-05-17T02:12:09.120Z", &two);
        let again = block(Standing::Disputed, "2019-05-17T02:13:09.120Z", &two);
        let text = format!("{first}{second}{again}");
        for end in 0..=text.len() {
            let Some(cut) = text.get(..end) else { continue };
            let (heads, read) = read_blocks(cut, &keys).expect("cut at an end");
            let whole = [0, first.len(), first.len() + second.len(), text.len()];
            let expected = whole.into_iter().rfind(|size| *size <= end).unwrap_or(0);
            assert_eq!(read, expected, "cut at {end}");
            assert_eq!(
                heads.unconfirmed().count(),
                usize::from(read == first.len() + second.len())
            );
        }
        let (heads, _) = read_blocks(&text, &keys).expect("whole");
        assert_eq!(heads.newest("hub.example/log/1"), Some(&one));
        assert_eq!(
            heads.relate(&two.checkpoint),
            Relation::Known(Standing::Disputed)
        );
        for damaged in [
            format!("x{text}"),
            text.replacen("10\n", "11\n", 1),
            text.replacen("confirmed", "", 1),
        ] {
            assert!(read_blocks(&damaged, &keys).is_none(), "{damaged}");
        }
        assert!(
            read_blocks(&text, &LogKeys::default()).is_none(),
            "nothing is believed without the log's key"
        );
    }
}
