//! Groups whose names are not public.
//!
//! NOISE-13. Attack: a group that only one customer is in tells by its mere name that this customer is there. So a
//! group of which the contract does not know the name is shown only if its noisy count reaches a threshold
//! that a group of one reaches with probability at most δ.
//!
//! The stability-based histogram (Korolova, Kenthapadi, Mishra, Ntoulas 2009, "Releasing Search Queries and
//! Clicks Privately"; Google's differential privacy library computes the threshold alike): one customer is in
//! at most L₀ groups and counts at most L∞ in each. The noise is discrete Laplace with Δ₁ = L₀·L∞, so that the
//! counts of groups which are there with and without the customer are ε-private. Those which are there only
//! because of the customer, at most L₀, have a count of at most L∞, and each is shown with probability
//! P(L∞ + X ≥ τ) ≤ δ/L₀, so that any of them is with probability at most δ. (Taking them for independent gives
//! 1 − (1−δ)^(1/L₀) instead of δ/L₀, larger by less than δ²; the simpler bound needs no independence.)

use super::{DiscreteLaplace, NoiseError, Rational, fixed::mul_div_up, logarithm::ln_of};

/// When a group of which the name is not public is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    noise: DiscreteLaplace,
    at_least: u64,
    delta: Rational,
}

impl Threshold {
    /// (ε, δ) for customers who are in at most `groups` groups and count at most `each` in each.
    pub fn new(epsilon: Rational, delta: Rational, groups: u32, each: u32) -> Result<Self, NoiseError> {
        let noise = DiscreteLaplace::new(epsilon, u64::from(groups) * u64::from(each))?;
        let at_least = u64::from(each) + noise.reaches(share(delta, groups)?);
        Ok(Self { noise, at_least, delta })
    }

    /// What is added to each count, and its price in ρ.
    pub fn noise(&self) -> &DiscreteLaplace {
        &self.noise
    }

    /// τ: a group is shown if its noisy count is at least this.
    pub fn at_least(&self) -> u64 {
        self.at_least
    }

    /// δ in units of 10⁻¹⁸, rounded up; what the sampler adds is not in it.
    pub fn atto_delta(&self) -> u64 {
        super::atto(self.delta)
    }
}

/// τ = L∞ + λ·ln(L₀/2δ), λ = L₀·L∞/ε, of the *continuous* Laplace distribution, in millionths, rounded up.
///
/// For people who compare with other systems; what decides is [`Threshold::at_least`].
pub fn continuous_threshold_micro(
    epsilon: Rational,
    delta: Rational,
    groups: u32,
    each: u32,
) -> Result<u64, NoiseError> {
    super::accountant::in_range(epsilon)?;
    let ln_2 = super::logarithm::ln(2).down;
    let log = (-ln_of(share(delta, groups)?).down - ln_2).max(0) as u128;
    let lambda = u128::from(groups) * u128::from(each) * u128::from(epsilon.den());
    // log < 2⁸⁶ in units of 2⁻⁸⁰.
    let micro = mul_div_up((log >> 40) + 1, lambda, u128::from(epsilon.num()))
        .and_then(|units| mul_div_up(units, 1_000_000, 1 << 40))
        .ok_or(NoiseError::VarianceOutOfRange)?;
    u64::try_from(micro + u128::from(each) * 1_000_000).map_err(|_| NoiseError::VarianceOutOfRange)
}

/// δ/L₀.
fn share(delta: Rational, groups: u32) -> Result<Rational, NoiseError> {
    if delta.num() >= delta.den() {
        return Err(NoiseError::DeltaOutOfRange);
    }
    let den = delta.den().checked_mul(groups.into()).ok_or(NoiseError::DeltaOutOfRange)?;
    Rational::new(delta.num(), den).map_err(|_| NoiseError::SensitivityOutOfRange)
}
