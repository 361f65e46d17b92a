//! The first half of a run: both sets under both keys, so that each end sees which of the *peer's* points are in
//! common, and cannot say which of its own items these are.
//!
//! An end has its own points back twice: `Keyed`, in its own order, which become its places; and `Shuffled`, in an order
//! that only the peer knows, which it compares with the peer's. What is in common are then points of the peer, whose order
//! only the peer knows.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    draws::Use,
    message::Message,
    party::{Party, out_of_turn, sorted},
    place::Placing,
};
use crate::{
    psi::{self, Chunks},
    ristretto::Domain,
    session::{Abort, PeerMisbehaved},
    wire::codec::Points,
};

pub(super) struct Comparing {
    party: Box<Party>,
    peer_count: u32,
    domain: Domain,
    blinded: Chunks,
    keyed: Chunks,
    shuffled: Chunks,
    blinded_heard: Chunks,
    keyed_heard: Chunks,
    shuffled_heard: Chunks,
    /// The peer's points as they came.
    theirs: Vec<[u8; 32]>,
    /// The same under this end's key for comparing.
    theirs_twice: Vec<[u8; 32]>,
    /// In which order those go back.
    pub(super) back: Vec<u32>,
    /// This end's points under both keys for comparing, as the peer has shuffled them.
    ours_twice: Vec<[u8; 32]>,
    /// This end's places, by its own order.
    places: Vec<[u8; 32]>,
}

impl Comparing {
    pub(super) fn begin(mut party: Box<Party>, announce: &Message) -> Result<(Self, Vec<Message>), Abort> {
        let peer_count = party.hear_announce(announce)?;
        // Ours goes first even when there was no room for it before.
        let send = party.announce().into_iter().collect();
        let (own, size) = (party.own.count(), party.params.chunk_items());
        let [mine, theirs] = [own, peer_count].map(|count| move || Chunks::new(count, size));
        let comparing = Self {
            peer_count,
            domain: party.params.domain(),
            blinded: mine(),
            keyed: theirs(),
            shuffled: theirs(),
            blinded_heard: theirs(),
            keyed_heard: mine(),
            shuffled_heard: mine(),
            theirs: Vec::new(),
            theirs_twice: Vec::new(),
            back: Vec::new(),
            ours_twice: Vec::new(),
            places: Vec::new(),
            party,
        };
        Ok((comparing, send))
    }

    pub(super) const fn party(&self) -> &Party {
        &self.party
    }

