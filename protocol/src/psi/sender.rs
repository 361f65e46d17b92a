//! The end that lets its set be compared with, and learns only how large the receiver's is.
//!
//! ```text
//!   Await::Announce ──Announce──► Await::Blinded ──all Blinded──► Await::Finished ──Finished──► done
//!                                 answers Evaluated,              sends the other Tags,
//!                                 sends Tags                      Finished
//! ```
//!
//! The attacks this end withstands: points made to find out its key (only canonical, non-identity elements
//! are multiplied, PSI-09), more questions than were announced (PSI-08), the same question twice (PSI-10).

use super::{
    message::{Message, Role},
    params::Params,
    party::{Chunks, Party, out_of_turn},
    points::{self, FINGERPRINT},
    tags::{Packed, Tagger},
};
use crate::{
    ristretto::Domain,
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::codec::{Bulk, Points},
};

/// The sender of a run. Its memory: 36 bytes an own item, 12 for each of the peer's, and a few chunks.
pub struct Sender(Await);

enum Await {
    Announce(Box<Party>),
    Blinded(Box<Answering>),
    Finished(Box<Answering>),
}

/// What the sender has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Items of this end, its dummies included, as the peer saw them.
    pub own_count: u32,
    /// Items of the peer, its dummies included.
    pub peer_count: u32,
    /// The hash of what was said, the same at both ends.
    pub transcript: [u8; 32],
}

struct Answering {
    party: Box<Party>,
    peer_count: u32,
    domain: Domain,
    tagger: Tagger,
    answered: Chunks,
    questions_seen: Packed,
    tags: Chunks,
    finished: bool,
}

impl Sender {
    /// Begins a run with the items to be compared with; the arguments are as for
    /// [`Receiver::start`](super::Receiver::start).
    ///
    /// # Errors
    /// [`Abort::OwnSetAboveCap`].
    pub fn start(
        params: Params,
        items: Vec<[u8; 32]>,
        dummies: u32,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        Party::new(params, Role::Sender, items, dummies, &seed)
            .map(|party| Self(Await::Announce(Box::new(party))))
    }
}

impl Session for Sender {
    type Message = Message;
    type Output = Seen;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        match self.0 {
            Await::Announce(party) => {
                let (answering, send) = Answering::begin(party, &message)?;
                Ok(answering.wait(send))
            }
            Await::Blinded(mut answering) => match &message {
                Message::Blinded { index, points } => {
                    let answer = answering.on_blinded(*index, points, &message)?;
                    Ok(answering.wait(vec![answer]))
                }
                other => Err(out_of_turn("Blinded", other)),
            },
            Await::Finished(answering) => answering.on_finished(&message),
        }
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(match self.0 {
            Await::Announce(mut party) => match party.announce() {
                Some(message) => Produced::Message { state: Self(Await::Announce(party)), message },
                None => Produced::Idle(Self(Await::Announce(party))),
            },
            Await::Blinded(mut answering) => match answering.next_tags() {
                Some(message) => Produced::Message { state: Self(Await::Blinded(answering)), message },
                None => Produced::Idle(Self(Await::Blinded(answering))),
            },
            Await::Finished(mut answering) => match answering.next_tags().or_else(|| answering.finish()) {
                Some(message) => Produced::Message { state: Self(Await::Finished(answering)), message },
                None => Produced::Idle(Self(Await::Finished(answering))),
            },
        })
    }

    fn expects(&self) -> &'static str {
        match &self.0 {
            Await::Announce(_) => "Announce",
            Await::Blinded(_) => "Blinded",
            Await::Finished(_) => "Finished",
        }
    }

    fn progress(&self) -> Progress {
        match &self.0 {
            Await::Announce(party) => Progress { done: 0, total: party.own.count().into() },
            Await::Blinded(answering) | Await::Finished(answering) => Progress {
                done: u64::from(answering.answered.items()) + u64::from(answering.tags.items()),
                total: u64::from(answering.peer_count) + u64::from(answering.party.own.count()),
            },
        }
    }
}

impl Answering {
    fn begin(mut party: Box<Party>, announce: &Message) -> Result<(Box<Self>, Vec<Message>), Abort> {
        let peer_count = party.hear_announce(announce)?;
        // Ours goes first even when there was no room for it before.
        let send = party.announce().into_iter().collect();
        let own_count = party.own.count();
        let params = &party.params;
        let answering = Box::new(Self {
            peer_count,
            domain: params.domain(),
            tagger: params.tagger(peer_count, own_count),
            answered: Chunks::new(peer_count, params.chunk_items()),
            questions_seen: Packed::new(FINGERPRINT),
            tags: Chunks::new(own_count, params.chunk_items()),
            finished: false,
            party,
        });
        Ok((answering, send))
    }

    fn on_blinded(&mut self, index: u32, questions: &Points, message: &Message) -> Result<Message, Abort> {
        self.answered.accept(index, questions.0.as_flattened().len(), 32)?;
        // PSI-09: what is no group element is refused before the key touches it.
        let Party { engine, scalar, .. } = &*self.party;
        let points = points::evaluate(engine, &questions.0, scalar.expose())?;
        points::fingerprint(&mut self.questions_seen, questions);
        if self.answered.is_done() {
            // PSI-10: before the last answer leaves, so that whoever asks twice does not learn all.
            let seen = std::mem::replace(&mut self.questions_seen, Packed::new(FINGERPRINT));
            seen.sorted().ok_or(PeerMisbehaved::PointRepeated)?;
        }
        let record = &mut self.party.record;
        record.hear(message);
        Ok(record.say(Message::Evaluated { index, points }))
    }

    fn next_tags(&mut self) -> Option<Message> {
        if self.tags.is_done() {
            return None;
        }
        let (index, places) = self.tags.take();
        let Party { engine, own, scalar, record, .. } = &mut *self.party;
        let tags = points::own_tags(engine, &self.domain, own, places, scalar.expose(), &self.tagger);
        Some(record.say(Message::Tags { index, tags: Bulk(tags) }))
    }

    fn finish(&mut self) -> Option<Message> {
        let first = !std::mem::replace(&mut self.finished, true);
        first.then(|| self.party.record.finished(Role::Sender))
    }

    /// On to the end when every question was answered.
    fn wait(self: Box<Self>, send: Vec<Message>) -> Step<Sender> {
        let done = self.answered.is_done();
        let state = if done { Await::Finished(self) } else { Await::Blinded(self) };
        Step::Wait { state: Sender(state), send }
    }

    fn on_finished(mut self, message: &Message) -> Result<Step<Sender>, Abort> {
        // A receiver finishes after it has heard every tag; before that its hash could not be ours.
        if !self.tags.is_done() {
            return Err(out_of_turn("nothing before the last Tags", message));
        }
        self.party.hear_finished(message)?;
        let send = self.finish().into_iter().collect();
        let (own_count, transcript) = (self.party.own.count(), self.party.record.conversation());
        Ok(Step::Done { output: Seen { own_count, peer_count: self.peer_count, transcript }, send })
    }
}
