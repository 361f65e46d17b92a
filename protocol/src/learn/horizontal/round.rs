//! Which attempt of which round, and what its keys are made of.

use super::{Breach, JobKey, Roster, Shape, Survivors};
use crate::{secret::Secret, session::Abort, transcript::Transcript};

/// One attempt to open one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// From 0, over all sums of a job: its training rounds and then its evaluations.
    pub number: u32,
    /// From 0; every new attempt takes the next one.
    pub attempt: u32,
    /// What all trainers have seen before: the roster's hash, then each [`Sum`](super::Sum)'s.
    pub history: [u8; 32],
}

impl Round {
    /// LEARNH-06: roster (with job, contract, rules and keys), round, attempt, shape and history in one hash. It
    /// enters every key of the attempt, so that what belongs to another fits nothing here.
    pub(super) fn context(&self, roster: &Roster, shape: &Shape) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit learn-horizontal/1 attempt");
        transcript.absorb("subject", &self.subject(roster, shape));
        transcript.absorb("attempt", &self.attempt.to_le_bytes());
        transcript.hash()
    }

    /// What all attempts of the round have in common.
    pub(super) fn subject(&self, roster: &Roster, shape: &Shape) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit learn-horizontal/1 round");
        transcript.absorb("roster", roster.hash());
        transcript.absorb("round", &self.number.to_le_bytes());
        transcript.absorb("history", &self.history);
        shape.absorb_into(&mut transcript);
        transcript.hash()
    }

    /// The history after this round: the same whichever attempt opened it.
    pub(super) fn history_after(&self, survivors: Survivors, entries: &[i64]) -> [u8; 32] {
        let mut transcript = Transcript::new("tacit learn-horizontal/1 history");
        transcript.absorb("before", &self.history);
        transcript.absorb("round", &self.number.to_le_bytes());
        transcript.absorb("survivors", &survivors.bits().to_le_bytes());
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        transcript.absorb("sum", &bytes);
        transcript.hash()
    }
}

/// What two seats have in common in one attempt.
pub(super) struct Pair {
    shared: Secret<[u8; 32]>,
    context: [u8; 32],
    seats: (usize, usize),
}

impl Pair {
    /// Between seat `own`, whose key this is, and seat `other`.
    pub(super) fn new(
        key: &JobKey,
        roster: &Roster,
        context: [u8; 32],
        own: usize,
        other: usize,
    ) -> Result<Self, Abort> {
        let seat = roster.seats().get(other).ok_or(Breach::Roster)?;
        let shared = key.agree(&seat.key).ok_or(Breach::SeatKey)?;
        Ok(Self { shared, context, seats: (own, other) })
    }

    /// The seed of the masks between the two: the same for both.
    pub(super) fn mask(&self) -> Secret<[u8; 32]> {
        let (own, other) = self.seats;
        self.derive("mask", own.min(other), own.max(other), &[])
    }

    /// The key of what we seal for the other, used for one box.
    pub(super) fn seal_key(&self) -> Secret<[u8; 32]> {
        self.derive("box", self.seats.0, self.seats.1, &[])
    }

    /// The key of what the other has sealed for us.
    pub(super) fn open_key(&self) -> Secret<[u8; 32]> {
        self.derive("box", self.seats.1, self.seats.0, &[])
    }

    /// Our word to the other that we agree to this set; nobody but the two can have said it.
    pub(super) fn consent(&self, survivors: Survivors) -> [u8; 32] {
        *self.derive("consent", self.seats.0, self.seats.1, &survivors.bits().to_le_bytes()).expose()
    }

    /// The other's word to us.
    pub(super) fn consent_due(&self, survivors: Survivors) -> [u8; 32] {
        *self.derive("consent", self.seats.1, self.seats.0, &survivors.bits().to_le_bytes()).expose()
    }

    /// BLAKE3 in its mode for deriving keys takes the place of HKDF.
    fn derive(&self, purpose: &str, from: usize, to: usize, more: &[u8]) -> Secret<[u8; 32]> {
        let mut hash = blake3::Hasher::new_derive_key("tacit learn-horizontal/1 pair");
        hash.update(self.shared.expose()).update(&self.context);
        hash.update(&[from as u8, to as u8]).update(more).update(purpose.as_bytes());
        Secret::new(hash.finalize().into())
    }
}

/// What is told beforehand of the seed between two seats (or of a seat's own), so that another one cannot be opened in
/// its place. Both seats commit to the same.
pub(super) fn commitment(context: &[u8; 32], one: usize, other: usize, seed: &Secret<[u8; 32]>) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("tacit learn-horizontal/1 commitment");
    hash.update(context).update(&[one.min(other) as u8, one.max(other) as u8]).update(seed.expose());
    hash.finalize().into()
}
