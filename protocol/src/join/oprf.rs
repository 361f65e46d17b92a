//! One pseudorandom function a bin, which the seeker sees at one point and the holder at any.
//!
//! The seeker asks for its item of every bin and gets F_j(x_j); the holder gets keys, with which it computes
//! F_j at any item of its own, and does not learn what was asked. What it stops: a seeker that tries other
//! items than the one it asked for (they look random to it), a holder that reads the bins off the questions
//! (they are masked by a one-time pad of the VOLE).
//!
//! The one implementation, [`RelatedKeys`], is that of Kolesnikov, Kumaresan, Rosulek and Trieu (CCS 2016,
//! "KKRT16") with symbols of GF(16) in place of bits, on the small-field VOLE of [`ot`](crate::ot): 32 bytes
//! a bin. Rules JOIN-20 to JOIN-24, and why 64 symbols are enough, are in `docs/protocols/join-hashing.md`.
//! [`OprfSeeker`] and [`OprfHolder`] are the seam for another one.

use aes::{
    Aes128, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use rand_core::Rng;
use zeroize::Zeroize;

use crate::{
    ot::{Batch, Chooser, Keeper},
    session::PeerMisbehaved,
};

/// What the function is asked for: an item, by the hash function that led it to this bin.
///
/// The index is part of the point, so that an item that two functions lead to one bin is two points (JOIN-20).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The item.
    pub item: [u8; 16],
    /// The hash function: 0, 1 or 2, or 3 for a dummy.
    pub index: u8,
}

/// Items are for nobody's log.
impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Point(..)")
    }
}

impl Point {
    /// For an empty bin: no holder has an item under the fourth hash function (JOIN-15).
    pub fn dummy(rng: &mut impl Rng) -> Self {
        let mut item = [0; 16];
        rng.fill_bytes(&mut item);
        Self { item, index: 3 }
    }

    /// As a number. Two points are alike only if their items differ by no more than an index, which for items
    /// that are hashes has probability n²·2⁻¹²⁵ (JOIN-20).
    #[inline(always)]
    pub(super) const fn number(&self) -> u128 {
        u128::from_le_bytes(self.item) ^ self.index as u128
    }
}

/// The seeker's end.
pub trait OprfSeeker {
    /// What it keeps of a question, for the values.
    type Asked: Send;

    /// Asks for one point a bin: the message to the holder, whose length depends on the number of bins alone
    /// (JOIN-24).
    fn ask(&self, batch: Batch, points: &[Point]) -> (Vec<u8>, Self::Asked);

    /// F_j(x_j) for every bin: `words` words each, in the order of the points.
    fn values(&self, asked: &Self::Asked, words: usize) -> Vec<u64>;
}

/// The holder's end.
pub trait OprfHolder {
    /// The keys of a slab's bins.
    type Keys: Send + Sync;

    /// The keys of `bins` bins, from the seeker's message.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is not of the length for so many bins.
    fn keys(&self, batch: Batch, bins: usize, message: &[u8]) -> Result<Self::Keys, PeerMisbehaved>;

    /// F_j(y) for pairs of j and y: `words` words each, appended to `out`; zeros for a bin that is not there.
    fn values(&self, keys: &Self::Keys, at: &[(u16, Point)], words: usize, out: &mut Vec<u64>);
}

/// KKRT16 over GF(16), at the end that has `E`: [`Chooser<2>`] the seeker, [`Keeper<2>`] the holder.
pub struct RelatedKeys<E> {
    end: E,
    codes: Codes,
    /// Separates this function's hash from every other one (JOIN-21).
    key: [u8; 32],
}

impl<E> RelatedKeys<E> {
    /// `session` is public and the same at both ends: what the run has agreed on, hashed or not.
    pub fn new(end: E, session: &[u8]) -> Self {
        // JOIN-21: code and hash belong to this session.
        let mut stream = blake3::Hasher::new_derive_key("tacit join/1 oprf").update(session).finalize_xof();
        let (mut first, mut second, mut key) = ([0; 16], [0; 16], [0; 32]);
        stream.fill(&mut first);
        stream.fill(&mut second);
        stream.fill(&mut key);
        Self { end, codes: Codes([first, second].map(|key| Aes128::new(&key.into()))), key }
    }

