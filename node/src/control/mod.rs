//! What can be asked of a node on its own machine.
//!
//! Every command line builds one [`Request`]. A running node (`tacit serve`) takes it over a Unix socket in
//! its home that only the home's owner can open; with no node running, the command executes it in its own
//! process, after taking the home's lock. Either way the same code answers (`desk`), so a command behaves
//! alike with and without a node running.
//!
//! The attack it stops: another account on the machine that wants an answer. The socket lies in a directory
//! of mode 0700 and the caller's user id is checked as well.

mod desk;
mod request;
mod serve;
mod socket;

pub use request::{Answer, DatasetAdd, Event, Line, Prediction, Reply, Request};
pub use serve::serve;
pub use socket::perform;
