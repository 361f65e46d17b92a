//! What is drawn: all of it from streams that the caller seeds.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::{LIMBS, N, PRIME_BITS, PRIMES};
use crate::secret::Secret;

/// Half the bits of an error: a difference of two counts of 21 bits has variance 21/2, σ = 3.24, and never more than 21.
pub const ERROR_MOST: i64 = 21;

/// A stream for one purpose; the seed is used for nothing else.
pub fn stream(seed: &Secret<[u8; 32]>) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(*seed.expose())
}

/// −1, 0 and 1, alike up to 2⁻⁶².
pub fn ternary(stream: &mut ChaCha20Rng) -> Zeroizing<Vec<i64>> {
    let draw = |_| ((u128::from(stream.next_u64()) * 3) >> 64) as i64 - 1;
    Zeroizing::new((0..N).map(draw).collect())
}

/// The error of RLWE: a centred binomial, in constant time.
pub fn errors(stream: &mut ChaCha20Rng) -> Zeroizing<Vec<i64>> {
    const HALF: u64 = (1 << ERROR_MOST) - 1;
    let draw = |_| {
        let bits = stream.next_u64();
        i64::from((bits & HALF).count_ones()) - i64::from(((bits >> 32) & HALF).count_ones())
    };
    Zeroizing::new((0..N).map(draw).collect())
}

/// A number of `bits` bits and a sign's worth of room below 0: uniform from −2^bits to 2^bits − 1, as what must be
/// added to −2^bits.
pub fn flood(stream: &mut ChaCha20Rng, bits: u32) -> u128 {
    let wide = u128::from(stream.next_u64()) << 64 | u128::from(stream.next_u64());
    wide >> (127 - bits)
}

/// A public polynomial, uniform mod q, as its transform.
pub fn uniform(seed: &[u8; 32]) -> Vec<u64> {
    const LOW: u64 = (1 << PRIME_BITS) - 1;
    let mut stream = ChaCha20Rng::from_seed(*seed);
    let mut poly = Vec::with_capacity(LIMBS * N);
    for p in PRIMES {
        // Public, so it may take its time: one in 2⁴² is drawn again.
        let fresh = std::iter::repeat_with(|| stream.next_u64() & LOW).filter(|x| *x < p);
        poly.extend(fresh.take(N));
    }
    poly
}
