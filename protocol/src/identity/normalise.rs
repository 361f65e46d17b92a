//! One value in, one spelling out.

use std::{borrow::Cow, fmt};

use super::{
    Digest, HashText, KeyKind, Malformed, Profile, Region,
    digest::{finish_item, is_foreign_hash, item_prefix},
    email, phone, text,
};
use crate::transcript::Transcript;

/// A value in the form that is hashed, or one that came as a hash.
#[derive(Clone, PartialEq, Eq)]
pub enum Normalised<'a> {
    /// The identifier itself. Borrowed when it was in order already.
    Plain(Cow<'a, str>),
    /// The value was a SHA-256 hash: it is taken as the digest.
    Hashed {
        /// The 32 bytes that were written.
        digest: Digest,
        /// How they were written.
        text: HashText,
    },
}

impl Normalised<'_> {
    /// The digest that is matched: SHA-256 of the identifier, or the hash as it came.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Plain(text) => Digest::of(text.as_bytes()),
            Self::Hashed { digest, .. } => *digest,
        }
    }

    /// The identifier, unless it came as a hash.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Hashed { .. } => None,
        }
    }
}

/// Shows which of the two it is and nothing of the value.
impl fmt::Debug for Normalised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(..)"),
            Self::Hashed { text, .. } => write!(f, "Hashed(.., {text:?})"),
        }
    }
}

/// Brings a value to the profile's spelling.
///
/// `region` is where phone numbers without a country code are from; other kinds ignore it, and so does
/// `cn-mobile/1`. The result is stable: normalised again, with no region, it stays as it is.
pub fn normalise<'a>(
    profile: Profile,
    kind: &KeyKind,
    region: Option<Region>,
    value: &'a str,
) -> Result<Normalised<'a>, Malformed> {
    let as_it_is = profile == Profile::Raw1 || matches!(kind, KeyKind::Named(_));
    if as_it_is {
        // A cell of blanks is a missing value under every rule: two customers without a number are not one.
        let blank = text::trim(value).is_empty();
        return if blank { Err(Malformed::Empty) } else { Ok(Normalised::Plain(value.into())) };
    }
    let normal = match kind {
        KeyKind::Phone => phone::normalise(profile, region, value),
        KeyKind::Email | KeyKind::Named(_) => email::normalise(profile, value),
    };
    // No phone number and no address looks like a hash, so this need not come first.
    match normal {
        Ok(text) => Ok(Normalised::Plain(text)),
        Err(rule) => {
            let trimmed = text::trim(value);
            match HashText::read(trimmed) {
                Some((text, digest)) => Ok(Normalised::Hashed { digest, text }),
                None if is_foreign_hash(trimmed) => Err(Malformed::ForeignHash),
                None => Err(rule),
            }
        }
    }
}

/// The digest of a value: SHA-256 of its normal form, or the hash that it is.
pub fn digest(
    profile: Profile,
    kind: &KeyKind,
    region: Option<Region>,
    value: &str,
) -> Result<Digest, Malformed> {
    normalise(profile, kind, region, value).map(|normal| normal.digest())
}

/// Normalises a whole column: the rules of one key, with the constant part of its items hashed beforehand.
///
/// It holds no values and can be shared between threads.
#[derive(Clone)]
pub struct Normaliser {
    profile: Profile,
    kind: KeyKind,
    region: Option<Region>,
    prefix: Transcript,
}

impl Normaliser {
    /// For one column: the contract's profile, the key's kind, the dataset's default region.
    pub fn new(profile: Profile, kind: KeyKind, region: Option<Region>) -> Self {
        let prefix = item_prefix(profile, &kind);
        Self { profile, kind, region, prefix }
    }

    /// Which rules.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Which kind of key.
    pub const fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// Where numbers without a country code are from.
    pub const fn region(&self) -> Option<Region> {
        self.region
    }

    /// As [`normalise`].
    pub fn normalise<'a>(&self, value: &'a str) -> Result<Normalised<'a>, Malformed> {
        normalise(self.profile, &self.kind, self.region, value)
    }

    /// As [`digest`].
    pub fn digest(&self, value: &str) -> Result<Digest, Malformed> {
        self.normalise(value).map(|normal| normal.digest())
    }

    /// As [`item`](super::item), of the value's digest.
    pub fn item(&self, value: &str) -> Result<[u8; 32], Malformed> {
        self.digest(value).map(|digest| finish_item(self.prefix.clone(), &digest))
    }
}

#[cfg(test)]
mod tests;
