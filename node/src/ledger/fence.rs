//! Why nothing is set aside any more.
//!
//! The attack it stops: an older copy of the log, or another history of it, that spends its budget a second time (D11).

use super::LedgerError;

/// A head of this log that it does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// A larger one: an older copy of the log was put back.
    RolledBack {
        /// Records that we have.
        ours: u64,
        /// Records that it has seen.
        theirs: u64,
        /// Who has seen them.
        witness: String,
    },
    /// One of other records.
    Forked {
        /// Records up to it.
        size: u64,
        /// Who has seen it.
        witness: String,
    },
}

impl Fence {
    /// Who has seen it.
    pub fn witness(&self) -> &str {
        match self {
            Self::RolledBack { witness, .. } | Self::Forked { witness, .. } => witness,
        }
    }
}

impl From<Fence> for LedgerError {
    fn from(fence: Fence) -> Self {
        match fence {
            Fence::RolledBack { ours, theirs, witness } => Self::RolledBack { ours, theirs, witness },
            Fence::Forked { size, witness } => Self::Forked { size, witness },
        }
    }
}
