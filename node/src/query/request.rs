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
    /// How long to wait for a person at the partner to approve.
    #[serde(default = "default_wait")]
    pub wait: Duration,
}

/// Ten minutes.
pub fn default_wait() -> Duration {
    Duration::from_secs(600)
}
