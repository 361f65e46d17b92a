//! Noisy figures over one partner's table, from its owner to the partner that asked.
//!
//! Both ends know beforehand, from the contract and the question alone, how many figures there are and how large
//! each can be. The attacks this stops: an owner that sends more, fewer or other figures than were asked for, a
//! hidden figure that carries a value all the same, and an answer that was altered, or given in another session
//! or to another question. `docs/protocols/aggregate.md` names the rules.
//!
//! ```text
//!   Owner ── Answer (figures, hash) ──► Receiver
//!         ◄── Received (hash) ────────
//! ```
//!
//! The figures have their noise before they come here: nothing in this module sees an exact value.

mod figures;
mod message;
mod owner;
mod params;
mod receiver;
#[cfg(test)]
mod tests;

pub use figures::{BadFigures, Figures};
pub use message::Message;
pub use owner::{Owner, Sent};
pub use params::Params;
pub use receiver::{Heard, Receiver};
