//! GF(2⁶⁴), where the dense part of a table lives.
//!
//! RR22 takes a field of 128 bits. The dense part needs of its field only that a random Vandermonde-like
//! matrix of ĝ ≤ 8 columns is regular except with probability ĝ(ĝ+1)/2 · 2⁻⁶⁴ ≤ 2⁻⁵⁸ (`docs/protocols/okvs.md`,
//! "Why it has a solution"), and then only for the few keys that peeling leaves over. With 64 bits a value is
//! any number of words, none is padded.

/// x⁶⁴ + x⁴ + x³ + x + 1, without its first term.
#[cfg(test)]
pub(super) const MODULUS: u64 = 0x1b;

/// The product of two polynomials of 64 bits, from ordinary multiplications.
///
/// Each factor is split into five, of every fifth bit. Of two such parts at most 13 bits meet at one place,
/// so a carry runs over at most three of the four empty places beside it, and the sum's own bit is the sum
/// mod 2. For processors without a carry-less multiplication. Constant time.
#[inline]
pub(super) fn multiply(a: u64, b: u64) -> u128 {
    /// Bits 0, 5, 10, … 125.
    const EVERY_FIFTH: u128 = ((u128::MAX >> 3) / 31) | (1 << 125);
    let part = |x: u64, first: u32| u128::from(x) & (EVERY_FIFTH << first);
    let mut product = 0;
    for residue in 0..5 {
        let mut sum = 0;
        for i in 0..5 {
            sum ^= part(a, i) * part(b, (residue + 5 - i) % 5);
        }
        product ^= sum & (EVERY_FIFTH << residue);
    }
    product
}

/// A product of 127 bits modulo x⁶⁴ + x⁴ + x³ + x + 1.
#[inline(always)]
pub(super) const fn reduce(product: u128) -> u64 {
    let (high, low) = ((product >> 64) as u64, product as u64);
    // What the second fold pushes above bit 63 once more: three bits or fewer.
    let over = high >> 63 ^ high >> 61 ^ high >> 60;
    let high = high ^ over;
    low ^ high ^ high << 1 ^ high << 3 ^ high << 4
}

/// a·b.
pub(super) fn times(a: u64, b: u64) -> u64 {
    reduce(multiply(a, b))
}

/// 1/a = a^(2⁶⁴ − 2); 0 for 0.
pub(super) fn inverse(a: u64) -> u64 {
    // 2⁶⁴ − 2 = 2 + 4 + … + 2⁶³.
    let (mut power, mut result) = (a, 1);
    for _ in 1..64 {
        power = times(power, power);
        result = times(result, power);
    }
    result
}

/// Adds x·D₁ ⊕ x²·D₂ ⊕ … to each of `values`, word by word, for its own x. `dense` holds D₁, D₂, … and
/// `width` is the words of each of them and of a value.
pub(super) fn add_dense(xs: &[u64], dense: &[u64], width: usize, values: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("pclmulqdq") {
        // Safety: the processor has just said that it has the instruction.
        unsafe { x86::add_dense(xs, dense, width, values) };
        return;
    }
    add_dense_by(multiply, xs, dense, width, values);
}

/// For one word of a value at a time: the products of all its ĝ terms are summed before they are reduced.
#[inline(always)]
fn add_dense_by(
    multiply: impl Fn(u64, u64) -> u128,
    xs: &[u64],
    dense: &[u64],
    width: usize,
    values: &mut [u64],
) {
    for (&x, value) in xs.iter().zip(values.chunks_exact_mut(width)) {
        let mut power = x;
        // Two terms at a time, so that one reduction serves both.
        let mut pairs = dense.chunks_exact(2 * width);
        for pair in &mut pairs {
            let next = reduce(multiply(power, x));
            let (first, second) = pair.split_at(width);
            for ((word, first), second) in value.iter_mut().zip(first).zip(second) {
                *word ^= reduce(multiply(power, *first) ^ multiply(next, *second));
            }
            power = reduce(multiply(next, x));
        }
        for (word, last) in value.iter_mut().zip(pairs.remainder()) {
            *word ^= reduce(multiply(power, *last));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// The same by PCLMULQDQ.
    #[target_feature(enable = "pclmulqdq,sse2")]
    pub(super) fn add_dense(xs: &[u64], dense: &[u64], width: usize, values: &mut [u64]) {
        let multiply = |a: u64, b: u64| {
            let (a, b) = (_mm_cvtsi64_si128(a as i64), _mm_cvtsi64_si128(b as i64));
            let product = _mm_clmulepi64_si128::<0>(a, b);
            let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(product, product)) as u64;
            u128::from(high) << 64 | u128::from(_mm_cvtsi128_si64(product) as u64)
        };
        super::add_dense_by(multiply, xs, dense, width, values);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bit by bit, as it is taught.
    fn slow(a: u64, b: u64) -> u64 {
        let mut product = 0;
        for bit in (0..64).rev() {
            product = product << 1 ^ if product >> 63 == 1 { MODULUS } else { 0 };
            if b >> bit & 1 == 1 {
                product ^= a;
            }
        }
        product
    }

    proptest! {
        #[test]
        fn okvs_03_products_are_those_of_the_slow_way(a: u64, b: u64) {
            prop_assert_eq!(times(a, b), slow(a, b));
            prop_assert_eq!(times(u64::MAX, b), slow(u64::MAX, b));
            prop_assert_eq!(times(times(a, b), inverse(b)), if b == 0 { 0 } else { a });
        }

        #[test]
        fn okvs_03_vectors_and_words_agree(
            xs in prop::collection::vec(any::<u64>(), 0..9), dense in 0usize..6, width in 1usize..6, fill: u64,
        ) {
            let word = |at: usize| times(fill ^ at as u64, 0x9e37_79b9_7f4a_7c15);
            let dense: Vec<u64> = (0..dense * width).map(word).collect();
            let mut values: Vec<u64> = (0..xs.len() * width).map(|at| word(at + 1000)).collect();
            let (mut plain, mut slowly) = (values.clone(), values.clone());
            add_dense(&xs, &dense, width, &mut values);
            add_dense_by(multiply, &xs, &dense, width, &mut plain);
            for (row, x) in xs.iter().enumerate() {
                let mut power = *x;
                for slot in dense.chunks(width) {
                    slot.iter().enumerate().for_each(|(at, word)| slowly[row * width + at] ^= slow(power, *word));
                    power = slow(power, *x);
                }
            }
            prop_assert_eq!(&values, &slowly);
            prop_assert_eq!(&plain, &slowly);
        }
    }
}
