//! Noise that keeps one customer's presence out of what the other side sees.
//!
//! The attack: whoever learns an exact size twice, with and without one customer, knows whether that customer
//! is in. So no size crosses the wire that is not a public bound or padded by a random number of dummies.
//! Two more attacks shape the code. Noise from floating point has gaps that give the true value away (Mironov
//! 2012, "On significance of the least significant bits for differential privacy"), so everything here is
//! integers, and what is sampled from is a table whose privacy is checked exactly. And samplers that take
//! longer for larger noise tell it through time, so a sample reads the whole table always.
//!
//! Randomness comes in as an argument: see [`DummyCount::sample`].

mod dummies;
mod fixed;
mod rational;

pub use dummies::{DummyCount, DummyError};
pub use rational::{BadRational, Rational};
