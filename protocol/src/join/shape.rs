//! What is asked of the join: cells, terms, products, and in which order the figures stand.

use crate::{session::Abort, transcript::Transcript};

/// Cells of both sides together may be this many.
const MOST_CELLS: u32 = 64;
/// Terms a side, and products.
const MOST_TERMS: usize = 8;
/// A term is below this in magnitude, and so is every figure (`docs/protocols/join.md`, JOIN-06).
pub(super) const MOST: u64 = 1 << 62;

/// What is computed: for each pair of a seeker's and a holder's cell a count, the sum of each term of either side,
/// and the sum of each product. It is public and the same at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    seeker_cells: u32,
    holder_cells: u32,
    seeker_terms: Vec<u64>,
    holder_terms: Vec<u64>,
    products: Vec<Product>,
}

/// The product of a seeker's term and a holder's, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product {
    /// The place of the seeker's term.
    pub seeker: usize,
    /// The place of the holder's term.
    pub holder: usize,
}

/// One figure of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// How many rows of the seeker matched.
    Count,
    /// The sum of this term of the seeker's matched rows.
    Seeker(usize),
    /// The sum of this term of the holder's rows they matched.
    Holder(usize),
    /// The sum of this product.
    Product(usize),
}

impl Shape {
    /// A count alone, in one cell.
    pub const fn count() -> Self {
        Self {
            seeker_cells: 1,
            holder_cells: 1,
            seeker_terms: Vec::new(),
            holder_terms: Vec::new(),
            products: Vec::new(),
        }
    }

    /// `terms` have the largest magnitude that a row's value can have, as the contract clamps it. A side without
    /// groups has one cell.
    ///
    /// # Errors
    /// [`Abort::JoinShape`]: no cell or more than 64 in all, more than 8 terms a side or 8 products, a bound of 0 or of
    /// 2⁶² and more, a product of terms that are not there or one that stands there twice.
    pub fn new(
        (seeker_cells, holder_cells): (u32, u32),
        seeker_terms: Vec<u64>,
        holder_terms: Vec<u64>,
        products: Vec<Product>,
    ) -> Result<Self, Abort> {
        let cells = seeker_cells.checked_mul(holder_cells).is_some_and(|all| (1..=MOST_CELLS).contains(&all));
        let terms =
            |terms: &[u64]| terms.len() <= MOST_TERMS && terms.iter().all(|most| (1..MOST).contains(most));
        let there =
            |product: &Product| product.seeker < seeker_terms.len() && product.holder < holder_terms.len();
        let once = |(place, product): (usize, &Product)| !products[..place].contains(product);
        let fits = cells
            && terms(&seeker_terms)
            && terms(&holder_terms)
            && products.len() <= MOST_TERMS
            && products.iter().all(there)
            && products.iter().enumerate().all(once);
        let shape = Self { seeker_cells, holder_cells, seeker_terms, holder_terms, products };
        if fits { Ok(shape) } else { Err(Abort::JoinShape) }
    }

    /// The seeker's cells.
    pub const fn seeker_cells(&self) -> u32 {
        self.seeker_cells
    }

    /// The holder's cells.
    pub const fn holder_cells(&self) -> u32 {
        self.holder_cells
    }

    /// The largest magnitude of each of the seeker's terms.
    pub fn seeker_terms(&self) -> &[u64] {
        &self.seeker_terms
    }

    /// The largest magnitude of each of the holder's terms.
    pub fn holder_terms(&self) -> &[u64] {
        &self.holder_terms
    }

    /// The products.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// How many figures a cell has.
    pub const fn figures_of_a_cell(&self) -> usize {
        1 + self.seeker_terms.len() + self.holder_terms.len() + self.products.len()
    }

    /// How many figures there are.
    pub const fn figures(&self) -> usize {
        (self.seeker_cells * self.holder_cells) as usize * self.figures_of_a_cell()
    }

