//! Tacit's protocols as pure state machines.
//!
//! Nothing here opens a socket, reads a clock, touches a file or draws randomness: seeds come in as
//! arguments, messages come in as bytes and go out as bytes. So every protocol runs in memory, replays
//! exactly from its seed, has test vectors and can be fuzzed.
//!
//! ```text
//!   ids, secret ──► wire ──► session ──► psi, aggregate, join, learn
//!                    ▲                    │
//!   identity ── items for psi             ├──► ristretto   many points, one scalar
//!   noise ───── dummies that pad sizes    └──► transcript  what was said, hashed
//! ```

pub mod aggregate;
pub mod identity;
pub mod ids;
pub mod join;
pub mod learn;
pub mod log;
pub mod noise;
pub mod okvs;
pub mod ot;
pub mod psi;
pub mod ristretto;
pub mod secret;
pub mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transcript;
pub mod wire;
