//! Who this node is: a signing key for what it says, a TLS key for how it is reached.
//!
//! The hash of the first signing key is the node's id for good; a later key follows it through hand-overs that stand in
//! the log ([`signing`](super::signing)). The TLS key is
//! rotated while the node runs; a rotation that is cut short leaves the old key or the new one, never none,
//! because both parts of it lie in one file that is replaced in one step.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData,
};
use ring::signature::{self, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::PartnerId,
    log::{Handover, Lineage},
    secret::Secret,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::{Zeroize, Zeroizing};

use crate::config::{
    Config, ConfigError, Home, Unlock,
    keys::{Envelope, Kind, WrappingKey},
    signing::{self, NextKey, SigningKey},
};

/// How long a certificate holds.
const VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A partner's clock may be this far behind ours.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// The keys of a node, unlocked. Shared behind an `Arc`.
pub struct Identity {
    name: String,
    id: PartnerId,
    signing: RwLock<Arc<SigningKey>>,
    /// A key whose hand-over may be in the log or not.
    next: Mutex<Option<Arc<SigningKey>>>,
    tls: RwLock<Arc<TlsIdentity>>,
    wrapping: WrappingKey,
    home: Home,
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
        let mut signing = SigningKey::first()?;
        let tls = TlsIdentity::generate(name, now)?;
        signing.write(name, &wrapping, &home.signing_key_file())?;
        tls.seal(name, &wrapping)?.write(&home.tls_key_file())?;
        Ok(Self::assemble(home, name, (signing, None), tls, wrapping))
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
        let signing = SigningKey::read(&envelope, &seed, &file)?;
        let next = SigningKey::read_next(&home.next_signing_key_file(), unlock, &wrapping)?;

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
        Ok(Self::assemble(home, &config.name, (signing, next), tls, wrapping))
    }

    fn assemble(
        home: &Home,
        name: &str,
        (signing, next): (SigningKey, Option<SigningKey>),
        tls: TlsIdentity,
        wrapping: WrappingKey,
    ) -> Self {
        Self {
            name: name.to_owned(),
            id: signing.lineage.node(),
            signing: RwLock::new(Arc::new(signing)),
            next: Mutex::new(next.map(Arc::new)),
            tls: RwLock::new(Arc::new(tls)),
            wrapping,
            home: home.clone(),
            rotation: Mutex::new(()),
        }
    }

    /// What partners and contracts call this node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the first signing key.
    pub fn id(&self) -> PartnerId {
        self.id
    }

    /// The public signing key of today (Ed25519, RFC 8032).
    pub fn signing_key(&self) -> [u8; 32] {
        *self.signing().lineage.current()
    }

    /// The line of signing keys, the one of today at its end.
    pub fn lineage(&self) -> Lineage {
        self.signing().lineage.clone()
    }

    /// What padding is drawn with: the same for the life of the home.
    pub fn padding_key(&self) -> Secret<[u8; 32]> {
        self.signing().padding.clone()
    }

    fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.signing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs a message (Ed25519, RFC 8032). The caller separates what is signed for what purpose.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing().sign(message)
    }

    /// Keeps a key that is to follow, with its hand-over, before that one is written into the log.
    ///
    /// # Errors
    /// The hand-over does not follow from the key of today, or the file cannot be written.
    pub fn prepare(&self, next: &NextKey, handover: &Handover) -> Result<(), ConfigError> {
        let now = self.signing();
        let line = now.lineage.clone().then(handover.clone());
        let line = line.map_err(|_| ConfigError::KeyMaking { what: "hand-over of the signing key" })?;
        let mut key = next.in_line(line, now.padding.clone())?;
        key.write(&self.name, &self.wrapping, &self.home.next_signing_key_file())?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        Ok(())
    }

    /// The hand-over is in the log, durably: the prepared key signs from now on, and the one before is gone.
    ///
    /// # Errors
    /// Its file cannot take the place of the old one; the next start does it then.
    pub fn take_over(&self) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = next.as_ref() {
            signing::take_place(&self.home.next_signing_key_file(), &self.home.signing_key_file())?;
            *self.signing.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(key);
            *next = None;
        }
        Ok(())
    }

    /// After a start: a key that a rotation left behind takes over if the log has its hand-over, and is forgotten
    /// otherwise.
    ///
    /// # Errors
    /// A file in `keys/` cannot be moved or removed.
    pub fn settle(&self, logged: &[Handover]) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = next.as_ref() else { return Ok(()) };
        if key.lineage.handovers().last().is_some_and(|handover| logged.contains(handover)) {
            drop(next);
            return self.take_over();
        }
        signing::remove(&self.home.next_signing_key_file())?;
        *next = None;
        Ok(())
    }

    /// The TLS key and certificate as they are now; ask again for every handshake.
    pub fn tls(&self) -> Arc<TlsIdentity> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up a new TLS key. When this returns, the new one is durable and in use; after an error, the old
    /// one is both.
    pub fn replace_tls(&self, new: TlsIdentity) -> Result<Arc<TlsIdentity>, ConfigError> {
        let _one_at_a_time = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        new.seal(&self.name, &self.wrapping)?.write(&self.home.tls_key_file())?;
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

/// The id of a node that began with this signing key: its SHA-256.
pub fn partner_id(public: &[u8; 32]) -> PartnerId {
    PartnerId::of_key(public)
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
