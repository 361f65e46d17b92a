//! The back end for x86-64 with AVX-512 IFMA: eight points at a time, one in each 64-bit lane.
//!
//! All lanes do the same for the same scalar, so nothing has to be shuffled between them and each digit is
//! looked up once for eight points.
//!
//! What it stops is a clock or a cache that watches the scalar (see [`super`]); it does so by construction:
//! - the scalar is recoded into masks, and a look-up reads its whole table under them;
//! - the formulas for points are complete, so no pair of them takes another path;
//! - loops run as often as the slices are long; the one early exit is at a point that is refused;
//! - conditions on points are lane masks, and no instruction here has a time that depends on its operands.
//!
//! The scalar's masks are wiped after every call. Points on the way are not: whoever can read this memory
//! reads the items beside them.
//!
//! `unsafe` is in two places: the words' way between memory and vectors, and the calls below into code for
//! which the processor was asked before.

#![allow(
    clippy::needless_range_loop,
    reason = "limbs go by number in the formulas, and an adapter of iterators that is not inlined takes the vectors through memory"
)]

mod codec;
mod field;
mod point;
mod recode;
mod roots;

#[cfg(test)]
mod tests;

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use self::codec::{Words, decode, derive, encode, encode_doubles};
use self::field::Lanes;
use self::point::Completed;
use self::recode::Recoded;
use super::{Domain, Engine, PointRefused, Refusal};

/// Points in a vector.
const WIDTH: usize = 8;
/// Vectors that share an inversion.
const GRAIN: usize = Engine::GRAIN / WIDTH;

/// Says that this processor has the instructions; only [`Ifma::detect`] makes one.
#[derive(Clone, Copy)]
pub(super) struct Ifma(());

impl Ifma {
    /// Asks the processor (and the operating system, which has to save the wide registers).
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma");
        has.then_some(Self(()))
    }

    // Both multiply by half the scalar: what is encoded in the end is the doubles.

    pub(super) fn hash_multiply(
        self,
        domain: &Domain,
        items: &[[u8; 32]],
        scalar: &Scalar,
        out: &mut [[u8; 32]],
    ) {
        let mut half = Recoded::zero();
        half.write(&Zeroizing::new(scalar.div_by_2()));
        for (items, out) in items.chunks(Engine::GRAIN).zip(out.chunks_mut(Engine::GRAIN)) {
            // SAFETY: `self` exists, so the processor has what the function needs.
            unsafe { hash_grain(domain, items, &half, out) };
        }
    }

    pub(super) fn decode_multiply(
        self,
        points: &[[u8; 32]],
        scalar: &Scalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), PointRefused> {
        let mut half = Recoded::zero();
        half.write(&Zeroizing::new(scalar.div_by_2()));
        let grains = points.chunks(Engine::GRAIN).zip(out.chunks_mut(Engine::GRAIN));
        for (start, (points, out)) in (0..).step_by(Engine::GRAIN).zip(grains) {
            // SAFETY: `self` exists, so the processor has what the function needs.
            unsafe { decode_grain(points, &half, out) }
                .map_err(|PointRefused { index, reason }| PointRefused { index: start + index, reason })?;
        }
        Ok(())
    }

    pub(super) fn uniform(self, seeds: &[[u8; 64]], out: &mut [[u8; 32]]) {
        for (seeds, out) in seeds.chunks(2 * WIDTH).zip(out.chunks_mut(2 * WIDTH)) {
            // SAFETY: `self` exists, so the processor has what the function needs.
            unsafe { uniform_pair(seeds, out) };
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn hash_grain(domain: &Domain, items: &[[u8; 32]], half: &Recoded, out: &mut [[u8; 32]]) {
    let mut halves = Vec::with_capacity(GRAIN);
    for items in items.chunks(WIDTH) {
        let mut seeds = [[0; 64]; WIDTH];
        for (seed, item) in seeds.iter_mut().zip(items) {
            *seed = domain.expand(item);
        }
        halves.push(derive(&split(&seeds)).multiply(&half.0));
    }
    finish(&halves, out);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn decode_grain(points: &[[u8; 32]], half: &Recoded, out: &mut [[u8; 32]]) -> Result<(), PointRefused> {
    let mut halves = Vec::with_capacity(GRAIN);
    for (pair, points) in points.chunks(2 * WIDTH).enumerate() {
        let (first, second) = points.split_at(points.len().min(WIDTH));
        let decoded = decode(&[gather(first), gather(second)]);
        for (k, (part, (point, verdict))) in [first, second].into_iter().zip(decoded).enumerate() {
            // Lanes beyond the slice hold zeros, the identity: their verdict does not count.
            let used = ((1u16 << part.len()) - 1) as u8;
            let refused = (verdict.invalid | verdict.identity) & used;
            if refused != 0 {
                let lane = refused.trailing_zeros() as usize;
                let identity = (verdict.identity >> lane) & 1 == 1;
                let reason = if identity { Refusal::Identity } else { Refusal::NonCanonical };
                return Err(PointRefused { index: (2 * pair + k) * WIDTH + lane, reason });
            }
            if !part.is_empty() {
                halves.push(point.multiply(&half.0));
            }
        }
    }
    finish(&halves, out);
    Ok(())
}

/// Doubles and encodes a grain's points.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn finish(halves: &[Completed], out: &mut [[u8; 32]]) {
    let mut words = [[[0; WIDTH]; 4]; GRAIN];
    encode_doubles::<GRAIN>(halves, &mut words);
    for (out, words) in out.chunks_mut(WIDTH).zip(&words) {
        scatter(words, out);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn uniform_pair(seeds: &[[u8; 64]], out: &mut [[u8; 32]]) {
    let mut padded = [[0; 64]; 2 * WIDTH];
    padded[..seeds.len()].copy_from_slice(seeds);
    let (first, second) = padded.split_at(WIDTH);
    let words = encode(&[derive(&split(first)), derive(&split(second))]);
    for (out, words) in out.chunks_mut(WIDTH).zip(&words) {
        scatter(words, out);
    }
}

/// Up to eight strings of 64 bytes into the words of their halves; missing ones are zeros.
fn split(seeds: &[[u8; 64]]) -> [Words; 2] {
    let mut halves = [[[0; WIDTH]; 4]; 2];
    for (lane, seed) in seeds.iter().enumerate() {
        let (low, high) = seed.split_at(32);
        for (words, half) in halves.iter_mut().zip([low, high]) {
            put(words, lane, half);
        }
    }
    halves
}

/// Up to eight strings into words; missing ones are zeros.
fn gather(strings: &[[u8; 32]]) -> Words {
    let mut words = [[0; WIDTH]; 4];
    for (lane, string) in strings.iter().enumerate() {
        put(&mut words, lane, string);
    }
    words
}

fn put(words: &mut [Lanes; 4], lane: usize, string: &[u8]) {
    for (word, bytes) in words.iter_mut().zip(string.as_chunks::<8>().0) {
        word[lane] = u64::from_le_bytes(*bytes);
    }
}

/// The strings of as many lanes as `out` has room for.
fn scatter(words: &Words, out: &mut [[u8; 32]]) {
    for (lane, out) in out.iter_mut().enumerate() {
        for (bytes, word) in out.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word[lane].to_le_bytes();
        }
    }
}
