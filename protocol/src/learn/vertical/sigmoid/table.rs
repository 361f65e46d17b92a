//! The staircase: 256 steps of the sigmoid, rounded and masked for a row.
//!
//! What it stops: a table at a secret place of memory. A row's table begins where the teller's share says, so it is
//! turned in eight steps that read and write the same words whatever the share is (OT-10).

use crate::ot::{ENTRIES, Plane};

/// The probability 1, as the look-up has it.
pub const ONE: u8 = 127;

/// Bits of an entry that the rounding takes: nine, so that 127 and they fill sixteen.
const ROUNDING: u32 = 9;

/// The corners of the broken line, before rounding: entry k is 127·2⁹·σ of the end of step k.
pub(super) struct Staircase([u16; ENTRIES]);

impl Staircase {
    /// For |z| < 2^`reach`, so with steps of 2^(`reach` − 7).
    pub(super) fn new(reach: u32) -> Self {
        let corners = corners(reach);
        // SIGMOID-02: the cut of both shares loses a carry with probability one minus the fraction, so byte k stands
        // for the end of its step, k + 1, and byte k + 1 is met as often as the fraction says.
        let at = |k: usize| corners[(k ^ 128) + 1];
        Self(std::array::from_fn(|k| (at(k) * f64::from(u16::from(ONE) << ROUNDING)).round() as u16))
    }

    /// SIGMOID-03: all entries rounded by the same draw in 0 … 511, less the mask in 0 … 127, mod 256; the highest bit,
    /// which then says whether the mask was more than the entry, is turned over by the hidden bit.
    #[inline]
    pub(super) fn rounded(&self, rounding: u16, mask: u8, hidden: u8) -> [u8; ENTRIES] {
        let turn = hidden << 7;
        // 127·512 + 511 is the last number of sixteen bits.
        self.0.map(|entry| (((entry + rounding) >> ROUNDING) as u8).wrapping_sub(mask) ^ turn)
    }

    /// What an entry is on average, in probabilities.
    #[cfg(test)]
    pub(super) fn mean(&self, k: u8) -> f64 {
        f64::from(self.0[usize::from(k)]) / f64::from(u16::from(ONE) << ROUNDING)
    }
}

/// σ at −2^reach, and after each of 256 steps. By + × ÷ alone, so that every machine has the same table.
pub(in crate::learn::vertical) fn corners(reach: u32) -> [f64; ENTRIES + 1] {
    let step = f64::from(1u32 << reach) / 128.0;
    // e^step by its series; all of it is in f64's last place long before the fortieth term for a step up to 2.
    let growth = (1..40).rev().fold(1.0, |sum, n| 1.0 + sum * step / f64::from(n));
    let mut odds = 1.0;
    let mut corners = [0.5; ENTRIES + 1];
    for k in 1..=128 {
        odds *= growth;
        corners[128 + k] = odds / (1.0 + odds);
        corners[128 - k] = 1.0 / (1.0 + odds);
    }
    corners
}

/// The table from `first` on, and round to it: entry j is entry `first` + j mod 256.
#[inline]
pub(in crate::learn::vertical) fn turned(entries: [u8; ENTRIES], first: u8) -> Plane {
    let mut words: [u64; 32] = std::array::from_fn(|at| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&entries[8 * at..8 * at + 8]);
        u64::from_le_bytes(bytes)
    });
    // By whole words: five steps, each taken or not by a mask.
    macro_rules! by {
        ($($bit:literal),*) => { $({
            let mask = (u64::from(first) >> (3 + $bit) & 1).wrapping_neg();
            let other = words;
            for at in 0..32 {
                words[at] ^= (words[at] ^ other[(at + (1 << $bit)) % 32]) & mask;
            }
        })* };
    }
    by!(0, 1, 2, 3, 4);
    // By the bytes that are left: 0 to 56 bits.
    let bits = 8 * u32::from(first & 7);
    let next = words;
    for at in 0..32 {
        words[at] = (words[at] >> bits) | (next[(at + 1) % 32] << 1 << (63 - bits));
    }
    std::array::from_fn(|h| u128::from(words[2 * h]) | u128::from(words[2 * h + 1]) << 64)
}
