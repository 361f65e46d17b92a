//! One end of a job.
//!
//! ```text
//!   Announce ──► Setup ──► Weights ─► Scores ─► Link ─► Residuals ─► Gradients ─► Checked ──► … ──► Finished ─► Open ─► Told
//!                          └────────────────────── a round, both ends alike ────────────┘
//! ```
//!
//! Over a union there is a part `Presence` between Link and Residuals (LEARNV-50).
//!
//! All is said from `produce`; an end says what it can as soon as what it is computed from was heard. After every round
//! both compare what was said, and only then is the state kept (LEARNV-32): so a round whose messages were altered
//! leaves nothing behind, and nothing is opened that was not compared.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    backward::Backward,
    forward::Forward,
    ground::Ground,
    input::{Basis, Block, Input, whiten},
    link::{Aim, Link},
    message::{Message, Stage},
    params::{NAME, Opens, Params, Party},
    presence::{self, Bits, Presence},
    product::Columns,
    share::{MASK, centred},
    state::{Keep, Shown, State},
};
use crate::{
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    transcript::Transcript,
    wire::codec::Bulk,
};

/// One end of a job; `docs/protocols/learn-vertical.md`.
pub struct Trainer(Box<Training>);

/// What an end has when a job is done.
#[derive(Clone)]
pub struct Trained {
    /// Its halves of all weights, for scoring together.
    pub state: State,
    /// How its columns were whitened, for scoring.
    pub basis: Basis,
    /// The weights of its own columns, if they were opened.
    pub own: Option<Block>,
    /// Those of the other's columns, if this end learns them.
    pub theirs: Option<Block>,
    /// The hash of the conversation, the same at both ends.
    pub conversation: [u8; 32],
}

impl fmt::Debug for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trained").field("state", &self.state).finish_non_exhaustive()
    }
}

struct Training {
    ground: Ground,
    columns: Columns,
    basis: Basis,
    /// At the label end, the targets in a residual's units.
    target: Option<Zeroizing<Vec<u64>>>,
    /// Over a union, where this end has a customer.
    bits: Option<Bits>,
    keep: Keep,
    /// What was kept, before the first round is settled.
    states: Vec<State>,
    state: Option<State>,
    round: Option<Round>,
    ending: Ending,
}

/// One round at one end.
struct Round {
    forward: Forward,
    link: Link,
    /// Over a union alone.
    presence: Option<Presence>,
    backward: Backward,
    said: bool,
    heard: bool,
}

#[derive(Default)]
struct Ending {
    finished: bool,
    commitment: Option<[u8; 32]>,
    opened: bool,
    own: Option<Block>,
    told: bool,
}

impl Trainer {
    /// Begins or goes on. `states` is empty, or what [`Keep`] was last called with, and before that; `secret` belongs to
    /// job, end and data snapshot and is the same after a cut; `seed` is fresh for every session. Of one job one
    /// session at a time: what one of them has shown another would not know (LEARNV-35).
    ///
    /// # Errors
    /// [`Abort::OwnColumns`]: an input that is not of the agreed shape or not within [0, 1]. [`Abort::OwnState`]: a state
    /// of another job or end.
    pub fn start(
        params: Params,
        party: Party,
        input: &Input,
        states: Vec<State>,
        secret: &Secret<[u8; 32]>,
        seed: Secret<[u8; 32]>,
        keep: Keep,
    ) -> Result<Self, Abort> {
        Self::begin((params, party), (input, None), states, secret, seed, keep)
    }

    /// As [`start`](Self::start), over the places of a union ([`Params::over_a_union`]): `present` says at which of them
    /// this end has a customer. What `input` has at the others does not matter; it has to be within bounds.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Abort::OwnColumns`] also when there are not as many as places.
    pub fn start_hidden(
        params: Params,
        party: Party,
        (input, present): (&Input, &[bool]),
        states: Vec<State>,
        secret: &Secret<[u8; 32]>,
        seed: Secret<[u8; 32]>,
        keep: Keep,
    ) -> Result<Self, Abort> {
        Self::begin((params, party), (input, Some(present)), states, secret, seed, keep)
    }