    /// H(row, j) to as many words as `out` has: keyed BLAKE3 of the row and of batch and bin (JOIN-23), read
    /// as an extendable output.
    #[inline(always)]
    fn hash(&self, row: [u128; 2], tweak: u64, out: &mut [u64]) {
        let mut input = [0; 40];
        input[..16].copy_from_slice(&row[0].to_le_bytes());
        input[16..32].copy_from_slice(&row[1].to_le_bytes());
        input[32..].copy_from_slice(&tweak.to_le_bytes());
        if out.len() <= 4 {
            // The first 32 bytes of the output, by the shorter way.
            read(blake3::keyed_hash(&self.key, &input).as_bytes(), out);
            return;
        }
        let mut stream = blake3::Hasher::new_keyed(&self.key).update(&input).finalize_xof();
        let mut bytes = [0; 512];
        for out in out.chunks_mut(64) {
            let bytes = &mut bytes[..8 * out.len()];
            stream.fill(bytes);
            read(bytes, out);
        }
    }
}

/// As many words as there are bytes for, little-endian.
#[inline(always)]
fn read(bytes: &[u8], out: &mut [u64]) {
    for (word, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
}

/// What a hash is told beside the row: no two of a session are the same.
const fn tweak(batch: Batch, bin: u16) -> u64 {
    (batch.stage as u64) << 48 | (batch.slab as u64) << 16 | bin as u64
}

/// The pseudorandom code: a point to 64 symbols of GF(16), as rows of the VOLE (JOIN-22).
struct Codes([Aes128; 2]);

/// Points that are encoded at a time.
const BATCH: usize = 64;

impl Codes {
    /// Up to [`BATCH`] of them.
    #[inline(always)]
    fn of(&self, points: impl Iterator<Item = Point>, codes: &mut [[u128; 2]]) {
        let (mut first, mut second) = ([Block::default(); BATCH], [Block::default(); BATCH]);
        let count = codes.len();
        for ((first, second), point) in first.iter_mut().zip(&mut second).zip(points).take(count) {
            *first = point.number().to_le_bytes().into();
            *second = *first;
        }
        self.0[0].encrypt_blocks(&mut first[..count]);
        self.0[1].encrypt_blocks(&mut second[..count]);
        for (code, (first, second)) in codes.iter_mut().zip(first.iter().zip(&second)) {
            *code = [u128::from_le_bytes((*first).into()), u128::from_le_bytes((*second).into())];
        }
    }
}

/// A slab's rows of the VOLE, at either end. Wiped when dropped.
pub struct Rows {
    batch: Batch,
    rows: Vec<[u128; 2]>,
}

impl Drop for Rows {
    fn drop(&mut self) {
        // As one slice of numbers: row by row it takes longer than the rows took to make.
        self.rows.as_flattened_mut().zeroize();
    }
}

impl OprfSeeker for RelatedKeys<Chooser<2>> {
    type Asked = Rows;

    /// # Panics
    /// When the batch was used before (OT-05), and for more than 2¹⁶ points.
    fn ask(&self, batch: Batch, points: &[Point]) -> (Vec<u8>, Rows) {
        let mut codes = vec![[0; 2]; points.len()];
        for (codes, points) in codes.chunks_mut(BATCH).zip(points.chunks(BATCH)) {
            self.codes.of(points.iter().copied(), codes);
        }
        let (message, rows) = self.end.encode(batch, &codes);
        (message, Rows { batch, rows })
    }

    fn values(&self, asked: &Rows, words: usize) -> Vec<u64> {
        let mut values = vec![0; asked.rows.len() * words];
        for ((bin, row), out) in (0..=u16::MAX).zip(&asked.rows).zip(values.chunks_exact_mut(words.max(1))) {
            self.hash(*row, tweak(asked.batch, bin), out);
        }
        values
    }
}

impl OprfHolder for RelatedKeys<Keeper<2>> {
    type Keys = Rows;

    /// # Panics
    /// When the batch was used before (OT-05).
    fn keys(&self, batch: Batch, bins: usize, message: &[u8]) -> Result<Rows, PeerMisbehaved> {
        Ok(Rows { batch, rows: self.end.rows(batch, bins, message)? })
    }

    fn values(&self, keys: &Rows, at: &[(u16, Point)], words: usize, out: &mut Vec<u64>) {
        let first = out.len();
        out.resize(first + at.len() * words, 0);
        let mut codes = [[0; 2]; BATCH];
        let outs = out[first..].chunks_mut((BATCH * words).max(1));
        for (at, out) in at.chunks(BATCH).zip(outs) {
            let codes = &mut codes[..at.len()];
            self.codes.of(at.iter().map(|(_, point)| *point), codes);
            for ((code, (bin, _)), out) in codes.iter().zip(at).zip(out.chunks_exact_mut(words.max(1))) {
                if let Some(row) = keys.rows.get(usize::from(*bin)) {
                    let [first, second] = self.end.times(*code);
                    self.hash([row[0] ^ first, row[1] ^ second], tweak(keys.batch, *bin), out);
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
