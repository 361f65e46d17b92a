//! How many dummies pad a size: NOISE-15.
//!
//! # The distribution
//!
//! The truncated double geometric distribution on 0, 1, …, 2n, as IPA pads its shuffles with ("Padding Dummy
//! Records for OPRF IPA", in the repository private-attribution/ipa; the same shape, shifted and cut, as in
//! Google's delta-thresholded Laplace noise): with r = e^(−ε/Δ),
//!
//! ```text
//!   P(x) = A·r^|n−x|,   A = (1−r) / (1+r−2r^(n+1)),
//!   n the smallest with A·(r^(n−Δ+1) + … + r^n) ≤ δ.
//! ```
//!
//! ε is shared among the Δ units that one customer can change the size by: r = e^(−ε/Δ), not e^(−ε).
//! A size c is shown as c + x. It is never shown smaller, so that dummies are added and nobody is left out,
//! and never larger by more than 2n, so that memory is bounded.
//!
//! # What is sampled from, and why it is private
//!
//! Integers w(0), …, w(2n) that add up to 2¹²⁸, where x has the probability w(x)/2¹²⁸ exactly. They are made
//! from a bound R ≥ r, itself computed in integers and rounded up, and a peak p at x = n: the weight at
//! distance k+1 from n is ⌈the one at distance k · R⌉; p is the largest that fits; what is left over, a
//! remainder of at most 2n+1, is put on the middle. So:
//!
//! 1. Without the remainder, weights at distance s differ by a factor of at most R^(−s) ≤ r^(−s) ≤ e^ε, for
//!    s ≤ Δ: rounding up cannot make a weight fall faster than by R.
//! 2. A size c and a size c + s can be told apart by more than that only where one of them cannot show: in
//!    the first or the last s ≤ Δ weights. And in the remainder.
//!
//! So for every set of shown sizes, P[c] ≤ e^ε·P[c+s] + (w(0) + … + w(Δ−1) + remainder)/2¹²⁸, and the same
//! the other way round, since the weights are symmetric. [`calibrate`](DummyCount::calibrate) compares this
//! sum with δ·2¹²⁸ in integers. No rounding is left to be argued about: the remainder, below 2⁻¹¹⁰, is what
//! rounding costs, and it is inside the δ that is checked. That the tails are heavier than the formula's, by
//! less than 2⁻⁹⁰ in all, costs dummies and no privacy.
//!
//! # What it takes
//!
//! - Neighbours are tables that differ in one customer, who changes the size by at most Δ: 1 if it can be
//!   there or not, 2 if one can be exchanged for another or if its row counts twice.
//! - Every sample has its own uniform bytes, which the other side cannot know. A size that is shown again
//!   for the same question is shown with the same dummies, or it is charged again.

use std::{collections::VecDeque, fmt};

use super::{
    Rational,
    fixed::{ONE, exp_neg_up, mul_up, wide_mul},
    table::reached,
};

/// The largest n: 2¹⁶ dummies are expected then, and the table takes 2 MiB.
const LARGEST: u32 = 1 << 16;

/// Why there is no number of dummies for these parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DummyError {
    /// ε/Δ is more than 32, which protects nobody, or its denominator has more than 96 bits.
    #[error("ε must be above 0 and at most 32 for each unit of sensitivity")]
    EpsilonOutOfRange,
    /// δ is not below 1.
    #[error("δ must be above 0 and below 1")]
    DeltaOutOfRange,
    /// Δ is 0: nothing would be hidden.
    #[error("the sensitivity must be at least 1")]
    NoSensitivity,
    /// More than 65,536 dummies would be expected.
    #[error("these parameters would need more than {LARGEST} dummies on average: ε is too small")]
    TooManyDummies,
}

/// The truncated double geometric distribution, as a table.
#[derive(Clone, PartialEq, Eq)]
pub struct DummyCount {
    /// x is the number of thresholds that the uniform number reaches: w(0), w(0)+w(1), …, 2n of them.
    thresholds: Vec<u128>,
}

impl DummyCount {
    /// The distribution with the fewest dummies that is (ε, δ)-private for a size that one customer changes
    /// by at most `sensitivity`.
    ///
    /// All three are public. Takes time in n, and n grows like Δ·ln(1/δ)/ε.
    pub fn calibrate(epsilon: Rational, delta: Rational, sensitivity: u32) -> Result<Self, DummyError> {
        if sensitivity == 0 {
            return Err(DummyError::NoSensitivity);
        }
        if delta.num() >= delta.den() {
            return Err(DummyError::DeltaOutOfRange);
        }
        let units = u128::from(epsilon.den()) * u128::from(sensitivity);
        let ratio = exp_neg_up(epsilon.num(), units).ok_or(DummyError::EpsilonOutOfRange)?;
        let mut n = smallest(ratio, delta, sensitivity).ok_or(DummyError::TooManyDummies)?;
        while n <= LARGEST {
            let weights = Weights::build(ratio, n);
            if weights.cost(sensitivity).is_some_and(|cost| within(cost, delta)) {
                return Ok(Self { thresholds: weights.thresholds() });
            }
            // Only where δ is met with all but equality, and the remainder decides.
            n += 1;
        }
        Err(DummyError::TooManyDummies)
    }

