//! A Tacit node: one organisation's half of every joint answer.
//!
//! One query walks through the rooms in one order; [`run`] is the hallway they open on:
//!
//! ```text
//!   cli ─► control ─► run ─► query ─► policy ─► ledger ─► scan ─► exchange ─► release ─► ledger
//!                                                                    │
//!                                                                   link ◄─► the partner's node
//! ```
//!
//! Dependencies point one way: `config` → rooms → `run` → `control` → `cli`. Only `exchange` uses `link`'s
//! channels; only `ledger` writes records. [`audit`] stands beside them and only reads.

pub mod audit;
pub mod cli;
pub mod config;
pub mod control;
pub mod data;
mod engine;
pub mod exchange;
pub mod learn;
pub mod ledger;
pub mod link;
pub mod policy;
pub mod query;
pub mod release;
pub mod report;
pub mod rooms;
pub mod run;
pub mod scan;
pub mod telemetry;
