//! The messages of a run, and the record both ends keep of them.
//!
//! The record is there against whoever changes a message without being noticed by any other check: another
//! valid point, another tag, two chunks exchanged. Both ends hash each direction as they said and heard it,
//! and no answer leaves before the peer's hash was seen and is the same (PSI-12; A14, A16).

use serde::{Deserialize, Serialize};

use super::params::{CHUNK_OVERHEAD, NAME, Params};
use crate::{
    session::{self, PeerMisbehaved, Recorded},
    transcript::Transcript,
    wire::{
        Limits, Wire, WireError, codec,
        codec::{Bulk, Points},
    },
};

/// Which of the two parts an end plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Learns which of its own items match.
    Receiver,
    /// Learns the receiver's padded size.
    Sender,
}

impl Role {
    /// The other part.
    pub const fn peer(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }

    /// The part's name, as it enters hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
        }
    }
}

/// Everything that is said in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Both, first: how many items will follow, dummies included.
    Announce { role: Role, count: u64 },
    /// Receiver: its items, hashed to the group and blinded.
    Blinded { index: u32, points: Points },
    /// Sender: the same points, in the same places, times its key.
    Evaluated { index: u32, points: Points },
    /// Sender: the tags of its own items.
    Tags { index: u32, tags: Bulk },
    /// Both, last: the hash of the whole conversation.
    Finished { role: Role, transcript: [u8; 32] },
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "Announce",
            Self::Blinded { .. } => "Blinded",
            Self::Evaluated { .. } => "Evaluated",
            Self::Tags { .. } => "Tags",
            Self::Finished { .. } => "Finished",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let items = match self {
            Self::Blinded { points, .. } | Self::Evaluated { points, .. } => points.0.as_flattened().len(),
            Self::Tags { tags, .. } => tags.0.len(),
            Self::Announce { .. } | Self::Finished { .. } => 24,
        };
        codec::encode(self, CHUNK_OVERHEAD + items)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// Both directions of the conversation as one end remembers them (PSI-12).
pub(super) type Record = session::Record<Message>;

impl Record {
    pub(super) fn new(params: &Params, role: Role) -> Self {
        Self::of(role as usize, |transcript| params.absorb_into(transcript))
    }

    /// This end's last message.
    pub(super) fn finished(&self, role: Role) -> Message {
        Message::Finished { role, transcript: self.ours(|_| {}) }
    }

    /// Compares the peer's memory with ours.
    pub(super) fn compare(&self, theirs: &[u8; 32]) -> Result<(), PeerMisbehaved> {
        self.same(theirs, |_| {})
    }
}

impl Recorded for Message {
    const PROTOCOL: &'static str = NAME;
    const PARTS: [&'static str; 2] = [Role::Receiver.name(), Role::Sender.name()];

    fn absorb_into(&self, transcript: &mut Transcript) {
        let mut chunk = |index: &u32, items: &[u8]| {
            transcript.absorb(self.kind(), &index.to_le_bytes());
            transcript.absorb("items", items);
        };
        match self {
            Self::Blinded { index, points } | Self::Evaluated { index, points } => {
                chunk(index, points.0.as_flattened());
            }
            Self::Tags { index, tags } => chunk(index, &tags.0),
            Self::Announce { count, .. } => transcript.absorb(self.kind(), &count.to_le_bytes()),
            // Not part of what it is the hash of.
            Self::Finished { .. } => {}
        }
    }
}
