//! Base transfers: endemic OT on ristretto255 in two messages (Masny and Rindal, *Endemic Oblivious
//! Transfer*, CCS 2019, with Diffie–Hellman as the key exchange; batched under one answer as in
//! McQuoid, Rosulek and Roy, *Batching Base Oblivious Transfers*, ASIACRYPT 2021).
//!
//! Of each pair of keys that the *sender* gets the *receiver* gets the one it chose. The attack stopped here
//! is a receiver that learns both: of the two points it sends, the other one enters the hash, so it can
//! know the discrete logarithm of only one sum.
//!
//! OT-01: every hash has session, number and slot in it. OT-02: every point is checked.

use chacha20::ChaCha20Rng;
use curve25519_dalek::{
    RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_TABLE, ristretto::CompressedRistretto,
    traits::IsIdentity,
};
use rand_core::Rng;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::{
    ristretto::{self, Domain, Refusal},
    secret::Secret,
    session::PeerMisbehaved,
};

/// Bytes of the receiver's message for one transfer.
const PAIR: usize = 64;
/// Bytes of the sender's message for all.
pub(super) const ANSWER: usize = 32;

const DST: &[u8] = b"TACIT-OT-V01-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// A key of a base transfer.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// What belongs to one session: two of them are two unrelated sets of hashes (OT-01).
pub(super) struct Context {
    domain: Domain,
    key: [u8; 32],
}

impl Context {
    pub(super) fn new(session: &[u8; 32]) -> Self {
        Self { domain: Domain::new(&[DST, session].concat()), key: *session }
    }

    /// The hash of the point in the other slot to the group.
    fn offset(&self, number: u32, slot: u8, other: &[u8]) -> RistrettoPoint {
        ristretto::hash(&self.domain, &[&number.to_le_bytes()[..], &[slot], other].concat())
    }

    fn derive(&self, number: u32, slot: u8, pair: &[u8], answer: &[u8], shared: &RistrettoPoint) -> Key {
        let shared = Zeroizing::new(shared.compress().to_bytes());
        let mut hash = blake3::Hasher::new_keyed(&self.key);
        hash.update(b"tacit ot/1 base key").update(&number.to_le_bytes()).update(&[slot]);
        hash.update(pair).update(answer).update(&*shared);
        Zeroizing::new(hash.finalize().into())
    }
}

/// The end that chooses, between its message and the answer.
pub(super) struct Receiver {
    context: Context,
    choices: Secret<Vec<u8>>,
    scalars: Secret<Vec<Scalar>>,
    pairs: Vec<u8>,
}

impl Receiver {
    /// `choices` are bits; the message is 64 bytes for each.
    pub(super) fn start(
        context: Context,
        choices: Secret<Vec<u8>>,
        stream: &mut ChaCha20Rng,
    ) -> (Self, Vec<u8>) {
        let mut pairs = Vec::with_capacity(PAIR * choices.expose().len());
        let mut scalars = Vec::with_capacity(choices.expose().len());
        for (number, &bit) in (0..).zip(choices.expose()) {
            let other = RistrettoPoint::from_uniform_bytes(&wide(stream));
            let scalar = Scalar::from_bytes_mod_order_wide(&wide(stream));
            let offset = context.offset(number, bit, other.compress().as_bytes());
            let chosen = RISTRETTO_BASEPOINT_TABLE * &scalar - offset;
            let choice = Choice::from(bit & 1);
            let first = RistrettoPoint::conditional_select(&chosen, &other, choice);
            let second = RistrettoPoint::conditional_select(&other, &chosen, choice);
            pairs.extend_from_slice(first.compress().as_bytes());
            pairs.extend_from_slice(second.compress().as_bytes());
            scalars.push(scalar);
        }
        let message = pairs.clone();
        (Self { context, choices, scalars: Secret::new(scalars), pairs }, message)
    }

    /// The chosen keys.
    pub(super) fn finish(self, answer: &[u8]) -> Result<Vec<Key>, PeerMisbehaved> {
        let theirs = point(answer, 0)?;
        let chosen = self.choices.expose().iter().zip(self.scalars.expose()).zip(self.pairs.chunks(PAIR));
        Ok((0..)
            .zip(chosen)
            .map(|(number, ((bit, scalar), pair))| {
                self.context.derive(number, bit & 1, pair, answer, &(theirs * scalar))
            })
            .collect())
    }
}

