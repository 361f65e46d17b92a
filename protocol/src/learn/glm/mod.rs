//! Generalised linear models from sums: what a round adds up, what it may be at most, what it costs, and the step
//! that follows from it.
//!
//! Averaging weights that were fitted apart is wrong by as much as the partners differ. The sums of second order,
//! X'WX and X'(y − μ), are the same numbers whether rows are pooled or not; so the joint model is the central one
//! after a handful of Newton's steps, however skewed the partners are (LEARNH-02).
//!
//! The attack: one trainer sends numbers that no rows have, to pull the model or to make a sum overflow. So every
//! entry has a public bound that follows from the bounds of the encoding, checked on one's own statistics before
//! they are masked and on the sum afterwards (LEARNH-03); and one row's share is at most what its clipped norm
//! allows, which is also what the noise is priced by (LEARNH-20).
//!
//! ```text
//!   Terms (public) ──► Plan ──► shape of each round, price
//!   Plan + Design + targets ──► Rows (checked, clipped)
//!   Fit + Rows ──► statistics ──(summed by horizontal)──► Fit::step ──► Fit of the next round
//!   finished Fit + held-out Rows ──► Review ──(summed likewise)──► Reviewed: histograms of its scores
//! ```
//!
//! Everything in [`Fit::step`] is IEEE 754 addition, subtraction, multiplication, division and square root in a
//! fixed order: all nodes have the same weights, bit by bit (LEARNH-04). Exponentials occur only in a node's own
//! statistics.

mod fit;
mod plan;
mod review;
mod rows;
mod solve;
mod spread;
mod statistics;

pub use fit::Fit;
pub use plan::{FRACTION, Noise, Plan, Price, Terms};
pub use review::{Asked, HeldOut, Review, Reviewed};
pub use rows::Rows;

/// What the target is and how the score becomes its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The score itself; targets in [0, 1].
    Linear,
    /// 1/(1 + e^−score); targets 0 and 1.
    Logistic,
    /// e^score; counts from 0 to `most`.
    Poisson { most: u32 },
}

impl Family {
    /// The mean that a score stands for.
    pub fn mean(self, score: f64) -> f64 {
        match self {
            Self::Linear => score,
            Self::Logistic => 1.0 / (1.0 + (-score).exp()),
            Self::Poisson { most } => score.exp().min(f64::from(most) * plan::ABOVE),
        }
    }
}

/// Why there is no such model, or no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// No column, or more than 512.
    #[error("a model has between 1 and 512 columns, {0} were asked for")]
    Columns(usize),
    /// No round, or more than 100.
    #[error("a model is trained in 1 to 100 rounds")]
    RoundsOutOfRange,
    /// The penalty is negative, infinite or no number.
    #[error("the penalty must be a number from 0 to 10^9")]
    Penalty,
    /// Fewer trainers than the protocol has, or more.
    #[error("{0} trainers cannot train together")]
    Trainers(usize),
    /// A sum could pass 2⁶².
    #[error("so many rows of such bounds could overflow the sum")]
    MayOverflow,
    /// The bound of a row's norm is 0 or above 64.
    #[error("the norm of a row must be limited to more than 0 and at most 64")]
    Clip,
    /// No trainer's noise would be left after those who may drop out or collude.
    #[error("nobody would be left whose noise protects")]
    NoiseAlone,
    /// There is no noise of this price.
    #[error("there is no such noise")]
    Noise(#[source] crate::noise::NoiseError),
    /// A last round that cannot be: no labels, no bins, too many groups, or figures by trainer without noise.
    #[error("there is no such evaluation of this model")]
    Review,
    /// Our own rows are more than were announced, or of another shape.
    #[error("our own rows are not of the agreed shape")]
    OwnRows,
    /// A number of ours is none, infinite, or beyond its bounds.
    #[error("a number of ours is beyond the bounds of the encoding")]
    OwnValue,
    /// A sum that is not of the shape of this round.
    #[error("the sum is not of the shape of this round")]
    SumShape,
    /// A sum that no rows could have given.
    #[error("the sum is none that rows could have given")]
    SumImpossible,
    /// The model is finished.
    #[error("the model is finished")]
    Finished,
    /// Stored bytes that are no state of this plan.
    #[error("the stored state does not fit the plan")]
    State,
}

#[cfg(test)]
mod review_tests;
#[cfg(test)]
mod tests;
