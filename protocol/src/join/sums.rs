//! From halves of rows to halves of figures.
//!
//! Sums of halves are halves of sums, so this is plain addition mod 2⁶⁴ at each end, and what an end has is as uniform
//! alone as what it added (JOIN-58). What it must not do is stop at
//! anything: every bin is added, with a match or without, so time and memory say nothing.

use zeroize::Zeroizing;

use super::{shape::Shape, words::Words};

/// One end's halves of all sums, as far as slabs are through.
pub(super) struct Sums {
    halves: Vec<u64>,
    /// Sums of a cell.
    width: usize,
    words: Words,
    shape: Shape,
}

impl Sums {
    pub(super) fn new(shape: &Shape) -> Self {
        let (halves, width) = (vec![0; shape.sums()], shape.sums_of_a_cell());
        Self { halves, width, words: Words::new(shape), shape: shape.clone() }
    }

    /// The halves of the figures, once; those of sums that are not opened are forgotten here (JOIN-48).
    pub(super) fn take(&mut self) -> Vec<u64> {
        let halves = Zeroizing::new(std::mem::take(&mut self.halves));
        self.shape.only_opened(&halves)
    }

    /// Counts and sums of the seeker's terms: for each bin, holder's cell and seeker's cell a word each.
    pub(super) fn add_own(&mut self, words: &[u64]) {
        let Words { seeker_cells, holder_cells, own, .. } = self.words;
        let totals = columns(words, holder_cells * seeker_cells * own);
        for (place, total) in totals.into_iter().enumerate() {
            let (holder, rest) = (place / (seeker_cells * own), place % (seeker_cells * own));
            self.add(rest / own, holder, rest % own, total);
        }
    }

    /// Sums of the holder's terms and the products: `all` for each bin and holder's cell, `chosen` for each bin,
    /// seeker's cell but the last, and holder's cell.
    pub(super) fn add_terms(&mut self, all: &[u64], chosen: &[u64]) {
        let Words { seeker_cells, own, .. } = self.words;
        let (width, each) = (self.words.of_cell(), self.words.terms + self.words.products.len());
        let mut rest = columns(all, width);
        let parts = columns(chosen, width * self.words.chosen_cells());
        for (cell, part) in parts.chunks_exact(width.max(1)).enumerate() {
            for (place, total) in part.iter().enumerate() {
                self.add(cell, place / each, own + place % each, *total);
                rest[place] = rest[place].wrapping_sub(*total);
            }
        }
        for (place, total) in rest.into_iter().enumerate() {
            self.add(seeker_cells - 1, place / each, own + place % each, total);
        }
    }

    fn add(&mut self, seeker: usize, holder: usize, figure: usize, total: u64) {
        let place = (seeker * self.words.holder_cells + holder) * self.width + figure;
        self.halves[place] = self.halves[place].wrapping_add(total);
    }
}

/// The sum of each column of rows of `width` words.
fn columns(words: &[u64], width: usize) -> Vec<u64> {
    let mut totals = vec![0u64; width];
    for row in words.chunks_exact(width.max(1)) {
        totals.iter_mut().zip(row).for_each(|(total, word)| *total = total.wrapping_add(*word));
    }
    totals
}
