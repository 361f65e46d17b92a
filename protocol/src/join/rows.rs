//! What an end brings: one row a customer.

use std::collections::HashSet;

use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::session::Abort;

/// The keys of one kind, wiped when they are dropped.
pub(super) type Column = Zeroizing<Vec<Option<[u8; 32]>>>;

/// The rows of one end, by columns. One customer, one row: the end has reduced its table before.
#[derive(Default)]
pub struct Rows {
    /// A column for each kind of match key: 32-byte digests, or nothing where the row has no such key. No digest
    /// stands twice in a column.
    pub keys: Vec<Vec<Option<[u8; 32]>>>,
    /// Each row's own cell, counted from 0.
    pub cells: Vec<u8>,
    /// A column for each of this end's own terms, clamped to the shape's bound.
    pub terms: Vec<Vec<i64>>,
}

/// Rows are for nobody's log.
impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({})", self.cells.len())
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.keys.iter_mut().for_each(Zeroize::zeroize);
        self.cells.zeroize();
        self.terms.zeroize();
    }
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The columns of keys, of which nothing is left here: each is dropped as soon as its items are made, for the keys
    /// are most of what a run has in memory.
    pub(super) fn take_keys(&mut self) -> Vec<Column> {
        std::mem::take(&mut self.keys).into_iter().map(Zeroizing::new).collect()
    }

    /// Refuses rows that are not of the agreed shape: `keys` columns of keys, cells below `cells`, a column for each
    /// of `terms` within that bound, and no key twice in a column (JOIN-03).
    pub(super) fn check(&self, keys: u32, cells: u32, terms: &[u64]) -> Result<(), Abort> {
        let rows = self.len();
        let fits = self.keys.len() == keys as usize
            && self.keys.iter().all(|column| column.len() == rows)
            && self.cells.iter().all(|&cell| u32::from(cell) < cells)
            && self.terms.len() == terms.len()
            && self.terms.iter().zip(terms).all(|(column, &most)| {
                column.len() == rows && column.iter().all(|term| term.unsigned_abs() <= most)
            });
        if !fits || self.keys.iter().any(|column| repeats(column)) { Err(Abort::OwnRows) } else { Ok(()) }
    }
}

/// Whether a key stands there twice. Eight bytes of each are sorted, and only if two of those are the same are whole
/// keys compared: a set of them all would be the largest thing in memory.
fn repeats(column: &[Option<[u8; 32]>]) -> bool {
    let start = |key: &[u8; 32]| u64::from_le_bytes(std::array::from_fn(|at| key[at]));
    let mut starts: Zeroizing<Vec<u64>> = Zeroizing::new(column.iter().flatten().map(start).collect());
    starts.par_sort_unstable();
    let mut same: Vec<u64> =
        starts.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    same.dedup();
    let mut seen = HashSet::new();
    let suspect = |key: &&[u8; 32]| same.binary_search(&start(key)).is_ok();
    column.iter().flatten().filter(suspect).any(|key| !seen.insert(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_03_a_key_twice_is_found_and_keys_that_begin_alike_are_two() {
        let key = |start: u8, end: u8| {
            let mut key = [start; 32];
            key[31] = end;
            Some(key)
        };
        let alike = vec![key(1, 1), None, key(2, 1), key(1, 2), key(1, 3), None, key(3, 1), key(2, 9)];
        assert!(!repeats(&alike) && !repeats(&[]) && !repeats(&[None, None]));
        for twice in alike.iter().filter(|key| key.is_some()) {
            assert!(repeats(&[&alike[..], &[*twice]].concat()));
        }
    }
}
