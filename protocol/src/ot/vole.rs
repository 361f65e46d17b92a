//! Small-field VOLE over GF(16): SoftSpokenOT (Roy, *SoftSpokenOT: Quieter OT Extension from Small-Field
//! Silent VOLE in the Minicrypt Model*, CRYPTO 2022, eprint 2022/192, section 3.1), semi-honest.
//!
//! OT-07: q = v ⊕ code⊙Δ. For each of 32·G columns the [`Chooser`] knows sixteen seeds r₀ … r₁₅ and the [`Keeper`] all but r_Δ. With
//! u = Σ rₓ and v = Σ x·rₓ the chooser sends code − u, and the keeper has Σ (Δ − x)·rₓ = Δ·u − v without
//! r_Δ, so in the end q = v + code·Δ. What this stops: u has r_Δ in it, which the keeper lacks, so the
//! message is uniform to it; the chooser never learns Δ.
//!
//! Rows are made 512 at a time, and any [`Batch`] may be made at any time: counter mode has no order.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use zeroize::Zeroize;

use super::{
    block::{Engine, Hash, Streams},
    field,
    piece::{PIECE, Piece},
};
use crate::session::PeerMisbehaved;

/// Which part of the correlation: both ends use each of them once, in any order (OT-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Batch {
    /// What it is for, as the caller numbers its uses.
    pub stage: u16,
    /// Which part of that.
    pub slab: u32,
}

/// The subfield that codes are in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symbols {
    Nibbles,
    Bits,
}

impl Batch {
    /// Where the batch begins in a stream; no two begin within 2⁶⁴ blocks of each other.
    pub(super) const fn counter(self, symbols: Symbols) -> u128 {
        let symbols = match symbols {
            Symbols::Nibbles => 0u128,
            Symbols::Bits => 1,
        };
        (symbols << 112) | ((self.stage as u128) << 96) | ((self.slab as u128) << 64)
    }
}

/// Batches that were used.
#[derive(Default)]
struct Used(Mutex<BTreeSet<(Batch, Symbols)>>);

impl Used {
    fn once(&self, batch: Batch, symbols: Symbols) {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((batch, symbols));
        // Invariant: OT-05, batches are the caller's own numbers, never the peer's, and it counts them up.
        // Two codes under one u would show their difference, so to stop is the only safe thing.
        assert!(fresh, "OT-05: a batch is used once");
    }
}

/// What both ends have: sixteen streams for each of 32·G columns. To the keeper they are numbered x ⊕ Δ, and
/// its number 0 is a stream that anybody could make, in the place of the one it lacks: it counts 0 times.
struct Source {
    streams: Streams,
    engine: Engine,
    hash: [u8; 16],
    used: Used,
}

impl Source {
    fn new(engine: Engine, seeds: &[[u8; 16]], hash: [u8; 16]) -> Self {
        Self { streams: Streams::new(engine, seeds), engine, hash, used: Used::default() }
    }

    fn hash(&self) -> Hash {
        Hash::new(self.engine, &self.hash)
    }
}

/// The end that chooses: knows u and v.
pub struct Chooser<const G: usize>(Source);

/// The end that keeps Δ: gets q = v ⊕ code⊙Δ.
pub struct Keeper<const G: usize> {
    source: Source,
    /// 1, α, α², α³ times Δ.
    powers: [[u128; 4]; G],
}

impl<const G: usize> Chooser<G> {
    /// `seeds`: the sixteen leaves of each of the 32·G trees; `hash`: what the session's hash keys come from.
    pub(super) fn new(engine: Engine, seeds: &[[u8; 16]], hash: [u8; 16]) -> Self {
        Self(Source::new(engine, seeds, hash))
    }

    /// One row for each of `codes`: the message of 16·G bytes a row, code ⊕ u, and the rows v.
    ///
    /// # Panics
    /// When the batch was used for codes before (OT-05).
    pub fn encode(&self, batch: Batch, codes: &[[u128; G]]) -> (Vec<u8>, Vec<[u128; G]>) {
        self.encode_each(batch, codes.len(), |at| codes[at])
    }

    /// [`encode`](Self::encode) of codes that are made on the way.
    pub(super) fn encode_each(
        &self,
        batch: Batch,
        count: usize,
        code: impl Fn(usize) -> [u128; G],
    ) -> (Vec<u8>, Vec<[u128; G]>) {
        self.0.used.once(batch, Symbols::Nibbles);
        let mut message = vec![0u8; count * G * 16];
        let mut rows = vec![[0; G]; count];
        let mut piece = Piece::EMPTY;
        let pieces = message.as_chunks_mut::<16>().0.chunks_mut(PIECE * G).zip(rows.chunks_mut(PIECE));
        for (number, (message, rows)) in pieces.enumerate() {
            for group in 0..G {
                piece.make::<4>(&self.0.streams, group, place::<4>(batch.counter(Symbols::Nibbles), number));
                for at in 0..rows.len() {
                    rows[at][group] = piece.v(at);
                    let code = code(number * PIECE + at)[group];
                    message[at * G + group] = (code ^ piece.u(at)).to_le_bytes();
                }
            }
        }
        (message, rows)
    }

