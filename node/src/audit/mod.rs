//! Looking back: what a log says, for whoever has to answer for it or to doubt it.
//!
//! The attack this room stops is the record that only its author can read. Everything here works on a folder
//! that holds nothing but an export, on a machine that has no node, and **only reads**: the ledger alone
//! writes records. Nothing is taken from memory or from other tables; a figure that cannot be derived from
//! records, or from a contract that proves itself, says so.
//!
//! ```text
//!   records ─► history (folded by question) ─┬─► facts ─► report ─► page, JSON, CSV
//!            ─► budget  (balances, replayed) ─┤             └─ indicators
//!            ─► checks  (chain, signatures)  ─┘
//!   two histories ─► compare
//! ```

pub mod amount;
pub mod budget;
pub mod burn;
pub mod check;
pub mod compare;
mod error;
pub mod escape;
pub mod export;
mod facts;
mod history;
mod home;
pub mod indicators;
mod log;
mod noise;
pub mod report;
pub mod source;
pub mod table;
pub mod tiles;
pub mod what_if;
pub mod words;

pub use error::AuditError;
pub use facts::{Check, Facts};
pub use history::{Ending, History, Run, Side, Window};
pub use log::Log;
pub use words::Language;