    fn begin(
        (params, party): (Params, Party),
        (input, present): (&Input, Option<&[bool]>),
        states: Vec<State>,
        secret: &Secret<[u8; 32]>,
        seed: Secret<[u8; 32]>,
        keep: Keep,
    ) -> Result<Self, Abort> {
        if !states.iter().all(|state| state.fits(&params, party)) {
            return Err(Abort::OwnState);
        }
        let whitened = whiten(&params, party, (input, present), secret)?;
        let columns = Columns::new(params.rows() as usize, whitened.columns)?;
        let one = params.residual_one() as f64;
        let target = whitened
            .target
            .map(|target| Zeroizing::new(target.iter().map(|y| (y * one).round() as u64).collect()));
        let states = State::to_go_on_from(states, &params, party);
        let newest = states.iter().map(State::round).max().unwrap_or(0);
        let mut secret = columns.bind(secret, target.as_deref().map(Vec::as_slice));
        if let Some(bits) = &whitened.bits {
            secret = presence::bind(&secret, bits);
        }
        let ground = Ground::new(params, party, b"training", newest, &secret, seed);
        Ok(Self(Box::new(Training {
            ground,
            columns,
            basis: whitened.basis,
            target,
            bits: whitened.bits,
            keep,
            states,
            state: None,
            round: None,
            ending: Ending::default(),
        })))
    }
}

impl Session for Trainer {
    type Message = Message;
    type Output = Trained;

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
        let rounds = u64::from(self.0.ground.params.agreed().rounds);
        let rows = u64::from(self.0.ground.params.rows());
        let done = self.0.state.as_ref().map_or(0, |state| u64::from(state.round));
        let within = self.0.round.as_ref().map_or(0, |round| round.backward.rows() as u64);
        Progress { done: (done * rows + within).min(rounds * rows), total: rounds * rows }
    }
}

impl Round {
    fn new(params: &Params, number: u16) -> Self {
        Self {
            forward: Forward::new(number),
            link: Link::new(params, number, Aim::Prediction),
            presence: params.over().map(|_| Presence::new(number)),
            backward: Backward::new(number),
            said: false,
            heard: false,
        }
    }
}

impl Training {
    fn total(&self) -> u16 {
        self.ground.params.agreed().rounds
    }

    fn opens(&self) -> Opens {
        self.ground.params.agreed().opens
    }

    /// The next message, if it can be made.
    fn make(&mut self) -> Result<Option<Message>, Abort> {
        if let Some(message) = self.ground.open() {
            self.begin_round();
            return Ok(Some(message));
        }
        if self.round.is_some() {
            return self.make_part();
        }
        self.last_words()
    }

    /// Begins the next round when keys are there and it has not begun.
    fn begin_round(&mut self) {
        let Some(state) = &self.state else { return };
        if self.round.is_none() && self.ground.keys().is_some() && state.round < self.total() {
            self.round = Some(Round::new(&self.ground.params, state.round));
        }
    }

    fn make_part(&mut self) -> Result<Option<Message>, Abort> {
        let (Some(round), Some(state)) = (&mut self.round, &self.state) else { return Ok(None) };
        let (ground, columns) = (&mut self.ground, &self.columns);
        let mut part = round.forward.make(ground, columns, state);
        go_on(round, ground, columns, (self.target.as_deref().map(Vec::as_slice), self.bits.as_deref()));
        if round.forward.is_said(columns) {
            part = part.or_else(|| round.link.make());
            if let (None, Some(presence), Some(bits)) = (&part, &mut round.presence, &self.bits) {
                part = presence.make(ground, bits)?;
                go_on(round, ground, columns, (self.target.as_deref().map(Vec::as_slice), Some(bits)));
            }
            // What leaves the last slab may be the last word of it, so it goes before the residuals.
            part = part.or_else(|| round.backward.make(ground, columns));
        }
        if let Some((stage, number, bytes)) = part {
            return Ok(Some(ground.part(stage, number, bytes)));
        }
        let counted = round.presence.as_ref().is_none_or(|presence| presence.is_done(ground));
        if round.said || !counted || !round.backward.is_done(ground, columns) {
            return Ok(None);
        }
        round.said = true;
        let number = state.round;
        let transcript = ground.hash("checked", &number.to_le_bytes());
        let message = Message::Checked { party: ground.party, round: number, transcript };
        self.end_round()?;
        Ok(Some(message))
    }

