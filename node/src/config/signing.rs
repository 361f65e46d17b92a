//! The signing key, and how one follows another.
//!
//! The accident this stops: a rotation that is cut short and leaves a node with a key that nobody knows, or two. What
//! decides is the log: the new key lies beside the old one, in `signing.next` with the hand-over to it, before the record
//! of that hand-over is written; when the record is durable, the new file takes the old one's place in one step. At the
//! next start a key that lies there still takes over if the log has its hand-over, and is thrown away if not
//! ([`Identity::settle`](super::Identity::settle)).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    log::{Handover, Lineage},
    secret::Secret,
};
use zeroize::Zeroizing;

use super::{
    ConfigError, Unlock,
    keys::{Envelope, Kind, WrappingKey, random},
};

/// Between two hand-overs, in the public part of a key file: no note has it.
const BETWEEN: char = '\0';

/// A signing key with the line that it ends.
pub(super) struct SigningKey {
    pair: Ed25519KeyPair,
    /// The seed, for a key that is still to be written.
    seed: Option<Zeroizing<[u8; 32]>>,
    pub(super) lineage: Lineage,
    /// What padding is drawn with. It stays the first key's: a question that is asked again after a rotation must not
    /// get another padding, or the two together tell more than one.
    pub(super) padding: Secret<[u8; 32]>,
}

impl SigningKey {
    /// The first key of a node.
    pub(super) fn first() -> Result<Self, ConfigError> {
        let seed = Zeroizing::new(random::<32>("signing key")?);
        let pair = pair(&*seed)?;
        let lineage = Lineage::of(public(&pair)?);
        Ok(Self { padding: padding(&pair), pair, seed: Some(seed), lineage })
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        sign(&self.pair, message)
    }

    /// Writes a key that was made just now.
    pub(super) fn write(
        &mut self,
        name: &str,
        wrapping: &WrappingKey,
        file: &Path,
    ) -> Result<(), ConfigError> {
        let Some(seed) = self.seed.take() else { return Err(ConfigError::KeyMaking { what: "signing key" }) };
        let handovers = self.lineage.handovers();
        if handovers.is_empty() {
            return Envelope::seal(Kind::Signing, name, self.lineage.current(), &*seed, wrapping)?
                .write(file);
        }
        let notes: Vec<String> = handovers.iter().map(Handover::to_string).collect();
        let notes = notes.join(&BETWEEN.to_string());
        let public = [&self.lineage.current()[..], notes.as_bytes()].concat();
        let private = Zeroizing::new([&seed[..], &self.padding.expose()[..]].concat());
        Envelope::seal_in_line(name, &public, &private, wrapping)?.write(file)
    }

    /// Reads an envelope that was opened.
    pub(super) fn read(envelope: &Envelope, private: &[u8], file: &Path) -> Result<Self, ConfigError> {
        let damaged = |problem| ConfigError::KeysDamaged { file: file.to_owned(), problem };
        let told = envelope.public().unwrap_or_default();
        let (seed, padding_key) = if envelope.is_in_line() {
            let (seed, rest) = private.split_at_checked(32).ok_or_else(|| damaged("its key is not a key"))?;
            let rest = <[u8; 32]>::try_from(rest).map_err(|_| damaged("its padding key is not a key"))?;
            (seed, Some(Secret::new(rest)))
        } else {
            (private, None)
        };
        let pair = pair(seed).map_err(|_| damaged("its key is not a key"))?;
        let key = public(&pair)?;
        let Some(notes) = told.strip_prefix(&key[..]) else {
            return Err(damaged("its public key is another one's"));
        };
        let lineage = match envelope.is_in_line() {
            true => read_line(key, notes),
            false => notes.is_empty().then(|| Lineage::of(key)),
        };
        let lineage = lineage.ok_or_else(|| damaged("its hand-overs do not lead to its key"))?;
        let padding = padding_key.unwrap_or_else(|| padding(&pair));
        Ok(Self { pair, seed: None, lineage, padding })
    }

    /// Opens the file of a key that was to follow; `None` if there is none.
    pub(super) fn read_next(
        file: &Path,
        unlock: &Unlock,
        wrapping: &WrappingKey,
    ) -> Result<Option<Self>, ConfigError> {
        if !file.exists() {
            return Ok(None);
        }
        let envelope = Envelope::read(file, Kind::Signing)?;
        let private = envelope.unseal(&wrapping.key).ok_or_else(|| unlock.does_not_fit())?;
        Self::read(&envelope, &private, file).map(Some)
    }
}

fn read_line(key: [u8; 32], notes: &[u8]) -> Option<Lineage> {
    let notes = std::str::from_utf8(notes).ok()?;
    let handovers = notes.split(BETWEEN).map(|note| note.parse().ok()).collect::<Option<Vec<Handover>>>()?;
    Lineage::ending(key, handovers).ok()
}

/// A key that is to follow the one that signs now, and is nobody's yet.
pub struct NextKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl std::fmt::Debug for NextKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NextKey(..)")
    }
}

impl NextKey {
    /// A fresh one.
    ///
    /// # Errors
    /// [`ConfigError::KeyMaking`].
    pub fn generate() -> Result<Self, ConfigError> {
        let seed = Zeroizing::new(random::<32>("signing key")?);
        let pair = pair(&*seed)?;
        Ok(Self { public: public(&pair)?, pair, seed })
    }

    /// Its public half (Ed25519).
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Signs with it, to show that it agrees to follow.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        sign(&self.pair, message)
    }

    /// The key at the end of its line.
    pub(super) fn in_line(
        &self,
        lineage: Lineage,
        padding: Secret<[u8; 32]>,
    ) -> Result<SigningKey, ConfigError> {
        Ok(SigningKey { pair: pair(&*self.seed)?, seed: Some(self.seed.clone()), lineage, padding })
    }
}

/// Moves a file into the place of another, durably.
pub(super) fn take_place(from: &Path, to: &PathBuf) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Removes a file that may be missing, durably.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Ok(()) => sync_parent(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_parent(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
}

fn pair(seed: &[u8]) -> Result<Ed25519KeyPair, ConfigError> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| ConfigError::KeyMaking { what: "signing key" })
}

fn public(pair: &Ed25519KeyPair) -> Result<[u8; 32], ConfigError> {
    pair.public_key().as_ref().try_into().map_err(|_| ConfigError::KeyMaking { what: "signing key" })
}

fn sign(pair: &Ed25519KeyPair, message: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    // An Ed25519 signature is 64 bytes long, RFC 8032 section 5.1.6.
    bytes.copy_from_slice(pair.sign(message).as_ref());
    bytes
}

/// A signature over a fixed text: Ed25519 signs alike every time, and nobody else can.
fn padding(pair: &Ed25519KeyPair) -> Secret<[u8; 32]> {
    let signature = pair.sign(b"tacit padding key 1: never signed for anybody else");
    Secret::new(Sha256::digest(signature).into())
}
