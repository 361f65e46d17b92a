//! The back end for every machine: curve25519-dalek.
//!
//! Encoding a point needs an inverse square root, which cannot be shared; encoding the *double* of a point
//! needs an inverse, which can (one for a whole batch). So points are multiplied by half the scalar and
//! doubled as they are encoded.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::{Domain, Engine, PointRefused, Refusal, hash};

pub(super) fn hash_multiply(domain: &Domain, items: &[[u8; 32]], scalar: &Scalar, out: &mut [[u8; 32]]) {
    let half = Zeroizing::new(scalar.div_by_2());
    for (items, out) in items.chunks(Engine::GRAIN).zip(out.chunks_mut(Engine::GRAIN)) {
        let points: Vec<_> = items.iter().map(|item| hash(domain, item) * *half).collect();
        encode_doubles(&points, out);
    }
}

pub(super) fn decode_multiply(
    encoded: &[[u8; 32]],
    scalar: &Scalar,
    out: &mut [[u8; 32]],
) -> Result<(), PointRefused> {
    let half = Zeroizing::new(scalar.div_by_2());
    let mut points = Vec::with_capacity(Engine::GRAIN.min(encoded.len()));
    let grains = encoded.chunks(Engine::GRAIN).zip(out.chunks_mut(Engine::GRAIN));
    for (start, (encoded, out)) in (0..).step_by(Engine::GRAIN).zip(grains) {
        points.clear();
        for (place, bytes) in encoded.iter().enumerate() {
            let point = decode(bytes).map_err(|reason| PointRefused { index: start + place, reason })?;
            points.push(point * *half);
        }
        encode_doubles(&points, out);
    }
    Ok(())
}

pub(super) fn decode(bytes: &[u8; 32]) -> Result<RistrettoPoint, Refusal> {
    match CompressedRistretto(*bytes).decompress() {
        None => Err(Refusal::NonCanonical),
        Some(point) if point.is_identity() => Err(Refusal::Identity),
        Some(point) => Ok(point),
    }
}

fn encode_doubles(points: &[RistrettoPoint], out: &mut [[u8; 32]]) {
    for (out, encoded) in out.iter_mut().zip(RistrettoPoint::double_and_compress_batch(points)) {
        *out = encoded.to_bytes();
    }
}
