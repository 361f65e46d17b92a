//! From ε and δ to the price of a question and the noise of its figures, all in whole numbers.

use tacit_protocol::{
    log::Amount,
    noise::{DiscreteGaussian, NoiseError, Rational, Variance, rho_limit},
};

use super::{AggregateError, AggregatePlan, NoisyColumn};
use crate::{
    policy::{Decimal, PrivacyTerms, error::Under},
    query::Parsed,
};

/// The largest ε that the accountant converts, in millionths.
const MOST_EPSILON: u64 = 20_000_000;

/// ε in steps that people read: thousandths, where the contract has that much.
const EPSILON_STEP: u64 = 1000;

/// What a question costs and how much noise that buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    epsilon_micro: u64,
    delta_femto: u64,
    share: u64,
    shares: u32,
    touched: u32,
}

impl Price {
    /// Before it is known.
    pub(super) const NONE: Self = Self { epsilon_micro: 0, delta_femto: 0, share: 0, shares: 0, touched: 1 };

    pub(in crate::policy) fn of(
        epsilon_micro: u64,
        delta_femto: u64,
        shares: u32,
    ) -> Result<Self, AggregateError> {
        match rho(epsilon_micro, delta_femto) / u64::from(shares.max(1)) {
            0 => Err(AggregateError::TooLittle { asked: Decimal::of_micro(epsilon_micro), figures: shares }),
            share => Ok(Self { epsilon_micro, delta_femto, share, shares, touched: 1 }),
        }
    }

    /// The same where one customer may change this many samples of a figure.
    pub(in crate::policy) const fn touching(self, touched: u32) -> Self {
        Self { touched, ..self }
    }

    /// ε of the question, in millionths.
    pub const fn epsilon_micro(&self) -> u64 {
        self.epsilon_micro
    }

    /// δ of the question, in units of 10⁻¹⁵.
    pub const fn delta_femto(&self) -> u64 {
        self.delta_femto
    }

    /// What each noisy figure costs, in billionths of ρ.
    pub const fn share(&self) -> u64 {
        self.share
    }

    /// What the question costs: ρ of all its figures, and for each of them the error of the samples that one
    /// customer can change. Over one table that is one: a customer is in one group and one bucket.
    pub fn amount(&self) -> Amount {
        let shares = u64::from(self.shares);
        Amount { nano_rho: self.share * shares, atto_delta: shares * u64::from(self.touched) }
    }

    /// Whether there is noise of the width that a column needs.
    pub(super) fn is_possible(&self, column: &NoisyColumn) -> bool {
        Variance::of_price(self.share, column.sensitivity).is_ok()
    }

    /// The noise of a column.
    ///
    /// # Errors
    /// The sampler's, for noise wider than it goes.
    pub fn noise(&self, column: &NoisyColumn) -> Result<DiscreteGaussian, NoiseError> {
        DiscreteGaussian::of_price(self.share, column.sensitivity)
    }
}

/// The largest ρ, in billionths, with ε(ρ, δ/2) ≤ ε: half of δ is for this conversion, the other half for what
/// samplers and thresholds add to it. More than ε = 20 counts as 20, beyond which nothing is converted.
fn rho(epsilon_micro: u64, delta_femto: u64) -> u64 {
    let epsilon = Rational::new(epsilon_micro.min(MOST_EPSILON), 1_000_000);
    let delta = Rational::new(delta_femto, 2_000_000_000_000_000);
    match (epsilon, delta) {
        (Ok(epsilon), Ok(delta)) => rho_limit(epsilon, delta).unwrap_or(0),
        // No ε or no δ buys nothing.
        _ => 0,
    }
}

/// What a contract allows an account over its life.
pub fn lifetime(privacy: &PrivacyTerms) -> Amount {
    limit(privacy.epsilon_micro, privacy.delta_femto)
}

/// What a contract allows an account within each of its periods, if it has periods.
pub fn within(privacy: &PrivacyTerms) -> Option<Amount> {
    privacy.period.map(|period| limit(period.epsilon_micro, privacy.delta_femto))
}

