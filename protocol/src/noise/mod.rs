//! Noise that keeps one customer's presence out of what the other side sees, and what it costs.
//!
//! The attack: whoever learns an exact figure twice, with and without one customer, knows what this customer
//! added to it. So no figure and no size crosses the wire that is not a public bound, noisy, or padded by a
//! random number of dummies. Two more attacks shape the code. Noise from floating point has gaps that give the
//! true value away (Mironov 2012, "On significance of the least significant bits for differential privacy"),
//! so everything here is integers (NOISE-01), and the distance between what is sampled and what is claimed is computed,
//! not estimated. And samplers that take longer for larger noise tell it through time, so a sample reads all
//! of its tables always.
//!
//! ```text
//!   (ε, δ) ──accountant──► ρ in billionths ──variance──► σ² ──gaussian──► noise, and its 95 % interval
//!                          a budget: whole numbers that add up
//!   unknown groups: threshold over laplace          sizes: dummies
//! ```
//!
//! Randomness comes in as an argument. The rules, with proofs, stand in `docs/protocols/noise.md`.

mod accountant;
mod cover;
mod dummies;
mod fixed;
mod gaussian;
mod laplace;
pub(crate) mod logarithm;
mod rational;
mod table;
mod threshold;
mod variance;

pub use accountant::{epsilon_of, rho_for_half_width, rho_limit};
pub use cover::Cover;
pub use dummies::{DummyCount, DummyError};
pub use gaussian::DiscreteGaussian;
pub use laplace::DiscreteLaplace;
pub use rational::{BadRational, Rational};
pub use threshold::{Threshold, continuous_threshold_micro};
pub use variance::Variance;

/// Billionths in 1.
const NANO: u128 = 1_000_000_000;

/// NOISE-14: the largest ε of a budget: e²⁰ is half a billion to one, which protects nobody, and the errors of the
/// samplers are set against it.
pub const LARGEST_EPSILON: u64 = 20;

/// The largest sensitivity, in units of the grid.
pub const LARGEST_SENSITIVITY: u64 = 1 << 45;

/// What one sample costs in δ beside its price in ρ: 10⁻¹⁸, one unit.
///
/// A mechanism within statistical distance η of one that is (ε, δ)-private is (ε, δ + (1+e^ε)·η)-private, and
/// distances of all samples of a budget add up. Every sampler here has η ≤ 2⁻⁹⁰, or it is not built; and
/// (1 + e²⁰)·2⁻⁹⁰ < 10⁻¹⁸.
pub const ATTO_DELTA_OF_A_SAMPLE: u64 = 1;

/// δ in units of 10⁻¹⁸, rounded up; for δ below 1.
pub fn atto(delta: Rational) -> u64 {
    (u128::from(delta.num()) * 1_000_000_000_000_000_000).div_ceil(delta.den().into()).min(u64::MAX.into())
        as u64
}

/// Why there is no such noise or no such budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// ε is above 20.
    #[error("ε must be above 0 and at most {LARGEST_EPSILON}")]
    EpsilonOutOfRange,
    /// δ is not below 1, or smaller than can be counted.
    #[error("δ must be above 0 and below 1")]
    DeltaOutOfRange,
    /// The sensitivity is 0 or above 2⁴⁵.
    #[error("the sensitivity must be at least 1 and at most 2^45 units of the grid")]
    SensitivityOutOfRange,
    /// σ is below 2⁻⁵ or above 2⁵⁰.
    #[error("noise of this width cannot be sampled")]
    VarianceOutOfRange,
    /// The price comes to less than a billionth of ρ.
    #[error("less than a billionth of ρ: ε is too small, or the interval too wide")]
    PriceTooSmall,
    /// A sampler's statistical distance came out above 2⁻⁹⁰.
    #[error("the sampler is not close enough to its distribution")]
    TableTooCoarse,
}

#[cfg(test)]
mod tests;
