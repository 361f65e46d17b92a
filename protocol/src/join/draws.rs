//! Everything random of one end of one run, from its seed.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::{
    message::Role,
    params::{NAME, Params},
    stage::Stage,
};
use crate::{secret::Secret, transcript::Transcript};

/// Expands the seed: a seed of its own for each purpose. The seed is hashed with session and role first, so that one
/// used twice by mistake, or the same one at both ends, does not repeat a mask (JOIN-07).
pub(super) struct Draws(Secret<[u8; 32]>);

impl Draws {
    pub(super) fn new(seed: &Secret<[u8; 32]>, params: &Params, role: Role) -> Self {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("draws of", role.name().as_bytes());
        transcript.absorb("session", params.session().as_bytes());
        transcript.absorb("seed", seed.expose());
        Self(Secret::new(transcript.hash()))
    }

    /// The seed for one purpose, and one of several of its kind.
    pub(super) fn seed(&self, purpose: &str, number: u32) -> Secret<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_keyed(self.0.expose());
        hasher.update(&number.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Secret::new(hasher.finalize().into())
    }

    /// Uniform bytes for a slab's stage.
    pub(super) fn bytes(&self, stage: Stage, slab: u32, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        ChaCha20Rng::from_seed(*self.seed(stage.name(), slab).expose()).fill_bytes(&mut bytes);
        bytes
    }

    /// Uniform bits for a slab's stage, one a byte.
    pub(super) fn bits(&self, stage: Stage, slab: u32, count: usize) -> Vec<u8> {
        let packed = self.bytes(stage, slab, count.div_ceil(8));
        (0..count).map(|at| packed[at / 8] >> (at % 8) & 1).collect()
    }

    /// Uniform words for a slab's stage.
    pub(super) fn words(&self, stage: Stage, slab: u32, count: usize) -> Vec<u64> {
        let bytes = self.bytes(stage, slab, 8 * count);
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    }
}
