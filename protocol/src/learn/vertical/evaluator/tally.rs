//! From halves of scores to this end's shares of the counts, slab by slab.
//!
//! As the look-ups of a round (`link`): all slabs walk together. The feature end asks in all of them, for its groups are
//! chosen by and the labels are in the tables.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::super::{
    ground::{Ground, in_order},
    half::{Half, Heard},
    histogram::{Asker, Cells, Teller},
    message::Stage,
    params::{Params, Party},
};
use crate::{
    ot::Batch,
    session::{Abort, PeerMisbehaved},
};

/// All slabs at one end.
pub(super) struct Tally {
    cells: Cells,
    /// Rows of a slab; one of a block's last rows may be shorter.
    slab: usize,
    slabs: Vec<Slab>,
    begun: usize,
    /// Blocks whose slabs have begun.
    blocks: usize,
    rows: usize,
    say: VecDeque<(u32, Vec<u8>)>,
    heard: u32,
    counts: Zeroizing<Vec<u64>>,
}

enum Slab {
    Waiting,
    Asks(Asker),
    Tells(Teller),
    Done,
}

impl Tally {
    pub(super) fn new(params: &Params, cells: Cells, slab: usize) -> Self {
        let count: usize = (0..params.blocks()).map(|block| params.rows_of_block(block).div_ceil(slab)).sum();
        let counts = Zeroizing::new(vec![0; cells.words()]);
        let slabs = (0..count).map(|_| Slab::Waiting).collect();
        Self { cells, slab, slabs, begun: 0, blocks: 0, rows: 0, say: VecDeque::new(), heard: 0, counts }
    }

    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    /// Begins the slabs of the next block with this end's halves of its scores; `classes` are those of all rows.
    pub(super) fn begin(&mut self, ground: &Ground, scores: &[u64], classes: &[u8]) -> Result<(), Abort> {
        let Some((_, correlations)) = ground.keys() else { return Ok(()) };
        let scale = ground.params.scale();
        for halves in scores.chunks(self.slab) {
            let number = self.begun as u32;
            let classes = classes.get(self.rows..self.rows + halves.len()).ok_or(Abort::OwnColumns)?;
            let batch = Batch { stage: 0, slab: number };
            let place = self.slabs.get_mut(self.begun).ok_or(Abort::OwnColumns)?;
            *place = match ground.party {
                Party::Features => {
                    let (asker, first) =
                        Asker::start(correlations, batch, scale, &self.cells, halves, classes)
                            .map_err(|_| Abort::OwnColumns)?;
                    self.say.push_back((number, first));
                    Slab::Asks(asker)
                }
                Party::Label => {
                    let seed = ground.draws.seed("tally", 0, number, &ground.digest(halves));
                    let teller =
                        Teller::start(correlations, batch, scale, &self.cells, halves, classes, &seed);
                    Slab::Tells(teller.map_err(|_| Abort::OwnColumns)?)
                }
            };
            self.begun += 1;
            self.rows += halves.len();
        }
        self.blocks += 1;
        Ok(())
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
        let (next, say, shares) = match std::mem::replace(place, Slab::Waiting) {
            Slab::Asks(asker) => step(asker, bytes, Slab::Asks)?,
            Slab::Tells(teller) => step(teller, bytes, Slab::Tells)?,
            Slab::Waiting | Slab::Done => return Err(PeerMisbehaved::AnswerUnasked(number).into()),
        };
        *place = next;
        self.counts.iter_mut().zip(shares).for_each(|(count, share)| *count = count.wrapping_add(share));
        self.say.extend(say.map(|bytes| (number, bytes)));
        self.heard += 1;
        Ok(())
    }

    /// This end's shares of the counts, when the last word was said and heard.
    pub(super) fn counts(&self) -> Option<&[u64]> {
        let done = self.say.is_empty() && self.slabs.iter().all(|slab| matches!(slab, Slab::Done));
        done.then_some(&self.counts)
    }
}

type Stepped = (Slab, Option<Vec<u8>>, Vec<u64>);

fn step<H: Half>(half: H, bytes: &[u8], walk: impl Fn(H) -> Slab) -> Result<Stepped, PeerMisbehaved> {
    Ok(match half.hear(bytes)? {
        Heard::Say(half, say) => (walk(half), Some(say), Vec::new()),
        Heard::Done { say, shares } => (Slab::Done, say, shares),
    })
}
