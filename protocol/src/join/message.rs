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
    session::PeerMisbehaved,
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
pub(super) struct Record {
    role: Role,
    said: Transcript,
    heard: Transcript,
}

impl Record {
    pub(super) fn new(params: &Params, role: Role) -> Self {
        let direction = |from: Role| {
            let mut transcript = Transcript::new(NAME);
            params.absorb_into(&mut transcript);
            transcript.absorb("from", from.name().as_bytes());
            transcript
        };
        Self { role, said: direction(role), heard: direction(role.peer()) }
    }

    /// Notes a message on its way out.
    pub(super) fn say(&mut self, message: Message) -> Message {
        absorb(&mut self.said, &message);
        message
    }

    /// Notes a message that came in.
    pub(super) fn hear(&mut self, message: &Message) {
        absorb(&mut self.heard, message);
    }

    /// This end's last message before the opening.
    pub(super) fn finished(&self, commitment: [u8; 32]) -> Message {
        Message::Finished { role: self.role, transcript: self.hash(self.role, &commitment), commitment }
    }

    /// Compares the peer's memory with ours.
    pub(super) fn compare(&self, theirs: &[u8; 32], commitment: &[u8; 32]) -> Result<(), PeerMisbehaved> {
        // JOIN-44: the role is in the hash, so our own Finished sent back to us is not the peer's.
        let ours = self.hash(self.role.peer(), commitment);
        if *theirs == ours { Ok(()) } else { Err(PeerMisbehaved::TranscriptDiffers) }
    }

    /// What was said, the same at both ends; for the audit.
    pub(super) fn conversation(&self) -> [u8; 32] {
        self.both("conversation").hash()
    }

    fn hash(&self, speaker: Role, commitment: &[u8; 32]) -> [u8; 32] {
        let mut both = self.both("finished");
        both.absorb("by", speaker.name().as_bytes());
        both.absorb("commitment", commitment);
        both.hash()
    }

    fn both(&self, purpose: &str) -> Transcript {
        let (seeker, holder) = match self.role {
            Role::Seeker => (&self.said, &self.heard),
            Role::Holder => (&self.heard, &self.said),
        };
        let mut both = Transcript::new(NAME);
        both.absorb("purpose", purpose.as_bytes());
        both.absorb("seeker said", &seeker.hash());
        both.absorb("holder said", &holder.hash());
        both
    }
}

fn absorb(transcript: &mut Transcript, message: &Message) {
    match message {
        Message::Announce { count, nonce, .. } => {
            transcript.absorb(message.kind(), &count.to_le_bytes());
            transcript.absorb("nonce", nonce);
        }
        Message::Setup { step, bytes, .. } => {
            transcript.absorb(message.kind(), &step.to_le_bytes());
            transcript.absorb("bytes", &bytes.0);
        }
        Message::Slab { stage, slab, bytes } => {
            transcript.absorb(message.kind(), &(*stage as u16).to_le_bytes());
            transcript.absorb("slab", &slab.to_le_bytes());
            // A gigabyte goes by here: BLAKE3 hashes it several times as fast as SHA-256.
            transcript.absorb("bytes", blake3::hash(&bytes.0).as_bytes());
        }
        // Not part of what one is the hash of, and what the other was committed to.
        Message::Finished { .. } | Message::Open { .. } => {}
    }
}
