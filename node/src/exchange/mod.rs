//! The exchange: a protocol session with the partner's node, from the question to the shared result.
//!
//! The attacks it stops: a partner that sends more, less, later or other than it announced, and an answer
//! that leaves before its price is set aside. Every way in takes a [`Reserved`](crate::ledger::Reserved).
//!
//! - `question`: what the asker says first, and the few words that come before the protocol
//! - `drive`: runs any session of `tacit_protocol` over a channel, on the compute threads
//! - `reveal`: which of the asker's own customers match
//! - `aggregate`: noisy figures over one partner's table
//! - `join`: noisy figures over an overlap that neither side sees
//! - `learn`: training between two nodes, part by part
//! - `star`: training among several nodes, over one channel for each trainer
//! - `papers`: contracts carried between partners
//! - `witness`: the partners' logs, cosigned by each other
//! - `auditor`: our log, cosigned by somebody who is no partner

mod aggregate;
pub mod auditor;
mod calibration;
mod drive;
mod error;
mod http;
mod join;
mod learn;
pub mod papers;
mod question;
mod reveal;
mod star;
mod union;
pub mod witness;

pub use calibration::Calibration;
pub use drive::Watch;
pub use error::ExchangeError;
pub use join::{Opening, Overlapped, Sides, padded};
pub use question::{Aside, Earlier, Question};
pub use reveal::{Answering, Asking, Joint, Rules, Served};
pub use star::{Hub, SeatSaid, Spoke, Star};
pub use union::Bringing;
