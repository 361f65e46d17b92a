//! Names for things, as types: a partner is never taken for a query.
//!
//! Every id is 32 bytes (a SHA-256 value or 32 random bytes) and is written as lower-case hex. People type
//! a prefix of it; [`matches_prefix`](PartnerId::matches_prefix) finds the whole.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// A text that is not 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 hex digits")]
pub struct MalformedId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes as they are.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight hex digits, for people.
            pub fn short(&self) -> String {
                self.to_string()[..8].to_owned()
            }

            /// Whether the hex form starts with `prefix` (case-insensitive, at least four digits).
            pub fn matches_prefix(&self, prefix: &str) -> bool {
                prefix.len() >= 4 && self.to_string().starts_with(&prefix.to_ascii_lowercase())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&encode(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                decode(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    <[u8; 32]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

id! {
    /// Another organisation: the SHA-256 of its first signing key.
    PartnerId
}

impl PartnerId {
    /// The id of a node that began with this signing key (Ed25519): its SHA-256.
    pub fn of_key(signing_key: &[u8; 32]) -> Self {
        Self::new(Sha256::digest(signing_key).into())
    }
}

id! {
    /// A contract: the hash of its canonical form.
    ContractId
}
id! {
    /// One asking of one question; a retry keeps it.
    QueryId
}
id! {
    /// One run of a protocol between two nodes, bound to both hellos and the TLS exporter.
    SessionId
}
id! {
    /// The content of a dataset at one moment: a hash over its registration and its bytes.
    SnapshotHash
}

/// The 64 digits. A log of a million records prints three million ids when it is verified.
fn encode(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    digits
}

/// Reads exactly 64 hex digits; upper case is not canonical and is refused.
fn decode(text: &str) -> Result<[u8; 32], MalformedId> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(MalformedId);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Result<u8, MalformedId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(MalformedId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = QueryId::new([0xa7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.matches_prefix("A7a7"));
        assert!(!id.matches_prefix("a7"), "three digits or fewer would match by accident");
    }

    #[test]
    fn only_the_canonical_spelling_is_read() {
        assert_eq!("A7".repeat(32).parse::<QueryId>(), Err(MalformedId));
        assert_eq!("a7".repeat(31).parse::<QueryId>(), Err(MalformedId));
    }
}
