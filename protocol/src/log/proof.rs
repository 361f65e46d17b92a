//! Receipts: a record is in the log, as the log and its witnesses have signed (c2sp.org/tlog-proof@v1; LOG-13).
//!
//! The attack it stops: a record that was shown to somebody and is not in the log that is shown later. A receipt proves
//! it without the log, without a network and without whoever gave it.

use std::fmt;

use super::{
    base64,
    checkpoint::{
        Checkpoint, CheckpointFault, Cosigned, Keys, SignedCheckpoint, decimal, is_checkpoint_like,
    },
    entry::LARGEST_ENTRY,
    merkle::{LONGEST_PROOF, MerkleFault, TreeHash, leaf_hash, verify_inclusion},
    note::{LARGEST_NOTE, Note, NoteFault},
};

const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// The most bytes of a receipt: a record as extra data, the longest proof and the largest note.
pub const LARGEST_RECEIPT: usize = LARGEST_ENTRY.div_ceil(3) * 4 + 45 * (LONGEST_PROOF + 3) + LARGEST_NOTE;

/// What is wrong with a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not of the format, or larger than the limits.
    #[error("a receipt is a tlog-proof@v1 in its one spelling")]
    Malformed,
    /// The note in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    /// The record is not where it says in the tree that was signed.
    #[error(transparent)]
    Inclusion(#[from] MerkleFault),
}

/// Shows that a record is in the log. `Display` writes it; files end in `.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Data that come along, unsigned: ours hold the record itself, so that a receipt stands alone.
    pub extra: Option<Vec<u8>>,
    /// The record's place, from 0.
    pub index: u64,
    /// From the leaf's sibling up.
    pub proof: Vec<TreeHash>,
    /// The signed head, with the cosignatures; not verified yet.
    pub note: Note,
}

/// What a verified receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The head that covers the record.
    pub checkpoint: SignedCheckpoint,
    /// Who else has seen that head, and when.
    pub cosigned: Vec<Cosigned>,
}

impl Receipt {
    /// A receipt for `record` at `index` that carries the record along.
    pub fn new(record: &[u8], index: u64, proof: Vec<TreeHash>, checkpoint: &SignedCheckpoint) -> Self {
        let extra = (!record.is_empty()).then(|| record.to_vec());
        Self { extra, index, proof, note: checkpoint.note().clone() }
    }

    /// Reads a receipt. Nothing in it is verified before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// Anything that `Display` would not write in these very bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptFault> {
        if bytes.len() > LARGEST_RECEIPT {
            return Err(ReceiptFault::Malformed);
        }
        let blank = bytes.windows(2).position(|pair| pair == b"\n\n").ok_or(ReceiptFault::Malformed)?;
        let lines = str::from_utf8(&bytes[..blank]).map_err(|_| ReceiptFault::Malformed)?;
        let mut lines = lines.split('\n').peekable();
        if lines.next() != Some(FORMAT) {
            return Err(ReceiptFault::Malformed);
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => {
                let data = base64::decode(&line["extra ".len()..], LARGEST_ENTRY);
                Some(data.filter(|data| !data.is_empty()).ok_or(ReceiptFault::Malformed)?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(ReceiptFault::Malformed)?;
        let proof: Vec<TreeHash> = lines
            .take(LONGEST_PROOF + 1)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| ReceiptFault::Malformed)?;
        if proof.len() > LONGEST_PROOF {
            return Err(ReceiptFault::Malformed);
        }
        let note = Note::parse(&bytes[blank + 2..]).map_err(CheckpointFault::from)?;
        if !is_checkpoint_like(&note) {
            return Err(ReceiptFault::Malformed);
        }
        Ok(Self { extra, index, proof, note })
    }

    /// Verifies that `record` is in the log that `keys` name, at [`index`](Self::index). Our own receipts carry the
    /// record as [`extra`](Self::extra).
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn verify(&self, keys: &Keys, record: &[u8]) -> Result<Proven, ReceiptFault> {
        let checkpoint = keys.accept(self.note.clone())?;
        self.is_under(checkpoint.head(), record)?;
        Ok(Proven { cosigned: keys.cosigned(&checkpoint)?, checkpoint })
    }
}

impl Receipt {
    /// The part of [`verify`](Self::verify) that needs no keys: `record` is in the tree of this head.
    pub(super) fn is_under(&self, head: &Checkpoint, record: &[u8]) -> Result<(), ReceiptFault> {
        Ok(verify_inclusion(&leaf_hash(record), self.index, head.size, &self.proof, &head.root)?)
    }
}

impl From<NoteFault> for ReceiptFault {
    fn from(fault: NoteFault) -> Self {
        Self::Checkpoint(fault.into())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64::encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests;
