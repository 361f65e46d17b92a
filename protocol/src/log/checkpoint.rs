//! Checkpoints: the log's head, signed (c2sp.org/tlog-checkpoint; LOG-06, LOG-07).
//!
//! The attack it stops: two histories of one log. Whoever holds a signed head of size n can ask for a proof that every
//! later head begins with it, and two signed heads of one size with different roots convict the log by themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    cosignature,
    handover::{Handover, Lineage},
    merkle::{LARGEST_TREE, MerkleFault, TreeHash},
    note::{LONGEST_NAME, Note, NoteFault, Signature, SignatureKind, VerifierKey},
};
use crate::ids::PartnerId;

/// The most extension lines that are read; our own checkpoints have none.
const MOST_EXTENSIONS: usize = 16;

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// The note that it stands in.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// The root is no hash.
    #[error(transparent)]
    Root(#[from] MerkleFault),
    /// Fewer than three lines, an empty one, or too many.
    #[error("a checkpoint has an origin, a size, a root and few extension lines, none of them empty")]
    MalformedLines,
    /// A size that is not decimal without leading zeros, or too large.
    #[error("a checkpoint's size is decimal, without leading zeros, at most 2^63 - 1")]
    MalformedSize,
    /// An empty tree with another root than the hash of nothing.
    #[error("an empty tree has but one root")]
    EmptyRootDiffers,
    /// Another log's checkpoint.
    #[error("the checkpoint is of another log")]
    OriginDiffers,
    /// Signed, but only by a key that had handed over before the log was so large (LOG-19).
    #[error("the head is signed by a key that had been handed over before it")]
    RetiredKey,
    /// Keys that contradict themselves: no key of the log, the wrong kinds, one key under two names.
    #[error("the keys name a log's signing keys and its witnesses' cosigning keys, each once")]
    MisfitKeys,
}

/// The origin of a node's log, which is its key's name as well: `tacit.log/` and 16 hex digits of its id.
pub fn origin(node: &PartnerId) -> String {
    let digits = node.to_string();
    format!("tacit.log/{}", &digits[..16])
}

