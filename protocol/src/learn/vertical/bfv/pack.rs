//! Numbers as bytes: 60 bits each mod a prime, 80 bits each mod 2⁸⁰.

use super::{LIMBS, N, PRIMES};
use crate::session::PeerMisbehaved;

/// Bytes of a polynomial mod q.
pub const POLY: usize = LIMBS * N / 2 * 15;
/// Bytes of a number mod 2⁸⁰.
pub const WORD: usize = 10;
/// Bits of it.
pub const WORD_BITS: u32 = 80;

/// Two numbers in 15 bytes.
pub fn poly(numbers: &[u64], out: &mut Vec<u8>) {
    for [x, y] in numbers.as_chunks::<2>().0 {
        let both = u128::from(*x) | u128::from(*y) << 60;
        out.extend_from_slice(&both.to_le_bytes()[..15]);
    }
}

/// Reads [`poly`] back.
///
/// # Errors
/// LEARNV-10: [`PeerMisbehaved::CountDiffers`] for another length, [`PeerMisbehaved::CoefficientAboveModulus`].
pub fn read_poly(bytes: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
    if bytes.len() != POLY {
        return Err(PeerMisbehaved::CountDiffers { expected: POLY, got: bytes.len() });
    }
    let mut numbers = Vec::with_capacity(LIMBS * N);
    for pair in bytes.as_chunks::<15>().0 {
        let mut both = [0; 16];
        both[..15].copy_from_slice(pair);
        let both = u128::from_le_bytes(both);
        numbers.push(both as u64 & ((1 << 60) - 1));
        numbers.push((both >> 60) as u64);
    }
    let below = numbers.chunks(N).zip(PRIMES).all(|(limb, p)| limb.iter().all(|x| *x < p));
    if below { Ok(numbers) } else { Err(PeerMisbehaved::CoefficientAboveModulus) }
}

/// Numbers mod 2⁸⁰; every pattern is one.
pub fn words(numbers: impl IntoIterator<Item = u128>, out: &mut Vec<u8>) {
    numbers.into_iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()[..WORD]));
}

/// Reads [`words`] back.
pub fn read_words(bytes: &[u8]) -> Vec<u128> {
    let word = |bytes: &[u8; WORD]| {
        let mut wide = [0; 16];
        wide[..WORD].copy_from_slice(bytes);
        u128::from_le_bytes(wide)
    };
    bytes.as_chunks::<WORD>().0.iter().map(word).collect()
}
