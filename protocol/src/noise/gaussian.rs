//! The discrete Gaussian: P(x) ∝ e^(−x²/2σ²) on the integers.
//!
//! Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy" (CKS20). Added to a sum of
//! integers that one customer changes by at most Δ, it costs ρ = Δ²/(2σ²) of zero-concentrated differential
//! privacy, exactly and for any σ (Theorem 4); in k sums at once, Δ is the Euclidean norm of the changes.
//!
//! # From one table or from several: NOISE-07
//!
//! Up to σ = 45 one [`Table`](super::table::Table) holds the distribution. Beyond, the table would grow with σ
//! and every sample with it; so a wide one is put together: X = X₀ + 7·X₁, X₀ with σ₀² ≥ 256 from a table, X₁
//! with σ₁² ≥ 36 an integer, from a table or put together in turn, σ² = σ₀² + 49·σ₁² exactly. That is the
//! way of Micciancio and Walter 2017, "Gaussian Sampling over the Integers: Efficient, Generic, Constant-Time";
//! the derivation for this case:
//!
//! With τ² = σ₀²σ₁²/σ² and c = 7σ₁²/σ², completing the square gives for every x
//!
//! ```text
//!   P(x) ∝ Σ_y e^(−y²/2σ₁²)·e^(−(x−7y)²/2σ₀²) = e^(−x²/2σ²) · Σ_y e^(−(y−cx)²/2τ²).
//! ```
//!
//! By Poisson's summation the last sum is τ√2π·(1 + 2·Σ_{j≥1} e^(−2π²τ²j²)·cos 2πjcx), so that it differs
//! from τ√2π by at most the factor 1 ± e, e = 2·Σ e^(−2π²τ²j²). For τ² ≥ 9/2, which is checked in integers,
//! e < 2⁻¹²⁷: P is within the factor (1+e)/(1−e) of the discrete Gaussian of σ², and in statistical distance
//! within 2⁻¹²⁶, which is added for each step to the errors of the tables.

use std::fmt;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::{Cover, NoiseError, Variance, table::Table};
use crate::secret::Secret;

/// The largest σ² of a single table.
const SINGLE: u128 = 45 * 45;

/// The least σ² of a part that is added to a multiple of another.
const BASE: u128 = 256;

/// How much wider the other part becomes.
const STEP: i64 = 7;

/// What a convolution adds to the statistical distance, in units of 2⁻¹²⁸.
const CONVOLUTION: u128 = 4;

/// The largest statistical distance of a sampler, in units of 2⁻¹²⁸: (1 + e²⁰)·2⁻⁹⁰ < 10⁻¹⁸.
pub(super) const LARGEST_ERROR: u128 = 1 << 38;

/// A sampler of discrete Gaussian noise.
#[derive(Clone, PartialEq, Eq)]
pub struct DiscreteGaussian {
    variance: Variance,
    /// X = Σ 7ⁱ·Xᵢ.
    parts: Vec<Table>,
    error: u128,
}

impl DiscreteGaussian {
    /// Noise of this width. Takes some milliseconds: tables of up to 600 weights, one more for every factor of
    /// 7 in σ.
    pub fn new(variance: Variance) -> Result<Self, NoiseError> {
        let (mut parts, mut rest, mut error) = (Vec::new(), variance, 0u128);
        while !rest.at_most(SINGLE) {
            let step = u128::from(STEP.unsigned_abs());
            let split = rest.split(BASE, step * step).filter(|(base, inner)| rest.is_smooth(*base, *inner));
            // Not for any σ² above 45²: then σ₁² ≥ ⌊(2025 − 256)/49⌋ = 36, and 256·36/2020 > 9/2.
            let (base, inner) = split.ok_or(NoiseError::VarianceOutOfRange)?;
            parts.push(Table::gaussian(base));
            error += CONVOLUTION;
            rest = inner;
        }
        parts.push(Table::gaussian(rest));
        error = parts.iter().fold(error, |sum, table| sum.saturating_add(table.error()));
        if error > LARGEST_ERROR {
            return Err(NoiseError::TableTooCoarse);
        }
        Ok(Self { variance, parts, error })
    }

    /// The noise whose price is exactly `nano_rho`, for a sum that one customer changes by at most
    /// `sensitivity` units.
    pub fn of_price(nano_rho: u64, sensitivity: u64) -> Result<Self, NoiseError> {
        Self::new(Variance::of_price(nano_rho, sensitivity)?)
    }

    /// σ².
    pub fn variance(&self) -> Variance {
        self.variance
    }

    /// The statistical distance between what is sampled and the discrete Gaussian, in units of 2⁻¹²⁸.
    pub fn error(&self) -> u128 {
        self.error
    }

    /// NOISE-10: noise, from a seed that is uniform, secret and used for nothing else.
    pub fn sample(&self, seed: &Secret<[u8; 32]>) -> i64 {
        self.draw(&mut ChaCha20Rng::from_seed(*seed.expose()))
    }

