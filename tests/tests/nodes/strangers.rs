//! Callers without a trusted key, and callers with one who do not speak as they should: rows E01, E03, E04,
//! E05 and E07 against a real process. What needs the link's insides is tested beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::{ConnectionError, crypto::rustls::QuicClientConfig};
use ring::digest::{Context, SHA256};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};
use tacit_node::link::Card;
use tacit_tests::{
    World,
    pair::{Pair, QUESTION},
    rogue::{Rogue, within},
};

use crate::TACIT;

/// TLS alerts (RFC 8446 §6).
const UNKNOWN_CA: u64 = 48;
const ACCESS_DENIED: u64 = 49;
const CERTIFICATE_REQUIRED: u64 = 116;
const NO_APPLICATION_PROTOCOL: u64 = 120;

/// Takes any certificate: a caller that wants to get in does not mind who answers.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

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
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

type Certified = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// The TLS of a caller with this certificate, or with none.
fn tls(shown: Option<Certified>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
    };
    config.alpn_protocols = vec![b"tacit/1".to_vec()];
    config
}

fn self_signed() -> Certified {
    let made = rcgen::generate_simple_self_signed(["brand".to_owned()]).unwrap();
    (made.cert.der().clone(), PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap())
}

/// What a caller needs to know of a node: where it is, and by which name it is asked for.
struct Door {
    card: Card,
}

impl Door {
    fn of(world: &World, home: &str) -> Self {
        Self { card: Card::parse(&world.tacit(home, &["card"]).ok().out).unwrap() }
    }

    /// The name that shows a caller to know the node's key, in the form that the link gives it.
    fn name(&self) -> String {
        let nonce = [1u8; 8];
        let mut hash = Context::new(&SHA256);
        for part in [&b"tacit server name\0"[..], &nonce, self.card.spki_hash()] {
            hash.update(part);
        }
        let hash = hash.finish();
        let digits: String =
            nonce.iter().chain(&hash.as_ref()[..16]).map(|byte| format!("{byte:02x}")).collect();
        format!("{digits}.invalid")
    }

    fn connecting(&self, config: ClientConfig, name: &str) -> quinn::Connecting {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
        endpoint.connect_with(config, self.card.addresses()[0].parse().unwrap(), name).unwrap()
    }

    /// Connects as far as it gets, says something, and tells why that ended. Panics if a byte is answered.
    async fn refused(&self, config: ClientConfig, name: &str) -> ConnectionError {
        let connection = match within(self.connecting(config, name)).await {
            Err(error) => return error,
            Ok(connection) => connection,
        };
        if let Ok((mut send, mut recv)) = within(connection.open_bi()).await {
            // Refused already, perhaps.
            let _ = send.write_all(&[1, 0, 0, 0, 0]).await;
            assert!(!matches!(within(recv.read(&mut [0; 1])).await, Ok(Some(1))), "a byte was answered");
        }
        within(connection.closed()).await
    }
}

/// The TLS alert with which the other end closed a connection.
fn alert(error: &ConnectionError) -> Option<u64> {
    let ConnectionError::ConnectionClosed(close) = error else { return None };
    u64::from(close.error_code).checked_sub(0x100)
}

