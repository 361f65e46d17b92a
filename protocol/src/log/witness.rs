//! The witness's side of `add-checkpoint` and the log's request for it (c2sp.org/tlog-witness; LOG-09,
//! LOG-10), without the wire.
//!
//! The attack it stops: a log rewritten, rolled back or forked. Each partner is the other's witness: it holds the last
//! head that it has cosigned and cosigns a new one only with a proof that it begins with that one. **It stores the new
//! head durably before the cosignature leaves**, and checks and stores under one lock; otherwise two requests at once,
//! or a crash, would let it cosign two histories.

use std::fmt;

use super::{
    checkpoint::{Checkpoint, CheckpointFault, Keys, SignedCheckpoint, decimal, is_checkpoint_like},
    merkle::{LONGEST_PROOF, MerkleFault, TreeHash, verify_consistency},
    note::{LARGEST_NOTE, Note, NoteFault, Signature, VerifierKey},
};

/// The most bytes of a request: its numbers and hashes, and the note.
pub const LARGEST_REQUEST: usize = LARGEST_NOTE + 45 * (LONGEST_PROOF + 2);

/// A request to cosign. `Display` writes the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the head that the witness has, as far as the log knows; 0 for none.
    pub old: u64,
    /// The consistency proof from that size.
    pub proof: Vec<TreeHash>,
    /// The new head, not verified yet.
    pub note: Note,
}

impl AddCheckpoint {
    /// What the log sends.
    pub fn new(old: u64, proof: Vec<TreeHash>, checkpoint: &SignedCheckpoint) -> Self {
        Self { old, proof, note: checkpoint.note().clone() }
    }

    /// Reads a body. Nothing in it is verified before [`consider`].
    ///
    /// # Errors
    ///
    /// [`WitnessRefusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, WitnessRefusal> {
        if body.len() > LARGEST_REQUEST {
            return Err(WitnessRefusal::Malformed);
        }
        let head = body.windows(2).position(|pair| pair == b"\n\n").ok_or(WitnessRefusal::Malformed)?;
        let lines = str::from_utf8(&body[..head]).map_err(|_| WitnessRefusal::Malformed)?;
        let mut lines = lines.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal)
            .ok_or(WitnessRefusal::Malformed)?;
        let proof: Vec<TreeHash> = lines
            .take(LONGEST_PROOF + 1)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| WitnessRefusal::Malformed)?;
        if proof.len() > LONGEST_PROOF {
            return Err(WitnessRefusal::Malformed);
        }
        let note = Note::parse(&body[head + 2..]).map_err(|_| WitnessRefusal::Malformed)?;
        if !is_checkpoint_like(&note) {
            return Err(WitnessRefusal::Malformed);
        }
        Ok(Self { old, proof, note })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// Why a witness does not cosign, with the specification's status for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// 400: not a request.
    #[error("the request is not of the form of add-checkpoint")]
    Malformed,
    /// 404: a log that this witness does not know.
    #[error("the log is not known here")]
    UnknownOrigin,
    /// 403: not signed by the log's key, or a known key's line is false.
    #[error("the head is not signed by the log's key")]
    BadSignature,
    /// 400: an older size than the new one was expected.
    #[error("the older size is larger than the new one")]
    OldBeyondSize,
    /// 409: the witness has another head than the request begins with. Where the log itself did not know of so large
    /// a tree, **it runs on an older copy of itself** (D11).
    #[error("the witness has seen {known} records, not {old}")]
    Stale {
        /// The size of the head that the witness has.
        known: u64,
        /// The size that the request began with.
        old: u64,
    },
    /// 422: a proof that does not lead from the known head to the new one.
    #[error("the head is not shown to begin with the one that the witness has seen")]
    Inconsistent(MerkleFault),
    /// 422: one size, two roots, both signed: the log has two histories (D16). Keep the two notes.
    #[error("the log has signed another head of this very size")]
    Forked,
}

impl WitnessRefusal {
    /// The HTTP status that the specification gives it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed | Self::OldBeyondSize => 400,
            Self::BadSignature => 403,
            Self::UnknownOrigin => 404,
            Self::Stale { .. } => 409,
            Self::Inconsistent(_) | Self::Forked => 422,
        }
    }

    /// The body of the answer: the known size for 409, nothing for the others.
    pub fn body(&self) -> String {
        if let Self::Stale { known, .. } = self { format!("{known}\n") } else { String::new() }
    }
}

/// A head that may be stored and then cosigned: only [`consider`] gives one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    checkpoint: SignedCheckpoint,
}

impl Accepted {
    /// What to store as the last head seen, durably, before [`cosign`](Self::cosign).
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The line to answer with, once the head is stored. `time` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// A key of the other kind, a time out of range, or a signature that the key does not verify.
    pub fn cosign(
        &self,
        witness: &VerifierKey,
        time: u64,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Signature, NoteFault> {
        self.checkpoint.cosign(witness, time, sign)
    }
}

/// Decides on a request, in the specification's order. `keys` is whom the witness believes about this log, `known`
/// the last head of it that the witness has stored.
///
/// # Errors
///
/// See [`WitnessRefusal`].
pub fn consider(
    keys: &Keys,
    known: Option<&Checkpoint>,
    request: &AddCheckpoint,
) -> Result<Accepted, WitnessRefusal> {
    let checkpoint = keys.accept(request.note.clone()).map_err(|fault| match fault {
        CheckpointFault::OriginDiffers | CheckpointFault::MisfitKeys => WitnessRefusal::UnknownOrigin,
        CheckpointFault::Note(
            NoteFault::NotSignedBy | NoteFault::BadSignature | NoteFault::TimeOutOfRange,
        )
        | CheckpointFault::RetiredKey => WitnessRefusal::BadSignature,
        CheckpointFault::EmptyRootDiffers => WitnessRefusal::Inconsistent(MerkleFault::RootDiffers),
        _ => WitnessRefusal::Malformed,
    })?;
    let head = checkpoint.head();
    if request.old > head.size {
        return Err(WitnessRefusal::OldBeyondSize);
    }
    let (size, root) = known.map_or((0, TreeHash::EMPTY), |known| (known.size, known.root));
    if known.is_some_and(|known| known.origin != head.origin) {
        return Err(WitnessRefusal::UnknownOrigin);
    }
    if request.old != size {
        return Err(WitnessRefusal::Stale { known: size, old: request.old });
    }
    if size == head.size && root != head.root {
        return Err(WitnessRefusal::Forked);
    }
    verify_consistency(size, &root, head.size, &head.root, &request.proof)
        .map_err(WitnessRefusal::Inconsistent)?;
    Ok(Accepted { checkpoint })
}

#[cfg(test)]
mod tests;
