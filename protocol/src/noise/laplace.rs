//! The discrete Laplace distribution: P(x) = (1−p)/(1+p)·p^|x| on the integers, p = e^(−ε/Δ).
//!
//! Ghosh, Roughgarden, Sundararajan 2009, "Universally Utility-Maximizing Privacy Mechanisms" (the geometric
//! mechanism). Added to a sum of integers that one customer changes by at most Δ it is ε-private, with no δ,
//! and costs ρ = ε²/2 (Bun and Steinke 2016, "Concentrated Differential Privacy", Proposition 1.4). In k sums
//! at once, Δ is the sum of the changes.
//!
//! # How it is sampled: NOISE-08
//!
//! X = G − G′, two independent geometric numbers with P(g) = (1−p)·pᵍ: the convolution is Σ_g (1−p)²·p^(2g+|x|)
//! = (1−p)²/(1−p²)·p^|x|. And the binary digits of a geometric number are independent, since
//! p^(Σ bᵢ2ⁱ) = Π p^(2ⁱbᵢ) is a product: digit i is 1 with probability p^(2ⁱ)/(1 + p^(2ⁱ)) (Dwork, Kenthapadi,
//! McSherry, Mironov, Naor 2006, "Our Data, Ourselves", Section 4.2, for the exponential distribution). So a
//! sample is one comparison of 128 random bits a digit, as many for small noise as for large, at any ε/Δ.
//!
//! Each digit's probability is known from below and from above, and so its error; digits from the B-th on,
//! 2ᴮ·ε/Δ ≥ 96, are taken for 0, which is wrong with probability p^(2ᴮ) < 2⁻¹³⁸. Statistical distances of
//! independent draws add up: [`error`](DiscreteLaplace::error) is twice the sum over the digits.

use std::fmt;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use subtle::ConstantTimeGreater;

use super::{
    Cover, LARGEST_SENSITIVITY, NoiseError, Rational,
    accountant::in_range,
    fixed::{Bounds, ONE, exp_neg, wide_div, wide_mul},
    gaussian::LARGEST_ERROR,
};
use crate::secret::Secret;

/// Beyond this many units of Δ/ε the rest of the distribution is dropped.
const CUT: u128 = 96;

/// The most digits: noise below 2⁵⁸ leaves room for a sum of 2⁶².
const DIGITS: usize = 58;

/// A sampler of discrete Laplace noise.
#[derive(Clone, PartialEq, Eq)]
pub struct DiscreteLaplace {
    epsilon: Rational,
    sensitivity: u64,
    /// Digit i is 1 if a uniform number is below this.
    digits: Vec<u128>,
    error: u128,
}

impl DiscreteLaplace {
    /// Noise for ε at a sensitivity Δ₁, in units of the grid, of at most 2⁴⁵.
    pub fn new(epsilon: Rational, sensitivity: u64) -> Result<Self, NoiseError> {
        in_range(epsilon)?;
        if sensitivity == 0 || sensitivity > LARGEST_SENSITIVITY {
            return Err(NoiseError::SensitivityOutOfRange);
        }
        let (num, den) = (u128::from(epsilon.num()), u128::from(epsilon.den()) * u128::from(sensitivity));
        // ε ≤ 20 keeps num·2ⁱ ≤ 2·96·den, far below 2¹²⁷.
        let wanted = (0..=DIGITS).take_while(|digit| num << digit < CUT * den).count();
        if wanted > DIGITS {
            return Err(NoiseError::VarianceOutOfRange);
        }
        let chances: Vec<_> = (0..wanted).map(|digit| chance(exp_neg(num << digit, den))).collect();
        let error = chances.iter().fold(1u128, |sum, (down, up)| sum + (up - down)).saturating_mul(2);
        if error > LARGEST_ERROR {
            return Err(NoiseError::TableTooCoarse);
        }
        Ok(Self { epsilon, sensitivity, digits: chances.into_iter().map(|(down, _)| down).collect(), error })
    }

    /// ε.
    pub fn epsilon(&self) -> Rational {
        self.epsilon
    }

    /// The statistical distance between what is sampled and the discrete Laplace distribution, in units of
    /// 2⁻¹²⁸.
    pub fn error(&self) -> u128 {
        self.error
    }

    /// ρ = ε²/2 in billionths, rounded up.
    pub fn price(&self) -> u64 {
        // ε in units of 10⁻¹², rounded up: below 2⁴⁵, its square below 2⁹⁰.
        let pico = (u128::from(self.epsilon.num()) * 1_000_000_000_000).div_ceil(self.epsilon.den().into());
        (pico * pico).div_ceil(2_000_000_000_000_000) as u64
    }

    /// Noise, from a seed that is uniform, secret and used for nothing else.
    pub fn sample(&self, seed: &Secret<[u8; 32]>) -> i64 {
        self.draw(&mut ChaCha20Rng::from_seed(*seed.expose()))
    }

