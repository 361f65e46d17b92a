//! What an end brings, and how it whitens its columns at home.
//!
//! The Hessian of either model is at most X'X/4 or X'X. Each end centres its own columns and turns them by the inverse of
//! the Cholesky factor of their covariance, so that in the new coordinates the end's block of that bound is the
//! identity and one public step fits all of them ("block Newton"). Nobody but the owner learns how; what is
//! learned in the new coordinates is turned back at home.
//!
//! The penalty is data as well: for each column some pseudo-rows that have this column alone (LEARNV-04). So the
//! protocol has no step of its own for it, and nothing is cut off split weights.

use std::{borrow::Cow, fmt};

use zeroize::{Zeroize, Zeroizing};

use super::{
    draws::Draws,
    moments::{self, Cells},
    params::{Linkage, Params, Party},
    presence::Bits,
};
use crate::{learn::encode::kept, secret::Secret, session::Abort};

/// Bits after the point of a whitened number.
pub(super) const UNIT_BITS: u32 = 12;
/// LEARNV-05: whitened numbers are below 2⁸; only of a column that is 0 but for one row in 65,536 they would not be.
const LARGEST: f64 = ((1 << (8 + UNIT_BITS)) - 1) as f64;
/// What is added to the variances, so that a column that never changes, or that others make up, has a root.
const RIDGE: f64 = 1e-6;

/// One end's rows: column by column, encoded in [−1, 1] (`learn::encode` gives [−½, ½] and [0, 1]), in the order of customers that both ends agreed on.
#[derive(Clone)]
pub struct Input {
    /// Each of `rows` numbers; the intercept is not among them.
    pub columns: Vec<Vec<f64>>,
    /// At the label end the target of each row: 0 or 1, or for the linear model anything from 0 to 1.
    pub target: Option<Vec<f64>>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} columns)", self.columns.len())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.columns.zeroize();
        self.target.zeroize();
    }
}

impl Input {
    /// # Errors
    /// LEARNV-05: [`Abort::OwnColumns`] when they are not of the agreed shape, or a number is not finite or outside of
    /// [−1, 1], a target outside of [0, 1].
    fn check(&self, params: &Params, party: Party) -> Result<(), Abort> {
        let rows = params.agreed().rows as usize;
        let count = params.columns(party) as usize - usize::from(party == Party::Label);
        let fits =
            |numbers: &Vec<f64>| numbers.len() == rows && numbers.iter().all(|x| (-1.0..=1.0).contains(x));
        let target = match (party, &self.target) {
            (Party::Label, Some(target)) => {
                let two = |y: &f64| params.linkage() == Linkage::Linear || *y == 0.0 || *y == 1.0;
                fits(target) && target.iter().all(|y| *y >= 0.0 && two(y))
            }
            (Party::Features, None) => true,
            _ => false,
        };
        let fits = self.columns.len() == count && self.columns.iter().all(fits) && target;
        if fits { Ok(()) } else { Err(Abort::OwnColumns) }
    }
}

/// How an end's columns are whitened. **Private**: means and covariances of the training rows.
#[derive(Clone, PartialEq)]
pub struct Basis {
    means: Zeroizing<Vec<f64>>,
    /// The lower triangle of the Cholesky factor, row by row.
    factor: Zeroizing<Vec<f64>>,
    intercept: bool,
}

/// Weights of one end's columns, for columns as they are encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// One a column.
    pub weights: Vec<f64>,
    /// This end's part of the intercept; the two parts add up to it.
    pub offset: f64,
}

/// What training computes with.
pub(super) struct Whitened {
    pub basis: Basis,
    pub columns: Zeroizing<Vec<Vec<i32>>>,
    /// At the label end, of all rows with the pseudo-rows.
    pub target: Option<Zeroizing<Vec<f64>>>,
    /// Over a union, of all rows with the pseudo-rows whether this end has a customer there.
    pub bits: Option<Bits>,
}

