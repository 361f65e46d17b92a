//! Real nodes as real processes on loopback: what the interface promises, by hand, and what it refuses.
//!
//! One binary, because each links the whole program.

mod canary;
mod data;
mod demo;
mod figures;
mod hostile;
mod joins;
mod joins_broken;
mod joins_promises;
mod keys;
mod machine;
mod mending;
mod million;
mod models;
mod plain;
mod refusals;
mod rogue_answers;
mod sets;
mod story;
mod strangers;
mod three;
mod till;
mod training;
mod training_hidden;
mod training_noise;
mod training_star;
mod trust;

/// The program under test.
const TACIT: &str = env!("CARGO_BIN_EXE_tacit_under_test");
