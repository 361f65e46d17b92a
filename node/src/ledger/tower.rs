//! The Merkle tree over the records that are told, in memory: 32 bytes a record, and any proof from it.

use tacit_protocol::log::merkle::{self, Hashes, MerkleFault, TreeHash};

/// Each level holds a hash for 256 of the one below, as tiles do (c2sp.org/tlog-tiles), so that no proof hashes much.
const WIDTH: usize = 256;

/// The tree's levels, the leaves first.
#[derive(Debug, Clone, Default)]
pub(super) struct Tower {
    levels: Vec<Vec<TreeHash>>,
}

impl Tower {
    pub(super) fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if !hashes.len().is_multiple_of(WIDTH) {
                break;
            }
            hash = merkle::root(&hashes[hashes.len() - WIDTH..]);
        }
    }

    pub(super) fn leaves(&self) -> &[TreeHash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    pub(super) fn size(&self) -> u64 {
        self.leaves().len() as u64
    }

    fn subtree(&self, level: u8, index: u64) -> Result<TreeHash, MerkleFault> {
        let outside = MerkleFault::OutsideTree { at: index, size: self.size() };
        let hashes = self.levels.get(usize::from(level / 8)).map_or(&[][..], Vec::as_slice);
        let width = 1 << (level % 8);
        let begin = usize::try_from(index).ok().and_then(|index| index.checked_mul(width)).ok_or(outside)?;
        hashes.get(begin..begin.saturating_add(width)).map(merkle::root).ok_or(outside)
    }

    /// The root over the first `size` records.
    pub(super) fn root_at(&self, size: u64) -> Result<TreeHash, MerkleFault> {
        merkle::root_at(size, &mut self.hashes())
    }

    /// Shows that the record at `index` is in the tree of `size`.
    pub(super) fn inclusion(&self, index: u64, size: u64) -> Result<Vec<TreeHash>, MerkleFault> {
        merkle::inclusion_proof(index, size, &mut self.hashes())
    }

    /// Shows that the tree of `size` begins with that of `older`.
    pub(super) fn consistency(&self, older: u64, size: u64) -> Result<Vec<TreeHash>, MerkleFault> {
        merkle::consistency_proof(older, size, &mut self.hashes())
    }

    fn hashes(&self) -> impl Hashes<Error = MerkleFault> {
        |level: u8, index: u64| self.subtree(level, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tower_is_the_tree() {
        let mut tower = Tower::default();
        let mut leaves = Vec::new();
        for number in 0..1_000_u32 {
            let leaf = merkle::leaf_hash(&number.to_le_bytes());
            tower.push(leaf);
            leaves.push(leaf);
            if number % 97 == 0 || number.is_multiple_of(256) {
                assert_eq!(tower.root_at(tower.size()), Ok(merkle::root(&leaves)));
            }
        }
        let root = merkle::root(&leaves);
        for (index, older) in [(0, 1), (255, 256), (256, 257), (700, 999), (999, 512)] {
            let proof = tower.inclusion(index, 1_000).unwrap();
            merkle::verify_inclusion(&leaves[index as usize], index, 1_000, &proof, &root).unwrap();
            let proof = tower.consistency(older, 1_000).unwrap();
            let before = tower.root_at(older).unwrap();
            merkle::verify_consistency(older, &before, 1_000, &root, &proof).unwrap();
        }
        assert!(tower.root_at(1_001).is_err());
    }
}
