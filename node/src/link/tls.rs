//! TLS as two nodes need it, built by hand: TLS 1.3, both sides authenticated by pinned keys, nothing resumed.
//!
//! The attacks this stops: a certificate that some authority vouches for but the partner never had (there
//! are no authorities here, only pins on the SubjectPublicKeyInfo); a revoked partner that comes back with a
//! session ticket, for on a resumed connection rustls asks nobody about the client's certificate (there are
//! no tickets, no session store, no early data); and the scanner, who is not even shown a certificate.
//!
//! Pins are looked up in the live [`Partners`] at every handshake, so a change counts at once.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tacit_protocol::ids::PartnerId;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Partners;
use crate::{config::TlsIdentity, data::hex};

/// The application protocol; a connection without it is refused (RFC 9001 §8.1).
pub(super) const ALPN: &[u8] = b"tacit/1";

/// The cryptography of every handshake: ring's, named explicitly, because a process may hold several.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// One of this node's own TLS keys, ready to sign handshakes.
pub(super) struct OwnKey {
    certified: Arc<CertifiedKey>,
    spki_hash: [u8; 32],
    not_after: Timestamp,
}

impl OwnKey {
    /// Checks that key and certificate belong together.
    pub(super) fn load(identity: &TlsIdentity) -> Result<Self, Error> {
        let key = provider().key_provider.load_private_key(identity.key.clone_key())?;
        let certified = CertifiedKey::new(vec![identity.certificate.clone()], key);
        certified.keys_match()?;
        Ok(Self {
            certified: Arc::new(certified),
            spki_hash: identity.spki_hash,
            not_after: identity.not_after,
        })
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKey(..)")
    }
}

/// This node's TLS key, and during a rotation the one before, for partners that have not heard of the new.
#[derive(Debug)]
pub(super) struct OwnKeys(RwLock<(Arc<OwnKey>, Option<Arc<OwnKey>>)>);

impl OwnKeys {
    /// Starts with one key.
    pub(super) fn new(identity: &TlsIdentity) -> Result<Self, Error> {
        Ok(Self(RwLock::new((Arc::new(OwnKey::load(identity)?), None))))
    }

    /// A new key; the present one becomes the one before.
    pub(super) fn rotate(&self, new: OwnKey) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let present = std::mem::replace(&mut keys.0, Arc::new(new));
        keys.1 = Some(present);
    }

    /// The keys to try in turn: the present one, then the one before as long as its certificate holds.
    pub(super) fn usable(&self, now: Timestamp) -> Vec<Arc<OwnKey>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = keys.1.iter().filter(|key| now <= key.not_after).cloned();
        std::iter::once(Arc::clone(&keys.0)).chain(before).collect()
    }
}

/// The server name of a dial: a fresh nonce, and a hash over it and the key that the dialler expects.
///
/// It tells the answering node which of its two keys to show during a rotation. To everybody who does not
/// know the key it is random; a caller who does not know the key is not shown it either.
pub(super) fn server_name(expected_key: &[u8; 32], nonce: [u8; 8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"tacit server name\0");
    hash.update(nonce);
    hash.update(expected_key);
    let hash: [u8; 32] = hash.finalize().into();
    format!("{}{}.invalid", hex(nonce), hex(&hash[..16]))
}

/// The nonce in a server name, if it has the form of [`server_name`].
fn nonce_of(name: &str) -> Option<[u8; 8]> {
    u64::from_str_radix(name.get(..16)?, 16).ok().map(u64::to_be_bytes)
}

impl ResolvesServerCert for OwnKeys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let nonce = nonce_of(name)?;
        let keys = self.usable(Timestamp::now());
        let expected = keys.iter().find(|key| server_name(&key.spki_hash, nonce) == name)?;
        Some(Arc::clone(&expected.certified))
    }
}

/// Shows one key, whatever is asked for: who dials knows whom.
#[derive(Debug)]
struct Shows(Arc<OwnKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Checks certificates against the live set of partners.
#[derive(Debug)]
struct Pins {
    partners: Arc<Partners>,
    /// The one partner that is expected, where this end dialled.
    expected: Option<PartnerId>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pins {
    fn new(partners: Arc<Partners>, expected: Option<PartnerId>) -> Arc<Self> {
        let algorithms = provider().signature_verification_algorithms;
        Arc::new(Self { partners, expected, algorithms })
    }

    fn check(&self, chain: (&CertificateDer<'_>, &[CertificateDer<'_>]), now: UnixTime) -> Result<(), Error> {
        let (certificate, others) = chain;
        let (spki_hash, valid) = read(certificate)?;
        // A self-signed certificate has no chain.
        if !others.is_empty() {
            return Err(CertificateError::BadEncoding.into());
        }
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        // Who it is comes before whether it is still valid: strangers learn nothing about dates. Where nobody
        // in particular is expected, any partner will do here; the hello says which.
        let trusted = self.partners.trusted();
        let known = match self.expected {
            Some(expected) => {
                trusted.by_id(expected).is_some_and(|partner| partner.has_pin(&spki_hash, time))
            }
            None => trusted.is_pinned(&spki_hash, time),
        };
        if !known {
            return Err(CertificateError::UnknownIssuer.into());
        }
        if seconds < valid.0 {
            return Err(CertificateError::NotValidYet.into());
        }
        if seconds > valid.1 {
            return Err(CertificateError::Expired.into());
        }
        Ok(())
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }
}

/// The SPKI hash of a certificate and its validity (first and last second since 1970).
fn read(certificate: &CertificateDer<'_>) -> Result<([u8; 32], (i64, i64)), Error> {
    let bad = || Error::from(CertificateError::BadEncoding);
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| bad())?;
    if !rest.is_empty() {
        return Err(bad());
    }
    let valid = parsed.validity();
    let hash = Sha256::digest(parsed.tbs_certificate.subject_pki.raw).into();
    Ok((hash, (valid.not_before.timestamp(), valid.not_after.timestamp())))
}

/// The SPKI hash of the certificate that the other end showed on a connection.
pub(super) fn shown_key(connection: &quinn::Connection) -> Option<[u8; 32]> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    read(chain.first()?).ok().map(|(hash, _)| hash)
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check((end_entity, intermediates), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check((end_entity, intermediates), now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// How this node answers.
pub(super) fn answering(keys: Arc<OwnKeys>, partners: Arc<Partners>) -> Result<rustls::ServerConfig, Error> {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Pins::new(partners, None))
        .with_cert_resolver(keys);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// How this node dials one partner, showing one of its keys.
pub(super) fn dialling(
    key: Arc<OwnKey>,
    partners: Arc<Partners>,
    expected: PartnerId,
) -> Result<rustls::ClientConfig, Error> {
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Pins::new(partners, Some(expected)))
        .with_client_cert_resolver(Arc::new(Shows(key)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}
