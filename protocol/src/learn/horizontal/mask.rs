//! Masks over vectors and seals over shares.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{Breach, message::TAG, shamir::Share};
use crate::{secret::Secret, session::Abort, wire::codec::Bulk};

/// Whether a mask is added or taken away, modulo 2⁶⁴.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    /// Of two seats the lower one adds their mask, the higher one takes it away.
    pub(super) const fn between(own: usize, other: usize) -> Self {
        if own < other { Self::Plus } else { Self::Minus }
    }

    /// The other one.
    pub(super) const fn undone(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

/// Adds ChaCha20's stream from this seed to the entries, or takes it away.
pub(super) fn mask(entries: &mut [u64], seed: &Secret<[u8; 32]>, sign: Sign) {
    let mut stream = ChaCha20Rng::from_seed(*seed.expose());
    let mut bytes = Zeroizing::new(vec![0; 8 * entries.len()]);
    stream.fill_bytes(&mut bytes);
    for (entry, word) in entries.iter_mut().zip(bytes.as_chunks::<8>().0) {
        let word = u64::from_le_bytes(*word);
        *entry = match sign {
            Sign::Plus => entry.wrapping_add(word),
            Sign::Minus => entry.wrapping_sub(word),
        };
    }
}

/// Seals one seat's shares for another: ChaCha20-Poly1305 (RFC 8439) under a key of this attempt and direction alone,
/// so that its nonce may be 0.
pub(super) fn seal(key: &Secret<[u8; 32]>, context: &[u8; 32], shares: &[Share]) -> Result<Bulk, Abort> {
    let mut bytes = shares.as_flattened().to_vec();
    let sealed = cipher(key)
        .and_then(|cipher| cipher.seal_in_place_append_tag(nonce(), Aad::from(context), &mut bytes).ok());
    sealed.map(|()| Bulk(bytes)).ok_or(Breach::BoxBroken.into())
}

/// Opens what another seat has sealed for us: `seats` shares.
pub(super) fn open(
    key: &Secret<[u8; 32]>,
    context: &[u8; 32],
    sealed: &Bulk,
    seats: usize,
) -> Result<Zeroizing<Vec<Share>>, Abort> {
    if sealed.0.len() != 32 * seats + TAG {
        return Err(Breach::MessageShape.into());
    }
    let mut bytes = Zeroizing::new(sealed.0.clone());
    let opened = cipher(key)
        .and_then(|cipher| cipher.open_in_place(nonce(), Aad::from(context), &mut bytes).ok())
        .map(|shares| shares.as_chunks::<32>().0.to_vec());
    opened.map(Zeroizing::new).ok_or(Breach::BoxBroken.into())
}

fn cipher(key: &Secret<[u8; 32]>) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.expose()).ok().map(LessSafeKey::new)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
