//! What a round adds up: how many entries, how large each may be, and the noise that goes with it.

use super::{LEAST, MOST};
use crate::{
    noise::{DiscreteGaussian, NoiseError, Variance},
    secret::Secret,
    transcript::Transcript,
};

/// Entries of one kind, side by side in the vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How many.
    pub entries: usize,
    /// The most that one trainer's entry can be in magnitude, before noise, whatever its rows.
    pub bound: u64,
    /// The noise in the sum of each entry.
    pub noise: Option<PartNoise>,
}

/// Noise over all entries of a part together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartNoise {
    /// What the part costs, in billionths of ρ.
    pub nano_rho: u64,
    /// By how much one row changes the part at most, as a Euclidean norm over its entries.
    pub sensitivity: u64,
}

/// Why a vector cannot be summed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// More than 2²⁰ entries.
    #[error("a sum has at most 2^20 entries")]
    TooLong,
    /// As many trainers as there cannot be, or fewer than one whose noise counts.
    #[error("no such number of trainers")]
    Trainers,
    /// A sum could pass 2⁶².
    #[error("a sum could overflow")]
    MayOverflow,
    /// There is no noise of this width.
    #[error("there is no such noise")]
    Noise(#[source] NoiseError),
    /// A vector of another length, or with an entry beyond its bound.
    #[error("the vector is not of the shape of this round")]
    Vector,
}

/// The most entries: 8 MiB.
const MOST_ENTRIES: usize = 1 << 20;

/// The vector of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    parts: Vec<Part>,
    /// The most that a trainer's share of the noise can be, a part.
    reach: Vec<u64>,
    trainers: usize,
    honest: usize,
}

impl Shape {
    /// A vector of these parts, from so many trainers, of whom `honest` add noise that nobody else knows.
    ///
    /// # Errors
    /// [`ShapeError`].
    pub fn new(parts: Vec<Part>, trainers: usize, honest: usize) -> Result<Self, ShapeError> {
        if parts.iter().map(|part| part.entries).fold(0, usize::saturating_add) > MOST_ENTRIES {
            return Err(ShapeError::TooLong);
        }
        if !(LEAST..=MOST).contains(&trainers) || honest == 0 || honest > trainers {
            return Err(ShapeError::Trainers);
        }
        let mut reach = Vec::with_capacity(parts.len());
        for part in &parts {
            let noise =
                part.noise.map(|noise| share(noise, honest)).transpose().map_err(ShapeError::Noise)?;
            let most = noise.map_or(0, |noise| noise.bound());
            // LEARNH-03: K·(bound + noise) < 2⁶², so no sum of honest vectors wraps.
            let sum = (u128::from(part.bound) + u128::from(most)) * trainers as u128;
            if sum >= 1 << 62 {
                return Err(ShapeError::MayOverflow);
            }
            reach.push(most);
        }
        Ok(Self { parts, reach, trainers, honest })
    }

    /// Nothing to add up: a round of this shape only confirms that all have seen the same sums (LEARNH-12).
    pub const fn closing(trainers: usize) -> Self {
        Self { parts: Vec::new(), reach: Vec::new(), trainers, honest: trainers }
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.parts.iter().map(|part| part.entries).sum()
    }

    /// How many trainers there are in the roster.
    pub const fn trainers(&self) -> usize {
        self.trainers
    }

    /// Whether these numbers, before noise, are within the bounds.
    pub fn allows(&self, exact: &[i64]) -> bool {
        self.within(exact, |part, _| part.bound)
    }

    /// LEARNH-03: whether so many trainers' vectors, with noise, can come to these sums.
    pub(super) fn allows_sum(&self, sum: &[i64], survivors: usize) -> bool {
        self.within(sum, |part, reach| (part.bound + reach) * survivors as u64)
    }

    fn within(&self, values: &[i64], limit: impl Fn(&Part, u64) -> u64) -> bool {
        let limits = self
            .parts
            .iter()
            .zip(&self.reach)
            .flat_map(|(part, reach)| std::iter::repeat_n(limit(part, *reach), part.entries));
        values.len() == self.entries()
            && values.iter().zip(limits).all(|(value, limit)| value.unsigned_abs() <= limit)
    }

