//! A small tree held whole: the roster's and the notices' own trees, whose roots entries commit to.
//! Same hashing as the log (RFC 6962 §2.1); knows not what its leaves say.

use super::proof::inclusion;
use super::tree::{Node, edge_nodes, join};
use super::{Hash, node_hash};

/// All perfect subtrees of a tree, level by level from the leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideTree {
    levels: Vec<Vec<Hash>>,
}

impl SideTree {
    /// Over leaf hashes, in order.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = Vec::new();
        let mut level = leaves;
        while !level.is_empty() {
            let (pairs, _) = level.as_chunks::<2>();
            let above = pairs
                .iter()
                .map(|[left, right]| node_hash(left, right))
                .collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Self { levels }
    }

    /// How many leaves it has.
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Whether it has no leaf.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The root; of no leaves, the empty root.
    pub fn root(&self) -> Hash {
        let edge = edge_nodes(self.len() as u64);
        let hashes: Vec<Hash> = edge
            .into_iter()
            .filter_map(|node| self.hash(node))
            .collect();
        join(&hashes)
    }

    /// The inclusion proof of the leaf at `position` (RFC 6962 §2.1.1); `None` if there is no such leaf.
    pub fn path(&self, position: usize) -> Option<Vec<Hash>> {
        let (index, size) = (position as u64, self.len() as u64);
        inclusion(index, size, |node| self.hash(node).ok_or(())).ok()
    }

    /// The hash of a perfect subtree; `None` if the tree does not hold it whole.
    pub(super) fn hash(&self, node: Node) -> Option<Hash> {
        let level = self.levels.get(usize::from(node.height))?;
        level.get(usize::try_from(node.index).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::proof::check_inclusion;
    use super::super::{empty_root, leaf_hash, root};
    use super::*;

    #[test]
    fn every_position_of_a_small_tree_is_proved_under_its_root() {
        for n in 0..70_usize {
            let leaves: Vec<Hash> = (0..n).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let tree = SideTree::new(leaves.clone());
            assert_eq!(tree.root(), root(leaves.iter().copied()));
            assert_eq!((tree.len(), tree.is_empty()), (n, n == 0));
            for (position, leaf) in leaves.iter().enumerate() {
                let path = tree.path(position).expect("a leaf it has");
                let (index, size) = (position as u64, n as u64);
                assert_eq!(
                    check_inclusion(leaf, index, size, &path, &tree.root()),
                    Ok(())
                );
            }
            assert_eq!(tree.path(n), None);
        }
        assert_eq!(SideTree::new(vec![]).root(), empty_root());
        assert_eq!(SideTree::new(vec![[7; 32]]).path(usize::MAX), None);
    }
}
