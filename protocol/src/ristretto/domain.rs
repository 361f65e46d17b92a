//! The hash's first half: a message, under a domain, to 64 uniform bytes.
//!
//! What it stops: points of one session, contract or version that mean something in another. Two domains
//! are two unrelated hashes.

use std::fmt;

use sha2::{Digest, Sha512};

/// What RFC 9380 calls a domain separation tag, with the work done that is the same for every item.
#[derive(Clone)]
pub struct Domain {
    /// SHA-512 after the block of zeros that every message starts with (`Z_pad`).
    zeros: Sha512,
    /// The tag and its length in one byte (`DST_prime`).
    suffix: Vec<u8>,
}

impl Domain {
    /// The domain of the tag `dst`, which must not be empty (RFC 9380, section 3.1). One of more than 255
    /// bytes is hashed first (section 5.3.3).
    pub fn new(dst: &[u8]) -> Self {
        let mut suffix = match u8::try_from(dst.len()) {
            Ok(_) => dst.to_vec(),
            Err(_) => Sha512::new().chain_update(b"H2C-OVERSIZE-DST-").chain_update(dst).finalize().to_vec(),
        };
        suffix.push(suffix.len() as u8);
        Self { zeros: Sha512::new_with_prefix([0; 128]), suffix }
    }

    /// `expand_message_xmd` with SHA-512 to 64 bytes (RFC 9380, section 5.3.1).
    pub(super) fn expand(&self, message: &[u8]) -> [u8; 64] {
        // The length asked for, in two bytes, and the zero before the tag of the first hash.
        let first =
            self.zeros.clone().chain_update(message).chain_update([0, 64, 0]).chain_update(&self.suffix);
        // One digest is as long as the output, so the chain ends with its first link.
        Sha512::new()
            .chain_update(first.finalize())
            .chain_update([1])
            .chain_update(&self.suffix)
            .finalize()
            .into()
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It names a session; nothing that is needed in a log.
        f.write_str("Domain(..)")
    }
}
