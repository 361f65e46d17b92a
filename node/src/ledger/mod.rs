//! The ledger: what was asked, allowed, spent and answered, durable before anyone learns anything.
//!
//! The attacks it stops: an answer that leaves no trace, and an answer too many. [`Ledger::reserve`] decides in one
//! step whether a question's price fits the budget and sets it aside on the disk; it is the only maker of
//! [`Reserved`], and without a `Reserved` there is no way into `exchange`. [`Ledger::record`] is the only maker of
//! [`Receipt`], and without one no answer is shown.
//!
//! The records are lines of a file that only grows, leaves of a Merkle tree whose head is signed after every group
//! (`docs/decisions/0005-the-ledger-is-a-file.md` says why it is no database). Balances stand nowhere: they are what
//! the records add up to, by the rules of [`tacit_protocol::log::Book`].
//!
//! ```text
//!   reserve, spend … ──► writer ──► journal ──► log, fdatasync ──► head, fdatasync ──► the caller hears
//!                                     │
//!                                     └── book (is there room?), draft (fit to be read), flood (not too many)
//! ```

mod aside;
mod disk;
mod draft;
mod error;
mod fence;
mod flood;
mod handover;
mod head;
mod heads;
mod journal;
mod kept;
mod measure;
mod noise;
mod outcome;
mod proof;
mod read;
mod replay;
mod store;
#[cfg(test)]
mod tests;
mod tower;
mod writer;

pub use aside::put_aside;
pub use draft::Cost;
pub use error::LedgerError;
pub use fence::Fence;
pub use handover::{Rotation, Successor};
pub use heads::{Considered, Heads};
pub use journal::Signer;
pub use kept::{Kept, KeptAnswer, Sameness};
pub use measure::{Measured, measure};
pub use noise::{EVALUATION, GRADIENT, MOMENTS, Noise};
pub use outcome::Outcome;
pub use proof::{Receipt, Reserved};
pub use read::{Reading, read, read_with};
pub use store::Ledger;
pub use tacit_protocol::log::{Entry, Kind};
