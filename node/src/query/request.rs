//! What an asker hands in, from whichever door.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One question with its circumstances. The command line and the HTTP API build the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// The SQL text, as typed.
    pub sql: String,
    /// A contract's name or the start of its id; needed only where more than one would fit.
    #[serde(default)]
    pub contract: Option<String>,
    /// The purpose the answer is for; the contract's own when left out.
    #[serde(default)]
    pub purpose: Option<String>,
    /// What the asker says about noise beside the text.
    #[serde(default)]
    pub wish: Wish,
    /// How long to wait for a person at the partner to approve.
    #[serde(default = "default_wait")]
    pub wait: Duration,
}

/// How much privacy an asker is ready to spend, or how exact it wants the figures; in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// ε, as in `OPTIONS (epsilon = …)`.
    #[serde(default)]
    pub epsilon: Option<u64>,
    /// The ε that puts the first figure within ± this, with 95 % confidence.
    #[serde(default)]
    pub accuracy: Option<u64>,
    /// No more ε than this, whatever the accuracy would take.
    #[serde(default)]
    pub max_epsilon: Option<u64>,
}

/// Ten minutes.
pub fn default_wait() -> Duration {
    Duration::from_secs(600)
}
