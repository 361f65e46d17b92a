//! What survives a killed node between counting and opening: this end's shares, and what the peer committed to.
//!
//! The attack this stops: noise protects one opening. A peer that has learned the counts, says that it lost everything and
//! counts again with a row changed, or just again, has two under two noises, and after many the counts themselves. So
//! what is about to be opened is durable at both ends first, and after a cut it is this that is opened (LEARNV-63).

use std::fmt;

use zeroize::Zeroizing;

use super::super::{params::Party, state::MalformedState};

/// This end's shares of the counts. **Secret** until they are opened: without noise the peer's are the rest of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Tallied {
    pub(super) party: Party,
    pub(super) terms: [u8; 32],
    /// Whether this end was about to open, or has.
    pub(super) opened: bool,
    pub(super) nonce: [u8; 32],
    /// The peer's commitment.
    pub(super) commitment: [u8; 32],
    pub(super) shares: Zeroizing<Vec<u64>>,
}

impl fmt::Debug for Tallied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tallied({})", self.party.name())
    }
}

impl Tallied {
    /// As bytes: part, whether opened, terms, nonce, commitment, shares.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Vec::with_capacity(98 + 8 * self.shares.len());
        bytes.extend_from_slice(&[self.party as u8, self.opened.into()]);
        for part in [&self.terms, &self.nonce, &self.commitment] {
            bytes.extend_from_slice(part);
        }
        self.shares.iter().for_each(|share| bytes.extend_from_slice(&share.to_le_bytes()));
        Zeroizing::new(bytes)
    }

    /// Reads [`to_bytes`](Self::to_bytes) back.
    ///
    /// # Errors
    /// [`MalformedState`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedState> {
        let (head, rest) = bytes.split_first_chunk::<98>().ok_or(MalformedState)?;
        let part = |at: usize| std::array::from_fn(|byte| head[at + byte]);
        let party = match head[0] {
            0 => Party::Label,
            1 => Party::Features,
            _ => return Err(MalformedState),
        };
        let (shares, []) = rest.as_chunks::<8>() else { return Err(MalformedState) };
        if head[1] > 1 {
            return Err(MalformedState);
        }
        Ok(Self {
            party,
            opened: head[1] == 1,
            terms: part(2),
            nonce: part(34),
            commitment: part(66),
            shares: Zeroizing::new(shares.iter().map(|share| u64::from_le_bytes(*share)).collect()),
        })
    }
}
