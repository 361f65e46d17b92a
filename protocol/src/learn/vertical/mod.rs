//! Two nodes with different columns about the same customers fit one model; no row, label, residual or gradient
//! is ever seen by the other.
//!
//! The attack this stops: whoever exchanges gradients in the clear, as coordinated modes of other systems do, gives
//! the labels away, for one gradient of a few rows is a linear equation in them. Here weights, scores, residuals
//! and gradients are split into two halves mod 2⁶⁰ (`share`), each uniform by itself; a half of the weights or the
//! residuals travels under homomorphic encryption (`bfv`), is multiplied with the other end's columns there, and
//! comes back masked. `docs/protocols/learn-vertical.md` has the rules LEARNV-01 … and the leakage statement.
//!
//! ```text
//!   params    what both ends agree on          bfv        encryption of polynomials mod 2^60
//!   input     what an end brings, whitened     product    columns × halves, under encryption
//!   moments   what it is whitened by, noisy    half …     look-ups on halves: sigmoid, wrap, histogram
//!   state     what survives a killed node      ground     keys and record, of every session
//!   trainer   the session that fits            forward, link, presence, backward   the parts of a round
//!   scorer    the session that scores rows
//! ```

#[cfg(test)]
mod attack;
mod backward;
mod bfv;
mod draws;
mod eigen;
mod forward;
mod ground;
pub mod half;
pub mod histogram;
mod input;
mod link;
mod message;
#[cfg(test)]
mod model;
mod moments;
mod params;
mod plan;
mod presence;
mod product;
mod scorer;
mod share;
pub mod sigmoid;
mod state;
#[cfg(test)]
mod tests;
mod trainer;
pub mod wrap;

pub use input::{Basis, Block, Input};
pub use message::{Message, Stage};
pub use moments::{Variable, entries as moments_entries, sensitivity as moments_sensitivity};
pub use params::{
    Agreed, LARGEST_ROUNDS, Linkage, MOST_COLUMNS, MOST_ROWS, Noise, Opens, Over, Params, Party, Shares,
};
pub use plan::Cost;
pub use scorer::{Held, Scored, Scorer};
pub use state::{Keep, MalformedState, NotKept, State};
pub use trainer::{Trained, Trainer};
