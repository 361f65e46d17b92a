//! Private keys at rest: one file a key, encrypted, bound to what it is.
//!
//! The attack this stops is the copied disk: what lies there is AES-256-GCM ciphertext under a key that is
//! not there (a passphrase through Argon2id, RFC 9106; or 32 random bytes kept elsewhere). The associated
//! data binds kind, owner, public part and the way of deriving, so that two files cannot be swapped and no
//! cheaper derivation can be slipped in. A checksum over the text comes first: it tells a damaged file from
//! a wrong passphrase, and protects against nothing else.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacit_protocol::{secret::Secret, transcript::Transcript};
use zeroize::Zeroizing;

use crate::{
    config::{ConfigError, files},
    data::hex,
};

const VERSION: u32 = 1;
/// Of a signing key that came after another: its public part has the hand-overs behind it, its private part the padding
/// key of the first.
const VERSION_IN_LINE: u32 = 2;
/// RFC 9106, section 4, second recommended option has 64 MiB, 3 passes and 4 lanes; one lane costs an
/// attacker the same and needs no threads here.
const ARGON2_MEMORY_KIB: u32 = 64 << 10;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 1;

/// Which key a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Ed25519, 32 bytes of seed; the public part is the public key.
    Signing,
    /// ECDSA P-256, PKCS#8; the public part is the certificate.
    Tls,
}

/// How the wrapping key comes from what the operator holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Derivation {
    /// It is the 32 bytes that the operator holds.
    None,
    /// From a text, RFC 9106.
    Argon2id { memory_kib: u32, passes: u32, lanes: u32, salt: String },
}

impl Derivation {
    /// Argon2id with a fresh salt.
    pub(super) fn argon2id() -> Result<Self, ConfigError> {
        Ok(Self::Argon2id {
            memory_kib: ARGON2_MEMORY_KIB,
            passes: ARGON2_PASSES,
            lanes: ARGON2_LANES,
            salt: hex(random::<16>("salt")?),
        })
    }

    /// Runs Argon2id over a text. `None` means that the file's parameters are beyond reason.
    pub(super) fn derive(&self, text: &str) -> Option<Secret<[u8; 32]>> {
        let Self::Argon2id { memory_kib, passes, lanes, salt } = self else { return None };
        let salt = from_hex(salt)?;
        // A file from elsewhere must not be able to take all memory or an hour.
        if *memory_kib > 1 << 20 || *passes > 16 || *lanes > 16 {
            return None;
        }
        let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(text.as_bytes(), &salt, &mut *key)
            .ok()?;
        Some(Secret::new(*key))
    }
}

/// A key that encrypts other keys, and how it came to be.
pub(super) struct WrappingKey {
    pub(super) key: Secret<[u8; 32]>,
    pub(super) derivation: Derivation,
}

/// A key file, read and found undamaged, still encrypted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    version: u32,
    kind: Kind,
    /// The node's name.
    pub(super) name: String,
    /// Hex of the public part.
    public: String,
    nonce: String,
    sealed: String,
    pub(super) derivation: Derivation,
}

const HEADING: &str = "# A private key of a Tacit node, encrypted. Not to be shared, not to be edited.\n";
const CHECKSUM: &str = "# sha256 ";

impl Envelope {
    /// Encrypts a private key.
    pub(super) fn seal(
        kind: Kind,
        name: &str,
        public: &[u8],
        private: &[u8],
        wrapping: &WrappingKey,
    ) -> Result<Self, ConfigError> {
        Self::seal_as(VERSION, (kind, name), public, private, wrapping)
    }

    /// Encrypts a signing key that came after another.
    pub(super) fn seal_in_line(
        name: &str,
        public: &[u8],
        private: &[u8],
        wrapping: &WrappingKey,
    ) -> Result<Self, ConfigError> {
        Self::seal_as(VERSION_IN_LINE, (Kind::Signing, name), public, private, wrapping)
    }

