//! The ledger: what was asked, allowed, spent and answered, durable before anyone learns anything.
//!
//! The attack it stops: an answer that leaves no trace. [`Ledger::reserve`] is the only maker of
//! [`Reserved`], and without a `Reserved` there is no way into `exchange`; [`Ledger::record`] is the only
//! maker of [`Receipt`], and without one no answer is shown.
//!
//! What it does not do yet: balances in ε, the Merkle log and the partners' cosignatures. A revelation has no
//! ε; its price is that the asker learns membership, and every one of them stands here by name.

mod error;
mod outcome;
mod store;

pub use error::LedgerError;
pub use outcome::Outcome;
pub use store::{Ledger, Receipt, Reserved};
pub use tacit_protocol::log::{Entry, Kind};
