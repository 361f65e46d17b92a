//! Polynomials mod q as their transforms, and sums of products of them.

use zeroize::{Zeroize, Zeroizing};

use super::{LIMBS, N, modulus::moduli, pack, sample};
use crate::{learn::vertical::share, session::PeerMisbehaved};

/// A polynomial mod q, limb after limb, each as its transform; 196,608 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Poly(pub(super) Vec<u64>);

impl Poly {
    /// Of small coefficients, the lowest first; what is left out is 0.
    pub(super) fn of_small(coefficients: &[i64]) -> Self {
        Self::from_limbs(|limb, out| {
            let modulus = &moduli()[limb];
            for (out, x) in out.iter_mut().zip(coefficients) {
                *out = modulus.signed(*x);
            }
        })
    }

    /// What each limb writes, transformed.
    pub(super) fn from_limbs(mut fill: impl FnMut(usize, &mut [u64])) -> Self {
        let mut poly = vec![0; LIMBS * N];
        for (limb, out) in poly.chunks_exact_mut(N).enumerate() {
            fill(limb, out);
            moduli()[limb].forward(out);
        }
        Self(poly)
    }
}

impl Zeroize for Poly {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// A plain polynomial with small coefficients, ready to be multiplied with.
pub struct Small(pub(super) Zeroizing<Poly>);

impl Small {
    /// Of a block of one column: up to N numbers.
    pub fn new(coefficients: &[i32]) -> Self {
        let wide: Zeroizing<Vec<i64>> =
            Zeroizing::new(coefficients.iter().take(N).map(|x| i64::from(*x)).collect());
        Self(Zeroizing::new(Poly::of_small(&wide)))
    }
}

/// An encrypted polynomial as it was received.
#[derive(Clone)]
pub struct Request {
    pub(super) b: Poly,
    pub(super) a: Poly,
}

impl Request {
    /// Bytes of a request: the seed of `a`, and `b`.
    pub const BYTES: usize = 32 + pack::POLY;

    /// Reads what [`SecretKey::encrypt`](super::SecretKey::encrypt) made.
    ///
    /// # Errors
    /// LEARNV-10: [`PeerMisbehaved::CountDiffers`], [`PeerMisbehaved::CoefficientAboveModulus`].
    pub fn read(bytes: &[u8]) -> Result<Self, PeerMisbehaved> {
        let (seed, b) = bytes
            .split_first_chunk()
            .filter(|_| bytes.len() == Self::BYTES)
            .ok_or(PeerMisbehaved::CountDiffers { expected: Self::BYTES, got: bytes.len() })?;
        Ok(Self { b: Poly(pack::read_poly(b)?), a: Poly(sample::uniform(seed)) })
    }
}

/// ⌊q·m/2⁶⁰⌉ mod each prime, for a number mod 2⁶⁰: q·m less its lower bits is divisible, and q is 0.
pub(super) struct Scale {
    /// q mod 2⁶⁰.
    q: u64,
    /// 2⁻⁶⁰ mod each prime.
    inverse: [u64; LIMBS],
}

impl Scale {
    const HALF: u64 = 1 << (share::BITS - 1);

    pub fn new() -> Self {
        let q = super::PRIMES.into_iter().fold(1u64, u64::wrapping_mul) & share::MASK;
        let inverse = std::array::from_fn(|limb| {
            let modulus = &moduli()[limb];
            modulus.power(modulus.reduce(1 << share::BITS), modulus.p - 2)
        });
        Self { q, inverse }
    }

    #[inline(always)]
    pub fn of(&self, limb: usize, m: u64) -> u64 {
        let low = self.q.wrapping_mul(m).wrapping_add(Self::HALF) & share::MASK;
        let modulus = &moduli()[limb];
        modulus.times(modulus.signed(Self::HALF.cast_signed() - low.cast_signed()), self.inverse[limb])
    }
}

/// A sum of products of encrypted with plain polynomials.
pub struct Accumulator {
    pub(super) b: Poly,
    pub(super) a: Poly,
}

/// Places whose sums are kept at hand.
const STRIP: usize = 256;
/// 2¹²⁸ holds the sum of this many products of numbers below 2⁶⁰, and one more number.
const LAZY: usize = 255;

impl Accumulator {
    /// Σ request·small over the pairs.
    pub fn of<'a>(pairs: &[(&'a Request, &'a Small)]) -> Self {
        let mut sums = [vec![0; LIMBS * N], vec![0; LIMBS * N]];
        for start in (0..LIMBS * N).step_by(STRIP) {
            let modulus = &moduli()[start / N];
            let range = start..start + STRIP;
            let (mut b, mut a) = ([0u128; STRIP], [0u128; STRIP]);
            for pairs in pairs.chunks(LAZY) {
                for (request, small) in pairs {
                    let x = &small.0.0[range.clone()];
                    add(&mut b, x, &request.b.0[range.clone()]);
                    add(&mut a, x, &request.a.0[range.clone()]);
                }
                for sum in b.iter_mut().chain(&mut a) {
                    *sum = modulus.reduce(*sum).into();
                }
            }
            for (sum, out) in [b, a].iter().zip(&mut sums) {
                out[range.clone()].iter_mut().zip(sum).for_each(|(out, sum)| *out = *sum as u64);
            }
        }
        let [b, a] = sums;
        Self { b: Poly(b), a: Poly(a) }
    }
}

#[inline(always)]
fn add(sums: &mut [u128; STRIP], x: &[u64], y: &[u64]) {
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum = sum.wrapping_add(u128::from(*x) * u128::from(*y));
    }
}
