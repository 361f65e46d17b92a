//! What can be wrong with an export.

use std::fmt;

use crate::log::{
    book::BookFault, checkpoint::CheckpointFault, handover::HandoverFault, proof::ReceiptFault,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file to blame.
    pub file: String,
    /// The record to blame, by its position from 1.
    pub seq: Option<u64>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Finding {
    pub(super) fn of(file: &str, fault: Fault) -> Self {
        Self { file: file.to_owned(), seq: None, fault }
    }

    pub(super) fn at(file: &str, seq: u64, fault: Fault) -> Self {
        Self { file: file.to_owned(), seq: Some(seq), fault }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "{}, record {seq}: {}", self.file, self.fault),
            None => write!(f, "{}: {}", self.file, self.fault),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is not there.
    #[error("it is missing")]
    Missing,
    /// The file is longer than it can be.
    #[error("it is larger than it can be")]
    TooLarge,
    /// The manifest is not in its one spelling, or says something else than the signed head.
    #[error("it does not say what the signed head says")]
    Manifest,
    /// The head is not one that the log has signed.
    #[error(transparent)]
    Checkpoint(CheckpointFault),
    /// The record's hash is not the one under the signed root: it was altered, moved or put in, or one before it is gone.
    #[error("it is not the record that was signed")]
    RecordDiffers,
    /// The log ends before the signed head does.
    #[error("it is missing: the signed head covers it")]
    RecordMissing,
    /// The log goes on after the signed head.
    #[error("it stands after the signed head")]
    RecordBeyondHead,
    /// The records do not lead to the signed root, and nothing tells which of them is to blame.
    #[error("the records after the first {after} do not lead to the signed head")]
    RootDiffers {
        /// So many records from the beginning are covered by a head that was met.
        after: u64,
    },
    /// A line that is not a record.
    #[error("it is not a record")]
    Malformed,
    /// A line that is longer than a record may be. Nothing after it was read.
    #[error("it is longer than a record may be")]
    LineTooLong,
    /// The last line has no newline.
    #[error("its line does not end")]
    OpenLine,
    /// A record that the ones before it do not allow.
    #[error(transparent)]
    Book(BookFault),
    /// A tile with other hashes than those of the signed tree.
    #[error("its hashes are not those of the signed tree")]
    TileDiffers,
    /// A bundle with other records than the log.
    #[error("its records are not those of the log")]
    BundleDiffers,
    /// A row of the table that is not the record.
    #[error("its row in the table is not the record")]
    TableDiffers,
    /// A head that is not on the way to the signed one: the log has had another history (D16).
    #[error("it was signed over another history")]
    Forked,
    /// A head larger than the log: what is shown here is an older copy (D11).
    #[error("it covers {size} records: the log that is shown is older")]
    OlderCopy {
        /// Records under that head.
        size: u64,
    },
    /// A record that says that the signing key was handed over, and does not show it.
    #[error(transparent)]
    Handover(HandoverFault),
    /// A hand-over that the keys name and the log does not have.
    #[error("the hand-over to key {key} is not in record {size} of the log")]
    HandoverNotInLog {
        /// The verifier key that came.
        key: String,
        /// The record that should hold it.
        size: u64,
    },
    /// A head that was signed by a key after the log had handed it over.
    #[error("it is signed by a key that record {size} of the log had handed over")]
    RetiredKey {
        /// The record with the hand-over.
        size: u64,
    },
    /// A receipt that does not hold by itself.
    #[error(transparent)]
    Receipt(ReceiptFault),
    /// A receipt that does not carry its record.
    #[error("it does not carry its record")]
    ReceiptWithoutRecord,
    /// A receipt for another record than the one in its place.
    #[error("the log has another record in its place")]
    ReceiptDiffers,
}
