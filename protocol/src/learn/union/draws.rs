//! Everything random of one end of one run.

use chacha20::ChaCha20Rng;
use curve25519_dalek::Scalar;
use rand_core::{Rng, SeedableRng};

use super::{
    message::Role,
    params::{NAME, Params},
};
use crate::{
    psi::{below, scalar_from},
    secret::Secret,
    transcript::Transcript,
};

/// What a stream is for. Two uses of one stream would let an end link two of the lists that it is to keep apart.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// The key under which sets are compared.
    Compare,
    /// The key of the places.
    Place,
    /// The key under which is asked.
    Ask,
    /// Dummies of this end alone.
    Dummies,
    /// Which dummies of the pool are shared.
    Pool,
    /// The order of the own items.
    Own,
    /// The order in which the peer's items go back to it.
    Back,
    /// The order in which is asked.
    Asks,
}

/// Expanded from the end's seed by ChaCha20 (RFC 8439): one stream a use (UNION-06). The seed is hashed with session
/// and role first, so that the same seed at both ends, or in two sessions, does not repeat a key.
pub(super) struct Draws(Secret<[u8; 32]>);

impl Draws {
    pub(super) fn new(seed: &Secret<[u8; 32]>, params: &Params, role: Role) -> Self {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("draws of", role.name().as_bytes());
        transcript.absorb("session", params.session().as_bytes());
        transcript.absorb("seed", seed.expose());
        Self(Secret::new(transcript.hash()))
    }

    fn stream(&self, purpose: Use) -> ChaCha20Rng {
        let mut stream = ChaCha20Rng::from_seed(*self.0.expose());
        stream.set_stream(purpose as u64);
        stream
    }

    /// A key, not 0.
    pub(super) fn key(&self, purpose: Use) -> Secret<Scalar> {
        scalar_from(&mut self.stream(purpose))
    }

    /// Items that nobody else has.
    pub(super) fn dummies(&self, count: u32) -> Secret<Vec<[u8; 32]>> {
        let mut dummies = vec![[0; 32]; count as usize];
        self.stream(Use::Dummies).fill_bytes(dummies.as_flattened_mut());
        Secret::new(dummies)
    }

    /// Fisher–Yates over 0, …, count − 1.
    pub(super) fn order(&self, purpose: Use, count: u32) -> Vec<u32> {
        let mut stream = self.stream(purpose);
        let mut order: Vec<u32> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last as usize, below(&mut stream, last + 1) as usize);
        }
        order
    }
}
