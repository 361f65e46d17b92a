//! The end that knows the way and shall not learn what travels on it.
//!
//! What it withstands: an answer out of order, for a batch not asked, or of another length ends the run
//! (JOIN-75). A Holder that answers otherwise than it should makes the shares wrong and learns nothing: this
//! end says nothing that depends on an answer.

use std::{collections::VecDeque, mem};

use zeroize::Zeroize;

use super::{
    NOWHERE, PermuteError, Plan,
    controls::{Controls, controls},
    network::Walk,
    pack, pair,
};
use crate::{
    ot::{Batch, PadChooser},
    session::PeerMisbehaved,
};

/// The Seeker of one step from a table to the next. Memory: 5 bytes a place, ⌈log₂ n⌉ / 4 for its switches'
/// settings and keys; 21 while it is made.
pub struct SeekerRoute {
    plan: Plan,
    stage: u16,
    sources: Vec<u32>,
    controls: Controls,
    asked: u32,
    answered: u32,
    pub(super) keys: VecDeque<Vec<u8>>,
    walk: Walk,
    /// What the Holder's masked bits are on each wire, as far as the answers have carried them.
    wires: Vec<u8>,
}

impl SeekerRoute {
    /// `sources[j]` is the place of the old table whose bit shall come to place j of the new one, or
    /// [`NOWHERE`]; no place twice. `stage` names these transfers among those of the session.
    ///
    /// # Errors
    /// [`PermuteError`], if `sources` is not that.
    pub fn new(plan: Plan, stage: u16, sources: &[u32]) -> Result<Self, PermuteError> {
        let sources = complete(&plan, sources)?;
        Ok(Self {
            controls: controls(plan.network, &sources),
            sources,
            asked: 0,
            answered: 0,
            keys: VecDeque::new(),
            walk: plan.network.walk(),
            wires: vec![0; plan.network.wires()],
            plan,
            stage,
        })
    }

    /// The next batch's number and message, until all have been made.
    pub fn message(&mut self, transfers: &PadChooser) -> Option<(u32, Vec<u8>)> {
        if self.asked == self.plan.batches() {
            return None;
        }
        let batch = self.asked;
        self.asked += 1;
        let name = Batch { stage: self.stage, slab: batch };
        let mut bits: Vec<u8> = self.plan.batch(batch).map(|switch| self.controls.at(switch)).collect();
        let (message, mut pads) = transfers.choose(name, &bits);
        // JOIN-73: of a transfer only the two bits that open its switch are kept.
        self.keys.push_back(pack(&pads));
        bits.zeroize();
        pads.zeroize();
        Some((batch, message))
    }

    /// Takes the answer to the next batch.
    ///
    /// # Errors
    /// [`PeerMisbehaved`], if it is another batch's, comes before its question, or has another length.
    pub fn open(&mut self, batch: u32, answer: &[u8]) -> Result<(), PeerMisbehaved> {
        // JOIN-75: batches are answered in their order, each once, each in full.
        if batch != self.answered {
            return Err(PeerMisbehaved::ChunkOutOfOrder { expected: self.answered, got: batch });
        }
        let expected = self.plan.answer_bytes(batch);
        if answer.len() != expected {
            return Err(PeerMisbehaved::CountDiffers { expected, got: answer.len() });
        }
        let mut keys = self.keys.pop_front().ok_or(PeerMisbehaved::AnswerUnasked(batch))?;
        self.answered += 1;
        let switches = self.plan.batch(batch);
        let (controls, wires) = (&self.controls, &mut self.wires);
        let mut at = 0;
        self.walk.pass(switches.len(), |upper, lower| {
            let cross = controls.at(switches.start + at);
            // JOIN-74: both bits of a switch that crosses are under the key of the answer, without a branch.
            let change = pair(&keys, at) ^ (pair(answer, at) & cross.wrapping_neg());
            let swap = (wires[upper] ^ wires[lower]) & cross;
            wires[upper] ^= swap ^ (change & 1);
            wires[lower] ^= swap ^ (change >> 1);
            at += 1;
        });
        keys.zeroize();
        Ok(())
    }

    /// This end's shares at the new table's places, for those it has at the old one's (0 or 1 each).
    ///
    /// # Errors
    /// [`PermuteError`], if batches are still due or there are not as many shares as places.
    pub fn shares(mut self, own: &[u8]) -> Result<Vec<u8>, PermuteError> {
        // JOIN-76: a wire on its way carries some other place's bit.
        if self.answered != self.plan.batches() {
            return Err(PermuteError::Unfinished { answered: self.answered, batches: self.plan.batches() });
        }
        if own.len() != self.plan.from {
            return Err(PermuteError::PlacesDiffer { places: self.plan.from, given: own.len() });
        }
        let mut shares = mem::take(&mut self.wires);
        shares.truncate(self.plan.to);
        // JOIN-73: the network has carried the Holder's shares; this end's own need none.
        for (share, source) in shares.iter_mut().zip(&self.sources) {
            *share ^= own.get(*source as usize).copied().unwrap_or(0) & 1;
        }
        Ok(shares)
    }
}

impl Drop for SeekerRoute {
    fn drop(&mut self) {
        self.sources.zeroize();
        self.wires.zeroize();
        self.keys.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// A bijection of all wires from what is asked for: the places of no interest take what is left, in order.
fn complete(plan: &Plan, asked: &[u32]) -> Result<Vec<u32>, PermuteError> {
    if asked.len() != plan.to {
        return Err(PermuteError::PlacesDiffer { places: plan.to, given: asked.len() });
    }
    let mut taken = vec![false; plan.network.wires()];
    for source in asked.iter().filter(|source| **source != NOWHERE) {
        let source = *source as usize;
        if source >= plan.from {
            return Err(PermuteError::SourceOutside);
        }
        if mem::replace(&mut taken[source], true) {
            return Err(PermuteError::SourceTaken);
        }
    }
    // JOIN-72: which of the free places it is shows nowhere, so the order needs no randomness.
    let mut free = (0..plan.network.wires() as u32).filter(|source| !taken[*source as usize]);
    let beyond = std::iter::repeat_n(NOWHERE, plan.network.wires() - plan.to);
    let sources = asked.iter().copied().chain(beyond);
    Ok(sources.map(|source| if source == NOWHERE { free.next().unwrap_or(0) } else { source }).collect())
}
