//! Bit ∧ word: the chooser has a bit b, the sender a word w; afterwards they have words whose exclusive or is w
//! if b = 1, and 0 if not (OT-13).
//!
//! As [`correlated`](super::correlated), with exclusive or instead of addition: for words that are lists of bits. The sender
//! keeps H(q) and sends H(q) ⊕ H(q ⊕ Δ) ⊕ w. The attack it stops: learning w with b = 0, or anything but the
//! share with b = 1.

use std::sync::Arc;

use super::{
    block::Hash,
    lookup::REKEY,
    vole::{Batch, Chooser, Keeper, Symbols, due},
};
use crate::session::PeerMisbehaved;

/// Tells the hash's keys for conjunctions from all others.
const USE: u128 = 4 << 120;

/// Bits that were sent and not answered yet.
#[must_use]
pub struct PendingConjunction {
    bits: Vec<u8>,
    pads: Vec<u64>,
}

/// The message for a batch of bits (the lowest bit of each), 4 bytes a bit.
///
/// # Panics
/// When the batch was used for bits before (OT-05).
pub fn conjoin(chooser: &Arc<Chooser<1>>, batch: Batch, bits: &[u8]) -> (Vec<u8>, PendingConjunction) {
    let (message, rows) = chooser.encode_bits(batch, bits);
    (message, PendingConjunction { bits: bits.to_vec(), pads: pads(&chooser.hash(), batch, rows) })
}

/// The sender's shares and its message of 8 bytes a bit, from the chooser's.
///
/// # Errors
/// [`PeerMisbehaved::CountDiffers`] when the message is not that of as many bits as there are words.
///
/// # Panics
/// When the batch was used for bits before (OT-05).
pub fn answer_conjunction(
    keeper: &Arc<Keeper<1>>,
    batch: Batch,
    words: &[u64],
    message: &[u8],
) -> Result<(Vec<u64>, Vec<u8>), PeerMisbehaved> {
    let rows = keeper.bit_rows(batch, words.len(), message)?;
    let (hash, delta) = (keeper.hash(), keeper.delta());
    let moved = pads(&hash, batch, rows.iter().map(|row| row ^ delta).collect());
    let shares = pads(&hash, batch, rows);
    let told = shares.iter().zip(&moved).zip(words);
    let answer = told.flat_map(|((share, other), word)| (share ^ other ^ word).to_le_bytes()).collect();
    Ok((shares, answer))
}

impl PendingConjunction {
    /// The chooser's shares, from the sender's message.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    pub fn open(self, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
        due(self.bits.len(), 8, message)?;
        let told = message.as_chunks::<8>().0.iter().zip(&self.bits);
        let open = |(pad, (told, bit)): (u64, (&[u8; 8], &u8))| {
            pad ^ (u64::from_le_bytes(*told) & u64::from(bit & 1).wrapping_neg())
        };
        Ok(self.pads.into_iter().zip(told).map(open).collect())
    }
}

/// H(row), 64 bits of it.
fn pads(hash: &Hash, batch: Batch, mut rows: Vec<u128>) -> Vec<u64> {
    for (part, rows) in (0u128..).zip(rows.chunks_mut(REKEY)) {
        hash.at(USE | batch.counter(Symbols::Bits) | part).hash(rows);
    }
    rows.into_iter().map(|row| row as u64).collect()
}