/// The pseudo-row's value for λ of λ/2·w².
fn penalty(params: &Params) -> f64 {
    let l2 = params.agreed().l2_micro as f64 / 1e6;
    match params.linkage() {
        Linkage::Logistic => (4.0 * l2 / f64::from(params.rows_of_a_penalty().max(1))).sqrt(),
        Linkage::Linear => l2.sqrt(),
    }
}

/// Whitens an end's rows. `secret` is the job's, for the noise of what they are whitened by, if there is any.
///
/// # Errors
/// As [`Input::check`].
pub(super) fn whiten(
    params: &Params,
    party: Party,
    (input, present): (&Input, Option<&[bool]>),
    secret: &Secret<[u8; 32]>,
) -> Result<Whitened, Abort> {
    input.check(params, party)?;
    let bits = presence(params, present)?;
    let own = Own::of(params, party, input, present);
    let each = params.rows_of_a_penalty() as usize;
    let real = params.agreed().rows as usize;
    let intercept = party == Party::Label;
    let basis = match &params.agreed().noise {
        // LEARNV-42: with noise nothing of the model may hang on the rows but through it.
        Some(noise) => {
            let (variables, width) = noise.of(party);
            let sums = Cells::new(&own.columns, variables)?.sums();
            // Of other rows other noise; of the same, after a cut, the same.
            let draws = Draws::new(secret, params, b"moments", party);
            let words: Zeroizing<Vec<u64>> =
                Zeroizing::new(sums.iter().map(|sum| sum.cast_unsigned()).collect());
            let noisy = moments::noisy(&sums, width, &draws.seed("moments", 0, 0, &draws.digest(&words)));
            let pseudo = each as f64 * penalty(params).powi(2) / f64::from(params.counted());
            moments::basis(&noisy, variables, width, own.rows, pseudo, intercept)
        }
        None => Basis::fit(&own.columns, intercept, penalty(params), (each, own.share), params.counted()),
    };
    let mut columns = basis.apply(&input.columns, real);
    if params.agreed().noise.is_some() {
        clip(&mut columns);
    }
    // LEARNV-51: nothing of a place where this end has nobody; also not the intercept, nor what is left of the means.
    for (row, here) in present.unwrap_or_default().iter().enumerate() {
        if !here {
            columns.iter_mut().for_each(|column| column[row] = 0);
        }
    }
    // The pseudo-rows of the label end's columns come first.
    let before = match party {
        Party::Label => 0,
        Party::Features => params.agreed().label_columns as usize,
    };
    let rows = params.rows() as usize;
    columns.iter_mut().for_each(|column| column.resize(rows, 0));
    let mut alone = Zeroizing::new(vec![0.0; input.columns.len()]);
    for own in 0..if each > 0 { input.columns.len() } else { 0 } {
        alone.fill(0.0);
        alone[own] = penalty(params);
        basis.solve(&mut alone);
        for copy in 0..each {
            let row = real + (before + own) * each + copy;
            for (column, value) in columns.iter_mut().skip(usize::from(basis.intercept)).zip(alone.iter()) {
                column[row] = fixed(*value);
            }
        }
    }
    let target = input.target.as_ref().map(|target| {
        let pseudo = (0..rows - real).map(|row| if each > 1 { (row % 2) as f64 } else { 0.0 });
        let here = |row: usize| present.is_none_or(|present| present[row]);
        let own = target.iter().enumerate().map(|(row, y)| if here(row) { *y } else { 0.0 });
        Zeroizing::new(own.chain(pseudo).collect::<Vec<f64>>())
    });
    Ok(Whitened { basis, columns, target, bits })
}

/// LEARNV-50, the bits of all rows over a union: as many as there are places, and only then. The pseudo-rows are both's.
fn presence(params: &Params, present: Option<&[bool]>) -> Result<Option<Bits>, Abort> {
    match (params.over(), present) {
        (None, None) => Ok(None),
        (Some(_), Some(present)) if present.len() == params.agreed().rows as usize => {
            let mut bits = Zeroizing::new(vec![1; params.rows() as usize]);
            bits.iter_mut().zip(present).for_each(|(bit, here)| *bit = u8::from(*here));
            Ok(Some(bits))
        }
        _ => Err(Abort::OwnColumns),
    }
}

