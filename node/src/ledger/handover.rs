//! The log's signing key hands over to the next, by a record of the log itself (LOG-17 to LOG-19).
//!
//! The accident it stops: a node that signs with a key that its log does not name. The order is: the new key lies
//! beside the old one ([`Successor::keep`]); the record is durable; the new key takes the old one's place
//! ([`Successor::take_over`]); the head over that record is signed by the new one. Wherever the power goes, the records
//! tell at the next start which key is in force, and [`Signer::settle`] does what is left to do.

use std::{fmt, io, sync::Arc};

use tacit_protocol::log::{
    Handover, Lineage,
    checkpoint::{CheckpointFault, Keys},
    handover::{HandoverFault, Succession},
    note::{SignatureKind, VerifierKey},
};

use super::{LedgerError, Signer};
use crate::config::{Identity, NextKey};

/// A key that is to sign the log from now on.
pub trait Successor: fmt::Debug + Send + Sync {
    /// Its public half (Ed25519, RFC 8032).
    fn public(&self) -> [u8; 32];
    /// Signs with it.
    fn sign(&self, message: &[u8]) -> [u8; 64];
    /// Makes it durable beside the old one, before the record of its hand-over is written.
    ///
    /// # Errors
    /// It cannot be written; nothing is handed over then.
    fn keep(&self, handover: &Handover) -> io::Result<()>;
    /// The record is durable: it takes the old one's place, and the [`Signer`] signs with it.
    ///
    /// # Errors
    /// It cannot be moved there; nothing is written any more, and the next start does it.
    fn take_over(&self) -> io::Result<()>;
}

/// A node's own rotation: its keys lie in its home.
#[derive(Debug)]
pub struct Rotation {
    identity: Arc<Identity>,
    next: NextKey,
}

impl Rotation {
    /// With a key that was made just now.
    pub const fn new(identity: Arc<Identity>, next: NextKey) -> Self {
        Self { identity, next }
    }
}

impl Successor for Rotation {
    fn public(&self) -> [u8; 32] {
        self.next.public()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.next.sign(message)
    }

    fn keep(&self, handover: &Handover) -> io::Result<()> {
        self.identity.prepare(&self.next, handover).map_err(io::Error::other)
    }

    fn take_over(&self) -> io::Result<()> {
        self.identity.take_over()
    }
}

/// The keys of a log as its signer has them, and the one of today.
pub(super) fn keys(signer: &dyn Signer) -> Result<(Keys, VerifierKey), LedgerError> {
    let unsigned = |fault: CheckpointFault| LedgerError::Unsigned(fault);
    let keys = Keys::of(&signer.lineage(), Vec::new()).map_err(|fault| unsigned(fault.into()))?;
    let key = keys.log.last().cloned().ok_or_else(|| unsigned(CheckpointFault::MisfitKeys))?;
    Ok((keys, key))
}

/// The hand-over that is to stand in record `seq`.
pub(super) fn sign(
    signer: &dyn Signer,
    old: &VerifierKey,
    next: &dyn Successor,
    seq: u64,
) -> Result<Handover, HandoverFault> {
    let new = VerifierKey::new(old.name(), SignatureKind::Ed25519, next.public())?;
    Handover::sign(signer.id(), seq, (old, |text| signer.sign(text)), (&new, |text| next.sign(text)))
}

/// At the opening: a key that a rotation left behind takes over or is forgotten, as the records say; then records and
/// keys have to tell of the same hand-overs.
pub(super) fn settle(signer: &dyn Signer, told: &Succession) -> Result<(), LedgerError> {
    signer.settle(told.found()).map_err(LedgerError::Unopened)?;
    if told.current().is_none() {
        // The log begins now, and its first record says by which key.
        return Ok(());
    }
    let lineage = signer.lineage();
    if let Some(lost) = lineage.handovers().iter().find(|handover| !told.tells_of(handover)) {
        // LOG-19: an older copy of the log was put back, under keys that have gone on since.
        return Err(LedgerError::damaged(
            Some(lost.size()),
            "the record that handed its signing key over is gone",
        ));
    }
    let known = |handover: &Handover| lineage.handovers().contains(handover);
    if told.before().iter().chain(told.found()).all(known) { Ok(()) } else { Err(LedgerError::KeyRetired) }
}

/// What the first record says of earlier keys, where there were any.
pub(super) fn before(lineage: &Lineage) -> Vec<String> {
    lineage.handovers().iter().map(Handover::to_string).collect()
}
