//! Powers: the inverse, and the square root of a ratio.
//!
//! A chain of 254 squarings is bound by latency, not by work: each waits for the one before. So roots are
//! taken two vectors at a time, whose chains fill each other's gaps.

use super::field::{Fe, Mask};

/// √−1, the one RFC 9496 names `SQRT_M1`.
pub(super) const SQRT_M1: [i64; 5] =
    [0x6_1b27_4a0e_a0b0, 0x0_d5a5_fc8f_189d, 0x7_ef5e_9cbd_0c60, 0x7_8595_a680_4c9e, 0x2_b832_4804_fc1d];

/// Two vectors that go the same way.
pub(super) type Pair = [Fe; 2];

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn times<const N: usize>(x: &[Fe; N], y: &[Fe; N]) -> [Fe; N] {
    let mut out = *x;
    for k in 0..N {
        out[k] = x[k].times(&y[k]);
    }
    out
}

/// Squares `count` times.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn squares<const N: usize>(x: &[Fe; N], count: usize) -> [Fe; N] {
    let mut out = *x;
    for _ in 0..count {
        for x in &mut out {
            *x = x.square();
        }
    }
    out
}

/// x^(2²⁵⁰ − 1) and x¹¹. In the names, `ones_n` is x to n binary ones.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn ones_250<const N: usize>(x: &[Fe; N]) -> ([Fe; N], [Fe; N]) {
    let two = squares(x, 1);
    let nine = times(&squares(&two, 2), x);
    let eleven = times(&nine, &two);
    let ones_5 = times(&squares(&eleven, 1), &nine);
    let ones_10 = times(&squares(&ones_5, 5), &ones_5);
    let ones_20 = times(&squares(&ones_10, 10), &ones_10);
    let ones_40 = times(&squares(&ones_20, 20), &ones_20);
    let ones_50 = times(&squares(&ones_40, 10), &ones_10);
    let ones_100 = times(&squares(&ones_50, 50), &ones_50);
    let ones_200 = times(&squares(&ones_100, 100), &ones_100);
    (times(&squares(&ones_200, 50), &ones_50), eleven)
}

/// 1/x, and zero for zero: x^(p − 2) = x^(2²⁵⁵ − 21).
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn inverse(x: &Fe) -> Fe {
    let (ones_250, eleven) = ones_250(&[*x]);
    times(&squares(&ones_250, 5), &eleven)[0]
}

/// x^((p − 5)/8) = x^(2²⁵² − 3).
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn power_p58<const N: usize>(x: &[Fe; N]) -> [Fe; N] {
    times(&squares(&ones_250(x).0, 2), x)
}

/// RFC 9496, section 4.2: `SQRT_RATIO_M1`. In the lanes of the mask u/v is a square and the root is its
/// non-negative one; in the others that of √−1 · u/v, or zero where v is zero.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn sqrt_ratio(u: &Pair, v: &Pair) -> ([Mask; 2], Pair) {
    let v3 = times(&squares(v, 1), v);
    let v7 = times(&squares(&v3, 1), v);
    let mut roots = times(&times(u, &v3), &power_p58(&times(u, &v7)));
    let sqrt_m1 = Fe::splat(&SQRT_M1);
    let mut square = [0; 2];
    for k in 0..2 {
        let check = v[k].times(&roots[k].square());
        let minus_u = Fe::zero().minus(&u[k]);
        let right = check.equals(&u[k]);
        let flipped = check.equals(&minus_u);
        let flipped_i = check.equals(&minus_u.times(&sqrt_m1));
        roots[k] = roots[k].or(flipped | flipped_i, &roots[k].times(&sqrt_m1)).absolute();
        square[k] = right | flipped;
    }
    (square, roots)
}
