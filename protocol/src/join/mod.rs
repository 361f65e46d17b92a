//! The private join: noisy counts and sums over an overlap that nobody sees.
//!
//! Two tables, at each end one row a customer. The [`Seeker`] puts its rows into bins, one a bin; the [`Holder`]
//! answers for every bin whether it has that customer, and the answer is split between the two so that neither
//! can read it. Everything after that is computed on the halves, each end adds noise, and only the noisy figures
//! are put together. `docs/protocols/join.md` has the rules JOIN-01 … and the leakage statement.
//!
//! What it withstands: a peer that reads along (up to the opening everything it sees is uniform, and as long as
//! the announced sizes say), messages that are altered, dropped, repeated or exchanged (the run ends without an
//! answer), a peer that opens other figures than it had computed. What it does not: a peer that computes
//! something else than it should. The adversary is semi-honest.
//!
//! ```text
//!   params, shape   what both ends agree on          seeker, holder   the two sessions
//!   rows            what an end brings               party            what they have in common
//!   plan            who says what, and how long      equality         are two strings equal, in halves
//!   message         what is said, and its record     select           bit × words, in halves
//!   figures         what comes out                   sums             from halves of rows to halves of figures
//!   window          slabs on their way               matched          an end's halves of what a slab has found
//! ```

pub mod cuckoo;
pub mod opprf;
pub mod oprf;
pub mod permute;

mod carry;
mod draws;
mod equality;
mod figures;
mod holder;
mod items;
mod matched;
mod message;
#[cfg(any(test, feature = "testing"))]
pub mod model;
mod params;
mod plan;
mod rows;
mod run;
mod seeker;
mod select;
mod shape;
mod stage;
mod sums;
#[cfg(test)]
mod tests;
mod window;
mod words;

pub use figures::{Figures, Joined};
pub use holder::Holder;
pub use message::{Message, Role};
pub use params::{Agreed, Learns, Params, SLAB_BINS};
pub use plan::{Cost, Plan};
pub use rows::Rows;
pub use seeker::Seeker;
pub use shape::{Figure, Product, Shape};
pub use stage::Stage;
