//! Counting distinct values in bounded memory.
//!
//! Values are known by the first 64 bits of their SHA-256. Up to a limit all are kept and counts are exact
//! (but for two values that share 64 bits: 3 in 10⁶ columns of ten million rows). Beyond it half of them are
//! dropped, by one bit of the hash, and half of what comes later; then half of those, and so on. What is
//! left is a sample of the *values*, each with all its rows, so that counts over it, times the share, are
//! unbiased estimates; a column without duplicates is still found to have none. (Gibbons 2001, "Distinct
//! sampling for highly-accurate answers to distinct values queries and event reports", section 3.)

use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasherDefault, Hasher},
};

use super::Count;

/// What is known of one value.
#[derive(Default, Clone, Copy)]
pub(super) struct Kept {
    /// Rows that hold it.
    pub(super) rows: u32,
    /// Of those, rows on which it came as a hash, in hex and in Base64.
    pub(super) hashed: [u32; 2],
}

/// A map from 64-bit hashes that stays below a limit by keeping a share of `1/2ⁿ` of them.
pub(super) struct Thinned<V> {
    kept: HashMap<u64, V, BuildHasherDefault<AsItIs>>,
    limit: usize,
    /// n: the number of low bits that must be zero.
    share: u32,
}

impl<V: Default> Thinned<V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: HashMap::default(), limit: limit.max(1), share: 0 }
    }

    /// The value's place, unless it is outside the sample. Call [`thin`](Self::thin) after.
    pub(super) fn entry(&mut self, key: u64) -> Option<&mut V> {
        in_share(key, self.share).then(|| self.kept.entry(key).or_default())
    }

    /// Goes below the limit again.
    pub(super) fn thin(&mut self) {
        while self.kept.len() > self.limit && self.share < 63 {
            self.thin_to(self.share + 1);
        }
    }

    /// Keeps no more than `1/2^share` of all values.
    pub(super) fn thin_to(&mut self, share: u32) {
        if share > self.share {
            self.share = share;
            self.kept.retain(|key, _| in_share(*key, share));
        }
    }

    pub(super) const fn share(&self) -> u32 {
        self.share
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.kept.contains_key(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.kept.iter().map(|(key, value)| (*key, value))
    }

    pub(super) fn values(&self) -> hash_map::Values<'_, u64, V> {
        self.kept.values()
    }

    /// The sum over all values, estimated from those kept.
    pub(super) fn count(&self, rows: impl Fn(&V) -> u64) -> Count {
        Count::scaled(self.values().map(rows).sum(), self.share)
    }
}

fn in_share(key: u64, share: u32) -> bool {
    key.trailing_zeros() >= share
}

/// The keys are bits of SHA-256 already. A table that is to be slow needs identifiers ground to collide in
/// some twenty bits, a million hashings for each row of one's own data.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        // The table takes its bucket from the low bits, which in a thinned sample are all zero.
        self.0 = key.rotate_right(32);
    }
}
