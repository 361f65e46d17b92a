//! One end of an evaluation: how many rows of each group and label have a score in each bin, and no score of any row.
//!
//! One forward pass under the split weights, as in scoring; then each row's halves go into the histogram of
//! `histogram`, with the label end's labels and both ends' groups as classes; each end adds its noise to its shares, and
//! the shares are opened to whom the contract names. The attack this stops: figures from scores that one end sees, for
//! a score less one's own part of it is the other's part of that row. Here what is told of a row is which cell it is
//! counted in, under noise.
//!
//! ```text
//!   Announce ─► Setup ─► Weights ─► Scores ─► Link ─► Finished ─► (kept) ─► Checked ─► (kept) ─► Open
//!      └── both had kept their shares before a cut ───────────────────────────┘
//! ```

mod figures;
mod kept;
mod tally;
#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

use super::{
    forward::Forward,
    ground::Ground,
    message::{Message, Stage},
    params::{NAME, Params, Party},
    product::Columns,
    scorer::Held,
    state::{NotKept, State},
    trainer::commit,
};
use crate::{
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    transcript::Transcript,
    wire::{Limits, codec::Bulk},
};
pub use figures::{Counts, Figures, Learns, MOST_GROUPS, Row};
pub use kept::Tallied;
use tally::Tally;

/// Called with what will be opened before anything is, and once more right before it is; durable when it returns.
pub type KeepTally = Box<dyn FnMut(&Tallied) -> Result<(), NotKept> + Send>;

/// One end of it.
pub struct Evaluator(Box<Evaluating>);

/// What an end has when an evaluation is done.
#[derive(Clone, PartialEq)]
pub struct Evaluated {
    /// At an end that learns them, the counts, with the noise of each end whose peer learns them.
    pub counts: Option<Counts>,
    /// The hash of the conversation, the same at both ends.
    pub conversation: [u8; 32],
}

impl fmt::Debug for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluated").field("learned", &self.counts.is_some()).finish_non_exhaustive()
    }
}

struct Evaluating {
    ground: Ground,
    figures: Figures,
    columns: Columns,
    state: State,
    /// This end's class of each row.
    classes: Zeroizing<Vec<u8>>,
    noise: Secret<[u8; 32]>,
    forward: Forward,
    tally: Tally,
    keep: KeepTally,
    /// The shares with this end's noise.
    shares: Option<Zeroizing<Vec<u64>>>,
    /// What was kept before a cut, and from the peer's Finished on what is kept now.
    kept: Option<Tallied>,
    /// Whether both had kept theirs before a cut.
    again: bool,
    announced: bool,
    finished: bool,
    commitment: Option<[u8; 32]>,
    checked: bool,
    settled: bool,
    opened: bool,
}

impl Evaluator {
    /// Evaluates on these rows. `params` are the terms of the job, but with the session and the number of rows of this
    /// run; `question` is the hash of what is evaluated, the same after a cut; `seed` is fresh; `kept` is what `keep` was
    /// last called with.
    ///
    /// # Errors
    /// [`Abort::LearnShape`]: figures that cannot be. [`Abort::OwnColumns`], [`Abort::OwnState`]: what is not of the agreed
    /// shape.
    pub fn start(
        params: Params,
        party: Party,
        (figures, question): (Figures, &[u8; 32]),
        (held, rows): (Held<'_>, &[Row]),
        seed: Secret<[u8; 32]>,
        (kept, keep): (Option<Tallied>, KeepTally),
    ) -> Result<Self, Abort> {
        let params = Self::terms(params, &figures, question)?;
        let cells = figures.cells(&params)?;
        let (columns, state) = held.checked(&params, party)?;
        let class = |row: &Row| match party {
            Party::Label => figures.label_class(*row),
            Party::Features => figures.feature_class(*row),
        };
        let classes: Option<Vec<u8>> = rows.iter().map(class).collect();
        let classes = Zeroizing::new(classes.ok_or(Abort::OwnColumns)?);
        if classes.len() != params.agreed().rows as usize {
            return Err(Abort::OwnColumns);
        }
        let words = figures.opened(&params)?.words();
        let fits = |kept: &Tallied| {
            kept.party == party && kept.terms == params.terms() && kept.shares.len() == words
        };
        if !kept.as_ref().is_none_or(fits) {
            return Err(Abort::OwnState);
        }
        let slab = figures.slab(&cells);
        let tally = Tally::new(&params, cells, slab);
        let noise = Secret::new(*blake3::keyed_hash(seed.expose(), b"noise of an evaluation").as_bytes());
        let round = u16::from(kept.is_some());
        // Nothing of one counting comes back in another: all its randomness is of its own seed.
        let ground = Ground::new(params, party, b"evaluating", round, &seed.clone(), seed);
        Ok(Self(Box::new(Evaluating {
            ground,
            figures,
            columns,
            state,
            classes,
            noise,
            forward: Forward::new(0),
            tally,
            keep,
            shares: None,
            kept,
            again: false,
            announced: false,
            finished: false,
            commitment: None,
            checked: false,
            settled: false,
            opened: false,
        })))
    }

    /// The terms of the job with those of the figures (LEARNV-60).
    fn terms(params: Params, figures: &Figures, question: &[u8; 32]) -> Result<Params, Abort> {
        figures.check(&params)?;
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("evaluating", question);
        transcript.absorb("job", &params.agreed().job);
        figures.absorb_into(&mut transcript);
        Ok(params.without_penalty().of_job(transcript.hash()))
    }

    /// How long a message may be.
    ///
    /// # Errors
    /// [`Abort::LearnShape`]: figures that cannot be.
    pub fn limits(params: &Params, figures: &Figures) -> Result<Limits, Abort> {
        let cells = figures.cells(params)?;
        let slab = figures.slab(&cells) * cells.longest() + 128;
        let opening = 8 * cells.words() + 128;
        Ok(Limits::new(params.limits().bytes().max(slab).max(opening)))
    }
}

impl Session for Evaluator {
    type Message = Message;
    type Output = Evaluated;