    /// `count` independent samples from one such seed.
    pub fn samples(&self, seed: &Secret<[u8; 32]>, count: usize) -> Vec<i64> {
        let mut stream = ChaCha20Rng::from_seed(*seed.expose());
        (0..count).map(|_| self.draw(&mut stream)).collect()
    }

    /// One sample: two comparisons a digit, whatever comes out.
    pub(super) fn draw(&self, stream: &mut ChaCha20Rng) -> i64 {
        let mut bytes = [0; 16];
        let mut geometric = || {
            self.digits.iter().rev().fold(0i64, |digits, chance| {
                stream.fill_bytes(&mut bytes);
                digits << 1 | i64::from(chance.ct_gt(&u128::from_le_bytes(bytes)).unwrap_u8())
            })
        };
        geometric() - geometric()
    }

    /// NOISE-09: no sample is further from 0 than this, below 2⁵⁸: what is added to a sum must leave room for it.
    pub fn bound(&self) -> u64 {
        (1 << self.digits.len()) - 1
    }

    /// The smallest h with P(|X| ≤ h) ≥ 95 %.
    pub fn half_width95(&self) -> u64 {
        self.half_width(Cover::Alone)
    }

    /// The smallest h with |X| ≤ h as surely as `cover` says: P(|X| > h) = 2·p^(h+1)/(1+p).
    pub fn half_width(&self, cover: Cover) -> u64 {
        let (p, share) = (self.power(1), 2 * cover.one_miss_in());
        // 2·n·pʰ⁺¹ ≤ 1 + p, all a little coarser so that it fits.
        self.smallest(|h| (self.power(h + 1).up >> 8) * share + share <= (ONE >> 8) + (p.down >> 8))
    }

    /// The same for the sum of two independent samples, where both sides add a full share (NOISE-12).
    ///
    /// The convolution has P(s) = ((1−p)/(1+p))²·p^|s|·(|s| + (1+p²)/(1−p²)), so with n = h + 1
    /// P(|S| > h) = 2pⁿ/(1+p)²·(n(1−p) + p + (1+p²)/(1+p)).
    pub fn half_width_of_two(&self, cover: Cover) -> u64 {
        // In units of 2⁻⁶⁰, everything above the line rounded up, below it down.
        const COARSER: u32 = 67;
        const UNIT: u128 = 1 << 60;
        let up = |value: u128| (value >> COARSER) + 1;
        let p = self.power(1);
        let below = UNIT + (p.down >> COARSER);
        let last = ((UNIT + ((up(p.up) * up(p.up)) >> 60) + 1) << 60) / below + 1;
        let below = (below * below) >> 60;
        self.smallest(|h| {
            let bracket = up(ONE - p.down).saturating_mul(u128::from(h) + 1) + up(p.up) + last;
            let tail = up(self.power(h + 1).up).saturating_mul(bracket) >> 60;
            (tail + 1).saturating_mul(2 * cover.one_miss_in()) <= below
        })
    }

    /// The smallest t ≥ 1 with P(X ≥ t) ≤ δ: pᵗ/(1+p) ≤ δ. A threshold's distance from what it must hide.
    pub fn reaches(&self, delta: Rational) -> u64 {
        let p = self.power(1);
        let whole = ONE / 2 + p.down / 2;
        self.smallest(|t| {
            let chance = self.power(t + 1).up.div_ceil(2);
            wide_mul(chance, delta.den().into()) <= wide_mul(whole, delta.num().into())
        }) + 1
    }

    /// The values that are as far from `noisy` as 95 % of the noise: saturating, not wrapping.
    pub fn interval95(&self, noisy: i64) -> (i64, i64) {
        let half = i64::try_from(self.half_width95()).unwrap_or(i64::MAX);
        (noisy.saturating_sub(half), noisy.saturating_add(half))
    }

    /// Bounds of pⁿ.
    fn power(&self, n: u64) -> Bounds {
        let den = u128::from(self.epsilon.den()) * u128::from(self.sensitivity);
        u128::from(self.epsilon.num())
            .checked_mul(n.into())
            .map_or(Bounds { down: 0, up: 1 }, |num| exp_neg(num, den))
    }

    /// The smallest number that holds; once it holds, it must hold for all larger ones. Looks no further than
    /// where the distribution is cut off.
    fn smallest(&self, holds: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (0, 1 << self.digits.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        low
    }
}

/// Bounds of x/(1+x)·2¹²⁸.
fn chance(x: Bounds) -> (u128, u128) {
    let half = ONE / 2;
    let down = x.down / 2;
    let up = x.up.div_ceil(2);
    let (above, more) = wide_div((up, 0), half + up);
    (wide_div((down, 0), half + down).0, above + u128::from(more))
}

impl fmt::Debug for DiscreteLaplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiscreteLaplace(ε = {}, Δ = {})", self.epsilon, self.sensitivity)
    }
}