fn partners(rogue: &Rogue) -> Certified {
    let tls = rogue.identity.tls();
    (tls.certificate.clone(), tls.key.clone_key())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e01_e05_strangers_get_no_byte_and_are_logged() {
    let Pair { brand, bank: _bank, world } = Pair::new(TACIT);
    // In good order: the bank would take a minute to find the connection with a killed node dead.
    world.tacit("brand", &["stop"]).ok();
    drop(brand);
    let (door, rogue) = (Door::of(&world, "bank"), Rogue::in_home(&world.path("brand")));
    let name = door.name();
    let cases = [
        ("no certificate", None, CERTIFICATE_REQUIRED),
        ("an unknown certificate under a known name", Some(self_signed()), UNKNOWN_CA),
    ];
    for (what, shown, expected) in cases {
        let error = door.refused(tls(shown), &name).await;
        assert_eq!(alert(&error), Some(expected), "{what}: {error}");
    }
    // Who does not know the node's key is not shown a certificate, whatever it has itself.
    for name in ["localhost", "bank", "0101010101010101.invalid"] {
        let error = door.refused(tls(Some(partners(&rogue))), name).await;
        assert_eq!(alert(&error), Some(ACCESS_DENIED), "{name}: {error}");
    }
    // Row E05.
    for protocols in [vec![], vec![b"h3".to_vec()], vec![b"tacit/0".to_vec()]] {
        let mut config = tls(Some(partners(&rogue)));
        config.alpn_protocols = protocols;
        let error = door.refused(config, &name).await;
        assert_eq!(alert(&error), Some(NO_APPLICATION_PROTOCOL), "{error}");
    }
    // Two without a partner's certificate, three without the node's key, three without its protocol. The brand may
    // have been about to dial when it was stopped; that is another reason.
    world.until("a line in the log for each", || {
        let log = world.log("bank");
        let refused = log.lines().filter(|line| line.contains("a caller was refused before its hello"));
        refused.filter(|line| line.contains("the cryptographic handshake failed")).count() == 8
    });
    let status = world.tacit("bank", &["status", "-o", "json"]).ok().json();
    assert_eq!(status["connected"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e03_e04_a_removed_partner_has_no_ticket_to_come_back_with() {
    let Pair { brand, bank: _bank, world } = Pair::new(TACIT);
    brand.kill();
    let (door, rogue) = (Door::of(&world, "bank"), Rogue::in_home(&world.path("brand")));
    let mut config = tls(Some(partners(&rogue)));
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    for _ in 0..3 {
        // A first packet with early data would need a ticket of an earlier connection.
        let connecting = match door.connecting(config.clone(), &door.name()).into_0rtt() {
            Ok(_) => panic!("early data could be sent"),
            Err(connecting) => connecting,
        };
        let connection = within(connecting).await.unwrap();
        // Long enough for a ticket, which comes after the handshake, if one comes.
        tokio::time::sleep(Duration::from_millis(200)).await;
        connection.close(0u8.into(), b"");
    }
    world.tacit("bank", &["partner", "remove", "brand"]).ok();
    let error = door.refused(config, &door.name()).await;
    assert_eq!(alert(&error), Some(UNKNOWN_CA), "{error}");
    drop(rogue);
    world.tacit("brand", &["query", QUESTION]).refused(5, "E-LINK-UNWELCOME");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_caller_that_says_nothing_or_a_byte_now_and_then_is_cut() {
    let Pair { brand, bank: _bank, world } = Pair::new(TACIT);
    brand.kill();
    let (door, rogue) = (Door::of(&world, "bank"), Rogue::in_home(&world.path("brand")));
    let began = Instant::now();
    let silent = within(door.connecting(tls(Some(partners(&rogue))), &door.name())).await.unwrap();
    let slow = within(door.connecting(tls(Some(partners(&rogue))), &door.name())).await.unwrap();
    let dripping = async {
        let (mut send, _recv) = slow.open_bi().await.unwrap();
        // The head of a hello of a hundred bytes, and then one byte at a time.
        let mut bytes = vec![1, 100, 0, 0, 0];
        bytes.resize(105, 0);
        for byte in bytes {
            if send.write_all(&[byte]).await.is_err() {
                return slow.closed().await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        panic!("a hello at a byte in two seconds was heard to its end");
    };
    let (silent, slow) = within(async { tokio::join!(silent.closed(), dripping) }).await;
    for (what, ended) in [("silent", silent), ("slow", slow)] {
        assert!(matches!(ended, ConnectionError::ApplicationClosed(_)), "{what}: {ended}");
    }
    // Row E07 says 30 s; the node gives 10.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    // The hello's own clock and the one over the whole greeting run out at nearly the same time, and the line
    // is written after the connection is closed.
    world.until("a line in the log for each", || {
        let log = world.log("bank");
        log.matches("it took too long").count() + log.matches("too slow").count() == 2
    });
}
