//! What survives a killed node: the halves of the weights after a round.
//!
//! The attack this is careful about: a state put back from a backup. It carries the hash of the job's terms and the
//! number of its round, both compared with the peer's before anything is computed from it.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    params::{Params, Party},
    share::MASK,
};

/// An end's halves of all weights after a round. **Secret**: with the peer's it gives the model.
#[derive(Clone, PartialEq, Eq)]
pub struct State {
    pub(super) party: Party,
    pub(super) terms: [u8; 32],
    pub(super) round: u16,
    /// Of the weights of this end's columns, and of the peer's.
    pub(super) own: Zeroizing<Vec<u64>>,
    pub(super) theirs: Zeroizing<Vec<u64>>,
}

/// Bytes that are no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a state of this job")]
pub struct MalformedState;

/// A checkpoint could not be kept; the run ends, because a round that is not kept could be said twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state after a round could not be kept")]
pub struct NotKept;

/// Called with the state after each round, before anything of the next is said. Durable when it returns.
pub type Keep = Box<dyn FnMut(&State) -> Result<(), NotKept> + Send>;

impl State {
    /// Nothing learned yet.
    pub fn new(params: &Params, party: Party) -> Self {
        let zeros = |party| Zeroizing::new(vec![0; params.columns(party) as usize]);
        Self { party, terms: params.terms(), round: 0, own: zeros(party), theirs: zeros(party.peer()) }
    }

    /// Rounds that are finished.
    pub const fn round(&self) -> u16 {
        self.round
    }

    /// Whose it is.
    pub const fn party(&self) -> Party {
        self.party
    }

    /// The hash of the terms it belongs to.
    pub const fn terms(&self) -> &[u8; 32] {
        &self.terms
    }

    /// Whether it is one of this job and this end.
    pub(super) fn fits(&self, params: &Params, party: Party) -> bool {
        self.party == party
            && self.terms == params.terms()
            && self.round <= params.agreed().rounds
            && self.own.len() == params.columns(party) as usize
            && self.theirs.len() == params.columns(party.peer()) as usize
    }

    /// As bytes: part, terms, round, and the halves, 8 bytes each.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Vec::with_capacity(43 + 8 * (self.own.len() + self.theirs.len()));
        bytes.push(self.party as u8);
        bytes.extend_from_slice(&self.terms);
        bytes.extend_from_slice(&self.round.to_le_bytes());
        for halves in [&self.own, &self.theirs] {
            bytes.extend_from_slice(&(halves.len() as u32).to_le_bytes());
            halves.iter().for_each(|half| bytes.extend_from_slice(&half.to_le_bytes()));
        }
        Zeroizing::new(bytes)
    }

    /// Reads [`to_bytes`](Self::to_bytes) back.
    ///
    /// # Errors
    /// [`MalformedState`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedState> {
        let mut rest = bytes;
        let party = match take::<1>(&mut rest)? {
            [0] => Party::Label,
            [1] => Party::Features,
            _ => return Err(MalformedState),
        };
        let terms = *take::<32>(&mut rest)?;
        let round = u16::from_le_bytes(*take(&mut rest)?);
        let mut halves = || {
            let count = u32::from_le_bytes(*take(&mut rest)?);
            let mut halves = Zeroizing::new(Vec::new());
            for _ in 0..count {
                let half = u64::from_le_bytes(*take(&mut rest)?);
                if half > MASK {
                    return Err(MalformedState);
                }
                halves.push(half);
            }
            Ok(halves)
        };
        let (own, theirs) = (halves()?, halves()?);
        if rest.is_empty() { Ok(Self { party, terms, round, own, theirs }) } else { Err(MalformedState) }
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], MalformedState> {
    let (taken, left) = rest.split_first_chunk().ok_or(MalformedState)?;
    *rest = left;
    Ok(taken)
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} after round {})", self.party.name(), self.round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_form_and_prints_no_half() {
        let state = State {
            party: Party::Features,
            terms: [7; 32],
            round: 3,
            own: Zeroizing::new(vec![1, MASK]),
            theirs: Zeroizing::new(vec![5]),
        };
        let bytes = state.to_bytes();
        assert_eq!(State::from_bytes(&bytes), Ok(state.clone()));
        assert_eq!(format!("{state:?}"), "State(features after round 3)");
        for end in 0..bytes.len() {
            assert_eq!(State::from_bytes(&bytes[..end]), Err(MalformedState));
        }
        assert!(State::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}
