//! The growing tree of RFC 6962 §2.1: perfect subtrees by name, and the right edge that is all an append
//! needs. Keeps no leaf, and no hash that is not on the edge.

use super::{Hash, empty_root, node_hash};

/// A perfect subtree of `2^height` leaves, the `index`-th of its height from the left. It has the same
/// hash in every tree that is large enough to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    pub height: u8,
    pub index: u64,
}

impl Node {
    /// The leaf at `index`.
    pub fn leaf(index: u64) -> Self {
        Self { height: 0, index }
    }

    /// Whether a tree of `size` leaves holds this subtree whole.
    pub fn is_in(self, size: u64) -> bool {
        size.checked_shr(self.height.into())
            .is_some_and(|perfect| self.index < perfect)
    }
}

/// The perfect subtrees that a tree of `size` leaves is joined from, largest first: one for each bit set
/// in `size`.
pub fn edge_nodes(size: u64) -> Vec<Node> {
    edge_of(0, size)
}

/// The same for `length` leaves from `start` on, which has to be a multiple of the largest subtree in them.
pub(super) fn edge_of(start: u64, length: u64) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(length.count_ones() as usize);
    let mut first = start;
    for height in (0..64_u8).rev() {
        let leaves = 1_u64 << height;
        if length & leaves != 0 {
            let index = first >> height;
            nodes.push(Node { height, index });
            first = first.wrapping_add(leaves);
        }
    }
    nodes
}

/// The root above an edge, largest subtree first; of none, the empty root.
pub(super) fn join(edge: &[Hash]) -> Hash {
    let right_to_left = edge.iter().rev().copied();
    let joined = right_to_left.reduce(|right, left| node_hash(&left, &right));
    joined.unwrap_or_else(empty_root)
}

/// What is kept of a tree in order to append to it: its size and the hashes of its right edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    edge: Vec<Hash>,
}

impl Frontier {
    /// From what was kept: one hash for each bit set in `size`, largest subtree first. `None` if their
    /// number differs, or if `size` is more than the 2^63 - 1 that both databases can count.
    pub fn from_parts(size: u64, edge: Vec<Hash>) -> Option<Self> {
        let fits = size.count_ones() as usize == edge.len() && i64::try_from(size).is_ok();
        fits.then_some(Self { size, edge })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of [`edge_nodes`], in that order.
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    /// Appends the hash of a leaf: one inner node on average, at most one for each level.
    pub fn push(&mut self, leaf: Hash) {
        let mut joined = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                joined = node_hash(&left, &joined);
            }
        }
        self.edge.push(joined);
        // Begins below 2^63 and grows by one: nobody lives to see it overflow.
        self.size += 1;
    }

    /// The root of the tree so far.
    pub fn root(&self) -> Hash {
        join(&self.edge)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{leaf_hash, root};
    use super::*;

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    #[test]
    fn a_frontier_kept_and_taken_up_again_grows_into_the_same_tree() {
        let mut kept = Frontier::default();
        for n in 0..600 {
            assert_eq!(kept.root(), root((0..n).map(leaf)), "at {n}");
            assert_eq!(kept.edge().len(), edge_nodes(n).len());
            kept = Frontier::from_parts(kept.size(), kept.edge().to_vec()).expect("its own parts");
            kept.push(leaf(n));
        }
    }

    #[test]
    fn an_edge_holds_the_hashes_of_the_nodes_it_names() {
        for size in 0..300 {
            let mut frontier = Frontier::default();
            (0..size).for_each(|n| frontier.push(leaf(n)));
            let named: Vec<Hash> = edge_nodes(size)
                .iter()
                .map(|node| {
                    let first = node.index << node.height;
                    root((first..first + (1 << node.height)).map(leaf))
                })
                .collect();
            assert_eq!(frontier.edge(), named, "at {size}");
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        assert_eq!(Frontier::from_parts(0, vec![]), Some(Frontier::default()));
        assert_eq!(Frontier::from_parts(0, vec![[0; 32]]), None);
        assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), None);
        assert!(Frontier::from_parts(3, vec![[0; 32]; 2]).is_some());
        assert!(Frontier::from_parts((1 << 63) - 1, vec![[0; 32]; 63]).is_some());
        assert_eq!(Frontier::from_parts(1 << 63, vec![[0; 32]]), None);
        assert_eq!(Frontier::from_parts(u64::MAX, vec![[0; 32]; 64]), None);
    }

    #[test]
    fn a_node_is_in_the_trees_that_hold_all_its_leaves() {
        let node = |height, index| Node { height, index };
        assert!(node(0, 4).is_in(5) && !node(0, 5).is_in(5));
        assert!(node(1, 1).is_in(5) && !node(1, 2).is_in(5));
        assert!(node(63, 0).is_in(u64::MAX) && !node(63, 1).is_in(u64::MAX));
        assert!(!node(64, 0).is_in(u64::MAX) && !node(255, u64::MAX).is_in(u64::MAX));
    }
}
