//! The messages of a run, and the record both ends keep of them.

use serde::{Deserialize, Serialize};

use super::params::{NAME, Params, Party};
use crate::{
    session::PeerMisbehaved,
    transcript::Transcript,
    wire::{Limits, Wire, WireError, codec, codec::Bulk},
};

/// What a part of a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// A half of one weight of the other's columns, encrypted.
    Weights,
    /// The scores of a block of rows, under a mask.
    Scores,
    /// A step of the look-ups for a slab of rows.
    Link,
    /// Halves of a block of residuals, encrypted.
    Residuals,
    /// One entry of the gradient, under a mask.
    Gradients,
    /// Over a union, before the residuals: bits of who is there, and products with them.
    Presence,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 6] =
        [Self::Weights, Self::Scores, Self::Link, Self::Presence, Self::Residuals, Self::Gradients];

    /// Its name, for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weights => "Weights",
            Self::Scores => "Scores",
            Self::Link => "Link",
            Self::Residuals => "Residuals",
            Self::Gradients => "Gradients",
            Self::Presence => "Presence",
        }
    }
}

/// Everything that is said in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Both, first: the terms, the last round that was kept, and a random value.
    Announce { party: Party, terms: [u8; 32], round: u16, nonce: [u8; 32] },
    /// Both, then: the keys, in two steps.
    Setup { party: Party, step: u32, bytes: Bulk },
    /// A part of a round.
    Part { party: Party, stage: Stage, number: u32, bytes: Bulk },
    /// Both, at the end of every round: the hash of the conversation so far.
    Checked { party: Party, round: u16, transcript: [u8; 32] },
    /// Both, when all is done: the same, and a commitment to what will be opened.
    Finished { party: Party, transcript: [u8; 32], commitment: [u8; 32] },
    /// The half of what the other end learns.
    Open { party: Party, nonce: [u8; 32], halves: Bulk },
    /// To an end that learns all weights: those of the speaker's columns, and its part of the intercept.
    Told { party: Party, check: [u8; 32], weights: Bulk },
}

impl Message {
    /// Who said it.
    pub(super) const fn party(&self) -> Party {
        match self {
            Self::Announce { party, .. }
            | Self::Setup { party, .. }
            | Self::Part { party, .. }
            | Self::Checked { party, .. }
            | Self::Finished { party, .. }
            | Self::Open { party, .. }
            | Self::Told { party, .. } => *party,
        }
    }
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "Announce",
            Self::Setup { .. } => "Setup",
            Self::Part { stage, .. } => stage.name(),
            Self::Checked { .. } => "Checked",
            Self::Finished { .. } => "Finished",
            Self::Open { .. } => "Open",
            Self::Told { .. } => "Told",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let bulk = match self {
            Self::Setup { bytes, .. } | Self::Part { bytes, .. } => bytes.0.len(),
            Self::Open { halves: bytes, .. } | Self::Told { weights: bytes, .. } => bytes.0.len(),
            Self::Announce { .. } | Self::Checked { .. } | Self::Finished { .. } => 0,
        };
        codec::encode(self, 80 + bulk)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// Both directions of the conversation as one end remembers them.
pub(super) struct Record {
    party: Party,
    said: Transcript,
    heard: Transcript,
}

impl Record {
    pub(super) fn new(params: &Params, purpose: &[u8], party: Party) -> Self {
        let direction = |from: Party| {
            let mut transcript = Transcript::new(NAME);
            transcript.absorb("purpose", purpose);
            transcript.absorb("session", params.agreed().session.as_bytes());
            params.absorb_into(&mut transcript);
            transcript.absorb("from", from.name().as_bytes());
            transcript
        };
        Self { party, said: direction(party), heard: direction(party.peer()) }
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

    /// What `speaker` says of the conversation.
    pub(super) fn hash(&self, speaker: Party, purpose: &str, content: &[u8]) -> [u8; 32] {
        let (label, features) = match self.party {
            Party::Label => (&self.said, &self.heard),
            Party::Features => (&self.heard, &self.said),
        };
        let mut both = Transcript::new(NAME);
        both.absorb("purpose", purpose.as_bytes());
        both.absorb("label said", &label.hash());
        both.absorb("features said", &features.hash());
        // LEARNV-31: the speaker is in the hash, so our own word sent back to us is not the peer's.
        both.absorb("by", speaker.name().as_bytes());
        both.absorb("content", content);
        both.hash()
    }

    /// Compares the peer's memory with ours.
    pub(super) fn compare(
        &self,
        theirs: &[u8; 32],
        purpose: &str,
        content: &[u8],
    ) -> Result<(), PeerMisbehaved> {
        let ours = self.hash(self.party.peer(), purpose, content);
        if *theirs == ours { Ok(()) } else { Err(PeerMisbehaved::TranscriptDiffers) }
    }

    /// What was said, the same at both ends; for the audit.
    pub(super) fn conversation(&self) -> [u8; 32] {
        self.hash(Party::Label, "conversation", &[])
    }
}

fn absorb(transcript: &mut Transcript, message: &Message) {
    match message {
        Message::Announce { terms, round, nonce, .. } => {
            transcript.absorb("announced terms", terms);
            transcript.absorb("round", &round.to_le_bytes());
            transcript.absorb("nonce", nonce);
        }
        Message::Setup { step, bytes, .. } => {
            transcript.absorb("setup", &step.to_le_bytes());
            transcript.absorb("bytes", &bytes.0);
        }
        Message::Part { stage, number, bytes, .. } => {
            transcript.absorb(stage.name(), &number.to_le_bytes());
            // Hundreds of megabytes go by here: BLAKE3 hashes them several times as fast as SHA-256.
            transcript.absorb("bytes", blake3::hash(&bytes.0).as_bytes());
        }
        // Hashes of the conversation, and what was committed to in one of them; an altered one is noticed by itself.
        Message::Checked { .. } | Message::Finished { .. } | Message::Open { .. } | Message::Told { .. } => {}
    }
}