    /// When both have said the round's last word: the weights take the step, and are kept.
    fn end_round(&mut self) -> Result<(), Abort> {
        let (Some(round), Some(state)) = (&self.round, &mut self.state) else { return Ok(()) };
        if !(round.said && round.heard) {
            return Ok(());
        }
        let params = &self.ground.params;
        let step = params.step(state.round);
        let (own, theirs) = round.backward.gradient();
        let count = own.len() + theirs.len();
        let widths = params.agreed().noise.as_ref().map(|noise| &noise.gradients);
        let noise = widths.and_then(|widths| widths.get(usize::from(state.round))).map(|width| {
            // LEARNV-40: of the job's secret and the round, so that a round that is run again has the same.
            let seed = self.ground.draws.seed("noise", state.round, 0, &[0; 32]);
            Zeroizing::new(width.samples(&seed, count))
        });
        let noise = noise.iter().flat_map(|noise| noise.iter()).copied().chain(std::iter::repeat(0));
        let weights = state.own.iter_mut().chain(state.theirs.iter_mut());
        for ((weight, entry), noise) in weights.zip(own.iter().chain(theirs)).zip(noise) {
            let entry = entry.wrapping_add(noise.cast_unsigned());
            *weight = weight.wrapping_add(step.wrapping_mul(entry)) & MASK;
        }
        state.round += 1;
        (self.keep)(state).map_err(|_| Abort::NotKept)?;
        self.round = None;
        self.begin_round();
        Ok(())
    }

    /// What is said after the last round, if it can be.
    fn last_words(&mut self) -> Result<Option<Message>, Abort> {
        let over = self.state.as_ref().is_some_and(|state| state.round == self.total());
        let Some(halves) = self.halves().filter(|_| over && self.ground.keys().is_some()) else {
            return Ok(None);
        };
        let party = self.ground.party;
        let nonce = self.ground.opening_nonce();
        if !self.ending.finished {
            self.ending.finished = true;
            let commitment = commit(party, &nonce, &halves);
            let transcript = self.ground.hash("finished", &commitment);
            return Ok(Some(Message::Finished { party, transcript, commitment }));
        }
        // LEARNV-33: nothing is opened before the peer's memory was compared.
        if self.ending.commitment.is_none() {
            return Ok(None);
        }
        if !self.ending.opened && self.opens() != Opens::Nobody {
            self.mark(Shown::Halves)?;
            self.ending.opened = true;
            return Ok(Some(Message::Open { party, nonce, halves: Bulk(halves) }));
        }
        if !self.ending.told && self.opens().shows_all_to(party.peer()) {
            let Some(own) = &self.ending.own else { return Ok(None) };
            self.ending.told = true;
            let numbers = own.weights.iter().chain([&own.offset]);
            let weights: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
            let check = self.ground.hash("told", &weights);
            return Ok(Some(Message::Told { party, check, weights: Bulk(weights) }));
        }
        Ok(None)
    }

    /// LEARNV-35: what is about to be shown is noted durably first, and what was shown is not shown otherwise.
    fn mark(&mut self, shown: Shown) -> Result<(), Abort> {
        let state = self.state.as_mut().ok_or(Abort::OwnState)?;
        if matches!((state.shown, shown), (Shown::Weights(before), Shown::Weights(now)) if before != now) {
            return Err(PeerMisbehaved::OpeningDiffers.into());
        }
        if state.shown < shown {
            state.shown = shown;
            (self.keep)(state).map_err(|_| Abort::NotKept)?;
        }
        Ok(())
    }

    /// What this end opens: its halves of the peer's weights.
    fn halves(&self) -> Option<Vec<u8>> {
        match self.opens() {
            Opens::Nobody => Some(Vec::new()),
            _ => Some(self.state.as_ref()?.theirs.iter().flat_map(|half| half.to_le_bytes()).collect()),
        }
    }

    /// All that is still to be said when everything was heard.
    fn rest(&mut self) -> Result<Vec<Message>, Abort> {
        std::iter::from_fn(|| self.last_words().transpose()).collect()
    }

