//! The hash of what was said, in order, for the session binding and for the audit.

use sha2::{Digest, Sha256};

/// A running SHA-256 over labelled, length-prefixed parts.
///
/// Each part is absorbed as `u64 length of label ‖ label ‖ u64 length of data ‖ data` (little-endian), so no
/// two different sequences of parts hash alike by concatenation.
#[derive(Clone)]
pub struct Transcript(Sha256);

impl Transcript {
    /// Starts a transcript for one purpose; `domain` separates it from all others.
    pub fn new(domain: &str) -> Self {
        let mut transcript = Self(Sha256::new());
        transcript.absorb("domain", domain.as_bytes());
        transcript
    }

    /// Adds one labelled part.
    pub fn absorb(&mut self, label: &str, data: &[u8]) {
        for part in [label.as_bytes(), data] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// The hash of all that was absorbed so far; the transcript goes on.
    pub fn hash(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_parts_changes_the_hash() {
        let hash = |parts: &[(&str, &[u8])]| {
            let mut transcript = Transcript::new("test");
            parts.iter().for_each(|(label, data)| transcript.absorb(label, data));
            transcript.hash()
        };
        assert_ne!(hash(&[("a", b"bc"), ("d", b"e")]), hash(&[("a", b"b"), ("d", b"ce")]));
        assert_ne!(hash(&[("ab", b"c")]), hash(&[("a", b"bc")]));
    }
}