/// The end that gets both keys of `count` transfers, with its answer of [`ANSWER`] bytes.
pub(super) fn send(
    context: &Context,
    count: usize,
    message: &[u8],
    stream: &mut ChaCha20Rng,
) -> Result<(Vec<[Key; 2]>, [u8; ANSWER]), PeerMisbehaved> {
    if message.len() != PAIR * count {
        return Err(PeerMisbehaved::CountDiffers { expected: PAIR * count, got: message.len() });
    }
    let scalar = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide(stream)));
    let answer = (RISTRETTO_BASEPOINT_TABLE * &*scalar).compress().to_bytes();
    let keys = (0..).zip(message.chunks_exact(PAIR)).map(|(number, pair)| {
        let (first, second) = pair.split_at(PAIR / 2);
        let slot = |slot: u8, mine: &[u8], other: &[u8]| {
            let position = 2 * number as usize + usize::from(slot);
            let sum = point(mine, position)? + context.offset(number, slot, other);
            if sum.is_identity() {
                return Err(PeerMisbehaved::PointRefused { position, reason: Refusal::Identity });
            }
            Ok(context.derive(number, slot, pair, &answer, &(sum * *scalar)))
        };
        Ok::<_, PeerMisbehaved>([slot(0, first, second)?, slot(1, second, first)?])
    });
    Ok((keys.collect::<Result<_, PeerMisbehaved>>()?, answer))
}

/// OT-02: the one encoding of a group element other than the identity.
fn point(bytes: &[u8], position: usize) -> Result<RistrettoPoint, PeerMisbehaved> {
    let refused = |reason| PeerMisbehaved::PointRefused { position, reason };
    let encoded = CompressedRistretto::from_slice(bytes).map_err(|_| refused(Refusal::NonCanonical))?;
    let point = encoded.decompress().ok_or(refused(Refusal::NonCanonical))?;
    if point.is_identity() { Err(refused(Refusal::Identity)) } else { Ok(point) }
}

fn wide(stream: &mut ChaCha20Rng) -> Zeroizing<[u8; 64]> {
    let mut wide = Zeroizing::new([0; 64]);
    stream.fill_bytes(wide.as_mut());
    wide
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    fn stream(seed: u8) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([seed; 32])
    }

    fn context() -> Context {
        Context::new(&[1; 32])
    }

    fn start() -> (Receiver, Vec<u8>) {
        Receiver::start(context(), Secret::new(vec![0, 1, 1, 0, 1]), &mut stream(1))
    }

    #[test]
    fn the_receiver_has_the_key_it_chose_and_not_the_other() {
        let (receiver, message) = start();
        let (pairs, answer) = send(&context(), 5, &message, &mut stream(2)).unwrap();
        let keys = receiver.finish(&answer).unwrap();
        for ((key, pair), choice) in keys.iter().zip(&pairs).zip([0, 1, 1, 0, 1]) {
            assert_eq!(*key, pair[choice]);
            assert_ne!(*key, pair[1 - choice]);
        }
        let all: std::collections::BTreeSet<_> = pairs.as_flattened().iter().map(|key| **key).collect();
        assert_eq!(all.len(), 10);
    }

    #[test]
    fn ot_01_a_key_belongs_to_its_session_its_number_and_its_slot() {
        let (receiver, message) = start();
        let other = Context::new(&[2; 32]);
        let (pairs, answer) = send(&other, 5, &message, &mut stream(2)).unwrap();
        let keys = receiver.finish(&answer).unwrap();
        assert!(keys.iter().all(|key| pairs.as_flattened().iter().all(|other| key != other)));
        // The same pair of points at two places, and a pair with its slots exchanged.
        let pair = &message[..PAIR];
        let turned = [&pair[PAIR / 2..], &pair[..PAIR / 2]].concat();
        let (pairs, _) = send(&context(), 3, &[pair, pair, &turned].concat(), &mut stream(2)).unwrap();
        let all: std::collections::BTreeSet<_> = pairs.as_flattened().iter().map(|key| **key).collect();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn ot_02_the_identity_and_what_is_no_point_are_refused_in_every_place() {
        let (_, message) = start();
        let large = [0xff; 32];
        for (position, (bad, reason)) in (0..10).flat_map(|at| {
            [([0; 32], Refusal::Identity), (large, Refusal::NonCanonical)].map(|bad| (at, bad))
        }) {
            let mut altered = message.clone();
            altered[32 * position..][..32].copy_from_slice(&bad);
            let refused = send(&context(), 5, &altered, &mut stream(2)).map(|_| ());
            assert_eq!(refused, Err(PeerMisbehaved::PointRefused { position, reason }));
        }
        for (bad, reason) in [([0; 32], Refusal::Identity), (large, Refusal::NonCanonical)] {
            let refused = start().0.finish(&bad).map(|_| ());
            assert_eq!(refused, Err(PeerMisbehaved::PointRefused { position: 0, reason }));
        }
    }

    /// Whoever sends r₀ = −H(r₁) would know that key for any exponent of the sender.
    #[test]
    fn ot_02_a_sum_that_is_the_identity_is_refused() {
        let second = RistrettoPoint::from_uniform_bytes(&[7; 64]).compress();
        let first = -context().offset(0, 0, second.as_bytes());
        let message = [first.compress().to_bytes(), second.to_bytes()].concat();
        let refused = send(&context(), 1, &message, &mut stream(2)).map(|_| ());
        let reason = Refusal::Identity;
        assert_eq!(refused, Err(PeerMisbehaved::PointRefused { position: 0, reason }));
    }
}
