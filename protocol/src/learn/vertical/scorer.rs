//! One end of a scoring session: the weights stay split, one end learns the scores of the rows.
//!
//! The attack this is careful about: an exact score less one's own part is the other's part of it, to sixty bits, and
//! as many rows as columns solve for what is in them. So scores are cut to ten bits after the point before they are
//! opened (LEARNV-41). What is left is the leakage of the answer: the other's part of each score, to 2⁻¹⁰.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    forward::Forward,
    ground::Ground,
    input::Basis,
    link::{Aim, Link},
    message::{Message, Stage},
    params::{Params, Party},
    plan::SCORE_BITS,
    product::Columns,
    state::State,
    trainer::commit,
};
use crate::{
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::codec::Bulk,
};

/// One end of it.
pub struct Scorer(Box<Scoring>);

/// What an end brings to be scored with.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    /// Its columns of the rows, encoded as for training and in the order both ends agreed on.
    pub columns: &'a [Vec<f64>],
    /// How they are whitened.
    pub basis: &'a Basis,
    /// Its halves of the weights.
    pub state: &'a State,
}

impl Held<'_> {
    /// Its whitened columns and its halves.
    ///
    /// # Errors
    /// [`Abort::OwnColumns`], [`Abort::OwnState`]: what is not of the agreed shape.
    pub(super) fn checked(self, params: &Params, party: Party) -> Result<(Columns, State), Abort> {
        let Self { columns, basis, state } = self;
        let rows = params.agreed().rows as usize;
        let within =
            |column: &Vec<f64>| column.len() == rows && column.iter().all(|x| (-1.0..=1.0).contains(x));
        let count = params.columns(party) as usize - usize::from(party == Party::Label);
        if columns.len() != count || basis.columns() != count || !columns.iter().all(within) {
            return Err(Abort::OwnColumns);
        }
        let fits = state.party == party
            && state.own.len() == params.columns(party) as usize
            && state.theirs.len() == params.columns(party.peer()) as usize;
        if !fits {
            return Err(Abort::OwnState);
        }
        Ok((Columns::new(rows, basis.apply(columns, rows))?, state.clone()))
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} columns)", self.columns.len())
    }
}

/// What an end has when all rows are scored.
#[derive(Clone, PartialEq)]
pub struct Scored {
    /// At the end that learns them: of each row the weighted sum, for the logistic model the logarithm of the odds.
    pub scores: Option<Vec<f64>>,
    /// The hash of the conversation, the same at both ends.
    pub conversation: [u8; 32],
}

impl fmt::Debug for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scored").finish_non_exhaustive()
    }
}

struct Scoring {
    ground: Ground,
    columns: Columns,
    state: State,
    receiver: Party,
    forward: Forward,
    link: Link,
    finished: bool,
    commitment: Option<[u8; 32]>,
    opened: bool,
}

impl Scorer {
    /// Scores these rows. `params` are the terms of the job, but with the session and the number of rows of this run; no
    /// row is added for a penalty. `question` is the hash of what is scored; `seed` is fresh.
    ///
    /// # Errors
    /// [`Abort::OwnColumns`], [`Abort::OwnState`]: what is not of the agreed shape.
    pub fn start(
        params: Params,
        party: Party,
        receiver: Party,
        question: &[u8; 32],
        held: Held<'_>,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let params = params.without_penalty();
        let (columns, state) = held.checked(&params, party)?;
        let purpose = [b"scoring for ".as_slice(), receiver.name().as_bytes(), question].concat();
        let round = state.round;
        let link = Link::new(&params, 0, Aim::Score);
        // Nothing of one scoring comes back in another: all its randomness is of its own seed.
        let ground = Ground::new(params, party, &purpose, round, &seed.clone(), seed);
        Ok(Self(Box::new(Scoring {
            ground,
            columns,
            state,
            receiver,
            forward: Forward::new(0),
            link,
            finished: false,
            commitment: None,
            opened: false,
        })))
    }
}

impl Session for Scorer {
    type Message = Message;
    type Output = Scored;

    fn handle(mut self, message: Message) -> Result<Step<Self>, Abort> {
        Ok(match self.0.take(message)? {
            Some(output) => Step::Done { output, send: self.0.rest() },
            None => Step::Wait { state: self, send: Vec::new() },
        })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        Ok(match self.0.make() {
            Some(message) => Produced::Message { state: self, message },
            None => Produced::Idle(self),
        })
    }

    fn expects(&self) -> &'static str {
        self.0.expects()
    }

    fn progress(&self) -> Progress {
        let total = u64::from(self.0.ground.params.rows());
        let done = (self.0.forward.ready() * super::bfv::N) as u64;
        Progress { done: done.min(total), total }
    }
}

