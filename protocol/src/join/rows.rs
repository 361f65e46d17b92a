//! What an end brings: one row a customer.

use std::collections::HashSet;

use zeroize::Zeroize;

use crate::session::Abort;

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

    /// Refuses rows that are not of the agreed shape: `keys` columns of keys, cells below `cells`, a column for each
    /// of `terms` within that bound, and no key twice in a column (JOIN-03).
    pub(super) fn check(&self, keys: u32, cells: u32, terms: &[u64]) -> Result<(), Abort> {
        let rows = self.len();
        let repeats = |column: &Vec<Option<[u8; 32]>>| {
            let mut seen = HashSet::with_capacity(rows);
            column.iter().flatten().any(|key| !seen.insert(key))
        };
        let fits = self.keys.len() == keys as usize
            && self.keys.iter().all(|column| column.len() == rows)
            && self.cells.iter().all(|&cell| u32::from(cell) < cells)
            && self.terms.len() == terms.len()
            && self.terms.iter().zip(terms).all(|(column, &most)| {
                column.len() == rows && column.iter().all(|term| term.unsigned_abs() <= most)
            });
        if !fits || self.keys.iter().any(repeats) { Err(Abort::OwnRows) } else { Ok(()) }
    }
}
