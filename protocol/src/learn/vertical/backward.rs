//! From halves of residuals to halves of a gradient.
//!
//! Each end sends its halves of all residuals encrypted, and answers for each of its own columns with the column times
//! what it was sent, under a mask: one number, of which the answer has one coefficient of `b`.

use zeroize::Zeroizing;

use super::{
    bfv::{N, Request, Response},
    draws::masks,
    ground::{Ground, in_order},
    message::Stage,
    product::{Columns, turned},
    share::MASK,
};
use crate::session::{Abort, PeerMisbehaved};

/// One end of it, in one round.
pub(super) struct Backward {
    round: u16,
    /// This end's halves, block after block as they come.
    residuals: Zeroizing<Vec<u64>>,
    sent: u32,
    questions: Vec<Request>,
    hasher: blake3::Hasher,
    /// Of each own column its half of the gradient.
    own: Zeroizing<Vec<u64>>,
    /// Of each of the peer's.
    theirs: Zeroizing<Vec<u64>>,
}

impl Backward {
    pub(super) fn new(round: u16) -> Self {
        Self {
            round,
            residuals: Zeroizing::default(),
            sent: 0,
            questions: Vec::new(),
            hasher: blake3::Hasher::new(),
            own: Zeroizing::default(),
            theirs: Zeroizing::default(),
        }
    }

    /// Rows whose residuals are there.
    pub(super) fn rows(&self) -> usize {
        self.residuals.len()
    }

    /// This end's halves of the next block.
    pub(super) fn add(&mut self, residuals: &[u64]) {
        self.residuals.extend_from_slice(residuals);
    }

    fn is_sent(&self, columns: &Columns) -> bool {
        self.sent as usize == columns.blocks()
    }

    fn is_asked(&self, columns: &Columns) -> bool {
        self.questions.len() == columns.blocks()
    }

    /// The next message, if it can be made.
    pub(super) fn make(&mut self, ground: &Ground, columns: &Columns) -> Option<(Stage, u32, Vec<u8>)> {
        let round = self.round;
        if !self.is_sent(columns) {
            let first = self.sent as usize * N;
            let block = self.residuals.get(first..first + columns.rows_of(self.sent as usize))?;
            let poly = turned(block);
            let seed = ground.draws.seed("residuals", round, self.sent, &ground.digest(&poly));
            self.sent += 1;
            return Some((Stage::Residuals, self.sent - 1, ground.key.encrypt(&seed, &poly)));
        }
        let (key, _) = ground.keys()?;
        if !self.is_asked(columns) || self.own.len() == columns.len() {
            return None;
        }
        let column = self.own.len();
        let number = column as u32;
        let question = *self.hasher.finalize().as_bytes();
        // LEARNV-13: another question gets another mask.
        let mask = masks(&ground.draws.seed("gradient masks", round, number, &question), 1);
        let hide = ground.draws.seed("gradient flood", round, number, &question);
        let bytes = Response::write(columns.gradient(column, &self.questions), key, &mask, &hide);
        self.own.push(columns.plain_gradient(column, &self.residuals).wrapping_sub(mask[0]) & MASK);
        Some((Stage::Gradients, number, bytes))
    }

    /// The peer's halves, or its answer.
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
        let peers = ground.params.columns(ground.party.peer()) as usize;
        match stage {
            Stage::Residuals if !self.is_asked(columns) => {
                in_order(self.questions.len() as u32, number)?;
                self.questions.push(Request::read(bytes)?);
                self.hasher.update(bytes);
                Ok(())
            }
            Stage::Gradients if self.is_asked(columns) && self.theirs.len() < peers => {
                in_order(self.theirs.len() as u32, number)?;
                if !self.is_sent(columns) {
                    return Err(PeerMisbehaved::AnswerUnasked(number).into());
                }
                let found = ground.key.decrypt(&Response::read(bytes, 1)?)?;
                self.theirs.extend_from_slice(&found);
                Ok(())
            }
            _ => Err(Abort::OutOfTurn { expected: self.expects(columns), got: stage.name() }),
        }
    }

    /// Whether all was said and heard.
    pub(super) fn is_done(&self, ground: &Ground, columns: &Columns) -> bool {
        let peers = ground.params.columns(ground.party.peer()) as usize;
        self.own.len() == columns.len() && self.theirs.len() == peers
    }

    /// This end's halves of the gradient: of its own columns, and of the peer's.
    pub(super) fn gradient(&self) -> (&[u64], &[u64]) {
        (&self.own, &self.theirs)
    }

    /// What is due of the peer.
    pub(super) fn expects(&self, columns: &Columns) -> &'static str {
        if self.is_asked(columns) { Stage::Gradients.name() } else { Stage::Residuals.name() }
    }
}
