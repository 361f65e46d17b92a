//! How a question ended.

use serde::{Deserialize, Serialize};

/// How a question ended, for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Our padded size, as the partner saw it.
    pub own_size: u64,
    /// The partner's padded size, as we saw it.
    pub partner_size: u64,
    /// Messages of ours that a broken connection made us send twice.
    #[serde(default)]
    pub resent_messages: u64,
    /// The hash of what was said, hex; equal on both sides.
    pub transcript: String,
    /// Snapshot of our dataset, hex.
    pub snapshot: String,
}