/// What an owner allows over all askers of one population.
pub fn ceiling(epsilon_micro: u64, delta_femto: u64) -> Amount {
    limit(epsilon_micro, delta_femto)
}

fn limit(epsilon_micro: u64, delta_femto: u64) -> Amount {
    Amount { nano_rho: rho(epsilon_micro, delta_femto), atto_delta: delta_femto.saturating_mul(500) }
}

/// Gives a plan the ε that the question, its asker's wishes and the contract come to.
pub(in crate::policy) fn settle(
    plan: AggregatePlan,
    parsed: &Parsed,
    privacy: &PrivacyTerms,
    under: &dyn Fn() -> Under,
) -> Result<AggregatePlan, AggregateError> {
    let half_width = |epsilon: u64, delta: u64| {
        let price = Price::of(epsilon, delta, plan.shares()).ok()?;
        Some(price.noise(&plan.columns()[plan.threshold()]).ok()?.half_width95())
    };
    let (epsilon, delta) = affordable(&half_width, parsed, privacy, under)?;
    plan.priced(epsilon, delta)
}

/// The ε, in millionths, and δ, in units of 10⁻¹⁵, that the question, its asker's wishes and the contract come to.
/// `half_width` says how exact a count is for such an ε and δ; none if there is no such noise.
pub(in crate::policy) fn affordable(
    half_width: &dyn Fn(u64, u64) -> Option<u64>,
    parsed: &Parsed,
    privacy: &PrivacyTerms,
    under: &dyn Fn() -> Under,
) -> Result<(u64, u64), AggregateError> {
    let cap = privacy.per_query_epsilon_micro;
    let delta = parsed.delta().unwrap_or(privacy.delta_femto);
    if delta > privacy.delta_femto {
        let (asked, agreed) = (Decimal::of_femto(delta), Decimal::of_femto(privacy.delta_femto));
        return Err(AggregateError::DeltaAboveContract { contract: under(), asked, agreed });
    }
    let wish = parsed.wish();
    let epsilon = match (parsed.epsilon(), wish.accuracy) {
        (Some(epsilon), _) => epsilon,
        (None, Some(accuracy)) => exact_enough(&|epsilon| half_width(epsilon, delta), accuracy, cap, under)?,
        (None, None) => wish.max_epsilon.map_or(cap, |most| most.min(cap)),
    };
    if epsilon > cap {
        let (asked, cap) = (Decimal::of_micro(epsilon), Decimal::of_micro(cap));
        return Err(AggregateError::EpsilonAboveCap { contract: under(), asked, cap });
    }
    if let Some(limit) = wish.max_epsilon.filter(|limit| *limit < epsilon) {
        let (needed, limit) = (Decimal::of_micro(epsilon), Decimal::of_micro(limit));
        return Err(AggregateError::AboveOwnLimit { needed, limit });
    }
    Ok((epsilon, delta))
}

/// The smallest ε that puts a count within ± `accuracy` millionths.
fn exact_enough(
    half_width: &dyn Fn(u64) -> Option<u64>,
    accuracy: u64,
    cap: u64,
    under: &dyn Fn() -> Under,
) -> Result<u64, AggregateError> {
    let enough = |epsilon: u64| half_width(epsilon).is_some_and(|half| half <= accuracy / 1_000_000);
    if !enough(cap) {
        return Err(AggregateError::OutOfReach {
            contract: under(),
            wanted: Decimal::of_micro(accuracy),
            best: half_width(cap).unwrap_or(u64::MAX),
            cap: Decimal::of_micro(cap),
        });
    }
    let step = if cap >= EPSILON_STEP { EPSILON_STEP } else { 1 };
    // Too little stands below, enough above; the steps end at the cap.
    let (mut below, mut above) = (0, cap.div_ceil(step));
    while above - below > 1 {
        let middle = below.midpoint(above);
        if enough(middle * step) { above = middle } else { below = middle }
    }
    Ok((above * step).min(cap))
}
