//! AES four blocks a vector, for x86-64 with AVX-512 and VAES.
//!
//! Against the `aes` crate on such a machine this is some ten times quicker on short runs under many keys:
//! the crate's widest code wants 64 blocks at once under one key, and goes block by block below that. Loops
//! are plain, with a vector each; the processor overlaps them by itself.
//!
//! `unsafe` is in two places: moving vectors between memory and registers, and the calls into code for which
//! the processor was asked before.

#![allow(
    clippy::needless_range_loop,
    reason = "an adapter of iterators that is not inlined takes the vectors through memory"
)]

use std::arch::x86_64::*;

use zeroize::Zeroize;

use super::Lane;

/// Says that this processor has the instructions; only [`Vaes::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(in crate::ot) struct Vaes(());

/// The eleven round keys of AES-128 (FIPS 197, section 5.2).
#[derive(Clone)]
pub(in crate::ot) struct RoundKeys([[u8; 16]; 11]);

impl Drop for RoundKeys {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Vaes {
    /// Asks the processor (and the operating system, which has to save the wide registers).
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("vaes");
        has.then_some(Self(()))
    }

    pub(super) fn key(self, key: &[u8; 16]) -> RoundKeys {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { expand(key) }
    }

    pub(super) fn fill<const P: usize>(self, keys: &[RoundKeys], counter: u128, out: &mut [[Lane; P]]) {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { fill(keys, counter, out) }
    }

    pub(super) fn hash(self, key: &RoundKeys, blocks: &mut [u128]) {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { hash(key, blocks) }
    }

    pub(super) fn hash_bits(
        self,
        key: &RoundKeys,
        rows: &[[u128; 1]],
        offsets: &[u128; 16],
        out: &mut [u16],
    ) {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { hash_bits(key, rows, offsets, out) }
    }
}

/// FIPS 197, section 5.2, with the instruction that does the part with the S-box.
#[target_feature(enable = "aes,avx512f")]
fn expand(key: &[u8; 16]) -> RoundKeys {
    #[target_feature(enable = "aes,avx512f")]
    fn next<const CONSTANT: i32>(key: __m128i) -> __m128i {
        let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<CONSTANT>(key));
        let once = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
        let twice = _mm_xor_si128(once, _mm_slli_si128::<8>(once));
        _mm_xor_si128(twice, word)
    }
    // SAFETY: `key` is 16 bytes; no alignment is asked for.
    let k0 = unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    let k1 = next::<0x01>(k0);
    let k2 = next::<0x02>(k1);
    let k3 = next::<0x04>(k2);
    let k4 = next::<0x08>(k3);
    let k5 = next::<0x10>(k4);
    let k6 = next::<0x20>(k5);
    let k7 = next::<0x40>(k6);
    let k8 = next::<0x80>(k7);
    let k9 = next::<0x1b>(k8);
    let k10 = next::<0x36>(k9);
    let mut keys = RoundKeys([[0; 16]; 11]);
    for (out, key) in keys.0.iter_mut().zip([k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10]) {
        // SAFETY: `out` is 16 bytes; no alignment is asked for.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), key) };
    }
    keys
}

/// A round key at all four blocks.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn round(keys: &RoundKeys, number: usize) -> __m512i {
    // SAFETY: a round key is 16 bytes; no alignment is asked for.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(keys.0[number].as_ptr().cast()) })
}

/// AES on N vectors side by side.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
pub(in crate::ot) fn encrypt<const N: usize>(keys: &RoundKeys, blocks: &mut [__m512i; N]) {
    let first = round(keys, 0);
    for at in 0..N {
        blocks[at] = _mm512_xor_si512(blocks[at], first);
    }
    for number in 1..10 {
        let key = round(keys, number);
        for at in 0..N {
            blocks[at] = _mm512_aesenc_epi128(blocks[at], key);
        }
    }
    let last = round(keys, 10);
    for at in 0..N {
        blocks[at] = _mm512_aesenclast_epi128(blocks[at], last);
    }
}

