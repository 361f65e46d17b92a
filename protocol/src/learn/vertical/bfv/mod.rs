//! Encryption of polynomials mod 2⁶⁰ that can be multiplied with plain ones: BFV over Z[X]/(X⁸¹⁹² + 1).
//!
//! Brakerski (CRYPTO 2012) and Fan and Vercauteren (eprint 2012/144), with numbers in the coefficients. An end
//! encrypts its halves; the other multiplies them with its own small numbers, adds a mask, and sends the result
//! back. The attacks this stops:
//!
//! * The one that multiplies reads the halves: they are under RLWE at 128 bits ([`N`], [`PRIMES`]).
//! * The one that decrypts reads the numbers that its halves were multiplied with. A product's `a` is `a` times
//!   those numbers, its noise the noise times them; so a response gets a fresh encryption of zero and a noise that
//!   drowns what was there (LEARNV-11; "noise flooding", Gentry 2009, section 21), and is masked.
//! * A ciphertext that was altered, or whose noise has grown too large, decrypts to something. The lower bits of
//!   what is decrypted are the noise, and are held against the largest that an honest end can cause (LEARNV-12).
//!
//! ```text
//!   request   b + a·s = ⌊q·m/2⁶⁰⌉ + e   mod q        a from a seed, b in the transform, 60 bits a number
//!   product   Σ request·x + zero + flood + ⌊q·mask/2⁶⁰⌉
//!   response  ⌊2⁸⁰·(b, a)/q⌉            mod 2⁸⁰       10 bytes a coefficient; of b only what is due
//!   decrypt   b + a·s = m·2²⁰ + noise   mod 2⁸⁰
//! ```

#[cfg(test)]
mod hiding;
mod keys;
mod modulus;
mod pack;
mod poly;
mod response;
mod sample;
#[cfg(test)]
mod tests;

pub use keys::{PublicKey, SecretKey};
pub use poly::{Accumulator, Request, Small};
pub use response::{LARGEST_NORM, Response};

/// LEARNV-03, coefficients of a polynomial. The Homomorphic Encryption Security Standard (Albrecht et al. 2018, Table 1, N =
/// 8192, uniform ternary secret, 128 bits against classical attacks) allows log₂ q ≤ 218; here it is 180.
pub const N: usize = 8192;

/// The primes of q: the three largest below 2⁶⁰ that are 1 mod 2N.
pub const PRIMES: [u64; LIMBS] = [(1 << 60) - 0x3fff, (1 << 60) - 0x17fff, (1 << 60) - 0x27fff];

/// How many.
pub const LIMBS: usize = 3;

/// Bits of a prime, and of what stands for a number mod one of them on the wire.
const PRIME_BITS: u32 = 60;
