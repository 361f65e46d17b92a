//! How a link behaves: windows, deadlines and limits, with the reason for each default.

use std::{net::SocketAddr, time::Duration};

use tacit_protocol::wire::hello::capability;

use crate::config::{Congestion, LinkSettings};

/// No message of a channel and no body of a call is longer: 4 MiB.
pub const LARGEST_MESSAGE: usize = 4 << 20;

/// No opening is longer: 64 KiB.
pub const LARGEST_OPENING: usize = 64 << 10;

/// What [`Link::bind`](super::Link::bind) needs to know; made from the `[link]` section of `tacit.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The UDP address to listen on and to dial from.
    pub listen: SocketAddr,
    /// Where partners reach this node, `host:port`: what its card says.
    pub addresses: Vec<String>,
    /// How the sending rate follows the network.
    pub congestion: Congestion,
    /// A connection that is silent for so long is taken for dead.
    pub idle: Duration,
    /// How often a silent connection shows that it lives.
    pub keep_alive: Duration,
    /// Bytes in flight on one stream. Several streams of 2.75 MiB outrun one with a big window under loss,
    /// and one big window makes QUIC give up with "too many gaps".
    pub stream_window: u64,
    /// Bytes that a partner may make this node hold in QUIC, per connection.
    pub receive_window: u64,
    /// Bytes that this node keeps in QUIC for sending again, per connection.
    pub send_window: u64,
    /// Send and receive buffer of the UDP socket, bytes.
    pub socket_buffer: u64,
    /// Streams that a partner may have open at the same time. Before its hello it may open one.
    pub streams: u32,

    /// How long a channel waits for its broken connection to be mended.
    pub resume: Duration,
    /// How long a call may take, from sending to the answer.
    pub deadline: Duration,
    /// From the first packet until both hellos are verified.
    pub hello: Duration,
    /// For the TLS handshake with one address of a card, before the next one is tried.
    pub dial: Duration,
    /// In any stretch of this length, a frame that has begun must grow by [`slowest`](Self::slowest) or end.
    pub patience: Duration,
    /// The least rate of a frame, bytes a second, beyond the first [`patience`](Self::patience).
    pub slowest: u64,

    /// What this node can do, for its hello (`wire::hello::capability`).
    pub capabilities: Vec<u16>,

    /// Channels at the same time with one partner, however many streams it may open.
    pub channels: usize,
    /// Messages of a channel that may be on their way, unless it is opened with more.
    pub window: u16,
    /// Bytes of messages that one partner may make this node hold, over all channels.
    pub memory: usize,
    /// Calls of one partner that may wait for an answer at the same time.
    pub calls: usize,
    /// Handshakes under way above which a caller must first show that it owns its address (a QUIC retry).
    pub retry_above: usize,
    /// Handshakes under way above which callers are turned away.
    pub handshakes: usize,
}

impl Settings {
    /// The defaults, on this address.
    pub fn new(listen: SocketAddr, addresses: Vec<String>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            listen,
            addresses,
            congestion: Congestion::Bbr,
            idle: seconds(60),
            keep_alive: seconds(10),
            stream_window: 2_883_584,
            receive_window: 48 << 20,
            send_window: 32 << 20,
            socket_buffer: 4 << 20,
            streams: 16,
            resume: seconds(60),
            deadline: seconds(30),
            hello: seconds(10),
            dial: seconds(5),
            patience: seconds(20),
            slowest: 32 << 10,
            capabilities: vec![capability::PSI],
            channels: 12,
            window: 1,
            memory: 64 << 20,
            calls: 4,
            retry_above: 64,
            handshakes: 256,
        }
    }
}

impl From<&LinkSettings> for Settings {
    fn from(configured: &LinkSettings) -> Self {
        // A stream for a call, a resumption and a card must be left beside the channels'.
        let streams = configured.streams.max(4);
        let defaults = Self::new(configured.listen, configured.addresses.clone());
        Self {
            congestion: configured.congestion,
            idle: configured.idle,
            keep_alive: configured.keep_alive,
            stream_window: configured.stream_window,
            receive_window: configured.receive_window,
            send_window: configured.send_window,
            socket_buffer: configured.socket_buffer,
            streams,
            channels: defaults.channels.min(streams as usize - 3),
            resume: configured.resume,
            deadline: configured.deadline,
            ..defaults
        }
    }
}
