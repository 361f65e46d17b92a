//! OT-08, one of sixteen: the chooser has a nibble, the sender a table of sixteen entries of up to 16 bits; the
//! chooser gets its entry.
//!
//! The nibble c goes into the VOLE as the repetition code, so the sender has q = v ⊕ c·Δ and masks entry k
//! with H(q ⊕ k·Δ), of which the chooser knows H(v) for k = c; what it would need for another one is
//! v ⊕ (c ⊕ k)·Δ, and (c ⊕ k)·Δ has 128 bits that it does not know (Kolesnikov and Kumaresan, CRYPTO 2013;
//! Roy 2022).

use std::sync::Arc;

use super::{
    field,
    vole::{Batch, Chooser, Keeper, Symbols, due},
};
use crate::session::PeerMisbehaved;

/// Rows under one key of the hash (OT-06): 15 · 256 points that an attacker may meet with one evaluation.
pub(super) const REKEY: usize = 256;

/// Tells the hash's keys for look-ups from all others.
const USE: u128 = 1 << 120;

/// The end that chooses.
#[derive(Clone)]
pub struct LookupChooser(Arc<Chooser<1>>);

/// The end with the tables.
#[derive(Clone)]
pub struct LookupSender(Arc<Keeper<1>>);

/// Look-ups that were asked for and not answered yet.
#[must_use]
pub struct PendingLookup {
    nibbles: Vec<u8>,
    pads: Vec<u16>,
}

impl LookupChooser {
    /// On a correlation that may serve other uses too.
    pub fn new(chooser: impl Into<Arc<Chooser<1>>>) -> Self {
        Self(chooser.into())
    }

    /// Asks for one entry a nibble (the low four bits of each); the message has 16 bytes for each.
    ///
    /// # Panics
    /// When the batch was used before (OT-05).
    pub fn choose(&self, batch: Batch, nibbles: &[u8]) -> (Vec<u8>, PendingLookup) {
        let code = |at: usize| [field::repeat(nibbles[at])];
        let (message, mut rows) = self.0.encode_each(batch, nibbles.len(), code);
        let hash = self.0.hash();
        let mut pads = Vec::with_capacity(rows.len());
        for (part, rows) in (0..).zip(rows.chunks_mut(REKEY)) {
            let rows = rows.as_flattened_mut();
            hash.at(place(batch, part)).hash(rows);
            pads.extend(rows.iter().map(|row| *row as u16));
        }
        (message, PendingLookup { nibbles: nibbles.to_vec(), pads })
    }
}

impl PendingLookup {
    /// The entries of `bits` bits, from the sender's message of 2·bits bytes each.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When `bits` is not 1 to 16.
    pub fn open(self, bits: u32, tables: &[u8]) -> Result<Vec<u16>, PeerMisbehaved> {
        let width = width(bits);
        due(self.pads.len(), width, tables)?;
        let asked = self.nibbles.iter().zip(&self.pads);
        let open = |((nibble, pad), table): ((&u8, &u16), &[u8])| {
            let planes = table.as_chunks::<2>().0.iter().map(|plane| u16::from_le_bytes(*plane));
            let entry = (0..).zip(planes).map(|(bit, plane)| ((plane >> (nibble & 15)) & 1) << bit);
            entry.sum::<u16>() ^ (pad & mask(bits))
        };
        Ok(asked.zip(tables.chunks_exact(width)).map(open).collect())
    }
}

impl LookupSender {
    /// On a correlation that may serve other uses too.
    pub fn new(keeper: impl Into<Arc<Keeper<1>>>) -> Self {
        Self(keeper.into())
    }

    /// Answers `count` look-ups in tables of entries of `bits` bits (higher bits do not count), from the
    /// chooser's message. The answer has 2·bits bytes for each: for each bit of an entry a word of 16 bits,
    /// one an entry.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When `bits` is not 1 to 16, or the batch was used before (OT-05).
    pub fn answer(
        &self,
        batch: Batch,
        bits: u32,
        count: usize,
        message: &[u8],
        table: impl Fn(usize) -> [u16; 16] + Sync,
    ) -> Result<Vec<u8>, PeerMisbehaved> {
        let width = width(bits);
        let rows = self.0.rows(batch, count, message)?;
        let (hash, multiples) = (self.0.hash(), field::multiples(self.0.delta()));
        let mut answer = vec![0; count * width];
        let mut blocks = vec![[0; 16]; REKEY];
        let parts = rows.chunks(REKEY).zip(answer.chunks_mut(REKEY * width));
        for (part, (rows, answer)) in parts.enumerate() {
            let blocks = &mut blocks[..rows.len()];
            for (blocks, [row]) in blocks.iter_mut().zip(rows) {
                *blocks = multiples.map(|multiple| row ^ multiple);
            }
            hash.at(place(batch, part as u64)).hash(blocks.as_flattened_mut());
            for (number, (pads, out)) in blocks.iter().zip(answer.chunks_exact_mut(width)).enumerate() {
                let mut entries = table(part * REKEY + number);
                for k in 0..16 {
                    entries[k] ^= pads[k] as u16;
                }
                for (bit, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                    let mut plane = 0;
                    for (k, entry) in entries.iter().enumerate() {
                        plane |= ((entry >> bit) & 1) << k;
                    }
                    *out = plane.to_le_bytes();
                }
            }
        }
        Ok(answer)
    }

    /// The same for entries of one bit, the table as one word: entry k is its bit k. Faster than
    /// [`answer`](Self::answer), the same bytes.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used before (OT-05).
    pub fn answer_bits(
        &self,
        batch: Batch,
        count: usize,
        message: &[u8],
        table: impl Fn(usize) -> u16 + Sync,
    ) -> Result<Vec<u8>, PeerMisbehaved> {
        let rows = self.0.rows(batch, count, message)?;
        let (hash, multiples) = (self.0.hash(), field::multiples(self.0.delta()));
        let mut answer = vec![0; 2 * count];
        let mut pads = [0; REKEY];
        let parts = rows.chunks(REKEY).zip(answer.chunks_mut(2 * REKEY));
        for (part, (rows, answer)) in parts.enumerate() {
            hash.at(place(batch, part as u64)).hash_bits(rows, &multiples, &mut pads);
            let first = part * REKEY;
            for (number, (pad, out)) in (first..).zip(pads.iter().zip(answer.as_chunks_mut::<2>().0)) {
                *out = (pad ^ table(number)).to_le_bytes();
            }
        }
        Ok(answer)
    }
}

/// The hash's key for a part of a batch.
const fn place(batch: Batch, part: u64) -> u128 {
    USE | batch.counter(Symbols::Nibbles) | part as u128
}

/// Bytes of an answer to one look-up.
fn width(bits: u32) -> usize {
    // Invariant: how wide entries are is the protocol's, never the peer's.
    assert!((1..=16).contains(&bits), "entries have 1 to 16 bits");
    2 * bits as usize
}

const fn mask(bits: u32) -> u16 {
    u16::MAX >> (16 - bits)
}
