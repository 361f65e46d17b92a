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
    /// The places, among all sums of a cell, of those that are opened; ascending.
    opened: Vec<usize>,
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
    pub fn count() -> Self {
        Self {
            seeker_cells: 1,
            holder_cells: 1,
            seeker_terms: Vec::new(),
            holder_terms: Vec::new(),
            products: Vec::new(),
            opened: vec![0],
        }
    }

    /// `terms` have the largest magnitude that a row's value can have, as the contract clamps it. A side without
    /// groups has one cell. Every sum is a figure and opened; [`opening`](Self::opening) makes it fewer.
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
        let opened = (0..1 + seeker_terms.len() + holder_terms.len() + products.len()).collect();
        let shape = Self { seeker_cells, holder_cells, seeker_terms, holder_terms, products, opened };
        if fits { Ok(shape) } else { Err(Abort::JoinShape) }
    }

    /// Opens these figures of each cell and no other (JOIN-48): what else is computed on the way stays in halves, has no
    /// noise and leaves no end. The order of the list does not matter.
    ///
    /// # Errors
    /// [`Abort::JoinShape`]: no figure, one that is not there, or one that stands there twice.
    pub fn opening(self, figures: &[Figure]) -> Result<Self, Abort> {
        let opened: Option<Vec<usize>> = figures.iter().map(|figure| self.of_a_cell(*figure)).collect();
        let mut opened = opened.ok_or(Abort::JoinShape)?;
        opened.sort_unstable();
        let twice = opened.windows(2).any(|pair| pair[0] == pair[1]);
        if opened.is_empty() || twice { Err(Abort::JoinShape) } else { Ok(Self { opened, ..self }) }
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

    /// What is opened of a cell, in the order in which it stands there: count, seeker's sums, holder's sums, products.
    pub fn opened(&self) -> Vec<Figure> {
        let (seeker, holder) = (self.seeker_terms.len(), self.holder_terms.len());
        let figure = |place: &usize| match place.checked_sub(1) {
            None => Figure::Count,
            Some(term) if term < seeker => Figure::Seeker(term),
            Some(term) if term < seeker + holder => Figure::Holder(term - seeker),
            Some(term) => Figure::Product(term - seeker - holder),
        };
        self.opened.iter().map(figure).collect()
    }

    /// How many figures a cell has: sums that are opened.
    pub const fn figures_of_a_cell(&self) -> usize {
        self.opened.len()
    }

    /// How many figures there are.
    pub const fn figures(&self) -> usize {
        self.cells() * self.figures_of_a_cell()
    }

    /// Where a figure stands: by the seeker's cell, then the holder's, then as [`opened`](Self::opened) has them. Nowhere
    /// when there is no such cell, or it is not opened.
    pub fn place(&self, seeker_cell: u32, holder_cell: u32, figure: Figure) -> Option<usize> {
        let place = self.opened.binary_search(&self.of_a_cell(figure)?).ok()?;
        let there = seeker_cell < self.seeker_cells && holder_cell < self.holder_cells;
        let cell = (seeker_cell * self.holder_cells + holder_cell) as usize;
        there.then(|| cell * self.figures_of_a_cell() + place)
    }

    const fn cells(&self) -> usize {
        (self.seeker_cells * self.holder_cells) as usize
    }

    /// Where a sum stands among all of a cell, opened or not.
    fn of_a_cell(&self, figure: Figure) -> Option<usize> {
        let (seeker, holder) = (self.seeker_terms.len(), self.holder_terms.len());
        let (before, number, count) = match figure {
            Figure::Count => (0, 0, 1),
            Figure::Seeker(term) => (1, term, seeker),
            Figure::Holder(term) => (1 + seeker, term, holder),
            Figure::Product(product) => (1 + seeker + holder, product, self.products.len()),
        };
        (number < count).then_some(before + number)
    }

    /// How many sums a cell has, opened or not.
    pub(super) const fn sums_of_a_cell(&self) -> usize {
        1 + self.seeker_terms.len() + self.holder_terms.len() + self.products.len()
    }

    /// How many sums there are.
    pub(super) const fn sums(&self) -> usize {
        self.cells() * self.sums_of_a_cell()
    }

    /// Of one word for each sum, those that are opened (JOIN-48).
    pub(super) fn only_opened<T: Copy>(&self, sums: &[T]) -> Vec<T> {
        let cells = sums.chunks_exact(self.sums_of_a_cell());
        cells.flat_map(|cell| self.opened.iter().map(|place| cell[*place])).collect()
    }

    /// The largest magnitude that one row can add to each figure of a cell.
    pub(super) fn most_of_a_row(&self) -> Vec<u128> {
        let product = |product: &Product| {
            u128::from(self.seeker_terms[product.seeker]) * u128::from(self.holder_terms[product.holder])
        };
        let terms = self.seeker_terms.iter().chain(&self.holder_terms).map(|&most| most.into());
        let all: Vec<u128> =
            std::iter::once(1).chain(terms).chain(self.products.iter().map(product)).collect();
        self.only_opened(&all)
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
        self.opened.iter().for_each(|place| transcript.absorb("opened", &[*place as u8]));
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
        assert_eq!(shape.opened(), kinds);
    }

    #[test]
    fn join_48_what_is_not_opened_has_no_place() {
        let products = vec![Product { seeker: 1, holder: 0 }];
        let shape = || Shape::new((2, 3), vec![5, 6], vec![7], products.clone()).unwrap();
        let (term, product) = (Figure::Seeker(1), Figure::Product(0));
        let some = shape().opening(&[product, term]).unwrap();
        assert_eq!(some.opened(), [term, product]);
        assert_eq!((some.figures_of_a_cell(), some.figures(), some.sums()), (2, 12, 30));
        assert_eq!((some.place(1, 2, term), some.place(1, 2, product)), (Some(10), Some(11)));
        assert_eq!((some.place(0, 0, Figure::Count), some.place(2, 0, term)), (None, None));
        assert_eq!(some.most_of_a_row(), [6, 42]);
        let sums: Vec<u64> = (0..30).collect();
        assert_eq!(some.only_opened(&sums), [2, 4, 7, 9, 12, 14, 17, 19, 22, 24, 27, 29]);
        assert_eq!(shape().only_opened(&sums), sums);
        let wrong: [&[Figure]; 6] = [
            &[],
            &[Figure::Seeker(2)],
            &[Figure::Holder(1)],
            &[Figure::Product(1)],
            &[term, term],
            &[Figure::Count, product, Figure::Count],
        ];
        for list in wrong {
            assert_eq!(shape().opening(list), Err(Abort::JoinShape));
        }
        // What is left out may be as large as it likes: nobody reads it.
        let wide = Shape::new((1, 1), vec![MOST - 1], vec![MOST - 1], vec![Product { seeker: 0, holder: 0 }]);
        assert_eq!(wide.unwrap().opening(&[Figure::Count]).unwrap().most_of_a_row(), [1]);
    }
}
