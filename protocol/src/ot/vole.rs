//! Small-field VOLE over GF(16): SoftSpokenOT (Roy, *SoftSpokenOT: Quieter OT Extension from Small-Field
//! Silent VOLE in the Minicrypt Model*, CRYPTO 2022, eprint 2022/192, sections 3 to 5), semi-honest.
//!
//! For each of 32·G columns the [`Chooser`] knows sixteen seeds r₀ … r₁₅ and the [`Keeper`] all but r_Δ. With
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
    block::{Engine, Hash, Lane, Streams},
    field::{self, COLUMNS},
    pprf::LEAVES,
    transpose::PIECE,
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

/// The end that chooses: knows u and v.
pub struct Chooser<const G: usize> {
    streams: Streams,
    hash: [u8; 16],
    engine: Engine,
    used: Used,
}

/// The end that keeps Δ: gets q = v ⊕ code⊙Δ.
pub struct Keeper<const G: usize> {
    streams: Streams,
    hash: [u8; 16],
    engine: Engine,
    /// 1, α, α², α³ times Δ.
    powers: [[u128; 4]; G],
    used: Used,
}

/// Leaves that a keeper has of each tree.
const KNOWN: usize = LEAVES - 1;

impl<const G: usize> Chooser<G> {
    /// `seeds`: the sixteen leaves of each of the 32·G trees.
    pub(super) fn new(engine: Engine, seeds: &[[u8; 16]], hash: [u8; 16]) -> Self {
        Self { streams: Streams::new(engine, seeds), hash, engine, used: Used::default() }
    }

    /// One row for each of `codes`: the message of 16·G bytes a row, code ⊕ u, and the rows v.
    ///
    /// # Panics
    /// When the batch was used before (OT-05).
    pub fn encode(&self, batch: Batch, codes: &[[u128; G]]) -> (Vec<u8>, Vec<[u128; G]>) {
        self.used.once(batch, Symbols::Nibbles);
        let mut message = vec![0; codes.len() * G * 16];
        let mut rows = vec![[0; G]; codes.len()];
        let pieces = codes.chunks(PIECE).zip(message.chunks_mut(PIECE * G * 16)).zip(rows.chunks_mut(PIECE));
        for (piece, ((codes, message), rows)) in (0..).zip(pieces) {
            for group in 0..G {
                let counter = place::<4>(batch.counter(Symbols::Nibbles), piece);
                let (u, v) = self.piece::<4>(group, counter);
                let out = message.as_chunks_mut::<16>().0.iter_mut().skip(group).step_by(G);
                for (out, (code, u)) in out.zip(codes.iter().zip(Lane::blocks(&u))) {
                    *out = (code[group] ^ u).to_le_bytes();
                }
                rows.iter_mut().zip(Lane::blocks(&v)).for_each(|(row, v)| row[group] = v);
            }
        }
        (message, rows)
    }

    /// u and v of 512 rows of a group.
    fn piece<const P: usize>(&self, group: usize, counter: u128) -> ([Lane; 128], [Lane; 128]) {
        let (mut u, mut v) = ([Lane::default(); 128], [Lane::default(); 128]);
        let mut leaves = [[Lane::default(); P]; LEAVES];
        for column in 0..COLUMNS {
            self.streams.fill((group * COLUMNS + column) * LEAVES, counter, &mut leaves);
            let (sum, parts) = self.engine.sum(&mut leaves);
            sum.iter().enumerate().for_each(|(plane, sum)| u[plane * COLUMNS + column] = *sum);
            put(&mut v, column, &parts);
        }
        self.engine.turn(&mut u);
        self.engine.turn(&mut v);
        (u, v)
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::new(self.engine, &self.hash)
    }
}

impl Chooser<1> {
    /// The same for bits, each in all 32 columns: the message of 4 bytes a row, and the rows v. Only the
    /// lowest bit of each of `bits` counts.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn encode_bits(&self, batch: Batch, bits: &[u8]) -> (Vec<u8>, Vec<u128>) {
        self.used.once(batch, Symbols::Bits);
        let mut message = vec![0; bits.len() * 4];
        let mut rows = vec![0; bits.len()];
        let pieces = bits.chunks(PIECE).zip(message.chunks_mut(PIECE * 4)).zip(rows.chunks_mut(PIECE));
        for (piece, ((bits, message), rows)) in (0..).zip(pieces) {
            let (u, v) = self.piece::<1>(0, place::<1>(batch.counter(Symbols::Bits), piece));
            let out = message.as_chunks_mut::<4>().0.iter_mut();
            for (out, (bit, u)) in out.zip(bits.iter().zip(Lane::blocks(&u))) {
                *out = (u32::from(bit & 1).wrapping_neg() ^ u as u32).to_le_bytes();
            }
            rows.iter_mut().zip(Lane::blocks(&v)).for_each(|(row, v)| *row = v);
        }
        (message, rows)
    }
}

