//! What both ends have in common: their own set and key, the record, the counting of chunks.

use std::ops::Range;

use curve25519_dalek::Scalar;

use super::{
    message::{Message, Record, Role},
    order::{Draws, Own},
    params::Params,
};
use crate::{
    ristretto::Engine,
    secret::Secret,
    session::{Abort, PeerMisbehaved},
};

/// One end, whatever it is waiting for.
pub(super) struct Party {
    pub(super) params: Params,
    pub(super) engine: Engine,
    pub(super) own: Own,
    /// r of the receiver, s of the sender.
    pub(super) scalar: Secret<Scalar>,
    pub(super) record: Record,
    role: Role,
    announced: bool,
}

impl Party {
    pub(super) fn new(
        params: Params,
        role: Role,
        items: Vec<[u8; 32]>,
        dummies: u32,
        seed: &Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        let draws = Draws::new(seed, &params, role);
        let own = Own::new(items, dummies, params.max_own(), &draws)?;
        let (scalar, record) = (draws.scalar(), Record::new(&params, role));
        Ok(Self { params, engine: Engine::detect(), own, scalar, record, role, announced: false })
    }

    /// This end's announcement, once.
    pub(super) fn announce(&mut self) -> Option<Message> {
        if self.announced {
            return None;
        }
        self.announced = true;
        let announce = Message::Announce { role: self.role, count: self.own.count().into() };
        Some(self.record.say(announce))
    }

    /// Takes the peer's announcement; nothing is allocated for it.
    pub(super) fn hear_announce(&mut self, message: &Message) -> Result<u32, Abort> {
        let Message::Announce { role, count } = message else {
            return Err(out_of_turn("Announce", message));
        };
        self.by_peer(*role)?;
        // PSI-07: refused before any work or memory follows from it (A07).
        let cap = self.params.max_peer();
        match u32::try_from(*count) {
            Ok(fits) if fits <= cap => {
                self.record.hear(message);
                Ok(fits)
            }
            _ => Err(PeerMisbehaved::CountAboveCap { announced: *count, cap }.into()),
        }
    }

    /// Takes the peer's last message.
    pub(super) fn hear_finished(&self, message: &Message) -> Result<(), Abort> {
        let Message::Finished { role, transcript } = message else {
            return Err(out_of_turn("Finished", message));
        };
        self.by_peer(*role)?;
        Ok(self.record.compare(transcript)?)
    }

    /// PSI-13: a message that only this end may send did not come from the peer (A15).
    fn by_peer(&self, role: Role) -> Result<(), PeerMisbehaved> {
        if role == self.role.peer() { Ok(()) } else { Err(PeerMisbehaved::RoleReflected) }
    }
}

pub(super) fn out_of_turn(expected: &'static str, got: &Message) -> Abort {
    use crate::wire::Wire;
    Abort::OutOfTurn { expected, got: got.kind() }
}

/// A list of items cut into chunks, and how far it has been sent or heard.
pub(crate) struct Chunks {
    count: u32,
    size: u32,
    next: u32,
}

impl Chunks {
    /// `count` items, `size` to a chunk.
    pub(crate) const fn new(count: u32, size: u32) -> Self {
        Self { count, size, next: 0 }
    }

    /// Items in the chunks so far.
    pub(crate) fn items(&self) -> u32 {
        let items = u64::from(self.next) * u64::from(self.size);
        u32::try_from(items).map_or(self.count, |items| items.min(self.count))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.items() == self.count
    }

    /// The number of the chunk that is next, and the places in it.
    pub(crate) fn take(&mut self) -> (u32, Range<usize>) {
        let (index, start) = (self.next, self.items() as usize);
        self.next += 1;
        (index, start..self.items() as usize)
    }

    /// Takes the chunk that is due, whose items have `width` bytes each; the places in it.
    pub(crate) fn accept(
        &mut self,
        index: u32,
        bytes: usize,
        width: usize,
    ) -> Result<Range<usize>, PeerMisbehaved> {
        // PSI-08: every chunk in its place, and as long as the announcement says (A06, A16).
        if index != self.next {
            return Err(PeerMisbehaved::ChunkOutOfOrder { expected: self.next, got: index });
        }
        let (_, places) = self.take();
        let expected = places.len() * width;
        if bytes != expected {
            return Err(PeerMisbehaved::CountDiffers { expected, got: bytes });
        }
        Ok(places)
    }
}
