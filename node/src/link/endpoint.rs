//! The UDP socket and QUIC's settings.
//!
//! The attacks this stops: a partner that makes this node hold hundreds of megabytes (QUIC's default windows
//! allow it), and a flood of handshakes from made-up addresses. One socket dials and answers, so that a
//! firewall sees one port.

use std::{io, net::UdpSocket, sync::Arc, time::Duration};

use quinn::{
    ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout, TokioRuntime, TransportConfig, VarInt,
    congestion::{BbrConfig, CubicConfig, NewRenoConfig},
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use ring::hmac;
use socket2::{Domain, Protocol, Socket, Type};
use tacit_protocol::ids::PartnerId;

use super::{
    LinkError, Partners, Settings,
    core::random,
    tls::{self, OwnKey, OwnKeys},
};
use crate::config::{Congestion, Identity};

/// Streams that a caller may open before both hellos are verified: the one that carries them.
const BEFORE_HELLO: u32 = 1;

/// Opens the socket and starts QUIC on it.
pub(super) fn bind(
    settings: &Settings,
    identity: &Identity,
    keys: Arc<OwnKeys>,
    partners: Arc<Partners>,
) -> Result<quinn::Endpoint, LinkError> {
    let listen = settings.listen;
    let socket = socket(settings).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LinkError::PortTaken { port: listen.port() },
        _ => LinkError::Socket { listen, source: Arc::new(source) },
    })?;
    let mut config = EndpointConfig::new(Arc::new(reset_key(identity)));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
    config.cid_generator(move || Box::new(Ids { key: key.clone(), count: 0 }));
    let answering = answering(settings, keys, partners)?;
    quinn::Endpoint::new(config, Some(answering), socket, Arc::new(TokioRuntime))
        .map_err(|source| LinkError::Socket { listen, source: Arc::new(source) })
}

fn socket(settings: &Settings) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(settings.listen), Type::DGRAM, Some(Protocol::UDP))?;
    if settings.listen.is_ipv6() {
        // `[::]` answers IPv4 as well; an IPv6 address proper does not.
        socket.set_only_v6(!settings.listen.ip().is_unspecified())?;
    }
    // Asked for, not insisted on: the kernel cuts it to net.core.rmem_max.
    let size = usize::try_from(settings.socket_buffer).unwrap_or(usize::MAX);
    socket.set_recv_buffer_size(size)?;
    socket.set_send_buffer_size(size)?;
    socket.set_nonblocking(true)?;
    socket.bind(&settings.listen.into())?;
    Ok(socket.into())
}

/// The key of QUIC's stateless resets (RFC 9000 §10.3), the same after every start of the node: a partner
/// whose connection died with the process hears so with its next packet, instead of after a minute of silence.
///
/// It comes from a signature (Ed25519 is deterministic, RFC 8032) over a text that is signed nowhere else.
fn reset_key(identity: &Identity) -> hmac::Key {
    let secret = identity.sign(b"tacit stateless reset key\0");
    hmac::Key::new(hmac::HMAC_SHA256, &secret)
}

/// Connection ids that nobody can guess or link (RFC 9000 §5.1). Any id may be one that the process before
/// this one gave out, so none is turned away unanswered.
struct Ids {
    key: hmac::Key,
    count: u64,
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.count += 1;
        let tag = hmac::sign(&self.key, &self.count.to_le_bytes());
        ConnectionId::new(&tag.as_ref()[..self.cid_len()])
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn transport(settings: &Settings) -> TransportConfig {
    let variable = |value: u64| VarInt::from_u64(value).unwrap_or(VarInt::MAX);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(BEFORE_HELLO))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(variable(settings.stream_window))
        .receive_window(variable(settings.receive_window))
        .send_window(settings.send_window)
        .max_idle_timeout(IdleTimeout::try_from(settings.idle).ok())
        .keep_alive_interval(Some(settings.keep_alive))
        .datagram_receive_buffer_size(None);
    match settings.congestion {
        Congestion::Bbr => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
        Congestion::Cubic => config.congestion_controller_factory(Arc::new(CubicConfig::default())),
        Congestion::NewReno => config.congestion_controller_factory(Arc::new(NewRenoConfig::default())),
    };
    config
}

fn answering(
    settings: &Settings,
    keys: Arc<OwnKeys>,
    partners: Arc<Partners>,
) -> Result<quinn::ServerConfig, LinkError> {
    let config = tls::answering(keys, partners).map_err(own_key)?;
    let crypto = QuicServerConfig::try_from(config).map_err(|_| own_key(no_initial_suite()))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    // Fixed nodes do not wander: a packet from elsewhere is not theirs.
    config.transport_config(Arc::new(transport(settings))).migration(false).max_incoming(settings.handshakes);
    Ok(config)
}

/// How one partner is dialled with one of this node's keys.
pub(super) fn dialling(
    settings: &Settings,
    key: Arc<OwnKey>,
    partners: Arc<Partners>,
    partner: PartnerId,
) -> Result<quinn::ClientConfig, LinkError> {
    let config = tls::dialling(key, partners, partner).map_err(own_key)?;
    let crypto = QuicClientConfig::try_from(config).map_err(|_| own_key(no_initial_suite()))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport(settings)));
    Ok(config)
}

/// After both hellos: the streams that the settings allow.
pub(super) fn open_up(connection: &quinn::Connection, settings: &Settings) {
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(settings.streams));
}

pub(super) fn own_key(error: rustls::Error) -> LinkError {
    LinkError::OwnKey(Arc::new(error))
}

fn no_initial_suite() -> rustls::Error {
    rustls::Error::General("QUIC needs TLS13_AES_128_GCM_SHA256".into())
}
