//! What both ends know before a word is said.

use super::figures::Figures;
use crate::{
    ids::{ContractId, SessionId},
    session::{Abort, PeerMisbehaved},
    transcript::Transcript,
    wire::Limits,
};

/// The protocol's name and version, in every hash it makes (AGG-01).
pub(super) const NAME: &str = "tacit aggregate/1";

/// Bytes of an answer beside its figures: tag 4, length 8, hash 32.
const OVERHEAD: usize = 4 + 8 + 32;

/// What both ends know: the session, the contract, the question, and the shape of its answer.
#[derive(Debug, Clone)]
pub struct Params {
    session: SessionId,
    contract: ContractId,
    question: [u8; 32],
    groups: usize,
    /// For each figure of a group, the largest magnitude that it can have, noise included.
    most: Vec<u64>,
}

impl Params {
    /// `question` is the hash of the question as both ends read it; `most` has the largest magnitude of each
    /// figure of a group.
    pub const fn new(
        session: SessionId,
        contract: ContractId,
        question: [u8; 32],
        groups: usize,
        most: Vec<u64>,
    ) -> Self {
        Self { session, contract, question, groups, most }
    }

    /// How long a message of this run may be: one answer (AGG-02).
    pub fn limits(&self) -> Limits {
        Limits::new(OVERHEAD + Figures::bytes(self.figures()))
    }

    /// How many figures the answer has.
    pub fn figures(&self) -> usize {
        self.groups * self.most.len()
    }

    /// Refuses figures that are not of the agreed shape (AGG-03, AGG-04).
    pub(super) fn check(&self, figures: &Figures) -> Result<(), PeerMisbehaved> {
        if figures.len() != self.figures() {
            return Err(PeerMisbehaved::FigureCount { expected: self.figures(), got: figures.len() });
        }
        let most = self.most.iter().cycle();
        let beyond = |(figure, most): (&Option<i64>, &u64)| figure.is_some_and(|v| v.unsigned_abs() > *most);
        match figures.as_slice().iter().zip(most).position(beyond) {
            None => Ok(()),
            Some(position) => Err(PeerMisbehaved::FigureOutOfBounds { position }),
        }
    }

    /// As [`check`](Self::check), of figures of our own.
    pub(super) fn check_own(&self, figures: &Figures) -> Result<(), Abort> {
        self.check(figures).map_err(|_| Abort::OwnFigures)
    }

    /// The hash that goes with an answer: of everything both ends know, and of the figures (AGG-05).
    pub(super) fn answer_hash(&self, figures: &[u8]) -> [u8; 32] {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("session", self.session.as_bytes());
        transcript.absorb("contract", self.contract.as_bytes());
        transcript.absorb("question", &self.question);
        transcript.absorb("groups", &(self.groups as u64).to_le_bytes());
        for most in &self.most {
            transcript.absorb("most", &most.to_le_bytes());
        }
        transcript.absorb("figures", figures);
        transcript.hash()
    }
}

/// The hash that says that an answer has arrived as it was sent: not the answer's own hash, so that an end's own
/// message sent back to it is not the peer's (AGG-06).
pub(super) fn received_hash(answer: &[u8; 32]) -> [u8; 32] {
    let mut transcript = Transcript::new(NAME);
    transcript.absorb("received", answer);
    transcript.hash()
}
