//! What a node is before it does anything: its home, its settings, its keys.
//!
//! The attack this stops is the other account on the machine, and the backup that leaves the building: every
//! private key lies encrypted in a file that only its owner can open, a file that others could read is
//! refused rather than used, and nothing is ever half written.

mod create;
mod error;
pub mod files;
mod home;
mod identity;
mod keys;
mod prompt;
mod reader;
mod settings;
mod signing;
pub mod units;
mod unlock;
mod witness;

pub use create::{Created, NewHome, create_home, reachable_addresses};
pub use error::ConfigError;
pub use files::FileError;
pub use home::{Home, HomeLock};
pub use identity::{Identity, TlsIdentity, partner_id, verify};
pub use settings::{
    BudgetSettings, Config, Congestion, LimitSettings, LinkSettings, LogFormat, LogSettings, UnlockMethod,
    check_name,
};
pub use signing::NextKey;
pub use unlock::{Unlock, UnlockChoice};
pub use witness::WitnessSettings;