    /// Where a figure stands: by the seeker's cell, then the holder's, then count, seeker's sums, holder's sums,
    /// products. Nowhere when there is no such cell or figure.
    pub fn place(&self, seeker_cell: u32, holder_cell: u32, figure: Figure) -> Option<usize> {
        let (seeker, holder) = (self.seeker_terms.len(), self.holder_terms.len());
        let (place, most) = match figure {
            Figure::Count => (0, 1),
            Figure::Seeker(term) => (1 + term, 1 + seeker),
            Figure::Holder(term) => (1 + seeker + term, 1 + seeker + holder),
            Figure::Product(product) => (1 + seeker + holder + product, self.figures_of_a_cell()),
        };
        let there = place < most && seeker_cell < self.seeker_cells && holder_cell < self.holder_cells;
        let cell = (seeker_cell * self.holder_cells + holder_cell) as usize;
        there.then(|| cell * self.figures_of_a_cell() + place)
    }

    /// The largest magnitude that one row can add to each figure of a cell.
    pub(super) fn most_of_a_row(&self) -> Vec<u128> {
        let product = |product: &Product| {
            u128::from(self.seeker_terms[product.seeker]) * u128::from(self.holder_terms[product.holder])
        };
        let terms = self.seeker_terms.iter().chain(&self.holder_terms).map(|&most| most.into());
        std::iter::once(1).chain(terms).chain(self.products.iter().map(product)).collect()
    }

    /// Bits of the two's complement of a seeker's term.
    pub(super) fn bits_of(&self, seeker_term: usize) -> u32 {
        u64::BITS - self.seeker_terms[seeker_term].leading_zeros() + 1
    }

    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        transcript.absorb("seeker's cells", &self.seeker_cells.to_le_bytes());
        transcript.absorb("holder's cells", &self.holder_cells.to_le_bytes());
        self.seeker_terms.iter().for_each(|most| transcript.absorb("seeker's term", &most.to_le_bytes()));
        self.holder_terms.iter().for_each(|most| transcript.absorb("holder's term", &most.to_le_bytes()));
        for Product { seeker, holder } in &self.products {
            transcript.absorb("product", &[*seeker as u8, *holder as u8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_06_a_shape_has_its_limits() {
        let product = |seeker, holder| Product { seeker, holder };
        let shape = |cells, own: &[u64], theirs: &[u64], products: &[Product]| {
            Shape::new(cells, own.to_vec(), theirs.to_vec(), products.to_vec()).is_ok()
        };
        assert!(shape((8, 8), &[9; 8], &[MOST - 1; 8], &[product(0, 0), product(7, 7)]));
        assert!(
            !shape((0, 8), &[], &[], &[])
                && !shape((8, 9), &[], &[], &[])
                && !shape((1 << 31, 2), &[], &[], &[])
        );
        assert!(!shape((1, 1), &[9; 9], &[], &[]) && !shape((1, 1), &[], &[9; 9], &[]));
        assert!(!shape((1, 1), &[0], &[], &[]) && !shape((1, 1), &[], &[MOST], &[]));
        assert!(!shape((1, 1), &[1], &[1], &[product(1, 0)]) && !shape((1, 1), &[1], &[1], &[product(0, 1)]));
        assert!(!shape((1, 1), &[1], &[1], &[product(0, 0), product(0, 0)]));
    }

    #[test]
    fn every_figure_has_its_own_place() {
        let products = vec![Product { seeker: 1, holder: 0 }];
        let shape = Shape::new((2, 3), vec![5, 6], vec![7], products).unwrap();
        let kinds =
            [Figure::Count, Figure::Seeker(0), Figure::Seeker(1), Figure::Holder(0), Figure::Product(0)];
        let cells = (0..2).flat_map(|own| (0..3).map(move |theirs| (own, theirs)));
        let places = cells.flat_map(|(own, theirs)| kinds.map(|kind| (own, theirs, kind)));
        let places: Vec<_> = places.map(|(own, theirs, kind)| shape.place(own, theirs, kind)).collect();
        assert_eq!(places, (0..shape.figures()).map(Some).collect::<Vec<_>>());
        for (own, theirs, kind) in [
            (2, 0, Figure::Count),
            (0, 3, Figure::Count),
            (0, 0, Figure::Seeker(2)),
            (0, 0, Figure::Holder(1)),
            (0, 0, Figure::Product(1)),
        ] {
            assert_eq!(shape.place(own, theirs, kind), None);
        }
        assert_eq!(shape.most_of_a_row(), [1, 5, 6, 7, 42]);
        assert_eq!((shape.bits_of(0), shape.bits_of(1)), (4, 4));
    }
}
