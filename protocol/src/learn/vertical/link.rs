//! From halves of scores to halves of what the model says of them, slab by slab.
//!
//! All slabs walk together: the asker says its first message of each, the teller answers each, and so on until they are
//! done. Who asks changes from round to round, so that both ends do the same work.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{
    ground::{Ground, in_order},
    half::{Half, Heard, STAGES},
    message::Stage,
    params::{Linkage, Params, Party},
    plan::{SLAB, Walk},
    sigmoid, wrap,
};
use crate::{
    ot::Batch,
    session::{Abort, PeerMisbehaved},
};

/// What the walk computes of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// What the model says, for a residual.
    Prediction,
    /// The score itself with fewer bits.
    Score,
}

/// All slabs of one round at one end.
pub(super) struct Link {
    round: u16,
    aim: Aim,
    slabs: Vec<Slab>,
    /// Slabs with a walk, from the first on.
    begun: usize,
    /// What is to be said, in order.
    say: VecDeque<(u32, Vec<u8>)>,
    heard: u32,
}

enum Slab {
    Waiting,
    Walking(Walk),
    Done(Zeroizing<Vec<u64>>),
}

impl Link {
    pub(super) fn new(params: &Params, round: u16, aim: Aim) -> Self {
        let slabs = (0..params.slabs()).map(|_| Slab::Waiting).collect();
        Self { round, aim, slabs, begun: 0, say: VecDeque::new(), heard: 0 }
    }

    fn asker(&self) -> Party {
        if self.round.is_multiple_of(2) { Party::Label } else { Party::Features }
    }

    /// Blocks whose slabs have begun.
    pub(super) const fn blocks(&self) -> usize {
        self.begun.div_ceil(super::bfv::N / SLAB)
    }

    /// Begins the slabs of the next block with this end's halves of its scores.
    pub(super) fn begin(&mut self, ground: &Ground, scores: &[u64]) {
        let Some((_, correlations)) = ground.keys() else { return };
        for halves in scores.chunks(SLAB) {
            let slab = self.begun as u32;
            let seed = ground.draws.seed("link", self.round, slab, &ground.digest(halves));
            let batch = Batch { stage: self.round.wrapping_mul(STAGES), slab };
            let asks = self.asker() == ground.party;
            let params = &ground.params;
            let sigmoid = self.aim == Aim::Prediction && params.linkage() == Linkage::Logistic;
            let cut = if self.aim == Aim::Score { params.score_cut() } else { params.cut() };
            let walk = match (sigmoid, asks) {
                (true, true) => {
                    let (walk, first) =
                        sigmoid::Asker::start(correlations, batch, params.scale(), halves, &seed);
                    self.say.push_back((slab, first));
                    Walk::SigmoidAsker(walk)
                }
                (true, false) => {
                    let scale = params.scale();
                    Walk::SigmoidTeller(sigmoid::Teller::start(correlations, batch, scale, halves, &seed))
                }
                (false, true) => {
                    let (walk, first) = wrap::Asker::start(correlations, batch, cut, halves, &seed);
                    self.say.push_back((slab, first));
                    Walk::CutAsker(walk)
                }
                (false, false) => {
                    Walk::CutTeller(wrap::Teller::start(correlations, batch, cut, halves, &seed))
                }
            };
            if let Some(place) = self.slabs.get_mut(self.begun) {
                *place = Slab::Walking(walk);
            }
            self.begun += 1;
        }
    }

    /// The next message, if there is one.
    pub(super) fn make(&mut self) -> Option<(Stage, u32, Vec<u8>)> {
        self.say.pop_front().map(|(slab, bytes)| (Stage::Link, slab, bytes))
    }

    /// The peer's message for a slab.
    ///
    /// # Errors
    /// [`Abort`]: not the one that is due, or of another length.
    pub(super) fn take(&mut self, number: u32, bytes: &[u8]) -> Result<(), Abort> {
        in_order(self.heard % self.slabs.len().max(1) as u32, number)?;
        let place = self.slabs.get_mut(number as usize).ok_or(PeerMisbehaved::AnswerUnasked(number))?;
        let Slab::Walking(walk) = std::mem::replace(place, Slab::Waiting) else {
            return Err(PeerMisbehaved::AnswerUnasked(number).into());
        };
        let (next, say) = walk.hear(bytes)?;
        *place = next;
        self.say.extend(say.map(|bytes| (number, bytes)));
        self.heard += 1;
        Ok(())
    }

    /// This end's halves of the rows from `first` on, as many as `count`, when their slabs are done.
    pub(super) fn found(&self, first: usize, count: usize) -> Option<Zeroizing<Vec<u64>>> {
        let slabs = self.slabs.get(first / SLAB..(first + count).div_ceil(SLAB))?;
        let mut found = Zeroizing::new(Vec::with_capacity(count));
        for slab in slabs {
            let Slab::Done(halves) = slab else { return None };
            found.extend_from_slice(halves);
        }
        Some(found)
    }

    /// Whether the last word was said and heard.
    pub(super) fn is_done(&self) -> bool {
        self.say.is_empty() && self.slabs.iter().all(|slab| matches!(slab, Slab::Done(_)))
    }
}

impl Walk {
    fn hear(self, bytes: &[u8]) -> Result<(Slab, Option<Vec<u8>>), PeerMisbehaved> {
        fn step<H: Half>(
            half: H,
            bytes: &[u8],
            walk: impl Fn(H) -> Walk,
        ) -> Result<(Slab, Option<Vec<u8>>), PeerMisbehaved> {
            Ok(match half.hear(bytes)? {
                Heard::Say(half, say) => (Slab::Walking(walk(half)), Some(say)),
                Heard::Done { say, shares } => (Slab::Done(Zeroizing::new(shares)), say),
            })
        }
        match self {
            Self::SigmoidAsker(half) => step(half, bytes, Self::SigmoidAsker),
            Self::SigmoidTeller(half) => step(half, bytes, Self::SigmoidTeller),
            Self::CutAsker(half) => step(half, bytes, Self::CutAsker),
            Self::CutTeller(half) => step(half, bytes, Self::CutTeller),
        }
    }
}
