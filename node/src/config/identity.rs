//! Who this node is: a signing key for what it says, a TLS key for how it is reached.
//!
//! The signing key never changes: its hash is the node's id, and contracts are signed with it. The TLS key is
//! rotated while the node runs; a rotation that is cut short leaves the old key or the new one, never none,
//! because both parts of it lie in one file that is replaced in one step.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData,
};
use ring::signature::{self, Ed25519KeyPair, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tacit_protocol::ids::PartnerId;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::{Zeroize, Zeroizing};

use crate::config::{
    Config, ConfigError, Home, Unlock,
    keys::{Envelope, Kind, WrappingKey, random},
};

/// How long a certificate holds.
const VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A partner's clock may be this far behind ours.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// The keys of a node, unlocked. Shared behind an `Arc`.
pub struct Identity {
    name: String,
    id: PartnerId,
    public: [u8; 32],
    signing: Ed25519KeyPair,
    tls: RwLock<Arc<TlsIdentity>>,
    wrapping: WrappingKey,
    tls_file: PathBuf,
    /// One rotation at a time, so that file and memory agree.
    rotation: Mutex<()>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes the keys of a new home and writes them there, encrypted.
    pub fn create(home: &Home, name: &str, unlock: &Unlock, now: Timestamp) -> Result<Self, ConfigError> {
        let wrapping = unlock.fresh()?;
        let seed = Zeroizing::new(random::<32>("signing key")?);
        let signing = signing_key(&*seed)?;
        let public = public_key(&signing)?;
        let tls = TlsIdentity::generate(name, now)?;
        Envelope::seal(Kind::Signing, name, &public, &*seed, &wrapping)?.write(&home.signing_key_file())?;
        tls.seal(name, &wrapping)?.write(&home.tls_key_file())?;
        Ok(Self::assemble(home, name, signing, public, tls, wrapping))
    }

    /// Unlocks the keys of a home.
    pub fn open(home: &Home, config: &Config, unlock: &Unlock) -> Result<Self, ConfigError> {
        let file = home.signing_key_file();
        let damaged = |file: PathBuf, problem| ConfigError::KeysDamaged { file, problem };
        let envelope = Envelope::read(&file, Kind::Signing)?;
        if envelope.name != config.name {
            return Err(ConfigError::BadSetting {
                file: home.config_file().display().to_string(),
                field: "name".into(),
                problem: format!("is {:?}, but this node was made as {:?}", config.name, envelope.name),
                mend: format!(
                    "name = {:?}; cards, contracts and certificates carry it, so another name needs another home",
                    envelope.name
                ),
            });
        }
        let (wrapping, seed) = unlock.open(&envelope)?;
        let signing = signing_key(&seed).map_err(|_| damaged(file.clone(), "its key is not a key"))?;
        let public = public_key(&signing)?;
        if envelope.public().as_deref() != Some(&public[..]) {
            return Err(damaged(file, "its public key is another one's"));
        }

        let file = home.tls_key_file();
        let envelope = Envelope::read(&file, Kind::Tls)?;
        // Both files of a home are locked alike, and deriving twice would double the wait.
        let private = if envelope.derivation == wrapping.derivation {
            envelope.unseal(&wrapping.key).ok_or_else(|| unlock.does_not_fit())?
        } else {
            unlock.open(&envelope)?.1
        };
        let tls = envelope
            .public()
            .and_then(|certificate| TlsIdentity::from_parts(certificate, &private))
            .ok_or_else(|| damaged(file, "its certificate and its key do not belong together"))?;
        Ok(Self::assemble(home, &config.name, signing, public, tls, wrapping))
    }

    fn assemble(
        home: &Home,
        name: &str,
        signing: Ed25519KeyPair,
        public: [u8; 32],
        tls: TlsIdentity,
        wrapping: WrappingKey,
    ) -> Self {
        Self {
            name: name.to_owned(),
            id: partner_id(&public),
            public,
            signing,
            tls: RwLock::new(Arc::new(tls)),
            wrapping,
            tls_file: home.tls_key_file(),
            rotation: Mutex::new(()),
        }
    }

    /// What partners and contracts call this node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the signing key.
    pub fn id(&self) -> PartnerId {
        self.id
    }

    /// The public signing key (Ed25519, RFC 8032).
    pub fn signing_key(&self) -> [u8; 32] {
        self.public
    }

    /// Signs a message (Ed25519, RFC 8032). The caller separates what is signed for what purpose.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        // An Ed25519 signature is 64 bytes long, RFC 8032 section 5.1.6.
        bytes.copy_from_slice(self.signing.sign(message).as_ref());
        bytes
    }

    /// The TLS key and certificate as they are now; ask again for every handshake.
    pub fn tls(&self) -> Arc<TlsIdentity> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up a new TLS key. When this returns, the new one is durable and in use; after an error, the old
    /// one is both.
    pub fn replace_tls(&self, new: TlsIdentity) -> Result<Arc<TlsIdentity>, ConfigError> {
        let _one_at_a_time = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        new.seal(&self.name, &self.wrapping)?.write(&self.tls_file)?;
        let new = Arc::new(new);
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        Ok(new)
    }
}

