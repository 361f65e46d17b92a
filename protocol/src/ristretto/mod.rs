//! Many points of ristretto255, one secret scalar.
//!
//! All a private set intersection does with the curve is this: hash many items to the group, or decode
//! many points a peer has sent, multiply each by the same secret scalar, encode the results. An
//! [`Engine`] does it in bulk, one thread a call; who has several cores splits the slices.
//!
//! The attacks this room stops:
//! - **A point chosen to leak the scalar** (A01–A03). Ristretto255 has prime order, so there is no small
//!   subgroup to confine an answer to; what remains is the identity, whose multiple tells nothing apart,
//!   and byte strings that are not the one encoding of their point. Both are refused before they are
//!   multiplied, with the place of the first.
//! - **A clock or a cache that watches the scalar.** It is used for a whole session on points of the peer's
//!   choosing. Neither time nor the addresses touched depend on it, nor on a point beyond its validity.
//!
//! The group is RFC 9496; the hash to it is the suite `ristretto255_XMD:SHA-512_R255MAP_RO_` of RFC 9380,
//! Appendix B.

mod dalek;
mod domain;
#[cfg(target_arch = "x86_64")]
mod ifma;

#[cfg(test)]
mod tests;

use std::fmt;

use curve25519_dalek::{RistrettoPoint, Scalar};

pub use domain::Domain;

/// Multiplies many points by one scalar, with the fastest back end this machine has.
///
/// A call is single-threaded and takes slices of any length; whole multiples of [`Engine::GRAIN`] leave
/// no lane idle.
#[derive(Clone, Copy)]
pub struct Engine {
    code: Code,
}

/// Like [`Backend`], but holding what proves that the processor can run it.
#[derive(Clone, Copy)]
enum Code {
    #[cfg(target_arch = "x86_64")]
    Ifma8(ifma::Ifma),
    Dalek,
}

/// Which code an [`Engine`] runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Eight points at a time in 512-bit vectors, by the 52-bit multiplier of AVX-512 IFMA.
    Ifma8,
    /// One point at a time, by curve25519-dalek with whatever vectors it finds itself.
    Dalek,
}

/// A peer's point that must not be multiplied, and its place in the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("point {index} is refused: {reason}")]
pub struct PointRefused {
    /// Counted from the start of the slice; the first that is refused.
    pub index: usize,
    /// The rule it breaks.
    pub reason: Refusal,
}

/// Why a point is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Thirty-two zeros: the identity, whose every multiple is itself (A01).
    #[error("it is the identity")]
    Identity,
    /// Not the one encoding of any element of the group: RFC 9496, section 4.3.1 (A02, A03).
    #[error("it is not a canonical encoding")]
    NonCanonical,
}

impl Engine {
    /// The length whose whole multiples use every lane and share every inversion.
    pub const GRAIN: usize = 128;

    /// The fastest back end of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = ifma::Ifma::detect() {
            return Self { code: Code::Ifma8(ifma) };
        }
        Self::dalek()
    }

    /// curve25519-dalek, wherever it runs.
    pub const fn dalek() -> Self {
        Self { code: Code::Dalek }
    }

    /// Which code runs.
    pub const fn backend(&self) -> Backend {
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Ifma8(_) => Backend::Ifma8,
            Code::Dalek => Backend::Dalek,
        }
    }

    /// The back end's name, for people.
    pub const fn name(&self) -> &'static str {
        match self.backend() {
            Backend::Ifma8 => "8 points a vector, AVX-512 IFMA",
            Backend::Dalek => "curve25519-dalek",
        }
    }

    /// `out[i]` = the encoding of `scalar` times the hash of `items[i]` to the group under `domain`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn hash_multiply(&self, domain: &Domain, items: &[[u8; 32]], scalar: &Scalar, out: &mut [[u8; 32]]) {
        // Invariant: both slices are the caller's own, cut alike; a peer's lengths are checked by `wire`.
        assert_eq!(items.len(), out.len(), "one output for an item");
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Ifma8(ifma) => ifma.hash_multiply(domain, items, scalar, out),
            Code::Dalek => dalek::hash_multiply(domain, items, scalar, out),
        }
    }

    /// `out[i]` = the encoding of `scalar` times the point that `points[i]` encodes.
    ///
    /// # Errors
    /// The first point that is the identity or not a canonical encoding. `out` is then of no use: some of
    /// it may have been written.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn decode_multiply(
        &self,
        points: &[[u8; 32]],
        scalar: &Scalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), PointRefused> {
        // Invariant: both slices are the caller's own, cut alike; a peer's lengths are checked by `wire`.
        assert_eq!(points.len(), out.len(), "one output for a point");
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Ifma8(ifma) => ifma.decode_multiply(points, scalar, out),
            Code::Dalek => dalek::decode_multiply(points, scalar, out),
        }
    }

    /// `out[i]` = the encoding of the point that the 64 uniform bytes `seeds[i]` stand for (RFC 9496,
    /// section 4.3.4): points whose discrete logarithm nobody knows, if nobody chose the bytes.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn uniform(&self, seeds: &[[u8; 64]], out: &mut [[u8; 32]]) {
        // Invariant: both slices are the caller's own, cut alike.
        assert_eq!(seeds.len(), out.len(), "one output for a seed");
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Ifma8(ifma) => ifma.uniform(seeds, out),
            Code::Dalek => out.iter_mut().zip(seeds).for_each(|(out, seed)| *out = uniform(seed)),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Refuses the first point that is the identity or not a canonical encoding, where none is multiplied.
///
/// # Errors
/// That point's place and why.
pub fn check(points: &[[u8; 32]]) -> Result<(), PointRefused> {
    let refused =
        points.iter().enumerate().find_map(|(index, point)| Some((index, dalek::decode(point).err()?)));
    refused.map_or(Ok(()), |(index, reason)| Err(PointRefused { index, reason }))
}

/// The hash of `item`, of any length, to the group under `domain`: RFC 9380, suite
/// `ristretto255_XMD:SHA-512_R255MAP_RO_`. One at a time; [`Engine::hash_multiply`] is for many.
pub fn hash(domain: &Domain, item: &[u8]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&domain.expand(item))
}

/// The same for one: the encoding of the point that 64 uniform bytes stand for. [`Engine::uniform`] is for
/// many.
pub fn uniform(bytes: &[u8; 64]) -> [u8; 32] {
    RistrettoPoint::from_uniform_bytes(bytes).compress().to_bytes()
}
