//! Who signs, and who is who.

use tacit_protocol::ids::PartnerId;

use crate::config::Identity;

/// Something that signs as this node.
pub trait Signer {
    /// The public key (Ed25519).
    fn signing_key(&self) -> [u8; 32];
    /// Signs a message (Ed25519, RFC 8032).
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

impl Signer for Identity {
    fn signing_key(&self) -> [u8; 32] {
        Self::signing_key(self)
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::sign(self, message)
    }
}

/// The nodes that this node trusts, itself among them.
pub trait Directory {
    /// The signing key of the partner that goes by this name.
    fn key_of(&self, name: &str) -> Option<[u8; 32]>;
    /// What the partner with this id is called here; `None` if it is not trusted.
    fn name_of(&self, id: &PartnerId) -> Option<String>;
}