/// P vectors of counters from `counter` on, which is a multiple of four; its low word does not overflow, for
/// it counts a batch's blocks from 0.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ot) fn counters<const P: usize>(counter: u128) -> [__m512i; P] {
    let (low, high) = (counter as u64 as i64, (counter >> 64) as i64);
    let start = _mm512_set_epi64(high, low | 3, high, low | 2, high, low | 1, high, low);
    let next = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    let mut counters = [start; P];
    for plane in 1..P {
        counters[plane] = _mm512_add_epi64(counters[plane - 1], next);
    }
    counters
}

#[target_feature(enable = "avx512f,vaes")]
fn fill<const P: usize>(keys: &[RoundKeys], counter: u128, out: &mut [[Lane; P]]) {
    let counters = counters::<P>(counter);
    for (keys, out) in keys.iter().zip(out) {
        let mut blocks = counters;
        encrypt(keys, &mut blocks);
        for plane in 0..P {
            store(&mut out[plane], blocks[plane]);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ot) fn load(lane: &Lane) -> __m512i {
    // SAFETY: a `Lane` is 64 bytes; no alignment is asked for.
    unsafe { _mm512_loadu_si512(lane.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ot) fn store(lane: &mut Lane, vector: __m512i) {
    // SAFETY: a `Lane` is 64 bytes; no alignment is asked for.
    unsafe { _mm512_storeu_si512(lane.0.as_mut_ptr().cast(), vector) };
}

#[target_feature(enable = "avx512f,vaes")]
fn hash(key: &RoundKeys, blocks: &mut [u128]) {
    let (wide, rest) = blocks.as_chunks_mut::<16>();
    for blocks in wide {
        hash_vectors::<4>(key, blocks);
    }
    let mut padded = [0; 16];
    padded[..rest.len()].copy_from_slice(rest);
    hash_vectors::<4>(key, &mut padded);
    rest.copy_from_slice(&padded[..rest.len()]);
}

#[target_feature(enable = "avx512f,vaes")]
fn hash_vectors<const N: usize>(key: &RoundKeys, blocks: &mut [u128; 16]) {
    let (vectors, _) = blocks.as_chunks_mut::<4>();
    let mut x = [_mm512_setzero_si512(); N];
    for at in 0..N {
        // SAFETY: four blocks are 64 bytes; no alignment is asked for.
        x[at] = unsafe { _mm512_loadu_si512(vectors[at].as_ptr().cast()) };
    }
    let mut y = x;
    encrypt(key, &mut y);
    for at in 0..N {
        // SAFETY: four blocks are 64 bytes; no alignment is asked for.
        unsafe {
            _mm512_storeu_si512(vectors[at].as_mut_ptr().cast(), _mm512_xor_si512(x[at], y[at]));
        };
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,vaes,bmi2")]
fn hash_bits(key: &RoundKeys, rows: &[[u128; 1]], offsets: &[u128; 16], out: &mut [u16]) {
    let mut wide = [_mm512_setzero_si512(); 4];
    for at in 0..4 {
        // SAFETY: four blocks are 64 bytes; no alignment is asked for.
        wide[at] = unsafe { _mm512_loadu_si512(offsets.as_chunks::<4>().0[at].as_ptr().cast()) };
    }
    let lowest = _mm512_set_epi64(0, 1, 0, 1, 0, 1, 0, 1);
    for ([row], out) in rows.iter().zip(out) {
        let row = _mm512_broadcast_i32x4(_mm_set_epi64x((row >> 64) as i64, *row as i64));
        let mut x = wide;
        for at in 0..4 {
            x[at] = _mm512_xor_si512(x[at], row);
        }
        let mut y = x;
        encrypt(key, &mut y);
        let mut bits = 0u32;
        for at in 0..4 {
            let found = _mm512_test_epi64_mask(_mm512_xor_si512(x[at], y[at]), lowest);
            bits |= u32::from(found) << (8 * at);
        }
        *out = _pext_u32(bits, 0x5555_5555) as u16;
    }
}
