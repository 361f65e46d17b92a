//! Rows that count only where both ends have the customer, and neither learns which these are.
//!
//! The rows of a training are the places of a union (`learn::union`): an end has a customer at some of them, which it
//! alone knows. A place that one end lacks has a score of the other's columns all the same, and so a residual that no
//! model should be fitted to. So each residual is multiplied by one bit of each end before gradients are made of it:
//! with b and b′ the bits, r and r′ the halves, bb′·(r + r′) = b′·(b·r) + b·(b′·r′), and each of the two products is one
//! end's bit times one end's word, which is one transfer a row. The attack this stops is the obvious one: whoever
//! could tell which residuals count would know whom the other end has.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{
    ground::{Ground, in_order},
    half::{BIT, Draws, PRODUCT, Product, STAGES, exactly},
    message::Stage,
    share::MASK,
};
use crate::{
    ot::Batch,
    secret::Secret,
    session::{Abort, PeerMisbehaved},
};

/// Bytes that an end says of a row in a round: its bit, and the answer to the other's.
pub(super) const BYTES: usize = BIT + PRODUCT;

/// Of all rows whether this end has a customer there: 0 or 1. **Secret**.
pub(super) type Bits = Zeroizing<Vec<u8>>;

/// What is drawn for these bits and no others (LEARNV-13): the secret, hashed with them.
pub(super) fn bind(secret: &Secret<[u8; 32]>, bits: &Bits) -> Secret<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    hasher.update(b"presence");
    hasher.update(bits);
    Secret::new(hasher.finalize().into())
}

/// One end of it, in one round.
pub(super) struct Presence {
    round: u16,
    /// What was said and heard: first a choice for each block, then an answer for each.
    said: u32,
    heard: u32,
    /// This end's choices that are not answered yet, and the peer's.
    asked: VecDeque<Product>,
    choices: VecDeque<Vec<u8>>,
    /// Of each block, this end's halves where its own bit is 1 and zeros elsewhere.
    words: Vec<Zeroizing<Vec<u64>>>,
    /// Of each block, what this end drew for its own words' product, and its share of the other product.
    drawn: Vec<Zeroizing<Vec<u64>>>,
    opened: Vec<Zeroizing<Vec<u64>>>,
}

impl Presence {
    pub(super) const fn new(round: u16) -> Self {
        Self {
            round,
            said: 0,
            heard: 0,
            asked: VecDeque::new(),
            choices: VecDeque::new(),
            words: Vec::new(),
            drawn: Vec::new(),
            opened: Vec::new(),
        }
    }

    /// Blocks whose residuals were brought.
    pub(super) const fn blocks(&self) -> usize {
        self.words.len()
    }

    /// This end's halves of the next block's residuals.
    pub(super) fn add(&mut self, ground: &Ground, bits: &[u8], residuals: &[u64]) {
        // LEARNV-51: the own bit is multiplied in at home, without a branch on it.
        let word = |(bit, half): (&u8, &u64)| half & u64::from(*bit).wrapping_neg();
        let words: Vec<u64> = bits.iter().zip(residuals).map(word).collect();
        let block = self.words.len() as u32;
        // LEARNV-53: bound to the words, and of the job, so that a round that is run again has the same shares. All 64
        // bits are drawn: the transfer is mod 2⁶⁴, and a share less a mask of 60 bits would tell whether it borrowed.
        let seed = ground.draws.seed("presence", self.round, block, &ground.digest(&words));
        self.drawn.push(Zeroizing::new(Draws::new(&seed, "presence", &words).words("products", words.len())));
        self.words.push(Zeroizing::new(words));
    }

    const fn batch(&self, block: u32) -> Batch {
        // The last of the round's stages, which no look-up uses.
        Batch { stage: self.round.wrapping_mul(STAGES).wrapping_add(STAGES - 1), slab: block }
    }

    /// The next message, if it can be made.
    ///
    /// # Errors
    /// [`PeerMisbehaved`]: a choice that is none.
    pub(super) fn make(
        &mut self,
        ground: &Ground,
        bits: &[u8],
    ) -> Result<Option<(Stage, u32, Vec<u8>)>, PeerMisbehaved> {
        let Some((_, correlations)) = ground.keys() else { return Ok(None) };
        let blocks = ground.params.blocks();
        let number = self.said;
        let bytes = if number < blocks {
            let first = number as usize * super::bfv::N;
            let Some(bits) = bits.get(first..first + ground.params.rows_of_block(number)) else {
                return Ok(None);
            };
            let (pending, bytes) = Product::choose(correlations, self.batch(number), bits);
            self.asked.push_back(pending);
            bytes
        } else {
            let block = number - blocks;
            let (Some(words), Some(drawn)) = (self.words.get(block as usize), self.drawn.get(block as usize))
            else {
                return Ok(None);
            };
            let Some(choice) = self.choices.pop_front() else { return Ok(None) };
            Product::answer(correlations, self.batch(block), words, drawn, &choice)?
        };
        self.said += 1;
        Ok(Some((Stage::Presence, number, bytes)))
    }

    /// The peer's choice, or its answer.
    ///
    /// # Errors
    /// [`Abort`]: not the one that is due, or of another length (LEARNV-52).
    pub(super) fn take(&mut self, ground: &Ground, number: u32, bytes: &[u8]) -> Result<(), Abort> {
        in_order(self.heard, number)?;
        let blocks = ground.params.blocks();
        if number < blocks {
            exactly(BIT * ground.params.rows_of_block(number), bytes)?;
            self.choices.push_back(bytes.to_vec());
        } else {
            // An answer to a choice that was not made yet, or after the last.
            let pending = self.asked.pop_front().ok_or(PeerMisbehaved::AnswerUnasked(number))?;
            self.opened.push(Zeroizing::new(pending.open(bytes)?));
        }
        self.heard += 1;
        Ok(())
    }

    /// This end's halves of a block's residuals that count, when both products are there.
    pub(super) fn found(&self, ground: &Ground, block: usize) -> Option<Zeroizing<Vec<u64>>> {
        let answered = self.said as usize > ground.params.blocks() as usize + block;
        let (drawn, opened) = self.drawn.get(block).zip(self.opened.get(block)).filter(|_| answered)?;
        let sum = |(drawn, opened): (&u64, &u64)| drawn.wrapping_add(*opened) & MASK;
        Some(Zeroizing::new(drawn.iter().zip(opened.iter()).map(sum).collect()))
    }

    /// Whether the last word was said and heard.
    pub(super) fn is_done(&self, ground: &Ground) -> bool {
        let all = 2 * ground.params.blocks();
        self.said == all && self.heard == all
    }
}