/// The rows that an end's columns are whitened by: its own customers, whom else it knows nothing of.
struct Own<'a> {
    columns: Cow<'a, [Vec<f64>]>,
    /// For how many of those that count one of them stands, so that the pseudo-rows have their weight beside them.
    share: f64,
    /// How many both ends take them for.
    rows: u32,
}

impl<'a> Own<'a> {
    fn of(params: &Params, party: Party, input: &'a Input, present: Option<&[bool]>) -> Self {
        let (Some(over), Some(present)) = (params.over(), present) else {
            let rows = params.agreed().rows;
            return Self { columns: Cow::Borrowed(&input.columns), share: 1.0, rows };
        };
        let columns: Vec<Vec<f64>> = input.columns.iter().map(|column| kept(column, present)).collect();
        // LEARNV-54: not how many there are, of which the weights could tell when they are turned back.
        let rows = over.sizes[party as usize];
        Self { columns: Cow::Owned(columns), share: f64::from(over.common) / f64::from(rows), rows }
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(columns) = &mut self.columns {
            columns.zeroize();
        }
    }
}

/// LEARNV-40: no row is longer than √d, the root of what the square of a whitened row's length is on average.
fn clip(columns: &mut [Vec<i32>]) {
    let most = (columns.len() as u64) << (2 * UNIT_BITS);
    for row in 0..columns.first().map_or(0, Vec::len) {
        // Below 512·2⁴⁰.
        let square: u64 = columns.iter().map(|column| u64::from(column[row].unsigned_abs()).pow(2)).sum();
        if square > most {
            // Towards 0, so that what is cut off makes no row longer; and by more than the last bits of a root are worth.
            let scale = (most as f64 / square as f64).sqrt() * (1.0 - 1e-9);
            columns.iter_mut().for_each(|column| column[row] = (f64::from(column[row]) * scale) as i32);
        }
    }
}

/// Cholesky's factor of the lower triangle, in its place; a ridge or a floor keeps what is under the root positive.
fn cholesky(factor: &mut [f64], count: usize) {
    for j in 0..count {
        for k in 0..j {
            let above = factor[j * count + k];
            for i in j..count {
                factor[i * count + j] -= factor[i * count + k] * above;
            }
        }
        let root = factor[j * count + j].max(RIDGE).sqrt();
        for i in j..count {
            factor[i * count + j] /= root;
        }
        factor[j * count + j] = root;
    }
}

/// With 12 bits after the point, within what there may be.
fn fixed(value: f64) -> i32 {
    (value * f64::from(1u32 << UNIT_BITS)).round().clamp(-LARGEST, LARGEST) as i32
}

impl Basis {
    /// Of these columns, a row of which stands for `share` rows, with `each` pseudo-rows of `penalty` a column, over
    /// `rows` rows in all.
    fn fit(
        columns: &[Vec<f64>],
        intercept: bool,
        penalty: f64,
        (each, share): (usize, f64),
        rows: u32,
    ) -> Self {
        let count = columns.len();
        let rows = f64::from(rows);
        let mean = |column: &Vec<f64>| column.iter().sum::<f64>() / column.len().max(1) as f64;
        let means = Zeroizing::new(columns.iter().map(mean).collect::<Vec<f64>>());
        let mut factor = Zeroizing::new(vec![0.0; count * count]);
        for i in 0..count {
            for j in 0..=i {
                let terms = columns[i].iter().zip(&columns[j]);
                let sum: f64 = terms.map(|(x, y)| (x - means[i]) * (y - means[j])).sum();
                let pseudo = if i == j { each as f64 * penalty * penalty } else { 0.0 };
                let variance = (sum * share + pseudo) / rows;
                factor[i * count + j] = variance + if i == j { RIDGE * (1.0 + variance) } else { 0.0 };
            }
        }
        cholesky(&mut factor, count);
        Self { means, factor, intercept }
    }

