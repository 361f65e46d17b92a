//! The ledger: what was asked, allowed, spent and answered, durable before anyone learns anything.
//!
//! The attacks it stops: an answer that leaves no trace, and an answer too many. [`Ledger::reserve_at`] decides in one
//! step whether a question's price fits the budget and sets it aside on the disk; together with [`Ledger::reserve`] it
//! is the only maker of [`Reserved`], and without a `Reserved` there is no way into `exchange`. [`Ledger::record`] is
//! the only maker of [`Receipt`], and without one no answer is shown.
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

mod disk;
mod draft;
mod error;
mod flood;
mod handover;
mod head;
mod heads;
mod journal;
mod kept;
mod measure;
mod outcome;
mod read;
mod replay;
mod store;
#[cfg(test)]
mod tests;
mod tower;
mod writer;

pub use draft::Cost;
pub use error::LedgerError;
pub use handover::{Rotation, Successor};
pub use heads::{Considered, Heads};
pub use journal::{Fence, Signer};
pub use kept::{Kept, KeptAnswer, Sameness};
pub use measure::{Measured, measure};
pub use outcome::Outcome;
pub use read::{Reading, read};
pub use store::{Ledger, Receipt, Reserved};
pub use tacit_protocol::log::{Entry, Kind};

use std::path::{Path, PathBuf};

/// Puts a log aside that cannot be opened, as evidence; where it lies then. A sound one stays.
///
/// # Errors
/// It can be opened, so there is nothing to give up; or it cannot be moved.
pub fn put_aside(directory: &Path) -> Result<Option<PathBuf>, LedgerError> {
    if !directory.exists() {
        return Ok(None);
    }
    match read(directory) {
        Ok(_) => return Err(LedgerError::Sound),
        Err(error @ LedgerError::Newer { .. }) => return Err(error),
        Err(_) => {}
    }
    let mut number = 1;
    let aside = loop {
        let aside = directory.with_extension(format!("damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    std::fs::rename(directory, &aside).map_err(LedgerError::Unopened)?;
    Ok(Some(aside))
}