    /// `count` independent samples from one such seed.
    pub fn samples(&self, seed: &Secret<[u8; 32]>, count: usize) -> Vec<i64> {
        let mut stream = ChaCha20Rng::from_seed(*seed.expose());
        (0..count).map(|_| self.draw(&mut stream)).collect()
    }

    /// One sample. Draws the same number of bytes and reads the same tables whatever comes out.
    pub(super) fn draw(&self, stream: &mut ChaCha20Rng) -> i64 {
        let mut bytes = [0; 17];
        // Inner parts first, as in Horner's scheme; the limits of `Variance` keep the sum below 2⁵⁵.
        self.parts.iter().rev().fold(0, |inner, table| {
            stream.fill_bytes(&mut bytes);
            let [uniform @ .., sign] = bytes;
            inner * STEP + table.sample(u128::from_le_bytes(uniform), sign & 1 == 1)
        })
    }

    /// NOISE-09: no sample is further from 0 than this, below 2⁵⁵: what is added to a sum must leave room for it.
    pub fn bound(&self) -> u64 {
        self.parts.iter().rev().fold(0, |inner, table| inner * STEP.unsigned_abs() + table.last())
    }

    /// The smallest h with P(|X| ≤ h) ≥ 95 %.
    pub fn half_width95(&self) -> u64 {
        self.half_width(Cover::Alone)
    }

    /// NOISE-11: the smallest h with |X| ≤ h as surely as `cover` says, from the exact distribution where it is one
    /// table. Where it is several, σ > 45, a bound that is at most one more: since q(j) = e^(−j²/2σ²) is convex
    /// beyond σ, Σ q(j) for j > h is at most ∫ q from h + ½ on, and the total is at least σ√2π (Poisson), so
    /// h = ⌈zσ − ½⌉ is enough.
    pub fn half_width(&self, cover: Cover) -> u64 {
        match &self.parts[..] {
            [table] => {
                let miss = u128::MAX / cover.one_miss_in();
                (0..table.last()).find(|h| table.beyond(*h) <= miss).unwrap_or(table.last())
            }
            _ => wide_half_width(self.variance, cover),
        }
    }

    /// The same for the sum of two independent samples, where both sides add a full share (NOISE-12).
    ///
    /// From the exact convolution where the noise is one table. Where it is several, the sum is a discrete
    /// Gaussian of 2σ² but for less than 2⁻¹²⁶, by the derivation above with 1 for 7 and τ² = σ²/2 ≥ 9/2.
    pub fn half_width_of_two(&self, cover: Cover) -> u64 {
        match &self.parts[..] {
            [table] => convolved_half_width(table, cover),
            _ => wide_half_width(self.variance.doubled(), cover),
        }
    }

    /// The values that are as far from `noisy` as 95 % of the noise: saturating, not wrapping.
    pub fn interval95(&self, noisy: i64) -> (i64, i64) {
        let half = i64::try_from(self.half_width95()).unwrap_or(i64::MAX);
        (noisy.saturating_sub(half), noisy.saturating_add(half))
    }
}

/// ⌈zσ − ½⌉: the smallest h with (2h + 1)² ≥ 4z²σ².
fn wide_half_width(variance: Variance, cover: Cover) -> u64 {
    let twice = variance.root_up(4 * cover.z_squared_e12(), 1_000_000_000_000);
    (twice / 2).try_into().unwrap_or(u64::MAX)
}

fn convolved_half_width(table: &Table, cover: Cover) -> u64 {
    // P(X = j) in units of 2⁻⁶², rounded down, for j from −K to K.
    let shares = table.shares();
    let one_sided = shares.iter().skip(1).map(|share| share >> 67);
    let pmf: Vec<u128> = one_sided.clone().rev().chain([shares[0] >> 66]).chain(one_sided).collect();
    let at = |sum: usize| -> u128 {
        // P(X + X′ = s), s = sum from 0 on: j from s − K to K.
        pmf[sum..].iter().zip(pmf.iter().rev()).map(|(a, b)| a * b).sum()
    };
    let whole = 1u128 << 124;
    let enough = whole - whole / cover.one_miss_in();
    let mut covered = at(0);
    let mut half = 0;
    while covered < enough && half + 1 < pmf.len() {
        half += 1;
        covered += 2 * at(half);
    }
    half as u64
}

#[cfg(test)]
impl DiscreteGaussian {
    /// The table, if it is one: P(|X| = j)·2¹²⁸.
    pub(super) fn shares(&self) -> Option<Vec<u128>> {
        self.parts.first().filter(|_| self.parts.len() == 1).map(Table::shares)
    }
}

impl fmt::Debug for DiscreteGaussian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiscreteGaussian(σ² = {}/{})", self.variance.num(), self.variance.den())
    }
}
