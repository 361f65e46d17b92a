//! What privacy costs and what is left of it, in whole billionths of ρ.
//!
//! Attack: balances in floating point drift, and many small questions get for nothing what one large one
//! would have to pay. Here prices are integers rounded up, limits integers rounded down (NOISE-02), and adding
//! them is exact: zero-concentrated differential privacy (zCDP) adds up over questions that are chosen one after the
//! other (Bun and Steinke 2016, "Concentrated Differential Privacy", Lemma 1.7; Feldman and Zrnic 2021,
//! "Individual Privacy Accounting via a Rényi Filter", for stopping when a fixed sum is reached).
//!
//! # From ρ to (ε, δ): NOISE-03
//!
//! For every α > 1, by CKS20, Proposition 12 with Corollary 13, ρ-zCDP implies (ε, δ) with
//!
//! ```text
//!   ε = αρ + ln(1 − 1/α) + (ln(1/δ) − ln α)/(α − 1),
//! ```
//!
//! which is its δ = e^((α−1)(αρ−ε))/(α−1)·(1−1/α)^α solved for ε. *Any* α gives a valid bound, so that only
//! the last evaluation is rounded outwards, by bounds of the logarithms; the search for
//! a good α may be as rough as it likes. ε′(α) = ρ − (ln(1/δ) − ln α)/(α−1)² is 0 where
//! ρ(α−1)² + ln α = ln(1/δ), whose left side rises with α: bisection finds it.

use super::{
    Cover, DiscreteGaussian, LARGEST_EPSILON, LARGEST_SENSITIVITY, NANO, NoiseError, Rational, Variance,
    fixed::{mul_div_up, wide_mul},
    logarithm::{BITS, Ln, ln, ln_of},
};

/// α − 1 is a multiple of 2⁻³⁰.
const GRID: u32 = 30;

/// The largest ρ that is converted: 1,000.
const LARGEST_RHO: u64 = 1_000_000_000_000;

/// Fails unless 0 < ε ≤ 20.
pub(super) fn in_range(epsilon: Rational) -> Result<(), NoiseError> {
    if epsilon.num().div_ceil(epsilon.den()) > LARGEST_EPSILON {
        return Err(NoiseError::EpsilonOutOfRange);
    }
    Ok(())
}

/// The largest ρ, in billionths, that is (ε, δ)-private: what a budget of (ε, δ) holds.
///
/// ε is at most 20 and δ below 1; [`Rational`] has no 0, no infinity and no sign.
pub fn rho_limit(epsilon: Rational, delta: Rational) -> Result<u64, NoiseError> {
    in_range(epsilon)?;
    let log = ln_of_inverse(delta)?;
    // ε·2⁶⁰ ≥ the bound of ρ, without a division.
    let holds = |nano_rho| {
        wide_mul((at(nano_rho, log) >> (BITS - 60)) + 1, epsilon.den().into())
            <= wide_mul(1 << 60, epsilon.num().into())
    };
    let (mut fits, mut too_much) = (0, (LARGEST_EPSILON + 20) * NANO as u64);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if holds(middle) { fits = middle } else { too_much = middle }
    }
    if fits == 0 { Err(NoiseError::PriceTooSmall) } else { Ok(fits) }
}

/// The ε that `nano_rho` billionths of ρ come to at this δ: in units of 10⁻¹², rounded up.
pub fn epsilon_of(nano_rho: u64, delta: Rational) -> Result<u64, NoiseError> {
    let log = ln_of_inverse(delta)?;
    if nano_rho > LARGEST_RHO {
        return Err(NoiseError::EpsilonOutOfRange);
    }
    if nano_rho == 0 {
        return Ok(0);
    }
    let coarse = (at(nano_rho, log) >> (BITS - 60)) + 1;
    Ok((((coarse * 1_000_000_000_000) >> 60) + 1) as u64)
}

/// The price, in billionths of ρ, at which 95 % of the noise is within ±`half_width`, for a sum that one
/// customer changes by at most `sensitivity`: the smallest there is.
pub fn rho_for_half_width(half_width: u64, sensitivity: u64, cover: Cover) -> Result<u64, NoiseError> {
    if sensitivity == 0 || sensitivity > LARGEST_SENSITIVITY {
        return Err(NoiseError::SensitivityOutOfRange);
    }
    let width =
        |nano_rho| Ok(DiscreteGaussian::new(Variance::of_price(nano_rho, sensitivity)?)?.half_width(cover));
    // σ = (h + ½)/z, so ρ = Δ²·z²/(2(h + ½)²) = 2Δ²z²/(2h + 1)²: right but for what the exact distribution
    // differs from the normal one, and rounding.
    let ends = u128::from(half_width).saturating_mul(2).saturating_add(1);
    let above = 2 * u128::from(sensitivity).pow(2);
    let about = (ends.checked_mul(ends))
        .and_then(|below| mul_div_up(above, cover.z_squared_e12(), below.checked_mul(1_000)?))
        .and_then(|about| u64::try_from(about).ok())
        .ok_or(NoiseError::VarianceOutOfRange)?;
    let (mut too_little, mut enough) = (about / 4, about.saturating_mul(4).saturating_add(4));
    if width(enough)? > half_width {
        return Err(NoiseError::VarianceOutOfRange);
    }
    while enough - too_little > 1 {
        let middle = too_little + (enough - too_little) / 2;
        // Noise that is too wide for a sampler is too wide for the wish.
        if width(middle).is_ok_and(|width| width <= half_width) {
            enough = middle
        } else {
            too_little = middle
        }
    }
    Ok(enough)
}

fn ln_of_inverse(delta: Rational) -> Result<Ln, NoiseError> {
    if delta.num() >= delta.den() {
        return Err(NoiseError::DeltaOutOfRange);
    }
    let ln = ln_of(delta);
    Ok(Ln { down: -ln.up, up: -ln.down })
}

/// A bound of ε from above, in units of 2⁻⁸⁰, at the α that makes it smallest; `log` is ln(1/δ).
fn at(nano_rho: u64, log: Ln) -> u128 {
    let rho = u128::from(nano_rho);
    // ρ(α−1)² ≤ ln(1/δ) < 44, so α − 1 ≤ √(44/ρ).
    let (mut low, mut high) = (1u128, ((44 * NANO / rho.max(1)).isqrt() + 1) << GRID);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let square = (((middle * middle) >> GRID).saturating_mul(rho) / NANO) << (BITS - GRID);
        let left = square as i128 + ln(middle + (1 << GRID)).down - ln(1 << GRID).up;
        if left < log.down { low = middle } else { high = middle }
    }
    epsilon_at(rho, log, high)
}

/// αρ + ln(1 − 1/α) + (ln(1/δ) − ln α)/(α − 1), rounded up and not below 0, for α − 1 = above/2³⁰.
fn epsilon_at(rho: u128, log: Ln, above: u128) -> u128 {
    let alpha = above + (1 << GRID);
    let (ln_above, ln_alpha, ln_one) = (ln(above), ln(alpha), ln(1 << GRID));
    // αρ < 2¹¹, so before the shift below 2⁷¹.
    let first = ((alpha * rho) << (BITS - GRID)).div_ceil(NANO) as i128;
    let second = ln_above.up - ln_alpha.down;
    let rest = log.up - (ln_alpha.down - ln_one.up);
    let third = (rest << GRID).div_euclid(above as i128) + 1;
    (first + second + third).max(0) as u128
}