    fn seal_as(
        version: u32,
        (kind, name): (Kind, &str),
        public: &[u8],
        private: &[u8],
        wrapping: &WrappingKey,
    ) -> Result<Self, ConfigError> {
        // 96 random bits: a home seals a few keys in its life, far from the 2^32 of SP 800-38D, section 8.3.
        let nonce = random::<NONCE_LEN>("nonce")?;
        let mut envelope = Self {
            version,
            kind,
            name: name.to_owned(),
            public: hex(public),
            nonce: hex(nonce),
            sealed: String::new(),
            derivation: wrapping.derivation.clone(),
        };
        let mut sealed = private.to_vec();
        cipher(&wrapping.key)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), envelope.bound(), &mut sealed)
            .map_err(|_| ConfigError::KeyMaking { what: "encrypted key" })?;
        envelope.sealed = hex(&sealed);
        Ok(envelope)
    }

    /// Decrypts; `None` means that the wrapping key is another one.
    pub(super) fn unseal(&self, key: &Secret<[u8; 32]>) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = <[u8; NONCE_LEN]>::try_from(from_hex(&self.nonce)?).ok()?;
        let mut bytes = Zeroizing::new(from_hex(&self.sealed)?);
        let length = cipher(key)
            .ok()?
            .open_in_place(Nonce::assume_unique_for_key(nonce), self.bound(), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// Whether it is a signing key that came after another.
    pub(super) const fn is_in_line(&self) -> bool {
        self.version == VERSION_IN_LINE
    }

    /// The public part: a public key or a certificate.
    pub(super) fn public(&self) -> Option<Vec<u8>> {
        from_hex(&self.public)
    }

    /// What the ciphertext holds for nothing without.
    fn bound(&self) -> Aad<[u8; 32]> {
        let mut bound = Transcript::new("tacit key file");
        bound.absorb("version", &self.version.to_le_bytes());
        bound.absorb("kind", &[self.kind as u8]);
        bound.absorb("name", self.name.as_bytes());
        bound.absorb("public", self.public.as_bytes());
        if let Derivation::Argon2id { memory_kib, passes, lanes, salt } = &self.derivation {
            bound.absorb("memory", &memory_kib.to_le_bytes());
            bound.absorb("passes", &passes.to_le_bytes());
            bound.absorb("lanes", &lanes.to_le_bytes());
            bound.absorb("salt", salt.as_bytes());
        }
        Aad::from(bound.hash())
    }

    /// Writes the file, whole or not at all, for the owner's eyes only.
    pub(super) fn write(&self, path: &Path) -> Result<(), ConfigError> {
        let body = toml::to_string(self).map_err(|_| ConfigError::KeyMaking { what: "key file" })?;
        let mut text = format!("{HEADING}{body}");
        let checksum = hex(Sha256::digest(&text));
        text.push_str(&format!("{CHECKSUM}{checksum}\n"));
        files::write_private(path, text.as_bytes())?;
        Ok(())
    }

    /// Reads a file of this kind; every byte of it counts.
    pub(super) fn read(path: &Path, kind: Kind) -> Result<Self, ConfigError> {
        let bytes = files::read_private(path)?;
        let damaged = |problem| ConfigError::KeysDamaged { file: path.to_owned(), problem };
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not text"))?;
        let at = text.rfind(CHECKSUM).ok_or_else(|| damaged("its checksum is missing"))?;
        let checksum = hex(Sha256::digest(&text[..at]));
        if text[at..] != format!("{CHECKSUM}{checksum}\n") {
            return Err(damaged("its checksum differs"));
        }
        let table: toml::Table = text.parse().map_err(|_| damaged("it is not TOML"))?;
        // The version first: a newer file may have fields that would be refused as unknown.
        let version = table.get("version").and_then(toml::Value::as_integer).unwrap_or(0);
        if version > i64::from(VERSION_IN_LINE) {
            return Err(ConfigError::KeysNewer { file: path.to_owned(), version });
        }
        let envelope: Self =
            table.try_into().map_err(|_| damaged("its fields are not those of a key file"))?;
        let known = envelope.version == VERSION || envelope.is_in_line() && kind == Kind::Signing;
        if !known || envelope.kind != kind {
            return Err(damaged("it holds another kind of key"));
        }
        Ok(envelope)
    }
}

