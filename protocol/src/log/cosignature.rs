//! Cosignatures: a witness says that a head is the largest it has seen of a log, and when
//! (c2sp.org/tlog-cosignature, Ed25519; LOG-08).
//!
//! The attack it stops: a log that shows one history to its partner and another to an auditor.

use super::note::{NoteFault, Signature, SignatureKind, VerifierKey};

/// The times that a witness may give, in seconds since 1970.
const LATEST: u64 = (1 << 63) - 1;

/// What is signed. The first line keeps it apart from a checkpoint: there, the second line is a number.
fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

pub(super) fn sign(
    text: &str,
    witness: &VerifierKey,
    time: u64,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<Signature, NoteFault> {
    if witness.kind() != SignatureKind::Cosignature {
        return Err(NoteFault::UnknownKind(witness.kind().byte()));
    }
    if time == 0 || time > LATEST {
        return Err(NoteFault::TimeOutOfRange);
    }
    let signature = sign(&message(time, text));
    witness.verify(&message(time, text), &signature)?;
    Ok(witness.line(time.to_be_bytes().into_iter().chain(signature).collect()))
}

/// Verifies a line that claims to be by `witness`; gives its time.
pub(super) fn verify(text: &str, witness: &VerifierKey, line: &Signature) -> Result<u64, NoteFault> {
    let (time, signature) = line.bytes().split_first_chunk::<8>().ok_or(NoteFault::BadSignature)?;
    let time = u64::from_be_bytes(*time);
    if time == 0 || time > LATEST {
        return Err(NoteFault::TimeOutOfRange);
    }
    witness.verify(&message(time, text), signature)?;
    Ok(time)
}
