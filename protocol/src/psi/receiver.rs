//! The end that learns which of its own items the peer also has.
//!
//! ```text
//!   Await::Announce ──Announce──► Await::Answers ──all Evaluated, all Tags──► Await::Finished ──Finished──► done
//!                                 sends Blinded                             (sends Finished)
//! ```
//!
//! The attacks this end withstands: an answer to another question than was asked (places and counts are
//! fixed), an answer counted twice (repeats, PSI-10), a result altered on the way (PSI-12). It compares
//! only after the last word, so nothing the sender sees or times depends on the result (PSI-14).

use curve25519_dalek::Scalar;

use super::{
    message::{Message, Role},
    params::Params,
    party::{Chunks, Party, out_of_turn},
    points::{self, FINGERPRINT},
    tags::{Packed, Sorted, Tagger},
};
use crate::{
    ristretto::Domain,
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::codec::{Bulk, Points},
};

/// The receiver of a run. Its memory for n own items and m of the peer: 36 bytes an own item and 11 for its
/// tag, 12 while answers come in, 11 for each of the peer's tags, and a few chunks.
pub struct Receiver(Await);

enum Await {
    Announce(Box<Party>),
    Answers(Box<Asking>),
    Finished(Box<Closing>),
}

/// What the receiver has learned.
#[derive(Clone, PartialEq, Eq)]
pub struct Overlap {
    /// For each item as it was given to [`Receiver::start`]: does the peer have it.
    pub matched: Vec<bool>,
    /// Items of this end, its dummies included, as the peer saw them.
    pub own_count: u32,
    /// Items of the peer, its dummies included.
    pub peer_count: u32,
    /// The hash of what was said, the same at both ends.
    pub transcript: [u8; 32],
}

impl std::fmt::Debug for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overlap(.. of {} items)", self.matched.len())
    }
}

struct Asking {
    party: Box<Party>,
    peer_count: u32,
    domain: Domain,
    inverse: Secret<Scalar>,
    tagger: Tagger,
    blinded: Chunks,
    evaluated: Chunks,
    /// By place: H₂(x, Q^(1/r)).
    own_tags: Packed,
    answers_seen: Packed,
    tags: Chunks,
    peer_tags: Packed,
}

struct Closing {
    party: Box<Party>,
    peer_count: u32,
    own_tags: Packed,
    peer_tags: Sorted,
}

impl Receiver {
    /// Begins a run with the items to look for: any order, repeats allowed, 32 bytes each that should be
    /// uniform (a hash). `dummies` are added; `seed` must be 32 bytes fresh from a secure generator.
    ///
    /// # Errors
    /// [`Abort::OwnSetAboveCap`].
    pub fn start(
        params: Params,
        items: Vec<[u8; 32]>,
        dummies: u32,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        Party::new(params, Role::Receiver, items, dummies, &seed)
            .map(|party| Self(Await::Announce(Box::new(party))))
    }
}

impl Session for Receiver {
    type Message = Message;
    type Output = Overlap;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        match self.0 {
            Await::Announce(party) => {
                let (asking, send) = Asking::begin(party, &message)?;
                asking.wait(send)
            }
            Await::Answers(mut asking) => {
                match &message {
                    Message::Evaluated { index, points } => asking.on_evaluated(*index, points)?,
                    Message::Tags { index, tags } => asking.on_tags(*index, tags)?,
                    other => return Err(out_of_turn(asking.expects(), other)),
                }
                asking.party.record.hear(&message);
                asking.wait(Vec::new())
            }
            Await::Finished(closing) => closing.on_finished(&message),
        }
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(match self.0 {
            Await::Announce(mut party) => match party.announce() {
                Some(message) => Produced::Message { state: Self(Await::Announce(party)), message },
                None => Produced::Idle(Self(Await::Announce(party))),
            },
            Await::Answers(mut asking) => match asking.next() {
                Some(message) => Produced::Message { state: Self(Await::Answers(asking)), message },
                None => Produced::Idle(Self(Await::Answers(asking))),
            },
            closing @ Await::Finished(_) => Produced::Idle(Self(closing)),
        })
    }

    fn expects(&self) -> &'static str {
        match &self.0 {
            Await::Announce(_) => "Announce",
            Await::Answers(asking) => asking.expects(),
            Await::Finished(_) => "Finished",
        }
    }

    fn progress(&self) -> Progress {
        let (own, peer, done) = match &self.0 {
            Await::Announce(party) => (party.own.count(), 0, 0),
            Await::Answers(asking) => {
                let done = [&asking.blinded, &asking.evaluated, &asking.tags].map(|list| list.items().into());
                (asking.party.own.count(), asking.peer_count, done.iter().sum())
            }
            Await::Finished(closing) => {
                let (own, peer) = (closing.party.own.count(), closing.peer_count);
                (own, peer, 2 * u64::from(own) + u64::from(peer))
            }
        };
        Progress { done, total: 2 * u64::from(own) + u64::from(peer) }
    }
}

