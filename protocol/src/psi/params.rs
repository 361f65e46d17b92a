//! What both ends of a run agree on before the first message.

use sha2::{Digest, Sha256};

use super::tags::Tagger;
use crate::{
    ids::{ContractId, SessionId},
    ristretto::Domain,
    session::Abort,
    transcript::Transcript,
    wire::{Limits, envelope, limits::LARGEST},
};

/// Items in a chunk unless said otherwise: 512 KiB of points, well under a second of one core.
pub const CHUNK_ITEMS: u32 = 16_384;

/// Bytes of a chunk message beside its items: tag 4, index 4, length 8.
pub(super) const CHUNK_OVERHEAD: usize = 4 + 4 + 8;

/// Items that a message and its envelope have room for.
const LARGEST_CHUNK: u32 = ((LARGEST - envelope::OVERHEAD - CHUNK_OVERHEAD) / 32) as u32;

/// The protocol's name and version, in every hash this protocol makes (PSI-01).
pub(super) const NAME: &str = "tacit psi/1";

/// RFC 9380 §3.1 asks for a tag that names application, version and suite; session and contract follow it.
const DST: &[u8] = b"TACIT-PSI-V01-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// What both ends of a run agree on before the first message. Caps are the end's own: what the contract
/// lets it bring, and what it lets the peer bring, both counted with dummies.
#[derive(Debug, Clone)]
pub struct Params {
    session: SessionId,
    contract: ContractId,
    max_own: u32,
    max_peer: u32,
    chunk_items: u32,
}

impl Params {
    /// With chunks of [`CHUNK_ITEMS`].
    pub const fn new(session: SessionId, contract: ContractId, max_own: u32, max_peer: u32) -> Self {
        Self { session, contract, max_own, max_peer, chunk_items: CHUNK_ITEMS }
    }

    /// Chunks of `items` items; both ends must choose alike.
    ///
    /// # Errors
    /// [`Abort::ChunkSize`] when that is 0, or more than a message can hold.
    pub fn with_chunk_items(self, items: u32) -> Result<Self, Abort> {
        if items == 0 || items > LARGEST_CHUNK {
            return Err(Abort::ChunkSize);
        }
        Ok(Self { chunk_items: items, ..self })
    }

    /// How long a message of this run may be: one chunk of points (PSI-11).
    pub const fn limits(&self) -> Limits {
        Limits::new(CHUNK_OVERHEAD + 32 * self.chunk_items as usize)
    }

    /// The session this run is.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    pub(super) const fn max_own(&self) -> u32 {
        self.max_own
    }

    pub(super) const fn max_peer(&self) -> u32 {
        self.max_peer
    }

    pub(super) const fn chunk_items(&self) -> u32 {
        self.chunk_items
    }

    /// H₁, the hash to the group (PSI-01).
    pub(super) fn domain(&self) -> Domain {
        Domain::new(&[DST, self.contract.as_bytes(), self.session.as_bytes()].concat())
    }

    /// H₂, the hash to tags (PSI-01, PSI-02), for the two announced sizes.
    pub(super) fn tagger(&self, receiver: u32, sender: u32) -> Tagger {
        let mut context = Transcript::new(NAME);
        self.absorb_into(&mut context);
        // One whole block of SHA-256, so that its work is done once for all items.
        let label = Sha256::digest(b"tacit psi/1 tag");
        Tagger::new(&[label.into(), context.hash()], receiver, sender)
    }

    /// Everything both ends must have in common (PSI-12).
    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        transcript.absorb("session", self.session.as_bytes());
        transcript.absorb("contract", self.contract.as_bytes());
        transcript.absorb("chunk items", &self.chunk_items.to_le_bytes());
    }
}
