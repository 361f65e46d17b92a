//! Sampling by an inverse distribution function, in constant time.
//!
//! Rejection samplers take longer for some noise than for other, and the time tells the noise (Jin, McMurtry,
//! Rubinstein, Ohrimenko 2021, "Are We There Yet? Timing and Floating-Point Attacks on Differential Privacy
//! Systems", arXiv 2112.05307). Here the noise is a count of thresholds that one uniform number reaches, all
//! of which are read and compared whatever the number is.
//!
//! # The table and its error: NOISE-05
//!
//! The noise is symmetric, so the table is of its magnitude |X| and a coin gives the sign. For weights q(j),
//! j = 0, 1, …, K, of which bounds from below and from above are known, the total S of all weights, the ones
//! beyond K too, is bounded from above by S⁺. Magnitude j ≥ 1 gets ⌊2·q⁻(j)/S⁺·2¹²⁸⌋ of 2¹²⁸ numbers, 0 gets
//! ⌊q⁻(0)/S⁺·2¹²⁸⌋: none gets more than its true probability. The rest R, what is missing to 2¹²⁸, goes to 0.
//! So exactly R/2¹²⁸ of probability is moved, tail included, and the statistical distance between the table
//! and the true distribution is at most R/2¹²⁸: no rounding is left to be argued about. R is
//! [`error`](Table::error), measured when the table is built.

use std::hint::black_box;

use super::{
    Variance,
    fixed::{exp_neg, wide_div},
};

/// Digits dropped before weights are added up, so that the total fits.
const COARSER: u32 = 8;

/// −ln of the first weight that is too small for the table: e^(−83) < 2⁻¹¹⁹.
const CUT: u128 = 83;

/// How likely each magnitude is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// |X| is the number of thresholds that the uniform number reaches: thresholds[j] = P(|X| ≤ j)·2¹²⁸.
    thresholds: Vec<u128>,
    error: u128,
}

impl Table {
    /// The discrete Gaussian, q(j) = e^(−j²/2σ²), for σ² up to 2¹¹.
    pub fn gaussian(variance: Variance) -> Self {
        let last = variance.twice_times_up(CUT).isqrt() + 1;
        // q(j+1) = q(j)·t(j) with t(j) = e^(−(2j+1)/2σ²), and t(j+1) = t(j)·e^(−1/σ²): bounds all the way.
        let (mut weight, step) = (exp_neg(0, 1), exp_neg(variance.den(), variance.num()));
        let mut ratio = exp_neg(variance.den(), 2 * variance.num());
        let weights: Vec<_> = (0..=last)
            .map(|_| {
                let coarse = (weight.down >> COARSER, weight.up.div_ceil(1 << COARSER));
                (weight, ratio) = (weight.times(ratio), ratio.times(step));
                coarse
            })
            .collect();
        // Σ q(j) beyond K ≤ ∫ e^(−t²/2σ²) dt from K on ≤ σ²/K·q(K).
        let beyond = variance.num().div_ceil(variance.den()).div_ceil(last) * weights[last as usize].1;
        let total = weights[0].1 + 2 * weights[1..].iter().map(|weight| weight.1).sum::<u128>() + 2 * beyond;
        let share = |weight: u128| wide_div((weight, 0), total).0;
        Self::of(std::iter::once(share(weights[0].0)).chain(weights[1..].iter().map(|w| share(2 * w.0))))
    }

    /// From 2¹²⁸ times the probabilities of 0, 1, …, K, all rounded down.
    fn of(shares: impl Iterator<Item = u128>) -> Self {
        let mut shares: Vec<_> = shares.collect();
        while shares.last() == Some(&0) {
            shares.pop();
        }
        // Of all 2¹²⁸ numbers.
        let error = shares.iter().fold(0u128, |sum, share| sum.wrapping_add(*share)).wrapping_neg();
        // The last one takes what is left, and needs no threshold.
        shares.pop();
        let mut below = error;
        let thresholds = shares
            .into_iter()
            .map(|share| {
                below += share;
                below
            })
            .collect();
        Self { thresholds, error }
    }

    /// The statistical distance from the true distribution, in units of 2⁻¹²⁸.
    pub fn error(&self) -> u128 {
        self.error
    }

    /// The largest magnitude there is.
    pub fn last(&self) -> u64 {
        self.thresholds.len() as u64
    }

    /// The noise that belongs to a uniform number and a uniform bit.
    pub fn sample(&self, uniform: u128, sign: bool) -> i64 {
        let (magnitude, negative) = (reached(&self.thresholds, uniform) as i64, i64::from(black_box(sign)));
        (magnitude ^ -negative) + negative
    }

    /// P(|X| > j)·2¹²⁸ of what is sampled.
    pub fn beyond(&self, j: u64) -> u128 {
        usize::try_from(j)
            .ok()
            .and_then(|j| self.thresholds.get(j))
            .map_or(0, |threshold| threshold.wrapping_neg())
    }

    /// P(|X| = j)·2¹²⁸ of what is sampled, j from 0 on.
    pub fn shares(&self) -> Vec<u128> {
        let mut below = 0u128;
        let ends = self.thresholds.iter().copied().chain([0]);
        ends.map(|end| end.wrapping_sub(std::mem::replace(&mut below, end))).collect()
    }
}

/// How many thresholds a number reaches.
///
/// NOISE-06: reads and compares all of them, always; what is reached is the borrow of a subtraction, a number
/// that is added and not a condition that is branched on.
pub(super) fn reached(thresholds: &[u128], uniform: u128) -> u64 {
    let (mut reached, mut reads) = (0, 0);
    for threshold in thresholds {
        let (_, borrow) = uniform.overflowing_sub(*threshold);
        reached += 1 - u64::from(black_box(borrow));
        reads += 1;
    }
    count(reads);
    reached
}

#[cfg(not(test))]
#[inline(always)]
fn count(_: u64) {}

/// Lets a test see that the count of what is read never depends on the noise.
#[cfg(test)]
fn count(reads: u64) {
    READS.with(|all| all.set(all.get() + reads));
}

#[cfg(test)]
thread_local! {
    pub(super) static READS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
