//! The audit log: what happened, in an order that nobody can change unnoticed.
//!
//! The attack it stops: a record that is altered, dropped, put in later or shown to one auditor and not to
//! another. Records are leaves of a Merkle tree whose head is signed by the node and cosigned by its partners.

mod base64;
pub mod book;
mod entry;
pub mod merkle;

pub use book::Book;
pub use entry::{Account, Amount, Charge, Entry, Kind, LARGEST_ENTRY, Period};