    /// Of columns with these means and covariances, of which the lower triangle is read.
    pub(super) fn of_covariance(means: Vec<f64>, covariance: Vec<f64>, intercept: bool) -> Self {
        let count = means.len();
        let mut factor = Zeroizing::new(covariance);
        cholesky(&mut factor, count);
        for i in 0..count {
            factor[i * count + i + 1..(i + 1) * count].fill(0.0);
        }
        Self { means: Zeroizing::new(means), factor, intercept }
    }

    /// How many columns there are, without the intercept.
    pub fn columns(&self) -> usize {
        self.means.len()
    }

    /// L⁻¹x in place.
    fn solve(&self, x: &mut [f64]) {
        let count = self.columns();
        for i in 0..count {
            let (done, rest) = x.split_at_mut(i);
            let known: f64 = self.factor[i * count..][..i].iter().zip(done.iter()).map(|(l, u)| l * u).sum();
            rest[0] = (rest[0] - known) / self.factor[i * count + i];
        }
    }

    /// Rows in the new coordinates, the intercept first where there is one.
    pub(super) fn apply(&self, columns: &[Vec<f64>], rows: usize) -> Zeroizing<Vec<Vec<i32>>> {
        let mut whitened = Zeroizing::new(vec![Vec::with_capacity(rows); columns.len()]);
        let mut row = Zeroizing::new(vec![0.0; columns.len()]);
        for number in 0..rows {
            for ((x, column), mean) in row.iter_mut().zip(columns).zip(self.means.iter()) {
                *x = column[number] - mean;
            }
            self.solve(&mut row);
            whitened.iter_mut().zip(row.iter()).for_each(|(column, x)| column.push(fixed(*x)));
        }
        if self.intercept {
            whitened.insert(0, vec![1 << UNIT_BITS; rows]);
        }
        whitened
    }

    /// The weights of the columns as they are encoded.
    pub(super) fn unwhiten(&self, weights: &[f64]) -> Block {
        let (first, own) = weights.split_at(usize::from(self.intercept));
        let count = self.columns();
        let mut turned = own.to_vec();
        for i in (0..count).rev() {
            let known: f64 = (i + 1..count).map(|j| self.factor[j * count + i] * turned[j]).sum();
            turned[i] = (turned[i] - known) / self.factor[i * count + i];
        }
        let shift: f64 = turned.iter().zip(self.means.iter()).map(|(weight, mean)| weight * mean).sum();
        Block { weights: turned, offset: first.iter().sum::<f64>() - shift }
    }

    /// As bytes, to be kept as secretly as the rows.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(vec![u8::from(self.intercept)]);
        let numbers = self.means.iter().chain(self.factor.iter());
        numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes
    }

    /// Reads [`to_bytes`](Self::to_bytes) back, of `columns` columns.
    ///
    /// # Errors
    /// [`Abort::OwnState`].
    pub fn from_bytes(bytes: &[u8], columns: usize) -> Result<Self, Abort> {
        let (first, rest) = bytes.split_first().ok_or(Abort::OwnState)?;
        let (numbers, left) = rest.as_chunks::<8>();
        let numbers: Vec<f64> = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let fits = *first < 2 && left.is_empty() && numbers.len() == columns * (columns + 1);
        if !fits || !numbers.iter().all(|number| number.is_finite()) {
            return Err(Abort::OwnState);
        }
        let (means, factor) = numbers.split_at(columns);
        Ok(Self {
            means: Zeroizing::new(means.to_vec()),
            factor: Zeroizing::new(factor.to_vec()),
            intercept: *first == 1,
        })
    }
}

impl fmt::Debug for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Basis({} columns)", self.columns())
    }
}
