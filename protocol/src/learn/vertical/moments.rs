//! What an end learns of its own columns for whitening them, with noise: means, and products of two columns.
//!
//! The attack this stops: weights that are opened were turned back by the covariances of the training rows, so with exact
//! ones the noise in the gradients would hide a customer and the turning would show it. So an end whitens by moments that
//! carry noise of their own, at a price of their own ("Analyze Gauss", Dwork, Talwar, Thakurta and Zhang 2014, with
//! discrete noise: CKS20). Nobody is sent them; they are priced as if they were, and all that is made of them after that
//! costs nothing more.
//!
//! Sums of integers, so that there is no rounding between what is priced and what is added up (NOISE-01). Only what is
//! made of the noisy sums is in floating point.

use zeroize::Zeroizing;

use super::{eigen::floored, input::Basis};
use crate::{noise::DiscreteGaussian, secret::Secret, session::Abort};

/// Bits after the point of a cell; a product has twice as many.
const CELL_BITS: u32 = 12;
/// A variance counts as at least so many deviations of the noise of one entry: what is less is noise for the most part.
const LEAST_VARIANCE: f64 = 3.0;
/// So many deviations of its noise are taken off every covariance, towards 0: of noise alone nothing is left, of which
/// several thousand entries would together make directions that are none.
const SHRUNK: f64 = 3.0;
/// Correlations are taken to have no eigenvalue below this, so that no direction is drawn out to more than √5.
const LEAST_EIGENVALUE: f64 = 0.2;

/// What some of an end's columns say together, which bounds how far one row can move a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Variable {
    /// One column of numbers in [−½, ½].
    Number,
    /// So many columns of 0 and 1, of which a row has at most one 1. A truth value is a choice of one column.
    Choice(u16),
}

impl Variable {
    /// How many columns it has.
    pub const fn width(self) -> u32 {
        match self {
            Self::Number => 1,
            Self::Choice(width) => width as u32,
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Number)
    }
}

/// How many numbers an end's moments are.
pub fn entries(variables: &[Variable]) -> u64 {
    let places = Places::new(variables);
    (places.0.len() + places.pairs().count()) as u64
}

/// LEARNV-42, how far one customer can move an end's moments, in units of 2⁻²⁴: rounded up.
///
/// The moments are the sums over rows of every cell and of every product of two cells, but for two columns of one choice,
/// whose products follow from the sums of cells. A row that counts as zero takes its own away. Of it at most one column of a
/// choice is 1, and a number is at most ½, so the squares of what it takes away are, with c choices and m numbers, at most
///
/// ```text
///   of cells           c + m/4
///   of products        c(c−1)/2  (choice with choice: one product is 1)
///                      cm/4      (choice with number)
///                      m(m+1)/32 (number with number, itself included)
/// ```
///
/// Δ² is their sum.
pub fn sensitivity(variables: &[Variable]) -> u64 {
    let numbers = variables.iter().filter(|variable| variable.is_number()).count() as u128;
    let choices = variables.len() as u128 - numbers;
    let sixteenths = 16 * choices
        + 4 * numbers
        + 8 * choices * choices.saturating_sub(1)
        + 4 * choices * numbers
        + numbers * (numbers + 1) / 2;
    // Sixteenths of (2²⁴)².
    let squared = sixteenths << (4 * CELL_BITS - 4);
    let root = squared.isqrt();
    (root + u128::from(root * root < squared)) as u64
}

/// Of each column the choice it belongs to, none for a number.
struct Places(Vec<Option<usize>>);

impl Places {
    fn new(variables: &[Variable]) -> Self {
        let of = |(place, variable): (usize, &Variable)| {
            std::iter::repeat_n((!variable.is_number()).then_some(place), variable.width() as usize)
        };
        Self(variables.iter().enumerate().flat_map(of).collect())
    }

    /// Whether the product of two columns follows from their sums.
    fn follows(&self, i: usize, j: usize) -> bool {
        self.0[i].is_some() && self.0[i] == self.0[j]
    }

    /// The products that are summed: i ≥ j.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.0.len())
            .flat_map(move |i| (0..=i).map(move |j| (i, j)))
            .filter(|(i, j)| !self.follows(*i, *j))
    }
}

/// An end's cells as integers, for sums of them.
pub(super) struct Cells<'a> {
    variables: &'a [Variable],
    columns: Zeroizing<Vec<Vec<i32>>>,
}

