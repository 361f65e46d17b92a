//! The keys of one end for one job.

use std::fmt;

use rand_core::Rng;
use zeroize::Zeroizing;

use super::{
    N,
    modulus::moduli,
    pack,
    poly::{Poly, Request, Scale},
    response::{NOISE_MOST, Response},
    sample,
};
use crate::{learn::vertical::share, secret::Secret, session::PeerMisbehaved};

/// What decrypts.
pub struct SecretKey {
    /// −1, 0 and 1.
    s: Zeroizing<Vec<i64>>,
    transform: Zeroizing<Poly>,
    scale: Scale,
}

/// What encrypts zero, so that the other end can hide what it multiplied with.
pub struct PublicKey {
    pub(super) b: Poly,
    pub(super) a: Poly,
}

impl SecretKey {
    /// The key of this seed, which is used for nothing else.
    pub fn new(seed: &Secret<[u8; 32]>) -> Self {
        let s = sample::ternary(&mut sample::stream(seed));
        let transform = Zeroizing::new(Poly::of_small(&s));
        Self { s, transform, scale: Scale::new() }
    }

    /// The public key as it is sent: an encryption of zero.
    pub fn public(&self, seed: &Secret<[u8; 32]>) -> Vec<u8> {
        self.encrypt(seed, &[])
    }

    /// Encrypts a polynomial of numbers mod 2⁶⁰, the lowest coefficient first; what is left out is 0. One seed for
    /// one polynomial: the same seed with another polynomial would show the difference (LEARNV-13).
    pub fn encrypt(&self, seed: &Secret<[u8; 32]>, numbers: &[u64]) -> Vec<u8> {
        let mut stream = sample::stream(seed);
        let mut public = [0; 32];
        stream.fill_bytes(&mut public);
        let errors = sample::errors(&mut stream);
        let a = sample::uniform(&public);
        let mut b = Poly::from_limbs(|limb, out| {
            let modulus = &moduli()[limb];
            out.iter_mut().zip(errors.iter()).for_each(|(out, e)| *out = modulus.signed(*e));
            for (out, m) in out.iter_mut().zip(numbers) {
                *out = modulus.plus(*out, self.scale.of(limb, *m));
            }
        });
        for (limb, modulus) in moduli().iter().enumerate() {
            let range = limb * N..(limb + 1) * N;
            let products = a[range.clone()].iter().zip(&self.transform.0[range.clone()]);
            for (b, (a, s)) in b.0[range].iter_mut().zip(products) {
                *b = modulus.minus(*b, modulus.times(*a, *s));
            }
        }
        let mut bytes = Vec::with_capacity(Request::BYTES);
        bytes.extend_from_slice(&public);
        pack::poly(&b.0, &mut bytes);
        bytes
    }

    /// The lowest coefficients of a response, as many as it has, mod 2⁶⁰.
    ///
    /// # Errors
    /// LEARNV-12: [`PeerMisbehaved::NoiseAboveBound`].
    pub fn decrypt(&self, response: &Response) -> Result<Zeroizing<Vec<u64>>, PeerMisbehaved> {
        let products = if response.b.len() == 1 { self.lowest(&response.a) } else { self.times(&response.a) };
        let mut numbers = Zeroizing::new(Vec::with_capacity(response.b.len()));
        let mut within = true;
        for (b, product) in response.b.iter().zip(products.iter()) {
            const SPARE: u32 = pack::WORD_BITS - share::BITS;
            let half = 1u128 << (SPARE - 1);
            let sum = b.wrapping_add(*product).wrapping_add(half);
            numbers.push((sum >> SPARE) as u64 & share::MASK);
            let noise = (sum & ((1 << SPARE) - 1)) as i64 - half as i64;
            within &= noise.abs() <= NOISE_MOST;
        }
        if within { Ok(numbers) } else { Err(PeerMisbehaved::NoiseAboveBound) }
    }

    /// Coefficient 0 of a·s, mod 2⁸⁰ and with more bits above.
    fn lowest(&self, a: &[u128]) -> Zeroizing<Vec<u128>> {
        // X^N = −1: what is multiplied with s_i and lands on 0 is a_(N−i), with the other sign.
        let mut sum = a[0].wrapping_mul(self.s[0] as u128);
        for (s, a) in self.s[1..].iter().zip(a[1..].iter().rev()) {
            sum = sum.wrapping_sub(a.wrapping_mul(*s as u128));
        }
        Zeroizing::new(vec![sum])
    }

    /// All of a·s: as a product mod the first two primes, of which the true one is below half, as |a·s| < 2⁹³.
    fn times(&self, a: &[u128]) -> Zeroizing<Vec<u128>> {
        let [first, second, _] = moduli();
        let product = |limb: usize| {
            let modulus = &moduli()[limb];
            let mut values: Zeroizing<Vec<u64>> =
                Zeroizing::new(a.iter().map(|a| modulus.reduce(*a)).collect());
            modulus.forward(&mut values);
            for (value, s) in values.iter_mut().zip(&self.transform.0[limb * N..]) {
                *value = modulus.times(*value, *s);
            }
            modulus.inverse(&mut values);
            values
        };
        let (x, y) = (product(0), product(1));
        let inverse = second.power(first.p, second.p - 2);
        let whole = u128::from(first.p) * u128::from(second.p);
        let both = |(x, y): (&u64, &u64)| {
            let times = second.times(second.minus(*y, second.reduce(u128::from(*x))), inverse);
            let value = u128::from(*x) + u128::from(first.p) * u128::from(times);
            // Above half stands for a negative number; 1 or 0, without a branch.
            let negative = u128::from(value > whole / 2);
            value.wrapping_sub(whole.wrapping_mul(negative))
        };
        Zeroizing::new(x.iter().zip(y.iter()).map(both).collect())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl PublicKey {
    /// Reads what [`SecretKey::public`] made.
    ///
    /// # Errors
    /// As [`Request::read`].
    pub fn read(bytes: &[u8]) -> Result<Self, PeerMisbehaved> {
        let Request { b, a } = Request::read(bytes)?;
        Ok(Self { b, a })
    }
}
