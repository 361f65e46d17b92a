//! What the look-ups on shares have in common: both ends of a slab, their correlations and their randomness.
//!
//! A slab is some rows of a value that is split between the two ends. The *asker* speaks first, the *teller* has the
//! tables; each end gets a share of the result. Two attacks shape this file. A share that depends on anything but
//! inputs and seeds would make a run that was cut and taken up again another run, with other roundings of the same
//! secret values, whose difference speaks; so even the split of a product is drawn (SIGMOID-06). And
//! masks used twice for different inputs show their difference; so what is drawn is bound to the inputs (SIGMOID-07).

use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use crate::{
    ot::{Batch, Chooser, CotChooser, CotSender, Keeper, PendingCot},
    secret::Secret,
    session::PeerMisbehaved,
};

/// One end's two correlations: by one it chooses, of the other it keeps Δ. What is the chooser's at one end belongs to
/// the keeper at the other, so that either end may be the asker of any slab.
#[derive(Clone, Debug)]
pub struct Correlations {
    pub(super) chooser: Arc<Chooser<1>>,
    pub(super) keeper: Arc<Keeper<1>>,
}

impl Correlations {
    /// Of two setups, one in each direction.
    pub fn new(chooser: impl Into<Arc<Chooser<1>>>, keeper: impl Into<Arc<Keeper<1>>>) -> Self {
        Self { chooser: chooser.into(), keeper: keeper.into() }
    }
}

/// One end of a slab, waiting for a message.
pub trait Half: Sized {
    /// How many bytes the message that is due has.
    fn due(&self) -> usize;

    /// Takes it.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when it is of another length; nothing was computed from it (SIGMOID-05).
    ///
    /// # Panics
    /// When the slab's batch was used before (OT-05).
    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved>;
}

/// What came of a message.
#[must_use]
#[derive(Debug)]
pub enum Heard<S> {
    /// This has to be said, then the next message is due.
    Say(S, Vec<u8>),
    /// The slab is done: this end's shares mod 2⁶⁴, and a last message for the other end, if there is one.
    Done {
        /// What has to be said.
        say: Option<Vec<u8>>,
        /// This end's shares.
        shares: Vec<u64>,
    },
}

/// How many stage numbers of a [`Batch`] a slab may use: its own and those that follow.
pub const STAGES: u16 = 8;

/// The batch of a part of a slab.
pub(super) const fn part(batch: Batch, number: u16) -> Batch {
    // Invariant: the stages are the protocol's own numbers, far from the end of u16; a wrap would be a batch used
    // twice, which stops the program (OT-05).
    Batch { stage: batch.stage.wrapping_add(number), slab: batch.slab }
}

/// Everything random of one end of one slab.
pub(super) struct Draws(Secret<[u8; 32]>);

impl Draws {
    /// SIGMOID-07: of the seed, what it is for, and what is under the masks.
    pub(super) fn new(seed: &Secret<[u8; 32]>, end: &str, inputs: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(seed.expose());
        hasher.update(end.as_bytes());
        inputs.iter().for_each(|input| _ = hasher.update(&input.to_le_bytes()));
        Self(Secret::new(hasher.finalize().into()))
    }

    /// A stream for one purpose.
    pub(super) fn stream(&self, purpose: &str) -> ChaCha20Rng {
        let seed = Zeroizing::new(*blake3::keyed_hash(self.0.expose(), purpose.as_bytes()).as_bytes());
        ChaCha20Rng::from_seed(*seed)
    }

    /// Uniform words.
    pub(super) fn words(&self, purpose: &str, count: usize) -> Vec<u64> {
        let mut bytes = Zeroizing::new(vec![0; 8 * count]);
        self.stream(purpose).fill_bytes(&mut bytes);
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    }

    /// Uniform words of 32 bits.
    pub(super) fn halves(&self, purpose: &str, count: usize) -> Vec<u32> {
        let mut bytes = Zeroizing::new(vec![0; 4 * count]);
        self.stream(purpose).fill_bytes(&mut bytes);
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }
}

/// Bytes of a [`Product`]'s answer for each bit: two words.
pub(super) const PRODUCT: usize = 16;

/// Bytes of a bit that is chosen by.
pub(super) const BIT: usize = 4;

/// Bit × word where the sender draws its share: what the chooser needs beyond the transfer is the difference
/// of the drawn share and the one the transfer gave, which is uniform to it (SIGMOID-06).
pub(super) struct Product(Box<PendingCot>, usize);

impl Product {
    /// The chooser's message.
    pub(super) fn choose(correlations: &Correlations, batch: Batch, bits: &[u8]) -> (Self, Vec<u8>) {
        let (message, pending) = CotChooser::new(correlations.chooser.clone()).choose(batch, bits);
        (Self(Box::new(pending), bits.len()), message)
    }

    /// How long the answer is.
    pub(super) const fn due(&self) -> usize {
        PRODUCT * self.1
    }

    /// The sender's message: afterwards its share of each bit × word is what it drew.
    pub(super) fn answer(
        correlations: &Correlations,
        batch: Batch,
        words: &[u64],
        drawn: &[u64],
        message: &[u8],
    ) -> Result<Vec<u8>, PeerMisbehaved> {
        let sender = CotSender::new(correlations.keeper.clone());
        let (shares, mut answer) = sender.answer(batch, 1, words, message)?;
        answer.extend(
            shares.iter().zip(drawn).flat_map(|(share, drawn)| share.wrapping_sub(*drawn).to_le_bytes()),
        );
        Ok(answer)
    }

    /// The chooser's shares.
    pub(super) fn open(self, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let (transfer, moved) = message.split_at(message.len() / 2);
        let mut shares = self.0.open(1, transfer)?;
        for (share, moved) in shares.iter_mut().zip(moved.as_chunks::<8>().0) {
            *share = share.wrapping_add(u64::from_le_bytes(*moved));
        }
        Ok(shares)
    }
}

/// SIGMOID-05: a message has the length that both ends compute, or nothing is computed from it.
pub(super) const fn exactly(expected: usize, message: &[u8]) -> Result<(), PeerMisbehaved> {
    if message.len() == expected {
        Ok(())
    } else {
        Err(PeerMisbehaved::CountDiffers { expected, got: message.len() })
    }
}

/// Where the binary point of a shared value is, and how far the value may be from 0.
///
/// The value is z = (a + b) / 2^`fraction` for shares a and b that need to be right only mod
/// 2^(`fraction` + `reach` + 1), and |z| < 2^`reach`. Beyond that it wraps (SIGMOID-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Bits behind the point.
    pub fraction: u32,
    /// log₂ of the first |z| that does not fit.
    pub reach: u32,
}

#[cfg(test)]
pub(super) mod tests;