    /// The most dummies there can be: 2n. Half of it is what to expect.
    pub fn bound(&self) -> u32 {
        self.thresholds.len() as u32
    }

    /// How many dummies, from sixteen bytes that are uniform, fresh and secret.
    ///
    /// Reads the whole table whatever the outcome, and compares in constant time.
    pub fn sample(&self, uniform: [u8; 16]) -> u32 {
        reached(&self.thresholds, u128::from_le_bytes(uniform)) as u32
    }
}

impl fmt::Debug for DummyCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DummyCount(0..={})", self.bound())
    }
}

/// The smallest n, at least Δ, with A·(r^(n−Δ+1) + … + r^n) ≤ δ, by the formula with R for r.
///
/// With A = 1/(1 + 2·(r + … + rⁿ)) both sides are sums of the same powers: no division, no logarithm.
fn smallest(ratio: u128, delta: Rational, sensitivity: u32) -> Option<u32> {
    // Powers in units of 2⁻¹²⁷, sums in units of 2⁻¹⁰⁷, so that 2·2¹⁶ of them fit.
    const COARSER: u32 = 20;
    let mut window = VecDeque::with_capacity(sensitivity.min(LARGEST) as usize);
    let (mut power, mut all, mut edge) = (ONE, ONE >> COARSER, 0u128);
    for n in 1..=LARGEST {
        power = mul_up(power, ratio);
        let coarse = power >> COARSER;
        all += 2 * coarse;
        edge += coarse;
        window.push_back(coarse);
        if window.len() > sensitivity as usize {
            edge -= window.pop_front().unwrap_or_default();
        }
        if n >= sensitivity && wide_mul(edge, delta.den().into()) <= wide_mul(all, delta.num().into()) {
            return Some(n);
        }
    }
    None
}

/// Whether cost/2¹²⁸ ≤ δ.
fn within(cost: u128, delta: Rational) -> bool {
    wide_mul(cost, delta.den().into()) <= (delta.num().into(), 0)
}

/// Half of the table, from the middle outwards.
struct Weights {
    /// At distance 0, 1, …, n from the middle, without the remainder.
    by_distance: Vec<u128>,
    /// What is missing to 2¹²⁸.
    remainder: u128,
}

impl Weights {
    /// The heaviest weights that fall by no more than `ratio` a step and add up to less than 2¹²⁸.
    fn build(ratio: u128, n: u32) -> Self {
        let (mut fits, mut too_much) = (0, u128::MAX);
        while too_much - fits > 1 {
            let peak = fits + (too_much - fits) / 2;
            match total(peak, ratio, n) {
                Some(_) => fits = peak,
                None => too_much = peak,
            }
        }
        let by_distance: Vec<_> = falling(fits, ratio).take(n as usize + 1).collect();
        // 2¹²⁸ minus a total that is neither 0 nor more than 2¹²⁸.
        let remainder = total(fits, ratio, n).unwrap_or_default().wrapping_neg();
        Self { by_distance, remainder }
    }

    /// What the table adds to δ, in units of 2⁻¹²⁸: the first Δ weights and the remainder.
    fn cost(&self, sensitivity: u32) -> Option<u128> {
        let edge = self.by_distance.iter().rev().take(sensitivity as usize);
        edge.chain([&self.remainder]).try_fold(0u128, |sum, weight| sum.checked_add(*weight))
    }

    /// The running sums of w(0), …, w(2n−1).
    fn thresholds(&self) -> Vec<u128> {
        let rising = self.by_distance.iter().skip(1).rev();
        let middle = self.by_distance.iter().take(1).map(|weight| weight + self.remainder);
        let falling = self.by_distance.iter().skip(1);
        let mut weights: Vec<_> = rising.copied().chain(middle).chain(falling.copied()).collect();
        weights.pop();
        weights
            .iter()
            .scan(0u128, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect()
    }
}

/// Weights by their distance from the middle: each falls by no more than `ratio`.
fn falling(peak: u128, ratio: u128) -> impl Iterator<Item = u128> {
    std::iter::successors(Some(peak), move |weight| Some(mul_up(*weight, ratio)))
}

/// All weights together; `None` from 2¹²⁸ on.
fn total(peak: u128, ratio: u128, n: u32) -> Option<u128> {
    falling(peak, ratio)
        .skip(1)
        .take(n as usize)
        .try_fold(peak, |sum, weight| sum.checked_add(weight)?.checked_add(weight))
}

#[cfg(test)]
mod tests;
