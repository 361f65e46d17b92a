//! OT-09, bit × words: the chooser has a bit b, the sender words w₁ … w_W; afterwards they have words mod 2⁶⁴ that
//! add up to b·w₁ … b·w_W.
//!
//! The sender's q = v ⊕ b·Δ gives it both H(q) and H(q ⊕ Δ), the chooser has H(v), which is the b-th of
//! them. The sender keeps −H(q) and sends H(q) − H(q ⊕ Δ) + w: to the chooser that is uniform if b = 0, and
//! if b = 1 it turns its H(v) into H(q) + w (Asharov, Lindell, Schneider and Zohner, CCS 2013, for the form;
//! Roy 2022 for the rows). The attack it stops: learning w with b = 0, or anything but the share with b = 1.

use std::sync::Arc;

use super::{
    block::Hash,
    lookup::REKEY,
    vole::{Batch, Chooser, Keeper, Symbols, due},
};
use crate::session::PeerMisbehaved;

/// Tells the hash's keys for correlated transfers from all others.
const USE: u128 = 2 << 120;

/// Where bit × words comes from. A silent correlation (Boyle et al. 2019; Raghuraman, Rindal and Tanguy
/// 2023) would be another implementation; nothing else in a protocol would change.
pub trait CorrelatedOt {
    /// The end with bits.
    type Chooser: Sync;
    /// The end with words.
    type Sender: Sync;
    /// What the chooser keeps until the answer.
    type Pending;

    /// The message for a batch of bits (the lowest bit of each).
    ///
    /// # Panics
    /// When the batch was used before.
    fn choose(chooser: &Self::Chooser, batch: Batch, bits: &[u8]) -> (Vec<u8>, Self::Pending);

    /// The sender's shares of bit × words, and its message. `words` are `width` for each bit, next to each
    /// other.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is not that of `words.len() / width` bits.
    ///
    /// # Panics
    /// When `width` is 0 or `words` no multiple of it, or the batch was used before.
    fn answer(
        sender: &Self::Sender,
        batch: Batch,
        width: usize,
        words: &[u64],
        message: &[u8],
    ) -> Result<(Vec<u64>, Vec<u8>), PeerMisbehaved>;

    /// The chooser's shares, `width` for each bit.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When `width` is 0.
    fn open(pending: Self::Pending, width: usize, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved>;
}

/// Small-field VOLE over GF(16) with bits as codes.
#[derive(Clone, Copy, Debug)]
pub struct SoftSpoken;

impl CorrelatedOt for SoftSpoken {
    type Chooser = CotChooser;
    type Sender = CotSender;
    type Pending = PendingCot;

    fn choose(chooser: &CotChooser, batch: Batch, bits: &[u8]) -> (Vec<u8>, PendingCot) {
        chooser.choose(batch, bits)
    }

    fn answer(
        sender: &CotSender,
        batch: Batch,
        width: usize,
        words: &[u64],
        message: &[u8],
    ) -> Result<(Vec<u64>, Vec<u8>), PeerMisbehaved> {
        sender.answer(batch, width, words, message)
    }

    fn open(pending: PendingCot, width: usize, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
        pending.open(width, message)
    }
}

/// The end with bits.
#[derive(Clone)]
pub struct CotChooser(Arc<Chooser<1>>);

/// The end with words.
#[derive(Clone)]
pub struct CotSender(Arc<Keeper<1>>);

/// Bits that were sent and not answered yet.
#[must_use]
pub struct PendingCot {
    batch: Batch,
    hash: Hash,
    bits: Vec<u8>,
    rows: Vec<u128>,
}

impl CotChooser {
    /// On a correlation that may serve other uses too.
    pub fn new(chooser: impl Into<Arc<Chooser<1>>>) -> Self {
        Self(chooser.into())
    }

    /// The message, 4 bytes a bit; only the lowest bit of each of `bits` counts.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn choose(&self, batch: Batch, bits: &[u8]) -> (Vec<u8>, PendingCot) {
        let (message, rows) = self.0.encode_bits(batch, bits);
        (message, PendingCot { batch, hash: self.0.hash(), bits: bits.to_vec(), rows })
    }
}

