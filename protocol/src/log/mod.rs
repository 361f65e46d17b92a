//! The audit log: what happened, in an order that nobody can change unnoticed.
//!
//! The attack it stops: a record that is altered, dropped, put in later or shown to one auditor and not to
//! another. Records are leaves of a Merkle tree whose head is signed by the node and cosigned by its partners.
//!
//! ```text
//!   entry ──► merkle ──► checkpoint (a signed note) ──► witness: the partner cosigns it
//!               │             │
//!             tiles         proof: a receipt for one record
//!               └──────┬──────┘
//!                   verify: an export, by anybody, alone
//! ```
//!
//! All formats but that of a record are C2SP's (c2sp.org), byte for byte, so that others' tools verify ours; the rules
//! `LOG-01` and on are in `docs/protocols/log.md`.

mod base64;
pub mod book;
pub mod checkpoint;
mod cosignature;
mod entry;
pub mod export;
pub mod handover;
pub mod merkle;
pub mod note;
pub mod proof;
#[cfg(test)]
mod signers;
pub mod table;
pub mod tiles;
pub mod verify;
pub mod witness;

pub use book::Book;
pub use entry::{Account, Amount, Charge, Entry, Kind, LARGEST_ENTRY, Period};
pub use handover::{Handover, Lineage};
