//! Sums over several nodes, of which nobody sees more than the sum.
//!
//! Bonawitz et al., *Practical Secure Aggregation for Privacy-Preserving Machine Learning*, CCS 2017 (section 4, the
//! variant against active adversaries), for a few reliable nodes: a complete graph, all keys from the roster. The
//! attacks it stops: a coordinator that reads one trainer's vector; that calls trainers dropped out until the sum
//! is one trainer's; that shows different sets of survivors to different trainers and subtracts (B10); a trainer
//! that sends what is no number or out of bounds (B09).
//!
//! ```text
//!   Trainer                                   Coordinator
//!   Masked     vector + masks, sealed shares  ─►
//!                                             ◄─ Survivors  who is in the sum; shares for this trainer
//!   Consent    to this set, to each other     ─►             (promise stored before it leaves)
//!                                             ◄─ Consents   the others', at least ⌊2K/3⌋ + 1
//!   Unmask     shares of what is left over    ─►
//!                                             ◄─ Sum
//! ```
//!
//! The coordinator's node trains too: it runs a [`Trainer`] beside its [`Coordinator`] and passes messages between
//! them in memory. One object is one attempt of one round; between rounds a node keeps [`Promises`] and the history of
//! [`Sum`]. The rules stand in `docs/protocols/learn-horizontal.md`.

mod breach;
mod coordinator;
mod mask;
mod message;
mod promises;
mod roster;
mod round;
mod shamir;
mod shape;
mod sum;
mod survivors;
mod trainer;

pub use breach::Breach;
pub use coordinator::{Coordinator, Routed};
pub use message::{Boxes, Message};
pub use promises::Promises;
pub use roster::{JobKey, Roster, Rules, Seat};
pub use round::Round;
pub use shape::{Contribution, Part, PartNoise, Shape, ShapeError};
pub use sum::Sum;
pub use survivors::Survivors;
pub use trainer::Trainer;

/// LEARNH-09: with two, each would know the other's vector from the sum.
pub const LEAST: usize = 3;

/// The most trainers.
pub const MOST: usize = 16;

#[cfg(test)]
mod tests;
