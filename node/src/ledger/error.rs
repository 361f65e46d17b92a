//! What the ledger refuses.

use crate::report::{Class, Detail, Refusal};

/// The ledger cannot keep its promise, so nothing goes on.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store cannot be opened.
    #[error("the ledger cannot be opened")]
    Unopened(#[source] rusqlite::Error),
    /// A record could not be made durable.
    #[error("a record could not be made durable, so the question stops here")]
    NotDurable(#[source] rusqlite::Error),
    /// The store was written by a newer version.
    #[error("the ledger has format {found}; this version knows {known}")]
    Newer {
        /// What the file says.
        found: i64,
        /// What this build can read.
        known: i64,
    },
    /// The question's id was used before.
    #[error("this question's id was used before")]
    QueryReused,
    /// A stored record does not read back.
    #[error("record {seq} of the ledger does not read back")]
    Damaged {
        /// Which record.
        seq: u64,
    },
}

impl Refusal for LedgerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unopened(_) => "E-LEDGER-UNOPENED",
            Self::NotDurable(_) => "E-LEDGER-NOT-DURABLE",
            Self::Newer { .. } => "E-LEDGER-NEWER",
            Self::QueryReused => "E-QUERY-REUSED",
            Self::Damaged { .. } => "E-LEDGER-DAMAGED",
        }
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::Unopened(_) => "check that ledger/ in the node's home exists and can be written",
            Self::NotDurable(_) => "free disk space, or mend the disk; nothing left this node",
            Self::Newer { .. } => "run the newer version of tacit; this one will not touch the file",
            Self::QueryReused => "ask again: every asking draws a fresh id",
            Self::Damaged { .. } => "restore the ledger from a copy; answers stay refused until then",
        };
        vec![Detail::new("who", "the operator of this node"), Detail::new("would do", mend)]
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::NotDurable(_))
    }
}
