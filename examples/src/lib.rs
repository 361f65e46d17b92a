//! What stands behind the examples: a recorder of terminals.
//!
//! `docs/demo.svg` and `docs/demo.txt` are what `tacit demo` printed, and not what somebody thinks that it
//! prints: [`tape`] runs a command and keeps its lines with their times, [`picture`] draws them.
//!
//! ```text
//!     cargo run --release -p tacit-examples --bin record -- docs/demo -- target/release/tacit demo
//! ```

pub mod picture;
pub mod tape;