    /// The peer's next message.
    fn take(&mut self, message: Message) -> Result<Option<Trained>, Abort> {
        let out_of_turn =
            Abort::OutOfTurn { expected: self.expects(), got: crate::wire::Wire::kind(&message) };
        self.ground.hear(&message)?;
        match message {
            Message::Announce { terms, round, nonce, .. } => {
                let round = self.ground.announced(&terms, round, nonce)?;
                // LEARNV-34: the two may be one round apart; from the lower one both can go on.
                let place = self.states.iter().position(|state| state.round == round);
                let state = place.map(|place| self.states.swap_remove(place));
                self.states.clear();
                self.state = Some(state.ok_or(PeerMisbehaved::RoundDiffers)?);
            }
            Message::Setup { step, bytes, .. } => {
                self.ground.set_up(step, &bytes.0)?;
                self.begin_round();
            }
            Message::Part { stage, number, bytes, .. } => self.take_part(stage, number, &bytes.0)?,
            Message::Checked { round: number, transcript, .. } => {
                let (Some(round), Some(state)) = (&mut self.round, &self.state) else {
                    return Err(out_of_turn);
                };
                if round.heard
                    || number != state.round
                    || !round.backward.is_done(&self.ground, &self.columns)
                {
                    return Err(out_of_turn);
                }
                self.ground.compare(&transcript, "checked", &number.to_le_bytes())?;
                round.heard = true;
                self.end_round()?;
            }
            Message::Finished { transcript, commitment, .. } => {
                let over =
                    self.round.is_none() && self.state.as_ref().is_some_and(|s| s.round == self.total());
                if !over || self.ground.keys().is_none() || self.ending.commitment.is_some() {
                    return Err(out_of_turn);
                }
                self.ground.compare(&transcript, "finished", &commitment)?;
                self.ending.commitment = Some(commitment);
                if self.opens() == Opens::Nobody {
                    return Ok(Some(self.trained(None)?));
                }
            }
            Message::Open { party, nonce, halves } => {
                let Some(commitment) = self.ending.commitment.filter(|_| self.ending.own.is_none()) else {
                    return Err(out_of_turn);
                };
                // LEARNV-33: what was committed to, and nothing else.
                if self.opens() == Opens::Nobody || commit(party, &nonce, &halves.0) != commitment {
                    return Err(PeerMisbehaved::OpeningDiffers.into());
                }
                self.ending.own = Some(self.join(&halves.0)?);
                if self.opens().shows_all_to(party) {
                    self.mark(Shown::Weights(*blake3::hash(&halves.0).as_bytes()))?;
                }
                if !self.opens().shows_all_to(self.ground.party) {
                    return Ok(Some(self.trained(None)?));
                }
            }
            Message::Told { check, weights, .. } => {
                if self.ending.own.is_none() {
                    return Err(out_of_turn);
                }
                self.ground.compare(&check, "told", &weights.0)?;
                let theirs = self.read_told(&weights.0)?;
                return Ok(Some(self.trained(Some(theirs))?));
            }
        }
        Ok(None)
    }

    fn take_part(&mut self, stage: Stage, number: u32, bytes: &[u8]) -> Result<(), Abort> {
        let expected = self.expects();
        let Some(round) = &mut self.round else {
            return Err(Abort::OutOfTurn { expected, got: stage.name() });
        };
        let (ground, columns) = (&self.ground, &self.columns);
        match stage {
            Stage::Weights | Stage::Scores => round.forward.take(ground, columns, stage, number, bytes)?,
            Stage::Link => round.link.take(number, bytes)?,
            Stage::Presence => match &mut round.presence {
                Some(presence) => presence.take(ground, number, bytes)?,
                None => return Err(Abort::OutOfTurn { expected, got: stage.name() }),
            },
            Stage::Residuals | Stage::Gradients => {
                round.backward.take(ground, columns, stage, number, bytes)?;
            }
        }
        go_on(round, ground, columns, (self.target.as_deref().map(Vec::as_slice), self.bits.as_deref()));
        Ok(())
    }

    /// The weights of this end's columns, from the peer's halves.
    fn join(&self, halves: &[u8]) -> Result<Block, Abort> {
        let state = self.state.as_ref().ok_or(Abort::OwnState)?;
        let expected = 8 * state.own.len();
        if halves.len() != expected {
            return Err(PeerMisbehaved::CountDiffers { expected, got: halves.len() }.into());
        }
        let scale = (1u64 << self.ground.params.weight_bits()) as f64;
        let mut weights = Vec::with_capacity(state.own.len());
        for (own, theirs) in state.own.iter().zip(halves.as_chunks::<8>().0) {
            let theirs = u64::from_le_bytes(*theirs);
            if theirs > MASK {
                return Err(PeerMisbehaved::CoefficientAboveModulus.into());
            }
            weights.push(centred(own.wrapping_add(theirs) & MASK) as f64 / scale);
        }
        Ok(self.basis.unwhiten(&weights))
    }

