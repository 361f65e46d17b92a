//! One end's halves of what a slab has found, from "matched" on: the same at both ends.
//!
//! "Matched" is split over the holder's cells, and what is matched is multiplied by the holder's terms. Each is done by
//! two transfers, one in each direction, and nothing goes on before both are in it. The attack this stops is one
//! transfer that is left out: its half of the bits would then choose nothing, and say so by what comes of it.

use zeroize::Zeroizing;

use super::{run::NOT_ASKED, select, words::Words};
use crate::{
    ot::{Batch, Keeper, PendingConjunction, answer_conjunction},
    session::Abort,
};

/// What an end has of a slab.
#[derive(Default)]
pub(super) struct Matched {
    /// The half of "matched", and then of "matched, and in this cell of the holder's".
    pub(super) bits: Zeroizing<Vec<u8>>,
    /// The half of "matched, and in these cells", and how many of its two transfers are in it.
    cells: Zeroizing<Vec<u64>>,
    cells_parts: u8,
    /// The half of the holder's matched terms, for each bin and holder's cell, and how many of its two transfers are in it.
    terms: Zeroizing<Vec<u64>>,
    terms_parts: u8,
    /// This end's choice by [`bits`](Self::bits) from the other's half of the cells.
    pub(super) choosing: Option<PendingConjunction>,
}

impl Matched {
    /// The other end chooses by its half of "matched" from this end's half of the cells, which stand first in each bin's
    /// `payload` (JOIN-54).
    pub(super) fn answer(
        &mut self,
        theirs: &std::sync::Arc<Keeper<1>>,
        batch: Batch,
        words: &Words,
        payload: &[u64],
        question: &[u8],
    ) -> Result<Vec<u8>, Abort> {
        let cells: Vec<u64> = payload.chunks_exact(words.payload()).map(|payload| payload[0]).collect();
        let (mut shares, answer) = answer_conjunction(theirs, batch, &cells, question)?;
        let own = cells.iter().zip(self.bits.iter()).map(|(cells, bit)| cells & select::mask(*bit));
        shares.iter_mut().zip(own).for_each(|(share, own)| *share ^= own);
        self.add_cells(words, &shares);
        Ok(answer)
    }

    /// The other end's answer to this end's choice.
    pub(super) fn open(&mut self, words: &Words, answer: &[u8]) -> Result<(), Abort> {
        let opened = self.choosing.take().ok_or(NOT_ASKED)?.open(answer)?;
        self.add_cells(words, &opened);
        Ok(())
    }

    /// One of the two parts of "matched, and in these cells"; with both of them, "matched" is split.
    fn add_cells(&mut self, words: &Words, part: &[u64]) {
        self.cells.resize(part.len(), 0);
        self.cells.iter_mut().zip(part).for_each(|(cells, part)| *cells ^= part);
        self.cells_parts += 1;
        if self.cells_parts == 2 {
            self.bits = Zeroizing::new(select::split(&std::mem::take(&mut self.cells), words.holder_cells));
        }
    }

    /// One of the two parts of the matched terms; whether both are there.
    pub(super) fn add_terms(&mut self, part: &[u64]) -> bool {
        self.terms.resize(part.len(), 0);
        select::add(&mut self.terms, part);
        self.terms_parts += 1;
        self.terms_parts == 2
    }

    /// The matched terms.
    pub(super) fn take_terms(&mut self) -> Zeroizing<Vec<u64>> {
        std::mem::take(&mut self.terms)
    }
}
