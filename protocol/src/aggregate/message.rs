//! The two messages of a run.

use serde::{Deserialize, Serialize};

use crate::wire::{Limits, Wire, WireError, codec, codec::Bulk};

/// Everything that is said in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Owner: the figures, nine bytes each, and the hash of them and of what both ends know.
    Answer { figures: Bulk, transcript: [u8; 32] },
    /// Receiver: they have arrived, and are what was asked for.
    Received { transcript: [u8; 32] },
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "Answer",
            Self::Received { .. } => "Received",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let figures = match self {
            Self::Answer { figures, .. } => figures.0.len(),
            Self::Received { .. } => 0,
        };
        codec::encode(self, 44 + figures)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}
