//! The end that masks every wire and shall not learn which switch crosses.
//!
//! What it withstands: a message out of order or of another length ends the run (JOIN-75). A Seeker whose
//! message encodes no choice at all gets nothing but noise for that switch: the transfers' affair (OT rules).

use std::mem;

use zeroize::Zeroize;

use super::{PermuteError, Plan, network::Walk, pack};
use crate::{
    ot::{Batch, PadSender},
    session::PeerMisbehaved,
};

/// The Holder of one step from a table to the next. Memory: one byte a place, and 32 for each switch of a batch.
pub struct HolderRoute {
    plan: Plan,
    stage: u16,
    answered: u32,
    walk: Walk,
    /// The mask on each wire: at first this end's shares, at last its new ones.
    masks: Vec<u8>,
}

impl HolderRoute {
    /// `shares` are this end's at the old table's places, 0 or 1 each; `stage` as at the other end.
    ///
    /// # Errors
    /// [`PermuteError::PlacesDiffer`], if there are not as many shares as places.
    pub fn new(plan: Plan, stage: u16, shares: &[u8]) -> Result<Self, PermuteError> {
        if shares.len() != plan.from {
            return Err(PermuteError::PlacesDiffer { places: plan.from, given: shares.len() });
        }
        // JOIN-73: the share itself is the first mask, as the Seeker's bits there are under it already.
        let mut masks = vec![0; plan.network.wires()];
        masks.iter_mut().zip(shares).for_each(|(mask, share)| *mask = share & 1);
        Ok(Self { plan, stage, answered: 0, walk: plan.network.walk(), masks })
    }

    /// The answer to the Seeker's message of this batch.
    ///
    /// # Errors
    /// [`PeerMisbehaved`], if it is not the next batch or has another length.
    pub fn answer(
        &mut self,
        transfers: &PadSender,
        batch: u32,
        message: &[u8],
    ) -> Result<Vec<u8>, PeerMisbehaved> {
        // JOIN-75: batches are asked in their order, each once, each in full; after the last nothing is due.
        if batch != self.answered || batch >= self.plan.batches() {
            return Err(PeerMisbehaved::ChunkOutOfOrder { expected: self.answered, got: batch });
        }
        let expected = self.plan.message_bytes(batch);
        if message.len() != expected {
            return Err(PeerMisbehaved::CountDiffers { expected, got: message.len() });
        }
        let count = self.plan.batch(batch).len();
        let name = Batch { stage: self.stage, slab: batch };
        let (mut straight, mut crossed) = transfers.answer(name, count, message)?;
        self.answered += 1;
        let masks = &mut self.masks;
        let mut at = 0;
        self.walk.pass(count, |upper, lower| {
            let (a, b) = (masks[upper], masks[lower]);
            // JOIN-74: a key that nobody chose is the change of the masks if the switch goes straight, so that
            // only the other case needs a word.
            let (c, d) = (a ^ (straight[at] & 1), b ^ (straight[at] >> 1 & 1));
            crossed[at] ^= (b ^ c) | (a ^ d) << 1;
            (masks[upper], masks[lower]) = (c, d);
            at += 1;
        });
        let answer = pack(&crossed);
        straight.zeroize();
        crossed.zeroize();
        Ok(answer)
    }

    /// This end's shares at the new table's places.
    ///
    /// # Errors
    /// [`PermuteError::Unfinished`], if batches are still due.
    pub fn shares(mut self) -> Result<Vec<u8>, PermuteError> {
        // JOIN-76: a wire on its way carries some other place's bit.
        if self.answered != self.plan.batches() {
            return Err(PermuteError::Unfinished { answered: self.answered, batches: self.plan.batches() });
        }
        let mut shares = mem::take(&mut self.masks);
        shares.truncate(self.plan.to);
        Ok(shares)
    }
}

impl Drop for HolderRoute {
    fn drop(&mut self) {
        self.masks.zeroize();
    }
}
