//! What goes back: a product that shows nothing of what was multiplied.
//!
//! LEARNV-11. Let x be the plain polynomials, a, b, e those of the requests, so that the product decrypts to m + noise
//! with noise = Σ e·x + rounding, |noise| ≤ 22·Σ‖x‖₁ < 2⁴⁵ for a sum of norms of at most [`LARGEST_NORM`]. To the
//! product is added u·(public key) + (flood, e₁) with u ternary and e₁ small:
//!
//! * `a` becomes a + u·a_pk + e₁, uniform to all who do not know u (RLWE with the secret u), the one that decrypts
//!   among them;
//! * given `a`, `b` is fixed by m, the mask, and the noise with the flood, uniform in ±2¹¹³, added: each of the
//!   coefficients sent is within 2⁴⁵⁻¹¹⁴ of one that does not depend on x, and the 2²⁸ coefficients of the longest job
//!   within 2⁻⁴¹ together.
//!
//! The mask is uniform mod 2⁶⁰, so what is decrypted is uniform as well.

use zeroize::Zeroizing;

use super::{
    LIMBS, N,
    keys::PublicKey,
    modulus::moduli,
    pack::{self, WORD, WORD_BITS},
    poly::{Accumulator, Poly, Scale},
    sample,
};
use crate::{secret::Secret, session::PeerMisbehaved};

/// The flood is uniform from −2¹¹³ to 2¹¹³ − 1.
pub const FLOOD_BITS: u32 = 113;
/// The largest sum of absolute coefficients of the plain polynomials that are multiplied for one response.
pub const LARGEST_NORM: u64 = 1 << 40;

/// LEARNV-12, the largest noise of an honest response mod 2⁸⁰: the flood and what it drowns, 2¹¹³·2⁸⁰/q and less than one,
/// the rounding of `a` times s, N/2, and of `b`.
pub const NOISE_MOST: i64 = (1 << 13) + N as i64 / 2 + 3;

/// A product as it is sent.
pub struct Response {
    /// The lowest coefficients.
    pub(super) b: Vec<u128>,
    pub(super) a: Vec<u128>,
}

impl Response {
    /// Bytes of a response with the lowest `count` coefficients.
    pub const fn bytes(count: usize) -> usize {
        (N + count) * WORD
    }

    /// Hides a product, adds the masks to its lowest coefficients, and writes those. `seed` is used for nothing else.
    pub fn write(product: Accumulator, key: &PublicKey, masks: &[u64], seed: &Secret<[u8; 32]>) -> Vec<u8> {
        let mut stream = sample::stream(seed);
        let u = Zeroizing::new(Poly::of_small(&sample::ternary(&mut stream)));
        let errors = sample::errors(&mut stream);
        let Accumulator { mut b, mut a } = product;
        for (limb, modulus) in moduli().iter().enumerate() {
            for place in limb * N..(limb + 1) * N {
                b.0[place] = modulus.plus(b.0[place], modulus.times(u.0[place], key.b.0[place]));
                a.0[place] = modulus.plus(a.0[place], modulus.times(u.0[place], key.a.0[place]));
            }
            let range = limb * N..(limb + 1) * N;
            modulus.inverse(&mut a.0[range.clone()]);
            a.0[range.clone()]
                .iter_mut()
                .zip(errors.iter())
                .for_each(|(a, e)| *a = modulus.plus(*a, modulus.signed(*e)));
            modulus.inverse(&mut b.0[range]);
        }
        let scale = Scale::new();
        for (place, mask) in masks.iter().enumerate().take(N) {
            let flood = sample::flood(&mut stream, FLOOD_BITS);
            for (limb, modulus) in moduli().iter().enumerate() {
                let flood = modulus.minus(modulus.reduce(flood), modulus.reduce(1 << FLOOD_BITS));
                let added = modulus.plus(flood, scale.of(limb, *mask));
                let b = &mut b.0[limb * N + place];
                *b = modulus.plus(*b, added);
            }
        }
        let switch = Switch::new();
        let mut bytes = Vec::with_capacity(Self::bytes(masks.len()));
        pack::words((0..masks.len().min(N)).map(|place| switch.of(&b.0, place)), &mut bytes);
        pack::words((0..N).map(|place| switch.of(&a.0, place)), &mut bytes);
        bytes
    }

    /// Reads a response with the lowest `count` coefficients.
    ///
    /// # Errors
    /// LEARNV-10: [`PeerMisbehaved::CountDiffers`] for another length.
    pub fn read(bytes: &[u8], count: usize) -> Result<Self, PeerMisbehaved> {
        let expected = Self::bytes(count);
        if bytes.len() != expected || count == 0 || count > N {
            return Err(PeerMisbehaved::CountDiffers { expected, got: bytes.len() });
        }
        let (b, a) = bytes.split_at(count * WORD);
        Ok(Self { b: pack::read_words(b), a: pack::read_words(a) })
    }
}

/// ⌊2⁸⁰·c/q⌉ of numbers mod q: c/q = Σ (cᵢ·(q/pᵢ)⁻¹ mod pᵢ)/pᵢ up to whole numbers, each to 96 bits after the point.
struct Switch {
    /// (q/pᵢ)⁻¹ mod pᵢ.
    inverse: [u64; LIMBS],
    /// ⌊2¹⁸⁷/pᵢ⌋, its upper and its lower half.
    over: [[u64; 2]; LIMBS],
}

impl Switch {
    const FRACTION: u32 = 96;
    const OVER: u32 = 187;

    fn new() -> Self {
        let inverse = std::array::from_fn(|limb| {
            let modulus = &moduli()[limb];
            let others = moduli().iter().filter(|other| other.p != modulus.p);
            let product =
                others.fold(1, |product, other| modulus.times(product, modulus.reduce(other.p.into())));
            modulus.power(product, modulus.p - 2)
        });
        let over = std::array::from_fn(|limb| {
            // By long division, 2¹²⁰ first: the remainder is below 2⁶⁰, so the rest fits in one more step and a last.
            let p = u128::from(moduli()[limb].p);
            let (first, rest) = ((1u128 << 120) / p, (1u128 << 120) % p);
            let (second, rest) = ((rest << 60) / p, (rest << 60) % p);
            let third = (rest << (Self::OVER - 180)) / p;
            let quotient = (first << (Self::OVER - 120)) + (second << (Self::OVER - 180)) + third;
            [(quotient >> 64) as u64, quotient as u64]
        });
        Self { inverse, over }
    }

    fn of(&self, numbers: &[u64], place: usize) -> u128 {
        let mut sum = 0u128;
        for (limb, modulus) in moduli().iter().enumerate() {
            let y = u128::from(modulus.times(numbers[limb * N + place], self.inverse[limb]));
            let [high, low] = self.over[limb].map(u128::from);
            // y·⌊2¹⁸⁷/p⌋/2⁹¹: what the lower half carries is added after a shift, less than one unit is lost.
            sum += ((y * high) + ((y * low) >> 64)) >> (Self::OVER - Self::FRACTION - 64);
        }
        let spare = Self::FRACTION - WORD_BITS;
        ((sum + (1 << (spare - 1))) >> spare) & ((1 << WORD_BITS) - 1)
    }
}
