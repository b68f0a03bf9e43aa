//! RFC 6962 tree hashing (§2.1) and salted commitments. Pure and panic-free; shared by the hub, which
//! stages evidence with it, and by whoever verifies it.

pub mod growing;

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 || entry)`: the hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// `SHA-256(0x01 || left || right)`: the hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root over leaf hashes in order; of none, the hash of nothing.
///
/// Kept as the stack of perfect subtrees that the leaves so far form, joined from the right at the end:
/// the same tree as the recursive definition of RFC 6962 §2.1.
pub fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut stack: Vec<(u32, Hash)> = Vec::new();
    for leaf in leaves {
        let mut top = (0, leaf);
        while let Some((_, left)) = stack.pop_if(|(height, _)| *height == top.0) {
            top = (top.0 + 1, node_hash(&left, &top.1));
        }
        stack.push(top);
    }
    let joined = stack
        .into_iter()
        .rev()
        .map(|(_, hash)| hash)
        .reduce(|right, left| node_hash(&left, &right));
    joined.unwrap_or_else(|| Sha256::digest([]).into())
}

/// `SHA-256(label || 0x00 || salt || payload)`: hides `payload` until the salt is shown.
pub fn commit(label: &str, salt: &Hash, payload: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(label.as_bytes())
        .chain_update([0])
        .chain_update(salt)
        .chain_update(payload)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::*;

    fn roots(entries: &[&[u8]]) -> Vec<String> {
        (0..=entries.len())
            .map(|n| {
                BASE64_STANDARD.encode(root(entries[..n].iter().map(|entry| leaf_hash(entry))))
            })
            .collect()
    }

    #[test]
    fn roots_equal_the_published_vectors() {
        let entries: [&[u8]; 5] = [b"one", b"two", b"three", b"four", b"five"];
        let found = roots(&entries);
        assert_eq!(found[0], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(found[1], "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=");
        assert_eq!(found[5], "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=");
    }

    #[test]
    fn roots_equal_the_certificate_transparency_reference() {
        let entries: Vec<Vec<u8>> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|text| hex::decode(text).expect("hex"))
        .collect();
        let all = root(entries.iter().map(|entry| leaf_hash(entry)));
        assert_eq!(
            hex::encode(all),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn every_small_tree_equals_the_recursive_definition() {
        fn recursive(leaves: &[Hash]) -> Hash {
            match leaves {
                [] => Sha256::digest([]).into(),
                [one] => *one,
                many => {
                    let split = many.len().next_power_of_two() / 2;
                    node_hash(&recursive(&many[..split]), &recursive(&many[split..]))
                }
            }
        }
        let leaves: Vec<Hash> = (0..300_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for n in 0..=leaves.len() {
            assert_eq!(
                root(leaves[..n].iter().copied()),
                recursive(&leaves[..n]),
                "at {n}"
            );
        }
    }

    #[test]
    fn a_commitment_differs_by_label_salt_and_payload() {
        let one = commit("notice", &[1; 32], b"x");
        assert_ne!(one, commit("notic", &[1; 32], b"x"));
        assert_ne!(one, commit("notice", &[2; 32], b"x"));
        assert_ne!(one, commit("notice", &[1; 32], b"y"));
    }
}