/// A log's head: how many records, and the root over them. `Display` writes the note's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Its root.
    pub root: TreeHash,
    /// Lines that other logs may add. They are signed, and say nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A head without extension lines, as our logs have it.
    pub fn new(origin: &str, size: u64, root: TreeHash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    ///
    /// Anything that `Display` would not write in these very bytes.
    pub fn parse(text: &str) -> Result<Self, CheckpointFault> {
        let text = text.strip_suffix('\n').ok_or(CheckpointFault::MalformedLines)?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointFault::MalformedLines);
        let (origin, size, root) = (line()?, line()?, line()?);
        if origin.len() > LONGEST_NAME {
            return Err(CheckpointFault::MalformedLines);
        }
        let size =
            decimal(size).filter(|size| *size <= LARGEST_TREE).ok_or(CheckpointFault::MalformedSize)?;
        let root: TreeHash = root.parse()?;
        if size == 0 && root != TreeHash::EMPTY {
            return Err(CheckpointFault::EmptyRootDiffers);
        }
        let extensions: Vec<String> = lines.take(MOST_EXTENSIONS + 1).map(str::to_owned).collect();
        if extensions.len() > MOST_EXTENSIONS || extensions.iter().any(String::is_empty) {
            return Err(CheckpointFault::MalformedLines);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// How `later`, of the same log, stands to this head, without a proof.
    pub fn standing(&self, later: &Self) -> Standing {
        if self.origin != later.origin {
            Standing::AnotherLog
        } else if self.size == later.size {
            if self.root == later.root { Standing::Same } else { Standing::Forked }
        } else if later.size > self.size {
            Standing::Grown
        } else {
            Standing::RolledBack
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// How one head stands to an earlier seen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The same tree.
    Same,
    /// A larger tree; whether it begins with the earlier one takes a consistency proof.
    Grown,
    /// A smaller tree: an older copy of the log is in use, or somebody is shown an old one.
    RolledBack,
    /// One size and two roots: the log has signed two histories.
    Forked,
    /// Another log's head.
    AnotherLog,
}

/// Reads a decimal number in its one spelling.
pub(super) fn decimal(digits: &str) -> Option<u64> {
    let plain =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// Whether a note may hold a checkpoint: one with a blank line in its text would let the end of what stands before it in
/// a request or receipt be shifted.
pub(super) fn is_checkpoint_like(note: &Note) -> bool {
    !note.text().contains("\n\n") && !note.text().starts_with('\n')
}

/// A head and the note it came in, signed by the log: the only way to one from bytes is
/// [`Keys::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    head: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs a head as the log's owner. The caller never signs two heads of one size, or a smaller one later.
    ///
    /// # Errors
    ///
    /// As [`Note::sign`]; a head that would not be read back.
    pub fn sign(
        head: Checkpoint,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, CheckpointFault> {
        let text = head.to_string();
        if Checkpoint::parse(&text)? != head {
            return Err(CheckpointFault::MalformedLines);
        }
        Ok(Self { note: Note::sign(&text, key, sign)?, head })
    }

    /// The head.
    pub const fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// The note, for writing it out.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Puts a witness's line there after verifying it, in the place of an earlier one; gives its time.
    ///
    /// # Errors
    ///
    /// A line that is not a valid cosignature by `witness`.
    pub fn add_cosignature(
        &mut self,
        line: Signature,
        witness: &VerifierKey,
    ) -> Result<u64, CheckpointFault> {
        if !line.claims(witness) {
            return Err(NoteFault::NotSignedBy.into());
        }
        let time = cosignature::verify(self.note.text(), witness, &line)?;
        if self.note.by(witness)?.and_then(|before| before.time).is_none_or(|before| before <= time) {
            self.note.put(line)?;
        }
        Ok(time)
    }

    /// A cosignature of this head by `witness`, at `time` in seconds since 1970.
    ///
    /// For witnesses, who have it from [`witness::Accepted`](super::witness::Accepted) once they have stored it.
    pub(super) fn cosign(
        &self,
        witness: &VerifierKey,
        time: u64,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Signature, NoteFault> {
        cosignature::sign(self.note.text(), witness, time, sign)
    }
}

/// A witness's key, and who that is to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessKey {
    /// The name that people know it under.
    pub who: String,
    /// Its key, of kind [`SignatureKind::Cosignature`].
    pub key: VerifierKey,
}

/// Whom to believe about one log: `keys.json` of an export. An auditor has it from somewhere else than the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Which log.
    pub origin: String,
    /// The keys that may sign its heads; more than one after a rotation.
    pub log: Vec<VerifierKey>,
    /// The partners, and whoever else cosigns; a partner whose key was handed over stands here with each of them.
    pub witnesses: Vec<WitnessKey>,
    /// How one key of the log follows another. Without them every key of the log may sign every head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<Handover>,
}

/// A witness that has cosigned, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cosigned {
    /// The name that people know it under.
    pub who: String,
    /// Seconds since 1970, by the witness's clock.
    pub time: u64,
}

impl Keys {
    /// The log's keys, each for as long as it is in force.
    ///
    /// # Errors
    ///
    /// A key under which anybody could sign.
    pub fn of(lineage: &Lineage, witnesses: Vec<WitnessKey>) -> Result<Self, NoteFault> {
        Ok(Self {
            origin: origin(&lineage.node()),
            log: lineage.verifier_keys(SignatureKind::Ed25519)?,
            witnesses,
            handovers: lineage.handovers().to_vec(),
        })
    }

    /// The same, with the hand-overs of `other` that go on where these end: each is signed by the key before it, so
    /// whoever believes the one may believe the next (LOG-18).
    #[must_use]
    pub fn extended(mut self, other: &[Handover]) -> Self {
        for handover in other {
            if self.log.last() == Some(handover.old()) && !self.log.contains(handover.new_key()) {
                self.log.push(handover.new_key().clone());
                self.handovers.push(handover.clone());
            }
        }
        self
    }

    /// Refuses keys under which a head would seem better attested than it is: cosignatures do not bind the witness's
    /// name, so one key under two names would count twice, and the log's own key is no witness of it.
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::MisfitKeys`].
    pub fn check(&self) -> Result<(), CheckpointFault> {
        let witnesses = || self.witnesses.iter().map(|witness| &witness.key);
        let kinds = self.log.iter().all(|key| key.kind() == SignatureKind::Ed25519)
            && witnesses().all(|key| key.kind() == SignatureKind::Cosignature);
        let mut all: Vec<_> = self.log.iter().chain(witnesses()).map(VerifierKey::public).collect();
        all.sort_unstable();
        let once = all.windows(2).all(|pair| pair[0] != pair[1]);
        // LOG-18: with hand-overs, the keys are those that they lead through, and no others.
        let linked = |(handover, keys): (&Handover, &[VerifierKey])| {
            keys == [handover.old().clone(), handover.new_key().clone()]
                && handover.old().name() == self.origin
                && self.handovers[0].node() == handover.node()
        };
        let chained = self.handovers.is_empty()
            || self.log.len() == self.handovers.len() + 1
                && self.handovers.iter().zip(self.log.windows(2)).all(linked);
        if kinds && once && chained && !self.log.is_empty() {
            Ok(())
        } else {
            Err(CheckpointFault::MisfitKeys)
        }
    }

    /// Reads and verifies a signed head: its origin, that a key of the log has signed it, and that no line of any key
    /// known here is false.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn open(&self, bytes: &[u8]) -> Result<SignedCheckpoint, CheckpointFault> {
        self.accept(Note::parse(bytes)?)
    }

    /// As [`open`](Self::open), for a note that is read already.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn accept(&self, note: Note) -> Result<SignedCheckpoint, CheckpointFault> {
        self.check()?;
        if note.text().split('\n').next() != Some(&self.origin) {
            return Err(CheckpointFault::OriginDiffers);
        }
        let mut newest = None;
        for (index, key) in self.log.iter().enumerate() {
            newest = note.by(key)?.map(|_| index).or(newest);
        }
        let Some(newest) = newest else { return Err(NoteFault::NotSignedBy.into()) };
        for witness in &self.witnesses {
            note.by(&witness.key)?;
        }
        let head = Checkpoint::parse(note.text())?;
        // LOG-19: by then the log had handed over, so this is somebody who found the old key.
        let after = self.handovers.iter().skip(newest);
        if after.map(Handover::size).min().is_some_and(|handed_over| head.size >= handed_over) {
            return Err(CheckpointFault::RetiredKey);
        }
        Ok(SignedCheckpoint { head, note })
    }

    /// The newest key of the log that has signed a head, by its place in [`log`](Self::log).
    pub fn signer(&self, checkpoint: &SignedCheckpoint) -> Option<usize> {
        self.log.iter().rposition(|key| matches!(checkpoint.note.by(key), Ok(Some(_))))
    }

    /// Who has cosigned a head, in the order of the keys; of several times of one witness the newest.
    ///
    /// # Errors
    ///
    /// A line of a known witness that does not verify.
    pub fn cosigned(&self, checkpoint: &SignedCheckpoint) -> Result<Vec<Cosigned>, CheckpointFault> {
        let mut found: Vec<(&str, Cosigned)> = Vec::new();
        for witness in &self.witnesses {
            if let Some(time) = checkpoint.note.by(&witness.key)?.and_then(|signed| signed.time) {
                // LOG-20: a witness that has handed its key over is one witness still.
                match found.iter_mut().find(|(name, _)| *name == witness.key.name()) {
                    Some((_, known)) => known.time = known.time.max(time),
                    None => {
                        found.push((witness.key.name(), Cosigned { who: witness.who.clone(), time }));
                    }
                }
            }
        }
        Ok(found.into_iter().map(|(_, cosigned)| cosigned).collect())
    }
}

#[cfg(test)]
mod tests;
