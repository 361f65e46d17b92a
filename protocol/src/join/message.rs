//! The messages of a run, and the record both ends keep of them.
//!
//! What the halves look like says nothing about whether they are the right ones: an altered bit in an oblivious
//! transfer gives other halves that are as uniform as the true ones. So both ends hash each direction as they said
//! and heard it, and nothing is opened before the peer's hash was seen and is the same (JOIN-44). What is opened
//! was committed to in that same message (JOIN-45).

use serde::{Deserialize, Serialize};

use super::{
    params::{NAME, Params},
    stage::Stage,
};
use crate::{
    session::{self, PeerMisbehaved, Recorded},
    transcript::Transcript,
    wire::{Limits, Wire, WireError, codec, codec::Bulk},
};

/// Which of the two parts an end plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Puts its rows into bins.
    Seeker,
    /// Answers for the bins.
    Holder,
}

impl Role {
    /// The other part.
    pub const fn peer(self) -> Self {
        match self {
            Self::Seeker => Self::Holder,
            Self::Holder => Self::Seeker,
        }
    }

    /// The part's name, as it enters hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seeker => "seeker",
            Self::Holder => "holder",
        }
    }
}

/// Everything that is said in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Both, first: how many rows with the padding, and a random value.
    Announce { role: Role, count: u64, nonce: [u8; 32] },
    /// Both, then: the base oblivious transfers, in two steps.
    Setup { role: Role, step: u32, bytes: Bulk },
    /// A slab's message of one stage.
    Slab { stage: Stage, slab: u32, bytes: Bulk },
    /// Both, when all slabs are done: the hash of the conversation, and a commitment to what will be opened.
    Finished { role: Role, transcript: [u8; 32], commitment: [u8; 32] },
    /// To an end that learns: the other half of the figures.
    Open { role: Role, nonce: [u8; 32], figures: Bulk },
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "Announce",
            Self::Setup { .. } => "Setup",
            Self::Slab { .. } => "Slab",
            Self::Finished { .. } => "Finished",
            Self::Open { .. } => "Open",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let bulk = match self {
            Self::Setup { bytes, .. } | Self::Slab { bytes, .. } => bytes.0.len(),
            Self::Open { figures, .. } => figures.0.len(),
            Self::Announce { .. } | Self::Finished { .. } => 0,
        };
        codec::encode(self, 72 + bulk)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// Both directions of the conversation as one end remembers them.
pub(super) type Record = session::Record<Message>;

impl Record {
    pub(super) fn new(params: &Params, role: Role) -> Self {
        Self::of(role as usize, |transcript| params.absorb_into(transcript))
    }

    /// This end's last message before the opening.
    pub(super) fn finished(&self, role: Role, commitment: [u8; 32]) -> Message {
        let transcript = self.ours(|both| both.absorb("commitment", &commitment));
        Message::Finished { role, transcript, commitment }
    }

    /// Compares the peer's memory with ours (JOIN-44).
    pub(super) fn compare(&self, theirs: &[u8; 32], commitment: &[u8; 32]) -> Result<(), PeerMisbehaved> {
        self.same(theirs, |both| both.absorb("commitment", commitment))
    }
}

impl Recorded for Message {
    const PROTOCOL: &'static str = NAME;
    const PARTS: [&'static str; 2] = [Role::Seeker.name(), Role::Holder.name()];

    fn absorb_into(&self, transcript: &mut Transcript) {
        match self {
            Self::Announce { count, nonce, .. } => {
                transcript.absorb(self.kind(), &count.to_le_bytes());
                transcript.absorb("nonce", nonce);
            }
            Self::Setup { step, bytes, .. } => {
                transcript.absorb(self.kind(), &step.to_le_bytes());
                transcript.absorb("bytes", &bytes.0);
            }
            Self::Slab { stage, slab, bytes } => {
                transcript.absorb(self.kind(), &(*stage as u16).to_le_bytes());
                transcript.absorb("slab", &slab.to_le_bytes());
                // A gigabyte goes by here: BLAKE3 hashes it several times as fast as SHA-256.
                transcript.absorb("bytes", blake3::hash(&bytes.0).as_bytes());
            }
            // Not part of what one is the hash of, and what the other was committed to.
            Self::Finished { .. } | Self::Open { .. } => {}
        }
    }
}