    fn handle(mut self, message: Message) -> Result<Step<Self>, Abort> {
        Ok(match self.0.take(message)? {
            Some(output) => Step::Done { output, send: self.0.rest()? },
            None => Step::Wait { state: self, send: Vec::new() },
        })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        Ok(match self.0.make()? {
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

impl Evaluating {
    fn make(&mut self) -> Result<Option<Message>, Abort> {
        if !self.announced || !self.again {
            self.announced = true;
            if let Some(message) = self.ground.open() {
                return Ok(Some(message));
            }
        }
        if self.again {
            return self.last_words();
        }
        if self.ground.keys().is_none() {
            return Ok(None);
        }
        let mut part = self.forward.make(&self.ground, &self.columns, &self.state);
        self.go_on()?;
        if self.forward.is_said(&self.columns) {
            part = part.or_else(|| self.tally.make());
        }
        match part {
            Some((stage, number, bytes)) => Ok(Some(self.ground.part(stage, number, bytes))),
            None => self.last_words(),
        }
    }

    fn go_on(&mut self) -> Result<(), Abort> {
        while self.tally.blocks() < self.forward.ready() {
            let scores = self.forward.scores(self.tally.blocks());
            self.tally.begin(&self.ground, &scores, &self.classes)?;
        }
        Ok(())
    }

    /// This end's shares with its noise, when all rows are counted.
    fn add_up(&mut self) -> Result<Option<&Zeroizing<Vec<u64>>>, Abort> {
        let (figures, params) = (&self.figures, &self.ground.params);
        if self.shares.is_none()
            && let Some(counts) = self.tally.counts()
        {
            let mut shares = Zeroizing::new(figures.opens(&figures.cells(params)?, counts));
            // LEARNV-62: before anything is committed to.
            if let Some(noise) =
                figures.noise.as_ref().filter(|_| figures.learns.is(self.ground.party.peer()))
            {
                let cells = figures.opened(params)?;
                let drawn = Zeroizing::new(noise.samples(&self.noise, cells.counts()));
                let packed = Zeroizing::new(cells.pack(&drawn));
                shares
                    .iter_mut()
                    .zip(&*packed)
                    .for_each(|(share, noise)| *share = share.wrapping_add(*noise));
            }
            self.shares = Some(shares);
        }
        Ok(self.shares.as_ref())
    }

    fn last_words(&mut self) -> Result<Option<Message>, Abort> {
        let party = self.ground.party;
        if !self.again {
            let nonce = self.ground.opening_nonce();
            let Some(shares) = self.add_up()? else { return Ok(None) };
            let commitment = commit(party, &nonce, &bytes(shares));
            if !self.finished {
                self.finished = true;
                let transcript = self.ground.hash("finished", &commitment);
                return Ok(Some(Message::Finished { party, transcript, commitment }));
            }
            // LEARNV-63: what was not kept is not opened.
            let Some(theirs) = self.commitment else { return Ok(None) };
            if self.kept.is_none() {
                let shares = self.shares.clone().ok_or(Abort::OwnState)?;
                let terms = self.ground.params.terms();
                let kept = Tallied { party, terms, opened: false, nonce, commitment: theirs, shares };
                (self.keep)(&kept).map_err(|_| Abort::NotKept)?;
                self.kept = Some(kept);
            }
        }
        if !self.checked {
            self.checked = true;
            let transcript = self.ground.hash("checked", &[]);
            return Ok(Some(Message::Checked { party, round: 1, transcript }));
        }
        if !self.settled || self.opened || !self.figures.learns.is(party.peer()) {
            return Ok(None);
        }
        let kept = self.kept.as_mut().ok_or(Abort::OwnState)?;
        if !kept.opened {
            kept.opened = true;
            (self.keep)(kept).map_err(|_| Abort::NotKept)?;
        }
        self.opened = true;
        let (nonce, halves) = (kept.nonce, bytes(&kept.shares));
        Ok(Some(Message::Open { party, nonce, halves: Bulk(halves) }))
    }

    fn rest(&mut self) -> Result<Vec<Message>, Abort> {
        std::iter::from_fn(|| self.last_words().transpose()).collect()
    }

    fn take(&mut self, message: Message) -> Result<Option<Evaluated>, Abort> {
        let out_of_turn =
            Abort::OutOfTurn { expected: self.expects(), got: crate::wire::Wire::kind(&message) };
        self.ground.hear(&message)?;
        match message {
            Message::Announce { terms, round, nonce, .. } => {
                if round > 1 {
                    return Err(PeerMisbehaved::RoundDiffers.into());
                }
                self.again = self.ground.announced(&terms, round, nonce)? == 1;
                if !self.again {
                    // LEARNV-63: what was opened is not counted again; what was only counted may be.
                    if self.kept.take().is_some_and(|kept| kept.opened) {
                        return Err(PeerMisbehaved::RoundDiffers.into());
                    }
                }
            }
            Message::Setup { step, bytes, .. } if !self.again => self.ground.set_up(step, &bytes.0)?,
            Message::Part { stage, number, bytes, .. } if self.ground.keys().is_some() => {
                match stage {
                    Stage::Weights | Stage::Scores => {
                        self.forward.take(&self.ground, &self.columns, stage, number, &bytes.0)?;
                    }
                    Stage::Link => self.tally.take(number, &bytes.0)?,
                    _ => return Err(out_of_turn),
                }
                self.go_on()?;
            }
            Message::Finished { transcript, commitment, .. } => {
                if self.commitment.is_some() || self.tally.counts().is_none() || self.again {
                    return Err(out_of_turn);
                }
                self.ground.compare(&transcript, "finished", &commitment)?;
                self.commitment = Some(commitment);
            }
            Message::Checked { round, transcript, .. } => {
                let counted = self.commitment.is_some() || (self.again && self.announced);
                if self.settled || round != 1 || !counted {
                    return Err(out_of_turn);
                }
                self.ground.compare(&transcript, "checked", &[])?;
                self.settled = true;
                if !self.figures.learns.is(self.ground.party) {
                    return Ok(Some(Evaluated { counts: None, conversation: self.ground.conversation() }));
                }
            }
            Message::Open { party, nonce, halves } if self.figures.learns.is(self.ground.party) => {
                // What this end has said is kept by now, for the peer has heard it.
                let Some(kept) = self.kept.as_ref().filter(|_| self.settled && self.checked) else {
                    return Err(out_of_turn);
                };
                if commit(party, &nonce, &halves.0) != kept.commitment {
                    return Err(PeerMisbehaved::OpeningDiffers.into());
                }
                let expected = 8 * kept.shares.len();
                if halves.0.len() != expected {
                    return Err(PeerMisbehaved::CountDiffers { expected, got: halves.0.len() }.into());
                }
                let words = halves.0.as_chunks::<8>().0.iter();
                let theirs: Vec<u64> = words.map(|word| u64::from_le_bytes(*word)).collect();
                let counts = self.figures.read(&self.ground.params, &kept.shares, &theirs)?;
                let conversation = self.ground.conversation();
                return Ok(Some(Evaluated { counts: Some(counts), conversation }));
            }
            _ => return Err(out_of_turn),
        }
        Ok(None)
    }

    fn expects(&self) -> &'static str {
        match (self.settled, self.commitment.is_some() || self.again) {
            (true, _) => "Open",
            (false, true) => "Checked",
            (false, false) if self.ground.keys().is_none() => self.ground.expects(),
            (false, false) if self.forward.ready() < self.columns.blocks() => {
                self.forward.expects(&self.columns)
            }
            (false, false) if self.tally.counts().is_none() => Stage::Link.name(),
            (false, false) => "Finished",
        }
    }
}

fn bytes(shares: &[u64]) -> Vec<u8> {
    shares.iter().flat_map(|share| share.to_le_bytes()).collect()
}
