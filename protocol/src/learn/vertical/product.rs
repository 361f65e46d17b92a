//! LEARNV-20, columns times halves: in the clear for this end's own, under encryption for the peer's.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{
    bfv::{Accumulator, LARGEST_NORM, N, Request, Small},
    share::MASK,
};
use crate::session::Abort;

/// Up to so many numbers are kept as transforms, of 24 bytes each; of more they are made anew for every product.
const KEPT: usize = 1 << 22;

/// The whitened columns of one end, 12 bits after the point, in blocks of N rows.
pub(super) struct Columns {
    rows: usize,
    columns: Zeroizing<Vec<Vec<i32>>>,
    kept: Option<Vec<Small>>,
}

impl Columns {
    /// # Errors
    /// LEARNV-11: [`Abort::OwnColumns`] when a product's noise could be more than its flood hides.
    pub(super) fn new(rows: usize, columns: Zeroizing<Vec<Vec<i32>>>) -> Result<Self, Abort> {
        let norm = |numbers: &[i32]| numbers.iter().map(|x| u64::from(x.unsigned_abs())).sum::<u64>();
        let block_norm = |block: usize| -> u64 {
            columns.iter().map(|column| column.chunks(N).nth(block).map_or(0, norm)).sum()
        };
        let fits = columns.iter().all(|column| column.len() == rows && norm(column) <= LARGEST_NORM)
            && (0..rows.div_ceil(N)).all(|block| block_norm(block) <= LARGEST_NORM);
        if !fits {
            return Err(Abort::OwnColumns);
        }
        let mut made = Self { rows, columns, kept: None };
        if rows * made.columns.len() <= KEPT {
            let blocks = made.blocks();
            let all = (0..made.columns.len() * blocks).into_par_iter();
            made.kept = Some(all.map(|place| made.small(place / blocks, place % blocks)).collect());
        }
        Ok(made)
    }

    pub(super) fn blocks(&self) -> usize {
        self.rows.div_ceil(N)
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Rows of a block.
    pub(super) fn rows_of(&self, block: usize) -> usize {
        self.rows.saturating_sub(block * N).min(N)
    }

    fn block(&self, column: usize, block: usize) -> &[i32] {
        &self.columns[column][block * N..block * N + self.rows_of(block)]
    }

    fn small(&self, column: usize, block: usize) -> Small {
        Small::new(self.block(column, block))
    }

    /// Σ requestₖ·xₖ, over these columns and blocks.
    fn sum(&self, places: &[(usize, usize)], requests: &[Request]) -> Accumulator {
        match &self.kept {
            Some(kept) => {
                let small = |(column, block): &(usize, usize)| &kept[column * self.blocks() + block];
                Accumulator::of(&requests.iter().zip(places.iter().map(small)).collect::<Vec<_>>())
            }
            None => {
                let smalls: Vec<Small> =
                    places.par_iter().map(|(column, block)| self.small(*column, *block)).collect();
                Accumulator::of(&requests.iter().zip(&smalls).collect::<Vec<_>>())
            }
        }
    }

    /// The block's rows times the encrypted weights, one constant polynomial a column.
    pub(super) fn scores(&self, block: usize, weights: &[Request]) -> Accumulator {
        let places: Vec<_> = (0..self.len()).map(|column| (column, block)).collect();
        self.sum(&places, weights)
    }

    /// In coefficient 0, the column times the encrypted residuals, one [turned](turned) polynomial a block.
    pub(super) fn gradient(&self, column: usize, residuals: &[Request]) -> Accumulator {
        let places: Vec<_> = (0..self.blocks()).map(|block| (column, block)).collect();
        self.sum(&places, residuals)
    }

    /// The block's rows times weights in the clear, mod 2⁶⁰.
    pub(super) fn plain_scores(&self, block: usize, weights: &[u64]) -> Zeroizing<Vec<u64>> {
        let mut scores = Zeroizing::new(vec![0u64; self.rows_of(block)]);
        for (column, weight) in weights.iter().enumerate() {
            for (score, x) in scores.iter_mut().zip(self.block(column, block)) {
                *score = score.wrapping_add(weight.wrapping_mul(i64::from(*x).cast_unsigned()));
            }
        }
        scores.iter_mut().for_each(|score| *score &= MASK);
        scores
    }

    /// A column times residuals in the clear, mod 2⁶⁰.
    pub(super) fn plain_gradient(&self, column: usize, residuals: &[u64]) -> u64 {
        let term = |(x, r): (&i32, &u64)| r.wrapping_mul(i64::from(*x).cast_unsigned());
        self.columns[column].iter().zip(residuals).map(term).fold(0, u64::wrapping_add) & MASK
    }
}

/// A block of residuals as the polynomial r(X⁻¹): coefficient 0 of its product with x(X) is Σ rᵢ·xᵢ.
pub(super) fn turned(residuals: &[u64]) -> Zeroizing<Vec<u64>> {
    let mut poly = Zeroizing::new(vec![0u64; N]);
    for (row, half) in residuals.iter().enumerate() {
        // X⁻ⁱ is −X^(N−i).
        match row {
            0 => poly[0] = half & MASK,
            _ => poly[N - row] = half.wrapping_neg() & MASK,
        }
    }
    poly
}

#[cfg(test)]
mod tests {
    use super::{
        super::bfv::{PublicKey, Response, SecretKey},
        *,
    };
    use crate::secret::Secret;

