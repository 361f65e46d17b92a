//! What the linter found, for people and for programs.

use serde::Serialize;

use super::Hint;
use crate::identity::{KeyKind, Malformed, Profile, Region};

/// A number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many.
    pub value: u64,
    /// Counted; otherwise estimated from a sample of the values.
    pub exact: bool,
}

impl Count {
    /// Counted one by one.
    pub(super) const fn exact(value: u64) -> Self {
        Self { value, exact: true }
    }

    /// Counted over a share of `1/2^share` of the values.
    pub(super) const fn scaled(value: u64, share: u32) -> Self {
        Self { value: value.saturating_mul(1 << share), exact: share == 0 }
    }
}

/// One column, looked at. `rows = empty + malformed + double_hashed + valid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The rules it was read by.
    pub profile: Profile,
    /// What it was registered as.
    pub kind: KeyKind,
    /// Where its numbers without a country code were taken to be from.
    pub region: Option<Region>,
    /// All rows.
    pub rows: u64,
    /// Null, or blanks only.
    pub empty: u64,
    /// Neither empty nor an identifier.
    pub malformed: u64,
    /// Rows that can match. An estimate where [`double_hashed`](Self::double_hashed) is one.
    pub valid: u64,
    /// Of the valid: SHA-256 in hex.
    pub hashed_hex: u64,
    /// Of the valid: SHA-256 in Base64.
    pub hashed_base64: u64,
    /// Hashes of the hash of another value in the column: they match nothing.
    pub double_hashed: Count,
    /// Rows beyond the first with the same identifier.
    pub duplicates: Count,
    /// Rows of the identifier that stands on most; of those in the sample, where there is one.
    pub most_repeated: u64,
    /// Each thing found, with masked examples.
    pub findings: Vec<Finding>,
    /// What would match better.
    pub hints: Vec<Hint>,
}

impl Report {
    /// Share of rows that are not empty; 1 for no rows.
    pub fn completeness(&self) -> f64 {
        share(self.rows - self.empty, self.rows)
    }

    /// Share of the values that are identifiers; 1 for no values.
    pub fn validity(&self) -> f64 {
        share(self.valid, self.rows - self.empty)
    }

    /// Share of the identifiers that stand for the first time; 1 for no identifiers.
    pub fn uniqueness(&self) -> f64 {
        share(self.valid.saturating_sub(self.duplicates.value), self.valid)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// On how many rows.
    pub rows: Count,
    /// Up to three, masked.
    pub examples: Vec<String>,
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Null, or blanks only.
    Empty,
    /// Breaks a rule.
    Malformed(Malformed),
    /// SHA-256 in hex.
    HashedHex,
    /// SHA-256 in Base64.
    HashedBase64,
    /// The hash of another value's hash.
    DoubleHashed,
    /// An identifier seen before.
    Duplicate,
}

impl What {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Malformed(rule) => rule.rule(),
            Self::HashedHex => "hashed-hex",
            Self::HashedBase64 => "hashed-base64",
            Self::DoubleHashed => "double-hashed",
            Self::Duplicate => "duplicate",
        }
    }
}