/// A TLS key with its self-signed certificate.
#[derive(Debug)]
pub struct TlsIdentity {
    /// X.509, with the node's name as the only subject alternative name.
    pub certificate: CertificateDer<'static>,
    /// PKCS#8; `clone_key` gives a copy to rustls.
    pub key: PrivateKeyDer<'static>,
    /// SHA-256 over the certificate's SubjectPublicKeyInfo in DER: what partners pin.
    pub spki_hash: [u8; 32],
    /// The end of its validity.
    pub not_after: Timestamp,
}

impl TlsIdentity {
    /// A fresh ECDSA P-256 key with a certificate that holds from an hour before `now` for a year.
    pub fn generate(name: &str, now: Timestamp) -> Result<Self, ConfigError> {
        let failed = |_| ConfigError::KeyMaking { what: "TLS key and certificate" };
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let at = |time: Timestamp| {
            epoch + std::time::Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0))
        };
        let add = |time: Timestamp, by: SignedDuration| {
            time.checked_add(by).map_err(|_| ConfigError::KeyMaking { what: "date for a certificate" })
        };
        params.not_before = at(add(now, -BACKDATED)?);
        params.not_after = at(add(now, VALIDITY)?);
        let certificate = params.self_signed(&pair).map_err(failed)?;
        let private = Zeroizing::new(pair.serialize_der());
        Self::from_parts(certificate.der().to_vec(), &private)
            .ok_or(ConfigError::KeyMaking { what: "TLS key and certificate" })
    }

    /// Joins a certificate and its PKCS#8 key; `None` if they do not belong together.
    fn from_parts(certificate: Vec<u8>, private: &[u8]) -> Option<Self> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(private.to_vec()));
        let pair = KeyPair::try_from(&key).ok()?;
        let (rest, parsed) = X509Certificate::from_der(&certificate).ok()?;
        let spki = parsed.tbs_certificate.subject_pki.raw;
        if !rest.is_empty() || pair.subject_public_key_info() != spki {
            return None;
        }
        let spki_hash = Sha256::digest(spki).into();
        let not_after = Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()?;
        Some(Self { certificate: CertificateDer::from(certificate), key, spki_hash, not_after })
    }

    fn seal(&self, name: &str, wrapping: &WrappingKey) -> Result<Envelope, ConfigError> {
        Envelope::seal(Kind::Tls, name, &self.certificate, self.key.secret_der(), wrapping)
    }
}

impl Drop for TlsIdentity {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Whether `signature` is `public`'s over `message` (Ed25519, RFC 8032).
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ED25519, public).verify(message, signature).is_ok()
}

/// The id that goes with a signing key: its SHA-256.
pub fn partner_id(public: &[u8; 32]) -> PartnerId {
    PartnerId::new(Sha256::digest(public).into())
}

fn signing_key(seed: &[u8]) -> Result<Ed25519KeyPair, ConfigError> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| ConfigError::KeyMaking { what: "signing key" })
}

fn public_key(signing: &Ed25519KeyPair) -> Result<[u8; 32], ConfigError> {
    use ring::signature::KeyPair as _;
    signing.public_key().as_ref().try_into().map_err(|_| ConfigError::KeyMaking { what: "signing key" })
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
