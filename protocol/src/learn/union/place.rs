//! The second half of a run: each end asks for the places of what only the peer has, and so has the whole union.
//!
//! It knows which of the peer's points these are, by their number in the peer's order, and not who. The peer is not to
//! learn by what is asked which of its own are not in common: so each question is under a key of its own, in random
//! order, and the peer sees only how many there are, which it knows already (UNION-08).

use rayon::prelude::*;

use super::{
    compare::pick,
    draws::Use,
    end::United,
    message::Message,
    params::NAME,
    party::{Party, out_of_turn, sorted},
};
use crate::{
    psi::{self, Chunks},
    session::{Abort, PeerMisbehaved},
    transcript::Transcript,
    wire::codec::Points,
};

pub(super) struct Placing {
    party: Box<Party>,
    peer_count: u32,
    about: i64,
    /// What is asked: points of the peer, and in which order.
    asks: Vec<[u8; 32]>,
    order: Vec<u32>,
    /// What the peer asks, as it came.
    questions: Vec<[u8; 32]>,
    asked: Chunks,
    answered: Chunks,
    asked_heard: Chunks,
    answered_heard: Chunks,
    /// The places of this end's items, in its order, and behind them those of the peer's.
    places: Vec<[u8; 32]>,
}

/// The union is there; the peer's word on it is not.
pub(super) struct Closing {
    party: Box<Party>,
    union: [u8; 32],
    finished: bool,
    united: United,
}

impl Placing {
    pub(super) fn begin(
        party: Box<Party>,
        peer_count: u32,
        common: u32,
        asks: Vec<[u8; 32]>,
        places: Vec<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let (own, params) = (party.own.count(), &party.params);
        // The peer has all of the pool from which this end draws, so what this end drew is in common.
        if common < party.shared {
            return Err(PeerMisbehaved::CountDiffers {
                expected: party.shared as usize,
                got: common as usize,
            }
            .into());
        }
        // UNION-15: off by what the peer's draw is off its mean, half of the pool.
        let about = i64::from(common) - i64::from(party.shared) - i64::from(params.pool() / 2);
        // UNION-16: before anything is answered.
        if params.least() > 0 && about < i64::from(params.least()) {
            return Err(Abort::TooFewInCommon);
        }
        let size = params.chunk_items();
        // Invariant: `common` counts different points of the peer's that each are one of ours.
        let (only_theirs, only_ours) = (peer_count - common, own.saturating_sub(common));
        Ok(Self {
            order: party.draws.order(Use::Asks, only_theirs),
            asked: Chunks::new(only_theirs, size),
            answered_heard: Chunks::new(only_theirs, size),
            asked_heard: Chunks::new(only_ours, size),
            answered: Chunks::new(only_ours, size),
            questions: Vec::new(),
            peer_count,
            about,
            asks,
            places,
            party,
        })
    }

    pub(super) const fn party(&self) -> &Party {
        &self.party
    }

