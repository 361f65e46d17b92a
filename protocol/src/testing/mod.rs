//! Both ends of a run in memory, and somebody in between.
//!
//! [`Pair`] runs two sessions against each other as a driver would, with every message encoded, sealed,
//! opened and decoded on the way. [`Meddler`] stands on the way: it drops, repeats, exchanges, cuts and
//! alters, either as a network attacker (whole frames) or as a peer gone bad (messages, sealed afterwards).
//! [`hockey`] holds a mechanism to the (ε, δ) it claims, from its outputs alone.
//! [`star`] does the same for trainers around a coordinator.
//! [`leakage`] tells conversations apart that should look alike.
//! For tests of this package and of others, by the feature `testing`.

pub mod fuzz;
pub mod hockey;
pub mod leakage;
mod meddler;
mod pair;
pub mod star;

pub use meddler::{Meddler, Tampering};
pub use pair::{Ended, Pair, Said};
