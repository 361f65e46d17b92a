//! Shared bits carried from one table's places to another's, along a way that one end alone knows.
//!
//! With several match keys a row stands in a bin of each key's table, and only the Seeker knows in which. What
//! is known of a row after one table (has it matched?) is XOR-shared bin by bin; here it comes to the bins of
//! the next table. What that is there against: a Holder that sees two places of one row would learn which of
//! its items belong to one customer of the Seeker's, and a Seeker that sees a bit would learn who matched.
//!
//! An oblivious switching network (Mohassel and Sadeghian, *How to Hide Circuits in MPC*, EUROCRYPT 2013): the Seeker knows which of the network's switches cross, the Holder masks every wire, and one
//! 1-of-2 transfer of two bits a switch turns the masks of its inputs into those of its outputs. Rules JOIN-70
//! … and the leakage statement are in `docs/protocols/join-permute.md`.
//!
//! ```text
//!   Seeker  sources, then its shares                    Holder  its shares
//!      message(0), message(1), …  ───── controls ────►
//!                                 ◄──── changes ─────   answer(0), answer(1), …
//!      open(0), open(1), …
//!      shares                                           shares
//! ```
//!
//! The Seeker's messages wait for nothing but the tables; all answers may follow in one go. So it is one
//! round trip, in batches of bounded size.

mod controls;
mod holder;
mod network;
mod seeker;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use holder::HolderRoute;
use network::Network;
pub use seeker::SeekerRoute;

/// Switches of a batch: 256 KiB from the Seeker, 16 KiB back.
pub const BATCH_SWITCHES: usize = 1 << 16;

/// A place of the next table whose bit is of no interest (JOIN-72).
pub const NOWHERE: u32 = u32::MAX;

/// Most places of a table. With 2³¹ wires every number below stays in 64 bits and every batch's in 32.
const MOST_PLACES: usize = 1 << 31;

/// Bytes that the choice of one switch takes on the wire.
const MESSAGE_BYTES: usize = 4;

/// Our own end was given what cannot be carried out. Nothing here is the peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermuteError {
    /// A table has more than 2³¹ places.
    #[error("a table of {places} places is too large to be carried over")]
    TooManyPlaces { places: usize },
    /// A batch has no switch, or more than its number on the wire can tell.
    #[error("a batch of {switches} switches is of no use")]
    BatchSize { switches: usize },
    /// There are more or fewer shares, or sources, than places.
    #[error("{places} places, {given} given")]
    PlacesDiffer { places: usize, given: usize },
    /// A place that the table does not have.
    #[error("a source is outside the table")]
    SourceOutside,
    /// A place from which two places would take.
    #[error("two places have the same source")]
    SourceTaken,
    /// Batches are still due.
    #[error("{answered} of {batches} batches are answered")]
    Unfinished { answered: u32, batches: u32 },
}

/// The public side of it: sizes, and what follows from them (JOIN-70). The same at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    from: usize,
    to: usize,
    batch_switches: usize,
    network: Network,
    switches: usize,
}

impl Plan {
    /// From a table of `from` places to one of `to`. The network has as many wires as the larger.
    ///
    /// # Errors
    /// [`PermuteError::TooManyPlaces`] above 2³¹ places.
    pub const fn new(from: usize, to: usize) -> Result<Self, PermuteError> {
        let places = if from > to { from } else { to };
        if places > MOST_PLACES {
            return Err(PermuteError::TooManyPlaces { places });
        }
        let network = Network::new(places);
        Ok(Self { from, to, batch_switches: BATCH_SWITCHES, network, switches: network.switches() })
    }

    /// The same with another size of batch, for tests and for narrow links.
    ///
    /// # Errors
    /// [`PermuteError::BatchSize`] for none, and for so many that a message would be 2³² bytes.
    pub const fn with_batch_switches(self, switches: usize) -> Result<Self, PermuteError> {
        if switches == 0 || switches >= 1 << 30 || self.switches / switches >= u32::MAX as usize {
            return Err(PermuteError::BatchSize { switches });
        }
        Ok(Self { batch_switches: switches, ..self })
    }

    /// Switches, one transfer each: n·⌈log₂ n⌉ − 2^⌈log₂ n⌉ + 1 for n places of the larger table.
    pub const fn switches(&self) -> usize {
        self.switches
    }

    /// Batches, numbered from 0; none for a single place.
    pub const fn batches(&self) -> u32 {
        self.switches.div_ceil(self.batch_switches) as u32
    }

    /// Bytes of the Seeker's message of this batch.
    pub fn message_bytes(&self, batch: u32) -> usize {
        self.batch(batch).len() * MESSAGE_BYTES
    }

    /// Bytes of the Holder's answer to this batch.
    pub fn answer_bytes(&self, batch: u32) -> usize {
        self.batch(batch).len().div_ceil(4)
    }

    /// The numbers of a batch's switches.
    fn batch(&self, batch: u32) -> Range<usize> {
        let start = (batch as usize * self.batch_switches).min(self.switches);
        start..(start + self.batch_switches).min(self.switches)
    }
}

/// Two bits of a packed list, four pairs a byte.
const fn pair(packed: &[u8], at: usize) -> u8 {
    packed[at / 4] >> (2 * (at % 4)) & 3
}

/// The two lowest bits of each byte, four pairs a byte, the spare ones zero.
fn pack(pairs: &[u8]) -> Vec<u8> {
    let four = |pairs: &[u8]| pairs.iter().rev().fold(0, |packed, pair| packed << 2 | (pair & 3));
    pairs.chunks(4).map(four).collect()
}
