//! Identifiers, brought to one spelling, so that two organisations that know the same customer hash the
//! same bytes.
//!
//! The attack this stops is a quiet one: two nodes that fold identifiers by slightly different rules get a
//! wrong overlap and no error. So the rules have names with versions ([`Profile`]), a contract names one,
//! and nothing that is not by the rules is guessed: it is [`Malformed`], by a rule that can be counted. A
//! second attack is the log: no error, `Debug` or lint report here ever holds a whole identifier.
//!
//! ```text
//!   "138 1234-5678" ──normalise──► "+8613812345678" ──digest──► SHA-256 ──item──► 32 bytes for psi
//!                       │ Malformed, counted by rule
//! ```
//!
//! - [`Normaliser`] is the way for a whole column; [`normalise`], [`digest`] and [`item`] are its steps.
//! - [`lint`] says what is wrong with a column and what would match better.
//!
//! # The profiles
//!
//! | profile | e-mail | phone | hash as text |
//! |---|---|---|---|
//! | `google-dm/2` | all blanks removed, lower case; `gmail.com`, `googlemail.com`: dots and `+tag` gone | E.164 with `+` | hex |
//! | `uid2/1` | outer blanks trimmed, lower case; `gmail.com` only: dots and `+tag` gone | E.164 with `+` | Base64 |
//! | `meta-capi/1` | outer blanks trimmed, lower case | E.164 without `+` | hex |
//! | `cn-mobile/1` | as `google-dm/2` | eleven digits, 13 to 19, country code folded away | hex |
//! | `raw/1` | as it is | as it is | hex |
//!
//! Keys of any other kind (`loyalty`, `member-no`) are taken as they are under every profile.
//!
//! A value that is already a SHA-256 hash (64 hex digits in either case, or Base64 of 32 bytes) is taken as
//! the digest itself under every profile but `raw/1`, for phones and e-mails: a dataset that holds only
//! hashes can still match. What was hashed cannot be seen, so it matches only if its maker followed the same
//! profile; the linter counts such values.

mod digest;
mod email;
pub mod lint;
mod malformed;
mod mask;
mod normalise;
mod phone;
mod plan;
mod profile;
mod text;

pub use digest::{Digest, HashText, item, render_hash};
pub use malformed::Malformed;
pub use mask::mask;
pub use normalise::{Normalised, Normaliser, digest, normalise};
pub use plan::{Region, UnknownRegion};
pub use profile::{BadKind, KeyKind, Profile, UnknownProfile};