    pub(super) fn expects(&self) -> &'static str {
        if !self.blinded_heard.is_done() {
            "Blinded"
        } else if !self.keyed_heard.is_done() {
            "Keyed"
        } else if !self.shuffled_heard.is_done() {
            "Shuffled"
        } else {
            "nothing before this end's Shuffled"
        }
    }

    /// What was handled so far, of three times both sizes.
    pub(super) fn done(&self) -> u64 {
        let said = [&self.blinded, &self.keyed, &self.shuffled];
        let heard = [&self.blinded_heard, &self.keyed_heard, &self.shuffled_heard];
        said.into_iter().chain(heard).map(|list| u64::from(list.items())).sum()
    }

    pub(super) const fn peer_count(&self) -> u32 {
        self.peer_count
    }

    pub(super) fn handle(&mut self, message: &Message) -> Result<(), Abort> {
        match message {
            Message::Blinded { index, points, .. } => self.on_blinded(*index, points)?,
            Message::Keyed { index, points, .. } => self.on_keyed(*index, points)?,
            Message::Shuffled { index, points, .. } => self.on_shuffled(*index, points)?,
            other => return Err(out_of_turn(self.expects(), other)),
        }
        self.party.record.hear(message);
        Ok(())
    }

    fn on_blinded(&mut self, index: u32, points: &Points) -> Result<(), Abort> {
        self.blinded_heard.accept(index, points.0.as_flattened().len(), 32)?;
        // UNION-09: what is no group element is refused before a key touches it.
        let Party { engine, keys, draws, .. } = &*self.party;
        self.theirs_twice.extend(psi::evaluate(engine, &points.0, keys.compare.expose())?.0);
        self.theirs.extend(&points.0);
        if self.blinded_heard.is_done() {
            // UNION-10: before anything of it goes back shuffled.
            sorted(self.theirs.clone())?;
            self.back = draws.order(Use::Back, self.peer_count);
        }
        Ok(())
    }

    fn on_keyed(&mut self, index: u32, points: &Points) -> Result<(), Abort> {
        self.keyed_heard.accept(index, points.0.as_flattened().len(), 32)?;
        // UNION-08: an answer to what was not yet said cannot be one.
        if self.keyed_heard.items() > self.blinded.items() {
            return Err(PeerMisbehaved::AnswerUnasked(index).into());
        }
        let Party { engine, keys, .. } = &*self.party;
        let to_place = keys.to_place(&keys.compare);
        self.places.extend(psi::evaluate(engine, &points.0, to_place.expose())?.0);
        Ok(())
    }

    fn on_shuffled(&mut self, index: u32, points: &Points) -> Result<(), Abort> {
        self.shuffled_heard.accept(index, points.0.as_flattened().len(), 32)?;
        if !self.blinded.is_done() {
            return Err(PeerMisbehaved::AnswerUnasked(index).into());
        }
        // UNION-09: never multiplied, but the peer's all the same.
        psi::check(&points.0)?;
        self.ours_twice.extend(&points.0);
        Ok(())
    }

    /// The next message, if there is one to be made of what was heard.
    pub(super) fn produce(&mut self) -> Result<Option<Message>, Abort> {
        let Party { role, engine, own, keys, record, .. } = &mut *self.party;
        let role = *role;
        let message = if !self.blinded.is_done() {
            let (index, places) = self.blinded.take();
            let points = psi::hashed(engine, &self.domain, &own.items()[places], keys.compare.expose());
            Message::Blinded { role, index, points }
        } else if !self.keyed.is_done() && ready(&self.keyed, &self.blinded_heard) {
            let (index, places) = self.keyed.take();
            let points = psi::evaluate(engine, &self.theirs[places], keys.place.expose())?;
            Message::Keyed { role, index, points }
        } else if self.blinded_heard.is_done() && !self.shuffled.is_done() {
            let (index, places) = self.shuffled.take();
            let points = pick(&self.theirs_twice, &self.back, places);
            Message::Shuffled { role, index, points }
        } else {
            return Ok(None);
        };
        Ok(Some(record.say(message)))
    }

    /// Whether all was said and heard.
    pub(super) fn is_done(&self) -> bool {
        let said = [&self.blinded, &self.keyed, &self.shuffled];
        let heard = [&self.blinded_heard, &self.keyed_heard, &self.shuffled_heard];
        said.into_iter().chain(heard).all(Chunks::is_done)
    }

    /// On to the second half, with what of the peer's is not in common.
    pub(super) fn compare(self) -> Result<Placing, Abort> {
        let Self { party, peer_count, theirs, theirs_twice, ours_twice, places, .. } = self;
        let ours_twice = sorted(ours_twice)?;
        let common = |twice: &[u8; 32]| ours_twice.binary_search(twice).is_ok();
        let others: Vec<[u8; 32]> = theirs
            .par_iter()
            .zip(&theirs_twice)
            .filter_map(|(point, twice)| (!common(twice)).then_some(*point))
            .collect();
        // Invariant: a part of what the peer has announced.
        let only_theirs = others.len() as u32;
        // Different points of the peer's are under the same key different points, each at most one of ours.
        Placing::begin(party, peer_count, peer_count - only_theirs, others, places)
    }
}

/// Whether all of the next chunk to be answered was heard.
fn ready(answers: &Chunks, questions: &Chunks) -> bool {
    answers.items() < questions.items()
}

/// Those points that stand at these places of an order.
pub(super) fn pick(points: &[[u8; 32]], order: &[u32], places: Range<usize>) -> Points {
    Points(order[places].iter().map(|place| points[*place as usize]).collect())
}