    pub(super) fn hash(&self) -> Hash {
        self.0.hash()
    }
}

impl Chooser<1> {
    /// The same for bits, each in all 32 columns: the message of 4 bytes a row, and the rows v. Only the
    /// lowest bit of each of `bits` counts.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn encode_bits(&self, batch: Batch, bits: &[u8]) -> (Vec<u8>, Vec<u128>) {
        self.0.used.once(batch, Symbols::Bits);
        let mut message = vec![0u8; bits.len() * 4];
        let mut rows = vec![0; bits.len()];
        let mut piece = Piece::EMPTY;
        let pieces = message.as_chunks_mut::<4>().0.chunks_mut(PIECE).zip(rows.chunks_mut(PIECE));
        for (number, (message, rows)) in pieces.enumerate() {
            piece.make::<1>(&self.0.streams, 0, place::<1>(batch.counter(Symbols::Bits), number));
            for at in 0..rows.len() {
                rows[at] = piece.v(at);
                let code = u32::from(bits[number * PIECE + at] & 1).wrapping_neg();
                message[at] = (code ^ piece.u(at) as u32).to_le_bytes();
            }
        }
        (message, rows)
    }
}

impl<const G: usize> Keeper<G> {
    /// `seeds`: of each of the 32·G trees the leaves x ≠ Δ in the order of x ⊕ Δ, zeros first; `hash`: what
    /// the session's hash keys come from.
    pub(super) fn new(engine: Engine, seeds: &[[u8; 16]], delta: &[u128; G], hash: [u8; 16]) -> Self {
        Self { source: Source::new(engine, seeds, hash), powers: delta.map(field::powers) }
    }

    /// The rows q = v ⊕ code⊙Δ of `count` rows, from the chooser's message of 16·G bytes a row.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used for codes before (OT-05).
    pub fn rows(&self, batch: Batch, count: usize, message: &[u8]) -> Result<Vec<[u128; G]>, PeerMisbehaved> {
        due(count, G * 16, message)?;
        self.source.used.once(batch, Symbols::Nibbles);
        let mut rows = vec![[0; G]; count];
        let mut piece = Piece::EMPTY;
        let pieces = rows.chunks_mut(PIECE).zip(message.as_chunks::<16>().0.chunks(PIECE * G));
        for (number, (rows, message)) in pieces.enumerate() {
            for group in 0..G {
                let counter = place::<4>(batch.counter(Symbols::Nibbles), number);
                piece.make::<4>(&self.source.streams, group, counter);
                let powers = self.powers[group];
                for at in 0..rows.len() {
                    let told = u128::from_le_bytes(message[at * G + group]);
                    rows[at][group] = piece.v(at) ^ field::times(told, &powers);
                }
            }
        }
        Ok(rows)
    }

    /// code⊙Δ: column by column.
    pub fn times(&self, code: [u128; G]) -> [u128; G] {
        std::array::from_fn(|group| field::times(code[group], &self.powers[group]))
    }

    pub(super) fn hash(&self) -> Hash {
        self.source.hash()
    }
}

impl Keeper<1> {
    /// The rows q = v ⊕ bit·Δ of `count` rows, from the chooser's message of 4 bytes a row.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn bit_rows(&self, batch: Batch, count: usize, message: &[u8]) -> Result<Vec<u128>, PeerMisbehaved> {
        due(count, 4, message)?;
        self.source.used.once(batch, Symbols::Bits);
        let mut rows = vec![0; count];
        let mut piece = Piece::EMPTY;
        let delta = self.delta();
        let pieces = rows.chunks_mut(PIECE).zip(message.as_chunks::<4>().0.chunks(PIECE));
        for (number, (rows, message)) in pieces.enumerate() {
            piece.make::<1>(&self.source.streams, 0, place::<1>(batch.counter(Symbols::Bits), number));
            for at in 0..rows.len() {
                rows[at] = piece.v(at) ^ field::times_bits(u32::from_le_bytes(message[at]), delta);
            }
        }
        Ok(rows)
    }

    pub(super) const fn delta(&self) -> u128 {
        self.powers[0][0]
    }
}

impl<const G: usize> Drop for Keeper<G> {
    fn drop(&mut self) {
        self.powers.zeroize();
    }
}

impl<const G: usize> fmt::Debug for Chooser<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser(..)")
    }
}

impl<const G: usize> fmt::Debug for Keeper<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper(..)")
    }
}

/// OT-03, OT-12: a message has `count` times `width` bytes, whatever is in it.
pub(super) const fn due(count: usize, width: usize, message: &[u8]) -> Result<(), PeerMisbehaved> {
    let expected = count.saturating_mul(width);
    if message.len() == expected {
        Ok(())
    } else {
        Err(PeerMisbehaved::CountDiffers { expected, got: message.len() })
    }
}

/// The first block of a piece of 512 rows of P bits.
const fn place<const P: usize>(counter: u128, piece: usize) -> u128 {
    counter | (piece as u128 * 4 * P as u128)
}
