//! The messages of a run, and the record both ends keep of them.

use serde::{Deserialize, Serialize};

use super::params::{CHUNK_OVERHEAD, NAME, Params};
use crate::{
    session::{self, Recorded},
    transcript::Transcript,
    wire::{Limits, Wire, WireError, codec, codec::Points},
};

/// Which end this is. Both do the same; the names keep them apart in hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The end that opened the session.
    Asker,
    /// The end that it opened it with.
    Answerer,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Asker => Self::Answerer,
            Self::Answerer => Self::Asker,
        }
    }

    /// The end's name, as it enters hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asker => "asker",
            Self::Answerer => "answerer",
        }
    }
}

/// Everything that is said in a run; each by either end, which says in it which it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// First: how many items will follow, dummies included.
    Announce { role: Role, count: u64 },
    /// The speaker's items, hashed to the group, under its key, in random order.
    Blinded { role: Role, index: u32, points: Points },
    /// The hearer's, in the order in which they came, under the key of the places.
    Keyed { role: Role, index: u32, points: Points },
    /// The hearer's under the key for comparing, in an order that is the speaker's secret.
    Shuffled { role: Role, index: u32, points: Points },
    /// Those of the hearer that the speaker has not, under a key for this alone, in random order.
    Asked { role: Role, index: u32, points: Points },
    /// The same, in the same order, with the speaker's key of the places in place of that for comparing.
    Answered { role: Role, index: u32, points: Points },
    /// Last: the hash of the whole conversation and of the union.
    Finished { role: Role, transcript: [u8; 32] },
}

impl Message {
    pub(super) const fn role(&self) -> Role {
        match self {
            Self::Announce { role, .. }
            | Self::Blinded { role, .. }
            | Self::Keyed { role, .. }
            | Self::Shuffled { role, .. }
            | Self::Asked { role, .. }
            | Self::Answered { role, .. }
            | Self::Finished { role, .. } => *role,
        }
    }

    /// The points, if it has any, and the number of their chunk.
    pub(super) const fn chunk(&self) -> Option<(u32, &Points)> {
        match self {
            Self::Blinded { index, points, .. }
            | Self::Keyed { index, points, .. }
            | Self::Shuffled { index, points, .. }
            | Self::Asked { index, points, .. }
            | Self::Answered { index, points, .. } => Some((*index, points)),
            Self::Announce { .. } | Self::Finished { .. } => None,
        }
    }
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "Announce",
            Self::Blinded { .. } => "Blinded",
            Self::Keyed { .. } => "Keyed",
            Self::Shuffled { .. } => "Shuffled",
            Self::Asked { .. } => "Asked",
            Self::Answered { .. } => "Answered",
            Self::Finished { .. } => "Finished",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let points = self.chunk().map_or(24, |(_, points)| points.0.as_flattened().len());
        codec::encode(self, CHUNK_OVERHEAD + points)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// Both directions of the conversation as one end remembers them (UNION-12).
pub(super) type Record = session::Record<Message>;

impl Record {
    pub(super) fn united(params: &Params, role: Role) -> Self {
        Self::of(role as usize, |transcript| params.absorb_into(transcript))
    }
}

impl Recorded for Message {
    const PROTOCOL: &'static str = NAME;
    const PARTS: [&'static str; 2] = [Role::Asker.name(), Role::Answerer.name()];

    fn absorb_into(&self, transcript: &mut Transcript) {
        match self {
            Self::Announce { count, .. } => transcript.absorb(self.kind(), &count.to_le_bytes()),
            // Not part of what it is the hash of.
            Self::Finished { .. } => {}
            _ => {
                if let Some((index, points)) = self.chunk() {
                    transcript.absorb(self.kind(), &index.to_le_bytes());
                    transcript.absorb("points", points.0.as_flattened());
                }
            }
        }
    }
}
