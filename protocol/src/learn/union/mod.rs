//! One order for the customers of two ends, from which neither learns which of its own the other has too.
//!
//! Each end goes out with the *places* of the union: at each, the customer it has there, or none. Both have the same
//! places in the same order. An end knows that a place where it has nobody is the other's alone; of a place where it
//! has a customer it does not know whether the other has that customer too. So rows of a training can stand
//! side by side, and who is a customer of both stays unknown to both. Beyond the sizes an end learns how many they
//! have in common, with as many dummies among them as the other end has drawn.
//!
//! The construction follows Private-ID (Buddhavarapu, Knox, Mohassel, Sengupta, Taubeneck, Vlaskin, *Private Matching
//! for Compute*, IACR ePrint 2020/599); rules, proof and leakage are in `docs/protocols/learn-union.md`.
//!
//! The attacks: an end that links its rows to the common ones by order or by an exponent that it knows (each list that
//! could be compared comes back in another order and under a key of its own); one that asks for more than what is not in
//! common, sends no group element, or one twice (the run ends, UNION-06 …); one that alters what is said, so that rows
//! of different people would stand side by side (both compare the union and all that was said). What it does *not*
//! withstand is an end that departs from the protocol to learn about customers of its choice: the document says how.
//!
//! ```text
//!   either end                                         the other
//!      Announce  n                     ──────────►
//!      Blinded   x_i = H(a_i)^k        ──────────►
//!                                      ◄──────────     Keyed     x_i^β′, in this order
//!                                      ◄──────────     Shuffled  x_i^k′, in another
//!      Asked     x′_j^t, not in common ──────────►
//!                                      ◄──────────     Answered  (x′_j^t)^(β′/k′)
//!      Finished                        ──────────►     the same of both, compared
//! ```

mod compare;
mod draws;
mod end;
mod message;
mod own;
mod params;
mod party;
mod place;
#[cfg(test)]
mod tests;

pub use end::{United, Uniter};
pub use message::{Message, Role};
pub use params::{CHUNK_ITEMS, Padding, Params};
