//! Which of my items does the peer also have: private set intersection by an oblivious PRF on ristretto255.
//!
//! The [`Receiver`] learns which of **its own** items the [`Sender`] also has, the sender nothing; both
//! learn the other's padded size. The protocol is 2HashDH (Jarecki, Kiayias, Krawczyk 2014), its rules
//! PSI-01 … and its leakage statement are in `docs/protocols/psi.md`.
//!
//! What it withstands: a peer that reads along (everything it sees is uniform without the other's key), one
//! that sends what is no group element, too much, too little, twice or out of order (the run ends without
//! an answer), one that splices or replays (everything is hashed with session and contract). What it does
//! not: a peer that brings another set than it should. The contract and the ledger are there for that.
//!
//! ```text
//!   Receiver                                         Sender
//!      Announce n_R  ─────────────►  ◄─────────────  Announce n_S
//!      Blinded       H₁(x)^r   ───►  ◄───  Evaluated (H₁(x)^r)^s
//!                                    ◄───  Tags      H₂(y, H₁(y)^s)
//!      Finished      ─────────────►  ◄─────────────  Finished
//! ```

mod message;
mod order;
mod params;
mod party;
mod points;
mod receiver;
mod sender;
mod tags;
#[cfg(test)]
mod tests;

// Also for unions (`learn::union`).
pub(crate) use order::{below, scalar_from};
pub(crate) use party::Chunks;
pub(crate) use points::{check, evaluate, hashed};

pub use message::{Message, Role};
pub use params::{CHUNK_ITEMS, Params};
pub use receiver::{Overlap, Receiver};
pub use sender::{Seen, Sender};