    /// σ of the noise that is in the sum of this part at least; 0 if there is none.
    pub fn deviation(&self, part: usize) -> f64 {
        let noise = self.parts.get(part).and_then(|part| part.noise);
        let variance = noise.and_then(|noise| Variance::of_price(noise.nano_rho, noise.sensitivity).ok());
        variance.map_or(0.0, |variance| (variance.num() as f64 / variance.den() as f64).sqrt())
    }

    /// What one trainer adds to each entry of this part; nothing if there is no noise.
    pub fn share(&self, part: usize) -> Option<DiscreteGaussian> {
        let noise = self.parts.get(part)?.noise?;
        share(noise, self.honest).ok()
    }

    /// Bytes that one trainer sends and receives in a round of this shape, envelopes left out.
    pub fn bytes(&self, trainers: usize) -> u64 {
        let (entries, k) = (8 * self.entries() as u64, trainers as u64);
        // Vector and sum; boxes both ways; commitments, consents both ways, opened shares; heads of seven messages.
        2 * entries + 2 * (k - 1) * (8 + 32 * k + 16) + 32 * k + 64 * k + 32 * k + 6 * 56
    }

    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        transcript.absorb("trainers", &(self.trainers as u64).to_le_bytes());
        transcript.absorb("honest", &(self.honest as u64).to_le_bytes());
        for part in &self.parts {
            transcript.absorb("entries", &(part.entries as u64).to_le_bytes());
            transcript.absorb("bound", &part.bound.to_le_bytes());
            if let Some(noise) = part.noise {
                transcript.absorb("price", &noise.nano_rho.to_le_bytes());
                transcript.absorb("sensitivity", &noise.sensitivity.to_le_bytes());
            }
        }
    }
}

/// LEARNH-22: a trainer's share of the noise: σ²/honest, so that those who stay and are honest have σ² together.
fn share(noise: PartNoise, honest: usize) -> Result<DiscreteGaussian, NoiseError> {
    let whole = Variance::of_price(noise.nano_rho, noise.sensitivity)?;
    let den = whole.den() * honest as u128;
    // Sums of narrower ones are not close enough to one discrete Gaussian; a finer grid makes them wide.
    if whole.num() < 9 * den {
        return Err(NoiseError::VarianceOutOfRange);
    }
    DiscreteGaussian::new(Variance::new(whole.num(), den)?)
}

/// One trainer's vector with its noise: what may be masked and sent.
///
/// There is no other way to make one, so noise cannot be forgotten.
#[derive(Clone)]
pub struct Contribution {
    pub(super) entries: Vec<i64>,
}

impl std::fmt::Debug for Contribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contribution({} entries)", self.entries.len())
    }
}

impl Contribution {
    /// LEARNH-03, LEARNH-23: checks the numbers and adds our share of the noise, drawn from our node's noise seed, the
    /// job and the round: the same round run again has the same noise, so that nothing is averaged away.
    ///
    /// # Errors
    /// [`ShapeError::Vector`] for a number beyond its bound; [`ShapeError::Noise`].
    pub fn new(
        shape: &Shape,
        mut exact: Vec<i64>,
        noise_seed: &Secret<[u8; 32]>,
        job: &[u8; 32],
        round: u32,
    ) -> Result<Self, ShapeError> {
        if !shape.allows(&exact) {
            return Err(ShapeError::Vector);
        }
        let mut rest = &mut exact[..];
        for (number, part) in shape.parts.iter().enumerate() {
            let (entries, after) = rest.split_at_mut(part.entries);
            rest = after;
            if let Some(noise) = part.noise {
                let sampler = share(noise, shape.honest).map_err(ShapeError::Noise)?;
                let mut hash = blake3::Hasher::new_keyed(noise_seed.expose());
                hash.update(b"tacit learn-horizontal/1 noise").update(job).update(&round.to_le_bytes());
                hash.update(&(number as u32).to_le_bytes());
                let seed = Secret::new(hash.finalize().into());
                let samples = sampler.samples(&seed, part.entries);
                entries.iter_mut().zip(samples).for_each(|(entry, noise)| *entry += noise);
            }
        }
        Ok(Self { entries: exact })
    }

    /// The numbers, for tests that add them up without masks.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> &[i64] {
        &self.entries
    }
}
