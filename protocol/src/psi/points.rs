//! The work on whole chunks, spread over the cores in pieces.

use std::ops::Range;

use curve25519_dalek::Scalar;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{
    order::Own,
    tags::{Packed, Tagger},
};
use crate::{
    ristretto::{self, Domain, Engine, PointRefused},
    session::PeerMisbehaved,
    wire::codec::Points,
};

/// Items a core takes at a time: enough for the batched inversions, few enough to share out a chunk evenly.
const PIECE: usize = 2 * Engine::GRAIN;

/// Bytes of a group element's encoding that are kept to notice a repeat (PSI-10). Honest points are uniform,
/// so two of 2²⁴ share these 96 bits with probability 2⁻⁴⁹; a peer that makes two points share them only
/// makes its own run end. The first byte is left out: its lowest bit is always 0.
pub(super) const FINGERPRINT: usize = 12;

/// Notes the points of a chunk.
pub(super) fn fingerprint(seen: &mut Packed, points: &Points) {
    points.0.iter().for_each(|point| seen.extend(&point[1..=FINGERPRINT]));
}

/// H₁(x)^r for the items at `places`.
pub(super) fn blind(
    engine: &Engine,
    domain: &Domain,
    own: &Own,
    places: Range<usize>,
    scalar: &Scalar,
) -> Points {
    let mut blinded = vec![[0; 32]; places.len()];
    pieces(&places).zip(blinded.par_chunks_mut(PIECE)).for_each(|(places, out)| {
        engine.hash_multiply(domain, &gather(own, &places)[..places.len()], scalar, out);
    });
    Points(blinded)
}

/// Each point times the scalar.
pub(crate) fn evaluate(
    engine: &Engine,
    points: &[[u8; 32]],
    scalar: &Scalar,
) -> Result<Points, PeerMisbehaved> {
    let mut evaluated = vec![[0; 32]; points.len()];
    first_refusal(points.par_chunks(PIECE).zip(evaluated.par_chunks_mut(PIECE)), |(points, out)| {
        engine.decode_multiply(points, scalar, out)
    })?;
    Ok(Points(evaluated))
}

/// Refuses what is no element or the identity, where nothing is to be multiplied (PSI-09's rule elsewhere).
pub(crate) fn check(points: &[[u8; 32]]) -> Result<(), PeerMisbehaved> {
    first_refusal(points.par_chunks(PIECE), ristretto::check)
}

/// H(x)^r for these items.
pub(crate) fn hashed(engine: &Engine, domain: &Domain, items: &[[u8; 32]], scalar: &Scalar) -> Points {
    let mut hashed = vec![[0; 32]; items.len()];
    items.par_chunks(PIECE).zip(hashed.par_chunks_mut(PIECE)).for_each(|(items, out)| {
        engine.hash_multiply(domain, items, scalar, out);
    });
    Points(hashed)
}

/// H₂(y, H₁(y)^s) for the items at `places`.
pub(super) fn own_tags(
    engine: &Engine,
    domain: &Domain,
    own: &Own,
    places: Range<usize>,
    scalar: &Scalar,
    tagger: &Tagger,
) -> Vec<u8> {
    let mut tags = vec![0; places.len() * tagger.width()];
    pieces(&places).zip(tags.par_chunks_mut(PIECE * tagger.width())).for_each(|(places, out)| {
        let items = gather(own, &places);
        let items = &items[..places.len()];
        let mut points = Zeroizing::new([[0; 32]; PIECE]);
        let points = &mut points[..items.len()];
        engine.hash_multiply(domain, items, scalar, points);
        tag_all(tagger, items, points, out);
    });
    tags
}

/// H₂(x, Q^(1/r)) for the answers Q to the items at `places`, into `out`.
pub(super) fn unblinded_tags(
    engine: &Engine,
    points: &Points,
    own: &Own,
    places: Range<usize>,
    inverse: &Scalar,
    tagger: &Tagger,
    out: &mut [u8],
) -> Result<(), PeerMisbehaved> {
    let work =
        points.0.par_chunks(PIECE).zip(pieces(&places)).zip(out.par_chunks_mut(PIECE * tagger.width()));
    first_refusal(work, |((answers, places), out)| {
        let mut points = Zeroizing::new([[0; 32]; PIECE]);
        let points = &mut points[..answers.len()];
        engine.decode_multiply(answers, inverse, points)?;
        tag_all(tagger, &gather(own, &places)[..places.len()], points, out);
        Ok(())
    })
}

fn tag_all(tagger: &Tagger, items: &[[u8; 32]], points: &[[u8; 32]], out: &mut [u8]) {
    let tags = out.chunks_exact_mut(tagger.width());
    items.iter().zip(points).zip(tags).for_each(|((item, point), tag)| tagger.tag(item, point, tag));
}

fn pieces(places: &Range<usize>) -> impl IndexedParallelIterator<Item = Range<usize>> + use<> {
    let Range { start, end } = *places;
    let count = places.len().div_ceil(PIECE);
    (0..count).into_par_iter().map(move |piece| {
        let from = start + piece * PIECE;
        from..end.min(from + PIECE)
    })
}

/// The items of a piece next to each other; the places behind `places` are zeros.
fn gather(own: &Own, places: &Range<usize>) -> Zeroizing<[[u8; 32]; PIECE]> {
    let mut items = Zeroizing::new([[0; 32]; PIECE]);
    items.iter_mut().zip(places.clone()).for_each(|(item, place)| *item = *own.at(place));
    items
}

/// Runs all pieces and names the first point of the chunk that was refused.
fn first_refusal<T: Send>(
    work: impl IndexedParallelIterator<Item = T>,
    run: impl Fn(T) -> Result<(), PointRefused> + Sync + Send,
) -> Result<(), PeerMisbehaved> {
    let refused = work.enumerate().map(|(piece, work)| (piece, run(work)));
    match refused.find_map_first(|(piece, result)| result.err().map(|refused| (piece, refused))) {
        None => Ok(()),
        Some((piece, PointRefused { index, reason })) => {
            Err(PeerMisbehaved::PointRefused { position: piece * PIECE + index, reason })
        }
    }
}
