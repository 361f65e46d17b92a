//! The owner's last step: noise, and what is too small to show.
//!
//! The attack it stops is the whole point of the noise: whoever holds the answer and knows all customers but one
//! learns nearly nothing of that one. So every integer of every group gets a fresh sample, of groups without
//! customers too, before anything else is done with it; and what hides a small group is its noisy count, not its
//! exact one.

use ring::rand::{SecureRandom, SystemRandom};
use tacit_protocol::{aggregate::Figures, noise::DiscreteGaussian, secret::Secret};

use super::ReleaseError;
use crate::{policy::AggregatePlan, scan::Exact};

/// Adds noise to exact figures, from fresh randomness of the operating system, and hides small groups.
///
/// # Errors
/// [`ReleaseError::Noise`], [`ReleaseError::NoRandomness`]; neither depends on the figures.
pub fn noisy(plan: &AggregatePlan, exact: Exact) -> Result<Figures, ReleaseError> {
    let noises = noises(plan)?;
    let seeds = noises.iter().map(|_| {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| ReleaseError::NoRandomness)?;
        Ok(Secret::new(seed))
    });
    let seeds: Vec<Secret<[u8; 32]>> = seeds.collect::<Result<_, ReleaseError>>()?;
    Ok(with_noise(plan, exact.as_slice(), &noises, &seeds))
}

/// The sampler of each column.
pub(super) fn noises(plan: &AggregatePlan) -> Result<Vec<DiscreteGaussian>, ReleaseError> {
    plan.columns().iter().map(|column| plan.price().noise(column).map_err(ReleaseError::Noise)).collect()
}

/// Adds the noise of a seed to each column, in all groups, and hides the small ones.
pub(super) fn with_noise(
    plan: &AggregatePlan,
    exact: &[i64],
    noises: &[DiscreteGaussian],
    seeds: &[Secret<[u8; 32]>],
) -> Figures {
    let (groups, width) = (plan.cells(), plan.columns().len());
    let mut figures = exact.to_vec();
    for (place, (noise, seed)) in noises.iter().zip(seeds).enumerate() {
        let integers = figures.iter_mut().skip(place).step_by(width);
        // Below 2⁶² and 2⁵⁵: no overflow.
        integers.zip(noise.samples(seed, groups)).for_each(|(integer, sample)| *integer += sample);
    }
    Figures::new(hidden(plan, &figures))
}

/// Hides what stands on fewer customers than the contract shows.
pub(super) fn hidden(plan: &AggregatePlan, noisy: &[i64]) -> Vec<Option<i64>> {
    let guards: Vec<usize> = (0..plan.columns().len()).map(|column| plan.guard(column)).collect();
    let group = |integers: &[i64]| {
        let large = |guard: usize| integers[guard] >= i64::from(plan.min_group());
        let threshold = large(plan.threshold());
        let shown = integers
            .iter()
            .zip(&guards)
            .map(|(integer, guard)| Some(*integer).filter(|_| threshold && large(*guard)));
        shown.collect::<Vec<_>>()
    };
    noisy.chunks(guards.len().max(1)).flat_map(group).collect()
}
