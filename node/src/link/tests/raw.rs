//! Callers that are not Tacit: QUIC with whatever certificate and whatever bytes a test wants.

use quinn::{Connection, ConnectionError, RecvStream, SendStream, crypto::rustls::QuicClientConfig};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

/// Takes any certificate: a caller that wants to get in does not mind who answers.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Shows one certificate and signs with one key, which need not belong together.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The TLS of a caller with this certificate and this key, or with none.
pub(super) fn tls_with(shown: Option<(&TlsIdentity, &TlsIdentity)>) -> rustls::ClientConfig {
    let config = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = tls::provider().key_provider.load_private_key(key.key.clone_key()).unwrap();
            let certified = CertifiedKey::new(vec![certificate.certificate.clone()], key);
            config.with_client_cert_resolver(Arc::new(Shows(Arc::new(certified))))
        }
    };
    config.alpn_protocols = vec![tls::ALPN.to_vec()];
    config
}

/// The TLS of a caller with this identity.
pub(super) fn tls_of(identity: &TlsIdentity) -> rustls::ClientConfig {
    tls_with(Some((identity, identity)))
}

/// The server name that a partner of `node` would ask for.
pub(super) fn name_of(node: &Node) -> String {
    tls::server_name(&node.identity.tls().spki_hash, [1; 8])
}

/// Something that can call.
pub(super) struct Caller(quinn::Endpoint);

impl Caller {
    pub(super) fn new() -> Self {
        Self(quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap())
    }

    pub(super) fn connecting(
        &self,
        config: rustls::ClientConfig,
        node: &Node,
        name: &str,
    ) -> quinn::Connecting {
        let config = QuicClientConfig::try_from(config).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(config));
        self.0.connect_with(config, node.link.address(), name).unwrap()
    }

    /// Connects as far as it gets, then says something, and tells why that ended. Panics if anything is
    /// answered.
    pub(super) async fn refused(
        &self,
        config: rustls::ClientConfig,
        node: &Node,
        name: &str,
    ) -> ConnectionError {
        let connection = match within(FAR, self.connecting(config, node, name)).await {
            Err(error) => return error,
            Ok(connection) => connection,
        };
        let said = async {
            let (mut send, mut recv) = connection.open_bi().await?;
            send.write_all(&[1, 0, 0, 0, 0]).await.map_err(|_| connection.close_reason().unwrap())?;
            let answer = recv.read(&mut [0; 1]).await;
            assert!(answer.is_err(), "a byte was answered");
            Ok::<(), ConnectionError>(())
        };
        let _ = within(FAR, said).await;
        within(FAR, connection.closed()).await
    }
}

/// The TLS alert with which the other end closed a connection.
pub(super) fn alert(error: &ConnectionError) -> Option<u64> {
    let ConnectionError::ConnectionClosed(close) = error else { return None };
    u64::from(close.error_code).checked_sub(0x100).filter(|alert| *alert < 0x100)
}

/// The reason that a node gave when it closed a connection.
pub(super) async fn closing(connection: &Connection) -> Option<Closing> {
    Closing::given_by(&within(FAR, connection.closed()).await)
}

/// A frame as bytes.
pub(super) fn frame(kind: frame::Kind, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&[kind as u8], &length.to_le_bytes()[..], body].concat()
}

/// Reads one frame's bytes: kind and body.
pub(super) async fn read_frame(recv: &mut RecvStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    recv.read_exact(&mut head).await.ok()?;
    let mut body = vec![0; u32::from_le_bytes(head[1..].try_into().unwrap()) as usize];
    recv.read_exact(&mut body).await.ok()?;
    Some((head[0], body))
}

/// A stream that begins with these bytes.
pub(super) async fn stream_with(connection: &Connection, bytes: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    (send, recv)
}
