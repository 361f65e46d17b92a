//! A piece in 512-bit vectors: AES, sums and the turn of the matrix.

#![allow(
    clippy::needless_range_loop,
    reason = "an adapter of iterators that is not inlined takes the vectors through memory"
)]

use std::arch::x86_64::*;

use super::{COLUMNS, LEAVES};
use crate::ot::block::{
    Lane,
    vaes::{RoundKeys, Vaes, counters, encrypt, load, store},
};

impl Vaes {
    pub(super) fn columns<const P: usize>(
        self,
        keys: &[[RoundKeys; LEAVES]],
        counter: u128,
        u: &mut [Lane; 128],
        v: &mut [Lane; 128],
    ) {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { columns::<P>(keys, counter, u, v) }
    }

    pub(super) fn turn(self, matrix: &mut [Lane; 128]) {
        // SAFETY: `self` exists, so the processor has what the function needs.
        unsafe { turn(matrix) }
    }
}

#[target_feature(enable = "avx512f,vaes")]
fn columns<const P: usize>(
    keys: &[[RoundKeys; LEAVES]],
    counter: u128,
    u: &mut [Lane; 128],
    v: &mut [Lane; 128],
) {
    let counters = counters::<P>(counter);
    let zero = _mm512_setzero_si512();
    for (column, keys) in keys.iter().enumerate() {
        let mut sum = [zero; P];
        let mut parts = [[zero; P]; 4];
        for pair in 0..LEAVES / 2 {
            let (mut even, mut odd) = (counters, counters);
            encrypt(&keys[2 * pair], &mut even);
            encrypt(&keys[2 * pair + 1], &mut odd);
            for plane in 0..P {
                let both = _mm512_xor_si512(even[plane], odd[plane]);
                sum[plane] = _mm512_xor_si512(sum[plane], both);
                parts[0][plane] = _mm512_xor_si512(parts[0][plane], odd[plane]);
                for bit in 1..4 {
                    if (2 * pair) >> bit & 1 == 1 {
                        parts[bit][plane] = _mm512_xor_si512(parts[bit][plane], both);
                    }
                }
            }
        }
        // Σ αᵇ·partᵇ; what is beyond α³ comes down by α⁴ = α + 1.
        let mut powers = [zero; 7];
        for bit in 0..4 {
            for plane in 0..P {
                powers[bit + plane] = _mm512_xor_si512(powers[bit + plane], parts[bit][plane]);
            }
        }
        for power in 4..7 {
            powers[power - 3] = _mm512_xor_si512(powers[power - 3], powers[power]);
            powers[power - 4] = _mm512_xor_si512(powers[power - 4], powers[power]);
        }
        for plane in 0..4 {
            store(&mut v[plane * COLUMNS + column], powers[plane]);
            store(&mut u[plane * COLUMNS + column], if plane < P { sum[plane] } else { zero });
        }
    }
}

/// As `transpose::turn`, three levels at a time.
#[target_feature(enable = "avx512f")]
fn turn(matrix: &mut [Lane; 128]) {
    for start in 0..16 {
        let mut rows = gather::<16>(matrix, start);
        for k in 0..4 {
            exchange_halves(&mut rows, k);
        }
        for k in [0, 1, 4, 5] {
            exchange::<32>(&mut rows, k, 2, 0x0000_0000_ffff_ffff);
        }
        for k in [0, 2, 4, 6] {
            exchange::<16>(&mut rows, k, 1, 0x0000_ffff_0000_ffff);
        }
        scatter::<16>(matrix, start, &rows);
    }
    for start in (0..128).step_by(16).flat_map(|start| [start, start + 1]) {
        let mut rows = gather::<2>(matrix, start);
        for k in 0..4 {
            exchange::<8>(&mut rows, k, 4, 0x00ff_00ff_00ff_00ff);
        }
        for k in [0, 1, 4, 5] {
            exchange::<4>(&mut rows, k, 2, 0x0f0f_0f0f_0f0f_0f0f);
        }
        for k in [0, 2, 4, 6] {
            exchange::<2>(&mut rows, k, 1, 0x3333_3333_3333_3333);
        }
        scatter::<2>(matrix, start, &rows);
    }
    for start in (0..128).step_by(8) {
        let mut rows = gather::<1>(matrix, start);
        for k in [0, 2, 4, 6] {
            exchange::<1>(&mut rows, k, 1, 0x5555_5555_5555_5555);
        }
        scatter::<1>(matrix, start, &rows);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn gather<const STEP: usize>(matrix: &[Lane; 128], start: usize) -> [__m512i; 8] {
    let mut rows = [_mm512_setzero_si512(); 8];
    for k in 0..8 {
        rows[k] = load(&matrix[start + k * STEP]);
    }
    rows
}

#[inline]
#[target_feature(enable = "avx512f")]
fn scatter<const STEP: usize>(matrix: &mut [Lane; 128], start: usize, rows: &[__m512i; 8]) {
    for k in 0..8 {
        store(&mut matrix[start + k * STEP], rows[k]);
    }
}

/// High words of row `k` for low words of row `k + 4`, in each block.
#[inline]
#[target_feature(enable = "avx512f")]
fn exchange_halves(rows: &mut [__m512i; 8], k: usize) {
    let (low, high) = (rows[k], rows[k + 4]);
    rows[k] = _mm512_unpacklo_epi64(low, high);
    rows[k + 4] = _mm512_unpackhi_epi64(low, high);
}

/// High halves of 2·HALF bits of row `k` for low halves of row `k + step`.
#[inline]
#[target_feature(enable = "avx512f")]
fn exchange<const HALF: u32>(rows: &mut [__m512i; 8], k: usize, step: usize, mask: i64) {
    let (low, high) = (rows[k], rows[k + step]);
    let moved = _mm512_xor_si512(_mm512_srli_epi64::<HALF>(low), high);
    let change = _mm512_and_si512(moved, _mm512_set1_epi64(mask));
    rows[k] = _mm512_xor_si512(low, _mm512_slli_epi64::<HALF>(change));
    rows[k + step] = _mm512_xor_si512(high, change);
}
