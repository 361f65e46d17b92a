//! How many bits and words a bin has in each stage, from the shape alone.

use super::shape::{Product, Shape};

/// The public widths of a shape.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// The seeker's and the holder's cells.
    pub(super) seeker_cells: usize,
    pub(super) holder_cells: usize,
    /// A count and the seeker's terms: the figures that the seeker's own words make.
    pub(super) own: usize,
    /// The holder's terms.
    pub(super) terms: usize,
    /// The products.
    pub(super) products: Vec<Product>,
    /// The seeker's terms that stand in products.
    pub(super) factors: Vec<Factor>,
}

/// A seeker's term that stands in products.
#[derive(Debug, Clone)]
pub(super) struct Factor {
    /// Which term.
    pub(super) term: usize,
    /// Bits of its two's complement.
    pub(super) bits: usize,
    /// The products it stands in, and their holder's terms.
    pub(super) products: Vec<(usize, usize)>,
}

impl Factor {
    /// The places of its products in all of the holder's cells: (product, holder's term) of each.
    pub(super) fn of_cells(&self, cells: usize) -> impl Iterator<Item = (usize, (usize, usize))> {
        (0..cells).flat_map(|_| self.products.iter().copied()).enumerate()
    }
}

impl Words {
    pub(super) fn new(shape: &Shape) -> Self {
        let products = shape.products().to_vec();
        let factor = |term: usize| {
            let with = products.iter().enumerate().filter(|(_, product)| product.seeker == term);
            let products: Vec<_> = with.map(|(place, product)| (place, product.holder)).collect();
            (!products.is_empty()).then(|| Factor { term, bits: shape.bits_of(term) as usize, products })
        };
        Self {
            seeker_cells: shape.seeker_cells() as usize,
            holder_cells: shape.holder_cells() as usize,
            own: 1 + shape.seeker_terms().len(),
            terms: shape.holder_terms().len(),
            factors: (0..shape.seeker_terms().len()).filter_map(factor).collect(),
            products,
        }
    }

    /// Words that the holder's store carries for a row: its cell as one of 64 bits if it has several, its terms.
    pub(super) fn payload(&self) -> usize {
        usize::from(self.has_cells()) + self.terms
    }

    /// Whether "matched" has to be split over the holder's cells.
    pub(super) const fn has_cells(&self) -> bool {
        self.holder_cells > 1
    }

    /// Words of a bit in the seeker's answer: its half of the holder's terms, and for each own cell its own words.
    pub(super) const fn seeker_words(&self) -> usize {
        self.terms + self.seeker_cells * self.own
    }

    /// Words of a bin that are multiplied by a seeker's cell: the terms and the products of each holder's cell.
    pub(super) fn of_cell(&self) -> usize {
        self.holder_cells * (self.terms + self.products.len())
    }

    /// Own cells that are chosen by; the last one is what the others leave.
    pub(super) const fn chosen_cells(&self) -> usize {
        if self.terms == 0 { 0 } else { self.seeker_cells - 1 }
    }

    /// Bits of a bin that the seeker chooses by and knows: (bits, words of each), one part after another.
    pub(super) fn own_bits(&self) -> Vec<(usize, usize)> {
        let factors =
            self.factors.iter().map(|factor| (factor.bits, self.holder_cells * factor.products.len()));
        factors.chain([(self.chosen_cells(), self.of_cell())]).filter(|(bits, _)| *bits > 0).collect()
    }

    /// The terms of each bin and holder's cell with room for the products behind them.
    pub(super) fn spread(&self, terms: &[u64]) -> Vec<u64> {
        let each = self.terms + self.products.len();
        let mut all = vec![0; terms.len() / self.terms.max(1) * each];
        let rows = all.chunks_exact_mut(each.max(1)).zip(terms.chunks_exact(self.terms.max(1)));
        rows.for_each(|(all, terms)| all[..self.terms].copy_from_slice(terms));
        all
    }
}
