//! What a trainer has committed itself to, over all rounds of a job.
//!
//! The attack (B10): a coordinator opens a sum, calls one trainer dropped out, and has the same round opened again
//! without it: the difference is that trainer's vector. Or it has a round repeated that a trainer began before it
//! was restarted, and takes the difference of two vectors under one mask. So what a trainer began and agreed to is
//! written down *before* a message leaves (LEARNH-11), and nothing of it is ever taken back.

use serde::{Deserialize, Serialize};

use super::{Breach, Round, Rules, Survivors};
use crate::wire::{Limits, WireError, codec};

/// A trainer's promises for one job. The node stores them whenever they change, before it sends what came with the
/// change; a node that has lost them must not go on with the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Promises {
    /// The last round that was begun.
    begun: Option<Begun>,
    /// The last round whose survivors were agreed to, and who they are.
    agreed: Option<(u32, u16)>,
    /// Without noise: the survivors of all rounds from now on.
    fixed: Option<u16>,
}

/// One attempt that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) round: u32,
    pub(super) attempt: u32,
    /// Roster, history and shape.
    pub(super) subject: [u8; 32],
    /// Our vector, hashed under our key.
    pub(super) vector: [u8; 32],
}

impl Promises {
    /// Notes that this attempt was begun.
    pub(super) fn begin(&mut self, begun: Begun) -> Result<(), Breach> {
        if let Some(last) = self.begun {
            // LEARNH-11: masks depend on the attempt and nothing that changes, so no attempt runs twice; and a round
            // that is done stays done.
            if (begun.round, begun.attempt) <= (last.round, last.attempt) {
                return Err(Breach::AttemptRepeated);
            }
            // Noise depends on the round alone: two different vectors under it would give their difference away.
            if begun.round == last.round && begun.subject != last.subject {
                return Err(Breach::HistoryDiffers);
            }
            if begun.round == last.round && begun.vector != last.vector {
                return Err(Breach::VectorChanged);
            }
        }
        self.begun = Some(begun);
        Ok(())
    }

    /// Whether this set may be agreed to, and the note that it was.
    pub(super) fn agree(&mut self, rules: &Rules, round: &Round, survivors: Survivors) -> Result<(), Breach> {
        // LEARNH-10: one set a round.
        if self.agreed.is_some_and(|(number, bits)| number == round.number && bits != survivors.bits()) {
            return Err(Breach::SetChanged);
        }
        if !rules.noisy() {
            // LEARNH-13: two exact sums that differ by one trainer are that trainer's statistics.
            if self.fixed.is_some_and(|bits| bits != survivors.bits()) {
                return Err(Breach::SetChanged);
            }
            self.fixed = Some(survivors.bits());
        }
        self.agreed = Some((round.number, survivors.bits()));
        Ok(())
    }

    /// Whether a sum of this round over these survivors contradicts what was agreed to.
    pub(super) fn contradict(&self, round: &Round, survivors: Survivors) -> bool {
        self.agreed.is_some_and(|(number, bits)| number == round.number && bits != survivors.bits())
    }

    /// Whether these survivors were agreed to in this round.
    pub(super) fn has_agreed(&self, round: &Round, survivors: Survivors) -> bool {
        self.agreed == Some((round.number, survivors.bits()))
    }

    /// The round that was begun last, and the attempt.
    pub const fn begun(&self) -> Option<(u32, u32)> {
        match self.begun {
            Some(begun) => Some((begun.round, begun.attempt)),
            None => None,
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self, 96)
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are not what [`encode`](Self::encode) writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        codec::decode(bytes, &Limits::new(128))
    }
}
