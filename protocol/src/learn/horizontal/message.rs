//! What trainers and coordinator say.

use serde::{Deserialize, Serialize};

use super::{Breach, MOST, Shape};
use crate::{
    session::Abort,
    wire::{
        Limits, Wire, WireError, codec,
        codec::{Bulk, List, Points},
    },
};

/// Sealed shares, one box a trainer.
pub type Boxes = List<Bulk, MOST>;

/// Everything that is said in a round. Each message names its attempt by the hash over roster, round, attempt, shape
/// and history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Trainer, first: commitments to its seeds (K × 32 bytes, its self-mask's in its own place), its vector under
    /// masks (8 bytes an entry, little-endian), and a box for each other trainer.
    Masked { context: [u8; 32], commitments: Points, entries: Bulk, boxes: Boxes },
    /// Coordinator: who is in the sum, and the boxes that these have sealed for this trainer.
    Survivors { context: [u8; 32], survivors: u16, boxes: Boxes },
    /// Trainer: that it agrees to this set, to each other survivor.
    Consent { context: [u8; 32], survivors: u16, words: Points },
    /// Coordinator: who has agreed beside this trainer, and their words to it.
    Consents { context: [u8; 32], agreed: u16, words: Points },
    /// Trainer: its shares of each survivor's self-mask and of that survivor's masks with those who are not.
    Unmask { context: [u8; 32], shares: Points },
    /// Coordinator, last.
    Sum { context: [u8; 32], survivors: u16, entries: Bulk },
}

/// Bytes of a message beside its lists.
const HEAD: usize = 96;
/// What sealing adds.
pub(super) const TAG: usize = 16;

impl Message {
    /// How long a message of this shape may be.
    pub fn limits(shape: &Shape) -> Limits {
        let k = shape.trainers();
        Limits::new(HEAD + 8 * shape.entries() + k * (8 + 32 * k + TAG) + 32 * k * k)
    }

    pub(super) const fn context(&self) -> &[u8; 32] {
        match self {
            Self::Masked { context, .. }
            | Self::Survivors { context, .. }
            | Self::Consent { context, .. }
            | Self::Consents { context, .. }
            | Self::Unmask { context, .. }
            | Self::Sum { context, .. } => context,
        }
    }
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Masked { .. } => "Masked",
            Self::Survivors { .. } => "Survivors",
            Self::Consent { .. } => "Consent",
            Self::Consents { .. } => "Consents",
            Self::Unmask { .. } => "Unmask",
            Self::Sum { .. } => "Sum",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let lists = match self {
            Self::Masked { commitments, entries, boxes, .. } => {
                32 * commitments.0.len() + entries.0.len() + sealed(boxes)
            }
            Self::Survivors { boxes, .. } => sealed(boxes),
            Self::Consent { words: points, .. }
            | Self::Consents { words: points, .. }
            | Self::Unmask { shares: points, .. } => 32 * points.0.len(),
            Self::Sum { entries, .. } => entries.0.len(),
        };
        codec::encode(self, HEAD + lists)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

fn sealed(boxes: &Boxes) -> usize {
    boxes.as_slice().iter().map(|sealed| 8 + sealed.0.len()).sum()
}

/// Entries as they travel.
pub(super) fn to_bytes(entries: &[u64]) -> Bulk {
    Bulk(entries.iter().flat_map(|entry| entry.to_le_bytes()).collect())
}

/// LEARNH-07: exactly as many as the shape has.
pub(super) fn from_bytes(shape: &Shape, bytes: &Bulk) -> Result<Vec<u64>, Abort> {
    match bytes.0.as_chunks::<8>() {
        (entries, []) if entries.len() == shape.entries() => {
            Ok(entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect())
        }
        _ => Err(Breach::MessageShape.into()),
    }
}