    fn seed(number: u8) -> Secret<[u8; 32]> {
        Secret::new([number; 32])
    }

    fn number(place: usize) -> u64 {
        let hash = blake3::hash(&(place as u64).to_le_bytes());
        u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap())
    }

    #[test]
    fn learnv_20_scores_and_gradients_are_those_in_the_clear() {
        let rows = N + 700;
        let column = |column: usize| {
            (0..rows).map(move |row| (number(row * 7 + column) % (1 << 21)) as i32 - (1 << 20))
        };
        let made = || Zeroizing::new((0..3).map(|place| column(place).collect()).collect::<Vec<Vec<i32>>>());
        let kept = Columns::new(rows, made()).unwrap();
        let mut fresh = Columns::new(rows, made()).unwrap();
        fresh.kept = None;
        let secret = SecretKey::new(&seed(1));
        let public = PublicKey::read(&secret.public(&seed(2))).unwrap();
        let weights: Vec<u64> = (0..3).map(|place| number(place + 1_000_000) & MASK).collect();
        let residuals: Vec<u64> = (0..rows).map(|row| number(row + 2_000_000) & MASK).collect();
        let asked: Vec<Request> = (10..)
            .zip(&weights)
            .map(|(number, weight)| Request::read(&secret.encrypt(&seed(number), &[*weight])).unwrap())
            .collect();
        let told: Vec<Request> = (20..)
            .zip(residuals.chunks(N))
            .map(|(number, block)| Request::read(&secret.encrypt(&seed(number), &turned(block))).unwrap())
            .collect();
        for columns in [&kept, &fresh] {
            for block in 0..columns.blocks() {
                let masks: Vec<u64> = (0..columns.rows_of(block)).map(|row| number(row) & MASK).collect();
                let bytes = Response::write(columns.scores(block, &asked), &public, &masks, &seed(3));
                let found = secret.decrypt(&Response::read(&bytes, masks.len()).unwrap()).unwrap();
                let plain = columns.plain_scores(block, &weights);
                assert!(
                    found
                        .iter()
                        .zip(&*plain)
                        .zip(&masks)
                        .all(|((found, plain), mask)| { found.wrapping_sub(*mask) & MASK == *plain })
                );
            }
            for column in 0..3 {
                let bytes = Response::write(columns.gradient(column, &told), &public, &[77], &seed(4));
                let found = secret.decrypt(&Response::read(&bytes, 1).unwrap()).unwrap();
                assert_eq!(found[0].wrapping_sub(77) & MASK, columns.plain_gradient(column, &residuals));
            }
        }
    }

    #[test]
    fn learnv_11_columns_that_no_flood_hides_are_refused() {
        let columns = |value: i32, count: usize| Zeroizing::new(vec![vec![value; N]; count]);
        assert!(Columns::new(N, columns(1 << 20, 128)).is_ok());
        assert_eq!(Columns::new(N, columns(1 << 20, 129)).err(), Some(Abort::OwnColumns));
        assert_eq!(Columns::new(N, columns(1 << 28, 1)).err(), Some(Abort::OwnColumns));
        assert_eq!(Columns::new(N - 1, columns(1, 1)).err(), Some(Abort::OwnColumns));
    }
}
