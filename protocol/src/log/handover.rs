//! A node's signing key hands over to the next (LOG-17 to LOG-20).
//!
//! The attack it stops: a key that somebody else announces, and a retired key that goes on signing. A hand-over is a
//! signed note (c2sp.org/signed-note) under the key that goes and the one that comes; it stands in the log, as the
//! record whose number it names, and no head of that size or beyond is signed by the key that went. The node's id stays
//! the hash of its first key: whoever knows that id, and has the notes in between, knows the key of today.
//!
//! ```text
//!   tacit.handover/1
//!   tacit.log/0123456789abcdef            the log, and the name of all its keys
//!   0123456789abcdef…                     the node, in full
//!   812                                   the record that this note stands in
//!   tacit.log/0123…+1a2b3c4d+AQ…          the key that goes
//!   tacit.log/0123…+5e6f7a8b+AQ…          the key that comes
//!
//!   — tacit.log/0123456789abcdef Gis8…    by the one
//!   — tacit.log/0123456789abcdef Xm96…    by the other
//! ```

mod succession;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    checkpoint::{decimal, origin},
    merkle::LARGEST_TREE,
    note::{Note, NoteFault, SignatureKind, VerifierKey},
};
use crate::ids::PartnerId;

pub use succession::Succession;

const FORMAT: &str = "tacit.handover/1";

/// The most hand-overs of one node: so many fit into a card and a hello.
pub const MOST_HANDOVERS: usize = 16;

/// What is wrong with a hand-over, or with a chain of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandoverFault {
    /// The note it stands in; a signature of one of its two keys among it.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// Not of the format.
    #[error(
        "a hand-over has a log, a node, a record's number, the old key and the new one, each on its line"
    )]
    Malformed,
    /// Its log, its node or its keys' names do not belong together.
    #[error("the hand-over is of another node")]
    NodeDiffers,
    /// It was not signed by the key that was in force, or does not begin with it.
    #[error("the hand-over is not by the key that was in force")]
    NotByOldKey,
    /// It stands in another record than it names.
    #[error("the hand-over belongs into another record")]
    Elsewhere,
    /// A key that has been used before.
    #[error("a key that was handed over does not come back")]
    KeyTwice,
    /// More than [`MOST_HANDOVERS`].
    #[error("a node hands its key over {MOST_HANDOVERS} times at most")]
    TooMany,
}

/// One hand-over. Whichever way it came here, both its keys have signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    node: PartnerId,
    size: u64,
    old: VerifierKey,
    new: VerifierKey,
    note: Note,
}

impl Handover {
    /// Makes the hand-over that is to stand in record `size`, signed by both keys.
    ///
    /// # Errors
    ///
    /// Keys of another node's log, or signatures that they do not verify.
    pub fn sign(
        node: PartnerId,
        size: u64,
        (old, by_old): (&VerifierKey, impl FnOnce(&[u8]) -> [u8; 64]),
        (new, by_new): (&VerifierKey, impl FnOnce(&[u8]) -> [u8; 64]),
    ) -> Result<Self, HandoverFault> {
        let text = format!("{FORMAT}\n{}\n{node}\n{size}\n{old}\n{new}\n", origin(&node));
        let mut note = Note::sign(&text, old, by_old)?;
        for line in Note::sign(&text, new, by_new)?.signatures() {
            note.put(line.clone())?;
        }
        Self::of(note)
    }

    /// Reads and verifies one.
    ///
    /// # Errors
    ///
    /// Anything that `Display` would not write in these very bytes; a signature that is missing or false.
    pub fn parse(bytes: &[u8]) -> Result<Self, HandoverFault> {
        Self::of(Note::parse(bytes)?)
    }

    fn of(note: Note) -> Result<Self, HandoverFault> {
        let malformed = HandoverFault::Malformed;
        let mut lines = note.text().strip_suffix('\n').ok_or(malformed)?.split('\n');
        let mut line = || lines.next().ok_or(malformed);
        let (format, log, node, size) = (line()?, line()?, line()?, line()?);
        let (old, new): (VerifierKey, VerifierKey) = (line()?.parse()?, line()?.parse()?);
        let (id, size): (PartnerId, u64) =
            (node.parse().map_err(|_| malformed)?, decimal(size).ok_or(malformed)?);
        if format != FORMAT || lines.next().is_some() || id.to_string() != node {
            return Err(malformed);
        }
        // The first record of a log opens it.
        if !(2..=LARGEST_TREE).contains(&size) {
            return Err(malformed);
        }
        let of_log = |key: &VerifierKey| key.name() == log && key.kind() == SignatureKind::Ed25519;
        if log != origin(&id) || !of_log(&old) || !of_log(&new) {
            return Err(HandoverFault::NodeDiffers);
        }
        if old.public() == new.public() {
            return Err(HandoverFault::KeyTwice);
        }
        // LOG-17: the old key vouches for the new one, and the new one agrees: nobody's key is taken into a node's
        // line without it.
        if note.signatures().len() != 2 || note.by(&old)?.is_none() {
            return Err(HandoverFault::NotByOldKey);
        }
        if note.by(&new)?.is_none() {
            return Err(NoteFault::NotSignedBy.into());
        }
        Ok(Self { node: id, size, old, new, note })
    }

