//! What looking back refuses.

use std::{io, path::PathBuf};

use crate::{
    ledger::LedgerError,
    report::{Class, Detail, Refusal},
};

/// Why nothing can be said about a log, or why what is said is no.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A folder that is neither.
    #[error("{} is neither a node's home nor an export", place.display())]
    NoLog {
        /// The folder.
        place: PathBuf,
    },
    /// A file of it cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of it is not what it has to be.
    #[error("{} is not what it has to be: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The ledger in a home cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[source] LedgerError),
    /// A file that is written cannot be.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A check failed.
    #[error("the log does not verify: {found}")]
    Bad {
        /// Which check.
        check: &'static str,
        /// What was found.
        found: String,
        /// The first record that is bad.
        record: Option<u64>,
    },
    /// Two logs tell two stories.
    #[error("the two logs differ in {count} {}", if *count == 1 { "place" } else { "places" })]
    Differ {
        /// In how many places.
        count: usize,
    },
    /// No question of that id.
    #[error("no question here starts with {wanted}")]
    NoQuestion {
        /// What was typed.
        wanted: String,
    },
    /// Several questions fit.
    #[error("{count} questions start with {wanted}")]
    SeveralQuestions {
        /// What was typed.
        wanted: String,
        /// How many.
        count: usize,
    },
    /// A question without an answer has no receipt.
    #[error("the question {query} has no answer: it is {ending}")]
    NoAnswer {
        /// Its id.
        query: String,
        /// How it ended.
        ending: &'static str,
    },
    /// No signed head covers the record.
    #[error("no signed head covers record {record}")]
    NotCovered {
        /// The record.
        record: u64,
    },
}

impl Refusal for AuditError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoLog { .. } => "E-AUDIT-NO-LOG",
            Self::Unreadable { .. } => "E-AUDIT-UNREADABLE",
            Self::Malformed { .. } => "E-AUDIT-MALFORMED",
            Self::Ledger(error) => error.code(),
            Self::Unwritable { .. } => "E-OUTPUT-UNWRITABLE",
            Self::Bad { .. } => "E-AUDIT-BAD",
            Self::Differ { .. } => "E-AUDIT-DIFFER",
            Self::NoQuestion { .. } | Self::SeveralQuestions { .. } => "E-AUDIT-QUESTION",
            Self::NoAnswer { .. } | Self::NotCovered { .. } => "E-AUDIT-NO-RECEIPT",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NoLog { .. } | Self::NoQuestion { .. } | Self::SeveralQuestions { .. } => Class::Usage,
            _ => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: &str| vec![Detail::new("would do", text)];
        match self {
            Self::NoLog { .. } => would_do("name a folder that `tacit audit export` wrote, or --home DIR"),
            Self::Bad { check, record, .. } => {
                let mut details = vec![Detail::new("check", *check)];
                details.extend(record.map(|seq| Detail::new("record", format!("{seq}, the first bad one"))));
                details.push(Detail::new(
                    "means",
                    "from that record on, nothing in this log can be relied on; compare it with the partner's",
                ));
                details
            }
            Self::Differ { .. } => vec![Detail::new("means", "at least one of the two logs is not true")],
            Self::NoQuestion { .. } => would_do("tacit audit log, which shows the ids of questions"),
            Self::SeveralQuestions { .. } => would_do("more digits of the id"),
            Self::NotCovered { .. } => {
                would_do("export again: a head that covers it is signed with the next record")
            }
            Self::Ledger(error) => error.details(),
            Self::Unreadable { .. }
            | Self::Malformed { .. }
            | Self::Unwritable { .. }
            | Self::NoAnswer { .. } => Vec::new(),
        }
    }
}