impl PendingCot {
    /// This end's shares, `width` for each bit, from the sender's message of 8·width bytes a bit.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When `width` is 0.
    pub fn open(self, width: usize, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
        // Invariant: how many words a bit has is the protocol's, never the peer's.
        assert!(width > 0, "at least one word a bit");
        due(self.bits.len().saturating_mul(width), 8, message)?;
        let mut shares = vec![0; self.bits.len() * width];
        let mut blocks = [0; REKEY];
        let parts = self.rows.chunks(REKEY).zip(shares.chunks_mut(REKEY * width));
        for (part, (rows, shares)) in (0..).zip(parts) {
            expand(&self.hash, self.batch, part, rows, &mut blocks, width, shares);
        }
        let told = message.as_chunks::<8>().0;
        for row in 0..self.bits.len() {
            let mask = u64::from(self.bits[row] & 1).wrapping_neg();
            for at in row * width..(row + 1) * width {
                shares[at] = shares[at].wrapping_add(u64::from_le_bytes(told[at]) & mask);
            }
        }
        Ok(shares)
    }
}

impl CotSender {
    /// On a correlation that may serve other uses too.
    pub fn new(keeper: impl Into<Arc<Keeper<1>>>) -> Self {
        Self(keeper.into())
    }

    /// This end's shares and its message of 8·width bytes a bit, from the chooser's. `words` are `width`
    /// for each bit, next to each other.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is not that of `words.len() / width` bits.
    ///
    /// # Panics
    /// When `width` is 0 or `words` no multiple of it, or the batch was used for bits before (OT-05).
    pub fn answer(
        &self,
        batch: Batch,
        width: usize,
        words: &[u64],
        message: &[u8],
    ) -> Result<(Vec<u64>, Vec<u8>), PeerMisbehaved> {
        // Invariant: the words are the caller's own, so many for each bit.
        assert!(width > 0 && words.len().is_multiple_of(width), "whole rows of words");
        let count = words.len() / width;
        let rows = self.0.bit_rows(batch, count, message)?;
        let (hash, delta) = (self.0.hash(), self.0.delta());
        let mut shares = vec![0; words.len()];
        let mut answer = vec![0; 8 * words.len()];
        let (mut moved, mut blocks) = ([0; REKEY], [0; REKEY]);
        let mut other = vec![0; REKEY * width];
        let parts = rows.chunks(REKEY).zip(shares.chunks_mut(REKEY * width));
        let parts = parts.zip(words.chunks(REKEY * width).zip(answer.chunks_mut(8 * REKEY * width)));
        for (part, ((rows, shares), (words, answer))) in (0..).zip(parts) {
            let (moved, other) = (&mut moved[..rows.len()], &mut other[..words.len()]);
            for at in 0..rows.len() {
                moved[at] = rows[at] ^ delta;
            }
            expand(&hash, batch, part, rows, &mut blocks, width, shares);
            expand(&hash, batch, part, moved, &mut blocks, width, other);
            let answer = answer.as_chunks_mut::<8>().0;
            for at in 0..words.len() {
                answer[at] = shares[at].wrapping_sub(other[at]).wrapping_add(words[at]).to_le_bytes();
                shares[at] = shares[at].wrapping_neg();
            }
        }
        Ok((shares, answer))
    }
}

/// H(row), expanded to `width` words for each row: two words a block, each block under a key of its own.
fn expand(
    hash: &Hash,
    batch: Batch,
    part: usize,
    rows: &[u128],
    blocks: &mut [u128; REKEY],
    width: usize,
    out: &mut [u64],
) {
    let blocks = &mut blocks[..rows.len()];
    for block in 0..width.div_ceil(2) {
        blocks.copy_from_slice(rows);
        hash.at(place(batch, part, block)).hash(blocks);
        for half in 0..(width - 2 * block).min(2) {
            let first = 2 * block + half;
            for row in 0..rows.len() {
                out[row * width + first] = (blocks[row] >> (64 * half)) as u64;
            }
        }
    }
}

/// The hash's key for a block of the expansion of a part of a batch.
const fn place(batch: Batch, part: usize, block: usize) -> u128 {
    USE | batch.counter(Symbols::Bits) | ((block as u128) << 40) | part as u128
}