    pub(super) fn expects(&self) -> &'static str {
        if !self.asked_heard.is_done() {
            "Asked"
        } else if !self.answered_heard.is_done() {
            "Answered"
        } else {
            "nothing before this end's Answered"
        }
    }

    pub(super) const fn peer_count(&self) -> u32 {
        self.peer_count
    }

    /// What was handled of it, of both sizes at most.
    pub(super) fn done(&self) -> u64 {
        u64::from(self.answered_heard.items()) + u64::from(self.answered.items())
    }

    pub(super) fn handle(&mut self, message: &Message) -> Result<(), Abort> {
        match message {
            Message::Asked { index, points, .. } => self.on_asked(*index, points)?,
            Message::Answered { index, points, .. } => self.on_answered(*index, points)?,
            other => return Err(out_of_turn(self.expects(), other)),
        }
        self.party.record.hear(message);
        Ok(())
    }

    fn on_asked(&mut self, index: u32, points: &Points) -> Result<(), Abort> {
        // UNION-08: exactly as many as this end has counted itself.
        self.asked_heard.accept(index, points.0.as_flattened().len(), 32)?;
        psi::check(&points.0)?;
        self.questions.extend(&points.0);
        if self.asked_heard.is_done() {
            // UNION-10: before the first answer leaves.
            sorted(self.questions.clone())?;
        }
        Ok(())
    }

    fn on_answered(&mut self, index: u32, points: &Points) -> Result<(), Abort> {
        self.answered_heard.accept(index, points.0.as_flattened().len(), 32)?;
        if self.answered_heard.items() > self.asked.items() {
            return Err(PeerMisbehaved::AnswerUnasked(index).into());
        }
        let Party { engine, keys, .. } = &*self.party;
        let to_place = keys.to_place(&keys.ask);
        self.places.extend(psi::evaluate(engine, &points.0, to_place.expose())?.0);
        Ok(())
    }

    pub(super) fn produce(&mut self) -> Result<Option<Message>, Abort> {
        let Party { role, engine, keys, record, .. } = &mut *self.party;
        let role = *role;
        let message = if !self.asked.is_done() {
            let (index, places) = self.asked.take();
            let points = pick(&self.asks, &self.order, places);
            Message::Asked { role, index, points: psi::evaluate(engine, &points.0, keys.ask.expose())? }
        } else if self.asked_heard.is_done() && !self.answered.is_done() {
            let (index, places) = self.answered.take();
            let to_place = keys.to_place(&keys.compare);
            let points = psi::evaluate(engine, &self.questions[places], to_place.expose())?;
            Message::Answered { role, index, points }
        } else {
            return Ok(None);
        };
        Ok(Some(record.say(message)))
    }

    /// Whether all was said and heard.
    pub(super) fn is_done(&self) -> bool {
        [&self.asked, &self.answered, &self.asked_heard, &self.answered_heard]
            .into_iter()
            .all(Chunks::is_done)
    }

    /// The union in its order.
    pub(super) fn unite(self) -> Result<Closing, Abort> {
        let Self { party, peer_count, about, places, .. } = self;
        // UNION-10: no place twice, also not one of the peer's that is one of ours.
        let union = sorted(places.clone())?;
        let customers: Vec<_> = places
            .par_iter()
            .zip(party.own.customers())
            .map(|(place, customer)| {
                // Invariant: `union` has what `places` has, so the place is found.
                (union.binary_search(place).unwrap_or_default(), *customer)
            })
            .collect();
        let mut at = vec![None; union.len()];
        customers.into_iter().for_each(|(place, customer)| at[place] = customer);
        let mut hash = Transcript::new(NAME);
        hash.absorb("union", union.as_flattened());
        let union = hash.hash();
        let mut all = Transcript::new(NAME);
        all.absorb("conversation", &party.record.conversation());
        all.absorb("united", &union);
        let own_count = party.own.count();
        let united = United { places: at, about, own_count, peer_count, transcript: all.hash() };
        Ok(Closing { party, union, finished: false, united })
    }
}

impl Closing {
    pub(super) const fn party(&self) -> &Party {
        &self.party
    }

    pub(super) const fn peer_count(&self) -> u32 {
        self.united.peer_count
    }

    /// This end's last message, once.
    pub(super) fn finish(&mut self) -> Option<Message> {
        let first = !std::mem::replace(&mut self.finished, true);
        let transcript = self.party.record.ours(|more| more.absorb("union", &self.union));
        first.then_some(Message::Finished { role: self.party.role, transcript })
    }

    /// Takes the peer's. What is still to be sent, and the result.
    pub(super) fn hear(mut self, message: &Message) -> Result<(Vec<Message>, United), Abort> {
        let Message::Finished { transcript, .. } = message else {
            return Err(out_of_turn("Finished", message));
        };
        // UNION-12: or rows of different people would stand side by side.
        self.party.record.same(transcript, |more| more.absorb("union", &self.union))?;
        let send = self.finish().into_iter().collect();
        Ok((send, self.united))
    }
}