fn cipher(key: &Secret<[u8; 32]>) -> Result<LessSafeKey, ConfigError> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| ConfigError::KeyMaking { what: "cipher" })
}

/// Random bytes from the system.
pub(super) fn random<const N: usize>(what: &'static str) -> Result<[u8; N], ConfigError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ConfigError::KeyMaking { what })?;
    Ok(bytes)
}

/// Reads hex of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Refusal;

    fn raw() -> WrappingKey {
        WrappingKey { key: Secret::new([7; 32]), derivation: Derivation::None }
    }

    #[test]
    fn a_sealed_key_opens_with_its_key_and_no_other() {
        let envelope = Envelope::seal(Kind::Signing, "brand", b"public", b"private", &raw()).unwrap();
        assert_eq!(&envelope.unseal(&Secret::new([7; 32])).unwrap()[..], b"private");
        assert!(envelope.unseal(&Secret::new([8; 32])).is_none());
    }

    #[test]
    fn every_bound_field_is_bound() {
        let seal = || Envelope::seal(Kind::Signing, "brand", b"public", b"private", &raw()).unwrap();
        let meddle: [fn(&mut Envelope); 5] = [
            |e| e.kind = Kind::Tls,
            |e| e.version = 0,
            |e| e.name = "brend".into(),
            |e| e.public = hex(b"publik"),
            |e| {
                e.derivation =
                    Derivation::Argon2id { memory_kib: 8, passes: 1, lanes: 1, salt: "00".repeat(16) }
            },
        ];
        for (number, meddle) in meddle.into_iter().enumerate() {
            let mut envelope = seal();
            meddle(&mut envelope);
            assert!(envelope.unseal(&raw().key).is_none(), "field {number}");
        }
    }

    #[test]
    fn d03_a_bit_flipped_at_every_byte_of_a_key_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        Envelope::seal(Kind::Tls, "brand", b"certificate", b"private", &raw()).unwrap().write(&path).unwrap();
        let whole = files::read_private(&path).unwrap();
        Envelope::read(&path, Kind::Tls).unwrap();
        for at in 0..whole.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut broken = whole.to_vec();
                broken[at] ^= bit;
                std::fs::write(&path, &broken).unwrap();
                assert_eq!(
                    Envelope::read(&path, Kind::Tls).unwrap_err().code(),
                    "E-KEYS-DAMAGED",
                    "byte {at}"
                );
            }
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(
                Envelope::read(&path, Kind::Tls).unwrap_err().code(),
                "E-KEYS-DAMAGED",
                "cut at {length}"
            );
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(Envelope::read(&path, Kind::Signing).unwrap_err().code(), "E-KEYS-DAMAGED", "swapped");
    }

    #[test]
    fn a_greedy_derivation_is_refused_before_it_runs() {
        let greedy = |memory_kib, passes, lanes| {
            Derivation::Argon2id { memory_kib, passes, lanes, salt: "00".repeat(16) }.derive("text")
        };
        assert!(greedy(u32::MAX, 1, 1).is_none());
        assert!(greedy(8, u32::MAX, 1).is_none());
        assert!(greedy(8, 1, u32::MAX).is_none());
        assert!(greedy(8, 1, 1).is_some());
    }

    #[test]
    fn argon2id_agrees_with_the_reference_program() {
        // argon2 (the reference implementation's own test): password/somesalt, t=2, m=64 MiB, p=1.
        let derivation =
            Derivation::Argon2id { memory_kib: 65_536, passes: 2, lanes: 1, salt: hex(b"somesalt") };
        assert_eq!(
            hex(derivation.derive("password").unwrap().expose()),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }

    #[test]
    fn hex_reads_back() {
        assert_eq!(hex([0x00, 0x9a, 0xff]), "009aff");
        assert_eq!(from_hex("009AfF"), Some(vec![0x00, 0x9a, 0xff]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("é"), None);
    }
}
