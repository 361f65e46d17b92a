//! How wide noise is, as an exact fraction.

use super::{
    NoiseError,
    fixed::{ONE, mul_div_up, wide_div, wide_mul},
};

/// σ² of a discrete Gaussian: its parameter, which its variance does not exceed (CKS20, Corollary 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variance {
    num: u128,
    den: u128,
}

impl Variance {
    /// The most that σ² can be: σ < 2⁵⁰, so that noise and the sum of 2⁶² it is added to fit 64 bits.
    const LARGEST: u128 = 1 << 100;

    /// The least: below it there is no noise to speak of.
    const SMALLEST: u128 = 1 << 10;

    /// num/den, from 2⁻¹⁰ to 2¹⁰⁰, where in lowest terms num is below 2¹²⁰ and den below 2⁶⁴.
    pub fn new(num: u128, den: u128) -> Result<Self, NoiseError> {
        if num == 0 || den == 0 {
            return Err(NoiseError::VarianceOutOfRange);
        }
        let (mut a, mut b) = (num, den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let (num, den) = (num / a, den / a);
        let fits = num < 1 << 120 && den < 1 << 64;
        if !fits || num / den >= Self::LARGEST || den.div_ceil(num) > Self::SMALLEST {
            return Err(NoiseError::VarianceOutOfRange);
        }
        Ok(Self { num, den })
    }

    /// NOISE-04: the σ² whose price is `nano_rho` exactly: Δ²/(2ρ), by ρ = Δ²/(2σ²) (CKS20, Theorem 4).
    ///
    /// `sensitivity` is Δ₂ in units of the grid, at most 2⁴⁵.
    pub fn of_price(nano_rho: u64, sensitivity: u64) -> Result<Self, NoiseError> {
        if nano_rho == 0 {
            return Err(NoiseError::PriceTooSmall);
        }
        if sensitivity == 0 || sensitivity > super::LARGEST_SENSITIVITY {
            return Err(NoiseError::SensitivityOutOfRange);
        }
        Self::new(u128::from(sensitivity).pow(2) * (super::NANO / 2), nano_rho.into())
    }

    /// What this much noise costs for a sum that one customer changes by at most `sensitivity`: ρ in
    /// billionths, rounded up.
    pub fn price(self, sensitivity: u64) -> Result<u64, NoiseError> {
        if sensitivity == 0 || sensitivity > super::LARGEST_SENSITIVITY {
            return Err(NoiseError::SensitivityOutOfRange);
        }
        mul_div_up(u128::from(sensitivity).pow(2) * (super::NANO / 2), self.den, self.num)
            .and_then(|price| u64::try_from(price).ok())
            .ok_or(NoiseError::VarianceOutOfRange)
    }

    /// Above the line, in lowest terms.
    pub const fn num(self) -> u128 {
        self.num
    }

    /// Below the line, in lowest terms.
    pub const fn den(self) -> u128 {
        self.den
    }

    /// σ for people, in ten-thousandths, rounded up.
    pub fn sigma_e4_up(self) -> u128 {
        self.root_up(100_000_000, 1)
    }

    /// The smallest integer r with r² ≥ σ²·num/den, for num and den below 2⁵⁰ and num/den below 2²⁷.
    pub(super) fn root_up(self, num: u128, den: u128) -> u128 {
        // Below 2¹²⁷ by the limits of `new`; were it not, the result would err to the safe side.
        let square = mul_div_up(self.num, num, self.den * den).unwrap_or(ONE);
        let root = square.isqrt();
        root + u128::from(root * root < square)
    }

    /// Whether σ² ≤ limit.
    pub(super) fn at_most(self, limit: u128) -> bool {
        (0, self.num) <= wide_mul(self.den, limit)
    }

    /// σ² = base + step·inner, inner an integer as large as it can be with base ≥ floor.
    pub(super) fn split(self, floor: u128, step: u128) -> Option<(Self, Self)> {
        let spare = self.num.checked_sub(floor * self.den)?;
        let inner = spare / (step * self.den);
        let base = Self::new(self.num - inner * step * self.den, self.den).ok()?;
        Some((base, Self::new(inner, 1).ok()?))
    }

    /// Twice as much: the variance of two shares together.
    pub(super) fn doubled(self) -> Self {
        if self.den.is_multiple_of(2) {
            Self { num: self.num, den: self.den / 2 }
        } else {
            Self { num: self.num * 2, den: self.den }
        }
    }

    /// Whether σ₀²σ₁²/σ² ≥ 9/2, for σ² = self split into these two.
    pub(super) fn is_smooth(self, base: Self, inner: Self) -> bool {
        // base = b/den, inner an integer: 2·b·inner ≥ 9·num, all over den; base may have a smaller den.
        let lift = self.den / base.den;
        let (high, low) = wide_mul(2 * base.num * lift, inner.num);
        inner.den == 1 && self.den.is_multiple_of(base.den) && (high, low) >= wide_mul(9, self.num)
    }

    /// 2σ²·x rounded up to the next integer.
    pub(super) fn twice_times_up(self, x: u128) -> u128 {
        let (quotient, more) = wide_div(wide_mul(2 * self.num, x), self.den);
        quotient + u128::from(more)
    }
}