    fn read_told(&self, bytes: &[u8]) -> Result<Block, Abort> {
        let peer = self.ground.party.peer();
        let count = self.ground.params.columns(peer) as usize - usize::from(peer == Party::Label);
        let expected = 8 * (count + 1);
        if bytes.len() != expected {
            return Err(PeerMisbehaved::CountDiffers { expected, got: bytes.len() }.into());
        }
        let mut weights: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        // B09: no number that is none becomes a weight.
        if let Some(position) = weights.iter().position(|weight| !weight.is_finite()) {
            return Err(PeerMisbehaved::FigureOutOfBounds { position }.into());
        }
        let offset = weights.pop().unwrap_or(0.0);
        Ok(Block { weights, offset })
    }

    fn trained(&mut self, theirs: Option<Block>) -> Result<Trained, Abort> {
        let mut state = self.state.clone().ok_or(Abort::OwnState)?;
        if self.opens() != Opens::Nobody {
            // What is still to be said will have been.
            state.shown = state.shown.max(Shown::Halves);
        }
        Ok(Trained {
            state,
            basis: self.basis.clone(),
            own: self.ending.own.clone(),
            theirs,
            conversation: self.ground.conversation(),
        })
    }

    fn expects(&self) -> &'static str {
        if self.ground.keys().is_none() {
            return self.ground.expects();
        }
        match &self.round {
            Some(round) if round.forward.ready() < self.columns.blocks() => {
                round.forward.expects(&self.columns)
            }
            Some(round) if !round.link.is_done() => Stage::Link.name(),
            Some(Round { presence: Some(presence), .. }) if !presence.is_done(&self.ground) => {
                Stage::Presence.name()
            }
            Some(round) if !round.backward.is_done(&self.ground, &self.columns) => {
                round.backward.expects(&self.columns)
            }
            Some(_) => "Checked",
            None if self.ending.commitment.is_none() => "Finished",
            None if self.ending.own.is_none() => "Open",
            None => "Told",
        }
    }
}

/// What needs no more words: scores that are there go into the look-ups, what comes out becomes residuals, which over a
/// union go through the bits first.
fn go_on(
    round: &mut Round,
    ground: &Ground,
    columns: &Columns,
    (target, bits): (Option<&[u64]>, Option<&Vec<u8>>),
) {
    while round.link.blocks() < round.forward.ready() {
        let scores = round.forward.scores(round.link.blocks());
        round.link.begin(ground, &scores);
    }
    let residuals = |link: &Link, block: usize| {
        let (first, count) = (block * super::bfv::N, columns.rows_of(block));
        let mut found = link.found(first, count)?;
        for (row, half) in found.iter_mut().enumerate() {
            let y = target.map_or(0, |target| target[first + row]);
            *half = y.wrapping_sub(*half) & MASK;
        }
        Some(found)
    };
    if let (Some(presence), Some(bits)) = (&mut round.presence, bits) {
        while presence.blocks() < columns.blocks() {
            let block = presence.blocks();
            let Some(found) = residuals(&round.link, block) else { break };
            presence.add(ground, &bits[block * super::bfv::N..], &found);
        }
    }
    while round.backward.rows() < ground.params.rows() as usize {
        let block = round.backward.rows() / super::bfv::N;
        let found = match &round.presence {
            Some(presence) => presence.found(ground, block),
            None => residuals(&round.link, block),
        };
        let Some(found) = found else { return };
        round.backward.add(&found);
    }
}

/// What binds an end to what it will open.
pub(super) fn commit(party: Party, nonce: &[u8; 32], content: &[u8]) -> [u8; 32] {
    let mut transcript = Transcript::new(NAME);
    transcript.absorb("commits", party.name().as_bytes());
    transcript.absorb("nonce", nonce);
    transcript.absorb("content", content);
    transcript.hash()
}