impl Scoring {
    fn make(&mut self) -> Option<Message> {
        if let Some(message) = self.ground.open() {
            return Some(message);
        }
        self.ground.keys()?;
        let mut part = self.forward.make(&self.ground, &self.columns, &self.state);
        self.go_on();
        if self.forward.is_said(&self.columns) {
            part = part.or_else(|| self.link.make());
        }
        match part {
            Some((stage, number, bytes)) => Some(self.ground.part(stage, number, bytes)),
            None => self.last_words(),
        }
    }

    fn go_on(&mut self) {
        while self.link.blocks() < self.forward.ready() {
            let scores = self.forward.scores(self.link.blocks());
            self.link.begin(&self.ground, &scores);
        }
    }

    /// This end's halves of all cut scores, when they are there.
    fn halves(&self) -> Option<Zeroizing<Vec<u64>>> {
        let rows = self.ground.params.rows() as usize;
        self.link.found(0, rows).filter(|_| self.link.is_done())
    }

    fn last_words(&mut self) -> Option<Message> {
        let (party, nonce) = (self.ground.party, self.ground.opening_nonce());
        let halves: Vec<u8> = match party == self.receiver {
            true => self.halves().map(|_| Vec::new())?,
            false => self.halves()?.iter().flat_map(|half| half.to_le_bytes()).collect(),
        };
        if !self.finished {
            self.finished = true;
            let commitment = commit(party, &nonce, &halves);
            let transcript = self.ground.hash("finished", &commitment);
            return Some(Message::Finished { party, transcript, commitment });
        }
        self.commitment?;
        if !self.opened && party != self.receiver {
            self.opened = true;
            return Some(Message::Open { party, nonce, halves: Bulk(halves) });
        }
        None
    }

    fn rest(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.last_words()).collect()
    }

    fn take(&mut self, message: Message) -> Result<Option<Scored>, Abort> {
        let out_of_turn =
            Abort::OutOfTurn { expected: self.expects(), got: crate::wire::Wire::kind(&message) };
        self.ground.hear(&message)?;
        match message {
            Message::Announce { terms, round, nonce, .. } => {
                if self.ground.announced(&terms, round, nonce)? != round || round != self.state.round {
                    return Err(PeerMisbehaved::RoundDiffers.into());
                }
            }
            Message::Setup { step, bytes, .. } => self.ground.set_up(step, &bytes.0)?,
            Message::Part { stage, number, bytes, .. } if self.ground.keys().is_some() => {
                match stage {
                    Stage::Weights | Stage::Scores => {
                        self.forward.take(&self.ground, &self.columns, stage, number, &bytes.0)?;
                    }
                    Stage::Link => self.link.take(number, &bytes.0)?,
                    Stage::Presence | Stage::Residuals | Stage::Gradients => return Err(out_of_turn),
                }
                self.go_on();
            }
            Message::Finished { transcript, commitment, .. } => {
                if self.halves().is_none() || self.commitment.is_some() {
                    return Err(out_of_turn);
                }
                self.ground.compare(&transcript, "finished", &commitment)?;
                self.commitment = Some(commitment);
                if self.ground.party != self.receiver {
                    return Ok(Some(Scored { scores: None, conversation: self.ground.conversation() }));
                }
            }
            Message::Open { party, nonce, halves } if self.ground.party == self.receiver => {
                let Some(commitment) = self.commitment else { return Err(out_of_turn) };
                if commit(party, &nonce, &halves.0) != commitment {
                    return Err(PeerMisbehaved::OpeningDiffers.into());
                }
                let own = self.halves().ok_or(out_of_turn)?;
                let expected = 8 * own.len();
                if halves.0.len() != expected {
                    return Err(PeerMisbehaved::CountDiffers { expected, got: halves.0.len() }.into());
                }
                let theirs = halves.0.as_chunks::<8>().0.iter().map(|half| u64::from_le_bytes(*half));
                let score = |(own, theirs): (&u64, u64)| own.wrapping_add(theirs).cast_signed() as f64;
                let scale = f64::from(1u32 << SCORE_BITS);
                let scores = own.iter().zip(theirs).map(|both| score(both) / scale).collect();
                return Ok(Some(Scored { scores: Some(scores), conversation: self.ground.conversation() }));
            }
            _ => return Err(out_of_turn),
        }
        Ok(None)
    }

    fn expects(&self) -> &'static str {
        if self.ground.keys().is_none() {
            return self.ground.expects();
        }
        if self.forward.ready() < self.columns.blocks() {
            return self.forward.expects(&self.columns);
        }
        match (self.link.is_done(), self.commitment) {
            (false, _) => Stage::Link.name(),
            (true, None) => "Finished",
            (true, Some(_)) => "Open",
        }
    }
}
