//! Everything random of one end of one job, from the job's secret.
//!
//! LEARNV-13. A run that was cut and goes on must end with the same model bit for bit, so nothing here depends on the
//! session. The attack this opens: a peer that cuts a round, asks again with other halves, and gets its answers under
//! the same masks; the difference of two answers is our columns. So everything that hides is bound to what it hides:
//! the randomness of an encryption to the numbers encrypted, masks and floods to the peer's whole question. The
//! same question gets the same bytes, another one gets other masks.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::{
    params::{NAME, Params, Party},
    share::MASK,
};
use crate::{secret::Secret, transcript::Transcript};

/// Expands the secret: a seed of its own for each purpose.
pub(super) struct Draws(Secret<[u8; 32]>);

impl Draws {
    /// The secret is hashed with terms and part first, so that the same one at both ends, or in two jobs, repeats no mask.
    pub(super) fn new(secret: &Secret<[u8; 32]>, params: &Params, purpose: &[u8], party: Party) -> Self {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("draws of", party.name().as_bytes());
        transcript.absorb("for", purpose);
        transcript.absorb("terms", &params.terms());
        transcript.absorb("secret", secret.expose());
        Self(Secret::new(transcript.hash()))
    }

    /// The seed for one purpose of a round, and one of several of its kind, bound to `content`.
    pub(super) fn seed(
        &self,
        purpose: &str,
        round: u16,
        number: u32,
        content: &[u8; 32],
    ) -> Secret<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_keyed(self.0.expose());
        hasher.update(&round.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(content);
        hasher.update(purpose.as_bytes());
        Secret::new(hasher.finalize().into())
    }

    /// The hash of numbers that are secret: under the secret, so that it is no hash of them for anybody else.
    pub(super) fn digest(&self, numbers: &[u64]) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_keyed(self.0.expose());
        hasher.update(b"digest");
        numbers.iter().for_each(|number| {
            hasher.update(&number.to_le_bytes());
        });
        Zeroizing::new(hasher.finalize().into())
    }
}

/// Uniform halves.
pub(super) fn masks(seed: &Secret<[u8; 32]>, count: usize) -> Zeroizing<Vec<u64>> {
    let mut stream = ChaCha20Rng::from_seed(*seed.expose());
    Zeroizing::new((0..count).map(|_| stream.next_u64() & MASK).collect())
}
