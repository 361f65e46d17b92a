//! How long everything is, from the terms alone.
//!
//! Both ends hold every message against it (LEARNV-30), so nothing that is said has a length that the data decide; and
//! whoever wants to know what a job costs asks it beforehand.

use super::{
    bfv::{N, Request, Response},
    half::{PRODUCT, Scale},
    message::Stage,
    params::{Linkage, Params, Party},
    presence, sigmoid,
    wrap::{self, Cut},
};
use crate::{
    ot::{ChooserSetup, KeeperSetup},
    wire::Limits,
};

/// Rows of a slab of look-ups, two a block.
pub(super) const SLAB: usize = 4096;
/// Bits after the point of a whitened number times a weight, and of a weight.
const fn fraction(linkage: Linkage) -> u32 {
    match linkage {
        Linkage::Logistic => 54,
        Linkage::Linear => 57,
    }
}

const fn residual_one(linkage: Linkage) -> u64 {
    match linkage {
        Linkage::Logistic => sigmoid::ONE as u64,
        Linkage::Linear => 1 << LINEAR_BITS,
    }
}

/// What a gradient's unit is: a residual of 1 with a whitened number of 1.
pub(super) const fn gradient_one(linkage: Linkage) -> u64 {
    residual_one(linkage) << super::input::UNIT_BITS
}

/// Bits after the point of a score in a scoring session.
pub(super) const SCORE_BITS: u32 = 10;
/// Bits after the point of a residual of the linear model.
pub(super) const LINEAR_BITS: u32 = 10;

/// The inverses of Chebyshev's nodes on [0.15, 2], where the eigenvalues are that a step meets: after four rounds what is
/// left of an error is at most .21, of a part at 2 as of one at 0.15 (Richardson 1910; Young 1954). The longest
/// comes late, for at first λ is largest, and not last, for what it makes of the roundings' noise the short ones halve.
pub(super) const STEPS: [f64; 4] = [0.518_24, 1.386_92, 4.536_96, 0.699_8];

/// What one stage of a job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The stage.
    pub stage: Stage,
    /// Bytes that this end says in it, over all rounds and without envelopes; of the look-ups the half of both ends'.
    pub bytes: u64,
}

impl Params {
    /// LEARNV-06: the logistic score must be below 32, the linear below 4, or it wraps.
    pub(super) const fn scale(&self) -> Scale {
        Scale { fraction: fraction(self.linkage()), reach: 5 }
    }

    /// How the linear score is cut: with noise to below 2, since noise has to be as wide as the largest residual.
    pub(super) const fn cut(&self) -> Cut {
        let reach = if self.agreed().noise.is_some() { 1 } else { 2 };
        Cut { fraction: fraction(self.linkage()), reach, keep: LINEAR_BITS }
    }

    /// How scores are cut before they are opened.
    pub(super) const fn score_cut(&self) -> Cut {
        let reach = match self.linkage() {
            Linkage::Logistic => 5,
            Linkage::Linear => 2,
        };
        Cut { fraction: fraction(self.linkage()), reach, keep: SCORE_BITS }
    }

    /// Bits after the point of a weight.
    pub(super) const fn weight_bits(&self) -> u32 {
        fraction(self.linkage()) - super::input::UNIT_BITS
    }

    /// What stands for a residual of 1.
    pub(super) const fn residual_one(&self) -> u64 {
        residual_one(self.linkage())
    }

    /// By what a round's gradient is multiplied before it is added to the weights: the step 4/n or 1/n, times
    /// [`STEPS`], in a weight's units for a gradient's (LEARNV-21).
    pub(super) fn step(&self, round: u16) -> u64 {
        let bound = match self.linkage() {
            Linkage::Logistic => 4.0,
            Linkage::Linear => 1.0,
        };
        // Longer steps would be steps of noise. Two blocks whitened by noisy moments have eigenvalues of nearly 2, of
        // which the logistic model has some mean of 4p(1 − p).
        let times = match (&self.agreed().noise, self.linkage()) {
            (Some(_), Linkage::Logistic) => 1.0,
            (Some(_), Linkage::Linear) => 0.6,
            (None, _) => STEPS[usize::from(round) % STEPS.len()],
        };
        let unit = (1u64 << super::input::UNIT_BITS) as f64 * self.residual_one() as f64;
        let step = bound * times * (1u64 << self.weight_bits()) as f64 / (f64::from(self.counted()) * unit);
        (step.round() as u64).max(1)
    }