impl<'a> Cells<'a> {
    /// # Errors
    /// LEARNV-05: [`Abort::OwnColumns`] when a column is not what its variable says.
    pub(super) fn new(columns: &[Vec<f64>], variables: &'a [Variable]) -> Result<Self, Abort> {
        let places = Places::new(variables);
        let rows = columns.first().map_or(0, Vec::len);
        if places.0.len() != columns.len() || columns.iter().any(|column| column.len() != rows) {
            return Err(Abort::OwnColumns);
        }
        let within = |(column, place): (&Vec<f64>, &Option<usize>)| match place {
            None => column.iter().all(|x| (-0.5..=0.5).contains(x)),
            Some(_) => column.iter().all(|x| *x == 0.0 || *x == 1.0),
        };
        if !columns.iter().zip(&places.0).all(within) {
            return Err(Abort::OwnColumns);
        }
        // The sensitivity hangs on it: no row has two values of one choice.
        let mut first = 0;
        for variable in variables {
            let of = &columns[first..first + variable.width() as usize];
            let chosen = |row: usize| of.iter().map(|column| column[row]).sum::<f64>();
            if !variable.is_number() && (0..rows).any(|row| chosen(row) > 1.0) {
                return Err(Abort::OwnColumns);
            }
            first += of.len();
        }
        let unit = f64::from(1u32 << CELL_BITS);
        let whole = |column: &Vec<f64>| column.iter().map(|x| (x * unit).round() as i32).collect();
        Ok(Self { variables, columns: Zeroizing::new(columns.iter().map(whole).collect()) })
    }

    /// The sums, exact: of cells, then of products, in units of 2⁻²⁴.
    pub(super) fn sums(&self) -> Zeroizing<Vec<i64>> {
        let columns = &self.columns;
        let cells =
            columns.iter().map(|column| column.iter().map(|x| i64::from(*x)).sum::<i64>() << CELL_BITS);
        let places = Places::new(self.variables);
        let products = places.pairs().map(|(i, j)| {
            columns[i].iter().zip(&columns[j]).map(|(x, y)| i64::from(*x) * i64::from(*y)).sum::<i64>()
        });
        Zeroizing::new(cells.chain(products).collect())
    }
}

/// LEARNV-42, the sums with noise: from here on nothing of them is secret from a customer's point of view.
pub(super) fn noisy(sums: &[i64], width: &DiscreteGaussian, seed: &Secret<[u8; 32]>) -> Vec<i64> {
    let noise = Zeroizing::new(width.samples(seed, sums.len()));
    sums.iter().zip(noise.iter()).map(|(sum, noise)| sum.saturating_add(*noise)).collect()
}

/// How an end whitens, by what noisy sums over `rows` rows say. `pseudo` is what the rows of the penalty add to each
/// column's variance. All of it is made of what has been paid for.
pub(super) fn basis(
    sums: &[i64],
    variables: &[Variable],
    width: &DiscreteGaussian,
    rows: u32,
    pseudo: f64,
    intercept: bool,
) -> Basis {
    let places = Places::new(variables);
    let count = places.0.len();
    let unit = f64::from(rows.max(1)) * f64::from(1u32 << (2 * CELL_BITS));
    let variance = width.variance();
    let deviation = (variance.num() as f64 / variance.den() as f64).sqrt() / unit;
    let sums: Vec<f64> = sums.iter().map(|sum| *sum as f64 / unit).collect();
    let (means, products) = sums.split_at(count);
    let mut covariance = vec![0.0; count * count];
    for ((i, j), product) in places.pairs().zip(products) {
        covariance[i * count + j] = *product;
    }
    for i in 0..count {
        // Of one choice: the square of a cell is the cell, the product of two is 0.
        if places.follows(i, i) {
            covariance[i * (count + 1)] = means[i];
        }
        for j in 0..=i {
            let centred = covariance[i * count + j] - means[i] * means[j];
            covariance[i * count + j] = match (i == j, places.follows(i, j)) {
                (true, _) => (centred + pseudo).max(LEAST_VARIANCE * deviation),
                (false, true) => centred,
                (false, false) => centred.signum() * (centred.abs() - SHRUNK * deviation).max(0.0),
            };
        }
    }
    let roots: Vec<f64> = (0..count).map(|i| covariance[i * (count + 1)].sqrt()).collect();
    let mut correlation = vec![0.0; count * count];
    for i in 0..count {
        for j in 0..=i {
            let entry = covariance[i * count + j] / (roots[i] * roots[j]);
            (correlation[i * count + j], correlation[j * count + i]) = (entry, entry);
        }
    }
    let mut raised = floored(correlation, count, LEAST_EIGENVALUE);
    for (at, entry) in raised.iter_mut().enumerate() {
        *entry *= roots[at / count] * roots[at % count];
    }
    Basis::of_covariance(means.to_vec(), raised, intercept)
}

#[cfg(test)]
mod tests;