impl<const G: usize> Keeper<G> {
    /// `seeds`: of each of the 32·G trees the fifteen leaves x ≠ Δ in the order of x ⊕ Δ.
    pub(super) fn new(engine: Engine, seeds: &[[u8; 16]], delta: &[u128; G], hash: [u8; 16]) -> Self {
        let powers = delta.map(field::powers);
        Self { streams: Streams::new(engine, seeds), hash, engine, powers, used: Used::default() }
    }

    /// The rows q = v ⊕ code⊙Δ of `count` rows, from the chooser's message of 16·G bytes a row.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used before (OT-05).
    pub fn rows(&self, batch: Batch, count: usize, message: &[u8]) -> Result<Vec<[u128; G]>, PeerMisbehaved> {
        due(count, G * 16, message)?;
        self.used.once(batch, Symbols::Nibbles);
        let mut rows = vec![[0; G]; count];
        let pieces = rows.chunks_mut(PIECE).zip(message.chunks(PIECE * G * 16));
        for (piece, (rows, message)) in (0..).zip(pieces) {
            for group in 0..G {
                let q = self.piece::<4>(group, place::<4>(batch.counter(Symbols::Nibbles), piece));
                let told = message.as_chunks::<16>().0.iter().skip(group).step_by(G);
                for (row, (told, q)) in rows.iter_mut().zip(told.zip(Lane::blocks(&q))) {
                    row[group] = q ^ field::times(u128::from_le_bytes(*told), &self.powers[group]);
                }
            }
        }
        Ok(rows)
    }

    /// code⊙Δ: column by column.
    pub fn times(&self, code: [u128; G]) -> [u128; G] {
        std::array::from_fn(|group| field::times(code[group], &self.powers[group]))
    }

    fn piece<const P: usize>(&self, group: usize, counter: u128) -> [Lane; 128] {
        let mut q = [Lane::default(); 128];
        let mut leaves = [[Lane::default(); P]; LEAVES];
        for column in 0..COLUMNS {
            // With y = x ⊕ Δ, leaf y counts y times: the one that we lack counts nothing.
            leaves[0] = [Lane::default(); P];
            self.streams.fill((group * COLUMNS + column) * KNOWN, counter, &mut leaves[1..]);
            let (_, parts) = self.engine.sum(&mut leaves);
            put(&mut q, column, &parts);
        }
        self.engine.turn(&mut q);
        q
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::new(self.engine, &self.hash)
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
        self.used.once(batch, Symbols::Bits);
        let mut rows = vec![0; count];
        let delta = self.delta();
        let pieces = rows.chunks_mut(PIECE).zip(message.chunks(PIECE * 4));
        for (piece, (rows, message)) in (0..).zip(pieces) {
            let q = self.piece::<1>(0, place::<1>(batch.counter(Symbols::Bits), piece));
            let told = message.as_chunks::<4>().0;
            for (row, (told, q)) in rows.iter_mut().zip(told.iter().zip(Lane::blocks(&q))) {
                *row = q ^ field::times_bits(u32::from_le_bytes(*told), delta);
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

/// OT-03: a message has `count` times `width` bytes.
pub(super) const fn due(count: usize, width: usize, message: &[u8]) -> Result<(), PeerMisbehaved> {
    let expected = count.saturating_mul(width);
    if message.len() == expected {
        Ok(())
    } else {
        Err(PeerMisbehaved::CountDiffers { expected, got: message.len() })
    }
}

/// The first block of a piece of 512 rows of P bits.
const fn place<const P: usize>(counter: u128, piece: u64) -> u128 {
    counter | (piece as u128 * 4 * P as u128)
}

/// Σ rₓ, and the four Σ rₓ over those x that have bit b: Σ x·rₓ = Σ αᵇ·(those with bit b).
#[inline(always)]
pub(super) fn sum_leaves<const P: usize>(leaves: &mut [[Lane; P]; LEAVES]) -> ([Lane; P], [[Lane; P]; 4]) {
    let mut parts = [[Lane::default(); P]; 4];
    for plane in 0..P {
        for (bit, part) in parts.iter_mut().enumerate() {
            let mut odds = Lane::default();
            for pair in 0..LEAVES / 2 >> bit {
                let odd = leaves[2 * pair + 1][plane];
                let mut both = leaves[2 * pair][plane];
                odds ^= odd;
                both ^= odd;
                leaves[pair][plane] = both;
            }
            part[plane] = odds;
        }
    }
    (leaves[0], parts)
}

/// Σ αᵇ·partᵇ into the planes of a column.
#[inline(always)]
fn put<const P: usize>(matrix: &mut [Lane; 128], column: usize, parts: &[[Lane; P]; 4]) {
    for (bit, part) in parts.iter().enumerate() {
        for (plane, lane) in part.iter().enumerate() {
            // α⁴ = α + 1, so αᵏ for k = 4, 5, 6 is αᵏ⁻³ + αᵏ⁻⁴.
            let power = bit + plane;
            if power < 4 {
                matrix[power * COLUMNS + column] ^= *lane;
            } else {
                matrix[(power - 3) * COLUMNS + column] ^= *lane;
                matrix[(power - 4) * COLUMNS + column] ^= *lane;
            }
        }
    }
}