    pub(super) const fn blocks(&self) -> u32 {
        self.rows().div_ceil(N as u32)
    }

    pub(super) const fn slabs(&self) -> u32 {
        self.rows().div_ceil(SLAB as u32)
    }

    /// Rows of a block.
    pub(super) fn rows_of_block(&self, block: u32) -> usize {
        (self.rows() as usize).saturating_sub(block as usize * N).min(N)
    }

    /// LEARNV-40, how far one customer can move a round's gradient, in its units, rounded up; `columns` are both ends'
    /// with the intercept.
    ///
    /// A row adds r·u to the gradient, u its whitened columns at both ends. At an end with d of them u is no longer than
    /// √d (a whitened row's length, squared, is d on average), so with both no longer than √(d_L + d_F); and r is at most 1
    /// (logistic: a target and a chance, both from 0 to 1) or 3 (linear: a score from −2 to 2 less a target from 0 to 1). A
    /// row that counts as zero takes r·u away: Δ = r·√(d_L + d_F), in units of 2⁻¹² for u and of
    /// 1/127 or 2⁻¹⁰ for r. The same bound holds for the logistic model if one end's part alone counts as zero: the other's part
    /// then moves by the change of r, which is at most 1.
    pub fn sensitivity(linkage: Linkage, columns: u32) -> u64 {
        let largest = match linkage {
            Linkage::Logistic => 1,
            Linkage::Linear => 3,
        };
        let squared = u128::from(largest * gradient_one(linkage)).pow(2) * u128::from(columns);
        let root = squared.isqrt();
        (root + u128::from(root * root < squared)) as u64
    }

    /// How long a message of this job may be.
    pub fn limits(&self) -> Limits {
        let block = N * PRODUCT;
        let slab = SLAB * (sigmoid::BYTES).max(self.cut().bytes()).max(self.score_cut().bytes());
        let setup = Request::BYTES + KeeperSetup::<1>::MESSAGE + ChooserSetup::<1>::MESSAGE;
        Limits::new(
            slab.max(block).max(Request::BYTES).max(Response::bytes(N)).max(setup).max(8 * 4096) + 128,
        )
    }

    /// What an end says in a job's rounds, stage by stage.
    pub fn costs(&self, party: Party) -> Vec<Cost> {
        let rounds = u64::from(self.agreed().rounds);
        let (own, theirs) = (u64::from(self.columns(party)), u64::from(self.columns(party.peer())));
        let blocks = u64::from(self.blocks());
        let rows = u64::from(self.rows());
        let scores: u64 =
            (0..self.blocks()).map(|block| Response::bytes(self.rows_of_block(block)) as u64).sum();
        let row = match self.linkage() {
            Linkage::Logistic => sigmoid::BYTES,
            Linkage::Linear => self.cut().bytes(),
        } as u64;
        let bytes = |stage| match stage {
            Stage::Weights => theirs * Request::BYTES as u64,
            Stage::Scores => scores,
            Stage::Link => rows * row / 2,
            Stage::Presence if self.over().is_none() => 0,
            Stage::Presence => rows * presence::BYTES as u64,
            Stage::Residuals => blocks * Request::BYTES as u64,
            Stage::Gradients => own * Response::bytes(1) as u64,
        };
        Stage::ALL.map(|stage| Cost { stage, bytes: rounds * bytes(stage) }).to_vec()
    }
}

/// One end of a slab's look-ups, of whichever kind.
pub(super) enum Walk {
    SigmoidAsker(sigmoid::Asker),
    SigmoidTeller(sigmoid::Teller),
    CutAsker(wrap::Asker),
    CutTeller(wrap::Teller),
}
