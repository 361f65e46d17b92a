//! A side's noise for figures over an overlap, and what is made of them when they are opened.
//!
//! The attack it stops is half a noise. Who receives the figures knows what it added itself and takes it away again;
//! so each side whose customers the other learns of adds a whole noise, made for its own customers, and no side
//! counts on what the other adds (privacy test 27).

use ring::rand::{SecureRandom, SystemRandom};
use tacit_protocol::{aggregate::Figures, noise::DiscreteGaussian, secret::Secret};

use super::{ReleaseError, figures::hidden};
use crate::policy::{JoinPlan, Party, Roles};

/// The noise that a party adds to everything that the protocol opens, in the protocol's order, from fresh randomness
/// of the operating system; none if the other side learns nothing.
///
/// # Errors
/// [`ReleaseError::Noise`], [`ReleaseError::NoRandomness`]; neither depends on data.
pub fn join_noise(
    plan: &JoinPlan,
    party: Party,
    roles: &Roles,
) -> Result<Option<Secret<Vec<i64>>>, ReleaseError> {
    if !plan.adds_noise(party) {
        return Ok(None);
    }
    let noises = plan.noises(party, roles).map_err(ReleaseError::Noise)?;
    let seeds = noises.iter().map(|_| {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| ReleaseError::NoRandomness)?;
        Ok(Secret::new(seed))
    });
    let seeds: Vec<Secret<[u8; 32]>> = seeds.collect::<Result<_, ReleaseError>>()?;
    Ok(Some(noise_of(plan, &noises, &seeds)))
}

/// The noise of these seeds, one for each integer of a group.
pub(super) fn noise_of(
    plan: &JoinPlan,
    noises: &[DiscreteGaussian],
    seeds: &[Secret<[u8; 32]>],
) -> Secret<Vec<i64>> {
    let cells = plan.figures().cells();
    let mut all = vec![0; cells * noises.len()];
    for (place, (noise, seed)) in noises.iter().zip(seeds).enumerate() {
        let samples = noise.samples(seed, cells);
        all.iter_mut().skip(place).step_by(noises.len()).zip(samples).for_each(|(to, sample)| *to = sample);
    }
    Secret::new(all)
}

/// The largest magnitude of one side's noise, for each integer of a group in the protocol's order: what the protocol
/// holds both sides to.
///
/// # Errors
/// [`ReleaseError::Noise`]
pub fn most_noise(plan: &JoinPlan, roles: &Roles) -> Result<Vec<u64>, ReleaseError> {
    let mut most = vec![0; plan.opened_of_a_group()];
    for party in Party::BOTH.into_iter().filter(|party| plan.adds_noise(*party)) {
        let noises = plan.noises(party, roles).map_err(ReleaseError::Noise)?;
        most.iter_mut().zip(&noises).for_each(|(most, noise)| *most = noise.bound().max(*most));
    }
    Ok(most)
}

/// The figures of what the protocol opened, those of small groups hidden. Who receives them could look: what is hidden
/// is so for people, not for privacy, which the noise alone protects.
///
/// # Errors
/// [`ReleaseError::NotAsPlanned`] if they are not as many as the plan has.
pub fn opened(plan: &JoinPlan, roles: &Roles, opened: &[i64]) -> Result<Figures, ReleaseError> {
    let noisy = plan.of_opened(roles, opened).ok_or(ReleaseError::NotAsPlanned)?;
    Ok(Figures::new(hidden(plan.figures(), &noisy)))
}
