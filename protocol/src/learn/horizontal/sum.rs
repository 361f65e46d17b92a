//! What a round opens.

use super::{
    Breach, Message, Promises, Roster, Round, Shape, Survivors,
    message::{from_bytes, to_bytes},
};
use crate::session::Abort;

/// The sum over the survivors' vectors, the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Whose vectors are in it.
    pub survivors: Survivors,
    /// Entry by entry, with all survivors' noise.
    pub entries: Vec<i64>,
    /// The history of the next round.
    pub history: [u8; 32],
}

impl Sum {
    /// Takes the sum of a round in which we were not, or which ended while we were away.
    ///
    /// # Errors
    /// [`Abort`] for a sum of another round or shape, beyond its bounds, or over other survivors than those that
    /// we agreed to in this round; for the closing round if we agreed to none.
    pub fn late(
        roster: &Roster,
        round: &Round,
        shape: &Shape,
        promises: &Promises,
        message: &Message,
    ) -> Result<Self, Abort> {
        let Message::Sum { context, survivors, entries } = message else {
            return Err(Breach::MessageShape.into());
        };
        if *context != round.context(roster, shape) {
            return Err(Breach::ContextDiffers.into());
        }
        let set = Survivors::of_bits(*survivors, roster.seats().len()).ok_or(Breach::NotASurvivor)?;
        if set.len() < roster.rules().least() {
            return Err(Breach::CohortTooSmall.into());
        }
        if promises.contradict(round, set) {
            return Err(Breach::SetChanged.into());
        }
        // LEARNH-12: the round that confirms the history confirms it to those who said so in it.
        if shape.entries() == 0 && !promises.has_agreed(round, set) {
            return Err(Breach::ConsentMissing.into());
        }
        let entries: Vec<i64> = from_bytes(shape, entries)?.into_iter().map(u64::cast_signed).collect();
        Self::new(round, shape, set, entries)
    }

    /// LEARNH-03: only what honest vectors can come to. A number that wraps is random in 64 bits and almost surely
    /// is not.
    pub(super) fn new(
        round: &Round,
        shape: &Shape,
        survivors: Survivors,
        entries: Vec<i64>,
    ) -> Result<Self, Abort> {
        if !shape.allows_sum(&entries, survivors.len()) {
            return Err(Breach::SumOutOfBounds.into());
        }
        let history = round.history_after(survivors, &entries);
        Ok(Self { survivors, entries, history })
    }

    pub(super) fn message(&self, context: [u8; 32]) -> Message {
        let entries: Vec<u64> = self.entries.iter().map(|entry| entry.cast_unsigned()).collect();
        Message::Sum { context, survivors: self.survivors.bits(), entries: to_bytes(&entries) }
    }
}
