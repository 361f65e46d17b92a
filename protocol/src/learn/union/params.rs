//! What both ends of a run agree on before the first message, and what each adds for itself.

use crate::{
    ids::{ContractId, SessionId},
    ristretto::Domain,
    session::Abort,
    transcript::Transcript,
    wire::{Limits, envelope, limits::LARGEST},
};

/// Items in a chunk unless said otherwise: 512 KiB of points.
pub const CHUNK_ITEMS: u32 = 16_384;

/// Bytes of a chunk message beside its points: tag 4, role 4, index 4, length 8.
pub(super) const CHUNK_OVERHEAD: usize = 4 + 4 + 4 + 8;

/// Items that a message and its envelope have room for.
const LARGEST_CHUNK: u32 = ((LARGEST - envelope::OVERHEAD - CHUNK_OVERHEAD) / 32) as u32;

/// The protocol's name and version, in every hash this protocol makes (UNION-01).
pub(super) const NAME: &str = "tacit union/1";

/// RFC 9380 §3.1 asks for a tag that names application, version and suite; contract and session follow it.
const DST: &[u8] = b"TACIT-UNION-V01-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// What both ends of a run agree on before the first message. Caps are the end's own, counted with dummies:
/// an end brings its customers, [`Padding::alone`] dummies and twice the pool.
#[derive(Debug, Clone)]
pub struct Params {
    session: SessionId,
    contract: ContractId,
    max_own: u32,
    max_peer: u32,
    pool: u32,
    least: u32,
    chunk_items: u32,
}

/// The dummies that this end draws for itself, by `noise::DummyCount`; secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Padding {
    /// That only this end brings: they hide how many customers it has.
    pub alone: u32,
    /// That both ends bring: they hide from the other how many are in common. At most the pool.
    pub shared: u32,
}

impl Params {
    /// `pool` is what [`Padding::shared`] is at most: `DummyCount::bound` of the distribution from which *both* ends
    /// draw it, whose mean is half of that (0: the number in common is told as it is). `least` is how many this end
    /// wants to have in common, by its estimate, or it ends the run (0: any number). Chunks have [`CHUNK_ITEMS`].
    pub const fn new(
        session: SessionId,
        contract: ContractId,
        max_own: u32,
        max_peer: u32,
        pool: u32,
        least: u32,
    ) -> Self {
        Self { session, contract, max_own, max_peer, pool, least, chunk_items: CHUNK_ITEMS }
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

    /// How long a message of this run may be: one chunk of points (UNION-11).
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

    pub(super) const fn pool(&self) -> u32 {
        self.pool
    }

    pub(super) const fn least(&self) -> u32 {
        self.least
    }

    pub(super) const fn chunk_items(&self) -> u32 {
        self.chunk_items
    }

    /// H, the hash to the group (UNION-01).
    pub(super) fn domain(&self) -> Domain {
        Domain::new(&[DST, self.contract.as_bytes(), self.session.as_bytes()].concat())
    }

    /// Everything both ends must have in common (UNION-12).
    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        transcript.absorb("session", self.session.as_bytes());
        transcript.absorb("contract", self.contract.as_bytes());
        transcript.absorb("pool", &self.pool.to_le_bytes());
        transcript.absorb("chunk items", &self.chunk_items.to_le_bytes());
    }
}
