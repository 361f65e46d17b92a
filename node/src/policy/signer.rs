//! Who signs, and who is who.

use tacit_protocol::{ids::PartnerId, log::Lineage};

use crate::config::Identity;

/// Something that signs as this node.
pub trait Signer {
    /// The public key (Ed25519).
    fn signing_key(&self) -> [u8; 32];
    /// The line of keys that ends with it.
    fn lineage(&self) -> Lineage {
        Lineage::of(self.signing_key())
    }
    /// Signs a message (Ed25519, RFC 8032).
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

impl Signer for Identity {
    fn signing_key(&self) -> [u8; 32] {
        Self::signing_key(self)
    }

    fn lineage(&self) -> Lineage {
        Self::lineage(self)
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::sign(self, message)
    }
}

/// The nodes that this node trusts, itself among them.
pub trait Directory {
    /// The first signing key of the partner that goes by this name, whose hash is its id: contracts are bound to it, and
    /// a hand-over changes nothing about them.
    fn key_of(&self, name: &str) -> Option<[u8; 32]>;
    /// What the partner with this id is called here; `None` if it is not trusted.
    fn name_of(&self, id: &PartnerId) -> Option<String>;
}
