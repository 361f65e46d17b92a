//! What both ends of a run agree on before the first message.

use super::{
    plan,
    shape::{MOST, Shape},
};
use crate::{
    ids::{ContractId, SessionId},
    session::Abort,
    transcript::Transcript,
    wire::Limits,
};

/// The protocol's name and version, in every hash it makes (JOIN-01).
pub(super) const NAME: &str = "tacit join/1";

/// Bins in a slab unless said otherwise.
pub const SLAB_BINS: u32 = 8_192;

/// No end brings more rows to one run than this, so that every count fits u32 with room.
const MOST_ROWS: u32 = 1 << 26;
/// Kinds of match key in one run.
const MOST_KEYS: u32 = 8;

/// Who learns the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Learns {
    /// The end that puts its rows into bins.
    Seeker,
    /// The end that answers for the bins.
    Holder,
    /// Both; then both add noise.
    Both,
}

/// The terms of a run, to be checked by [`Params::new`].
#[derive(Debug, Clone)]
pub struct Agreed {
    /// The session this run is.
    pub session: SessionId,
    /// The contract it runs under.
    pub contract: ContractId,
    /// The hash of the question as both ends read it.
    pub question: [u8; 32],
    /// What is computed.
    pub shape: Shape,
    /// Who learns it.
    pub learns: Learns,
    /// Kinds of match key; of several the first that matches counts.
    pub keys: u32,
    /// For each figure of a cell, the largest magnitude that **one** end's noise can have.
    pub noise: Vec<u64>,
    /// Rows the seeker may announce, with its padding.
    pub max_seeker: u32,
    /// Rows the holder may announce, with its padding.
    pub max_holder: u32,
}

/// What both ends of a run agree on before the first message. The two caps are the end's own view of the contract.
#[derive(Debug, Clone)]
pub struct Params {
    agreed: Agreed,
    slab_bins: u32,
}

impl Params {
    /// Checks that no figure can overflow and that the run can be held in messages.
    ///
    /// # Errors
    /// [`Abort::JoinShape`]: no kind of key or too many, noise that is not of the shape's length, a cap above 2²⁶, or
    /// caps, bounds and noise with which a figure might reach 2⁶².
    pub fn new(agreed: Agreed) -> Result<Self, Abort> {
        let fits = (1..=MOST_KEYS).contains(&agreed.keys)
            && agreed.max_seeker.max(agreed.max_holder) <= MOST_ROWS
            && agreed.noise.len() == agreed.shape.figures_of_a_cell();
        let params = Self { agreed, slab_bins: SLAB_BINS };
        // JOIN-06: refused when planned, so that nothing ever wraps around.
        let most = |params: &Self| params.most(params.agreed.max_seeker, params.agreed.max_holder);
        if !fits || most(&params).iter().any(|&most| most >= MOST.into()) {
            return Err(Abort::JoinShape);
        }
        Ok(params)
    }

    /// Slabs of `bins` bins; both ends must choose alike.
    ///
    /// # Errors
    /// [`Abort::JoinShape`] when that is 0 or above [`SLAB_BINS`].
    pub fn with_slab_bins(self, bins: u32) -> Result<Self, Abort> {
        if bins == 0 || bins > SLAB_BINS {
            return Err(Abort::JoinShape);
        }
        Ok(Self { slab_bins: bins, ..self })
    }

    /// What is computed.
    pub const fn shape(&self) -> &Shape {
        &self.agreed.shape
    }

    /// Who learns it.
    pub const fn learns(&self) -> Learns {
        self.agreed.learns
    }

    /// Kinds of match key.
    pub const fn keys(&self) -> u32 {
        self.agreed.keys
    }

    /// The session this run is.
    pub const fn session(&self) -> SessionId {
        self.agreed.session
    }

    pub(super) const fn max_seeker(&self) -> u32 {
        self.agreed.max_seeker
    }

    pub(super) const fn max_holder(&self) -> u32 {
        self.agreed.max_holder
    }

    pub(super) const fn slab_bins(&self) -> u32 {
        self.slab_bins
    }

    /// Whether this is one end's noise: a share for each figure, within what was agreed (JOIN-47).
    pub(super) fn fits_noise(&self, noise: &[i64]) -> bool {
        let most = self.agreed.noise.iter().cycle();
        noise.len() == self.shape().figures()
            && noise.iter().zip(most).all(|(noise, most)| noise.unsigned_abs() <= *most)
    }

    /// How long a message of this run may be (JOIN-41).
    pub fn limits(&self) -> Limits {
        Limits::new(plan::longest(self))
    }

    /// For each figure of a cell, the largest magnitude that it can have after the opening (JOIN-06, JOIN-46).
    pub(super) fn most(&self, seeker: u32, holder: u32) -> Vec<u128> {
        let rows = u128::from(seeker).min(u128::from(holder) * u128::from(self.agreed.keys));
        let ends = if self.agreed.learns == Learns::Both { 2 } else { 1 };
        let noise = self.agreed.noise.iter().map(|&most| ends * u128::from(most));
        self.agreed
            .shape
            .most_of_a_row()
            .into_iter()
            .zip(noise)
            .map(|(row, noise)| rows.saturating_mul(row).saturating_add(noise))
            .collect()
    }

    /// Everything both ends must have in common (JOIN-01).
    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        let Agreed { session, contract, question, shape, learns, keys, noise, .. } = &self.agreed;
        transcript.absorb("session", session.as_bytes());
        transcript.absorb("contract", contract.as_bytes());
        transcript.absorb("question", question);
        shape.absorb_into(transcript);
        transcript.absorb("learns", &[*learns as u8]);
        transcript.absorb("keys", &keys.to_le_bytes());
        noise.iter().for_each(|most| transcript.absorb("noise", &most.to_le_bytes()));
        transcript.absorb("slab", &self.slab_bins.to_le_bytes());
    }
}
