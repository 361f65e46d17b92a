//! From halves of weights to halves of scores.
//!
//! Each end asks with its encrypted halves of the *other's* weights, and answers for every block of rows with its columns
//! times what it was asked, under a mask. A score's half is this end's columns times its own halves, less its mask,
//! plus what the peer's answer decrypts to.

use zeroize::Zeroizing;

use super::{
    bfv::{Request, Response},
    draws::masks,
    ground::{Ground, in_order},
    message::Stage,
    product::Columns,
    share::MASK,
    state::State,
};
use crate::session::{Abort, PeerMisbehaved};

/// One end of it, in one round.
pub(super) struct Forward {
    round: u16,
    asked: u32,
    questions: Vec<Request>,
    /// Of all the peer's questions, as they came.
    hasher: blake3::Hasher,
    /// Of each block, this end's columns times its own halves, less the mask.
    ours: Vec<Zeroizing<Vec<u64>>>,
    /// Of each block, what the peer's answer decrypted to.
    theirs: Vec<Zeroizing<Vec<u64>>>,
}

impl Forward {
    pub(super) fn new(round: u16) -> Self {
        Self {
            round,
            asked: 0,
            questions: Vec::new(),
            hasher: blake3::Hasher::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
        }
    }

    /// Whether all the peer's questions are there.
    fn is_asked(&self, columns: &Columns) -> bool {
        self.questions.len() == columns.len()
    }

    /// The next message, if it can be made.
    pub(super) fn make(
        &mut self,
        ground: &Ground,
        columns: &Columns,
        state: &State,
    ) -> Option<(Stage, u32, Vec<u8>)> {
        let round = self.round;
        if let Some(half) = state.theirs.get(self.asked as usize) {
            let seed = ground.draws.seed("weights", round, self.asked, &ground.digest(&[*half]));
            self.asked += 1;
            return Some((Stage::Weights, self.asked - 1, ground.key.encrypt(&seed, &[*half])));
        }
        let (key, _) = ground.keys()?;
        if !self.is_asked(columns) || self.is_said(columns) {
            return None;
        }
        let block = self.ours.len();
        let number = block as u32;
        let question = *self.hasher.finalize().as_bytes();
        // LEARNV-13: another question gets another mask.
        let mask = masks(&ground.draws.seed("score masks", round, number, &question), columns.rows_of(block));
        let hide = ground.draws.seed("score flood", round, number, &question);
        let bytes = Response::write(columns.scores(block, &self.questions), key, &mask, &hide);
        let mut half = columns.plain_scores(block, &state.own);
        half.iter_mut().zip(mask.iter()).for_each(|(half, mask)| *half = half.wrapping_sub(*mask) & MASK);
        self.ours.push(half);
        Some((Stage::Scores, number, bytes))
    }

    /// The peer's question or answer.
    ///
    /// # Errors
    /// [`Abort`]: not the one that is due, or malformed.
    pub(super) fn take(
        &mut self,
        ground: &Ground,
        columns: &Columns,
        stage: Stage,
        number: u32,
        bytes: &[u8],
    ) -> Result<(), Abort> {
        let out_of_turn = Abort::OutOfTurn { expected: self.expects(columns), got: stage.name() };
        match stage {
            Stage::Weights if !self.is_asked(columns) => {
                in_order(self.questions.len() as u32, number)?;
                self.questions.push(Request::read(bytes)?);
                self.hasher.update(bytes);
                Ok(())
            }
            // An answer to what was not asked yet, or the same answer again, is none; nor is one before the peer's own
            // questions are all said.
            Stage::Scores if self.is_asked(columns) && self.theirs.len() < columns.blocks() => {
                in_order(self.theirs.len() as u32, number)?;
                if self.asked as usize != ground.params.columns(ground.party.peer()) as usize {
                    return Err(PeerMisbehaved::AnswerUnasked(number).into());
                }
                let count = columns.rows_of(number as usize);
                self.theirs.push(ground.key.decrypt(&Response::read(bytes, count)?)?);
                Ok(())
            }
            _ => Err(out_of_turn),
        }
    }

    /// Blocks whose scores are there.
    pub(super) fn ready(&self) -> usize {
        self.ours.len().min(self.theirs.len())
    }

    /// This end's halves of a block's scores, once.
    pub(super) fn scores(&mut self, block: usize) -> Zeroizing<Vec<u64>> {
        let mut half = std::mem::take(&mut self.ours[block]);
        let found = std::mem::take(&mut self.theirs[block]);
        half.iter_mut().zip(found.iter()).for_each(|(half, found)| *half = half.wrapping_add(*found) & MASK);
        half
    }

    /// Whether this end has said all.
    pub(super) fn is_said(&self, columns: &Columns) -> bool {
        self.ours.len() == columns.blocks()
    }

    /// What is due of the peer.
    pub(super) fn expects(&self, columns: &Columns) -> &'static str {
        if self.is_asked(columns) { Stage::Scores.name() } else { Stage::Weights.name() }
    }
}