    /// Whose it is.
    pub const fn node(&self) -> PartnerId {
        self.node
    }

    /// The record that it stands in, from 1: the old key signs no head of so many records or more.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The key that goes.
    pub const fn old(&self) -> &VerifierKey {
        &self.old
    }

    /// The key that comes.
    pub const fn new_key(&self) -> &VerifierKey {
        &self.new
    }
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for Handover {
    type Err = HandoverFault;

    fn from_str(text: &str) -> Result<Self, HandoverFault> {
        Self::parse(text.as_bytes())
    }
}

impl Serialize for Handover {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Handover {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The line of a node's signing keys: the first, whose hash is the node's id, and the hand-overs since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    first: [u8; 32],
    handovers: Vec<Handover>,
}

impl Lineage {
    /// Of a node that has its first key still.
    pub const fn of(first: [u8; 32]) -> Self {
        Self { first, handovers: Vec::new() }
    }

    /// The line from a first key (LOG-18).
    ///
    /// # Errors
    ///
    /// A hand-over of another node, by another key than the one in force, or to a key that was there before.
    pub fn new(first: [u8; 32], handovers: Vec<Handover>) -> Result<Self, HandoverFault> {
        let mut lineage = Self::of(first);
        for handover in handovers {
            lineage = lineage.then(handover)?;
        }
        Ok(lineage)
    }

    /// The line that ends with `current`; without hand-overs, that key is the first.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), or the line ends with another key.
    pub fn ending(current: [u8; 32], handovers: Vec<Handover>) -> Result<Self, HandoverFault> {
        let first = handovers.first().map_or(current, |handover| *handover.old.public());
        let lineage = Self::new(first, handovers)?;
        if *lineage.current() == current { Ok(lineage) } else { Err(HandoverFault::NotByOldKey) }
    }

    /// With one hand-over more.
    ///
    /// # Errors
    ///
    /// It does not follow.
    pub fn then(mut self, handover: Handover) -> Result<Self, HandoverFault> {
        if handover.node != self.node() {
            return Err(HandoverFault::NodeDiffers);
        }
        if handover.old.public() != self.current() {
            return Err(HandoverFault::NotByOldKey);
        }
        if self.has(handover.new.public()) {
            return Err(HandoverFault::KeyTwice);
        }
        if self.handovers.len() == MOST_HANDOVERS {
            return Err(HandoverFault::TooMany);
        }
        self.handovers.push(handover);
        Ok(self)
    }

    /// The node: the SHA-256 of the first key.
    pub fn node(&self) -> PartnerId {
        PartnerId::of_key(&self.first)
    }

    /// The key that it began with.
    pub const fn first(&self) -> &[u8; 32] {
        &self.first
    }

    /// The key in force.
    pub fn current(&self) -> &[u8; 32] {
        self.handovers.last().map_or(&self.first, |handover| handover.new.public())
    }

    /// All keys, the first one first.
    pub fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.first).chain(self.handovers.iter().map(|handover| handover.new.public()))
    }

    /// Whether this is one of its keys, retired or not.
    pub fn has(&self, key: &[u8; 32]) -> bool {
        self.keys().any(|known| known == key)
    }

    /// The hand-overs, the first one first.
    pub fn handovers(&self) -> &[Handover] {
        &self.handovers
    }

    /// Whether it is `older`, or `older` and hand-overs since.
    pub fn continues(&self, older: &Self) -> bool {
        self.first == older.first && self.handovers.starts_with(&older.handovers)
    }

    /// The keys under the log's name, for heads ([`SignatureKind::Ed25519`]) or for cosignatures.
    ///
    /// # Errors
    ///
    /// A first key under which anybody could sign.
    pub fn verifier_keys(&self, kind: SignatureKind) -> Result<Vec<VerifierKey>, NoteFault> {
        let name = origin(&self.node());
        self.keys().map(|key| VerifierKey::new(&name, kind, *key)).collect()
    }
}

#[cfg(test)]
mod tests;