impl Asking {
    fn begin(mut party: Box<Party>, announce: &Message) -> Result<(Box<Self>, Vec<Message>), Abort> {
        let peer_count = party.hear_announce(announce)?;
        // Ours goes first even when there was no room for it before.
        let send = party.announce().into_iter().collect();
        let own_count = party.own.count();
        let params = &party.params;
        let tagger = params.tagger(own_count, peer_count);
        let asking = Box::new(Self {
            peer_count,
            domain: params.domain(),
            inverse: Secret::new(party.scalar.expose().invert()),
            blinded: Chunks::new(own_count, params.chunk_items()),
            evaluated: Chunks::new(own_count, params.chunk_items()),
            own_tags: Packed::new(tagger.width()),
            answers_seen: Packed::new(FINGERPRINT),
            tags: Chunks::new(peer_count, params.chunk_items()),
            peer_tags: Packed::new(tagger.width()),
            tagger,
            party,
        });
        Ok((asking, send))
    }

    fn expects(&self) -> &'static str {
        if self.evaluated.is_done() { "Tags" } else { "Evaluated" }
    }

    fn next(&mut self) -> Option<Message> {
        if self.blinded.is_done() {
            return None;
        }
        let (index, places) = self.blinded.take();
        let Party { engine, own, scalar, record, .. } = &mut *self.party;
        let points = points::blind(engine, &self.domain, own, places, scalar.expose());
        Some(record.say(Message::Blinded { index, points }))
    }

    fn on_evaluated(&mut self, index: u32, answers: &Points) -> Result<(), Abort> {
        let places = self.evaluated.accept(index, answers.0.as_flattened().len(), 32)?;
        // PSI-08: an answer to a question that was not yet asked cannot be one.
        if self.evaluated.items() > self.blinded.items() {
            return Err(PeerMisbehaved::AnswerUnasked(index).into());
        }
        let Party { engine, own, .. } = &*self.party;
        let out = self.own_tags.grow(places.len());
        points::unblinded_tags(engine, answers, own, places, self.inverse.expose(), &self.tagger, out)?;
        points::fingerprint(&mut self.answers_seen, answers);
        if self.evaluated.is_done() {
            // PSI-10: different questions have different answers.
            let seen = std::mem::replace(&mut self.answers_seen, Packed::new(FINGERPRINT));
            seen.sorted().ok_or(PeerMisbehaved::PointRepeated)?;
        }
        Ok(())
    }

    fn on_tags(&mut self, index: u32, tags: &Bulk) -> Result<(), Abort> {
        self.tags.accept(index, tags.0.len(), self.tagger.width())?;
        self.peer_tags.extend(&tags.0);
        Ok(())
    }

    /// On to the end when everything was heard.
    fn wait(self: Box<Self>, mut send: Vec<Message>) -> Result<Step<Receiver>, Abort> {
        let state = if self.evaluated.is_done() && self.tags.is_done() {
            let Self { party, peer_count, own_tags, peer_tags, .. } = *self;
            // PSI-10: a sender's set has no item twice, so neither have its tags.
            let peer_tags = peer_tags.sorted().ok_or(PeerMisbehaved::TagRepeated)?;
            // PSI-14: the last word leaves now, before any work that depends on the result.
            send.push(party.record.finished(Role::Receiver));
            Await::Finished(Box::new(Closing { party, peer_count, own_tags, peer_tags }))
        } else {
            Await::Answers(self)
        };
        Ok(Step::Wait { state: Receiver(state), send })
    }
}

impl Closing {
    fn on_finished(self, message: &Message) -> Result<Step<Receiver>, Abort> {
        self.party.hear_finished(message)?;
        let (own_count, transcript) = (self.party.own.count(), self.party.record.conversation());
        let matched = self.party.own.by_item(|place| self.peer_tags.contains(self.own_tags.get(place)));
        let output = Overlap { matched, own_count, peer_count: self.peer_count, transcript };
        Ok(Step::Done { output, send: Vec::new() })
    }
}
