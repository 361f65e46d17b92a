//! Keys for the tests of this folder.

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::{
    checkpoint::{Checkpoint, Keys, SignedCheckpoint, WitnessKey},
    merkle::TreeHash,
    note::{SignatureKind, VerifierKey},
};

pub(super) struct Signer {
    pair: Ed25519KeyPair,
    pub(super) name: &'static str,
}

impl Signer {
    pub(super) fn new(name: &'static str, seed: u8) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"), name }
    }

    pub(super) fn key(&self, kind: SignatureKind) -> VerifierKey {
        let public = self.pair.public_key().as_ref().try_into().expect("32 bytes");
        VerifierKey::new(self.name, kind, public).expect("a good key")
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("64 bytes")
    }

    pub(super) fn head(&self, size: u64, root: TreeHash) -> SignedCheckpoint {
        let head = Checkpoint::new(self.name, size, root);
        SignedCheckpoint::sign(head, &self.key(SignatureKind::Ed25519), |text| self.sign(text))
            .expect("signed")
    }

    pub(super) fn cosign(&self, checkpoint: &mut SignedCheckpoint, time: u64) {
        let key = self.key(SignatureKind::Cosignature);
        let line = checkpoint.cosign(&key, time, |text| self.sign(text)).expect("cosigned");
        assert_eq!(checkpoint.add_cosignature(line, &key), Ok(time));
    }
}

pub(super) fn log() -> Signer {
    Signer::new("tacit.log/0123456789abcdef", 1)
}

pub(super) fn partner() -> Signer {
    Signer::new("tacit.log/fedcba9876543210", 2)
}

pub(super) fn keys() -> Keys {
    let key = partner().key(SignatureKind::Cosignature);
    Keys {
        origin: log().name.to_owned(),
        log: vec![log().key(SignatureKind::Ed25519)],
        witnesses: vec![WitnessKey { who: "bank".to_owned(), key }],
        handovers: Vec::new(),
    }
}
