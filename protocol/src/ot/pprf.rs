//! Trees with sixteen leaves, of which one end knows all and the other all but one.
//!
//! Goldreich, Goldwasser and Micali's tree (*How to Construct Random Functions*, 1986), punctured as in
//! Boyle et al., CCS 2019, and in Roy 2022: on each level the *whole* end sends the sum of all left and
//! that of all right children, each under one key of a base transfer; the *punctured* end takes the side its
//! leaf is not on. So it never has a node above its leaf.

use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use zeroize::{Zeroize, Zeroizing};

use super::base::Key;

/// Leaves of a tree.
pub(super) const LEAVES: usize = 16;
/// Levels below the root, and base transfers for a tree.
pub(super) const LEVELS: usize = 4;
/// Bytes of the message for a tree: two sums a level.
pub(super) const SUMS: usize = LEVELS * 2 * 16;

/// Seeds of the leaves, by number.
pub(super) type Leaves = Zeroizing<[[u8; 16]; LEAVES]>;

/// Both children of a node: AES under the node's own key, a generator by the standard assumption.
fn children(node: &[u8; 16]) -> [[u8; 16]; 2] {
    let cipher = Aes128Enc::new(&Array::from(*node));
    [0u8, 1].map(|side| {
        let mut block = Array::from([0; 16]);
        block[0] = side;
        cipher.encrypt_block(&mut block);
        block.0
    })
}

/// All leaves of the tree over `root`, and the sums, each under its key.
pub(super) fn whole(root: &[u8; 16], keys: &[[Key; 2]]) -> (Leaves, [u8; SUMS]) {
    let mut nodes = Leaves::default();
    nodes[0] = *root;
    let mut message = [0; SUMS];
    let parts = message.as_chunks_mut::<32>().0;
    for (level, (keys, part)) in keys.iter().zip(parts).enumerate() {
        let parents = nodes.clone();
        let mut sums = Zeroizing::new([[0; 16]; 2]);
        for (parent, node) in parents[..1 << level].iter().zip(nodes.chunks_exact_mut(2)) {
            let mut both = children(parent);
            node.copy_from_slice(&both);
            sums.iter_mut().zip(&both).for_each(|(sum, child)| add(sum, child));
            both.zeroize();
        }
        for ((sum, key), out) in sums.iter().zip(keys).zip(part.chunks_exact_mut(16)) {
            out.iter_mut().zip(sum.iter().zip(key.iter())).for_each(|(out, (sum, key))| *out = sum ^ key);
        }
    }
    (nodes, message)
}

/// The choices of the base transfers for a tree punctured at `leaf`: on each level the side it is not on.
pub(super) const fn choices(leaf: u8) -> [u8; LEVELS] {
    [1 ^ (leaf >> 3) & 1, 1 ^ (leaf >> 2) & 1, 1 ^ (leaf >> 1) & 1, 1 ^ leaf & 1]
}

/// Leaf `y ⊕ leaf` at place `y`, for all y but 0; at place 0 zeros. So the order in which they are used
/// later says nothing about `leaf`.
///
/// Everything is kept relative to the path: the node that is missing is always number 0. The sum of a level
/// is that of one side, so which of a node's children is which depends on `leaf`, by masks alone.
pub(super) fn punctured(leaf: u8, keys: &[Key], message: &[u8; SUMS]) -> Leaves {
    let mut nodes = Leaves::default();
    let parts = message.as_chunks::<32>().0;
    for (level, ((choice, key), part)) in choices(leaf).into_iter().zip(keys).zip(parts).enumerate() {
        let parents = nodes.clone();
        let mask = choice.wrapping_neg();
        // The side we asked for: the sibling of the node on the path.
        let mut sibling = Zeroizing::new([0; 16]);
        for (place, out) in sibling.iter_mut().enumerate() {
            *out = key[place] ^ (part[place] & !mask) ^ (part[16 + place] & mask);
        }
        for (parent, node) in parents[..1 << level].iter().zip(nodes.chunks_exact_mut(2)).skip(1) {
            let mut both = children(parent);
            // Number 1 of each pair is the child on the side we asked for.
            let [first, second] = &mut both;
            for (first, second) in first.iter_mut().zip(second) {
                let change = (*first ^ *second) & !mask;
                *first ^= change;
                *second ^= change;
            }
            node.copy_from_slice(&both);
            add(&mut sibling, &both[1]);
            both.zeroize();
        }
        nodes[0] = [0; 16];
        nodes[1] = *sibling;
    }
    nodes
}

fn add(sum: &mut [u8; 16], other: &[u8; 16]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum ^= other);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ot::model;

    fn keys() -> Vec<[Key; 2]> {
        (0..4).map(|level| [0, 1].map(|slot| Key::new([10 * level + slot; 32]))).collect()
    }

    #[test]
    fn a_tree_has_the_leaves_of_its_definition() {
        let (leaves, _) = whole(&[9; 16], &keys());
        assert_eq!(*leaves, model::leaves([9; 16]));
        assert_eq!(leaves.iter().collect::<std::collections::BTreeSet<_>>().len(), LEAVES);
    }

    #[test]
    fn ot_10_the_punctured_tree_has_every_other_leaf_in_an_order_without_meaning() {
        let (leaves, message) = whole(&[9; 16], &keys());
        for leaf in 0..16u8 {
            let chosen: Vec<Key> = keys()
                .iter()
                .zip(choices(leaf))
                .map(|(pair, side)| pair[usize::from(side)].clone())
                .collect();
            let punctured = punctured(leaf, &chosen, &message);
            assert_eq!(punctured[0], [0; 16]);
            for y in 1..16u8 {
                assert_eq!(punctured[usize::from(y)], leaves[usize::from(y ^ leaf)], "{y} of {leaf}");
            }
        }
    }

    /// With the other key of any level, nothing below it comes out right: that is what hides the leaf.
    #[test]
    fn another_key_gives_other_leaves() {
        let (leaves, message) = whole(&[9; 16], &keys());
        for wrong in 0..LEVELS {
            let side = |(level, pair): (usize, &[Key; 2])| pair[usize::from(level == wrong) ^ 1].clone();
            let chosen: Vec<Key> = keys().iter().enumerate().map(side).collect();
            let punctured = punctured(0, &chosen, &message);
            assert_ne!(punctured[1..], leaves[1..]);
        }
    }
}
